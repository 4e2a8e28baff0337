"""What a pass is, and what it tells of its work."""

from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

from ..program.program import Program


class WordEdit(NamedTuple):
    """A word that a pass changes: index of the task and of the word in it, register, old and new value."""

    task: int
    index: int  # type: ignore[assignment] # hides tuple's method
    register: str
    old: int
    new: int


class Kept(NamedTuple):
    """Something that a pass would have changed, and why it did not."""

    task: int
    register: str
    value: int
    why: str


class Pass(NamedTuple):
    """A pass.

    Attributes:
        name: what the command line calls it.
        default: whether `--clean` runs it.
        changes: what it changes, a sentence.
        reason: why that is right, a sentence.
        architectures: names of those whose facts it rests on; empty for all.
        find: what it would change and keep in a program; `run` applies them.
    """

    name: str
    default: bool
    changes: str
    reason: str
    architectures: tuple[str, ...]
    find: Callable[[Program], Iterator[WordEdit | Kept]]

    def applies_to(self, program: Program) -> bool:
        """Whether the pass's facts hold for the program's architecture."""
        return not self.architectures or program.arch.name in self.architectures


class Outcome(NamedTuple):
    """What a pass did to a program."""

    cleaning: Pass
    applied: bool
    edits: tuple[WordEdit, ...]
    kept: tuple[Kept, ...]


def apply(program: Program, edits: Iterable[WordEdit]) -> Program:
    """The program with some words replaced; nothing else moves.

    Args:
        program: the program.
        edits: the words, each at most once.
    """
    by_task: dict[int, dict[int, int]] = {}
    for edit in edits:
        by_task.setdefault(edit.task, {})[edit.index] = edit.new
    tasks = [
        task.with_words(by_task[number]) if number in by_task else task for number, task in enumerate(program.tasks)
    ]
    return program.with_tasks(tasks)
