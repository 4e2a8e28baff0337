"""What a row's value bears on, beside the results of tasks, and how that is known.

A row without a `Bearing` takes part in results, for all that is known: the reader of operations refuses what it does
not understand there. A claim without a source says that it is inferred, and from what.
"""

from enum import StrEnum
from typing import NamedTuple


class Reach(StrEnum):
    """What a value can have a part in."""

    RESULT = "result"
    PLACE = "place"
    TIME = "time"
    NAME = "name"
    NOTHING = "nothing"


class When(StrEnum):
    """In which tasks a bearing holds."""

    ALWAYS = "in every task"
    IN_USE = "where the task uses what it belongs to"


class Bearing(NamedTuple):
    """What a register or a field bears on.

    Attributes:
        reach: what it has a part in.
        evidence: how that is known.
        when: in which tasks; one that bears on results only where its owner is in use is looked at there.
    """

    reach: Reach
    evidence: str
    when: When = When.ALWAYS

    @property
    def is_noise(self) -> bool:
        """Whether neither results, nor places, nor names depend on it: of a header, what comparisons call noise."""
        return self.when is When.ALWAYS and self.reach in (Reach.TIME, Reach.NOTHING)

    @property
    def is_name(self) -> bool:
        """Whether it only tells tasks apart."""
        return self.when is When.ALWAYS and self.reach is Reach.NAME


class Ignored(NamedTuple):
    """Bits of a register that change nothing on hardware.

    Attributes:
        mask: the bits.
        evidence: how it is known.
    """

    mask: int
    evidence: str


class Idle(NamedTuple):
    """A word that newer compilers leave in a register of an engine that does not work, and that changes nothing.

    Attributes:
        word: the value.
        evidence: how it is known.
    """

    word: int
    evidence: str


EXECUTED = "executed: decoded programs come out right without it"

# Headers.
ESTIMATE = Bearing(Reach.NOTHING, "inferred: it is the compiler's own estimate, which follows from bytes and sizes")
LOGGED = Bearing(
    Reach.NOTHING,
    "inferred from its name: a mask of events; real programs with other LogEvents run exactly on an M1",
)
PRIORITY = Bearing(Reach.TIME, "inferred from its name: when the next task runs; no source")

# When, and how fast.
HINT = Bearing(Reach.TIME, f"inferred from its name: caching, fetching ahead, buffering, waiting; {EXECUTED}")
POWER = Bearing(Reach.TIME, "inferred from its name: an estimate of power; no source")

# Where.
SHARING = Bearing(Reach.PLACE, f"inferred from its name: which engines take which part; {EXECUTED}")
TILING = Bearing(Reach.PLACE, f"inferred from its name: how the work is cut into pieces; {EXECUTED}", When.IN_USE)
ALIAS = Bearing(Reach.PLACE, f"inferred from its name: tensors that share a place in L2; {EXECUTED}")
ROW_ENDS = Bearing(Reach.PLACE, f"inferred from its name: bytes between the rows of a tensor; {EXECUTED}")

# What a task is called.
TASK_NAME = Bearing(Reach.NAME, f"inferred from its values, which number tasks and sets of data; {EXECUTED}")

# Nothing.
UNEXPLAINED = Bearing(Reach.NOTHING, f"{EXECUTED}; what it is for is not known")
ONE_VALUE = Bearing(Reach.NOTHING, "inferred: it has one value in every program; no source")
FILLER = Bearing(Reach.NOTHING, "inferred: 0xdead keeps the end of a task off 64-byte boundaries; no source")
FORMAT_MODE = Bearing(Reach.NOTHING, "inferred from H13, where it was edited; no source of its own")

# Results, of some tasks.
IN_USE = Bearing(Reach.RESULT, f"{EXECUTED} where nothing that is in use reads it", When.IN_USE)
NOT_NEEDED = Bearing(Reach.RESULT, "inferred: no program that was executed needs it; no source", When.IN_USE)
