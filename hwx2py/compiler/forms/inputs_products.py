"""Several products of two tensors: one task stores the kernels of all of them, then each is made of its kernel."""

from dataclasses import dataclass, replace

from ...errors import UnsupportedError
from ...program.l2 import PLANAR_COLUMNS_BYTES, SIZE_BYTES, Aliases, Tile, patch_of_one, planar_rows
from ...program.network import ROW_ALIGNMENT_BYTES
from ...units import round_up
from ..engines import Kind, cycles_of_bytes, planar
from ..habits import USUAL, Habits
from ..surface import HALF_BYTES, Shape, Surface
from ..task import TaskPlan, closed, own
from .inputs_product import BIG_BYTES, MOST_LANES, ROWS_A_LANE, Product, store_as_kernel
from .softmax import rows_to_kernels

SEVERAL = own("several products whose kernels one task stores, as published tables of attention have it", "middle")


@dataclass(frozen=True, slots=True)
class Kernels:
    """Where the rows of several matrices lie as kernels: `lanes` rows side by side, matrix after matrix.

    Attributes:
        buffer: the buffer.
        pairs: matrices.
        rows: of a matrix, a multiple of 16 above 16.
        inner: columns of a matrix.
    """

    buffer: str
    pairs: int
    rows: int
    inner: int

    def check(self) -> None:
        """Looks whether one task stores them.

        Raises:
            UnsupportedError: it does not.
        """
        if self.rows % ROWS_A_LANE or self.rows == ROWS_A_LANE:
            raise UnsupportedError(f"{self.rows} rows are no kernels of 16 engines with several lanes or rounds")

    @property
    def lanes(self) -> int:
        """Rows side by side."""
        share = self.rows // ROWS_A_LANE
        return min(MOST_LANES, share & -share)

    @property
    def chunk_bytes(self) -> int:
        """From one row of kernels to the next: what an engine fetches."""
        return round_up(HALF_BYTES * self.inner * self.lanes, ROW_ALIGNMENT_BYTES)

    @property
    def matrix_bytes(self) -> int:
        """From matrix to matrix."""
        return self.rows // self.lanes * self.chunk_bytes

    @property
    def surface(self) -> Surface:
        """As a result whose channels are rows of kernels and whose rows are matrices."""
        chunk, whole = self.chunk_bytes, self.matrix_bytes
        shape = Shape(1, self.rows // self.lanes, self.pairs, self.lanes * self.inner)
        return Surface(self.buffer, shape, 0, whole, chunk, self.pairs * whole, self.pairs * whole)


def products(
    x: Surface, w: Surface, y: Surface, *, transposed_w: bool = False, scale: float = 1.0, habits: Habits = USUAL
) -> list[TaskPlan]:
    """Multiplies several pairs of matrices, such as the heads of an attention.

    Args:
        x: 1 x P x M x K, M above 16, P above 1.
        w: 1 x P x K x N, or 1 x P x N x K if `transposed_w`.
        y: 1 x P x M x N.
        transposed_w: the matrices of w are transposed.
        scale: a factor on the sums, a float16.
        habits: of the generation.

    Returns:
        A copy that makes all kernels, and the products of each pair (published tables of attention have that copy for
        heads whose columns lie side by side); so for each part of the rows that has lanes of its own, but for the last
        16, which are kernels as they lie.

    Raises:
        UnsupportedError: fewer rows or pairs, or kernels that L2 does not hold together.
    """
    _, pairs, rows, _ = x.shape
    if pairs == 1 or rows <= ROWS_A_LANE:
        raise UnsupportedError(f"{pairs} matrices of {rows} rows share no copy")
    plans: list[TaskPlan] = []
    for number, (first, count) in enumerate(_parts(rows)):
        source, result = x.rows(first, count), y.rows(first, count)
        kernels = Kernels(f"{y.buffer}.kernels{number or ''}", pairs, count, x.shape.w)
        if count > ROWS_A_LANE:
            plans.append(_stored(source, kernels))
        plans += _each(kernels, source, w, result, transposed_w, scale, habits)
    return plans


def _parts(rows: int) -> list[tuple[int, int]]:
    """First and number of the rows of each part: as many lanes as there can be."""
    parts: list[tuple[int, int]] = []
    first = 0
    for lanes in (8, 4, 2, 1):
        count = (rows - first) // (ROWS_A_LANE * lanes) * ROWS_A_LANE * lanes
        if count:
            parts.append((first, count))
            first += count
    return [*parts, (first, rows - first)] if first < rows else parts


def _stored(x: Surface, kernels: Kernels) -> TaskPlan:
    """The copy that stores all kernels."""
    kernels.check()
    _, pairs, rows, inner = x.shape
    channel, depth, row = planar_rows(rows, inner)
    if pairs * row + 0x10 * rows > SIZE_BYTES or channel >= PLANAR_COLUMNS_BYTES:
        raise UnsupportedError(f"{pairs} matrices of {rows} x {inner} share no copy")
    maker = planar("rows to kernels", SEVERAL, Kind.ONE, (rows, pairs, inner), patch_of_one(pairs, inner))
    maker.read(x.swapped())
    maker.source_tile("DmaRead", Tile(0, channel, row, depth, depth), Aliases.ALL)
    maker.result_tile("DmaWrite", Tile(pairs * row), Aliases.ALL, lanes=kernels.lanes)
    store_as_kernel(maker, kernels.surface, kernels.lanes)
    maker.ends_segment = True
    maker.cycles = cycles_of_bytes(2 * x.size_bytes)
    return maker.plan()


def softmax_products(x: Surface, w: Surface, y: Surface, exp2: bytes, *, habits: Habits = USUAL) -> list[TaskPlan]:
    """Multiplies the softmax of rows by matrices: what an attention does with its scores.

    Args:
        x: 1 x P x M x N, M a multiple of 16 above 16: the scores.
        w: 1 x P x N x D: the values.
        y: 1 x P x M x D.
        exp2: the table of 2^x, 128 bytes.
        habits: of the generation.

    Returns:
        The softmax, whose last task stores it as kernels, and a product of each pair (published tables of attention
        have that store for one pair).

    Raises:
        UnsupportedError: other numbers of rows, those that parts with more lanes take fewer tasks for among them, or
            scores that L2 does not hold.
    """
    _, pairs, rows, inner = x.shape
    if len(_parts(rows)) > 1:
        raise UnsupportedError(f"{rows} rows are better multiplied in parts")
    kernels = Kernels(f"{y.buffer}.scores", pairs, rows, inner)
    kernels.check()
    first = closed(rows_to_kernels(x.swapped(), kernels.surface, kernels.lanes, exp2))
    return [*(replace(plan, evidence=SEVERAL) for plan in first), *_each(kernels, x, w, y, False, 1.0, habits)]


def _each(
    kernels: Kernels, x: Surface, w: Surface, y: Surface, transposed_w: bool, scale: float, habits: Habits
) -> list[TaskPlan]:
    """The product of each pair out of its kernel."""
    if HALF_BYTES * kernels.inner * y.shape.w > BIG_BYTES:
        raise UnsupportedError("an operand of more than 1 MiB shares no store")
    plans: list[TaskPlan] = []
    for number in range(kernels.pairs):
        one, two, result = (surface.planes(number, 1) for surface in (x, w, y))
        base = number * kernels.matrix_bytes if kernels.rows > ROWS_A_LANE else None
        product = Product(one, two, result, False, transposed_w, kernels.buffer, scale, base, habits)
        plans += closed([replace(plan, evidence=SEVERAL) for plan in product.plans()])
    return plans
