"""Convolutions with strides, dilation and groups; transposed convolutions."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from ...errors import UnsupportedError
from .. import operators
from ..builder import Builder, half_of
from ..forms.elementwise import After, Binary
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
    target = b.result(node.output.shape)
    if operator.exchanged:
        outputs, width = width, outputs
    for number in range(batch):
        place, source, step = _at(target, (number,)), _at(x, (number,)), last_step(node)
        if operator.exchanged:
            _exchanged(b, source, weights, bias, operator, place, step)
            continue
        # What strides leave out needs no copy: where there is one batch element, it is the result as it lies.
        anywhere = batch == 1 and target is not b.wanted and max(operator.strides) > 1
        y = strided(b, source, weights, bias, operator, (height, width), None if anywhere else place, step)
        if anywhere:
            return View(y.buffer, y.base_bytes, (1, outputs, height, width), (0, *y.strides_bytes))
        if not y.is_same(place):
            moves.copy(b, y, place)
    return target


def _exchanged(
    b: Builder, x: View, weights: "np.ndarray", bias: "np.ndarray | None", operator: operators.Conv, z: View,
    last: LastStep,
) -> None:  # fmt: skip
    """A convolution at stride 1 whose result has C and W exchanged: by the same task where one makes all of it."""
    columns, rows, _ = z.lengths
    x, pads = _cut(b, x, operator.pads)
    if max(weights.shape[2:]) <= products.MOST_KERNEL:
        try:
            products.convolve(b, x, weights, bias, z, pads, operator.groups, last=last, exchange=True)
            return
        except UnsupportedError:
            pass  # too large for one task, or in groups: an exchange follows
    y = strided(b, x, weights, bias, replace(operator, pads=pads), (rows, columns), None, last)
    neural.exchange(b, y, z)


def _is_direct(b: Builder, operator: operators.Conv, weights: "np.ndarray") -> bool:
    """Whether a stride of 2 is done by the engines: for kernels of 1 x 1, which leave zeros out (a record)."""
    return (
        b.habits.skips_zeros and operator.strides == (2, 2) and weights.shape[2:] == (1, 1)
        and not any(pads_of(operator.pads)) and operator.groups == 1
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


def strided(
    b: Builder, x: View, weights: "np.ndarray", bias: "np.ndarray | None", operator: operators.Conv,
    size: tuple[int, int], z: View | None,
    last: LastStep = NO_STEP,
) -> View:  # fmt: skip
    """One batch element, C, H, W; the result lies in z, or elsewhere where z is None or strides leave rows out."""
    kernel_height, kernel_width = weights.shape[2:]
    pads, (down, across) = operator.pads, operator.strides
    if _is_direct(b, operator, weights):
        y = z or b.scratch((weights.shape[0], *size))
        return products.convolve(b, x, weights, bias, y, stride=2, last=last)
    x, pads = _cut(b, x, pads)
    if kernel_width > products.MOST_KERNEL or kernel_height > products.MOST_KERNEL:
        return _long(b, x, weights, bias, pads, operator, size, last)
    # Only the places that are kept need to be computed at the far side.
    tall, wide = (size[0] - 1) * down + 1, (size[1] - 1) * across + 1
    if kernel_height == 1 and down > 1 and pads.top == pads.bottom == 0:
        x, tall, down = x.part(1, 0, size[0], down), size[0], 1
    if kernel_width == 1 and across > 1 and pads.left == pads.right == 0:
        x, wide, across = strided_columns(b, x, range(0, (size[1] - 1) * across + 1, across)), size[1], 1
    if across > 1:
        turned = b.scratch((wide, tall, weights.shape[0]))
        _exchanged(b, x, weights, bias, replace(operator, strides=(1, 1), pads=pads), turned, last)
        y = z or b.scratch((weights.shape[0], *size))
        neural.exchange(b, turned.part(0, 0, size[1], across).part(1, 0, size[0], down), y)
        return y
    y = z if z is not None and down == 1 else b.scratch((weights.shape[0], tall, wide))
    products.convolve(b, x, weights, bias, y, pads, operator.groups, last=last)
    return y.part(1, 0, size[0], down)


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
    size: tuple[int, int], last: LastStep,
) -> View:  # fmt: skip
    """A kernel of more than 31 rows or columns, in parts that are added up."""
    height, width = x.lengths[1:]
    if pads.top or pads.bottom:
        x = moves.selected(b, x, 1, [-1] * pads.top + list(range(height)) + [-1] * pads.bottom)
    if pads.left or pads.right:
        x = moves.selected(b, x, 2, [-1] * pads.left + list(range(width)) + [-1] * pads.right)
    is_signal = x.lengths[:2] == (1, 1) and operator.groups == 1
    if weights.shape[2] == 1 and is_signal and operator.strides[1] > 1 and operator.strides[1] % 32 == 0:
        return _frames(b, x, weights, bias, operator.strides[1], size[1], last)
    if weights.shape[2] == 1:
        # Columns as rows: rows are cut anywhere by strides.
        turned = _turned(b, x)
        one, strides = weights.transpose(0, 1, 3, 2), operator.strides[::-1]
        return _turned(b, _tall(b, turned, one, bias, strides, size[::-1], operator.groups, last))

    def part(first: int, step: LastStep) -> View:
        some = weights[:, :, :, first : first + products.MOST_KERNEL]
        columns = strided_columns(b, x, range(first, x.lengths[2])) if first else x
        return _tall(b, columns, some, None if first else bias, operator.strides, size, operator.groups, step)

    return _summed(b, part, weights.shape[3], last)


def _summed(b: Builder, part: Callable[[int, LastStep], View], length: int, last: LastStep) -> View:
    """The sum of a kernel's parts, and what follows it.

    Args:
        b: where the tasks go.
        part: makes the part that begins at a row or column of the kernel, with what follows it.
        length: rows or columns of the kernel.
        last: what follows the sum: in the only part, or a clamp at zero in the last addition, or a task of its own.
    """
    if length <= products.MOST_KERNEL:
        return part(0, last)
    total = part(0, NO_STEP)
    for first in range(products.MOST_KERNEL, length, products.MOST_KERNEL):
        is_end = first + products.MOST_KERNEL >= length
        after = After(relu=last.relu and is_end)
        total = planar.pair(b, Binary.ADD, total, part(first, NO_STEP), b.scratch(total.lengths), after)
    return neural.lookup(b, total, last.table, b.scratch(total.lengths)) if last.table else total


def _turned(b: Builder, x: View) -> View:
    """C, W, H of C, H, W."""
    return moves.transposed(b, x, (0, 2, 1))


def _tall(
    b: Builder, x: View, weights: "np.ndarray", bias: "np.ndarray | None", strides: tuple[int, int],
    size: tuple[int, int], groups: int, last: LastStep,
) -> View:  # fmt: skip
    """A kernel of many rows and at most 31 columns, no padding."""
    places = (size[0] - 1) * strides[0] + 1
    wide = (size[1] - 1) * strides[1] + 1

    def part(first: int, step: LastStep) -> View:
        some = np.ascontiguousarray(weights[:, :, first : first + products.MOST_KERNEL])
        rows = x.part(1, first, places + some.shape[2] - 1)
        y = b.scratch((weights.shape[0], places, wide))
        products.convolve(b, rows, some, None if first else bias, y, groups=groups, last=step)
        return y.part(1, 0, size[0], strides[0])

    total = _summed(b, part, weights.shape[2], last)
    return strided_columns(b, total, range(0, wide, strides[1])) if strides[1] > 1 else total


def _frames(
    b: Builder, x: View, weights: "np.ndarray", bias: "np.ndarray | None", stride: int, count: int, last: LastStep
) -> View:
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
    y = _tall(b, channels, kernel, bias, (1, 1), (count, 1), 1, last)
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
                _at(z, (number,)).part(0, group * each_out, each_out), last_step(node),
            )  # fmt: skip
    return z


def _phases(
    b: Builder, x: View, weights: "np.ndarray", bias: "np.ndarray | None", operator: operators.ConvTranspose, z: View,
    last: LastStep,
) -> None:  # fmt: skip
    outputs, height, width = z.lengths
    down, across = operator.strides
    if across == 1:
        for i in range(min(down, height)):
            _phase(b, x, weights, bias, operator, (i, 0), z.part(1, i, -(-(height - i) // down), down), False, last)
        return
    # Columns are interleaved by strides while they are planes, which is how the convolutions store them.
    planes = b.scratch((width, height, outputs))
    for i in range(min(down, height)):
        for j in range(min(across, width)):
            rows, columns = -(-(height - i) // down), -(-(width - j) // across)
            part = planes.part(0, j, columns, across).part(1, i, rows, down)
            _phase(b, x, weights, bias, operator, (i, j), part, True, last)
    neural.exchange(b, planes, z)


def _phase(
    b: Builder, x: View, weights: "np.ndarray", bias: "np.ndarray | None", operator: operators.ConvTranspose,
    phase: tuple[int, int], z: View, exchange: bool, last: LastStep,
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
    _, rows, columns = z.lengths
    if not taps[0] or not taps[1]:
        outputs = weights.shape[1]
        _without_elements(b, np.zeros(outputs) if bias is None else bias, z, 2 if exchange else 0, last)
        return
    picked = weights[:, :, [tap for _, tap in taps[0]]][:, :, :, [tap for _, tap in taps[1]]]
    first = [taps[axis][0][0] for axis in (0, 1)]
    if exchange:
        rows, columns = z.lengths[1], z.lengths[0]
    top, left = -first[0], -first[1]
    bottom = rows - (x.lengths[1] + top - len(taps[0]) + 1)
    right = columns - (x.lengths[2] + left - len(taps[1]) + 1)
    picked = np.ascontiguousarray(picked.transpose(1, 0, 2, 3))
    pads = Pads(top, left, bottom, right)
    if exchange:
        _exchanged(b, x, picked, bias, operators.Conv(pads=pads), z, last)
        return
    source, pads = _cut(b, x, pads)
    products.convolve(b, source, picked, bias, z, pads, last=last)


def _without_elements(b: Builder, bias: "np.ndarray", z: View, outputs: int, last: LastStep) -> None:
    """Places of a result that no element reaches: the bias, and the last step of it.

    Args:
        b: where the tasks go.
        bias: of each output.
        z: the places.
        outputs: the axis of z that has the outputs.
        last: the last step.
    """
    values = np.maximum(bias, 0) if last.relu else bias
    columns = z.lengths[-1]
    rows = values[None, None, :] if outputs == 2 else np.repeat(values[:, None, None], columns, axis=2)
    source = b.constant(rows).spread(z.lengths)
    if last.table:
        neural.lookup(b, source, last.table, z)
    else:
        moves.copy(b, source, z)
