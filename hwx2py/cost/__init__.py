"""What a program costs: bytes moved, operations, time, and how long memory is in use."""

from .count import CostReport, TaskCost, cost
from .ranges import Range
from .svg import svg

__all__ = ["CostReport", "Range", "TaskCost", "cost", "svg"]
