"""Sums of products as the neural engines form them, by NumPy's product of matrices, where that adds one by one.

A BLAS multiplies blocks of matrices in registers: every sum begins at the first product, and the others are added to it
one after another. With a first product of `OFFSET` every further one is rounded to a multiple of 2^-16 as it is added;
see `stepped`. How a BLAS goes through a product is its own matter, though, and differs by processor, version and shape:
some have several partial sums, some part a long sum. So a shape is tried before it is trusted, on factors whose
products show every other way: five eighths of a step each, which make one step each alone, and fewer together, and
halves of a step of both signs. Where a shape fails, the caller has loops of its own. A trial holds for the number of
threads that it was made with; a BLAS that does not tell it is not trusted.
"""

import functools
from collections.abc import Callable

import numpy as np

from ..units import round_up, whole
from . import blas_threads
from .numbers import OFFSET, STEP, TIE_BREAKER

#: A product of two float64 matrices, into a third one.
Multiply = Callable[..., np.ndarray]
#: The most rows of a block, which a BLAS should take at once, the first of them for `OFFSET`: tried in this order.
DEPTHS = (256, 128, 64)
#: Matrices are filled up to a multiple of this: kernels for odd rests often have several partial sums.
GRANULE = 8
#: Columns that are worked on at a time.
MOST_COLUMNS = 1 << 11


def sums_of(
    left: np.ndarray, right: np.ndarray, enlarged: float = TIE_BREAKER, multiply: Multiply = np.matmul
) -> np.ndarray | None:
    """Sums of products, each rounded to a multiple of 2^-16.

    Args:
        left: (M, K) float32 or float64.
        right: (K, N) of the same type; sums stay below `products.LARGEST_SUM`.
        enlarged: what the left one is multiplied by first, in float64.
        multiply: the product of matrices.

    Returns:
        (M, N) float64, C-contiguous; None where this machine's BLAS forms the sums in another way.
    """
    (high, depth), wide = left.shape, right.shape[1]
    rows = round_up(high, GRANULE)
    width = min(round_up(wide, GRANULE), MOST_COLUMNS)
    block = _block(rows, depth, width, multiply)
    if block is None:
        return None
    sums = np.zeros((high, wide))
    one, other, product = np.zeros((rows, block)), np.zeros((block, width)), np.empty((rows, width))
    for start in range(0, depth, block - 1):
        part = slice(start, min(depth, start + block - 1))
        behind = part.stop - part.start + 1
        np.multiply(left[:, part], enlarged, out=one[:high, 1:behind], dtype=np.float64)
        one[:, 0], one[:, behind:] = 1.0, 0.0
        for first in range(0, wide, width):
            columns = slice(first, min(wide, first + width))
            count = columns.stop - first
            other[1:behind, :count] = right[part, columns]
            other[0], other[behind:] = OFFSET, 0.0
            multiply(one, other, out=product)
            product -= OFFSET
            sums[:, columns] += product[:high, :count]
    return sums


def _block(rows: int, depth: int, width: int, multiply: Multiply) -> int | None:
    """How many rows of the right matrix are taken at once, one for `OFFSET` among them; None where no number does."""
    threads = blas_threads.count()
    if threads is None:
        return None
    for most in DEPTHS:
        times = max(1, whole(depth, most - 1))
        block = max(1, whole(depth, times)) + 1
        if _adds_one_by_one(rows, block, width, multiply, threads):
            return block
    return None


@functools.lru_cache(maxsize=1 << 12)
def _adds_one_by_one(rows: int, depth: int, width: int, multiply: Multiply, threads: int) -> bool:
    """Whether a product of this shape adds product by product to the first one, with as many threads."""
    one, other = np.empty((rows, depth)), np.empty((depth, width))
    product = np.empty((rows, width))
    for numerator, signs in ((5, (1.0,)), (4, (1.0, 1.0, -1.0))):
        # The products of a row with a column: so many eighths of a step, and each has to become a whole one.
        one[:] = np.resize(signs, depth) * (numerator / 8 * STEP**0.5 * TIE_BREAKER)
        other[:] = STEP**0.5
        one[:, 0], other[0] = 1.0, OFFSET
        multiply(one, other, out=product)
        if not (product - OFFSET == np.resize(signs, depth)[1:].sum() * STEP).all():
            return False
    return True
