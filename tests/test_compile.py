"""`compile` from Python: values, the same bits in every container, the report, determinism."""

import json

import numpy as np
import pytest
from conftest import one_line
from hypothesis import given, settings
from hypothesis import strategies as st

import hwx2py
from hwx2py.errors import UnsupportedError, UsageError
from hwx2py.program.task_notes import as_text, from_text

UNIT = 2.0**-11


def network() -> hwx2py.Graph:
    """Convolution at stride 2, pooling, a product, softmax: a little of everything."""
    rng = np.random.default_rng(5)
    g = hwx2py.Graph()
    x = g.input("image", (1, 3, 16, 20))
    y = g.relu(g.conv(x, rng.normal(0, 0.2, (24, 3, 3, 3)), rng.normal(0, 0.1, 24), stride=2, pads=1))
    y = g.reduce("mean", g.max_pool(y, 2, 2), (2, 3), keep=False)
    g.output("classes", g.softmax(g.matmul(y, rng.normal(0, 0.3, (24, 10)), rng.normal(0, 0.1, 10))))
    return g


def small_network() -> hwx2py.Graph:
    """A convolution and a product through scratch."""
    rng = np.random.default_rng(5)
    g = hwx2py.Graph()
    y = g.relu(g.conv(g.input("image", (1, 3, 16, 20)), rng.normal(0, 0.2, (16, 3, 3, 3)), pads=1))
    g.output("classes", g.mul(y, g.reduce("mean", y, (2, 3))))
    return g


def halves(shape, seed=0, low=-2.0, high=2.0):
    return np.random.default_rng(seed).uniform(low, high, shape).astype(np.float16)


def ran(graph, **inputs):
    """Outputs of a compiled graph on the virtual ANE, without a fault and clean for `check`."""
    done = hwx2py.compile(graph)
    found = [finding for finding in hwx2py.check(done.program) if finding.level in ("error", "warning")]
    assert not found, found[0]
    result = hwx2py.emulate(done.program, {name: array.reshape(_four(array.shape)) for name, array in inputs.items()})
    assert not result.faults, result.faults[0]
    return {name: array.astype(np.float64) for name, array in result.outputs.items()}


def _four(shape):
    lengths = (1,) * (4 - len(shape)) + tuple(shape)
    return (int(np.prod(lengths[: len(lengths) - 3])), *lengths[len(lengths) - 3 :])


def windows(x, kernel, stride):
    """Places of a window over the last two axes of a padded array."""
    view = np.lib.stride_tricks.sliding_window_view(x, kernel, (-2, -1))
    return view[..., ::stride, ::stride, :, :]


def test_a_network_gives_what_numpy_gives():
    image = halves((1, 3, 16, 20))
    rng = np.random.default_rng(5)
    weights, bias = rng.normal(0, 0.2, (24, 3, 3, 3)), rng.normal(0, 0.1, 24)
    padded = np.pad(image.astype(float), ((0, 0), (0, 0), (1, 1), (1, 1)))
    y = np.einsum("nchwij,ocij->nohw", windows(padded, (3, 3), 2), weights) + bias[:, None, None]
    y = windows(np.maximum(y, 0), (2, 2), 2).max((-2, -1)).mean((-2, -1))
    y = y @ rng.normal(0, 0.3, (24, 10)) + rng.normal(0, 0.1, 10)
    wanted = np.exp(y) / np.exp(y).sum()
    assert np.allclose(ran(network(), image=image)["classes"].ravel(), wanted.ravel(), atol=4e-3)


def test_script_hwx_and_anec_give_the_same_bits(cli, tmp_path):
    done = hwx2py.compile(small_network())
    image = halves((1, 3, 16, 20))
    outputs = []
    for name in ("net.hwx", "net.anec", "net.py"):
        hwx2py.save(done.program, tmp_path / name)
        loaded = hwx2py.load(tmp_path / name).program
        names = [tensor.name for tensor in loaded.inputs]
        outputs.append(next(iter(hwx2py.emulate(loaded, {names[0]: image}).outputs.values())).tobytes())
    assert len(set(outputs)) == 1


