"""Float16 numbers as memory whose slices have a step."""

from ..errors import UsageError
from .form import Form

#: Float16 numbers: their bytes, little-endian and without gaps (of a NumPy array, `array.data`).
Halves = bytes | bytearray | memoryview
HALF_BYTES = 2
#: What kernel DMA fetches begins and ends at multiples of this (every file).
CHUNK_BYTES = 64


def halves(what: str, data: Halves, count: int) -> memoryview:
    """Float16 numbers as halfwords.

    Args:
        what: they are, for the message.
        data: the numbers.
        count: how many there have to be.

    Raises:
        UsageError: there are more, or fewer.
    """
    flat = memoryview(data).cast("B")
    if len(flat) != HALF_BYTES * count:
        raise UsageError(f"{what}: {len(flat)} bytes, the kernel needs {HALF_BYTES * count}")
    return flat.cast("H")


def optional_halves(what: str, data: Halves | None, is_needed: bool, count: int) -> memoryview | None:
    """The same for a part that not every kernel has.

    Raises:
        UsageError: it is missing, or there is no place for it.
    """
    if (data is not None) != is_needed:
        raise UsageError(f"the kernel needs a {what}" if is_needed else f"the kernel has no place for a {what}")
    return None if data is None else halves(what, data, count)


def weights_of(form: Form, weights: memoryview, channel: int, by_input: bool) -> memoryview:
    """The weights of an output channel.

    Args:
        form: the kernel's form.
        weights: of all channels.
        channel: which channel, counted through all groups.
        by_input: they are in the order input, output: a matrix K x N.
    """
    if by_input:
        return weights[channel :: form.channels]
    return weights[channel * form.weights : (channel + 1) * form.weights]
