"""`--scale`: what leaves float16 with samples is stored times powers of two, and undone in what follows."""

import json

import numpy as np
import pytest
from conftest import one_line
from hypothesis import given, settings
from hypothesis import strategies as st

import hwx2py
from hwx2py.compiler.compile import compile_network
from hwx2py.compiler.graph import Graph, Origin
from hwx2py.compiler.scaled_graph import scaled
from hwx2py.emulator import direct
from hwx2py.errors import UnsupportedError, UsageError

SHAPE = (1, 16, 6, 8)


def rng(seed=0):
    return np.random.default_rng(seed)


def run(graph, fuse=False, **inputs):
    outcome = direct.run(compile_network(graph, fuse=fuse).program, inputs)
    assert not outcome.faults, str(outcome.faults[0])
    return {name: array.astype(np.float64) for name, array in outcome.outputs.items()}


STEPS = ("conv", "depthwise", "transposed", "relu", "leaky", "prelu", "clip", "add", "add row", "sub", "maximum",
         "scale", "halves", "divided", "affine", "square", "product", "of tensors", "sigmoid", "pool", "mean", "sum",
         "max over w", "concat", "slice", "transpose", "norm", "sign", "square of all")  # fmt: skip


def stepped(steps, seed):
    """A graph of some steps: quarters and halves, so that powers of two alone round nothing."""
    draw, g = rng(seed), Graph()

    def quarters(*shape):
        return draw.integers(-3, 4, shape) / 4

    x = first = g.input("x", SHAPE)
    for step in steps:
        c, h, w = x.shape[1:]
        other = first if first.shape == x.shape else x
        match step:
            case "conv":
                x = g.conv(x, quarters(8, c, 1, 1), quarters(8))
            case "depthwise":
                x = g.conv(x, quarters(c, 1, 3, 3), quarters(c), groups=c, pads=1)
            case "transposed":
                x = g.conv_transpose(x, quarters(c, 4, 2, 2), quarters(4))
            case "relu" | "sigmoid":
                x = g.unary(step, x)
            case "leaky":
                x = g.unary("leaky_relu", x, 0.25)
            case "prelu":
                x = g.prelu(x, quarters(c, 1, 1))
            case "clip":
                x = g.clip(x, -2.5, 3.0)
            case "add":
                x = g.add(x, other)
            case "add row":
                x = g.add(quarters(1, w), x)
            case "sub":
                x = g.sub(other, x)
            case "maximum":
                x = g.maximum(x, g.linear(x, -0.5))
            case "scale":
                x = g.linear(x, -1.5, 0.25)
            case "halves":
                x = g.mul(x, np.float32(0.5))
            case "divided":
                x = g.div(x, np.full((c, 1, 1), 2.0))
            case "affine":
                x = g.affine(x, quarters(c, 1, 1), quarters(c, 1, 1))
            case "square":
                x = g.power(x, 2.0)
            case "square of all":
                x = g.mul(x, x)
            case "product":
                x = g.matmul(x, quarters(w, 12), quarters(12))
            case "of tensors":
                x = g.matmul(x, g.transpose(x, (0, 1, 3, 2)))
            case "pool":
                x = g.max_pool(x, 2, 1) if min(h, w) > 1 else x
            case "mean" | "sum":
                x = g.reduce(step, x, (2,))
            case "max over w":
                x = g.reduce("max", x, (3,))
            case "concat":
                x = g.concat([x, other], 1)
            case "slice":
                x = g.slice(x, 1, 0, max(1, c // 2))
            case "transpose":
                x = g.transpose(x, (0, 1, 3, 2))
            case "norm":
                x = g.standardize(x)
            case "sign":
                x = g.sign(x, -1, 0, 1)
    g.output("y", g.linear(x, 0.5, 0.25))
    return g


@settings(max_examples=12, deadline=None)
@given(st.lists(st.sampled_from(STEPS), min_size=1, max_size=4), st.integers(0, 99), st.data())
def test_any_exponents_leave_the_results_as_they_are(steps, seed, data):
    """Whatever operations carry a factor, outputs are the same but for what float16 has no bits for."""
    graph = stepped(steps, seed)
    wanted = {node.origin: data.draw(st.integers(0, 3)) for node in graph.nodes}
    x = rng(seed).integers(-4, 5, SHAPE).astype(np.float16)
    plain, scaled_ = run(graph, x=x), run(scaled(graph, wanted).graph, x=x)
    assert np.isfinite(plain["y"]).all()
    assert np.abs(scaled_["y"] - plain["y"]).max() <= 2.0**-9 * np.abs(plain["y"]).max()


@pytest.mark.parametrize("step", [step for step in STEPS if step not in ("sigmoid", "norm")])
@pytest.mark.parametrize("before", ["conv", "of tensors"])
def test_a_factor_that_comes_to_an_operation_leaves_every_bit(before, step):
    graph = stepped([before, step], 5)
    x = rng(5).integers(-4, 5, SHAPE).astype(np.float16)
    first = next(node.origin for node in graph.nodes if node.origin.kind in ("conv", "matmul"))
    done = scaled(graph, {first: 3})
    assert any(row.exponent == 3 for row in done.rows)
    assert np.array_equal(run(done.graph, x=x)["y"], run(graph, x=x)["y"])


def leaving(kind, seed=0):
    """Networks that leave float16 on the way, and samples with which they do; all outputs stay inside."""
    g, draw = Graph(), rng(seed)
    x = g.input("x", SHAPE)
    a = draw.normal(0, 8, SHAPE)
    large = draw.normal(0, 300, (16, 16, 3, 3))
    small = draw.normal(0, 1e-4, (8, 16, 1, 1))
    match kind:
        case "conv, relu, pool, conv":
            y = g.max_pool(g.relu(g.conv(x, large, draw.normal(0, 500, 16), pads=1, name="large")), 2, 2)
            y = g.sigmoid(g.conv(y, small, draw.normal(0, 1, 8)))
        case "a residual sum":
            y = g.conv(x, draw.normal(0, 300, (16, 16, 1, 1)), name="large")
            y = g.conv(g.relu(g.add(g.add(y, x), y)), small)
        case "products of matrices":
            y = g.matmul(
                g.matmul(x, draw.normal(0, 1500, (8, 24)), draw.normal(0, 99, 24)), draw.normal(0, 1e-3, (24, 8))
            )
        case "scores and softmax":
            scores = g.matmul(g.linear(x, 40.0), g.transpose(g.linear(x, 40.0), (0, 1, 3, 2)))
            y = g.softmax(g.linear(scores, 2.0**-17))
        case "one after the other":
            y = g.mul(g.mul(g.add(g.linear(x, 900.0), x), g.sigmoid(x)), g.linear(g.relu(x), 90.0))
            y = g.matmul(y, np.full((8, 4), 1e-4))
        case "a mean of squares":
            y = g.linear(g.reduce("mean", g.power(g.linear(x, 40.0), 2.0), (2, 3)), 1e-3)
        case "a gate":
            y = g.mul(g.conv(x, large, pads=1), g.sigmoid(g.linear(x, 0.1)))
            y = g.conv(y, small)
        case "a limit":
            y = g.linear(g.clip(g.linear(x, 9000.0), 0.0, 40000.0), 1.0, -100.0)
        case "cancelling":
            y = g.linear(x, 6000.0)
            y = g.tanh(g.linear(g.sub(y, g.linear(y, 0.9375)), 2.0**-12))
    g.output("y", y)
    return g, {"x": a.astype(np.float16)}


KINDS = ("conv, relu, pool, conv", "a residual sum", "products of matrices", "scores and softmax",
         "one after the other", "a mean of squares", "a gate", "a limit",
         "cancelling")  # fmt: skip


@pytest.mark.parametrize("kind", KINDS)
def test_samples_stay_inside_and_nothing_is_found_any_more(kind):
    graph, samples = leaving(kind)
    assert hwx2py.compile(graph, calibrate=samples).report.beyond
    done = hwx2py.compile(graph, calibrate=samples, scale=True)
    assert not done.report.beyond
    assert not [found for found in hwx2py.check(done.program) if found.level in ("error", "warning")]
    for cause in done.report.scaling.causes:
        assert cause.undone, str(cause)
        assert cause.beyond.largest / 2.0**cause.exponent < 65520


def test_a_network_that_stays_inside_is_not_changed(tmp_path):
    graph = stepped(["conv", "relu", "norm"], 1)
    x = rng(1).normal(0, 1, SHAPE)
    for name, more in (("a.hwx", {}), ("b.hwx", {"calibrate": {"x": x}, "scale": True})):
        done = hwx2py.compile(graph, **more)
        hwx2py.save(done.program, tmp_path / name)
    assert (tmp_path / "a.hwx").read_bytes() == (tmp_path / "b.hwx").read_bytes()
    assert done.report.scaling.causes == done.report.scaling.rows == ()


@pytest.mark.parametrize(("build", "says"), [
    (lambda g, x: g.unary("exp", g.linear(x, 1.0, 20.0)), "exp exp_1: it reaches"),
    (lambda g, x: g.linear(x, 60000.0), "output y needs the number itself, which reaches"),
    (lambda g, x: g.softmax(g.linear(x, 60000.0)), "softmax softmax_1 needs the number itself, which reaches"),
    (lambda g, x: g.sigmoid(g.relu(g.conv(x, np.full((16, 16, 1, 1), 5000.0)))), "sigmoid_2 needs the number itself"),
    (lambda g, x: g.unary("reciprocal", g.linear(x, 2.0**-14, 2.0**-20)), "reciprocal reciprocal_1: it reaches"),
])  # fmt: skip
def test_what_nothing_can_carry_is_refused_by_name(build, says):
    g = Graph()
    g.output("y", build(g, g.input("x", SHAPE)))
    x = np.abs(rng(3).normal(0, 4, SHAPE)) + (0.0 if "reciprocal" not in says else -0.1)
    x[0, 0, 0, 0] = 0
    with pytest.raises(UnsupportedError) as error:
        hwx2py.compile(g, calibrate={"x": x}, scale=True)
    assert says in str(error.value)
    assert "leave out --scale" in str(error.value)
    assert one_line(f"hwx2py: {error.value}")


def test_weights_that_float16_would_lose_are_not_made_smaller():
    """Weights near the least normal number: their operand is multiplied by a task of its own, or nothing is."""
    g = Graph()
    origin = Origin("conv", "c")
    g.origin = origin
    g.output("y", g.conv(g.input("x", SHAPE), np.full((16, 16, 1, 1), 2.0**-14)))
    assert not scaled(g, {origin: 1}).rows
    assert scaled(g, {origin: 0}).graph.nodes == g.nodes


def test_constants_that_get_fewer_bits_are_counted():
    g = Graph()
    weights = np.full((16, 16, 1, 1), 1.0)
    weights[0, 0], weights[0, 1] = 2.0**-13 * 1.125, 2.0**-13 * (1 + 2.0**-10)
    g.output("y", g.relu(g.conv(g.input("x", SHAPE), weights)))
    (first, *_) = scaled(g, {g.nodes[0].origin: 2}).rows
    assert (first.exponent, first.rounded) == (2, 1)


def test_samples_are_needed():
    with pytest.raises(UsageError, match="nothing says what leaves float16"):
        hwx2py.compile(stepped(["relu"], 0), scale=True)


def onnx_network(kind):
    """A network in ONNX that leaves float16 on the way, and an input with which it does."""
    onnx = pytest.importorskip("onnx")
    from onnx import TensorProto, helper, numpy_helper

    draw, node = rng(7), helper.make_node
    if kind == "convolutions":
        constants = {
            "w": draw.normal(0, 300, (16, 16, 3, 3)), "b": draw.normal(0, 900, 16), "f": draw.uniform(1, 2, (16, 1, 1)),
            "v": draw.normal(0, 2e-4, (8, 16, 1, 1)), "c": draw.normal(0, 1, 8),
        }  # fmt: skip
        nodes = [
            node("Conv", ["x", "w", "b"], ["t"], name="large", pads=[1, 1, 1, 1]),
            node("Relu", ["t"], ["r"], name="relu"),
            node("Add", ["r", "x"], ["s"], name="skip"), node("Mul", ["s", "f"], ["m"], name="gain"),
            node("MaxPool", ["m"], ["p"], name="pool", kernel_shape=[2, 2], strides=[2, 2]),
            node("Conv", ["p", "v", "c"], ["q"], name="small"), node("Sigmoid", ["q"], ["y"], name="last"),
        ]  # fmt: skip
        shape, result = SHAPE, (1, 8, 3, 4)
    else:
        constants = {
            "w": draw.normal(0, 200, (64, 128)), "b": draw.normal(0, 100, 128), "v": draw.normal(0, 2, (128, 64)),
            "g": draw.uniform(0.5, 2, 64), "o": draw.normal(0, 1, 64),
        }  # fmt: skip
        nodes = [
            node("MatMul", ["x", "w"], ["t"], name="wide"), node("Add", ["t", "b"], ["u"], name="bias"),
            node("Relu", ["u"], ["r"], name="relu"), node("MatMul", ["r", "v"], ["n"], name="narrow"),
            node("Add", ["n", "x"], ["s"], name="skip"),
            node("LayerNormalization", ["s", "g", "o"], ["y"], name="norm", axis=-1, epsilon=1e-5),
        ]  # fmt: skip
        shape = result = (1, 1, 12, 64)
    tensors = [numpy_helper.from_array(array.astype(np.float32), name) for name, array in constants.items()]
    ends = [
        helper.make_tensor_value_info(name, TensorProto.FLOAT, size) for name, size in (("x", shape), ("y", result))
    ]
    graph = helper.make_graph(nodes, "net", ends[:1], ends[1:], tensors)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    onnx.checker.check_model(model)
    return model, draw.normal(0, 8 if kind == "convolutions" else 3, shape).astype(np.float16)


@pytest.mark.parametrize(("kind", "bound"), [("convolutions", 1e-2), ("a feed-forward block", 2e-2)])
def test_outputs_are_those_of_the_model_only_when_scaled(kind, bound):
    reference = pytest.importorskip("onnx.reference")
    model, x = onnx_network(kind)
    (wanted,) = reference.ReferenceEvaluator(model).run(None, {"x": x.astype(np.float32)})
    errors = []
    for scale in (False, True):
        done = hwx2py.compile(model, calibrate={"x": x}, scale=scale)
        assert bool(done.report.beyond) != scale
        got = hwx2py.emulate(done.program, {"x": x}).outputs["y"].astype(np.float64).reshape(wanted.shape)
        errors.append(np.abs(np.where(np.isfinite(got), got, np.inf) - wanted).max())
    assert errors[0] > 0.3
    assert errors[1] < bound


def test_the_command_says_what_it_scaled_and_the_report_has_every_operation(cli, tmp_path):
    onnx = pytest.importorskip("onnx")
    model, x = onnx_network("convolutions")
    onnx.save(model, tmp_path / "m.onnx")
    np.savez(tmp_path / "s.npz", x=x)
    done = cli("compile", tmp_path / "m.onnx", "-o", tmp_path / "m.hwx", "--scale")
    assert done.code == 2
    assert "--calibrate" in done.err
    done = cli(
        "compile", tmp_path / "m.onnx", "-o", tmp_path / "m.hwx", "--calibrate", tmp_path / "s.npz", "--scale",
        "--report", tmp_path / "r.json",
    )  # fmt: skip
    assert done.code == 0, done.err
    assert "note: scaled: Conv large is stored times 2^-" in done.err
    assert "with the given samples, and sums of products end at 32768; undone in Conv small" in done.err
    data = json.loads((tmp_path / "r.json").read_text())
    rows = {row["name"]: row for row in data["scaled"]}
    assert rows["large"]["exponent"] == rows["relu"]["exponent"] < 0
    assert rows["large"]["reaches"] > 32768
    assert rows["large"]["how"] == "its weights and bias"
    assert (rows["small"]["exponent"], rows["small"]["because_of"]) == (0, ["Mul gain", "Conv large"])
    assert not data["beyond_float16"]
