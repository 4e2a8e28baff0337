"""The virtual ANE: engines of every generation, and the Linux driver's contract in front of H13's, in NumPy."""

from .driver import rows
from .numbers import POLICIES
from .script_process import names_of, program_of_script, run_script
from .session import Result, check_runs, outputs_of, run_program, unconfirmed
from .trace import as_data, as_lines
from .values import StepValues, values_of

__all__ = [
    "POLICIES",
    "Result",
    "StepValues",
    "as_data",
    "as_lines",
    "check_runs",
    "names_of",
    "outputs_of",
    "program_of_script",
    "rows",
    "run_program",
    "run_script",
    "unconfirmed",
    "values_of",
]
