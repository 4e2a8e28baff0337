"""Which task of one program belongs to which of the other: by what they do, in order."""

from collections.abc import Hashable, Iterator, Mapping, Sequence
from typing import NamedTuple

Aspects = Mapping[str, Hashable]

#: More insertions and deletions than this are not looked for: what lies between equal ends is then paired by place.
MOST_EDITS = 1000
#: Similarities that are worth computing between tasks that were replaced by others.
MOST_PAIRS = 40_000


class Match(NamedTuple):
    """Indexes of two tasks that belong together."""

    a: int
    b: int


class Pair(NamedTuple):
    """Indexes of two tasks that belong together; None stands for a task that the other program does not have."""

    a: int | None
    b: int | None

    @property
    def match(self) -> Match | None:
        """The pair where both programs have the task."""
        return None if self.a is None or self.b is None else Match(self.a, self.b)


def align(a: Sequence[Aspects], b: Sequence[Aspects]) -> list[Pair]:
    """Pairs the tasks of two programs.

    Args:
        a: what each task of the first program does, by aspect (`operations.aspects`).
        b: the same for the second.

    Returns:
        Pairs in order: tasks that do the same, and between them those that are most alike.
    """
    numbers: dict[tuple[object, ...], int] = {}
    one, two = ([numbers.setdefault(tuple(task.items()), len(numbers)) for task in side] for side in (a, b))
    pairs: list[Pair] = []
    first, second = 0, 0
    for match_a, match_b in [*_matches(one, two), (len(one), len(two))]:
        pairs += _replaced(range(first, match_a), range(second, match_b), a, b)
        if match_a < len(one):
            pairs.append(Pair(match_a, match_b))
        first, second = match_a + 1, match_b + 1
    return pairs


def _matches(one: Sequence[int], two: Sequence[int]) -> Iterator[tuple[int, int]]:
    """Indexes of equal elements in order: equal ends first, then the fewest edits between them."""
    shorter = min(len(one), len(two))
    start = 0
    while start < shorter and one[start] == two[start]:
        start += 1
    end = 0
    while end < shorter - start and one[-1 - end] == two[-1 - end]:
        end += 1
    yield from ((index, index) for index in range(start))
    middle = _fewest_edits(one[start : len(one) - end], two[start : len(two) - end])
    yield from ((start + index_a, start + index_b) for index_a, index_b in middle)
    yield from ((len(one) - end + index, len(two) - end + index) for index in range(end))


def _fewest_edits(one: Sequence[int], two: Sequence[int]) -> list[tuple[int, int]]:
    """Myers' greedy algorithm: equal elements along a path with the fewest insertions and deletions.

    Source: E. W. Myers, An O(ND) Difference Algorithm and Its Variations, 1986.
    """
    furthest = {1: 0}
    history = []
    for edits in range(min(len(one) + len(two), MOST_EDITS) + 1):
        history.append(furthest)
        furthest = dict(furthest)
        for diagonal in range(-edits, edits + 1, 2):
            down = diagonal == -edits or (
                diagonal != edits and furthest.get(diagonal - 1, -1) < furthest.get(diagonal + 1, -1)
            )
            x = furthest[diagonal + 1] if down else furthest[diagonal - 1] + 1
            y = x - diagonal
            while x < len(one) and y < len(two) and one[x] == two[y]:
                x, y = x + 1, y + 1
            furthest[diagonal] = x
            if x >= len(one) and y >= len(two):
                return _path(history, len(one), len(two))
    return []


def _path(history: Sequence[Mapping[int, int]], x: int, y: int) -> list[tuple[int, int]]:
    """Walks back from the end; every diagonal step is a pair of equal elements."""
    found = []
    for edits in range(len(history) - 1, -1, -1):
        furthest, diagonal = history[edits], x - y
        down = diagonal == -edits or (
            diagonal != edits and furthest.get(diagonal - 1, -1) < furthest.get(diagonal + 1, -1)
        )
        before = diagonal + 1 if down else diagonal - 1
        from_x = furthest[before] if edits else 0
        from_y = from_x - before if edits else 0
        while x > from_x and y > from_y:
            x, y = x - 1, y - 1
            found.append((x, y))
        x, y = from_x, from_y
    return found[::-1]


def _replaced(a: range, b: range, tasks_a: Sequence[Aspects], tasks_b: Sequence[Aspects]) -> list[Pair]:
    """Tasks of which none does what another does: those that are alike become pairs, in order."""
    if not a or not b:
        alike = []
    elif len(a) * len(b) <= MOST_PAIRS:
        alike = _most_alike(a, b, tasks_a, tasks_b)
    else:
        alike = [pair for pair in zip(a, b) if _similarity(tasks_a[pair[0]], tasks_b[pair[1]])]
    pairs = []
    first, second = a.start, b.start
    for index_a, index_b in [*alike, (a.stop, b.stop)]:
        pairs += [Pair(index, None) for index in range(first, index_a)]
        pairs += [Pair(None, index) for index in range(second, index_b)]
        if index_a < a.stop:
            pairs.append(Pair(index_a, index_b))
        first, second = index_a + 1, index_b + 1
    return pairs


def _most_alike(a: range, b: range, tasks_a: Sequence[Aspects], tasks_b: Sequence[Aspects]) -> list[tuple[int, int]]:
    """The pairs in order whose similarities add up to the most."""
    scores = [[_similarity(tasks_a[index_a], tasks_b[index_b]) for index_b in b] for index_a in a]
    best = [[0.0] * (len(b) + 1) for _ in range(len(a) + 1)]
    for i in reversed(range(len(a))):
        for j in reversed(range(len(b))):
            paired = scores[i][j] + best[i + 1][j + 1] if scores[i][j] else 0.0
            best[i][j] = max(paired, best[i + 1][j], best[i][j + 1])
    found = []
    i = j = 0
    while i < len(a) and j < len(b):
        if scores[i][j] and best[i][j] == scores[i][j] + best[i + 1][j + 1]:
            found.append((a[i], b[j]))
            i, j = i + 1, j + 1
        elif best[i][j] == best[i + 1][j]:
            i += 1
        else:
            j += 1
    return found


def _similarity(a: Aspects, b: Aspects) -> float:
    """The part of their aspects that agrees; 0 where less than half does, or another engine works."""
    if a.get("engine") != b.get("engine"):
        return 0.0
    names = a.keys() | b.keys()
    alike = sum(name in a and name in b and a[name] == b[name] for name in names)
    return alike / len(names) if 2 * alike >= len(names) else 0.0
