"""The compiler's forms on any shape: the virtual ANE gives what NumPy gives, without a fault, and `check` is clean."""

import numpy as np
import pytest
from compiled import built, ran, surface
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from hwx2py.compiler import curves
from hwx2py.compiler.forms import (
    activation,
    attention,
    broadcast,
    convolution,
    copy,
    elementwise,
    inputs_product,
    norm,
    norm_whole,
    power,
    product,
    reduction,
    rounding,
    scale,
    softmax,
    softmax_channels,
)
from hwx2py.compiler.forms.convolution import Window
from hwx2py.compiler.forms.elementwise import After, Binary
from hwx2py.compiler.forms.product import Tail
from hwx2py.compiler.forms.reduction import Reduce
from hwx2py.compiler.forms.table import FORMS
from hwx2py.compiler.link import TensorRow, link
from hwx2py.compiler.task import Source
from hwx2py.emulator import direct
from hwx2py.emulator.numbers import CHIP
from hwx2py.errors import UnsupportedError
from hwx2py.operations.tables import table_bytes

few = settings(max_examples=6, deadline=None)
sides = st.sampled_from([1, 2, 3, 7, 8, 16, 33, 64])
widths = st.sampled_from([1, 2, 5, 8, 16, 31, 64, 128, 130, 200, 520])
shapes = st.tuples(st.sampled_from([1, 2, 3]), sides, st.sampled_from([1, 2, 5, 9, 17]), widths)
pictures = shapes.map(lambda shape: (1, *shape[1:]))
seeds = st.integers(0, 1 << 16)

FUNCTIONS = {
    Binary.ADD: np.add, Binary.SUB: np.subtract, Binary.MUL: np.multiply, Binary.MAX: np.maximum,
    Binary.MIN: np.minimum,
}  # fmt: skip
EXP2, RECIPROCAL, LOG2, NOT = (
    table_bytes(curves.known(name).curve) for name in ("exp2", "reciprocal", "log2", "logical not")
)
REDUCTIONS = {Reduce.SUM: np.sum, Reduce.MEAN: np.mean, Reduce.MAX: np.max, Reduce.MIN: np.min}


def drawn(seed: int, *shape: int, low: float = -2, high: float = 2) -> np.ndarray:
    """Numbers between two."""
    return np.random.default_rng([seed, *shape]).uniform(low, high, shape).astype(np.float16)


def wide(array: np.ndarray) -> np.ndarray:
    """The same in float64."""
    return array.astype(np.float64)


def close(got: np.ndarray, want: np.ndarray, absolute: float, relative: float = 0.0) -> None:
    """The numbers agree."""
    np.testing.assert_allclose(got, np.broadcast_to(want, got.shape), rtol=relative, atol=absolute)


def exact(got: np.ndarray, want: np.ndarray) -> None:
    """The numbers are what one rounding gives."""
    np.testing.assert_array_equal(got, np.broadcast_to(CHIP.rounded(np.array(want, np.float64)), got.shape))


def relu_if(is_wanted: bool, values: np.ndarray) -> np.ndarray:
    """Clamped at zero, or not."""
    return np.maximum(values, 0) if is_wanted else values


