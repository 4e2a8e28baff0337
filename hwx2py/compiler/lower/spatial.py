"""Convolutions with strides, dilation and groups; transposed convolutions; pooling."""

import numpy as np

from ...errors import UnsupportedError
from .. import operators
from ..builder import Builder, half_of
from ..forms.elementwise import Binary
from ..generic import neural, planar, products
from ..graph import Node
from ..last_step import NO_STEP, LastStep, last_step
from ..operators.spatial import Pads
from ..view import View
from . import moves
from .layout import _at, strided_columns


def convolution(b: Builder, node: Node, views: list[View]) -> View:
    """A convolution: at stride 1, then every so many rows by strides, and columns by way of planes."""
    operator = node.operator
    assert isinstance(operator, operators.Conv)
    weights = dilated(half_of(node.inputs[1]), operator.dilations)
    bias = half_of(node.inputs[2]) if len(node.inputs) > 2 else None
    (x, *_), (batch, outputs, height, width) = views, node.output.shape
    at_once = operator.strides == (1, 1) or _is_direct(b, operator, weights)
    target = b.result(node.output.shape) if at_once or batch > 1 else None
    results = []
    for number in range(batch):
        place = None if target is None else _at(target, (number,))
        full = place if at_once else None
        y = _strided(b, _at(x, (number,)), weights, bias, operator, (height, width), full, last_step(node))
        if place is not None and y is not place:
            moves.copy(b, y, place)
        results.append(y)
    if target is not None:
        return target
    (y,) = results
    return View(y.buffer, y.base_bytes, (1, outputs, height, width), (0, *y.strides_bytes))


def _is_direct(b: Builder, operator: operators.Conv, weights: "np.ndarray") -> bool:
    """Whether a stride of 2 is done by the engines: for kernels of 1 x 1, which leave zeros out (a record)."""
    return (
        b.skips_zeros and operator.strides == (2, 2) and weights.shape[2:] == (1, 1) and not any(pads_of(operator.pads))
        and operator.groups == 1
    )  # fmt: skip


def dilated(weights: "np.ndarray", dilations: tuple[int, int]) -> "np.ndarray":
    """The kernel with zeros between its taps."""
    if dilations == (1, 1):
        return weights
    outputs, inputs, height, width = weights.shape
    size = ((height - 1) * dilations[0] + 1, (width - 1) * dilations[1] + 1)
    wide = np.zeros((outputs, inputs, *size), weights.dtype)
    wide[:, :, :: dilations[0], :: dilations[1]] = weights
    return wide


def _strided(
    b: Builder, x: View, weights: "np.ndarray", bias: "np.ndarray | None", operator: operators.Conv,
    size: tuple[int, int], z: View | None,
    last: LastStep = NO_STEP,
) -> View:  # fmt: skip
    """One batch element, C, H, W."""
    kernel_height, kernel_width = weights.shape[2:]
    pads, (down, across) = operator.pads, operator.strides
    if _is_direct(b, operator, weights):
        y = z or b.scratch((weights.shape[0], *size))
        return products.convolve(b, x, weights, bias, y, stride=2, last=last)
    x, pads = _cut(b, x, pads)
    if kernel_width > products.MOST_KERNEL or kernel_height > products.MOST_KERNEL:
        if last != NO_STEP:
            raise UnsupportedError("a function behind a kernel of more than 31 rows or columns")
        return _long(b, x, weights, bias, pads, operator, size)
    # Only the places that are kept need to be computed at the far side.
    tall, wide = (size[0] - 1) * down + 1, (size[1] - 1) * across + 1
    if kernel_height == 1 and down > 1 and pads.top == pads.bottom == 0:
        x, tall, down = x.part(1, 0, size[0], down), size[0], 1
    if kernel_width == 1 and across > 1 and pads.left == pads.right == 0:
        x, wide, across = strided_columns(b, x, range(0, (size[1] - 1) * across + 1, across)), size[1], 1
    y = z or b.scratch((weights.shape[0], tall, wide))
    products.convolve(b, x, weights, bias, y, pads, operator.groups, last=last)
    if down > 1:
        y = y.part(1, 0, size[0], down)
    return strided_columns(b, y, range(0, (size[1] - 1) * across + 1, across)) if across > 1 else y


