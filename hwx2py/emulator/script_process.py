"""Scripts in a process of their own, confined: run on the virtual device, or built only."""

import contextlib
import json
import os
import signal
import socket
import struct
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from .. import own_python
from ..confinement import confine
from ..confinement.process import Limits as ProcessLimits
from ..errors import ScriptError
from ..formats import script
from ..operations import Names
from ..program.program import Program, bound_buffers
from ..registers import by_name
from . import child
from .driver import Driver, TensorRow
from .handed_over import Files
from .numbers import Numbers
from .session import DRIVERS, OnResult, Result, run_program

#: Larger messages and calls are no script's: the engine addresses 3.5 GiB, and tables of a call have 64 KiB each.
MOST_MESSAGE_BYTES = 1 << 32
MOST_CALL_BYTES = 1 << 20

#: How much of what a script says an error repeats.
MOST_SAID = 200

#: What a script may write beside its outputs.
MOST_WRITTEN_BYTES = 1 << 26

#: The exit code of a script that has told why on standard error.
USAGE = 2


class Limits(NamedTuple):
    """When a script is stopped.

    Attributes:
        calls: after so many calls to the device.
        patience_seconds: when it says nothing for so long, or a message of it takes so long.
        process: what its process may use.
    """

    calls: int
    patience_seconds: float
    process: ProcessLimits = ProcessLimits(6 << 30, 3 << 30, 300, MOST_WRITTEN_BYTES)


PATIENT = Limits(calls=100_000, patience_seconds=60.0)


class Access(NamedTuple):
    """What a script's process may do beside running.

    Attributes:
        readable: files and folders that it may read, beside its own folder and Python's.
        trusted: run it unconfined.
    """

    readable: Sequence[str] = ()
    trusted: bool = False


CONFINED = Access()


