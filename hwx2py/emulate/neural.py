"""The neural engines: convolution, products and maxima over channels, pass-through; then scale and last step.

sum    = convolution (+ bias row), or input + AccBias, or product or maximum over channels, or the input itself
result = last step (sum * PostScale), where the last step is nothing, ReLU or a lookup table
"""

import numpy as np

from . import coefficients, lut, numbers, support, transfer
from .context import Context
from .surface import Shape

#: NE.MACCfg.OpMode.
CONVOLUTION, PRODUCT, MAXIMUM, BYPASS = 0, 2, 3, 4
#: NE.MACCfg.NonlinearMode.
RELU = 1


def run(context: Context) -> np.ndarray:
    """Computes the task's result as element bits, (groups, channels, height, width), ready to be put away."""
    support.check(context, support.NEURAL)
    support.check_unnamed(context, support.BLOCKS_NEURAL)
    shape = Shape(*(context.get(f"Common.{name}") for name in ("NumGroups", "Cin", "Hin", "Win")))
    operation = _operation(context)
    if operation is not _convolved:
        _check_window(context, shape)
    bits = transfer.fetch_first(context, shape)
    if context.get("Common.InFmt") == transfer.FLOAT16:
        elements = _computed(context, operation, np.ascontiguousarray(bits).view(np.float16))
    else:
        elements = _moved(context, operation, bits)
    return elements.swapaxes(1, 3) if context.get("Common.OutTrans") else elements


def _operation(context: Context):
    mode, unity = context.get("NE.OpMode"), context.get("NE.KernelMode")
    if mode == CONVOLUTION:
        return _biased if unity else _convolved
    if unity and mode == PRODUCT:
        return _product
    if unity and mode == MAXIMUM:
        return _maximum
    if unity and mode == BYPASS:
        return _passed
    raise context.refuse("NE.OpMode", f"with KernelMode {context.registers.label('NE.KernelMode')} it was never seen")


def _check_window(context: Context, shape: Shape) -> None:
    """A task that does not convolve keeps height and width, one element at a time."""
    for name in ("Kw", "Kh", "Sx", "Sy"):
        if context.get(f"Common.{name}") != 1:
            raise context.refuse(f"Common.{name}", "the task does not convolve")
    for name in ("Px", "Py"):
        if context.get(f"Common.{name}"):
            raise context.refuse(f"Common.{name}", "the task does not convolve")
    for name, size in (("Wout", shape.width), ("Hout", shape.height)):
        if context.get(f"Common.{name}") != size:
            raise context.refuse(f"Common.{name}", f"the input has {size}, and the task does not convolve")


def _moved(context: Context, operation, bits: np.ndarray) -> np.ndarray:
    """8-bit elements can be moved; what computing with them means is not known."""
    name = "Common.InFmt"
    if operation is not _passed or context.get("Common.OutFmt") != context.get(name):
        raise context.refuse(name, "8-bit elements are only moved, never computed with or converted")
    if context.get("NE.NonlinearMode") or numbers.float16_of(context.get("NE.PostScale.PostScale")) != 1.0:
        raise context.refuse(name, "8-bit elements with a scale or a last step are not understood")
    if context.get("L2.InputReLU"):
        raise context.refuse("L2.InputReLU", "8-bit elements are only moved")
    _passed(context, bits)
    return bits


def _computed(context: Context, operation, elements: np.ndarray) -> np.ndarray:
    if context.get("Common.OutFmt") != transfer.FLOAT16:
        raise context.refuse("Common.OutFmt", "conversion between formats is not understood")
    values = numbers.load(elements)
    if context.get("L2.InputReLU"):
        values = np.maximum(values, 0.0)
    if operation not in (_biased,) and context.get("NE.AccBias.AccBias"):
        raise context.refuse("NE.AccBias.AccBias", "it was seen with input plus bias only")
    with np.errstate(all="ignore"):
        result = operation(context, values) * numbers.float16_of(context.get("NE.PostScale.PostScale"))
        mode = context.get("NE.NonlinearMode")
        if mode == RELU:
            result = np.maximum(result, 0.0)
        elif mode == coefficients.TABLE:
            result = lut.evaluate(coefficients.table(context), result)
    return numbers.store(result).view(np.uint16)


