"""Softmax over channels: the maximum and the sum are made by one neural engine."""

from ...errors import UnsupportedError
from ...program.l2 import (
    SIZE_BYTES,
    Aliases,
    Patch,
    Tile,
    channel_bytes,
    exchanged_row_bytes,
    kept_row_bytes,
    log2_up,
    patch_of_two,
)
from ...units import round_up
from ..coefficients import lookup
from ..draft import Draft
from ..engines import NEURAL_ENGINES, Kind, cycles, cycles_of_bytes, neural, planar
from ..evidence import evidence
from ..surface import Surface
from ..task import Events, Evidence, Fetch, Store, TaskPlan
from .parts import TooLargeError, in_parts
from .reduction import CYCLES_A_REDUCED_PLANE, Reduce, reducing
from .softmax import LOG2_E, keep_kernel, table_cycles
from .steps import matrix

LARGEST_OF_ONE = "the largest of a single channel came out as 0 on an M1"


@in_parts("h")
def over_c(x: Surface, y: Surface, exp2: bytes, reciprocal: bytes) -> list[TaskPlan]:
    """Over C of C x H x W, H W > 1; over H where both surfaces are swapped.

    Args:
        x: the source, with a batch of 1.
        y: the result.
        exp2: the table of 2^x, 128 bytes.
        reciprocal: the table of 1 / x.

    Returns:
        Five tasks (published tables).

    Raises:
        UnsupportedError: L2 does not hold the source twice, or there is one channel.
    """
    _, c, h, w = x.shape
    if c == 1:
        raise UnsupportedError(LARGEST_OF_ONE)
    known = evidence("softmax over C", x.shape)
    channel = channel_bytes(w)
    depth = c * channel
    one = h == 1
    row = depth if one else exchanged_row_bytes(depth)
    power_row = depth if one else kept_row_bytes(depth)
    line_row = channel if one else round_up(channel, 0x20)
    line = Tile(0, channel, line_row, channel)
    powers = Tile(h * line_row, channel, power_row, depth)
    x_tile = Tile(powers.base_bytes + h * power_row, channel, row, depth)
    if x_tile.base_bytes + h * row > SIZE_BYTES:
        raise TooLargeError(f"{c} x {h} x {w} does not fit L2 twice")
    narrow = max(0, min(4, 7 - log2_up(w)))
    first_sharing, second_sharing = (0, narrow) if one else (narrow, 4)
    first = _channel_maximum(known, x, first_sharing)
    first.put("Common.Cfg", ShPref=first_sharing, ShMin=first_sharing)
    first.source_tile("DmaReadKeep", x_tile._replace(group_bytes=depth), Aliases.ALL)
    first.result_tile("L2Write", line, Aliases.ALL)
    first.cycles = cycles_of_bytes(x.size_bytes)
    patch = patch_of_two(h, w)
    near = Patch(max(0, 7 - max(4, log2_up(w))), patch.width_log2) if one else Patch(4, 4)
    difference = planar("(x - maximum) log2 e", known, Kind.TWO, (c, h, w), near)
    difference.put("PE.Cfg", OpMode="Add", SecSrc="-Source2")
    difference.put("PE.BiasScale", Scale=LOG2_E)
    difference.put("Common.PECfg", Src2BroadcastC=1)
    difference.source_tile("L2Read", x_tile, Aliases.NEURAL)
    difference.second_tile(line)
    difference.result_tile("L2Write", powers)
    power = neural(
        "2^x", known, (c, h, w), rows_log2=second_sharing, prefer_log2=second_sharing, least_log2=second_sharing,
        table=True,
    )  # fmt: skip
    power.source_tile("L2Read", powers, dependent=2)
    power.result_tile("L2Write", powers)
    engines = min(NEURAL_ENGINES, c)
    power.kernel = lookup(exp2, engines)
    power.cycles = table_cycles(c, h, w)
    third = second_sharing if one else first_sharing
    total = _channel_sum(known, (c, h, w), third, reciprocal, small=max(h, w) <= 8)
    total.source_tile("L2Read", powers, dependent=1)
    total.result_tile("L2Write", line)
    last = planar("2^x / sum", known, Kind.TWO, (c, h, w), patch)
    last.put("PE.Cfg", OpMode="Mul", SecSrc="+Source2")
    last.put("Common.PECfg", Src1BroadcastC=1)
    last.source_tile("L2Read", line, Aliases.NEURAL_RESULT)
    last.second_tile(powers)
    last.result_tile("DmaWrite", Tile(powers.base_bytes + h * power_row))
    last.write(y)
    last.cycles = cycles((), (y,))
    return [draft.plan() for draft in (first, difference, power, total, last)]


