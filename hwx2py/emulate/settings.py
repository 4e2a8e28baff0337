"""How a run on the virtual ANE goes, beside what the program and its inputs say."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from ..errors import UsageError
from .engine import Step
from .numbers import POLICIES, Numbers


class Settings(NamedTuple):
    """What a driver's engine is set to.

    Attributes:
        numbers: the arithmetic; None for the machine's own.
        on_result: called with every step and the bits of its result; None for nobody.
        stop_after: index of the last task to run; None for all.
    """

    numbers: Numbers | None = None
    on_result: Callable[[Step, np.ndarray], None] | None = None
    stop_after: int | None = None


#: Everything as the machine has it.
USUAL = Settings()


def numbers_named(name: str) -> Numbers | None:
    """The arithmetic of a name; None for the machine's own, where the name is empty.

    Raises:
        UsageError: there is no such arithmetic.
    """
    if not name:
        return None
    if name not in POLICIES:
        raise UsageError(f"unknown numbers {name!r}", hint=f"there are {' and '.join(POLICIES)}")
    return POLICIES[name]
