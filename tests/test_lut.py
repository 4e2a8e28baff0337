"""Lookup tables: every mode, on tables that are made from the function itself."""

import json

import builders
import numpy as np
import pytest
from builders import half, rounded, tensor
from conftest import SHARED
from test_neural import MAC, UNITY, chunks, convolution, reference, unary

from hwx2py import formats
from hwx2py.emulator import lut
from hwx2py.emulator.faults import NotImplementedTask
from hwx2py.emulator.numbers import WIDE
from hwx2py.operations import operations
from hwx2py.operations.tables import name_of, parse


def table(samples, shift: int, mode: int, low=-np.inf, high=np.inf, left=(0, 0), right=(0, 0), ends=(0, 0)) -> bytes:
    """The 128 bytes of a table."""
    halves = np.zeros(64, np.float16)
    halves[:4] = low, high, *ends
    halves[4:37] = samples
    halves[37:41] = *left, *right
    words = halves.view(np.uint16)
    words[41], words[42] = shift & 0xFFFF, mode
    return words.tobytes()


def evaluate(data: bytes, x) -> np.ndarray:
    return lut.evaluate(parse(data), np.asarray(x, np.float64))


GRID = np.arange(33.0)


@pytest.mark.parametrize(("mode", "first"), [(0x0, 0), (0x1, -16), (0x2, -32)])
def test_samples_are_joined_from_the_one_nearer_to_0_in_float16(mode, first):
    samples = half(3, 33).astype(float)
    curve = parse(table(samples, 3, mode))
    x = np.arange(first * 32, (first + 32) * 32 + 1) / 256.0
    straight = lut.evaluate(curve, x, WIDE)
    expected = []
    for argument in x:
        place = argument * 8 - first
        near = int(np.ceil(place)) if argument < 0 else int(np.floor(place))
        far = min(max(near + (-1 if argument < 0 else 1), 0), 32)
        difference = float(rounded(samples[[far]] - samples[near])[0])
        step = float(rounded(np.array([difference * abs(place - near)]))[0])
        expected.append(float(rounded(np.array([samples[near] + step]))[0]))
    assert np.array_equal(lut.evaluate(curve, x), expected)
    assert np.allclose(straight, np.interp(x * 8 - first, np.arange(33), samples), rtol=1e-12)
    assert 0.05 < np.mean(rounded(straight) != expected) < 0.6


@pytest.mark.skipif(not SHARED.is_dir(), reason="no folder `shared` with real files beside the repository")
def test_published_results_of_tables_come_out():
    """Bits that an M5 gave for tanh and sigmoid, by the tables of programs of 2023."""
    cases = json.loads((SHARED / "hwx" / "hardware" / "tables.json").read_text())["cases"]
    compared = 0
    for case in cases:
        x, wanted = (np.array([int(pair[i], 16) for pair in case["values"]], np.uint16) for i in (0, 1))
        found = np.ones(len(x))
        for name in case["programs"]:
            program = formats.load(str(SHARED / "hwx" / name)).program
            tables = [task.table for task in operations(program) if getattr(task, "table", None)]
            if len(tables) != 1:
                break
            curve = parse(bytes(program.const)[tables[0].base_bytes :])
            found = found * rounded(lut.evaluate(curve, x.view(np.float16).astype(float))).astype(float)
        else:
            assert np.array_equal(rounded(found).view(np.uint16), wanted & np.where(wanted == 0x8000, 0, 0xFFFF)), case[
                "name"
            ]
            compared += len(x)
    assert compared


def test_direct_table_is_straight_between_its_samples():
    data = table(GRID**2, 1, 0x0)
    assert np.array_equal(evaluate(data, [0, 0.5, 0.25, 15.75, 16]), [0, 1, 0.5, (31**2 + 32**2) / 2, 32**2])


def test_centred_table_begins_sixteen_samples_below_zero():
    data = table(GRID - 16, 1, 0x1, left=(2.0, 1.0), right=(-1.0, 5.0))
    assert np.array_equal(evaluate(data, [-8, -4, 0, 8]), [-16, -8, 0, 16])
    assert np.array_equal(evaluate(data, [-9, 10]), [-17, -5])
    assert np.array_equal(evaluate(data, [-8.25, 8.25]), [-15.5, -3.25])


