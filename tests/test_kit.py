"""The questions about the chip: each tells its hypotheses apart, a wrong model is found, and reports are read."""

import base64
import functools
import hashlib
import importlib
import json
import zlib
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import pytest
from builders import through_driver
from conftest import ROOT, one_line

from hwx2py import checks
from hwx2py.compiler.task import Evidence, Source
from hwx2py.emulator.numbers import CHIP
from hwx2py.errors import UsageError
from hwx2py.experiment import forms, kit, reading, report, vectors
from hwx2py.experiment.question import FILL, End, Outcome, Question, Risk, asked
from hwx2py.experiment.questions import QUESTIONS
from hwx2py.formats import ProgramFile

BY_NAME = {question.name: question for question in QUESTIONS}
every_question = pytest.mark.parametrize("question", QUESTIONS, ids=list(BY_NAME))


def stored(outcome: Outcome) -> dict:
    """An outcome as the runner writes it."""
    if outcome.end is not End.VALUES:
        return {"end": str(outcome.end), "said": []}
    outputs = {
        name: {
            "dtype": "f2",
            "shape": list(bits.shape),
            "zlib": base64.b64encode(zlib.compress(np.ascontiguousarray(bits).tobytes())).decode(),
        }
        for name, bits in outcome.outputs.items()
    }
    return {"end": "values", "said": [], "outputs": outputs}


def signed(body: dict) -> dict:
    """A report with its digest."""
    text = json.dumps(body, sort_keys=True, separators=(",", ":"))
    return body | {"sha256": hashlib.sha256(text.encode()).hexdigest()}


MACHINE = {"chip": ["apple,j274", "apple,t8103", "apple,arm-platform"], "model": "Mac", "kernel": "6", "driver": "1"}


def body_of(questions: list[Question], answers: Callable, times: Mapping | None = None) -> dict:
    """A report in which a function answers every case."""
    steps = {
        question.step(case): stored(answers(question, case)) | {"asked": case.digest(), "boot": "1", "tries": 1}
        for question in questions
        for case in question.cases
    }
    format_name = f"{report.FORMAT} {report.NUMBER}"
    rest = {"format": format_name, "kit": "0", "hwx2py": "0", "machine": MACHINE}
    return rest | {"steps": steps, "times": times or {}}


@pytest.fixture
def read(tmp_path) -> Callable[[dict], report.Report]:
    """Writes a report, and reads it."""

    def written(body: dict) -> report.Report:
        path = tmp_path / "report.json"
        path.write_text(json.dumps(signed(body)))
        return report.read(str(path))

    return written


# The questions themselves


def test_names_are_unique_and_files_exist():
    assert len(BY_NAME) == len(QUESTIONS)
    steps = [question.step(case) for question in QUESTIONS for case in question.cases]
    assert len(set(steps)) == len(steps)
    assert [question.where for question in QUESTIONS if not (ROOT / question.where).is_file()] == []


@every_question
def test_predictions_differ_and_the_first_is_the_virtual_anes(question):
    """A question whose hypotheses predict the same bits would tell nothing."""
    predicted = [[kit.answer(one.predict(case)) for case in question.cases] for one in question.hypotheses]
    assert len(question.hypotheses) > 1
    assert len(set(map(tuple, predicted))) == len(question.hypotheses)
    assert predicted[0] == [kit.answer(asked(case)) for case in question.cases]
    assert [one.name for one in question.hypotheses if not one.change] == [question.hypotheses[0].name]


@every_question
def test_programs_pass_check_but_for_what_is_asked(question):
    for case in question.cases:
        found = {finding.rule for finding in checks.check(ProgramFile(case.program)) if finding.level != checks.NOTE}
        assert found <= question.finding


def test_what_is_broken_on_purpose_is_broken():
    for question in QUESTIONS:
        found = {one.rule for case in question.cases for one in checks.check(ProgramFile(case.program))}
        assert question.finding <= found, question.name


@every_question
def test_each_hypothesis_reads_back_as_itself(question, read):
    """A report with a hypothesis' bits says that hypothesis, and whether the virtual ANE agrees."""
    for number, hypothesis in enumerate(question.hypotheses):
        found = read(body_of([question], lambda _, case, one=hypothesis: one.predict(case)))
        (verdict,) = reading.verdicts(found, [question])
        assert verdict.holds is hypothesis
        assert verdict.agrees is (number == 0)
        text = "\n".join(reading.as_lines(found, [verdict]))
        assert hypothesis.name in text
        assert hypothesis.change in text
        assert number == 0 or question.where in text