class TestOnceRounded:
    @few
    @given(shapes, st.sampled_from(Binary), st.booleans(), seeds)
    def test_two_sources(self, shape, operation, relu, seed):
        a, b = drawn(seed, *shape), drawn(seed + 1, *shape)
        x, z, y = (surface(name, *shape) for name in "xzy")
        got = ran(elementwise.binary(operation, x, z, y, after=After(relu=relu)), {"x": a, "z": b}, shape)
        exact(got, relu_if(relu, FUNCTIONS[operation](wide(a), wide(b))))

    @pytest.mark.parametrize("axis", ["row", "plane", "group", None])
    def test_a_second_source_that_steps_of_0_repeat_is_an_own_choice(self, axis):
        shape = (2, 3, 4, 8)
        x, z, y = (surface(name, *shape) for name in "xzy")
        repeated = z if axis is None else z.strided(**{f"{axis}_bytes": 0})
        (plan,) = elementwise.binary(Binary.ADD, x, repeated, y)
        assert (plan.evidence.source is Source.OWN) == (axis is not None)
        alone = surface("z", 1, 1, 4, 8).strided(row_bytes=0, group_bytes=0, plane_bytes=0)
        (plan,) = elementwise.binary(
            Binary.ADD, *(part.batches(0, 1).planes(0, 1).rows(0, 1) for part in (x, alone, y))
        )
        assert plan.evidence.source is Source.RULE

    @few
    @given(shapes, st.booleans(), seeds)
    def test_scale_and_bias(self, shape, relu, seed):
        a = drawn(seed, *shape)
        x, y = surface("x", *shape), surface("y", *shape)
        got = ran(scale.scaled(x, y, scale=-1.5, bias=0.375, relu=relu), {"x": a}, shape)
        exact(got, relu_if(relu, -1.5 * wide(a) + 0.375))

    @few
    @given(shapes, seeds)
    def test_absolute_value_and_relu(self, shape, seed):
        a = drawn(seed, *shape)
        x, y = surface("x", *shape), surface("y", *shape)
        exact(ran(scale.scaled(x, y, absolute=True), {"x": a}, shape), np.abs(wide(a)))
        exact(ran(activation.relu(x, y), {"x": a}, shape), np.maximum(wide(a), 0))

    @few
    @given(shapes, st.tuples(st.booleans(), st.booleans(), st.booleans()), st.sampled_from(Binary), seeds)
    def test_a_smaller_source(self, shape, single, operation, seed):
        small = (1, *(1 if one else side for one, side in zip(single, shape[1:])))
        assume(small[1:] != shape[1:])  # two sources of one shape have a form of their own
        a, b = drawn(seed, *shape), drawn(seed + 1, *small)
        plans = broadcast.broadcast(operation, surface("x", *shape), surface("z", *small), surface("y", *shape))
        exact(ran(plans, {"x": a, "z": b}, shape), FUNCTIONS[operation](wide(a), wide(b)))

    @few
    @given(shapes, seeds)
    def test_constants_of_channels(self, shape, seed):
        a, bias, factor = drawn(seed, *shape), drawn(seed, shape[1]), drawn(seed + 1, shape[1])
        plans = broadcast.channel_constants(
            surface("x", *shape), surface("y", *shape), bias.tobytes(), factor.tobytes()
        )
        want = (wide(a) + wide(bias)[:, None, None]) * wide(factor)[:, None, None]
        exact(ran(plans, {"x": a}, shape), want)

    @few
    @given(shapes, st.sampled_from(Reduce), seeds)
    def test_over_rows_and_columns(self, shape, kind, seed):
        n, c, h, _ = shape
        a = drawn(seed, *shape)
        for form, axes, result in (
            (reduction.over_h_w, (2, 3), (n, c, 1, 1)),
            (reduction.over_w, (3,), (n, c, h, 1)),
        ):
            got = ran(form(kind, surface("x", *shape), surface("y", *result)), {"x": a}, result)
            close(got, REDUCTIONS[kind](wide(a), axis=axes, keepdims=True), 2e-3, 1e-3)

    @few
    @given(pictures, seeds)
    def test_copies(self, shape, seed):
        _, c, h, w = shape
        a = drawn(seed, *shape)
        swapped = (1, h, c, w)
        got = ran(copy.swap_c_h(surface("x", *shape), surface("y", *swapped)), {"x": a}, swapped)
        exact(got, wide(a).transpose(0, 2, 1, 3))
        if w > 32:
            sliced = (1, c, h, w - 32)
            got = ran(copy.slice_columns(surface("x", *shape), 32, surface("y", *sliced)), {"x": a}, sliced)
            exact(got, wide(a)[..., 32:])
        row = (1, c, 1, w)
        got = ran(copy.repeat_rows(surface("x", *row), surface("y", *shape)), {"x": a[:, :, :1]}, shape)
        exact(got, wide(a)[:, :, :1])

    @few
    @given(st.sampled_from([1, 5, 16, 193, 375]), widths, seeds)
    def test_a_transposed_matrix(self, rows, columns, seed):
        a = drawn(seed, 1, 1, rows, columns)
        plans = copy.exchange_rows(surface("x", *a.shape), surface("y", 1, 1, columns, rows))
        exact(ran(plans, {"x": a}, (1, 1, columns, rows)), wide(a).transpose(0, 1, 3, 2))


