"""A program: its tasks, tensors and coefficients, as immutable values over views of the input."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from ..registers.architecture import Architecture
from ..runtime import tensor as script
from ..units import round_up
from .streams import STREAMS, Stream, Text
from .task import Task

#: Element types by the container's element code (read off the type stabs of real files).
DTYPES = {2: "int8", 3: "uint8", 4: "int16", 5: "float16", 6: "float32"}

#: Bytes of each.
ELEMENT_BYTES = {"int8": 1, "uint8": 1, "int16": 2, "float16": 2, "float32": 4}

SCRATCH = "scratch"

#: BARs (slots) with a meaning of their own: tasks, their coefficients, scratch memory (in every real file; libane binds
#: scratch memory to 3).
TEXT_BAR, CONST_BAR, SCRATCH_BAR = 0, 1, 3


class Tensor(NamedTuple):
    """An input or an output: a buffer with a shape.

    Attributes:
        name: its name.
        role: "input" or "output".
        bar: the BAR (slot) that stands for it.
        shape: N, C, H, W in elements.
        strides: of N, C, H, W in bytes.
        dtype: NumPy's name of the element type.
        size_bytes: what all its N elements take up.
    """

    name: str
    role: str
    bar: int
    shape: tuple[int, int, int, int]
    strides: tuple[int, int, int, int]
    dtype: str
    size_bytes: int

    @property
    def end_bytes(self) -> int:
        """Where its last element ends, from its first."""
        return sum((size - 1) * stride for size, stride in zip(self.shape, self.strides)) + ELEMENT_BYTES[self.dtype]


class Scratch(NamedTuple):
    """The memory in which tasks hand values on to later ones; only the tasks see a shape in it.

    Attributes:
        bar: the BAR (slot) that stands for it.
        size_bytes: its size.
        name: its name.
    """

    bar: int
    size_bytes: int
    name: str = SCRATCH

    @property
    def role(self) -> str:
        """What it is among the buffers of a program."""
        return SCRATCH


Buffer = Tensor | Scratch


def script_row(buffer: Buffer) -> script.Tensor:
    """The row of a buffer in a script's TENSORS, which has no shape, strides and type for scratch memory."""
    if isinstance(buffer, Scratch):
        return script.Tensor(buffer.name, SCRATCH, buffer.bar, None, None, None, buffer.size_bytes)
    return script.Tensor(*buffer)


def bound_buffers(buffers: Iterable[Buffer], aliases: Iterable[tuple[int, str]]) -> dict[int, Buffer]:
    """BAR (slot) -> the buffer that stands there.

    Args:
        buffers: tensors and scratch memory.
        aliases: (BAR, name) of further BARs.
    """
    bound = {buffer.bar: buffer for buffer in buffers}
    named = {buffer.name: buffer for buffer in bound.values()}
    return bound | {bar: named[name] for bar, name in aliases if name in named}


class KernelSegment(NamedTuple):
    """Coefficients in a segment of their own (`__KERN_n`): a buffer that the file gives a BAR."""

    name: str
    bar: int
    data: memoryview


class SectionPlace(NamedTuple):
    """Where a section of the container lies.

    Attributes:
        name: segment and section, such as "__TEXT,__text".
        address: its VM address.
        size_bytes: its size in memory.
        file_offset: its place in the file; 0 where it has no bytes there.
    """

    name: str
    address: int
    size_bytes: int
    file_offset: int


class Origin(NamedTuple):
    """Where a program came from.

    Attributes:
        name: the file's name, without its folder.
        form: "hwx", "anec", "script" or "built".
        data: the file's bytes.
        compiler: who made it; empty where the file does not say.
        flags: the compiler's flags.
        notes: what the file lacks, or what was overridden.
        sections: the sections of the container; empty where the file has none.
        lineage: of a script, the lines of its header that say what it was made of: its source, passes, edits.
    """

    name: str
    form: str
    data: memoryview = memoryview(b"")
    compiler: str = ""
    flags: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    sections: tuple[SectionPlace, ...] = ()
    lineage: tuple[str, ...] = ()

    def sha256(self) -> str:
        """Digest of the file."""
        import hashlib

        return hashlib.sha256(self.data).hexdigest()


def natural_const_offset(text_bytes: int) -> int:
    """Where compilers put the coefficients behind a text of this size (observed in every known file)."""
    return round_up(text_bytes, 64)


class Program(NamedTuple):
    """A register program.

    Attributes:
        arch: the architecture it is for.
        text: the task stream.
        tensors: inputs and outputs in the order of the container's bindings.
        const: the coefficients that follow the text (BAR 1).
        const_offset: where they begin, bytes from the start of the text.
        kernels: coefficients in segments of their own.
        relocated: text offsets of the words that hold coefficient addresses, as the file's relocations say.
        origin: where it came from.
        aliases: (BAR, tensor name) of further BARs that stand for a tensor.
        task_notes: what is known of where each task's words come from; empty where nobody noted it.
        scratch: the scratch memory, if it has any.
    """

    arch: Architecture
    text: Text
    tensors: tuple[Tensor, ...]
    const: memoryview
    const_offset: int
    kernels: tuple[KernelSegment, ...] = ()
    relocated: Sequence[int] = ()
    origin: Origin = Origin("", "built")
    aliases: tuple[tuple[int, str], ...] = ()
    scratch: Scratch | None = None
    task_notes: tuple[str, ...] = ()

    @property
    def buffers(self) -> tuple[Buffer, ...]:
        """The tensors, then the scratch memory."""
        return self.tensors if self.scratch is None else (*self.tensors, self.scratch)

    @property
    def tasks(self) -> tuple[Task, ...]:
        """The tasks in the order in which the engine runs them."""
        return self.text.tasks

    @property
    def stream(self) -> Stream:
        """The encoding of the task stream."""
        return STREAMS[self.arch.stream]

    @property
    def inputs(self) -> tuple[Tensor, ...]:
        """The input tensors, in binding order."""
        return tuple(tensor for tensor in self.tensors if tensor.role == "input")

    @property
    def outputs(self) -> tuple[Tensor, ...]:
        """The output tensors, in binding order."""
        return tuple(tensor for tensor in self.tensors if tensor.role == "output")

    def buffer_names(self) -> dict[int, str]:
        """BAR (slot) number -> name of what stands behind it."""
        names = dict(self.arch.fixed_bars)
        names.update((kernel.bar, kernel.name) for kernel in self.kernels)
        names.update((tensor.bar, tensor.name) for tensor in self.buffers)
        names.update(self.aliases)
        return names

    def with_tasks(self, tasks: Iterable[Task]) -> "Program":
        """The same program with other tasks, each in the place and of the size of the one it replaces."""
        return self._replace(text=self.text._replace(tasks=tuple(tasks)))
