"""What the operations of ONNX are in a graph: arithmetic, reductions, products, and the table of all readers."""

import math
from collections.abc import Callable

import numpy as np

from ..errors import UnsupportedError
from .canonical.constants import SMALLEST_SCALED
from .graph import Value
from .onnx_reader_moves import MOVES
from .onnx_reader_recurrent import RECURRENT
from .onnx_reader_spatial import SPATIAL
from .onnx_reader_view import Comparison, NodeView, Operand
from .operators import Binary
from .operators.arithmetic import Combine

Result = Operand | tuple[Operand, ...]
Reader = Callable[[NodeView], Result]

_COMBINES = {"Add": Combine.ADD, "Sub": Combine.SUB, "Mul": Combine.MUL, "Div": Combine.DIV, "Max": Combine.MAX,
             "Min": Combine.MIN, "Sum": Combine.ADD}  # fmt: skip


def _binary(n: NodeView) -> Result:
    operator = Binary(_COMBINES[n.kind])
    total = n.tensor(0)
    for index in range(1, len(n.operands)):
        total = n.graph.apply(operator, total, n.tensor(index))
    return total


def _mean(n: NodeView) -> Result:
    total = n.tensor(0)
    for index in range(1, len(n.operands)):
        total = n.graph.add(total, n.tensor(index))
    return n.graph.linear(total, 1.0 / len(n.operands))


def _unary(function: str, alpha: float = 0.0, beta: float = 0.0) -> Reader:
    def read(n: NodeView) -> Result:
        return n.graph.unary(function, n.tensor(), n.attribute("alpha", alpha), n.attribute("beta", beta))

    return read


def _neg(n: NodeView) -> Result:
    return n.graph.linear(n.tensor(), -1.0)


def _selu(n: NodeView) -> Result:
    alpha, gamma = n.attribute("alpha", 1.6732632423543772), n.attribute("gamma", 1.0507009873554805)
    return n.graph.linear(n.graph.unary("elu", n.tensor(), alpha), gamma)


def _celu(n: NodeView) -> Result:
    alpha = n.attribute("alpha", 1.0)
    if alpha <= 0:
        raise UnsupportedError(f"a Celu of alpha {alpha:g}; above 0 it is supported")
    if alpha != 1.0:
        x = n.graph.linear(n.tensor(), 1.0 / alpha)
        return n.graph.linear(n.graph.unary("elu", x, 1.0), alpha)
    return n.graph.unary("elu", n.tensor(), 1.0)


def _swish(n: NodeView) -> Result:
    """X times the sigmoid of alpha x: that of alpha x, divided by alpha."""
    alpha = n.attribute("alpha", 1.0)
    if alpha == 0:
        raise UnsupportedError("a Swish of alpha 0")
    if alpha == 1.0:
        return n.graph.unary("silu", n.tensor())
    return n.graph.linear(n.graph.unary("silu", n.graph.linear(n.tensor(), alpha)), 1.0 / alpha)


def _gelu(n: NodeView) -> Result:
    return n.graph.gelu(n.tensor())


def _clip(n: NodeView) -> Result:
    return n.graph.clip(n.tensor(), n.number("min", 1, -math.inf), n.number("max", 2, math.inf))


def _pow(n: NodeView) -> Result:
    exponent = n.operands[1]
    if isinstance(exponent, np.ndarray) and exponent.size and (exponent == exponent.flat[0]).all():
        power = n.graph.power(n.tensor(), float(exponent.flat[0]))
        is_larger = np.broadcast_shapes(power.shape, exponent.shape) != power.shape
        return n.graph.mul(power, np.ones(exponent.shape)) if is_larger else power
    base = n.operands[0]
    if isinstance(base, np.ndarray) and not (base > 0).all():
        raise UnsupportedError("powers of a constant that is not above 0")
    if isinstance(exponent, np.ndarray):
        return _signed_power(n, exponent)
    return n.graph.apply(Binary(Combine.POW), n.tensor(0), n.tensor(1))  # as Apple's compiler has it: of bases above 0


