"""Renumbering BARs: the tensors' numbers, and the header fields of every task that select them."""

from collections.abc import Collection, Mapping

from ..errors import UnsupportedError
from .program import SCRATCH_BAR, Program
from .task import Task

#: The order in which tools and libane bind buffers: from BAR 4 on the outputs, then the inputs.
FIRST_BOUND = 4


def bound_order(program: Program) -> dict[int, int]:
    """Old BAR -> new BAR for the order outputs, then inputs, each in the order of its BARs; scratch goes to BAR 3."""
    tensors = [*program.outputs, *program.inputs]
    ordered = sorted(tensors, key=lambda tensor: (tensor.role != "output", tensor.bar))
    numbers = {tensor.bar: FIRST_BOUND + position for position, tensor in enumerate(ordered)}
    return numbers if program.scratch is None else {**numbers, program.scratch.bar: SCRATCH_BAR}


def renumber(program: Program, numbers: Mapping[int, int]) -> Program:
    """The same program with other BAR numbers for its tensors, one for each.

    Args:
        program: the program; its BARs are selected in the tasks' headers.
        numbers: old BAR -> new BAR; BARs that are not named keep theirs.

    Raises:
        UnsupportedError: a task selects a BAR that no tensor uses now, but one would after renumbering.
    """
    tensors = tuple(tensor._replace(bar=numbers.get(tensor.bar, tensor.bar)) for tensor in program.tensors)
    scratch = program.scratch and program.scratch._replace(bar=numbers.get(program.scratch.bar, program.scratch.bar))
    moved = program._replace(tensors=tensors, scratch=scratch)
    of_name = {buffer.name: buffer.bar for buffer in moved.buffers}
    numbers = {**numbers, **{bar: of_name[name] for bar, name in program.aliases}}
    known = program.buffer_names().keys()
    tasks = [_task(program, index, task, numbers, known) for index, task in enumerate(program.tasks)]
    return moved.with_tasks(tasks)._replace(aliases=())


def with_bindings(program: Program, numbers: Mapping[str, int]) -> Program:
    """The same tasks with other buffers bound: tensors get other BARs, headers stay as they are.

    Args:
        program: the program.
        numbers: tensor name -> BAR.
    """
    tensors = (tensor._replace(bar=numbers.get(tensor.name, tensor.bar)) for tensor in program.tensors)
    return program._replace(tensors=tuple(tensors))


def _task(program: Program, index: int, task: Task, numbers: Mapping[int, int], known: Collection[int]) -> Task:
    changes: dict[int, int] = {}
    for index_of_word, field, enable in program.arch.bar_fields:
        if index_of_word >= task.header_words or not enable.number(task.words[index_of_word]):
            continue
        word = changes.get(index_of_word, task.words[index_of_word])
        old = field.number(word)
        if old not in known and old in numbers.values():
            raise UnsupportedError(
                f"{field.name} selects BAR {old}, which no tensor uses now, but one would after renumbering",
                where=f"task {index}",
                hint="its BARs cannot be renumbered",
            )
        if numbers.get(old, old) != old:
            changes[index_of_word] = word & ~field.mask | field.encode(numbers[old])
    return task.with_words(changes) if changes else task
