"""Cleaning passes: pure functions from program to program, each with a name, a reason and a report.

Any of them can be left out, and the program still computes the same.
"""

from .edits import Kept, Outcome, Pass, WordEdit
from .report_text import report, summary
from .table import PASSES, chosen, run

__all__ = ["PASSES", "Kept", "Outcome", "Pass", "WordEdit", "chosen", "report", "run", "summary"]
