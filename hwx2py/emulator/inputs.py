"""Inputs as a command line names them: as a script reads them, and archives and other shapes, which it does not."""

import os
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

from ..errors import UsageError
from ..program.program import Tensor
from ..runtime import command_line
from .arrays import as_npy, check_numbers, read_npy, read_npz

ARCHIVE, ARRAY = ".npz", ".npy"


def input_arrays(tensors: Sequence[Tensor], chosen: Sequence[str], default: str | None = None) -> dict[str, np.ndarray]:
    """An array for each input of a program, by name, as a script makes it.

    Args:
        tensors: the program's.
        chosen: NAME=VALUE, NAME=FILE.npy, NAME=random[:SEED] or NAME=ramp.
        default: the value of inputs that are not chosen, such as "random"; as scripts fill them if left out.

    Raises:
        UsageError: there is no such input, or the values do not fit it.
    """
    arrays: dict[str, np.ndarray] = command_line.default_inputs(tensors)
    options = [(f"--input {option}", *option.partition("=")[::2]) for option in chosen]
    given = {name for _, name, _ in options}
    if default is not None:
        options += [(f"input {name}={default}", name, default) for name in arrays if name not in given]
    for option, name, value in options:
        if name not in arrays:
            raise UsageError(f"{option}: there is no input {name}", hint=f"there are {', '.join(arrays)}")
        if value.endswith(ARRAY):
            read_npy(value)  # says more clearly what is wrong with a damaged file
        _check_value(option, value)
        try:
            with np.errstate(over="ignore"):  # values that overflow are an error
                arrays[name] = command_line.input_array(value, arrays[name], name)
        except (KeyError, TypeError, ValueError, OSError) as error:
            raise UsageError(f"{option}: {error}", hint="`hwx2py info` shows shapes and types") from error
    return arrays


def _check_value(option: str, value: str) -> None:
    """Refuses what is none of the forms of a value; a script would pass on what Python says of it."""
    kind, _, seed = value.partition(":")
    if value == "ramp" or value.endswith(ARRAY) or (kind == "random" and (seed or "0").isdecimal()):
        return
    try:
        float(value)
    except ValueError as error:
        hint = f"NAME={value} needs one array; give {value} alone for all inputs" if value.endswith(ARCHIVE) else ""
        raise UsageError(f"{option}: expected a number, FILE.npy, random[:SEED] or ramp", hint=hint) from error


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
    taken in the tensor's shape, and a note says so.

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
            check_numbers(arrays[known], option)
            yield known, option, arrays[known]
    elif value.endswith(ARRAY) and name in inputs:
        yield name, value, read_npy(value)
    else:
        if name in inputs:
            _check_value(f"--input {option}", value)
        yield name, value, None
