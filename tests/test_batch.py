"""Several files and folders in one command, and files that nobody wants written over."""

import errno
import io
import json
import os
import shutil
import signal
import subprocess
import sys

import pytest
from conftest import EXAMPLE_NAMES, EXAMPLES, H13_EXAMPLES, example, loaded, one_line

from hwx2py import emitter, formats, marks, output
from hwx2py.cli import batch
from hwx2py.cli.progress import Progress
from hwx2py.formats.hwx.create import create


@pytest.fixture
def tree(tmp_path):
    """A folder with programs in two folders of the same names, one that is broken, and a text."""
    for folder in ("first", "second/deep"):
        (tmp_path / "in" / folder).mkdir(parents=True)
        shutil.copy(example("mul"), tmp_path / "in" / folder)
    shutil.copy(example("chain"), tmp_path / "in" / "first")
    (tmp_path / "in" / "second" / "broken.hwx").write_bytes(b"\0" * 100)
    (tmp_path / "in" / "first" / "notes.txt").write_text("no program")
    return tmp_path / "in"


GOOD = ["first/chain.hwx", "first/mul.hwx", "second/deep/mul.hwx"]
BROKEN = "second/broken.hwx"


def files_in(folder) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


@pytest.mark.parametrize("jobs", [1, 2])
def test_a_folder_is_converted_with_its_folders_and_a_bad_file_does_not_stop_it(cli, tree, tmp_path, jobs):
    done = cli(tree, "-o", tmp_path / "out", "--jobs", jobs)
    assert (done.code, done.out) == (2, "")
    assert files_in(tmp_path / "out") == [name.replace(".hwx", ".py") for name in GOOD]
    lines = done.err.splitlines()
    told = [line for line in lines if line.startswith("wrote ")]
    assert [line.split(":")[0].removeprefix(f"wrote {tmp_path}/out/") for line in told] == files_in(tmp_path / "out")
    (error,) = [line for line in lines if line.startswith(f"hwx2py: {tree}/{BROKEN}: ")]
    assert lines.index(error) == 2  # in the order of the files
    assert lines[-1] == "hwx2py: 1 of 4 files failed"
    assert len(lines) == 5


def test_files_with_the_same_name_are_told_apart_by_their_folders(cli, tree, tmp_path):
    assert cli(tree / GOOD[1], tree / GOOD[2], "-o", tmp_path / "out").code == 0
    assert files_in(tmp_path / "out") == ["first/mul.py", "second/deep/mul.py"]


def test_files_that_differ_in_their_suffix_keep_it(cli, tmp_path):
    shutil.copy(example("mul"), tmp_path)
    cli("anec", example("mul"), "-o", tmp_path / "mul.anec")
    done = cli(tmp_path, "-o", tmp_path / "out")
    assert done.err.endswith("2 files done\n")
    assert files_in(tmp_path / "out") == ["mul.anec.py", "mul.hwx.py"]


@pytest.mark.parametrize("jobs", [1, 2])
def test_json_of_several_files_is_a_list_that_tells_them_apart(cli, tree, jobs):
    for command in ("info", "dump"):
        done = cli(command, tree, "--json", "--jobs", jobs)
        entries = json.loads(done.out)
        assert done.code == 2
        paths = [str(tree / name) for name in (*GOOD[:2], BROKEN, GOOD[2])]
        assert [entry["file"] for entry in entries] == paths
        assert ["error" in entry for entry in entries] == [False, False, True, False]
        assert entries[0]["arch"] == "H13"
        (alone,) = json.loads(cli(command, tree / "second" / "deep", "--json").out)
        assert alone == entries[3]


def test_text_of_several_files_names_each(cli, tree):
    info = cli("info", *(tree / name for name in GOOD))
    assert [line.split(": ")[0] for line in info.out.splitlines() if ": hwx, " in line] == [
        str(tree / name) for name in GOOD
    ]
    dump = cli("dump", *(tree / name for name in GOOD), "--task", 0)
    assert [line[:-1] for line in dump.out.splitlines() if line.endswith(".hwx:")] == [str(tree / n) for n in GOOD]


def test_processes_change_nothing(cli, tree):
    for command in ("info", "dump", "check"):
        assert cli(command, tree, "--jobs", 1) == cli(command, tree, "--jobs", 2)


def test_check_of_a_folder_tells_errors_from_what_cannot_be_read(cli, tree):
    done = cli("check", tree, "--json")
    assert done.code == 2
    assert [entry["readable"] for entry in json.loads(done.out)["files"]] == [True, True, False, True]
    (tree / BROKEN).unlink()
    assert cli("check", tree).code == 0
    alone = cli("check", "--json", tree / "first" / "notes.txt")
    assert (alone.code, one_line(alone.err)) == (2, True)
    assert json.loads(alone.out)["files"][0]["readable"] is False


