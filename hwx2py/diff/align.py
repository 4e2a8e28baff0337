"""Which task of one program belongs to which of the other: by what they do, in order."""

import re
from collections.abc import Sequence

from ..program.describe import Operation

_PLACE = re.compile(r"L2\[0x[0-9a-f]+\]")

Pair = tuple[int | None, int | None]


def signature(operation: Operation) -> tuple[str, ...]:
    """What a task does, without where in L2 it does it."""
    parts = (operation.engine, operation.action, operation.result, operation.shapes, *operation.sources)
    return tuple(_PLACE.sub("L2", part) for part in parts)


def align(a: Sequence[Operation], b: Sequence[Operation]) -> list[Pair]:
    """Pairs of indexes, in order; None stands for a task that the other program does not have."""
    one, two = [signature(operation) for operation in a], [signature(operation) for operation in b]
    start = 0
    while start < min(len(one), len(two)) and one[start] == two[start]:
        start += 1
    end = 0
    while end < min(len(one), len(two)) - start and one[-1 - end] == two[-1 - end]:
        end += 1
    pairs: list[Pair] = [(index, index) for index in range(start)]
    pairs += _middle(one[start : len(one) - end], two[start : len(two) - end], start)
    pairs += [(len(one) - end + index, len(two) - end + index) for index in range(end)]
    return pairs


def _middle(one: list[tuple[str, ...]], two: list[tuple[str, ...]], start: int) -> list[Pair]:
    if not one or not two:
        opcodes = [("delete", 0, len(one), 0, 0), ("insert", 0, 0, 0, len(two))]
    else:
        import difflib

        opcodes = difflib.SequenceMatcher(None, one, two, autojunk=len(one) > 2000).get_opcodes()
    pairs: list[Pair] = []
    for kind, a, a_end, b, b_end in opcodes:
        if kind == "equal":
            pairs += zip(range(a, a_end), range(b, b_end))
        elif kind == "replace":
            pairs += _replaced(range(a, a_end), range(b, b_end), one, two)
        else:
            pairs += [(index, None) for index in range(a, a_end)]
            pairs += [(None, index) for index in range(b, b_end)]
    return [(None if a is None else a + start, None if b is None else b + start) for a, b in pairs]


def _replaced(a: range, b: range, one: list[tuple[str, ...]], two: list[tuple[str, ...]]) -> list[Pair]:
    """Tasks in the same place that do not do the same: a pair where at least half of what they do agrees."""
    pairs: list[Pair] = []
    for index_a, index_b in zip(a, b):
        alike = sum(x == y for x, y in zip(one[index_a], two[index_b]))
        pairs += [(index_a, index_b)] if 2 * alike >= len(one[index_a]) else [(index_a, None), (None, index_b)]
    pairs += [(index, None) for index in a[len(b) :]]
    return pairs + [(None, index) for index in b[len(a) :]]
