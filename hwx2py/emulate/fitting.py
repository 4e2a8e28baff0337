"""Arrays that a caller hands over, in the type that a program stores: nothing is rounded or cut without a word."""

import numpy as np

from ..errors import UsageError


def fitting(name: str, values: object, dtype: str, shape: tuple[int, ...]) -> np.ndarray:
    """An array in the type and shape that a program wants.

    Args:
        name: what it is for, as an error calls it.
        values: the array; another shape of the same size is the caller's business.
        dtype: NumPy's name of the type to store.
        shape: the shape that is wanted.

    Raises:
        UsageError: another shape, no numbers, or a value that the type does not hold.
    """
    array = np.asarray(values)
    if array.dtype.kind not in "biuf":
        raise UsageError(f"{name}: an array of {dtype} is wanted, not of {array.dtype}")
    if array.shape != shape:
        hint = "transpose or reshape it" if array.size == np.prod(shape) else ""
        raise UsageError(f"{name}: the shape {shape} is wanted, not {array.shape}", hint=hint)
    with np.errstate(all="ignore"):
        cast = array.astype(dtype)
        same = (cast == array) | (np.isnan(cast) & np.isnan(array)) if cast.dtype.kind == "f" else cast == array
    if not same.all():
        place = tuple(int(axis) for axis in np.unravel_index(int(np.argmin(same)), shape))
        where = f" at {place}" if place else ""
        what = f"{name}: {array[place]:g}{where} is not a value that {dtype} holds"
        raise UsageError(what, hint=f"round it first, as with .astype(np.{dtype}), and look at what is lost")
    return cast
