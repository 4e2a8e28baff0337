"""The experiment: five scripts that differ in one thing each, and the runner that compares predictions."""

import json
import subprocess
import sys

import pytest
from builders import elementwise, one_source
from conftest import loaded

from hwx2py import formats
from hwx2py.formats.hwx.create import create
from hwx2py.program.bars import bound_order, renumber

IDLE = {f"KernelDMASrc_CoeffDMAConfig[{engine}]": 0x80 for engine in range(16)}
PREDICTIONS = {
    "raw_fixed.py": (0.0, 0.0),
    "cleaned_fixed.py": (0.0, 6.0),
    "renumbered_fixed.py": (6.0, 0.0),
    "cleaned_renumbered.py": (6.0, 6.0),
    "right_binding.py": (6.0, 0.0),
}


def written(tmp_path, program):
    path = tmp_path / "in.hwx"
    path.write_bytes(b"".join(create(program, "test")))
    return path


@pytest.fixture
def folder(cli, tmp_path):
    done = cli("experiment", written(tmp_path, elementwise("Mul", **IDLE)), "-o", tmp_path / "zero")
    assert done.code == 0
    return tmp_path / "zero"


def test_scripts_differ_in_binding_and_state_only(folder):
    programs = {name: formats.load(str(folder / name)).program for name in PREDICTIONS}
    bars = {name: {t.name: t.bar for t in program.tensors} for name, program in programs.items()}
    old, own = {"y": 4, "a": 5, "b": 6}, {"a": 4, "b": 5, "y": 6}
    assert [bars[name] == old for name in PREDICTIONS] == [True, True, True, True, False]
    assert bars["right_binding.py"] == own
    words = {name: list(program.tasks[0].words) for name, program in programs.items()}
    assert words["raw_fixed.py"] == words["right_binding.py"]
    changed = [i for i, (x, y) in enumerate(zip(words["raw_fixed.py"], words["renumbered_fixed.py"])) if x != y]
    assert changed == [8]
    assert words["cleaned_fixed.py"][8] == words["raw_fixed.py"][8]
    assert sum(x != y for x, y in zip(words["raw_fixed.py"], words["cleaned_fixed.py"])) == 16


def run_all(folder, *arguments: str) -> subprocess.CompletedProcess:
    command = [sys.executable, str(folder / "run_all.py"), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_runner_compares_results_with_predictions(folder):
    done = run_all(folder, "--emulate")
    assert (done.returncode, done.stderr) == (0, "")
    assert "buffers: fits all results" in done.stdout
    assert "state: does not fit" in done.stdout
    report = json.loads((folder / "report.json").read_text())
    assert report["fits"] == {"buffers": True, "state": False}
    assert report["machine"].keys() == {"chip", "model", "kernel", "driver", "nodes"}
    measured = {row["script"]: row["measured"] for row in report["results"]}
    assert measured == {name: predictions[0] for name, predictions in PREDICTIONS.items()}
    predicted = {row["script"]: (row["predicted"]["buffers"], row["predicted"]["state"]) for row in report["results"]}
    assert predicted == PREDICTIONS


def test_runner_without_a_device_settles_nothing(folder):
    done = run_all(folder)
    assert done.returncode == 1
    assert "not settled, not every script ran" in done.stdout
    assert "no ANE here" in done.stdout
    assert json.loads((folder / "report.json").read_text())["fits"] == {"buffers": None, "state": None}


@pytest.mark.parametrize(
    ("program", "words"),
    [
        (lambda: renumber(elementwise("Mul", **IDLE), bound_order(elementwise())), "in the old order already"),
        (lambda: elementwise("Mul"), "no state that the passes remove"),
        (lambda: one_source(**IDLE), "one elementwise task with two sources"),
        (lambda: loaded("chain"), "one elementwise task with two sources"),
        (lambda: loaded("add16"), "this one is for H16"),
    ],
    ids=["old order", "clean", "one source", "two tasks", "H16"],
)
def test_programs_that_would_tell_nothing_are_refused(cli, tmp_path, program, words):
    done = cli("experiment", written(tmp_path, program()), "-o", tmp_path / "zero")
    assert (done.code, words in done.err) == (2, True)
    assert not (tmp_path / "zero").exists()


@pytest.mark.parametrize(
    ("measured", "code", "fits"),
    [
        ((0.0, 6.0, 6.0), 0, {"buffers": True, "state": False}),
        ((0.0, 0.0, 6.0), 0, {"buffers": False, "state": True}),
        ((6.0, 6.0, 6.0), 0, {"buffers": False, "state": False}),
        ((0.0, 6.0, 0.0), 0, {"buffers": False, "state": False}),
        ((0.0, None, 6.0), 1, {"buffers": None, "state": None}),
    ],
)
def test_an_explanation_fits_only_where_every_result_does(monkeypatch, tmp_path, measured, code, fits):
    from hwx2py.templates import run_all as runner

    predictions = [(0.0, 0.0), (6.0, 0.0), (6.0, 6.0)]
    variants = [(f"{n}.py", "", dict(zip(("buffers", "state"), row))) for n, row in enumerate(predictions)]
    values = iter(measured)
    monkeypatch.setattr(runner, "VARIANTS", variants)
    monkeypatch.setattr(runner, "measure", lambda script, command: (next(values), ["word"]))
    monkeypatch.setattr(sys, "argv", ["run_all.py", "--report", str(tmp_path / "report.json")])
    assert runner.main() == code
    assert json.loads((tmp_path / "report.json").read_text())["fits"] == fits