def _cut(b: Builder, x: View, pads: Pads) -> tuple[View, Pads]:
    """Negative padding as a cut."""
    top, left, bottom, right = (max(0, -pad) for pad in pads_of(pads))
    if top or bottom:
        x = x.part(1, top, x.lengths[1] - top - bottom)
    if left or right:
        x = strided_columns(b, x, range(left, x.lengths[2] - right))
    return x, Pads(*(max(0, pad) for pad in pads_of(pads)))


def pads_of(pads: Pads) -> tuple[int, int, int, int]:
    """Top, left, bottom, right."""
    return pads.top, pads.left, pads.bottom, pads.right


def _long(
    b: Builder, x: View, weights: "np.ndarray", bias: "np.ndarray | None", pads: Pads, operator: operators.Conv,
    size: tuple[int, int],
) -> View:  # fmt: skip
    """A kernel of more than 31 rows or columns, in parts that are added up."""
    if operator.groups != 1:
        raise UnsupportedError("a kernel of more than 31 rows or columns, in groups")
    height, width = x.lengths[1:]
    if pads.top or pads.bottom:
        x = moves.selected(b, x, 1, [-1] * pads.top + list(range(height)) + [-1] * pads.bottom)
    if pads.left or pads.right:
        x = moves.selected(b, x, 2, [-1] * pads.left + list(range(width)) + [-1] * pads.right)
    if weights.shape[2] == 1 and operator.strides[1] > 1 and x.lengths[:2] == (1, 1) and operator.strides[1] % 32 == 0:
        return _frames(b, x, weights, bias, operator.strides[1], size[1])
    if weights.shape[2] == 1:
        # Columns as rows: rows are cut anywhere by strides.
        turned = _turned(b, x)
        y = _tall(b, turned, weights.transpose(0, 1, 3, 2), bias, operator.strides[::-1], size[::-1])
        return _turned(b, y)
    return _tall(b, x, weights, bias, operator.strides, size)


def _turned(b: Builder, x: View) -> View:
    """C, W, H of C, H, W."""
    return moves.transposed(b, x, (0, 2, 1))


def _tall(
    b: Builder, x: View, weights: "np.ndarray", bias: "np.ndarray | None", strides: tuple[int, int],
    size: tuple[int, int],
) -> View:  # fmt: skip
    """A kernel of many rows, no padding."""
    if weights.shape[3] > products.MOST_KERNEL:
        raise UnsupportedError(f"a kernel of {weights.shape[2]} x {weights.shape[3]}: more than 31 both ways")
    total: View | None = None
    places = (size[0] - 1) * strides[0] + 1
    wide = (size[1] - 1) * strides[1] + 1
    for first in range(0, weights.shape[2], products.MOST_KERNEL):
        part = weights[:, :, first : first + products.MOST_KERNEL]
        rows = x.part(1, first, places + part.shape[2] - 1)
        y = b.scratch((weights.shape[0], places, wide))
        products.convolve(b, rows, np.ascontiguousarray(part), bias if first == 0 else None, y)
        y = y.part(1, 0, size[0], strides[0])
        total = y if total is None else planar.pair(b, Binary.ADD, total, y, b.scratch(y.lengths))
    if total is None:
        raise UnsupportedError("a kernel without rows")
    return strided_columns(b, total, range(0, wide, strides[1])) if strides[1] > 1 else total


