"""Convolutions of the neural engines: the kernel fetched, and the sums in the chip's arithmetic.

Cross-correlation: output (y, x) reads input (y * step_y - pad_y + ky, x * step_x - pad_x + kx), and zeros outside. That
two columns are computed side by side shows in the order of the weights only.
"""

from typing import NamedTuple

import numpy as np

from .. import packing
from ..operations import Convolution, Neural
from ..packing import zero_skipping
from . import faults as kinds
from .access import Access, Bar
from .lut import HALF
from .numbers import Numbers, load, load_single
from .products import Lanes, dot, wide_of
from .stepped import SteppedLanes, magnitudes_of, precision_of
from .unpacking import Run, unpacked

#: Elements of the input, as a matrix, that are worked on at a time: 8 MiB of float32.
PATCH_ELEMENTS = 1 << 21
#: Weights that are worked on at a time.
WEIGHT_ELEMENTS = 1 << 21
#: Sums of unicast convolutions that are worked on at a time.
LANES = 1 << 15


class Weights(NamedTuple):
    """What a convolution multiplies and adds.

    Attributes:
        bits: float16 bits as uint16, (groups, outputs, input channels * kernel rows * kernel columns).
        bias: float16 bits as uint16, (groups, outputs); None without a bias row.
    """

    bits: np.ndarray
    bias: np.ndarray | None


def fetch_weights(task: Convolution, access: Access) -> Weights:
    """Fetches and unpacks a kernel.

    Raises:
        Hang: it cannot be fetched, or kernel DMA fetches too little or too much.
        NotImplementedTask: its packing is not known.
    """
    kernel = task.kernel
    if task.unicast is not None and task.outputs * task.unicast > task.source.shape.channels:
        why = f"{task.outputs} output channels that read {task.unicast} of their own each need more than the source has"
        raise access.refuse("Common.GroupConvCfg.UnicastCin", task.unicast, why)
    if not kernel.enabled:
        what = "coefficients are used, but their fetch is off"
        raise access.faults.hang(kinds.DMA_DISABLED, what, kernel.register)
    bar = access.bar(kernel.bar, kernel.enabled, kernel.register, "the coefficients")
    if kernel.zero_skipping:
        return _fetch_without_zeros(task, access, bar)
    try:
        layout = packing.layout_of(task)
    except packing.Misfit as misfit:
        raise access.misfit(misfit) from misfit
    for channel, needed_bytes in zip(kernel.channels, layout.chunk_bytes):
        if needed_bytes:
            _check_channel(task, access, bar, channel.engine)

    def read(run: Run, plane_bytes: int) -> np.ndarray:
        channel = kernel.channels[run.first.engine]
        start = kernel.base_bytes + channel.base_bytes + run.first.offset_bytes
        return access.read_rows(bar, start, run.planes, run.step_bytes, plane_bytes, channel.registers.base)

    rows = unpacked(layout, read)
    return _shaped(task, rows[:, layout.form.bias_row :], rows[:, 0] if layout.form.bias_row else None)


def _shaped(task: Neural, weights: np.ndarray, bias: np.ndarray | None) -> Weights:
    shape = task.source.shape.groups, task.outputs
    return Weights(weights.reshape(*shape, -1), None if bias is None else bias.reshape(shape))


def _check_channel(task: Convolution, access: Access, bar: Bar, engine: int) -> None:
    channel = task.kernel.channels[engine]
    if not channel.enabled:
        what = f"engine {engine} needs coefficients, but its channel is off"
        raise access.faults.hang(kinds.DMA_DISABLED, what, channel.registers.config)
    start = task.kernel.base_bytes + channel.base_bytes
    access.check_fetch(bar, start, channel.size_bytes, channel.registers.base)


def _fetch_without_zeros(task: Convolution, access: Access, bar: Bar) -> Weights:
    """A kernel that stores only weights other than 0."""
    form = packing.form_of(task)
    rows = np.zeros((form.channels, form.rows), np.uint16)
    for channel in task.kernel.channels:
        if not zero_skipping.firsts(form, channel.engine):
            continue
        _check_channel(task, access, bar, channel.engine)
        start = task.kernel.base_bytes + channel.base_bytes
        data = access.read_bytes(bar, start, channel.size_bytes, channel.registers.base)
        try:
            found = zero_skipping.places(form, channel.engine, data.data)
        except zero_skipping.Unreadable:
            why = "what it holds does not follow the packing that is known"
            raise access.refuse(channel.registers.base, channel.base_bytes, why) from None
        if found.used_bytes != channel.size_bytes:
            what = f"engine {channel.engine}"
            misfit = packing.Misfit(what, channel.registers.size, channel.size_bytes, found.used_bytes)
            raise access.misfit(misfit)
        for output, offsets in found.rows.items():
            places = np.array(offsets)
            stored = places != zero_skipping.NOT_STORED
            places = places[stored]
            rows[output, stored] = data[places] | data[places + 1].astype(np.uint16) << 8
    return _shaped(task, rows[:, form.bias_row :], rows[:, 0] if form.bias_row else None)


