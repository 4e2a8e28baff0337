"""Bands: parts of a tensor that fit L2."""

from collections.abc import Iterator, Sequence

from ...program.l2 import PLANAR_COLUMNS_BYTES, channel_bytes

#: Bytes of L2 that the tiles of a task may take: 2 MiB less a reserve for padding between rows and tiles.
TILES_BYTES = 0x1C0000
#: Padding that a row of a tile may get (l2.neural_row_bytes).
ROW_PADDING_BYTES = 0x40
#: Most channels and rows of a task: Cin and Cout have 15 bits, Hin and Win too.
MOST_ROWS = 32767


def rows_that_fit(row_bytes: int, height: int) -> int:
    """How many rows of a height fit, where one row of all tiles takes `row_bytes`; at least one."""
    return max(1, min(height, MOST_ROWS, TILES_BYTES // (row_bytes + ROW_PADDING_BYTES)))


def bands(
    channels: int, height: int, width: int, tensors: int, most_columns_bytes: int = PLANAR_COLUMNS_BYTES
) -> Iterator[tuple[range, range]]:
    """Ranges of channels and rows, a task for each, in which so many tensors of the shape fit L2.

    Args:
        channels: of the tensors.
        height: of the tensors.
        width: of the tensors.
        tensors: sources and results of a task.
        most_columns_bytes: of a row that lie in L2 at a time.
    """
    channel = min(channel_bytes(width), most_columns_bytes)
    most_channels = max(1, min(MOST_ROWS, TILES_BYTES // (tensors * channel) - 1))
    for first in range(0, channels, most_channels):
        planes = range(first, min(channels, first + most_channels))
        most = rows_that_fit(tensors * len(planes) * channel, height)
        for top in range(0, height, most):
            yield planes, range(top, min(height, top + most))


def is_one_band(shape: Sequence[int], tensors: int) -> bool:
    """Whether a task takes so many tensors of a shape as they are.

    Args:
        shape: batch, channels, height and width.
        tensors: sources and results of a task.
    """
    _, channels, height, width = shape
    return width <= MOST_ROWS and len(list(bands(channels, height, width, tensors))) == 1
