"""The fewest register differences between two programs that still make one of them fail a test."""

from .differences import Difference, Plan, plan
from .log import Log
from .reduction import search
from .trials import Command, OnVirtualAne

__all__ = ["Command", "Difference", "Log", "OnVirtualAne", "Plan", "plan", "search"]