def test_clean_and_anec_write_into_a_folder_and_do_not_read_it(cli, tmp_path):
    for name in H13_EXAMPLES:
        shutil.copy(example(name), tmp_path)
    for command, suffix in (("clean", ".hwx"), ("anec", ".anec")):
        for _ in range(2):
            assert cli(command, tmp_path, "-o", tmp_path / command).code == 0
            assert files_in(tmp_path / command) == sorted(f"{name}{suffix}" for name in H13_EXAMPLES)
        shutil.rmtree(tmp_path / command)


def test_several_files_need_a_folder(cli, tmp_path):
    (tmp_path / "file").write_text("")
    for output_name, words in ((tmp_path / "file", "several files go into a folder"), ("-", "standard output")):
        done = cli(*map(example, EXAMPLE_NAMES), "-o", output_name)
        assert (done.code, one_line(done.err), words in done.err) == (2, True, True)


def test_a_folder_that_is_a_core_ml_model_is_called_so(cli, tmp_path):
    (tmp_path / "net.mlmodelc").mkdir()
    done = cli("info", tmp_path / "net.mlmodelc")
    assert (done.code, one_line(done.err), "a compiled Core ML model" in done.err) == (2, True, True)


def test_few_small_files_start_no_processes(tree):
    few = batch.inputs([str(tree)])
    assert batch._processes(few, None, 64) == 1
    assert batch._processes(few, None, 4) == (os.cpu_count() or 1)
    assert batch._processes(few, 3, 64) == 3
    assert batch._processes(batch.inputs(["-", str(tree)]), 3, 64) == 1


def test_progress_is_shown_on_a_terminal_only(monkeypatch):
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    for stream, shown in ((Terminal(), True), (io.StringIO(), False)):
        monkeypatch.setattr(sys, "stderr", stream)
        with Progress() as progress:
            if progress._timer:
                progress._timer.cancel()
                progress._show()  # as after a second
            progress.count(1, 2)
            progress.pause()
        assert ("[" + "#" * 15 + "-" * 15 + "] 1/2 files" in stream.getvalue()) == shown
        assert bool(stream.getvalue()) == shown


def piped(arguments: list[object], data: bytes) -> subprocess.CompletedProcess:
    command = [sys.executable, "-m", "hwx2py", *map(str, arguments)]
    return subprocess.run(command, input=data, capture_output=True, check=False)


def test_every_command_reads_standard_input_and_writes_standard_output(cli, tmp_path):
    data = example("mul").read_bytes()
    script = piped(["-", "-o", "-"], data).stdout
    assert b"def task_0" in script
    assert piped(["assemble", "-", "--onto", example("mul"), "-o", "-"], script).stdout == data
    assert piped(["clean", "-", "-o", "-"], data).stdout[:4] == data[:4]
    assert piped(["anec", "-", "-o", "-"], data).stdout
    assert piped(["graph", "-", "-o", "-"], data).stdout.startswith(b"<svg")
    assert piped(["diff", "-", example("mul"), "-o", "-"], data).returncode == 0
    for command in ("info", "dump", "check", "cost"):
        assert piped([command, "-"], data).returncode == 0


def test_an_edited_script_is_not_written_over_without_force(cli, tmp_path):
    path = tmp_path / "mul.py"
    assert cli(example("mul"), "-o", path).code == 0
    assert cli(example("mul"), "-o", path).err == f"{path} is up to date: 1 task, 3 tensors\n"
    assert cli(example("mul"), "--clean", "-o", path).code == 0  # nobody has edited it
    edited = path.read_text().replace("Mul", "Max")
    path.write_text(edited)
    done = cli(example("mul"), "-o", path)
    assert (done.code, one_line(done.err), path.read_text() == edited) == (2, True, True)
    assert "was edited since hwx2py wrote it; --force" in done.err
    assert cli(example("mul"), "-o", path, "--force").code == 0
    assert path.read_text() == emitter.emit(loaded("mul")).text


WRITING = {
    "convert": (example("mul"), "-o"),
    "clean": ("clean", example("mul"), "-o"),
    "anec": ("anec", example("mul"), "-o"),
    "graph": ("graph", example("mul"), "-o"),
    "diff": ("diff", example("mul"), example("mul"), "-o"),
    "cost": ("cost", example("mul"), "--svg"),
    "net-options": ("net-options", "-o"),
}


@pytest.mark.parametrize("command", WRITING)
def test_what_somebody_else_made_is_not_written_over(cli, tmp_path, command):
    path = tmp_path / "file.svg"
    path.write_text("mine")
    done = cli(*WRITING[command], path)
    assert (done.code, path.read_text()) == (2, "mine")
    assert (
        done.err
        == f"hwx2py: {path}: exists, and hwx2py did not write it; --force writes over it, or give another name\n"
    )
    done = cli(*WRITING[command], path, "--force")
    assert (done.code, path.read_text(errors="replace") == "mine") == (0, False)
    assert f"wrote {path}: " in done.err
    if hasattr(os, "setxattr"):
        path.write_bytes(path.read_bytes() + b"x")
        done = cli(*WRITING[command], path)
        assert (done.code, "was edited since hwx2py wrote it" in done.err) == (2, True)


