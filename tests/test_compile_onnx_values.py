"""Operations of ONNX in their odd forms: what ONNX Runtime gives, or refused by name."""

import numpy as np
import pytest

from hwx2py import checks
from hwx2py.compiler.compile import compile_network
from hwx2py.emulator import direct
from hwx2py.errors import UnsupportedError

onnx = pytest.importorskip("onnx")
runtime = pytest.importorskip("onnxruntime")
from onnx import TensorProto, helper, numpy_helper  # noqa: E402

SHAPE = (1, 3, 5, 7)
EXPONENTS = np.array([0, 1, 2, 3, -1, 5, 4], np.float32)
STATE = np.full((1, 2, 3), 0.25, np.float32)


def network(kind, constants, shape, opset, operands=None, **attributes):
    """A model of one operation of `x` and constants."""
    named = {name: np.asarray(array) for name, array in constants.items()}
    node = helper.make_node(kind, operands or ["x", *named], ["y"], name="odd", **attributes)
    return model([node], named, shape, opset)


def model(nodes, constants, shape, opset):
    tensors = [numpy_helper.from_array(np.asarray(array), name) for name, array in constants.items()]
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, shape)
    y = helper.make_tensor_value_info("y", TensorProto.FLOAT, None)
    graph = helper.make_graph(nodes, "net", [x], [y], tensors)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=10)


def assert_as_elsewhere(made, shape):
    """The virtual ANE gives what ONNX Runtime gives, and `check` is clean."""
    x = np.random.default_rng(3).integers(-8, 9, shape).astype(np.float32) / 4
    x[x == 0] = 0.75
    (wanted,) = runtime.InferenceSession(made.SerializeToString()).run(None, {"x": x})
    program = compile_network(made).program
    found = [finding for finding in checks.findings(checks.Subject(program)) if finding.level in ("error", "warning")]
    assert not found, found[0]
    four = (1,) * (4 - len(shape)) + tuple(shape)
    outcome = direct.run(program, {"x": x.astype(np.float16).reshape(four)})
    assert not outcome.faults, str(outcome.faults[0])
    given = outcome.outputs["y"].astype(np.float64).reshape(wanted.shape)
    assert np.allclose(given, wanted, rtol=8e-3, atol=4e-3)


SCALES = np.array([1, 1, 3, 0.6], np.float32)
RIGHT = {
    "resize of operator set 10": ("Resize", {"s": SCALES}, SHAPE, 10, {"mode": "linear"}),
    "nearest of operator set 10": ("Resize", {"s": SCALES}, SHAPE, 10, {"mode": "nearest"}),
    "upsample to the nearest": ("Upsample", {"s": np.array([1, 1, 3, 2.5], np.float32)}, SHAPE, 9, {}),
    "places in float32": (
        "Resize", {"r": np.zeros(0, np.float32), "s": SCALES}, SHAPE, 13,
        {"coordinate_transformation_mode": "asymmetric", "nearest_mode": "floor"},
    ),
    "symmetric places": (
        "Resize", {"r": np.zeros(0, np.float32), "s": np.array([1, 1, 1, 1.5], np.float32)}, SHAPE, 13,
        {"coordinate_transformation_mode": "half_pixel_symmetric", "nearest_mode": "ceil"},
    ),
    "powers that differ": ("Pow", {"e": EXPONENTS}, SHAPE, 13, {}),
    "celu": ("Celu", {}, SHAPE, 13, {"alpha": 2.0}),
}  # fmt: skip


@pytest.mark.parametrize("what", RIGHT)
def test_odd_forms_give_what_onnx_runtime_gives(what):
    kind, constants, shape, opset, attributes = RIGHT[what]
    assert_as_elsewhere(network(kind, constants, shape, opset, **attributes), shape)


@pytest.mark.parametrize("base", [2.0, 0.5])
def test_a_number_to_the_power_of_a_tensor(base):
    assert_as_elsewhere(network("Pow", {"b": np.float32(base)}, SHAPE, 13, ["b", "x"]), SHAPE)


@pytest.mark.parametrize("alpha", [0.5, -2.0, 0.3])
def test_a_product_with_a_constant_in_front_is_scaled(alpha):
    weights = np.arange(-6, 6, dtype=np.float32).reshape(3, 4) / 4
    assert_as_elsewhere(network("Gemm", {"a": weights}, (4, 5), 13, ["a", "x"], alpha=alpha), (4, 5))


def test_tiny_factors_of_a_product_do_not_go_into_its_weights():
    x, weights = np.eye(4, dtype=np.float16), np.full((4, 4), 0.3, np.float32)
    made = network("Gemm", {"b": weights}, (4, 4), 13, alpha=1e-4)
    given = direct.run(compile_network(made).program, {"x": x.reshape(1, 1, 4, 4)}).outputs["y"].astype(np.float64)
    assert np.allclose(given, 3e-5, rtol=4e-3)


@pytest.mark.parametrize("mode", ["edge", "constant"])
def test_batch_elements_are_repeated(mode):
    made = network("Pad", {"p": np.array([1, 0, 0, 0, 1, 0, 0, 0])}, (2, 3, 4, 5), 13, mode=mode)
    assert_as_elsewhere(made, (2, 3, 4, 5))


