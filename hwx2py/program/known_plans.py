"""What known programs hold of a plan, as rows: patches, widths in which rows pass through L2, sharing of rows.

A plan says where tiles lie in L2 and how an engine walks them. It changes no result, and a wrong one hangs the chip, so
what no known program has is worth a word before it is tried.
"""

import enum
from typing import NamedTuple

RECORDS = "decoded compiler 9.509 programs"
REAL = "real files and decoded programs"
WIDE = "published programs of 2560 x 1600 elements (macOS 12)"
PUBLISHED = "words of published tables, predicted from the shapes"


class Engine(enum.Enum):
    """Who works: each has its own plan."""

    PLANAR = "the planar engine"
    NEURAL = "the neural engines"


class Patch(NamedTuple):
    """A patch that the planar engine works on: log2 of its width and height in elements, and where it was seen."""

    width_log2: int
    height_log2: int
    source: str


#: Patches of known planar tasks. 7 x 2 and 7 x 1 follow from the rule, and no record has them.
PATCHES = (
    *(Patch(4, height, RECORDS) for height in range(6)),
    *(Patch(5, height, RECORDS) for height in range(2, 5)),
    Patch(6, 0, REAL),
    Patch(7, 0, PUBLISHED),
    Patch(8, 0, REAL),
    Patch(9, 0, REAL),
    Patch(9, 5, WIDE),
)
#: Patches are at least this wide, log2.
LEAST_PATCH_WIDTH_LOG2 = 4


class Part(NamedTuple):
    """A width in which rows of a result pass through L2 that are longer; `operations.stage_rows` has those of sources.

    Attributes:
        engine: whose task.
        part_bytes: from channel to channel, which is as much of a row as is there at a time.
        least_row_bytes: rows from this length on have it.
        source: where it was seen.
    """

    engine: Engine
    part_bytes: int
    least_row_bytes: int
    source: str


RESULT_PARTS = (
    Part(Engine.NEURAL, 0x100, 0x102, RECORDS),
    Part(Engine.NEURAL, 0x40, 0xC80, WIDE),
    Part(Engine.PLANAR, 0x40, 0x2EE, f"{WIDE}; {PUBLISHED}"),
)


class Sharing(NamedTuple):
    """Fields of Common.Cfg that say how many rows the engines work on at a time, and their largest known value.

    Attributes:
        engine: whose task.
        field: the field.
        largest: its largest value.
        source: where it was seen.
    """

    engine: Engine
    field: str
    largest: int
    source: str


SHARING = (
    Sharing(Engine.PLANAR, "ShPref", 0, REAL),
    Sharing(Engine.PLANAR, "ShMin", 0, REAL),
    Sharing(Engine.PLANAR, "ShMax", 0, REAL),
    Sharing(Engine.PLANAR, "SmallSourceMode", 0, REAL),
    Sharing(Engine.PLANAR, "ActiveNE", 0, REAL),
    Sharing(Engine.NEURAL, "ShPref", 4, REAL),
    Sharing(Engine.NEURAL, "ShMin", 4, REAL),
    Sharing(Engine.NEURAL, "ShMax", 4, REAL),
)


def is_known_patch(width_log2: int, height_log2: int) -> bool:
    """Whether a known planar task has a patch."""
    return any((row.width_log2, row.height_log2) == (width_log2, height_log2) for row in PATCHES)


def holds_result(engine: Engine, channel_bytes: int, row_bytes: int) -> bool:
    """Whether channels of a result that lie `channel_bytes` apart in L2 hold its rows, whole or in known parts.

    Args:
        engine: who works.
        channel_bytes: from channel to channel in L2.
        row_bytes: of a row of one channel.
    """
    return channel_bytes >= row_bytes or any(
        (row.engine, row.part_bytes) == (engine, channel_bytes) and row_bytes >= row.least_row_bytes
        for row in RESULT_PARTS
    )
