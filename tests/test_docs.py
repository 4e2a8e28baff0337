"""What the documents say is what the program does."""

import re
import shlex
import tomllib

import pytest
from conftest import ROOT, example

from hwx2py.cli import COMMANDS
from hwx2py.emulate import child, driver
from hwx2py.registers import every

README = (ROOT / "README.md").read_text()
EMULATOR = (ROOT / "docs" / "emulator.md").read_text()


def commands() -> list[str]:
    """The indented shell lines of the README's first screen."""
    return [line.strip() for line in README.splitlines() if line.startswith("    python3 -m venv")]


def test_first_screen_has_two_commands():
    assert len(commands()) == 2
    assert len(README[: README.index(commands()[1])].splitlines()) < 15


def test_ci_runs_the_test_command_of_the_readme():
    lines = (ROOT / ".ci" / "run").read_text().splitlines()
    assert lines[-1] == commands()[1]


def test_main_job_prints_what_the_readme_says(cli, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "examples").symlink_to(ROOT / "examples")
    out = ""
    for step in commands()[0].split(" && "):
        if step.startswith(".venv/bin/hwx2py "):
            done = cli(*shlex.split(step)[1:])
            assert done.code == 0, done.err
            out += done.out
    assert out
    assert "".join(f"    {line}\n" for line in out.splitlines()) in README


def test_edit_of_the_readme_does_what_it_says(cli, tmp_path):
    cli(example("mul"), "--clean", "-o", tmp_path / "mul.py")
    text = (tmp_path / "mul.py").read_text()
    shown = README.split("```python\n")[1].split("```")[0]
    for line in shown.splitlines():
        assert line == "        ..." or line in text
    assert 'Change `"Mul"` to `"Max"` and emulate it again: `output[0] = 3.0`.' in README
    (tmp_path / "mul.py").write_text(text.replace('"Mul"', '"Max"', 1))
    assert "output[0] = 3.0" in cli("emulate", tmp_path / "mul.py").out


def test_experiment_prints_what_the_readme_says(cli, tmp_path):
    import subprocess
    import sys

    cli("experiment", example("mul"), "-o", tmp_path)
    done = subprocess.run([sys.executable, tmp_path / "run_all.py", "--emulate"], capture_output=True, text=True)
    table, _ = done.stdout.split("written: ")
    assert "".join(f"    {line}\n" for line in table.splitlines()) in README


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_is_in_the_readme(name):
    assert f"| `hwx2py {name}` |" in README


@pytest.mark.parametrize("arch", every(), ids=lambda arch: arch.name)
def test_confidence_of_each_architecture_is_in_the_readme(arch):
    row = next(line for line in README.splitlines() if line.startswith("|") and arch.name in line.split("|")[1])
    assert row.split("|")[4].strip().startswith(arch.confidence)


def test_faults_of_the_documentation_are_those_of_the_code():
    found = set()
    for path in (ROOT / "hwx2py" / "emulate").glob("*.py"):
        found |= set(re.findall(r'(?:\.add|\.hang|kind, what =)\(?\s*"([a-z0-9]+(?:-[a-z0-9]+)*)"', path.read_text()))
    table = EMULATOR[EMULATOR.index("| fault |") :].split("\n\n")[0]
    named = {name for row in table.splitlines()[2:] for name in re.findall(r"`([a-z0-9-]+)`", row.split("|")[1])}
    assert named == found


@pytest.mark.parametrize("name", ["BO_INIT", "BO_FREE", "SUBMIT", "VERSION"])
def test_ioctl_numbers_of_the_documentation_are_those_of_the_code(name):
    assert f"`{getattr(child if name == 'VERSION' else driver, name):#x}`" in EMULATOR


def test_wheel_takes_everything_along():
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]
    folders = {path.parent.relative_to(ROOT) for path in (ROOT / "hwx2py").rglob("*.py")}
    packages = {str(folder).replace("/", ".") for folder in folders} | {"hwx2py.templates"}
    assert set(settings["packages"]) == packages
    others = {path for path in (ROOT / "hwx2py").rglob("*.*") if path.suffix not in (".py", ".pyc")}
    covered = {
        path
        for package, patterns in settings["package-data"].items()
        for pattern in patterns
        for path in (ROOT / package.replace(".", "/")).glob(pattern)
    }
    assert others == covered
