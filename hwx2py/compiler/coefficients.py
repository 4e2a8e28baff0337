"""Weights and lookup tables as tasks fetch them."""

from .. import packing
from ..operations.tables import TABLE_BYTES
from ..packing import Halves
from .task import Coefficients


def kernel(
    form: packing.Form, weights: Halves, bias: Halves | None = None, table: bytes | None = None, by_input: bool = False
) -> Coefficients:
    """Weights as the engines fetch them.

    Args:
        form: how they are stored.
        weights: float16 in the order output channel, input channel, kernel row, kernel column.
        bias: float16, one for each output channel, where the form has a row of biases.
        table: 128 bytes, where the form has a lookup table in front of every chunk.
        by_input: the weights are a matrix of inputs and outputs.
    """
    packed = packing.pack(packing.layout(form), weights, bias, table, by_input)
    sizes = tuple(chunk.size_bytes for chunk in packed.chunks)
    return Coefficients(packed.data, sizes, zero_skipping=form.zero_skipping)


def lookup(table: bytes, engines: int, reserved: int | None = None) -> Coefficients:
    """A lookup table that every working engine fetches.

    Args:
        table: its 128 bytes.
        engines: channels that fetch it.
        reserved: tables for which there is space; None: as many as there are engines.
    """
    space = TABLE_BYTES * (engines if reserved is None else reserved)
    return Coefficients(table, (TABLE_BYTES,) * engines, shared=True, reserved_bytes=space)
