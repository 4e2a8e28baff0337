"""The command line in a process that has loaded its libraries: of most commands in documents, loading is the most.

`Warm` starts that process. What stands for the program `hwx2py` hands it the arguments and its three streams; it forks,
and the fork is the command. The file is run by itself, as both.
"""

import atexit
import gc
import importlib
import json
import os
import select
import socket
import subprocess
import sys
import tempfile
import traceback
from pathlib import Path

#: What commands load beside the modules of `hwx2py.cli`.
LOADED = (
    "numpy",
    "numpy.random",
    "hwx2py.checks",
    "hwx2py.emitter.module",
    "hwx2py.emulator.driver",
    "libcst",
    "black",
)
#: More than the arguments, the folder and the environment of a command take.
MOST_BYTES = 1 << 18


class Warm:
    """A process that runs commands of hwx2py until this process ends.

    Args:
        root: the folder that holds hwx2py.
    """

    def __init__(self, root: Path):
        self._folder = tempfile.TemporaryDirectory(prefix="hwx2py-")
        self._address = Path(self._folder.name) / "socket"
        command = [sys.executable, "-P", __file__, str(self._address)]
        environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(root), "LC_ALL": "C.UTF-8"}
        # It reads nothing: its input ends when this process does.
        self._process = subprocess.Popen(command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        atexit.register(self._close)
        assert self._process.stdout
        assert self._process.stdout.read(1) == b".", "it did not start"

    def _close(self) -> None:
        self._process.communicate()
        self._folder.cleanup()

    def command(self) -> str:
        """What a shell runs in place of hwx2py, in front of its arguments."""
        return f'"{sys.executable}" -IS "{__file__}" "{self._address}" -- '


def serve(address: str) -> None:
    """Runs commands until standard input ends."""
    from hwx2py.cli import COMMANDS

    modules = [f"hwx2py.cli.{name.replace('-', '_')}" for name in COMMANDS]
    for name in (*modules, *LOADED):
        importlib.import_module(name)
    gc.collect()
    gc.freeze()
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(address)
        listener.listen()
        os.write(1, b".")
        while sys.stdin not in select.select([listener, sys.stdin], [], [])[0]:
            connection, _ = listener.accept()
            with connection:
                if not os.fork():
                    listener.close()
                    run(connection)
            while _reaped():
                pass


def _reaped() -> bool:
    try:
        return os.waitpid(-1, os.WNOHANG) != (0, 0)
    except ChildProcessError:
        return False


def run(connection: socket.socket) -> None:
    """Is a command: takes its streams, runs it, sends its exit code, and ends this process."""
    from hwx2py.cli import main

    content, streams, *_ = socket.recv_fds(connection, MOST_BYTES, 3)
    for number, stream in enumerate(streams):
        os.dup2(stream, number)
        os.close(stream)
    sys.stdin = open(0, closefd=False)  # noqa: SIM115 - as long as the process
    sys.stdout, sys.stderr = (open(number, "w", closefd=False) for number in (1, 2))  # noqa: SIM115
    order = json.loads(content)
    os.chdir(order["folder"])
    os.environ.clear()
    os.environ.update(order["environment"])
    code = 1
    try:
        main(order["arguments"])
    except SystemExit as end:
        code = end.code
    except Exception:
        traceback.print_exc()  # as the interpreter does for a program
    sys.stdout.flush()
    sys.stderr.flush()
    connection.sendall(bytes([code]))
    os._exit(code)


def ask(address: str, arguments: list[str]) -> int:
    """Has a command run; returns its exit code."""
    order = {"arguments": arguments, "folder": os.getcwd(), "environment": dict(os.environ)}
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect(address)
        socket.send_fds(connection, [json.dumps(order).encode()], [0, 1, 2])
        return connection.recv(1)[0]


if __name__ == "__main__":
    if sys.argv[2:3] == ["--"]:
        sys.exit(ask(sys.argv[1], sys.argv[3:]))
    serve(sys.argv[1])