def _signed_power(n: NodeView, exponents: np.ndarray) -> Result:
    """Powers of the magnitude; those of negative elements by odd exponents are negative."""
    x, odd, g = n.tensor(0), np.mod(exponents, 2.0), n.graph
    power = g.apply(Binary(Combine.POW), g.unary("abs", x), n.tensor(1))
    negative = g.sign(x, 1, 0, 0)
    return g.mul(power, g.linear(g.mul(negative, odd), -2.0, 1.0)) if odd.any() else power


def _prelu(n: NodeView) -> Result:
    return n.graph.prelu(n.tensor(), n.weights(1, "the slopes"))


def _thresholded(n: NodeView) -> Result:
    x, alpha = n.tensor(), float(n.attribute("alpha", 1.0))
    return n.graph.mul(x, _mask(n, "Greater", x, np.array(alpha)))


def _softsign(n: NodeView) -> Result:
    x = n.tensor()
    return n.graph.div(x, n.graph.linear(n.graph.unary("abs", x), 1.0, 1.0))


# Truth values


def _mask(n: NodeView, kind: str, x: Value, y: "Value | np.ndarray") -> Value:
    """1 where a comparison holds, else 0: the sign of the difference by table."""
    signs = {"Greater": (0, 0, 1), "Less": (1, 0, 0), "GreaterOrEqual": (0, 1, 1), "LessOrEqual": (1, 1, 0),
             "Equal": (0, 1, 0)}  # fmt: skip
    return n.graph.sign(n.graph.sub(x, y), *signs[kind])


def _compare(n: NodeView) -> Result:
    x, y = n.tensor(0), n.tensor(1)
    return Comparison(n.kind, x, y, _mask(n, n.kind, x, y))


def _logic(n: NodeView) -> Result:
    x, y = n.tensor(0), n.tensor(1)
    g = n.graph
    match n.kind:
        case "And":
            mask = g.minimum(x, y)
        case "Or":
            mask = g.maximum(x, y)
        case _:
            mask = g.unary("abs", g.sub(x, y))
    return Comparison("", None, None, mask)


def _not(n: NodeView) -> Result:
    operand = n.operands[0]
    if isinstance(operand, Value) and operand in n.graph.truths:
        return n.graph.unary("not", operand)
    return Comparison("", None, None, n.graph.linear(n.tensor(), -1.0, 1.0))


def _where(n: NodeView) -> Result:
    """The first where the condition holds, else the second; a choice between what was compared is a maximum."""
    condition, g = n.operands[0], n.graph
    if isinstance(condition, np.ndarray):
        mask = g.constant(condition.astype(np.float64))
    elif isinstance(condition, Comparison):
        mask = condition.mask
        same = condition.first is n.operands[1] and condition.second is n.operands[2]
        other = condition.first is n.operands[2] and condition.second is n.operands[1]
        greater = condition.kind in ("Greater", "GreaterOrEqual")
        if (same or other) and (greater or condition.kind in ("Less", "LessOrEqual")):
            return (g.maximum if greater == same else g.minimum)(n.tensor(1), n.tensor(2))
    else:
        raise UnsupportedError("the condition is not a comparison")
    kept = g.mul(n.tensor(1), mask)
    if isinstance(condition, np.ndarray):
        return g.add(kept, g.mul(n.tensor(2), g.constant(1.0 - condition)))
    return g.add(kept, g.mul(n.tensor(2), g.linear(mask, -1.0, 1.0)))


# Reductions and norms


def _reduce(kind: str) -> Reader:
    def read(n: NodeView) -> Result:
        x = n.tensor()
        axes = n.integers("axes", 1)
        if axes is None or not axes:
            if n.attribute("noop_with_empty_axes", 0):
                return x
            axes = list(range(len(x.shape)))
        return n.graph.reduce(kind, x, axes, keep=bool(n.attribute("keepdims", 1)))

    return read


def _norm_axes(n: NodeView) -> list[int]:
    """The axes of a sum of squares or magnitudes.

    Raises:
        UnsupportedError: no axis, which leaves the function of each element in some versions and the element in others.
    """
    axes = n.integers("axes", 1)
    if not axes and n.attribute("noop_with_empty_axes", 0):
        raise UnsupportedError("a reduction over no axis")
    return axes or list(range(len(n.tensor().shape)))


def _reduce_squares(n: NodeView) -> Result:
    x = n.tensor()
    axes = _norm_axes(n)
    total = n.graph.reduce("sum", n.graph.mul(x, x), axes, keep=bool(n.attribute("keepdims", 1)))
    return n.graph.unary("sqrt", total) if n.kind == "ReduceL2" else total


