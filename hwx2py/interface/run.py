"""Running programs on the virtual ANE with arrays."""

import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..errors import UsageError
from ..program import program as programs
from . import html
from .program import File, Program, content_of

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import ArrayLike

    from ..emulator.faults import Fault
    from ..emulator.values import Values


@dataclass(frozen=True, repr=False)
class Result:
    """How a run on the virtual ANE ended.

    Attributes:
        outputs: output tensors by name, in their shapes; empty after a hang.
        faults: what real hardware turns into a hang or into garbage.
        values: what every task wrote, L2 included, in the order in which they ran.
        hung: whether the engine stopped.
    """

    outputs: Mapping[str, "np.ndarray"]
    faults: tuple["Fault", ...]
    values: tuple["Values", ...]
    hung: bool

    def __repr__(self) -> str:
        outputs = ", ".join(f"{name} {array.dtype} {array.shape}" for name, array in self.outputs.items())
        ended = "hung" if self.hung else outputs or "no outputs"
        faults = f", {len(self.faults)} fault{'' if len(self.faults) == 1 else 's'}" if self.faults else ""
        return f"<result: {ended}{faults}>"

    def _repr_html_(self) -> str:
        rows = [
            (v.task, " and ".join(v.places), tuple(v.shape), v.smallest, v.largest, v.mean, v.first)
            for v in self.values
        ]
        headings = ("task", "wrote", "groups, channels, depth, height, width", "smallest", "largest", "mean", "first")
        faults = html.table("faults", ("fault",), [(fault,) for fault in self.faults]) if self.faults else ""
        return html.table(repr(self)[1:-1], headings, rows) + faults


def emulate(
    program: File | Program,
    inputs: Mapping[str, "ArrayLike"] | None = None,
    numbers: str = "",
    *,
    keep: bool = False,
    stop_after: int | None = None,
) -> Result:
    """Runs a program on the virtual ANE.

    Args:
        program: what to run; of an `.anec` file, the header's sizes and counts are followed, as libane hands them on.
        inputs: input tensor -> array of its shape, or a number that fills it. Another shape of the same size is taken,
            with a warning.
        numbers: "chip" or "wide"; the machine's own if left out.
        keep: keep what every task wrote, as `result.values[i].array`.
        stop_after: index of the last task to run; outputs that later tasks write are then left as they were filled.

    Raises:
        UsageError: an input is missing, unknown, or does not fit; the last task does not exist.
        NotImplementedTask: a task asks for something that is not implemented.
        UnsupportedError: the virtual ANE does not run the architecture.
    """
    from ..emulator import check_runs, direct
    from ..emulator.numbers import named
    from ..emulator.session import run_announced
    from ..emulator.subject import announced_by
    from ..emulator.values import Recorder

    content = content_of(program)
    check_runs(content.arch)
    if stop_after is not None and not 0 <= stop_after < len(content.tasks):
        raise UsageError(f"there is no task {stop_after}: the last one is {len(content.tasks) - 1}")
    recorder, arrays = Recorder(keep), _arrays(content, inputs or {})
    announced = announced_by(program.source.container) if isinstance(program, File) else None
    if announced and content.arch.stream == "linked":
        outcome = run_announced(content, arrays, announced, named(numbers), recorder, stop_after)
    else:
        outcome = direct.run(content, arrays, named(numbers), on_result=recorder, stop_after=stop_after)
    return Result(outcome.outputs, tuple(outcome.faults), tuple(recorder.values), outcome.hung)


def _arrays(program: programs.Program, inputs: Mapping[str, "ArrayLike"]) -> dict[str, "np.ndarray"]:
    """An array for every input tensor."""
    tensors = {tensor.name: tensor for tensor in program.inputs}
    for name in inputs:
        if name not in tensors:
            raise UsageError(f"there is no input {name}", hint=f"the inputs are {', '.join(tensors)}")
    if missing := [name for name in tensors if name not in inputs]:
        raise UsageError(f"input {missing[0]} is missing", hint=f"give an array of shape {tensors[missing[0]].shape}")
    return {name: _array(tensors[name], values) for name, values in inputs.items()}


def _array(tensor: programs.Tensor, values: "ArrayLike") -> "np.ndarray":
    import numpy as np

    from ..emulator.arrays import fitting, rounded

    array = np.asarray(values)
    if array.ndim == 0:
        return np.broadcast_to(fitting(tensor.name, rounded(array, tensor.dtype), tensor.dtype, ()), tensor.shape)
    if array.shape != tensor.shape and array.size == np.prod(tensor.shape):
        warnings.warn(f"{tensor.name}: the shape {array.shape} is taken as {tensor.shape}", stacklevel=4)
        array = array.reshape(tensor.shape)
    return fitting(tensor.name, rounded(array, tensor.dtype), tensor.dtype, tensor.shape)
