"""What hypotheses predict, in NumPy, apart from the virtual ANE's code: functions of a case's inputs."""

from collections.abc import Callable
from typing import Any

import numpy as np

from .question import FILL, HANGS, Case, End, Hypothesis, Outcome, Predict, asked, bits_of

#: Gives the output's values, exact ones as float64, of inputs as float64.
Formula = Callable[..., np.ndarray]
STEP = 2.0**-16
#: float16 NaN.
NAN_BITS = 0x7E00


def away(values: Any) -> np.ndarray:
    """Rounded to float16, halves away from zero, -0 as +0: float64. NaN stays."""
    values = np.asarray(values, np.float64)
    magnitudes = np.abs(values)
    unit = np.ldexp(1.0, np.maximum(np.frexp(magnitudes)[1] - 11, -24))
    with np.errstate(all="ignore"):
        steps = np.floor(magnitudes / unit)
        steps = steps + (magnitudes / unit - steps >= 0.5)
        rounded = np.where(np.isinf(magnitudes), np.inf, steps * unit)
        return np.copysign(np.where(rounded > 65504, np.inf, rounded), values) + 0.0


def even(values: Any) -> np.ndarray:
    """Rounded to float16 to nearest even: float64."""
    with np.errstate(all="ignore"):
        return np.asarray(values, np.float64).astype(np.float16).astype(np.float64) + 0.0


def cut(values: Any) -> np.ndarray:
    """Cut off to float16, towards zero: float64."""
    values = np.asarray(values, np.float64)
    near = even(values)
    with np.errstate(all="ignore"):
        below = np.nextafter(near.astype(np.float16), np.float16(0)).astype(np.float64)
    return np.where(np.abs(near) > np.abs(values), below, near) + 0.0


def bits(values: Any) -> np.ndarray:
    """Values of float16 as bits; NaN as the quiet one."""
    values = np.asarray(values, np.float64)
    with np.errstate(all="ignore"):
        found = values.astype(np.float16).view(np.uint16)
    return np.where(np.isnan(values), np.uint16(NAN_BITS), found)


def gives(formula: Formula, rounding: Callable[[Any], np.ndarray] = away) -> Predict:
    """Predicts what a formula gives, rounded once.

    Args:
        formula: takes the inputs by name, as float64, and gives the exact output in a shape that broadcasts to it.
        rounding: to float16.
    """

    def predict(case: Case) -> Outcome:
        inputs = {name: array.astype(np.float64) for name, array in case.arrays().items()}
        with np.errstate(all="ignore"):
            return outcome(case, bits(rounding(formula(**inputs))))

    return predict


def outcome(case: Case, found: np.ndarray) -> Outcome:
    """Bits as the only output of a case, in its shape."""
    output = case.program.outputs[0]
    return Outcome(End.VALUES, {output.name: np.broadcast_to(found, output.shape).astype(np.uint16)})


def engine(name: str) -> Hypothesis:
    """The virtual ANE's own answer."""
    return Hypothesis(name, asked)


def hangs(change: str, name: str = "it hangs") -> Hypothesis:
    """The job does not end."""
    return Hypothesis(name, lambda case: HANGS, change)


def unwritten(case: Case) -> Outcome:
    """The outputs keep what they held."""
    return outcome(case, bits(np.full((), FILL)))


def by_case(**predictions: Predict) -> Predict:
    """Another prediction for every case, by its name."""
    return lambda case: predictions[case.name](case)


def of_outputs(change: Callable[[np.ndarray, Case], np.ndarray]) -> Predict:
    """Predicts the virtual ANE's output with its elements changed or moved."""

    def predict(case: Case) -> Outcome:
        mine = asked(case)
        name = case.program.outputs[0].name
        return Outcome(End.VALUES, {name: np.ascontiguousarray(change(mine.outputs[name], case)).astype(np.uint16)})

    return predict


def stepped(values: Any) -> np.ndarray:
    """Rounded to multiples of 2^-16, halves away from zero."""
    values = np.asarray(values, np.float64)
    magnitudes = np.abs(values) / STEP
    whole = np.floor(magnitudes)
    return np.copysign((whole + (magnitudes - whole >= 0.5)) * STEP, values)


__all__ = [
    "away", "bits", "bits_of", "by_case", "cut", "engine", "even", "gives", "hangs", "of_outputs", "outcome",
    "stepped", "unwritten",
]  # fmt: skip