def test_compiling_again_gives_the_same_bytes(tmp_path):
    for name in ("a.hwx", "b.hwx"):
        hwx2py.save(hwx2py.compile(network()).program, tmp_path / name)
    assert (tmp_path / "a.hwx").read_bytes() == (tmp_path / "b.hwx").read_bytes()


def test_the_report_accounts_for_every_task():
    done = hwx2py.compile(network())
    report = done.report
    assert sorted(task for item in report.operations for task in item.tasks) == list(range(report.tasks))
    assert report.tasks == len(done.program.tasks) == sum(report.evidence.values())
    assert report.coefficient_bytes == len(done.program.content.const)
    conv = report.operations[0]
    assert conv.kind == "conv"
    assert [name.split()[0] for name in conv.fused] == ["relu"]
    assert ("relu", "conv", 1) in report.fusions
    assert report.figures.moved_bytes == sum(item.figures.moved_bytes for item in report.operations)
    data = report.as_data()
    assert json.loads(json.dumps(data)) == data
    assert data["operations"][0]["evidence"]
    assert {"kind": "relu", "into": "conv", "operations": 1} in data["fused"]


def test_notes_say_where_the_words_of_each_task_come_from():
    done = hwx2py.compile(network())
    notes = done.program.content.task_notes
    assert len(notes) == len(done.program.tasks)
    assert all(note.startswith(("words as compiler 9.509 writes them", "by rule", "own choice: ")) for note in notes)


def test_the_notes_are_in_the_container_in_info_and_in_the_script(cli, tmp_path):
    done = hwx2py.compile(small_network())
    notes = done.program.content.task_notes
    hwx2py.save(done.program, tmp_path / "net.hwx")
    assert hwx2py.load(tmp_path / "net.hwx").program.content.task_notes == notes
    info = cli("info", tmp_path / "net.hwx", "--json")
    assert [task["words"] for task in json.loads(info.out)["tasks"]] == list(notes)
    shown = cli("info", tmp_path / "net.hwx").out
    assert all(f"  {note}: tasks " in shown for note in notes)
    script = " ".join(hwx2py.emit(done.program).split())
    assert all(note.split(",")[0].split("(")[0].strip() in script for note in notes)


def test_notes_on_tasks_come_back_from_their_text():
    notes = ("a", "b", "a", "a", "a, b", "b")
    assert from_text(as_text(notes), len(notes)) == notes
    for text in ("0-9 a\n", "0 a\n", "nonsense\n", "1-0 a\n", "0,, a\n"):
        assert from_text(text, 3) == ()


def test_graphs_that_contradict_themselves_are_refused():
    g = hwx2py.Graph()
    x = g.input("x", (1, 4, 8, 8))
    with pytest.raises(UsageError, match="the name is taken"):
        g.input("x", (1, 1))
    with pytest.raises(hwx2py.HwxError, match="4 channels"):
        g.conv(x, np.zeros((8, 5, 1, 1)))
    with pytest.raises(UsageError, match="unknown function cosine"):
        g.unary("cosine", x)
    with pytest.raises(UsageError, match="needs no program"):
        g.output("y", g.constant(np.ones(3)))
    with pytest.raises(UnsupportedError, match="no output"):
        hwx2py.compile(g)
    g.output("y", g.add(x, np.full((1, 4, 8, 8), 1e9)))
    with pytest.raises(UnsupportedError, match="beyond float16") as error:
        hwx2py.compile(g)
    assert one_line(f"hwx2py: {error.value}")


lengths = st.integers(1, 12)
channels = st.sampled_from([1, 2, 3, 8, 16, 20, 40])


