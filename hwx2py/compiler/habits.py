"""How compilers of a generation make some operations otherwise than for H13, as traits that forms look at."""

from dataclasses import dataclass
from typing import NamedTuple


class Sharing(NamedTuple):
    """Log2 of the rows that the engines share in a product of up to eight rows.

    Attributes:
        copy: in the copy that brings rows into L2 as columns.
        product: in the product.
    """

    copy: int
    product: int


USUAL_SHARING = Sharing(3, 4)


@dataclass(frozen=True, slots=True)
class Habits:
    """What a generation does in forms that differ from one to another; the values here are those of H13.

    Attributes:
        skips_zeros: kernels that leave zeros out may be used: the order of their bytes is known.
        rounds: how many rounds of a kernel that a task made one task fetches, at most.
        lanes_exchanged: channels of an engine in a copy that exchanges C and W, at most.
        few_rows: sharing in products of up to eight rows.
    """

    skips_zeros: bool = True
    rounds: int = 1
    lanes_exchanged: int = 1
    few_rows: Sharing = USUAL_SHARING


#: H13, the generation that programs are compiled for first.
USUAL = Habits()
