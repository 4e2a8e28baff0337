"""The kit's runner: with made-up programs that end in every way, and with real ones under the virtual device."""

import hashlib
import importlib.util
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from conftest import ROOT

from hwx2py.device import host
from hwx2py.experiment import kit, reading, report
from hwx2py.experiment.questions import QUESTIONS

RUNNER = ROOT / "templates" / "run_kit.py"
_SPEC = importlib.util.spec_from_file_location("run_kit", RUNNER)
run_kit = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(run_kit)

#: What a made-up program does, by the name of its step.
ENDS = {
    "values": "save()",
    "again": "save()",
    "hang": "sys.exit('hang.py: SUBMIT: Connection timed out')",
    "refused": "sys.exit('refused.py: SUBMIT: Invalid argument')",
    "late": "time.sleep(60)",
    "nothing": "sys.exit('nothing.py: no ANE here')",
    "stuck": "sys.exit('stuck.py: BO_INIT: No such device')",
    "last": "save()",
}
BEGIN = """
import os, signal, sys, time
import numpy as np
def save():
    path = next(a.partition("=")[2] for a in sys.argv if a.startswith("--save"))
    np.savez(path, y=np.arange(4, dtype=np.float16))
"""
RIGHT = hashlib.sha256(b"y" + np.arange(4, dtype=np.float16).tobytes()).hexdigest()
#: Kills the runner, the first time.
KILL = """
mark = __file__ + ".killed"
if not os.path.exists(mark):
    open(mark, "w").close()
    os.kill(os.getppid(), signal.SIGKILL)
    time.sleep(9)
"""


def made(folder: Path, *names: str, begin: str = BEGIN, risks: dict[str, str] | None = None) -> Path:
    """A kit of made-up programs; a question each."""
    folder.mkdir(exist_ok=True)
    steps = []
    for name in names:
        (folder / f"{name}.py").write_text(begin + ENDS[name] + "\n")
        steps.append(
            {
                "name": name,
                "question": name,
                "text": f"What about {name}?",
                "risk": (risks or {}).get(name, "reads only"),
                "script": f"{name}.py",
                "inputs": {},
                "fill": -1.0,
                "asked": name,
                "answers": {"it runs": RIGHT, "it hangs": "hang"},
            }
        )
    questions = [{"name": name, "hypotheses": ["it runs", "it hangs"]} for name in names]
    contents = {"title": "made up", "hwx2py": "0", "steps": steps, "questions": questions, "forms": []}
    contents["sha256"] = hashlib.sha256(json.dumps(contents).encode()).hexdigest()
    (folder / "kit.json").write_text(json.dumps(contents))
    (folder / "run_all.py").write_text(RUNNER.read_text())
    return folder


def run(folder: Path, *arguments: str, answers: str = "") -> subprocess.CompletedProcess:
    """Runs a kit's runner."""
    command = [sys.executable, str(folder / "run_all.py"), *arguments]
    return subprocess.run(command, input=answers, capture_output=True, text=True, check=False, timeout=60)


def rows(folder: Path) -> dict:
    """What the report has of the steps; it can be read by hwx2py."""
    report.read(str(folder / "report.json"))
    return json.loads((folder / "report.json").read_text())["steps"]


def ends(folder: Path) -> dict[str, str]:
    return {name: row["end"] for name, row in rows(folder).items()}


def test_killed_at_every_step_it_loses_nothing(tmp_path):
    names = ("values", "again", "last")
    folder = made(tmp_path, *names, begin=BEGIN + KILL)
    codes = []
    for number in range(len(names)):
        codes.append(run(folder).returncode)
        found = rows(folder)
        assert [name for name in found if "end" in found[name]] == list(names[:number])
        (tmp_path / "report.json.new").write_text("half a rep")  # as if it had been killed while it wrote
    done = run(folder)
    assert (codes, done.returncode) == ([-9] * len(names), 0), done.stderr
    assert ends(folder) == dict.fromkeys(names, "values")
    assert [row["tries"] for row in rows(folder).values()] == [2] * len(names)
    assert "3 as modelled" in done.stdout


