"""The virtual ANE: the Linux driver's contract with an engine behind it, in NumPy."""

from .driver import rows
from .session import Result, check_runs, outputs_of, run_program, run_script
from .settings import Settings, numbers_named
from .subject import Subject
from .trace import as_data, as_lines

__all__ = [
    "Result",
    "Settings",
    "Subject",
    "as_data",
    "as_lines",
    "check_runs",
    "numbers_named",
    "outputs_of",
    "rows",
    "run_program",
    "run_script",
]