def _channel_maximum(known: Evidence, x: Surface, sharing: int) -> Draft:
    _, c, h, w = x.shape
    draft = neural("max", known, (c, h, w), out=(1, h, w), engines=1, rows_log2=sharing)
    draft.put("Common.GroupConvCfg", UnicastCin=c)
    draft.put("NE.MACCfg", OpMode="CrossChannelMax")
    draft.put("L2.L2Cfg", PaddingMode=Reduce.MAX.padding)
    draft.read(x)
    return draft


def _channel_sum(known: Evidence, size: tuple[int, int, int], sharing: int, reciprocal: bytes, *, small: bool) -> Draft:
    """1 / sum over channels, by one engine; operands not yet placed."""
    draft = neural(
        "1 / sum", known, size, out=(1, *size[1:]), engines=1, rows_log2=sharing, prefer_log2=sharing,
        least_log2=sharing, small=small, table=True, copy=False,
    )  # fmt: skip
    draft.put("NE.MACCfg", KernelMode="Unity")
    draft.put("Common.DPE", Category=1)
    draft.events = Events.ROOT
    draft.kernel = lookup(reciprocal, 1)
    return draft


def over_flat_c(x: Surface, y: Surface, exp2: bytes, reciprocal: bytes) -> list[TaskPlan]:
    """Over C of 1 x C x 1 x 1: the difference is handed on exchanged by a change of context.

    Args:
        x: the source.
        y: the result.
        exp2: the table of 2^x, 128 bytes.
        reciprocal: the table of 1 / x.

    Returns:
        Five tasks (record of 512 channels).
    """
    c = x.shape.c
    if c == 1:
        raise UnsupportedError(LARGEST_OF_ONE)
    known = evidence("softmax over C", x.shape)
    depth, flat = 0x10 * c, channel_bytes(c)
    exchanged = matrix(f"{y.buffer}.exchanged", 1, c)
    x_tile = Tile(0x10 + depth + flat, 0x10, depth, depth)
    powers, line = Tile(0x10, 0x10, depth, depth), Tile(0, 0x10, 0x10, 0x10)
    first = _channel_maximum(known, x, 0)
    first.source_tile("DmaReadKeep", x_tile._replace(group_bytes=depth), Aliases.ALL)
    first.result_tile("L2Write", line, Aliases.ALL)
    first.cycles = cycles((x,))
    difference = planar("(x - maximum) log2 e", known, Kind.TWO, (c, 1, 1), Patch(0, 4))
    difference.put("PE.Cfg", OpMode="Add", SecSrc="-Source2")
    difference.put("PE.BiasScale", Scale=LOG2_E)
    difference.put("Common.PECfg", Src2BroadcastC=1, OutputTranspose=1)
    difference.source_tile("L2Read", x_tile, Aliases.NEURAL)
    difference.second_tile(line)
    difference.result_tile("L2Write", Tile(depth + 0x10, flat, flat, flat))
    difference.write(exchanged, Store.CONTEXT)
    power = _exchanged_power(known, exchanged, exp2, Tile(depth + 0x10, flat, flat, flat), powers)
    total = _channel_sum(known, (c, 1, 1), 4, reciprocal, small=True)
    total.source_tile("L2Read", powers, Aliases.NEURAL_RESULT)
    total.result_tile("L2Write", line)
    last = planar("2^x / sum", known, Kind.TWO, (c, 1, 1), Patch(0, 4))
    last.put("PE.Cfg", OpMode="Mul", SecSrc="+Source2")
    last.put("Common.PECfg", Src1BroadcastC=1)
    last.source_tile("L2Read", line, Aliases.NEURAL_RESULT)
    last.second_tile(powers)
    last.result_tile("DmaWrite", Tile(depth + 0x10))
    last.write(y)
    last.cycles = cycles((), (y,))
    return [draft.plan() for draft in (first, difference, power, total, last)]


