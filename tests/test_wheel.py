"""The package as people install it: everything inside, and working outside the checkout."""

import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from conftest import ROOT, example

from hwx2py.cli import COMMANDS
from hwx2py.version import VERSION, commit


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """The wheel, built of a copy, so that nothing is left in the checkout."""
    folder = tmp_path_factory.mktemp("wheel")
    copy = folder / "source"
    for name in ("hwx2py", "templates", "docs"):
        shutil.copytree(ROOT / name, copy / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, copy / name)
    command = [sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "-w", str(folder), str(copy)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode and "setuptools" in done.stderr:
        pytest.skip("there is no setuptools to be had that builds the package")
    assert not done.returncode, done.stderr
    return next(folder.glob("*.whl"))


def test_wheel_has_templates_manual_pages_types_and_licence(wheel):
    names = zipfile.ZipFile(wheel).namelist()
    ends = ("hwx2py/py.typed", "hwx2py/templates/script.py", "hwx2py/templates/run_all.py", "LICENSE")
    pages = [f"share/man/man1/{page.name}" for page in (ROOT / "docs" / "man").glob("*.1")]
    assert len(pages) == len(COMMANDS) + 1
    for end in (*ends, *pages):
        assert any(name.endswith(end) for name in names), end


def test_installed_package_converts_emulates_and_completes_outside_the_checkout(wheel, tmp_path):
    installed = tmp_path / "installed"
    command = [sys.executable, "-m", "pip", "install", "-q", "--no-deps", "--target", str(installed), str(wheel)]
    subprocess.run(command, check=True, capture_output=True)

    def run(*arguments: object, **more: str) -> str:
        program = [sys.executable, str(installed / "bin" / "hwx2py"), *map(str, arguments)]
        environment = os.environ | {"PYTHONPATH": str(installed)} | more
        return subprocess.run(program, cwd=tmp_path, env=environment, capture_output=True, text=True, check=True).stdout

    assert run("--version") == f"hwx2py, version {VERSION}\n"
    run(example("mul"), "--clean", "-o", "mul.py")
    assert "output[0] = 6.0" in run("emulate", "mul.py")
    run("experiment", example("mul"), "-o", "zero")
    assert (tmp_path / "zero" / "run_all.py").exists()
    asked = {"_HWX2PY_COMPLETE": "bash_complete", "COMP_WORDS": "hwx2py emul", "COMP_CWORD": "1"}
    assert "plain,emulate" in run(**asked)


def test_version_names_the_commit_of_a_checkout(cli):
    assert Path(ROOT, ".git").exists() == bool(commit())
    assert cli("--version").out == f"hwx2py, version {VERSION}" + (f", commit {commit()}" if commit() else "") + "\n"


def test_version_stands_in_one_place():
    assert (
        f"## {VERSION}" in (ROOT / "CHANGELOG.md").read_text()
        or f"## {VERSION.partition('.dev')[0]}" in (ROOT / "CHANGELOG.md").read_text()
    )
    for page in (*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")):
        assert "pip install hwx2py" not in page.read_text(), page.name
