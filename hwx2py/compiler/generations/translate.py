"""A task's registers in another generation: the engine over the rows. It knows no chip by name."""

import functools
from collections.abc import Iterator
from typing import NamedTuple

from ...errors import RegisterError
from ...registers import by_name
from ...registers.architecture import Architecture, FieldPlace
from ...registers.bearing import Reach
from ...registers.kinds import LAYOUT
from .rule import Generations, Obstacle, Rule, Subject


class Words(NamedTuple):
    """A task in the other generation.

    Attributes:
        header: its header words.
        registers: `Block.Register`, or `Block.Register[i]`, -> word; only those that the task uses.
    """

    header: dict[str, int]
    registers: dict[str, int]


class UnfitError(RegisterError):
    """A value that a field of the target has too few bits for.

    Args:
        place: the field.
        number: the value.
    """

    def __init__(self, place: FieldPlace, number: int):
        super().__init__(f"{place.name} has {place.field.msb - place.field.lsb + 1} bits")
        self.place, self.number = place, number


class _Target(NamedTuple):
    """A field of the target, and where its value comes from."""

    place: FieldPlace
    rule: Rule | None
    partner: FieldPlace | None


class _Register(NamedTuple):
    """A register of the target."""

    name: str
    count: int  # type: ignore[assignment] # hides tuple's method
    fields: tuple[_Target, ...]


class Translator:
    """Translates tasks.

    Args:
        rows: the rules.
    """

    def __init__(self, rows: Generations):
        self.rows = rows
        self.source, self.target = by_name(rows.source), by_name(rows.target)
        self.at_first = rows.writing.at_first()
        rules = {rule.field: rule for rule in rows.rules}
        names = {move.two: move.one for move in rows.moved}
        partners = {
            place.name: _partner(place, names, self.source, self.target) for place in _fields(self.target, True)
        }

        def target(place: FieldPlace) -> _Target:
            return _Target(place, rules.pop(place.name, None), partners[place.name])

        self._header = [
            (row.name, tuple(target(self.target.place(f"Header.{row.name}.{field.name}")) for field in row.fields
                             if field.kind is not LAYOUT))
            for row in self.target.header.registers[: self.target.header_words]
        ]  # fmt: skip
        self._registers = [
            _Register(
                place.name,
                place.register.count,
                tuple(target(self.target.place(f"{place.name}.{field.name}")) for field in place.register.fields),
            )
            for place in self.target.rows
        ]
        if rules:
            raise RegisterError(f"{self.target.name} has no field {next(iter(rules))}")
        self._lost = self._without_partner({partner.name for partner in partners.values() if partner})

    def _without_partner(self, taken: set[str]) -> list[FieldPlace]:
        """The fields of the source that may hold something for which the target has no place."""
        self._dropped = {row.field: row for row in self.rows.dropped}
        known = {place.name for place in _fields(self.source, False)}
        if unknown := self._dropped.keys() - known:
            raise RegisterError(f"{self.source.name} has no field {min(unknown)}")
        return [
            place
            for place in _fields(self.source, False)
            if place.name not in taken and self._bears_on_results(place)
            and not (place.name in self._dropped and self._dropped[place.name].when is None)
        ]  # fmt: skip

    def _bears_on_results(self, place: FieldPlace) -> bool:
        """Whether the table does not say of a field, or its register, that no result depends on it."""
        bearings = (place.field.bearing, self.source.register(place.register).bearing)
        return all(bearing is None or bearing.reach is Reach.RESULT for bearing in bearings)

    def is_used(self, register: str, task: Subject) -> bool:
        """Whether a task uses a register: `Block.Register`."""
        use = self._use(register)
        return use is None or self.rows.uses[use].when(task)

    @functools.cache  # noqa: B019 # a translator lives as long as a port
    def _use(self, register: str) -> int | None:
        fitting = (number for number, use in enumerate(self.rows.uses) if register.startswith(use.prefix))
        return next(fitting, None)

    def words(self, task: Subject) -> Words:
        """The words of a task.

        Args:
            task: the task.

        Raises:
            UnfitError: a value does not fit its field.
        """
        header = {name: self._word(0, fields, task, 0) for name, fields in self._header}
        used = [row for row in self._registers if self.is_used(row.name, task)]
        registers = {}
        for row in used:
            for index in range(row.count):
                name = f"{row.name}[{index}]" if row.count > 1 else row.name
                registers[name] = self._word(self.at_first[name], row.fields, task, index)
        return Words(header, registers)

    def _word(self, word: int, fields: tuple[_Target, ...], task: Subject, index: int) -> int:
        for place, rule, partner in fields:
            bits = None
            if rule is not None:
                number = rule.value(task, index)
                bits = None if number is None else _placed(place, number)
            if bits is None and partner is not None:
                there = self._source_word(partner, task, index)
                bits = None if there is None else _carried(place, partner, there)
            if bits is not None:
                word = word & ~place.mask | bits
        return word

    def _source_word(self, place: FieldPlace, task: Subject, index: int) -> int | None:
        if place.in_header:
            return task.registers.word_of(place)
        return task.registers.word_at(place.address + 4 * index)

    def obstacles(self, task: Subject) -> Iterator[Obstacle]:
        """What a task has that the target has no place for: fields, and what is not understood of it.

        Args:
            task: the task.
        """
        operation = task.operation
        for unknown in operation.unknowns:
            yield Obstacle(task.number, unknown.register, unknown.value, f"not understood: {unknown.why}")
        for zero in operation.zeros:
            yield Obstacle(task.number, zero, 0, "an engine hangs with it")
        for refused in self.rows.refused:
            if refused.when(task):
                yield Obstacle(task.number, refused.register, task.registers.label(refused.register), refused.why)
        for place in self._lost:
            row = self._dropped.get(place.name)
            if row is not None and row.when is not None and row.when(task):
                continue
            if not self.is_used(place.register, task):
                continue
            for index in range(self.source.register(place.register).count):
                word = task.registers.word_at(place.address + 4 * index)
                start = self.source.start_image.get(place.address + 4 * index, 0)
                if word is not None and place.number(word) != place.number(start):
                    yield Obstacle(
                        task.number, place.name, place.field.decode(word),
                        f"{self.target.name} has no such field ({place.field.meaning})",
                    )  # fmt: skip
                    break


def _fields(arch: Architecture, with_header: bool) -> Iterator[FieldPlace]:
    """Every field of an architecture."""
    for block in arch.all_blocks() if with_header else arch.blocks:
        for register in block.registers:
            for field in register.fields:
                yield arch.place(f"{block.name}.{register.name}.{field.name}")


def _partner(place: FieldPlace, names: dict[str, str], source: Architecture, target: Architecture) -> FieldPlace | None:
    """The field of the source whose value a field of the target takes: of that name, or the only one of the block."""
    if place.name in names:
        return source.place(names[place.name])
    short = f"{place.name.partition('.')[0]}.{place.field.name}"
    return source.find_place(place.name) or (source.find_place(short) if target.find_place(short) else None)


def _placed(place: FieldPlace, number: int) -> int:
    """A number as bits in place; floats are given as their bits."""
    coding = place.field.kind.coding
    number -= int(coding.less)
    bits = number if coding.whole else number << place.field.lsb
    if bits & ~place.mask or number < 0:
        raise UnfitError(place, number)
    return bits


def _carried(place: FieldPlace, partner: FieldPlace, word: int) -> int:
    """The value of another generation's field as bits in place."""
    if place.field.kind.is_float and place.field.kind is not partner.field.kind:
        return place.field.encode(partner.field.decode(word))
    return _placed(place, partner.number(word))
