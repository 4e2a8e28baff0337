"""What macOS and Windows lack, taken away: run as a program, it does so and then runs a module of Python.

python tests/elsewhere.py hwx2py info examples/mul.hwx
python tests/elsewhere.py pytest tests/test_planar.py
"""

import builtins
import io
import os
import platform
import runpy
import signal
import sys

#: Modules and names that Windows has not; macOS lacks some of them.
MODULES = ("fcntl", "resource", "grp", "pwd")
NAMES = {
    os: (
        "memfd_create", "MFD_CLOEXEC", "MFD_ALLOW_SEALING", "SEEK_HOLE", "SEEK_DATA", "uname", "sysconf", "fork",
        "setxattr", "getxattr", "listxattr", "removexattr", "pidfd_open", "mkfifo", "posix_fallocate",
    ),
    signal: ("SIGHUP", "SIGKILL", "SIGALRM", "pthread_sigmask", "setitimer"),
}  # fmt: skip


def take_away() -> None:
    """Takes names, modules and /proc away from this process."""
    for name in MODULES:
        sys.modules[name] = None  # type: ignore[assignment] # an import of it fails
    for module, names in NAMES.items():
        for name in names:
            vars(module).pop(name, None)
    exists, opened, listed = os.path.exists, io.open, os.listdir

    def is_of_linux(path: object) -> bool:
        return isinstance(path, str | bytes | os.PathLike) and os.fsdecode(path).startswith(("/proc", "/sys/"))

    def opened_elsewhere(path, *more, **named):
        if is_of_linux(path):
            raise FileNotFoundError(2, "No such file or directory", path)
        return opened(path, *more, **named)

    def listed_elsewhere(path="."):
        if is_of_linux(path):
            raise FileNotFoundError(2, "No such file or directory", path)
        return listed(path)

    platform.system = lambda: "Elsewhere"
    os.path.exists = lambda path: not is_of_linux(path) and exists(path)
    builtins.open = io.open = opened_elsewhere
    os.listdir = listed_elsewhere


if __name__ == "__main__":
    # What others wrote has its own ways about what is missing.
    import concurrent.futures.process
    import multiprocessing.popen_spawn_posix
    import subprocess
    import tempfile
    import uuid

    import black
    import libcst
    import numpy
    import onnx

    platform.uname()
    take_away()
    sys.path[0] = os.getcwd()
    del sys.argv[0]
    runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
