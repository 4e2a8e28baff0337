"""Things that no single task holds: cut into several, or named with the limit that they exceed."""

import numpy as np
import pytest
from conftest import one_line

import hwx2py
from hwx2py.compiler.compile import compile_network
from hwx2py.compiler.graph import Graph
from hwx2py.cost import cost
from hwx2py.emulator.numbers import CHIP
from hwx2py.errors import UnsupportedError


def drawn(seed: int, *shape: int) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=shape).astype(np.float16)


def compiled(build, shape):
    g = Graph()
    g.output("y", build(g, g.input("x", shape)))
    return hwx2py.compile(g)


def run(build, x: np.ndarray) -> tuple[np.ndarray, int]:
    """The result, and the number of tasks; `check` finds nothing, nor does the virtual ANE."""
    program = compiled(build, x.shape).program
    assert not [finding for finding in hwx2py.check(program) if finding.level in ("error", "warning")]
    four = next(tensor.shape for tensor in program.tensors if tensor.name == "x")
    done = hwx2py.emulate(program, {"x": x.reshape(four)})
    assert not done.faults
    return done.outputs["y"].astype(np.float64), len(program.tasks)


def softmax(x: np.ndarray, axis: int) -> np.ndarray:
    powers = np.exp(x - x.max(axis=axis, keepdims=True))
    return powers / powers.sum(axis=axis, keepdims=True)


WIDE, PAIR = drawn(11, 1, 1, 1, 33000), np.float16([[[[2]], [[-0.5]]]])

#: What does not fit a task, and what it is; the largest error.
EXACT = {
    "rows wider than 512": (lambda g, x: g.add(x, g.relu(x)), lambda x: x + np.maximum(x, 0), (1, 2, 9, 3000)),
    "a plane taller than a tile": (lambda g, x: g.add(x, g.relu(x)), lambda x: x + np.maximum(x, 0), (1, 4, 20000, 3)),
    "4 MB": (lambda g, x: g.sub(g.relu(x), x), lambda x: np.maximum(x, 0) - x, (1, 32, 256, 256)),
    "4 MB turned": (lambda g, x: g.transpose(x, (0, 3, 2, 1)), lambda x: x.transpose(0, 3, 2, 1), (1, 64, 180, 180)),
    "rows wider than a register counts": (
        lambda g, x: g.add(x, g.relu(x)), lambda x: x + np.maximum(x, 0), (1, 2, 3, 40001)
    ),
    "a wide row for all": (lambda g, x: g.add(x, WIDE), lambda x: x + WIDE, (1, 2, 2, 33000)),
    "a wide factor for each channel": (lambda g, x: g.mul(x, PAIR), lambda x: x * PAIR, (1, 2, 1, 33000)),
    "columns of a wide row": (lambda g, x: g.slice(x, 3, 0, 33000), lambda x: x[..., :33000], (1, 2, 1, 40000)),
    "140000 channels": (lambda g, x: g.relu(x), lambda x: np.maximum(x, 0), (1, 140000, 1, 2)),
}  # fmt: skip


@pytest.mark.parametrize("name", EXACT)
def test_what_no_task_holds_is_cut(name):
    build, expected, shape = EXACT[name]
    x = drawn(1, *shape)
    got, tasks = run(build, x)
    assert np.array_equal(got, CHIP.rounded(expected(x.astype(np.float64))))
    assert tasks > 1


@pytest.mark.parametrize(("shape", "axis"), [((1, 2, 700, 900), -1), ((1, 150, 90, 90), 1), ((1, 20000), -1)])
def test_softmax_beyond_l2(shape, axis):
    x = drawn(2, *shape)
    expected = softmax(x.astype(np.float64), axis)
    got, _ = run(lambda g, x: g.softmax(x, axis), x)
    assert np.abs(got.reshape(shape) - expected).max() < 2e-3 * expected.max()


def test_a_product_of_inputs_beyond_l2():
    x = drawn(3, 1, 1, 1500, 64)
    wide = x.astype(np.float64)
    got, tasks = run(lambda g, x: g.matmul(x, g.transpose(x, (0, 1, 3, 2))), x)
    expected = wide @ wide.transpose(0, 1, 3, 2)
    assert np.abs(got - expected).max() < 2**-11 * np.abs(expected).max() + 64 * 2**-16
    assert tasks > 4


def convolved(x: np.ndarray, weights: np.ndarray, pad: int, groups: int) -> np.ndarray:
    padded = np.pad(x[0].astype(np.float64), [(0, 0), (pad, pad), (pad, pad)])
    outputs, inputs, high, wide = weights.shape
    rows, columns = padded.shape[1] - high + 1, padded.shape[2] - wide + 1
    sums = np.zeros((outputs, rows, columns))
    each = outputs // groups
    for group in range(groups):
        own = slice(group * each, (group + 1) * each)
        source = padded[group * inputs : (group + 1) * inputs]
        for i in range(high):
            for j in range(wide):
                taps = weights[own, :, i, j].astype(np.float64)
                sums[own] += np.tensordot(taps, source[:, i : i + rows, j : j + columns], 1)
    return sums[None]


