"""Where operations read and write, as spans of bytes, and who wrote which bytes last.

A span reaches from the first to the last byte of a tensor; what lies between its rows belongs to it too. That is
exact enough to tell who produced what: tensors that interleave still begin or end at different bytes.
"""

import bisect
from collections.abc import Hashable
from typing import Any, NamedTuple

from .coefficients import fetches
from .neural import Neural
from .operand import Dma, Element, InL2, Operand, Shape, Strides
from .planar import Planar

#: The memory that L2 is, beside the buffers.
L2_MEMORY = "L2"


class Span(NamedTuple):
    """Bytes of a memory.

    Attributes:
        memory: L2_MEMORY, or the BAR (slot) of a buffer; None for a buffer that the task does not enable.
        start: the first byte.
        end: behind the last byte.
    """

    memory: Hashable
    start: int
    end: int


def read(operand: Operand) -> Span:
    """What a task reads as a source."""
    return span(operand.where, operand.stored, operand.element)


def reads(operation: Planar | Neural) -> list[Span]:
    """What a task reads as data: a span for each source."""
    return [read(operand) for operand in operation.inputs]


def writes(operation: Planar | Neural) -> list[Span]:
    """What a task writes: the sources that it keeps in L2, then its result, which may both stay there and be stored."""
    result = operation.result
    stored = [span(result.memory, result.stored, result.element)] if result.memory else []
    return [*writes_in_l2(operation), *stored]


def writes_in_l2(operation: Planar | Neural) -> list[Span]:
    """What a task leaves in L2: the sources that it keeps there, then its result."""
    result = operation.result
    found = [
        span(operand.stage, operand.stored, operand.element)
        for operand in operation.inputs
        if operand.keeps and operand.stage
    ]
    return [*found, span(result.l2, result.stored, result.element)] if result.l2 else found


def coefficient_span(operation: Planar | Neural) -> Span | None:
    """What a task reads as coefficients, from the first to the last byte; None where it fetches none."""
    found = list(fetches(operation))
    if not found:
        return None
    ends = (max(fetch.end_bytes, fetch.start_bytes + 1) for fetch in found)
    return Span(found[0].bar, min(fetch.start_bytes for fetch in found), max(ends))


def span(where: Dma | InL2, stored: Shape, element: Element) -> Span:
    """The bytes from the first to the last element of a tensor.

    Args:
        where: the place of its first element, and its strides.
        stored: its sizes as they lie there.
        element: its format.
    """
    if isinstance(where, InL2):
        return _span(L2_MEMORY, where, stored, element, 1)
    return _span(where.bar if where.enabled else None, where, stored, element, where.interleave)


def _span(memory: Hashable, where: Dma | InL2, stored: Shape, element: Element, interleave: int) -> Span:
    return Span(memory, where.base_bytes, where.base_bytes + _reach(stored, where.strides, element, interleave))


def _reach(stored: Shape, strides: Strides, element: Element, interleave: int) -> int:
    """Bytes from the first element to behind the last."""
    groups, channels, depth, height, width = (max(size, 1) for size in stored)
    steps = (groups - 1, (channels - 1) // interleave, depth - 1, height - 1)
    distance = sum(step * stride for step, stride in zip(steps, strides))
    return distance + width * element.size_bytes * interleave


class Writers:
    """Who wrote the bytes of each memory last: disjoint spans in order, each with a writer."""

    def __init__(self) -> None:
        self._starts: dict[Hashable, list[int]] = {}
        self._spans: dict[Hashable, list[tuple[int, object]]] = {}

    def put(self, span: Span, writer: object) -> None:
        """The span now holds what this writer wrote."""
        starts, spans = self._starts.setdefault(span.memory, []), self._spans.setdefault(span.memory, [])
        first, last = self._overlapped(span)
        kept = []
        if first < last:
            if starts[first] < span.start:
                kept.append((starts[first], (span.start, spans[first][1])))
            kept.append((span.start, (span.end, writer)))
            end, owner = spans[last - 1]
            if end > span.end:
                kept.append((span.end, (end, owner)))
        else:
            kept.append((span.start, (span.end, writer)))
        starts[first:last] = [start for start, _ in kept]
        spans[first:last] = [rest for _, rest in kept]

    def of(self, span: Span) -> list[Any]:
        """Who wrote some byte of the span, in the order of the bytes, each once."""
        first, last = self._overlapped(span)
        return list(dict.fromkeys(writer for _, writer in self._spans.get(span.memory, ())[first:last]))

    def _overlapped(self, span: Span) -> tuple[int, int]:
        """Indexes of the known spans that share a byte with this one: first, and behind the last."""
        starts, spans = self._starts.get(span.memory, []), self._spans.get(span.memory, [])
        first = max(bisect.bisect_right(starts, span.start) - 1, 0)
        if first < len(starts) and spans[first][0] <= span.start:
            first += 1
        return first, max(bisect.bisect_left(starts, span.end), first)
