"""What a question about the chip is: programs with inputs, and what each hypothesis predicts, to the bit."""

import enum
import functools
import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from ..emulator import direct
from ..emulator.faults import NotImplementedTask
from ..emulator.inputs import input_arrays
from ..emulator.numbers import Numbers
from ..program.program import Program

#: What outputs hold before a run: a float16 that no hypothesis predicts, so that it shows what was not written.
FILL = -54336.0


class Risk(enum.IntEnum):
    """What running a question's programs may do to a machine."""

    READS = 0
    GARBAGE = 1
    HANG = 2
    WEDGE = 3

    @property
    def words(self) -> str:
        """The risk as people read it."""
        return ("reads only", "may give garbage", "may hang", "may wedge")[self]


class End(enum.StrEnum):
    """How a run ends."""

    VALUES = "values"
    HANG = "hang"
    REFUSED = "refused"


class Outcome(NamedTuple):
    """What a run gives.

    Attributes:
        end: how it ended.
        outputs: output tensor -> its elements as bits, in the tensor's shape; empty unless it ended with values.
    """

    end: End
    outputs: Mapping[str, np.ndarray]

    def equals(self, other: "Outcome") -> bool:
        """Whether two runs gave the same, to the bit."""
        if self.end is not other.end or self.outputs.keys() != other.outputs.keys():
            return False
        return all(np.array_equal(bits, other.outputs[name]) for name, bits in self.outputs.items())


HANGS = Outcome(End.HANG, {})
REFUSES = Outcome(End.REFUSED, {})


@dataclass(frozen=True, slots=True)
class Case:
    """A program, and the inputs that it is run with.

    Attributes:
        name: its name among the cases of its question.
        program: the program.
        inputs: input tensor -> its elements, or what `--input` takes (`ramp`, `random:1`).
        fill: what outputs hold before the run.
    """

    name: str
    program: Program
    inputs: Mapping[str, "np.ndarray | str"]
    fill: float = FILL

    def arrays(self) -> dict[str, np.ndarray]:
        """The inputs as arrays."""
        given = [f"{name}={value}" for name, value in self.inputs.items() if isinstance(value, str)]
        made = input_arrays(self.program.tensors, given)
        return made | {name: value for name, value in self.inputs.items() if not isinstance(value, str)}

    def digest(self) -> str:
        """Says what is asked: of the program's bytes, its buffers, the inputs and the fill."""
        program, found = self.program, hashlib.sha256()
        found.update(program.text.to_bytes())
        found.update(program.const)
        rows = [tuple(tensor) for tensor in program.tensors]
        found.update(repr((rows, program.scratch, program.aliases, self.fill)).encode())
        for name, array in sorted(self.arrays().items()):
            found.update(name.encode() + np.ascontiguousarray(array).tobytes())
        return found.hexdigest()


Predict = Callable[[Case], Outcome]


@dataclass(frozen=True, slots=True)
class Hypothesis:
    """One answer to a question.

    Attributes:
        name: a few words, unique in the question.
        predict: what it predicts for a case.
        change: what to change in the virtual ANE or in `compile` if it holds; "" for what is there already.
    """

    name: str
    predict: Predict
    change: str = ""


@dataclass(frozen=True)
class Question:
    """A question about the chip.

    Attributes:
        name: one word, with hyphens.
        text: the question.
        known: what is known, and how.
        where: the file that the answer goes into.
        make_cases: makes the programs.
        hypotheses: possible answers; the first one is that of the virtual ANE.
        risk: what the programs may do to a machine.
        finding: rules of `check` that the programs break on purpose.
    """

    name: str
    text: str
    known: str
    where: str
    make_cases: Callable[[], Sequence[Case]]
    hypotheses: Sequence[Hypothesis]
    risk: Risk = Risk.READS
    finding: frozenset[str] = field(default_factory=frozenset)

    @functools.cached_property
    def cases(self) -> tuple[Case, ...]:
        """The programs with their inputs."""
        return tuple(self.make_cases())

    def step(self, case: Case) -> str:
        """The name of a case among all of a kit."""
        return self.name if len(self.cases) == 1 else f"{self.name}-{case.name}"


def asked(case: Case, numbers: Numbers | None = None) -> Outcome:
    """What the virtual ANE answers.

    Args:
        case: the program and its inputs.
        numbers: the arithmetic, for a model with another rule; the machine's own if left out.
    """
    return _run(case, numbers, None)


def stopped_after(task: int) -> Predict:
    """Predicts that nothing behind a task is done: the rest of the outputs keeps what it held."""
    return lambda case: _run(case, None, task)


def _run(case: Case, numbers: Numbers | None, stop_after: int | None) -> Outcome:
    try:
        done = direct.run(case.program, case.arrays(), numbers, case.fill, stop_after=stop_after)
    except NotImplementedTask:
        return REFUSES
    if done.hung:
        return HANGS
    return Outcome(End.VALUES, {name: bits_of(array) for name, array in done.outputs.items()})


def bits_of(array: np.ndarray) -> np.ndarray:
    """The elements of an array as unsigned numbers."""
    return np.ascontiguousarray(array).view(f"u{array.itemsize}")