@pytest.mark.parametrize(("high", "wide", "groups"), [(35, 3, 1), (3, 40, 1), (33, 34, 1), (35, 35, 4), (1, 70, 4)])
def test_kernels_of_more_than_31_rows_or_columns(high, wide, groups):
    x, weights = drawn(4, 1, 4, 36, 72), drawn(5, 4, 4 // groups, high, wide) / 16
    bias = drawn(6, 4)
    expected = convolved(x, weights, 0, groups) + bias.astype(np.float64)[:, None, None]
    got, _ = run(lambda g, x: g.conv(x, weights, bias, groups=groups), x)
    assert np.abs(got - expected).max() < 4 * 2**-11 * np.abs(expected).max() + weights[0].size * 2**-16


@pytest.mark.parametrize("function", ["relu", "tanh"])
@pytest.mark.parametrize(("high", "wide", "stride"), [(35, 3, 1), (33, 34, 1), (1, 70, 1), (1, 64, 32)])
def test_a_function_behind_such_a_kernel_is_its_last_step(function, high, wide, stride):
    inputs = 1 if stride > 1 else 4
    x, weights, bias = drawn(4, 1, inputs, 36, 96), drawn(5, 4, inputs, high, wide) / 32, drawn(6, 4)
    if stride > 1:
        x = x[:, :, :1]
    graph = Graph()
    y = graph.conv(graph.input("x", x.shape), weights, bias, stride=(1, stride))
    graph.output("y", graph.relu(y) if function == "relu" else graph.unary(function, y))
    together, apart = compile_network(graph).program, compile_network(graph, fuse=False).program
    results = [hwx2py.emulate(hwx2py.Program(one), {"x": x}) for one in (together, apart)]
    assert not any(result.faults for result in results)
    one, two = (result.outputs["y"] for result in results)
    assert one.tobytes() == two.tobytes()
    assert len(together.tasks) <= len(apart.tasks)
    assert (one == 0).any() == (function == "relu")


def test_a_stride_along_rows_whose_results_l2_does_not_hold():
    """The result is not stored exchanged by the convolution itself: one row of it is larger than L2."""
    x, weights = drawn(9, 1, 4, 1, 18000), drawn(10, 64, 4, 1, 3)
    taps = np.stack([x.astype(np.float64)[0, :, 0, k : k + 17998 : 2] for k in range(3)], axis=-1)
    expected = np.einsum("oik,ixk->ox", weights.astype(np.float64)[:, :, 0], taps)
    got, tasks = run(lambda g, x: g.conv(x, weights, stride=(1, 2)), x)
    assert np.abs(got[0, :, 0] - expected).max() < 2**-11 * np.abs(expected).max() + 12 * 2**-16
    assert tasks > 2


@pytest.mark.parametrize(("rows", "inputs", "outputs"), [(1, 2048, 700), (64, 512, 1536), (200, 768, 1000)])
def test_a_task_has_at_most_1_mib_of_weights(rows, inputs, outputs):
    x, weights = drawn(7, 1, 1, rows, inputs), drawn(8, inputs, outputs) / 32
    got, _ = run(lambda g, x: g.matmul(x, weights), x)
    expected = x.astype(np.float64)[0, 0] @ weights.astype(np.float64)
    assert np.abs(got[0, 0] - expected).max() < 2 * 2**-11 * np.abs(expected).max() + inputs * 2**-16
    program = compiled(lambda g, x: g.matmul(x, weights), x.shape).program
    sizes = [task.coefficient_bytes for task in cost(program.content).tasks]
    assert max(sizes) <= 1 << 20
    assert sum(sizes) >= weights.nbytes


#: What no register holds, and how that is told.
TOO_LARGE = {
    "columns": (lambda g, x: g.conv(x, np.ones((1, 1, 1, 3))), (1, 1, 1, 32768), "32768 columns of a source .* 32767"),
    "rows": (lambda g, x: g.conv(x, np.ones((1, 1, 3, 1))), (1, 1, 32768, 1), "32768 rows of a source .* 32767"),
}  # fmt: skip


@pytest.mark.parametrize("name", TOO_LARGE)
def test_what_no_register_holds_is_named_with_its_limit(name):
    build, shape, says = TOO_LARGE[name]
    with pytest.raises(UnsupportedError, match=says) as error:
        compiled(build, shape)
    assert one_line(f"hwx2py: {error.value}")


def test_hundreds_of_tasks_are_one_program():
    def build(g, x):
        for _ in range(150):
            x = g.add(x, g.relu(g.linear(x, 0.5, 0.1)))
        return x

    result = compiled(build, (1, 2, 2, 2))
    assert len(result.program.tasks) == 300
    assert result.report.scratch_bytes <= 0x4000