def run_script(
    path: str,
    outline: script.Outline,
    table: Mapping[int, TensorRow],
    arguments: Sequence[str],
    numbers: Numbers | None = None,
    on_result: OnResult | None = None,
    stop_after: int | None = None,
    limits: Limits = PATIENT,
    access: Access = CONFINED,
    save: bool = False,
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
        access: what it may do beside that.
        save: keep the archive of its outputs.

    Raises:
        ScriptError: the script raises, hangs, opens another device, or runs nothing; or it cannot be confined here.
    """
    if not outline.arch.machine.driver:
        with open(path, "rb") as file:
            program = program_of_script(path, file.read(), limits, access)
        return run_program(program, arguments, numbers, on_result, stop_after, save=save)
    driver = DRIVERS[outline.arch.stream](table, outline.arch, numbers, on_result, stop_after)
    if save:
        outputs_bytes = sum(tensor.size_bytes for tensor in outline.tensors if tensor.role == "output")
        process_limits = limits.process._replace(file_bytes=MOST_WRITTEN_BYTES + 2 * outputs_bytes)
        limits = limits._replace(process=process_limits)
    with Files() as files:
        options = [f"--save={files.path(files.saved)}"] if save else []
        with _started(driver, path, [*arguments, *options], limits, access, files) as (link, process):
            code = _serve(link, process, driver, limits)
        printed, complained = files.text(files.printed), files.text(files.complained)
        saved = files.content(files.saved) if save else b""
    faults, steps = driver.faults.found, driver.engine.steps
    end = _Ending(code, complained, bool(steps or faults))
    return Result(code, faults, steps, names_of(outline), end.error(), printed, complained, saved)


class _Ending(NamedTuple):
    """How a script's process ended: its exit code, its last words, and whether the engine was reached."""

    code: int
    complained: str
    ran: bool

    def error(self) -> str:
        """What is wrong with that, where something is that nobody has told.

        Raises:
            ScriptError: nothing ran, and what it printed is no result.
        """
        explained = self.code == USAGE and bool(self.complained)
        said = f" (it said: {self.complained.splitlines()[-1][:MOST_SAID]})" if self.complained else ""
        ended = f"it ended with exit code {self.code}{said}"
        if not self.ran and not explained:
            raise ScriptError("nothing ran on the virtual ANE" + (f": {ended}" if self.code else ""))
        return "" if explained or self.code in (0, 1) else ended


def names_of(outline: script.Outline) -> Names:
    """How a script calls its buffers."""
    bound = bound_buffers(outline.buffers, outline.aliases)
    names = dict(outline.arch.fixed_bars) | outline.kernels
    return Names(names | {bar: buffer.name for bar, buffer in bound.items()}, bound, {})


def program_of_script(path: str, source: bytes, limits: Limits = PATIENT, access: Access = CONFINED) -> Program:
    """Executes a script in a process of its own, confined, and takes over the program that it builds.

    Args:
        path: the script.
        source: its bytes.
        limits: when it is stopped.
        access: what it may do beside running.

    Raises:
        ScriptError: the script raises, hangs, or does not build a program; or it cannot be confined here.
    """
    with Files() as files, _started(Driver({}), path, [child.BUILD], limits, access, files) as (link, _):
        text = _message(link, limits, b"p")
        data = memoryview(_message(link, limits, b"d"))
    try:
        return _taken_over(json.loads(text), data, source, os.path.basename(path))
    except RecursionError as error:
        raise ScriptError("what its build() gives is not a program: it is nested too deeply") from error
    except (TypeError, ValueError, LookupError, ArithmeticError, AttributeError, struct.error) as error:
        raise ScriptError(f"what its build() gives is not a program: {str(error)[:MOST_SAID]}") from error


def _taken_over(told: dict[str, Any], data: memoryview, source: bytes, name: str) -> Program:
    cells = [tuple(tuple(part) if isinstance(part, list) else part for part in row) for row in told["tensors"]]
    tables = script.outline_of(by_name(str(told["arch"])), cells, told["bars"], dict(told["aliases"]))
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
    deadline = time.monotonic() + limits.patience_seconds
    try:
        request = _receive(link, child.REQUEST.size, deadline)
        kind, _, size = child.REQUEST.unpack(request) if request else (b"", 0, 0)
        if size > MOST_MESSAGE_BYTES:
            raise ScriptError(f"it announces {size} bytes, which is more than a program can have")
        data = _receive(link, size, deadline) or b""
    except TimeoutError as error:
        raise _impatient(limits) from error
    if kind == b"e":
        raise ScriptError(data.decode(errors="replace"))
    if kind != wanted:
        raise ScriptError("it ended, or used the device, before it built its program")
    return data


def _impatient(limits: Limits) -> ScriptError:
    return ScriptError(f"it did nothing for {limits.patience_seconds:.0f} seconds and was stopped")


@contextlib.contextmanager
def _started(
    driver: Driver, path: str, arguments: Sequence[str], limits: Limits, access: Access, files: Files
) -> Iterator[tuple[socket.socket, subprocess.Popen[bytes]]]:
    """A process that runs a script, and the socket to it; it ends with the context."""
    if not access.trusted and (reason := confine.missing()):
        raise ScriptError(f"it would run unconfined, as {reason}", hint="--trust runs it like that")
    ours, theirs = socket.socketpair()
    with contextlib.closing(driver.memory), ours, theirs:
        order = {
            "link": theirs.fileno(),
            "memory": driver.memory.file,
            "script": path,
            "arguments": list(arguments),
            "parent": os.getpid(),
            "package_folder": own_python.PACKAGE_FOLDER,
            "search_path": own_python.search_path(),
            "readable": [os.path.dirname(os.path.abspath(path)), *access.readable],
            "limits": None if access.trusted else limits.process,
        }
        process = subprocess.Popen(
            [sys.executable, "-I", "-X", "utf8", child.__file__, json.dumps(order)],
            pass_fds=(theirs.fileno(), driver.memory.file, files.saved),
            stdin=subprocess.DEVNULL,
            stdout=files.printed,
            stderr=files.complained,
            env=own_python.clean_environment(),
        )
        theirs.close()
        try:
            yield ours, process
        finally:
            if process.poll() is None:
                process.kill()
            process.wait()


def _serve(link: socket.socket, process: subprocess.Popen[bytes], driver: Driver, limits: Limits) -> int:
    """Answers the script's calls until it ends; returns its exit code."""
    for _ in range(limits.calls):
        deadline = time.monotonic() + limits.patience_seconds
        try:
            request = _receive(link, child.REQUEST.size, deadline)
            kind, number, size = child.REQUEST.unpack(request) if request else (b"", 0, 0)
            if size > MOST_CALL_BYTES:
                raise ScriptError(f"it makes a call with a structure of {size} bytes")
            data = _receive(link, size, deadline)
        except TimeoutError as error:
            raise _impatient(limits) from error
        if request is None or data is None:
            return _ended(process, limits)
        if kind == b"e":
            raise ScriptError(data.decode(errors="replace"))
        code, answer = driver.ioctl(number, data)
        link.settimeout(limits.patience_seconds)
        with contextlib.suppress(BrokenPipeError, ConnectionResetError, TimeoutError):
            link.sendall(child.ANSWER.pack(code, len(answer)) + answer)
    raise ScriptError(f"it made {limits.calls} calls to the device and was stopped", hint="does it loop?")


def _ended(process: subprocess.Popen[bytes], limits: Limits) -> int:
    """The exit code of a script that has hung up."""
    try:
        code = process.wait(limits.patience_seconds)
    except subprocess.TimeoutExpired:
        raise ScriptError(f"it did not end for {limits.patience_seconds:.0f} seconds and was stopped") from None
    if code == -signal.SIGXCPU:
        raise ScriptError("it was ended: it took too much processor time")
    if code < 0:
        raise ScriptError(f"it was ended by signal {signal.Signals(-code).name}")
    return code


def _receive(link: socket.socket, size: int, deadline: float) -> bytes | None:
    """Reads exactly `size` bytes; None if the peer closed the socket.

    Raises:
        TimeoutError: they are not there in time.
    """
    data = bytearray()
    while len(data) < size:
        left = deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError
        link.settimeout(left)
        try:
            piece = link.recv(min(size - len(data), 1 << 20))
        except ConnectionResetError:
            return None
        if not piece:
            return None
        data += piece
    return bytes(data)