@every_question
def test_answers_that_no_hypothesis_predicts_fit_none(question, read):
    def other(_, case):
        shape = case.program.outputs[0].shape
        return Outcome(End.VALUES, {case.program.outputs[0].name: np.full(shape, 0x1234, np.uint16)})

    (verdict,) = reading.verdicts(read(body_of([question], other)), [question])
    assert (verdict.holds, verdict.agrees) == (None, False)
    assert verdict.difference


@every_question
def test_the_drivers_calls_give_the_same(question):
    """What a script does, through the model of the driver: the bits of the tasks below it, or its time-out."""
    for case in question.cases:
        expected = asked(case)
        try:
            run = through_driver(case.program, case.arrays(), case.fill)
        except TimeoutError:
            assert expected.end is End.HANG
            continue
        found = {name: np.ascontiguousarray(array).view(np.uint16) for name, array in run.outputs.items()}
        assert expected.equals(Outcome(End.VALUES, found))


def test_no_hypothesis_predicts_the_number_that_outputs_are_filled_with():
    """But for what is not written: `FILL` then shows it."""
    fill = np.float16(FILL).view(np.uint16)
    for question in QUESTIONS:
        for case in question.cases:
            assert not any(np.any(bits == fill) for bits in asked(case).outputs.values())


# Wrong models


@pytest.mark.parametrize(
    ("rule", "value", "found_by"),
    [
        ("away", False, {"planar-rounding", "neural-rounding"}),
        ("stepped", False, {"neural-steps", "neural-pair-product"}),
        ("rounds_before_table", False, {"table-argument"}),
        ("rounds_in_tables", False, {"table-outward", "table-exp2"}),
        ("limit", np.inf, {"neural-sum-limit"}),
    ],
)
def test_a_model_with_one_other_rule_is_found(rule, value, found_by, read):
    """The kit asks a virtual ANE with a rule changed; its report then disagrees with the right one, and says where."""
    wrong = CHIP._replace(**{rule: value})
    questions = [question for question in QUESTIONS if question.name.startswith(("planar", "neural", "table"))]
    found = read(body_of(questions, lambda _, case: asked(case, wrong)))
    disagreeing = {verdict.question.name for verdict in reading.verdicts(found, questions) if not verdict.agrees}
    assert found_by <= disagreeing
    # The other way round: a right chip finds a wrong virtual ANE.
    right = read(body_of(questions, lambda _, case: asked(case)))
    verdicts = reading.verdicts(right, questions, functools.partial(asked, numbers=wrong))
    assert disagreeing == {verdict.question.name for verdict in verdicts if not verdict.agrees}
    assert all(verdict.holds is verdict.question.hypotheses[0] for verdict in verdicts)


def test_every_rule_of_the_arithmetic_is_asked():
    rules = set(CHIP._fields) - {"name"}
    asked_for = {mark.args[1][number][0] for mark in test_a_model_with_one_other_rule_is_found.pytestmark
                 for number in range(len(mark.args[1]))}  # fmt: skip
    assert rules == asked_for


# What compile chooses on its own


def own_choices() -> set[str]:
    """The reasons of every own choice in the modules of the compiler."""
    found = set()
    for path in sorted((ROOT / "hwx2py" / "compiler").rglob("*.py")):
        name = ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
        values = vars(importlib.import_module(name)).values()
        found |= {one.reason for one in values if isinstance(one, Evidence) and one.source is Source.OWN}
    return found


def test_every_own_choice_of_compile_is_asked():
    notes = {note for question in QUESTIONS for case in question.cases for note in case.program.task_notes}
    asked_for = {reason for reason in own_choices() if any(f"{Source.OWN.value}: {reason}" in note for note in notes)}
    assert own_choices() - asked_for == set(), "add a question to hwx2py/experiment/questions"


# Reports


@pytest.fixture
def one_question() -> Question:
    return BY_NAME["planar-scale-bias"]


