"""Running programs on the virtual ANE: a program straight from its file, or a script in a process of its own."""

import contextlib
import os
import select
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from types import ModuleType
from typing import NamedTuple

import numpy as np

from ..errors import ScriptError, UnsupportedError
from ..program.model import Program
from ..program.task import Task
from ..registers import Architecture
from . import child
from .access import Bar
from .driver import (
    BO_FREE,
    BO_FREE_STRUCT,
    BO_INIT,
    BO_INIT_STRUCT,
    NETWORK_ID,
    SUBMIT,
    SUBMIT_STRUCT,
    Driver,
    TensorRow,
    check_outputs,
    rows,
)
from .engine import Step
from .faults import Fault, Hang

#: A script that asks for more than this, or says nothing for longer, is stopped.
MOST_CALLS = 100_000
PATIENCE_SECONDS = 60.0


class Result(NamedTuple):
    """How a run ended: the exit code, the faults, the tasks that ran, and an error that nobody has told yet."""

    code: int
    faults: Sequence[Fault]
    steps: Sequence[Step]
    error: str = ""


class _Stopped(Exception):
    """The template's `stop`, without printing."""


def run_program(program: Program, arguments: Sequence[str]) -> Result:
    """Runs a program without writing a script: the template's own code, with an engine in its hands.

    Args:
        program: what to run.
        arguments: a generated script's command line.
    """
    code, error = 2, ""
    with prepared(program) as (driver, script):
        try:
            code = script.main(list(arguments))
        except _Stopped as end:
            error = str(end)
    return Result(code, driver.faults.found, driver.engine.steps, error)


def outputs_of(program: Program) -> dict[str, np.ndarray]:
    """A program's outputs for the default inputs, by name; nothing is printed."""
    with prepared(program) as (_, script):
        return script.run(script.default_inputs(), None, None)


def check_runs(arch: Architecture) -> None:
    """Refuses what the engine does not run."""
    if not arch.machine.executes:
        hint = "`hwx2py archs` lists what works"
        raise UnsupportedError(f"the virtual ANE does not run {arch.name}", hint=hint)


@contextlib.contextmanager
def prepared(program: Program) -> Iterator[tuple[Driver, ModuleType]]:
    """A driver, and the template with the program in it."""
    check_runs(program.arch)
    known = rows(program.tensors, {kernel.bar: kernel.name for kernel in program.kernels}, program.aliases)
    driver = Driver(known, program.arch)
    with contextlib.closing(driver.memory):
        yield driver, _template(program, driver)


def _template(program: Program, driver: Driver) -> ModuleType:
    """The template as a module of its own, with the program and the virtual device put in place of its own."""
    import importlib.util

    spec = importlib.util.find_spec("hwx2py.templates.script")
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    stamped = program.with_tasks(map(_stamped, program.tasks)) if program.arch.machine.driver == "ABI 1" else program
    text = stamped.text.to_bytes()
    padding = bytes(program.const_offset - len(text)) if len(program.const) else b""
    command = script.Command(
        b"".join([text, padding, program.const]),
        len(text) + len(padding),
        program.tasks[0].size_bytes,
        len(program.tasks),
        [kernel.data for kernel in program.kernels],
    )
    script.TENSORS = [
        script.Tensor(t.name, t.role, t.bar, t.shape, t.strides, t.dtype, t.size_bytes) for t in program.tensors
    ]
    script.ALIASES = dict(program.aliases)
    script.KERNELS = [script.Kernel(kernel.name, kernel.bar, []) for kernel in program.kernels]
    script.build = lambda: command
    script.find_device = lambda: child.NODE
    script.stop = _stop
    script.Ane = lambda path: _Device(driver) if program.arch.machine.driver == "ABI 1" else _Slots(driver, program)
    return script


def _stamped(task: Task) -> Task:
    """A task with the network id that completion asks for."""
    return task.with_words({0: task.words[0] & ~0xFF0000 | NETWORK_ID << 16})


def _stop(message: str) -> None:
    raise _Stopped(message)


