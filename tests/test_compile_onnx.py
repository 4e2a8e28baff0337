"""`hwx2py compile` reads ONNX: what it refuses, in one line with a name and a next step, and nothing written."""

import contextlib

import numpy as np
import pytest
from conftest import example, one_line
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hwx2py.errors import HwxError

onnx = pytest.importorskip("onnx")
from onnx import TensorProto, helper, numpy_helper  # noqa: E402

FLOAT = TensorProto.FLOAT


def info(name, shape, kind=FLOAT):
    return helper.make_tensor_value_info(name, kind, shape)


def model(nodes, inputs, outputs, constants=(), opset=17, domains=()):
    tensors = [numpy_helper.from_array(np.asarray(array), name) for name, array in dict(constants).items()]
    graph = helper.make_graph(nodes, "net", inputs, outputs, tensors)
    imports = [helper.make_opsetid("", opset), *(helper.make_opsetid(domain, 1) for domain in domains)]
    return helper.make_model(graph, opset_imports=imports, ir_version=9)


def relu(shape=(1, 4, 8, 8), **more):
    return model([helper.make_node("Relu", ["x"], ["y"], name="r")], [info("x", shape)], [info("y", None)], **more)


def conv(weights, bias=None):
    constants = {"w": weights} | ({} if bias is None else {"b": bias})
    node = helper.make_node("Conv", ["x", *constants], ["y"], name="c")
    return model([node], [info("x", (1, 2, 8, 8))], [info("y", None)], constants)


def looped():
    body = helper.make_graph(
        [helper.make_node("Identity", ["c"], ["d"]), helper.make_node("Identity", ["a"], ["e"])], "body",
        [info("i", (), TensorProto.INT64), info("c", (), TensorProto.BOOL), info("a", (1, 4))],
        [info("d", (), TensorProto.BOOL), info("e", (1, 4))],
    )  # fmt: skip
    node = helper.make_node("Loop", ["n", "", "x"], ["y"], name="again", body=body)
    return model([node], [info("x", (1, 4))], [info("y", None)], {"n": np.int64(3)})


def cyclic():
    made = relu()
    made.graph.node[0].input[0] = "z"
    made.graph.node.append(helper.make_node("Relu", ["y"], ["z"], name="back"))
    return made


def renamed(old, new):
    made = relu()
    for value in (*made.graph.input, *made.graph.output):
        value.name = new if value.name == old else value.name
    for node in made.graph.node:
        node.input[:] = [new if name == old else name for name in node.input]
        node.output[:] = [new if name == old else name for name in node.output]
    return made


def with_dims(dims):
    made = conv(np.zeros((2, 2, 1, 1), np.float32))
    made.graph.initializer[0].dims[:] = dims
    return made


def external():
    made = conv(np.zeros((2, 2, 1, 1), np.float32))
    tensor = made.graph.initializer[0]
    tensor.ClearField("raw_data")
    tensor.data_location = TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value="weights.bin")
    return made


def node_of(kind, constants=(), shape=(1, 4, 8, 8), **attributes):
    node = helper.make_node(kind, ["x", *dict(constants)], ["y"], name="odd", **attributes)
    return model([node], [info("x", shape)], [info("y", None)], constants)


ONES = np.ones((2, 2, 1, 1), np.float32)

