"""Other values in the place of a logical array; no byte changes that the array does not own."""

from collections.abc import Sequence

import numpy as np

from ..emulator.arrays import fitting
from ..errors import UnsupportedError, UsageError
from ..program.program import Program
from ..program.task import words_of
from .logical import AT_A_TIME, DTYPE, HALF_BYTES, NOT_STORED, TEXT, LogicalArray, Places, content, gathered


def replace(program: Program, arrays: Sequence[LogicalArray], name: str, new: object) -> Program:
    """The program with other values in one of its arrays.

    Args:
        program: the program.
        arrays: all its arrays, as `find` gives them.
        name: the array to set.
        new: the values: the array's shape, and numbers that float16 holds.

    Raises:
        UsageError: no array has that name, or the values do not fit.
        UnsupportedError: the program keeps the array in a way that cannot take the values.
    """
    array = next((array for array in arrays if array.name == name), None)
    if array is None:
        names = ", ".join(array.name for array in arrays) or "none"
        raise UsageError(f"there is no array {name}", hint=f"there are: {names}")
    if array.fixed:
        raise UnsupportedError(f"{name} cannot be set: {array.fixed}")
    bits = fitting(name, new, DTYPE, array.shape).view(np.uint16)
    places = array.places()
    data = np.frombuffer(content(program, array), np.uint8).copy()
    _check_stored(array, bits, places)
    _check_alone(arrays, array, places, bits, data)
    offsets, flat = places.offsets.reshape(-1), bits.reshape(-1)
    for start in range(0, len(flat), AT_A_TIME):
        some = slice(start, start + AT_A_TIME)
        stored = offsets[some] != NOT_STORED
        _scatter(data, offsets[some][stored], flat[some][stored])
    _scatter(data, places.copies[:, 1], flat[places.copies[:, 0]])
    data.flags.writeable = False
    return _with_content(program, array, data.data)


def _scatter(data: np.ndarray, offsets: np.ndarray, bits: np.ndarray) -> None:
    data[offsets], data[offsets + 1] = bits & 0xFF, bits >> 8


def _check_stored(array: LogicalArray, bits: np.ndarray, places: Places) -> None:
    """Where only elements other than 0 are stored, the zeros are part of the program."""
    lost = (places.offsets == NOT_STORED) & (bits & 0x7FFF != 0)
    if lost.any():
        place = tuple(int(axis) for axis in np.unravel_index(int(lost.argmax()), array.shape))
        raise UnsupportedError(
            f"{array.name} is kept without its zeros, and the one at {place} has no room for another value",
            hint="keep its zeros where they are",
        )


def _check_alone(
    arrays: Sequence[LogicalArray], array: LogicalArray, places: Places, bits: np.ndarray, data: np.ndarray
) -> None:
    """Refuses to change bytes that another array keeps too."""
    others = [other for other in arrays if other.name != array.name and other.buffer == array.buffer]
    if not others:
        return
    mine = np.zeros(len(data), bool)
    changed = (gathered(data, places).view(np.uint16) != bits) & (places.offsets != NOT_STORED)
    for byte in range(HALF_BYTES):
        mine[places.offsets[changed] + byte] = True
    if not mine.any():
        return
    for other in others:
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
