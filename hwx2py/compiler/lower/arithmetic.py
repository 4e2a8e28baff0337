"""Operations on each element: of two tensors with broadcasts, of one tensor, and with numbers."""

import math

import numpy as np

from ...errors import UnsupportedError
from .. import operators, tables
from ..builder import LARGEST_HALF, Builder, half_of, real_of
from ..forms import broadcast as broadcasts
from ..forms import elementwise, rounding
from ..forms import power as power_form
from ..forms.elementwise import NOTHING, After
from ..generic import neural, planar, products
from ..generic.bands import is_one_band
from ..graph import Node, Value
from ..last_step import after_of, last_step
from ..operators.arithmetic import Combine, Function
from ..operators.operator import Shape
from ..view import View, raised
from . import moves

#: Function of two numbers -> what the planar engine does.
OPERATIONS = {
    Combine.ADD: elementwise.Binary.ADD,
    Combine.SUB: elementwise.Binary.SUB,
    Combine.MUL: elementwise.Binary.MUL,
    Combine.MAX: elementwise.Binary.MAX,
    Combine.MIN: elementwise.Binary.MIN,
}
RANK = 4
#: The highest even power that products make; our own choice: each of them rounds.
MOST_MULTIPLIED = 16
LOG2_E = 1.4426950408889634
LN_2 = 0.6931471805599453


def combined(b: Builder, operation: Combine, x: View, y: View, z: View, after: After = NOTHING) -> View:
    """Combines two tensors that broadcast to the shape of z, which has a rank of 1 or more."""
    shape = z.lengths
    rank = max(2, len(shape))
    target = raised(z, rank)
    x, y = raised(x, rank), raised(y, rank)
    full = target.lengths
    if operation is Combine.DIV:
        turned = b.scratch(y.lengths)
        neural.lookup(b, y, tables.table(Function.RECIPROCAL).data, turned, root=True)
        operation, y = Combine.MUL, turned
    if x.lengths == y.lengths == full:
        planar.pair(b, OPERATIONS[operation], x, y, target, after)
        return z
    if x.lengths != full and (y.lengths == full or (x.lengths[-1] != full[-1] and y.lengths[-1] == full[-1])):
        x, y = y, x
        if operation is Combine.SUB:
            # y - x is -x + y
            x, operation = planar.single(b, x, b.scratch(x.lengths), scale=-1.0), Combine.ADD
    if x.lengths == full and y.lengths[-1] == full[-1] and len(full) <= RANK:
        # Along all axes but the last one it is repeated by strides of 0.
        planar.pair(b, OPERATIONS[operation], x, y.spread(full), target, after)
        return z
    if x.lengths != full:
        x = moves.copy(b, x.spread(full), b.scratch(full))
    planar.broadcast(b, OPERATIONS[operation], x, y, target, after)
    return z


def binary(b: Builder, node: Node, views: list[View]) -> View:
    """A function of two tensors, of which one may be a constant."""
    function = node.operator.function  # type: ignore[attr-defined] # a Binary
    after = after_of(node)
    x, y = node.inputs
    z = b.result(node.output.shape)
    if x.array is not None and y.array is not None:
        raise UnsupportedError("both operands are constants")
    # A number to the power of a tensor takes the logarithm of the number as of any constant.
    is_single = after == NOTHING and function is not Combine.POW
    if is_single and y.array is not None and (number := _number(y, node.output.shape, x.shape)) is not None:
        return _with_number(b, function, views[0], number, z)
    if is_single and x.array is not None and (number := _number(x, node.output.shape, y.shape)) is not None:
        return _number_first(b, function, number, views[1], z)
    if function is Combine.POW:
        return _powers(b, node, views, z)
    if _by_channel(b, node, views, z, after):
        return z
    one, two = (_operand(b, value, view) for value, view in zip(node.inputs, views))
    if y.array is not None and function is Combine.DIV:
        two, function = b.constant(_reciprocal(y)), Combine.MUL
    if function is Combine.DIV and _divided(b, one, two, z):
        return z
    return combined(b, function, one, two, z, after)


def _powers(b: Builder, node: Node, views: list[View], z: View) -> View:
    """X to the power of y, both computed, or one constant."""
    one, two = (_operand(b, value, view) for value, view in zip(node.inputs, views))
    log2, exp2 = tables.table(tables.LOG2).data, tables.table(tables.EXP2).data
    if one.lengths == two.lengths == z.lengths and len(z.lengths) == 4 and z.lengths[0] == 1:
        try:
            b.add(power_form.power(one.surface(), two.surface(), z.surface(), log2, exp2))
            return z
        except UnsupportedError:
            pass  # L2 does not hold both: a task for each step
    logarithms = looked_up(b, tables.LOG2, one, b.scratch(one.lengths))
    product = combined(b, Combine.MUL, logarithms, two, b.scratch(z.lengths))
    return looked_up(b, tables.EXP2, product, z)


