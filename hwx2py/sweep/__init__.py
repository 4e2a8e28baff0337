"""Emulations over a grid of register values, as a table: a row for each point."""

from .grid import Axis, axis_of
from .points import PointsDone, Sweep, plan, run

__all__ = ["Axis", "PointsDone", "Sweep", "axis_of", "plan", "run"]
