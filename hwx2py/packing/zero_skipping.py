"""Kernels that store only weights other than 0: 1 x 1 kernels, as H13's compiler packs them.

A plane is [a bias for each lane], the length of the rest in bytes (16 bits), then for every input channel: a 0 byte, a
mask byte for every 8 lanes (bit l: lane l is stored), the weights that are stored, and lanes / 2 - 2 zero bytes where
that is more than none. Known by digest for 4 lanes, published for 8; the length shows whether the rule holds. H14 and
later order the bytes otherwise.
"""

from array import array
from collections.abc import Sequence
from typing import NamedTuple

from ..errors import UnsupportedError
from ..operations.tables import TABLE_BYTES
from ..units import round_up, whole
from .form import Form
from .halves import CHUNK_BYTES, HALF_BYTES, weights_of

#: Offset of a weight that is not stored.
NOT_STORED = -1
#: All bits of a float16 but its sign: both zeros have none of them.
MAGNITUDE = 0x7FFF
MOST_BODY_BYTES = 0xFFFF


class Unreadable(Exception):
    """A plane that does not follow the rule."""


class Places(NamedTuple):
    """Where an engine's chunk keeps what.

    Attributes:
        rows: output channel -> offset in the chunk of its bias, if it has one, and of its weights, or `NOT_STORED`.
        used_bytes: how long the chunk is, padded.
    """

    rows: dict[int, list[int]]
    used_bytes: int


def firsts(form: Form, engine: int) -> range:
    """The first channel of each of an engine's planes."""
    return range(engine * form.lanes, form.channels, form.lanes * form.engines)


def places(form: Form, engine: int, data: bytes | memoryview) -> Places:
    """Finds the weights in an engine's chunk.

    Args:
        form: the kernel's form.
        engine: whose chunk.
        data: its bytes.

    Raises:
        Unreadable: it does not follow the rule.
    """
    position = TABLE_BYTES if form.table_in_front else 0
    rows: dict[int, list[int]] = {}
    for first in firsts(form, engine):
        found, position = _plane(form, data, position)
        for lane in range(min(form.lanes, form.channels - first)):
            rows[first + lane] = found[lane]
    return Places(rows, round_up(position, CHUNK_BYTES))


def _plane(form: Form, data: bytes | memoryview, position: int) -> tuple[list[list[int]], int]:
    """Offsets by lane, and the end."""
    found: list[list[int]] = [[] for _ in range(form.lanes)]
    if form.bias_row:
        for lane in range(form.lanes):
            found[lane].append(position + HALF_BYTES * lane)
        position += HALF_BYTES * form.lanes
    length = int.from_bytes(data[position : position + HALF_BYTES], "little")
    position += HALF_BYTES
    end = position + length
    if end > len(data):
        raise Unreadable
    masks, gap = whole(form.lanes, 8), _gap(form)
    for _ in range(form.inputs):
        if position + 1 + masks > end or data[position]:
            raise Unreadable
        mask = int.from_bytes(data[position + 1 : position + 1 + masks], "little")
        position += 1 + masks
        for lane in range(form.lanes):
            if mask >> lane & 1:
                found[lane].append(position)
                position += HALF_BYTES
            else:
                found[lane].append(NOT_STORED)
        position += gap
    if position != end:
        raise Unreadable
    return found, end


def _gap(form: Form) -> int:
    """Zero bytes behind the weights of an input channel."""
    return max(0, form.lanes // 2 - 2)


def pack(
    form: Form,
    weights: memoryview,
    bias: memoryview | None,
    table: bytes,
    by_input: bool,
    sizes: Sequence[int] = (),
) -> list[bytes]:
    """The chunk of each engine.

    Args:
        form: the kernel's form.
        weights: of all output channels, as halfwords.
        bias: one for each output channel, where there is a row of them.
        table: what precedes every chunk.
        by_input: the weights are in the order input, output.
        sizes: the bytes that each engine fetches; where its weights take up less, some of its zeros are stored too
            (inferred: a mask bit says that a halfword follows, not what it is). Empty: each chunk as short as it can
            be.

    Raises:
        UnsupportedError: a form whose bytes are not known, or weights that do not go into the sizes.
    """
    if (form.height, form.width, form.groups, form.depthwise) != (1, 1, 1, False):
        raise UnsupportedError("without zeros only kernels of 1 x 1 that read every channel are understood")
    chunks = []
    for engine in range(form.engines):
        planes = [_lanes(form, first, weights, by_input) for first in firsts(form, engine)]
        extra = _stored_zeros(form, engine, planes, len(table), sizes[engine]) if sizes else 0
        parts = [table if planes else b""]
        for first, lanes in zip(firsts(form, engine), planes):
            body, extra = _body(form, lanes, extra)
            if len(body) > MOST_BODY_BYTES:
                raise UnsupportedError(
                    f"a plane of {form.lanes} channels without its zeros has {len(body)} bytes, its length has 16 bits",
                    hint="use fewer lanes",
                )
            biases = b"" if bias is None else bias[first : first + form.lanes].tobytes()
            parts += [biases.ljust(HALF_BYTES * form.lanes * form.bias_row, b"\0"), len(body).to_bytes(2, "little")]
            parts.append(body)
        chunk = b"".join(parts)
        chunks.append(chunk.ljust(round_up(len(chunk), CHUNK_BYTES), b"\0"))
    return chunks


def _lanes(form: Form, first: int, weights: memoryview, by_input: bool) -> list[memoryview]:
    """The weights of each channel of a plane."""
    channels = range(first, min(first + form.lanes, form.channels))
    return [weights_of(form, weights, channel, by_input) for channel in channels]


def _stored_zeros(form: Form, engine: int, planes: list[list[memoryview]], front_bytes: int, size_bytes: int) -> int:
    """How many zeros of an engine's weights are stored, so that its chunk has the size that is fetched."""
    plane_bytes = HALF_BYTES * form.lanes * form.bias_row + HALF_BYTES
    plane_bytes += form.inputs * (1 + whole(form.lanes, 8) + _gap(form))
    every = sum(len(lane) for lanes in planes for lane in lanes)
    stored = sum(bool(weight & MAGNITUDE) for lanes in planes for lane in lanes for weight in lane)
    room = (size_bytes - front_bytes - len(planes) * plane_bytes) // HALF_BYTES
    if stored > room:
        raise UnsupportedError(
            f"engine {engine} fetches room for {max(room, 0)} weights other than 0, its channels have {stored}",
            hint="this kernel is kept without its zeros: set weights that have as many zeros as the program's own",
        )
    least = room - (CHUNK_BYTES // HALF_BYTES - 1)
    if every < least:
        raise UnsupportedError(f"engine {engine} fetches {size_bytes} bytes, more than its channels have weights")
    return max(0, least - stored)


def _body(form: Form, lanes: list[memoryview], extra: int) -> tuple[bytes, int]:
    """A plane behind its length, and how many zeros are left to store."""
    body, masks, gap = bytearray(), whole(form.lanes, 8), bytes(_gap(form))
    for row in zip(*lanes):
        mask, stored = 0, array("H")
        for lane, weight in enumerate(row):
            if not weight & MAGNITUDE:
                if not extra:
                    continue
                extra -= 1
            mask |= 1 << lane
            stored.append(weight)
        body += b"\0" + mask.to_bytes(masks, "little") + stored.tobytes() + gap
    return bytes(body), extra