def _reduce_l1(n: NodeView) -> Result:
    x = n.tensor()
    axes = _norm_axes(n)
    return n.graph.reduce("sum", n.graph.unary("abs", x), axes, keep=bool(n.attribute("keepdims", 1)))


def _softmax(n: NodeView) -> Result:
    x = n.tensor()
    newest = n.opset >= 13
    axis = n.axis(n.attribute("axis", -1 if newest else 1))
    logarithm = n.kind == "LogSoftmax"
    if newest or axis == len(x.shape) - 1:
        return n.graph.softmax(x, axis, logarithm)
    flat = n.graph.reshape(x, (math.prod(x.shape[:axis]), math.prod(x.shape[axis:])))
    return n.graph.reshape(n.graph.softmax(flat, -1, logarithm), x.shape)


def _layer_norm(n: NodeView) -> Result:
    x, g = n.tensor(), n.graph
    axes = range(n.axis(n.attribute("axis", -1)), len(x.shape))
    y = g.mul(g.standardize(x, axes, n.attribute("epsilon", 1e-5)), n.weights(1, "the gain"))
    return g.add(y, n.weights(2, "the bias")) if n.has(2) else y


def _instance_norm(n: NodeView) -> Result:
    x, g = n.tensor(), n.graph
    channels = (x.shape[1], *(1,) * (len(x.shape) - 2))
    gain, bias = (n.constant(index, what).reshape(channels) for index, what in ((1, "the gain"), (2, "the bias")))
    y = g.standardize(x, range(2, len(x.shape)), n.attribute("epsilon", 1e-5))
    return g.add(g.mul(y, gain), bias)


