"""Running programs on the virtual ANE: a program straight from its file, or a script in a process of its own."""

import contextlib
import ctypes
import io
import os
import struct
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from ..archive import as_npz
from ..errors import UnsupportedError, UsageError
from ..operations import Names
from ..program.program import Program, Tensor, script_row
from ..registers import Architecture
from ..runtime import ane, ane_exec, ane_submit, command_line, tensor
from ..runtime import text as text_module
from . import child
from .direct import Outcome
from .driver import Driver, rows
from .driver_exec import SlotDriver
from .engine import Step
from .faults import Fault
from .numbers import Numbers


class Announced(NamedTuple):
    """What the header of an `.anec` says of its tasks, which libane hands to the driver without looking at them.

    Attributes:
        text_bytes: tsk_size, where the tasks end.
        task_count: td_count.
        first_bytes: td_size, of the first task.
    """

    text_bytes: int
    task_count: int
    first_bytes: int


#: Called with every step and the bits of its result.
OnResult = Callable[[Step, np.ndarray], None]

#: The runtime's `run`.
Run = Callable[..., dict[str, np.ndarray]]

#: What answers a script's calls, by the encoding of its task stream. Chips of H15 and later, for which no driver is
#: known, run as the M2 does.
DRIVERS: Mapping[str, type[Driver]] = {"linked": Driver, "records": SlotDriver}
RUNS: Mapping[str, Run] = {"linked": ane_submit.run, "records": ane_exec.run}


class Result(NamedTuple):
    """How a run ended.

    Attributes:
        code: the exit code that a script would have.
        faults: what was found on the way.
        steps: the tasks that ran.
        names: how buffers are called.
        error: an error that was not printed yet; empty if there is none.
        printed: what a script's process wrote to its standard output; a program prints while it runs.
        complained: what it wrote to its standard error.
        saved: the archive of its outputs, where that was asked for.
    """

    code: int
    faults: Sequence[Fault]
    steps: Sequence[Step]
    names: Names
    error: str = ""
    printed: str = ""
    complained: str = ""
    saved: bytes = b""


def run_program(
    program: Program,
    arguments: Sequence[str],
    numbers: Numbers | None = None,
    on_result: OnResult | None = None,
    stop_after: int | None = None,
    announced: Announced | None = None,
    save: bool = False,
) -> Result:
    """Runs a program without writing a script: the script's own runtime, with an engine in its hands.

    Args:
        program: what to run.
        arguments: a generated script's command line.
        numbers: the arithmetic; the machine's own if left out.
        on_result: called with every step and the bits of its result, if given.
        stop_after: index of the last task to run; all run if left out.
        announced: sizes and counts that the driver is given in place of the program's own.
        save: keep the archive of its outputs.
    """
    code, error = 2, ""
    device_for = prepared(program, numbers, on_result, stop_after, announced)
    outputs: dict[str, np.ndarray] = {}

    def kept(*asked: Any) -> dict[str, np.ndarray]:
        outputs.update(RUNS[program.arch.stream](*asked))
        return outputs

    with device_for as device, np.errstate(all="ignore"):
        try:
            table = rows_of(program)
            chosen = command_line.options(program.origin.name, table, device, list(arguments))
            code = command_line.execute(chosen, table, lambda: built(program), lambda chosen: device, kept)
        except OSError as end:
            error = str(end)
    saved = as_npz(outputs) if save and outputs else b""
    driver = device.driver
    return Result(code, driver.faults.found, driver.engine.steps, Names.of(program), error, saved=saved)


def run_announced(
    program: Program,
    inputs: Mapping[str, np.ndarray],
    announced: Announced,
    numbers: Numbers | None = None,
    on_result: OnResult | None = None,
    stop_after: int | None = None,
) -> Outcome:
    """Runs a program with arrays, as a client that trusts an `.anec`'s header makes the driver run it.

    Args:
        program: what to run.
        inputs: an array for every input tensor, in its shape and type.
        announced: sizes and counts that the driver is given.
        numbers: the arithmetic; the machine's own if left out.
        on_result: called with every step and the bits of its result, if given.
        stop_after: index of the last task to run; all run if left out.

    Raises:
        UsageError: the driver refuses the numbers.
    """
    outputs: dict[str, np.ndarray] = {}
    hung = False
    with prepared(program, numbers, on_result, stop_after, announced) as device, np.errstate(all="ignore"):
        try:
            with contextlib.redirect_stderr(io.StringIO()):  # the runtime's note about ids is for the command line
                outputs = RUNS[program.arch.stream](device, built(program), rows_of(program), inputs)
        except TimeoutError:
            hung = True
        except OSError as error:
            raise UsageError(f"the driver refuses what the header says: {error}") from error
        return Outcome(outputs, device.driver.faults.found, device.driver.engine.steps, hung)


