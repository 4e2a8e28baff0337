"""The house rules that a program can check."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import ROOT

SOURCES = sorted((ROOT / "hwx2py").rglob("*.py"))
#: Runs as a plain file in the script's process, where it is the script that prints.
PLAYED = ROOT / "hwx2py" / "emulator" / "child.py"


def tool(*command: str) -> None:
    done = subprocess.run([sys.executable, "-m", *command], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_ruff_has_nothing_to_say():
    tool("ruff", "check", "--no-cache", ".")
    tool("ruff", "format", "--no-cache", "--check", ".")


def test_dependencies_point_down():
    command = Path(sys.executable).with_name("lint-imports")
    done = subprocess.run([command, "--no-cache"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_only_the_command_line_prints(path):
    if path.parent.name in ("cli", "runtime") or path == PLAYED:
        return  # the runtime is the command line of scripts
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Call):
            called = ast.unparse(node.func)
            assert called not in ("print", "click.echo", "sys.stdout.write", "sys.stderr.write"), node.lineno


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_errors_are_caught_by_name(path):
    """A catch-all hides faults, unless it cleans up and raises again.

    The played process is the one place that must report whatever a script raises.
    """
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ExceptHandler) and path != PLAYED and ast.unparse(node.body[-1]) != "raise":
            assert node.type is not None, node.lineno
            assert ast.unparse(node.type) not in ("Exception", "BaseException"), node.lineno


@pytest.mark.parametrize("name", ["click", "numpy", "libcst", "black", "jinja2"])
def test_importing_the_command_line_loads_no_library_but_click(name):
    code = f"import sys, hwx2py.cli; sys.exit({name!r} in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == (name == "click")
