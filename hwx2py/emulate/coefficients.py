"""Coefficients as kernel DMA fetches them: a chunk for each engine, planes of output channels in it, lookup tables.

A chunk is `[table, 128 bytes] [plane] [plane] ...`, padded to 64 bytes. A plane holds `lanes` output channels:
`[a bias for each lane]` where BiasMode says so, then for every input channel and kernel element a weight for each
lane. Plane p lives on engine p % engines, as its (p // engines)-th plane.
"""

from typing import NamedTuple

import numpy as np

from ..units import round_up
from . import lut, numbers, support
from .context import Bar, Context

HALF = 2
#: NE.MACCfg.NonlinearMode that looks values up.
TABLE = 2
CHUNK_BYTES = 64


class Kernel(NamedTuple):
    """What a convolution multiplies and adds, as float64.

    Attributes:
        weights: (groups, outputs, channels, Kh, Kw).
        bias: (groups, outputs).
    """

    weights: np.ndarray
    bias: np.ndarray


def lanes(context: Context) -> int:
    """Output channels of a kernel plane."""
    return 1 << context.get("Common.OCGSize")


def engines(context: Context) -> int:
    """Neural engines that work."""
    return 1 << context.get("Common.ActiveNE")


def _bar(context: Context) -> Bar:
    header = context.registers.header
    if not context.get("KernelDMASrc.MasterEnable"):
        register = "KernelDMASrc.MasterConfig"
        raise context.faults.hang("dma-disabled", "coefficients are used, but their fetch is off", register)
    support.check(context, support.CHANNELS)
    bar = context.bar(header("KBase0"), bool(header("KBE0")), "Header.KBase0", "the coefficients")
    return bar if bar.role == "scratch" else bar._replace(role="coefficients")


def _chunk(context: Context, engine: int, needed: int) -> bytes:
    """The first bytes of what an engine fetches."""
    name = f"KernelDMASrc.CoeffDMAConfig[{engine}]"
    config = context.word("KernelDMASrc.CoeffDMAConfig", engine)
    if not context.registers.arch.field("KernelDMASrc.CoeffDMAConfig.En")[1].number(config):
        raise context.faults.hang("dma-disabled", f"engine {engine} needs coefficients, but its channel is off", name)
    base = context.word("KernelDMASrc.CoeffBaseAddr", engine)
    size = context.word("KernelDMASrc.CoeffBfrSize", engine)
    if size < needed:
        register = f"KernelDMASrc.CoeffBfrSize[{engine}]"
        raise context.faults.hang("short-coefficients", f"{size} bytes are fetched, {needed} are needed", register)
    return context.read_bytes(_bar(context), base, needed, size, f"KernelDMASrc.CoeffBaseAddr[{engine}]")


def table(context: Context) -> lut.Table:
    """The lookup table at the start of the first engine's chunk."""
    found = lut.parse(_chunk(context, 0, lut.TABLE_BYTES))
    if not found.known:
        raise context.refuse("NE.NonlinearMode", f"the lookup table's mode {found.mode:#x} is not known")
    return found


class Plane(NamedTuple):
    """Output channels that lie side by side in a chunk: the first of them, how many, and the room for each row."""

    first: int
    channels: int
    lanes: int


def kernel(context: Context, groups: int, channels: int) -> Kernel:
    """Fetches and unpacks the kernel of a convolution.

    Args:
        context: the task.
        groups: groups of the convolution.
        channels: input channels that an output channel reads.
    """
    outputs = context.get("Common.Cout")
    window = context.get("Common.Kh"), context.get("Common.Kw")
    has_bias = bool(context.get("NE.BiasMode"))
    rows = channels * window[0] * window[1] + has_bias
    weights = np.zeros((groups * outputs, rows))
    for engine, planes in enumerate(_planes(context, groups, outputs, rows)):
        if planes:
            _unpack(context, engine, planes, rows, weights)
    bias = weights[:, 0] if has_bias else np.zeros(groups * outputs)
    return Kernel(weights[:, has_bias:].reshape(groups, outputs, channels, *window), bias.reshape(groups, outputs))


def _planes(context: Context, groups: int, outputs: int, rows: int) -> list[list[Plane]]:
    """For each engine its planes in order.

    Planes of equal width go round the engines. Where the last round is not full, the compiler may instead share its
    channels out evenly, in narrower planes; which of the two it did, the sizes of the chunks say.
    """
    count, width = engines(context), lanes(context)
    if groups > 1 and outputs % (width * count):
        why = "how the planes of a grouped kernel lie on the engines is open unless they fill them"
        raise context.refuse("Common.NumGroups", why)
    whole = outputs - outputs % (width * count)
    rest = outputs - whole
    packings = [_dealt(groups * outputs, width, count, 0)]
    if rest and rest % count == 0:
        narrow = _dealt(rest, rest // count, count, whole)
        packings.append([a + b for a, b in zip(_dealt(whole, width, count, 0), narrow)])
    for packing in packings:
        if all(_fits(context, engine, planes, rows) for engine, planes in enumerate(packing) if planes):
            return packing
    needed = [_bytes(planes, rows) for planes in packings[0]]
    sizes = context.registers.word("KernelDMASrc.CoeffBfrSize")
    raise context.refuse_value(
        "KernelDMASrc.CoeffBfrSize[0]", sizes, f"its planes need {needed[0]} bytes; other packings are not understood"
    )


def _dealt(outputs: int, width: int, count: int, first: int) -> list[list[Plane]]:
    """Planes of one width, dealt out to the engines in turn."""
    found: list[list[Plane]] = [[] for _ in range(count)]
    for number, start in enumerate(range(0, outputs, width)):
        found[number % count].append(Plane(first + start, min(width, outputs - start), width))
    return found


def _bytes(planes: list[Plane], rows: int) -> int:
    return sum(plane.lanes for plane in planes) * rows * HALF


def _fits(context: Context, engine: int, planes: list[Plane], rows: int) -> bool:
    return _table_bytes(context, engine, _bytes(planes, rows)) is not None


def _table_bytes(context: Context, engine: int, needed: int) -> int | None:
    """Bytes before the planes, as the chunk's size says: none, or a lookup table; None where neither fits.

    The first engine's chunk begins with the table where there is one.
    """
    size = context.word("KernelDMASrc.CoeffBfrSize", engine)
    if context.get("NE.NonlinearMode") != TABLE:
        starts = [0]
    else:
        starts = [lut.TABLE_BYTES] if engine == 0 else [lut.TABLE_BYTES, 0]
    return next((start for start in starts if size == round_up(start + needed, CHUNK_BYTES)), None)


def _unpack(context: Context, engine: int, planes: list[Plane], rows: int, weights: np.ndarray) -> None:
    """Puts an engine's planes into `weights`, (outputs, rows)."""
    needed = _bytes(planes, rows)
    position = _table_bytes(context, engine, needed) or 0
    chunk = _chunk(context, engine, position + needed)
    for plane in planes:
        size = rows * plane.lanes * HALF
        values = numbers.load(np.frombuffer(chunk[position : position + size], "<f2"))
        weights[plane.first : plane.first + plane.channels] = values.reshape(rows, plane.lanes)[:, : plane.channels].T
        position += size
