"""What rules look at: a program, and what the container around it declares."""

import functools
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

from ..formats.anec.header import Anec
from ..formats.file import Container, ProgramFile
from ..formats.hwx.image import Image, ProgramCommand
from ..operations import Kernel, Neural, Planar
from ..operations.coefficients import fetches
from ..operations.flow import Flow, Memory, Problem
from ..operations.reader import Reader
from ..operations.tiles import Reader as TileReader
from ..operations.tiles import Tile, waits
from ..operations.transfer import Axis, Transfer, transfers
from ..program.program import ELEMENT_BYTES, Buffer, Program, Tensor, bound_buffers
from ..program.register_file import RegisterFile, walk
from ..registers.architecture import FieldPlace
from . import chain

#: Where the driver expects the coefficients of an `.anec`: at the next multiple behind the text (measured on an M1).
ANEC_ALIGNMENT_BYTES = 16


#: Registers of the base addresses of operands, in L2 and in memory.
BASES = ("L2.SourceBase", "L2.Source2Base", "L2.ResultBase", "TileDMASrc.Src1BaseAddr", "TileDMASrc.Src2BaseAddr",
         "TileDMADst.BaseAddr")  # fmt: skip


class Declared(NamedTuple):
    """What a container says of its text.

    Attributes:
        text: the text, and in an `.anec` all that follows it.
        text_bytes: the declared size of the text (tsk_size).
        first_task_bytes: the declared size of the first task (td_size); None where the stream says it itself.
        task_count: the declared number of tasks (td_count).
    """

    text: memoryview
    text_bytes: int
    first_task_bytes: int | None
    task_count: int


def declared_by_header(anec: Anec) -> Declared:
    """What the header of an `.anec` says of its text."""
    return Declared(anec.content, anec.text_bytes, anec.task_bytes, anec.task_count)


def declared(container: Container | None) -> Declared | None:
    """What a container says of its text; None where there is no container, or it has no program command."""
    if isinstance(container, Anec):
        return declared_by_header(container)
    if not isinstance(container, Image):
        return None
    command, text = next(container.values(ProgramCommand), None), container.section("__TEXT", "__text")
    if command is None or text is None:
        return None
    words = command.first_task_words
    return Declared(text.data, len(text.data), None if words is None else 4 * words, command.task_count)


class Fetch(NamedTuple):
    """Bytes of the constants that a task fetches: what for, and where they lie."""

    what: str
    register: str
    bar: int
    base_bytes: int
    size_bytes: int


@dataclass(frozen=True)
class TaskView:
    """A task while it is looked at; valid until the next one is.

    Attributes:
        subject: what it belongs to.
        index: its number.
        registers: the register file while it runs.
        operation: what it does.
        transfers: what it moves by tile DMA.
        tiles: what it has in L2.
        form: a number that it shares with the tasks that differ from it in their addresses only, or None.
        problems: what goes wrong between it and the tasks before it.
    """

    subject: "Subject"
    index: int
    registers: RegisterFile
    operation: Planar | Neural
    transfers: tuple[Transfer, ...]
    tiles: tuple[Tile, ...]
    form: int | None
    problems: tuple[Problem, ...]

    @functools.cached_property
    def fetched(self) -> tuple[Fetch, ...]:
        """What it fetches of the constants, by kernel DMA and by tile DMA."""
        return tuple(_fetches(self))


