"""What leaves float16 is told: by what bounds it, and by samples."""

import json

import numpy as np
import pytest
from conftest import one_line

import hwx2py
from hwx2py.compiler.graph import Graph, Origin
from hwx2py.compiler.ranges import Beyond, provable
from hwx2py.errors import UsageError


def graph_of(build) -> Graph:
    g = Graph()
    g.output("y", build(g, g.input("x", (1, 16, 2, 8))))
    return g


#: What leaves float16 for some input, and the largest number.
LEAVING = {
    "exp of a clip": (lambda g, x: g.unary("exp", g.clip(x, -20, 20)), np.exp(20)),
    "scaled sigmoid": (lambda g, x: g.linear(g.sigmoid(x), -70000), 70000),
    "number times tanh": (lambda g, x: g.mul(g.mul(g.tanh(x), 300), -300), 90000),
    "number less a clip": (lambda g, x: g.sub(np.array(60000.0), g.clip(x, -6000, 0)), 66000),
    "behind a transpose": (lambda g, x: g.linear(g.transpose(g.clip(x, 0, 6), (0, 1, 3, 2)), 11000), 66000),
    "divided": (lambda g, x: g.div(g.clip(x, -8, 8), 1e-4), 80000),
}
STAYING = {
    "clip": lambda g, x: g.clip(x, -65504, 65504),
    "exp of a lower clip": lambda g, x: g.unary("exp", g.clip(x, -20, 11)),
    "relu of a negative number": lambda g, x: g.linear(g.relu(g.linear(g.sigmoid(x), -6.0)), 65504),
    "anything times a number": lambda g, x: g.linear(x, 65504),
    "root of a large clip": lambda g, x: g.linear(g.unary("sqrt", g.clip(x, 0, 65504)), 255),
}


@pytest.mark.parametrize("name", LEAVING)
def test_what_bounds_its_numbers_is_found(name):
    build, largest = LEAVING[name]
    graph = graph_of(build)
    (found,) = provable(graph)
    assert found.origin == graph.nodes[-1].origin
    assert found.largest == pytest.approx(largest)
    assert not found.is_sampled


@pytest.mark.parametrize("name", STAYING)
def test_what_stays_inside_or_has_no_bound_is_not(name):
    assert not provable(graph_of(STAYING[name]))


@pytest.mark.parametrize(("kind", "largest", "shift"), [
    ("mul", 65520.0, 1), ("mul", 131039.0, 1), ("mul", 131040.0, 2), ("Conv", 32768.0, 1), ("Conv", 65536.0, 2),
    ("Exp", 10.0, 1),
])  # fmt: skip
def test_the_power_of_two_brings_it_inside(kind, largest, shift):
    beyond = Beyond(Origin(kind, "n"), largest, True)
    assert beyond.shift == shift
    assert f"2^-{shift}" in str(beyond)


def test_samples_name_the_operation_that_leaves_first():
    g = Graph()
    x = g.input("x", (1, 16, 2, 8))
    large = g.conv(x, np.full((16, 16, 1, 1), 100.0), name="large")
    g.output("y", g.linear(g.relu(g.add(large, x)), 2.0))
    calm, wild = np.full((1, 16, 2, 8), 1.0), np.full((1, 16, 2, 8), 30.0)
    assert not hwx2py.compile(g, calibrate={"x": calm}).report.beyond
    (found,) = hwx2py.compile(g, calibrate={"x": np.stack([calm, wild])}).report.beyond
    assert (found.origin.name, found.largest, found.is_sampled, found.shift) == ("large", 48000.0, True, 1)
    assert "reaches 4.8e+04 with the given samples" in str(found)


@pytest.mark.parametrize(("build", "given", "leaves"), [
    (lambda g, x: g.unary("exp", x), 12.0, True),
    (lambda g, x: g.unary("exp", x), 11.0, False),
    (lambda g, x: g.unary("exp", x), np.inf, False),
    (lambda g, x: g.mul(x, x), 300.0, True),
    (lambda g, x: g.mul(x, x), 255.0, False),
    (lambda g, x: g.mul(x, x), np.inf, False),
])  # fmt: skip
def test_infinity_that_was_there_before_is_not_counted(build, given, leaves):
    graph = graph_of(build)
    found = hwx2py.compile(graph, calibrate={"x": np.full((1, 16, 2, 8), given)}).report.beyond
    assert [beyond.origin for beyond in found] == ([graph.nodes[0].origin] if leaves else [])


@pytest.mark.parametrize(("samples", "says"), [
    ({}, "no samples for input x"),
    ({"z": np.zeros(1)}, "no such input"),
    ({"x": np.zeros((1, 16, 2, 7))}, "arrays of shape"),
])  # fmt: skip
def test_samples_that_do_not_fit(samples, says):
    with pytest.raises(UsageError, match=says) as error:
        hwx2py.compile(graph_of(lambda g, x: g.relu(x)), calibrate=samples)
    assert one_line(f"hwx2py: {error.value}")


def test_as_many_samples_for_every_input():
    g = Graph()
    g.output("y", g.add(g.input("a", (1, 8)), g.input("b", (1, 8))))
    with pytest.raises(UsageError, match="2 for a, 1 for b"):
        hwx2py.compile(g, calibrate={"a": np.zeros((2, 1, 8)), "b": np.zeros((1, 8))})


def test_the_command_tells_before_it_writes(cli, tmp_path):
    onnx = pytest.importorskip("onnx")
    from onnx import TensorProto, helper

    node = helper.make_node("Mul", ["x", "x"], ["y"], name="square")
    rows = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, 16, 2, 8]) for name in "xy"]
    graph = helper.make_graph([node], "g", rows[:1], rows[1:])
    model, samples, report = tmp_path / "m.onnx", tmp_path / "s.npz", tmp_path / "r.json"
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=10), model)
    np.savez(samples, x=np.full((1, 16, 2, 8), 400.0))
    done = cli("compile", model, "-o", tmp_path / "m.hwx", "--calibrate", samples, "--report", report)
    assert done.code == 0
    assert "note: Mul square reaches 1.6e+05 with the given samples" in done.err
    rows = json.loads(report.read_text())["beyond_float16"]
    assert rows == [{"type": "Mul", "name": "square", "reaches": 160000.0, "sampled": True}]
    np.savez(samples, z=np.zeros(3))
    done = cli("compile", model, "-o", tmp_path / "other.hwx", "--calibrate", samples)
    assert done.code == 2
    assert not (tmp_path / "other.hwx").exists()