#: What is wrong -> the model, and what the message has to name.
BAD = {
    "open shape": (relu(("n", 4, 8, 8)), ("x", "--shape x=Nx4x8x8")),
    "shape of nothing": (relu((0, 4)), ("x", "--shape")),
    "negative shape": (relu((1, -3, 8, 8)), ("x", "--shape")),
    "control flow": (looped(), ("Loop", "again", "control flow")),
    "unknown operator": (node_of("NoSuchThing"), ("NoSuchThing", "odd")),
    "unknown domain": (
        model([helper.make_node("Relu", ["x"], ["y"], name="r", domain="made.up")], [info("x", (1, 4))],
              [info("y", None)], domains=("made.up",)),
        ("made.up", "'r'"),
    ),
    "host operation": (node_of("ArgMax"), ("ArgMax", "odd")),
    "whole numbers": (
        model([helper.make_node("Relu", ["x"], ["y"])], [info("x", (1, 4), TensorProto.INT32)], [info("y", None)]),
        ("x", "int32", "--fix"),
    ),
    "contradicting channels": (conv(np.zeros((2, 5, 1, 1), np.float32)), ()),
    "bias of another length": (conv(ONES, np.zeros(7, np.float32)), ("Conv", "'c'")),
    "beyond float16": (conv(ONES * 1e6), ("Conv", "'c'", "beyond float16")),
    "not a number": (conv(ONES * np.nan), ("Conv", "'c'", "not a number")),
    "missing data": (external(), ("external data",)),
    "cycle": (cyclic(), ("cycle", "'z'")),
    "negative constant": (with_dims([-2, 2, 1, 1]), ("w", "negative")),
    "huge constant": (with_dims([1 << 40, 2, 1, 1]), ("w",)),
    "name with a line": (renamed("x", "two\nlines"), ("name",)),
    "output is an input": (
        model([helper.make_node("Relu", ["x"], ["y"])], [info("x", (1, 4))], [info("y", None), info("x", (1, 4))]),
        ("x", "--until"),
    ),
    "output is a constant": (
        model([helper.make_node("Relu", ["x"], ["y"]), helper.make_node("Neg", ["k"], ["z"])], [info("x", (1, 4))],
              [info("y", None), info("z", None)], {"k": np.ones(3, np.float32)}),
        ("z", "--until"),
    ),
    "bomb": (
        model(
            [helper.make_node("ConstantOfShape", ["s"], ["k"], name="big"), helper.make_node("Add", ["x", "k"], ["y"])],
            [info("x", (1, 4))], [info("y", None)], {"s": np.array([1 << 20, 1 << 20])},
        ),
        ("ConstantOfShape", "big"),
    ),
    "huge padding": (node_of("Pad", {"p": np.array([0, 0, 0, 1 << 40, 0, 0, 0, 0])}), ("Pad", "odd", "32767")),
    "attribute of another kind": (node_of("LeakyRelu", alpha="steep"), ("LeakyRelu", "odd", "alpha")),
    "slope beyond float16": (node_of("LeakyRelu", alpha=1e9), ("LeakyRelu", "odd", "float16")),
    "old operators": (relu(opset=5), ("operator set 5",)),
    "divided by zero": (node_of("Div", {"k": np.float32(0)}), ("Div", "odd")),
}  # fmt: skip


@pytest.mark.parametrize("what", BAD)
def test_bad_models_are_refused_in_a_line_and_nothing_is_written(cli, tmp_path, what):
    made, names = BAD[what]
    path = tmp_path / "m.onnx"
    path.write_bytes(made.SerializeToString())
    done = cli("compile", path, "-o", tmp_path / "m.hwx", "--report", tmp_path / "m.json")
    assert done.code == 2, done
    assert one_line(done.err), done.err
    for name in names:
        assert name in done.err, (name, done.err)
    assert [file.name for file in tmp_path.iterdir()] == ["m.onnx"]


@pytest.mark.parametrize(
    "data", [b"", b"\0" * 50, b"PK\3\4 no model", "Grüße".encode("utf-16"), b"\x0a\xff\xff\xff\xff\x0f"]
)
def test_files_that_are_no_models_are_refused(cli, tmp_path, data):
    path = tmp_path / "m.onnx"
    path.write_bytes(data)
    done = cli("compile", path, "-o", tmp_path / "m.hwx")
    assert done.code == 2
    assert one_line(done.err), done.err
    assert not (tmp_path / "m.hwx").exists()


def test_a_missing_file_is_named(cli, tmp_path):
    done = cli("compile", tmp_path / "none.onnx", "-o", tmp_path / "m.hwx")
    assert done.code == 2
    assert "none.onnx" in done.err
    assert one_line(done.err)


@pytest.mark.parametrize(
    "options", [["--shape", "x"], ["--shape", "x=1xa"], ["--shape", "q=1x4x8x8"], ["--shape", "x=1x5x8x8"],
                ["--fix", "x"], ["--fix", "x=some"], ["--fix", "q=1"], ["--from", "nowhere"], ["--until", "nowhere"],
                ["--arch", "H16"]],
)  # fmt: skip
def test_bad_options_are_refused(cli, tmp_path, options):
    path = tmp_path / "m.onnx"
    path.write_bytes(relu().SerializeToString())
    done = cli("compile", path, "-o", tmp_path / "m.hwx", *options)
    assert done.code == 2
    assert one_line(done.err), done.err
    assert not (tmp_path / "m.hwx").exists()


