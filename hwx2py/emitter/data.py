"""Coefficients as parts: long runs of zeros by their length, the rest as one block of data."""

from collections.abc import Iterator
from typing import NamedTuple

from ..program.program import Program

#: Data up to this size is part of the script; more goes into a file beside it.
INLINE_BYTES = 64 * 1024

#: Shortest run of zeros stored as a length, and from a thousandth of the coefficients on, whichever is more.
SHORTEST_RUN = 64
MOST_RUNS = 1024


class Part(NamedTuple):
    """A run of zeros, or bytes of data."""

    kind: str
    content: memoryview

    @property
    def size(self) -> int:
        """Bytes."""
        return len(self.content)


class Coefficients(NamedTuple):
    """All coefficients of a program.

    Attributes:
        parts: parts of each buffer, by its name; "const" is the section that follows the text.
    """

    parts: dict[str, list[Part]]

    def data(self) -> list[memoryview]:
        """The data of all parts, in order."""
        return [part.content for parts in self.parts.values() for part in parts if part.kind == "data"]

    @property
    def data_bytes(self) -> int:
        """Bytes of data."""
        return sum(len(piece) for piece in self.data())


def split(program: Program) -> Coefficients:
    """A program's coefficients in parts."""
    buffers = {"const": program.const} if len(program.const) else {}
    buffers |= {kernel.name: kernel.data for kernel in program.kernels}
    return Coefficients({name: _parts(content) for name, content in buffers.items()})


def _parts(content: memoryview) -> list[Part]:
    """Content as parts in order; nothing is copied."""
    shortest = max(SHORTEST_RUN, len(content) // MOST_RUNS)
    parts, position = [], 0
    for start, end in _zero_runs(content, shortest):
        if start > position:
            parts.append(Part("data", content[position:start]))
        parts.append(Part("zeros", content[start:end]))
        position = end
    if position < len(content):
        parts.append(Part("data", content[position:]))
    return parts


def _zero_runs(content: memoryview, shortest: int) -> Iterator[tuple[int, int]]:
    """(start, end) of every run of at least `shortest` zeros.

    Such a run holds a multiple of its shortest length, so a byte in each such distance is all that is looked at.
    """
    end = 0
    for probe in range(0, len(content), shortest):
        if probe < end or content[probe]:
            continue
        before = bytes(content[max(end, probe - shortest) : probe])
        start = probe - len(before) + len(before.rstrip(b"\0"))
        end = probe
        while end < len(content):
            piece = bytes(content[end : end + shortest])
            zeros = len(piece) - len(piece.lstrip(b"\0"))
            end += zeros
            if zeros < len(piece):
                break
        if end - start >= shortest:
            yield start, end
