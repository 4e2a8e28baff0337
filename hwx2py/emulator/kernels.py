"""Where every weight of a kernel lies in its coefficients, and the kernel put together from them.

A working engine fetches a chunk: [lookup table, 128 bytes, on H13] [plane] [plane] ..., padded to 64 bytes. A plane
holds `lanes` output channels: [a bias for each lane], then for every input channel and kernel element a weight for each
lane. Plane p lives on engine p % engines, as its (p // engines)-th plane. The forms:

dense            planes back to back; the channels that do not fill a round of planes go into narrower ones
grouped          planes go round the engines over all groups, each padded to 64 bytes
depthwise        as grouped, back to back
two columns      a plane has one channel and two lanes: position p of the window holds taps p and p - 1, the even
                 positions first; known for kernels of one row
made by a task   (H14 and later) a round of planes is fetched at a time, rounds and groups lie at strides of their own
zero-skipping    see `sparse`

Dense, grouped and zero-skipping forms were checked by digest against packed coefficients of compiler 9.509, kernels
made by a task by running such programs; the form for two columns was published.
"""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from ..operations import Neural
from ..units import round_up
from .lut import TABLE_BYTES

HALF_BYTES = 2
CHUNK_BYTES = 64
#: Row of a plane's slot that holds no weight.
NOTHING = -1


class Plane(NamedTuple):
    """Output channels that lie side by side in a chunk.

    Attributes:
        engine: whose chunk it is.
        offset_bytes: from the start of the coefficients' BAR.
        first: the first output channel, counted through all groups.
        channels: how many it holds.
        lanes: how many it has room for.
    """

    engine: int
    offset_bytes: int
    first: int
    channels: int
    lanes: int


class Packing(NamedTuple):
    """Where the weights of a kernel lie.

    Attributes:
        planes: all of them.
        rows: bias and weights of an output channel: [bias], then (input channel, kernel row, kernel column).
        slots: (slots, lanes) row in each slot of a plane; None where slot j holds row j of every lane's channel.
        needed_bytes: engine -> bytes that its chunk needs, padded.
    """

    planes: tuple[Plane, ...]
    rows: int
    slots: np.ndarray | None
    needed_bytes: dict[int, int]

    def plane_bytes(self, plane: Plane) -> int:
        """Bytes of a plane without its padding."""
        return HALF_BYTES * (self.slots.size if self.slots is not None else plane.lanes * self.rows)

    def offsets(self, plane: Plane) -> np.ndarray:
        """Byte offset in the BAR of every row of a plane's channels: (channels, rows).

        A row that lies there twice (two columns) is given by its first place; `places` has both.
        """
        if self.slots is None:
            lane = np.arange(plane.channels)[:, None]
            return plane.offset_bytes + HALF_BYTES * (np.arange(self.rows) * plane.lanes + lane)
        flat = self.slots.ravel()
        found = np.empty((1, self.rows), np.int64)
        for place in reversed(np.flatnonzero(flat != NOTHING)):
            found[0, flat[place]] = plane.offset_bytes + HALF_BYTES * place
        return found

    def places(self, plane: Plane) -> Iterator[tuple[int, int, int]]:
        """(output channel, row, byte offset in the BAR) of every halfword of a plane that holds a weight or a bias."""
        if self.slots is None:
            for lane, offsets in enumerate(self.offsets(plane).tolist()):
                for row, offset in enumerate(offsets):
                    yield plane.first + lane, row, offset
            return
        for place, row in enumerate(self.slots.ravel().tolist()):
            if row != NOTHING:
                yield plane.first, row, plane.offset_bytes + HALF_BYTES * place


class Misfit(Exception):
    """The sizes that kernel DMA fetches do not go with the kernel.

    Attributes:
        engine: whose chunk.
        size_bytes: what is fetched.
        needed_bytes: what the kernel takes up, padded; None where that is not known.
    """

    def __init__(self, engine: int, size_bytes: int, needed_bytes: int | None):
        super().__init__(f"{size_bytes} bytes are fetched, {needed_bytes} are needed")
        self.engine, self.size_bytes, self.needed_bytes = engine, size_bytes, needed_bytes


def rows_of(task: Neural) -> int:
    """Bias and weights of an output channel."""
    return task.kernel.bias_row + input_channels(task) * task.window.height * task.window.width


def input_channels(task: Neural) -> int:
    """Input channels that an output channel reads."""
    return task.unicast if task.unicast is not None else task.source.shape.channels


def packing(task: Neural) -> Packing:
    """Where the weights of a convolution lie; not for zero-skipping kernels.

    Args:
        task: the convolution.

    Raises:
        Misfit: no packing that is known goes with the sizes of the chunks.
    """
    candidates = list(_candidates(task))
    fitting = [candidate for candidate in candidates if _first_misfit(task, candidate) is None]
    if not fitting:
        engine, size = _first_misfit(task, candidates[0])
        raise Misfit(engine, size, candidates[0].needed_bytes[engine] if len(candidates) == 1 else None)
    if any(other.planes != fitting[0].planes for other in fitting):
        raise Misfit(0, fitting[0].needed_bytes[0], None)
    return fitting[0]


def _first_misfit(task: Neural, candidate: Packing) -> tuple[int, int] | None:
    """(engine, bytes that are fetched) of the first chunk whose size does not go with a packing."""
    for channel in task.kernel.channels:
        needed = candidate.needed_bytes.get(channel.engine, 0)
        if (channel.enabled or needed) and channel.size_bytes != needed:
            return channel.engine, channel.size_bytes
    return None


