"""Programs of one generation as programs of another: the same tasks in the other's registers, by rows of rules."""

from .port import port, rules
from .rule import Generations

__all__ = ["Generations", "port", "rules"]
