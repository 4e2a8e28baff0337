"""Weights into the chunks that engines fetch, by slices of memory."""

from collections.abc import Sequence
from itertools import accumulate
from typing import NamedTuple

from ..errors import UsageError
from ..operations.tables import TABLE_BYTES
from . import zero_skipping
from .halves import HALF_BYTES, Halves, halves, optional_halves, weights_of
from .planes import NOTHING, Layout, Plane


class Chunk(NamedTuple):
    """What kernel DMA fetches for an engine.

    Attributes:
        engine: its number.
        base_bytes: from the start of the coefficients.
        size_bytes: 0 for an engine that has nothing to fetch: its channel stays off.
    """

    engine: int
    base_bytes: int
    size_bytes: int


class Coefficients(NamedTuple):
    """A kernel as a program keeps it.

    Attributes:
        data: the chunks, one after another; each begins at a multiple of 64 bytes.
        chunks: one for each engine that works.
    """

    data: bytes
    chunks: tuple[Chunk, ...]


def pack(
    layout: Layout, weights: Halves, bias: Halves | None = None, table: Halves | None = None, by_input: bool = False
) -> Coefficients:
    """The coefficients of a kernel.

    Args:
        layout: where everything lies.
        weights: float16 in the order output channel (of all groups), input channel, kernel row, kernel column.
        bias: float16, one for each output channel; needed where the form has a row of biases, and only there.
        table: 128 bytes of a lookup table; needed where the form has one in front of every chunk, and only there.
        by_input: the weights of a 1 x 1 kernel are in the order input channel, output channel: the matrix K x N of
            a product.

    Raises:
        UsageError: something is missing, too much, or has another size than the form.
    """
    form = layout.form
    numbers = halves("weights", weights, form.channels * form.weights)
    if by_input and (form.height, form.width, form.groups) != (1, 1, 1):
        raise UsageError("only a 1 x 1 kernel of one group is a matrix of inputs and outputs")
    biases = optional_halves("bias", bias, form.bias_row, form.channels)
    front = optional_halves("table", table, form.table_in_front, TABLE_BYTES // HALF_BYTES)
    begin = front.tobytes() if front is not None else b""
    if form.zero_skipping:
        return _back_to_back(zero_skipping.pack(form, numbers, biases, begin, by_input))
    chunks = [bytearray(begin.ljust(size, b"\0")) if size else bytearray() for size in layout.chunk_bytes]
    rooms = [memoryview(chunk).cast("H") for chunk in chunks]
    for plane in layout.planes:
        start = plane.offset_bytes // HALF_BYTES
        room = rooms[plane.engine][start : start + layout.plane_bytes(plane) // HALF_BYTES]
        for lane, channel in enumerate(range(plane.first, plane.first + plane.channels)):
            own = weights_of(form, numbers, channel, by_input)
            _fill(layout, plane, lane, room, own, None if biases is None else biases[channel])
    return _back_to_back(chunks)


def _back_to_back(chunks: Sequence[bytes | bytearray]) -> Coefficients:
    sizes = tuple(map(len, chunks))
    starts = accumulate(sizes, initial=0)
    return Coefficients(b"".join(chunks), tuple(Chunk(*one) for one in zip(range(len(sizes)), starts, sizes)))


def _fill(layout: Layout, plane: Plane, lane: int, room: memoryview, weights: memoryview, bias: int | None) -> None:
    """Puts a channel into its plane."""
    if layout.slots:
        rows = [*([] if bias is None else [bias]), *weights]
        for place, row in enumerate(layout.slots):
            if row != NOTHING:
                room[place] = rows[row]
        return
    if bias is not None:
        room[lane] = bias
        room = room[plane.lanes :]
    room[lane :: plane.lanes] = weights
