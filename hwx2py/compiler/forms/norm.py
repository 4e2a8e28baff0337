"""Normalisation: mean, 1 / sqrt(mean square of the difference + epsilon), (x - mean) times that."""

from dataclasses import replace

from ...program.l2 import (
    PLANAR_COLUMNS_BYTES,
    SIZE_BYTES,
    Aliases,
    Patch,
    Tile,
    channel_bytes,
    neural_row_bytes,
    patch_of_one,
    patch_of_pairs,
    planar_row_bytes,
    rows_log2,
)
from ..draft import Draft
from ..engines import Kind, cycles, cycles_of_bytes, planar
from ..evidence import evidence
from ..surface import HALF_BYTES, Surface
from ..task import Evidence, Fetch, TaskPlan, closed, own
from .parts import TooLargeError, in_parts
from .passes import pass_into_l2
from .reduction import MOST_GROUPS, Reduce, fold, reduce_cycles, reducing
from .softmax import MOST_ROWS, keep_kernel
from .steps import one_row

IN_PARTS = own("rows in parts that L2 holds")


def spread(
    known: Evidence, size: tuple[int, int, int], patch: Patch, count: int, epsilon: float, *, depth: int = 1
) -> Draft:
    """1 / sqrt(mean of (mean - x)^2 + epsilon): source 1 is the mean, source 2 is x; operands not yet placed.

    Args:
        known: where its words come from.
        size: channels, height and width of x.
        patch: the patch.
        count: elements of a mean.
        epsilon: a float16.
        depth: depth slices of x.
    """
    draft = planar("1 / sqrt(variance + epsilon)", known, Kind.REDUCE_TWO, size, patch, depth=depth)
    draft.put("PE.Cfg", OpMode="SumSquares", NLMode="Rsqrt", FirstSrc="-Source1", SecSrc="+Source2")
    draft.put("PE.PreScale", Epsilon=epsilon)
    draft.put("PE.FinalScale", FinalScale=1.0 / count)
    return keep_kernel(draft, True, True)


def scaled_difference(known: Evidence, size: tuple[int, int, int], patch: Patch) -> Draft:
    """(x - mean) * scale: source 2 has both; operands not yet placed."""
    draft = planar("(x - mean) * scale", known, Kind.GAIN_OFFSET, size, patch)
    draft.put("PE.Cfg", SecSrc="-Source2")
    return keep_kernel(draft, False, True)


def combined_by_rows(
    what: str, known: Evidence, size: tuple[int, int, int], patch: Patch, *, along: str, **cfg: str
) -> Draft:
    """Combines x with one value of each row or column of source 2; operands not yet placed.

    Args:
        what: what the task gives.
        known: where its words come from.
        size: channels, height and width of x.
        patch: the patch.
        along: the axis along which source 2 is repeated, C or W.
        cfg: fields of PE.Cfg.
    """
    draft = planar(what, known, Kind.TWO, size, patch)
    draft.put("PE.Cfg", **cfg)
    draft.put("Common.PECfg", **{f"Src2Broadcast{along}": 1})
    return draft


def rows(x: Surface, y: Surface, epsilon: float) -> list[TaskPlan]:
    """Each row of a matrix on its own: over W of 1 x 1 x M x K.

    Args:
        x: the source; it is fetched three times, nothing of it stays in L2.
        y: the result.
        epsilon: added to the variance, a float16.

    Returns:
        1 + 2 ceil(M / 192) tasks for each part of the rows that L2 holds (records of 375 rows, published tables).
    """
    count, width = x.shape.h, x.shape.w
    narrow = min(channel_bytes(width), PLANAR_COLUMNS_BYTES)
    most = SIZE_BYTES // (2 * 0x10 + 2 * narrow)
    if count > most:
        parts = [(first, min(most, count - first)) for first in range(0, count, most)]
        plans = [plan for part in parts for plan in closed(rows(x.rows(*part), y.rows(*part), epsilon))]
        return [replace(plan, evidence=IN_PARTS) for plan in plans]
    known = evidence("norm over W", x.shape)
    x, y = x.rows_as_channels(), y.rows_as_channels()
    channel = narrow
    column, patch = count * 0x10, patch_of_one(1, width)
    tail = 2 * column
    parts = [(first, min(MOST_ROWS, count - first)) for first in range(0, count, MOST_ROWS)]
    tasks = []
    for number, (first, size) in enumerate(reversed(parts)):
        draft = reducing(Reduce.MEAN, known, (size, 1, width), patch, width)
        draft.read(x.planes(first, size), Fetch.AGAIN)
        draft.source_tile(
            "DmaRead", one_row(tail, channel, size * channel), Aliases.NONE if number else Aliases.ALL
        )  # fmt: skip
        draft.result_tile(
            "L2Write", Tile(first * 0x10, 0x10, column, column), Aliases.NONE if number else Aliases.ALL
        )  # fmt: skip
        draft.cycles = _row_cycles(x, size)
        tasks.append(keep_kernel(draft, True, number > 0))
    for number, (first, size) in enumerate(parts):
        draft = spread(known, (size, 1, width), patch, width, epsilon)
        draft.put("Common.PECfg", Src1BroadcastW=1)
        draft.put("Common.Cfg", Unk0=0, Source2Dma=1)
        draft.put("TileDMASrc.Src1DMAConfig", En=1)
        draft.put("TileDMASrc.Src1Fmt", FmtMode=1)
        draft.read_second(x.planes(first, size), Fetch.AGAIN)
        draft.source_tile(
            "L2Read", Tile(first * 0x10, 0x10, column, column), Aliases.NONE if number else Aliases.PLANAR_RESULT,
            dma=True, second_by_dma=True,
        )  # fmt: skip
        draft.second_tile(one_row(tail, channel, size * channel))
        draft.result_tile("L2Write", Tile(column + first * 0x10, 0x10, column, column))
        draft.cycles = _row_cycles(x, size)
        tasks.append(draft)
    last = scaled_difference(known, (count, 1, width), patch)
    last.read(x, Fetch.LAST)
    last.source_tile("DmaRead", one_row(tail, channel, count * channel), Aliases.PLANAR_RESULT)
    last.second_tile(Tile(0, 0x10, column, column))
    last.result_tile("DmaWrite", Tile(tail + count * channel))
    last.write(y)
    last.cycles = cycles_of_bytes(x.size_bytes + y.size_bytes)
    return [task.plan() for task in (*tasks, last)]