@settings(max_examples=12, deadline=None)
@given(channels, lengths, st.integers(1, 40), st.sampled_from(["add", "sub", "mul", "maximum", "minimum"]), st.data())
def test_arithmetic_rounds_once_whatever_broadcasts(c, h, w, name, data):
    shape = (1, c, h, w)
    other = tuple(n if data.draw(st.booleans()) else 1 for n in shape)
    x, y = halves(shape, 1), halves(other, 2)
    g = hwx2py.Graph()
    g.output("z", getattr(g, name)(g.input("x", shape), g.input("y", other)))
    function = {"add": np.add, "sub": np.subtract, "mul": np.multiply}.get(name, getattr(np, name, None))
    wanted = function(x.astype(np.float64), y.astype(np.float64))
    assert (np.abs(ran(g, x=x, y=y)["z"] - wanted) <= UNIT * np.abs(wanted) + 2.0**-24).all()


@settings(max_examples=10, deadline=None)
@given(
    channels, channels, st.integers(3, 14), st.integers(3, 14), st.sampled_from([1, 2, 3]), st.sampled_from([1, 2, 3]),
    st.sampled_from([0, 1, 2]), st.booleans(),
)  # fmt: skip
def test_convolutions_of_any_shape(inputs, outputs, h, w, kernel, stride, pad, clamps):
    x = halves((1, inputs, h, w), 1)
    weights = halves((outputs, inputs, kernel, kernel), 2) / np.float16(4)
    g = hwx2py.Graph()
    y = g.conv(g.input("x", x.shape), weights, stride=stride, pads=pad)
    g.output("y", g.relu(y) if clamps else y)
    padded = np.pad(x.astype(float), ((0, 0), (0, 0), (pad, pad), (pad, pad)))
    wanted = np.einsum("nchwij,ocij->nohw", windows(padded, (kernel, kernel), stride), weights.astype(float))
    wanted = np.maximum(wanted, 0) if clamps else wanted
    terms = inputs * kernel * kernel
    assert (np.abs(ran(g, x=x)["y"] - wanted) <= UNIT * np.abs(wanted) + terms**0.5 * 2.0**-15).all()


@settings(max_examples=12, deadline=None)
@given(st.lists(st.integers(1, 9), min_size=2, max_size=5), st.data())
def test_moving_elements_is_exact_in_any_rank(shape, data):
    x = halves(shape, 1)
    order = data.draw(st.permutations(range(len(shape))))
    g = hwx2py.Graph()
    y = g.transpose(g.input("x", shape), order)
    wanted = x.transpose(order)
    target = data.draw(st.permutations([*wanted.shape]))
    axis = data.draw(st.integers(0, len(target) - 1))
    z = g.reshape(y, target)
    wanted = wanted.reshape(target)
    start = data.draw(st.integers(0, wanted.shape[axis] - 1))
    joined = g.concat([z, g.slice(z, axis, start)], axis)
    wanted = np.concatenate([wanted, np.take(wanted, range(start, wanted.shape[axis]), axis)], axis)
    g.output("y", joined)
    assert np.array_equal(ran(g, x=x)["y"].ravel(), wanted.ravel())


@settings(max_examples=10, deadline=None)
@given(st.integers(1, 20), st.integers(2, 40), st.integers(1, 40), st.sampled_from(["", "relu", "gelu", "bias"]))
def test_products_with_constants(rows, inner, columns, then):
    x, weights, bias = halves((rows, inner), 1), halves((inner, columns), 2) / np.float16(8), halves((columns,), 3)
    g = hwx2py.Graph()
    y = g.matmul(g.input("x", x.shape), weights)
    y = g.add(y, bias) if then == "bias" else y if not then else g.unary(then, y)
    g.output("y", y)
    wanted = x.astype(float) @ weights.astype(float) + (bias if then == "bias" else 0.0)
    if then == "relu":
        wanted = np.maximum(wanted, 0)
    if then == "gelu":
        import math

        wanted = 0.5 * wanted * (1 + np.vectorize(math.erf)(wanted / 2**0.5))
    bound = 2 * UNIT * np.abs(wanted) + inner**0.5 * 2.0**-14 + (7e-3 if then == "gelu" else 0)
    assert (np.abs(ran(g, x=x)["y"].reshape(rows, columns) - wanted) <= bound).all()


