"""The program's tasks as Python functions, one register a line."""

from collections.abc import Mapping

import libcst as cst

from ..program.describe import operation
from ..program.model import Program
from ..program.register_file import walk
from ..program.task import Task
from ..registers.model import Field, Location
from .forms import Form, Parameter, Place, group, has_literal, is_habitual, locations_of, parameters, places
from .nodes import Hex, Item, Value, call, function, listing
from .registers import shown

#: Column where the comments of a task's lines begin, counted from the lines' indent.
COMMENT_COLUMN = 72

AUTO = cst.Name("AUTO")


class TaskWriter:
    """Writes a program's tasks.

    Args:
        program: the program; its text is not changed.
    """

    def __init__(self, program: Program):
        self.program = program
        # A name that is written stands for a tensor's own BAR; further ones are written as numbers.
        names, further = program.buffer_names(), dict(program.aliases)
        self.names = {bar: name for bar, name in names.items() if bar not in further}
        self.places = places(program)
        self.forms = group(program, self.places)
        self.sentences = [operation(registers, names).sentence for registers in walk(program.arch, program.tasks)]
        self._habits: dict[tuple, bool] = {}

    def functions(self) -> list[cst.FunctionDef]:
        """A function for each form, then `tasks()`."""
        written = [self._form(form) for form in self.forms]
        return [*(node for node, _ in written), self._tasks([known for _, known in written])]

    def unnamed_registers(self) -> list[Location]:
        """RegisterFile that the program writes and that have no row."""
        found = {}
        for form in self.forms:
            for write in self.program.tasks[form.first].writes():
                if not self.program.arch.has_row(write.address):
                    found[write.address] = self.program.arch.locate(write.address)
        return [found[address] for address in sorted(found)]

    def _form(self, form: Form) -> tuple[cst.FunctionDef, list[Parameter]]:
        task = self.program.tasks[form.first]
        locations = dict(locations_of(task, self.program))
        known = parameters(form, self.program, locations)
        taken = {(parameter.index, parameter.field and parameter.field.name): parameter.name for parameter in known}
        defaults = [(parameter.name, self._value(parameter, task)) for parameter in known]
        items = self._items(task, locations, self.places[form.first], taken)
        body = listing(items, "    ", COMMENT_COLUMN)
        return function(f"task_{form.first}", defaults, f"{self.sentences[form.first]}.", body), known

    def _value(self, parameter: Parameter, task: Task) -> Value:
        word = task.words[parameter.index]
        if parameter.field is None:
            return Hex(word)
        return self._shown(parameter.field, word, enabled=True)

    def _items(
        self, task: Task, locations: Mapping[int, Location], place: Place, taken: Mapping[tuple, str]
    ) -> list[Item]:
        bursts = {} if self._is_habitual(task) else {burst.index + 1: task.words[burst.index] for burst in task.bursts}
        slots = {burst.index + 1: burst.slot for burst in task.bursts}
        items, block, slot = [], None, None
        for index, location in locations.items():
            slot = slots.get(index, slot)
            heading = ""
            if location.block.name != block:
                block = location.block.name
                heading = f"{block}: {location.block.meaning}"
            if index in bursts:
                items.append(_item("Burst", [("", Hex(bursts[index]))], heading=heading))
                heading = ""
            arguments = self._arguments(location, task.words[index], index, place, taken)
            if slot is not None:
                arguments.append(("slot", self.names.get(slot, slot)))
            comment = location.register.meaning if location.index == 0 else ""
            items.append(_item(location.name, arguments, comment, heading))
        return items

    def _is_habitual(self, task: Task) -> bool:
        structure = tuple(task.words[burst.index] for burst in task.bursts)
        if structure not in self._habits:
            self._habits[structure] = is_habitual(self.program, task)
        return self._habits[structure]

    def _arguments(
        self, location: Location, word: int, index: int, place: Place, taken: Mapping[tuple, str]
    ) -> list[tuple[str, Value]]:
        """What a register is called with: its fields that are not zero, before them the bits without a name."""
        if whole := taken.get((index, None)):
            return [("", cst.Name(whole))]
        fields = location.register.fields
        rest, arguments = word & ~location.register.named_mask, []
        for number, row in enumerate(fields):
            enabled = row.kind == "bar" and bool(fields[number + 1].number(word))
            if name := taken.get((index, row.name)):
                arguments.append((row.name, cst.Name(name)))
            elif location.block is self.program.arch.header and row.name in place.follows:
                arguments.append((row.name, AUTO))
            elif not has_literal(row, word):
                rest |= word & row.mask
            elif word & row.mask or enabled or (len(fields) == 1 and not rest):
                arguments.append((row.name, self._shown(row, word, enabled)))
        if rest or not arguments:
            arguments.insert(0, ("", Hex(rest) if rest else 0))
        return arguments

    def _shown(self, row: Field, word: int, enabled: bool) -> Value:
        value = row.decode(word)
        if row.kind == "bar" and enabled:
            return self.names.get(value, value)
        return shown(row, value)

    def _tasks(self, known: list[list[Parameter]]) -> cst.FunctionDef:
        calls: dict[int, Item] = {}
        for form, form_parameters in zip(self.forms, known):
            first = self.program.tasks[form.first]
            for number in form.members:
                task = self.program.tasks[number]
                arguments = [
                    (parameter.name, self._value(parameter, task))
                    for parameter in form_parameters
                    if _bits(parameter, task) != _bits(parameter, first)
                ]
                comment = f"task {number}: {self.sentences[number]}" if number != form.first else ""
                item = _item(f"task_{form.first}", arguments, comment)
                if (at := self.places[number].at) is not None:
                    item = Item(call("At", [("", Hex(at)), ("", item.node)]), item.width + 12, comment)
                calls[number] = item
        items = [calls[number] for number in sorted(calls)]
        return function(
            "tasks", [], "The tasks, in the order in which the engine runs them.", listing(items, "    ", 0)
        )


def _bits(parameter: Parameter, task: Task) -> int:
    word = task.words[parameter.index]
    return word if parameter.field is None else word & parameter.field.mask


def _item(name: str, arguments: list[tuple[str, Value]], comment: str = "", heading: str = "") -> Item:
    node = call(name, arguments)
    width = len(name) + 2 + sum(_width(keyword, value) + 2 for keyword, value in arguments) - 2 * bool(arguments)
    return Item(node, width, comment, heading)


def _width(keyword: str, value: Value) -> int:
    """Characters of an argument."""
    if isinstance(value, cst.Name):
        text = value.value
    elif isinstance(value, str):
        text = f'"{value}"'
    else:
        text = hex(value) if isinstance(value, Hex) else repr(value)
    return len(text) + (len(keyword) + 1 if keyword else 0)
