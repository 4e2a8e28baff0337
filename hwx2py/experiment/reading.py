"""What a report says: which hypothesis holds, whether the virtual ANE agrees, and what to change where it does not."""

import enum
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import NamedTuple

import numpy as np

from ..cost import cost
from ..errors import UsageError
from .forms import CHAIN, SUBMIT, TASKS, Form
from .kit import asked_of
from .question import Case, End, Hypothesis, Outcome, Question, asked
from .report import Report

#: A virtual ANE: what it answers to a case.
Model = Callable[[Case], Outcome]


class State(enum.Enum):
    """How far a question was answered."""

    NOT_ASKED = "not asked"
    OTHER_PROGRAM = "asked with another program"
    PARTLY = "not all of its programs were run"
    ANSWERED = "answered"


class Verdict(NamedTuple):
    """What a report says about a question.

    Attributes:
        question: the question.
        state: how far it was answered.
        holds: the hypothesis that every answer fits; None where none does, or it was not answered.
        agrees: whether the virtual ANE gives the same answers.
        difference: where the first answer differs from the virtual ANE's, in words; "" where none does.
    """

    question: Question
    state: State
    holds: Hypothesis | None = None
    agrees: bool = True
    difference: str = ""


def verdicts(report: Report, questions: Sequence[Question], model: Model = asked) -> list[Verdict]:
    """What a report says about questions.

    Args:
        report: the report.
        questions: the questions.
        model: the virtual ANE that is compared with it.

    Raises:
        UsageError: the report has answers, and none of them is to a program of these questions.
    """
    found = [_verdict(report, question, model) for question in questions]
    if report.rows and all(verdict.state in (State.NOT_ASKED, State.OTHER_PROGRAM) for verdict in found):
        what = f"old: none of its {len(report.rows)} programs is one that this version asks with"
        raise UsageError(what, hint=f"it was written by a kit of hwx2py {report.version}: read it with that")
    return found


def _verdict(report: Report, question: Question, model: Model) -> Verdict:
    rows = [report.rows.get(question.step(case)) for case in question.cases]
    known = [row for row in rows if row is not None]
    if not known:
        return Verdict(question, State.NOT_ASKED)
    if any(row is not None and row.asked != case.digest() for row, case in zip(rows, question.cases)):
        return Verdict(question, State.OTHER_PROGRAM)
    if len(known) < len(rows):
        return Verdict(question, State.PARTLY)
    pairs = [(case, row.outcome) for case, row in zip(question.cases, known)]
    holds = next((one for one in question.hypotheses if all(one.predict(c).equals(o) for c, o in pairs)), None)
    difference = next(filter(None, (_difference(case, outcome, model(case)) for case, outcome in pairs)), "")
    return Verdict(question, State.ANSWERED, holds, not difference, difference)


def _difference(case: Case, got: Outcome, mine: Outcome) -> str:
    """Where an answer first differs from the virtual ANE's."""
    if got.equals(mine):
        return ""
    if End.VALUES not in (got.end, mine.end) or got.end is not mine.end:
        return f"{case.name}: it ended with {got.end}, on the virtual ANE with {mine.end}"
    for name, bits in got.outputs.items():
        other = mine.outputs.get(name)
        if other is None or other.shape != bits.shape:
            return f"{case.name}: {name} has the shape {bits.shape}, on the virtual ANE another"
        wrong = np.flatnonzero(bits != other)
        if wrong.size:
            place = tuple(int(axis) for axis in np.unravel_index(wrong[0], bits.shape))
            values = (float(array.ravel()[wrong[0]].view(f"f{array.itemsize}")) for array in (bits, other))
            first, second = (f"{value:.8g}" for value in values)
            return f"{case.name}: {name}{list(place)} is {first}, on the virtual ANE {second}; {wrong.size} differ"
    return f"{case.name}: other outputs than on the virtual ANE"


def as_lines(report: Report, found: Sequence[Verdict]) -> Iterator[str]:
    """The verdicts for people."""
    yield f"asked: {report.machine}"
    answered = [verdict for verdict in found if verdict.state is State.ANSWERED]
    for verdict in answered:
        yield from _verdict_lines(verdict)
    for state in (State.OTHER_PROGRAM, State.PARTLY, State.NOT_ASKED):
        names = [verdict.question.name for verdict in found if verdict.state is state]
        if names:
            yield f"{state.value}: {', '.join(names)}"
    agree = sum(verdict.agrees for verdict in answered)
    questions = "question" if len(answered) == 1 else "questions"
    yield f"{len(answered)} {questions} answered; the virtual ANE agrees in {agree}"


def _verdict_lines(verdict: Verdict) -> Iterator[str]:
    question, holds = verdict.question, verdict.holds
    name = holds.name if holds else f"none of {len(question.hypotheses)} hypotheses fits"
    if verdict.agrees:
        yield f"{question.name}: {name}; the virtual ANE agrees"
        return
    yield f"{question.name}: {name}; the virtual ANE does not agree"
    yield f"  {question.text}"
    yield f"  {verdict.difference}"
    change = holds.change if holds and holds.change else "find the rule that gives these answers"
    yield f"  change {question.where}: {change}"


# Times


class Compared(NamedTuple):
    """A form's time beside what `cost` says.

    Attributes:
        form: the form.
        median_us: of a submit.
        beyond_us: the same without what a submit takes.
        at_least_us: what `cost` says its tasks take at least.
    """

    form: Form
    median_us: float
    beyond_us: float
    at_least_us: float


def compared(report: Report, forms: Iterable[Form]) -> list[Compared]:
    """The times of a report beside `cost`; forms that this version times with another program are left out."""
    programs = {form: form.program() for form in forms if form.name in report.times}
    same = {form: program for form, program in programs.items() if report.times[form.name].asked == asked_of(program)}
    submit = report.times[SUBMIT.name].median_us if SUBMIT in same else 0.0
    rows = []
    for form, program in same.items():
        median = report.times[form.name].median_us
        rows.append(Compared(form, median, median - submit, float(cost(program).total("estimate_us"))))
    return rows


def time_lines(report: Report, rows: Sequence[Compared]) -> Iterator[str]:
    """The comparison for people, and what calibrates `cost`."""
    if not rows:
        return
    yield f"{'form':<16} {'submit':>10} {'beyond':>10} {'at least':>10}  beyond / at least"
    for row in rows:
        ratio = f"{row.beyond_us / row.at_least_us:.2f}" if row.at_least_us and row.beyond_us > 0 else "-"
        figures = " ".join(f"{time:>7.1f} us" for time in (row.median_us, row.beyond_us, row.at_least_us))
        yield f"{row.form.name:<16} {figures}  {ratio}"
    known = np.array([[1.0, row.at_least_us] for row in rows])
    if len(rows) > 1 and np.ptp(known[:, 1]) > 0:
        took = np.array([[row.median_us] for row in rows])
        constant, factor = np.linalg.lstsq(known / took, np.ones(len(rows)), rcond=None)[0]  # small ones count as much
        yield f"best line: {constant:.1f} us + {factor:.2f} times what `cost` says"
    if report.times.get(SUBMIT.name):
        chip = " ".join(report.machine.chips) or "a device that names no chip"
        took_us = report.times[SUBMIT.name].median_us
        yield f"a submit took {took_us:.1f} us on {chip}: hwx2py/registers/speeds.py has what is known"
        if CHAIN.name in report.times:
            further_us = (report.times[CHAIN.name].median_us - took_us) / (TASKS - 1)
            yield f"a further task of a submit took {further_us:.1f} us, which `cost` does not count"
