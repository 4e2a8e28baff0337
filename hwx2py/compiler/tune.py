"""Alternatives of forms, judged by what they cost: `compile --tune`.

The cost model is the only judge. It counts bytes and operations; what it leaves out, such as how well engines share
rows, it cannot tell apart.
"""

import csv
import io
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol, TypeVar

from ..errors import UnsupportedError
from ..program.l2 import SIZE_BYTES
from ..program.program import Program
from .l2_operands import Extent, extent_in_l2
from .l2_seen import Operand
from .link import link
from .task import Source, TaskPlan

#: What judges, in words.
JUDGE = "the estimates of `hwx2py cost`, and nothing else: no report of a chip has calibrated them yet"
#: How long `--tune` looks for alternatives unless told otherwise, seconds.
USUAL_SECONDS = 60.0


class Judgement(NamedTuple):
    """What tasks cost.

    Attributes:
        estimate_us: how long they take, microseconds.
        moved_bytes: what they move to and from memory.
    """

    estimate_us: float
    moved_bytes: int


Judge = Callable[[Program], Judgement]
#: Why a program is not to be taken; empty where it may be.
Objection = Callable[[Program], str]


def no_objection(program: Program) -> str:
    """Takes every program."""
    return ""


class HasProgram(Protocol):
    """What has a program."""

    @property
    def program(self) -> Program:
        """The program."""


P = TypeVar("P", bound=HasProgram)


class Alternative(NamedTuple):
    """A way to do something.

    Attributes:
        name: what is different about it.
        make: makes its tasks; raises `UnsupportedError` where it is none.
    """

    name: str
    make: Callable[[], list[TaskPlan]]


class Trial(NamedTuple):
    """An alternative that was tried.

    Attributes:
        operation: of the network; empty for a choice about all of it.
        choice: what was to be chosen.
        alternative: the alternative.
        judgement: what it costs; None where it cannot be.
        refused: why it cannot be; empty where it can.
        is_usual: it is what is taken without tuning.
        is_chosen: it was taken.
    """

    operation: str
    choice: str
    alternative: str
    judgement: Judgement | None
    refused: str = ""
    is_usual: bool = False
    is_chosen: bool = False


class Tuning(NamedTuple):
    """What came of looking for alternatives.

    Attributes:
        trials: every alternative that was tried, in order.
        before: what the program costs without.
        after: what it costs.
        is_complete: whether the time was enough for all of them.
    """

    trials: tuple[Trial, ...]
    before: Judgement
    after: Judgement
    is_complete: bool

    @property
    def changed(self) -> int:
        """How many choices of forms came out otherwise than usual."""
        return sum(not trial.is_usual for trial in self.choices)

    @property
    def choices(self) -> list[Trial]:
        """What was taken for each choice of a form."""
        return [trial for trial in self.trials if trial.operation and trial.is_chosen]

    def as_csv(self) -> str:
        """A table with a row for every alternative that was tried."""
        text = io.StringIO()
        rows = self.as_data()["tried"]
        table = csv.DictWriter(text, list(rows[0]), lineterminator="\n")
        table.writeheader()
        table.writerows(rows)
        return text.getvalue()

    def as_data(self) -> dict[str, Any]:
        """As JSON has it."""
        return {
            "judge": JUDGE,
            "complete": self.is_complete,
            "before": _data(self.before),
            "after": _data(self.after),
            "tried": [
                {
                    "operation": trial.operation,
                    "choice": trial.choice,
                    "alternative": trial.alternative,
                    **_data(trial.judgement),
                    "refused": trial.refused,
                    "usual": trial.is_usual,
                    "chosen": trial.is_chosen,
                }
                for trial in self.trials
            ],
        }


def _data(judgement: Judgement | None) -> dict[str, int | float | None]:
    if judgement is None:
        return {"estimate_us": None, "bytes": None}
    return {"estimate_us": judgement.estimate_us, "bytes": judgement.moved_bytes}


class _Tried(NamedTuple):
    """An alternative with its tasks."""

    name: str
    plans: list[TaskPlan]
    judgement: Judgement
    rank: int


