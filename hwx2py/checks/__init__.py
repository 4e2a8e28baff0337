"""What will go wrong when a program is submitted, and how its file shows it: rules as rows, each with its evidence."""

from .model import ERROR, LEVELS, NOTE, WARNING, Finding, Rule
from .run import RULES, check, count_errors, findings
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
    "open_subject",
]


def __getattr__(name: str) -> object:
    # Only `check` reads what loading refuses; what others import of this package must not cost them that.
    if name == "open_subject":
        from .lenient import open_subject

        return open_subject
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
