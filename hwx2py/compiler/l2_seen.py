"""What has an operand in L2 in known programs: rows of kinds of task, and where each was seen.

What a task leaves in L2 for another one is in these programs a step inside a form. `chain` does the same from form to
form, for these kinds of task only.
"""

import enum
from typing import NamedTuple

PUBLISHED = "published tables"


class Operand(enum.Enum):
    """An operand of a task, by the name that its registers of L2 have."""

    SOURCE = "Source"
    SECOND = "Source2"
    RESULT = "Result"


#: How notes call an operand.
NAMES = {Operand.SOURCE: "source 1", Operand.SECOND: "source 2", Operand.RESULT: "the result"}


class Work(enum.Enum):
    """What a task does, as far as it matters for where its operands lie."""

    PASS = "pass-through of the neural engines, a table behind it or not"
    PRODUCT = "convolution 1 x 1 at stride 1, all channels"
    WINDOW = "convolution with a window, or of each channel"
    ONE = "one source on the planar engine"
    TWO = "two sources on the planar engine"
    GAIN_OFFSET = "factors and offsets on the planar engine"
    REDUCE = "reduction"
    REDUCE_TWO = "reduction of two sources"


class Seen(NamedTuple):
    """An operand that lies in L2 in known programs.

    Attributes:
        work: what the task does.
        operand: which operand.
        where: a decoded program, or the published tables.
    """

    work: Work
    operand: Operand
    where: str


SEEN = (
    Seen(Work.PASS, Operand.SOURCE, "floor_r_1x64x1x1"),
    Seen(Work.PASS, Operand.RESULT, "floor_r_1x64x1x1"),
    Seen(Work.PRODUCT, Operand.SOURCE, "encoder_linear_m375_k1024_n640_bias1"),
    Seen(Work.PRODUCT, Operand.RESULT, f"attention of 64 rows ({PUBLISHED})"),
    # The engine adds up before it stores: where the sums come from changes nothing about where they go.
    Seen(Work.WINDOW, Operand.RESULT, f"1 x 1 convolutions in attention ({PUBLISHED})"),
    Seen(Work.ONE, Operand.SOURCE, "norm of 2023"),
    Seen(Work.ONE, Operand.RESULT, f"norm over C ({PUBLISHED})"),
    Seen(Work.TWO, Operand.SOURCE, "softmax_1x512x1x1"),
    Seen(Work.TWO, Operand.SECOND, "softmax_1x512x1x1"),
    Seen(Work.TWO, Operand.RESULT, "softmax_1x512x1x1"),
    Seen(Work.GAIN_OFFSET, Operand.SOURCE, f"norm over H and W ({PUBLISHED})"),
    Seen(Work.GAIN_OFFSET, Operand.SECOND, "binary_add_c64_constant_blob"),
    Seen(Work.GAIN_OFFSET, Operand.RESULT, f"norm over C ({PUBLISHED})"),
    Seen(Work.REDUCE, Operand.SOURCE, "softmax_1x512x1x1"),
    Seen(Work.REDUCE, Operand.RESULT, "softmax_1x512x1x1"),
    Seen(Work.REDUCE_TWO, Operand.SOURCE, f"norm over W ({PUBLISHED})"),
    Seen(Work.REDUCE_TWO, Operand.SECOND, f"norm over H and W ({PUBLISHED})"),
    Seen(Work.REDUCE_TWO, Operand.RESULT, f"norm over W ({PUBLISHED})"),
)
_WHERE = {(row.work, row.operand): row.where for row in SEEN}


def where_seen(work: Work | None, operand: Operand) -> str | None:
    """Where a task of this kind has such an operand in L2; None where no known program has.

    Args:
        work: what the task does; None for what has no name here.
        operand: which operand.
    """
    return None if work is None else _WHERE.get((work, operand))
