"""What a task works with while it runs: its registers, the buffers behind its BARs, L2, and the fault list."""

from typing import NamedTuple

import numpy as np

from ..program.register_file import RegisterFile
from .faults import Faults, NotImplementedTask
from .memory import Buffer, Memory
from .surface import Layout, Shape

#: L2 addresses have 17 bits of 16 bytes.
L2_BYTES = 1 << 21

ROLES_READ, ROLES_WRITTEN = ("input", "scratch", "coefficients"), ("output", "scratch")


class Bar(NamedTuple):
    """What stands behind a BAR.

    Attributes:
        name: the tensor's name, or "const" and the like.
        role: input, output, scratch, text, coefficients; empty where nothing says.
        buffer: the memory.
        start: where the BAR begins in the buffer, bytes.
        size: declared bytes from there on.
        element: bytes of the tensor's elements; 0 where nothing says.
    """

    name: str
    role: str
    buffer: Buffer
    start: int
    size: int
    element: int = 0


class L2:
    """The buffer memory between DMA and engines, with a record of what was put there."""

    def __init__(self) -> None:
        self.data = np.zeros(L2_BYTES, np.uint8)
        self.written = np.zeros(L2_BYTES, bool)


class Move(NamedTuple):
    """Bytes that a task moved: from or to a buffer."""

    direction: str
    name: str
    bytes: int