@dataclass(slots=True)
class Tuner:
    """Picks alternatives.

    Attributes:
        judge: says what a program costs.
        seconds: how long it may look.
        clock: gives seconds.
        objection: why a whole program must not be taken; the usual one always may.
        trials: what was tried.
        operation: name of the operation that is being lowered.
        is_complete: whether the time was enough so far.
    """

    judge: Judge
    seconds: float = USUAL_SECONDS
    clock: Callable[[], float] = time.monotonic
    objection: Objection = no_objection
    trials: list[Trial] = field(default_factory=list)
    operation: str = ""
    is_complete: bool = True
    _end: float = field(init=False)

    def __post_init__(self) -> None:
        self._end = self.clock() + self.seconds

    @property
    def has_time(self) -> bool:
        """Whether there is time to try another alternative; once there is not, none is tried any more."""
        self.is_complete = self.is_complete and self.clock() < self._end
        return self.is_complete

    def pick(self, choice: str, alternatives: Sequence[Alternative]) -> list[TaskPlan]:
        """The tasks of the best alternative: the fastest, among equals the best known, then what moves least.

        Args:
            choice: what is to be chosen.
            alternatives: the usual one first.

        Returns:
            The tasks of the usual one where the others are no better, or there is no time.
        """
        if len(alternatives) == 1 or not self.has_time:
            return alternatives[0].make()
        rows: list[_Tried | str] = []
        tried: list[_Tried] = []
        for alternative in alternatives:
            if tried and not self.has_time:
                break
            one = self._tried(alternative, must=not rows)
            rows.append(one)
            if isinstance(one, _Tried):
                tried.append(one)
        best = min(tried, key=lambda one: (one.judgement.estimate_us, one.rank, one.judgement.moved_bytes))
        self.trials += [
            Trial(self.operation, choice, row.name, row.judgement, "", number == 0, row is best)
            if isinstance(row, _Tried)
            else Trial(self.operation, choice, alternatives[number].name, None, row)
            for number, row in enumerate(rows)
        ]
        return best.plans

    def pick_program(self, ways: Mapping[str, Callable[[], P]]) -> tuple[P, Tuning]:
        """The best of several programs: the fastest, then what moves least, then the first.

        Args:
            ways: what is different about each -> makes it; the usual one, without any alternative, first.

        Returns:
            The program, and all that was tried on the way to it.
        """
        made: list[tuple[Judgement, P]] = []
        whole: list[Trial] = []
        for name, make in ways.items():
            if made and not self.has_time:
                break
            program = make()
            judgement = self.judge(program.program)
            refused = self.objection(program.program) if made and judgement < min(judged for judged, _ in made) else ""
            if not refused:
                made.append((judgement, program))
            whole.append(Trial("", "program", name, None if refused else judgement, refused, not whole))
        best = min(range(len(made)), key=lambda number: (made[number][0], number))
        if best == 0:
            self.trials = [trial._replace(is_chosen=trial.is_usual) for trial in self.trials]
        taken = [trial for trial in whole if trial.judgement is not None][best]
        programs = [trial._replace(is_chosen=trial is taken) for trial in whole]
        tuning = Tuning((*self.trials, *programs), made[0][0], made[best][0], self.is_complete)
        return made[best][1], tuning

    def _tried(self, alternative: Alternative, must: bool) -> _Tried | str:
        """An alternative with its costs, or why it cannot be; the usual one must be possible."""
        try:
            plans = alternative.make()
        except UnsupportedError as error:
            if must:
                raise
            return error.what
        if not must and any(extent.end > SIZE_BYTES for extent in _extents(plans)):
            return "it does not fit L2"
        ranks = list(Source)
        rank = max(2 * ranks.index(plan.evidence.source) + (plan.evidence.risk == "middle") for plan in plans)
        return _Tried(alternative.name, plans, self.judge(link(plans, ()).program), rank)


def _extents(plans: Sequence[TaskPlan]) -> Iterator[Extent]:
    for plan in plans:
        for operand in Operand:
            if (extent := extent_in_l2(plan, operand)) is not None:
                yield extent
