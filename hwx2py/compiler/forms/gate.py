"""A tensor combined with a number for each channel, which a convolution leaves in L2."""

from ...packing import Halves
from ...program.l2 import SIZE_BYTES, Tile, channel_bytes, patch_of_pairs
from ..engines import Kind, planar
from ..surface import Surface
from ..task import RULE, TaskPlan
from .broadcast import second_in_l2
from .convolution import column_into_l2
from .elementwise import NOTHING, After, Binary
from .parts import TooLargeError


def gated(
    operation: Binary, x: Surface, column: Surface, z: Surface, weights: Halves, bias: Halves | None = None, *,
    relu: bool = False, table: bytes = b"", after: After = NOTHING,
) -> list[TaskPlan]:  # fmt: skip
    """Combines x with a convolution 1 x 1 of a column of channels: one number for each channel of x.

    Args:
        operation: what to do.
        x: the tensor, with a batch of 1.
        column: 1 x K x 1 x 1.
        z: the result.
        weights: float16, C x K.
        bias: float16, C; None without.
        relu: clamp the numbers at zero.
        table: a lookup table for the numbers, 128 bytes.
        after: what follows the operation.

    Returns:
        Two tasks: the convolution into L2, where a broadcast (records) has its small operand, and that broadcast.

    Raises:
        TooLargeError: L2 or a task does not hold the numbers.
    """
    _, c, h, w = x.shape
    channel = channel_bytes(1)
    size = c * channel
    if size > SIZE_BYTES // 2:
        raise TooLargeError(f"{c} numbers and another tensor do not fit L2")
    place = Tile(0, channel, size, size)
    first = column_into_l2(column, c, weights, bias, place, size, relu=relu, table=table)
    draft = planar(operation.name.lower(), RULE, Kind.TWO, (c, h, w), patch_of_pairs(h, w))
    draft.put("Common.PECfg", Src2BroadcastW=int(w > 1), Src2BroadcastH=int(h > 1))
    draft.put("PE.Cfg", **operation.value)
    after.put(draft)
    second_in_l2(draft, x, z, size, place)
    return [first.plan(), draft.plan()]
