"""The kit: a folder with every question as scripts and inputs, and a runner that needs nothing but NumPy."""

import hashlib
import io
import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np

from .. import emitter
from ..emitter import skeleton
from ..formats import SIDECAR_SUFFIX
from ..program.program import Origin, Program
from ..version import VERSION
from .forms import Form
from .question import Case, End, Outcome, Question

RUNNER, CONTENTS = "run_all.py", "kit.json"
SCRIPTS, INPUTS = "scripts", "inputs"
TITLE = "hwx2py: questions to an Apple Neural Engine"
#: The runner's skeleton, which is copied as it is.
SKELETON = "run_kit.py"


class KitFile(NamedTuple):
    """A file of a kit.

    Attributes:
        path: in the folder.
        data: its bytes.
        owner: the script that a file of coefficients belongs to; "" for others.
    """

    path: str
    data: "bytes | memoryview"
    owner: str = ""


def files(
    questions: Sequence[Question], forms: Sequence[Form], done: Callable[[int], object] = lambda count: None
) -> list[KitFile]:
    """All files of a kit.

    Args:
        questions: what is asked.
        forms: what is timed.
        done: called with 1 after each script.
    """
    steps = [(question, case) for question in in_order(questions) for case in question.cases]
    found: list[KitFile] = []
    contents: dict[str, Any] = {"title": TITLE, "hwx2py": VERSION, "steps": [], "questions": [], "forms": []}
    for question, case in steps:
        name = question.step(case)
        found += _script(name, case.program, f"Question: {question.text}")
        inputs, arrays = _inputs(name, case)
        found += arrays
        contents["steps"].append(_step(question, case, inputs))
        done(1)
    contents["questions"] = [_row(question) for question in questions]
    for form in forms:
        program = form.program()
        found += _script(f"time-{form.name}", program, f"To be timed: {form.what}.")
        row = {"name": form.name, "script": f"{SCRIPTS}/time-{form.name}.py", "asked": asked_of(program)}
        contents["forms"].append(row)
        done(1)
    contents["sha256"] = hashlib.sha256(json.dumps(contents, sort_keys=True).encode()).hexdigest()
    found.append(KitFile(CONTENTS, (json.dumps(contents, indent=1) + "\n").encode()))
    found.append(KitFile(RUNNER, skeleton.read(SKELETON).code.encode()))
    return found


def in_order(questions: Iterable[Question]) -> list[Question]:
    """Questions from harmless to risky."""
    return sorted(questions, key=lambda question: question.risk)


def answer(outcome: Outcome) -> str:
    """An outcome in a few letters: how it ended, or the digest of its outputs."""
    if outcome.end is not End.VALUES:
        return str(outcome.end)
    found = hashlib.sha256()
    for name, array in sorted(outcome.outputs.items()):
        found.update(name.encode() + np.ascontiguousarray(array).tobytes())
    return found.hexdigest()


def asked_of(program: Program) -> str:
    """Says which program was timed."""
    return Case("", program, {}).digest()


def _script(name: str, program: Program, remark: str) -> Iterator[KitFile]:
    named = program._replace(origin=Origin(f"{name}.hwx", "built"))
    script = emitter.emit(named, [remark])
    path = f"{SCRIPTS}/{name}.py"
    if script.sidecar is not None:
        yield KitFile(f"{SCRIPTS}/{name}{SIDECAR_SUFFIX}", b"".join(map(bytes, script.sidecar)), path)
    yield KitFile(path, script.text.encode())


def _inputs(step: str, case: Case) -> tuple[dict[str, str], list[KitFile]]:
    """What `--input` takes for each tensor, and the files for it."""
    given, arrays = {}, []
    for name, value in case.inputs.items():
        if isinstance(value, str):
            given[name] = value
            continue
        path = f"{INPUTS}/{step}.{name}.npy"
        data = io.BytesIO()
        np.save(data, value)
        arrays.append(KitFile(path, data.getvalue()))
        given[name] = path
    return given, arrays


def _step(question: Question, case: Case, inputs: dict[str, str]) -> dict[str, Any]:
    name = question.step(case)
    return {
        "name": name,
        "question": question.name,
        "text": question.text,
        "risk": question.risk.words,
        "script": f"{SCRIPTS}/{name}.py",
        "inputs": inputs,
        "fill": case.fill,
        "asked": case.digest(),
        "answers": {hypothesis.name: answer(hypothesis.predict(case)) for hypothesis in question.hypotheses},
    }


def _row(question: Question) -> dict[str, Any]:
    return {
        "name": question.name,
        "text": question.text,
        "known": question.known,
        "hypotheses": [hypothesis.name for hypothesis in question.hypotheses],
        "where": question.where,
        "breaks": sorted(question.finding),
    }
