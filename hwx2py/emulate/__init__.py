"""The virtual ANE: the Linux driver's contract with an H13 engine behind it, in NumPy."""

from .session import Result, rows, run_program, run_script
from .trace import as_data, as_lines

__all__ = ["Result", "as_data", "as_lines", "rows", "run_program", "run_script"]