def _row_cycles(x: Surface, count: int) -> int:
    return cycles_of_bytes(x.planes(0, count).size_bytes)


@in_parts("ch")
def over_w(x: Surface, y: Surface, epsilon: float) -> list[TaskPlan]:
    """Over W of C x H x W, H > 1.

    Args:
        x: the source, with a batch of 1.
        y: the result.
        epsilon: added to the variance, a float16.

    Returns:
        Five tasks (published tables).

    Raises:
        TooLargeError: L2 does not hold the source twice.
    """
    _, c, h, w = x.shape
    known = evidence("norm over W", x.shape)
    channel = channel_bytes(w)
    depth, sharing = c * channel, rows_log2(h, HALF_BYTES * w)
    row, column = planar_row_bytes(c, channel), c * 0x10
    high, wide = fold(w)
    first, second = Tile(0, channel, row, depth), Tile(h * row, channel, row, depth)
    means, scales = Tile(2 * h * row, 0x10, column, column), Tile(h * row, 0x10, column, column)
    if means.base_bytes + h * row > SIZE_BYTES or h > MOST_GROUPS:
        raise TooLargeError(f"{c} x {h} x {w} does not fit L2 twice")
    passing = Tile(means.base_bytes, channel, neural_row_bytes(c, channel, sharing), depth, depth)
    copy = pass_into_l2("x into L2", known, x, passing, second)
    folded_row = HALF_BYTES * wide if high > 1 else depth
    grouped = Tile(0, 0x10, h * column, column, column)
    mean = reducing(Reduce.MEAN, known, (c, high, wide), patch_of_one(high, wide), w, groups=h)
    mean.source_tile("L2Read", Tile(second.base_bytes, channel, folded_row, depth, row), Aliases.NEURAL_RESULT)
    mean.result_tile("L2Write", grouped._replace(base_bytes=means.base_bytes))
    mean.cycles = reduce_cycles(c, h, w)
    size, patch = (c, h, w), patch_of_pairs(h, w)
    difference = combined_by_rows("x - mean", known, size, patch, along="W", OpMode="Add", SecSrc="-Source2")
    difference.source_tile("L2Read", second, Aliases.PLANAR_RESULT)
    difference.second_tile(means)
    difference.result_tile("L2Write", first)
    square = root_of_squares(known, (c, high, wide), w, epsilon, groups=h)
    square.source_tile("L2Read", Tile(0, channel, folded_row, depth, row), Aliases.PLANAR_RESULT)
    square.result_tile("L2Write", grouped._replace(base_bytes=scales.base_bytes))
    square.cycles = reduce_cycles(c, h, w)
    last = combined_by_rows("difference * scale", known, size, patch, along="W", OpMode="Mul", SecSrc="+Source2")
    last.source_tile("L2Read", first, Aliases.PLANAR_RESULT)
    last.second_tile(scales)
    last.result_tile("DmaWrite", Tile(scales.base_bytes + h * column))
    last.write(y)
    last.cycles = cycles((), (y,))
    drafts = [
        copy, keep_kernel(mean, True, False), keep_kernel(difference, True, True), square,
        keep_kernel(last, False, True),
    ]  # fmt: skip
    return [draft.plan() for draft in drafts]


def root_of_squares(
    known: Evidence, size: tuple[int, int, int], count: int, epsilon: float, *, groups: int = 1
) -> Draft:
    """1 / sqrt(mean of squares + epsilon) of one source; operands not yet placed."""
    draft = reducing(Reduce.SUM, known, size, patch_of_one(*size[1:]), count, groups=groups)
    draft.what = "1 / sqrt(variance + epsilon)"
    draft.put("PE.Cfg", OpMode="SumSquares", NLMode="Rsqrt")
    draft.put("PE.PreScale", Epsilon=epsilon)
    draft.put("PE.FinalScale", FinalScale=1.0 / count)
    return keep_kernel(draft, True, True)


