"""hwx2py for Python programs: what `import hwx2py` offers, over the packages that do the work."""

from typing import TYPE_CHECKING

from .actions import check, clean, diff, emit, load, port, save
from .compiled import Compiled, compile
from .program import File, Program, RegisterWord, Task
from .run import Result, emulate

if TYPE_CHECKING:
    from ..compiler.graph import Graph

__all__ = [
    "Compiled",
    "File",
    "Graph",
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
    """Graph needs NumPy, which only those who build one wait for."""
    if name != "Graph":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from ..compiler.graph import Graph

    return Graph