def _passed(context: Context, values: np.ndarray) -> np.ndarray:
    channels = context.get("Common.Cin")
    if context.get("Common.Cout") != channels:
        raise context.refuse("Common.Cout", f"{channels} channels are passed through")
    return values


def _biased(context: Context, values: np.ndarray) -> np.ndarray:
    _passed(context, values)
    return numbers.limit_sums(values + numbers.float16_of(context.get("NE.AccBias.AccBias")))


def _unicast(context: Context, values: np.ndarray) -> np.ndarray:
    """The input as (groups, output channels, channels of each, height, width)."""
    each, out = context.get("Common.UnicastCin"), context.get("Common.Cout")
    if not context.get("Common.UnicastEn"):
        raise context.refuse("Common.UnicastEn", "the operation works on unicast channels")
    if each * out != values.shape[1]:
        raise context.refuse("Common.UnicastCin", f"{out} outputs of so many channels do not make {values.shape[1]}")
    return values.reshape(values.shape[0], out, each, *values.shape[2:])


def _one_lane(context: Context) -> None:
    if coefficients.lanes(context) != 1:
        raise context.refuse("Common.OCGSize", "over channels it was seen with planes of one channel only")


def _product(context: Context, values: np.ndarray) -> np.ndarray:
    _one_lane(context)
    return numbers.limit_sums(_unicast(context, values).prod(axis=2))


def _maximum(context: Context, values: np.ndarray) -> np.ndarray:
    _one_lane(context)
    return _unicast(context, values).max(axis=2)


def _convolved(context: Context, values: np.ndarray) -> np.ndarray:
    """Cross-correlation; outside the input there are zeros."""
    support.check(context, support.KERNEL)
    if context.get("L2.PaddingMode") and (context.get("Common.Px") or context.get("Common.Py")):
        raise context.refuse("L2.PaddingMode", "padding was seen with mode 0, which is zeros")
    groups, channels = values.shape[:2]
    unicast = bool(context.get("Common.UnicastEn"))
    if unicast:
        values = _unicast(context, values)
        channels = values.shape[2]
    kernel = coefficients.kernel(context, groups, channels)
    out = np.empty((groups, *kernel.weights.shape[1:2], context.get("Common.Hout"), context.get("Common.Wout")))
    for group in range(groups):
        out[group] = _correlate(context, values[group], kernel.weights[group])
    return numbers.limit_sums(out + kernel.bias[:, :, None, None])


def _correlate(context: Context, values: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """One group.

    Args:
        context: the task.
        values: (channels, height, width), or (outputs, channels of each, height, width) for unicast.
        weights: (outputs, channels, Kh, Kw).

    Returns:
        (outputs, height, width)
    """
    rows, columns = context.get("Common.Hout"), context.get("Common.Wout")
    (sy, sx), (py, px) = ([context.get(f"Common.{letter}{axis}") for axis in "yx"] for letter in "SP")
    high, wide = weights.shape[2:]
    below = max(0, (rows - 1) * sy + high - py - values.shape[-2])
    right = max(0, (columns - 1) * sx + wide - px - values.shape[-1])
    around = [(0, 0)] * (values.ndim - 2) + [(py, below), (px, right)]
    padded = np.pad(values, around)
    out = np.zeros((len(weights), rows, columns))
    for y in range(high):
        for x in range(wide):
            part = padded[..., y : y + (rows - 1) * sy + 1 : sy, x : x + (columns - 1) * sx + 1 : sx]
            if values.ndim == 4:
                out += (weights[:, :, y, x, None, None] * part).sum(axis=1)
            else:
                out += np.tensordot(weights[:, :, y, x], part, 1)
    return out
