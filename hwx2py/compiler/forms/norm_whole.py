"""Normalisation over channels, and over everything: dimensions change places, by copies or by strides."""

from ...errors import UnsupportedError
from ...program.l2 import (
    SIZE_BYTES,
    Aliases,
    Patch,
    Tile,
    channel_bytes,
    kept_row_bytes,
    log2_up,
    neural_row_bytes,
    patch_of_one,
    patch_of_pairs,
    patch_of_squares,
    planar_row_bytes,
)
from ..draft import Draft
from ..engines import NEURAL_ENGINES, cycles, cycles_of_bytes, neural
from ..evidence import evidence
from ..surface import HALF_BYTES, Surface
from ..task import Events, Fetch, TaskPlan
from .norm import combined_by_rows, root_of_squares, scaled_difference, spread
from .parts import TooLargeError, in_parts
from .reduction import MOST_GROUPS, Reduce, fold, reducing
from .softmax import keep_kernel

#: Rows of a tile of the first task of a norm over everything (records).
MOST_TILE_ROWS = 32


@in_parts("h")
def over_c(x: Surface, y: Surface, epsilon: float) -> list[TaskPlan]:
    """Over C of C x H x W, H W > 1: as over W, with C and W exchanged by two copies.

    Args:
        x: the source, with a batch of 1.
        y: the result.
        epsilon: added to the variance, a float16.

    Returns:
        Six tasks (published tables).

    Raises:
        UnsupportedError: L2 does not hold what is needed.
    """
    _, c, h, w = x.shape
    plan = _Channels(x)
    if plan.end > SIZE_BYTES or h > MOST_GROUPS:
        raise TooLargeError(f"{c} x {h} x {w} does not fit L2 three times")
    known = evidence("norm over C", x.shape)
    channel, depth = plan.channel, plan.depth
    line = Tile(0, channel, channel, channel)
    x_tile = Tile(plan.kept, channel, plan.row, depth)
    difference_tile = Tile(plan.copy, channel, plan.difference_row, depth)

    def exchanged(what: str) -> Draft:
        draft = neural(
            what, known, (c, h, w), rows_log2=plan.sharing, prefer_log2=plan.sharing, least_log2=plan.sharing,
            exchange=True, engines=8 if w < 16 else NEURAL_ENGINES,
        )  # fmt: skip
        draft.events = Events.COPY
        return draft

    def placed(draft: Draft, base: int) -> Draft:
        row = HALF_BYTES * plan.folded[1] if plan.folded[0] > 1 else plan.column_depth
        source = Tile(base, plan.column, row, plan.column_depth, plan.column_row)
        draft.put("Common.PECfg", OutputTranspose=1)
        draft.source_tile("L2Read", source, Aliases.NEURAL_RESULT)
        draft.result_tile("L2Write", Tile(0, channel, h * channel, channel, channel))
        return draft

    first = exchanged("C and W exchanged")
    first.read(x)
    first.source_tile("DmaReadKeep", x_tile._replace(group_bytes=depth), Aliases.ALL)
    first.result_tile("L2Write", Tile(plan.copy, plan.column, plan.column_row, plan.column_depth), Aliases.ALL)
    first.cycles = cycles((x,))
    size = (w, *plan.folded)
    mean = placed(reducing(Reduce.MEAN, known, size, patch_of_one(*plan.folded), c, groups=h), plan.copy)
    whole = (c, h, w)
    difference = combined_by_rows("x - mean", known, whole, Patch(4, 4), along="C", OpMode="Add", SecSrc="-Source2")
    difference.source_tile("L2Read", x_tile, Aliases.PLANAR_RESULT)
    difference.second_tile(line)
    difference.result_tile("L2Write", difference_tile)
    second = exchanged("difference exchanged")
    if plan.at_once:
        second.source_tile("L2Read", difference_tile, dependent=2)
    else:
        second.source_tile("L2Read", difference_tile, Aliases.PLANAR_RESULT)
    second.result_tile("L2Write", Tile(plan.second_copy, plan.column, plan.column_row, plan.column_depth))
    second.put("NE.KernelCfg", KeepKernel=1)
    second.keeps_kernel = True
    square = placed(root_of_squares(known, size, c, epsilon, groups=h), plan.second_copy)
    patch = patch_of_pairs(h, w)
    last = combined_by_rows("difference * scale", known, whole, patch, along="C", OpMode="Mul", SecSrc="+Source2")
    last.source_tile("L2Read", difference_tile, Aliases.PLANAR_RESULT)
    last.second_tile(line)
    last.result_tile("DmaWrite", Tile(plan.copy + h * plan.difference_row))
    last.write(y)
    last.cycles = cycles((), (y,))
    drafts = [
        first, keep_kernel(mean, True, False), keep_kernel(difference, True, True), second, square,
        keep_kernel(last, False, True),
    ]  # fmt: skip
    return [draft.plan() for draft in drafts]


