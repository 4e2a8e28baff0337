"""The question about the 0.0 of macOS 14: in which order buffers are bound, or state that newer compilers leave."""

import numpy as np

from ..predictions import bits, engine
from ..question import Case, End, Hypothesis, Outcome, Predict, Question, Risk
from ..zero import variants
from .planar import two_sources

#: Of the product 3 * 2, which published scripts compute.
FACTORS = {"a": 3.0, "b": 2.0}
RIGHT = 6.0


def _cases() -> list[Case]:
    program = two_sources("mul", (1, 4, 2, 16))
    inputs = {tensor.name: np.full(tensor.shape, FACTORS[tensor.name], np.float16) for tensor in program.inputs}
    return [Case(row.name, row.program, inputs, fill=0.0) for row in variants(program, RIGHT)]


def _by(explanation: str) -> Predict:
    def predict(case: Case) -> Outcome:
        rows = {row.name: row for row in variants(two_sources("mul", (1, 4, 2, 16)), RIGHT)}
        output = case.program.outputs[0]
        value = np.full(output.shape, rows[case.name].predictions[explanation])
        return Outcome(End.VALUES, {output.name: bits(value)})

    return predict


BINDING = Question(
    "binding",
    "Why does an elementwise program of macOS 14 give 0.0 with older tools?",
    "the binding: an untouched addition with a constant on M1 and M1 Max; no run of two sources from memory",
    "docs/zero.md",
    _cases,
    (
        engine("buffers are bound in the wrong order"),
        Hypothesis(
            "state that newer compilers leave in the task",
            _by("state"),
            "`passes`: the state of idle blocks is not inert; docs/zero.md",
        ),
        Hypothesis(
            "neither, it always computes", lambda case: _always(case), "docs/zero.md: neither explanation holds"
        ),
    ),
    Risk.GARBAGE,
    frozenset({"wrong-direction", "output-not-written"}),
)


def _always(case: Case) -> Outcome:
    output = case.program.outputs[0]
    return Outcome(End.VALUES, {output.name: bits(np.full(output.shape, RIGHT))})


QUESTIONS = (BINDING,)
