"""The virtual ANE: the Linux driver's contract with an H13 engine behind it, in NumPy."""

from .session import Result, check_runs, outputs_of, program_of_script, rows, run_program, run_script
from .trace import as_data, as_lines

__all__ = [
    "Result",
    "as_data",
    "as_lines",
    "check_runs",
    "outputs_of",
    "program_of_script",
    "rows",
    "run_program",
    "run_script",
]
