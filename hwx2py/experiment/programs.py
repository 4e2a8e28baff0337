"""Small programs for questions: what `compile` makes of a graph, with registers, tables or coefficients changed."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from ..compiler.compile import compile_network
from ..compiler.graph import Graph, Value
from ..compiler.tune import Judgement, Tuner
from ..errors import RegisterError
from ..operations.tables import TABLE_BYTES, Curve, table_bytes
from ..program.program import Program
from ..registers.architecture import compose

Shape = tuple[int, int, int, int]
#: A planar program's usual tensor: one element for each of 256 tries.
SMALL: Shape = (1, 4, 4, 16)


def network(name: str, *inputs: tuple[str, Shape], build: Callable[..., Value], chain: bool = False) -> Program:
    """A graph as a program for H13, with one output `y`.

    Args:
        name: of the program.
        inputs: name and shape of each input tensor.
        build: takes the graph and the inputs, gives the output.
        chain: tensors between tasks stay in L2 where that is possible; else all go through scratch memory.
    """
    graph = Graph()
    graph.output("y", build(graph, *(graph.input(*row) for row in inputs)))
    return compile_network(graph, name=name, chain=chain).program


def tuned(name: str, *inputs: tuple[str, Shape], build: Callable[..., Value], least: str) -> Program:
    """A graph as the program among those that `compile --tune` tries that has the least of something.

    Args:
        name: of the program.
        inputs: name and shape of each input tensor.
        build: takes the graph and the inputs, gives the output.
        least: `Block.Register.Field` whose sum over the tasks shall be the least.
    """

    def judged(program: Program) -> Judgement:
        place = program.arch.place(least)
        return Judgement(
            sum(place.number(word(program, place.register, task)) for task in range(len(program.tasks))), 0
        )

    graph = Graph()
    graph.output("y", build(graph, *(graph.input(*row) for row in inputs)))
    return compile_network(graph, name=name, tuner=Tuner(judged)).program


def edited(program: Program, changes: Mapping[str, Mapping[str, Any] | int], task: int = 0) -> Program:
    """The program with other values in registers that a task writes.

    Args:
        program: the program.
        changes: `Block.Register` or `Header.W8` -> its fields, or the whole word; other fields stay.
        task: the task's index.

    Raises:
        RegisterError: the task does not write the register.
    """
    arch, old = program.arch, program.tasks[task]
    words: dict[int, int] = {}
    for name, change in changes.items():
        index = _place(program, name, task)
        register = arch.register(name.partition("[")[0])
        word = old.words[index]
        words[index] = change if isinstance(change, int) else compose(register, word, **change)
    made = old.with_words(words)
    return program.with_tasks([made if number == task else other for number, other in enumerate(program.tasks)])


def _place(program: Program, name: str, task: int) -> int:
    """The index of a register's word in a task."""
    register, _, index = name.removesuffix("]").partition("[")
    address = program.arch.address(register, int(index or 0))
    if register.startswith(f"{program.arch.header.name}."):
        return address // 4
    for write in program.tasks[task].writes():
        if write.address == address:
            return write.index
    raise RegisterError(f"task {task} does not write {name}")


def word(program: Program, name: str, task: int = 0) -> int:
    """The word that a task writes into a register."""
    return program.tasks[task].words[_place(program, name, task)]


def with_table(program: Program, curve: Curve) -> Program:
    """A program of one task with a lookup table, with another table; it is what the coefficients begin with."""
    table = table_bytes(curve)
    return program._replace(const=memoryview(table + bytes(program.const[TABLE_BYTES:])))


def with_const(program: Program, const: bytes) -> Program:
    """The program with other coefficients."""
    return program._replace(const=memoryview(const))


def half(values: Any) -> np.ndarray:
    """Numbers as float16."""
    with np.errstate(over="ignore"):
        return np.asarray(values, np.float64).astype(np.float16)


def spread(shape: Shape, seed: int = 0, scale: float = 1.0) -> np.ndarray:
    """Normally distributed float16 numbers, the same every time."""
    return half(np.random.default_rng(seed).standard_normal(shape) * scale)


def filled(shape: Shape, values: Any) -> np.ndarray:
    """A tensor that begins with some numbers, and repeats them."""
    return np.resize(half(values), shape)
