"""Outputs: every option that names one writes it whole or not at all, and not over what somebody else made."""

import importlib.util
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
from builders import elementwise
from conftest import example, loaded, one_line

import hwx2py
from hwx2py import archive, emitter, output, weights
from hwx2py.device import host
from hwx2py.errors import UsageError
from hwx2py.formats.hwx.create import create


class Option(NamedTuple):
    """An option that names a file to be written.

    Attributes:
        name: for the test's name.
        suffix: of the file.
        arguments: the command line for a target; `mul.py` lies in the current folder.
        needs: why it cannot be tried here; empty if it can.
    """

    name: str
    suffix: str
    arguments: Callable[[str], list[str]]
    needs: str = ""


MUL, CHAIN, CONV = (str(example(name)) for name in ("mul", "chain", "conv"))

NO_ONNX = "" if importlib.util.find_spec("onnx") else "the package onnx is not installed"
NO_DEVICE = "" if host.find_here() else "the virtual device node needs Linux"

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
    Option("graph-page", ".html", lambda target: ["graph", MUL, "-o", target]),
    Option("weights-into", ".hwx", lambda target: ["weights", CONV, "--set", "conv.weight=w.npy", "--into", target]),
    Option("cost", ".svg", lambda target: ["cost", MUL, "--svg", target]),
    Option("net-options", ".plist", lambda target: ["net-options", MUL, "-o", target]),
    Option("compile", ".hwx", lambda target: ["compile", "relu.onnx", "-o", target], NO_ONNX),
    Option("compile-script", ".py", lambda target: ["compile", "relu.onnx", "-o", target], NO_ONNX),
    Option("compile-report", ".json", lambda to: ["compile", "relu.onnx", "-o", "/dev/null", "--report", to], NO_ONNX),
    Option("compile-page", ".html", lambda to: ["compile", "relu.onnx", "-o", "/dev/null", "--report", to], NO_ONNX),
    Option("device", ".json", lambda target: ["device", "--trace", target, "--", "true"], NO_DEVICE),
)


class Folder(NamedTuple):
    """An option that names a folder for several files.

    Attributes:
        name: for the test's name.
        arguments: the command line.
        file: one of the files that it writes.
    """

    name: str
    arguments: tuple[str, ...]
    file: str


FOLDERS = (
    Folder("experiment", ("experiment", "idle.hwx", "-o", "out"), "cleaned_fixed.py"),
    Folder("weights", ("weights", CONV, "-o", "out", "--svg"), "conv.weight.npy"),
    Folder("clean", ("clean", MUL, CONV, "-o", "out"), "conv.hwx"),
    Folder("anec", ("anec", MUL, CONV, "-o", "out"), "mul.anec"),
)


def line(option: Option, target: object, *more: str) -> list[str]:
    """The command line for a target, with more options in it."""
    words = option.arguments(str(target))
    end = words.index("--") if "--" in words else len(words)
    return [*words[:end], *more, *words[end:]]


@pytest.fixture
def folder(tmp_path, monkeypatch) -> Path:
    """The current folder, with a script, weights, a network, and a program that the experiment takes."""
    monkeypatch.chdir(tmp_path)
    Path("mul.py").write_text(emitter.emit(loaded("mul")).text)
    array = next(array for array in weights.find(loaded("conv")).arrays if array.name == "conv.weight")
    np.save("w.npy", weights.values(loaded("conv"), array))
    idle = elementwise("Mul", **{f"KernelDMASrc_CoeffDMAConfig[{engine}]": 0x80 for engine in range(16)})
    Path("idle.hwx").write_bytes(b"".join(create(idle, "test")))
    if not NO_ONNX:
        import onnx
        from onnx import helper

        x, y = (helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT16, (1, 4, 2, 16)) for name in "xy")
        graph = helper.make_graph([helper.make_node("Relu", ["x"], ["y"])], "relu", [x], [y])
        onnx.save(helper.make_model(graph), "relu.onnx")
    return tmp_path


@pytest.mark.parametrize("option", OPTIONS, ids=lambda option: option.name)
def test_outputs(cli, folder, option):
    if option.needs:
        pytest.skip(option.needs)
    target = Path(f"out{option.suffix}")
    # whole, and again, as hwx2py knows its own files
    done = cli(*line(option, target))
    assert done.code in (0, 1, 3), done.err
    written = target.read_bytes()
    assert cli(*line(option, target)).code == done.code
    # not over what was edited, or made by others
    for content in (written + b" ", b"my notes of a month"):
        target.write_bytes(content)
        refused = cli(*line(option, target))
        assert (refused.code, one_line(refused.err.splitlines()[-1]), target.read_bytes()) == (2, True, content)
        assert f"{target}: " in refused.err
    assert cli(*line(option, target, "--force")).code == done.code
    assert target.read_bytes() == written
    # through a link, which stays one; to a device; under a long name
    link = Path(f"link{option.suffix}")
    link.symlink_to(f"behind{option.suffix}")
    assert cli(*line(option, link)).code == done.code
    assert (link.is_symlink(), Path(f"behind{option.suffix}").read_bytes()) == (True, written)
    assert cli(*line(option, "/dev/null")).code in (done.code, 2)
    long = "n" * (250 - len(option.suffix)) + option.suffix
    assert cli(*line(option, long)).code == done.code
    assert Path(long).read_bytes() == written
    assert [name for name in os.listdir() if name.startswith(".")] == []


