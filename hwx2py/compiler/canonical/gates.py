"""Rules for gates: a tensor times a number for each channel, which a convolution makes of a column of channels."""

from dataclasses import replace

from .. import operators
from ..graph import Node
from ..operators.arithmetic import Combine, Function
from ..tables import limits
from .view import Nodes

RANK = 4


def gate(node: Node, nodes: Nodes) -> Node | None:
    """A product or sum of a tensor and a column of channels that a convolution makes for nothing else."""
    operator = node.operator
    if not isinstance(operator, operators.Binary) or operator.function not in (Combine.MUL, Combine.ADD):
        return None
    for x, column in (node.inputs, node.inputs[::-1]):
        made = nodes.made_by(column, operators.Conv)
        if made is None or x.array is not None or len(x.shape) != RANK or x.shape != node.output.shape:
            continue
        if made.operator != operators.Conv() or x.shape[0] != 1 or x.shape[2:] == (1, 1):
            continue
        source = made.inputs[0]
        if source.array is None and source.shape[2:] == (1, 1) and column.shape == (1, x.shape[1], 1, 1):
            gated = operators.Gated(operator.function, made.tail)
            fused = (*node.fused, made.origin, *made.fused)
            return replace(node, operator=gated, inputs=(x, *made.inputs), fused=fused)
    return None


def gate_and_skip(node: Node, nodes: Nodes) -> Node | None:
    """A tensor and the product of it and a gate, added up: the gate 1 larger, where its table can say so."""
    operator = node.operator
    if not isinstance(operator, operators.Binary) or operator.function is not Combine.ADD:
        return None
    for x, product in (node.inputs, node.inputs[::-1]):
        made = nodes.made_by(product, operators.Gated)
        if made is None or not isinstance(made.operator, operators.Gated) or made.inputs[0] is not x:
            continue
        if made.tail is None and made.operator.function is Combine.MUL and raised(made.operator) is not None:
            return replace(made, operator=replace(made.operator, adds_one=True), tail=node.tail)
    return None


def raised(operator: operators.Gated) -> bytes | None:
    """The table of a gate and 1; None where the gate is no hard sigmoid, or its corners lie beside samples."""
    step = operator.gate
    if not isinstance(step, operators.Unary) or step.function is not Function.HARD_SIGMOID or step.alpha <= 0:
        return None
    return limits(1.0, 2.0, step.alpha, step.beta + 1.0)


GATES = (gate, gate_and_skip)
