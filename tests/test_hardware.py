"""Statistics of seeded runs that others published of real engines, replayed in the project's arithmetic.

Sources: joshuaswarren's ane-linux-experiments, mil-hwx-compiler and omarchy-ane (receipts and tools), on M1, M1 Max and
M2 Pro.
"""

import hashlib
import math

import numpy as np
import pytest
from builders import elementwise, run

from hwx2py.emulator.numbers import CHIP, WIDE
from hwx2py.emulator.products import Lanes, dot

LANES = 64


def half(values) -> np.ndarray:
    """Float64 values of float16 numbers."""
    return np.asarray(values).astype(np.float16).astype(np.float64)


class Planar:
    """Programs of 64 lanes, one step each, as the planar engine computes them."""

    def __init__(self, numbers):
        self.numbers = numbers

    def add(self, a, b):
        return self.numbers.rounded(np.asarray(a + b))

    def mul(self, a, b):
        return self.numbers.rounded(np.asarray(a * half(b)))

    def square(self, a):
        return self.numbers.rounded(np.asarray(a * a))

    def total(self, vector):
        """The sum of 64 lanes: six times the lower half plus the upper half."""
        while len(vector) > 1:
            vector = self.add(vector[: len(vector) // 2], vector[len(vector) // 2 :])
        return vector[0]

    def sum_of_squares(self, row):
        chunks = [self.total(self.square(chunk)) for chunk in row.reshape(-1, LANES)]
        return self.total(np.concatenate([chunks, np.zeros(LANES - len(chunks))]))

    def inverse_root(self, value):
        _, exponent = math.frexp(value)
        root = half(2.0 ** -(exponent // 2) * (0.7071067811865476 if exponent % 2 else 1.0))
        for _ in range(5):
            product = self.mul(self.mul(value, root), root)
            root = self.mul(root, self.mul(self.add(half(3.0), self.mul(product, -1.0)), 0.5))
        return root


def normalisation_errors(numbers) -> list[float]:
    """The largest absolute errors of three RMS norms and an L2 norm, made of 64-lane programs."""
    engine, random = Planar(numbers), np.random.default_rng(20260830)
    errors = []
    for shape, factor in (((1, 2048), None), ((8, 256), None), ((16, 128), None), ((16, 128), 1 / math.sqrt(128))):
        values = half(0.5 * random.standard_normal(shape if shape[0] > 1 else shape[1]).reshape(shape))
        weights = half(random.uniform(0.75, 1.25, shape[1])) if factor is None else None
        single = values.astype(np.float32)
        worst = 0.0
        for row, exact in zip(values, single):
            mean = engine.mul(engine.sum_of_squares(row), 1 / shape[1] if factor is None else 1.0)
            root = engine.inverse_root(engine.add(mean, half(1e-6)))
            if factor is not None:
                root = engine.mul(root, factor)
            result = engine.mul(row, root)
            squares = exact * exact
            if factor is None:
                result = engine.mul(result, weights)
                wanted = exact / np.sqrt(squares.mean(dtype=np.float32) + np.float32(1e-6)) * weights.astype(np.float32)
            else:
                wanted = np.float64(factor) * exact / np.sqrt(squares.sum(dtype=np.float32) + np.float32(1e-6))
            worst = max(worst, float(np.abs(result - wanted).max()))
        errors.append(worst)
    return errors


def test_normalisation_on_an_m1():
    """Recorded to the last digit on a T8103; nearest even gives none of the four."""
    recorded = [0.0040760040283203125, 0.004813671112060547, 0.004067659378051758, 3.027293680102003e-05]
    assert normalisation_errors(CHIP) == pytest.approx(recorded, rel=1e-12)
    assert not any(np.isclose(normalisation_errors(WIDE), recorded, rtol=1e-6))


@pytest.mark.parametrize(("seed", "equal"), [(0, 360250), (1, 360632), (2, 360392)])
def test_lanes_of_a_product_that_equal_the_exact_one_on_an_m2(seed, equal):
    """Eight products of 375 x 375 by 375 x 128 on a T6021: lanes that equal the exact sum rounded to nearest even."""
    left = half(np.random.default_rng(seed * 1000 + 6).uniform(-1, 1, (8, 375, 375)))
    right = half(np.random.default_rng(seed * 1000 + 5).uniform(-1, 1, (8, 375, 128)))
    found = 0
    for a, b in zip(left, right):
        stored = CHIP.store(dot(a, b, CHIP))
        found += np.count_nonzero(stored == (a @ b).astype(np.float16).view(np.uint16))
    assert found == equal


def relative_error(got: np.ndarray, wanted: np.ndarray) -> float:
    got, wanted = got.astype(np.float32), wanted.astype(np.float32)
    return float(np.linalg.norm(got - wanted) / np.linalg.norm(wanted))


def test_convolution_by_one_on_an_m1_max():
    """The worst relative error of three seeds on a T6001 was 5.60487e-07: products in steps of 2^-16, ties away."""
    errors = []
    for seed in (11, 33, 57):
        values = half(np.random.default_rng(seed).standard_normal((1, 8, 375, 749)))
        errors.append(relative_error(CHIP.rounded(CHIP.on_grid(values)), values))
    assert max(errors) == pytest.approx(5.60487e-07, abs=2e-12)


def test_one_hot_product_is_off_by_half_a_step():
    """Recorded on an M1 Ultra: 7.62939453125e-06, which is 2^-17."""
    values = half(np.random.default_rng(1).standard_normal((64, 64)))
    got = CHIP.rounded(dot(np.eye(64), values, CHIP))
    assert np.abs(got - values).max() == 2.0**-17


def test_depthwise_convolution_with_bias_on_an_m1_max():
    """Relative errors of 9 taps and a bias inside the one rounding, recorded on a T6001."""
    random = np.random.default_rng(202)
    weights = half(random.standard_normal((1024, 9)))
    bias = half(0.05 * half(random.standard_normal(1024)))
    found = []
    for seed in (11, 33, 57):
        values = half(np.random.default_rng(seed).standard_normal((1024, 375)))
        padded = np.pad(values, ((0, 0), (4, 4)))
        lanes, exact = Lanes((1024, 375), CHIP), np.zeros((1024, 375))
        for tap in range(9):
            part = padded[:, tap : tap + 375]
            lanes.add(part, weights[:, tap, None])
            exact += part * weights[:, tap, None]
        got = CHIP.rounded(lanes.sums + bias[:, None])
        found.append(relative_error(got, exact + bias[:, None]))
    assert [round(error, 6) for error in found] == pytest.approx([0.000208, 0.000207, 0.000207], abs=1.1e-6)


def digest(values: np.ndarray) -> str:
    return hashlib.sha256(np.ascontiguousarray(values, "<f2").tobytes()).hexdigest()


def lanes(operation: str, a, b, **registers) -> np.ndarray:
    """What a program of one planar task gives, lane by lane."""
    a, b = (np.asarray(values, np.float16).reshape(1, -1, 1, 1) for values in (a, b))
    program = elementwise(operation, (a.shape[1], 1, 1), **registers)
    return run(program, a=a, b=b)["y"].ravel()


INDEX = np.arange(64)

#: Operation, inputs, and the sha256 of what an M1 gave.
RECORDED = {
    "smoke addition": (
        "Add", (3 + INDEX % 11) / 4, (3 + 3 * INDEX % 11) / 4,
        "5ad7eccd2977a88a375f123fe42c6780855953a1e9df4ac442cae383bc240dd6",
    ),
    "first run, additions": (
        "Add", 0.125 * INDEX, 0.25 * INDEX,
        "bf6058e573040afe541d8d8a02a604021c02095539a7a04e1d5b25f341c3ca3a",
    ),
    "addition of a constant": (
        "Add", np.ones(512), np.full(512, 0.25),
        "ad367dfea76ff961d1ffa60c4bf5225965c5ce8df5a39ea43701042af6eeb31a",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", RECORDED)
def test_lanes_of_an_m1(name):
    operation, a, b, wanted = RECORDED[name]
    assert digest(lanes(operation, a, b)) == wanted


def test_product_of_a_sum_on_an_m1():
    """Two programs; the machine wrote +0 where an exact computation has -0 (five lanes)."""
    a, b = 0.25 * (INDEX - 32), 1.5 * (INDEX % 7 - 3)
    result = lanes("Mul", lanes("Add", a, b), b)
    assert digest(result) == "bade941d7d8f1e1097b9ce0298ff05617d85a9928de0e8c7eead5743f3f24352"
    assert not np.signbit(result[result == 0]).any()


def test_overflow_on_an_m1():
    assert np.isposinf(lanes("Add", np.full(8, 65504.0), np.full(8, 65504.0))).all()


def test_matrix_product_on_an_m1():
    left, right = (0.25 * (np.arange(4096) % 7 - 3), 0.125 * (np.arange(4096) % 5 - 2))
    result = CHIP.store(dot(half(left).reshape(64, 64), half(right).reshape(64, 64), CHIP)).view(np.float16)
    assert digest(result) == "162f7c3f644b53705126cff309f51e78deb830ac07f80b51ac56dffe6c3710d5"


def test_halves_go_away_from_zero():
    """2048 + 1 is 2050 on M1 and M2; nearest even would be 2048."""
    assert list(lanes("Add", [2048.0, -2048.0], [1.0, -1.0])) == [2050.0, -2050.0]


def exact_error(got: np.ndarray, wanted: np.ndarray) -> float:
    return float(np.linalg.norm(got - wanted) / np.linalg.norm(wanted))


def test_a_seeded_product_on_m1_and_m6():
    """The relative error of the first 256 rows of x w^T, as a survey of both chips gives it."""
    random = np.random.default_rng(0)
    x, w = (random.standard_normal((512, 512)).astype(np.float32) / np.float32(np.sqrt(512)) for _ in range(2))
    wanted = x[:256].astype(float) @ w.T.astype(float)
    got = CHIP.rounded(dot(half(x[:256]), half(w).T, CHIP))
    assert exact_error(got, wanted) == pytest.approx(0.0025780039702379, rel=1e-12)


def test_a_seeded_convolution_on_an_m1():
    """3 x 3 over 64 channels, computed directly; M5 and M6 transform it (Winograd), which has another error."""
    random = np.random.default_rng(1)
    x = random.standard_normal((8, 64, 64, 64)).astype(np.float32)[0]
    w = random.standard_normal((64, 64, 3, 3)).astype(np.float32) * np.sqrt(2 / 576)
    padded = np.pad(x, [(0, 0), (1, 1), (1, 1)])
    patches = np.lib.stride_tricks.sliding_window_view(padded, (64, 64), (1, 2)).reshape(64 * 9, 64 * 64)
    kernel = w.reshape(64, 64 * 9)
    got = CHIP.rounded(dot(half(kernel), half(patches), CHIP))
    wanted = kernel.astype(float) @ patches.astype(float)
    assert exact_error(got, wanted) == pytest.approx(0.0003671660721201, rel=1e-12)
