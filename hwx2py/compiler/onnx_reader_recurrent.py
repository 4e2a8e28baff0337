"""Recurrent layers of ONNX in a graph: their steps, one after another, as products, tables and arithmetic."""

from collections.abc import Callable

import numpy as np

from ..errors import UnsupportedError
from .graph import Value
from .onnx_reader_view import NodeView, Operand

#: Steps that are written out; a longer sequence stays on the host, which calls the program for each step.
MOST_STEPS = 64


def _layer(n: NodeView, gates: int, states: int) -> tuple[Value, list[Value], np.ndarray, np.ndarray, np.ndarray]:
    """The sequence, the states, and weights of one direction.

    Raises:
        UnsupportedError: a layer of another kind.
    """
    x = n.tensor(0)
    if n.attribute("direction", "forward") != "forward":
        raise UnsupportedError("a recurrent layer that runs backwards")
    if n.attribute("layout", 0) or n.has(4) or "clip" in n.attributes or "activations" in n.attributes:
        raise UnsupportedError("a recurrent layer with other activations, a layout, limits or sequence lengths")
    if x.shape[0] > MOST_STEPS:
        raise UnsupportedError(f"{x.shape[0]} steps; {MOST_STEPS} are written out, more stay on the host")
    weights, recurrent = n.constant(1, "the weights")[0], n.constant(2, "the recurrent weights")[0]
    hidden = recurrent.shape[1]
    bias = n.constant(3, "the biases")[0] if n.has(3) else np.zeros(2 * gates * hidden, np.float32)
    first = []
    for index in range(5, 5 + states):
        if not n.has(index):
            raise UnsupportedError("a recurrent layer without an initial state")
        shape, state = (x.shape[1], hidden), n.operands[index]
        if isinstance(state, np.ndarray):
            first.append(n.graph.constant(state.astype(np.float64).reshape(shape)))
        else:
            first.append(n.graph.reshape(n.tensor(index), shape))
    return x, first, weights, recurrent, bias


def _step(n: NodeView, x: Value, number: int) -> Value:
    step = n.graph.slice(x, 0, number, number + 1) if x.shape[0] > 1 else x
    return n.graph.reshape(step, x.shape[1:])


def _of_state(n: NodeView, state: Value, weights: np.ndarray, bias: np.ndarray | None = None) -> Value:
    """A state times weights; that of a constant, with which a layer may begin, is worked out here."""
    if state.array is None:
        return n.graph.matmul(state, weights, bias)
    product = np.asarray(state.array, np.float64) @ weights
    return n.graph.constant(product if bias is None else product + bias)


def _finished(n: NodeView, outputs: list[Value], states: list[Value]) -> tuple[Operand, ...]:
    batch, hidden = outputs[0].shape
    each = [n.graph.reshape(output, (1, 1, batch, hidden)) for output in outputs]
    whole = n.graph.concat(each, 0) if len(each) > 1 else each[0]
    return (whole, *(n.graph.reshape(state, (1, batch, hidden)) for state in states))


def _gru(n: NodeView) -> tuple[Operand, ...]:
    """Gates update, reset, hidden; the reset after the product, or before it."""
    g = n.graph
    x, (h,), weights, recurrent, bias = _layer(n, 3, 1)
    size = recurrent.shape[1]
    after = bool(n.attribute("linear_before_reset", 0))
    own, back = bias[: 3 * size], bias[3 * size :]
    outputs = []
    for number in range(x.shape[0]):
        step = _step(n, x, number)
        given = [g.matmul(step, weights[k * size : (k + 1) * size].T, own[k * size : (k + 1) * size]) for k in range(3)]
        kept = [
            _of_state(n, h, recurrent[k * size : (k + 1) * size].T, back[k * size : (k + 1) * size]) for k in range(2)
        ]
        update, reset = (g.sigmoid(g.add(one, two)) for one, two in zip(given, kept))
        last = recurrent[2 * size :].T, back[2 * size :]
        inner = g.mul(reset, _of_state(n, h, *last)) if after else g.matmul(g.mul(reset, h), *last)
        new = g.tanh(g.add(given[2], inner))
        h = g.add(new, g.mul(update, g.sub(h, new)))
        outputs.append(h)
    return _finished(n, outputs, [h])


def _lstm(n: NodeView) -> tuple[Operand, ...]:
    """Gates input, output, forget, cell."""
    g = n.graph
    if n.has(7):
        raise UnsupportedError("an LSTM with peepholes")
    if n.attribute("input_forget", 0):
        raise UnsupportedError("an LSTM whose input gate is made of the forget gate")
    x, (h, c), weights, recurrent, bias = _layer(n, 4, 2)
    size = recurrent.shape[1]
    total = bias[: 4 * size] + bias[4 * size :]
    outputs = []
    for number in range(x.shape[0]):
        step = _step(n, x, number)
        gates = [
            g.add(
                g.matmul(step, weights[k * size : (k + 1) * size].T, total[k * size : (k + 1) * size]),
                _of_state(n, h, recurrent[k * size : (k + 1) * size].T),
            )
            for k in range(4)
        ]
        take, give, keep = (g.sigmoid(gate) for gate in gates[:3])
        c = g.add(g.mul(keep, c), g.mul(take, g.tanh(gates[3])))
        h = g.mul(give, g.tanh(c))
        outputs.append(h)
    return _finished(n, outputs, [h, c])


#: ONNX operation -> what reads it.
RECURRENT: dict[str, Callable[[NodeView], tuple[Operand, ...]]] = {"GRU": _gru, "LSTM": _lstm}
