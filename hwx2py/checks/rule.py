"""What a rule and a finding are."""

import enum
from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

#: Levels: it will not run or is certainly wrong; may be meant, or depends on the driver; changes nothing.
ERROR, WARNING, NOTE = "error", "warning", "note"
LEVELS = (ERROR, WARNING, NOTE)


class Place(NamedTuple):
    """A place where a rule is broken.

    Attributes:
        values: what the rule's text names in braces.
        task: index of the task; None where it is the file.
        part: register, tensor or header that it is about; empty where the task says enough.
    """

    values: Mapping[str, Any] = {}
    task: int | None = None
    part: str = ""


class Scope(enum.Enum):
    """What a rule is asked of."""

    FILE = "the file as a whole"
    TASK = "every task"
    #: Rules that look at neither addresses nor other tasks: large programs repeat a few forms.
    FORM = "the first of the tasks that differ in their addresses only"
    #: Rules that look at coefficients, and at nothing else that has an address.
    COEFFICIENTS = "the first of such tasks that fetch the same coefficients"
    PROBLEM = "tasks between which something goes wrong"


class Rule(NamedTuple):
    """A rule.

    Attributes:
        name: what a finding is called.
        level: "error", "warning" or "note".
        evidence: how it is known.
        what: what is wrong; names in braces are the place's values.
        what_to_do: the next step, in the same form.
        find: the places of a program where it is broken; takes a `Subject` for a rule of files, else a `TaskView`.
        scope: what it is asked of.
    """

    name: str
    level: str
    evidence: str
    what: str
    what_to_do: str
    find: Callable[[Any], Iterable[Place]]
    scope: Scope = Scope.FILE


class Finding(NamedTuple):
    """A rule that a program breaks.

    Attributes:
        rule: name of the rule.
        level: "error", "warning" or "note".
        where: the place, in words.
        what: what is wrong.
        what_to_do: the next step.
        tasks: indexes of the tasks that it is about; empty where it is the file.
    """

    rule: str
    level: str
    where: str
    what: str
    what_to_do: str
    tasks: tuple[int, ...] = ()

    def __str__(self) -> str:
        return f"{self.level}: {self.rule}: {self.where}: {self.what}; {self.what_to_do}"