def test_what_is_answered_is_not_asked_again(tmp_path):
    folder = made(tmp_path, "values", "last")
    assert run(folder, "--only", "values").returncode == 0
    (folder / "values.py").write_text("raise SystemExit('asked again')")
    done = run(folder)
    assert (done.returncode, ends(folder)) == (0, {"values": "values", "last": "values"}), done.stderr


def test_a_step_during_which_the_machine_went_down_hung(tmp_path):
    folder = made(tmp_path, "values", "again", "last", begin=BEGIN)
    (folder / "again.py").write_text(BEGIN + KILL)
    assert run(folder).returncode == -9
    body = json.loads((folder / "report.json").read_text())
    del body["sha256"]
    body["steps"]["again"]["boot"] = "another start of the machine"
    (folder / "report.json").write_text(json.dumps(body | {"sha256": run_kit.digest_of(body)}))
    done = run(folder)
    assert (done.returncode, ends(folder)) == (0, {"values": "values", "again": "hang", "last": "values"})
    assert "again: the machine went down while it ran; it counts as a hang" in done.stdout


def test_a_step_that_takes_the_runner_along_twice_hung(tmp_path):
    folder = made(tmp_path, "values", "again", "last")
    (folder / "again.py").write_text(BEGIN + KILL.replace("if not os.path.exists(mark)", "if True"))
    assert [run(folder).returncode for _ in range(3)] == [-9, -9, 0]
    assert ends(folder) == {"values": "values", "again": "hang", "last": "values"}


def test_programs_end_in_every_way(tmp_path):
    folder = made(tmp_path, "values", "hang", "refused", "late", "last")
    done = run(folder, "--limit", "1.5")
    assert done.returncode == 0, done.stderr
    assert ends(folder) == {"values": "values", "hang": "hang", "refused": "refused", "late": "hang", "last": "values"}
    assert "did not end within 1.5 s" in rows(folder)["late"]["said"][-1]
    assert "! hang                     it hangs" in done.stdout
    assert "! refused                  none of the 2 answers fits (refused)" in done.stdout
    assert "2 as modelled, 3 otherwise, 0 unsettled, 0 not asked" in done.stdout


@pytest.mark.parametrize(("name", "words"), [("nothing", "no ANE here"), ("stuck", "takes no more programs")])
def test_it_stops_where_nothing_can_be_asked(tmp_path, name, words):
    folder = made(tmp_path, "values", name, "last")
    done = run(folder)
    assert (done.returncode, ends(folder)) == (1, {"values": "values"})
    assert words in done.stderr
    assert "Traceback" not in done.stderr


def test_it_stops_where_the_engine_gives_garbage_after_a_hang(tmp_path):
    folder = made(tmp_path, "values", "hang", "last")
    text = (folder / "values.py").read_text()
    (folder / "values.py").write_text(
        f"import os\nif os.path.exists('{folder}/hung'): raise SystemExit('SUBMIT')\n{text}"
    )
    (folder / "hang.py").write_text(f"open('{folder}/hung', 'w')\n" + BEGIN + ENDS["hang"])
    done = run(folder)
    assert (done.returncode, ends(folder)) == (1, {"values": "values", "hang": "hang"})
    (folder / "hung").unlink()
    assert run(folder).returncode == 0
    assert ends(folder)["last"] == "values"


RISKY = {"again": "may hang", "last": "may wedge"}


@pytest.mark.parametrize(
    ("arguments", "answers", "expected"),
    [
        ((), "", {"values"}),
        ((), "n\n", {"values"}),
        ((), "y\n", {"values", "again"}),
        (("--yes",), "", {"values", "again"}),
        (("--yes", "--wedge"), "", {"values", "again", "last"}),
        (("--wedge",), "n\ny\n", {"values", "last"}),
    ],
)
def test_it_asks_before_risks_and_wedges_only_when_told_to(tmp_path, arguments, answers, expected):
    folder = made(tmp_path, "values", "again", "last", risks=RISKY)
    done = run(folder, *arguments, answers=answers)
    assert (done.returncode, set(rows(folder))) == (0, expected), done.stderr
    assert f"{3 - len(expected)} not asked" in done.stdout


