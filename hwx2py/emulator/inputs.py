"""Inputs that a script's own command line does not know: archives, and arrays of other shapes."""

import os
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

from ..errors import UsageError
from ..program.program import Tensor
from .arrays import as_npy, read_npy, read_npz

ARCHIVE, ARRAY = ".npz", ".npy"


class Expanded(NamedTuple):
    """Options for a script's command line.

    Attributes:
        options: NAME=VALUE each.
        notes: what was done to arrays, for people.
    """

    options: list[str]
    notes: list[str]


def expanded(options: Sequence[str], tensors: Sequence[Tensor], folder: str) -> Expanded:
    """Options that a script's own command line understands.

    `FILE.npz` stands for the input tensors that are in it by name. An array of another shape, but of the same size, is
    taken in the tensor's shape, and that is told.

    Args:
        options: what `--input` was given.
        tensors: the program's.
        folder: where arrays are written that need another shape.

    Raises:
        UsageError: a file cannot be read, or holds none of the inputs.
    """
    inputs = {tensor.name: tensor for tensor in tensors if tensor.role == "input"}
    result = Expanded([], [])
    for option in options:
        for name, source, array in _arrays(option, inputs):
            if array is None:
                result.options.append(option)
                continue
            shape = inputs[name].shape
            if option != source and (array.shape == shape or array.size != np.prod(shape)):
                result.options.append(option)  # it fits, or never will: the script says so
                continue
            if array.shape != shape and array.size == np.prod(shape):
                result.notes.append(f"{name}: the shape {array.shape} of {source} is taken as {shape}")
                array = array.reshape(shape)
            path = os.path.join(folder, f"{len(result.options)}{ARRAY}")
            with open(path, "wb") as file:
                file.write(as_npy(array))
            result.options.append(f"{name}={path}")
    return result


def _arrays(option: str, inputs: dict[str, Tensor]) -> Iterator[tuple[str, str, np.ndarray | None]]:
    """(tensor, file, array) of everything that an option names; no array where it names no file."""
    name, separator, value = option.partition("=")
    if not separator and option.endswith(ARCHIVE):
        arrays = read_npz(option)
        names = [name for name in inputs if name in arrays]
        if not names:
            what = f"holds none of the inputs {', '.join(inputs)} (it has: {', '.join(arrays) or 'nothing'})"
            raise UsageError(what, file=option)
        for known in names:
            yield known, option, arrays[known]
    elif value.endswith(ARRAY) and name in inputs:
        yield name, value, read_npy(value)
    else:
        yield name, value, None