def _by_channel(b: Builder, node: Node, views: list[View], z: View, after: After) -> bool:
    """A constant of each channel added or multiplied, as compiler 9.509 does it; says whether it was."""
    function = node.operator.function  # type: ignore[attr-defined] # a Binary
    if after != After(relu=after.relu):
        return False
    for index in (0, 1):
        x, y, view = node.inputs[index], node.inputs[1 - index], views[index]
        if y.array is None or x.array is not None or len(x.shape) != 4 or x.shape != node.output.shape:
            continue
        shape = (1,) * (4 - len(y.shape)) + y.shape
        if shape != (1, x.shape[1], 1, 1) or x.shape[1] == 1 or function not in (Combine.ADD, Combine.MUL):
            continue
        halves = half_of(y).ravel()
        bias, scale = (halves.data, None) if function is Combine.ADD else (None, halves.data)
        if not is_one_band(x.shape, 2):
            return False
        b.add(broadcasts.channel_constants(view.surface(), z.surface(), bias, scale, relu=after.relu))
        return True
    return False


def _divided(b: Builder, x: View, y: View, z: View) -> bool:
    """A quotient of two tensors of one shape, where L2 holds them; says whether it was made."""
    if x.lengths != y.lengths or x.lengths != z.lengths or len(z.lengths) > 4:
        return False
    surface = z.surface()
    if surface.shape.n > 1 or not is_one_band(surface.shape, 4):
        return False
    table = tables.table(Function.RECIPROCAL).data
    b.add(broadcasts.divide(x.surface(), y.surface(), surface, table))
    return True


def _operand(b: Builder, value: Value, view: View) -> View:
    if value.array is None:
        return view
    return b.constant(half_of(value))


def _reciprocal(value: Value) -> "np.ndarray":
    numbers = real_of(value)
    if (numbers == 0).any():
        raise UnsupportedError(f"constant {value.name}, which divides, holds 0")
    return 1.0 / numbers


def _number(value: Value, result: Shape, other: Shape) -> float | None:
    """The number that a constant is, where it changes no shape."""
    if value.array is None or value.array.size != 1 or result != other:
        return None
    return float(real_of(value).ravel()[0])


def _with_number(b: Builder, function: Combine, x: View, number: float, z: View) -> View:
    match function:
        case Combine.ADD:
            return planar.single(b, x, z, bias=number)
        case Combine.SUB:
            return planar.single(b, x, z, bias=-number)
        case Combine.MUL:
            return planar.single(b, x, z, scale=number)
        case Combine.DIV:
            if number == 0:
                raise UnsupportedError("a division by the constant 0")
            return planar.single(b, x, z, scale=1.0 / number)
        case Combine.MAX if number == 0:
            return planar.clamped(b, x, z)
    return combined(b, function, x, b.constant(np.full((1,) * len(x.lengths), number)), z)


def _number_first(b: Builder, function: Combine, number: float, x: View, z: View) -> View:
    match function:
        case Combine.SUB:
            return planar.single(b, x, z, scale=-1.0, bias=number)
        case Combine.DIV:
            turned = looked_up(b, Function.RECIPROCAL, x, b.scratch(x.lengths) if number != 1 else z)
            return turned if number == 1 else planar.single(b, turned, z, scale=number)
    return _with_number(b, function, x, number, z)


def looked_up(b: Builder, name: str, x: View, z: View, alpha: float = 0.0) -> View:
    """A function by its table."""
    table = tables.table(name, alpha)
    return neural.lookup(b, x, table.data, z, root=table.root, what=str(name))


def exponential(b: Builder, x: View, z: View, factor: float = 1.0) -> View:
    """exp(factor * x): a power of two by table."""
    scaled = planar.single(b, x, b.scratch(x.lengths), scale=factor * LOG2_E)
    return looked_up(b, tables.EXP2, scaled, z)


def logarithm(b: Builder, x: View, z: View) -> View:
    """The natural logarithm: that to the base of two by table."""
    return planar.single(b, looked_up(b, tables.LOG2, x, b.scratch(x.lengths)), z, scale=LN_2)


