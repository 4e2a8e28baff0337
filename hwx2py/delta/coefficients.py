"""Where the coefficients of two programs differ: by engine where tasks say what lies there."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from ..operations import Operation
from ..operations.coefficients import fetches
from ..program.program import Program
from .comparison import Change


class ProgramSide(NamedTuple):
    """One of the two programs, and what its tasks do."""

    program: Program
    operations: Sequence[Operation]


def compare(a: ProgramSide, b: ProgramSide) -> tuple[Change, ...]:
    """The differences, all of which compute."""
    one, two = _buffers(a.program), _buffers(b.program)
    found = []
    for name in dict.fromkeys([*one, *two]):
        if name not in one or name not in two:
            old, new = (f"{len(side[name])} bytes" if name in side else None for side in (one, two))
            found.append(Change(name, old, new))
        elif not _are_equal(one[name], two[name]):
            found += _contents(name, one[name], two[name], a, b)
    return tuple(found)


def _buffers(program: Program) -> dict[str, memoryview]:
    """Coefficient buffers by name; those that hold nothing are left out."""
    buffers = {"const": program.const} | {kernel.name: kernel.data for kernel in program.kernels}
    return {name: data for name, data in buffers.items() if len(data)}


#: Bytes that are compared at a time.
PIECE_BYTES = 1 << 20


def _are_equal(one: memoryview, two: memoryview) -> bool:
    """Whether two buffers hold the same; views are compared element by element, bytes at once."""
    if len(one) != len(two):
        return False
    places = range(0, len(one), PIECE_BYTES)
    return all(bytes(one[place : place + PIECE_BYTES]) == bytes(two[place : place + PIECE_BYTES]) for place in places)


def _contents(name: str, one: memoryview, two: memoryview, a: ProgramSide, b: ProgramSide) -> Iterator[Change]:
    import numpy as np

    if len(one) != len(two):
        yield Change(name, f"{len(one)} bytes", f"{len(two)} bytes")
    size = min(len(one), len(two))
    different = np.frombuffer(one[:size], np.uint8) != np.frombuffer(two[:size], np.uint8)
    told = np.zeros(size, bool)
    for side, whose in ((a, ""), (b, f" of {b.program.origin.name}")):
        for what, start, end in _fetched(name, side):
            count = int(np.count_nonzero(different[start:end]))
            if count and not (whose and told[start:end].all()):
                told[start:end] = True
                place = f"{name}, {what}{whose}"
                yield Change(place, f"{end - start} bytes from {start:#x}", f"{count} of them differ")
    rest = int(np.count_nonzero(different & ~told))
    if rest:
        first = int(np.flatnonzero(different & ~told)[0])
        yield Change(f"{name}, in no channel", f"from {first:#x}", f"{rest} bytes differ")


def _fetched(name: str, side: ProgramSide) -> Iterator[tuple[str, int, int]]:
    """What lies where in a buffer: (task and engine, start, end)."""
    names = side.program.buffer_names()
    for index, operation in enumerate(side.operations):
        for fetch in fetches(operation):
            if fetch.bar is not None and names.get(fetch.bar) == name:
                yield f"task {index} {fetch.what}", fetch.start_bytes, fetch.end_bytes