class _Device:
    """The template's device, played in the same process."""

    def __init__(self, driver: Driver):
        self.driver = driver
        self.handles: list[int] = []

    def __enter__(self) -> "_Device":
        return self

    def __exit__(self, *_: object) -> None:
        for handle in self.handles:
            self._call("BO_FREE", BO_FREE, BO_FREE_STRUCT.pack(handle, 0))

    def _call(self, name: str, number: int, data: bytes) -> bytes:
        code, answer = self.driver.ioctl(number, data)
        if code:
            raise OSError(code, f"{name}: {os.strerror(code)}")
        return answer

    def allocate(self, size: int) -> tuple[int, memoryview]:
        """See the template."""
        handle, *_ = BO_INIT_STRUCT.unpack(self._call("BO_INIT", BO_INIT, BO_INIT_STRUCT.pack(0, 0, size, 0)))
        self.handles.append(handle)
        return handle, memoryview(self.driver.memory.buffers[handle].data)[:size]

    def submit(self, command, handles: Sequence[int], bootstrap: int) -> None:
        """See the template."""
        sizes = command.text_bytes, command.task_count, command.first_task_bytes
        self._call("SUBMIT", SUBMIT, SUBMIT_STRUCT.pack(*sizes, *handles, bootstrap, 0))


class _Slots(_Device):
    """The template's device for chips without SUBMIT: the engine without its driver."""

    def __init__(self, driver: Driver, program: Program):
        super().__init__(driver)
        self.program = program

    def submit(self, command, handles: Sequence[int], bootstrap: int) -> None:
        """See the template."""
        driver, program = self.driver, self.program
        buffers = driver.memory.buffers
        const = program.const_offset
        bars = {1: Bar("const", "coefficients", buffers[handles[0]], const, len(program.const))}
        for slot, handle in enumerate(handles[2:], 2):
            if handle:
                row = driver.rows.get(slot, TensorRow(f"slot {slot}", ""))
                element = row.layout.element if row.layout else 0
                bars[slot] = Bar(row.name, row.role, buffers[handle], 0, buffers[handle].size, element)
        try:
            driver.engine.run(program.tasks, bars)
        except Hang as hang:
            raise TimeoutError("the engine stopped") from hang
        finally:
            driver.faults.task = None
            check_outputs(driver.rows.values(), bars, driver.faults)


def run_script(path: str, table: Mapping[int, TensorRow], arguments: Sequence[str]) -> Result:
    """Runs a script in a process of its own.

    Args:
        path: the script.
        table: what its tensors are, by BAR; see `rows`.
        arguments: its command line.

    Raises:
        ScriptError: the script raises, hangs, or opens another device.
    """
    driver = Driver(table)
    ours, theirs = socket.socketpair()
    with contextlib.closing(driver.memory), ours, theirs:
        command = [sys.executable, child.__file__, str(theirs.fileno()), str(driver.memory.file), path, *arguments]
        process = subprocess.Popen(command, pass_fds=(theirs.fileno(), driver.memory.file), stdin=subprocess.DEVNULL)
        theirs.close()
        try:
            code = _serve(ours, process, driver)
        finally:
            if process.poll() is None:
                process.kill()
            process.wait()
    return Result(code, driver.faults.found, driver.engine.steps)


def _serve(link: socket.socket, process: subprocess.Popen, driver: Driver) -> int:
    """Answers the script's calls until it ends; returns its exit code."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    for _ in range(MOST_CALLS):
        readable, _, _ = select.select([link], [], [], max(0.0, deadline - time.monotonic()))
        if not readable:
            raise ScriptError(f"it did nothing for {PATIENCE_SECONDS:.0f} seconds and was stopped")
        request = _receive(link, child.REQUEST.size)
        if request is None:
            return _ended(process)
        kind, number, size = child.REQUEST.unpack(request)
        data = _receive(link, size)
        if data is None:
            return _ended(process)
        if kind == b"e":
            text = data.decode(errors="replace")
            raise ScriptError(text)
        code, answer = driver.ioctl(number, data)
        with contextlib.suppress(BrokenPipeError):
            link.sendall(child.ANSWER.pack(code, len(answer)) + answer)
        deadline = time.monotonic() + PATIENCE_SECONDS
    raise ScriptError(f"it made {MOST_CALLS} calls to the device and was stopped", hint="does it loop?")


def _ended(process: subprocess.Popen) -> int:
    """The exit code of a script that has hung up."""
    try:
        code = process.wait(PATIENCE_SECONDS)
    except subprocess.TimeoutExpired:
        raise ScriptError(f"it did not end for {PATIENCE_SECONDS:.0f} seconds and was stopped") from None
    if code < 0:
        raise ScriptError(f"it was ended by signal {signal.Signals(-code).name}")
    return code


def _receive(link: socket.socket, size: int) -> bytes | None:
    """Exactly so many bytes; None where the other end has gone."""
    data = bytearray()
    while len(data) < size:
        try:
            piece = link.recv(size - len(data))
        except ConnectionResetError:
            return None
        if not piece:
            return None
        data += piece
    return bytes(data)
