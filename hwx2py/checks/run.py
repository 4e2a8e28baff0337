"""Asks every rule of a program, and tells findings that several tasks share once."""

import itertools
from collections.abc import Iterable
from typing import NamedTuple

from ..formats import ProgramFile
from ..operations import Planar
from . import buffer_rules, coefficient_rules, flow_rules, plan_rules, segment_rules, stream_rules, task_rules
from .rule import ERROR, LEVELS, Finding, Place, Rule, Scope
from .subject import Subject, TaskView

#: Every rule, in the order in which findings are shown.
RULES: tuple[Rule, ...] = (
    *stream_rules.RULES,
    *segment_rules.RULES,
    *task_rules.RULES,
    *plan_rules.RULES,
    *flow_rules.RULES,
    *buffer_rules.RULES,
    *coefficient_rules.RULES,
)

#: Findings of a rule that are listed one by one.
MOST_OF_A_RULE = 20
#: Runs of tasks that a finding names.
MOST_RUNS = 8
#: Tasks that commands look at which only say that there are findings; `check` looks at all.
FIRST_TASKS = 100


def check(file: ProgramFile) -> list[Finding]:
    """What is wrong with a program, notes included.

    Args:
        file: a file, as `formats.load` gives it.

    Returns:
        The findings, in the order of the rules.
    """
    return findings(Subject.of(file))


#: Rules that look at coefficients, which a bare stream does not have.
OF_COEFFICIENTS = ("kernel-outside", "zero-coefficients", "blob-constant", "zero-table")


def left_out(subject: Subject) -> list[str]:
    """Names of rules that a bare stream leaves without what they look at: coefficients, or tensors that none gave."""
    if not subject.is_cut:
        return []
    of_tensors = [] if subject.program.buffers else [rule.name for rule in buffer_rules.RULES]
    return list(dict.fromkeys([*of_tensors, *OF_COEFFICIENTS]))


def count_errors(file: ProgramFile) -> int:
    """How many findings of level error a file has, as far as its first 100 tasks show them.

    Args:
        file: a file, as `formats.load` gives it.
    """
    rules = [rule for rule in RULES if rule.level == ERROR]
    return len(findings(Subject.of(file, FIRST_TASKS), rules))


def findings(subject: Subject, rules: Iterable[Rule] = RULES) -> list[Finding]:
    """What is wrong with a subject.

    Args:
        subject: what to check.
        rules: those to ask.

    Returns:
        The findings, in the order of the rules; places of one rule that differ in the task only are one finding.
    """
    rules = list(rules)
    broken: list[list[_Broken]] = [[] for _ in rules]
    scoped = {scope: [pair for pair in zip(rules, broken) if pair[0].scope is scope] for scope in Scope}
    forms: dict[int, list[int]] = {}
    fetched: dict[int | None, _Fetched] = {}
    for view in subject.views():
        for rule, own in scoped[Scope.TASK] + (scoped[Scope.PROBLEM] if view.problems else []):
            for place in rule.find(view):
                own.append(_Broken(place, [view.index if place.task is None else place.task]))
        tasks = [] if view.form is None else forms.setdefault(view.form, [])
        tasks.append(view.index)
        if len(tasks) == 1:
            _ask(scoped[Scope.FORM], view, tasks)
        before = None if view.form is None else fetched.get(view.form)
        if before is None or not before.is_fetched_by(view):
            before = fetched[view.form] = _Fetched(view, [])
            before.tasks.append(view.index)
            _ask(scoped[Scope.COEFFICIENTS], view, before.tasks)
        else:
            before.tasks.append(view.index)
    for rule, own in scoped[Scope.FILE]:
        own += [_Broken(place, [] if place.task is None else [place.task]) for place in rule.find(subject)]
    return [finding for rule, own in zip(rules, broken) for finding in _told(rule, own)]


def _ask(rules: Iterable[tuple[Rule, list["_Broken"]]], view: TaskView, tasks: list[int]) -> None:
    """Asks rules of a task, whose findings other tasks share."""
    for rule, own in rules:
        own += [_Broken(place, tasks) for place in rule.find(view)]


