"""Products of matrices with constants: an exchanging copy, then 1 x 1 convolutions over M columns."""

import struct
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import NamedTuple

from ... import packing
from ...packing import Halves
from ...program.l2 import NEURAL_COLUMNS_BYTES, SIZE_BYTES, Aliases, Tile, channel_bytes, log2_up, odd_channel_bytes
from ..coefficients import kernel
from ..draft import Draft
from ..engines import NEURAL_ENGINES, cycles, cycles_of_bytes, neural
from ..evidence import evidence
from ..habits import USUAL, Habits
from ..surface import HALF_BYTES, Surface
from ..task import Events, Evidence, Fetch, Store, TaskPlan, own
from .parts import TooLargeError
from .steps import columns_of, exchanging_copy, one_row

#: Up to this number of rows one task makes all columns whose weights fit 1 MiB (records).
FEW_ROWS = 128
#: Weights of a task: 1 MiB is the most that any program at hand has.
MOST_WEIGHTS = 1 << 19
MOST_LANES = 16
#: Rows up to which the engines work on a "small" picture (records of M = 1 and 8).
SMALL = 8
#: Numbers of rows that known programs fold, the least columns that they have then, and of what those are multiples.
FOLDED_ROWS, LEAST_FOLDED, FOLDED_STEP = (16, 32, 64), 2048, 128
#: Part of L2 that the exchanged matrix may take up, so that source and result have space beside it.
MOST_EXCHANGED_BYTES = SIZE_BYTES * 3 // 4

COLUMNS = own("a product whose rows lie as columns, without the exchange in front or behind")
UNEVEN = own("columns that are no multiple of 16 lanes: fewer lanes, so that no plane is left over", "middle")
ROWS_IN_PARTS = own("rows in parts, each of which L2 holds exchanged")


@dataclass(frozen=True, slots=True)
class Tail:
    """What follows the sums of a product.

    Attributes:
        bias: float16, one for each column; None without.
        scale: factor on the sums, a float16.
        relu: clamp at zero.
        table: a lookup table, 128 bytes.
    """

    bias: Halves | None = None
    scale: float = 1.0
    relu: bool = False
    table: bytes = b""


class Columns(NamedTuple):
    """Where rows of a matrix lie as columns, which is how the engines multiply: no copy brings them there, or back.

    Attributes:
        source: in the source.
        result: in the result.
    """

    source: bool = False
    result: bool = False


#: Rows as rows.
ROWS = Columns()


def product(
    x: Surface, y: Surface, weights: Halves, tail: Tail = Tail(), *, by_input: bool = True, folded: bool | None = None,
    columns: Columns = ROWS, habits: Habits = USUAL,
) -> list[TaskPlan]:  # fmt: skip
    """Multiplies M rows of K by a constant matrix of K x N.

    Args:
        x: 1 x 1 x M x K, or 1 x 1 x K x M.
        y: 1 x 1 x M x N, or 1 x 1 x N x M.
        weights: float16, K x N (`by_input`) or N x K.
        tail: what follows the sums.
        by_input: the order of the weights.
        folded: whether rows are folded to M / 8 by 8; None: where compiler 9.509 does it.
        columns: which of x and y have rows as columns.
        habits: of the generation.

    Returns:
        Two tasks up to 128 rows, above 1 + K N / 2^19 (records of M = 1, 8, 64 and 375; folded: of 16 and 32 rows).
        One task fewer where x has rows as columns.

    Raises:
        UnsupportedError: L2 does not hold all of x that has rows as columns, or of which y has.
    """
    if columns != ROWS:
        return _in_columns(x, y, _Job(weights, tail, by_input, *_sizes(x, y, columns), habits), columns)
    rows, inputs = x.shape.h, x.shape.w
    outputs = y.shape.w
    job = _Job(weights, tail, by_input, inputs, outputs, habits)
    plain = tail == Tail() and outputs % NEURAL_ENGINES == 0
    if (is_folded(rows, inputs) and plain) if folded is None else folded:
        return _folded(x.rows_as_channels(), y.rows_as_channels(), job)
    most = rows
    while inputs * odd_channel_bytes(most) > MOST_EXCHANGED_BYTES and most > 1:
        most = (most + 1) // 2
    plans: list[TaskPlan] = []
    for first in range(0, rows, most):
        count = min(most, rows - first)
        plans += _plain(x.rows(first, count).rows_as_channels(), y.rows(first, count).rows_as_channels(), job, rows)
    return plans


