"""Coefficients as kernel DMA fetches them: a chunk for each engine, planes of output channels in it, lookup tables.

A chunk is `[table, 128 bytes] [plane] [plane] ...`, padded to 64 bytes. A plane holds `lanes` output channels:
`[a bias for each lane]` where BiasMode says so, then for every input channel and kernel element a weight for each
lane. Plane p lives on engine p % engines, as its (p // engines)-th plane.
"""

from typing import NamedTuple

import numpy as np

from . import lut, numbers
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
    for bank in ("KBE1", "KBE2", "KBE3"):
        if header(bank):
            raise context.refuse(f"Header.{bank}", "further coefficient BARs were never seen")
    if not context.get("KernelDMASrc.MasterEnable"):
        register = "KernelDMASrc.MasterConfig"
        raise context.faults.hang("dma-disabled", "coefficients are used, but their fetch is off", register)
    bar = context.bar(header("KBase0"), bool(header("KBE0")), "Header.KBase0", "the coefficients")
    return bar if bar.role == "scratch" else bar._replace(role="coefficients")


def _chunk(context: Context, engine: int) -> bytes:
    """The bytes that an engine fetches."""
    name = f"KernelDMASrc.CoeffDMAConfig[{engine}]"
    config = context.word("KernelDMASrc.CoeffDMAConfig", engine)
    if not context.registers.arch.field("KernelDMASrc.CoeffDMAConfig.En")[1].number(config):
        raise context.faults.hang("dma-disabled", f"engine {engine} needs coefficients, but its channel is off", name)
    base = context.word("KernelDMASrc.CoeffBaseAddr", engine)
    size = context.word("KernelDMASrc.CoeffBfrSize", engine)
    return context.read_bytes(_bar(context), base, size, f"KernelDMASrc.CoeffBaseAddr[{engine}]")


def table(context: Context) -> lut.Table:
    """The lookup table at the start of the first engine's chunk."""
    chunk = _chunk(context, 0)
    if len(chunk) < lut.TABLE_BYTES:
        register = "KernelDMASrc.CoeffBfrSize[0]"
        raise context.faults.hang("short-coefficients", f"{len(chunk)} bytes hold no lookup table", register)
    found = lut.parse(chunk[: lut.TABLE_BYTES])
    if not found.known:
        raise context.refuse("NE.NonlinearMode", f"the lookup table's mode {found.mode:#x} is not known")
    return found


def kernel(context: Context, groups: int, channels: int) -> Kernel:
    """Fetches and unpacks the kernel of a convolution.

    Args:
        context: the task.
        groups: groups of the convolution.
        channels: input channels that an output channel reads.
    """
    width = lanes(context)
    outputs = context.get("Common.Cout")
    window = context.get("Common.Kh"), context.get("Common.Kw")
    rows = channels * window[0] * window[1] + bool(context.get("NE.BiasMode"))
    tiles = _tiles(context, groups, outputs, width)
    weights = np.zeros((groups * outputs, rows))
    for engine, planes in tiles.items():
        _unpack(context, engine, planes, rows, weights)
    bias = weights[:, 0] if context.get("NE.BiasMode") else np.zeros(groups * outputs)
    weights = weights[:, -channels * window[0] * window[1] :]
    return Kernel(weights.reshape(groups, outputs, channels, *window), bias.reshape(groups, outputs))


def _tiles(context: Context, groups: int, outputs: int, width: int) -> dict[int, list[tuple[int, int]]]:
    """For each engine its planes in order: (first output channel, channels)."""
    count = engines(context)
    planes = -(-outputs // width)
    if groups > 1 and (outputs % width or planes % count):
        raise context.refuse(
            "Common.NumGroups", "how the planes of a grouped kernel lie on the engines is open unless they fill them"
        )
    found: dict[int, list[tuple[int, int]]] = {}
    for group in range(groups):
        for plane in range(planes):
            first = plane * width
            size = min(width, outputs - first)
            found.setdefault(plane % count, []).append((group * outputs + first, size))
    return found


def _unpack(context: Context, engine: int, planes: list[tuple[int, int]], rows: int, weights: np.ndarray) -> None:
    """Puts an engine's planes into `weights`, (outputs, rows)."""
    width = lanes(context)
    needed = len(planes) * rows * width * HALF
    chunk = _chunk(context, engine)
    start = _table_bytes(context, engine, len(chunk), needed)
    values = numbers.load(np.frombuffer(chunk[start : start + needed], "<f2"))
    for (first, size), plane in zip(planes, values.reshape(len(planes), rows, width)):
        weights[first : first + size] = plane[:, :size].T


def _table_bytes(context: Context, engine: int, size: int, needed: int) -> int:
    """Bytes before the planes: the first engine's lookup table; whether others have it too, their sizes say."""
    starts = (0,) if context.get("NE.NonlinearMode") != TABLE else (lut.TABLE_BYTES, 0)[: 2 if engine else 1]
    for start in starts:
        if size == -(-(start + needed) // CHUNK_BYTES) * CHUNK_BYTES:
            return start
    register = f"KernelDMASrc.CoeffBfrSize[{engine}]"
    found = context.registers.word("KernelDMASrc.CoeffBfrSize", engine)
    raise context.refuse_value(
        register, found, f"the engine's planes need {needed} bytes, and another packing than that is not understood"
    )
