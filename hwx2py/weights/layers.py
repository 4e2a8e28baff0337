"""Layers of a network that a compiler has split into several tasks, by blocks of their output channels."""

import itertools
from collections.abc import Iterator, Sequence

from ..operations import Neural, Planar, Result

#: What a block of a layer begins with and ends before: byte offsets of its result.
Extent = tuple[int, int]


def layers(operations: Sequence[Neural | Planar]) -> Iterator[tuple[int, ...]]:
    """The tasks of each layer, in the order of their output channels.

    Neighbouring convolutions are one layer where they read the same source and their results lie side by side, as in
    decoded programs of compiler 9.509 (1024 > 640: 512 and 128 channels). The order is that of the results' places;
    programs begin with the highest block as well as with the lowest.

    Args:
        operations: what the tasks do.
    """
    block: list[int] = []
    for index, operation in enumerate(operations):
        if block and not _belong_together(operations[block[-1]], operation):
            yield from _in_order(operations, block)
            block = []
        block.append(index)
    if block:
        yield from _in_order(operations, block)


def _in_order(operations: Sequence[Neural | Planar], block: list[int]) -> Iterator[tuple[int, ...]]:
    """A layer of these tasks, or each of them by itself where their results do not lie side by side."""
    if len(block) == 1:
        yield (block[0],)
        return
    extents = sorted((_extent(operations[index]), index) for index in block)
    if all(one[1] == two[0] for (one, _), (two, _) in itertools.pairwise(extents)):
        yield tuple(index for _, index in extents)
    else:
        yield from ((index,) for index in block)


def _belong_together(one: Neural | Planar, two: Neural | Planar) -> bool:
    """Whether two tasks may be blocks of one layer."""
    return isinstance(one, Neural) and isinstance(two, Neural) and _likeness(one) == _likeness(two) is not None


def _likeness(task: Neural) -> tuple[object, ...] | None:
    """What blocks of a layer have in common; None for a task that is no such block."""
    kernel = task.kernel
    if kernel is None or kernel.from_task is not None or task.unicast is not None or task.source.shape.groups > 1:
        return None
    step = _channel_step(task.result)
    if not step:
        return None
    return (
        task.source,
        task.window,
        task.last,
        kernel.bar,
        kernel.bias_row,
        kernel.zero_skipping,
        *_place(task.result),
    )


def _place(result: Result) -> tuple[object, ...]:
    """Where a result goes, but for its first byte and its channels."""
    memory, l2 = result.memory, result.l2
    return (
        result.exchanged,
        result.element,
        result.shape._replace(channels=0),
        memory and (memory.bar, memory.enabled, memory.strides, memory.interleave),
        l2 and l2.strides,
    )


def _channel_step(result: Result) -> int:
    """Bytes from one output channel to the next; 0 where channels do not lie one after another."""
    where = result.memory or result.l2
    if where is None or (result.memory and result.memory.interleave > 1):
        return 0
    return result.element.size_bytes if result.exchanged else where.strides.channel


def _extent(operation: Neural | Planar) -> Extent:
    """Where the channels of a result begin and end, as if they lay alone."""
    result = operation.result
    where = result.memory or result.l2
    start = 0 if where is None else where.base_bytes
    return start, start + result.shape.channels * _channel_step(result)
