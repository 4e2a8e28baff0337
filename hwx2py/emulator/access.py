"""What a task works with while it runs: the buffers behind its BARs, L2, chained tensors, and the fault list."""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from ..operations import Dma, Element, InL2, Operand, Result, Shape, Strides
from ..operations.flow import READ_ROLES, WRITTEN_ROLES
from ..packing import Misfit
from . import faults as kinds
from .faults import Faults, NotImplementedTask
from .memory import Buffer, Memory
from .strided import Layout

SCRATCH = "scratch"


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
    """The buffer memory between DMA and engines, with a record of what was put there.

    Args:
        size_bytes: how large it is.
    """

    def __init__(self, size_bytes: int):
        self.data = np.zeros(size_bytes, np.uint8)
        self.written = np.zeros(size_bytes, bool)
        #: Tensors that a task handed on to the next one, by the address in L2: their bits as they are stored.
        self.chained: dict[int, np.ndarray] = {}


class Move(NamedTuple):
    """Bytes that a task moved: from or to a buffer."""

    direction: str
    name: str
    bytes: int


class Access:
    """A task's way to its operands.

    Args:
        task: the task's index.
        bars: BAR number -> what stands behind it.
        memory: device memory.
        l2: L2.
        faults: where faults go.
    """

    def __init__(self, task: int, bars: Mapping[int, Bar], memory: Memory, l2: L2, faults: Faults):
        self.task, self.bars = task, bars
        self.memory, self.l2, self.faults = memory, l2, faults
        self.moves: list[Move] = []

    def refuse(self, register: str, value: object, why: str) -> NotImplementedTask:
        """The error for a value that is not implemented."""
        return NotImplementedTask(self.task, register, value, why)

    def misfit(self, misfit: Misfit) -> Exception:
        """The hang that a fetch of the wrong size causes, or the refusal of a packing that is not known."""
        fetched, needed = misfit.size_bytes, misfit.needed_bytes
        if needed is None:
            return self.refuse(misfit.register, fetched, "the packings that are known do not have this size")
        kind = kinds.KERNEL_DMA_LARGER if fetched > needed else kinds.SHORT_COEFFICIENTS
        return self.faults.hang(kind, f"{fetched} bytes are fetched, {needed} are needed", misfit.register)

    def fetch(self, operand: Operand) -> np.ndarray:
        """A source as the engine sees it.

        Args:
            operand: the source.

        Returns:
            Bits, uint8 or uint16, (groups, channels, depth, height, width).

        Raises:
            Hang: it cannot be fetched.
            NotImplementedTask: it lies in L2 in a way that is not understood.
        """
        stored = operand.stored
        if isinstance(operand.where, Dma):
            elements = self._fetch_memory(operand.where, stored, operand.element)
            if operand.keeps and operand.stage:
                self._keep(operand.stage, elements)
        elif operand.where.chained:
            elements = self._take_chained(operand.where, stored)
        else:
            elements = self._fetch_l2(operand.where, stored, operand.element)
        return elements.swapaxes(1, 4) if operand.exchanged else elements

    def put(self, result: Result, elements: np.ndarray) -> None:
        """Takes a result where the task wants it.

        Args:
            result: where it goes.
            elements: bits, (groups, channels, depth, height, width).
        """
        if result.exchanged:
            elements = elements.swapaxes(1, 4)
        if result.l2 is not None:
            if result.l2.chained:
                self.l2.chained[result.l2.base_bytes] = elements
                self._count("write", "L2", elements.size, elements.itemsize)
            else:
                self._store_l2(result.l2, elements, result.memory is not None)
        if result.memory is not None:
            self._store_memory(result.memory, elements)

    def bar(self, number: int | None, enabled: bool, register: str, use: str) -> Bar:
        """What stands behind the BAR that a task names for a use.

        Raises:
            Hang: nothing does.
        """
        if number is None or not enabled:
            raise self.faults.hang(kinds.UNBOUND_BAR, f"the BAR of {use} is not enabled", register)
        if number not in self.bars:
            raise self.faults.hang(kinds.UNBOUND_BAR, f"BAR {number}, of {use}, has no buffer", register)
        return self.bars[number]

    def _fetch_memory(self, dma: Dma, shape: Shape, element: Element) -> np.ndarray:
        bar = self._memory_bar(dma, element)
        if bar.role not in READ_ROLES:
            self.faults.add(kinds.WRONG_DIRECTION, f"{bar.role} {bar.name} is read", dma.register, bar.name)
        placed = self._place(bar, _in_memory(dma, element.size_bytes), shape, dma.register, "read")
        self._check_written(bar, placed, shape, dma.register)
        self._count("read", bar.name, shape.count, element.size_bytes)
        return placed.read(bar.buffer.data, shape)

    def _store_memory(self, dma: Dma, elements: np.ndarray) -> None:
        shape, size = Shape(*elements.shape), elements.itemsize
        bar = self._memory_bar(dma, Element("", size, ""))
        if bar.role not in WRITTEN_ROLES:
            self.faults.add(kinds.WRONG_DIRECTION, f"{bar.role} {bar.name} is written", dma.register, bar.name)
        placed = self._place(bar, _in_memory(dma, size), shape, dma.register, "written")
        marks = bar.buffer.mark()
        first = placed.first_marked(marks, shape) if bar.role == "output" else None
        if first is not None:
            what = "an earlier task wrote some of the same bytes"
            self.faults.add(kinds.WRITTEN_TWICE, what, dma.register, bar.name, first - bar.start)
        placed.mark(marks, shape)
        placed.write(bar.buffer.data, elements)
        self._count("write", bar.name, shape.count, size)

    def _memory_bar(self, dma: Dma, element: Element) -> Bar:
        bar = self.bar(dma.bar, dma.enabled, dma.bar_register, dma.use)
        if bar.element and bar.element != element.size_bytes:
            what = f"the task's elements have {element.size_bytes} bytes, those of {bar.name} have {bar.element}"
            self.faults.add(kinds.WRONG_ELEMENT, what, dma.register, bar.name)
        return bar

    def _place(self, bar: Bar, layout: Layout, shape: Shape, register: str, done: str) -> Layout:
        """The layout from the buffer's start; checks that it stays inside."""
        _, end = layout.span(shape)
        if end > bar.size:
            outside = max(bar.size, layout.base)
            what = f"{done} up to byte {end:#x}, {bar.name} has {bar.size:#x}"
            if bar.start + end > bar.buffer.room:
                what += ", and so is its last page"
                raise self.faults.hang(kinds.OUTSIDE_MEMORY, what, register, bar.name, outside)
            kind = kinds.OUTSIDE_SCRATCH if bar.role == SCRATCH else kinds.OUTSIDE_TENSOR
            self.faults.add(kind, what, register, bar.name, outside)
        return layout._replace(base=layout.base + bar.start)

    def _check_written(self, bar: Bar, placed: Layout, shape: Shape, register: str) -> None:
        if self.memory.is_host_written(bar.buffer, *placed.span(shape)):
            return
        if bar.buffer.written is not None and placed.marked(bar.buffer.written, shape):
            return
        first = self.memory.unwritten(bar.buffer, placed.offsets(shape))
        if first is not None:
            what = "read, but never written"
            self.faults.add(kinds.UNWRITTEN, what, register, bar.name, first - bar.start)

    def read_bytes(self, bar: Bar, start: int, size: int, register: str) -> np.ndarray:
        """Bytes of a buffer that holds coefficients, (size,) uint8: a view, not to be kept.

        Args:
            bar: the buffer.
            start: the first byte.
            size: how many.
            register: names the fetch in faults.
        """
        found: np.ndarray = self.read_rows(bar, start, 1, size, size, register)[0]
        return found

    def read_rows(self, bar: Bar, start: int, rows: int, step: int, size: int, register: str) -> np.ndarray:
        """Ranges of bytes, (rows, size) uint8: a view, not to be kept.

        Args:
            bar: the buffer, which holds coefficients.
            start: the first byte of the first range.
            rows: how many ranges.
            step: from the start of one to that of the next.
            size: bytes of each.
            register: names the fetch in faults.
        """
        data, end = bar.buffer.data, start + (rows - 1) * step + size
        first = bar.start + start
        inside = start >= 0 and end <= bar.size and step >= 0
        if not (inside and self.memory.is_host_written(bar.buffer, first, bar.start + end)):
            for row in range(rows):
                layout, shape = Layout(start + row * step, Strides(0, 0, 0, 0), 1, 1), Shape(1, 1, 1, 1, size)
                placed = self._place(bar, layout, shape, register, "read")
                self._check_written(bar, placed, shape, register)
        self.moves += [Move("read", bar.name, size)] * rows
        return np.ndarray((rows, size), np.uint8, data, first, (step, 1))

    def check_fetch(self, bar: Bar, start: int, size: int, register: str) -> None:
        """Checks that what kernel DMA fetches lies inside the buffer; padding need not have been written."""
        if start < 0 or start + size > bar.size:
            self._place(bar, Layout(start, Strides(0, 0, 0, 0), 1, 1), Shape(1, 1, 1, 1, size), register, "read")

    def _take_chained(self, place: InL2, shape: Shape) -> np.ndarray:
        elements = self.l2.chained.pop(place.base_bytes, None)
        if elements is None:
            what = f"no task before it handed a tensor on at {place.base_bytes:#x}"
            raise self.faults.hang(kinds.EMPTY_CHAIN, what, place.register, "L2", place.base_bytes)
        if elements.shape != shape:
            sizes = " x ".join(map(str, elements.shape))
            raise self.refuse(place.register, place.base_bytes, f"the chained tensor has the shape {sizes}")
        self._count("read", "L2", elements.size, elements.itemsize)
        return elements

    def _fetch_l2(self, place: InL2, shape: Shape, element: Element) -> np.ndarray:
        layout = Layout(place.base_bytes, place.strides, 1, element.size_bytes)
        self._check_l2(layout, shape, place.register)
        if not layout.marked(self.l2.written, shape):
            first = int(layout.unmarked(self.l2.written, shape).min())
            self.faults.add(kinds.UNWRITTEN, "read, but no task put it there", place.register, "L2", first)
        self._count("read", "L2", shape.count, element.size_bytes)
        return layout.read(self.l2.data, shape)

    def _store_l2(self, place: InL2, elements: np.ndarray, also_in_memory: bool) -> None:
        layout, shape = Layout(place.base_bytes, place.strides, 1, elements.itemsize), Shape(*elements.shape)
        if also_in_memory and self._is_streamed(layout, shape):
            return
        self._check_l2(layout, shape, place.register)
        if layout.overlaps(shape):
            raise self.refuse(place.register, place.base_bytes, "rows of the result overlap in L2")
        layout.write(self.l2.data, elements)
        layout.mark(self.l2.written, shape)
        self._count("write", "L2", shape.count, elements.itemsize)

    def _keep(self, place: InL2, elements: np.ndarray) -> None:
        """Leaves a copy of what came from memory in L2, unless it passes through tile by tile."""
        layout, shape = Layout(place.base_bytes, place.strides, 1, elements.itemsize), Shape(*elements.shape)
        if self._is_streamed(layout, shape):
            return
        layout.write(self.l2.data, elements)
        layout.mark(self.l2.written, shape)
        self._count("write", "L2", shape.count, elements.itemsize)

    def _is_streamed(self, layout: Layout, shape: Shape) -> bool:
        """Whether a tensor in memory is too large for its place in L2: then nothing of it stays to be read."""
        return layout.overlaps(shape) or layout.span(shape)[1] > len(self.l2.data)

    def _check_l2(self, layout: Layout, shape: Shape, register: str) -> None:
        _, end = layout.span(shape)
        size = len(self.l2.data)
        if end > size:
            raise self.faults.hang(kinds.OUTSIDE_L2, f"reaches {end:#x}, L2 has {size:#x} bytes", register, "L2")

    def _count(self, direction: str, name: str, elements: int, size: int) -> None:
        self.moves.append(Move(direction, name, elements * size))


def _in_memory(dma: Dma, element_bytes: int) -> Layout:
    return Layout(dma.base_bytes, dma.strides, dma.interleave, element_bytes)
