"""Rules about what tasks hand on to each other: what is read before it is written, what is never written, and by whom.

`operations.flow` finds them; the virtual ANE has faults of the same names.
"""

from collections.abc import Callable, Iterator

from ..operations import flow
from ..operations.flow import Kind
from .rule import ERROR, WARNING, Place, Rule, Scope
from .subject import Subject, TaskView

INFERRED = "inferred: memory and L2 hold what was there before; `emulate` finds it too"
OVER = "holds in all real files and decoded programs"


def _of_task(kind: Kind) -> Callable[[TaskView], Iterator[Place]]:
    def find(view: TaskView) -> Iterator[Place]:
        for problem in view.problems:
            if problem.kind is kind:
                yield Place(problem.values, problem.task, problem.register)

    find.__doc__ = f"Problems of one kind: {kind.what}."
    return find


def _of_file(kind: Kind) -> Callable[[Subject], Iterator[Place]]:
    def find(subject: Subject) -> Iterator[Place]:
        for problem in subject.unfinished:
            if problem.kind is kind:
                yield Place(problem.values, problem.task, problem.register)

    find.__doc__ = f"Problems of one kind: {kind.what}."
    return find


def _rule(kind: Kind, level: str, evidence: str, what_to_do: str) -> Rule:
    at_end = kind in (flow.NOT_WRITTEN, flow.PARTLY_WRITTEN)
    find = _of_file(kind) if at_end else _of_task(kind)
    return Rule(kind.name, level, evidence, kind.what, what_to_do, find, Scope.FILE if at_end else Scope.PROBLEM)


RULES = (
    _rule(flow.WRONG_DIRECTION, ERROR, INFERRED, "select the BAR that was meant"),
    _rule(flow.UNWRITTEN, ERROR, INFERRED, "write it first, or correct base, strides or BAR"),
    _rule(flow.UNWRITTEN_L2, ERROR, INFERRED, "put it there first, or correct base and strides"),
    _rule(flow.OVERWRITTEN, ERROR, OVER, "put what passes through somewhere else"),
    _rule(flow.OTHER_STRIDES, WARNING, OVER, "give both tasks the same strides"),
    _rule(flow.EMPTY_CHAIN, ERROR, INFERRED, "let the task before hand it on (ResultType 3) at this base"),
    _rule(flow.LOST_CHAIN, ERROR, INFERRED, "let the next task take it (SourceType 3) from this base"),
    _rule(flow.CHAIN_OVERLAP, ERROR, OVER, "put it behind what both tasks have in L2"),
    _rule(flow.NO_WAIT, WARNING, OVER, "set DependencyMode of its source to 1"),
    _rule(flow.KERNEL_WRITER, ERROR, OVER, "set header word 10 to the task that writes the kernel"),
    _rule(flow.WRITTEN_TWICE, WARNING, INFERRED, "correct base or strides of one of them"),
    _rule(flow.NOT_WRITTEN, ERROR, INFERRED, "store a result there, or leave the tensor out"),
    _rule(flow.PARTLY_WRITTEN, ERROR, INFERRED, "correct shape, base and strides of the tasks that store it"),
)
