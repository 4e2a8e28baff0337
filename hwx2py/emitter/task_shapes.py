"""Tasks of one shape: it is written once, and tasks that differ from it in a few values only name those.

A transformer repeats a few dozen tasks thousands of times; a small program has a shape for every task.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from operator import ne
from typing import NamedTuple

from ..program.program import Program
from ..program.task import Task
from ..registers.architecture import Field, Location
from ..units import round_up
from .tables import is_link

#: A task has a shape if it differs from the shape's first task in at most this many values.
MOST_PARAMETERS = 6


class Parameter(NamedTuple):
    """A value in which the tasks of a shape differ: a field, or a whole word (`field` None)."""

    name: str
    index: int  # type: ignore[assignment] # hides tuple's method
    field: Field | None

    def bits(self, task: Task) -> int:
        """The bits of a task's word that are the value."""
        word = task.words[self.index]
        return word if self.field is None else word & self.field.mask


@dataclass
class TaskShape:
    """Tasks that are written as one function.

    Attributes:
        first: index of the task that the function is named after and whose values are its defaults.
        words: the first task's words; links that follow from the layout are 0.
        links: names of those links.
        locations: {index in the words: its register}.
        members: indexes of all its tasks.
        varying: {index in the words: bits that differ somewhere}.
    """

    first: int
    words: tuple[int, ...]
    links: frozenset[str]
    locations: dict[int, Location]
    members: list[int] = field(default_factory=list)
    varying: dict[int, int] = field(default_factory=dict)


class Shapes:
    """The shapes of a program's tasks.

    Args:
        program: the program.

    Attributes:
        shapes: in the order of their first tasks.
        places: {task: offset} of tasks that do not lie where the layout would put them.
    """

    def __init__(self, program: Program):
        self.program = program
        self.shapes: list[TaskShape] = []
        self.places: dict[int, int] = {}
        header = program.arch.header
        self._links = {
            row.name: (register.offset // 4, row)
            for register in header.registers[: program.arch.header_words]
            for row in register.fields
            if is_link(program.arch, header, row)
        }
        self._by_structure: dict[tuple[object, ...], list[TaskShape]] = {}
        self._exact: dict[tuple[object, ...], TaskShape] = {}
        end = len(program.text.frame)
        for number, task in enumerate(program.tasks):
            if task.offset != round_up(end, program.stream.alignment):
                self.places[number] = task.offset
            end = task.end
            self._add(number, task)

    def _add(self, number: int, task: Task) -> None:
        words, links = task.words.tolist(), []
        for name, value in self._expected(number, task).items():
            index, row = self._links[name]
            if row.number(words[index]) == value:
                links.append(name)
                words[index] &= ~row.mask
        structure = (len(words), task.header_words, *links, *(words[record.index] for record in task.records))
        key = tuple(words)
        shape = self._exact.get((structure, key)) or self._near(structure, key)
        if shape is None:
            shape = TaskShape(number, key, frozenset(links), dict(locations_of(task, self.program)))
            self.shapes.append(shape)
            self._by_structure.setdefault(structure, []).append(shape)
            self._exact[structure, key] = shape
        shape.members.append(number)

    def _expected(self, number: int, task: Task) -> dict[str, int]:
        """What the layout gives a task's links."""
        tasks = self.program.tasks
        following = tasks[number + 1] if number + 1 < len(tasks) else None
        values = {
            "TID": number,
            "NextPointer": following.offset if following else 0,
            "NextSize": len(following.words) - 1 if following else 0,
            "TaskSize": len(task.words),
        }
        return {name: values[name] for name in self._links}

    def _near(self, structure: tuple[object, ...], words: tuple[int, ...]) -> TaskShape | None:
        """The latest shape that the words fit; remembers in which bits they differ from it."""
        for shape in reversed(self._by_structure.get(structure, [])):
            if sum(map(ne, shape.words, words)) > MOST_PARAMETERS:
                continue
            varying = dict(shape.varying)
            for index, (first, word) in enumerate(zip(shape.words, words)):
                if first != word:
                    varying[index] = varying.get(index, 0) | (first ^ word)
            if sum(_values(shape.locations[index], bits) for index, bits in varying.items()) <= MOST_PARAMETERS:
                shape.varying = varying
                return shape
        return None

    def parameters(self, shape: TaskShape) -> list[Parameter]:
        """What the function of a shape takes, in the order of the words."""
        tasks = [self.program.tasks[number] for number in shape.members]
        parameters = []
        for index, bits in sorted(shape.varying.items()):
            location = shape.locations[index]
            fields = [row for row in location.register.fields if row.mask & bits]
            named = not bits & ~location.register.named_mask
            if named and all(has_literal(row, task.words[index]) for row in fields for task in tasks):
                parameters += [Parameter(self._name(location, row), index, row) for row in fields]
            else:
                parameters.append(Parameter(self._name(location, None), index, None))
        return parameters

    def _name(self, location: Location, row: Field | None) -> str:
        """`Register_Field`; with the block in front where another block has a register of that name."""
        name = location.register.name
        owners = [block for block in self.program.arch.all_blocks() for other in block.registers if other.name == name]
        parts = [location.block.name] if len(owners) > 1 else []
        parts += [name, str(location.index)] if location.register.count > 1 else [name]
        return "_".join([*parts, row.name] if row else parts)


def _values(location: Location, bits: int) -> int:
    """How many values the bits of a word belong to."""
    if bits & ~location.register.named_mask:
        return 1
    return sum(bool(row.mask & bits) for row in location.register.fields)


def has_literal(row: Field, word: int) -> bool:
    """Whether the field's value can be written as a literal (NaN and infinity cannot)."""
    value = row.decode(word)
    return not isinstance(value, float) or math.isfinite(value)


def locations_of(task: Task, program: Program) -> Iterator[tuple[int, Location]]:
    """(index in words, register) of every header word and every value of a task."""
    for index in range(task.header_words):
        yield index, program.arch.header_location(index)
    for write in task.writes():
        yield write.index, program.arch.locate(write.address)
