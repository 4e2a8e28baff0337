"""The plan of L2: strides, padding, bases, patches and sharing of rows, by rule.

The rules give the words of compiler 9.509 on the recorded shapes, unless a docstring says more. L2 repeats its banks
every KiB: rows of a tile that begin in the same banks are read one after another, hence the padding.
"""

import enum
from typing import NamedTuple

from ..units import round_up
from .known_plans import LEAST_PATCH_WIDTH_LOG2, PATCHES

#: Size of L2.
SIZE_BYTES = 0x200000
#: Banks repeat after this many bytes (inferred from where rows get padding).
BANKS_BYTES = 0x400
#: Unit of addresses and strides in L2.
UNIT_BYTES = 0x10
#: The neural engines take a source from memory 128 columns at a time, the planar engine 512.
NEURAL_COLUMNS_BYTES = 0x100
PLANAR_COLUMNS_BYTES = 0x400


class Tile(NamedTuple):
    """A place in L2: where it begins, and the bytes from channel to channel, row to row and so on."""

    base_bytes: int
    channel_bytes: int = 0
    row_bytes: int = 0
    depth_bytes: int = 0
    group_bytes: int = 0


class Aliases(enum.Flag):
    """Alias bits: what else lies where an operand lies (no effect on values seen)."""

    NONE = 0
    NEURAL_SOURCE = 1
    NEURAL_RESULT = 2
    PLANAR_SOURCE = 4
    PLANAR_RESULT = 8
    NEURAL = 3
    #: What the first task of a program sets, and the safe choice: against everything.
    ALL = 15

    def fields(self) -> dict[str, int]:
        """The fields of L2.SourceCfg and L2.ResultCfg."""
        return {
            "AliasConvSrc": int(Aliases.NEURAL_SOURCE in self),
            "AliasConvRslt": int(Aliases.NEURAL_RESULT in self),
            "AliasPlanarSrc": int(Aliases.PLANAR_SOURCE in self),
            "AliasPlanarRslt": int(Aliases.PLANAR_RESULT in self),
        }


def log2_up(number: int) -> int:
    """The least power of two that is not below a number, as its exponent."""
    return max(0, (number - 1).bit_length())


def channel_bytes(width: int, element_bytes: int = 2) -> int:
    """From channel to channel: the row of a tile up to 16 bytes (all records; smaller ones hang an M1)."""
    return round_up(width * element_bytes, UNIT_BYTES)


def odd_channel_bytes(width: int, element_bytes: int = 2) -> int:
    """The same of a matrix that is written column by column: an odd number of 16 bytes (records of products)."""
    return channel_bytes(width, element_bytes) | UNIT_BYTES


def planar_row_bytes(channels: int, channel: int) -> int:
    """From row to row of a tile of the planar engine: consecutive rows begin in other banks (7 of 7 records)."""
    row = channels * channel
    return row if row % BANKS_BYTES >= 0x20 else row - row % BANKS_BYTES + 0x20


class PassingRows(NamedTuple):
    """How rows of a source pass through L2: bytes from channel to channel, of all channels, and from row to row."""

    channel: int
    depth: int
    row: int


def planar_rows(channels: int, width: int) -> PassingRows:
    """Rows that the planar engine takes from memory: 512 columns at a time where they are longer, without padding.

    Rows up to 512 columns: 7 of 7 records; longer ones: records of a row added to 375 rows of 1024 and 4096.
    """
    channel = channel_bytes(width)
    if channel > PLANAR_COLUMNS_BYTES:
        depth = channels * PLANAR_COLUMNS_BYTES
        return PassingRows(PLANAR_COLUMNS_BYTES, depth, depth)
    return PassingRows(channel, channels * channel, planar_row_bytes(channels, channel))


def neural_row_bytes(channels: int, channel: int, rows_log2: int, stride: int = 1) -> int:
    """From row to row of a tile of the neural engines.

    Args:
        channels: channels of the tile.
        channel: bytes from channel to channel.
        rows_log2: log2 of the rows that are worked on at a time.
        stride: of the kernel.
    """
    row = channels * channel
    if rows_log2 <= 1 or channel >= 0x80 or row % 0x200:
        return row
    if row == 0x200 or stride == 2:
        return row + 0x20
    return row + max(0x30, channel + 0x10)


