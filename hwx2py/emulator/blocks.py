"""Large tensors in pieces that fit a cache, so that float64 exists of one piece at a time."""

import math
from collections.abc import Iterator

#: Elements of a piece.
PIECE = 1 << 15


def pieces(shape: tuple[int, ...], most: int = PIECE) -> Iterator[tuple[slice, ...]]:
    """Index ranges that cover an array, each of at most a number of elements."""
    if math.prod(shape) <= most or not shape:
        yield (slice(None),) * len(shape)
        return
    inner = math.prod(shape[1:])
    step = max(1, most // inner)
    for start in range(0, shape[0], step):
        outer = slice(start, start + step)
        if inner <= most:
            yield (outer, *(slice(None),) * (len(shape) - 1))
        else:
            for rest in pieces(shape[1:], most):
                yield (outer, *rest)
