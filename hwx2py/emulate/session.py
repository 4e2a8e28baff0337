"""Running programs on the virtual ANE: a program straight from its file, or a script in a process of its own."""

import contextlib
import json
import os
import select
import signal
import socket
import struct
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from ..errors import ScriptError, UnsupportedError
from ..formats import script
from ..program.model import Program, Tensor
from ..registers import Architecture, by_name
from ..runtime import ane, command_line
from ..runtime import text as text_module
from . import child
from .driver import Driver, TensorRow
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
    """Runs a program without writing a script: the script's own runtime, with an engine in its hands.

    Args:
        program: what to run.
        arguments: a generated script's command line.
    """
    code, error = 2, ""
    with prepared(program) as (driver, build), np.errstate(all="ignore"):
        try:
            chosen = command_line.options(program.origin.name, list(arguments))
            code = command_line.execute(chosen, program.tensors, build, lambda path: VirtualAne(driver))
        except OSError as end:
            error = str(end)
    return Result(code, driver.faults.found, driver.engine.steps, error)


def run(
    program: Program, inputs: Mapping[str, np.ndarray], fill: float | None = None
) -> tuple[dict[str, np.ndarray], Driver]:
    """Runs a program; nothing is printed.

    Args:
        program: what to run.
        inputs: arrays of the inputs, by name, in their tensors' shapes and dtypes.
        fill: what outputs hold before the run; None for a pattern.

    Returns:
        The outputs by name, and the driver, which has the faults.

    Raises:
        OSError: the driver refuses the program, or the engine hangs.
    """
    with prepared(program) as (driver, build):
        return ane.run(VirtualAne(driver), build(), program.tensors, inputs, fill), driver


def default_inputs(program: Program) -> dict[str, np.ndarray]:
    """The inputs that a script takes where the command line names none."""
    return command_line.default_inputs(program.tensors)


def outputs_of(program: Program) -> dict[str, np.ndarray]:
    """A program's outputs for the default inputs, by name; nothing is printed."""
    return run(program, default_inputs(program))[0]


def check_runs(arch: Architecture) -> None:
    """Refuses what the engine does not run."""
    if not arch.runs:
        hint = "`hwx2py archs` lists what works"
        raise UnsupportedError(f"the virtual ANE runs H13, not {arch.name}", hint=hint)


@contextlib.contextmanager
def prepared(program: Program) -> Iterator[tuple[Driver, Callable[[], tuple]]]:
    """A driver, and what a script's `build` would give."""
    check_runs(program.arch)
    driver = Driver(rows(program.tensors, {kernel.bar: kernel.name for kernel in program.kernels}, program.aliases))
    with contextlib.closing(driver.memory):
        yield driver, lambda: built(program)


def built(program: Program) -> tuple[dict[int, list], list[tuple[int, Sequence[int]]], dict[int, int]]:
    """What the `build` of a program's script gives: buffers, tasks, further BARs."""
    text = bytearray(program.text.to_bytes())
    bars = {tensor.name: tensor.bar for tensor in program.tensors}
    pieces = text_module.followed(text, [program.const], program.const_offset) if len(program.const) else [text]
    buffers = {0: pieces} | {kernel.bar: [kernel.data] for kernel in program.kernels}
    tasks = [(task.offset, task.words) for task in program.tasks]
    return buffers, tasks, {bar: bars[name] for bar, name in program.aliases}


class VirtualAne(ane.Ane):
    """The runtime's device, played in the same process.

    Args:
        driver: what answers its calls.
    """

    def __init__(self, driver: Driver):
        self.driver = driver

    def call(self, name: str, number: int, layout: str, *values: int) -> tuple:
        """See the runtime."""
        code, answer = self.driver.ioctl(number, struct.pack(layout, *values))
        if code:
            error = OSError(code, os.strerror(code))
            raise type(error)(f"{name}: {error.strerror}")
        return struct.unpack(layout, answer)

    def allocate(self, size: int, pieces: Sequence[bytes] = ()) -> tuple[int, memoryview]:
        """See the runtime."""
        handle, *_ = self.call("BO_INIT", ane.BO_INIT, "<2I2Q", 0, 0, size, 0)
        memory, position = memoryview(self.driver.memory.buffers[handle].data)[:size], 0
        for piece in pieces:
            memory[position : position + len(piece)] = bytes(piece)
            position += len(piece)
        return handle, memory


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
    with _started(driver, path, arguments) as (link, process):
        code = _serve(link, process, driver)
    return Result(code, driver.faults.found, driver.engine.steps)


def program_of_script(path: str, source: bytes) -> Program:
    """Executes a script in a process of its own, confined, and takes over the program that it builds.

    Args:
        path: the script.
        source: its bytes.

    Raises:
        ScriptError: the script raises, hangs, or does not build a program.
    """
    with _started(Driver({}), path, [child.BUILD]) as (link, process):
        told = json.loads(_message(link, process, b"p"))
        data = memoryview(_message(link, process, b"d"))
    try:
        return _taken_over(told, data, source, os.path.basename(path))
    except (TypeError, ValueError, LookupError) as error:
        raise ScriptError(f"what its build() gives is not a program: {error}") from error


def _taken_over(told: dict, data: memoryview, source: bytes, name: str) -> Program:
    rows = [Tensor(*(tuple(part) if isinstance(part, list) else part for part in row)) for row in told["tensors"]]
    tables = script.outline_of(by_name(str(told["arch"])), rows, told["bars"], dict(told["aliases"]))
    tasks, buffers, position = [], {}, 0
    for offset, words in told["tasks"]:
        tasks.append((offset, struct.unpack_from(f"<{words}I", data, position)))
        position += 4 * words
    for bar, sizes in told["buffers"]:
        pieces = buffers.setdefault(bar, [])
        for size in sizes:
            pieces.append(data[position : position + size])
            position += size
    return script.program_of(tables, script.Built(buffers, tasks), source, name)


def _message(link: socket.socket, process: subprocess.Popen, wanted: bytes) -> bytes:
    """The bytes of the next message, which must be of a kind."""
    link.settimeout(PATIENCE_SECONDS)
    try:
        request = _receive(link, child.REQUEST.size)
        kind, _, size = child.REQUEST.unpack(request) if request else (b"", 0, 0)
        data = _receive(link, size) or b""
    except TimeoutError as error:
        raise ScriptError(f"it did nothing for {PATIENCE_SECONDS:.0f} seconds and was stopped") from error
    if kind == b"e":
        raise ScriptError(data.decode(errors="replace"))
    if kind != wanted:
        raise ScriptError("it ended, or used the device, before it built its program")
    return data


@contextlib.contextmanager
def _started(driver: Driver, path: str, arguments: Sequence[str]) -> Iterator[tuple[socket.socket, subprocess.Popen]]:
    """A process that runs a script, and the socket to it; it ends with the context."""
    ours, theirs = socket.socketpair()
    with contextlib.closing(driver.memory), ours, theirs:
        command = [sys.executable, child.__file__, str(theirs.fileno()), str(driver.memory.file), path, *arguments]
        process = subprocess.Popen(command, pass_fds=(theirs.fileno(), driver.memory.file), stdin=subprocess.DEVNULL)
        theirs.close()
        try:
            yield ours, process
        finally:
            if process.poll() is None:
                process.kill()
            process.wait()


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
