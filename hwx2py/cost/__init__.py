"""What a program costs: bytes moved, operations, time, and how long memory is in use."""

from .chart import svg
from .count import CostReport, TaskCost, cost
from .ranges import Range

__all__ = ["CostReport", "Range", "TaskCost", "cost", "svg"]
