"""The program's tasks as Python functions: a record is a list, a register a line."""

import itertools
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from ..operations import Operation, narrated
from ..operations.idle import unread
from ..operations.remarks import Remarks
from ..operations.wording import setting, statement
from ..program.program import Program
from ..program.task import Record, Task
from ..registers.architecture import Field, Location
from ..registers.kinds import BAR
from ..runtime import stream_records
from ..runtime.register import RECORD, Register, Write
from .tables import is_link, shown
from .task_shapes import Parameter, Shapes, TaskShape, has_literal
from .text import WIDTH, Hex, Value, commented, comments, docstring, literal, plain, wrapped

#: Columns where comments begin: behind the lines of a task, behind those of TASKS.
TASK_COLUMN = 68
TASKS_COLUMN = 24

#: The title of a task's header, which is not a record.
HEADER = "header"


def shows_zero(location: Location, field: Field, operation: Operation) -> bool:
    """Whether a named value is shown although it is 0: the task's operation reads the field."""
    name = f"{location.block.name}.{location.register.name}.{field.name}"
    return bool(field.enum and 0 in field.enum) and name in operation.fields


def _remarked(code: list[str], remark: str, indent: int, column: int = TASK_COLUMN) -> list[str]:
    """Lines with a remark: behind a single one where it fits, else above them."""
    if len(code) == 1 and (line := commented(code[0], remark, column)) != code[0]:
        return [line]
    return [*comments(remark, indent), *code]


class _Line(NamedTuple):
    """A register's write.

    Attributes:
        location: the register.
        arguments: what it is called with.
        given: the fields that are among the arguments.
        word: what is written, without what varies from task to task.
        unnamed: the bits that an argument gives as a number.
        is_variable: whether an argument is a parameter of the task.
    """

    location: Location
    arguments: tuple[str, ...]
    given: tuple[Field, ...] = ()
    word: int = 0
    unnamed: int = 0
    is_variable: bool = False


class _Call(NamedTuple):
    """Writes as a script has them: of one register, or of neighbours in an array that are written alike.

    Attributes:
        lines: the writes.
    """

    lines: Sequence[_Line]

    @property
    def is_array(self) -> bool:
        return len(self.lines) > 1

    @property
    def has_value(self) -> bool:
        """Whether it says a value; else it writes zeros."""
        return bool(self.lines[0].arguments)

    @property
    def name(self) -> str:
        """What is called."""
        return "*every" if self.is_array else self.lines[0].location.name

    @property
    def arguments(self) -> tuple[str, ...]:
        """What it is called with."""
        first, arguments = self.lines[0].location, self.lines[0].arguments
        if not self.is_array:
            return arguments
        end = first.index + len(self.lines)
        part = "[:]" if len(self.lines) == first.register.count else f"[{first.index}:{end}]"
        return (f"{first.block.name}.{first.register.name}{part}", *arguments)

    @property
    def text(self) -> str:
        return f"{self.name}({', '.join(self.arguments)})"


