"""Steps that forms of several tasks share: tiles of one row, copies that exchange, matrices as channels of one row."""

from ...program.l2 import NEURAL_COLUMNS_BYTES, Aliases, Tile, channel_bytes
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
    result_aliases: Aliases | None = None, sharing: int = 0, least: int = 0,
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
    return draft
