"""On macOS and Windows: without what only Linux has, everything but devices and confinement works, and says the same.

`elsewhere.py` takes the names away and runs a command, or a part of the suite.
"""

import os
import subprocess
import sys

import numpy as np
import pytest
from conftest import ROOT, example

from hwx2py import host
from hwx2py.emulator import memory
from hwx2py.emulator.memory import Memory, PlainMemory, SparseFile

#: Test files that need no system in particular, and run there as they are.
PARTS = ("test_planar.py", "test_values.py", "test_lut.py", "test_kinds.py", "test_streams.py", "test_records.py")


def elsewhere(*command: object, cwd: object = ROOT) -> subprocess.CompletedProcess:
    program = [sys.executable, str(ROOT / "tests" / "elsewhere.py"), *map(str, command)]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    return subprocess.run(program, cwd=cwd, env=environment, capture_output=True, text=True, check=False)


@pytest.mark.parametrize(
    "command",
    [
        ("info", example("chain")),
        ("check", example("mul")),
        ("dump", example("conv")),
        ("cost", example("chain")),
        ("diff", example("mul"), example("add")),
        ("weights", example("conv")),
        ("emulate", example("chain"), "--values", "--trace", "-"),
        ("emulate", example("conv"), "--input", "x=random"),
        (example("mul"), "-o", "-"),
    ],
    ids=lambda command: command[0] if isinstance(command[0], str) else "convert",
)
def test_command_says_the_same(command, cli):
    here, there = cli(*command), elsewhere("hwx2py", *command)
    assert (there.returncode, there.stdout, there.stderr) == (here.code, here.out, here.err)


def test_scripts_are_read_and_emulated(cli, tmp_path):
    done = elsewhere("hwx2py", example("mul"), "--clean", "-o", tmp_path / "mul.py")
    assert done.returncode == 0, done.stderr
    done = elsewhere("hwx2py", "emulate", tmp_path / "mul.py", "--save", tmp_path / "y.npz")
    assert "output[0] = 6.0" in done.stdout
    assert host.LINUX_ONLY["confined scripts"] in done.stderr
    assert np.load(tmp_path / "y.npz")["y"].flat[0] == 6.0
    dry = elsewhere("mul", "--dry-run", cwd=tmp_path)
    assert "command buffer:" in dry.stdout, dry.stderr


def test_batches_start_their_processes_anew(tmp_path):
    for command in (
        ("corpus", ROOT / "examples", "-o", tmp_path / "table", "--format", "jsonl", "--jobs", "2"),
        ("sweep", example("mul"), "--vary", "PE.Cfg.OpMode=0..2", "-o", tmp_path / "sweep", "--format", "jsonl"),
    ):
        done = elsewhere("hwx2py", *command)
        assert done.returncode == 0, done.stderr


def test_what_needs_linux_says_so():
    for command, reason in (
        (("device", "--", "true"), host.LINUX_ONLY["device"]),
        (("emulate", example("mul"), "--trust"), ""),
        (("doctor",), "scripts run with --trust only: confining needs Linux"),
    ):
        done = elsewhere("hwx2py", *command)
        assert reason in done.stdout + done.stderr
        assert "Traceback" not in done.stderr, done.stderr


def test_parts_of_the_suite_pass():
    done = elsewhere("pytest", "-q", "-p", "no:cacheprovider", *(f"tests/{name}" for name in PARTS))
    assert done.returncode == 0, done.stdout[-3000:]


@pytest.mark.parametrize("page_bytes", [0x1000, 0x4000, 0x10000])
@pytest.mark.parametrize("store", [SparseFile, PlainMemory])
def test_pages_of_any_size_are_known_as_written(store, page_bytes):
    """4 KiB on most machines, 16 KiB where the engine is."""
    if store is SparseFile and not host.knows_holes():
        pytest.skip("this system does not tell holes")
    pages = Memory(store(), page_bytes)
    try:
        buffer = pages.allocate(0x30000)
        buffer.data[0x21000] = 1
        pages.note_host_writes(())
        first = 0x21000 // page_bytes * page_bytes
        assert pages.is_host_written(buffer, first, first + min(page_bytes, 0x1000))
        assert pages.unwritten(buffer, np.array([0x21000])) is None
        assert pages.unwritten(buffer, np.array([first - 1, 0x21000])) == first - 1
        assert buffer.offset % memory.PAGE == 0
    finally:
        pages.close()


def test_a_buffer_that_is_given_counts_as_written_without_holes():
    pages = Memory(PlainMemory())
    buffer, other = pages.allocate(0x4000), pages.allocate(0x4000)
    pages.note_host_writes({buffer.handle})
    assert pages.is_host_written(buffer, 0, 0x4000)
    assert not pages.is_host_written(other, 0, 0x4000)


def test_linux_only_is_a_list_with_a_line_for_each():
    assert set(host.LINUX_ONLY) == {"device", "confined scripts", "the engine"}
