"""Convolutions at stride 1 and products of two tensors, cut into tasks of at most 1 MiB of coefficients."""

import functools

import numpy as np

from ..builder import Builder
from ..forms import convolution
from ..last_step import NO_STEP, LastStep
from ..operators.spatial import Pads
from ..task import TaskPlan
from ..tune import Alternative
from ..view import View

#: Sizes of kernels and paddings have five bits.
MOST_KERNEL = 31

NO_PADS = Pads()


def convolve(
    b: Builder, x: View, weights: np.ndarray, bias: np.ndarray | None, z: View, pads: Pads = NO_PADS,
    groups: int = 1, stride: int = 1, last: LastStep = NO_STEP, exchange: bool = False,
) -> View:  # fmt: skip
    """Convolution of a view C, H, W.

    Args:
        b: where the tasks go.
        x: the source.
        weights: float16, (Cout, Cin / groups, Kh, Kw).
        bias: float16, (Cout,), or None.
        z: the result.
        pads: zeros around the planes; those at the bottom and right follow from the size of z.
        groups: 1, or as many as there are channels, or a number between them.
        stride: 2 only for a kernel of 1 x 1.
        last: what follows the sums.
        exchange: z has C and W exchanged.

    Raises:
        TooLargeError: the result is not stored exchanged by one task.
        UnsupportedError: a kernel or padding of more than 31, or rows that do not fit L2.
    """
    window = convolution.Window(weights.shape[2], weights.shape[3], stride, pads.top, pads.left)
    data = np.ascontiguousarray(weights, np.float16)
    offsets = None if bias is None else np.ascontiguousarray(bias, np.float16).data

    def made(lanes: int | None = None) -> list[TaskPlan]:
        return convolution.convolution(
            x.surface(), z.surface(), data.data, offsets, window=window, groups=groups, relu=last.relu,
            table=last.table, exchange=exchange, lanes=lanes,
        )  # fmt: skip

    fewer = convolution.fewer_lanes(weights.shape[0], z.surface().shape) if (groups, stride) == (1, 1) else ()
    others = (Alternative(f"{lanes} a plane", functools.partial(made, lanes)) for lanes in fewer)
    for plan in b.pick("lanes", (Alternative("by rule", made), *others)):
        b.add([plan])
    return z
