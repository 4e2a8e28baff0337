"""Where a task reads and writes, as spans of bytes, and who wrote which bytes last.

A span reaches from the first to the last byte of a tensor; what lies between its rows belongs to it too. That is
exact enough to tell who produced what: tensors that interleave still begin or end at different bytes.
"""

import bisect
from collections.abc import Iterator
from typing import NamedTuple

from ..program.describe import Operation, is_planar, two_sources
from ..program.register_file import RegisterFile

#: The memory that L2 is, beside the buffers.
L2_MEMORY = "L2"

KEPT, STAYS_AND_STORED = 1, 1  # L2.SourceType and L2.ResultType
ONE_BYTE_FORMATS = (0, 1)


class Span(NamedTuple):
    """Bytes of a memory, which is L2 or a buffer by the name that `operation` gives it; `end` lies behind the last."""

    memory: str
    start: int
    end: int


class _Names(NamedTuple):
    """RegisterFile of a source or result: in memory and in L2, and what its size follows from."""

    tile: str
    base: str
    form: str
    l2: str
    element: str
    swapped: str


_SOURCES = (
    _Names("TileDMASrc.Src1", "TileDMASrc.Src1BaseAddr", "TileDMASrc.Src1Fmt", "L2.Source", "Common.InFmt",
           "Common.Src1Transpose"),
    _Names("TileDMASrc.Src2", "TileDMASrc.Src2BaseAddr", "TileDMASrc.Src2Fmt", "L2.Source2", "Common.Src2InFmt",
           "Common.Src2Transpose"),
)  # fmt: skip
_RESULT = _Names("TileDMADst.", "TileDMADst.BaseAddr", "TileDMADst.Fmt", "L2.Result", "Common.OutFmt", "")


def reads(registers: RegisterFile, described: Operation) -> list[Span]:
    """What the task reads as data: a span for each source.

    Args:
        registers: the register file while the task runs.
        described: its operation, with names that tell buffers apart.
    """
    return [
        _span(registers, names, place, _source_sizes(registers, number))
        for number, (names, place) in enumerate(zip(_SOURCES, described.sources))
    ]


def writes(registers: RegisterFile, described: Operation) -> list[Span]:
    """What the task writes: the sources it keeps in L2, then its result, which may both stay in L2 and be stored."""
    found = []
    kinds = ["L2.SourceCfg.SourceType", *(["L2.Source2Cfg.SourceType"] if two_sources(registers) else [])]
    for number, kind in enumerate(kinds):
        if registers.get(kind) == KEPT:
            names = _SOURCES[number]
            found.append(_span(registers, names, _l2_place(registers, names), _source_sizes(registers, number)))
    sizes = _result_sizes(registers)
    result = _span(registers, _RESULT, described.result, sizes)
    if registers.get("L2.ResultType") == STAYS_AND_STORED and result.memory != L2_MEMORY:
        found.append(_span(registers, _RESULT, _l2_place(registers, _RESULT), sizes))
    return [*found, result]


def coefficients(registers: RegisterFile, described: Operation) -> Span:
    """What the task reads as coefficients: from the first to the last byte of all channels."""
    spans = list(_channels(registers)) or [(0, 1)]
    return Span(described.coefficients, min(start for start, _ in spans), max(end for _, end in spans))


def _channels(registers: RegisterFile) -> Iterator[tuple[int, int]]:
    register = registers.arch.register("KernelDMASrc.CoeffBaseAddr")
    for index in range(register.count if register else 0):
        start = registers.word("KernelDMASrc.CoeffBaseAddr", index) or 0
        size = registers.word("KernelDMASrc.CoeffBfrSize", index) or 0
        if size:
            yield start, start + size


def _l2_place(registers: RegisterFile, names: _Names) -> str:
    """A place in L2 as `operation` writes it."""
    return f"L2[{registers.word(f'{names.l2}Base') or 0:#x}]"


def _span(registers: RegisterFile, names: _Names, place: str, sizes: tuple[int, ...]) -> Span:
    element = 1 if registers.number(names.element) in ONE_BYTE_FORMATS else 2
    if place == _l2_place(registers, names):
        start = registers.word(f"{names.l2}Base") or 0
        strides = [registers.get(f"{names.l2}{of}Stride.Stride") for of in ("Group", "Channel", "Row")]
        return Span(L2_MEMORY, start, start + _reach(sizes, strides, element, 1))
    start = registers.get(f"{names.base}.Addr")
    strides = [registers.get(f"{names.tile}{of}Stride.Stride") for of in ("Group", "Plane", "Row")]
    interleave = registers.get(f"{names.form}.Interleave") or 1
    return Span(place, start, start + _reach(sizes, strides, element, interleave))


def _reach(sizes: tuple[int, ...], strides: list[int], element: int, interleave: int) -> int:
    """Bytes from the first to the last of a tensor of (groups, channels, height, width)."""
    groups, channels, height, width = (max(size, 1) for size in sizes)
    steps = groups - 1, (channels - 1) // interleave, height - 1
    return sum(step * stride for step, stride in zip(steps, strides)) + width * element * interleave


def _sizes(registers: RegisterFile, names: tuple[str, ...], swapped: bool) -> tuple[int, ...]:
    groups, channels, height, width = (registers.get(f"Common.{name}", 1) for name in ("NumGroups", *names))
    return (groups, width, height, channels) if swapped else (groups, channels, height, width)


def _source_sizes(registers: RegisterFile, number: int) -> tuple[int, ...]:
    """Sizes of a source as it is stored. The planar engine stretches sources along axes; there they have one."""
    if not is_planar(registers):
        return _sizes(registers, ("Cin", "Hin", "Win"), False)
    names = ("Cin", "Hin", "Win") if number == 0 else ("Cout", "Hout", "Wout")
    groups, *axes = _sizes(registers, names, False)
    stretched = (registers.get(f"Common.Src{number + 1}Broadcast{axis}") for axis in "CHW")
    channels, height, width = (1 if one else size for one, size in zip(stretched, axes))
    if registers.get(_SOURCES[number].swapped):
        channels, width = width, channels
    return groups, channels, height, width


def _result_sizes(registers: RegisterFile) -> tuple[int, ...]:
    swapped = registers.get("Common.OutputTranspose" if is_planar(registers) else "Common.OutTrans")
    return _sizes(registers, ("Cout", "Hout", "Wout"), bool(swapped))


class Writers:
    """Who wrote the bytes of each memory last: disjoint spans in order, each with a writer."""

    def __init__(self) -> None:
        self._starts: dict[str, list[int]] = {}
        self._spans: dict[str, list[tuple[int, object]]] = {}

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

    def of(self, span: Span) -> list:
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
