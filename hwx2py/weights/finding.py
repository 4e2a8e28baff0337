"""Finds the logical arrays of a program: kernels, biases, lookup tables, constants, factors that lie in registers."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

from ..emulator.strided import Layout
from ..operations import Convolution, Dma, Names, Neural, Operand, Planar, Shape, operations
from ..operations.coefficients import table_starts
from ..operations.tables import TABLE_BYTES, parse
from ..packing import Misfit
from ..packing.zero_skipping import Unreadable
from ..program.program import Program
from ..program.task import Task
from .joining import concatenated, merged
from .kernel import kernel_arrays, owner_of
from .layers import layers
from .logical import HALF_BYTES, TEXT, LogicalArray, Places, values
from .lookup import table_arrays

#: Kind of a planar task that adds a row to the channels and multiplies them with another.
GAIN_OFFSET = "GainOffset"
#: Registers that hold a number for all channels: part of the name, kind, register, field, neutral value.
FACTORS = (
    ("acc_bias", "bias", "NE.AccBias.AccBias", 0.0),
    ("post_scale", "scale", "NE.PostScale.PostScale", 1.0),
)


#: The axis of output channels, by kind: arrays of the blocks of a layer are joined there, unless they are numbers in
#: registers, which hold for all channels.
BLOCKED = {"conv": 0, "matmul": 1, "bias": 0}


class Found(NamedTuple):
    """What a program holds.

    Attributes:
        arrays: its arrays, in the order of the tasks.
        notes: what could not be taken apart, and which arrays share bytes.
    """

    arrays: tuple[LogicalArray, ...]
    notes: tuple[str, ...]


class Part(NamedTuple):
    """An array of one task, before it has a name of its own.

    Attributes:
        array: the array, named without its task.
        identity: equal for arrays that are the same elements at the same places.
    """

    array: LogicalArray
    identity: tuple[object, ...]


def find(program: Program) -> Found:
    """The logical arrays of a program.

    Two tasks that use the same elements at the same places share one array, and so do the tasks of a layer that a
    compiler has split.
    """
    finder = _Finder(program)
    parts: dict[tuple[object, ...], list[LogicalArray]] = {}
    for layer in layers(finder.operations):
        for part in _joined(program, [list(finder.parts(index)) for index in layer]):
            parts.setdefault(part.identity, []).append(part.array)
    shared = [
        arrays[0]._replace(tasks=tuple(dict.fromkeys(n for a in arrays for n in a.tasks))) for arrays in parts.values()
    ]
    several = len({array.tasks[0] for array in shared}) > 1
    named = [_named(array, several) for array in shared]
    return Found(tuple(named), tuple(finder.notes))


def _named(array: LogicalArray, several: bool) -> LogicalArray:
    return array._replace(name=f"task{array.tasks[0]}.{array.name}") if several else array


def _joined(program: Program, tasks: Sequence[list[Part]]) -> Iterator[Part]:
    """The arrays of a layer: of one task, or of several of which each computes a block of the channels."""
    if len(tasks) == 1 or len({tuple(part.array.name for part in parts) for parts in tasks}) > 1:
        for parts in tasks:
            yield from parts
        return
    for parts in zip(*tasks):
        arrays, identity = [part.array for part in parts], tuple(part.identity for part in parts)
        if arrays[0].kind in BLOCKED and arrays[0].buffer != TEXT:
            yield Part(concatenated(arrays, BLOCKED[arrays[0].kind]), identity)
        elif len({values(program, array).tobytes() for array in arrays}) == 1:
            yield Part(merged(arrays), identity)
        else:
            yield from parts


class _Finder:
    """Looks at the tasks of a program one by one."""

    def __init__(self, program: Program):
        self.program = program
        self.names = Names.of(program)
        self.operations = list(operations(program))
        self.notes: list[str] = []
        self._pairs = set(_gain_and_offset(self.operations))

    def parts(self, index: int) -> Iterator[Part]:
        """The arrays of one task."""
        operation = self.operations[index]
        if not operation.unknowns:
            yield from self._known_parts(index, operation)
        elif self._uses_coefficients(operation):
            unknown = operation.unknowns[0]
            what = f"{unknown.register} = {unknown.value} is not understood ({unknown.why})"
            self.notes.append(f"task {index}: {what}: its arrays are left out")

    def _uses_coefficients(self, operation: Neural | Planar) -> bool:
        bars = {operand.where.bar for operand in operation.inputs if isinstance(operand.where, Dma)}
        if isinstance(operation, Neural):
            bars |= {part.bar for part in (operation.kernel, operation.table) if part is not None}
        return not bars.isdisjoint(self.names.coefficients)

    def _known_parts(self, index: int, operation: Neural | Planar) -> Iterator[Part]:
        if isinstance(operation, Neural):
            yield from self._kernel(index, operation)
            yield from self._table(index, operation)
            yield from self._factors(index, self.program.tasks[index], operation)
        for number, operand in enumerate(operation.inputs):
            yield from self._constant(index, operand, number)

    def _kernel(self, index: int, operation: Neural) -> Iterator[Part]:
        if not isinstance(operation, Convolution):
            return
        kernel, bar = operation.kernel, operation.kernel.bar
        if not kernel.enabled or bar is None:
            return
        if kernel.from_task is not None or bar not in self.names.coefficients:
            name = self.names.buffers.get(bar, f"BAR {bar}")
            self.notes.append(f"task {index}: its kernel is made while the program runs, in {name}")
            return
        if 0 in (*operation.source.shape, operation.outputs, *operation.window[:2]) or operation.unicast == 0:
            self.notes.append(f"task {index}: a size of its kernel is 0")
            return
        try:
            arrays = kernel_arrays(index, operation, bar, self.names.buffers[bar], self.names.coefficients[bar])
        except (Misfit, Unreadable) as error:
            self.notes.append(f"task {index}: its kernel goes with no packing that is known {error}".rstrip())
            return
        for array in arrays:
            yield Part(array, (array.name, array.shape, kernel, operation.window, operation.engines))

    def _table(self, index: int, operation: Neural) -> Iterator[Part]:
        table = operation.table
        bar = table.bar if table is not None and table.enabled else None
        if table is None or bar is None or bar not in self.names.coefficients:
            return
        data = self.names.coefficients[bar]
        bases = table_starts(operation)
        if max(bases) + TABLE_BYTES > len(data):
            self.notes.append(f"task {index}: its lookup table lies outside {self.names.buffers[bar]}")
            return
        curve = parse(data[table.base_bytes : table.base_bytes + TABLE_BYTES])
        name, buffer = _prefixed(operation, "table"), self.names.buffers[bar]
        for array in table_arrays(name, index, buffer, bar, bases, curve):
            yield Part(array, (array.kind, bar, *bases))

    def _factors(self, index: int, task: Task, operation: Neural) -> Iterator[Part]:
        for (part, kind, name, neutral), value in zip(FACTORS, (operation.acc_bias, operation.post_scale)):
            place = self.program.arch.find_place(name)
            if value == neutral or place is None:
                continue
            writes = [write for write in task.writes() if write.address == place.address]
            if not writes:
                continue
            offset = task.offset + 4 * writes[-1].index + place.field.lsb // 8
            array = LogicalArray(
                name=_prefixed(operation, part),
                kind=kind,
                shape=(1,),
                tasks=(index,),
                buffer=TEXT,
                bar=0,
                places=lambda offset=offset: Places(np.array([offset])),  # type: ignore[misc] # mypy infers no defaults
                about={"register": place.register},
            )
            yield Part(array, (TEXT, offset))

    def _constant(self, index: int, operand: Operand, number: int) -> Iterator[Part]:
        where = operand.where
        bar = where.bar if isinstance(where, Dma) and where.enabled else None
        if not isinstance(where, Dma) or bar is None or bar not in self.names.coefficients:
            return
        stored = operand.stored
        layout = Layout(where.base_bytes, where.strides, where.interleave, operand.element.size_bytes)
        size = len(self.names.coefficients[bar])
        inside = 0 not in stored and layout.span(stored)[1] <= size and stored.count * HALF_BYTES <= size
        if operand.element.dtype != "float16" or not inside:
            self.notes.append(f"task {index}: its constant is not a float16 array inside the buffer")
            return
        array = LogicalArray(
            name="constant" if number == 0 else f"constant{number + 1}",
            kind="constant",
            shape=(stored.groups, stored.channels, *([stored.depth] if stored.depth > 1 else []), *stored[3:]),
            tasks=(index,),
            buffer=self.names.buffers[bar],
            bar=bar,
            places=lambda: Places(layout.offsets(stored)[..., 0].reshape(array.shape)),
        )
        for row, part in enumerate((array,) if index not in self._pairs else _rows_of(array, layout, stored)):
            yield Part(part, ("constant", bar, layout, stored, row))


def _gain_and_offset(tasks: Sequence[Neural | Planar]) -> Iterator[int]:
    """Indices of the tasks whose constant is the offsets (row 0) and factors (row 1) of a gain and offset.

    Either the task reads it itself, or an earlier one has put a copy of it into L2.
    """
    copies: dict[int, int] = {}
    for index, task in enumerate(tasks):
        if isinstance(task, Planar) and task.kind == GAIN_OFFSET and task.second is not None:
            where = task.second.where
            if isinstance(where, Dma):
                yield index
            elif where.base_bytes in copies:
                yield copies[where.base_bytes]
        elif isinstance(task, Neural) and task.result.l2 is not None:
            copies[task.result.l2.base_bytes] = index


def _rows_of(array: LogicalArray, layout: Layout, stored: Shape) -> tuple[LogicalArray, ...]:
    """The constant of a gain and offset as two arrays."""
    if stored.groups * stored.depth > 1 or stored.height != 2:
        return (array,)
    return tuple(
        array._replace(
            name=kind,
            kind=kind,
            shape=(stored.channels * stored.width,),
            places=lambda row=row: Places(  # type: ignore[misc] # mypy infers no defaults
                layout.offsets(stored)[0, :, 0, row, :, 0].reshape(-1)
            ),
        )
        for row, kind in enumerate(("bias", "scale"))
    )


def _prefixed(operation: Neural, part: str) -> str:
    return part if operation.kernel is None else f"{owner_of(operation)}.{part}"
