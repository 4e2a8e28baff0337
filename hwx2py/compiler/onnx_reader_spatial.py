"""Convolutions and pooling of ONNX in a graph; those over one axis become rows of planes of height 1."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from ..errors import UnsupportedError
from .graph import Value
from .onnx_reader_view import NodeView
from .operators import Conv, ConvTranspose, Pool
from .operators.spatial import Pads


class _Window(NamedTuple):
    """Kernel, strides, pads and dilations of a node, as those of planes."""

    kernel: tuple[int, int]
    strides: tuple[int, int]
    pads: Pads
    dilations: tuple[int, int]


def _window(n: NodeView, x: Value, kernel: Sequence[int]) -> _Window:
    """Reads a node's window.

    Raises:
        UnsupportedError: planes of three axes, or padding that is not known.
    """
    sides = len(x.shape) - 2
    if sides not in (1, 2):
        raise UnsupportedError(f"{sides} axes of space; one or two are supported")
    strides = list(n.attribute("strides", [1] * sides))
    dilations = list(n.attribute("dilations", [1] * sides))
    pads = list(n.attribute("pads", [0] * (2 * sides)))
    if min(len(kernel), len(strides), len(dilations)) != sides or len(pads) != 2 * sides:
        raise UnsupportedError("kernel, strides, pads and dilations do not have one entry for each axis")
    if min(*kernel, *strides, *dilations) < 1:
        raise UnsupportedError("kernel, strides and dilations are at least 1")
    automatic = n.attribute("auto_pad", "NOTSET")
    if automatic == "VALID":
        pads = [0] * (2 * sides)
    elif automatic in ("SAME_UPPER", "SAME_LOWER"):
        pads = _same(automatic, x.shape[2:], kernel, strides, dilations)
    elif automatic != "NOTSET":
        raise UnsupportedError(f"auto_pad {automatic!r}")
    if sides == 1:
        pads = [0, pads[0], 0, pads[1]]
        kernel, strides, dilations = [1, *kernel], [1, *strides], [1, *dilations]
    top, left, bottom, right = pads
    return _Window(
        (kernel[0], kernel[1]), (strides[0], strides[1]), Pads(top, left, bottom, right), (dilations[0], dilations[1])
    )


def _same(
    automatic: str, size: Sequence[int], kernel: Sequence[int], strides: Sequence[int], dilations: Sequence[int]
) -> list[int]:
    """Padding with which an axis becomes as long as the stride makes it."""
    before, after = [], []
    for length, taps, stride, dilation in zip(size, kernel, strides, dilations):
        places = -(-length // stride)
        total = max(0, (places - 1) * stride + (taps - 1) * dilation + 1 - length)
        small = total // 2
        before.append(small if automatic == "SAME_UPPER" else total - small)
        after.append(total - before[-1])
    return before + after


def _plane(n: NodeView, x: Value) -> Value:
    """N, C, L as N, C, 1, L."""
    return n.graph.unsqueeze(x, 2) if len(x.shape) == 3 else x


def _planar_weights(weights: np.ndarray) -> np.ndarray:
    return weights[:, :, None] if weights.ndim == 3 else weights


def _back(n: NodeView, x: Value, y: Value) -> Value:
    return n.graph.squeeze(y, 2) if len(x.shape) == 3 else y


def _conv(n: NodeView) -> Value:
    x, weights = n.tensor(), n.constant(1, "the kernel")
    window = _window(n, x, weights.shape[2:])
    operator = Conv(window.strides, window.pads, window.dilations, n.attribute("group", 1))
    operands = [_plane(n, x), n.graph.constant(_planar_weights(weights))]
    if n.has(2):
        operands.append(n.weights(2, "the bias"))
    return _back(n, x, n.graph.apply(operator, *operands))


def _conv_transpose(n: NodeView) -> Value:
    x, weights = n.tensor(), n.constant(1, "the kernel")
    automatic = n.attribute("auto_pad", "NOTSET")
    if automatic not in ("NOTSET", "VALID") or "output_shape" in n.attributes:
        raise UnsupportedError("padding that follows from the size of the result")
    window = _window(n, x, weights.shape[2:])
    more = list(n.attribute("output_padding", [0] * (len(x.shape) - 2)))
    more = [0, *more] if len(more) == 1 else more
    operator = ConvTranspose(window.strides, window.pads, window.dilations, n.attribute("group", 1), (more[0], more[1]))
    operands = [_plane(n, x), n.graph.constant(_planar_weights(weights))]
    if n.has(2):
        operands.append(n.weights(2, "the bias"))
    return _back(n, x, n.graph.apply(operator, *operands))


def _pool(n: NodeView) -> Value:
    x = n.tensor()
    if n.results > 1:
        raise UnsupportedError("the places of the largest elements stay on the host")
    window = _window(n, x, list(n.attribute("kernel_shape")))
    if window.dilations != (1, 1):
        raise UnsupportedError("a window with gaps")
    operator = Pool(
        n.kind == "MaxPool", window.kernel, window.strides, window.pads, bool(n.attribute("ceil_mode", 0)),
        bool(n.attribute("count_include_pad", 0)),
    )  # fmt: skip
    return _back(n, x, n.graph.apply(operator, _plane(n, x)))


#: ONNX operation -> what reads it.
SPATIAL: dict[str, Callable[[NodeView], Value]] = {
    "Conv": _conv,
    "ConvTranspose": _conv_transpose,
    "MaxPool": _pool,
    "AveragePool": _pool,
}
