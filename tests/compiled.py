"""Programs of the compiler's forms, for its tests."""

from collections.abc import Mapping, Sequence

import numpy as np

from hwx2py import checks
from hwx2py.compiler.link import TensorRow, link
from hwx2py.compiler.surface import Surface
from hwx2py.compiler.task import TaskPlan
from hwx2py.emulator import direct
from hwx2py.program.program import Program

Shape = tuple[int, int, int, int]


def surface(name: str, *shape: int, element_bytes: int = 2) -> Surface:
    """A dense surface."""
    return Surface.dense(name, shape, element_bytes)


def built(
    plans: Sequence[TaskPlan], inputs: Mapping[str, Shape], outputs: Mapping[str, Shape], dtype: str = "float16"
) -> Program:
    """The program of plans."""
    rows = [TensorRow(name, "input", shape, dtype) for name, shape in inputs.items()]
    rows += [TensorRow(name, "output", shape, dtype) for name, shape in outputs.items()]
    return link(plans, rows).program


def ran(plans: Sequence[TaskPlan], inputs: Mapping[str, np.ndarray], shape: Shape, name: str = "y") -> np.ndarray:
    """The output of plans on the virtual ANE, as float64; `check` is clean and there is no fault."""
    program = built(plans, {key: value.shape for key, value in inputs.items()}, {name: shape})
    found = [finding for finding in checks.findings(checks.Subject(program)) if finding.level in ("error", "warning")]
    assert not found, found[0]
    outcome = direct.run(program, inputs)
    assert not outcome.faults, str(outcome.faults[0])
    return outcome.outputs[name].astype(np.float64)
