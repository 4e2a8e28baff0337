"""Tasks that bring a tensor into L2, as the first steps of forms of several tasks."""

from ...program.l2 import Aliases, Tile, rows_log2
from ..draft import Draft
from ..engines import cycles, neural
from ..surface import Surface
from ..task import Events, Evidence


def pass_into_l2(
    what: str, evidence: Evidence, x: Surface, source: Tile, result: Tile, *, sharing: int | None = None,
    exchange: bool = False, engines: int | None = None,
) -> Draft:  # fmt: skip
    """A pass-through of the neural engines from memory into L2, the first task of a program or run.

    Args:
        what: what it does.
        evidence: where its words come from.
        x: what is read.
        source: where the source passes through L2.
        result: where it stays.
        sharing: log2 of the rows at a time; None: by rule.
        exchange: C and W are exchanged on the way.
        engines: that work; None: by rule.
    """
    _, c, h, w = x.shape
    shared = rows_log2(h, w * x.element_bytes) if sharing is None else sharing
    draft = neural(what, evidence, (c, h, w), rows_log2=shared, exchange=exchange, engines=engines)
    draft.read(x)
    draft.source_tile("DmaRead", source, Aliases.ALL, element_bytes=x.element_bytes)
    draft.result_tile("L2Write", result, Aliases.ALL)
    draft.events = Events.COPY
    draft.cycles = cycles((x,))
    return draft
