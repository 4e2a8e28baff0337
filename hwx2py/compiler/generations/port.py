"""A program of one generation as the same program of another."""

from collections.abc import Iterator, Sequence

from ...errors import ArchitectureError, UnsupportedError
from ...operations import Names, Operation, operations
from ...operations.aspects import aspects
from ...operations.contents import contents
from ...operations.places import L2_MEMORY, Writers, reads, writes
from ...program import build
from ...program.program import Origin, Program, natural_const_offset
from ...program.register_file import walk
from ...registers import by_name
from .coefficients import Arranged, Misplaced, arrange
from .rule import Bars, Generations, Obstacle, Subject
from .table import ROWS
from .translate import Translator, UnfitError
from .values import writer_of_kernel
from .write import Writer

#: Obstacles that a message names.
MOST_NAMED = 12


def port(program: Program, arch_name: str, like: memoryview | None = None) -> Program:
    """Makes a program of another generation that computes the same bits.

    Args:
        program: the program.
        arch_name: the architecture that the new one is for.
        like: constants of another program, which are used where they would come out the same.

    Returns:
        The program, with a note for each task.

    Raises:
        ArchitectureError: there are no rules from one to the other.
        UnsupportedError: something in the program has no place in the other generation; each thing by task, register,
            value and reason.
    """
    rows = rules(program.arch.name, by_name(arch_name).name)
    tasks = tuple(operations(program))
    try:
        arranged = arrange(program, tasks, rows.writing.table_in_front, like)
    except Misplaced as error:
        raise _refused(rows, [Obstacle(error.task, error.register, error.value, error.why)]) from error
    arch, first = by_name(rows.target), program.arch.first_tensor_bar
    bars = Bars(first, arch.first_tensor_bar - first)
    drafts, obstacles = _translated(program, tasks, rows, arranged, bars)
    if obstacles:
        raise _refused(rows, obstacles)
    text = build.lay_out(arch, drafts, rows.writing.opening)
    note = f"ported from {rows.source}: the same operation by the rules for {rows.target}"
    ported = Program(
        arch, text, tuple(tensor._replace(bar=bars.of(tensor.bar)) for tensor in program.tensors),
        arranged.data, natural_const_offset(text.size_bytes),
        kernels=tuple(kernel._replace(bar=bars.of(kernel.bar)) for kernel in program.kernels),
        origin=Origin(program.origin.name, "built"),
        aliases=tuple((bars.of(bar), name) for bar, name in program.aliases),
        scratch=program.scratch, task_notes=(note,) * len(tasks),
    )  # fmt: skip
    _check(program, ported, rows)
    return ported


def rules(source: str, target: str) -> Generations:
    """The rules from one architecture to another.

    Args:
        source: its name.
        target: the other one's.

    Raises:
        ArchitectureError: there are none.
    """
    for rows in ROWS:
        if (rows.source, rows.target) == (source, target):
            return rows
    if source == target:
        raise ArchitectureError(f"the program is for {target} already")
    known = ", ".join(f"{rows.source} to {rows.target}" for rows in ROWS)
    raise ArchitectureError(f"no rules are known from {source} to {target}", hint=f"there are rules from {known}")


def _translated(
    program: Program, tasks: Sequence[Operation], rows: Generations, arranged: Arranged, bars: Bars
) -> tuple[list[build.Draft], list[Obstacle]]:
    translator, writer = Translator(rows), Writer(rows.target, rows.writing)
    live = _live(tasks)
    drafts, obstacles = [], []
    for number, registers in enumerate(walk(program.arch, program.tasks)):
        task = Subject(program, tasks, number, registers, arranged, bars=bars)
        task = task._replace(
            lives_on=number in live,
            begins=number - 1 not in live,
            kernel_for_next=number + 1 < len(tasks) and writer_of_kernel(task._replace(number=number + 1)) is not None,
        )
        found = list(translator.obstacles(task))
        if found:
            obstacles += found
            continue
        try:
            words = translator.words(task)
        except UnfitError as error:
            obstacles.append(Obstacle(number, error.place.name, error.number, f"{rows.target} has no such value"))
            continue
        drafts.append(writer.draft(words, task, writer_of_kernel(task)))
    return drafts, obstacles


def _live(tasks: Sequence[Operation]) -> set[int]:
    """The tasks behind which something lies in L2 that a later task reads."""
    writers, found = Writers(), set[int]()
    for number, task in enumerate(tasks):
        for span in reads(task):
            if span.memory == L2_MEMORY:
                found.update(range(min(writers.of(span), default=number), number))
        for span in writes(task):
            if span.memory == L2_MEMORY:
                writers.put(span, number)
    return found


def _refused(rows: Generations, obstacles: Sequence[Obstacle]) -> UnsupportedError:
    named = [str(obstacle) for obstacle in obstacles[:MOST_NAMED]]
    more = len(obstacles) - len(named)
    return UnsupportedError(
        f"it does not become a program for {rows.target}: " + "; ".join(named)
        + (f"; and {more} more" if more else ""),
        hint="nothing was written",
    )  # fmt: skip


def _check(old: Program, new: Program, rows: Generations) -> None:
    """Reads the new program back: every task must do what it did."""
    obstacles = list(_differences(old, new))
    if obstacles:
        raise _refused(rows, obstacles)


def _differences(old: Program, new: Program) -> Iterator[Obstacle]:
    names = Names.of(old), Names.of(new)
    for number, (one, two) in enumerate(zip(operations(old), operations(new), strict=True)):
        for unknown in two.unknowns:
            yield Obstacle(number, unknown.register, unknown.value, f"not understood there: {unknown.why}")
        before, after = aspects(one, names[0]), aspects(two, names[1])
        before |= contents(one, names[0].coefficients)
        after |= contents(two, names[1].coefficients)
        for name in before.keys() | after.keys():
            if before.get(name) != after.get(name):
                yield Obstacle(number, name, before.get(name), f"it comes out as {after.get(name)}")
