"""Sums, means, maxima and minima along dimensions: the planar engine reduces over H and W; others are brought there."""

import enum
import functools
from collections.abc import Iterator

from ...errors import UnsupportedError
from ...program.l2 import (
    SIZE_BYTES,
    Aliases,
    Patch,
    Tile,
    channel_bytes,
    exchanged_row_bytes,
    kept_row_bytes,
    log2_up,
    neural_row_bytes,
    patch_of_one,
    patch_of_pairs,
    planar_row_bytes,
    rows_log2,
)
from ..draft import Draft
from ..engines import BYTES_A_CYCLE, CYCLES_A_PLANE, NEURAL_ENGINES, Kind, cycles, cycles_of_bytes, neural, planar
from ..evidence import evidence
from ..habits import USUAL, Habits
from ..surface import HALF_BYTES, Surface
from ..task import Events, Evidence, Fetch, Store, TaskPlan, closed
from .parts import TooLargeError, in_parts
from .passes import pass_into_l2
from .steps import columns_of, exchange_in_lanes, has_lanes, one_row

#: Estimate for the planar engine that reduces a plane, twice that where patches are wide (9.509, read off the records).
CYCLES_A_REDUCED_PLANE = 0.0028
#: Rows of so many elements are reduced as 4 rows of a quarter (records of softmax, norms and reductions).
FOLDED = (128, 256)
#: Groups are counted by 13 bits.
MOST_GROUPS = 8191
#: Patch widths above 2^5 take twice the time.
NARROW_PATCH_LOG2 = 5


class Reduce(enum.Enum):
    """How a reduction combines."""

    SUM = "sum"
    MEAN = "mean"
    MAX = "max"
    MIN = "min"

    @property
    def mode(self) -> str:
        """PE.Cfg.PoolMode."""
        return {Reduce.MAX: "Max", Reduce.MIN: "Min"}.get(self, "Sum")

    @property
    def padding(self) -> int:
        """L2.L2Cfg.PaddingMode: what lies outside the source does not change the result."""
        return {Reduce.MAX: 1, Reduce.MIN: 3}.get(self, 0)

    def factor(self, count: int) -> float:
        """PE.FinalScale."""
        return 1.0 / count if self is Reduce.MEAN else 1.0


