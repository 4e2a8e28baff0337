"""Where every weight of a kernel lies in the chunks that engines fetch.

A working engine fetches a chunk: [lookup table, 128 bytes, on H13] [plane] [plane] ..., padded to 64 bytes. A plane
holds `lanes` output channels: [a bias for each lane], then for every input channel and kernel element a weight for each
lane. Plane p lives on engine p % engines, as its (p // engines)-th plane. The forms:

dense            planes back to back; the channels that do not fill a round of planes go into narrower ones
grouped          planes go round the engines over all groups, each padded to 64 bytes
depthwise        as grouped, back to back
two columns      a plane has one channel and two lanes: position p of the window holds taps p and p - 1, the even
                 positions first; known for kernels of one row
made by a task   (H14 and later) a round of planes is fetched at a time, rounds and groups lie at strides of their own
zero-skipping    the planes of dense kernels, but their length depends on the weights: see `zero_skipping`

Dense, grouped and zero-skipping forms were checked by digest against packed coefficients of compiler 9.509, kernels
made by a task by running such programs; the form for two columns was published.
"""

import functools
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import accumulate
from typing import NamedTuple

from ..operations.tables import TABLE_BYTES
from ..units import round_up
from .form import Form
from .halves import CHUNK_BYTES, HALF_BYTES

#: Row of a slot that holds no weight.
NOTHING = -1


class Plane(NamedTuple):
    """Output channels that lie side by side in a chunk.

    Halfword `row * lanes + lane` behind its offset belongs to channel `first + lane`.

    Attributes:
        engine: whose chunk it is.
        offset_bytes: from the start of the chunk.
        first: the first output channel, counted through all groups.
        channels: how many it holds.
        lanes: how many it has room for.
    """

    engine: int
    offset_bytes: int
    first: int
    channels: int
    lanes: int


@dataclass(frozen=True, slots=True)
class Layout:
    """Where the weights of a kernel lie.

    Attributes:
        form: the kernel's form.
        planes: all planes, in the order of their channels.
        chunk_bytes: by engine, the bytes that kernel DMA fetches (at a time, for kernels that a task made); 0 for an
            engine that has nothing to fetch.
        slots: for two columns, the row in each halfword of a plane, or `NOTHING`; else empty, and halfword
            `row * lanes + lane` holds a row.
    """

    form: Form
    planes: tuple[Plane, ...]
    chunk_bytes: tuple[int, ...]
    slots: tuple[int, ...] = field(default=(), repr=False)

    def plane_bytes(self, plane: Plane) -> int:
        """Bytes of a plane without its padding."""
        return HALF_BYTES * (len(self.slots) or plane.lanes * self.form.rows)


def layout(form: Form) -> Layout:
    """The layout of a kernel as Apple's compiler stores it.

    Channels that fill no round of planes go into narrower planes, shared out over all engines (768 channels at 32
    lanes: 512, then 256 at 16, by digest of a program of compiler 9.509).

    Args:
        form: the kernel's form; for a zero-skipping one the planes are in order, but offsets and sizes mean nothing.
    """
    return layouts(form)[0]


def is_settled(form: Form) -> bool:
    """Whether the sizes of the chunks tell the layout; where they do not, the virtual ANE refuses the kernel."""
    chosen, *others = layouts(form)
    return all(other.planes == chosen.planes for other in others if other.chunk_bytes == chosen.chunk_bytes)


@functools.lru_cache(maxsize=64)
def layouts(form: Form) -> tuple[Layout, ...]:
    """All layouts of a kernel that compilers may have chosen, the most likely one first.

    Args:
        form: the kernel's form.
    """
    if form.columns > 1:
        return (_laid_out(form, [1] * form.channels, 1, two_columns(form)),)
    if form.round_stride_bytes or form.group_stride_bytes:
        return (_in_rounds(form),)
    padding = CHUNK_BYTES if form.groups > 1 and not form.depthwise else 1
    return tuple(_laid_out(form, widths, padding, ()) for widths in dict.fromkeys(_plane_widths(form)))


def _plane_widths(form: Form) -> Iterator[tuple[int, ...]]:
    """Lanes of every plane in turn, for each way in which channels that fill no whole round may be shared out."""
    lanes, engines = form.lanes, form.engines
    whole, rest = divmod(form.channels, lanes * engines)
    full = (lanes,) * (whole * engines)
    widths, width, left = list(full), lanes, rest
    while left:
        while width > 1 and width * engines > left:
            width //= 2
        count = min(engines, -(-left // width))
        widths += [width] * count
        left -= min(left, width * count)
    yield tuple(widths)
    yield full + (lanes,) * -(-rest // lanes)
    narrow = rest // engines
    if rest and rest % engines == 0 and narrow & (narrow - 1) == 0:
        yield full + (narrow,) * engines


def _laid_out(form: Form, widths: list[int] | tuple[int, ...], padding: int, slots: tuple[int, ...]) -> Layout:
    """Planes of a number of channels back to back in the engines' chunks."""
    front = TABLE_BYTES if form.table_in_front else 0
    ends = [front] * form.engines
    placed = []
    for number, (first, width) in enumerate(zip(accumulate(widths, initial=0), widths)):
        engine = number % form.engines
        placed.append(Plane(engine, ends[engine], first, min(width, form.channels - first), width))
        ends[engine] += round_up(HALF_BYTES * (len(slots) or width * form.rows), padding)
    used = {plane.engine for plane in placed}
    sizes = tuple(round_up(end, CHUNK_BYTES) if engine in used else 0 for engine, end in enumerate(ends))
    return Layout(form, tuple(placed), sizes, slots)


def _in_rounds(form: Form) -> Layout:
    """Planes that a task made: rounds and groups at strides of their own, one round fetched at a time."""
    plane_bytes = HALF_BYTES * form.rows * form.lanes
    placed: list[Plane] = []
    needed = [0] * form.engines
    for group in range(form.groups):
        for number, first in enumerate(range(0, form.outputs, form.lanes)):
            turn, engine = divmod(number, form.engines)
            offset = group * form.group_stride_bytes + turn * (form.round_stride_bytes or plane_bytes)
            channels = min(form.lanes, form.outputs - first)
            placed.append(Plane(engine, offset, group * form.outputs + first, channels, form.lanes))
            size = plane_bytes if form.round_stride_bytes else (turn + 1) * plane_bytes
            needed[engine] = max(needed[engine], round_up(size, CHUNK_BYTES))
    return Layout(form, tuple(placed), tuple(needed))


def two_columns(form: Form) -> tuple[int, ...]:
    """Rows in the slots of a plane whose two lanes compute neighbouring columns.

    Known for depthwise kernels of one row (published); the reader of operations refuses others.
    """
    bias, width = int(form.bias_row), form.width
    rows = [0, 0] * bias
    for position in (*range(0, width + 1, 2), *range(1, width + 1, 2)):
        left, right = position, position - 1
        rows += [bias + left if left < width else NOTHING, bias + right if right >= 0 else NOTHING]
    return tuple(rows)