def test_limits_come_before_everything():
    data = table(GRID, 0, 0x0, low=1, high=20, ends=(-7, 9))
    assert np.array_equal(evaluate(data, [1, 0.5, 1.5, 20, 100, np.inf]), [-7, -7, 1.5, 9, 9, 9])


def test_no_samples_means_two_lines_that_meet_at_zero():
    leaky = table(np.zeros(33), 64, 0x1, left=(0.125, 0), right=(1, 0))
    assert np.array_equal(evaluate(leaky, [-8, -1, 0, 3]), [-1, -0.125, 0, 3])
    floor = table(np.zeros(33), 64, 0x1, low=-0.5, ends=(-0.5, 0), left=(1, 0), right=(1, 0))
    assert np.array_equal(evaluate(floor, [-8, -0.5, -0.25, 0, 3]), [-0.5, -0.5, -0.25, 0, 3])


def test_one_sample_for_zero_between_two_lines():
    """As in logical_not: 1 at 0, and 0 beside it."""
    samples = np.ones(33)
    assert np.array_equal(evaluate(table(samples, 64, 0x1), [-(2.0**-24), 0, 2.0**-24, 5]), [0, 1, 0, 0])


def test_samples_that_end_at_zero():
    data = table(GRID - 32, 2, 0x2, left=(0, -99), right=(1, 0))
    assert np.array_equal(evaluate(data, [-8, -4, -0.25, 0, 3, -9]), [-32, -16, -1, 0, 3, -99])


def test_samples_further_apart_than_one():
    assert np.array_equal(evaluate(table(GRID, -1, 0x0), [0, 1, 2, 64]), [0, 0.5, 1, 32])


@pytest.mark.parametrize(("mode", "expected"), [(0x63, [0.25, -0.75, 0, 0]), (0x64, [2, -2, 7, 0])])
def test_fraction_and_whole_part(mode, expected):
    assert np.array_equal(evaluate(table(GRID, 0, mode), [2.25, -2.75, 7, 0]), expected)


def test_large_tensors_look_up_what_small_ones_compute():
    data = table((GRID - 16) / 4, 2, 0x1)
    values = np.arange(1 << 16, dtype=np.uint16).view(np.float16)
    x, y = tensor("x", "input", 4, 1, 4, 1 << 14), tensor("y", "output", 5, 1, 4, 1 << 14)
    program = unary(
        x, y, 0, data, NE_MACCfg=UNITY | {"OpMode": "Bypass", "NonlinearMode": "LUT"},
        **{n.replace(".", "_", 1): v for n, v in builders.kernel_registers([128]).items() if v},
    )  # fmt: skip
    found = builders.run(program, x=values.reshape(x.shape))["y"].ravel()
    numbers = np.where(np.isnan(values), np.inf, values).astype(float)
    assert np.array_equal(found, rounded(evaluate(data, numbers)))


@pytest.mark.parametrize("width", [1 << 4, 1 << 14])
def test_what_overflows_in_front_of_a_table_is_infinite_however_much_the_table_is_used(width):
    data = table((GRID - 16) / 4, 2, 0x1, right=(0.125, 0), ends=(-3, 7 + width / (1 << 14)))
    x, y = tensor("x", "input", 4, 4, 1, width), tensor("y", "output", 5, 4, 1, width)
    program = unary(
        x, y, 0, data, NE_MACCfg=UNITY | {"OpMode": "Bypass", "NonlinearMode": "LUT"}, NE_PostScale={"PostScale": 2.0},
        **{n.replace(".", "_", 1): v for n, v in builders.kernel_registers([128]).items() if v},
    )  # fmt: skip
    values = np.resize(np.array([40000, 32768, -40000, 32752], np.float16), x.shape)
    expected = rounded(evaluate(data, np.resize([np.inf, np.inf, -np.inf, 65504.0], x.shape)))
    assert np.array_equal(builders.run(program, x=values)["y"], expected)


def test_odd_symmetry_and_zero_for_negatives():
    odd = table(GRID, 3, 0x60)
    assert np.array_equal(evaluate(odd, [-1, 1, 0]), [-8, 8, 0])
    positive = table(GRID, 3, 0xC0)
    assert np.array_equal(evaluate(positive, [-1, 1]), [0, 8])


X = np.exp2(np.linspace(-9, 9, 400))


