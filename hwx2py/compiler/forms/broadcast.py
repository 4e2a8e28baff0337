"""Elementwise operations of a tensor and a smaller one: the small one goes into L2, the planar engine repeats it."""

from array import array

from ...errors import UnsupportedError
from ...packing import Halves
from ...program.l2 import (
    NEURAL_COLUMNS_BYTES,
    SIZE_BYTES,
    Aliases,
    Tile,
    channel_bytes,
    handed_row_bytes,
    neural_row_bytes,
    patch_of_pairs,
    planar_row_bytes,
    planar_rows,
    rows_log2,
)
from ...program.network import ROW_ALIGNMENT_BYTES
from ...units import round_up
from ..coefficients import lookup
from ..draft import Draft
from ..engines import NEURAL_ENGINES, Kind, cycles, neural, planar
from ..evidence import evidence
from ..surface import HALF_BYTES, Shape, Surface
from ..task import Events, TaskPlan
from .elementwise import NOTHING, After, Binary
from .parts import TooLargeError, in_parts, tile_of
from .passes import pass_into_l2


def broadcast(operation: Binary, x: Surface, small: Surface, z: Surface, *, after: After = NOTHING) -> list[TaskPlan]:
    """Combines x with a tensor that has one element where x has several, in any of C, H and W, and for all of N.

    Args:
        operation: what to do.
        x: the large source, source 1.
        small: the other one; its batch is 1.
        z: the result.
        after: what follows.

    Returns:
        Two tasks (records of N x C x 1 x 1; other dimensions by the same flags).
    """
    n, c, h, w = x.shape
    _, small_c, small_h, small_w = small.shape
    what = operation.name.lower()
    known = evidence(f"broadcast {what}", x.shape, *small.shape, *after.detail)
    small_channel = channel_bytes(small_w)
    small_depth = small_c * small_channel
    sharing = rows_log2(small_h, HALF_BYTES * small_w)
    small_row = neural_row_bytes(small_c, small_channel, sharing) if small_h > 1 else small_depth
    size = small_h * small_depth
    if small_channel > NEURAL_COLUMNS_BYTES:  # the neural engines take it in parts of 128 columns
        passing = NEURAL_COLUMNS_BYTES
        small_row = small_c * passing
    else:
        passing = small_channel
    if size > SIZE_BYTES // 2:
        raise UnsupportedError(f"{small_c} x {small_h} x {small_w} and another tensor do not fit L2")
    first = pass_into_l2(
        "the small operand into L2", known, small, Tile(size, passing, small_row, small_c * passing, small_c * passing),
        Tile(0, small_channel, small_depth, small_depth),
    )  # fmt: skip
    draft = planar(what, known, Kind.TWO, (c, h, w), patch_of_pairs(h, w), groups=n)
    draft.put(
        "Common.PECfg", Src2BroadcastW=int(small_w != w), Src2BroadcastH=int(small_h != h),
        Src2BroadcastC=int(small_c != c),
    )  # fmt: skip
    draft.put("PE.Cfg", **operation.value)
    after.put(draft)
    second_in_l2(draft, x, z, size, Tile(0, small_channel, small_depth, small_depth))
    return [first.plan(), draft.plan()]


def second_in_l2(draft: Draft, x: Surface, z: Surface, base: int, second: Tile) -> None:
    """Source 1 by DMA behind `base`, source 2 in L2, the result behind both."""
    _, c, h, w = x.shape
    draft.read(x)
    draft.write(z)
    channel, depth, row = planar_rows(c, w)
    height = tile_of(h, 2 * row, base)
    draft.put("Common.TileCfg", TileHeight=height)
    draft.source_tile("DmaRead", Tile(base, channel, row, depth, depth), Aliases.NEURAL)
    draft.second_tile(second)
    draft.result_tile("DmaWrite", Tile(base + height * row))
    draft.cycles = cycles((x,), (z,))


def channel_constants(
    x: Surface, z: Surface, bias: Halves | None, scale: Halves | None, *, relu: bool = False
) -> list[TaskPlan]:
    """Stores (x + bias) * scale with constants of each channel, rounded once.

    Args:
        x: the source.
        z: the result.
        bias: float16, one for each channel; None for 0.
        scale: float16, one for each channel; None for 1.
        relu: clamp at zero behind it.

    Returns:
        Two tasks: the constants, a row of biases and one of scales, come by tile DMA out of BAR 1 into L2; then one of
        kind "GainOffset" (record of an add, 5 of 5 further tasks).
    """
    n, c, h, w = x.shape
    known = evidence("channel constants", x.shape)
    row = round_up(HALF_BYTES * c, ROW_ALIGNMENT_BYTES)
    buffer = f"{z.buffer}.constants"
    constants = Surface(buffer, Shape(1, 1, 2, c), 0, row, 2 * row, 2 * row, 2 * row)
    channel = channel_bytes(c)
    narrow, handed = min(channel, NEURAL_COLUMNS_BYTES), handed_row_bytes(channel)
    size = 2 * handed
    first = pass_into_l2(
        "biases and scales into L2", known, constants, Tile(size, narrow, narrow, narrow, narrow),
        Tile(0, channel, handed, channel),
    )  # fmt: skip
    zeros, ones = array("H", [0]) * c, array("H", [0x3C00]) * c
    biases, scales = (bytes(zeros if bias is None else bias), bytes(ones if scale is None else scale))
    first.constants = {buffer: biases.ljust(row, b"\0") + scales.ljust(row, b"\0")}
    first.cycles = 0
    draft = planar("scale and bias of each channel", known, Kind.GAIN_OFFSET, (c, h, w), patch_of_pairs(h, w), groups=n)
    draft.put("Common.PECfg", Src2Transpose=1)
    draft.put("PE.Cfg", SecSrc="+Source2", ReluEn=int(relu))
    second_in_l2(draft, x, z, size, Tile(0, channel, handed, channel))
    return [first.plan(), draft.plan()]


@in_parts("ch")
def divide(x: Surface, y: Surface, z: Surface, reciprocal: bytes) -> list[TaskPlan]:
    """Stores x / y: the reciprocal of y by a table, which stays in L2, then a product.

    Args:
        x: the dividend.
        y: the divisor, of the same shape, with a batch of 1.
        z: the result.
        reciprocal: the table's 128 bytes.

    Returns:
        Two tasks (record of one shape).
    """
    _, c, h, w = x.shape
    known = evidence("div", x.shape)
    channel = channel_bytes(w)
    depth, sharing = c * channel, rows_log2(h, HALF_BYTES * w)
    planar_row = planar_row_bytes(c, channel)
    neural_row = neural_row_bytes(c, channel, sharing) if h > 1 else depth
    size = h * planar_row
    if 2 * size > SIZE_BYTES:
        raise TooLargeError(f"{c} x {h} x {w} does not fit L2 twice")
    first = neural("reciprocal", known, (c, h, w), rows_log2=sharing, table=True)
    first.read(y)
    first.source_tile("DmaRead", Tile(size, channel, neural_row, depth, depth), Aliases.ALL)
    first.result_tile("L2Write", Tile(0, channel, planar_row, depth), Aliases.ALL)
    first.kernel = lookup(reciprocal, min(c, NEURAL_ENGINES))
    first.events = Events.ROOT
    first.cycles = cycles((y,))
    draft = planar("mul", known, Kind.TWO, (c, h, w), patch_of_pairs(h, w))
    draft.put("PE.Cfg", **Binary.MUL.value)
    second_in_l2(draft, x, z, size, Tile(0, channel, planar_row, depth))
    return [first.plan(), draft.plan()]
