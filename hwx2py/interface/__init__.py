"""hwx2py for Python programs: what `import hwx2py` offers, over the packages that do the work."""

from .actions import check, clean, diff, emit, load, save
from .program import File, Program, RegisterWord, Task
from .run import Result, emulate

__all__ = [
    "File",
    "Program",
    "RegisterWord",
    "Result",
    "Task",
    "check",
    "clean",
    "diff",
    "emit",
    "emulate",
    "load",
    "save",
]
