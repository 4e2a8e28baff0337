"""Lowering: every operation of a graph becomes tasks, through views of buffers in memory."""

from .network import Lowered, OperationTasks, lower

__all__ = ["Lowered", "OperationTasks", "lower"]
