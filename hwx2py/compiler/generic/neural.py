"""Tasks of the neural engines for any shape: tables, and exchanges of C and W."""

from ...program.l2 import Aliases, Tile, channel_bytes, neural_row_bytes, planar_row_bytes, rows_log2
from ..builder import Builder
from ..draft import Draft
from ..engines import cycles, neural
from ..forms import activation
from ..surface import Surface
from ..task import Events, Store, TaskPlan, own
from ..view import View, four_axes
from .bands import MOST_ROWS, TILES_BYTES, rows_that_fit
from .planar import passing

EXCHANGE = own("C and W exchanged by a pass-through, as transposes of 2023 that ran")
#: Columns or channels of one exchange; a multiple of 32, which is where rows may be cut.
EXCHANGED_COLUMNS = 512


def lookup(
    b: Builder, x: View, table: bytes, z: View, root: bool = False, what: str = "table", before: float = 0.0
) -> View:
    """Applies a table to every element of x.

    Args:
        b: where the tasks go.
        x: the argument.
        table: 128 bytes.
        z: the result.
        root: the table is one of a root, a logarithm or a reciprocal.
        what: the function's name.
        before: added to the argument, a float16.
    """
    for one, result in four_axes(x, z):
        for source, target in passing(one, result):
            b.add(activation.table(what, table, source, target, root=root, epsilon=before))
    return z


def whole_source(draft: Draft, x: Surface, together: int) -> int:
    """The source in L2 from address 0 on; gives its bytes."""
    _, c, h, w = x.shape
    channel = channel_bytes(w)
    depth = c * channel
    row = neural_row_bytes(c, channel, together) if h > 1 else depth
    draft.read(x)
    draft.source_tile("DmaRead", Tile(0, channel, row, depth, depth), Aliases.ALL)
    return h * row


def exchange(b: Builder, x: View, z: View) -> View:
    """z[w, h, c] = x[c, h, w], for views of three axes."""
    c, h, w = x.lengths
    if c * channel_bytes(w) + w * channel_bytes(c) > TILES_BYTES or max(c, w) > MOST_ROWS:
        for left in range(0, w, EXCHANGED_COLUMNS):
            columns = x.columns(left, min(EXCHANGED_COLUMNS, w - left))
            for first in range(0, c, EXCHANGED_COLUMNS):
                count = min(EXCHANGED_COLUMNS, c - first)
                target = z.part(0, left, min(EXCHANGED_COLUMNS, w - left)).columns(first, count)
                if columns is not None and target is not None:
                    exchange(b, columns.part(0, first, count), target)
        return z
    most = rows_that_fit(c * channel_bytes(w) + w * channel_bytes(c), h)
    for top in range(0, h, most):
        count = min(h - top, most)
        b.add([_exchange(x.part(1, top, count).surface(), z.part(1, top, count).surface())])
    return z


def _exchange(x: Surface, z: Surface) -> TaskPlan:
    _, c, h, w = x.shape
    together = rows_log2(h, 2 * max(c, w))
    draft = neural(
        "exchange of C and W", EXCHANGE, (c, h, w), engines=16 if w >= 16 else 8, rows_log2=together, exchange=True
    )
    size = whole_source(draft, x, together)
    draft.write(z, Store.WHOLE)
    channel = channel_bytes(c)
    row, depth = planar_row_bytes(w, channel), w * channel
    draft.result_tile("DmaWrite", Tile(size, channel, row, depth, depth), Aliases.ALL, tiled=False)
    draft.events = Events.COPY
    draft.cycles = cycles((x,), (z,))
    return draft.plan()