def test_a_report_of_a_few_questions_names_the_others(one_question, read):
    found = read(body_of([one_question], lambda _, case: asked(case)))
    lines = list(reading.as_lines(found, reading.verdicts(found, QUESTIONS)))
    assert "T8103" in lines[0]
    assert lines[1] == "planar-scale-bias: Scale, then Bias; the virtual ANE agrees"
    assert lines[-2].startswith("not asked: planar-rounding, ")
    assert lines[-1] == "1 question answered; the virtual ANE agrees in 1"


def test_a_question_of_which_some_programs_ran_is_not_settled(read):
    question = BY_NAME["values-nan"]
    body = body_of([question], lambda _, case: asked(case))
    del body["steps"][question.step(question.cases[2])]
    (verdict,) = reading.verdicts(read(body), [question])
    assert verdict.state is reading.State.PARTLY


def damaged(text: str) -> str:
    return text.replace('"tries": 1', '"tries": 2', 1)


def with_format(name: str) -> Callable[[str], str]:
    return lambda text: json.dumps(signed({**json.loads(text), "format": name}))


def without_sha(text: str) -> dict:
    body = json.loads(text)
    del body["sha256"]
    return body


def of_other_programs(text: str) -> str:
    body = without_sha(text)
    for row in body["steps"].values():
        row["asked"] = "0" * 64
    return json.dumps(signed(body))


def with_broken_row(text: str) -> str:
    body = without_sha(text)
    for row in body["steps"].values():
        row["outputs"]["y"]["zlib"] = "AAAA"
    return json.dumps(signed(body))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda text: text[: len(text) // 2], "cut off after"),
        (lambda text: text[:-2], "cut off after"),
        (damaged, "damaged or edited: its contents do not go with its digest"),
        (lambda text: text.replace(":", ";", 4), "damaged at character"),
        (with_broken_row, "damaged: error"),
        (lambda text: "# a text\n", "not a report (it begins with '# a text"),
        (lambda text: "", "not a report (it begins with '')"),
        (lambda text: "{}", "not a report of a kit"),
        (lambda text: '{"explanations": {}, "fits": {}}', "the five scripts about the 0.0"),
        (with_format("hwx2py report 0"), "written by a kit of an older hwx2py (format 0"),
        (with_format("hwx2py report 2"), "written by a kit of a newer hwx2py (format 2"),
        (of_other_programs, "old: none of its 1 programs"),
    ],
    ids=["cut", "end cut", "edited", "damaged", "bits", "text", "empty", "object", "zero", "older", "newer", "old"],
)
def test_what_is_wrong_with_a_report_is_said_in_a_line(cli, tmp_path, one_question, change, words):
    path = tmp_path / "report.json"
    path.write_text(change(json.dumps(signed(body_of([one_question], lambda _, case: asked(case))))))
    done = cli("experiment", "--read", path)
    assert (done.code, one_line(done.err)) == (2, True), done.err
    assert words in done.err
    assert str(path) in done.err


def test_a_disagreement_is_exit_code_1_and_names_the_place(cli, tmp_path, one_question):
    path = tmp_path / "report.json"
    other = one_question.hypotheses[1]
    path.write_text(json.dumps(signed(body_of([one_question], lambda _, case: other.predict(case)))))
    done = cli("experiment", "--read", path)
    assert done.code == 1
    assert "planar-scale-bias: Bias, then Scale; the virtual ANE does not agree" in done.out
    assert "change hwx2py/emulator/planar.py: `_computed`: add Bias before Scale" in done.out


def test_a_report_that_is_not_there(cli, tmp_path):
    done = cli("experiment", "--read", tmp_path / "none.json")
    assert (done.code, one_line(done.err)) == (2, True)


# Vectors


def replayed(path: Path) -> list[str]:
    """Names of the vectors in a file that the virtual ANE does not give."""
    cases = {question.step(case): case for question in QUESTIONS for case in question.cases}
    rows = json.loads(path.read_text())["cases"]
    assert all(cases[row["name"]].digest() == row["asked"] for row in rows)
    return [row["name"] for row in rows if vectors.differing(row, asked(cases[row["name"]]))]