def _exchanged_power(known: Evidence, exchanged: Surface, exp2: bytes, source: Tile, result: Tile) -> Draft:
    """2^x of a row that is handed on by a change of context, exchanged back."""
    draft = neural("2^x", known, (1, 1, exchanged.shape.w), exchange=True, table=True, engines=NEURAL_ENGINES)
    draft.read(exchanged, Fetch.CONTEXT)
    draft.source_tile("L2Read", source, Aliases.PLANAR_RESULT, dma=True)
    draft.result_tile("L2Write", result)
    draft.kernel = lookup(exp2, 1)
    return draft


def over_single_w(x: Surface, y: Surface, exp2: bytes) -> list[TaskPlan]:
    """Over W of 1 x C x 1 x 1, each row a single element: the result is 1, made as compiler 9.509 makes it.

    Args:
        x: the source.
        y: the result.
        exp2: the table of 2^x, 128 bytes.

    Returns:
        Five tasks (record of 512 channels).
    """
    c = x.shape.c
    known = evidence("softmax over W", x.shape)
    depth, flat = 0x10 * c, channel_bytes(c)
    columns, powers = Tile(0, 0x10, depth, depth), Tile(0, 0x10, depth, depth)
    x_tile = Tile(depth + round_up(flat, 0x10), 0x10, depth, depth)
    exchanged = matrix(f"{y.buffer}.exchanged", 1, c)
    narrow = Patch(0, 4)
    first = reducing(Reduce.MAX, known, (c, 1, 1), narrow, 1)
    first.read(x)
    first.source_tile("DmaReadKeep", x_tile._replace(group_bytes=depth), Aliases.ALL)
    first.result_tile("L2Write", columns, Aliases.ALL)
    first.cycles = cycles((x,))
    difference = planar("(x - maximum) log2 e", known, Kind.TWO, (c, 1, 1), narrow)
    difference.put("PE.Cfg", OpMode="Add", SecSrc="-Source2")
    difference.put("PE.BiasScale", Scale=LOG2_E)
    difference.put("Common.PECfg", Src2BroadcastW=1, OutputTranspose=1)
    difference.source_tile("L2Read", x_tile, Aliases.PLANAR_RESULT)
    difference.second_tile(columns)
    difference.result_tile("L2Write", Tile(depth, flat, flat, flat))
    difference.write(exchanged, Store.CONTEXT)
    power = _exchanged_power(known, exchanged, exp2, Tile(depth, flat, flat, flat), powers)
    total = reducing(Reduce.SUM, known, (c, 1, 1), narrow, 1)
    total.put("PE.Cfg", NLMode="Reciprocal")
    total.what = "1 / sum"
    totals = Tile(depth + 0x40, 0x10, depth, depth)
    total.source_tile("L2Read", powers, Aliases.NEURAL_RESULT)
    total.result_tile("L2Write", totals)
    total.cycles = int(c * CYCLES_A_REDUCED_PLANE)
    last = planar("2^x / sum", known, Kind.TWO, (c, 1, 1), narrow)
    last.put("PE.Cfg", OpMode="Mul", SecSrc="+Source2")
    last.put("Common.PECfg", Src1BroadcastW=1)
    last.source_tile("L2Read", totals, dependent=2)
    last.second_tile(powers)
    last.result_tile("DmaWrite", Tile(2 * depth + 0x40))
    last.write(y)
    last.cycles = cycles((), (y,))
    drafts = [
        keep_kernel(first, True, False), keep_kernel(difference, False, True), power, keep_kernel(total, True, False),
        keep_kernel(last, False, True),
    ]  # fmt: skip
    return [draft.plan() for draft in drafts]
