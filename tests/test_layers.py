"""The house rules that a program can check."""

import ast
import os
import shutil
import subprocess
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TypeVar

import pytest
from conftest import EXAMPLES, ROOT, example

SOURCES = sorted((ROOT / "hwx2py").rglob("*.py"))
#: Runs as a plain file in the script's process, where it is the script that prints.
PLAYED = ROOT / "hwx2py" / "emulator" / "child.py"

Node = TypeVar("Node", ast.Call, ast.ExceptHandler)


def tool(*command: str) -> None:
    done = subprocess.run([sys.executable, "-m", *command], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_ruff_has_nothing_to_say():
    tool("ruff", "check", "--no-cache", ".")
    tool("ruff", "format", "--no-cache", "--check", ".")


def test_types_hold():
    tool("mypy", "--cache-dir", os.devnull)


def test_dependencies_point_down():
    command = Path(sys.executable).with_name("lint-imports")
    done = subprocess.run([command, "--no-cache"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


def nodes(paths: Iterable[Path], kind: type[Node]) -> Iterator[tuple[str, Node]]:
    """Every node of a kind in these modules, and the place that names it."""
    for path in paths:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, kind):
                yield f"{path.relative_to(ROOT)}:{node.lineno}", node


def test_only_the_command_line_prints():
    """The runtime may too: it is the command line of scripts."""
    quiet = [path for path in SOURCES if path.parent.name not in ("cli", "runtime") and path != PLAYED]
    for where, node in nodes(quiet, ast.Call):
        assert ast.unparse(node.func) not in ("print", "click.echo", "sys.stdout.write", "sys.stderr.write"), where


def test_errors_are_caught_by_name():
    """A catch-all hides faults, unless it cleans up and raises again.

    The played process is the one place that must report whatever a script raises.
    """
    for where, node in nodes((path for path in SOURCES if path != PLAYED), ast.ExceptHandler):
        if ast.unparse(node.body[-1]) != "raise":
            assert node.type is not None, where
            assert ast.unparse(node.type) not in ("Exception", "BaseException"), where


@pytest.mark.parametrize("name", ["click", "numpy", "libcst", "black", "jinja2"])
def test_importing_the_command_line_loads_no_library_but_click(name):
    code = f"import sys, hwx2py.cli; sys.exit({name!r} in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == (name == "click")


def test_a_checkout_works_beside_an_installation(tmp_path):
    """`python -m hwx2py` in a checkout finds the skeletons beside the package, and an installation those inside."""
    shutil.copytree(ROOT / "hwx2py", tmp_path / "hwx2py", ignore=shutil.ignore_patterns("__pycache__", ".*"))
    for home in (tmp_path, tmp_path / "hwx2py"):
        shutil.copytree(ROOT / "templates", home / "templates")
        command = [sys.executable, "-W", "error", "-m", "hwx2py", str(example("mul")), "-o", "-"]
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        shutil.rmtree(home / "templates")
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode != 0, "it ran another copy"


@pytest.mark.parametrize(
    "arguments",
    [
        ("chain.hwx", "--clean", "-o", "-"),
        ("dump", "--json", "conv.hwx"),
        ("diff", "--format", "json", "chain.hwx", "conv.hwx"),
        ("check", "-v", "--json", "chain.hwx"),
    ],
    ids=lambda arguments: arguments[0],
)
def test_outputs_depend_on_the_input_only(arguments):
    """What is written holds no order of a set, and no path of this machine."""
    told = []
    for seed in ("0", "1"):
        command = [sys.executable, "-m", "hwx2py", *arguments]
        environment = os.environ | {"PYTHONHASHSEED": seed}
        done = subprocess.run(command, cwd=EXAMPLES, env=environment, capture_output=True, text=True, check=False)
        told.append(done.stdout)
    assert told[0] == told[1] != ""
    assert str(ROOT) not in told[0]