@pytest.mark.parametrize("exponent", [0, 1, 4, 5, 7, 16, 18, 21, -2, -3])
def test_whole_powers_of_numbers_of_both_signs(exponent):
    x = halves((1, 2, 3, 40), 1, 0.4, 1.25) * np.where(np.arange(40) % 3, 1, -1).astype(np.float16)
    g = hwx2py.Graph()
    g.output("y", g.power(g.input("x", x.shape), exponent))
    wanted = x.astype(float) ** exponent
    assert np.allclose(ran(g, x=x)["y"], wanted, rtol=0.01, atol=2e-4)


def test_the_upper_limit_of_a_clip_wins_over_a_higher_lower_one():
    x = halves((1, 3, 5), 1)
    g = hwx2py.Graph()
    g.output("y", g.clip(g.input("x", x.shape), 1.0, 0.5))
    assert (ran(g, x=x)["y"] == 0.5).all()


@pytest.mark.parametrize("strides", [(3, 2), (1, 3), (3, 1), (4, 3)])
@pytest.mark.parametrize("then", ["", "relu", "tanh"])
def test_places_that_no_element_of_a_transposed_convolution_reaches_have_its_bias(strides, then):
    x, weights, bias = halves((1, 2, 4, 5), 1), halves((2, 3, 2, 2), 2), halves((3,), 3)
    g = hwx2py.Graph()
    y = g.conv_transpose(g.input("x", x.shape), weights, bias, stride=strides)
    g.output("y", g.unary(then, y) if then else y)
    down, across = strides
    wanted = np.zeros((1, 3, 3 * down + 2, 4 * across + 2)) + bias[:, None, None].astype(float)
    for row, column in np.ndindex(4, 5):
        at = np.s_[0, :, row * down : row * down + 2, column * across : column * across + 2]
        wanted[at] += np.einsum("i,iohw->ohw", x[0, :, row, column].astype(float), weights.astype(float))
    wanted = {"relu": lambda z: np.maximum(z, 0), "tanh": np.tanh, "": lambda z: z}[then](wanted)
    assert np.allclose(ran(g, x=x)["y"], wanted, atol=5e-3)


@pytest.mark.parametrize("shape", [(1, 3, 15, 15), (1, 2, 33, 33)])
def test_kernels_of_several_tasks_in_one_buffer_wait_for_the_task_that_wrote_them(shape):
    x = halves(shape, 1)
    g = hwx2py.Graph()
    value = g.input("x", shape)
    g.output("y", g.matmul(g.linear(g.matmul(value, value), 0.25), value))
    wanted = (x.astype(float) @ x.astype(float) / 4) @ x.astype(float)
    assert np.allclose(ran(g, x=x)["y"], wanted, atol=0.05)


@settings(max_examples=10, deadline=None)
@given(channels, lengths, st.integers(1, 40), st.sampled_from(["sum", "mean", "max", "min"]), st.data())
def test_reductions_over_any_axes(c, h, w, kind, data):
    x = halves((1, c, h, w), 1)
    axes = data.draw(st.sets(st.sampled_from([1, 2, 3]), min_size=1))
    g = hwx2py.Graph()
    g.output("y", g.reduce(kind, g.input("x", x.shape), axes))
    wanted = getattr(x.astype(float), kind)(axis=tuple(axes), keepdims=True)
    size = np.abs(x.astype(float)).sum(axis=tuple(axes), keepdims=True)
    bound = 0 if kind in ("max", "min") else 4 * UNIT * (size / (1 if kind == "sum" else x.size / wanted.size)) + 2e-5
    assert (np.abs(ran(g, x=x)["y"] - wanted) <= bound).all()


@pytest.mark.parametrize("axes", [(1,), (2,), (3,), (1, 2), (2, 3), (1, 2, 3)])
@pytest.mark.parametrize("axis", [1, 2])
@pytest.mark.parametrize("shape", [(1, 20, 7, 1), (1, 5, 6, 9)])
def test_reductions_read_one_row_or_channel_of_a_larger_tensor(shape, axis, axes):
    x = halves(shape, 1)
    g = hwx2py.Graph()
    g.output("y", g.reduce("sum", g.slice(g.input("x", shape), axis, 2, 3), axes))
    wanted = np.take(x, [2], axis).astype(float).sum(axes, keepdims=True)
    assert np.allclose(ran(g, x=x)["y"], wanted, atol=0.02)