def kept_row_bytes(row: int) -> int:
    """From row to row of what the planar engine writes for a later task (records of softmax and norms)."""
    return row + (0x20 if row % BANKS_BYTES == 0 else 0x10 if row % 0x200 == 0 else 0)


def handed_row_bytes(row: int) -> int:
    """From row to row of what the neural engines write and the planar engine reads: not all in the same banks."""
    return row + 0x10 if row % BANKS_BYTES == 0 or (row >= 0x600 and row % 0x200 == 0) else row


def exchanged_row_bytes(row: int) -> int:
    """From row to row of what an exchanging copy writes for the planar engine."""
    return row + 0x20 if row % BANKS_BYTES == 0 else row | UNIT_BYTES


def base_behind(first: int, size: int, apart: int = 0x40) -> int:
    """Where the next tile begins: behind the first, and not in the banks in which that begins."""
    base = first + size
    distance = (base - first) % BANKS_BYTES
    return base if distance >= apart else base - distance + apart


def rows_log2(height: int, width_bytes: int) -> int:
    """Common.Cfg.ShMax: log2 of the rows that the neural engines work on at a time, 256 bytes of a row, at most 16."""
    return max(0, min(4, log2_up(height), 7 - log2_up(max(8, width_bytes // 2))))


class Patch(NamedTuple):
    """The patch that the planar engine works on: log2 of height and width."""

    height_log2: int
    width_log2: int


def patch_of_pairs(height: int, width: int) -> Patch:
    """Elementwise tasks: 16 to 512 wide, 512 elements, one row from 256 wide on (records of one shape; 4x0 to 4x5)."""
    wide = min(max(log2_up(width), 4), 9)
    return known_patch(Patch(min(log2_up(height), 9 - wide) if wide < 8 else 0, wide))


def patch_of_one(height: int, width: int) -> Patch:
    """One source: 512 elements, 16 to 512 wide."""
    wide = min(max(log2_up(width), 4), 9)
    return known_patch(Patch(min(log2_up(height), 9 - wide), wide))


def patch_of_two(height: int, width: int) -> Patch:
    """Two sources that lie in L2: 256 elements."""
    wide = min(max(log2_up(width), 4), 8)
    return known_patch(Patch(min(log2_up(height), 8 - wide), wide))


def patch_of_squares(height: int, width: int) -> Patch:
    """A reduction of two sources: as many rows as there are, at most 16."""
    high = min(log2_up(height), 4)
    return known_patch(Patch(high, min(max(log2_up(width), 4), 8 - high if high else 9)))


def overlap(one: tuple[int, int], two: tuple[int, int]) -> bool:
    """Whether two places in L2, first byte and end each, share bytes."""
    return one[0] < two[1] and two[0] < one[1]


def neural_alias(mine: tuple[int, int], source: tuple[int, int], result: tuple[int, int]) -> Aliases:
    """Alias bits of the neural engines behind a task of the planar engine: of its result's place, else its source's."""
    if overlap(mine, result):
        return Aliases.PLANAR_RESULT
    return Aliases.PLANAR_SOURCE if overlap(mine, source) else Aliases.NONE


def tile_height(height: int, most_rows: int) -> int:
    """Rows of a tile: all, or the largest power of two that fits.

    Compilers write the height while everything fits (all records but one) and a power of two where it does not (256
    to 256 channels at 64 x 64).

    Args:
        height: rows of the result.
        most_rows: rows for which L2 has space.
    """
    return height if height <= most_rows else 1 << max(most_rows, 1).bit_length() - 1


def known_patch(patch: Patch) -> Patch:
    """A patch that a known program has, for one that follows from a rule: no larger, since a wrong one hung an M1.

    Args:
        patch: what the rule gives.
    """
    wide = patch.width_log2
    while wide > LEAST_PATCH_WIDTH_LOG2 or wide == patch.width_log2:
        known = [row.height_log2 for row in PATCHES if row.width_log2 == wide and row.height_log2 <= patch.height_log2]
        if known:
            return Patch(max(known), wide)
        wide -= 1
    return Patch(0, LEAST_PATCH_WIDTH_LOG2)
