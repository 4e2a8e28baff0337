"""Two programs compared: what differs, whether it is noise, and whether they compute the same."""

from .compare import compare
from .model import Change, FieldChange, Report, TaskDifference, WordChange

__all__ = ["Change", "FieldChange", "Report", "TaskDifference", "WordChange", "compare"]
