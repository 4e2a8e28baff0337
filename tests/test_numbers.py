"""The chip's arithmetic against integers and fractions, and results recorded on real engines."""

import hashlib
from fractions import Fraction

import builders
import numpy as np
import pytest
from builders import elementwise, half
from hypothesis import example, given, settings
from hypothesis import strategies as st

from hwx2py.emulator import accelerator, dropped, ordered, powers, products, stepped
from hwx2py.emulator.arithmetic import pieces
from hwx2py.emulator.numbers import CHIP, TIE_BREAKER, WIDE, exponents, load
from hwx2py.operations import Element

HALF = Element("Float16", 2, "float16")
finite = st.integers(0, 0xFFFF).filter(lambda word: word & 0x7C00 != 0x7C00)


def value(word: int) -> float:
    return float(np.uint16(word).view(np.float16))


def stored(exact: Fraction) -> int:
    """Bits of a rational number as float16: rounded once, halves away from zero, by integer arithmetic."""
    sign, magnitude = (0x8000 if exact < 0 else 0), abs(exact)
    exponent = -14
    while magnitude >= Fraction(2) ** (exponent + 1):
        exponent += 1
    step = Fraction(2) ** (exponent - 10)
    units = int((2 * magnitude + step) // (2 * step))
    if units == 2048:
        exponent, units = exponent + 1, 1024
    if exponent > 15:
        return sign | 0x7C00
    if units < 1024:
        return sign | units if units else 0
    return sign | (exponent + 15) << 10 | units - 1024


@given(finite, finite, st.integers(-3, 3))
@example(0x6800, 0x3C00, 0)  # 2048 + 1
@example(0x7BFF, 0x7BFF, 0)
@example(0x0001, 0x8001, 0)
@settings(max_examples=300)
def test_sums_round_once_and_away_from_zero(one, two, shift):
    exact = Fraction(value(one)) * Fraction(2) ** shift + Fraction(value(two))
    assert CHIP.store(np.array([float(exact)]))[0] == stored(exact)


@given(finite, finite)
@settings(max_examples=300)
def test_products_round_once_and_away_from_zero(one, two):
    exact = Fraction(value(one)) * Fraction(value(two))
    assert CHIP.store(np.array([value(one) * value(two)]))[0] == stored(exact)


@pytest.mark.parametrize("sign", [1, -1])
def test_every_midpoint_goes_away_from_zero(sign):
    halves = np.arange(0x7C00, dtype=np.uint16).view(np.float16).astype(np.float64)
    midpoints = (halves[:-1] + halves[1:]) / 2
    assert np.array_equal(CHIP.store(sign * midpoints).view(np.float16), sign * halves[1:])
    assert np.array_equal(CHIP.store(np.nextafter(sign * midpoints, 0)).view(np.float16), sign * halves[:-1])


def test_what_is_stored_instead():
    odd = np.array([np.nan, -0.0, 65519.99, 65520.0, -1e9, np.inf, -(2.0**-26), 2.0**-25])
    assert CHIP.store(odd).tolist() == [0x0000, 0x0000, 0x7BFF, 0x7C00, 0xFC00, 0x7C00, 0x0000, 0x0001]
    assert WIDE.store(np.array([2049.0, -0.0, np.nan])).tolist() == [0x6800, 0, 0]


def test_what_is_read_instead():
    words = np.array([0x7C01, 0xFE00, 0xFC00, 0x0001, 0x3C00], np.uint16)
    assert load(words, HALF).tolist() == [np.inf, np.inf, -np.inf, 2.0**-24, 1.0]
    assert load(np.array([255], np.uint8), Element("Int8", 1, "int8")).tolist() == [-1.0]


def summed(pairs: list[tuple[int, int]]) -> Fraction:
    """A sum of products by the law that was measured, in integers: steps of 2^-16, halves away, small ones dropped."""
    total = 0
    for one, two in pairs:
        if not value(one) or not value(two):
            continue
        if sum(max(word >> 10 & 31, 1) - 15 for word in (one, two)) <= -17:
            continue
        exact = Fraction(value(one)) * Fraction(value(two)) * 65536
        steps = int((2 * abs(exact) + 1) // 2)
        total += steps if exact > 0 else -steps
    return Fraction(total, 65536)


def float16_word(sign: int, exponent: int, rest: int) -> int:
    return sign << 15 | exponent << 10 | rest


small = st.builds(float16_word, st.integers(0, 1), st.integers(0, 16), st.integers(0, 1023))
large = st.builds(float16_word, st.integers(0, 1), st.integers(0, 30), st.integers(0, 1023))


@given(st.lists(st.tuples(small, small), min_size=1, max_size=40) | st.lists(st.tuples(large, large), max_size=9))
@example([(0x7BFF, 0x7BFF), (0x7BFE, 0xFBFF)])
@settings(max_examples=300)
def test_sums_of_products(pairs):
    words = np.array(pairs, np.uint16).reshape(-1, 2)
    left, right = load(words[:, 0], HALF), load(words[:, 1], HALF)
    expected = float(summed(pairs))
    assert products.dot(left[None], right[:, None], CHIP)[0, 0] == expected
    if np.abs(words & 0x7FFF).max(initial=0) < 0x6000:  # 512: products are small
        assert all(sums[0, 0] == expected for sums in every_way(left[None], right[:, None]))
    assert products._careful(left[None], right[:, None])[0, 0] == expected
    lanes = products.Lanes((1,), CHIP)
    for one, two in zip(left, right):
        lanes.add(np.array([one]), np.array([two]))
    assert lanes.sums[0] == expected


@pytest.mark.parametrize("scale", [1.0, 2.0**-5, 2.0**-12])
@pytest.mark.parametrize("shape", [(1, 700, 1), (1, 70, 3000), (300, 20, 70), (3, 5, 7)])
def test_forms_of_a_product_agree(shape, scale):
    rows, depth, columns = shape
    left, right = half(1, rows, depth).astype(float), half(2, depth, columns, scale=scale).astype(float)
    expected = sum(builders.product(left[:, k, None], right[k]) for k in range(depth))
    assert np.array_equal(products.dot(left, right, CHIP), expected)
    assert np.array_equal(products.dot(left, right, WIDE), left @ right)


def test_large_sums_and_infinities():
    left = np.array([[65504.0, np.inf, 0.0], [65504.0, 1.0, np.inf], [np.inf, -np.inf, 0.0]])
    right = np.array([[65504.0], [1.0], [0.0]])
    found = products.dot(left, right, CHIP)
    assert found[0] == np.inf
    assert found[1] == 65504.0**2 + 1
    assert CHIP.store(found)[2] == 0
    assert WIDE.store(products.dot(left, right, WIDE)).ravel().tolist() == [0x7C00, 0x7C00, 0]


def test_compiled_products_are_the_same():
    pytest.importorskip("numba")
    left, right = half(3, 33, 700).astype(float), half(4, 700, 1100, scale=2.0**-6).astype(float)
    sums = np.empty((33, 1100))
    accelerator.find().product(left * TIE_BREAKER, right, exponents(left), exponents(right), sums)
    assert all(np.array_equal(sums, found) for found in every_way(left, right))


@pytest.mark.parametrize("scale", [2.0**-6, 2.0**-12])
def test_compiled_loops_take_the_same_products_off(scale):
    pytest.importorskip("numba")
    left, right = single(half(3, 33, 70).astype(float)), single(half(4, 70, 110, scale=scale).astype(float))
    left[3] = right[5] = 0
    sums = stepped.sums_of(left, right)
    accelerator.find().take_off(left, right, stepped.exponents(left), stepped.exponents(right), sums)
    assert np.array_equal(sums, products._careful(left.astype(float), right.astype(float)))


def single(values: np.ndarray) -> np.ndarray:
    return values.astype(np.float32)


def every_way(left: np.ndarray, right: np.ndarray) -> list[np.ndarray]:
    """Sums of products by NumPy's loops, and by its BLAS where that adds one by one; dropped ones are taken off."""
    left, right = single(left), single(right)
    slow, fast = stepped.sums_of(left, right), ordered.sums_of(left, right)
    ways = [(slow, dropped)] + ([] if fast is None else [(fast, dropped), (fast.copy(), powers)])
    for sums, way in ways:
        way.take_off(left, right, sums)
    return [sums for sums, _ in ways]


def in_parts(parts: int):
    """A product of matrices that forms every sum in as many parts."""

    def multiply(left: np.ndarray, right: np.ndarray, out: np.ndarray) -> None:
        sums = [np.zeros_like(out) for _ in range(parts)]
        for k in range(left.shape[1]):
            sums[k % parts] += left[:, k, None] * right[k]
        out[...] = sum(sums)

    return multiply


def first_at_last(left: np.ndarray, right: np.ndarray, out: np.ndarray) -> None:
    """A product of matrices that adds the first product to the sum of the others."""
    out[...] = left[:, 1:] @ right[1:] + left[:, :1] * right[:1]


def test_a_blas_is_trusted_where_it_adds_one_by_one():
    left, right = factors(1, (9, 300), 0.5, 2.0**-24), factors(2, (300, 11), 1.0, 2.0**-24)
    sums = ordered.sums_of(single(left), single(right), multiply=in_parts(1))
    dropped.take_off(single(left), single(right), sums)
    assert np.array_equal(sums, products._careful(left, right))
    for other in (in_parts(2), in_parts(4), first_at_last):
        assert ordered.sums_of(single(left), single(right), multiply=other) is None


def test_a_blas_is_tried_again_for_another_number_of_threads_and_not_trusted_without(monkeypatch):
    """One that adds one by one with one thread, and in two parts with two."""
    threads = [1]

    def multiply(left: np.ndarray, right: np.ndarray, out: np.ndarray) -> None:
        in_parts(threads[0])(left, right, out)

    monkeypatch.setattr(ordered.blas_threads, "count", lambda: threads[0])
    left, right = single(half(1, 9, 30)), single(half(2, 30, 11))
    assert ordered.sums_of(left, right, multiply=multiply) is not None
    threads[0] = 2
    assert ordered.sums_of(left, right, multiply=multiply) is None
    monkeypatch.setattr(ordered.blas_threads, "count", lambda: None)
    threads[0] = 1
    assert ordered.sums_of(left, right, multiply=multiply) is None


def test_powers_leave_sums_alone_where_the_blas_changed(monkeypatch):
    found = iter([np.ones((3, 4)), None])
    monkeypatch.setattr(powers.ordered, "sums_of", lambda *_: next(found))
    sums = np.ones((3, 4))
    assert not powers.take_off(np.ones((3, 2), np.float32), np.ones((2, 4), np.float32), sums)
    assert (sums == 1).all()


def factors(seed: int, shape: tuple[int, int], scale: float, grid: float) -> np.ndarray:
    """Numbers of very different sizes, a third of them zeros; on a coarse grid, where products are often ties."""
    random = np.random.default_rng(seed)
    values = random.normal(size=shape) * scale * 10.0 ** random.uniform(-2, 0, shape)
    values[random.random(shape) < 0.3] = 0.0
    return (np.round(values / grid) * grid).astype(np.float16).astype(float)


#: Scales of both sides; sums are formed in float32, in float32 with several flushes, in float64.
SCALES = {"small": (0.05, 1.0), "flushed": (2.0, 3.0), "large": (40.0, 30.0)}
#: Scales at which few, and at which most products are dropped.
DROPPED = {"few": (0.02, 0.5), "many": (0.0005, 0.005)}


@pytest.mark.parametrize("grid", [2.0**-9, 2.0**-24])
@pytest.mark.parametrize("shape", [(40, 60, 50), (3, 60, 500), (70, 9, 5), (1, 80, 1)])
@pytest.mark.parametrize("scales", [*SCALES.values(), *DROPPED.values()], ids=[*SCALES, *DROPPED])
def test_stepped_products_are_those_of_one_after_the_other(scales, shape, grid):
    rows, depth, columns = shape
    left, right = factors(1, (rows, depth), scales[0], grid), factors(2, (depth, columns), scales[1], grid)
    expected = products._careful(left, right)
    assert all(np.array_equal(found, expected) for found in every_way(left, right))


@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_sums_of_one_sign_are_emptied_before_they_leave_their_range(sign):
    """Products of about 3, of one sign: after 20 of them a sum in float32 would have moved by 64."""
    random = np.random.default_rng(6)
    left, right = (random.uniform(1.5, 2.0, shape).astype(np.float16).astype(float) for shape in ((8, 200), (200, 9)))
    expected = products._careful(sign * left, right)
    assert all(np.array_equal(found, expected) for found in every_way(sign * left, right))


@pytest.mark.parametrize("scales", [*SCALES.values(), *DROPPED.values()], ids=[*SCALES, *DROPPED])
def test_stepped_lanes_are_those_of_one_after_the_other(scales):
    weights, values = factors(3, (6, 9), scales[0], 2.0**-24), factors(4, (9, 6 * 40), scales[1], 2.0**-24)
    precision = stepped.precision_of(single(weights), single(values))
    assert precision is (stepped.DOUBLE if scales in (SCALES["flushed"], SCALES["large"]) else stepped.SINGLE)
    lanes, slow = stepped.SteppedLanes(precision, (6, 1, 40)), products.Lanes((6, 1, 40), CHIP)
    for k in range(9):
        one, two = weights[:, k, None, None], values[k].reshape(6, 1, 40)
        lanes.add(single(one), single(two), stepped.magnitudes_of(single(two)))
        slow.add(one, two)
    assert np.array_equal(lanes.sums, slow.sums)


def test_sums_that_may_grow_too_large_are_not_formed_so():
    assert stepped.precision_of(np.full((1, 1), 65504, np.float32), np.full((1, 1), 65504, np.float32)) is None
    assert stepped.precision_of(np.ones((1, 1), np.float32), np.full((1, 1), np.inf, np.float32)) is None


def test_every_way_to_round_gives_the_same_bits():
    random = np.random.default_rng(5)
    values = random.normal(size=3000) * 10.0 ** random.uniform(-9, 6, 3000)
    values[:8] = np.nan, -0.0, np.inf, -np.inf, 2.0**-25, -(2.0**-26), 65520.0, -65519.99
    for part in (values, values.reshape(30, 100)[:, ::3]):
        with np.errstate(over="ignore"):
            expected = CHIP.rounded(part).astype(np.float16).view(np.uint16)
        assert np.array_equal(CHIP.store(part), expected)


def digest(values: np.ndarray) -> str:
    return hashlib.sha256(values.tobytes()).hexdigest()


LANES = np.arange(64)
#: Recorded on M1, M1 Pro and M1 Max by others: the start of the sha256 of 64 float16 results.
RECORDED = {
    "sums of quarters": ((3 + LANES % 11) / 4, (3 + 3 * LANES % 11) / 4, "5ad7eccd2977a88a"),
    "sums of eighths": (0.125 * LANES, 0.25 * LANES, "bf6058e573040afe"),
}


@pytest.mark.parametrize("name", RECORDED)
def test_results_recorded_on_an_m1(name):
    a, b, expected = RECORDED[name]
    result = builders.run(elementwise("Add", (64, 1, 1)), a=column(a), b=column(b))["y"]
    assert digest(result).startswith(expected)


def column(values: np.ndarray) -> np.ndarray:
    return values.reshape(1, 64, 1, 1).astype(np.float16)


def test_sum_then_product_recorded_on_an_m1():
    """With -0 kept, five lanes and the digest would be others."""
    a, b = column(0.25 * (LANES - 32)), column(1.5 * (LANES % 7 - 3))
    total = builders.run(elementwise("Add", (64, 1, 1)), a=a, b=b)["y"]
    result = builders.run(elementwise("Mul", (64, 1, 1)), a=total, b=b)["y"]
    assert digest(result).startswith("bade941d7d8f1e10")


def test_product_of_matrices_recorded_on_an_m1():
    places = np.arange(64 * 64).reshape(64, 64)
    x, w = 0.25 * (places % 7 - 3), 0.125 * (places % 5 - 2)
    assert digest(CHIP.store(products.dot(x, w, CHIP))).startswith("162f7c3f644b5370")


@pytest.mark.parametrize("shape", [(7,), (1, 9), (3, 4, 5), (2, 1, 1, 6, 11), (1, 1, 1, 1, 1)])
@pytest.mark.parametrize("most", [1, 4, 12, 1000])
def test_pieces_cover_an_array_once(shape, most):
    seen = np.zeros(shape, int)
    for place in pieces(shape, most):
        assert seen[place].size <= most
        seen[place] += 1
    assert np.all(seen == 1)