class TestReductions:
    @few
    @given(pictures, st.sampled_from(Reduce), seeds)
    def test_over_other_dimensions(self, shape, kind, seed):
        _, c, h, w = shape
        a = drawn(seed, *shape, low=-0.5, high=0.6)
        forms = [
            (reduction.over_c_h_w, (1, 2, 3), (1, 1, 1, 1)),
            (reduction.over_h, (2,), (1, c, 1, w)),
        ]
        if kind is not Reduce.MIN and c > 1 and h * w > 1:
            forms.append((reduction.over_c, (1,), (1, 1, h, w)))
        for form, axes, result in forms:
            got = ran(form(kind, surface("x", *shape), surface("y", *result)), {"x": a}, result)
            close(got, REDUCTIONS[kind](wide(a), axis=axes, keepdims=True), 2e-2, 2e-3)

    @pytest.mark.parametrize("kind", Reduce)
    def test_into_a_row_and_of_a_column(self, kind):
        a = drawn(1, 1, 24, 3, 5)
        got = ran(reduction.over_h_w(kind, surface("x", *a.shape), surface("y", 1, 1, 1, 24)), {"x": a}, (1, 1, 1, 24))
        close(got, REDUCTIONS[kind](wide(a), axis=(2, 3))[:, None, None], 2e-3, 1e-3)
        a = drawn(2, 1, 40, 1, 1)
        got = ran(reduction.over_flat_c(kind, surface("x", *a.shape), surface("y", 1, 1, 1, 1)), {"x": a}, (1, 1, 1, 1))
        close(got, REDUCTIONS[kind](wide(a)), 2e-3, 1e-3)


def softmaxed(values: np.ndarray, axis: int) -> np.ndarray:
    """Softmax in float64."""
    powers = np.exp(wide(values) - wide(values).max(axis, keepdims=True))
    return powers / powers.sum(axis, keepdims=True)


def normalised(values: np.ndarray, axes: tuple[int, ...]) -> np.ndarray:
    """Mean 0 and variance 1 in float64."""
    centred = wide(values) - wide(values).mean(axes, keepdims=True)
    return centred / np.sqrt((centred**2).mean(axes, keepdims=True) + 1e-5)


class TestSoftmax:
    @few
    @given(pictures, seeds)
    def test_over_each_dimension(self, shape, seed):
        _, c, h, w = shape
        a = drawn(seed, *shape)
        x, y = surface("x", *shape), surface("y", *shape)
        if w > 1:
            close(ran(softmax.over_w(x, y, EXP2), {"x": a}, shape), softmaxed(a, 3), 3e-3)
        if c > 1 and h * w > 1:
            plans = softmax_channels.over_c(x, y, EXP2, RECIPROCAL)
            close(ran(plans, {"x": a}, shape), softmaxed(a, 1), 3e-3)
        if h > 1 and c * w > 1:
            plans = softmax_channels.over_c(x.swapped(), y.swapped(), EXP2, RECIPROCAL)
            close(ran(plans, {"x": a}, shape), softmaxed(a, 2), 3e-3)

    @pytest.mark.parametrize("channels", [2, 24, 100])
    def test_of_single_elements(self, channels):
        a = drawn(channels, 1, channels, 1, 1)
        x, y = surface("x", *a.shape), surface("y", *a.shape)
        plans = softmax_channels.over_flat_c(x, y, EXP2, RECIPROCAL)
        close(ran(plans, {"x": a}, a.shape), softmaxed(a, 1), 3e-3)
        close(ran(softmax_channels.over_single_w(x, y, EXP2), {"x": a}, a.shape), np.ones(1), 1e-3)

    def test_more_rows_than_a_reduction_takes(self):
        a = drawn(3, 1, 1, 400, 40)
        plans = softmax.over_w(surface("x", *a.shape), surface("y", *a.shape), EXP2)
        assert len(plans) == 10
        close(ran(plans, {"x": a}, a.shape), softmaxed(a, 3), 3e-3)

    def test_what_l2_does_not_hold_is_made_in_parts(self):
        a = drawn(4, 1, 16, 100, 520)
        plans = softmax.over_w(surface("x", *a.shape), surface("y", *a.shape), EXP2)
        assert {plan.evidence.source for plan in plans} == {Source.OWN}
        close(ran(plans, {"x": a}, a.shape), softmaxed(a, 3), 3e-3)

    def test_a_single_channel_is_refused(self):
        x, y = surface("x", 1, 1, 4, 4), surface("y", 1, 1, 4, 4)
        with pytest.raises(UnsupportedError, match="single channel"):
            softmax_channels.over_c(x, y, EXP2, RECIPROCAL)


