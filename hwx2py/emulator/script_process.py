"""Scripts in a process of their own, confined: run on the virtual device, or built only."""

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
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from ..errors import ScriptError
from ..formats import script
from ..operations import Names
from ..program.program import Program, Tensor
from ..registers import by_name
from . import child
from .driver import Driver, TensorRow
from .numbers import Numbers
from .session import DRIVERS, OnResult, Result, run_program


class Limits(NamedTuple):
    """When a script is stopped: after so many calls to the device, or when it says nothing for so long."""

    calls: int
    patience_seconds: float


PATIENT = Limits(calls=100_000, patience_seconds=60.0)


def run_script(
    path: str,
    outline: script.Outline,
    table: Mapping[int, TensorRow],
    arguments: Sequence[str],
    numbers: Numbers | None = None,
    on_result: OnResult | None = None,
    stop_after: int | None = None,
    limits: Limits = PATIENT,
) -> Result:
    """Runs a script in a process of its own.

    A script for a chip without a known driver is only built there; its program then runs here.

    Args:
        path: the script.
        outline: what its tables say.
        table: what its tensors are, by BAR; see `driver.rows`.
        arguments: its command line.
        numbers: the arithmetic; the machine's own if left out.
        on_result: called with every step and the bits of its result, if given.
        stop_after: index of the last task to run; all run if left out.
        limits: when it is stopped.

    Raises:
        ScriptError: the script raises, hangs, or opens another device.
    """
    if not outline.arch.machine.driver:
        with open(path, "rb") as file:
            program = program_of_script(path, file.read(), limits)
        return run_program(program, arguments, numbers, on_result, stop_after)
    driver = DRIVERS[outline.arch.stream](table, outline.arch, numbers, on_result, stop_after)
    with _started(driver, path, arguments) as (link, process):
        code = _serve(link, process, driver, limits)
    return Result(code, driver.faults.found, driver.engine.steps, names_of(outline))


def names_of(outline: script.Outline) -> Names:
    """How a script calls its buffers."""
    tensors = {tensor.bar: tensor for tensor in outline.tensors}
    named = {tensor.name: tensor for tensor in outline.tensors}
    tensors |= {bar: named[name] for bar, name in outline.aliases if name in named}
    buffers = dict(outline.arch.fixed_bars) | outline.kernels
    return Names(buffers | {bar: tensor.name for bar, tensor in tensors.items()}, tensors, {})


def program_of_script(path: str, source: bytes, limits: Limits = PATIENT) -> Program:
    """Executes a script in a process of its own, confined, and takes over the program that it builds.

    Args:
        path: the script.
        source: its bytes.
        limits: when it is stopped.

    Raises:
        ScriptError: the script raises, hangs, or does not build a program.
    """
    with _started(Driver({}), path, [child.BUILD]) as (link, _):
        told = json.loads(_message(link, limits, b"p"))
        data = memoryview(_message(link, limits, b"d"))
    try:
        return _taken_over(told, data, source, os.path.basename(path))
    except (TypeError, ValueError, LookupError) as error:
        raise ScriptError(f"what its build() gives is not a program: {error}") from error


def _taken_over(told: dict[str, Any], data: memoryview, source: bytes, name: str) -> Program:
    cells: list[list[Any]] = [
        [tuple(part) if isinstance(part, list) else part for part in row] for row in told["tensors"]
    ]
    rows = [Tensor(*row) for row in cells]
    tables = script.outline_of(by_name(str(told["arch"])), rows, told["bars"], dict(told["aliases"]))
    tasks: list[tuple[int, tuple[int, ...]]] = []
    buffers: dict[int, list[memoryview]] = {}
    position = 0
    for offset, words in told["tasks"]:
        tasks.append((offset, struct.unpack_from(f"<{words}I", data, position)))
        position += 4 * words
    for bar, sizes in told["buffers"]:
        pieces = buffers.setdefault(bar, [])
        for size in sizes:
            pieces.append(data[position : position + size])
            position += size
    return script.program_of(tables, script.Built(buffers, tasks), source, name)


def _message(link: socket.socket, limits: Limits, wanted: bytes) -> bytes:
    """The bytes of the next message, which must be of a kind."""
    link.settimeout(limits.patience_seconds)
    try:
        request = _receive(link, child.REQUEST.size)
        kind, _, size = child.REQUEST.unpack(request) if request else (b"", 0, 0)
        data = _receive(link, size) or b""
    except TimeoutError as error:
        raise ScriptError(f"it did nothing for {limits.patience_seconds:.0f} seconds and was stopped") from error
    if kind == b"e":
        raise ScriptError(data.decode(errors="replace"))
    if kind != wanted:
        raise ScriptError("it ended, or used the device, before it built its program")
    return data


@contextlib.contextmanager
def _started(
    driver: Driver, path: str, arguments: Sequence[str]
) -> Iterator[tuple[socket.socket, subprocess.Popen[bytes]]]:
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


def _serve(link: socket.socket, process: subprocess.Popen[bytes], driver: Driver, limits: Limits) -> int:
    """Answers the script's calls until it ends; returns its exit code."""
    deadline = time.monotonic() + limits.patience_seconds
    for _ in range(limits.calls):
        readable, _, _ = select.select([link], [], [], max(0.0, deadline - time.monotonic()))
        if not readable:
            raise ScriptError(f"it did nothing for {limits.patience_seconds:.0f} seconds and was stopped")
        request = _receive(link, child.REQUEST.size)
        if request is None:
            return _ended(process, limits)
        kind, number, size = child.REQUEST.unpack(request)
        data = _receive(link, size)
        if data is None:
            return _ended(process, limits)
        if kind == b"e":
            text = data.decode(errors="replace")
            raise ScriptError(text)
        code, answer = driver.ioctl(number, data)
        with contextlib.suppress(BrokenPipeError):
            link.sendall(child.ANSWER.pack(code, len(answer)) + answer)
        deadline = time.monotonic() + limits.patience_seconds
    raise ScriptError(f"it made {limits.calls} calls to the device and was stopped", hint="does it loop?")


def _ended(process: subprocess.Popen[bytes], limits: Limits) -> int:
    """The exit code of a script that has hung up."""
    try:
        code = process.wait(limits.patience_seconds)
    except subprocess.TimeoutExpired:
        raise ScriptError(f"it did not end for {limits.patience_seconds:.0f} seconds and was stopped") from None
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
