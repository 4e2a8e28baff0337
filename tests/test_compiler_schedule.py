"""Places of intermediates: nothing in use together overlaps, and little more room is taken than must be."""

import itertools
from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st

from hwx2py.compiler.graph import Graph
from hwx2py.compiler.schedule import LiveRange, largest_set_bytes, places
from hwx2py.interface import compile as compiled

ranges_of = st.lists(
    st.tuples(st.integers(0, 30), st.integers(0, 9), st.integers(1, 3000)), min_size=1, max_size=30
).map(
    lambda items: sorted(
        (LiveRange(f"buffer {n}", first, first + more, size) for n, (first, more, size) in enumerate(items)),
        key=lambda item: item.first,
    )
)


def together(one: LiveRange, two: LiveRange) -> bool:
    return one.first <= two.last and two.first <= one.last


def end_of(ranges: list[LiveRange], chosen) -> int:
    return max(chosen[item.buffer] + -(-item.size_bytes // 64) * 64 for item in ranges)


@given(ranges_of)
@settings(max_examples=200)
def test_what_is_in_use_together_does_not_overlap(ranges):
    chosen = places(ranges)
    for one, two in itertools.combinations(ranges, 2):
        if together(one, two):
            first, second = sorted((one, two), key=lambda item: chosen[item.buffer])
            assert chosen[first.buffer] + first.size_bytes <= chosen[second.buffer]
    assert all(place % 64 == 0 for place in chosen.values())


@given(ranges_of)
@settings(max_examples=200)
def test_the_largest_set_is_what_some_task_has_in_use(ranges):
    by_hand = max(
        sum(-(-item.size_bytes // 64) * 64 for item in ranges if item.first <= task <= item.last)
        for task in range(max(item.last for item in ranges) + 1)
    )
    assert largest_set_bytes(ranges) == by_hand


def drawn(seed: int) -> list[LiveRange]:
    random = Random(seed)
    firsts = sorted(random.randint(0, 30) for _ in range(random.randint(2, 30)))
    return [
        LiveRange(f"buffer {n}", first, first + random.randint(0, 9), random.choice([64, 640, random.randint(1, 3000)]))
        for n, first in enumerate(firsts)
    ]


def test_little_more_room_is_taken_than_the_largest_set():
    taken = [end_of(ranges, places(ranges)) / largest_set_bytes(ranges) for ranges in map(drawn, range(300))]
    assert max(taken) <= 1.2
    assert sum(taken) / len(taken) < 1.02


def test_the_order_of_size_is_taken_where_that_of_use_leaves_gaps():
    ranges = [
        LiveRange("small", 0, 1, 64), LiveRange("behind it", 0, 3, 640), LiveRange("large", 2, 4, 128),
        LiveRange("last", 4, 5, 640),
    ]  # fmt: skip
    assert end_of(ranges, places(ranges)) == largest_set_bytes(ranges) == 768


def test_a_reduction_takes_no_more_scratch_than_its_tensors():
    g = Graph()
    x = g.input("x", (1, 12, 64, 64))
    g.output("y", g.sub(g.relu(x), g.reduce("max", g.relu(x), (-1,))))
    rows, maxima = 12 * 64 * 64 * 2, 12 * 64 * 64
    assert compiled(g).report.scratch_bytes <= 2 * rows + maxima + 0x4000