class _Channels:
    """The plan of L2 of a norm over channels."""

    def __init__(self, x: Surface):
        _, c, h, w = x.shape
        self.channel, self.column = channel_bytes(w), channel_bytes(c)
        self.depth, self.column_depth = c * self.channel, w * self.column
        self.row = planar_row_bytes(c, self.channel)
        self.folded = fold(c)
        self.column_row = self.column_depth if self.folded[0] > 1 else planar_row_bytes(w, self.column)
        self.sharing = max(0, min(4, 7 - log2_up(w)))
        self.at_once = h <= 1 << self.sharing  # the engines take all rows at once
        self.copy = h * self.channel  # the exchanged copy lies behind the mean
        self.difference_row = self.row if self.at_once else neural_row_bytes(c, self.channel, self.sharing)
        taken = self.difference_row if self.at_once else max(self.difference_row, self.column_row)
        self.second_copy = self.copy + h * taken
        self.kept = self.second_copy + h * self.column_row if self.at_once else self.second_copy
        self.end = self.kept + h * max(self.row, self.column_row)


def over_everything(x: Surface, y: Surface, epsilon: float) -> list[TaskPlan]:
    """Over C, H and W: C takes the place of H, H that of depth; also over W of a single row.

    Args:
        x: the source, with a batch of 1.
        y: the result.
        epsilon: added to the variance, a float16.

    Returns:
        Three tasks (published tables).

    Raises:
        UnsupportedError: L2 does not hold the source.
    """
    _, c, h, w = x.shape
    known = evidence("norm over C H W", x.shape)
    single = (c, h) == (1, 1)
    source, high, depth = x, 1, 1
    if not single:
        high, depth = c, h
        source = x.strided(
            row_bytes=x.plane_bytes, plane_bytes=x.depth_bytes, depth_bytes=x.row_bytes, group_bytes=x.depth_bytes
        )
    channel = channel_bytes(w)
    group = channel * depth
    row = group if single else kept_row_bytes(group) if depth > 1 else max(group, 0x20)
    base, count = 0x40, c * h * w
    if base + high * row > SIZE_BYTES:
        raise UnsupportedError(f"{c} x {h} x {w} does not fit L2")
    pair, x_tile = Tile(0, 0x10, 0x20, 0x10), Tile(base, channel, row, channel)
    mean = reducing(Reduce.MEAN, known, (1, high, w), patch_of_one(high, w), count, depth=depth)
    mean.put("Common.TileCfg", TileHeight=min(high, MOST_TILE_ROWS))
    mean.read(source, Fetch.TENSOR if single else Fetch.AGAIN)
    mean.source_tile("DmaReadKeep", x_tile._replace(group_bytes=group), Aliases.ALL)
    mean.result_tile("L2Write", pair, Aliases.ALL)
    mean.cycles = cycles_of_bytes(x.size_bytes)
    scale = spread(known, (1, high, w), patch_of_squares(high, w), count, epsilon, depth=depth)
    scale.put(
        "Common.PECfg", Src1BroadcastW=int(w > 1), Src1BroadcastH=int(high > 1), Src1BroadcastD=int(depth > 1)
    )  # fmt: skip
    scale.source_tile("L2Read", pair, Aliases.PLANAR_RESULT)
    scale.second_tile(x_tile)
    scale.result_tile("L2Write", pair._replace(base_bytes=0x20))
    last = scaled_difference(known, (c, h, w), patch_of_one(h, w))
    if single:
        last.source_tile("L2Read", x_tile, Aliases.PLANAR_RESULT)
        end = base + high * row
    else:
        whole = c * channel
        last_row = planar_row_bytes(c, channel) if h > 1 or w == 1 else whole
        last.put("Common.PECfg", Src2BroadcastC=1)
        last.read(x, Fetch.LAST)
        last.source_tile("DmaRead", Tile(base, channel, last_row, whole, whole), Aliases.PLANAR_RESULT)
        end = base + h * last_row
    last.second_tile(pair)
    last.result_tile("DmaWrite", Tile(end))
    last.write(y)
    last.cycles = cycles(() if single else (x,), (y,))
    return [draft.plan() for draft in (keep_kernel(mean, True, False), scale, last)]
