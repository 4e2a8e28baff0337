"""hwx2py: compiled Apple Neural Engine programs as readable Python, and a virtual engine that runs them.

    program = hwx2py.load("mul.hwx").program
    program.tasks[0]["PE.Cfg"].OpMode
    hwx2py.emulate(program, {"image": 3.0, "image2": 2.0}).outputs

Names are looked up when they are first used, so that importing the package costs nothing.
"""

from typing import TYPE_CHECKING

from .errors import HwxError
from .version import VERSION

if TYPE_CHECKING:
    from .interface import (
        Compiled,
        File,
        Graph,
        Program,
        RegisterWord,
        Result,
        Task,
        check,
        clean,
        compile,
        diff,
        emit,
        emulate,
        load,
        port,
        save,
    )

__version__ = VERSION

__all__ = [
    "Compiled",
    "File",
    "Graph",
    "HwxError",
    "Program",
    "RegisterWord",
    "Result",
    "Task",
    "check",
    "clean",
    "compile",
    "diff",
    "emit",
    "emulate",
    "load",
    "port",
    "save",
]


def __getattr__(name: str) -> object:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from . import interface

    return getattr(interface, name)


def __dir__() -> list[str]:
    return [*globals(), *__all__]
