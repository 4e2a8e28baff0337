"""Softmax over rows: maximum, difference in units of log 2, 2^x by a table, 1 / sum, product."""

from ...program.l2 import (
    BANKS_BYTES,
    NEURAL_COLUMNS_BYTES,
    SIZE_BYTES,
    Aliases,
    Patch,
    Tile,
    channel_bytes,
    kept_row_bytes,
    log2_up,
    neural_row_bytes,
    patch_of_one,
    patch_of_two,
    rows_log2,
)
from ..coefficients import lookup
from ..draft import Draft
from ..engines import NEURAL_ENGINES, Kind, cycles, cycles_of_bytes, neural, planar
from ..evidence import evidence
from ..surface import HALF_BYTES, Surface
from ..task import Evidence, Store, TaskPlan
from .parts import TooLargeError, in_parts
from .passes import pass_into_l2
from .reduction import MOST_GROUPS, Reduce, fold, reduce_cycles, reducing

#: log2 e as a float16: what the difference to the maximum is multiplied by, so that 2^x gives e^x (records).
LOG2_E = 1.4423828125
#: Channels that a reduction takes where they are rows (records of 375 rows and published tables).
MOST_ROWS = 192
#: Estimates (9.509, read off the records): elements of a difference, and of a table by engine and in all.
ELEMENTS_A_CYCLE = 45511
TABLE_ELEMENTS_A_CYCLE, TABLE_ELEMENTS_IN_ALL = 9100, 30000


