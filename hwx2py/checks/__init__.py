"""What will go wrong when a program is submitted, and how its file shows it: rules as rows, each with its evidence."""

from .rule import ERROR, LEVELS, NOTE, WARNING, Finding, Rule
from .run import RULES, check, count_errors, findings, left_out
from .subject import Subject

__all__ = [
    "ERROR",
    "LEVELS",
    "NOTE",
    "RULES",
    "WARNING",
    "Finding",
    "Rule",
    "Subject",
    "check",
    "count_errors",
    "findings",
    "left_out",
]
