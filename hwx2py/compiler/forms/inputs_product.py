"""Products of two tensors: the first becomes the kernel, the second is the picture."""

from dataclasses import dataclass, replace

from ...program.l2 import (
    NEURAL_COLUMNS_BYTES,
    PLANAR_COLUMNS_BYTES,
    SIZE_BYTES,
    Aliases,
    Tile,
    channel_bytes,
    log2_up,
    neural_alias,
    odd_channel_bytes,
    overlap,
    patch_of_one,
)
from ..draft import Draft
from ..engines import NEURAL_ENGINES, Kind, cycles_of_bytes, engines_for, neural, planar
from ..evidence import evidence
from ..habits import USUAL, Habits
from ..surface import HALF_BYTES, Surface
from ..task import Events, Evidence, Fetch, RuntimeKernel, Store, TaskPlan, closed, own
from .copy import exchange_rows
from .steps import columns_of, exchanging_copy, kernel_rows, matrix, one_row

#: Rows side by side in a kernel that a task stores, at most (records).
MOST_LANES = 8
#: A task makes this many rows for each lane.
ROWS_A_LANE = NEURAL_ENGINES
#: Beyond this size of the second operand its tasks are of another category, and it is not exchanged in L2 (records).
BIG_BYTES = 1 << 20
BIG_CATEGORY = 7
#: The same where kernels come in rounds, and of the result (records: 512 KiB are of that category, 128 KiB are not).
BIG_IN_ROUNDS_BYTES = 1 << 19

#: The second operand is kept for further tasks up to this size; beyond, each fetches it.
MOST_KEPT_BYTES = SIZE_BYTES * 3 // 4

KEPT_WHOLE = own("more than 128 columns that stay in L2 for several tasks: whole rows instead of parts of 128")
IN_PARTS = own("rows that are no multiple of 16 or no power of two of lanes: parts, each with lanes of its own")


def product(
    x: Surface, w: Surface, y: Surface, *, transposed_x: bool = False, transposed_w: bool = False, scale: float = 1.0,
    habits: Habits = USUAL,
) -> list[TaskPlan]:  # fmt: skip
    """Multiplies two matrices.

    Args:
        x: 1 x 1 x M x K, or K x M if `transposed_x`.
        w: 1 x 1 x K x N, or N x K if `transposed_w`.
        y: 1 x 1 x M x N.
        transposed_x: x is transposed.
        transposed_w: w is transposed.
        scale: a factor on the sums, a float16.
        habits: of the generation.

    Returns:
        For M a multiple of 16: [a copy that makes the kernel,] [an exchanging copy,] and a product for every 16 rows
        of each lane, the last rows first (records of M = 16 and 64, all four orders).
    """
    rows = x.shape.w if transposed_x else x.shape.h
    inner = x.shape.h if transposed_x else x.shape.w
    columns = w.shape.h if transposed_w else w.shape.w
    plans: list[TaskPlan] = []
    if transposed_w and HALF_BYTES * inner * columns > BIG_BYTES:
        straight = Surface.dense(f"{y.buffer}.transposed", (1, 1, inner, columns))
        plans += _own(closed(exchange_rows(w, straight)))
        w, transposed_w = straight, False
    parts = _parts(rows)
    if transposed_x and len(parts) > 1:
        straight = Surface.dense(f"{y.buffer}.straight", (1, 1, rows, inner))
        plans += _own(closed(exchange_rows(x, straight)))
        x, transposed_x = straight, False
    for number, (first, count) in enumerate(parts):
        source = x if transposed_x else x.rows(first, count)
        buffer = f"{y.buffer}.kernel{number or ''}"
        one = Product(source, w, y.rows(first, count), transposed_x, transposed_w, buffer, scale, habits=habits)
        made = one.plans()
        if len(parts) > 1:
            made = _own(made)
        plans += closed(made) if number + 1 < len(parts) else made
    return plans


