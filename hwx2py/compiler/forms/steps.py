"""Steps that forms of several tasks share: tiles of one row, copies that exchange, matrices as channels of one row."""

from ...program.l2 import NEURAL_COLUMNS_BYTES, Aliases, Tile, channel_bytes, log2_up
from ..draft import Draft
from ..engines import NEURAL_ENGINES, cycles_of_bytes, neural
from ..surface import Surface
from ..task import Events, Evidence


def one_row(base: int, channel: int, size: int) -> Tile:
    """A tile of a single row: whatever goes beyond channels spans all of it."""
    return Tile(base, channel, size, size, size)


def matrix(buffer: str, rows: int, columns: int, base_bytes: int = 0) -> Surface:
    """A matrix in a buffer of its own, rows as channels."""
    return Surface.dense(buffer, (1, 1, rows, columns), base_bytes=base_bytes).rows_as_channels()


def columns_of(buffer: str, rows: int, columns: int) -> Surface:
    """A matrix that is handed on in L2 by a change of context: `rows` planes of one row, one after another."""
    surface = matrix(buffer, rows, columns)
    return surface.strided(row_bytes=surface.plane_bytes)


def kernel_rows(buffer: str, rows: int, columns: int, lanes: int, base_bytes: int = 0) -> Surface:
    """Rows that are stored as a kernel: `lanes` of them side by side, which is the dense packing.

    Args:
        buffer: where.
        rows: a multiple of `lanes`.
        columns: of each row.
        lanes: rows side by side.
        base_bytes: where it begins in the buffer.
    """
    surface = matrix(buffer, rows // lanes, columns * lanes, base_bytes)
    return surface.strided(row_bytes=surface.plane_bytes)


def exchanging_copy(
    what: str, evidence: Evidence, x: Surface, source_base: int, result: Tile, *, aliases: Aliases = Aliases.ALL,
    result_aliases: Aliases | None = None, sharing: int = 0, least: int = 0, most_lanes: int = 1,
) -> Draft:  # fmt: skip
    """A copy from memory into L2 that exchanges C and W, of a matrix whose rows are channels.

    Args:
        what: what it does.
        evidence: where its words come from.
        x: the matrix, one row high.
        source_base: where it passes through L2, 128 columns at a time.
        result: where it stays.
        aliases: what else lies where the source does.
        result_aliases: the same of the result; None: the same bits.
        sharing: log2 of the rows at a time, if several.
        least: the least of them.
        most_lanes: channels of an engine, at most (see `exchange_in_lanes`).
    """
    _, c, h, w = x.shape
    draft = neural(
        what, evidence, (c, h, w), rows_log2=sharing, prefer_log2=sharing, least_log2=least, exchange=True,
        engines=NEURAL_ENGINES,
    )  # fmt: skip
    draft.read(x)
    channel = min(channel_bytes(w), NEURAL_COLUMNS_BYTES)
    draft.source_tile("DmaRead", one_row(source_base, channel, c * channel), aliases)
    draft.result_tile("L2Write", result, aliases if result_aliases is None else result_aliases)
    draft.events = Events.COPY
    draft.cycles = cycles_of_bytes(x.size_bytes)
    exchange_in_lanes(draft, c, w, most_lanes)
    return draft


def exchange_in_lanes(draft: Draft, channels: int, columns: int, most: int) -> None:
    """Lets each engine take several channels in a copy that exchanges C and W, where none is left over.

    Read in the four such copies of decoded H14 and H16 programs, of 64, 64, 64 and 512 channels with 8, 8, 16 and 64
    columns: as many lanes as channels for each engine, at most eight; sixteen channels and rows at a time.

    Args:
        draft: the copy, of sixteen engines.
        channels: of the source.
        columns: of the source.
        most: lanes that the generation takes, at most; 1 leaves the copy as it is.
    """
    if most == 1 or not has_lanes(channels):
        return
    share = channels // NEURAL_ENGINES
    lanes = min(most, share & -share)
    together = max(0, min(4, 7 - log2_up(columns)))
    least = min(log2_up(NEURAL_ENGINES) - log2_up(lanes), together)
    draft.put("Common.ConvCfg", OCGSize=log2_up(lanes))
    draft.put("Common.GroupConvCfg", UnicastCin=lanes)
    draft.put("Common.Cfg", ShPref=least, ShMin=least, ShMax=together, FillLowerNE=1)


def has_lanes(channels: int) -> bool:
    """Whether several channels for each engine leave none over."""
    return channels % (2 * NEURAL_ENGINES) == 0
