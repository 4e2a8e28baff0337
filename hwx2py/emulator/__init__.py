"""The virtual ANE: engines of every generation, and the Linux driver's contract in front of H13's, in NumPy."""

from .driver import rows
from .numbers import POLICIES
from .script_process import Access, names_of, program_of_script, run_script
from .session import Result, check_runs, run_program, unconfirmed
from .subject import ProgramSubject, Request, ScriptSubject, Subject
from .trace import as_data, as_lines

__all__ = [
    "POLICIES",
    "Access",
    "ProgramSubject",
    "Request",
    "Result",
    "ScriptSubject",
    "Subject",
    "as_data",
    "as_lines",
    "check_runs",
    "names_of",
    "program_of_script",
    "rows",
    "run_program",
    "run_script",
    "unconfirmed",
]
