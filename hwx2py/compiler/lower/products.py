"""Products of matrices: with a constant, and of two tensors, of which the first becomes the kernel."""

import itertools
import math

import numpy as np

from ...errors import UnsupportedError
from .. import operators
from ..builder import Builder, half_of
from ..forms import inputs_product
from ..forms import product as constant_product
from ..graph import Node
from ..last_step import last_step
from ..view import View, raised
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
    for place in itertools.product(*map(range, target.lengths[:-2])):
        first, second, result = (
            _at(view, tuple(index if view.lengths[axis] > 1 else 0 for axis, index in enumerate(place)))
            for view in (one, two, target)
        )
        surfaces = (first.surface(), second.surface(), result.surface())
        first_turned, second_turned = operator.transposed_first, operator.transposed
        b.add(inputs_product.product(*surfaces, transposed_x=first_turned, transposed_w=second_turned))
    return z


def _with_constant(b: Builder, node: Node, x: View, weights: "np.ndarray", bias: "np.ndarray | None", z: View) -> View:
    """Rows times a constant matrix; all rows at once where strides allow, else matrix by matrix."""
    offsets = None if bias is None else np.ascontiguousarray(bias, np.float16).data
    step = last_step(node)
    tail = constant_product.Tail(offsets, node.operator.scale, step.relu, step.table)  # type: ignore[attr-defined]
    data = np.ascontiguousarray(weights, np.float16).data
    x, target = raised(x, len(z.lengths)), raised(z, len(z.lengths))
    rows = math.prod(x.lengths[:-1])
    flat = x.in_axes((rows, x.lengths[-1])), target.in_axes((rows, target.lengths[-1]))
    if flat[0] is not None and flat[1] is not None:
        b.add(constant_product.product(flat[0].surface(), flat[1].surface(), data, tail))
        return z
    for place in itertools.product(*map(range, x.lengths[:-2])):
        one, two = _at(x, place), _at(target, place)
        b.add(constant_product.product(one.surface(), two.surface(), data, tail))
    return z
