"""What a network becomes where a rule joins its operations: how many tasks, and the values."""

import numpy as np
import pytest

from hwx2py.compiler.compile import compile_network
from hwx2py.compiler.graph import Graph
from hwx2py.emulator import direct
from hwx2py.errors import HwxError

RNG = np.random.default_rng(5)


def drawn(*shape: int, low: float = -1, high: float = 1) -> np.ndarray:
    """Numbers between two."""
    return RNG.uniform(low, high, shape).astype(np.float16)


def made(graph: Graph, **inputs: np.ndarray) -> tuple[int, np.ndarray]:
    """Number of tasks and the output y."""
    program = compile_network(graph).program
    outcome = direct.run(program, inputs)
    assert not outcome.faults, str(outcome.faults[0])
    return len(program.tasks), outcome.outputs["y"].astype(np.float64)


def test_a_gain_of_ones_and_a_bias_of_zeros_take_no_task():
    g, a = Graph(), drawn(1, 1, 5, 40)
    x = g.standardize(g.input("x", a.shape), (3,), 1e-5)
    g.output("y", g.add(g.mul(x, np.ones(40)), np.zeros(40)))
    tasks, y = made(g, x=a)
    assert tasks == 3
    wide = a.astype(np.float64)
    np.testing.assert_allclose(
        y, (wide - wide.mean(3, keepdims=True)) / np.sqrt(wide.var(3, keepdims=True) + 1e-5), atol=2e-2
    )


def test_another_gain_takes_tasks():
    g, a = Graph(), drawn(1, 1, 5, 40)
    g.output("y", g.mul(g.standardize(g.input("x", a.shape), (3,), 1e-5), np.arange(40)))
    assert made(g, x=a)[0] > 3


def test_one_over_a_root_is_one_table():
    g, a = Graph(), drawn(1, 8, 3, 20, low=0, high=2)
    root = g.unary("sqrt", g.add(g.input("x", a.shape), np.float32(0.25)))
    g.output("y", g.unary("reciprocal", root))
    tasks, y = made(g, x=a)
    assert tasks == 1
    np.testing.assert_allclose(y, 1 / np.sqrt(a.astype(np.float64) + 0.25), rtol=4e-3)


@pytest.mark.parametrize("first", [False, True])
@pytest.mark.parametrize("second", [False, True])
def test_transposes_go_into_a_product(first, second):
    a, b = drawn(1, 1, 32, 20), drawn(1, 1, 20, 24)
    turned = (0, 1, 3, 2)
    sources = {"x": a.transpose(turned) if first else a, "w": b.transpose(turned) if second else b}
    g = Graph()
    x, w = (g.input(name, array.shape) for name, array in sources.items())
    x, w = g.transpose(x, turned) if first else x, g.transpose(w, turned) if second else w
    g.output("y", g.matmul(x, w))
    tasks, y = made(g, **sources)
    assert tasks == 2 + second
    np.testing.assert_allclose(y, a.astype(np.float64) @ b.astype(np.float64), atol=1e-2)


@pytest.mark.parametrize("order", [(0, 2, 1, 3), (0, 1, 3, 2)])
def test_a_transposed_output_is_one_copy(order):
    a = drawn(*((1, 6, 5, 40) if order[1] == 2 else (1, 1, 70, 40)))
    g = Graph()
    g.output("y", g.transpose(g.input("x", a.shape), order))
    tasks, y = made(g, x=a)
    assert tasks == 1
    np.testing.assert_array_equal(y, a.transpose(order))


@pytest.mark.parametrize("clamped", ["", "before", "behind"])
def test_a_row_repeated_is_one_task(clamped):
    a, g = drawn(1, 8, 1, 40), Graph()
    x = g.input("x", a.shape)
    x = g.relu(x) if clamped == "before" else x
    x = g.expand(x, (1, 8, 7, 40))
    g.output("y", g.relu(x) if clamped == "behind" else x)
    tasks, y = made(g, x=a)
    assert tasks == 1
    np.testing.assert_array_equal(y, np.broadcast_to(np.maximum(a, 0) if clamped else a, y.shape))


def test_rounding_down_of_a_column_is_what_the_compiler_makes():
    a, g = drawn(1, 24, 1, 1, low=-4, high=4), Graph()
    g.output("y", g.unary("floor", g.input("x", a.shape)))
    tasks, y = made(g, x=a)
    assert tasks == 4
    np.testing.assert_array_equal(y, np.floor(a))


class TestTruths:
    BITS = np.random.default_rng(1).integers(0, 2, (1, 1, 20, 33)).astype(np.uint8)

    def graph(self) -> tuple[Graph, object]:
        g = Graph()
        return g, g.input("x", self.BITS.shape, truths=True)

    def test_are_negated(self):
        g, x = self.graph()
        g.output("y", g.unary("not", x))
        tasks, y = made(g, x=self.BITS)
        assert tasks == 1
        np.testing.assert_array_equal(y, 1 - self.BITS)

    def test_are_transposed(self):
        g, x = self.graph()
        g.output("y", g.transpose(x, (0, 1, 3, 2)))
        np.testing.assert_array_equal(made(g, x=self.BITS)[1], self.BITS.transpose(0, 1, 3, 2))

    def test_become_numbers(self):
        g, x = self.graph()
        g.output("y", g.add(g.unary("from_truths", x), np.float32(2)))
        np.testing.assert_array_equal(made(g, x=self.BITS)[1], self.BITS + 2.0)

    def test_are_no_numbers(self):
        g, x = self.graph()
        with pytest.raises(HwxError, match="truth values"):
            g.relu(x)

    def test_numbers_are_no_truths(self):
        g = Graph()
        with pytest.raises(HwxError, match="numbers"):
            g.unary("not", g.input("x", (1, 4)))
