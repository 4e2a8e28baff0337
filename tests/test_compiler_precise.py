"""`--precise`: functions by several tables and tasks, and how far they are off."""

import math

import numpy as np
import pytest

import hwx2py
from hwx2py.compiler.compile import compile_network
from hwx2py.compiler.graph import Graph
from hwx2py.compiler.precise import nested
from hwx2py.emulator.lut import evaluate
from hwx2py.interface.program import Program
from hwx2py.operations import tables as kinds

#: Every float16 number from -20 to 20.
NUMBERS = np.unique(np.arange(1 << 16, dtype=np.uint16).view(np.float16))
NUMBERS = NUMBERS[np.abs(NUMBERS) <= 20]


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def softplus(x):
    return np.log1p(np.exp(-np.abs(x))) + np.maximum(x, 0)


def erf(x):
    return np.vectorize(math.erf)(x)


#: Function -> what it is, and the largest error, with and without `--precise`, beyond that of one rounding.
FUNCTIONS = {
    "sigmoid": (sigmoid, 4e-4, 3e-3),
    "tanh": (np.tanh, 5e-4, 1.3e-3),
    "erf": (erf, 5e-4, 2e-3),
    "gelu": (lambda x: x * (1 + erf(x / math.sqrt(2))) / 2, 3.5e-4, 6e-3),
    "silu": (lambda x: x * sigmoid(x), 4e-4, 5e-3),
    "softplus": (softplus, 8e-4, 7e-3),
    "mish": (lambda x: x * np.tanh(softplus(x)), 2e-3, 1.1e-2),
}


def values_of(function: str, x: np.ndarray, *, precise: bool) -> np.ndarray:
    g = Graph()
    columns = -(-x.size // 64)
    given = np.zeros((1, 64, 1, columns), np.float16)
    given.reshape(-1)[: x.size] = x
    value = g.input("x", given.shape)
    g.output("y", g.unary(function, value))
    compiled = hwx2py.compile(g, precise=precise)
    assert not [finding for finding in hwx2py.check(compiled.program) if finding.level in ("error", "warning")]
    run = hwx2py.emulate(compiled.program, {"x": given})
    assert not run.faults
    return run.outputs["y"].reshape(-1)[: x.size].astype(np.float64)


def beyond_rounding(got: np.ndarray, expected: np.ndarray) -> float:
    return float((np.abs(got - expected) - np.spacing(np.abs(expected).astype(np.float16)).astype(float) / 2).max())


@pytest.mark.parametrize("name", FUNCTIONS)
def test_functions_are_nearer_over_all_float16_numbers(name):
    function, precise, usual = FUNCTIONS[name]
    expected = function(NUMBERS.astype(float))
    assert beyond_rounding(values_of(name, NUMBERS, precise=True), expected) < precise
    assert beyond_rounding(values_of(name, NUMBERS, precise=False), expected) > usual


def relative(got: np.ndarray, expected: np.ndarray) -> float:
    normal = (expected > 2.0**-14) & (expected < 65504)
    return float(np.abs(got[normal] / expected[normal] - 1).max())


def test_exp_keeps_its_relative_error_far_from_0():
    expected = np.exp(NUMBERS.astype(float))
    assert relative(values_of("exp", NUMBERS, precise=True), expected) < 1.6e-3
    assert relative(values_of("exp", NUMBERS, precise=False), expected) > 5e-3


def test_exp_of_numbers_beyond_float16():
    got = values_of("exp", np.array([12.0, 65504, np.inf, -18, -65504, -np.inf, 0, 1], np.float16), precise=True)
    assert got[:3].tolist() == [np.inf] * 3
    assert got[3:7].tolist() == [0, 0, 0, 1]
    assert got[7] == np.float16(math.e)


def test_limits_are_those_of_the_functions():
    far = np.array([-np.inf, -65504, 65504, np.inf], np.float16)
    assert values_of("sigmoid", far, precise=True).tolist() == [0, 0, 1, 1]
    assert values_of("tanh", far, precise=True).tolist() == [-1, -1, 1, 1]
    assert values_of("gelu", far, precise=True).tolist() == [0, 0, 65504, np.inf]


def test_precise_works_without_fusing():
    g = Graph()
    g.output("y", g.sigmoid(g.input("x", (1, 16, 4, 40))))
    given = np.linspace(-9, 9, 16 * 4 * 40).reshape(1, 16, 4, 40).astype(np.float16)
    fused, apart = (
        hwx2py.emulate(Program(compile_network(g, precise=True, fuse=fuse).program), {"x": given}).outputs["y"]
        for fuse in (True, False)
    )
    for got in (fused, apart):
        assert np.abs(got - sigmoid(given.astype(float))).max() < 7e-4


@pytest.mark.parametrize("shifts", [(3,), (4, 2)])
def test_nested_tables_add_up_to_the_curve(shifts):
    """The finest one has the curve around 0, the others begin where it ends; each is exact at its samples there."""
    end = 32 / 2 ** shifts[-1]
    made = [kinds.parse(data) for data in nested(lambda x: x / 4, shifts, end / 4, kinds.ODD)]
    x = np.linspace(-9, 9, 73)
    total = sum(evaluate(curve, x) for curve in made)
    assert np.array_equal(total, np.clip(x, -end, end) / 4)
    assert [curve.shift for curve in made] == list(shifts)
