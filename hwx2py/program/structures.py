"""The structure of tasks, which is where their records lie: programs have few, so what follows from one is kept."""

import functools
from typing import NamedTuple

from .task import Record, Task


class Structures:
    """The structures of tasks that were taken apart: long programs have few, and tasks that are alike share records."""

    def __init__(self) -> None:
        self._latest: dict[tuple[int, int, int], Task] = {}

    def find(self, words: memoryview, header: int) -> tuple[Record, ...] | None:
        """The records of a task that has the same ones as a known task: the same size, and the same record headers.

        Args:
            words: its words.
            header: how many of them are its header.
        """
        task = self._latest.get((len(words), header, words[header])) if header < len(words) else None
        if task is None or any(words[record.index] != task.words[record.index] for record in task.records):
            return None
        return task.records

    def add(self, task: Task) -> None:
        """Remembers a task."""
        if task.records:
            self._latest[len(task.words), task.header_words, task.words[task.header_words]] = task


class Places(NamedTuple):
    """Where a task's values go.

    Attributes:
        addresses: the byte addresses that the task writes, in stream order.
        are_values: for each of its words whether it is the value for the next address.
    """

    addresses: tuple[int, ...]
    are_values: tuple[bool, ...]


#: Structures for which this is kept: most programs have a few dozen.
MOST_KEPT = 1024


@functools.lru_cache(MOST_KEPT)
def places(records: tuple[Record, ...]) -> Places:
    """Where the values of a task with such records go."""
    are_values: list[bool] = []
    for record in records:
        are_values += [False] * (record.index + 1 - len(are_values)) + [True] * record.count
    addresses = tuple(address for record in records for address in record.addresses())
    return Places(addresses, tuple(are_values))
