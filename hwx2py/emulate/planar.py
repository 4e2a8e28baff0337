"""The planar engine: elementwise work on one or two sources, reductions over rows and columns.

    s = op(a, b)        a and b with the signs of FirstSrc and SecSrc; s = a for one source
    y = relu(s * Scale + Bias), or its magnitude
    y = sum or maximum of y over height and width          (reductions)
    y = y * FinalScale, then 1 / y or 1 / sqrt(y + Epsilon)

A gain-offset task has a second source of two rows: y = (a + b[row 0]) * b[row 1], with the same signs.
"""

import numpy as np

from . import numbers, support, transfer
from .context import Context
from .surface import Shape

#: Common.Cfg.TaskType.
ONE, TWO, GAIN_OFFSET, REDUCE_ONE, REDUCE_TWO = 2, 3, 4, 5, 6
TWO_SOURCES = (TWO, GAIN_OFFSET, REDUCE_TWO)
REDUCTIONS = (REDUCE_ONE, REDUCE_TWO)

#: PE.Cfg.SecSrc.
PLUS_SECOND, MINUS_SECOND = 2, 3
#: PE.Cfg.PoolMode, PE.Cfg.NLMode.
MAXIMUM = 2
RECIPROCAL, RSQRT = 1, 2

OPERATIONS = {
    0: np.add,
    1: np.multiply,
    2: np.maximum,
    3: np.minimum,
    4: lambda a, b: np.square(a + b),
}


def run(context: Context) -> np.ndarray:
    """Computes the task's result as float16 bits, (groups, channels, height, width), ready to be put away."""
    support.check(context, support.PLANAR)
    support.check_unnamed(context, support.BLOCKS_PLANAR)
    kind = context.get("Common.TaskType")
    if kind not in (ONE, *TWO_SOURCES, *REDUCTIONS):
        raise context.refuse("Common.TaskType", "windowed pooling was never seen")
    _check_formats(context, kind)
    shape = _shape(context)
    first = _first(context, shape)
    values = _combined(context, kind, shape, first) if kind in TWO_SOURCES else _signed_one(context, first)
    result = _finished(context, kind, values)
    elements = numbers.store(result).view(np.uint16)
    return elements.swapaxes(1, 3) if context.get("Common.OutputTranspose") else elements


def _check_formats(context: Context, kind: int) -> None:
    names = ["Common.InFmt", "Common.OutFmt"] + ["Common.Src2InFmt"] * (kind in TWO_SOURCES)
    for name in names:
        if context.get(name) != transfer.FLOAT16:
            raise context.refuse(name, "the planar engine's integer formats are not understood")


def _shape(context: Context) -> Shape:
    """The size of the elementwise result: that of the output, which a broadcast source is stretched to."""
    shape = Shape(*(context.get(f"Common.{name}") for name in ("NumGroups", "Cout", "Hout", "Wout")))
    for axis, name in (("channels", "Cin"), ("height", "Hin"), ("width", "Win")):
        letter = name[0]
        stretched = context.get(f"Common.Src1Broadcast{letter}")
        if not stretched and context.get(f"Common.{name}") != getattr(shape, axis):
            raise context.refuse(f"Common.{name}", f"it differs from the output's {axis}, {getattr(shape, axis)}")
    return shape


def _source_shape(context: Context, shape: Shape, source: str) -> Shape:
    """The shape of a source before it is stretched."""
    return Shape(
        shape.groups,
        1 if context.get(f"Common.{source}BroadcastC") else shape.channels,
        1 if context.get(f"Common.{source}BroadcastH") else shape.height,
        1 if context.get(f"Common.{source}BroadcastW") else shape.width,
    )


def _first(context: Context, shape: Shape) -> np.ndarray:
    wanted = _source_shape(context, shape, "Src1")
    bits = transfer.fetch_first(context, wanted, bool(context.get("Common.Src1Transpose")))
    values = np.broadcast_to(_clamped(context, bits, "L2.InputReLU"), shape)
    return -values if context.get("PE.FirstSrc") else values


def _clamped(context: Context, bits: np.ndarray, clamp: str) -> np.ndarray:
    values = numbers.load(np.ascontiguousarray(bits).view(np.float16))
    return np.maximum(values, 0.0) if context.get(clamp) else values


def _signed_one(context: Context, first: np.ndarray) -> np.ndarray:
    if context.get("PE.SecSrc"):
        raise context.refuse("PE.SecSrc", "the task has one source")
    if context.get("PE.OpMode"):
        raise context.refuse("PE.OpMode", "the task has one source")
    return first


def _combined(context: Context, kind: int, shape: Shape, first: np.ndarray) -> np.ndarray:
    sign = context.get("PE.SecSrc")
    if sign not in (PLUS_SECOND, MINUS_SECOND):
        raise context.refuse("PE.SecSrc", "the task has two sources")
    wanted = _source_shape(context, shape, "Src2")
    if kind == GAIN_OFFSET:
        wanted = wanted._replace(height=2)
    bits = transfer.fetch_second(context, wanted, bool(context.get("Common.Src2Transpose")))
    second = _clamped(context, bits, "L2.Src2ReLU")
    operation = context.get("PE.OpMode")
    with np.errstate(all="ignore"):
        if kind == GAIN_OFFSET:
            if operation != 0:
                raise context.refuse("PE.OpMode", "gain and offset were seen with Add only")
            offset, gain = second[:, :, :1], second[:, :, 1:]
            return (first - offset if sign == MINUS_SECOND else first + offset) * gain
        return OPERATIONS[operation](first, -second if sign == MINUS_SECOND else second)


def _finished(context: Context, kind: int, values: np.ndarray) -> np.ndarray:
    bias, scale = (numbers.float16_of(context.get(f"PE.BiasScale.{name}")) for name in ("Bias", "Scale"))
    final = numbers.float32_of(context.get("PE.FinalScale"))
    last = context.get("PE.NLMode")
    epsilon = numbers.float16_of(context.get("PE.PreScale.Epsilon"))
    if epsilon and last != RSQRT:
        raise context.refuse("PE.PreScale.Epsilon", "it was seen with the reciprocal square root only")
    with np.errstate(all="ignore"):
        values = values * scale + bias
        if context.get("PE.ReluEn"):
            values = np.maximum(values, 0.0)
        if context.get("PE.Cond"):
            values = np.abs(values)
        if kind in REDUCTIONS:
            combine = np.max if context.get("PE.PoolMode") == MAXIMUM else np.sum
            values = combine(values, axis=(2, 3), keepdims=True)
        elif context.get("PE.PoolMode"):
            raise context.refuse("PE.PoolMode", "the task does not reduce")
        values = values * final + 0.0  # the reciprocal of -0 is +inf, recorded on an M1
        if last == RECIPROCAL:
            values = 1.0 / values
        elif last == RSQRT:
            values = 1.0 / np.sqrt(values + epsilon)
    return values
