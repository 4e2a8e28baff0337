"""The whole comparison, level by level."""

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from ..operations import Names, Operation, operations, sentence
from ..operations.aspects import aspects
from ..operations.contents import contents
from ..operations.idle import unread
from ..operations.places import L2_MEMORY, Writers, reads, writes
from ..program.program import Program, Tensor
from ..program.register_file import RegisterFile, walk
from . import coefficients, facts
from .align import Match, Pair, align
from .comparison import Change, Comparison, FieldMove, OperationCount, TaskDifference, WordChange
from .registers import TaskSide, compare_tasks


class _Read(NamedTuple):
    """A program, read: what its tasks do, by aspect, and which tasks made what they read from L2 and scratch."""

    program: Program
    names: Names
    operations: Sequence[Operation]
    aspects: Sequence[dict[str, Any]]
    producers: Sequence[Sequence[frozenset[int]]]

    @classmethod
    def of(cls, program: Program) -> "_Read":
        names = Names.of(program)
        found = list(operations(program))
        return cls(program, names, found, [aspects(task, names) for task in found], _producers(program, found))

    def sentence(self, index: int | None) -> str:
        """What a task does; empty for none."""
        return "" if index is None else sentence(self.operations[index], self.names)


def compare(a: Program, b: Program) -> Comparison:
    """Compares two programs.

    Args:
        a: the first program.
        b: the second one, for the same architecture or for another.
    """
    a, b, renamed = _named_alike(a, b)
    one, two = _Read.of(a), _Read.of(b)
    pairs = align(one.aspects, two.aspects)
    differing = _operation_differences(one, two, pairs)
    moved: dict[FieldMove, None] = {}
    tasks = tuple(_tasks(one, two, pairs, differing, moved))
    return Comparison(
        a=a.origin.name,
        b=b.origin.name,
        architectures=(a.arch.name, b.arch.name),
        identity=tuple(facts.identity(a, b)),
        container=tuple(facts.container(a, b)),
        tensors=tuple(facts.tensors(a, b)),
        tasks=tasks,
        coefficients=coefficients.compare(
            coefficients.ProgramSide(a, one.operations), coefficients.ProgramSide(b, two.operations)
        ),
        notes=(*renamed, *facts.notes(a, b)),
        operations=_counted(one, two, pairs, differing),
        same_tensors=_essentials(a) == _essentials(b),
        same_contents=a.arch.name != b.arch.name and _same_contents(one, two, pairs),
        moved=tuple(moved),
    )


def _essentials(program: Program) -> set[tuple[object, ...]]:
    """What tensors are, whatever their layout; scratch memory is the compiler's choice."""
    return {(tensor.name, tensor.role, tensor.shape, tensor.dtype) for tensor in program.tensors}


def _same_contents(one: _Read, two: _Read, pairs: Sequence[Pair]) -> bool:
    """Whether the tasks of every pair read the same coefficients, wherever those lie."""
    buffers = one.names.coefficients, two.names.coefficients
    return all(
        contents(one.operations[match.a], buffers[0]) == contents(two.operations[match.b], buffers[1])
        for pair in pairs
        if (match := pair.match)
    )


def _producers(program: Program, tasks: Sequence[Operation]) -> list[list[frozenset[int]]]:
    """For each source of each task, the tasks that made it, where it lies in L2 or scratch.

    The places there are the compiler's choice; who made what lies there is not.
    """
    scratch = {L2_MEMORY} if program.scratch is None else {L2_MEMORY, program.scratch.bar}
    writers, found = Writers(), []
    for index, task in enumerate(tasks):
        found.append([frozenset(writers.of(span)) if span.memory in scratch else frozenset() for span in reads(task)])
        for span in writes(task):
            if span.memory in scratch:
                writers.put(span, index)
    return found


def _operation_differences(one: _Read, two: _Read, pairs: Sequence[Pair]) -> dict[Pair, tuple[Change, ...]]:
    """The aspects in which the tasks of a pair differ; pairs that do the same are left out."""
    partner = {pair.a: pair.b for pair in pairs if pair.a is not None}
    found = {}
    for pair in pairs:
        match = pair.match
        if match is None:
            continue
        left, right = one.aspects[match.a], two.aspects[match.b]
        changes = []
        if left != right:
            names = dict.fromkeys([*left, *right])
            changes = [Change(name, left.get(name), right.get(name)) for name in names
                       if left.get(name) != right.get(name)]  # fmt: skip
        for number, (made_a, made_b) in enumerate(zip(one.producers[match.a], two.producers[match.b]), 1):
            if {partner[index] for index in made_a} != made_b:
                changes.append(Change(f"source {number} made by", _listed(made_a), _listed(made_b)))
        if changes:
            found[pair] = tuple(changes)
    return found


