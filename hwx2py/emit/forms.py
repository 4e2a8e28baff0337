"""Tasks grouped into forms: a form is written out once, tasks that differ from it in a few words only name those.

A transformer repeats a few dozen tasks thousands of times; a small program has a form for every task.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from ..program.model import Program
from ..program.streams import Pending
from ..program.task import Task
from ..registers.model import Field, Location
from ..units import round_up

#: A task joins a form if it differs in at most this many words.
MOST_DIFFERENCES = 16


class Place(NamedTuple):
    """Where a task lies, and which of its header's layout fields follow from that.

    Attributes:
        at: its offset, where it is not the one that the layout gives; else None.
        follows: names of the layout fields that hold what the layout gives.
    """

    at: int | None
    follows: frozenset[str]


class Parameter(NamedTuple):
    """A value in which the tasks of a form differ: a field, or a whole word (`field` None)."""

    name: str
    index: int
    field: Field | None


@dataclass
class Form:
    """Tasks that are written as one function.

    Attributes:
        first: index of the task that the function is named after and whose values are its defaults.
        members: indexes of all its tasks.
        varying: indexes in the words that differ somewhere.
    """

    first: int
    words: tuple[int, ...]
    members: list[int] = field(default_factory=list)
    varying: set[int] = field(default_factory=set)


def places(program: Program) -> list[Place]:
    """For each task, what of its place and links follows from the layout."""
    align, found, end = program.stream.alignment, [], len(program.text.frame)
    layout = {
        row.name: (register.offset // 4, row)
        for register in program.arch.header.registers
        for row in register.fields
        if row.kind == "layout"
    }
    tasks = program.tasks
    for number, task in enumerate(tasks):
        natural = round_up(end, align)
        following = tasks[number + 1] if number + 1 < len(tasks) else None
        expected = {
            "NextPointer": following.offset if following else 0,
            "NextSize": len(following.words) - 1 if following else 0,
            "TaskSize": len(task.words),
        }
        follows = frozenset(
            name for name, (index, row) in layout.items() if row.number(task.words[index]) == expected[name]
        )
        found.append(Place(None if task.offset == natural else task.offset, follows))
        end = task.end
    return found


def is_habitual(program: Program, task: Task) -> bool:
    """Whether the task's writes are grouped into records as Apple's compiler groups them."""
    writes = [
        Pending(write.address, write.value, write.slot, program.arch.writes_alone(write.address, write.slot))
        for write in task.writes()
    ]
    return [task.words[burst.index] for burst in task.bursts] == [
        header for header, _ in program.stream.records(writes)
    ]


def group(program: Program, task_places: list[Place]) -> list[Form]:
    """The forms, in order of their first tasks."""
    forms: list[Form] = []
    by_structure: dict[tuple, list[Form]] = {}
    masks = _layout_masks(program)
    for number, task in enumerate(program.tasks):
        words = task.words.tolist()
        for name in task_places[number].follows:
            index, mask = masks[name]
            words[index] &= ~mask
        structure = (
            len(words),
            task.header_words,
            task_places[number].follows,
            *(words[burst.index] for burst in task.bursts),
        )
        known = by_structure.setdefault(structure, [])
        form = _nearest(known, tuple(words))
        if form is None:
            form = Form(number, tuple(words))
            forms.append(form)
            known.append(form)
        form.members.append(number)
    return forms


def _layout_masks(program: Program) -> dict[str, tuple[int, int]]:
    return {
        row.name: (register.offset // 4, row.mask)
        for register in program.arch.header.registers
        for row in register.fields
        if row.kind == "layout"
    }


def _nearest(forms: list[Form], words: tuple[int, ...]) -> Form | None:
    """The latest form that is near enough; remembers in which words the task differs from it."""
    for form in reversed(forms):
        if form.words == words:
            return form
        different = [index for index, (one, two) in enumerate(zip(form.words, words)) if one != two]
        if len(different) <= MOST_DIFFERENCES:
            form.varying.update(different)
            return form
    return None


def parameters(form: Form, program: Program, locations: dict[int, Location]) -> list[Parameter]:
    """What the function of a form takes, in the order of the words.

    Args:
        form: the form, with all its members.
        program: the program.
        locations: index in the task's words -> its register.
    """
    found = []
    tasks = [program.tasks[number] for number in form.members]
    for index in sorted(form.varying):
        location = locations[index]
        values = {task.words[index] for task in tasks}
        first = form.words[index]
        bits = 0
        for value in values:
            bits |= value ^ first
        fields = [row for row in location.register.fields if row.mask & bits]
        if bits & ~location.register.named_mask or not all(has_literal(row, word) for row in fields for word in values):
            found.append(Parameter(_word_name(location), index, None))
        else:
            found += [Parameter(_field_name(location, row, program), index, row) for row in fields]
    return found


def has_literal(row: Field, word: int) -> bool:
    """Whether the field's value can be written as a literal (NaN and infinity cannot)."""
    value = row.decode(word)
    return not isinstance(value, float) or math.isfinite(value)


def _word_name(location: Location) -> str:
    tail = f"_{location.index}" if location.register.count > 1 else ""
    return f"{location.block.name}_{location.register.name}{tail}"


def _field_name(location: Location, row: Field, program: Program) -> str:
    """The field's own name where no other register has such a field, else the register's or both."""
    if _owners(program).count(row.name) == 1 and location.register.count == 1:
        return row.name
    if len(location.register.fields) == 1:
        return _word_name(location).partition("_")[2] if _unique(program, location) else _word_name(location)
    return f"{_word_name(location)}_{row.name}"


def _owners(program: Program) -> list[str]:
    return [row.name for block in program.arch.all_blocks() for register in block.registers for row in register.fields]


def _unique(program: Program, location: Location) -> bool:
    names = [register.name for block in program.arch.all_blocks() for register in block.registers]
    return names.count(location.register.name) == 1


def locations_of(task: Task, program: Program) -> Iterator[tuple[int, Location]]:
    """(index in words, register) of every header word and every value of a task."""
    for index in range(task.header_words):
        yield index, program.arch.header_location(index)
    for write in task.writes():
        yield write.index, program.arch.locate(write.address)
