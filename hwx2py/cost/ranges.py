"""How long places in L2 and in the scratch memory are in use."""

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from ..operations import Element, InL2, Neural, Planar, Shape

Touch = tuple[int, int, int, bool]


class Range(NamedTuple):
    """A place in memory, from the task that writes it to the last one that reads it.

    Attributes:
        start, end: byte addresses; `end` is just behind.
        first_task: the task that writes it; for what is read and never written, the first that reads it.
        last_task: the last task that reads it before it is written again.
        is_written: False for what is read and never written.
    """

    start: int
    end: int
    first_task: int
    last_task: int
    is_written: bool


def touches(task: int, operation: Planar | Neural, l2_bytes: int) -> Iterator[Touch]:
    """(task, start, end, whether it writes) of each place in L2 that a task reads or writes, reads first.

    Args:
        task: its index.
        operation: what it does.
        l2_bytes: size of L2; a chained tensor may be larger, and is cut there.
    """
    for operand in operation.inputs:
        if isinstance(operand.where, InL2):
            shape = operand.stored
            yield _touch(task, operand.where, shape, operand.element, l2_bytes, False)
    for operand in operation.inputs:
        if operand.keeps and operand.stage:
            yield _touch(task, operand.stage, operand.shape, operand.element, l2_bytes, True)
    result = operation.result
    if result.l2:
        shape = result.stored
        yield _touch(task, result.l2, shape, result.element, l2_bytes, True)


def _touch(task: int, place: InL2, shape: Shape, element: Element, l2_bytes: int, writes: bool) -> Touch:
    strides = place.strides
    last = (
        (shape.groups - 1) * strides.group
        + (shape.channels - 1) * strides.channel
        + (shape.depth - 1) * strides.depth
        + (shape.height - 1) * strides.row
    )
    end = place.base_bytes + last + shape.width * element.size_bytes
    return task, place.base_bytes, max(min(end, l2_bytes), place.base_bytes), writes


def live_ranges(touched: Iterable[Touch]) -> tuple[Range, ...]:
    """The places that tasks touch, each from its writer to its last reader; in the order of their writers."""
    ranges: list[Range] = []
    live: list[int] = []
    for task, start, end, writes in touched:
        over = [number for number in live if ranges[number].start < end and start < ranges[number].end]
        if writes:
            live = [number for number in live if number not in over or ranges[number].first_task == task]
            live.append(len(ranges))
            ranges.append(Range(start, end, task, task, True))
        elif over:
            for number in over:
                ranges[number] = ranges[number]._replace(last_task=task)
        else:
            live.append(len(ranges))
            ranges.append(Range(start, end, task, task, False))
    return tuple(ranges)
