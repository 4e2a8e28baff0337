"""A program as rows."""

import functools
import hashlib
from collections.abc import Iterator, Sequence
from itertools import chain
from typing import NamedTuple

from .. import formats
from ..names import legible
from ..operations import Names, Operation, sentence
from ..operations.reader import Reader
from ..operations.wording import engine
from ..program.program import Buffer, Program, script_row
from ..program.register_file import walk
from ..program.task import Task
from ..registers import Architecture, Register, by_name
from ..tables import table_of
from ..version import VERSION


class Source(NamedTuple):
    """What every row says of the program that it is from; see `FieldRow`."""

    file: str
    sha256: str
    architecture: str
    compiler: str | None


class FieldRow(NamedTuple):
    """A field of a register write or of a task's header, or the bits of a word that no field names.

    Attributes:
        file: path of the program, relative if it is below the current folder; odd characters are escaped.
        sha256: digest of the file.
        architecture: such as "H13".
        compiler: who made the program; None where the file does not say.
        task: index of the task.
        sentence: what the task does.
        register: `Block.Register`, `Block.Register[index]`, or `Header.W0`.
        field: its name; None for bits that no field names, and for registers without a name.
        value: the field as a person reads it: the name of the value, or a number in decimal.
        number: the same as an integer: bytes for addresses and strides, the bits of a float.
        meaning: of the field, with its unit; of the register where the bits have no name.
    """

    file: str
    sha256: str
    architecture: str
    compiler: str | None
    task: int
    sentence: str
    register: str
    field: str | None
    value: str
    number: int
    meaning: str


class TaskRow(NamedTuple):
    """A task; the first columns are those of `FieldRow`.

    Attributes:
        engine: "planar engine" or "16 neural engines".
        offset: bytes from the start of the text.
        size_bytes: of the task's descriptor.
        writes: how many registers it writes.
        words: where its words come from, for programs that hwx2py compiled; None where nobody noted it.
    """

    file: str
    sha256: str
    architecture: str
    compiler: str | None
    task: int
    sentence: str
    engine: str
    offset: int
    size_bytes: int
    writes: int
    words: str | None


class TensorRow(NamedTuple):
    """A tensor, or the scratch memory; the first columns are those of `FieldRow`.

    Attributes:
        name: its name.
        role: "input", "output" or "scratch".
        bar: the BAR (slot) that stands for it.
        shape: N, C, H, W in elements; None for scratch.
        strides_bytes: of N, C, H, W; None for scratch.
        dtype: NumPy's name of the element type; None for scratch.
        size_bytes: its declared size.
    """

    file: str
    sha256: str
    architecture: str
    compiler: str | None
    name: str
    role: str
    bar: int
    shape: Sequence[int] | None
    strides_bytes: Sequence[int] | None
    dtype: str | None
    size_bytes: int


class UnreadableRow(NamedTuple):
    """A file that is not a program.

    Attributes:
        file: its path.
        sha256: its digest; None where it could not be opened.
        version: the version of hwx2py that looked at it.
        error: why, and what to do next.
    """

    file: str
    sha256: str | None
    version: str
    error: str


class ProgramRow(NamedTuple):
    """A program; the first columns are those of `FieldRow`.

    Attributes:
        version: the version of hwx2py that read it.
        format: "hwx", "anec" or "script".
        flags: the compiler's flags.
        size_bytes: of the file.
        tasks: how many it has.
        const_bytes: coefficients behind the text, and in segments of their own.
    """

    file: str
    sha256: str
    architecture: str
    compiler: str | None
    version: str
    format: str
    flags: Sequence[str]
    size_bytes: int
    tasks: int
    const_bytes: int


FIELDS = table_of("fields", FieldRow)
TASKS = table_of("tasks", TaskRow)
TENSORS = table_of("tensors", TensorRow)
UNREADABLE = table_of("unreadable", UnreadableRow)
PROGRAMS = table_of("programs", ProgramRow)

#: The last one says that a part is whole.
TABLES = (FIELDS, TASKS, TENSORS, UNREADABLE, PROGRAMS)

#: Decoded words that are kept, for tasks that write the same again.
MOST_WORDS = 1 << 16

#: Tasks that one reader reads: it keeps what it has read.
MOST_TASKS = 1 << 11


class Extract(NamedTuple):
    """A program as rows.

    Attributes:
        program: the program's own row.
        tasks: a row for each task.
        tensors: a row for each tensor.
        fields: a row for each field, made while they are asked for.
    """

    program: ProgramRow
    tasks: list[TaskRow]
    tensors: list[TensorRow]
    fields: Iterator[FieldRow]


