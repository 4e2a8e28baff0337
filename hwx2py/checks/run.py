"""Asks every rule of a program, and tells findings that several tasks share once."""

import itertools
from collections.abc import Iterable

from ..formats import File
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


def check(file: File) -> list[Finding]:
    """What is wrong with a program, notes included.

    Args:
        file: a file, as `formats.load` gives it.

    Returns:
        The findings, in the order of the rules.
    """
    return findings(Subject.of(file))


def count_errors(file: File) -> int:
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
    places: list[list[Place]] = [[] for _ in rules]
    of_tasks = [(rule, own) for rule, own in zip(rules, places) if rule.scope is Scope.TASK]
    of_forms = [(rule, own) for rule, own in zip(rules, places) if rule.scope is Scope.FORM]
    forms: dict[int, list[tuple[list[Place], Place]]] = {}
    for view in subject.views():
        for rule, own in of_tasks:
            own.extend(rule.find(view))
        if view.form is None:
            _ask(of_forms, view)
        elif view.form in forms:
            for own, place in forms[view.form]:
                own.append(place._replace(task=view.index))
        else:
            forms[view.form] = _ask(of_forms, view)
    for rule, own in zip(rules, places):
        if rule.scope is Scope.FILE:
            own.extend(rule.find(subject))
    return [finding for rule, own in zip(rules, places) for finding in _told(rule, own)]


def _ask(rules: list[tuple[Rule, list[Place]]], view: TaskView) -> list[tuple[list[Place], Place]]:
    """Asks rules of a task, and tells what they found beside the lists that it went to."""
    found = [(own, place) for rule, own in rules for place in rule.find(view)]
    for own, place in found:
        own.append(place)
    return found


def _told(rule: Rule, places: list[Place]) -> list[Finding]:
    tasks: dict[tuple[str, str, str], list[int]] = {}
    for place in places:
        key = place.part, rule.what.format(**place.values), rule.what_to_do.format(**place.values)
        tasks.setdefault(key, []).extend([] if place.task is None else [place.task])
    told = [
        Finding(rule.name, rule.level, _where(part, numbers), what, what_to_do, tuple(numbers))
        for (part, what, what_to_do), numbers in tasks.items()
    ]
    return told if len(told) <= MOST_OF_A_RULE else [*told[:MOST_OF_A_RULE], _rest(rule, told[MOST_OF_A_RULE:])]


def _rest(rule: Rule, findings: list[Finding]) -> Finding:
    """One finding that stands for many of a rule."""
    tasks = sorted({number for finding in findings for number in finding.tasks})
    what = f"{len(findings)} more findings of this rule"
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