class TaskWriter:
    """Writes a program's tasks.

    Args:
        program: the program.
    """

    def __init__(self, program: Program):
        self.program = program
        # A name that is written stands for a tensor's own BAR; further ones are written as numbers.
        further = dict(program.aliases)
        self.names = {bar: name for bar, name in program.buffer_names().items() if bar not in further}
        shapes = Shapes(program)
        self.shapes, self.places = shapes.shapes, shapes.places
        self.parameters = [shapes.parameters(shape) for shape in self.shapes]
        told = list(narrated(program))
        self.operations = [task.operation for task in told]
        self.statements = [statement(*task) for task in told]
        self.settings = [setting(*task) for task in told]
        self._unread = unread(program)
        #: Names of the blocks of which a whole record is zeros.
        self._zeroed: set[str] = set()
        #: Whether a record says more of itself than its registers do.
        self.has_record_words = False

    def written(self) -> list[Location]:
        """Every register that the program writes, header words too, without the index in an array.

        A block that has a record of zeros is there from its first register to its last, so that compilers that write
        it in one record and those that write it in parts have the same table.
        """
        places = {
            (location.block.name, location.register.name): location
            for shape in self.shapes
            for location in shape.locations.values()
        }
        for block in self._zeroed:
            addresses = [location.address for location in places.values() if location.block.name == block]
            first, last = self.program.arch.locate(min(addresses)), self.program.arch.locate(max(addresses))
            for register in first.block.registers:
                if first.register.offset <= register.offset <= last.register.offset:
                    places.setdefault((block, register.name), Location(first.block, register, 0))
        return list(places.values())

    def sentence(self, number: int) -> str:
        """What a task does, who computes it, in which shapes."""
        return f"{self.statements[number]}; {self.settings[number]}"

    def functions(self) -> list[str]:
        """A function for each shape."""
        lines = []
        for shape, parameters in zip(self.shapes, self.parameters):
            lines += ["", "", *self._function(shape, parameters)]
        return lines

    def table(self) -> list[str]:
        """TASKS: a line for each task, which says what it does; the rest is in the function, unless it differs."""
        rows: dict[int, list[str]] = {}
        for shape, parameters in zip(self.shapes, self.parameters):
            first = self.program.tasks[shape.first]
            for number in shape.members:
                task = self.program.tasks[number]
                different = [
                    f"{parameter.name}={literal(self._value(parameter, task))}"
                    for parameter in parameters
                    if parameter.bits(task) != parameter.bits(first)
                ]
                name = f"task_{shape.first}"
                code = wrapped("partial(", [name, *different], "),", 4) if different else [f"    {name},"]
                is_known = self.settings[number] == self.settings[shape.first]
                remark = self.statements[number] if is_known else self.sentence(number)
                remark += self._other_note(number, shape.first)
                rows[number] = _remarked(code, remark, 4, TASKS_COLUMN)
        streams = {stream.first_task: stream.name for stream in self.program.text.streams}
        lines = ["TASKS = ["]
        for number in sorted(rows):
            if number in streams:
                lines += [f"    # stream {streams[number]}:"]
            lines += rows[number]
        return [*lines, "]"]

    def _other_note(self, number: int, first: int) -> str:
        """Where a task's words come from, if that is not where those of the shape's first task do."""
        notes = self.program.task_notes
        return f" ({notes[number]})" if notes and notes[number] != notes[first] else ""

    def _function(self, shape: TaskShape, parameters: list[Parameter]) -> list[str]:
        task = self.program.tasks[shape.first]
        defaults = [f"{parameter.name}={literal(self._value(parameter, task))}" for parameter in parameters]
        lines = wrapped(f"def task_{shape.first}(", ["*", *defaults] if defaults else [], "):")
        note = f"\n\n{self.program.task_notes[shape.first]}." if self.program.task_notes else ""
        lines += [*docstring(f"{self.sentence(shape.first)}.{note}", 4), "    return ["]
        remarks = Remarks.of(self.program.arch, ((self.operations[n], self._unread[n]) for n in shape.members))
        taken = {(one.index, one.field and one.field.name): one.name for one in parameters}
        header = [self._line(shape, task, index, taken) for index in range(task.header_words)]
        lines += self._record(header, [], HEADER, remarks)
        for record in task.records:
            written = [self._line(shape, task, record.index + 1 + index, taken) for index in range(record.count)]
            title = remarks.in_task(written[0].location.block.meaning)
            lines += self._record(written, self._record_word(task, record), title, remarks)
        return [*lines, "    ]"]

    def _record(self, record: Sequence[_Line], form: list[str], title: str, remarks: Remarks) -> list[str]:
        """The lines of a record; what is written with 0 and says nothing shares lines with its neighbours."""
        calls = list(_merged(record))
        valued = [call for call in calls if call.has_value]
        if title != HEADER and not valued:
            whole = _as_zeros(record) if len(calls) > 1 else ""
            text = ", ".join([*form, *([whole] if whole else [call.text for call in calls])])
            if len(text) + 11 <= WIDTH:
                self._zeroed |= {record[0].location.block.name} if whole else set()
                return [f"        [{text}],"]
        if title != HEADER and len(valued) == 1 and len(calls) + len(form) <= 2:
            text = f"        [{', '.join([*form, *(call.text for call in calls)])}],"
            if len(text) <= WIDTH:
                return _remarked([text], self._remark(valued[0], remarks), 8)
        lines = [f"        [  # {plain(title)}", *(f"            {text}," for text in form)]
        for has_value, some in itertools.groupby(calls, lambda call: call.has_value):
            group = list(some)
            if not has_value:
                # A header's words have a line each, so that another value of one changes no other line.
                lines += [f"            {call.text}," for call in group] if title == HEADER else _zeros(group)
                continue
            for call in group:
                code = wrapped(f"{call.name}(", call.arguments, "),", 12)
                lines += _remarked(code, self._remark(call, remarks), 12)
        return [*lines, "        ],"]

    @staticmethod
    def _remark(call: _Call, remarks: Remarks) -> str:
        line = call.lines[0]
        return remarks.on(line.location, line.given, line.word, line.unnamed, call.is_array)

    def _line(self, shape: TaskShape, task: Task, index: int, taken: dict[tuple[int, str | None], str]) -> _Line:
        """What a register is called with: bits without a name, then the fields that say something."""
        location, word = shape.locations[index], task.words[index]
        if whole := taken.get((index, None)):
            return _Line(location, (whole,), is_variable=True)
        operation, header = self.operations[shape.first], self.program.arch.header
        rest, arguments, given, variable = word & ~location.register.named_mask, [], [], 0
        for row in location.register.fields:
            enabled = bool(row.enable and location.register.field(row.enable).number(word))
            if name := taken.get((index, row.name)):
                text, variable = name, variable | row.mask
            elif location.block is header and is_link(self.program.arch, header, row):
                if row.name in shape.links:
                    continue
                text = literal(shown(row, row.decode(word)))
            elif not has_literal(row, word):
                rest |= word & row.mask
                continue
            elif word & row.mask or enabled or shows_zero(location, row, operation):
                text = literal(self._shown(row, word, enabled))
            else:
                continue
            given.append(row)
            arguments.append(f"{row.name}={text}")
        if rest:
            arguments.insert(0, hex(rest))
        return _Line(location, tuple(arguments), tuple(given), word & ~variable, rest, bool(variable))

    def _value(self, parameter: Parameter, task: Task) -> Value:
        word = task.words[parameter.index]
        return Hex(word) if parameter.field is None else self._shown(parameter.field, word, True)

    def _shown(self, row: Field, word: int, enabled: bool) -> Value:
        value = row.decode(word)
        if row.kind is BAR and enabled:
            return self.names.get(int(value), value)
        return shown(row, value)

    def _record_word(self, task: Task, record: Record) -> list[str]:
        """The bits of a record's header word that do not follow from its registers."""
        if self.program.arch.stream != "records":
            return []
        word, arguments = task.words[record.index], []
        form = self._natural(record, 0)
        if form != word and word & stream_records.SCATTER and not form & stream_records.SCATTER:
            arguments.append("Scatter=1")
            form = self._natural(record, stream_records.SCATTER)
        rest = word & ~form
        if record.slot is not None:
            arguments += [f"Slot={literal(self.names.get(record.slot, record.slot))}", "SlotRelative=1"]
            rest &= ~(0x1F << 23 | 1 << 29)
        if rest:
            arguments.insert(0, hex(rest))
        self.has_record_words |= bool(arguments)
        return [f"Stream.Record({', '.join(arguments)})"] if arguments else []

    @staticmethod
    def _natural(record: Record, form: int) -> int:
        head = [Write(Register(RECORD), form, 0)] if form else []
        writes = [Write(Register(address), 0, 0) for address in record.addresses()]
        return int(stream_records.encode_record([*head, *writes])[0])


def _merged(record: Sequence[_Line]) -> Iterator[_Call]:
    """The calls of a record; neighbours in an array that are written alike are one."""
    start = 0
    while start < len(record):
        line, end = record[start], start + 1
        register, index = line.location.register, line.location.index
        while (
            end < len(record)
            and not line.is_variable
            and record[end].arguments == line.arguments
            and not record[end].is_variable
            and record[end].location.register is register
            and record[end].location.index == index + end - start
        ):
            end += 1
        yield _Call(record[start:end])
        start = end


def _zeros(calls: Sequence[_Call]) -> list[str]:
    """Neighbours that are written with 0: by name where they fit a line, else as one call."""
    lines = wrapped("", [call.text for call in calls], ",", 12)
    whole = _as_zeros([line for call in calls for line in call.lines])
    return [f"            {whole},"] if whole and len(lines) > 1 else lines


def _as_zeros(record: Sequence[_Line]) -> str:
    """Writes of zeros as one call; empty where the registers do not follow each other."""
    addresses = [line.location.address for line in record]
    if addresses != list(range(addresses[0], addresses[0] + 4 * len(record), 4)):
        return ""
    return f"*zeros({record[0].location.name}, {record[-1].location.name})"