def test_vectors_are_replayed(cli, tmp_path, one_question):
    questions = [one_question, BY_NAME["zero-width"], BY_NAME["choice-split"]]
    source, target = tmp_path / "report.json", tmp_path / "vectors.json"
    source.write_text(json.dumps(signed(body_of(questions, lambda _, case: asked(case)))))
    done = cli("experiment", "--read", source, "--vectors", target)
    assert (done.code, "3 vectors" in done.err) == (0, True)
    assert replayed(target) == []
    body = json.loads(target.read_text())
    assert body.keys() == {"what", "format", "chips", "zero", "cases", "statistics"}
    assert body["chips"] == ["T8103"]
    row = body["cases"][0]
    assert row.keys() >= {"name", "chips", "program", "inputs", "output", "how_known", "source"}
    assert hashlib.sha256(bytes.fromhex(row["output"]["y_hex"])).hexdigest() == row["output"]["y_sha256"]
    assert np.frombuffer(bytes.fromhex(row["inputs"]["x_hex"]), "<f2").shape == (256,)
    row["output"]["y_hex"] = row["output"]["y_hex"].replace("3", "4", 1)
    target.write_text(json.dumps(body))
    assert replayed(target) == ["planar-scale-bias"]


def test_answers_of_a_machine_without_a_chip_are_no_evidence(read, one_question):
    body = body_of([one_question], lambda _, case: asked(case)) | {"machine": MACHINE | {"chip": None}}
    found = vectors.vectors(read(body), [one_question])
    assert found["chips"] == []
    assert "no evidence" in found["cases"][0]["how_known"]


def test_vectors_of_nothing_are_refused(read, one_question):
    with pytest.raises(UsageError, match="no answer"):
        vectors.vectors(read(body_of([], lambda _, case: asked(case))), [one_question])


# Times


def test_times_are_compared_with_cost(read):
    chosen = [form for form in forms.FORMS if form.name in ("submit", "add", "product")]
    times = {
        form.name: {
            "asked": kit.asked_of(form.program()),
            "median_us": 60 + 2 * reading.cost(form.program()).total("estimate_us"),
            "least_us": 1,
            "most_us": 2,
            "submits": 3,
        }
        for form in chosen
    }
    found = read(body_of([], lambda _, case: None, times))
    rows = reading.compared(found, forms.FORMS)
    assert [row.form.name for row in rows] == ["submit", "add", "product"]
    lines = list(reading.time_lines(found, rows))
    assert "best line: 60.0 us + 2.00 times what `cost` says" in lines
    assert lines[-1] == "a submit took 60.0 us on T8103: hwx2py/registers/speeds.py has what is known"
    times["add"]["asked"] = "0"
    found = read(body_of([], lambda _, case: None, times))
    assert [row.form.name for row in reading.compared(found, forms.FORMS)] == ["submit", "product"]


@pytest.mark.parametrize("form", forms.FORMS, ids=[form.name for form in forms.FORMS])
def test_timed_programs_pass_check(form):
    assert [one for one in checks.check(ProgramFile(form.program())) if one.level != checks.NOTE] == []


# The command


def test_a_kit_holds_all_that_it_needs(cli, tmp_path):
    folder = tmp_path / "kit"
    done = cli("experiment", "--kit", folder, "--only", "planar-scale", "--only", "choice-split")
    assert done.code == 0
    assert "2 questions, 6 hypotheses, 2 programs" in done.err
    contents = json.loads((folder / "kit.json").read_text())
    for step in contents["steps"]:
        paths = [step["script"], *(value for value in step["inputs"].values() if value.endswith(".npy"))]
        assert all((folder / path).is_file() for path in paths)
    assert cli("experiment", "--kit", folder, "--only", "planar-scale", "--only", "choice-split").code == 0
    (folder / "kit.json").write_text("{}")
    assert cli("experiment", "--kit", folder, "--only", "planar-scale", "--only", "choice-split").code == 2


def test_steps_go_from_harmless_to_risky():
    risks = [question.risk for question in kit.in_order(QUESTIONS)]
    assert risks == sorted(risks)
    assert risks[0] is Risk.READS
    assert risks[-1] is Risk.WEDGE


@pytest.mark.parametrize(
    "arguments",
    [
        (),
        ("--kit", "k", "--read", "r"),
        ("examples/mul.hwx",),
        ("--kit", "k", "--vectors", "v"),
        ("--read", "r", "--only", "planar"),
        ("--kit", "k", "--only", "nothing-like-it"),
    ],
)
def test_options_that_do_not_go_together(cli, arguments):
    done = cli("experiment", *arguments)
    assert (done.code, one_line(done.err)) == (2, True)
