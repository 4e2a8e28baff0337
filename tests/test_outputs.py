"""Outputs: every option that names one writes it whole or not at all, and not over what somebody else made."""

import os
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
from conftest import example, loaded, one_line

import hwx2py
from hwx2py import archive, emitter, output, weights
from hwx2py.errors import UsageError


class Option(NamedTuple):
    """An option that names a file to be written.

    Attributes:
        name: for the test's name.
        suffix: of the file.
        arguments: the command line for a target; `mul.py` lies in the current folder.
    """

    name: str
    suffix: str
    arguments: Callable[[str], list[str]]


MUL, CHAIN, CONV = (str(example(name)) for name in ("mul", "chain", "conv"))

OPTIONS = (
    Option("convert", ".py", lambda target: ["convert", MUL, "-o", target]),
    Option("diff", ".html", lambda target: ["diff", MUL, CHAIN, "--format", "html", "-o", target]),
    Option("clean", ".hwx", lambda target: ["clean", MUL, "-o", target]),
    Option("anec", ".anec", lambda target: ["anec", MUL, "-o", target]),
    Option("assemble", ".hwx", lambda target: ["assemble", "mul.py", "-o", target]),
    Option("emulate-save", ".npz", lambda target: ["emulate", MUL, "--save", target]),
    Option("emulate-script", ".npz", lambda target: ["emulate", "mul.py", "--save", target]),
    Option("emulate-save-all", ".npz", lambda target: ["emulate", MUL, "--save-all", target]),
    Option("emulate-trace", ".json", lambda target: ["emulate", MUL, "--trace", target]),
    Option("graph", ".svg", lambda target: ["graph", MUL, "-o", target]),
    Option("weights-into", ".hwx", lambda target: ["weights", CONV, "--set", "conv.weight=w.npy", "--into", target]),
    Option("cost", ".svg", lambda target: ["cost", MUL, "--svg", target]),
)


@pytest.fixture
def folder(tmp_path, monkeypatch) -> Path:
    """The current folder, with a script in it."""
    monkeypatch.chdir(tmp_path)
    Path("mul.py").write_text(emitter.emit(loaded("mul")).text)
    array = next(array for array in weights.find(loaded("conv")).arrays if array.name == "conv.weight")
    np.save("w.npy", weights.values(loaded("conv"), array))
    return tmp_path


@pytest.mark.parametrize("option", OPTIONS, ids=lambda option: option.name)
def test_outputs(cli, folder, option):
    target = Path(f"out{option.suffix}")
    # whole, and again, as hwx2py knows its own files
    done = cli(*option.arguments(str(target)))
    assert done.code in (0, 1, 3), done.err
    written = target.read_bytes()
    assert cli(*option.arguments(str(target))).code == done.code
    # not over what was edited, or made by others
    for content in (written + b" ", b"my notes of a month"):
        target.write_bytes(content)
        refused = cli(*option.arguments(str(target)))
        assert (refused.code, one_line(refused.err), target.read_bytes()) == (2, True, content)
        assert f"{target}: " in refused.err
    assert cli(*option.arguments(str(target)), "--force").code == done.code
    assert target.read_bytes() == written
    # through a link, which stays one; to a device; under a long name
    link = Path(f"link{option.suffix}")
    link.symlink_to(f"behind{option.suffix}")
    assert cli(*option.arguments(str(link))).code == done.code
    assert (link.is_symlink(), Path(f"behind{option.suffix}").read_bytes()) == (True, written)
    assert cli(*option.arguments("/dev/null")).code in (done.code, 2)
    long = "n" * (250 - len(option.suffix)) + option.suffix
    assert cli(*option.arguments(long)).code == done.code
    assert Path(long).read_bytes() == written
    assert [name for name in os.listdir() if name.startswith(".")] == []


def test_link_that_leads_nowhere_is_refused(cli, folder):
    Path("loop.py").symlink_to("loop.py")
    Path("away.py").symlink_to("no/such/folder/x.py")
    for name in ("loop.py", "away.py"):
        done = cli("convert", MUL, "-o", name)
        assert (done.code, one_line(done.err), Path(name).is_symlink()) == (2, True, True)


def test_full_disk_leaves_nothing(folder):
    """A limit of file sizes stands for it: both end a write in the middle."""

    def limit() -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (64, 64))

    for option in (OPTIONS[0], OPTIONS[9]):
        command = [sys.executable, "-c", "from hwx2py.cli import main; main()", *option.arguments(f"x{option.suffix}")]
        done = subprocess.run(command, capture_output=True, text=True, preexec_fn=limit, check=False)
        assert (done.returncode, one_line(done.stderr.splitlines()[-1])) == (2, True)
        assert f"x{option.suffix}: cannot be written" in done.stderr
    assert sorted(os.listdir()) == ["mul.py", "w.npy"]


SLOW = (
    "import sys, time\n"
    "from hwx2py import output\n"
    "def pieces():\n"
    "    print('begun', flush=True)\n"
    "    time.sleep(60)\n"
    "    yield b'x'\n"
    "class Slow(list):\n"
    "    def __iter__(self):\n"
    "        return pieces()\n"
    "output.write_outputs([output.Output('x.bin', Slow())], force=True)\n"
)


def test_what_a_killed_run_left_goes_with_the_next(folder):
    killed, running = (
        subprocess.Popen([sys.executable, "-c", SLOW.replace("x.bin", name)], stdout=subprocess.PIPE)
        for name in ("x.bin", "y.bin")
    )
    for process in (killed, running):
        end = time.monotonic() + 20
        while not [name for name in os.listdir() if name.startswith(f"{output.TEMPORARY}{process.pid}-")]:
            assert time.monotonic() < end
            time.sleep(0.02)
    killed.kill()
    killed.communicate()
    output.write_output("z.bin", [b"z"])
    left = [name for name in os.listdir() if name.startswith(output.TEMPORARY)]
    running.kill()
    running.communicate()
    assert [name.split("-")[1] for name in left] == [str(running.pid)]


def test_python_writes_by_the_same_rule(folder):
    program = hwx2py.load(MUL)
    Path("notes.hwx").write_text("mine")
    with pytest.raises(UsageError, match="hwx2py did not write it"):
        hwx2py.save(program, "notes.hwx")
    hwx2py.save(program, "notes.hwx", force=True)
    hwx2py.save(program, "notes.hwx")


NAMES = ("file", "allow_pickle", "../../x", "y: PASS\noutput[0] = 42.0\nz", "\x1b[2Jy", "\u202ey", "/a/b", "a..b", "é")


@pytest.mark.parametrize("form", [".hwx", ".py"])
def test_names_of_outputs_are_data(cli, folder, form):
    program = loaded("mul")
    names = NAMES if form == ".hwx" else NAMES[:4]
    for name in names:
        tensors = tuple(t._replace(name=name) if t.role == "output" else t for t in program.tensors)
        hwx2py.save(hwx2py.Program(program._replace(tensors=tensors)), f"named{form}", force=True)
        done = cli("emulate", f"named{form}", "--save", "o.npz", "--force")
        assert done.code == 0, done.err
        assert all(char.isprintable() or char == "\n" for char in done.out)
        assert "output[0] = 42.0" not in done.out.splitlines()
        with np.load("o.npz") as arrays:
            assert arrays.files == [archive.member_name(name)]


def test_names_in_archives():
    assert [archive.member_name(name) for name in ("../x", "a/..", "a..b", "..", "/a/b", "x\0y")] == [
        "%2e%2e/x", "a/%2e%2e", "a..b", "%2e%2e", "/a/b", "x%00y"]  # fmt: skip
