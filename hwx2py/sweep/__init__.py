"""Emulations over a grid of register values, as a table: a row for each point."""

from .grid import Axis, axis_of
from .points import PointsDone, Sweep, make_part, plan

__all__ = ["Axis", "PointsDone", "Sweep", "axis_of", "make_part", "plan"]