class Context:
    """A task at work.

    Args:
        index: the task's index.
        registers: the register file while it runs.
        bars: BAR number -> what stands behind it.
        memory: device memory.
        l2: L2.
        faults: where faults go.
    """

    def __init__(self, index: int, registers: RegisterFile, bars: dict[int, Bar], memory: Memory, l2: L2, faults: Faults):
        self.index, self.registers, self.bars = index, registers, bars
        self.memory, self.l2, self.faults = memory, l2, faults
        self.moves: list[Move] = []

    def get(self, name: str) -> int:
        """`Block.Field` as a number; a register that nobody ever wrote is not guessed at."""
        number = self.registers.number(name)
        if number is None:
            raise NotImplementedTask(self.index, name, "nothing", "no task wrote it, and its reset value is not known")
        return number

    def values(self, name: str) -> list[int]:
        """A field as numbers, of every register of the array where `Block.Register.Field` names one.

        What nobody wrote counts as 0 here: this is for looking whether a register asks for anything odd.
        """
        register, _, field = name.rpartition(".")
        row = self.registers.arch.register(register)
        if row is None or row.count == 1:
            return [self.registers.get(name)]
        (field,) = (known for known in row.fields if known.name == field)
        return [field.number(self.registers.word(register, index) or 0) for index in range(row.count)]

    def word(self, name: str, index: int = 0) -> int:
        """The word of `Block.Register`, likewise."""
        word = self.registers.word(name, index)
        if word is None:
            raise NotImplementedTask(self.index, name, "nothing", "no task wrote it, and its reset value is not known")
        return word

    def refuse(self, name: str, why: str) -> NotImplementedTask:
        """The error for a field's value that is not implemented."""
        found = self.registers.arch.field(name)
        value = self.registers.label(name) if found else self.registers.word(name)
        return self.refuse_value(name, value, why)

    def refuse_value(self, name: str, value: object, why: str) -> NotImplementedTask:
        """Likewise, for a value that is at hand."""
        return NotImplementedTask(self.index, name, value, why)

    def bar(self, number: int, enabled: bool, register: str, use: str) -> Bar:
        """What stands behind the BAR that a task names for a use.

        Raises:
            Hang: nothing does.
        """
        if not enabled:
            raise self.faults.hang("unbound-bar", f"the BAR of {use} is not enabled", register)
        if number not in self.bars:
            raise self.faults.hang("unbound-bar", f"BAR {number}, of {use}, has no buffer", register)
        return self.bars[number]

    def read(self, bar: Bar, layout: Layout, shape: Shape, register: str) -> np.ndarray:
        """Elements out of a buffer, as bits; see `Layout.read`."""
        if bar.role not in (*ROLES_READ, ""):
            self.faults.add("wrong-direction", f"{bar.role} {bar.name} is read", register, bar.name)
        placed = self._place(bar, layout, shape, register, "read")
        self._check_written(bar, placed, shape, register)
        self._count("read", bar.name, shape, layout)
        return placed.read(bar.buffer.data, shape)

    def write(self, bar: Bar, layout: Layout, elements: np.ndarray, register: str) -> None:
        """Elements into a buffer; see `Layout.write`."""
        shape = Shape(*elements.shape)
        if bar.role not in (*ROLES_WRITTEN, ""):
            self.faults.add("wrong-direction", f"{bar.role} {bar.name} is written", register, bar.name)
        placed = self._place(bar, layout, shape, register, "written")
        marks = bar.buffer.mark()
        first = placed.first_marked(marks, shape) if bar.role == "output" else None
        if first is not None:
            what = "an earlier task wrote some of the same bytes"
            self.faults.add("written-twice", what, register, bar.name, first - bar.start)
        placed.mark(marks, shape)
        placed.write(bar.buffer.data, elements)
        self._count("write", bar.name, shape, layout)

    def _place(self, bar: Bar, layout: Layout, shape: Shape, register: str, done: str) -> Layout:
        """The layout from the buffer's start; checks that it stays inside."""
        _, end = layout.span(shape)
        if end > bar.size:
            outside = max(bar.size, layout.base)
            kind, what = "outside-tensor", f"{done} up to byte {end:#x}, {bar.name} has {bar.size:#x}"
            if bar.start + end > bar.buffer.room:
                raise self.faults.hang(kind, f"{what}, and so is its last page", register, bar.name, outside)
            self.faults.add(kind, what, register, bar.name, outside)
        return layout._replace(base=layout.base + bar.start)

    def _check_written(self, bar: Bar, placed: Layout, shape: Shape, register: str) -> None:
        if self.memory.is_host_written(bar.buffer, *placed.span(shape)):
            return
        first = self.memory.unwritten(bar.buffer, placed.byte_offsets(shape))
        if first is not None:
            self.faults.add("unwritten", "read, but nobody wrote it", register, bar.name, first - bar.start)

    def read_bytes(self, bar: Bar, start: int, size: int, fetched: int, register: str) -> bytes:
        """Bytes of a buffer that holds coefficients.

        Args:
            bar: the buffer.
            start: the first byte.
            size: bytes that matter; only those must have been written.
            fetched: bytes that are fetched, and must lie in the buffer.
            register: names the fetch in faults.
        """
        layout, shape = Layout(start, 0, 0, 0, 1, 1), Shape(1, 1, 1, size)
        placed = self._place(bar, layout, shape._replace(width=fetched), register, "read")
        self._check_written(bar, placed, shape, register)
        self._count("read", bar.name, shape, layout)
        return placed.read(bar.buffer.data, shape).tobytes()

    def read_l2(self, layout: Layout, shape: Shape, register: str) -> np.ndarray:
        """Elements out of L2, as bits."""
        self._check_l2(layout, shape, register)
        if not layout.marked(self.l2.written, shape):
            first = layout.unmarked(self.l2.written, shape).min()
            self.faults.add("unwritten", "read, but no task put it there", register, "L2", int(first))
        self._count("read", "L2", shape, layout)
        return layout.read(self.l2.data, shape)

    def write_l2(self, layout: Layout, elements: np.ndarray, register: str) -> None:
        """Elements into L2."""
        shape = Shape(*elements.shape)
        self._check_l2(layout, shape, register)
        layout.write(self.l2.data, elements)
        layout.mark(self.l2.written, shape)
        self._count("write", "L2", shape, layout)

    def _check_l2(self, layout: Layout, shape: Shape, register: str) -> None:
        _, end = layout.span(shape)
        if end > L2_BYTES:
            raise self.faults.hang("outside-l2", f"reaches {end:#x}, L2 has {L2_BYTES:#x} bytes", register, "L2")

    def _count(self, direction: str, name: str, shape: Shape, layout: Layout) -> None:
        self.moves.append(Move(direction, name, int(np.prod(shape)) * layout.element))
