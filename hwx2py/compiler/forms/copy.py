"""Copies of the neural and planar engines: exchanges of dimensions, slices, repetitions."""

from dataclasses import replace

from ...errors import UnsupportedError
from ...program.l2 import (
    NEURAL_COLUMNS_BYTES,
    SIZE_BYTES,
    Aliases,
    Patch,
    Tile,
    channel_bytes,
    log2_up,
    tile_height,
)
from ...program.network import ROW_ALIGNMENT_BYTES
from ..engines import NEURAL_ENGINES, Kind, cycles_of_bytes, neural, planar
from ..evidence import evidence
from ..surface import HALF_BYTES, Surface
from ..task import Events, Store, TaskPlan, closed
from .parts import IN_PARTS
from .steps import one_row

#: Columns are cut at multiples of 64 bytes.
COLUMNS_UNIT = ROW_ALIGNMENT_BYTES // HALF_BYTES


def exchange_rows(x: Surface, y: Surface) -> list[TaskPlan]:
    """Transposes a matrix: rows are channels, C and W are exchanged; exact, for fp16 and for 8 bits.

    Args:
        x: 1 x 1 x M x K.
        y: 1 x 1 x K x M.

    Returns:
        One task for each part of the columns that L2 holds (record of 375 x 375 bool).
    """
    rows, columns, item = x.shape.h, x.shape.w, x.element_bytes
    known = evidence("transpose", x.shape, *["8 bits"] * (item == 1))
    source, result = x.rows_as_channels(), y.rows_as_channels()
    narrow, wide = min(channel_bytes(columns, item), NEURAL_COLUMNS_BYTES), channel_bytes(rows, item)
    size = rows * narrow
    most = (SIZE_BYTES - size) // wide
    if most < columns:
        return _exchanged_parts(x, y, most // COLUMNS_UNIT * COLUMNS_UNIT)
    draft = neural("transpose", known, (rows, 1, columns), exchange=True, engines=NEURAL_ENGINES)
    if item == 1:
        draft.put("Common.ChCfg", InFmt="UInt8", OutFmt="UInt8")
        draft.put("NE.KernelCfg", KernelFmt="UInt8")
        draft.put("NE.MACCfg", BinaryPoint=0)
    draft.read(source)
    draft.source_tile("DmaRead", one_row(0, narrow, size), Aliases.ALL, element_bytes=item)
    draft.result_tile(
        "DmaWrite", one_row(size, wide, columns * wide), Aliases.ALL, tiled=False, element_bytes=item
    )  # fmt: skip
    draft.write(result, Store.WHOLE)
    draft.events = Events.COPY
    draft.cycles = cycles_of_bytes(x.size_bytes + y.size_bytes)
    return [draft.plan()]


def _exchanged_parts(x: Surface, y: Surface, most: int) -> list[TaskPlan]:
    """Parts of the columns that L2 holds exchanged."""
    if most < 1:
        raise UnsupportedError(f"{x.shape.h} rows of {COLUMNS_UNIT} columns do not fit L2 exchanged")
    plans: list[TaskPlan] = []
    for first in range(0, x.shape.w, most):
        count = min(most, x.shape.w - first)
        plans += closed(exchange_rows(x.columns(first, count), y.rows(first, count)))
    return [replace(plan, evidence=IN_PARTS) for plan in plans]


def swap_c_h(x: Surface, y: Surface) -> list[TaskPlan]:
    """Stores C x H x W as H x C x W: strides alone.

    Args:
        x: the source, with a batch of 1.
        y: the result.

    Returns:
        One task (published tables).
    """
    known = evidence("swap C H", x.shape)
    _, c, h, w = x.shape
    channel = min(channel_bytes(w), NEURAL_COLUMNS_BYTES)
    row = h * channel
    sharing = 0 if channel >= NEURAL_COLUMNS_BYTES else max(0, min(4, 7 - log2_up(w)))
    height = tile_height(c, (SIZE_BYTES - 1) // row)
    draft = neural("copy with C and H exchanged", known, (h, c, w), rows_log2=sharing, engines=NEURAL_ENGINES)
    draft.put("Common.TileCfg", TileHeight=height)
    draft.read(x.swapped())
    draft.source_tile("DmaRead", one_row(0, channel, row), Aliases.ALL)
    draft.result_tile("DmaWrite", Tile(height * row), Aliases.ALL)
    draft.write(y)
    draft.events = Events.COPY
    draft.cycles = cycles_of_bytes(x.size_bytes + y.size_bytes)
    return [draft.plan()]


def slice_columns(x: Surface, first: int, y: Surface) -> list[TaskPlan]:
    """Stores columns of x.

    Args:
        x: the source.
        first: the first column, at a multiple of 64 bytes.
        y: the result; its width says how many columns.

    Returns:
        One task (record of 8 x 375 x 749, the first 375 columns).
    """
    known = evidence("slice W", x.shape, first, y.shape.w)
    n, c, h, w = y.shape
    channel = min(channel_bytes(w), NEURAL_COLUMNS_BYTES)
    depth = c * channel
    row = depth + 0x50
    height = tile_height(h, SIZE_BYTES // (row + depth + 0xA0))
    draft = neural("slice of columns", known, (c, h, w), rows_log2=4)
    draft.put("Common.GroupConvCfg", NumGroups=n)
    draft.put("Common.TileCfg", TileHeight=height)
    draft.read(x.columns(first, w))
    draft.source_tile("DmaRead", Tile(0, channel, row, depth, depth), Aliases.ALL)
    draft.result_tile(
        "DmaWrite", Tile(height * row, channel, depth + 0xA0, depth, depth), Aliases.ALL, tiled=False
    )  # fmt: skip
    draft.write(y, Store.WHOLE)
    draft.events = Events.COPY
    draft.cycles = cycles_of_bytes(2 * y.size_bytes)
    return [draft.plan()]


def repeat_rows(x: Surface, y: Surface, *, relu: bool = False) -> list[TaskPlan]:
    """Repeats the single row of x over H.

    Args:
        x: C x 1 x W.
        y: C x H x W.
        relu: clamp at zero, which compiler 9.509 does where it knows that nothing is below.

    Returns:
        One task (a published table of 8 x 375, 375 times; the result 32 columns at a time).
    """
    known = evidence("repeat rows", x.shape, y.shape.h)
    _, c, times, w = y.shape
    channel = channel_bytes(w)
    depth, narrow = c * channel, c * 0x40
    height = tile_height(times, (SIZE_BYTES - depth) // (narrow + 0x10))
    draft = planar("rows repeated", known, Kind.ONE, (c, times, w), Patch(4, 5 if w > 16 else 4))
    draft.put("Common.TileCfg", TileHeight=height)
    draft.put("PE.Cfg", ReluEn=int(relu))
    draft.put("Common.PECfg", Src1BroadcastH=1)
    draft.read(x)
    draft.source_tile("DmaReadKeep", Tile(0, channel, channel, depth, depth), Aliases.ALL)
    draft.result_tile("DmaWrite", Tile(depth, 0x40, narrow + 0x10, narrow, narrow), Aliases.ALL, tiled=False)
    draft.write(y, Store.WHOLE)
    draft.cycles = cycles_of_bytes(x.size_bytes + y.size_bytes)
    return [draft.plan()]
