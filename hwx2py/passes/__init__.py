"""Cleaning passes: pure functions from program to program, each with a name, a reason and a report.

Any of them can be left out, and the program still computes the same.
"""

from .model import Change, Kept, Outcome, Pass
from .report import report
from .table import PASSES, chosen, run

__all__ = ["PASSES", "Change", "Kept", "Outcome", "Pass", "chosen", "report", "run"]