def check_runs(arch: Architecture) -> None:
    """Refuses what the engine does not run."""
    if not arch.machine.executes:
        hint = "`hwx2py archs` lists what works"
        raise UnsupportedError(f"the virtual ANE does not run {arch.name}", hint=hint)


def check_shows(tensors: Sequence[Tensor]) -> None:
    """Refuses to run what has no output: its command line would have nothing to show."""
    if not any(tensor.role == "output" for tensor in tensors):
        raise UnsupportedError("the program has no output tensor", hint="a run would show nothing")


def unconfirmed(arch: Architecture) -> str:
    """What is to be said of results on an architecture that no hardware run has confirmed; empty for others."""
    return "" if arch.machine.confirmed else f"{arch.name}: no hardware run has confirmed these results"


#: What a script's `build` gives: pieces of buffers by BAR, tasks with their offsets in bytes, further BARs.
Built = tuple[dict[int, list[Any]], list[tuple[int, Sequence[int]]], dict[int, int]]


@contextlib.contextmanager
def prepared(
    program: Program,
    numbers: Numbers | None = None,
    on_result: OnResult | None = None,
    stop_after: int | None = None,
    announced: Announced | None = None,
) -> Iterator["VirtualAne"]:
    """A device for a program."""
    check_runs(program.arch)
    known = rows(program.buffers, {kernel.bar: kernel.name for kernel in program.kernels}, program.aliases)
    driver = DRIVERS[program.arch.stream](known, program.arch, numbers, on_result, stop_after)
    with contextlib.closing(driver.memory):
        yield VirtualAne(driver, announced)


def rows_of(program: Program) -> list[tensor.Tensor]:
    """The TENSORS of a program's script."""
    return [script_row(buffer) for buffer in program.buffers]


def built(program: Program) -> Built:
    """What the `build` of a program's script gives: buffers, tasks, further BARs."""
    text = bytearray(program.text.to_bytes())
    bars = {buffer.name: buffer.bar for buffer in program.buffers}
    pieces = text_module.followed(text, [program.const], program.const_offset) if len(program.const) else [text]
    buffers = {0: pieces} | {kernel.bar: [kernel.data] for kernel in program.kernels}
    tasks: list[tuple[int, Sequence[int]]] = [(task.offset, task.words) for task in program.tasks]
    return buffers, tasks, {bar: bars[name] for bar, name in program.aliases}


def _own_memory(size: int, place: int) -> bytes:
    """Bytes of this process's memory: tables of the runtime's own."""
    return ctypes.string_at(place, size) if place else b""


class VirtualAne(ane.Ane):
    """The runtime's device, played in the same process.

    Args:
        driver: what answers its calls.
        announced: sizes and counts that SUBMIT has in place of the program's own.
    """

    #: Further sections, of which a program in a file has none.
    sections = ()
    load = ane_exec.SlotAne.load

    def __init__(self, driver: Driver, announced: Announced | None = None):
        self.driver, self.announced = driver, announced

    def call(self, name: str, number: int, layout: str, *values: int) -> tuple[int, ...]:
        """See the runtime."""
        if number == ane.SUBMIT and self.announced:
            values = self._as_announced(self.announced, *values[3:])
        request = child.with_tables(number, struct.pack(layout, *values), _own_memory)
        code, answer = self.driver.ioctl(number, request)
        if code:
            error = OSError(code, os.strerror(code))
            raise type(error)(f"{name}: {error.strerror}")
        return struct.unpack(layout, answer)

    def _as_announced(self, announced: Announced, command: int, *others: int) -> tuple[int, ...]:
        """What libane submits: the header's numbers, and a bootstrap with td_size bytes of the content."""
        *handles, _, pad = others
        content = self.driver.memory.buffers[command].data.data[: announced.first_bytes]
        bootstrap, _ = self.allocate(announced.first_bytes, [content.tobytes()])
        return (*announced, command, *handles, bootstrap, pad)

    def allocate(self, size: int, pieces: Sequence[bytes] = ()) -> tuple[int, memoryview]:
        """See the runtime."""
        handle, *_ = self.call("BO_INIT", ane.BO_INIT, "<2I2Q", 0, 0, size, 0)
        memory, position = self.driver.memory.buffers[handle].data.data[:size], 0
        for piece in pieces:
            memory[position : position + len(piece)] = bytes(piece)
            position += len(piece)
        return handle, memory