@pytest.mark.parametrize("option", OPTIONS, ids=lambda option: option.name)
@pytest.mark.parametrize("killed", [False, True], ids=["full-disk", "kill"])
def test_old_file_stays_where_the_new_one_does_not_get_whole(folder, option, killed):
    """A limit of file sizes stands for a full disk, and its signal for a kill: both come in the middle of a write."""
    if option.needs:
        pytest.skip(option.needs)
    target = Path(f"out{option.suffix}")
    target.write_bytes(b"old")
    action = "SIG_DFL" if killed else "SIG_IGN"
    code = (
        "import resource, signal, sys\n"
        "from hwx2py.cli import main\n"
        f"signal.signal(signal.SIGXFSZ, signal.{action})\n"
        "limit = 1 if '--trace' in sys.argv else 64\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))\n"
        "main()\n"
    )
    command = [sys.executable, "-c", code, *line(option, target, "--force")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert target.read_bytes() == b"old", done
    if killed:
        assert done.returncode in (-signal.SIGXFSZ, 2), done  # a script's process is killed, and hwx2py says so
        return
    assert (done.returncode, one_line(done.stderr.splitlines()[-1])) == (2, True), done
    assert "File too large" in done.stderr
    assert [name for name in os.listdir() if name.startswith(".")] == []


@pytest.mark.parametrize("option", FOLDERS, ids=lambda option: option.name)
def test_folders(cli, folder, option):
    """Files that belong together: none of them is replaced where one of them must not be."""
    assert cli(*option.arguments).code == 0
    written = {path: path.read_bytes() for path in Path("out").iterdir()}
    target = Path("out") / option.file
    target.write_bytes(written[target] + b" ")
    refused = cli(*option.arguments)
    assert (refused.code, target.read_bytes()) == (2, written[target] + b" ")
    assert f"{target}: " in refused.err
    target.rename("out/behind")
    target.symlink_to("behind")
    assert cli(*option.arguments, "--force").code == 0
    assert (target.is_symlink(), Path("out/behind").read_bytes()) == (True, written[target])
    assert {path: path.read_bytes() for path in written} == written


def test_link_that_leads_nowhere_is_refused(cli, folder):
    Path("loop.py").symlink_to("loop.py")
    Path("away.py").symlink_to("no/such/folder/x.py")
    for name in ("loop.py", "away.py"):
        done = cli("convert", MUL, "-o", name)
        assert (done.code, one_line(done.err), Path(name).is_symlink()) == (2, True, True)


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


# Scripts that run by themselves: whole or not at all, and over what exists only with --force.


def test_a_script_writes_whole_or_not_at_all(folder, script):
    path = folder / "mul.py"
    target = folder / "c.bin"
    assert script(path, "--write-command", target).code == 0
    written = target.read_bytes()
    target.write_bytes(b"my notes")
    done = script(path, "--write-command", target)
    assert (done.code, done.err, target.read_bytes()) == (
        2, f"mul.py: {target} exists; --force writes over it\n", b"my notes")  # fmt: skip
    limited = (
        "import resource, runpy, sys\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (64, 64))\n"
        "del sys.argv[0]\n"
        "runpy.run_path('mul.py', run_name='__main__')\n"
    )
    command = [sys.executable, "-c", limited, "mul.py", "--write-command", str(target), "--force"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, len(done.stderr.splitlines()), target.read_bytes()) == (2, 1, b"my notes")
    assert script(path, "--write-command", target, "--force").code == 0
    assert target.read_bytes() == written
    link, long = folder / "link", folder / ("n" * 250)
    link.symlink_to("behind")
    assert script(path, "--write-command", link).code == 0
    assert (link.is_symlink(), (folder / "behind").read_bytes()) == (True, written)
    assert script(path, "--write-command", "/dev/null").code == 0
    assert script(path, "--write-command", "/dev/full").code == 2
    assert script(path, "--write-command", long).code == 0
    assert long.read_bytes() == written
    assert [name for name in os.listdir() if name.startswith(".")] == []


def test_a_killed_script_leaves_nothing_that_stays(folder):
    process = subprocess.Popen(["true"])
    process.wait()
    left = folder / f"{output.TEMPORARY}{process.pid}-abc"
    left.mkdir()
    (left / "new").write_bytes(b"half")
    output.write_output("z.bin", [b"z"])
    assert not left.exists()


@pytest.mark.skipif(bool(NO_DEVICE), reason=NO_DEVICE)
def test_a_script_on_a_device_saves_by_the_same_rule(folder):
    def saved(*options: str) -> int:
        device = [sys.executable, "-m", "hwx2py", "device", "--", sys.executable, "mul.py", "--save", "o.npz"]
        return subprocess.run([*device, *options], capture_output=True, check=False).returncode

    assert saved() == 0
    with np.load("o.npz") as arrays:
        assert arrays["y"].flat[0] == 6
    Path("o.npz").write_bytes(b"mine")
    assert (saved(), Path("o.npz").read_bytes()) == (2, b"mine")
    assert saved("--force") == 0
    assert saved("--force", "--golden", "o.npz") == 0


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
        done = cli("emulate", f"named{form}", "--golden", "o.npz")
        assert (done.code, done.out.splitlines()[-1].endswith(": PASS")) == (0, True)


def test_names_in_archives():
    assert [archive.member_name(name) for name in ("../x", "a/..", "a..b", "..", "/a/b", "x\0y")] == [
        "%2e%2e/x", "a/%2e%2e", "a..b", "%2e%2e", "/a/b", "x%00y"]  # fmt: skip


@pytest.mark.parametrize(
    ("command", "target"), [("convert", "x.hwx"), ("convert", "x.anec"), ("anec", "x.hwx"), ("anec", "x.py")]
)
def test_output_of_one_kind_under_the_name_of_another_is_refused(cli, tmp_path, command, target):
    done = cli(command, MUL, "-o", tmp_path / target)
    assert done.code == 2
    assert f"with a name that ends in {Path(target).suffix}" in done.err
    assert one_line(done.err)
    assert not (tmp_path / target).exists()
