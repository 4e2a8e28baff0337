"""The number policy of the virtual ANE, in one place.

What is known of H13, and what is chosen where it is not (docs/emulator.md says how each is known):

* Elements are float16. A NaN that is read counts as +infinity; a NaN that would be written becomes +0, and so does -0.
* Everything between reading and writing is computed wide (float64) and rounded once, to nearest even.
* Denormals are kept on the way in and out of both engines. A survey says that the neural engines flush them; that
  stays open.
* Sums of the neural engines of 32768 and more in magnitude become infinite. Whether partial sums do is open; only the
  final sum is looked at.
* The planar engine reaches 65504, beyond which float16 rounds to infinity.
"""

import numpy as np

MAC_LIMIT = 32768.0


def load(elements: np.ndarray) -> np.ndarray:
    """float16 elements as the engines see them: float64, NaN as +infinity."""
    values = elements.astype(np.float64)
    values[np.isnan(values)] = np.inf
    return values


def store(values: np.ndarray) -> np.ndarray:
    """float64 results as they are written: float16, rounded once to nearest even; NaN and -0 become +0."""
    with np.errstate(over="ignore"):
        elements = values.astype(np.float16)
    elements[np.isnan(elements)] = 0
    return elements + np.float16(0)


def limit_sums(sums: np.ndarray) -> np.ndarray:
    """The neural engines' sums with those beyond the accumulators' range made infinite."""
    with np.errstate(invalid="ignore"):
        return np.where(np.abs(sums) >= MAC_LIMIT, np.copysign(np.inf, sums), sums)


def float16_of(bits: int) -> float:
    """The value of a float16 field."""
    return float(np.array(bits, np.uint16).view(np.float16))


def float32_of(bits: int) -> float:
    """The value of a float32 field."""
    return float(np.array(bits, np.uint32).view(np.float32))
