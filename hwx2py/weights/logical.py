"""What a logical array is: a name, a shape, and for every element the place where a program keeps it."""

from collections.abc import Callable, Mapping
from typing import NamedTuple

import numpy as np

from ..errors import UsageError
from ..operations import Names
from ..operations.tables import TABLE_BYTES, Curve, parse
from ..program.program import Program

#: NumPy's name of the type of most arrays: weights of other formats are refused by the readers of operations.
FLOAT16 = "float16"
HALF_BYTES = 2
#: What the text, in which registers lie, is called.
TEXT = "text"
#: Elements that are looked up at a time.
AT_A_TIME = 1 << 20
#: Offset of an element that is not stored: kernels without zeros leave them out.
NOT_STORED = -1


class Places(NamedTuple):
    """Where the elements of an array lie.

    Attributes:
        offsets: byte offset in the buffer of every element, int32 or int64 of the array's shape; `NOT_STORED` for a
            zero that has no place.
        copies: further places of elements, int64 (n, 2): index into the flat array, byte offset.
    """

    offsets: np.ndarray
    copies: np.ndarray = np.empty((0, 2), np.int64)


class LogicalArray(NamedTuple):
    """An array of a network, as a program keeps it.

    Attributes:
        name: such as "conv.weight"; with the task in front where several tasks have arrays.
        kind: "conv" (O, I, H, W), "matmul" (K, N), "bias", "scale", "table" (samples) or "constant"; "table_limits",
            "table_outside", "table_lines", "table_shift" and "table_mode" for the rest of a table.
        shape: its shape.
        tasks: the tasks that use it.
        buffer: name of the buffer that it lies in: "const", a kernel segment, or "text" for values in registers.
        bar: the BAR (slot) of that buffer.
        places: where its elements lie; worked out when asked for.
        about: more that is known of it, ready for JSON.
        fixed: why it cannot be set; empty where it can.
        dtype: NumPy's name of its type, of two bytes.
        table_start: where the lookup table lies that it is part of; None for other arrays.
        repack: for kernels without their zeros: the buffer's content and the halfwords of the new weights -> the bytes
            of the chunks that hold them, by their offsets.
    """

    name: str
    kind: str
    shape: tuple[int, ...]
    tasks: tuple[int, ...]
    buffer: str
    bar: int
    places: Callable[[], Places]
    about: Mapping[str, object] = {}
    fixed: str = ""
    dtype: str = FLOAT16
    table_start: int | None = None
    repack: Callable[[memoryview, np.ndarray], Mapping[int, bytes]] | None = None


def content(program: Program, array: LogicalArray) -> bytes | memoryview:
    """The bytes of the buffer that an array lies in."""
    return program.text.to_bytes() if array.buffer == TEXT else Names.of(program).coefficients[array.bar]


def values(program: Program, array: LogicalArray) -> np.ndarray:
    """An array's elements, of its type and shape.

    Args:
        program: the program.
        array: one of its arrays.
    """
    return gathered(np.frombuffer(content(program, array), np.uint8), array.places()).view(array.dtype)


def table_of(program: Program, array: LogicalArray) -> Curve:
    """The lookup table that an array is part of."""
    if array.table_start is None:
        raise UsageError(f"{array.name} is not part of a lookup table")
    return parse(content(program, array)[array.table_start : array.table_start + TABLE_BYTES])


def gathered(data: np.ndarray, places: Places) -> np.ndarray:
    """Halfwords of elements from their places, uint16.

    Args:
        data: the buffer, uint8.
        places: where they lie.
    """
    bits = np.empty(places.offsets.shape, np.uint16)
    flat, offsets = bits.reshape(-1), places.offsets.reshape(-1)
    for start in range(0, len(flat), AT_A_TIME):
        some = offsets[start : start + AT_A_TIME]
        halves = data[some] | data[some + 1].astype(np.uint16) << 8
        halves[some == NOT_STORED] = 0
        flat[start : start + AT_A_TIME] = halves
    return bits
