"""Weights and biases of a convolution at their places in the coefficients."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from .. import packing
from ..operations import Convolution, Neural
from ..operations.tables import TABLE_BYTES
from ..packing import zero_skipping
from ..packing.fetched import unknown
from ..packing.planes import NOTHING
from .logical import HALF_BYTES, NOT_STORED, LogicalArray, Places, gathered


class _Rows(NamedTuple):
    """Bias and weights of every output channel.

    Attributes:
        offsets: int32 or int64 (output channels, [bias] and weights), byte offsets in the buffer, or `NOT_STORED`.
        copies: (output channel, row, byte offset) of places that hold an element once more.
    """

    offsets: np.ndarray
    copies: list[tuple[int, int, int]]


def owner_of(operation: Neural) -> str:
    """What a kernel belongs to: "matmul" where a 1 x 1 kernel works on rows of its input, else "conv".

    Observed in programs of compiler 9.509: a product exchanges channels and columns on the way out.
    """
    window, shape = operation.window, operation.source.shape
    plain = (window.height, window.width, window.step_y, window.step_x, window.columns) == (1, 1, 1, 1, 1)
    rows = operation.result.exchanged and operation.unicast is None and (shape.groups, shape.height) == (1, 1)
    return "matmul" if plain and rows else "conv"


def kernel_arrays(
    index: int, operation: Convolution, bar: int, buffer: str, data: memoryview
) -> tuple[LogicalArray, ...]:
    """The arrays of a kernel, named "conv.weight" and the like.

    Args:
        index: the task's index.
        operation: the task.
        bar: the BAR (slot) of the buffer of coefficients that its kernel lies in.
        buffer: the buffer's name.
        data: its content.

    Raises:
        packing.Misfit: the sizes of the fetches go with no packing that is known.
        zero_skipping.Unreadable: a kernel without zeros does not follow the packing that is known, or lies outside.
    """
    kernel, owner = operation.kernel, owner_of(operation)
    rows = _stored_rows(operation, data) if kernel.zero_skipping else _dense_rows(operation, len(data))
    form = packing.form_of(operation)
    outputs, inputs = form.channels, form.inputs
    is_product = owner == "matmul"
    weight = LogicalArray(
        name=f"{owner}.weight",
        kind=owner,
        shape=(inputs, outputs) if is_product else (outputs, inputs, operation.window.height, operation.window.width),
        tasks=(index,),
        buffer=buffer,
        bar=bar,
        places=lambda: _weight_places(rows(), kernel.bias_row, array_shape, is_product),
        repack=(lambda data, bits: _repacked(operation, data, bits)) if kernel.zero_skipping else None,
    )
    array_shape = weight.shape
    if not kernel.bias_row:
        return (weight,)
    bias = weight._replace(
        name=f"{owner}.bias", kind="bias", shape=(outputs,), places=lambda: _bias_places(rows()), repack=None
    )
    return weight, bias


def _weight_places(rows: _Rows, bias_row: bool, shape: tuple[int, ...], is_product: bool) -> Places:
    offsets = rows.offsets[:, int(bias_row) :]
    count = offsets.shape[1]
    copies = [(channel * count + row - bias_row, offset) for channel, row, offset in rows.copies if row >= bias_row]
    return Places(np.ascontiguousarray(offsets.T) if is_product else offsets.reshape(shape), _pairs(copies))


def _bias_places(rows: _Rows) -> Places:
    return Places(rows.offsets[:, 0], _pairs([(channel, offset) for channel, row, offset in rows.copies if row == 0]))


def _pairs(copies: list[tuple[int, int]]) -> np.ndarray:
    return np.array(copies, np.int64).reshape(-1, 2)


def _dense_rows(operation: Convolution, size_bytes: int) -> Callable[[], _Rows]:
    layout, kernel = packing.layout_of(operation), operation.kernel
    starts = [
        kernel.base_bytes + kernel.channels[plane.engine].base_bytes + plane.offset_bytes for plane in layout.planes
    ]
    for start, plane in zip(starts, layout.planes):
        if start + layout.plane_bytes(plane) > size_bytes:
            raise unknown(kernel.channels[plane.engine])

    def rows() -> _Rows:
        dtype = np.int32 if size_bytes < 1 << 31 else np.int64
        offsets = np.empty((layout.form.channels, layout.form.rows), dtype)
        copies = []
        for start, plane in zip(starts, layout.planes):
            if not layout.slots:
                halfwords = np.arange(layout.form.rows * plane.lanes).reshape(-1, plane.lanes)[:, : plane.channels]
                offsets[plane.first : plane.first + plane.channels] = start + HALF_BYTES * halfwords.T
                continue
            seen = set()
            for place, row in enumerate(layout.slots):
                if row == NOTHING:
                    continue
                if row in seen:
                    copies.append((plane.first, row, start + HALF_BYTES * place))
                else:
                    offsets[plane.first, row] = start + HALF_BYTES * place
                seen.add(row)
        return _Rows(offsets, copies)

    return rows


def _stored_rows(operation: Convolution, data: memoryview) -> Callable[[], _Rows]:
    """Those of a kernel without its zeros."""
    form, kernel = packing.form_of(operation), operation.kernel
    if form.outputs * form.rows > 8 * len(data):  # each weight has a bit in a mask at least
        raise zero_skipping.Unreadable
    offsets = np.full((form.outputs, form.rows), NOT_STORED, np.int64)
    for channel in kernel.channels:
        if not zero_skipping.firsts(form, channel.engine):
            continue
        start = kernel.base_bytes + channel.base_bytes
        found = zero_skipping.places(form, channel.engine, data[start : start + channel.size_bytes])
        for output, places in found.rows.items():
            row = np.array(places)
            offsets[output] = np.where(row < 0, NOT_STORED, row + start)
    if np.max(offsets, initial=0) + HALF_BYTES > len(data):
        raise zero_skipping.Unreadable
    return lambda: _Rows(offsets, [])


def _repacked(operation: Convolution, data: memoryview, bits: np.ndarray) -> dict[int, bytes]:
    """The chunks of a kernel without its zeros, with other weights and of the same sizes.

    Args:
        operation: the task.
        data: the buffer's content.
        bits: the new weights.

    Raises:
        UnsupportedError: the weights have too few zeros for the sizes.
    """
    form, kernel = packing.form_of(operation), operation.kernel
    starts = [kernel.base_bytes + channel.base_bytes for channel in kernel.channels]
    table = bytes(data[starts[0] : starts[0] + TABLE_BYTES]) if form.table_in_front else b""
    bias = None
    if form.bias_row:
        bias = gathered(np.frombuffer(data, np.uint8), _bias_places(_stored_rows(operation, data)())).data
    sizes = [channel.size_bytes for channel in kernel.channels]
    weights = np.ascontiguousarray(bits.T if owner_of(operation) == "matmul" else bits).reshape(-1).data
    chunks = zero_skipping.pack(form, weights, bias, table, False, sizes)
    return {start: chunk for start, chunk in zip(starts, chunks) if chunk}