class Subject:
    """A program that is checked.

    Args:
        program: the program, read as its records say where the declared sizes are wrong.
        container: the container as it is in the file; None for scripts and bare streams.
        most_tasks: how many tasks rules of tasks look at; None is all.

    Attributes:
        moved: what is moved by tile DMA -> the tasks that do, of those that were looked at; `views` fills it.
        uses_coefficients: whether one of them reads coefficients; `views` sets it.
        unfinished: what is missing when all tasks have run; `views` sets it.
    """

    def __init__(self, program: Program, container: Container | None = None, most_tasks: int | None = None):
        self.program, self.container, self.most_tasks = program, container, most_tasks
        self.moved: dict[Transfer, list[int]] = {}
        self.uses_coefficients = False
        self.unfinished: tuple[Problem, ...] = ()

    @classmethod
    def of(cls, file: ProgramFile, most_tasks: int | None = None) -> "Subject":
        """The subject that a file is."""
        return cls(file.program, file.container, most_tasks)

    @functools.cached_property
    def declared(self) -> Declared | None:
        """What the container says of its text."""
        return declared(self.container)

    @functools.cached_property
    def chain(self) -> chain.Chain | None:
        """The chain of tasks as the records say it is.

        None where nothing is declared, the stream has no chain, or there are more tasks than are to be looked at.
        """
        if self.declared is None or self.program.arch.stream != "linked":
            return None
        if self.most_tasks is not None and len(self.program.tasks) > self.most_tasks:
            return None
        return chain.follow(
            self.declared.text, self.program.arch, self.declared.first_task_bytes, self.declared.text_bytes
        )

    @functools.cached_property
    def buffers(self) -> dict[int, Buffer]:
        """BAR -> tensor or scratch memory, further BARs of a tensor included."""
        return bound_buffers(self.program.buffers, self.program.aliases)

    @functools.cached_property
    def constants(self) -> dict[int, memoryview]:
        """BAR -> content of the buffers that hold coefficients; empty where the file has none of them."""
        if not self.program.buffers or self.is_cut:
            return {}
        return {1: self.program.const} | {kernel.bar: kernel.data for kernel in self.program.kernels}

    @functools.cached_property
    def header_places(self) -> dict[str, FieldPlace]:
        """Where the fields of the header lie, by name."""
        fields = (field.name for row in self.program.arch.header.registers for field in row.fields)
        return {name: self.program.arch.place(f"Header.{name}") for name in fields}

    @functools.cached_property
    def base_places(self) -> tuple[FieldPlace, ...]:
        """Where the base addresses of operands lie that the architecture has."""
        places = (self.program.arch.find_place(f"{name}.Addr") for name in BASES)
        return tuple(place for place in places if place is not None)

    @functools.cached_property
    def first_tasks(self) -> frozenset[int]:
        """Indexes of the tasks that begin a stream: the first, and in a text of several streams that of each."""
        return frozenset(stream.first_task for stream in self.program.text.streams) or frozenset((0,))

    @functools.cached_property
    def last_tasks(self) -> frozenset[int]:
        """Indexes of the tasks that end a stream."""
        streams = self.program.text.streams
        ends = frozenset(stream.first_task + stream.task_count - 1 for stream in streams)
        return ends or frozenset((len(self.program.tasks) - 1,))

    @property
    def is_cut(self) -> bool:
        """Whether tasks may be missing in front and behind: bare streams may be cut out of longer ones."""
        return self.program.origin.form == "raw"

    @functools.cached_property
    def memories(self) -> dict[int, Memory]:
        """BAR -> what stands behind it; empty where the file binds nothing."""
        found = {bar: _memory(buffer) for bar, buffer in self.buffers.items()}
        constants = {bar: Memory(f"BAR {bar}", "coefficients", len(data)) for bar, data in self.constants.items()}
        return constants | found

    def views(self) -> Iterator[TaskView]:
        """The tasks in turn; `moved`, `uses_coefficients` and `unfinished` are complete when they are through."""
        self.moved.clear()
        self.uses_coefficients = False
        reader, arch = Reader(self.program.arch), self.program.arch
        flow = Flow(arch.machine.l2_bytes, self.memories)
        in_l2, waiting = TileReader(), dict[int | None, bool]()
        for index, registers in enumerate(walk(arch, self.program.tasks)):
            if self.most_tasks is not None and index >= self.most_tasks:
                return
            if index and index in self.first_tasks:
                flow.restart()
            operation, form = reader.read_form(registers)
            moved, held = tuple(transfers(operation)), in_l2.read(registers, operation, form)
            if form is None or form not in waiting:
                waiting[form] = waits(registers)
            problems = tuple(flow.follow(index, operation, moved, held, waiting[form]))
            view = TaskView(self, index, registers, operation, moved, held, form, problems)
            for transfer in moved:
                self.moved.setdefault(transfer, []).append(index)
            self.uses_coefficients |= _uses_coefficients(view)
            yield view
        self.unfinished = tuple(flow.finish())


def _memory(buffer: Buffer) -> Memory:
    """A buffer as the flow of data sees it."""
    if not isinstance(buffer, Tensor):
        return Memory(buffer.name, buffer.role, buffer.size_bytes)
    axes = tuple(Axis(stride, extent) for stride, extent in zip(buffer.strides, buffer.shape))
    return Memory(buffer.name, buffer.role, buffer.size_bytes, axes, ELEMENT_BYTES[buffer.dtype])


def _uses_coefficients(view: TaskView) -> bool:
    operation = view.operation
    by_kernel_dma = isinstance(operation, Neural) and bool(operation.kernel or operation.table)
    return by_kernel_dma or any(transfer.dma.bar in view.subject.constants for transfer in view.transfers)


def constant_kernel(view: TaskView) -> Kernel | None:
    """The kernel of constants that a task convolves with."""
    kernel = view.operation.kernel if isinstance(view.operation, Neural) else None
    constant = kernel and kernel.enabled and kernel.from_task is None and kernel.bar in view.subject.constants
    return kernel if constant else None


def _fetches(view: TaskView) -> Iterator[Fetch]:
    constants, kernel = view.subject.constants, constant_kernel(view)
    for fetch in fetches(view.operation):
        if fetch.bar in constants and (kernel or fetch.is_table):
            what = "the table" if fetch.is_table else f"the kernel of {fetch.what}"
            yield Fetch(what, fetch.register, fetch.bar, fetch.start_bytes, fetch.size_bytes)
    for transfer in view.transfers:
        dma = transfer.dma
        if dma.enabled and dma.bar in constants:
            size = transfer.end - dma.base_bytes
            yield Fetch(dma.use, dma.register, dma.bar, dma.base_bytes, size)
