"""The virtual ANE: engines of every generation, and the Linux driver's contract in front of H13's, in NumPy."""

from .session import Result, check_runs, outputs_of, rows, run_program, run_script
from .trace import as_data, as_lines

__all__ = ["Result", "as_data", "as_lines", "check_runs", "outputs_of", "rows", "run_program", "run_script"]
