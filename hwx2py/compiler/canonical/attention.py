"""Rules that recognise attention: a softmax and the product of it, and the product of queries and keys before it."""

import math
from dataclasses import replace

from .. import operators
from ..forms.attention import ROWS
from ..graph import Node
from .view import Nodes


def attend(node: Node, nodes: Nodes) -> Node | None:
    """The softmax of rows, and then a product of it with a computed matrix."""
    operator = node.operator
    if operator != operators.MatMul() or node.tail is not None or len(node.inputs) > 2:
        return None
    scores, values = node.inputs
    softmax = nodes.made_by(scores, operators.Softmax)
    if softmax is None or not isinstance(softmax.operator, operators.Softmax) or softmax.operator.logarithm:
        return None
    if softmax.operator.axis != len(scores.shape) - 1 or values.array is not None or softmax.tail is not None:
        return None
    fused = (*node.fused, softmax.origin, *softmax.fused)
    return replace(node, operator=operators.Attend(), inputs=(softmax.inputs[0], values), fused=fused)


def one_head(node: Node, nodes: Nodes) -> Node | None:
    """Attention of a single head whose keys are rows, with nothing between its products but a softmax."""
    if not isinstance(node.operator, operators.Attend) or node.tail is not None:
        return None
    product = nodes.made_by(node.inputs[0], operators.MatMul)
    if product is None or not isinstance(product.operator, operators.MatMul) or product.tail is not None:
        return None
    scale = product.operator.scale
    if product.operator != operators.MatMul(scale, transposed=True) or len(product.inputs) > 2:
        return None
    q, k = product.inputs
    v = node.inputs[1]
    if not q.shape == k.shape == v.shape or len(q.shape) < 2 or math.prod(q.shape[:-2]) != 1:
        return None
    if q.shape[-2] not in ROWS or any(value.array is not None for value in (q, k, v)):
        return None
    fused = (*node.fused, product.origin, *product.fused)
    return replace(node, operator=operators.Attention(scale), inputs=(q, k, v), fused=fused)


ATTENTION = (attend, one_head)