def is_folded(rows: int, inputs: int) -> bool:
    """Where compiler 9.509 folds the rows (seen: 16 and 32 rows from K = 2048 on, 64 at 2048)."""
    return (rows in (16, 32) and inputs >= 2048) or (rows, inputs) == (64, 2048)


def can_be_folded(x: Surface, y: Surface, tail: Tail) -> bool:
    """Whether rows can be folded: as many and as long as known programs fold, with nothing behind the sums.

    Args:
        x: 1 x 1 x M x K.
        y: 1 x 1 x M x N.
        tail: what follows the sums.
    """
    known = x.shape.h in FOLDED_ROWS and x.shape.w >= LEAST_FOLDED and x.shape.w % FOLDED_STEP == 0
    return known and tail == Tail() and y.shape.w % NEURAL_ENGINES == 0


@dataclass(frozen=True, slots=True)
class _Job:
    weights: Halves
    tail: Tail
    by_input: bool
    inputs: int
    outputs: int
    habits: Habits

    @property
    def same_bias(self) -> float | None:
        """The bias that all columns share; None where they differ or there is none."""
        if self.tail.bias is None:
            return None
        data = bytes(memoryview(self.tail.bias).cast("B"))
        return float(struct.unpack_from("<e", data)[0]) if data == data[:HALF_BYTES] * self.outputs else None

    def form(self, outputs: int, rows: int) -> packing.Form:
        """How the kernel of some of the columns is stored."""
        share = max(1, outputs // packing.form.MOST_ENGINES)
        lanes = max(
            1,
            min(MOST_LANES, 1 << share.bit_length() - 1, MOST_WEIGHTS // 16 // self.inputs if rows > FEW_ROWS else 16),
        )
        form = packing.Form(
            outputs=outputs, inputs=self.inputs, engines=packing.engines_for(outputs), lanes=lanes,
            bias_row=self.tail.bias is not None and self.same_bias is None, table_in_front=bool(self.tail.table),
        )  # fmt: skip
        if outputs % 16 or not packing.is_settled(form):
            form = replace(form, lanes=packing.lanes_that_divide(outputs, 1, rows) if outputs % 16 == 0 else 1)
        return form

    def part(self, first: int, count: int) -> tuple[Halves, Halves | None]:
        """Weights and biases of some of the columns."""
        bias = None
        if self.tail.bias is not None and self.same_bias is None:
            bias = memoryview(self.tail.bias).cast("B")[HALF_BYTES * first : HALF_BYTES * (first + count)]
        weights = memoryview(self.weights).cast("B")
        if (first, count) == (0, self.outputs):
            return weights, bias
        if not self.by_input:
            row = HALF_BYTES * self.inputs
            return weights[first * row : (first + count) * row], bias
        row, begin, size = HALF_BYTES * self.outputs, HALF_BYTES * first, HALF_BYTES * count
        return b"".join(weights[k * row + begin : k * row + begin + size] for k in range(self.inputs)), bias


def _known(job: _Job, rows: int) -> Evidence:
    tail = job.tail
    bias = [] if tail.bias is None else ["bias" if job.same_bias is None else "one bias"]
    detail = ["relu"] * tail.relu + ["table"] * bool(tail.table) + ["scale"] * (tail.scale != 1) + bias
    return evidence("product", (1, 1, rows, job.inputs), job.outputs, *detail)


def _plain(x: Surface, y: Surface, job: _Job, all_rows: int) -> list[TaskPlan]:
    rows = x.shape.c
    known = _known(job, rows) if rows == all_rows else ROWS_IN_PARTS
    channel = odd_channel_bytes(rows)
    size = job.inputs * channel
    copy, exchanged = _to_columns(x, f"{y.buffer}.exchanged", job, known)
    plans = [copy]
    for first, count in _blocks(job, rows):
        form = job.form(count, rows)
        draft = _multiplying(job, form, known, rows, exchange=True)
        draft.write(y.columns(first, count))
        if first == 0:
            draft.read(exchanged, Fetch.CONTEXT)
        aliases = Aliases.NEURAL_RESULT if first == 0 else Aliases.NONE
        draft.source_tile("L2Read", Tile(0, channel, size, size), aliases, dma=first == 0)
        draft.result_tile("DmaWrite", Tile(size))
        weights, bias = job.part(first, count)
        draft.kernel = kernel(form, weights, bias, job.tail.table or None, job.by_input)
        draft.cycles = cycles((), (y.columns(first, count),), draft.kernel.size_bytes)
        plans.append(draft.plan())
    return plans


def _to_columns(x: Surface, buffer: str, job: _Job, known: Evidence) -> tuple[TaskPlan, Surface]:
    """The copy that brings rows into L2 as columns, and what it hands on."""
    rows = x.shape.c
    channel = odd_channel_bytes(rows)
    size = job.inputs * channel
    exchanged = columns_of(buffer, job.inputs, rows)
    sharing = job.habits.few_rows.copy if rows <= SMALL else 0
    copy = exchanging_copy(
        "rows to columns", known, x, size, Tile(0, channel, size, size), sharing=sharing,
        most_lanes=job.habits.lanes_exchanged,
    )  # fmt: skip
    copy.write(exchanged, Store.CONTEXT)
    return copy.plan(), exchanged


def _multiplying(job: _Job, form: packing.Form, known: Evidence, rows: int, *, exchange: bool) -> Draft:
    """A task that multiplies columns by some of the weights; operands not yet placed."""
    small, count = rows <= SMALL, form.outputs
    sharing = job.habits.few_rows.product if small else 0
    draft = neural(
        "product", known if count % 16 == 0 else UNEVEN, (job.inputs, 1, rows), out=(count, 1, rows),
        engines=form.engines, copy=False, exchange=exchange, rows_log2=sharing, prefer_log2=sharing,
        least_log2=sharing, small=small, relu=job.tail.relu, table=bool(job.tail.table),
    )  # fmt: skip
    draft.put("Common.ConvCfg", OCGSize=log2_up(form.lanes))
    draft.put("NE.PostScale", PostScale=job.tail.scale)
    draft.put("NE.MACCfg", BiasMode=int(form.bias_row))
    if job.same_bias is not None:
        draft.put("NE.AccBias", AccBias=job.same_bias)
    return draft


def _sizes(x: Surface, y: Surface, columns: Columns) -> tuple[int, int]:
    """K and N."""
    return x.shape.h if columns.source else x.shape.w, y.shape.h if columns.result else y.shape.w


def _in_columns(x: Surface, y: Surface, job: _Job, columns: Columns) -> list[TaskPlan]:
    """A product of which source, result or both have rows as columns."""
    rows = x.shape.w if columns.source else x.shape.h
    x, y = x.rows_as_channels(), y.rows_as_channels()
    channel = channel_bytes(rows) if columns.source else odd_channel_bytes(rows)
    size = job.inputs * channel
    blocks = list(_blocks(job, rows))
    narrow = channel if len(blocks) > 1 or not columns.source else min(channel, NEURAL_COLUMNS_BYTES)
    held = job.inputs * narrow
    passing = max(count for _, count in blocks) * channel_bytes(rows)
    if size > MOST_EXCHANGED_BYTES or size + min(passing, SIZE_BYTES // 4) > SIZE_BYTES:
        raise TooLargeError(f"{job.inputs} x {rows} does not fit L2")
    plans, exchanged = [], None
    if not columns.source:
        copy, exchanged = _to_columns(x, f"{y.buffer}.exchanged", job, COLUMNS)
        plans.append(copy)
    for first, count in blocks:
        draft = _multiplying(job, job.form(count, rows), COLUMNS, rows, exchange=not columns.result)
        result = y.planes(first, count) if columns.result else y.columns(first, count)
        draft.write(result)
        is_first, aliases = first == 0, Aliases.NONE
        if exchanged is not None:
            if is_first:
                draft.read(exchanged, Fetch.CONTEXT)
                aliases = Aliases.NEURAL_RESULT
            draft.source_tile("L2Read", Tile(0, channel, size, size), aliases, dma=is_first)
        elif is_first:
            draft.read(x)
            kind = "DmaReadKeep" if len(blocks) > 1 else "DmaRead"
            draft.source_tile(kind, one_row(0, narrow, held), Aliases.ALL)
        else:
            draft.source_tile("L2Read", Tile(0, channel, size, size))
        draft.result_tile(
            "DmaWrite", Tile(held), Aliases.ALL if is_first and exchanged is None else Aliases.NONE
        )  # fmt: skip
        weights, bias = job.part(first, count)
        draft.kernel = kernel(job.form(count, rows), weights, bias, job.tail.table or None, job.by_input)
        draft.cycles = cycles((x,) if is_first and columns.source else (), (result,), draft.kernel.size_bytes)
        plans.append(draft.plan())
    return plans


def _blocks(job: _Job, rows: int) -> Iterator[tuple[int, int]]:
    """First and number of the columns of each task."""
    is_small = rows <= FEW_ROWS and job.inputs * job.outputs <= MOST_WEIGHTS
    block = job.outputs if is_small else max(16, MOST_WEIGHTS // job.inputs)
    if block < job.outputs:
        block -= block % 32  # columns begin at multiples of 64 bytes
        block = max(block, 32)
    for first in range(0, job.outputs, block):
        yield first, min(block, job.outputs - first)


def _folded(x: Surface, y: Surface, job: _Job) -> list[TaskPlan]:
    rows, inputs, outputs = x.shape.c, job.inputs, job.outputs
    known = _known(job, rows)
    height = rows // 8
    high = log2_up(height)
    depth = inputs * 0x10
    row = depth + {2: 0, 4: 0x50, 8: 0x30}[height]
    base = height * row
    narrow = 0x80 if height == 2 else 0x40
    narrow_row = 8 * narrow + (0x20 if height == 8 else 0)
    exchanged = Surface.dense(f"{y.buffer}.exchanged", (1, inputs, height, 8))
    copy = neural(
        "rows to columns", known, (8, height, inputs), rows_log2=3, prefer_log2=3, least_log2=high, exchange=True,
        engines=NEURAL_ENGINES,
    )  # fmt: skip
    copy.read(x.strided(row_bytes=8 * x.plane_bytes))
    copy.source_tile("DmaRead", Tile(base, narrow, narrow_row, 8 * narrow, 8 * narrow), Aliases.ALL)
    copy.result_tile("L2Write", Tile(0, 0x10, row, depth), Aliases.ALL)
    copy.write(exchanged, Store.CONTEXT)
    copy.events = Events.COPY
    copy.cycles = cycles_of_bytes(x.size_bytes)
    result_channel = HALF_BYTES * outputs
    result_row = 8 * result_channel
    form = job.form(outputs, rows)
    main = neural(
        "product", known, (inputs, height, 8), out=(outputs, height, 8), copy=False, exchange=True, rows_log2=high,
        prefer_log2=high, least_log2=high, engines=NEURAL_ENGINES,
    )  # fmt: skip
    main.put("Common.ConvCfg", OCGSize=log2_up(form.lanes))
    main.read(exchanged, Fetch.CONTEXT)
    main.source_tile("L2Read", Tile(0, 0x10, row, depth), Aliases.NEURAL_RESULT, dma=True)
    main.result_tile("L2Write", Tile(base, result_channel, result_row, height * result_row))
    main.kernel = kernel(form, *job.part(0, outputs), None, job.by_input)
    main.cycles = cycles_of_bytes(inputs * outputs * HALF_BYTES)
    size = rows * result_channel
    last = neural("result", known, (rows, 1, outputs), engines=NEURAL_ENGINES)
    last.source_tile("L2Read", Tile(base, result_channel, size, size), Aliases.NEURAL_RESULT)
    last.result_tile("DmaWrite", Tile(base + height * result_row))
    last.write(y)
    last.events = Events.COPY
    last.cycles = cycles((), (y,))
    return [copy.plan(), main.plan(), last.plan()]
