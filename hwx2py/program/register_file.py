"""The register file as tasks see it: what a task wrote, and what it inherits from the tasks before it."""

from collections.abc import Iterator
from itertools import compress

from ..registers.architecture import Architecture, Field, FieldPlace
from .structures import places
from .task import Task


class RegisterFile:
    """The values of all registers while one task runs.

    Args:
        arch: the architecture, which says whether state carries from task to task.
        task: the task whose header and registers are looked at.
        values: byte address -> word, as the engine holds them for this task.
    """

    def __init__(self, arch: Architecture, task: Task, values: dict[int, int]):
        self.arch, self.task, self._values = arch, task, values

    def word(self, name: str, index: int = 0) -> int | None:
        """The word of `Block.Register`; None where it was never written or the architecture has none."""
        address = self.arch.find_address(name, index)
        return None if address is None else self._at(name, address)

    def words(self) -> dict[int, int]:
        """Byte address -> word of every register whose word is known, as a copy."""
        return dict(self._values)

    def word_at(self, address: int) -> int | None:
        """The word at a byte address; None where it was never written."""
        return self._values.get(address)

    def word_of(self, place: FieldPlace) -> int | None:
        """The word of the register that a field lies in; None where it was never written."""
        if place.in_header:
            return self.task.words[place.address // 4] if place.address // 4 < self.task.header_words else None
        return self._values.get(place.address)

    def _at(self, name: str, place: int) -> int | None:
        """The word at an address, or, for `Header.*`, at an offset in the task's header."""
        if not name.startswith(f"{self.arch.header.name}."):
            return self._values.get(place)
        return self.task.words[place // 4] if place // 4 < self.task.header_words else None

    def _field(self, name: str) -> tuple[Field, int] | None:
        """`Block.Field` with its word; None if the field does not exist, or its word is unknown."""
        found = self.arch.find_place(name)
        if found is None:
            return None
        word = self._at(name, found.address)
        return None if word is None else (found.field, word)

    def slot(self, name: str) -> int | None:
        """The BAR slot that the task's record for `Block.Register` names; None where no record does."""
        address = self.arch.find_address(name)
        return next((record.slot for record in self.task.records if record.address == address), None)

    def number(self, name: str) -> int | None:
        """`Block.Field` as a plain integer; its known start value where it was never written, else None."""
        found = self._field(name)
        return None if found is None else found[0].number(found[1])

    def get(self, name: str, default: int = 0) -> int:
        """`Block.Field` as a plain integer, with a default for what was never written."""
        number = self.number(name)
        return default if number is None else number

    def label(self, name: str) -> str | float | int | None:
        """`Block.Field` as a person reads it."""
        found = self._field(name)
        return None if found is None else found[0].decode(found[1])

    def header(self, name: str) -> int:
        """A field of the task's header as a plain integer; 0 where this architecture has none."""
        return self.get(f"Header.{name}")


def walk(arch: Architecture, tasks: tuple[Task, ...]) -> Iterator[RegisterFile]:
    """The register file of every task in turn. A view is valid until the next one is taken."""
    values: dict[int, int] = {}
    for task in tasks:
        if not arch.carries_state:
            values = dict(arch.start_image)
        written = places(task.records)
        values.update(zip(written.addresses, compress(task.words.tolist(), written.are_values)))
        yield RegisterFile(arch, task, values)
