"""Where a compiled network leaves float16: by what bounds its numbers, and by running samples on the virtual ANE."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from ..compiler.compile import CompiledNetwork
from ..compiler.graph import Origin
from ..compiler.ranges import Beyond
from ..errors import UsageError

if TYPE_CHECKING:
    from numpy.typing import ArrayLike


def sampled(done: CompiledNetwork, samples: Mapping[str, "ArrayLike"]) -> list[Beyond]:
    """Operations that make infinity of finite numbers when samples are run.

    Args:
        done: the compiled network.
        samples: input -> an array of its shape, or several of them along a further axis in front.

    Raises:
        UsageError: an input is missing or unknown, or the arrays do not fit.
    """
    from ..emulator import direct
    from ..emulator.numbers import CHIP
    from ..emulator.peaks import Peaks, Watching

    found: dict[Origin, float] = {}
    owners = {task: item.origin for item in done.operations for task in item.tasks}
    for inputs in _each(done, samples):
        numbers = Watching(*CHIP)
        peaks = Peaks(numbers)
        direct.run(done.program, inputs, numbers, on_result=peaks)
        for peak in peaks.found:
            if peak.leaves and peak.task in owners:
                origin = owners[peak.task]
                found[origin] = max(found.get(origin, 0.0), peak.largest)
    return [Beyond(origin, largest, True) for origin, largest in found.items()]


def _each(done: CompiledNetwork, samples: Mapping[str, "ArrayLike"]) -> Sequence[dict[str, np.ndarray]]:
    """The inputs of each run."""
    from ..emulator.arrays import fitting, rounded

    tensors = {tensor.name: tensor for tensor in done.program.inputs}
    for name in samples:
        if name not in tensors:
            raise UsageError(f"samples for {name}: there is no such input", hint=f"the inputs are {', '.join(tensors)}")
    runs: dict[str, list[np.ndarray]] = {}
    for name, tensor in tensors.items():
        if name not in samples:
            raise UsageError(f"there are no samples for input {name}", hint=f"give arrays of shape {tensor.shape}")
        array = np.asarray(samples[name])
        each = int(np.prod(tensor.shape))
        if array.size == 0 or array.size % each:
            raise UsageError(f"samples for {name}: shape {array.shape}; arrays of shape {tensor.shape} are wanted")
        runs[name] = [
            fitting(name, rounded(part, tensor.dtype), tensor.dtype, tensor.shape)
            for part in array.reshape(-1, *tensor.shape)
        ]
    counts = {name: len(parts) for name, parts in runs.items()}
    if len(set(counts.values())) > 1:
        listed = ", ".join(f"{count} for {name}" for name, count in counts.items())
        raise UsageError(f"samples: {listed}; every input needs as many")
    return [dict(zip(runs, parts)) for parts in zip(*runs.values())]