def test_all_operations_that_do_not_compile_are_named_with_a_cut_that_does(cli, tmp_path):
    nodes = [
        helper.make_node("Relu", ["x"], ["a"], name="first"),
        helper.make_node("Neg", ["a"], ["b"], name="second"),
        helper.make_node("Hardmax", ["b"], ["c"], name="stuck"),
        helper.make_node("Relu", ["c"], ["d"], name="third"),
        helper.make_node("Bernoulli", ["d"], ["y"], name="stuck too"),
    ]
    path = tmp_path / "m.onnx"
    path.write_bytes(model(nodes, [info("x", (1, 4, 8, 8))], [info("y", None)]).SerializeToString())
    done = cli("compile", path, "-o", tmp_path / "m.hwx")
    assert done.code == 2
    for part in ("2 operations", "Hardmax 'stuck' of 1x4x8x8", "Bernoulli 'stuck too'", "--until b"):
        assert part in done.err
    assert cli("compile", path, "-o", tmp_path / "m.hwx", "--until", "b").code == 0
    assert cli("compile", path, "-o", tmp_path / "n.hwx", "--from", "c", "--until", "d").code == 0


def test_shapes_and_constants_are_given_on_the_command_line(cli, tmp_path):
    nodes = [helper.make_node("Mul", ["x", "k"], ["a"]), helper.make_node("Relu", ["a"], ["y"])]
    made = model(nodes, [info("x", ("n", 4)), info("k", ())], [info("y", None)])
    path = tmp_path / "m.onnx"
    path.write_bytes(made.SerializeToString())
    assert cli("compile", path, "-o", tmp_path / "m.hwx", "--shape", "x=3x4", "--fix", "k=2").code == 0
    np.save(tmp_path / "x.npy", np.arange(-6, 6).reshape(3, 4).astype(np.float16))
    run = cli("emulate", tmp_path / "m.hwx", "--input", f"x={tmp_path / 'x.npy'}", "--save", tmp_path / "y.npz")
    assert run.code == 0
    wanted = np.maximum(2 * np.arange(-6, 6).reshape(3, 4), 0)
    assert np.array_equal(np.load(tmp_path / "y.npz")["y"].reshape(3, 4), wanted)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_damaged_models_end_in_an_error_of_ours_or_compile(tmp_path, data):
    from hwx2py.compiler.compile import compile_network

    whole = bytearray(conv(ONES, np.zeros(2, np.float32)).SerializeToString())
    for _ in range(data.draw(st.integers(1, 3))):
        whole[data.draw(st.integers(0, len(whole) - 1))] = data.draw(st.integers(0, 255))
    path = tmp_path / "m.onnx"
    path.write_bytes(whole[: data.draw(st.integers(1, len(whole)))])
    with contextlib.suppress(HwxError):
        compile_network(str(path))


def test_a_fixed_input_that_does_not_fit_the_model_is_one_line(cli, tmp_path):
    for values in (np.full((1, 1, 12, 12), 1e300), np.full((1, 1, 12, 12), np.nan)):
        np.save(tmp_path / "values.npy", values)
        fixed = ("--fix", f"image={tmp_path / 'values.npy'}")
        done = cli("compile", example("digits").with_suffix(".onnx"), "-o", tmp_path / "o.hwx", *fixed)
        assert (done.code, one_line(done.err)) == (2, True), done.err
        assert "--fix image: it holds what is not finite, or does not fit float32" in done.err


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("x.hwx", b"\xff", "is a program already, not an ONNX model; `hwx2py info` shows it; --port makes"),
        ("x.py", b"pass", "is a program already"),
        (
            "x.pt",
            b"PK\x03\x04",
            "is a zip archive, such as PyTorch writes, not an ONNX model; export",
        ),
        ("x.onnx", b"version https://git-lfs.github.com/spec/v1", "not an ONNX model; `git lfs pull` gets it"),
        ("x.onnx", b"Not Found", "is a text, not an ONNX model"),
        ("x.onnx", b"\xff\xff\xff", "not an ONNX model, or a damaged one"),
        ("x.mlpackage", None, "is a Core ML model, not an ONNX model; export the network as ONNX"),
        ("x", None, "is a directory, not an ONNX model"),
    ],
)
def test_other_files_are_refused_by_what_they_are(cli, tmp_path, name, content, said):
    path = tmp_path / name
    path.mkdir() if content is None else path.write_bytes(content)
    done = cli("compile", path, "-o", tmp_path / "y.hwx")
    assert done.code == 2
    assert said in done.err
    assert one_line(done.err)
