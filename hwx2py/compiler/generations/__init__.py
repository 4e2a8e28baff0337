"""Programs of one generation as programs of another: the same tasks in the other's registers, by rows of rules."""

from .model import Generations
from .port import port, rules

__all__ = ["Generations", "port", "rules"]
