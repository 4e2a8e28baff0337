"""Products of matrices: with a constant, and of two tensors, of which the first becomes the kernel."""

import functools
import itertools
import math
from dataclasses import replace

import numpy as np

from ...errors import UnsupportedError
from .. import operators, tables
from ..builder import Builder, half_of
from ..forms import attention, inputs_product, inputs_products
from ..forms import product as constant_product
from ..graph import Node
from ..last_step import last_step
from ..surface import Surface
from ..tune import Alternative
from ..view import View, raised
from . import moves, reductions
from .layout import _at, along


def matmul(b: Builder, node: Node, views: list[View]) -> View:
    """A product of matrices."""
    operator = node.operator
    assert isinstance(operator, operators.MatMul)
    x, y = node.inputs[:2]
    bias = half_of(node.inputs[2]) if len(node.inputs) > 2 else None
    shape = node.output.shape
    if y.array is not None and math.prod(y.shape[:-2]) == 1:
        return _with_constant(b, node, views[0], half_of(y).reshape(y.shape[-2:]), bias, b.result(shape))
    if x.array is not None and math.prod(x.shape[:-2]) == 1 and bias is None:
        kernel = np.ascontiguousarray(half_of(x).reshape(x.shape[-2:]))[:, :, None, None]
        view = raised(views[1], len(shape))
        return along(b, view, len(view.lengths) - 2, kernel, z=b.result(shape))
    if bias is not None:
        raise UnsupportedError("a bias on a product of two tensors that are computed")
    rank = max(3, len(shape))
    one, two = (
        raised(b.constant(half_of(value)) if value.array is not None else view, rank)
        for value, view in zip((x, y), views)
    )
    z = b.result(shape)
    target = raised(z, rank)
    if _together(b, operator, one, two, target):
        return z
    scale = np.float16(operator.scale).item()
    for place in itertools.product(*map(range, target.lengths[:-2])):
        first, second, result = (
            _at(view, tuple(index if view.lengths[axis] > 1 else 0 for axis, index in enumerate(place)))
            for view in (one, two, target)
        )
        surfaces = (first.surface(), second.surface(), result.surface())
        first_turned, second_turned = operator.transposed_first, operator.transposed
        b.add(
            inputs_product.product(*surfaces, transposed_x=first_turned, transposed_w=second_turned, scale=scale,
                                  habits=b.habits)
        )  # fmt: skip
    return z


def _together(b: Builder, operator: operators.MatMul, x: View, y: View, z: View) -> bool:
    """Several products whose kernels one task stores; says whether they were made."""
    if operator.transposed_first:
        return False
    scale = np.float16(operator.scale).item()
    surfaces = _pairs(x, y, z)
    if surfaces is None:
        return False
    try:
        plans = inputs_products.products(*surfaces, transposed_w=operator.transposed, scale=scale, habits=b.habits)
        if operator.transposed:
            # One exchange of all second matrices takes fewer tasks than one of each.
            rank = len(y.lengths)
            straight = b.scratch((*y.lengths[:-2], y.lengths[-1], y.lengths[-2]))
            surfaces = _pairs(x, straight, z) or surfaces
            plans = inputs_products.products(*surfaces, scale=scale, habits=b.habits)
            moves.exchanged(b, y, rank - 2, straight)
        b.add(plans)
    except UnsupportedError:
        return False
    return True


def _pairs(*views: View) -> tuple[Surface, Surface, Surface] | None:
    """Matrices in the last two axes of three views as planes; None where strides do not say it."""
    if any(view.lengths[:-2] != views[0].lengths[:-2] for view in views):
        return None
    pairs = math.prod(views[0].lengths[:-2])
    merged = [view.in_axes((1, pairs, *view.lengths[-2:])) for view in views]
    x, y, z = (None if view is None else view.surface() for view in merged)
    return None if x is None or y is None or z is None else (x, y, z)