def _frames(b: Builder, x: View, weights: "np.ndarray", bias: "np.ndarray | None", stride: int, count: int) -> View:
    """One row with a long kernel and a stride of whole 64 bytes: the frames of a stride become channels."""
    outputs, _, _, width = weights.shape
    taps = -(-width // stride)
    frames = count + taps - 1
    length = x.lengths[2]
    if length < frames * stride:
        x = moves.selected(b, x, 2, list(range(length)) + [-1] * (frames * stride - length))
    rows = View(x.buffer, x.base_bytes, (1, frames, stride), (frames * stride * 2, stride * 2))
    channels = moves.exchanged(b, rows, 0)
    kernel = np.zeros((outputs, taps * stride), weights.dtype)
    kernel[:, :width] = weights.reshape(outputs, width)
    kernel = np.ascontiguousarray(kernel.reshape(outputs, taps, stride).transpose(0, 2, 1)[..., None])
    y = _tall(b, channels, kernel, bias, (1, 1), (count, 1))
    return _turned(b, y)


def transposed_convolution(b: Builder, node: Node, views: list[View]) -> View:
    """A convolution for each phase of the strides; phases are interleaved by strides while columns are planes."""
    operator = node.operator
    assert isinstance(operator, operators.ConvTranspose)
    weights = half_of(node.inputs[1])
    bias = half_of(node.inputs[2]) if len(node.inputs) > 2 else None
    weights = dilated(weights, operator.dilations)
    z = b.result(node.output.shape)
    groups, each_in = operator.groups, views[0].lengths[1] // operator.groups
    each_out = weights.shape[1]
    for number in range(z.lengths[0]):
        for group in range(groups):
            offsets = None if bias is None else bias[group * each_out : (group + 1) * each_out]
            _phases(
                b, _at(views[0], (number,)).part(0, group * each_in, each_in),
                weights[group * each_in : (group + 1) * each_in], offsets, operator,
                _at(z, (number,)).part(0, group * each_out, each_out),
            )  # fmt: skip
    return z


def _phases(
    b: Builder, x: View, weights: "np.ndarray", bias: "np.ndarray | None", operator: operators.ConvTranspose, z: View
) -> None:
    outputs, height, width = z.lengths
    down, across = operator.strides
    if (down, across) == (1, 1):
        _phase(b, x, weights, bias, operator, (0, 0), z)
        return
    planes = b.scratch((width, height, outputs))
    for i in range(min(down, height)):
        for j in range(min(across, width)):
            rows, columns = -(-(height - i) // down), -(-(width - j) // across)
            part = b.scratch((outputs, rows, columns))
            _phase(b, x, weights, bias, operator, (i, j), part)
            neural.exchange(b, part, planes.part(0, j, columns, across).part(1, i, rows, down))
    neural.exchange(b, planes, z)


def _phase(
    b: Builder, x: View, weights: "np.ndarray", bias: "np.ndarray | None", operator: operators.ConvTranspose,
    phase: tuple[int, int], z: View,
) -> None:  # fmt: skip
    """The places of a result that are a phase apart from multiples of the strides."""
    before = (operator.pads.top, operator.pads.left)
    kernel = weights.shape[2:]
    taps = [
        [
            (offset, tap)
            for offset in range(-kernel[axis], kernel[axis] + before[axis] + 1)
            if 0 <= (tap := phase[axis] + before[axis] - operator.strides[axis] * offset) < kernel[axis]
        ]
        for axis in (0, 1)
    ]
    if not taps[0] or not taps[1]:
        row = b.constant(np.zeros(z.lengths[0]) if bias is None else bias)
        turned = moves.exchanged(b, View(row.buffer, row.base_bytes, (1, 1, z.lengths[0]), (0, 0)), 0)
        moves.spread(b, turned, z.lengths, z)
        return
    picked = weights[:, :, [tap for _, tap in taps[0]]][:, :, :, [tap for _, tap in taps[1]]]
    first = [taps[axis][0][0] for axis in (0, 1)]
    _, rows, columns = z.lengths
    top, left = -first[0], -first[1]
    bottom = rows - (x.lengths[1] + top - len(taps[0]) + 1)
    right = columns - (x.lengths[2] + left - len(taps[1]) + 1)
    source, pads = _cut(b, x, Pads(top, left, bottom, right))
    products.convolve(b, source, np.ascontiguousarray(picked.transpose(1, 0, 2, 3)), bias, z, pads)


def pool(b: Builder, node: Node, views: list[View]) -> View:
    """Maxima of shifted views, rows first, then columns as planes; means as depthwise convolutions."""
    operator = node.operator
    assert isinstance(operator, operators.Pool)
    z = b.result(node.output.shape)
    for number in range(z.lengths[0]):
        place, source = _at(z, (number,)), _at(views[0], (number,))
        if operator.largest:
            _max_pool(b, source, operator, place)
        else:
            _mean_pool(b, source, operator, place)
    return z


def _max_pool(b: Builder, x: View, operator: operators.Pool, z: View) -> None:
    _, height, width = z.lengths
    pads = operator.pads
    rows = _windowed(b, _edged(b, x, 1, pads.top, _behind(operator, 0, height, x.lengths[1])), 1, operator, 0, height)
    turned = moves.exchanged(b, rows, 0)
    columns = _edged(b, turned, 0, pads.left, _behind(operator, 1, width, x.lengths[2]))
    done = _windowed(b, columns, 0, operator, 1, width)
    neural.exchange(b, done, z)


def _behind(operator: operators.Pool, axis: int, places: int, length: int) -> int:
    """Places behind a plane that windows reach."""
    before = (operator.pads.top, operator.pads.left)[axis]
    return max(0, (places - 1) * operator.strides[axis] + operator.kernel[axis] - length - before)


def _edged(b: Builder, x: View, axis: int, before: int, behind: int) -> View:
    """With edge places repeated: they change no maximum, since every window has one of them inside."""
    if not before and not behind:
        return x
    length = x.lengths[axis]
    return moves.selected(b, x, axis, [min(max(place, 0), length - 1) for place in range(-before, length + behind)])


def _windowed(b: Builder, x: View, axis: int, operator: operators.Pool, side: int, places: int) -> View:
    """The largest of every window along an axis that strides can walk."""
    step = operator.strides[side]
    y = x.part(axis, 0, places, step)
    for offset in range(1, operator.kernel[side]):
        y = planar.pair(b, Binary.MAX, y, x.part(axis, offset, places, step), b.scratch(y.lengths))
    return y


def _mean_pool(b: Builder, x: View, operator: operators.Pool, z: View) -> None:
    channels, height, width = z.lengths
    kernel, pads = operator.kernel, operator.pads
    places = np.float64(kernel[0] * kernel[1])
    weights = np.full((channels, 1, *kernel), 1 / places).astype(np.float16)
    behind = (_behind(operator, 0, height, x.lengths[1]), _behind(operator, 1, width, x.lengths[2]))
    around = Pads(pads.top, pads.left, *behind)
    conv = operators.Conv(operator.strides, around, groups=channels)
    counts = _counts(operator, (height, width), x.lengths[1:])
    uneven = not (counts == counts.flat[0]).all()
    direct = operator.strides == (1, 1) and not uneven
    if not uneven and counts.flat[0] != places:
        weights = np.full((channels, 1, *kernel), 1 / counts.flat[0]).astype(np.float16)
    y = _strided(b, x, weights, None, conv, (height, width), z if direct else None)
    if uneven:
        factors = b.constant((places / counts)[None])
        planar.broadcast(b, Binary.MUL, y, factors, z)
    elif not direct:
        moves.copy(b, y, z)


def _counts(operator: operators.Pool, size: tuple[int, int], lengths: tuple[int, ...]) -> "np.ndarray":
    """How many places each mean divides by."""
    before, after = (operator.pads.top, operator.pads.left), (operator.pads.bottom, operator.pads.right)
    sides = []
    for axis in (0, 1):
        low, high = 0, lengths[axis]
        if operator.counts_pads:
            low, high = -before[axis], lengths[axis] + after[axis]
        starts = [place * operator.strides[axis] - before[axis] for place in range(size[axis])]
        sides.append([min(start + operator.kernel[axis], high) - max(start, low) for start in starts])
    return np.outer(np.array(sides[0], np.float64), np.array(sides[1], np.float64))