def _group_norm(n: NodeView) -> Result:
    x, g = n.tensor(), n.graph
    groups = n.attribute("num_groups")
    parts = g.reshape(x, (x.shape[0] * groups, math.prod(x.shape[1:]) // groups))
    y = g.reshape(g.standardize(parts, (-1,), n.attribute("epsilon", 1e-5)), x.shape)
    gain, bias = n.constant(1, "the gain"), n.constant(2, "the bias")
    if gain.size == groups:
        gain, bias = (np.repeat(array, x.shape[1] // groups) for array in (gain, bias))
    shape = (x.shape[1], *(1,) * (len(x.shape) - 2))
    return g.add(g.mul(y, gain.reshape(shape)), bias.reshape(shape))


def _batch_norm(n: NodeView) -> Result:
    x, g = n.tensor(), n.graph
    if not n.attribute("spatial", 1):
        raise UnsupportedError("a batch norm of each place")
    if n.attribute("training_mode", 0) or (n.opset < 14 and n.results > 1):
        raise UnsupportedError("a batch norm in training")
    gain, bias, mean, variance = (
        n.constant(index, what).astype(np.float64)
        for index, what in enumerate(("the gain", "the bias", "the mean", "the variance"), 1)
    )
    factor = gain / np.sqrt(variance + n.attribute("epsilon", 1e-5))
    channels = (x.shape[1] if len(x.shape) > 1 else 1, *(1,) * max(0, len(x.shape) - 2))
    return g.affine(x, factor.reshape(channels), (bias - mean * factor).reshape(channels))


def _global_pool(n: NodeView) -> Result:
    x = n.tensor()
    return n.graph.reduce("mean" if n.kind == "GlobalAveragePool" else "max", x, range(2, len(x.shape)))


# Products


def _matmul(n: NodeView) -> Result:
    x, y, g = n.tensor(0), n.tensor(1), n.graph
    one, two = len(x.shape) == 1, len(y.shape) == 1
    left = g.reshape(x, (1, *x.shape)) if one else x
    right = g.reshape(y, (*y.shape, 1)) if two and y.array is None else y
    if two and y.array is not None:
        right = g.constant(y.array.reshape(-1, 1))
    if one and x.array is not None:
        left = g.constant(x.array.reshape(1, -1))
    z = g.matmul(left, right)
    shape = list(z.shape)
    if two:
        del shape[-1]
    if one:
        del shape[-1 if two else -2]
    return z if tuple(shape) == z.shape else g.reshape(z, shape)


def _gemm(n: NodeView) -> Result:
    g, alpha, beta = n.graph, n.attribute("alpha", 1.0), n.attribute("beta", 1.0)
    x, y = n.tensor(0), n.tensor(1)
    if n.attribute("transA", 0):
        x = g.constant(x.array.T) if x.array is not None else g.transpose(x, (1, 0))
    if y.array is not None:
        weights = y.array.T if n.attribute("transB", 0) else y.array
        # Products with tiny weights lose bits: then the sums are multiplied instead.
        if abs(alpha) * max(1.0, float(np.abs(weights).max(initial=0))) >= SMALLEST_SCALED:
            weights, alpha = weights * alpha, 1.0
        y = g.constant(weights)
    elif n.attribute("transB", 0):
        y = g.transpose(y, (1, 0))
    if not n.has(2):
        z = g.matmul(x, y)
        return z if alpha == 1.0 else g.linear(z, alpha)
    offset = n.operands[2]
    columns = y.shape[-1]
    if isinstance(offset, np.ndarray) and alpha == 1.0 and y.array is not None and _is_row(offset, columns):
        return g.matmul(x, y, np.broadcast_to(offset.reshape(-1) * beta, (columns,)))
    z = g.matmul(x, y)
    z = z if alpha == 1.0 else g.linear(z, alpha)
    c = n.tensor(2)
    if beta != 1.0:
        c = g.constant(c.array * beta) if c.array is not None else g.linear(c, beta)
    return g.add(z, c)


def _is_row(array: np.ndarray, columns: int) -> bool:
    """Whether a constant is the same for every row of a matrix."""
    return array.size in (1, columns) and (array.ndim < 2 or array.shape[0] == 1)


#: ONNX operation -> what reads it.
OPERATIONS: dict[str, Reader] = {
    **dict.fromkeys(_COMBINES, _binary),
    "Mean": _mean,
    "Relu": _unary("relu"),
    "Abs": _unary("abs"),
    "Neg": _neg,
    "Sigmoid": _unary("sigmoid"),
    "Tanh": _unary("tanh"),
    "Erf": _unary("erf"),
    "Exp": _unary("exp"),
    "Log": _unary("log"),
    "Sqrt": _unary("sqrt"),
    "Reciprocal": _unary("reciprocal"),
    "Floor": _unary("floor"),
    "Ceil": lambda n: n.graph.linear(n.graph.unary("floor", n.graph.linear(n.tensor(), -1.0)), -1.0),
    "Sign": lambda n: n.graph.sign(n.tensor(), -1, 0, 1),
    "Elu": _unary("elu", 1.0),
    "Selu": _selu,
    "Celu": _celu,
    "Softplus": _unary("softplus"),
    "Softsign": _softsign,
    "Mish": _unary("mish"),
    "Gelu": _gelu,
    "LeakyRelu": _unary("leaky_relu", 0.01),
    "ThresholdedRelu": _thresholded,
    "PRelu": _prelu,
    "HardSigmoid": _unary("hard_sigmoid", 0.2, 0.5),
    "HardSwish": _unary("hard_swish"),
    "Swish": _swish,
    "Clip": _clip,
    "Pow": _pow,
    "Greater": _compare,
    "GreaterOrEqual": _compare,
    "Less": _compare,
    "LessOrEqual": _compare,
    "Equal": _compare,
    "And": _logic,
    "Or": _logic,
    "Xor": _logic,
    "Not": _not,
    "Where": _where,
    "ReduceMean": _reduce("mean"),
    "ReduceSum": _reduce("sum"),
    "ReduceMax": _reduce("max"),
    "ReduceMin": _reduce("min"),
    "ReduceL1": _reduce_l1,
    "ReduceL2": _reduce_squares,
    "ReduceSumSquare": _reduce_squares,
    "Softmax": _softmax,
    "LogSoftmax": _softmax,
    "LayerNormalization": _layer_norm,
    "InstanceNormalization": _instance_norm,
    "GroupNormalization": _group_norm,
    "BatchNormalization": _batch_norm,
    "GlobalAveragePool": _global_pool,
    "GlobalMaxPool": _global_pool,
    "MatMul": _matmul,
    "Gemm": _gemm,
    **MOVES,
    **SPATIAL,
    **RECURRENT,
}
