"""The program's tasks as Python functions: a record is a list, a register a line."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from ..operations import Operation, operations, sentences
from ..program.program import Program
from ..program.task import Record, Task
from ..registers.architecture import Field, Location
from ..registers.kinds import BAR
from ..runtime import stream_records
from ..runtime.register import RECORD, Register, Write
from .tables import is_link, shown
from .task_shapes import Parameter, Shapes, TaskShape, has_literal
from .text import WIDTH, Hex, Value, commented, comments, docstring, literal, wrapped

#: Columns where comments begin: behind the lines of a task, behind those of TASKS.
TASK_COLUMN = 70
TASKS_COLUMN = 24


def shows_zero(location: Location, field: Field, operation: Operation) -> bool:
    """Whether a named value is shown although it is 0: the task's operation reads the field."""
    name = f"{location.block.name}.{location.register.name}.{field.name}"
    return bool(field.enum and 0 in field.enum) and name in operation.fields


class _Line(NamedTuple):
    """A register's write: what is called, with which arguments."""

    location: Location
    arguments: tuple[str, ...]
    variable: bool


class _Call(NamedTuple):
    """A line as it is written: what is called, with what, what that means, and whether a value is given."""

    name: str
    arguments: tuple[str, ...]
    meaning: str
    says: bool

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
        self.sentences = sentences(program)
        firsts = {shape.first for shape in self.shapes}
        self._operations = {
            number: operation for number, operation in enumerate(operations(program)) if number in firsts
        }
        #: Whether a record says more of itself than its registers do.
        self.has_record_words = False

    def written(self) -> list[Location]:
        """Every register that the program writes, header words too, without the index in an array."""
        places = {
            (location.block.name, location.register.name): location
            for shape in self.shapes
            for location in shape.locations.values()
        }
        return list(places.values())

    def functions(self) -> list[str]:
        """A function for each shape."""
        lines = []
        for shape, parameters in zip(self.shapes, self.parameters):
            lines += ["", "", *self._function(shape, parameters)]
        return lines

    def table(self) -> list[str]:
        """TASKS: a line for each task, which says what it does."""
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
                rows[number] = self._row(code, self._about(number, shape.first))
        streams = {stream.first_task: stream.name for stream in self.program.text.streams}
        lines = ["TASKS = ["]
        for number in sorted(rows):
            if number in streams:
                lines += [f"    # stream {streams[number]}:"]
            lines += rows[number]
        return [*lines, "]"]

    def _about(self, number: int, first: int) -> str:
        """What a task does; where its words come from, if that is not where those of the shape's first task do."""
        notes = self.program.task_notes
        differs = notes and number != first and notes[number] != notes[first]
        return f"{self.sentences[number]} ({notes[number]})" if differs else self.sentences[number]

    @staticmethod
    def _row(code: list[str], sentence: str) -> list[str]:
        *more, last = code
        if (line := commented(last, sentence, TASKS_COLUMN)) != last:
            return [*more, line]
        return [*comments(sentence, 4), *code]

    def _function(self, shape: TaskShape, parameters: list[Parameter]) -> list[str]:
        task = self.program.tasks[shape.first]
        defaults = [f"{parameter.name}={literal(self._value(parameter, task))}" for parameter in parameters]
        lines = wrapped(f"def task_{shape.first}(", ["*", *defaults] if defaults else [], "):")
        note = f"\n\n{self.program.task_notes[shape.first]}." if self.program.task_notes else ""
        lines += [*docstring(f"{self.sentences[shape.first]}.{note}", 4), "    return ["]
        taken = {(one.index, one.field and one.field.name): one.name for one in parameters}
        header = [self._line(shape, task, index, taken) for index in range(task.header_words)]
        lines += self._record(header, [], "header")
        for record in task.records:
            written = [self._line(shape, task, record.index + 1 + index, taken) for index in range(record.count)]
            lines += self._record(written, self._record_word(task, record), written[0].location.block.meaning)
        return [*lines, "    ]"]

    def _record(self, record: Sequence[_Line], form: list[str], title: str) -> list[str]:
        """The lines of a record; what is written with 0 and says nothing shares lines with its neighbours."""
        calls = list(_merged(record))
        short = len(calls) + len(form) <= 2 or not any(call.says for call in calls)
        if short and title != "header":
            text = ", ".join([*form, *(call.text for call in calls)])
            comment = calls[0].meaning if calls[0].says else title
            line = commented(f"        [{text}],", comment, TASK_COLUMN)
            if len(line) <= WIDTH:
                return [line]
        lines = [f"        [  # {title}", *(f"            {text}," for text in form)]
        idle: list[str] = []
        for call in calls:
            if not call.says and title != "header":
                idle.append(call.text)
                continue
            lines += wrapped("", idle, ",", 12) if idle else []
            idle = []
            *more, last = wrapped(f"{call.name}(", call.arguments, "),", 12)
            lines += [*more, commented(last, call.meaning, TASK_COLUMN)]
        lines += wrapped("", idle, ",", 12) if idle else []
        return [*lines, "        ],"]

    def _line(self, shape: TaskShape, task: Task, index: int, taken: dict[tuple[int, str | None], str]) -> _Line:
        """What a register is called with: bits without a name, then the fields that say something."""
        location, word = shape.locations[index], task.words[index]
        if whole := taken.get((index, None)):
            return _Line(location, (whole,), True)
        operation, header = self._operations[shape.first], self.program.arch.header
        rest, arguments, variable = word & ~location.register.named_mask, [], False
        for row in location.register.fields:
            enabled = bool(row.enable and location.register.field(row.enable).number(word))
            if name := taken.get((index, row.name)):
                arguments.append(f"{row.name}={name}")
                variable = True
            elif location.block is header and is_link(self.program.arch, header, row):
                if row.name not in shape.links:
                    arguments.append(f"{row.name}={literal(shown(row, row.decode(word)))}")
            elif not has_literal(row, word):
                rest |= word & row.mask
            elif word & row.mask or enabled or shows_zero(location, row, operation):
                arguments.append(f"{row.name}={literal(self._shown(row, word, enabled))}")
        if rest:
            arguments.insert(0, hex(rest))
        return _Line(location, tuple(arguments), variable)

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
            and not line.variable
            and record[end].arguments == line.arguments
            and not record[end].variable
            and record[end].location.register is register
            and record[end].location.index == index + end - start
        ):
            end += 1
        if end - start == 1:
            meaning = register.meaning if index == 0 else ""
            yield _Call(line.location.name, line.arguments, meaning, bool(line.arguments))
        else:
            part = "[:]" if end - start == register.count else f"[{index}:{index + end - start}]"
            target = f"{line.location.block.name}.{register.name}{part}"
            yield _Call("*every", (target, *line.arguments), register.meaning, bool(line.arguments))
        start = end
