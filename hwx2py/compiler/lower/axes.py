"""Shapes of any rank as the four axes of a program's tensor."""

from ..operators.operator import Shape

#: Axes of a program's tensor.
RANK = 4


def four_axes(shape: Shape) -> tuple[int, int, int, int]:
    """A shape as N, C, H, W: axes of length 1 in front, or the first axes as one."""
    lengths = (1,) * (RANK - len(shape)) + tuple(shape)
    first = 1
    for length in lengths[: len(lengths) - RANK + 1]:
        first *= length
    _, c, h, w = (first, *lengths[len(lengths) - RANK + 1 :])
    return first, c, h, w