@pytest.mark.skipif(not hasattr(os, "setxattr"), reason="the file system's attributes tell whose a file is")
def test_what_hwx2py_wrote_is_written_over(cli, tmp_path):
    path = tmp_path / "out.anec"
    for name in H13_EXAMPLES:
        assert cli("anec", example(name), "-o", path).code == 0


def test_without_attributes_only_scripts_and_equal_files_are_known(cli, tmp_path, monkeypatch):
    monkeypatch.delattr(os, "setxattr", raising=False)
    monkeypatch.delattr(os, "getxattr", raising=False)
    for name in H13_EXAMPLES:
        assert cli(example(name), "-o", tmp_path / "s.py").code == 0
    assert cli("clean", example("mul"), "-o", tmp_path / "m.hwx").code == 0
    assert "is up to date" in cli("clean", example("mul"), "-o", tmp_path / "m.hwx").err
    assert cli("clean", example("chain"), "-o", tmp_path / "m.hwx").code == 2


def test_an_edited_file_of_a_batch_is_told_and_the_rest_written(cli, tree, tmp_path):
    (tree / BROKEN).unlink()
    cli(tree, "-o", tmp_path / "out")
    mine = tmp_path / "out" / "first" / "mul.py"
    mine.write_text(mine.read_text() + "# mine\n")
    done = cli(tree, "--clean", "-o", tmp_path / "out")
    assert (done.code, mine.read_text().endswith("# mine\n")) == (2, True)
    assert "1 of 3 files failed" in done.err
    assert "Pass kernel-dma" in (tmp_path / "out" / "second" / "deep" / "mul.py").read_text()


def test_a_script_that_is_converted_again_loses_nothing_in_silence(cli, tmp_path):
    path = tmp_path / "mul.py"
    path.write_text(emitter.emit(loaded("mul")).text)
    assert "note: " not in cli(path, "-o", tmp_path / "again.py").err
    path.write_text(path.read_text() + "# mine\n")
    assert f"note: {path} was edited: your comments" in cli(path, "-o", tmp_path / "third.py").err


def test_the_digest_is_of_all_other_lines():
    text = emitter.emit(loaded("mul")).text
    assert marks.is_signed(text.encode())
    assert not marks.is_signed(text.replace("Digest:   ", "Digest:   0", 1).encode())
    for number, line in enumerate(text.splitlines(keepends=True)):
        if not line.startswith("Digest: "):
            lines = text.splitlines(keepends=True)
            lines[number] = line[:-1] + " \n"
            assert not marks.is_signed("".join(lines).encode()), line
    assert not marks.is_signed(text.replace("\n", "\r\n").encode())


@pytest.fixture
def large(tmp_path):
    """Two programs whose coefficients go beside their scripts."""
    paths = []
    for name in ("one", "two"):
        program = loaded("mul")._replace(const=memoryview(os.urandom(70_000)))
        paths.append(tmp_path / f"{name}.hwx")
        paths[-1].write_bytes(b"".join(create(program, "test")))
    return paths


def test_coefficients_are_known_by_their_script(cli, tmp_path, large, monkeypatch):
    monkeypatch.delattr(os, "setxattr", raising=False)
    monkeypatch.delattr(os, "getxattr", raising=False)
    script, beside = tmp_path / "s.py", tmp_path / "s.coeff.bin"
    for path in large:
        assert cli(path, "-o", script).code == 0
    beside.write_bytes(bytes(70_000))
    before = script.read_bytes()
    done = cli(large[0], "-o", script)
    assert (done.code, str(beside) in done.err, script.read_bytes() == before) == (2, True, True)
    assert beside.read_bytes() == bytes(70_000)
    assert cli(large[0], "-o", script, "--force").code == 0


class Killed(BaseException):
    """Stands for a kill: nothing is cleaned up behind it."""


def test_a_kill_between_two_files_is_put_right_by_the_same_command(cli, tmp_path, large, monkeypatch):
    script, beside = tmp_path / "s.py", tmp_path / "s.coeff.bin"
    cli(large[0], "-o", script)
    old = script.read_bytes()
    rename = os.replace

    def killed(source, target):
        rename(source, target)
        raise Killed

    monkeypatch.setattr(os, "replace", killed)
    parts = emitter.emit(formats.load(str(large[1])).program)
    with pytest.raises(Killed):
        output.write_outputs([output.Output(str(beside), parts.sidecar, owner=str(script))])
    monkeypatch.undo()
    assert script.read_bytes() == old
    assert cli(large[1], "-o", script).code == 0
    assert beside.read_bytes() == b"".join(parts.sidecar)


