"""The answers of a report as test vectors, in the form in which those of published runs are kept."""

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import numpy as np

from ..errors import UsageError
from .question import Case, End, Outcome, Question, bits_of
from .report import Report

#: Elements up to which a vector has all of a tensor; larger ones have their digest.
MOST_ELEMENTS = 1 << 12
WHAT = "answers of a chip to the questions of a kit: programs by name, inputs, outputs"
HEX = "hex: elements, little-endian, in order of the index i; sha256: of those bytes"


def vectors(report: Report, questions: Iterable[Question]) -> dict[str, Any]:
    """The answers to programs that this version asks with.

    Args:
        report: the report.
        questions: the questions.

    Raises:
        UsageError: there is none.
    """
    cases = list(_cases(report, questions))
    if not cases:
        raise UsageError("no answer to a program that this version asks with", hint="run the kit first")
    return {
        "what": WHAT,
        "format": HEX,
        "chips": list(report.machine.chips),
        "zero": "as it was stored",
        "cases": cases,
        "statistics": [],
    }


def _cases(report: Report, questions: Iterable[Question]) -> Iterator[dict[str, Any]]:
    how = f"a kit of hwx2py {report.version} ran it: {report.machine}"
    for question in questions:
        for case in question.cases:
            step = question.step(case)
            row = report.rows.get(step)
            if row is None or row.asked != case.digest():
                continue
            yield {
                "name": step,
                "chips": list(report.machine.chips),
                "program": f"question {question.name}, case {case.name}: {question.text}",
                "asked": row.asked,
                "inputs": _inputs(case),
                "output": _output(row.outcome),
                "how_known": how,
                "source": "report.json of that run",
            }


def _inputs(case: Case) -> dict[str, str]:
    found: dict[str, str] = {}
    for name, array in case.arrays().items():
        given = case.inputs.get(name)
        if isinstance(given, str):
            found[name] = f"--input {name}={given}"
        found |= _tensor(name, bits_of(np.asarray(array)))
    return found


def _output(outcome: Outcome) -> dict[str, str]:
    if outcome.end is not End.VALUES:
        return {"end": str(outcome.end)}
    found: dict[str, str] = {}
    for name, bits in outcome.outputs.items():
        found |= _tensor(name, bits)
    return found


def _tensor(name: str, bits: np.ndarray) -> dict[str, str]:
    data = bits.astype(bits.dtype.newbyteorder("<")).tobytes()
    digest = {f"{name}_sha256": hashlib.sha256(data).hexdigest()}
    return ({f"{name}_hex": data.hex()} if bits.size <= MOST_ELEMENTS else {}) | digest


def differing(found: Mapping[str, Any], outcome: Outcome) -> bool:
    """Whether an outcome is another than that of a vector.

    Args:
        found: a vector.
        outcome: what a program gives.
    """
    return bool(found["output"] != _output(outcome))