def _listed(tasks: frozenset[int]) -> str:
    return ", ".join(f"task {index}" for index in sorted(tasks)) or "no task"


def _counted(one: _Read, two: _Read, pairs: Sequence[Pair], differing: dict[Pair, Any]) -> OperationCount:
    paired = [(pair, match) for pair in pairs if (match := pair.match)]
    unknown = sum(pair not in differing and bool(_unknown(one, two, match)) for pair, match in paired)
    equal = len(paired) - len(differing) - unknown
    return OperationCount(equal, len(differing), unknown, len(pairs) - len(paired))


def _unknown(one: _Read, two: _Read, match: Match) -> str:
    """The first thing that was not understood of either task."""
    unknowns = (*one.operations[match.a].unknowns, *two.operations[match.b].unknowns)
    return f"{unknowns[0].register} = {unknowns[0].value}: {unknowns[0].why}" if unknowns else ""


def _tasks(
    one: _Read,
    two: _Read,
    pairs: Sequence[Pair],
    differing: dict[Pair, tuple[Change, ...]],
    moved: dict[FieldMove, None],
) -> Iterator[TaskDifference]:
    across = one.program.arch.name != two.program.arch.name
    compared = _across(one, two, pairs, moved) if across else _within(one, two, pairs)
    for pair, task in compared:
        task = task._replace(operation=differing.get(pair, ()))
        if task.differs:
            yield task._replace(
                does_a=one.sentence(pair.a),
                does_b=two.sentence(pair.b),
                unknown=_unknown(one, two, pair.match) if pair.match else "",
            )


def _views(
    one: _Read, two: _Read, pairs: Sequence[Pair]
) -> Iterator[tuple[Pair, RegisterFile | None, RegisterFile | None]]:
    """The register files of each pair, which are valid until the next one."""
    walks = [walk(side.program.arch, side.program.tasks) for side in (one, two)]
    for pair in pairs:
        left, right = (None if index is None else next(registers) for index, registers in zip(pair, walks))
        yield pair, left, right


def _within(one: _Read, two: _Read, pairs: Sequence[Pair]) -> Iterator[tuple[Pair, TaskDifference]]:
    idle = [[task.idle for task in unread(side.program, strides=True)] for side in (one, two)]
    for pair, left, right in _views(one, two, pairs):
        changes: tuple[WordChange, ...] = ()
        if left and right and (match := pair.match):
            changes = compare_tasks(
                TaskSide(left, match.a, one.names.buffers, idle[0][match.a]),
                TaskSide(right, match.b, two.names.buffers, idle[1][match.b]),
            )
        yield pair, TaskDifference(*pair, "", "", changes)


def _across(
    one: _Read, two: _Read, pairs: Sequence[Pair], moved: dict[FieldMove, None]
) -> Iterator[tuple[Pair, TaskDifference]]:
    """Tasks of two architectures; fields that moved are added to those of the whole program."""
    from .across import Across, Fields, compare_values, lone_fields, moved_fields

    fields = Fields.of(one.program.arch, two.program.arch)
    for pair, left, right in _views(one, two, pairs):
        task = TaskDifference(*pair, "", "", ())
        if left and right and (match := pair.match):
            sides = Across(left, one.operations[match.a]), Across(right, two.operations[match.b])
            moves = moved_fields(*sides, fields)
            moved.update(dict.fromkeys(moves))
            changes, lone = compare_values(*sides, fields), tuple(lone_fields(*sides, fields))
            task = task._replace(changes=changes, moved=len(moves), lone=lone)
        yield pair, task


def _named_alike(a: Program, b: Program) -> tuple[Program, Program, tuple[str, ...]]:
    """Names for the tensors of a side that has none: those of the other side's with the same role and BAR order."""
    if _is_nameless(a) == _is_nameless(b):
        return a, b, ()
    nameless, named = (a, b) if _is_nameless(a) else (b, a)
    names: dict[str, str] = {}
    for role in ("input", "output"):
        sides = [sorted((t for t in side.tensors if t.role == role), key=_bar) for side in (nameless, named)]
        if len(sides[0]) != len(sides[1]):
            return a, b, ()
        names.update((one.name, two.name) for one, two in zip(*sides))
    tensors = tuple(tensor._replace(name=names.get(tensor.name, tensor.name)) for tensor in nameless.tensors)
    note = f"{nameless.origin.name} names no tensors: " + ", ".join(f"{x} is taken for {y}" for x, y in names.items())
    nameless = nameless._replace(tensors=tensors)
    return (nameless, named, (note,)) if _is_nameless(a) else (named, nameless, (note,))


def _bar(tensor: Tensor) -> int:
    return tensor.bar


def _is_nameless(program: Program) -> bool:
    return all(tensor.name == f"bar{tensor.bar}" for tensor in program.tensors)