def test_a_dry_run_runs_nothing(tmp_path):
    folder = made(tmp_path, "values", "again", risks=RISKY)
    done = run(folder, "--dry-run")
    assert done.stdout.splitlines() == [
        f"reads only       {'values':<28} What about values?",
        f"may hang         {'again':<28} What about again?",
    ]
    assert not (folder / "report.json").exists()


@pytest.mark.parametrize(
    ("content", "words"),
    [("{", "cannot be read"), ('{"format": "x"}', "is of another kit"),
     ('{"format": "hwx2py report 1", "kit": "other"}', "is of another kit")],
)  # fmt: skip
def test_a_report_of_something_else_is_kept(tmp_path, content, words):
    folder = made(tmp_path, "values")
    (folder / "report.json").write_text(content)
    done = run(folder)
    assert (done.returncode, words in done.stderr) == (1, True)
    assert (folder / "report.json").read_text() == content


def test_unknown_questions_are_named(tmp_path):
    done = run(made(tmp_path, "values"), "--only", "other")
    assert (done.returncode, "no question begins with 'other'" in done.stderr) == (1, True)


# Real programs

needs_node = pytest.mark.skipif(host.find_here() is None, reason="the virtual device node needs Linux")
CHOSEN = ("planar-scale-bias", "zero-width", "kernel-dma-larger")


@pytest.fixture(scope="module")
def real(tmp_path_factory) -> Path:
    """A kit of three questions, one of each risk, with a form to time."""
    folder = tmp_path_factory.mktemp("real")
    questions = [question for question in QUESTIONS if question.name in CHOSEN]
    from hwx2py.experiment.forms import SUBMIT

    for file in kit.files(questions, [SUBMIT]):
        path = folder / file.path
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(file.data)
    return folder


def under_device(folder: Path, *arguments: str) -> subprocess.CompletedProcess:
    command = [sys.executable, "-m", "hwx2py", "device", "--", sys.executable, str(folder / "run_all.py"), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)


@needs_node
def test_the_loop_is_closed_under_the_virtual_device(real):
    done = under_device(real, "--yes", "--wedge")
    assert "3 as modelled, 0 otherwise, 0 unsettled, 0 not asked" in done.stdout, done.stderr
    found = report.read(str(real / "report.json"))
    verdicts = [one for one in reading.verdicts(found, QUESTIONS) if one.state is reading.State.ANSWERED]
    assert {one.question.name for one in verdicts} == set(CHOSEN)
    assert all(one.agrees and one.holds is one.question.hypotheses[0] for one in verdicts)
    # The engine is wedged by the last one, as it says.
    assert "takes no more programs" in done.stderr


@needs_node
def test_submits_are_timed(real):
    done = under_device(real, "--time")
    assert done.returncode == 0, done.stderr
    assert "submit: " in done.stdout
    found = report.read(str(real / "report.json"))
    assert found.times["submit"].submits == run_kit.TIMED
    assert 0 < found.times["submit"].least_us <= found.times["submit"].median_us <= found.times["submit"].most_us


def test_scripts_run_under_emulate_too(real, cli, tmp_path):
    """The other door: the same bits."""
    saved = tmp_path / "out.npz"
    case = next(question for question in QUESTIONS if question.name == CHOSEN[0]).cases[0]
    inputs = f"x={real / 'inputs' / 'planar-scale-bias.x.npy'}"
    script = real / "scripts" / "planar-scale-bias.py"
    assert cli("emulate", script, "--input", inputs, "--save", saved).code == 0
    expected = next(question for question in QUESTIONS if question.name == CHOSEN[0]).hypotheses[0].predict(case)
    with np.load(saved) as outputs:
        assert np.array_equal(outputs["y"].view(np.uint16), expected.outputs["y"])
