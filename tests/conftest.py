"""What the tests share: the command line in this process, the examples, and the sources beside the repository."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import hypothesis
import pytest

from hwx2py import formats
from hwx2py.cli import main
from hwx2py.program.program import Program

ROOT = Path(__file__).parents[1]
EXAMPLES = ROOT / "examples"
SHARED = ROOT.parent / "shared"

# The test command draws the same values each time and measures no time: a commit passes or fails for what it changes.
# `--hypothesis-profile search` draws new ones, and more of them.
hypothesis.settings.register_profile("fixed", derandomize=True, database=None, deadline=None)
hypothesis.settings.register_profile("search", max_examples=2000, deadline=None, print_blob=True)
hypothesis.settings.load_profile("fixed")


class Done(NamedTuple):
    """How a command ended."""

    code: int
    out: str
    err: str


@pytest.fixture
def cli(capfd) -> Callable[..., Done]:
    """Runs the command line in this process, output of child processes included."""

    def run(*arguments: object) -> Done:
        capfd.readouterr()
        with pytest.raises(SystemExit) as end:
            main([str(argument) for argument in arguments])
        captured = capfd.readouterr()
        return Done(end.value.code, captured.out, captured.err)

    return run


@pytest.fixture
def script() -> Callable[..., Done]:
    """Runs a generated script in a process of its own."""

    def run(path: Path, *arguments: object) -> Done:
        command = [sys.executable, "-W", "error", str(path), *map(str, arguments)]
        done = subprocess.run(command, capture_output=True, text=True, cwd=path.parent, check=False)
        return Done(done.returncode, done.stdout, done.stderr)

    return run


def example(name: str) -> Path:
    """The file of an example program."""
    return EXAMPLES / f"{name}.hwx"


def loaded(name: str) -> Program:
    """An example as a program."""
    return formats.load(str(example(name))).program


EXAMPLE_NAMES = ("mul", "conv", "chain", "add16")
H13_EXAMPLES = ("mul", "conv", "chain")


def one_line(text: str) -> bool:
    """Whether an error is one line for people."""
    return text.startswith("hwx2py: ") and len(text.splitlines()) == 1 and "Traceback" not in text
