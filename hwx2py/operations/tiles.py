"""What a task has in L2 while it runs: places and strides of its sources and its result, and how much of each."""

import enum
from typing import NamedTuple

from ..program.register_file import RegisterFile
from .neural import Neural
from .operand import InL2, Operand, Shape, Strides
from .planar import Planar
from .transfer import Axis

#: Unit of addresses and strides in L2.
UNIT_BYTES = 0x10
#: The narrowest parts in which rows of results pass through L2 (programs of 2023).
LEAST_PART_BYTES = 0x40
SOURCES = ("source 1", "source 2")
RESULT = "the result"


class Way(enum.Enum):
    """How an operand is in L2."""

    READ = "it lies there, and is read"
    PASSES = "it passes through, tile by tile"
    STAYS = "it is put there, and stays"
    CHAIN_READ = "it is taken from the task before, tile by tile"
    CHAIN_WRITE = "it is handed on to the next task, tile by tile"


class Tile(NamedTuple):
    """An operand in L2.

    Attributes:
        use: "source 1", "source 2" or "the result".
        register: the register of its base.
        way: how it is there.
        base_bytes: its first byte.
        strides: in bytes.
        axes: the steps from run to run, without those of one element, as much as is there at a time.
        run_bytes: bytes side by side.
        row_bytes: of its rows; larger than a run where rows pass through in parts.
        channels: how many are stored.
        height: its rows; `axes` has those that are there at a time.
        laid_out: whether its strides say where it lies; the engine lays a buffered result out itself, of which only the
            least size is known.
    """

    use: str
    register: str
    way: Way
    base_bytes: int
    strides: Strides
    axes: tuple[Axis, ...]
    run_bytes: int
    row_bytes: int
    channels: int
    height: int
    laid_out: bool = True

    @property
    def end(self) -> int:
        """The byte behind its last one."""
        return self.base_bytes + self.run_bytes + sum(axis.stride * (axis.extent - 1) for axis in self.axes)

    def overlaps(self, other: "Tile") -> bool:
        """Whether the bytes from the first to the last have some in common with another's."""
        return self.base_bytes < other.end and other.base_bytes < self.end


def tiles(registers: RegisterFile, operation: Planar | Neural) -> tuple[Tile, ...]:
    """What a task has in L2: its sources, then its result.

    Args:
        registers: the register file while it runs.
        operation: what it does.
    """
    rows = registers.get("Common.TileHeight")
    source_rows = rows
    if isinstance(operation, Neural):
        source_rows = rows * operation.window.step_y + operation.window.height - 1
    found = [_source(use, operand, source_rows) for use, operand in zip(SOURCES, operation.inputs)]
    return *found, _result(registers, operation, rows)


class Reader:
    """Reads the tiles of many tasks; those of a task that differs from an earlier one in its addresses are moved."""

    def __init__(self) -> None:
        self._forms: dict[int, tuple[Tile, ...]] = {}

    def read(self, registers: RegisterFile, operation: Planar | Neural, form: int | None) -> tuple[Tile, ...]:
        """What a task has in L2; see `tiles`.

        Args:
            registers: the register file while it runs.
            operation: what it does.
            form: a number that it shares with the tasks that differ from it in their addresses only, or None.
        """
        known = None if form is None else self._forms.get(form)
        if known is None or form is None:
            found = tiles(registers, operation)
            if form is not None:
                self._forms[form] = found
            return found
        places = [operand.where if isinstance(operand.where, InL2) else operand.stage for operand in operation.inputs]
        bases = [place.base_bytes if place else 0 for place in places]
        kept = operation.result.l2
        bases.append(registers.get("L2.ResultBase.Addr") if kept is None else kept.base_bytes)
        if all(tile.base_bytes == base for tile, base in zip(known, bases)):
            return known
        return tuple(tile._replace(base_bytes=base) for tile, base in zip(known, bases))


def waits(registers: RegisterFile) -> bool:
    """Whether the DMA of a task's sources waits for the tasks before it; True where the fields are not known."""
    fields = [registers.number(f"TileDMASrc.{source}DMAConfig.DependencyMode") for source in ("Src1", "Src2")]
    return any(number != 0 for number in fields)


def _source(use: str, operand: Operand, rows: int) -> Tile:
    shape, size = operand.stored, operand.element.size_bytes
    if isinstance(operand.where, InL2):
        way = Way.CHAIN_READ if operand.where.chained else Way.READ
        return _tile(use, operand.where, way, shape, size, rows)
    stage = operand.stage or InL2(0, Strides(0, 0, 0, 0), "")
    keeps = operand.keeps and not _is_streamed(stage, shape, size)
    return _tile(use, stage, Way.STAYS if keeps else Way.PASSES, shape, size, rows)


def _result(registers: RegisterFile, operation: Planar | Neural, rows: int) -> Tile:
    result = operation.result
    shape, size = result.stored, result.element.size_bytes
    if result.l2 is None:
        strides = Strides(*(registers.get(f"L2.Result{axis}Stride") for axis in ("Group", "Channel", "Depth", "Row")))
        place = InL2(registers.get("L2.ResultBase.Addr"), strides, "L2.ResultBase")
        if registers.get("L2.ResultCfg.L2BfrMode") or not any(strides):
            least = (Axis(UNIT_BYTES, shape.channels),) if shape.channels > 1 else _least_rows(shape, size, rows)
            run = min(UNIT_BYTES, shape.width * size)
            return Tile(RESULT, place.register, Way.PASSES, place.base_bytes, strides, least, run, shape.width * size,
                        shape.channels, shape.height, laid_out=False)  # fmt: skip
        return _tile(RESULT, place, Way.PASSES, shape, size, rows)
    if result.l2.chained:
        return _tile(RESULT, result.l2, Way.CHAIN_WRITE, shape, size, rows)
    passes = result.memory is not None and _is_streamed(result.l2, shape, size)
    return _tile(RESULT, result.l2, Way.PASSES if passes else Way.STAYS, shape, size, rows)


def _least_rows(shape: Shape, size: int, rows: int) -> tuple[Axis, ...]:
    """The rows of a tile of one channel, in the narrowest parts that are known."""
    high = min(rows, shape.height)
    step = max(min(shape.width * size, LEAST_PART_BYTES) // UNIT_BYTES, 1) * UNIT_BYTES
    return (Axis(step, high),) if high > 1 else ()


def _is_streamed(place: InL2, shape: Shape, size: int) -> bool:
    """Whether a row is longer than the distance to its neighbours: then it passes through L2 in parts."""
    neighbours = zip((shape.groups, shape.channels, shape.depth, shape.height), place.strides)
    return any(extent > 1 and stride < shape.width * size for extent, stride in neighbours)


def _tile(use: str, place: InL2, way: Way, shape: Shape, size: int, rows: int) -> Tile:
    strides, row_bytes = place.strides, shape.width * size
    whole = way in (Way.READ, Way.STAYS)
    extents = (
        (strides.group, shape.groups if whole else 1),
        (strides.channel, shape.channels),
        (strides.depth, shape.depth),
        (strides.row, shape.height if whole else max(min(rows, shape.height), 1)),
    )
    axes = tuple(Axis(stride, extent) for stride, extent in extents if extent > 1)
    run = row_bytes if whole or not strides.channel else min(row_bytes, strides.channel)
    return Tile(use, place.register, way, place.base_bytes, strides, axes, run, row_bytes, shape.channels, shape.height)
