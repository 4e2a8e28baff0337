"""Runs a program's tasks without driver and script: buffers, inputs, the engine, outputs."""

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from ..errors import UsageError
from ..program.program import Program, Tensor
from . import driver
from .access import Bar
from .engine import Engine, Step
from .faults import Fault, Faults, Hang
from .memory import Buffer, Memory
from .numbers import Numbers

#: What outputs hold before a run: a quiet NaN that no task writes.
SENTINEL = 0x7E5A


class Outcome(NamedTuple):
    """How a run ended.

    Attributes:
        outputs: by tensor name, in the tensor's shape; empty after a hang.
        faults: what was found on the way.
        steps: the tasks that ran.
        hung: whether the engine stopped.
    """

    outputs: Mapping[str, np.ndarray]
    faults: Sequence[Fault]
    steps: Sequence[Step]
    hung: bool


def run(
    program: Program,
    inputs: Mapping[str, np.ndarray],
    numbers: Numbers | None = None,
    fill: float | None = None,
    on_result: Callable[[Step, np.ndarray], None] | None = None,
    stop_after: int | None = None,
) -> Outcome:
    """Runs a program's tasks as its stream has them.

    Args:
        program: what to run.
        inputs: an array for every input tensor, which broadcasts to its shape.
        numbers: the arithmetic; the machine's own if left out.
        fill: what outputs hold before the run; a pattern if left out.
        on_result: called with every step and the bits of its result, if given.
        stop_after: index of the last task to run; all run if left out.

    Raises:
        UsageError: an input is missing, or does not fit.
        NotImplementedTask: a task asks for something that is not implemented.
    """
    memory, faults = Memory(), Faults()
    try:
        bars = _bars(program, memory)
        for tensor in program.inputs:
            if tensor.name not in inputs:
                raise UsageError(f"input {tensor.name} is missing")
            _elements(tensor, bars[tensor.bar].buffer)[...] = _fitting(tensor, inputs[tensor.name])
        for tensor in program.outputs:
            _fill(tensor, bars[tensor.bar].buffer, fill)
        engine = Engine(program.arch, memory, faults, numbers, on_result, stop_after)
        hung = False
        try:
            engine.run(program.tasks, bars)
        except Hang:
            hung = True
        faults.task = None
        if not engine.ended_early:
            known = driver.rows(program.buffers, {}, program.aliases)
            driver.check_outputs(known.values(), bars, faults)
        outputs = {tensor.name: _elements(tensor, bars[tensor.bar].buffer).copy() for tensor in program.outputs}
        return Outcome({} if hung else outputs, faults.found, engine.steps, hung)
    finally:
        memory.close()


def _bars(program: Program, memory: Memory) -> dict[int, Bar]:
    """A buffer for every BAR (slot) of a program, coefficients filled in."""
    bars = {}
    coefficients = [(bar, name, program.const) for bar, name in program.arch.fixed_bars.items() if name == "const"]
    coefficients += [(kernel.bar, kernel.name, kernel.data) for kernel in program.kernels]
    for bar, name, data in coefficients:
        if len(data):
            buffer = _allocated(memory, len(data), name)
            buffer.data[: len(data)] = np.frombuffer(data, np.uint8)
            bars[bar] = Bar(name, "coefficients", buffer, 0, len(data))
    for own in program.buffers:
        row = driver.tensor_row(own)
        size = max(own.size_bytes, row.elements.end if row.elements else 0)
        if size:
            bars[own.bar] = Bar(own.name, own.role, _allocated(memory, size, own.name), 0, size, row.element_bytes)
    bars.update((alias, bars[own.bar]) for alias, name in program.aliases for own in program.buffers
                if own.name == name and own.bar in bars)  # fmt: skip
    return bars


def _allocated(memory: Memory, size: int, name: str) -> Buffer:
    buffer = memory.allocate(size)
    if buffer is None:
        raise UsageError(f"{name}: {size} bytes do not fit the device's address space")
    return buffer


def _elements(tensor: Tensor, buffer: Buffer) -> np.ndarray:
    """A tensor's elements in its buffer: a view of its own shape and type."""
    return np.ndarray(tensor.shape, np.dtype(tensor.dtype), buffer.data, 0, tensor.strides)


def _fitting(tensor: Tensor, values: np.ndarray) -> np.ndarray:
    try:
        return np.broadcast_to(np.asarray(values, np.dtype(tensor.dtype)), tensor.shape)
    except ValueError:
        raise UsageError(f"input {tensor.name} has the shape {tensor.shape}, not {np.shape(values)}") from None


def _fill(tensor: Tensor, buffer: Buffer, fill: float | None) -> None:
    elements = _elements(tensor, buffer)
    if fill is not None:
        elements[...] = fill
    elif elements.itemsize == 2:
        elements.view(np.uint16)[...] = SENTINEL
