"""x to the power of another tensor: exponents and logarithms side by side, 2 to their product."""

from ...program.l2 import SIZE_BYTES, Aliases, Tile, channel_bytes, neural_row_bytes, rows_log2
from ..coefficients import lookup
from ..engines import NEURAL_ENGINES, cycles, neural
from ..evidence import evidence
from ..surface import HALF_BYTES, Surface
from ..task import Events, TaskPlan
from .parts import TooLargeError, in_parts


@in_parts("ch")
def power(x: Surface, exponent: Surface, y: Surface, log2: bytes, exp2: bytes) -> list[TaskPlan]:
    """Stores x to the power of a tensor of the same shape.

    Args:
        x: the base, above zero, with a batch of 1.
        exponent: the exponent.
        y: the result.
        log2: the table of the logarithm, 128 bytes.
        exp2: the table of 2^x, 128 bytes.

    Returns:
        Three tasks (records of 64 x 8 x 8, and of 64 x 1 x 1 on H14).

    Raises:
        TooLargeError: L2 does not hold both sources.
    """
    _, c, h, w = x.shape
    known = evidence("pow", x.shape)
    channel = channel_bytes(w)
    depth, sharing = c * channel, rows_log2(h, HALF_BYTES * w)
    row = neural_row_bytes(c, channel, sharing)
    pair_row = 2 * depth + (0x20 if h > 1 else 0)
    base = h * pair_row
    if base + h * row > SIZE_BYTES:
        raise TooLargeError(f"{c} x {h} x {w} does not fit L2 twice")
    tasks = []
    for source, place in ((exponent, 0), (x, channel)):
        is_base = place > 0
        what = "log2" if is_base else "the exponent into L2"
        draft = neural(what, known, (c, h, w), rows_log2=sharing, engines=NEURAL_ENGINES, table=is_base)
        aliases = Aliases.NONE if is_base else Aliases.ALL
        draft.read(source)
        draft.source_tile("DmaRead", Tile(base, channel, row, depth, depth), aliases)
        draft.result_tile("L2Write", Tile(place, 2 * channel, pair_row, 2 * depth), aliases)
        draft.events = Events.ROOT if is_base else Events.COPY
        if is_base:
            draft.kernel = lookup(log2, NEURAL_ENGINES)
        draft.cycles = cycles((source,))
        tasks.append(draft)
    last = neural(
        "2 to the product", known, (2 * c, h, w), out=(c, h, w), rows_log2=max(1, sharing), prefer_log2=1, least_log2=1,
        engines=NEURAL_ENGINES, table=True,
    )  # fmt: skip
    last.put("Common.GroupConvCfg", NumGroups=1, UnicastEn=1, ElemMultMode=1, UnicastCin=2)
    last.put("NE.MACCfg", OpMode="ElementwiseMult")
    last.put("Common.DPE", Category=2)
    last.source_tile("L2Read", Tile(0, channel, pair_row, 2 * depth), Aliases.NEURAL_RESULT)
    last.result_tile("DmaWrite", Tile(base))
    last.write(y)
    last.kernel = lookup(exp2, NEURAL_ENGINES)
    last.cycles = cycles((), (y,))
    return [draft.plan() for draft in (*tasks, last)]
