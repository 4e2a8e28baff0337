"""Arrays that a caller hands over, alone or in files, in the type that a program stores.

Nothing is rounded or cut without a word.
"""

import io
import struct
import tokenize
import zipfile
import zlib

import numpy as np

from .. import archive
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


def rounded(array: np.ndarray, dtype: str) -> np.ndarray:
    """Floating-point values rounded to a floating-point type, as NumPy does it; where one is out of range, as they are.

    Args:
        array: the values.
        dtype: NumPy's name of the type.
    """
    if array.dtype.kind != "f" or np.dtype(dtype).kind != "f":
        return array
    with np.errstate(over="ignore"):
        cast = array.astype(dtype)
    return array if (np.isinf(cast) & ~np.isinf(array)).any() else cast


#: What NumPy raises over files with damaged headers.
DAMAGED = (
    OSError,
    ValueError,
    EOFError,
    zipfile.BadZipFile,
    zlib.error,
    struct.error,
    tokenize.TokenError,
    SyntaxError,
    TypeError,
    AttributeError,
    LookupError,
    ArithmeticError,
    RecursionError,
    MemoryError,
    NotImplementedError,
)


def read_npy(path: str) -> np.ndarray:
    """The array in a `.npy` file.

    Raises:
        UsageError: the file cannot be read, or holds something else.
    """
    try:
        array = np.load(path, allow_pickle=False)
    except FileNotFoundError as error:
        raise UsageError("no such file", file=path) from error
    except DAMAGED as error:
        raise UsageError(f"is not a readable .npy file: {error}", file=path) from error
    if not isinstance(array, np.ndarray):
        array.close()
        raise UsageError("holds several arrays; a .npy file for each is wanted", file=path)
    check_numbers(array, path)
    return array


def check_numbers(array: np.ndarray, path: str) -> None:
    """Refuses what is not an array of numbers, or of the bits of some.

    Raises:
        UsageError: it holds texts, times, complex numbers or records.
    """
    if array.dtype.kind not in "biufV" or array.dtype.names:
        raise UsageError(f"holds {array.dtype}, which are not numbers", file=path)


def read_npz(path: str) -> dict[str, np.ndarray]:
    """The arrays in a `.npz` file, by name.

    Raises:
        UsageError: the file cannot be read, or holds something else.
    """
    try:
        with np.load(path, allow_pickle=False) as file:
            arrays = {archive.array_name(name): file[name] for name in file}
    except FileNotFoundError as error:
        raise UsageError("no such file", file=path) from error
    except DAMAGED as error:
        raise UsageError(f"is not a readable .npz file: {error}", file=path) from error
    if odd := [name for name, array in arrays.items() if not isinstance(array, np.ndarray)]:
        raise UsageError(f"holds {odd[0]!r}, which is not an array", file=path)
    return arrays


def as_npy(array: np.ndarray) -> bytes:
    """An array as the content of a `.npy` file."""
    stream = io.BytesIO()
    np.save(stream, array, allow_pickle=False)
    return stream.getvalue()