def _own(plans: list[TaskPlan]) -> list[TaskPlan]:
    return [replace(plan, evidence=IN_PARTS) for plan in plans]


def _parts(rows: int) -> list[tuple[int, int]]:
    """Parts of the rows that have the same number of lanes each, and the rest below 16."""
    parts = []
    first = 0
    if rows % ROWS_A_LANE == 0:
        return [(0, rows)]
    for lanes in (8, 4, 2, 1):
        count = (rows - first) // (ROWS_A_LANE * lanes) * ROWS_A_LANE * lanes
        if count:
            parts.append((first, count))
            first += count
    parts.append((first, rows - first))
    return parts


@dataclass(frozen=True, slots=True)
class Product:
    """One product: how many lanes, and its tasks.

    Attributes:
        x: M x K, or K x M if `transposed_x`.
        w: K x N, or N x K if `transposed_w`.
        y: M x N.
        transposed_x: x is transposed.
        transposed_w: w is transposed.
        kernel_buffer: where its kernel lies.
        scale: a factor on the sums.
        kernel_base: where in that buffer, if a task outside of this form stores it; None where a task of its own does.
        habits: of the generation.
    """

    x: Surface
    w: Surface
    y: Surface
    transposed_x: bool
    transposed_w: bool
    kernel_buffer: str
    scale: float = 1.0
    kernel_base: int | None = None
    habits: Habits = USUAL

    @property
    def rows(self) -> int:
        """Rows of the result."""
        return self.y.shape.h

    @property
    def columns(self) -> int:
        """Columns of the result."""
        return self.y.shape.w

    @property
    def inner(self) -> int:
        """What is summed over."""
        return self.x.shape.h if self.transposed_x else self.x.shape.w

    @property
    def lanes(self) -> int:
        """Rows side by side in the kernel."""
        share = self.rows // ROWS_A_LANE
        return min(MOST_LANES, share & -share) if self.rows % ROWS_A_LANE == 0 else 1

    @property
    def is_direct(self) -> bool:
        """Whether the rows of x are kernels as they lie."""
        return self.rows <= ROWS_A_LANE and not self.transposed_x

    @property
    def in_rounds(self) -> bool:
        """Whether a task fetches its kernel in several rounds, and has words of the generations that do."""
        return self.habits.rounds > 1 and self.lanes == MOST_LANES

    @property
    def block(self) -> int:
        """Rows of a task."""
        return ROWS_A_LANE * self.lanes * (self.habits.rounds if self.in_rounds else 1)

    @property
    def category(self) -> int:
        """Category of its tasks, which a large second operand changes."""
        big = HALF_BYTES * self.inner * self.columns > BIG_BYTES
        if self.in_rounds:
            big = big or HALF_BYTES * self.rows * self.columns >= BIG_IN_ROUNDS_BYTES
        return BIG_CATEGORY if big and not self.is_direct else 0

    def plans(self) -> list[TaskPlan]:
        """Its tasks."""
        detail = ["x transposed"] * self.transposed_x + ["w transposed"] * self.transposed_w
        detail += ["scale"] * (self.scale != 1.0)
        known = evidence("product of inputs", (self.rows, self.inner, self.columns), *detail)
        tasks: list[Draft] = []
        copied = None
        if not self.is_direct and self.kernel_base is None:
            maker = self._kernel_maker(known)
            tasks.append(maker)
            copied = maker
        exchanged = None
        if self.transposed_w:
            exchanged = self._exchanged(known, copied)
            tasks.append(exchanged)
        starts = range(0, self.rows, self.block)[::-1]
        for number, first in enumerate(starts):
            count = min(self.block, self.rows - first)
            tasks.append(self._rows(known, first, count, number, len(starts) - 1, copied))
        return [task.plan() for task in tasks]

    def _kernel(self) -> Surface:
        return kernel_rows(self.kernel_buffer, self.rows, self.inner, self.lanes)

    def _kernel_maker(self, known: Evidence) -> Draft:
        """The copy that stores x as a kernel."""
        x = self.x.rows_as_channels()
        _, channels, _, width = x.shape
        by_planar = not self.transposed_x and self.lanes in (4, 8) and (self.in_rounds or self.rows == self.block)
        channel = min(channel_bytes(width), PLANAR_COLUMNS_BYTES if by_planar else NEURAL_COLUMNS_BYTES)
        depth = channels * channel
        if by_planar:
            draft = planar("rows to a kernel", known, Kind.ONE, (channels, 1, width), patch_of_one(1, width))
        elif self.transposed_x:
            draft = neural(
                "columns to a kernel", known, (channels, 1, width), rows_log2=3, prefer_log2=3,
                least_log2=max(0, min(3, 7 - log2_up(width))), exchange=True, engines=NEURAL_ENGINES,
            )  # fmt: skip
        else:
            draft = neural("rows to a kernel", known, (channels, 1, width), engines=NEURAL_ENGINES)
        if not by_planar:
            draft.events = Events.COPY
            draft.put("Common.DPE", Category=self.category)
        draft.read(x)
        draft.source_tile("DmaRead", one_row(0, channel, depth), Aliases.ALL)
        draft.result_tile("DmaWrite", Tile(depth), Aliases.ALL, lanes=self.lanes)
        store_as_kernel(draft, self._kernel(), self.lanes)
        draft.ends_segment = True
        draft.cycles = cycles_of_bytes(2 * x.size_bytes)
        return draft

    def _made_places(self, maker: Draft) -> tuple[tuple[int, int], tuple[int, int]] | None:
        """Where the copy of the planar engine had its source and its result in L2; None after the neural engines."""
        if maker.engines:
            return None
        x = self.x.rows_as_channels()
        depth = x.shape.c * min(channel_bytes(x.shape.w), PLANAR_COLUMNS_BYTES)
        return (0, depth), (depth, depth + 0x10 * x.shape.c)

    def _exchanged(self, known: Evidence, maker: Draft | None) -> Draft:
        """The exchanging copy of a transposed w."""
        w = self.w.rows_as_channels()
        channel = odd_channel_bytes(self.columns)
        size = self.inner * channel
        narrow = min(channel_bytes(self.inner), NEURAL_COLUMNS_BYTES)
        aliases = result_aliases = Aliases.ALL
        if maker is not None:
            aliases = result_aliases = self._aliases_behind(maker)
            if places := self._made_places(maker):
                aliases |= neural_alias((size, size + self.columns * narrow), *places)
                if aliases == Aliases.NEURAL and overlap((0, size), places[1]):
                    result_aliases |= Aliases.PLANAR_RESULT
        draft = exchanging_copy(
            "w exchanged", known, w, size, Tile(0, channel, size, size), aliases=aliases,
            result_aliases=result_aliases, most_lanes=self.habits.lanes_exchanged,
        )  # fmt: skip
        draft.put("Common.DPE", Category=self.category if self.in_rounds else 0)
        if self.is_direct:
            draft.write(columns_of(f"{self.y.buffer}.exchanged", self.inner, self.columns), Store.CONTEXT)
        return draft

    def _aliases_behind(self, maker: Draft) -> Aliases:
        """What the first task behind the copy that made the kernel says of its own engine.

        Where kernels come in rounds, nothing after the planar engine (records of H14 and H16).
        """
        return Aliases.NONE if self.in_rounds and not maker.engines else Aliases.NEURAL

    def _rows(self, known: Evidence, first: int, count: int, number: int, last: int, maker: Draft | None) -> Draft:
        """The product of some rows."""
        draft = neural(
            "product", known, (self.inner, 1, self.columns), out=(count, 1, self.columns), copy=False,
            engines=NEURAL_ENGINES if count >= NEURAL_ENGINES else engines_for(count),
        )  # fmt: skip
        draft.put("NE.KernelCfg", AlignmentFmt=1)
        draft.put("Common.ConvCfg", OCGSize=log2_up(self.lanes))
        draft.put("Common.Cfg", FillLowerNE=int(self.in_rounds))
        draft.put("Common.DPE", Category=self.category)
        draft.put("NE.PostScale", PostScale=self.scale)
        moved = 0
        if self.transposed_w:
            self._exchanged_source(draft, number)
        else:
            moved = self._picture(draft, count, number, last, maker)
        result = self.y.rows_as_channels().planes(first, count)
        draft.write(result)
        draft.kernel = self._fetched(first, count)
        draft.cycles = cycles_of_bytes(count * (channel_bytes_in_memory(self.inner) + result.plane_bytes) + moved)
        return draft

    def _exchanged_source(self, draft: Draft, number: int) -> None:
        """The picture lies in L2, exchanged."""
        channel = odd_channel_bytes(self.columns)
        size = self.inner * channel
        if self.is_direct:
            draft.read(columns_of(f"{self.y.buffer}.exchanged", self.inner, self.columns), Fetch.CONTEXT)
        aliases = Aliases.NONE if number else Aliases.NEURAL_RESULT
        draft.source_tile("L2Read", Tile(0, channel, size, size), aliases, dma=self.is_direct)
        draft.result_tile("DmaWrite", Tile(size))

    def _picture(self, draft: Draft, count: int, number: int, last: int, maker: Draft | None) -> int:
        """The picture comes by DMA for the first task, and stays for the others. Returns the bytes that are moved."""
        channel = channel_bytes(self.columns)
        stays = last > 0 and (channel <= NEURAL_COLUMNS_BYTES or self.inner * channel <= MOST_KEPT_BYTES)
        if not stays or channel <= NEURAL_COLUMNS_BYTES:
            channel = min(channel, NEURAL_COLUMNS_BYTES)
        else:
            draft.evidence = KEPT_WHOLE
        size = self.inner * channel
        if number and stays:
            draft.source_tile("L2Read", Tile(0, channel, size, size))
            draft.result_tile("DmaWrite", Tile(size))
            return 0
        w = self.w.rows_as_channels()
        draft.read(w)
        aliases = result_aliases = Aliases.ALL
        if number:
            aliases = result_aliases = Aliases.NONE
        elif maker is not None:
            aliases = result_aliases = self._aliases_behind(maker)
            if places := self._made_places(maker):
                aliases |= neural_alias((0, size), *places)
                if overlap((size, size + count * channel), places[1]):
                    result_aliases |= Aliases.PLANAR_RESULT
        draft.source_tile("DmaReadKeep" if stays else "DmaRead", one_row(0, channel, size), aliases)
        draft.result_tile("DmaWrite", Tile(size), result_aliases)
        return w.size_bytes

    def _fetched(self, first: int, count: int) -> RuntimeKernel:
        if self.is_direct:
            x = self.x.rows_as_channels()
            base = x.base_bytes + first * x.plane_bytes
            size = channel_bytes_in_memory(self.inner)
            return RuntimeKernel(x.buffer, base, x.plane_bytes, size, count)
        step = self._kernel().plane_bytes
        base = (self.kernel_base or 0) + first // self.lanes * step
        rounds = -(-count // (ROWS_A_LANE * self.lanes))
        return RuntimeKernel(self.kernel_buffer, base, step, step, count // self.lanes // rounds, rounds)


def channel_bytes_in_memory(columns: int) -> int:
    """Bytes of a row of a tensor, padded to 64."""
    return matrix("", 1, columns).plane_bytes


def store_as_kernel(draft: Draft, kernel: Surface, lanes: int, store: Store = Store.SCRATCH) -> None:
    """The result becomes a kernel: rows side by side, no padding at the end.

    Args:
        draft: the task.
        kernel: where it goes.
        lanes: rows side by side.
        store: how.
    """
    draft.write(kernel, store, lanes)