def run(task: Neural, values: np.ndarray, weights: Weights, numbers: Numbers) -> np.ndarray:
    """Sums with their bias, float64, (groups, outputs, 1, height, width).

    Args:
        task: the convolution.
        values: (groups, channels, height, width) float32.
        weights: the kernel.
        numbers: the arithmetic.
    """
    shape = task.result.shape
    sums = np.empty((shape.groups, task.outputs, 1, shape.height, shape.width))
    for group in range(shape.groups):
        padded = _padded(task, values[group])
        if task.unicast is None:
            sums[group, :, 0] = _dense(task, padded, weights.bits[group], numbers)
        else:
            sums[group, :, 0] = _unicast(task, task.unicast, padded, weights.bits[group], numbers)
    if weights.bias is not None:
        sums += load(weights.bias, HALF)[:, :, None, None, None]
    if task.acc_bias:
        sums += task.acc_bias
    return numbers.limited(sums)


def _padded(task: Neural, values: np.ndarray) -> np.ndarray:
    """(channels, height, width) of the input with the zeros that the window reaches."""
    window, shape = task.window, task.result.shape
    below = max(0, (shape.height - 1) * window.step_y + window.height - window.pad_y - values.shape[1])
    right = max(0, (shape.width - 1) * window.step_x + window.width - window.pad_x - values.shape[2])
    channels, height, width = values.shape
    padded = np.zeros((channels, window.pad_y + height + below, window.pad_x + width + right), values.dtype)
    padded[:, window.pad_y :, window.pad_x :][:, :height, :width] = values
    return padded


def _tap(task: Neural, plane: np.ndarray, y: int, x: int, rows: range, columns: int) -> np.ndarray:
    """What a kernel element meets in some output rows of a plane: (rows, columns, ...)."""
    step_y, step_x = task.window.step_y, task.window.step_x
    top = rows.start * step_y + y
    return plane[top : top + (len(rows) - 1) * step_y + 1 : step_y, x : x + (columns - 1) * step_x + 1 : step_x]


def _dense(task: Neural, padded: np.ndarray, bits: np.ndarray, numbers: Numbers) -> np.ndarray:
    """Every output channel reads every input channel: (outputs, height, width)."""
    height, width = task.result.shape[3:]
    depth = bits.shape[1]
    sums = np.empty((task.outputs, height, width))
    step = max(1, PATCH_ELEMENTS // max(1, depth * width))
    many = max(1, WEIGHT_ELEMENTS // max(1, depth))
    for top in range(0, height, step):
        rows = range(top, min(height, top + step))
        matrix = _patches(task, padded, rows, width)
        for first in range(0, task.outputs, many):
            part = load_single(bits[first : first + many], HALF)
            found = dot(part, matrix, numbers)
            sums[first : first + many, rows.start : rows.stop] = found.reshape(-1, len(rows), width)
    return sums


def _patches(task: Neural, padded: np.ndarray, rows: range, width: int) -> np.ndarray:
    """The input as a matrix: (channels * kernel rows * kernel columns, rows * columns)."""
    high, wide = task.window.height, task.window.width
    found = np.empty((len(padded), high, wide, len(rows), width), padded.dtype)
    for y in range(high):
        for x in range(wide):
            found[:, y, x] = _tap(task, padded.transpose(1, 2, 0), y, x, rows, width).transpose(2, 0, 1)
    return found.reshape(len(padded) * high * wide, -1)


def _unicast(task: Neural, channels: int, padded: np.ndarray, bits: np.ndarray, numbers: Numbers) -> np.ndarray:
    """Every output channel reads its own input channels, as many each: (outputs, height, width).

    Output channels lie side by side here: what a kernel element meets in a row is one piece of memory then.
    """
    outputs, (height, width) = task.outputs, task.result.shape[3:]
    weights = load_single(bits, HALF).reshape(outputs, channels, task.window.height, task.window.width)
    precision = precision_of(weights, padded) if numbers.stepped else None
    source = padded[: outputs * channels].reshape(outputs, channels, *padded.shape[1:]).transpose(1, 2, 3, 0)
    factors = np.repeat(weights.transpose(1, 2, 3, 0)[:, :, :, None], width, axis=3)
    if precision is None:
        source, factors = wide_of(source), wide_of(factors)
    source = np.ascontiguousarray(source)
    magnitudes = magnitudes_of(source)
    sums = np.empty((outputs, height, width))
    step = max(1, LANES // max(1, outputs * width))
    for top in range(0, height, step):
        rows = range(top, min(height, top + step))
        shape = len(rows), width, outputs
        lanes = Lanes(shape, numbers) if precision is None else SteppedLanes(precision, shape)
        for channel, y, x in np.ndindex(weights.shape[1:]):
            values, sizes = (_tap(task, array[channel], y, x, rows, width) for array in (source, magnitudes))
            lanes.add(factors[channel, y, x], values, sizes)
        sums[:, rows.start : rows.stop] = lanes.sums.transpose(2, 0, 1)
    return sums
