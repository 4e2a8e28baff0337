"""What is put together against the same operations apart: the same values, fewer tasks, over drawn shapes."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hwx2py import checks
from hwx2py.compiler import operators
from hwx2py.compiler.canonical.view import weights
from hwx2py.compiler.compile import compile_network
from hwx2py.compiler.graph import Graph
from hwx2py.emulator import direct

#: Half a unit of float16, relative.
UNIT = 2.0**-11


def run(graph: Graph, fuse: bool, **inputs: np.ndarray) -> tuple[int, np.ndarray]:
    """Number of tasks and the output y, on the virtual ANE; `check` is clean and there is no fault."""
    program = compile_network(graph, fuse=fuse).program
    found = [finding for finding in checks.findings(checks.Subject(program)) if finding.level in ("error", "warning")]
    assert not found, found[0]
    outcome = direct.run(program, inputs)
    assert not outcome.faults, str(outcome.faults[0])
    return len(program.tasks), outcome.outputs["y"].astype(np.float64)


def both(graph: Graph, *, fewer: int, slack: float = 0.0, **inputs: np.ndarray) -> np.ndarray:
    """The output; fused it takes `fewer` tasks, and is equal but for `slack` units of the largest number."""
    apart, wanted = run(graph, False, **inputs)
    together, got = run(graph, True, **inputs)
    assert apart - together == fewer, f"{together} tasks for {apart}"
    assert np.abs(got - wanted).max() <= slack * UNIT * np.abs(wanted).max()
    return got


def drawn(rng: np.random.Generator, *shape: int, high: float = 1.0) -> np.ndarray:
    """Numbers up to `high`."""
    return rng.uniform(-high, high, shape).astype(np.float16)


@pytest.fixture(params=range(3))
def rng(request: pytest.FixtureRequest) -> np.random.Generator:
    """Numbers of one seed."""
    return np.random.default_rng(request.param)


def conv(g: Graph, rng: np.random.Generator, x: object, outputs: int, kernel: int = 3, **options: object) -> object:
    inputs = x.shape[1]
    return g.conv(x, drawn(rng, outputs, inputs, kernel, kernel, high=0.3), drawn(rng, outputs), **options)


@pytest.mark.parametrize(
    ("kernel", "stride", "pads"), [(2, 2, 0), (3, 2, 0), (3, 2, (0, 0, 1, 1)), (3, 1, 1), (5, 1, 2)]
)
def test_a_pool_behind_a_convolution(rng, kernel, stride, pads):
    g = Graph()
    a = drawn(rng, 1, int(rng.integers(1, 9)), *map(int, rng.integers(12, 30, 2)))
    y = g.relu(conv(g, rng, g.input("x", a.shape), int(rng.choice([5, 16, 24]))))
    g.output("y", g.max_pool(y, kernel, stride, pads))
    both(g, fewer=2, x=a)


@pytest.mark.parametrize("slopes", ["up to 1", "from 0"])
def test_slopes_of_each_channel_behind_a_convolution(rng, slopes):
    g, channels = Graph(), int(rng.choice([3, 16, 40]))
    a = drawn(rng, 1, 4, *map(int, rng.integers(3, 20, 2)))
    factors = rng.uniform(-0.5, 1, (channels, 1, 1)) if slopes == "up to 1" else rng.uniform(0, 2, (channels, 1, 1))
    g.output("y", g.prelu(conv(g, rng, g.input("x", a.shape), channels), factors.astype(np.float16)))
    both(g, fewer=2 if slopes == "up to 1" else 4, slack=3, x=a)


def test_slopes_and_a_pool_behind_a_convolution(rng):
    g, channels = Graph(), int(rng.choice([16, 24]))
    a = drawn(rng, 1, 4, *map(int, rng.integers(8, 20, 2)))
    y = g.prelu(conv(g, rng, g.input("x", a.shape), channels), rng.uniform(0, 1, (channels, 1, 1)).astype(np.float16))
    g.output("y", g.max_pool(y, 2, 2))
    both(g, fewer=3, slack=3, x=a)


@pytest.mark.parametrize("swapped", [False, True])
@pytest.mark.parametrize("step", ["sigmoid", "relu", "hard_sigmoid"])
def test_a_gate_stays_in_l2(rng, swapped, step):
    g, channels = Graph(), int(rng.choice([3, 24, 100]))
    a, c = drawn(rng, 1, channels, *map(int, rng.integers(2, 30, 2))), drawn(rng, 1, 6, 1, 1)
    x, column = g.input("x", a.shape), g.input("c", c.shape)
    numbers = g.unary(step, conv(g, rng, column, channels, 1), 0.25, 0.5)
    g.output("y", g.mul(numbers, x) if swapped else g.mul(x, numbers))
    both(g, fewer=2, x=a, c=c)


def test_a_gate_and_its_skip(rng):
    g, channels = Graph(), int(rng.choice([3, 24, 100]))
    a, c = drawn(rng, 1, channels, *map(int, rng.integers(2, 30, 2))), drawn(rng, 1, 6, 1, 1)
    x, column = g.input("x", a.shape), g.input("c", c.shape)
    numbers = g.unary("hard_sigmoid", conv(g, rng, column, channels, 1), 0.25, 0.5)
    g.output("y", g.add(x, g.mul(x, numbers)))
    both(g, fewer=3, slack=2, x=a, c=c)


@pytest.mark.parametrize("kind", ["mul", "add", "sub", "max", "hard swish"])
def test_a_scale_and_a_bias_behind_the_planar_engine(rng, kind):
    g = Graph()
    a = drawn(rng, 1, 5, *map(int, rng.integers(2, 30, 2)), high=4)
    x, z = g.input("x", a.shape), g.input("z", a.shape)
    match kind:
        case "hard swish":
            y = g.unary("hard_swish", x)
        case "max":
            y = g.maximum(x, z)
        case _:
            y = getattr(g, kind)(x, z)
    g.output("y", g.add(g.mul(y, np.float16(0.75)), np.float16(0.5)))
    both(g, fewer=2, slack=2, x=a, z=drawn(rng, *a.shape))


def test_a_smaller_slope_and_a_lower_limit_are_one_table(rng):
    g = Graph()
    a = drawn(rng, 1, 5, *map(int, rng.integers(3, 30, 2)), high=4)
    y = g.maximum(g.unary("leaky_relu", conv(g, rng, g.input("x", a.shape), 8), 0.2), np.float32(-0.4))
    g.output("y", y)
    both(g, fewer=3, slack=1, x=a)


def test_a_part_of_x_below_zero_by_a_maximum(rng):
    g = Graph()
    a = drawn(rng, 1, 5, 7, 9)
    y = conv(g, rng, g.input("x", a.shape), 8)
    g.output("y", g.maximum(y, g.mul(y, np.float16(0.125))))
    both(g, fewer=2, slack=1, x=a)


@pytest.mark.parametrize("axis", [2, 3])
def test_zeros_around_planes_are_padding(rng, axis):
    from hwx2py.compiler import operators

    g = Graph()
    a = drawn(rng, 1, 5, *map(int, rng.integers(6, 30, 2)))
    before, behind = map(int, rng.integers(0, 4, 2) + 1)
    places = (-1,) * before + tuple(range(a.shape[axis])) + (-1,) * behind
    x = g.reshape(g.input("x", a.shape), (1, *a.shape[1:]))
    g.output("y", conv(g, rng, g.apply(operators.Select(axis, places), x), 8))
    apart, wanted = run(g, False, x=a)
    together, got = run(g, True, x=a)
    assert together == 1 < apart
    np.testing.assert_array_equal(got, wanted)


@pytest.mark.parametrize("axis", [1, 2])
def test_parts_of_a_join_are_written_in_place(rng, axis):
    g = Graph()
    a = drawn(rng, 1, 5, 6, int(rng.integers(3, 70)))
    x = g.input("x", a.shape)
    parts = [g.sigmoid(x), g.unary("abs", x), g.tanh(x)]
    g.output("y", g.mul(g.concat(parts, axis), np.float16(0.5)))
    tasks, y = run(g, True, x=a)
    assert tasks == 4
    np.testing.assert_array_equal(np.split(y, 3, axis)[1], np.abs(a.astype(np.float64)) / 2)


def test_a_product_of_one_row_is_a_convolution_of_the_picture(rng):
    g = Graph()
    a = drawn(rng, 1, int(rng.choice([3, 32])), *map(int, rng.integers(1, 5, 2)))
    x = g.reshape(g.transpose(g.input("x", a.shape), (0, 2, 3, 1)), (1, a[0].size))
    y = g.relu(g.matmul(x, drawn(rng, a[0].size, 40, high=0.2), drawn(rng, 40)))
    g.output("y", g.matmul(y, drawn(rng, 40, 10, high=0.2)))
    apart, wanted = run(g, False, x=a)
    together, got = run(g, True, x=a)
    assert together == 2 < apart
    assert np.abs(got - wanted).max() <= 4 * UNIT * np.abs(wanted).max()


@pytest.mark.parametrize("stride", [2, (1, 2), (3, 2)])
def test_strides_take_a_convolution_and_an_exchange(rng, stride):
    a = drawn(rng, 1, 5, *map(int, rng.integers(9, 30, 2)))
    g, whole = Graph(), Graph()
    weights = drawn(rng, 8, 5, 3, 3, high=0.3)
    g.output("y", g.relu(g.conv(g.input("x", a.shape), weights, stride=stride, pads=1)))
    whole.output("y", whole.relu(whole.conv(whole.input("x", a.shape), weights, pads=1)))
    tasks, y = run(g, True, x=a)
    down, across = (stride, stride) if isinstance(stride, int) else stride
    assert tasks == 2
    np.testing.assert_array_equal(y, run(whole, True, x=a)[1][:, :, ::down, ::across])


def soft(x: np.ndarray) -> np.ndarray:
    """The softmax of rows."""
    powers = np.exp(x - x.max(-1, keepdims=True))
    return powers / powers.sum(-1, keepdims=True)


@pytest.mark.parametrize("rows", [16, 32, 64, 128])
def test_attention_of_one_head_takes_nine_tasks(rng, rows):
    columns = int(rng.choice([16, 32, 40, 64]))
    q, k, v = (drawn(rng, 1, 1, rows, columns) for _ in range(3))
    g = Graph()
    x, z, w = (g.input(name, q.shape) for name in "qkv")
    scores = g.mul(g.matmul(x, g.transpose(z, (0, 1, 3, 2))), np.float32(columns**-0.5))
    g.output("y", g.matmul(g.softmax(scores), w))
    tasks, y = run(g, True, q=q, k=k, v=v)
    wide = [array.astype(np.float64) for array in (q, k, v)]
    wanted = soft(wide[0] @ wide[1].swapaxes(-1, -2) * columns**-0.5) @ wide[2]
    assert tasks == 9
    np.testing.assert_allclose(y, wanted, atol=4e-3)


@pytest.mark.parametrize("masked", [False, True])
def test_attention_of_several_heads(rng, masked):
    heads, rows, columns = int(rng.integers(2, 7)), int(rng.choice([32, 64])), 32
    q, k, v = (drawn(rng, 1, heads, rows, columns) for _ in range(3))
    mask = drawn(rng, 1, 1, 1, rows)
    g = Graph()
    x, z, w = (g.input(name, q.shape) for name in "qkv")
    scores = g.mul(g.matmul(x, g.transpose(z, (0, 1, 3, 2))), np.float32(columns**-0.5))
    more = {"mask": mask} if masked else {}
    scores = g.add(scores, g.input("mask", mask.shape)) if masked else scores
    g.output("y", g.matmul(g.softmax(scores), w))
    tasks, y = run(g, True, q=q, k=k, v=v, **more)
    wide = [array.astype(np.float64) for array in (q, k, v)]
    wanted = soft(wide[0] @ wide[1].swapaxes(-1, -2) * columns**-0.5 + masked * mask.astype(np.float64)) @ wide[2]
    assert tasks == 8 + 2 * heads + masked <= 6 + 3 * heads + masked
    np.testing.assert_allclose(y, wanted, atol=4e-3)


@pytest.mark.parametrize("heads", [1, 4])
def test_a_transformer_block(rng, heads):
    """Queries, keys and values of one matrix, attention, and the product behind it."""
    rows, columns = 64, 32
    width = heads * columns
    a = drawn(rng, 1, rows, width)
    weights = [drawn(rng, width, width, high=0.2) for _ in range(4)]
    biases = [drawn(rng, width, high=0.2) for _ in range(4)]
    g = Graph()
    x = g.input("x", a.shape)

    def projected(number: int, order: tuple[int, ...]) -> object:
        y = g.add(g.matmul(x, weights[number]), biases[number])
        return g.transpose(g.reshape(y, (1, rows, heads, columns)), order)

    q, k, v = projected(0, (0, 2, 1, 3)), projected(1, (0, 2, 3, 1)), projected(2, (0, 2, 1, 3))
    scores = g.div(g.matmul(q, k), np.float32(columns**0.5))
    y = g.reshape(g.transpose(g.matmul(g.softmax(scores), v), (0, 2, 1, 3)), (1, rows, width))
    g.output("y", g.add(g.matmul(y, weights[3]), biases[3]))
    tasks, y = run(g, True, x=a)

    def split(number: int) -> np.ndarray:
        whole = a.astype(np.float64) @ weights[number].astype(np.float64) + biases[number]
        return whole.reshape(rows, heads, columns).transpose(1, 0, 2)

    head = soft(split(0) @ split(1).swapaxes(-1, -2) / columns**0.5) @ split(2)
    wanted = head.transpose(1, 0, 2).reshape(rows, width) @ weights[3].astype(np.float64) + biases[3]
    # One head: 4 + 8 + 2, one less than Apple's 15; of several Apple has 14 + 3 heads.
    assert tasks == (14 if heads == 1 else 13 + 2 * heads)
    np.testing.assert_allclose(y.reshape(wanted.shape), wanted, atol=2e-2)


def test_rows_stay_columns_between_two_products(rng):
    g = Graph()
    rows, widths = int(rng.choice([2, 16, 50])), rng.choice([32, 40, 64], 3)
    a = drawn(rng, rows, int(widths[0]))
    y = g.gelu(g.matmul(g.input("x", a.shape), drawn(rng, *map(int, widths[:2]), high=0.2), drawn(rng, int(widths[1]))))
    g.output("y", g.matmul(g.reshape(y, (1, *y.shape)), drawn(rng, *map(int, widths[1:]), high=0.2)))
    both(g, fewer=2, x=a)


def test_several_products_of_one_matrix_share_the_exchange(rng):
    g = Graph()
    a = drawn(rng, 1, int(rng.choice([2, 16, 50])), 40)
    x = g.input("x", a.shape)
    parts = [g.matmul(x, drawn(rng, 40, 32, high=0.3)) for _ in range(3)]
    g.output("y", g.mul(g.mul(parts[0], parts[1]), parts[2]))
    both(g, fewer=2, x=a)


def test_gain_and_bias_of_rows_take_a_task_each(rng):
    g = Graph()
    a = drawn(rng, 1, int(rng.choice([2, 16, 50])), 40)
    g.output("y", g.add(g.mul(g.input("x", a.shape), drawn(rng, 40)), drawn(rng, 40)))
    tasks, y = run(g, True, x=a)
    assert tasks == 2
    assert run(g, False, x=a)[1].tobytes() == y.tobytes()


@pytest.mark.parametrize("residual", [False, True])
def test_the_gain_and_the_bias_of_rows_go_into_products(rng, residual):
    """All of them in front of a product; the bias alone where a sum needs the rows, too."""
    g = Graph()
    rows, width = int(rng.choice([2, 16, 50])), 40
    a = drawn(rng, 1, rows, width)
    gain, bias = drawn(rng, width, high=2), drawn(rng, width)
    matrices, biases = [drawn(rng, width, width, high=0.3) for _ in range(2)], drawn(rng, 2, width)
    y = g.layer_norm(g.input("x", a.shape), gain, bias)
    inner = g.relu(g.add(g.matmul(g.reshape(y, (rows, width)), matrices[0]), biases[0]))
    z = g.reshape(g.add(g.matmul(inner, matrices[1]), biases[1]), a.shape)
    g.output("y", g.add(z, y) if residual else z)
    tasks, got = run(g, True, x=a)
    wide = a.astype(np.float64)
    normal = (wide - wide.mean(-1, keepdims=True)) / np.sqrt(wide.var(-1, keepdims=True) + 1e-5) * gain + bias
    wanted = np.maximum(normal @ matrices[0].astype(np.float64) + biases[0], 0) @ matrices[1] + biases[1]
    assert tasks == 3 + 3 + 2 * residual
    np.testing.assert_allclose(got.reshape(wanted.shape), wanted + normal * residual, atol=6e-2)


def test_rows_of_a_layer_norm_that_are_an_output_keep_gain_and_bias(rng):
    g = Graph()
    a = drawn(rng, 1, 16, 40)
    y = g.layer_norm(g.input("x", a.shape), drawn(rng, 40), drawn(rng, 40))
    g.output("y", y)
    g.output("z", g.matmul(y, drawn(rng, 40, 8)))
    # No task reads an output: a copy puts it there.
    assert run(g, True, x=a)[0] == 5 + 2 + 1


@pytest.mark.parametrize(("rows", "makers", "parts"), [(20, 0, 2), (48, 1, 2), (50, 1, 3), (64, 1, 1), (197, 2, 3)])
def test_products_of_several_pairs_share_the_copies_of_their_kernels(rng, rows, makers, parts):
    pairs, inner, columns = int(rng.integers(2, 5)), int(rng.choice([16, 33, 64])), int(rng.choice([8, 40]))
    a, c = drawn(rng, 1, pairs, rows, inner), drawn(rng, 1, pairs, inner, columns)
    g = Graph()
    g.output("y", g.matmul(g.input("x", a.shape), g.input("w", c.shape)))
    tasks, y = run(g, True, x=a, w=c)
    assert tasks == makers + parts * pairs
    np.testing.assert_allclose(y, a.astype(np.float64) @ c.astype(np.float64), atol=2e-2)


def test_joins_of_joins_whose_parts_others_need_are_written_in_place(rng):
    """As in networks that join all that came before: each part is written once."""
    g = Graph()
    a = drawn(rng, 1, 8, *map(int, rng.integers(4, 12, 2)))
    y = g.relu(conv(g, rng, g.input("x", a.shape), 8, pads=1))
    for _ in range(3):
        y = g.concat([y, g.relu(conv(g, rng, y, 4, pads=1))], 1)
    g.output("y", conv(g, rng, y, 8, 1))
    tasks, got = run(g, True, x=a)
    assert tasks == 5
    np.testing.assert_array_equal(got, run(g, False, x=a)[1])


def test_a_join_that_is_an_output_is_not_read(rng):
    g = Graph()
    a = drawn(rng, 1, 8, 5, 7)
    y = g.relu(conv(g, rng, g.input("x", a.shape), 8, pads=1))
    z = conv(g, rng, y, 4, pads=1)
    g.output("y", g.concat([y, z], 1))
    tasks, got = run(g, True, x=a)
    # Y is read by the convolution and copied; what the convolution makes goes where it belongs.
    assert tasks == 3
    np.testing.assert_array_equal(got, run(g, False, x=a)[1])


@pytest.mark.parametrize("padded", [False, True])
def test_a_sum_and_slopes_behind_a_convolution(rng, padded):
    """As in networks of blocks: depthwise, 1 x 1, a sum with what came in, slopes of each channel."""
    from hwx2py.compiler import operators

    g = Graph()
    channels, outputs = 16, 24 if padded else 16
    a = drawn(rng, 1, channels, *map(int, rng.integers(4, 20, 2)))
    x = g.input("x", a.shape)
    x = g.relu(conv(g, rng, x, channels, 1))
    y = g.conv(x, drawn(rng, channels, 1, 3, 3, high=0.4), drawn(rng, channels), pads=1, groups=channels)
    y = conv(g, rng, y, outputs, 1)
    places = (*range(channels), *[-1] * (outputs - channels))
    y = g.add(y, g.apply(operators.Select(1, places), x) if padded else x)
    g.output("y", g.prelu(y, rng.uniform(-0.5, 1, (outputs, 1, 1)).astype(np.float16)))
    apart, wanted = run(g, False, x=a)
    together, got = run(g, True, x=a)
    assert together == 4 < apart - 3
    assert np.abs(got - wanted).max() <= 4 * UNIT * np.abs(wanted).max()


def test_slopes_behind_a_depthwise_convolution(rng):
    g = Graph()
    a = drawn(rng, 1, 8, *map(int, rng.integers(4, 20, 2)))
    y = g.conv(g.input("x", a.shape), drawn(rng, 8, 1, 3, 3, high=0.4), drawn(rng, 8), pads=1, groups=8)
    g.output("y", g.prelu(y, rng.uniform(-0.5, 1, (8, 1, 1)).astype(np.float16)))
    both(g, fewer=1, slack=3, x=a)


@pytest.mark.parametrize("rows", [1, 4])
def test_sums_of_two_products_as_gates_have_them(rng, rows):
    """Both operands side by side, for all gates; the functions behind go into the products."""
    g = Graph()
    a, h = drawn(rng, rows, int(rng.choice([24, 40]))), drawn(rng, rows, 64)
    x, state = g.input("x", a.shape), g.input("h", h.shape)

    def gate(function: str) -> object:
        one = g.matmul(x, drawn(rng, a.shape[1], 32, high=0.3), drawn(rng, 32))
        two = g.matmul(state, drawn(rng, 64, 32, high=0.3), drawn(rng, 32))
        return g.unary(function, g.add(one, two))

    g.output("y", g.mul(gate("sigmoid"), g.mul(gate("relu"), gate("tanh"))))
    apart, wanted = run(g, False, x=a, h=h)
    together, got = run(g, True, x=a, h=h)
    # Two copies, an exchange, three products and two multiplications, for (2 + 2 + 1 + 1) of each gate.
    assert (together, apart) == (2 + 1 + 3 + 2, 3 * 6 + 2)
    assert np.abs(got - wanted).max() <= 0.02 * np.abs(wanted).max()


def test_a_factor_and_an_offset_of_each_channel_are_one_task(rng):
    g, channels = Graph(), int(rng.choice([3, 16, 40]))
    a = drawn(rng, 1, channels, *map(int, rng.integers(3, 30, 2)))
    factor, offset = drawn(rng, channels, 1, 1, high=2), drawn(rng, 1, channels, 1, 1)
    g.output("y", g.add(g.mul(g.input("x", a.shape), factor), offset))
    tasks, y = run(g, True, x=a)
    assert tasks == 1
    np.testing.assert_allclose(y, a.astype(np.float64) * factor + offset.astype(np.float64), atol=2e-3)


def test_a_matrix_along_columns_takes_an_exchange_and_a_convolution(rng):
    from hwx2py.compiler import operators

    g = Graph()
    a = drawn(rng, *map(int, rng.integers(2, 9, 1)), *map(int, rng.integers(3, 30, 2)))
    matrix = drawn(rng, int(rng.choice([7, 33])), a.shape[-1])
    g.output("y", g.apply(operators.Mix(2), g.input("x", a.shape), matrix))
    tasks, y = run(g, True, x=a[None])
    assert tasks == 2
    np.testing.assert_allclose(y[0], a.astype(np.float64) @ matrix.T.astype(np.float64), atol=1e-2)


def test_boxes_behind_a_convolution_are_written_in_their_order(rng):
    """As in detectors: channels last, then the places of all rows as one axis."""
    g = Graph()
    a = drawn(rng, 1, 8, *map(int, rng.integers(3, 12, 2)))
    y = g.transpose(conv(g, rng, g.input("x", a.shape), 12, pads=1), (0, 2, 3, 1))
    y = g.reshape(y, (1, a.shape[2] * a.shape[3], 12))
    g.output("y", g.sigmoid(g.mul(y, y)))
    both(g, fewer=2, x=a)


def test_windows_over_a_mirrored_edge_get_weights_of_their_own(rng):
    """As in front of a spectrum: the last windows see columns twice."""
    from hwx2py.compiler import operators

    g = Graph()
    a, weights = drawn(rng, 1, 1, 1, 96), drawn(rng, 9, 1, 1, 64, high=0.2)
    places = (*range(96), *range(94, 62, -1))
    x = g.apply(operators.Select(3, places), g.input("x", a.shape))
    g.output("y", g.conv(x, weights, stride=(1, 32)))
    apart, _ = run(g, False, x=a)
    together, y = run(g, True, x=a)
    line = a.astype(np.float64).ravel()[list(places)]
    frames = np.stack([line[start : start + 64] for start in range(0, 65, 32)], 1)
    assert together < apart / 2
    np.testing.assert_allclose(y[0, :, 0], weights.reshape(9, 64).astype(np.float64) @ frames, atol=1e-2)


def test_a_bias_is_rounded_before_a_factor_that_makes_it_small(rng):
    g = Graph()
    a = drawn(rng, 1, 5, 7, 9)
    x = g.input("x", a.shape)
    g.output("y", g.mul(g.add(g.mul(x, x), np.float16(1000)), np.float16(0.01)))
    tasks, y = run(g, True, x=a)
    assert tasks == 2
    rounded = (a.astype(np.float64) ** 2 + 1000).astype(np.float16).astype(np.float64)
    np.testing.assert_allclose(y, rounded * np.float64(np.float16(0.01)), rtol=2 * UNIT)


def test_a_picture_larger_than_a_kernel_stays_a_product(rng):
    g = Graph()
    a = drawn(rng, 1, 4, 1, 64)
    g.output("y", g.matmul(g.reshape(g.input("x", a.shape), (1, 256)), drawn(rng, 256, 8, high=0.2)))
    both(g, fewer=0, x=a)


@pytest.mark.parametrize(("block", "channels", "fewer"), [(2, 32, 2), (3, 32, 6), (2, 24, 0)])
def test_blocks_behind_a_convolution_take_its_outputs_in_their_order(rng, block, channels, fewer):
    g = Graph()
    a = drawn(rng, 1, 3, *map(int, rng.integers(2, 8, 2)))
    y = conv(g, rng, g.input("x", a.shape), channels * block**2, kernel=1)
    g.output("y", g.apply(operators.DepthToSpace(block, block_first=False), y))
    both(g, fewer=fewer, x=a)


@pytest.mark.parametrize(("batch", "channels", "tasks"), [(1, 32, 3), (2, 64, 6), (1, 8, 5)])
def test_channels_that_fill_rows_become_blocks_in_one_task_a_row(rng, batch, channels, tasks):
    g = Graph()
    a = drawn(rng, batch, 4 * channels, *map(int, rng.integers(1, 9, 2)))
    g.output("y", g.apply(operators.DepthToSpace(2), g.input("x", a.shape)))
    found, got = run(g, True, x=a)
    n, _, h, w = a.shape
    blocks = a.reshape(n, 2, 2, channels, h, w).transpose(0, 3, 4, 1, 5, 2)
    np.testing.assert_array_equal(got, blocks.reshape(n, channels, 2 * h, 2 * w))
    assert found == tasks


@given(st.lists(st.floats(-7e4, 7e4), min_size=1, max_size=20), st.sampled_from([1.0, 1 + 2.0**-40, 1 - 2.0**-40]))
def test_weights_that_a_rule_worked_out_are_rounded_once(numbers, factor):
    """Also those in the middle between two numbers of float16, and beside it."""
    halves = np.clip(np.array(numbers), -65000, 65000).astype(np.float16).astype(np.float64)
    steps = np.spacing(halves.astype(np.float16)).astype(np.float64)
    exact = np.concatenate([numbers, (halves + steps / 2) * factor]).reshape(1, -1)
    with np.errstate(over="ignore"):
        once, twice = exact.astype(np.float16), weights("w", exact).array.astype(np.float16)
    np.testing.assert_array_equal(twice, once)