@pytest.mark.parametrize("axis", [1, 2, 3])
@pytest.mark.parametrize("axes", [(1,), (2,), (3,), (1, 2), (2, 3), (1, 2, 3)])
@pytest.mark.parametrize("shape", [(1, 96, 5, 1), (1, 6, 7, 9)])
def test_reductions_are_stored_in_their_place_of_a_larger_tensor(shape, axes, axis):
    x = halves(shape, 1)
    wanted = x.max(axes, keepdims=True)
    other = halves([3 if each == axis else length for each, length in enumerate(wanted.shape)], 2)
    g = hwx2py.Graph()
    y = g.reduce("max", g.input("x", shape), axes)
    g.output("y", g.concat([g.input("z", other.shape), y], axis))
    assert np.array_equal(ran(g, x=x, z=other)["y"], np.concatenate([other, wanted], axis))


@settings(max_examples=10, deadline=None)
@given(
    st.integers(1, 3), st.sampled_from([1, 3, 16]), st.integers(1, 5), st.integers(1, 9), st.sampled_from([1, 2, 3]),
    st.sampled_from(["softmax", "standardize", "mean"]),
)  # fmt: skip
def test_every_batch_element_is_reduced_by_itself(n, c, h, w, axis, kind):
    x = halves((n, c, h, w), 1)
    g = hwx2py.Graph()
    value = g.input("x", x.shape)
    exact = x.astype(float)
    mean = exact.mean(axis, keepdims=True)
    if kind == "softmax":
        y, powers = g.softmax(value, axis), np.exp(exact - exact.max(axis, keepdims=True))
        wanted = powers / powers.sum(axis, keepdims=True)
    elif kind == "standardize":
        y, wanted = g.standardize(value, [axis], 0.1), (exact - mean) / np.sqrt(exact.var(axis, keepdims=True) + 0.1)
    else:
        y, wanted = g.reduce("mean", value, [axis]), mean
    g.output("y", y)
    assert np.allclose(ran(g, x=x)["y"], wanted, rtol=6e-3, atol=6e-3)


def test_cuts_that_go_backwards():
    x = halves((2, 3, 4, 9), 1)
    for axis in (1, 2, 3):
        g = hwx2py.Graph()
        g.output("y", g.slice(g.input("x", x.shape), axis, None, None, -2))
        wanted = np.take(x, range(x.shape[axis] - 1, -1, -2), axis)
        assert np.array_equal(ran(g, x=x)["y"], wanted)


@pytest.mark.parametrize("shape", [(1 << 40, 8, 8), (1, 1 << 20, 1 << 12), (1 << 17, 4, 4), (1 << 40,)])
def test_tensors_that_no_program_can_hold_are_refused_at_once(shape):
    graph = hwx2py.Graph()
    with pytest.raises(UsageError, match=r"the engine addresses|a batch has at most"):
        graph.input("x", shape)
    with pytest.raises(UsageError, match=r"the engine addresses|a batch has at most"):
        graph.expand(graph.input("x", (1,) * len(shape)), shape)


def test_an_if_without_a_condition_is_refused(cli, tmp_path):
    onnx = pytest.importorskip("onnx")
    y = onnx.helper.make_tensor_value_info("y", onnx.TensorProto.FLOAT, (1, 4))
    graph = onnx.helper.make_graph([onnx.helper.make_node("If", [], ["y"])], "odd", [], [y])
    onnx.save(onnx.helper.make_model(graph), tmp_path / "odd.onnx")
    done = cli("compile", tmp_path / "odd.onnx", "-o", tmp_path / "o.hwx")
    assert (done.code, "Traceback" in done.err, (tmp_path / "o.hwx").exists()) == (2, False, False)