@pytest.mark.parametrize("alpha", [1.0, 2.0, -0.5])
def test_swish_has_its_alpha(alpha):
    node = helper.make_node("Swish", ["x"], ["y"], alpha=alpha)
    made = model([node], {}, SHAPE, 24)
    x = np.linspace(-3, 3, 105).astype(np.float16).reshape(SHAPE)
    given = direct.run(compile_network(made).program, {"x": x}).outputs["y"].astype(np.float64)
    wanted = x.astype(np.float64) / (1 + np.exp(-alpha * x.astype(np.float64)))
    assert np.allclose(given, wanted, rtol=8e-3, atol=2e-2)


def test_a_recurrent_layer_takes_a_constant_state():
    rng = np.random.default_rng(4)
    weights = {"w": rng.normal(0, 0.5, (1, 9, 4)), "r": rng.normal(0, 0.5, (1, 9, 3)), "b": rng.normal(0, 0.5, (1, 18))}
    constants = {name: array.astype(np.float32) for name, array in weights.items()} | {"h": STATE}
    made = network("GRU", constants, (2, 2, 4), 14, ["x", "w", "r", "b", "", "h"], hidden_size=3)
    assert_as_elsewhere(made, (2, 2, 4))


EMPTY = np.zeros(0, np.int64)
CHANNELS = np.ones(3, np.float32)
PLACES = np.ones(SHAPE[1:], np.float32)
LSTM = {"w": np.ones((1, 12, 4), np.float32), "r": np.ones((1, 12, 3), np.float32)}
REFUSED = {
    "celu below 0": ("Celu", {}, SHAPE, 13, None, {"alpha": -1.0}, "alpha -1"),
    "antialiasing": (
        "Resize", {"s": np.array([1, 1, 0.5, 0.5], np.float32)}, SHAPE, 18, ["x", "", "s"],
        {"antialias": 1, "mode": "linear"}, "antialiasing",
    ),
    "an axis twice": ("Unsqueeze", {"a": np.array([0, 0])}, (3, 4), 13, None, {}, "twice"),
    "more parts than results": ("Split", {"s": np.array([2, 2, 1])}, (5, 3), 13, None, {}, "3 parts for 1 results"),
    "no repeats": ("Tile", {"r": np.array([0, 1])}, (3, 4), 13, None, {}, "leave nothing"),
    "a dropout in training": (
        "Dropout", {"r": np.float32(0.5), "t": np.array(True)}, (3, 4), 13, None, {}, "in training",
    ),
    "powers of a negative number": ("Pow", {"b": np.float32(-2)}, SHAPE, 13, ["b", "x"], {}, "not above 0"),
    "rounding to bfloat16": ("Cast", {}, SHAPE, 13, None, {"to": 16}, "bfloat16"),
    "squares over no axis": ("ReduceL2", {"a": EMPTY}, SHAPE, 18, None, {"noop_with_empty_axes": 1}, "no axis"),
    "magnitudes over no axis": ("ReduceL1", {"a": EMPTY}, SHAPE, 18, None, {"noop_with_empty_axes": 1}, "no axis"),
    "a norm of places": (
        "BatchNormalization", dict.fromkeys("gbmv", PLACES), SHAPE, 7, None, {"spatial": 0}, "each place",
    ),
    "coupled gates": (
        "LSTM", {**LSTM, "h": STATE, "c": STATE}, (2, 2, 4), 14, ["x", "w", "r", "", "", "h", "c"],
        {"hidden_size": 3, "input_forget": 1}, "forget gate",
    ),
}  # fmt: skip


@pytest.mark.parametrize("what", REFUSED)
def test_odd_forms_that_are_unknown_are_refused_by_name(what):
    kind, constants, shape, opset, operands, attributes, said = REFUSED[what]
    with pytest.raises(UnsupportedError, match=said):
        compile_network(network(kind, constants, shape, opset, operands, **attributes))


def test_a_batch_norm_in_training_of_an_old_operator_set_is_refused():
    node = helper.make_node("BatchNormalization", ["x", *"gbmv"], ["y", "m2", "v2", "m3", "v3"], name="odd")
    with pytest.raises(UnsupportedError, match="training"):
        compile_network(model([node], dict.fromkeys("gbmv", CHANNELS), SHAPE, 9))


@pytest.mark.parametrize(
    ("kind", "opset"), [("Softmax", 11), ("LogSoftmax", 12), ("Hardmax", 7), ("BatchNormalization", 9), ("Resize", 10)]
)
def test_constants_that_onnx_works_out_by_newer_rules_are_not_folded(kind, opset):
    operands = {"BatchNormalization": ["c", *"gbmv"], "Resize": ["c", "s"]}.get(kind, ["c"])
    constants = {"c": np.arange(105, dtype=np.float32).reshape(SHAPE), "s": np.ones(4, np.float32)}
    constants |= dict.fromkeys("gbmv", CHANNELS)
    nodes = [helper.make_node(kind, operands, ["k"], name="odd"), helper.make_node("Add", ["x", "k"], ["y"])]
    with pytest.raises(UnsupportedError, match=r"constants|no such operation"):
        compile_network(model(nodes, {name: constants[name] for name in operands}, SHAPE, opset))