def attend(b: Builder, node: Node, views: list[View]) -> View:
    """A softmax and the product of it: stored as kernels by the softmax where L2 holds the scores, else one by one."""
    x, w = views
    z = b.result(node.output.shape)
    surfaces = _pairs(*(raised(view, max(3, len(z.lengths))) for view in (x, w, z)))
    if surfaces is not None:
        try:
            b.add(inputs_products.softmax_products(*surfaces, tables.table(tables.EXP2).data, habits=b.habits))
            return z
        except UnsupportedError:
            pass  # a softmax, and then products
    scores = node.inputs[0]
    softmax = replace(node, operator=operators.Softmax(len(scores.shape) - 1), inputs=(scores,), output=scores)
    wanted, b.wanted = b.wanted, None
    done = reductions.softmax(b, softmax, [x])
    b.wanted = wanted
    return matmul(b, replace(node, operator=operators.MatMul()), [done, w])


def whole_attention(b: Builder, node: Node, views: list[View]) -> View:
    """An attention of one head."""
    operator = node.operator
    assert isinstance(operator, operators.Attention)
    z = b.result(node.output.shape)
    q, k, v, y = (raised(view, 3).surface() for view in (*views, z))
    b.add(attention.attention(q, k, v, y, tables.table(tables.EXP2).data, scale=np.float16(operator.scale).item()))
    return z


def _with_constant(b: Builder, node: Node, x: View, weights: "np.ndarray", bias: "np.ndarray | None", z: View) -> View:
    """Rows times a constant matrix; all rows at once where strides allow, else matrix by matrix."""
    operator = node.operator
    assert isinstance(operator, operators.MatMul)
    offsets = None if bias is None else np.ascontiguousarray(bias, np.float16).data
    step = last_step(node)
    tail = constant_product.Tail(offsets, np.float16(operator.scale).item(), step.relu, step.table)
    data = np.ascontiguousarray(weights, np.float16).data
    x, target = raised(x, len(z.lengths)), raised(z, len(z.lengths))
    if operator.transposed_first or operator.transposed_result:
        for place in itertools.product(*map(range, x.lengths[:-2])):
            _in_columns(b, _at(x, place), _at(target, place), operator, data, tail)
        return z
    rows = math.prod(x.lengths[:-1])
    flat = x.in_axes((rows, x.lengths[-1])), target.in_axes((rows, target.lengths[-1]))
    if flat[0] is not None and flat[1] is not None:
        _rows_times(b, flat[0].surface(), flat[1].surface(), data, tail)
        return z
    for place in itertools.product(*map(range, x.lengths[:-2])):
        one, two = _at(x, place), _at(target, place)
        _rows_times(b, one.surface(), two.surface(), data, tail)
    return z


def _rows_times(b: Builder, x: Surface, y: Surface, data: memoryview, tail: constant_product.Tail) -> None:
    """Rows times a constant matrix: as they are (A), or folded (B) where that is possible, whichever is usual first."""
    if not constant_product.can_be_folded(x, y, tail):
        b.add(constant_product.product(x, y, data, tail, habits=b.habits))
        return
    ways = [
        Alternative(name, functools.partial(constant_product.product, x, y, data, tail, folded=folded, habits=b.habits))
        for name, folded in (("A: rows as they are", False), ("B: rows folded to M / 8 by 8", True))
    ]
    usual = constant_product.is_folded(x.shape.h, x.shape.w)
    b.add(b.pick("product", ways[::-1] if usual else ways))


def _in_columns(
    b: Builder, x: View, z: View, operator: operators.MatMul, data: memoryview, tail: constant_product.Tail
) -> None:
    """A product of a matrix whose rows are columns, or become columns; with copies where L2 does not hold it so."""
    columns = constant_product.Columns(operator.transposed_first, operator.transposed_result)
    try:
        b.add(constant_product.product(x.surface(), z.surface(), data, tail, columns=columns, habits=b.habits))
    except UnsupportedError:
        straight = moves.exchanged(b, x, 0) if columns.source else x
        result = b.scratch(z.lengths[::-1]) if columns.result else z
        b.add(constant_product.product(straight.surface(), result.surface(), data, tail, habits=b.habits))
        if columns.result:
            moves.exchanged(b, result, 0, z)