@in_parts("c")
def over_h_w(x: Surface, y: Surface, epsilon: float) -> list[TaskPlan]:
    """Over H and W, each channel on its own: means and scales of all channels lie side by side.

    Args:
        x: the source, with a batch of 1.
        y: the result.
        epsilon: added to the variance, a float16.

    Returns:
        Three tasks (published tables).

    Raises:
        TooLargeError: L2 does not hold the source.
    """
    _, c, h, w = x.shape
    known = evidence("norm over H W", x.shape)
    channel = channel_bytes(w)
    depth = c * channel
    row = planar_row_bytes(c, channel) if h > 1 else depth
    column = channel_bytes(c)
    line_row = column + 0x10 if column % 0x20 else column
    base = 2 * line_row
    if base + h * row > SIZE_BYTES:
        raise TooLargeError(f"{c} x {h} x {w} does not fit L2")
    x_tile, line = Tile(base, channel, row, depth), Tile(0, column, line_row, column)
    mean = reducing(Reduce.MEAN, known, (c, h, w), patch_of_one(h, w), h * w)
    mean.put("Common.PECfg", OutputTranspose=1)
    mean.read(x)
    mean.source_tile("DmaReadKeep", x_tile._replace(group_bytes=depth), Aliases.ALL)
    mean.result_tile("L2Write", line, Aliases.ALL)
    mean.cycles = cycles((x,))
    patch = patch_of_pairs(h, w) if h > 1 else patch_of_one(1, w)
    scale = spread(known, (c, h, w), patch, h * w, epsilon)
    scale.put("Common.PECfg", Src1BroadcastW=1, Src1BroadcastH=int(h > 1), Src1Transpose=1, OutputTranspose=1)
    scale.source_tile("L2Read", line, Aliases.PLANAR_RESULT)
    scale.second_tile(x_tile)
    scale.result_tile("L2Write", line._replace(base_bytes=line_row))
    last = scaled_difference(known, (c, h, w), patch)
    last.put("Common.PECfg", Src2Transpose=1)
    last.source_tile("L2Read", x_tile, Aliases.PLANAR_RESULT)
    last.second_tile(line)
    last.result_tile("DmaWrite", Tile(base + h * row))
    last.write(y)
    last.cycles = cycles((), (y,))
    return [draft.plan() for draft in (keep_kernel(mean, True, False), scale, last)]


def over_flat_c(x: Surface, y: Surface, epsilon: float) -> list[TaskPlan]:
    """Over C of 1 x C x 1 x 1: the planar engine exchanges C and W, and back.

    Args:
        x: the source.
        y: the result.
        epsilon: added to the variance, a float16.

    Returns:
        Five tasks (published tables).
    """
    c = x.shape.c
    known = evidence("norm over C", x.shape)
    depth, channel, patch = c * 0x10, channel_bytes(c), patch_of_one(1, c)
    flat, pair = Tile(0x40, channel, channel, channel), Tile(0, 0x10, 0x20, 0x10)
    narrow = Patch(0, 4)
    first = planar("C and W exchanged", known, Kind.ONE, (c, 1, 1), narrow)
    first.put("Common.PECfg", OutputTranspose=1)
    first.read(x)
    first.source_tile("DmaRead", Tile(0x40 + channel, 0x10, planar_row_bytes(c, 0x10), depth, depth), Aliases.ALL)
    first.result_tile("L2Write", flat, Aliases.ALL)
    first.cycles = cycles((x,))
    mean = reducing(Reduce.MEAN, known, (1, 1, c), patch, c)
    mean.source_tile("L2Read", flat, Aliases.PLANAR_RESULT)
    mean.result_tile("L2Write", pair)
    scale = spread(known, (1, 1, c), patch, c, epsilon)
    scale.put("Common.PECfg", Src1BroadcastW=1)
    scale.source_tile("L2Read", pair, dependent=2)
    scale.second_tile(flat)
    scale.result_tile("L2Write", pair._replace(base_bytes=0x20))
    done = scaled_difference(known, (1, 1, c), patch)
    done.put("Common.PECfg", Src2Transpose=1)
    done.source_tile("L2Read", flat, Aliases.PLANAR_RESULT)
    done.second_tile(pair)
    done.result_tile("L2Write", flat)
    last = planar("exchanged back", known, Kind.ONE, (c, 1, 1), narrow)
    last.put("Common.PECfg", Src1Transpose=1)
    last.source_tile("L2Read", flat, Aliases.PLANAR_RESULT)
    last.result_tile("DmaWrite", Tile(0x40 + channel))
    last.write(y)
    last.cycles = cycles((), (y,))
    drafts = [
        keep_kernel(first, True, False), keep_kernel(mean, True, True), scale, keep_kernel(done, True, True),
        keep_kernel(last, False, True),
    ]  # fmt: skip
    return [draft.plan() for draft in drafts]
