"""Other values in the place of a logical array; no byte changes that the array does not own."""

from collections.abc import Mapping, Sequence

import numpy as np

from ..emulator import arrays as arrays_of
from ..errors import UnsupportedError, UsageError
from ..operations.tables import PLACES, SYMMETRIES, TABLE_BYTES, parse
from ..packing.zero_skipping import MAGNITUDE
from ..program.program import Program
from ..program.task import words_of
from .finding import find
from .logical import AT_A_TIME, FLOAT16, HALF_BYTES, NOT_STORED, TEXT, LogicalArray, Places, content, gathered

KNOWN_MODES = (
    f"a mode is 16 times the symmetry ({', '.join(map(str, SYMMETRIES))}) and how an argument finds its place "
    f"({', '.join(map(str, PLACES))})"
)


def replace(program: Program, arrays: Sequence[LogicalArray], name: str, new: object) -> Program:
    """The program with other values in one of its arrays.

    Args:
        program: the program.
        arrays: all its arrays, as `find` gives them.
        name: the array to set.
        new: the values: the array's shape, and numbers that its type holds.

    Raises:
        UsageError: no array has that name, or the values do not fit.
        UnsupportedError: the program keeps the array in a way that cannot take the values.
    """
    if any(array.repack for array in arrays):  # their places depend on what the program holds by now
        known = {array.name for array in arrays}
        arrays = [array for array in find(program).arrays if array.name in known]
    array = next((array for array in arrays if array.name == name), None)
    if array is None:
        names = ", ".join(array.name for array in arrays) or "none"
        raise UsageError(f"there is no array {name}", hint=f"there are: {names}")
    if array.fixed:
        raise UnsupportedError(f"{name} cannot be set: {array.fixed}")
    bits = arrays_of.fitting(name, new, array.dtype, array.shape).view(np.uint16)
    places = array.places()
    data = np.frombuffer(content(program, array), np.uint8).copy()
    chunks: Mapping[int, bytes] = {}
    if ((places.offsets == NOT_STORED) & (bits & MAGNITUDE != 0)).any():
        chunks = _repacked(array, bits, data)
    _check_alone(arrays, array, places, bits, data, chunks)
    for start, chunk in chunks.items():
        data[start : start + len(chunk)] = np.frombuffer(chunk, np.uint8)
    if not chunks:
        offsets, flat = places.offsets.reshape(-1), bits.reshape(-1)
        for start in range(0, len(flat), AT_A_TIME):
            some = slice(start, start + AT_A_TIME)
            stored = offsets[some] != NOT_STORED
            _scatter(data, offsets[some][stored], flat[some][stored])
        _scatter(data, places.copies[:, 1], flat[places.copies[:, 0]])
    _check_table(array, data)
    data.flags.writeable = False
    return _with_content(program, array, data.data)


def rounded(values: np.ndarray) -> tuple[np.ndarray, str]:
    """Values to the nearest float16, and what was lost, in words; where one is out of range, as they are.

    Args:
        values: the values, of any type.
    """
    new = arrays_of.rounded(values, FLOAT16)
    if new is values:
        return new, ""
    finite = np.isfinite(values)
    moved = np.abs(new[finite].astype(float) - values[finite])
    count = int(np.count_nonzero(moved))
    return new, f"{count} of {values.size} values rounded, by at most {float(moved.max()):.3g}" if count else ""


def _repacked(array: LogicalArray, bits: np.ndarray, data: np.ndarray) -> Mapping[int, bytes]:
    """The chunks of a kernel that is kept without its zeros, where an element has no place yet."""
    if array.repack is None:
        raise UnsupportedError(f"{array.name} is kept without its zeros, and they cannot be moved")
    try:
        return array.repack(data.data, bits)
    except UnsupportedError as error:
        raise UnsupportedError(f"{array.name}: {error.what}", hint=error.hint) from error


def _check_table(array: LogicalArray, data: np.ndarray) -> None:
    """A table must be one whose mode is known."""
    if array.table_start is None:
        return
    curve = parse(data[array.table_start : array.table_start + TABLE_BYTES].tobytes())
    if not curve.is_known:
        raise UsageError(f"{array.name}: no table of mode {curve.mode:#x} is known", hint=KNOWN_MODES)


def _scatter(data: np.ndarray, offsets: np.ndarray, bits: np.ndarray) -> None:
    data[offsets], data[offsets + 1] = bits & 0xFF, bits >> 8


def _check_alone(
    arrays: Sequence[LogicalArray],
    array: LogicalArray,
    places: Places,
    bits: np.ndarray,
    data: np.ndarray,
    chunks: Mapping[int, bytes],
) -> None:
    """Refuses to change bytes that another array keeps too."""
    others = [other for other in arrays if other.name != array.name and other.buffer == array.buffer]
    if not others:
        return
    mine = np.zeros(len(data), bool)
    for start, chunk in chunks.items():
        mine[start : start + len(chunk)] = True
    if not chunks:
        changed = (gathered(data, places) != bits) & (places.offsets != NOT_STORED)
        for byte in range(HALF_BYTES):
            mine[places.offsets[changed] + byte] = True
    if not mine.any():
        return
    for other in others:
        if chunks and not set(other.tasks).isdisjoint(array.tasks):
            continue  # its bias, or its table, which are packed again with it
        theirs = other.places()
        for offsets in (theirs.offsets[theirs.offsets != NOT_STORED], theirs.copies[:, 1]):
            if mine[offsets].any():
                raise UnsupportedError(
                    f"{array.name} shares bytes with {other.name}, which would change too",
                    hint="set the arrays of a program in which each has its own",
                )


def _with_content(program: Program, array: LogicalArray, data: memoryview) -> Program:
    """The program with other bytes in the buffer of an array."""
    if array.buffer == TEXT:
        tasks = []
        for index, task in enumerate(program.tasks):
            words = words_of(data[task.offset : task.end])
            tasks.append(task._replace(words=words) if index in array.tasks else task)
        return program.with_tasks(tasks)
    if any(kernel.bar == array.bar for kernel in program.kernels):
        kernels = (k._replace(data=data) if k.bar == array.bar else k for k in program.kernels)
        return program._replace(kernels=tuple(kernels))
    return program._replace(const=data)