def fold(width: int) -> tuple[int, int]:
    """Rows and columns that a row is reduced as."""
    return (4, width // 4) if width in FOLDED else (1, width)


def reduce_cycles(channels: int, groups: int, width: int) -> int:
    """The estimate for a reduction out of L2."""
    narrow = patch_of_one(*fold(width)).width_log2 <= NARROW_PATCH_LOG2
    return int(channels * groups * CYCLES_A_REDUCED_PLANE * (1 if narrow else 2))


def reducing(
    kind: Reduce, known: Evidence, size: tuple[int, int, int], patch: Patch, count: int, *, groups: int = 1,
    depth: int = 1,
) -> Draft:  # fmt: skip
    """A reduction over H and W, operands not yet placed.

    Args:
        kind: how it combines.
        known: where its words come from.
        size: channels, height and width.
        patch: the patch.
        count: elements that a mean divides by.
        groups: NumGroups.
        depth: depth slices, which are reduced too.
    """
    draft = planar(kind.value, known, Kind.REDUCE, size, patch, groups=groups, depth=depth)
    draft.put("L2.L2Cfg", PaddingMode=kind.padding)
    draft.put("PE.Cfg", PoolMode=kind.mode)
    draft.put("PE.FinalScale", FinalScale=kind.factor(count))
    return draft


def over_h_w(kind: Reduce, x: Surface, y: Surface) -> list[TaskPlan]:
    """Over H and W; the result is N x C x 1 x 1, or one row 1 x 1 x 1 x C.

    Args:
        kind: how it combines.
        x: the source.
        y: the result.

    Returns:
        One task for each batch element and part of the channels that L2 holds (records of a mean and of a sum).
    """
    n, c, h, w = x.shape
    flat = y.shape.c == 1 and y.shape.w == c and c > 1
    if flat and n > 1:
        raise UnsupportedError("the rows of several batch elements do not go into one")
    known = evidence(f"{kind.value} over H W", x.shape, *(["flat"] if flat else []))
    channel = channel_bytes(w)
    row = planar_row_bytes(c, channel)
    if flat and h * row > SIZE_BYTES:
        raise UnsupportedError(f"{c} x {h} x {w} does not fit L2")
    plans = []
    for number in range(n):
        for first, count in _parts(c, h * channel):
            source = x.batches(number, 1).planes(first, count)
            result = y if flat else y.batches(number, 1).planes(first, count)
            plans.append(_over_h_w(kind, source, result, known, flat))
    return plans


def _parts(channels: int, bytes_a_channel: int) -> Iterator[tuple[int, int]]:
    """Parts of the channels that L2 holds."""
    most = (SIZE_BYTES - 0x10000) // bytes_a_channel
    if most < 1:
        raise UnsupportedError(f"a channel of {bytes_a_channel} bytes does not fit L2")
    for first in range(0, channels, most):
        yield first, min(most, channels - first)


def _over_h_w(kind: Reduce, x: Surface, y: Surface, known: Evidence, flat: bool) -> TaskPlan:
    _, c, h, w = x.shape
    channel = channel_bytes(w)
    row, depth = planar_row_bytes(c, channel), c * channel
    draft = reducing(kind, known, (c, h, w), patch_of_pairs(h, w), h * w)
    draft.read(x)
    draft.source_tile("DmaRead", Tile(0, channel, row, depth, depth), Aliases.ALL)
    if flat:
        wide = channel_bytes(c)
        draft.put("Common.PECfg", OutputTranspose=1)
        draft.write(y, Store.WHOLE)
        draft.result_tile("L2WriteAndDma", Tile(h * row, wide, wide, wide, wide), Aliases.ALL)
    else:
        draft.write(y)
        draft.result_tile("DmaWrite", Tile(h * row), Aliases.ALL)
    draft.cycles = cycles((x,), (y,))
    return draft.plan()


def over_w(kind: Reduce, x: Surface, y: Surface) -> list[TaskPlan]:
    """Over W: rows are groups; a single row is reduced without groups, one of 128 or 256 elements as 4 rows.

    Args:
        kind: how it combines.
        x: the source.
        y: the result, N x C x H x 1.

    Returns:
        One task for each batch element (records of a sum and a minimum).
    """
    n, _, h, _ = x.shape
    if h > MOST_GROUPS:
        raise UnsupportedError(f"{h} rows; a task has at most {MOST_GROUPS} groups")
    known = evidence(f"{kind.value} over W", x.shape)
    one = _row_over_w if h == 1 else _rows_over_w
    return [one(kind, x.batches(number, 1), y.batches(number, 1), known) for number in range(n)]


def _rows_over_w(kind: Reduce, x: Surface, y: Surface, known: Evidence) -> TaskPlan:
    _, c, h, w = x.shape
    draft = reducing(kind, known, (c, 1, w), patch_of_pairs(1, w), w, groups=h)
    draft.read(x.strided(row_bytes=x.depth_bytes, group_bytes=x.row_bytes))
    draft.write(y.strided(row_bytes=y.depth_bytes, group_bytes=y.row_bytes))
    channel = channel_bytes(w)
    row, depth = planar_row_bytes(c, channel), c * channel
    draft.source_tile("DmaRead", Tile(0, channel, row, depth, depth), Aliases.ALL)
    draft.result_tile("DmaWrite", Tile(row), Aliases.ALL)
    draft.cycles = cycles((x,), (y,)) if h == 1 else _group_cycles(x, y)
    return draft.plan()


def _group_cycles(x: Surface, y: Surface) -> int:
    return int(max((x.size_bytes + y.size_bytes) / BYTES_A_CYCLE, CYCLES_A_PLANE * x.shape.h * x.shape.c))


def _row_over_w(kind: Reduce, x: Surface, y: Surface, known: Evidence) -> TaskPlan:
    _, c, _, w = x.shape
    high, wide = fold(w)
    channel = channel_bytes(wide)
    depth = c * channel
    row = kept_row_bytes(depth)
    draft = reducing(kind, known, (c, high, wide), patch_of_one(high, wide), w)
    draft.read(x.strided(row_bytes=HALF_BYTES * wide) if high > 1 else x)
    draft.source_tile("DmaRead", Tile(0, channel, row, depth, depth), Aliases.ALL)
    draft.write(y)
    draft.result_tile("DmaWrite", Tile(high * row), Aliases.ALL)
    draft.cycles = cycles_of_bytes(x.size_bytes)
    return draft.plan()


@in_parts("h")
def over_c(kind: Reduce, x: Surface, y: Surface, *, habits: Habits = USUAL) -> list[TaskPlan]:
    """Over C of N x C x H x W with H W > 1.

    Args:
        kind: how it combines; not a minimum, which neither way has in a record.
        x: the source.
        y: the result, N x 1 x H x W.
        habits: of the generation.

    Returns:
        A maximum: one task of one neural engine (record). A sum or mean: an exchanging copy and a reduction over W
        (record); with a single row the two are joined by a change of context.
    """
    known = evidence(f"{kind.value} over C", x.shape)
    rows = functools.partial(_over_c, most_lanes=habits.lanes_exchanged)
    one = _maximum_over_c if kind is Reduce.MAX else _row_over_c if x.shape.h == 1 else rows
    plans: list[TaskPlan] = []
    for number in range(x.shape.n):
        part = one(kind, x.batches(number, 1), y.batches(number, 1), known)
        plans += closed(part) if number + 1 < x.shape.n else part
    return plans


def _maximum_over_c(kind: Reduce, x: Surface, y: Surface, known: Evidence) -> list[TaskPlan]:
    _, c, h, w = x.shape
    if c == 1:
        raise UnsupportedError("the largest of a single channel came out as 0 on an M1")
    channel = channel_bytes(w)
    depth, sharing = c * channel, rows_log2(h, HALF_BYTES * w)
    draft = neural(kind.value, known, (c, h, w), out=(1, h, w), engines=1, rows_log2=sharing)
    draft.put("Common.GroupConvCfg", UnicastCin=c)
    draft.put("NE.MACCfg", OpMode="CrossChannelMax")
    draft.put("L2.L2Cfg", PaddingMode=kind.padding)
    draft.read(x)
    draft.write(y)
    row = neural_row_bytes(c, channel, sharing) if h > 1 else depth
    draft.source_tile("DmaRead", Tile(0, channel, row, depth, depth), Aliases.ALL)
    draft.result_tile("DmaWrite", Tile(h * row), Aliases.ALL)
    draft.cycles = cycles((x,), (y,))
    return [draft.plan()]


def _over_c(kind: Reduce, x: Surface, y: Surface, known: Evidence, *, most_lanes: int = 1) -> list[TaskPlan]:
    _, c, h, w = x.shape
    channel, column = channel_bytes(w), channel_bytes(c)
    depth, column_depth = c * channel, w * column
    high, wide = fold(c)
    sharing = rows_log2(h, HALF_BYTES * w)
    column_row = column_depth if high > 1 else exchanged_row_bytes(column_depth)
    base = h * column_row
    row = depth if depth == 0x200 and sharing < 3 else neural_row_bytes(c, channel, sharing)
    if base + h * row > SIZE_BYTES:
        raise TooLargeError(f"{c} x {h} x {w} does not fit L2 twice")
    in_lanes = most_lanes > 1 and has_lanes(c)
    if in_lanes and row > depth:
        row = depth + channel + 0x10  # records of 8 and 16 columns
    copy = pass_into_l2(
        "C and W exchanged", known, x, Tile(base, channel, row, depth, depth),
        Tile(0, column, column_row, column_depth), exchange=True,
        engines=NEURAL_ENGINES if w >= 16 or in_lanes else 8,
    )  # fmt: skip
    exchange_in_lanes(copy, c, w, most_lanes)
    draft = reducing(kind, known, (w, high, wide), patch_of_one(high, wide), c, groups=h)
    draft.put("Common.PECfg", OutputTranspose=1)
    source = Tile(0, column, HALF_BYTES * wide if high > 1 else column_depth, column_depth, column_row)
    draft.source_tile("L2Read", source, Aliases.NEURAL_RESULT)
    draft.result_tile("L2WriteAndDma", Tile(base, channel, h * channel, channel))
    draft.write(y.strided(row_bytes=y.depth_bytes, group_bytes=y.row_bytes), Store.WHOLE)
    return [copy.plan(), draft.plan()]


def _row_over_c(kind: Reduce, x: Surface, y: Surface, known: Evidence) -> list[TaskPlan]:
    _, c, _, w = x.shape
    channel, column = channel_bytes(w), channel_bytes(c)
    depth, size = c * channel, w * column
    few = c <= 8
    exchanged = columns_of(f"{y.buffer}.exchanged", w, c)
    copy = neural(
        "C and W exchanged", known, (c, 1, w), rows_log2=3 if few else 0, prefer_log2=3 if few else 0,
        least_log2=max(0, min(3, 7 - log2_up(w))) if few else 0, exchange=True, engines=NEURAL_ENGINES,
    )  # fmt: skip
    copy.read(x)
    copy.source_tile("DmaRead", one_row(size, channel, depth), Aliases.ALL)
    copy.result_tile("L2Write", Tile(0, column, size, size), Aliases.ALL)
    copy.write(exchanged, Store.CONTEXT)
    copy.events = Events.COPY
    copy.cycles = cycles_of_bytes(x.size_bytes)
    draft = reducing(kind, known, (w, 1, c), patch_of_one(1, c), c)
    draft.put("Common.PECfg", OutputTranspose=1)
    draft.read(exchanged, Fetch.CONTEXT)
    draft.source_tile("L2Read", Tile(0, column, size, size), Aliases.NEURAL_RESULT, dma=True)
    draft.result_tile("L2WriteAndDma", Tile(size, channel, channel, channel, channel))
    draft.write(y.strided(row_bytes=y.depth_bytes, group_bytes=y.row_bytes), Store.WHOLE)
    return [copy.plan(), draft.plan()]


def over_flat_c(kind: Reduce, x: Surface, y: Surface) -> list[TaskPlan]:
    """Over C of 1 x C x 1 x 1: C takes the place of H.

    Args:
        kind: how it combines.
        x: the source.
        y: the result, one element.

    Returns:
        One task (published tables).
    """
    c = x.shape.c
    draft = reducing(kind, evidence(f"{kind.value} over C", x.shape), (1, c, 1), patch_of_one(c, 1), c)
    draft.read(x.strided(row_bytes=x.plane_bytes))
    draft.source_tile("DmaRead", Tile(0, 0x10, 0x20, 0x10, 0x10), Aliases.ALL)
    draft.write(y)
    draft.result_tile("DmaWrite", Tile(c * 0x20), Aliases.ALL)
    draft.cycles = cycles_of_bytes(x.size_bytes)
    return [draft.plan()]


def over_c_h_w(kind: Reduce, x: Surface, y: Surface) -> list[TaskPlan]:
    """Over C, H and W: C takes the place of H, H that of depth.

    Args:
        kind: how it combines.
        x: the source, with a batch of 1.
        y: the result, one element.

    Returns:
        One task (published tables).

    Raises:
        UnsupportedError: L2 does not hold the source.
    """
    _, c, h, w = x.shape
    channel = channel_bytes(w)
    row = kept_row_bytes(h * channel)
    if c * row > SIZE_BYTES:
        raise UnsupportedError(f"{c} x {h} x {w} does not fit L2")
    known = evidence(f"{kind.value} over C H W", x.shape)
    draft = reducing(kind, known, (1, c, w), patch_of_one(c, w), c * h * w, depth=h)
    draft.read(
        x.strided(
            row_bytes=x.plane_bytes, plane_bytes=x.depth_bytes, depth_bytes=x.row_bytes, group_bytes=x.depth_bytes
        )
    )
    draft.source_tile("DmaRead", Tile(0, channel, row, channel, h * channel), Aliases.ALL)
    draft.write(y)
    draft.result_tile("DmaWrite", Tile(c * row), Aliases.ALL)
    draft.cycles = cycles_of_bytes(x.size_bytes)
    return [draft.plan()]


@in_parts("c")
def over_h(kind: Reduce, x: Surface, y: Surface) -> list[TaskPlan]:
    """Over H: rows become planes and W is exchanged with them; a reduction over W; exchanged back.

    Args:
        kind: how it combines.
        x: the source, with a batch of 1.
        y: the result, 1 x C x 1 x W.

    Returns:
        Three tasks (published tables).

    Raises:
        UnsupportedError: L2 does not hold the source, or W is more than the groups of a task.
    """
    _, c, h, w = x.shape
    known = evidence(f"{kind.value} over H", x.shape)
    channel, column = channel_bytes(w), channel_bytes(h)
    depth, column_depth = h * channel, w * column
    column_row = column_depth | 0x10
    base, means = c * column_row, c * 0x10
    if w > MOST_GROUPS:
        raise UnsupportedError(f"{w} columns; a task has at most {MOST_GROUPS} groups")
    if base + max(c * (depth + 0x20), (w + 1) * means) > SIZE_BYTES:
        raise TooLargeError(f"{c} x {h} x {w} does not fit L2")
    sharing = max(0, min(4, 7 - log2_up(w)))
    row = depth + 0x20 if depth % 0x200 == 0 else depth
    copy = neural(
        "H and W exchanged", known, (h, c, w), rows_log2=sharing, prefer_log2=sharing, least_log2=sharing,
        exchange=True, engines=8 if w < 16 else NEURAL_ENGINES,
    )  # fmt: skip
    copy.read(x.swapped())
    copy.source_tile("DmaRead", Tile(base, channel, row, depth, depth), Aliases.ALL)
    copy.result_tile("L2Write", Tile(0, column, column_row, column_depth), Aliases.ALL)
    copy.events = Events.COPY
    copy.cycles = cycles((x,))
    main = reducing(kind, known, (c, 1, h), patch_of_one(1, h), h, groups=w)
    main.source_tile("L2Read", Tile(0, column_row, column_depth, column_depth, column), Aliases.NEURAL_RESULT)
    main.result_tile("L2Write", Tile(base, 0x10, w * means, means, means))
    main.cycles = int(c * w * CYCLES_A_REDUCED_PLANE)
    few = c <= 64
    last = neural(
        "exchanged back", known, (w, c, 1), rows_log2=4, prefer_log2=4 if few else 0, least_log2=4 if few else 0,
        exchange=True, engines=8,
    )  # fmt: skip
    last.put("Common.TileCfg", TileHeight=min(c, 16))
    last.source_tile("L2Read", Tile(base, means, 0x10, means), Aliases.PLANAR_RESULT)
    rows = y.swapped()  # the task's rows are the channels of the result
    if few:
        last.result_tile("DmaWrite", Tile(base + w * means))
        last.write(rows)
    else:
        last.result_tile("DmaWrite", Tile(base + w * means, channel, channel, channel, channel), tiled=False)
        last.write(rows, Store.WHOLE)
    last.events = Events.COPY
    last.cycles = cycles((), (y,))
    return [copy.plan(), main.plan(), last.plan()]
