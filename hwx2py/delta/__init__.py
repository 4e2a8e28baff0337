"""Two programs compared: what differs, of which class, and whether they do and compute the same."""

from .compare import compare
from .model import Change, Class, Comparison, FieldChange, FieldMove, Reason, TaskDifference, WordChange

__all__ = [
    "Change",
    "Class",
    "Comparison",
    "FieldChange",
    "FieldMove",
    "Reason",
    "TaskDifference",
    "WordChange",
    "compare",
]
