"""Functions of one element: a clamp at zero, or a lookup table, on the neural engines."""

from ...program.l2 import NEURAL_COLUMNS_BYTES, UNIT_BYTES, Aliases, Tile, channel_bytes, neural_row_bytes, rows_log2
from ..coefficients import lookup
from ..engines import NEURAL_ENGINES, cycles, neural
from ..evidence import evidence
from ..surface import HALF_BYTES, Surface
from ..task import Events, TaskPlan
from .parts import in_parts, tile_of


@in_parts("c")
def relu(x: Surface, z: Surface) -> list[TaskPlan]:
    """Stores max(x, 0).

    Args:
        x: the source.
        z: the result.

    Returns:
        One task (records of relu).
    """
    return [_unary("relu", x, z)]


@in_parts("c")
def table(
    what: str, data: bytes, x: Surface, z: Surface, *, root: bool = False, epsilon: float = 0.0
) -> list[TaskPlan]:
    """Looks every element up in a table.

    Args:
        what: the function's name.
        data: the table's 128 bytes.
        x: the source.
        z: the result.
        root: the table decomposes its argument: log, roots and reciprocal.
        epsilon: added to x before the table; a float16.

    Returns:
        One task (records of sigmoid, log, sqrt, rsqrt and others).
    """
    return [_unary(what, x, z, data, root, epsilon)]


def logical_not(x: Surface, z: Surface, data: bytes) -> list[TaskPlan]:
    """Stores 1 where a bool is 0, else 0: a table of 8-bit elements.

    Args:
        x: the source, one byte an element.
        z: the result, one byte an element.
        data: the table, 128 bytes.

    Returns:
        One task (record of 64 x 64).
    """
    return [_unary("logical not", x, z, data)]


def part_bytes(width: int, element_bytes: int = HALF_BYTES) -> int:
    """Bytes of the parts in which long rows pass through L2: half as many where those leave none over.

    Programs of 2023 with 1600 columns pass 64 at a time, and two rows.

    Args:
        width: columns.
        element_bytes: of an element.

    Returns:
        0 where rows are no longer than a part, or no part leaves none over: they lie there whole.
    """
    whole = element_bytes * width
    if channel_bytes(width, element_bytes) <= NEURAL_COLUMNS_BYTES:
        return 0
    return next((part for part in (NEURAL_COLUMNS_BYTES, NEURAL_COLUMNS_BYTES // 2) if whole % part == 0), 0)


def _unary(what: str, x: Surface, z: Surface, data: bytes = b"", root: bool = False, epsilon: float = 0.0) -> TaskPlan:
    n, c, h, w = x.shape
    item = x.element_bytes
    part = part_bytes(w, item)
    sharing = rows_log2(h, part or item * w)
    least = sharing if part else 0
    is_table = bool(data)
    draft = neural(
        what, evidence(what, x.shape), (c, h, w), rows_log2=sharing, prefer_log2=least, least_log2=least,
        table=is_table, relu=not is_table,
    )  # fmt: skip
    draft.put("Common.GroupConvCfg", NumGroups=n)
    draft.read(x)
    draft.write(z)
    channel = channel_bytes(w, item)
    channel = part or channel
    depth = c * channel
    row = depth if part or h == 1 else neural_row_bytes(c, channel, sharing)
    if item == 1:
        draft.put("Common.ChCfg", InFmt="UInt8", OutFmt="UInt8")
        draft.put("NE.KernelCfg", KernelFmt="UInt8")
        draft.put("NE.MACCfg", BinaryPoint=0)
        row |= UNIT_BYTES  # the record has an odd number of 16 bytes
    height = tile_of(h, row + depth)
    draft.put("Common.TileCfg", TileHeight=height)
    draft.source_tile("DmaRead", Tile(0, channel, row, depth, depth), Aliases.ALL, element_bytes=item)
    draft.result_tile("DmaWrite", Tile(height * row), Aliases.ALL, element_bytes=item)
    if is_table:
        draft.kernel = lookup(data, min(c, NEURAL_ENGINES))
    if root:
        draft.put("Common.DPE", Category=1)
        draft.events = Events.ROOT
    if epsilon:
        draft.put("NE.AccBias", AccBias=epsilon)
        draft.put("NE.MACCfg", OpMode="Conv")
    draft.cycles = cycles((x,), (z,))
    return draft.plan()