def floor(b: Builder, x: View, z: View) -> View:
    """The whole part by table, less 1 where that lies above; as compiler 9.509 does it for a column of channels."""
    if len(x.lengths) == RANK and x.lengths[0] == x.lengths[2] == x.lengths[3] == 1:
        b.add(rounding.floor(x.surface(), z.surface()))
        return z
    whole = neural.lookup(b, x, tables.truncation(), b.scratch(x.lengths))
    above = combined(b, Combine.SUB, whole, x, b.scratch(x.lengths))
    step = neural.lookup(b, above, tables.sign_table(0, 0, 1), b.scratch(x.lengths))
    return combined(b, Combine.SUB, whole, step, z)


def hard_sigmoid(b: Builder, x: View, z: View, alpha: float, beta: float) -> View:
    """Alpha * x + beta between 0 and 1: by a table where its corners lie at samples."""
    data = tables.limits(0.0, 1.0, alpha, beta) if alpha > 0 else None
    if data is not None:
        return neural.lookup(b, x, data, z, what="hard sigmoid")
    y = planar.single(b, x, b.scratch(x.lengths), scale=alpha, bias=beta, relu=True)
    return combined(b, Combine.MIN, y, b.constant(np.ones((1,) * len(x.lengths))), z)


def unary(b: Builder, node: Node, views: list[View]) -> View:
    """A function of each element."""
    operator = node.operator
    assert isinstance(operator, operators.Unary)
    (x,) = views
    z = b.result(node.output.shape)
    match operator.function:
        case Function.RELU:
            return planar.clamped(b, x, z)
        case Function.ABS:
            return planar.single(b, x, z, magnitude=True)
        case Function.EXP:
            return exponential(b, x, z)
        case Function.LOG:
            return logarithm(b, x, z)
        case Function.FLOOR:
            return floor(b, x, z)
        case Function.LEAKY_RELU:
            return neural.lookup(b, x, tables.lines(operator.alpha, 1.0), z)
        case Function.HARD_SIGMOID:
            return hard_sigmoid(b, x, z, operator.alpha, operator.beta)
        case Function.HARD_SWISH:
            gate = hard_sigmoid(b, x, b.scratch(x.lengths), 1 / 6, 0.5)
            return combined(b, Combine.MUL, x, gate, z, after_of(node))
        case Function.SILU:
            gate = looked_up(b, Function.SIGMOID, x, b.scratch(x.lengths))
            return combined(b, Combine.MUL, x, gate, z, after_of(node))
        case Function.RSQRT if operator.alpha:
            table = tables.table(Function.RSQRT)
            return neural.lookup(b, x, table.data, z, root=table.root, what="rsqrt", before=operator.alpha)
    return looked_up(b, operator.function, x, z, operator.alpha)


def linear(b: Builder, node: Node, views: list[View]) -> View:
    """Scale * x + bias."""
    operator = node.operator
    assert isinstance(operator, operators.Linear)
    relu = last_step(node).relu
    z = b.result(node.output.shape)
    return planar.single(b, views[0], z, scale=operator.scale, bias=operator.bias, relu=relu)


def lookup(b: Builder, node: Node, views: list[View]) -> View:
    """A table by its content."""
    operator = node.operator
    assert isinstance(operator, operators.Lookup)
    return neural.lookup(b, views[0], operator.data, b.result(node.output.shape), what=operator.what)


def power(b: Builder, node: Node, views: list[View]) -> View:
    """A power: by products of whole exponents, by roots, else over logarithms of base 2, of positive numbers."""
    operator = node.operator
    assert isinstance(operator, operators.Power)
    (x,) = views
    z = b.result(node.output.shape)
    match operator.exponent:
        case 0.0:
            return planar.single(b, x, z, scale=0.0, bias=1.0)
        case 0.5:
            return looked_up(b, Function.SQRT, x, z)
        case -0.5:
            return looked_up(b, Function.RSQRT, x, z)
        case -1.0:
            return looked_up(b, Function.RECIPROCAL, x, z)
    if operator.exponent.is_integer():
        if operator.exponent < 0:
            x = looked_up(b, Function.RECIPROCAL, x, b.scratch(x.lengths))
        return _multiplied(b, x, abs(int(operator.exponent)), z)
    return _over_logarithms(b, x, operator.exponent, z)