def _candidates(task: Neural) -> Iterator[Packing]:
    kernel, groups, outputs, rows = task.kernel, task.source.shape.groups, task.outputs, rows_of(task)
    if task.window.columns > 1:
        yield _laid_out(task, [[(channel, 1, 1)] for channel in range(groups * outputs)], 1, two_columns(task))
        return
    if kernel.round_stride_bytes or kernel.group_stride_bytes:
        yield _in_rounds(task, rows)
        return
    padding = CHUNK_BYTES if groups > 1 and task.unicast is None else 1
    seen = set()
    for widths in _plane_widths(groups * outputs, kernel.lanes, task.engines):
        if widths not in seen:
            seen.add(widths)
            starts = np.cumsum([0, *widths]).tolist()
            planes = [[(first, min(width, groups * outputs - first), width)] for first, width in zip(starts, widths)]
            yield _laid_out(task, planes, padding, None)


def _plane_widths(outputs: int, lanes: int, engines: int) -> Iterator[tuple[int, ...]]:
    """Lanes of every plane in turn, for each way in which compilers share out channels that fill no whole round.

    Which way it was, the sizes of the chunks say.
    """
    whole, rest = divmod(outputs, lanes * engines)
    full = (lanes,) * (whole * engines)
    yield full + (lanes,) * -(-rest // lanes)
    narrow = rest // engines
    if rest and rest % engines == 0 and narrow & (narrow - 1) == 0:
        yield full + (narrow,) * engines
    widths, width = list(full), lanes
    while rest:
        while width > 1 and width * engines > rest:
            width //= 2
        count = min(engines, -(-rest // width))
        widths += [width] * count
        rest -= min(rest, width * count)
    yield tuple(widths)


def _laid_out(
    task: Neural, planes: list[list[tuple[int, int, int]]], padding: int, slots: np.ndarray | None
) -> Packing:
    """Planes back to back in the engines' chunks; each as (first channel, channels, lanes)."""
    kernel, rows = task.kernel, rows_of(task)
    front = TABLE_BYTES if kernel.table_in_front else 0
    ends = {channel.engine: front for channel in kernel.channels if channel.enabled}
    placed = []
    for number, ((first, channels, lanes),) in enumerate(planes):
        engine = number % task.engines
        start = ends.get(engine, front)
        size = HALF_BYTES * (slots.size if slots is not None else lanes * rows)
        offset = kernel.base_bytes + kernel.channels[engine].base_bytes + start
        placed.append(Plane(engine, offset, first, channels, lanes))
        ends[engine] = start + round_up(size, padding)
    return Packing(tuple(placed), rows, slots, {engine: round_up(end, CHUNK_BYTES) for engine, end in ends.items()})


def _in_rounds(task: Neural, rows: int) -> Packing:
    """Planes that a task made: rounds and groups at strides of their own, one round fetched at a time."""
    kernel, outputs = task.kernel, task.outputs
    plane_bytes = HALF_BYTES * rows * kernel.lanes
    placed, needed = [], {}
    for group in range(task.source.shape.groups):
        for number, first in enumerate(range(0, outputs, kernel.lanes)):
            turn, engine = divmod(number, task.engines)
            offset = kernel.base_bytes + kernel.channels[engine].base_bytes + group * kernel.group_stride_bytes
            offset += turn * (kernel.round_stride_bytes or plane_bytes)
            channels = min(kernel.lanes, outputs - first)
            placed.append(Plane(engine, offset, group * outputs + first, channels, kernel.lanes))
            size = plane_bytes if kernel.round_stride_bytes else (turn + 1) * plane_bytes
            needed[engine] = max(needed.get(engine, 0), round_up(size, CHUNK_BYTES))
    return Packing(tuple(placed), rows, None, needed)


def two_columns(task: Neural) -> np.ndarray:
    """Rows in the slots of a plane whose two lanes compute neighbouring columns: (slots, 2).

    Known for depthwise kernels of one row; `neural` refuses others.
    """
    bias, width = int(task.kernel.bias_row), task.window.width
    order = [*range(0, width + 1, 2), *range(1, width + 1, 2)]
    rows = [(0, 0)] * bias
    for position in order:
        left, right = position, position - 1
        rows.append((bias + left if left < width else NOTHING, bias + right if right >= 0 else NOTHING))
    return np.array(rows)


class Weights(NamedTuple):
    """What a convolution multiplies and adds.

    Attributes:
        bits: float16 bits as uint16, (groups, outputs, input channels * kernel rows * kernel columns).
        bias: float16 bits as uint16, (groups, outputs); None without a bias row.
    """

    bits: np.ndarray
    bias: np.ndarray | None


def plane_rows(packed: Packing, plane: Plane, data: np.ndarray) -> np.ndarray:
    """The rows of a plane's channels.

    Args:
        packed: where they lie.
        plane: the plane.
        data: its bytes, uint8.

    Returns:
        (channels, rows) uint16.
    """
    halves = data.view("<u2") if data.ctypes.data % HALF_BYTES == 0 else np.frombuffer(data.tobytes(), "<u2")
    if packed.slots is None:
        return halves.reshape(packed.rows, plane.lanes)[:, : plane.channels].T
    rows = np.zeros((1, packed.rows), np.uint16)
    flat = packed.slots.ravel()
    used = flat != NOTHING
    rows[0, flat[used]] = halves[used]
    return rows


def split(rows: np.ndarray, task: Neural) -> Weights:
    """Bias and weights apart.

    Args:
        rows: (groups * outputs, rows) uint16.
        task: the convolution.
    """
    shaped = rows.reshape(task.source.shape.groups, task.outputs, -1)
    if not task.kernel.bias_row:
        return Weights(shaped, None)
    return Weights(shaped[:, :, 1:], shaped[:, :, 0])