@pytest.mark.parametrize(
    ("shift", "mode", "samples", "function"),
    [
        (4, 0xC5, np.sqrt(np.maximum(GRID, 1) / 16), np.sqrt),
        (4, 0xC6, 1 / np.sqrt(np.maximum(GRID, 1) / 16), lambda x: 1 / np.sqrt(x)),
        (6, 0x67, 1 / (0.5 + GRID / 64), lambda x: 1 / x),
    ],
    ids=["square root", "inverse square root", "reciprocal"],
)
def test_ranges_of_powers(shift, mode, samples, function):
    y = evaluate(table(samples, shift, mode), X)
    assert np.max(np.abs(y / function(X) - 1)) < 3e-3
    if mode == 0x67:
        assert np.array_equal(evaluate(table(samples, shift, mode), -X), -y)


def test_logarithm_and_power_of_two():
    log = evaluate(table(np.log2(0.5 + GRID / 64), 6, 0xC9), X)
    assert np.max(np.abs(log - np.log2(X))) < 1e-3
    x = np.linspace(-12, 12, 777)
    power = evaluate(table(np.exp2(GRID / 32), 5, 0x0A), x)
    assert np.max(np.abs(power / np.exp2(x) - 1)) < 2.0**-10


def test_task_looks_up_after_scaling():
    x, y = tensor("x", "input", 4, 2, 1, 30), tensor("y", "output", 5, 2, 1, 30)
    data = table((GRID - 16) / 4, 2, 0x1)
    program = unary(
        x, y, 0, data, NE_MACCfg=UNITY | {"OpMode": "Bypass", "NonlinearMode": "LUT"}, NE_PostScale={"PostScale": 0.5},
        **{n.replace(".", "_", 1): v for n, v in builders.kernel_registers([128]).items() if v},
    )  # fmt: skip
    values = half(30, *x.shape)
    expected = rounded(evaluate(data, rounded(values.astype(float) * 0.5)))
    assert np.array_equal(builders.run(program, x=values)["y"], expected)


def test_convolution_with_a_table():
    """The table stands before every engine's planes, and takes the sum as float16."""
    program, weights, _ = convolution((4, 2, 3), 4, engines_log2=1, NE_MACCfg=MAC | {"NonlinearMode": "LUT"})
    data = table((GRID - 16) / 4, 2, 0x1)
    packed = chunks(weights, 1, 2)
    packed = [data + packed[0], data + packed[1]]
    registers = {n: v for n, v in builders.kernel_registers([*map(len, packed)]).items() if v}
    task = program.tasks[0]
    places = {builders.H13.locate(write.address).name: write.index for write in task.writes()}
    words = {
        places[name]: fields.get("Addr", fields.get("MemBfrSize", fields.get("En", 0x40)))
        for name, fields in registers.items()
        if "MasterConfig" not in name
    }
    program = program.with_tasks([task.with_words(words)])._replace(const=memoryview(b"".join(packed)))
    x = half(31, 1, 4, 2, 3)
    expected = rounded(evaluate(data, rounded(reference(x[0], weights, (1, 1), (0, 0), (2, 3)))))
    assert np.array_equal(builders.run(program, x=x)["y"][0], expected)


def test_unknown_mode_is_refused():
    x, y = tensor("x", "input", 4, 1, 1, 8), tensor("y", "output", 5, 1, 1, 8)
    program = unary(
        x, y, 0, table(GRID, 1, 0x8), NE_MACCfg=UNITY | {"OpMode": "Bypass", "NonlinearMode": "LUT"},
        **{n.replace(".", "_", 1): v for n, v in builders.kernel_registers([128]).items() if v},
    )  # fmt: skip
    with pytest.raises(NotImplementedTask, match="mode of the lookup table = 8 is not implemented"):
        builders.run(program)


@pytest.mark.parametrize("shift", [-32768, -1075, -6, 25, 1024, 32767])
@pytest.mark.parametrize("mode", [0x0, 0x1, 0x2, 0x5, 0x7, 0x9])
def test_tables_of_absurd_scales_have_no_name_and_are_evaluated(shift, mode):
    data = table(np.linspace(0, 1, 33), shift, mode)
    assert name_of(parse(data)) == ""
    assert evaluate(data, np.array([0.0, 1.0, -1.0])).shape == (3,)