def _multiplied(b: Builder, x: View, exponent: int, z: View) -> View:
    """A whole power, of numbers of both signs: squares and products of them; high ones over the magnitude."""
    if exponent == 1:
        return moves.copy(b, x, z)
    if exponent % 2:
        return combined(b, Combine.MUL, _multiplied(b, x, exponent - 1, b.scratch(x.lengths)), x, z)
    if exponent > MOST_MULTIPLIED:
        magnitude = planar.single(b, x, b.scratch(x.lengths), magnitude=True)
        return _over_logarithms(b, magnitude, float(exponent), z)
    root = x if exponent == 2 else _multiplied(b, x, exponent // 2, b.scratch(x.lengths))
    return combined(b, Combine.MUL, root, root, z)


def _over_logarithms(b: Builder, x: View, exponent: float, z: View) -> View:
    logarithms = looked_up(b, tables.LOG2, x, b.scratch(x.lengths))
    scaled = planar.single(b, logarithms, b.scratch(x.lengths), scale=exponent)
    return looked_up(b, tables.EXP2, scaled, z)


def clip(b: Builder, node: Node, views: list[View]) -> View:
    """Limits: a clamp at zero where the lower one is 0, maxima and minima with a number otherwise."""
    operator = node.operator
    assert isinstance(operator, operators.Clip)
    (x,) = views
    low, high = operator.low, operator.high
    if math.isnan(low) or math.isnan(high):
        raise UnsupportedError("a limit is not a number")
    data = tables.limits(low, high, below=operator.slope)
    if data is None and operator.slope != 1:
        x = neural.lookup(b, x, tables.lines(operator.slope, 1.0), b.scratch(x.lengths))
    if data is not None and low != 0:
        return neural.lookup(b, x, data, b.result(node.output.shape), what="clip")
    if data is not None and high < LARGEST_HALF:
        return neural.lookup(b, x, data, b.result(node.output.shape), what="clip")
    one = (1,) * len(x.lengths)
    has_low, has_high = low > -LARGEST_HALF, high < LARGEST_HALF
    if has_low:
        z = b.scratch(x.lengths) if has_high else b.result(node.output.shape)
        if low == 0:
            x = planar.clamped(b, x, z)
        else:
            x = combined(b, Combine.MAX, x, b.constant(np.full(one, min(low, LARGEST_HALF))), z)
    if has_high:
        number = b.constant(np.full(one, max(high, -LARGEST_HALF)))
        return combined(b, Combine.MIN, x, number, b.result(node.output.shape))
    return x if has_low else moves.copy(b, x, b.result(node.output.shape))


def prelu(b: Builder, node: Node, views: list[View]) -> View:
    """max(x, slope * x) where no slope is above 1, else relu(x) + slope * (x - relu(x))."""
    (x, _), slopes = views, half_of(node.inputs[1])
    z = b.result(node.output.shape)
    constant = b.constant(slopes)
    if (slopes <= 1).all():
        product = combined(b, Combine.MUL, x, constant, b.scratch(z.lengths))
        return combined(b, Combine.MAX, x, product, z)
    positive = planar.single(b, x, b.scratch(x.lengths), relu=True)
    negative = combined(b, Combine.SUB, x, positive, b.scratch(x.lengths))
    product = combined(b, Combine.MUL, negative, constant, b.scratch(z.lengths))
    return combined(b, Combine.ADD, product, positive, z)


def sign(b: Builder, node: Node, views: list[View]) -> View:
    """A number by the sign of each element, by table."""
    operator = node.operator
    assert isinstance(operator, operators.Sign)
    data = tables.sign_table(operator.negative, operator.zero, operator.positive)
    return neural.lookup(b, views[0], data, b.result(node.output.shape))


def affine(b: Builder, node: Node, views: list[View]) -> View:
    """A factor and an offset: a depthwise convolution 1 x 1 where they go by channel, else a product and a sum."""
    x, factor, offset = node.inputs
    z = b.result(node.output.shape)
    factors, offsets = half_of(factor), half_of(offset)
    if len(x.shape) == 4 and x.shape == node.output.shape and factors.shape == offsets.shape == (x.shape[1], 1, 1):
        kernel = factors.reshape(-1, 1, 1, 1)
        for number in range(x.shape[0]):
            source, target = (views[0].part(0, number, 1), z.part(0, number, 1))
            one, two = (View(v.buffer, v.base_bytes, v.lengths[1:], v.strides_bytes[1:]) for v in (source, target))
            products.convolve(b, one, kernel, offsets.ravel(), two, groups=x.shape[1], last=last_step(node))
        return z
    product = combined(b, Combine.MUL, views[0], b.constant(factors), b.scratch(z.lengths))
    return combined(b, Combine.ADD, product, b.constant(offsets), z)
