"""Tensors in memory: what is read, written, marked and spanned is what the formula says, element by element."""

import itertools

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from hwx2py.emulator.strided import Layout
from hwx2py.operations import Shape, Strides

shapes = st.builds(Shape, st.integers(1, 3), st.integers(1, 9), st.integers(1, 2), st.integers(1, 3), st.integers(1, 4))


def fours(most: int) -> st.SearchStrategy[int]:
    return st.integers(0, most).map(lambda number: 4 * number)


layouts = st.builds(
    Layout,
    st.integers(0, 5).map(lambda number: 2 * number),
    st.builds(Strides, fours(40), fours(20), fours(30), fours(12)),
    st.sampled_from([1, 2, 4]),
    st.sampled_from([1, 2]),
)


def places(layout: Layout, shape: Shape) -> np.ndarray:
    """Byte offset of every element."""
    found = np.empty(shape, np.int64)
    lanes, strides = layout.interleave, layout.strides
    for g, c, d, h, w in itertools.product(*map(range, shape)):
        inside = (w * lanes + c % lanes) * layout.element
        found[g, c, d, h, w] = (
            layout.base
            + g * strides.group
            + c // lanes * strides.channel
            + d * strides.depth
            + h * strides.row
            + inside
        )
    return found


@given(layouts, shapes)
def test_elements_lie_where_the_formula_says(layout, shape):
    expected = places(layout, shape)
    assert np.array_equal(layout.offsets(shape)[..., 0], expected)
    data = np.random.default_rng(1).integers(0, 256, 0x1000, np.uint8)
    values = sum(data[expected + byte].astype(np.uint16) << 8 * byte for byte in range(layout.element))
    assert np.array_equal(layout.read(data, shape), values)


@given(layouts, shapes)
@example(Layout(0, Strides(0, 0, 0, 64), 4, 2), Shape(1, 5, 1, 1, 1))
@example(Layout(8, Strides(256, 64, 0, 32), 4, 1), Shape(2, 6, 1, 3, 4))
def test_span_ends_behind_the_last_byte(layout, shape):
    assert layout.span(shape) == (layout.base, int(places(layout, shape).max()) + layout.element)


@given(layouts, shapes)
def test_marks_are_on_the_elements_bytes_only(layout, shape):
    touched = {int(place) + byte for place in places(layout, shape).ravel() for byte in range(layout.element)}
    marks = np.zeros(0x1000, bool)
    assert layout.first_marked(marks, shape) is None
    layout.mark(marks, shape)
    assert set(np.flatnonzero(marks)) == touched
    assert layout.marked(marks, shape)
    assert layout.first_marked(marks, shape) == min(touched)
    marks[max(touched)] = False
    assert not layout.marked(marks, shape)


def test_first_unmarked_byte_of_each_element_is_told():
    layout, shape = Layout(4, Strides(0, 16, 0, 8)), Shape(1, 2, 1, 1, 2)
    marks = np.ones(64, bool)
    marks[[5, 22, 23]] = False
    assert layout.unmarked(marks, shape).tolist() == [5, 22]


def test_one_marked_byte_of_an_element_counts():
    layout, shape = Layout(0, Strides(0, 64, 0, 16)), Shape(1, 2, 1, 2, 3)
    marks = np.zeros(0x100, bool)
    marks[64 + 16 + 3] = True
    assert layout.first_marked(marks, shape) == 64 + 16 + 3
    marks[:] = False
    marks[64 + 6] = True  # behind the row
    assert layout.first_marked(marks, shape) is None


@pytest.mark.parametrize("interleave", [1, 2, 4])
def test_written_elements_are_read_again_and_nothing_else_changes(interleave):
    layout, shape = Layout(8, Strides(1024, 128, 0, 64), interleave), Shape(2, 5, 1, 2, 3)
    data = np.full(0x1000, 0xEE, np.uint8)
    elements = np.arange(np.prod(shape), dtype=np.uint16).reshape(shape)
    layout.write(data, elements)
    assert np.array_equal(layout.read(data, shape), elements)
    marks = np.zeros(data.size, bool)
    layout.mark(marks, shape)
    assert np.all(data[~marks] == 0xEE)