def rows_of(path: str) -> Extract:
    """Reads a program and makes its rows.

    Args:
        path: an `.hwx`, an `.anec` or a generated script.

    Returns:
        Its rows.

    Raises:
        HwxError: it cannot be read.
    """
    program = formats.load(path).program
    origin = program.origin
    source = Source(legible(path), origin.sha256(), program.arch.name, origin.compiler or None)
    names = Names.of(program)
    tasks = [
        TaskRow(
            *source,
            task=index,
            sentence=legible(sentence(operation, names)),
            engine=engine(operation),
            offset=task.offset,
            size_bytes=task.size_bytes,
            writes=sum(record.count for record in task.records),
            words=legible(program.task_notes[index]) if program.task_notes else None,
        )
        for index, (task, operation) in enumerate(zip(program.tasks, _decoder(program.arch.name).operations(program)))
    ]
    row = ProgramRow(
        *source,
        version=VERSION,
        format=origin.form,
        flags=[legible(flag) for flag in origin.flags],
        size_bytes=len(origin.data),
        tasks=len(tasks),
        const_bytes=len(program.const) + sum(len(kernel.data) for kernel in program.kernels),
    )
    tensors = [_tensor(source, buffer) for buffer in program.buffers]
    return Extract(row, tasks, tensors, _fields(source, program, tasks))


def digest(path: str) -> str | None:
    """The sha256 of a file; None where it cannot be opened."""
    try:
        with open(path, "rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError:
        return None


def _tensor(source: Source, buffer: Buffer) -> TensorRow:
    tensor = script_row(buffer)
    return TensorRow(
        *source,
        name=legible(tensor.name),
        role=tensor.role,
        bar=tensor.bar,
        shape=tensor.shape,
        strides_bytes=tensor.strides,
        dtype=tensor.dtype,
        size_bytes=tensor.size_bytes,
    )


class _Part(NamedTuple):
    """The columns of a `FieldRow` that come from a word alone, in the order in which they stand there."""

    register: str
    field: str | None
    value: str
    number: int
    meaning: str


#: Makes a row of a tuple without a call of Python's, which would take half of the time of a corpus.
_field_row = functools.partial(tuple.__new__, FieldRow)


def _fields(source: Source, program: Program, tasks: Sequence[TaskRow]) -> Iterator[FieldRow]:
    decoder = _decoder(program.arch.name)
    for task, row in zip(program.tasks, tasks):
        first = (*source, row.task, row.sentence)
        yield from map(_field_row, map(first.__add__, chain.from_iterable(decoder.task(task))))


@functools.cache
def _decoder(architecture: str) -> "_Decoder":
    """The decoder of an architecture: programs of a corpus write mostly the same words."""
    return _Decoder(by_name(architecture))


class _Decoder:
    """Tasks as operations, and words as the parts of rows; what was seen before is not decoded again."""

    def __init__(self, arch: Architecture):
        self._arch = arch
        self._reader = Reader(arch)
        self._tasks = 0
        self._header: dict[tuple[int, int], tuple[_Part, ...]] = {}
        self._writes: dict[tuple[int, int], tuple[_Part, ...]] = {}

    def operations(self, program: Program) -> Iterator[Operation]:
        """What the tasks of a program do."""
        self._tasks += len(program.tasks)
        if self._tasks > MOST_TASKS:
            self._reader, self._tasks = Reader(self._arch), len(program.tasks)
        return map(self._reader.read, walk(self._arch, program.tasks))

    def task(self, task: Task) -> Iterator[tuple[_Part, ...]]:
        """The parts of every word of a task, header first."""
        if len(self._header) + len(self._writes) > MOST_WORDS:
            self._header.clear()
            self._writes.clear()
        for index in range(task.header_words):
            word = task.words[index]
            parts = self._header.get((index, word))
            if parts is None:
                location = self._arch.header_location(index)
                parts = self._header[index, word] = _parts(location.name, location.register, word)
            yield parts
        for write in task.writes():
            parts = self._writes.get((write.address, write.value))
            if parts is None:
                location = self._arch.locate(write.address)
                parts = _parts(location.name, location.register, write.value)
                self._writes[write.address, write.value] = parts
            yield parts


def _parts(name: str, register: Register, word: int) -> tuple[_Part, ...]:
    parts = [
        _Part(name, field.name, str(field.decode(word)), field.number(word), field.meaning) for field in register.fields
    ]
    unnamed = word & ~register.named_mask
    if unnamed or not register.fields:
        parts.append(_Part(name, None, str(unnamed), unnamed, register.meaning))
    return tuple(parts)
