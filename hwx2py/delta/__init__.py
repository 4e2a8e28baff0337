"""Two programs compared: what differs, of which class, and whether they do and compute the same."""

from .comparison import Change, Class, Comparison, FieldChange, FieldMove, Reason, TaskDifference, WordChange
from .programs import compare

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