class TestNorms:
    @few
    @given(st.tuples(st.just(1), st.sampled_from([8, 16, 33]), st.sampled_from([1, 3, 9]), widths), seeds)
    def test_over_each_dimension(self, shape, seed):
        _, _, h, w = shape
        a = drawn(seed, *shape)
        x, y = surface("x", *shape), surface("y", *shape)
        forms = [(norm_whole.over_c, (1,)), (norm_whole.over_everything, (1, 2, 3))]
        if w > 4:
            forms += [(norm.over_w, (3,)), (norm.over_h_w, (2, 3))]
        for form, axes in forms:
            close(ran(form(x, y, 1e-5), {"x": a}, shape), normalised(a, axes), 2e-2, 1e-2)
        del h

    @pytest.mark.parametrize(("rows", "columns"), [(1, 30), (5, 64), (200, 100), (375, 520)])
    def test_of_rows(self, rows, columns):
        a = drawn(rows, 1, 1, rows, columns)
        plans = norm.rows(surface("x", *a.shape), surface("y", *a.shape), 1e-5)
        assert len(plans) == 1 + 2 * -(-rows // 192)
        close(ran(plans, {"x": a}, a.shape), normalised(a, (3,)), 2e-2, 1e-2)

    def test_of_single_elements(self):
        a = drawn(1, 1, 40, 1, 1)
        plans = norm.over_flat_c(surface("x", *a.shape), surface("y", *a.shape), 1e-5)
        close(ran(plans, {"x": a}, a.shape), normalised(a, (1,)), 2e-2, 1e-2)


class TestTables:
    def test_quotients_and_powers(self):
        for shape in ((1, 3, 5, 40), (1, 16, 1, 8), (1, 40, 9, 16)):
            a, b = drawn(1, *shape, low=0.5, high=3), drawn(2, *shape, low=0.5, high=3)
            x, z, y = (surface(name, *shape) for name in "xzy")
            got = ran(broadcast.divide(x, z, y, RECIPROCAL), {"x": a, "z": b}, shape)
            close(got, wide(a) / wide(b), 2e-3, 4e-3)
            got = ran(power.power(x, z, y, LOG2, EXP2), {"x": a, "z": b}, shape)
            close(got, wide(a) ** wide(b), 1e-2, 1e-2)

    @few
    @given(shapes, seeds)
    def test_a_function(self, shape, seed):
        a = drawn(seed, *shape)
        plans = activation.table("2^x", EXP2, surface("x", *shape), surface("y", *shape))
        close(ran(plans, {"x": a}, shape), np.exp2(wide(a)), 1e-3, 1e-3)

    @pytest.mark.parametrize("channels", [1, 24, 100])
    def test_rounding_down(self, channels):
        a = drawn(channels, 1, channels, 1, 1, low=-4, high=4)
        a[0, 0], a[0, -1] = -2, 3
        exact(ran(rounding.floor(surface("x", *a.shape), surface("y", *a.shape)), {"x": a}, a.shape), np.floor(a))

    @few
    @given(shapes, seeds)
    def test_bools_to_numbers(self, shape, seed):
        a = np.random.default_rng(seed).integers(0, 2, shape).astype(np.uint8)
        x, y = surface("x", *shape, element_bytes=1), surface("y", *shape)
        rows = [TensorRow("x", "input", shape, "uint8"), TensorRow("y", "output", shape)]
        outcome = direct.run(link(scale.from_bools(x, y), rows).program, {"x": a})
        assert not outcome.faults
        exact(outcome.outputs["y"].astype(np.float64), a)

    def test_not(self):
        a = np.array([0, 1, 2, 255, 0, 0, 7], np.uint8).reshape(1, 1, 7, 1)
        x, y = (surface(name, *a.shape, element_bytes=1) for name in "xy")
        program = built(activation.logical_not(x, y, NOT), {"x": a.shape}, {"y": a.shape}, "uint8")
        assert (direct.run(program, {"x": a}).outputs["y"] == (a == 0)).all()


def convolved(x: np.ndarray, weights: np.ndarray, groups: int, window: Window, size: tuple[int, int]) -> np.ndarray:
    """A convolution in float64."""
    outputs, inputs, height, width = weights.shape
    (rows, columns), step = size, window.stride
    below = max(0, (rows - 1) * step + height - window.top - x.shape[2])
    right = max(0, (columns - 1) * step + width - window.left - x.shape[3])
    padded = np.pad(wide(x), ((0, 0), (0, 0), (window.top, below), (window.left, right)))
    result = np.zeros((x.shape[0], outputs, rows, columns))
    share = outputs // groups
    for row in range(height):
        for column in range(width):
            part = padded[
                :, :, row : row + (rows - 1) * step + 1 : step, column : column + (columns - 1) * step + 1 : step
            ]
            for group in range(groups):
                own = slice(group * share, (group + 1) * share)
                read = part[:, group * inputs : (group + 1) * inputs]
                result[:, own] += np.einsum("nchw,oc->nohw", read, wide(weights)[own, :, row, column])
    return result


class TestConvolutions:
    @few
    @given(
        st.sampled_from([1, 3, 16, 24]), st.sampled_from([1, 3, 16, 24, 40, 48, 100, 128, 200]),
        st.sampled_from([(1, 1), (3, 3), (1, 5), (7, 2)]), st.sampled_from([8, 17]), st.booleans(), st.booleans(),
        seeds,
    )  # fmt: skip
    def test_dense(self, inputs, outputs, kernel, width, with_bias, relu, seed):
        height = 9
        window = Window(*kernel, 1, kernel[0] // 2, kernel[1] // 2)
        size = height + 2 * window.top - kernel[0] + 1, width + 2 * window.left - kernel[1] + 1
        x, weights = drawn(seed, 2, inputs, height, width), drawn(seed, outputs, inputs, *kernel, low=-0.3, high=0.3)
        bias = drawn(seed, outputs)
        result = (2, outputs, *size)
        plans = convolution.convolution(
            surface("x", *x.shape), surface("y", *result), weights.tobytes(), bias.tobytes() if with_bias else None,
            window=window, relu=relu,
        )  # fmt: skip
        want = convolved(x, weights, 1, window, size) + (wide(bias)[:, None, None] if with_bias else 0)
        close(ran(plans, {"x": x}, result), relu_if(relu, want), 4e-3, 2e-3)

    @pytest.mark.parametrize(
        ("channels", "outputs", "groups", "window"),
        [
            (24, 24, 24, Window(3, 3, 1, 1, 1)),
            (40, 40, 40, Window(1, 1)),
            (32, 64, 2, Window(3, 3, 1, 1, 1)),
            (64, 128, 1, Window(1, 1, 2)),
            (24, 20, 1, Window(1, 1, 2)),
            (8, 300, 1, Window(1, 1, 2)),
        ],
    )
    def test_groups_and_strides(self, channels, outputs, groups, window):
        x = drawn(1, 1, channels, 9, 17)
        weights = drawn(2, outputs, channels // groups, window.height, window.width, low=-0.3, high=0.3)
        size = (9, 17) if window.stride == 1 else (5, 9)
        result = (1, outputs, *size)
        plans = convolution.convolution(
            surface("x", *x.shape), surface("y", *result), weights.tobytes(), window=window, groups=groups
        )
        close(ran(plans, {"x": x}, result), convolved(x, weights, groups, window, size), 4e-3, 2e-3)

    def test_more_coefficients_than_a_task_takes(self):
        x, weights = drawn(1, 1, 96, 2, 3), drawn(2, 700, 96, 3, 3, low=-0.1, high=0.1)
        result, window = (1, 700, 2, 3), Window(3, 3, 1, 1, 1)
        plans = convolution.convolution(surface("x", *x.shape), surface("y", *result), weights.tobytes(), window=window)
        assert len(plans) == 2
        close(ran(plans, {"x": x}, result), convolved(x, weights, 1, window, (2, 3)), 4e-3, 2e-3)

    @pytest.mark.parametrize("outputs", [40, 48])
    def test_chunks_whose_size_does_not_tell_the_planes_get_others(self, outputs):
        x, weights = drawn(1, 1, 1, 2, 8), drawn(2, outputs, 1, 1, 1)
        result = (1, outputs, 2, 8)
        plans = convolution.convolution(surface("x", *x.shape), surface("y", *result), weights.tobytes())
        assert {plan.evidence.source for plan in plans} == {Source.OWN}
        close(ran(plans, {"x": x}, result), convolved(x, weights, 1, Window(), (2, 8)), 4e-3, 2e-3)

    def test_a_window_that_fits_no_register_is_refused(self):
        x, y = surface("x", 1, 1, 40, 40), surface("y", 1, 1, 1, 40)
        with pytest.raises(UnsupportedError, match="31"):
            convolution.convolution(x, y, bytes(80), window=Window(40, 1))


class TestProducts:
    @few
    @given(
        st.sampled_from([1, 2, 8, 9, 20, 64, 130, 200]), st.sampled_from([1, 3, 30, 64, 256]),
        st.sampled_from([5, 16, 24, 48, 200, 640]), st.booleans(), st.booleans(), seeds,
    )  # fmt: skip
    def test_with_constants(self, rows, inner, columns, with_bias, by_input, seed):
        a, weights = drawn(seed, 1, 1, rows, inner), drawn(seed, inner, columns, low=-0.3, high=0.3)
        bias = drawn(seed, columns)
        data = weights if by_input else np.ascontiguousarray(weights.T)
        tail = Tail(bias=bias.tobytes() if with_bias else None, relu=with_bias)
        result = (1, 1, rows, columns)
        plans = product.product(surface("x", *a.shape), surface("y", *result), data.tobytes(), tail, by_input=by_input)
        want = wide(a) @ wide(weights) + (wide(bias) if with_bias else 0)
        close(ran(plans, {"x": a}, result), relu_if(with_bias, want), 1e-2, 2e-3)

    @pytest.mark.parametrize("rows", [16, 32])
    def test_rows_are_folded_where_the_compiler_does_it(self, rows):
        a, weights = drawn(1, 1, 1, rows, 2048, low=-0.2, high=0.2), drawn(2, 2048, 32, low=-0.3, high=0.3)
        x, y = surface("x", *a.shape), surface("y", 1, 1, rows, 32)
        for folded in (None, False):
            plans = product.product(x, y, weights.tobytes(), folded=folded)
            assert len(plans) == (3 if folded is None else 2)
            close(ran(plans, {"x": a}, (1, 1, rows, 32)), wide(a) @ wide(weights), 1e-2, 2e-3)

    def test_with_one_bias_for_all_columns(self):
        a, weights = drawn(1, 1, 1, 4, 16), drawn(2, 16, 16)
        tail = Tail(bias=np.full(16, 0.25, np.float16).tobytes())
        plans = product.product(surface("x", *a.shape), surface("y", 1, 1, 4, 16), weights.tobytes(), tail)
        close(ran(plans, {"x": a}, (1, 1, 4, 16)), wide(a) @ wide(weights) + 0.25, 1e-2, 2e-3)

    @few
    @given(
        st.sampled_from([1, 5, 16, 20, 48, 64, 100, 256]), st.sampled_from([3, 16, 30, 64]),
        st.sampled_from([5, 24, 64, 200]), st.booleans(), st.booleans(), seeds,
    )  # fmt: skip
    def test_of_two_tensors(self, rows, inner, columns, transposed_x, transposed_w, seed):
        a, b = drawn(seed, 1, 1, rows, inner), drawn(seed, 1, 1, inner, columns)
        sources = {
            "x": a.transpose(0, 1, 3, 2) if transposed_x else a,
            "w": b.transpose(0, 1, 3, 2) if transposed_w else b,
        }
        x, w = (surface(name, *array.shape) for name, array in sources.items())
        result = (1, 1, rows, columns)
        plans = inputs_product.product(
            x, w, surface("y", *result), transposed_x=transposed_x, transposed_w=transposed_w
        )
        close(ran(plans, sources, result), wide(a) @ wide(b), 1e-2, 2e-3)

    @pytest.mark.parametrize(("rows", "columns"), [(16, 30), (64, 64), (128, 130)])
    def test_attention(self, rows, columns):
        q, k, v = (drawn(seed, 1, 1, rows, columns, low=-0.5, high=0.5) for seed in (1, 2, 3))
        surfaces = (surface(name, 1, 1, rows, columns) for name in "qkvy")
        got = ran(attention.attention(*surfaces, EXP2), {"q": q, "k": k, "v": v}, q.shape)
        want = softmaxed(CHIP.rounded(wide(q) @ wide(k).transpose(0, 1, 3, 2)).astype(np.float16), 3) @ wide(v)
        close(got, want, 4e-3, 4e-3)


def test_every_form_is_in_the_table_once():
    assert len({form.make for form in FORMS}) == len(FORMS)
    for form in FORMS:
        assert (form.make.__doc__ or "").strip(), form.name