@pytest.mark.parametrize("fails", [1, 2])
def test_a_full_disk_leaves_both_old_files(cli, tmp_path, large, monkeypatch, fails):
    script, beside = tmp_path / "s.py", tmp_path / "s.coeff.bin"
    cli(large[0], "-o", script)
    before = {path: path.read_bytes() for path in tmp_path.iterdir()}
    calls = []
    real = os.chmod

    def full(*arguments):
        calls.append(arguments)
        if len(calls) == fails:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return real(*arguments)

    monkeypatch.setattr(os, "chmod", full)
    done = cli(large[1], "-o", script)
    assert (done.code, "No space left on device" in done.err, one_line(done.err)) == (2, True, True)
    assert {path: path.read_bytes() for path in tmp_path.iterdir()} == before
    assert beside in before


def test_a_process_that_is_killed_leaves_a_whole_file(tmp_path):
    """Killed while it writes again and again, at moments that differ."""
    target = tmp_path / "t"
    code = (
        "import sys; from hwx2py.output import write_output\n"
        "while True:\n"
        "    for letter in b'ab': write_output(sys.argv[1], [bytes([letter]) * 300_000], force=True)\n"
        "    print(flush=True)"
    )
    for _ in range(3):
        process = subprocess.Popen([sys.executable, "-c", code, target], stdout=subprocess.PIPE)
        process.stdout.readline()
        process.send_signal(signal.SIGKILL)
        process.wait()
        process.stdout.close()
        content = target.read_bytes()
        assert (len(content), len(set(content))) == (300_000, 1)


def test_an_example_folder_is_a_batch(cli):
    done = cli("info", EXAMPLES, "--json")
    assert (done.code, len(json.loads(done.out))) == (0, len(list(EXAMPLES.glob("*.hwx"))))


def test_emulate_runs_a_folder_and_goes_on_after_a_bad_file(cli, tmp_path):
    for name in ("mul", "chain"):
        (tmp_path / f"{name}.hwx").write_bytes(example(name).read_bytes())
    (tmp_path / "bad.hwx").write_bytes(b"junk")
    done = cli("emulate", tmp_path, "--input", "b=1", "--jobs", "2")
    assert done.code == 2
    assert done.out.count("output[0]") == 2
    assert "bad.hwx" in done.err
    assert "1 of 3 files failed" in done.err


def test_emulate_of_several_writes_no_file(cli, tmp_path):
    done = cli("emulate", example("mul"), example("chain"), "--save", tmp_path / "x.npz")
    assert done.code == 2
    assert "--save names one file" in done.err
    assert not list(tmp_path.iterdir())


def without_root(*arguments: object, cwd) -> subprocess.CompletedProcess:
    """hwx2py in a process for which modes of files count, whoever runs the tests."""
    code = "from hwx2py.confinement import process\nprocess.give_up_privileges()\nfrom hwx2py.cli import main\nmain()\n"
    command = [sys.executable, "-c", code, *map(str, arguments)]
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False)


@pytest.fixture
def closed(tree):
    """A folder in a tree that cannot be searched."""
    folder = tree / "first"
    folder.chmod(0)
    yield folder
    folder.chmod(0o755)


def test_a_folder_that_cannot_be_searched_does_not_stop_the_others(tree, closed, tmp_path):
    done = without_root("in", "-o", "out", cwd=tmp_path)
    assert done.returncode == 2
    assert "hwx2py: in/first: cannot be read: Permission denied" in done.stderr.splitlines()
    assert done.stderr.splitlines()[-1] == "hwx2py: 2 of 3 files failed"
    assert files_in(tmp_path / "out") == ["second/deep/mul.py"]
    entries = json.loads(without_root("check", "in", "--json", cwd=tmp_path).stdout)["files"]
    assert [entry["readable"] for entry in entries] == [False, False, True]


def test_corpus_goes_round_a_folder_that_cannot_be_searched(cli, tree, closed, tmp_path):
    done = without_root("corpus", "in", "-o", "t", "--format", "jsonl", "--jobs", "1", cwd=tmp_path)
    assert (done.returncode, "in/first: cannot be read: Permission denied" in done.stderr) == (2, True)
    assert "1 programs" in done.stderr
    closed.chmod(0o755)
    done = without_root("corpus", "in", "-o", "t", "--format", "jsonl", "--jobs", "1", cwd=tmp_path)
    assert "in/first" not in done.stderr
    assert "2 programs, " in done.stderr
    rows = [line for path in (tmp_path / "t" / "unreadable").iterdir() for line in path.read_text().splitlines()]
    assert [json.loads(row)["file"] for row in rows] == ["in/second/broken.hwx"]
