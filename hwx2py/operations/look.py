"""Reading the fields of one task: every look is noted, and so is everything that is not understood."""

from collections.abc import Iterable

from ..program.register_file import RegisterFile
from ..registers.architecture import FieldPlace, RegisterPlace
from .operand import Unknown
from .understood import Understood

NOT_WRITTEN = "no task wrote it, and its start value is not known"


class Look:
    """A look at the registers of a task.

    Args:
        registers: the register file while the task runs.
    """

    def __init__(self, registers: RegisterFile):
        self.registers, self.arch = registers, registers.arch
        self.unknowns: list[Unknown] = []
        #: Fields of sizes that hold 0.
        self.zeros: list[str] = []
        self.fields: set[str] = set()
        self._seen: set[str] = set()
        self._checked: set[str] = set()

    def has(self, name: str) -> bool:
        """Whether the architecture has the field."""
        return self.arch.find_place(name) is not None

    def number(self, name: str, default: int = 0) -> int:
        """`Block.Field` as a plain integer; if it was never written, that is noted and the default returned.

        A field that the architecture does not have is the default, silently.
        """
        place = self.arch.find_place(name)
        word = None if place is None else self._word(place)
        return default if place is None or word is None else place.number(word)

    def is_enabled(self, selector: str) -> bool:
        """Whether the enable bit of a header field that selects a BAR is set."""
        return bool(self.number(f"Header.{self.arch.place(f'Header.{selector}').field.enable}"))

    def size(self, name: str, default: int = 1) -> int:
        """`Block.Field` as a size; a 0, which no engine survives, is noted."""
        number = self.number(name, default)
        if number == 0:
            self.zeros.append(self.arch.place(name).name)
        return number

    def value(self, name: str, default: float | str = 0.0) -> int | float | str:
        """`Block.Field` as a person reads it: a name, a float, or an integer."""
        place = self.arch.find_place(name)
        word = None if place is None else self._word(place)
        return default if place is None or word is None else place.field.decode(word)

    def _word(self, place: FieldPlace) -> int | None:
        """The word that holds a field; None where no task wrote it, which is noted."""
        self.fields.add(place.name)
        word = self.registers.word_of(place)
        if word is None:
            self.refuse(place.name, NOT_WRITTEN, "nothing")
        else:
            self._seen.add(place.register)
        return word

    def words(self, register: str, count: int) -> list[int]:
        """The words of the first registers of an array; what was never written is noted and counts as 0."""
        self._seen.add(register)
        self._checked.update(f"{register}.{field.name}" for field in self.arch.register(register).fields)
        words = [self.registers.word(register, index) for index in range(count)]
        if None in words:
            self.refuse(f"{register}[{words.index(None)}]", NOT_WRITTEN, "nothing")
        return [word or 0 for word in words]

    def refuse(self, name: str, why: str, value: object = None) -> None:
        """Notes that a field or register is not understood.

        Args:
            name: `Block.Field`, `Block.Register.Field` or `Block.Register`.
            why: what is not known.
            value: what it holds; looked up where left out.
        """
        place = self.arch.find_place(name)
        if value is None:
            value = self.registers.label(name) if place else self.registers.word(name)
            if value is None:
                return  # that it was never written is noted already
        unknown = Unknown(place.name if place else name, value, why)
        if unknown not in self.unknowns:
            self.unknowns.append(unknown)

    def check(self, rows: Iterable[Understood], register: str = "") -> None:
        """Notes every field that holds a value which no row understands."""
        for row in rows:
            name = row.field.format(register)
            place = self.arch.find_place(name)
            if place is None:
                continue
            self._seen.add(place.register)
            self._checked.add(place.name)
            word = self.registers.word_of(place)
            if word is not None and place.number(word) not in row.values:
                self.refuse(name, row.why)

    def check_rest(self, blocks: Iterable[str]) -> None:
        """Notes bits without a name in registers that were looked at, and registers that are not understood.

        Args:
            blocks: names of the blocks that the task uses.
        """
        for block in blocks:
            for place in self.arch.rows_of(block):
                for index in range(place.register.count):
                    word = self.registers.word_at(place.address + 4 * index)
                    if word:
                        self._check_word(place, index, word)

    def _check_word(self, place: RegisterPlace, index: int, word: int) -> None:
        name = f"{place.name}[{index}]" if place.register.count > 1 else place.name
        ignored = place.ignored_mask
        if place.name in self._seen:
            if place.named_mask and word & ~place.named_mask & ~ignored:
                self.refuse(name, "a bit without a name is set", word)
            for mask, full in place.asked:
                if word & mask and full not in self.fields and full not in self._checked:
                    self.refuse(full, "what it does in such a task is not known")
        elif place.register.bearing is None and word != self.arch.start_image.get(place.address) and word & ~ignored:
            self.refuse(name, "its meaning is not known", word)