class _Fetched(NamedTuple):
    """A task that fetches coefficients, and the tasks that fetch the same."""

    view: TaskView
    tasks: list[int]

    def is_fetched_by(self, view: TaskView) -> bool:
        """Whether another task of the same form fetches nothing else."""
        mine, other = self.view.operation, view.operation
        if isinstance(mine, Planar) or isinstance(other, Planar):
            return not any(transfer.dma.bar in view.subject.constants for transfer in view.transfers)
        same = mine.kernel is other.kernel and mine.table is other.table
        return same and not any(transfer.dma.bar in view.subject.constants for transfer in view.transfers)


class _Broken(NamedTuple):
    """A place where a rule is broken, and the tasks that share it; a form's list grows while tasks are looked at."""

    place: Place
    tasks: list[int]


def _told(rule: Rule, broken: list[_Broken]) -> list[Finding]:
    tasks: dict[tuple[str, str, str], list[int]] = {}
    for place, sharing in broken:
        key = place.part, rule.what.format(**place.values), rule.what_to_do.format(**place.values)
        tasks.setdefault(key, []).extend(sharing)
    told = [
        Finding(rule.name, rule.level, _where(part, numbers), what, what_to_do, tuple(numbers))
        for (part, what, what_to_do), numbers in itertools.islice(tasks.items(), MOST_OF_A_RULE)
    ]
    rest = list(itertools.islice(tasks.values(), MOST_OF_A_RULE, None))
    return [*told, _rest(rule, rest)] if rest else told


def _rest(rule: Rule, further: list[list[int]]) -> Finding:
    """One finding that stands for many of a rule.

    Args:
        rule: the rule.
        further: the tasks of each of the findings.
    """
    tasks = sorted({number for numbers in further for number in numbers})
    what = f"{len(further)} more findings of this rule"
    return Finding(
        rule.name, rule.level, _where("", tasks), what, "correct the first ones, and check again", tuple(tasks)
    )


def _where(part: str, tasks: list[int]) -> str:
    words = [_tasks(tasks)] if tasks else []
    return ", ".join([*words, *([part] if part else [])]) or "file"


def _tasks(tasks: list[int]) -> str:
    """Tasks by number, as in "task 3" or "tasks 0 to 4, 7"."""
    numbers = sorted(set(tasks))
    runs = []
    for _, run in itertools.groupby(enumerate(numbers), lambda pair: pair[1] - pair[0]):
        members = [number for _, number in run]
        runs.append(str(members[0]) if len(members) == 1 else f"{members[0]} to {members[-1]}")
    if len(runs) > MOST_RUNS:
        runs[MOST_RUNS:] = [f"and on, {len(numbers)} in all"]
    return f"task{'s' if len(numbers) > 1 else ''} {', '.join(runs)}"


#: What precedes the tables of rules.
HEAD = """# What `hwx2py check` looks for

`hwx2py check PROGRAM..` prints a line for each finding, `FILE: LEVEL: RULE: where: what; what to do`, and ends with 1
where one of them is an error. An error will not run, or is certainly wrong; a warning may be meant, or depends on the
driver; notes change nothing, and are shown with `-v` and `--json`. Files whose declared sizes are wrong are read as
their records say, so that the rest of the rules can be asked, too.

This page is what `hwx2py check --rules` prints.
"""


def markdown() -> str:
    """The page: a table of the rules, by level."""
    lines = [HEAD]
    for level in LEVELS:
        lines += [f"## {level.capitalize()}s", "", "| rule | what | what to do | known from |", "|---|---|---|---|"]
        rows = [(rule.name, rule.what, rule.what_to_do, rule.evidence) for rule in RULES if rule.level == level]
        lines += [f"| {' | '.join([f'`{name}`', *map(_cell, cells)])} |" for name, *cells in dict.fromkeys(rows)]
        lines.append("")
    return "\n".join(lines)


def _cell(text: str) -> str:
    """A template as a table shows it: values in italics."""
    plain = text.replace(":#x}", "}").replace("|", "\\|")
    return plain.replace("{", "*").replace("}", "*")