def table_cycles(channels: int, height: int, width: int) -> int:
    """The estimate for a table out of L2."""
    turns = -(-channels // NEURAL_ENGINES)
    return int(max(height * width * turns / TABLE_ELEMENTS_A_CYCLE, channels * height * width / TABLE_ELEMENTS_IN_ALL))


def keep_kernel(draft: Draft, keep: bool, use: bool) -> Draft:
    """Bits of NE.KernelCfg that tasks of the planar engine between two of the neural engines have (records).

    Args:
        draft: the task.
        keep: the kernel stays for a later task.
        use: it is that of an earlier task.
    """
    draft.put("NE.KernelCfg", KeepKernel=int(keep), UsePrevKernel=int(use))
    draft.keeps_kernel = keep
    return draft


@in_parts("ch")
def over_w(x: Surface, y: Surface, exp2: bytes) -> list[TaskPlan]:
    """Over W of C x H x W.

    Args:
        x: the source, with a batch of 1 and W > 1.
        y: the result.
        exp2: the table of 2^x, 128 bytes.

    Returns:
        H > 1: six tasks, two more for every 192 further rows of a single channel. H = 1: five. Parts where L2 does not
        hold the source twice.

    Raises:
        TooLargeError: L2 does not hold a row twice.
    """
    fits = _row_fits(x) if x.shape.h == 1 else _Rows(x).fits
    if not fits:
        raise TooLargeError(f"{x.shape.c} x {x.shape.h} x {x.shape.w} does not fit L2 twice")
    return _row(x, y, exp2) if x.shape.h == 1 else _rows(x, y, exp2)


def rows_to_kernels(x: Surface, kernels: Surface, lanes: int, exp2: bytes) -> list[TaskPlan]:
    """Over W of C x H x W; the last task stores the result as a kernel, rows of C side by side.

    Args:
        x: the source, with a batch of 1 and W > 1.
        kernels: where rows of kernels go: C / lanes x H x lanes W.
        lanes: rows side by side.
        exp2: the table of 2^x, 128 bytes.

    Returns:
        H > 1: six tasks; H = 1: five (the store as published tables of attention have it).

    Raises:
        TooLargeError: L2 does not hold the source twice, or C is more than a reduction takes.
    """
    fits = _row_fits(x) if x.shape.h == 1 else _Rows(x).fits
    if not fits or x.shape.c > MOST_ROWS or x.shape.w == 1:
        raise TooLargeError(f"{x.shape.c} x {x.shape.h} x {x.shape.w} does not fit L2 twice")
    return _row(x, kernels, exp2, lanes) if x.shape.h == 1 else _rows(x, kernels, exp2, lanes)


def _stored(draft: Draft, y: Surface, base: int, lanes: int) -> None:
    """The last task's result: a tensor, or a kernel of so many lanes."""
    draft.result_tile("DmaWrite", Tile(base), lanes=lanes or 1)
    if lanes:
        draft.write(y, Store.SOFTMAX_KERNEL, lanes)
    else:
        draft.write(y)
    draft.cycles = cycles((), (y,))


def _row_fits(x: Surface) -> bool:
    _, c, _, w = x.shape
    return c * 0x10 + 3 * c * channel_bytes(w) <= SIZE_BYTES


def _rows(x: Surface, y: Surface, exp2: bytes, lanes: int = 0) -> list[TaskPlan]:
    plan = _Rows(x)
    _, c, h, w = x.shape
    known = evidence("softmax over W", x.shape)
    narrow = min(plan.channel, NEURAL_COLUMNS_BYTES)
    source = Tile(plan.height * plan.x_row, narrow, plan.passing_row, c * narrow, c * narrow)
    copy = pass_into_l2("x into L2", known, x, source, plan.x_tile, sharing=plan.sharing)
    tasks = [copy, *plan.reduce(known, Reduce.MAX, plan.x_tile, plan.maximum)]
    patch = Patch(0, 7) if plan.is_wide else Patch(4, 4)
    draft = planar("(x - maximum) log2 e", known, Kind.TWO, (c, h, w), patch)
    draft.put("PE.Cfg", OpMode="Add", SecSrc="-Source2")
    draft.put("PE.BiasScale", Scale=LOG2_E)
    draft.put("Common.PECfg", Src2BroadcastW=1)
    draft.source_tile("L2Read", plan.x_tile, Aliases.PLANAR_RESULT)
    draft.second_tile(plan.column_tile(plan.maximum))
    draft.result_tile("L2Write", plan.difference)
    draft.cycles = c * h * w // ELEMENTS_A_CYCLE
    tasks.append(keep_kernel(draft, False, True))
    several = 0 if plan.is_wide else 4
    draft = neural(
        "2^x", known, (c, h, w), rows_log2=several, prefer_log2=several, least_log2=several, table=True
    )  # fmt: skip
    draft.source_tile("L2Read", plan.difference, dependent=2)
    draft.result_tile("L2Write", plan.power)
    draft.kernel = lookup(exp2, min(NEURAL_ENGINES, c))
    draft.cycles = table_cycles(c, h, w)
    tasks += [draft, *plan.reduce(known, Reduce.SUM, plan.power, 0)]
    draft = planar("2^x / sum", known, Kind.TWO, (c, h, w), patch_of_two(h, w))
    draft.put("PE.Cfg", OpMode="Mul", SecSrc="+Source2")
    draft.put("Common.PECfg", Src1BroadcastW=1)
    draft.source_tile("L2Read", plan.column_tile(0), Aliases.PLANAR_RESULT)
    draft.second_tile(plan.power)
    _stored(draft, y, plan.power.base_bytes + h * plan.power.row_bytes, lanes)
    tasks.append(keep_kernel(draft, False, True))
    return [task.plan() for task in tasks]


class _Rows:
    """The plan of L2 for rows: x, the difference to the maximum, 2 to that power, and a column of maxima or sums."""

    def __init__(self, x: Surface):
        _, c, h, w = x.shape
        self.channels, self.height, self.width = c, h, w
        channel = self.channel = channel_bytes(w)
        depth = self.depth = c * channel
        sharing = rows_log2(h, HALF_BYTES * w)
        padding = max(0x20, channel) if depth % BANKS_BYTES == 0 else 0x10 if depth % 0x200 == 0 else 0
        self.x_row = depth + (padding if sharing else 0)
        self.folded = fold(w)
        is_flat = w in (128, 256) and c == 1
        self.x_tile = Tile(0, channel, self.x_row, h * self.x_row if is_flat else depth)
        narrow = min(channel, NEURAL_COLUMNS_BYTES)
        self.passing_row = neural_row_bytes(c, narrow, sharing) if sharing else c * narrow
        self.is_wide = w > 128 and w % 128 != 0
        self.sharing = sharing
        if self.is_wide:  # 128 columns at a time, the last ones fewer
            self.sharing = rows_log2(h, NEURAL_COLUMNS_BYTES // 16)
            self.passing_row += 0x10 if c == 1 else 0x50
        difference_row = kept_row_bytes(depth) if c > 1 else depth + (0x10 if depth % 0x200 == 0 else 0)
        power_row = depth if self.folded[0] > 1 else difference_row
        base = h * self.x_row
        self.power = Tile(base, channel, power_row, h * power_row if is_flat else depth)
        difference = base if power_row == difference_row else base + h * power_row
        self.difference = Tile(difference, channel, difference_row, depth)
        self.maximum = difference + h * difference_row
        self.end = self.maximum + h * c * 0x10

    @property
    def fits(self) -> bool:
        """Whether L2 holds all of it."""
        return self.end <= SIZE_BYTES and self.height <= MOST_GROUPS

    def column_tile(self, base: int) -> Tile:
        """A column of one element a row."""
        c, h = self.channels, self.height
        return Tile(base, h * 0x10, 0x10, h * 0x10) if c == 1 else Tile(base, 0x10, c * 0x10, c * 0x10)

    def reduce(self, known: Evidence, kind: Reduce, tile: Tile, base: int) -> list[Draft]:
        """Reductions over W out of L2; a sum is followed by its reciprocal."""
        c, h, w = self.channels, self.height, self.width
        high, wide = self.folded
        parts = [(first, min(MOST_ROWS, h - first)) for first in range(0, h, MOST_ROWS)] if c == 1 else [(0, c)]
        column = h * c * 0x10
        drafts = []
        for number, (first, count) in enumerate(parts):
            draft = reducing(kind, known, (count, high, wide), patch_of_one(high, wide), w, groups=1 if c == 1 else h)
            if kind is Reduce.SUM:
                draft.put("PE.Cfg", NLMode="Reciprocal")
                draft.what = "1 / sum"
            row = HALF_BYTES * wide if high > 1 else tile.depth_bytes if c == 1 else self.depth
            if c == 1:
                source = Tile(tile.base_bytes + first * tile.row_bytes, tile.row_bytes, row, tile.depth_bytes)
                result = Tile(base + first * 0x10, 0x10, column, column)
            else:
                source = Tile(tile.base_bytes, self.channel, row, self.depth, tile.row_bytes)
                result = Tile(base, 0x10, column, c * 0x10, c * 0x10)
            draft.source_tile("L2Read", source, Aliases.NONE if number else Aliases.NEURAL_RESULT)
            draft.result_tile("L2Write", result)
            draft.cycles = reduce_cycles(count, h if c > 1 else 1, w)
            drafts.append(keep_kernel(draft, True, number > 0))
        return drafts


def _row(x: Surface, y: Surface, exp2: bytes, lanes: int = 0) -> list[TaskPlan]:
    _, c, _, w = x.shape
    known = evidence("softmax over W", x.shape)
    channel = channel_bytes(w)
    depth, column = c * channel, c * 0x10
    patch, sharing = patch_of_one(1, w), max(0, min(4, 7 - log2_up(w)))
    x_tile = Tile(column + depth, channel, depth, depth)
    powers, columns = Tile(column, channel, depth, depth), Tile(0, 0x10, column, column)
    first = reducing(Reduce.MAX, known, (c, 1, w), patch, w)
    first.read(x)
    first.source_tile("DmaReadKeep", x_tile._replace(group_bytes=depth), Aliases.ALL)
    first.result_tile("L2Write", columns, Aliases.ALL)
    first.cycles = cycles_of_bytes(x.size_bytes)
    difference = planar("(x - maximum) log2 e", known, Kind.TWO, (c, 1, w), patch)
    difference.put("Common.PatchCfg", PatchWidth=min(patch.width_log2, 7))
    difference.put("PE.Cfg", OpMode="Add", SecSrc="-Source2")
    difference.put("PE.BiasScale", Scale=LOG2_E)
    difference.put("Common.PECfg", Src2BroadcastW=1)
    difference.source_tile("L2Read", x_tile, Aliases.PLANAR_RESULT)
    difference.second_tile(columns)
    difference.result_tile("L2Write", powers)
    power = neural(
        "2^x", known, (c, 1, w), rows_log2=sharing, prefer_log2=sharing, least_log2=sharing, table=True
    )  # fmt: skip
    power.source_tile("L2Read", powers, dependent=2)
    power.result_tile("L2Write", powers)
    power.kernel = lookup(exp2, min(NEURAL_ENGINES, c))
    power.cycles = table_cycles(c, 1, w)
    total = reducing(Reduce.SUM, known, (c, 1, w), patch, w)
    total.put("PE.Cfg", NLMode="Reciprocal")
    total.what = "1 / sum"
    total.source_tile("L2Read", powers, Aliases.PLANAR_RESULT, dependent=1)
    total.result_tile("L2Write", columns)
    last = planar("2^x / sum", known, Kind.TWO, (c, 1, w), patch)
    last.put("PE.Cfg", OpMode="Mul", SecSrc="+Source2")
    last.put("Common.PECfg", Src1BroadcastW=1)
    last.source_tile("L2Read", columns, dependent=2)
    last.second_tile(powers)
    _stored(last, y, column + depth, lanes)
    drafts = [
        keep_kernel(first, True, False), keep_kernel(difference, False, True), power, keep_kernel(total, True, False),
        keep_kernel(last, False, True),
    ]  # fmt: skip
    return [draft.plan() for draft in drafts]
