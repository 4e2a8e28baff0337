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
from ..program.model import Program, Tensor
from ..registers import Architecture
from . import child
from .driver import BO_FREE, BO_FREE_STRUCT, BO_INIT, BO_INIT_STRUCT, SUBMIT, SUBMIT_STRUCT, Driver, TensorRow
from .engine import Step
from .faults import Fault
from .surface import Layout, Shape

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


def rows(
    tensors: Sequence[Tensor], kernels: Mapping[int, str], aliases: Sequence[tuple[int, str]] = ()
) -> dict[int, TensorRow]:
    """What a driver should know of the buffers behind the BARs."""
    found = {bar: TensorRow(name, "coefficients") for bar, name in kernels.items()}
    for tensor in tensors:
        layout, shape = None, None
        if tensor.shape and tensor.strides and tensor.dtype and min(tensor.shape) > 0:
            size = np.dtype(tensor.dtype).itemsize
            if tensor.strides[3] == size:
                layout, shape = Layout(0, *tensor.strides[:3], element=size), Shape(*tensor.shape)
        found[tensor.bar] = TensorRow(tensor.name, tensor.role, layout, shape)
        found.update((bar, found[tensor.bar]) for bar, name in aliases if name == tensor.name)
    return found


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
    if arch.machine.driver != "ABI 1":
        hint = "`hwx2py archs` lists what works"
        raise UnsupportedError(f"the virtual ANE runs H13, not {arch.name}", hint=hint)


@contextlib.contextmanager
def prepared(program: Program) -> Iterator[tuple[Driver, ModuleType]]:
    """A driver, and the template with the program in it."""
    check_runs(program.arch)
    driver = Driver(rows(program.tensors, {kernel.bar: kernel.name for kernel in program.kernels}, program.aliases))
    with contextlib.closing(driver.memory):
        yield driver, _template(program, driver)


def _template(program: Program, driver: Driver) -> ModuleType:
    """The template as a module of its own, with the program and the virtual device put in place of its own."""
    import importlib.util

    spec = importlib.util.find_spec("hwx2py.templates.script")
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    text = program.text.to_bytes()
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
    script.Ane = lambda path: _Device(driver)
    return script


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
