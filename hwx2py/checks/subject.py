"""What rules look at: a program, and what the container around it declares."""

import functools
from collections.abc import Iterator
from typing import NamedTuple

from ..formats.anec.header import Anec
from ..formats.file import Container, File
from ..formats.hwx.image import Image, ProgramCommand
from ..operations import Neural, Planar
from ..operations.reader import Reader
from ..operations.transfer import Transfer, transfers
from ..program.program import Buffer, Program, bound_buffers
from ..program.register_file import RegisterFile, walk
from . import chain

#: Where the driver expects the coefficients of an `.anec`: at the next multiple behind the text (measured on an M1).
ANEC_ALIGNMENT_BYTES = 16


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


class TaskView(NamedTuple):
    """A task while it is looked at; valid until the next one is.

    Attributes:
        subject: what it belongs to.
        index: its number.
        registers: the register file while it runs.
        operation: what it does.
        transfers: what it moves by tile DMA.
    """

    subject: "Subject"
    index: int  # type: ignore[assignment] # hides tuple's method
    registers: RegisterFile
    operation: Planar | Neural
    transfers: tuple[Transfer, ...]


class Subject:
    """A program that is checked.

    Args:
        program: the program, read as its records say where the declared sizes are wrong.
        container: the container as it is in the file; None for scripts and bare streams.
        most_tasks: how many tasks rules of tasks look at; None is all.

    Attributes:
        moved: what is moved by tile DMA -> the tasks that do, of those that were looked at; `views` fills it.
        uses_coefficients: whether one of them reads coefficients; `views` sets it.
    """

    def __init__(self, program: Program, container: Container | None = None, most_tasks: int | None = None):
        self.program, self.container, self.most_tasks = program, container, most_tasks
        self.moved: dict[Transfer, list[int]] = {}
        self.uses_coefficients = False

    @classmethod
    def of(cls, file: File, most_tasks: int | None = None) -> "Subject":
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
        """BAR -> content of the buffers that hold coefficients; empty where the file binds nothing."""
        if not self.program.buffers:
            return {}
        return {1: self.program.const} | {kernel.bar: kernel.data for kernel in self.program.kernels}

    def views(self) -> Iterator[TaskView]:
        """The tasks in turn; `moved` and `uses_coefficients` are complete when they are through."""
        self.moved.clear()
        self.uses_coefficients = False
        reader = Reader(self.program.arch)
        for index, registers in enumerate(walk(self.program.arch, self.program.tasks)):
            if self.most_tasks is not None and index >= self.most_tasks:
                return
            operation = reader.read(registers)
            view = TaskView(self, index, registers, operation, tuple(transfers(operation)))
            for transfer in view.transfers:
                self.moved.setdefault(transfer, []).append(index)
            self.uses_coefficients |= _uses_coefficients(view)
            yield view


def _uses_coefficients(view: TaskView) -> bool:
    operation = view.operation
    by_kernel_dma = isinstance(operation, Neural) and bool(operation.kernel or operation.table)
    return by_kernel_dma or any(transfer.dma.bar in view.subject.constants for transfer in view.transfers)
