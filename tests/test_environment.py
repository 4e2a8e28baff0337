"""Odd surroundings: closed streams, encodings without most characters, damaged arrays, children that crash."""

import struct
import subprocess
import sys

import numpy as np
import pytest
from conftest import example, loaded, one_line

from hwx2py import emitter
from hwx2py.formats.file import READ_BYTES

MUL = str(example("mul"))


def shell(line: str, **environment: str) -> subprocess.CompletedProcess:
    """A line of the shell; `$HW` is hwx2py."""
    command = f"{sys.executable} -c 'from hwx2py.cli import main; main()'"
    environment |= {"PATH": "/usr/bin:/bin"}
    line = line.replace("$HW", command)
    return subprocess.run(["sh", "-c", line], capture_output=True, text=True, env=environment, check=False)


@pytest.mark.parametrize(
    ("line", "code"),
    [
        (f"$HW info {MUL} >&-", 2),
        ("$HW info - <&-", 2),
        (f"$HW info {MUL} {MUL} 2>&-", 0),
        (f"$HW info {MUL} <&- 2>&-", 0),
        (f"$HW emulate {MUL} <&- 2>&-", 0),
    ],
)
def test_closed_streams(line, code):
    done = shell(line)
    assert (done.returncode, "Traceback" in done.stderr) == (code, False)
    assert code == 0 or one_line(done.stderr)


def test_encoding_that_has_few_characters(tmp_path):
    import hwx2py

    program = loaded("mul")
    tensors = tuple(t._replace(name="\u4e2d") if t.role == "output" else t for t in program.tensors)
    path = tmp_path / "named.hwx"
    hwx2py.save(hwx2py.Program(program._replace(tensors=tensors)), path)
    done = shell(f"$HW info {path}", PYTHONIOENCODING="latin-1")
    assert (done.returncode, "\\u4e2d" in done.stdout, done.stderr) == (0, True, "")


def npy(header: str, data: bytes = b"") -> bytes:
    encoded = header.encode()
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(encoded)) + encoded + data


HEADER = "{{'descr': {}, 'fortran_order': False, 'shape': {}}}\n"
ARRAYS = {
    "nested": npy("(" * 5000 + "\n"),
    "a huge number": npy(HEADER.format("'<f2'", "(" + "9" * 400 + ",)")),
    "fields": npy(HEADER.format("[('a','<f2')]", "(1,)"), b"\0\0"),
    "no header": b"\x93NUMPY\x01\x00\xff\xff{",
    "gigabytes that are not there": npy(HEADER.format("'<f2'", "(1, 4, 2, 1000000000)"), bytes(32768)),
    "text": npy(HEADER.format("'<U4'", "(1,)"), bytes(16)),
    "objects": npy(HEADER.format("'|O'", "(1,)"), bytes(16)),
    "empty": b"",
}


@pytest.mark.parametrize("name", ARRAYS)
def test_damaged_arrays_are_errors_in_a_line(cli, tmp_path, name):
    path = tmp_path / "x.npy"
    path.write_bytes(ARRAYS[name])
    done = cli("emulate", MUL, "--input", f"a={path}")
    assert (done.code, one_line(done.err)) == (2, True), done.err
    done = cli("weights", example("conv"), "--set", f"conv.weight={path}", "--into", tmp_path / "o.hwx")
    assert (done.code, one_line(done.err)) == (2, True), done.err


def test_children_that_crash_are_failed_files(cli, tmp_path):
    text = emitter.emit(loaded("mul")).text
    place = text.rindex('if __name__ == "__main__":')
    codes = {"good": "", "crash": "sys.exit('crashed')", "killed": "os.kill(os.getpid(), 9)",
             "bytes": "sys.stdout.buffer.write(b'\\xff\\n')"}  # fmt: skip
    for name, code in codes.items():
        tmp_path.joinpath(f"{name}.py").write_text(f"{text[:place]}{code}\n\n\n{text[place:]}")
    done = cli("emulate", *(tmp_path / f"{name}.py" for name in codes))
    assert (done.code, done.err.splitlines()[-1]) == (2, "hwx2py: 2 of 4 files failed")
    assert done.out.count("output[0] = 6.0") == 2
    assert "Traceback" not in done.err


def test_files_with_names_like_options(cli, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("-x.hwx", "--force.hwx"):
        tmp_path.joinpath(name).write_bytes(example("mul").read_bytes())
    assert cli("--", "-x.hwx").code == 0  # as `convert`, which is the default
    done = cli("emulate", "--", "-x.hwx", "--force.hwx")
    assert (done.code, done.out.count("output[0] = 6.0")) == (0, 2)


def test_an_empty_log_is_begun_anew(cli, tmp_path):
    log = tmp_path / "b.log"
    log.write_text("")
    done = cli("bisect", MUL, example("add"), "--log", log)
    assert "not the log of a bisection" not in done.err


SLOW = (
    "import sys, time\n"
    "from hwx2py.tables import Store\n"
    "plain = Store.remove_unfinished\n"
    "def slow(self):\n"
    "    plain(self)\n"
    "    print('prepared', flush=True)\n"
    "    time.sleep(1.5)\n"
    "Store.remove_unfinished = slow\n"
    "from hwx2py.cli import main\n"
    "main(['corpus', 'two', '-o', 'table', '--format', 'jsonl', '--jobs', '1'])\n"
)


def test_two_runs_into_one_table_wait_for_each_other(cli, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for folder, name in (("one", "mul"), ("two", "add")):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / f"{name}.hwx").write_bytes(example(name).read_bytes())
    slow = subprocess.Popen([sys.executable, "-c", SLOW], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert slow.stdout.readline()
    assert cli("corpus", "one", "-o", "table", "--format", "jsonl", "--jobs", "1").code == 0
    assert (slow.communicate() and slow.returncode) == 0
    assert "2 programs stood already" in cli("corpus", "one", "two", "-o", "table", "--format", "jsonl").err


def test_a_sweep_does_not_go_on_with_other_inputs(cli, tmp_path, monkeypatch):
    import numpy as np

    monkeypatch.chdir(tmp_path)
    arguments = ["sweep", MUL, "--vary", "PE.BiasScale.Scale=1.0,2.0", "--input", "a=in.npy", "-o", "table",
                 "--format", "jsonl", "--jobs", "1"]  # fmt: skip
    np.save("in.npy", np.full((1, 4, 2, 16), 2, np.float16))
    assert cli(*arguments).code == 0
    assert "2 points stood already" in cli(*arguments).err
    np.save("in.npy", np.full((1, 4, 2, 16), 9, np.float16))
    done = cli(*arguments)
    assert (done.code, "holds another sweep" in done.err) == (2, True)


def test_rows_of_deleted_files_go(cli, tmp_path, monkeypatch):
    import json

    monkeypatch.chdir(tmp_path)
    for folder in ("one", "two"):
        (tmp_path / folder).mkdir()
        for name in ("mul", "add"):
            (tmp_path / folder / f"{name}.hwx").write_bytes(example(name).read_bytes())
    corpus = ["corpus", "-o", "table", "--format", "jsonl", "--jobs", "1"]
    assert cli(*corpus, "one", "two").code == 0
    for folder in ("one", "two"):
        (tmp_path / folder / "mul.hwx").unlink()
    assert cli(*corpus, "one").code == 0
    rows = [
        json.loads(line)["file"] for part in tmp_path.glob("table/programs/*") for line in part.read_text().splitlines()
    ]
    assert sorted(rows) == ["one/add.hwx", "two/add.hwx", "two/mul.hwx"]


def test_a_file_that_is_cut_while_it_is_read_ends_no_process(tmp_path):
    from hwx2py import formats

    path = tmp_path / "mul.hwx"
    path.write_bytes(example("mul").read_bytes())
    data = formats.map_file(str(path))
    path.write_bytes(b"")
    assert bytes(data) == example("mul").read_bytes()


@pytest.mark.parametrize("whole", [False, True])
def test_an_input_that_is_cut_while_it_is_read_ends_with_a_line(tmp_path, whole):
    path = tmp_path / "large.bin"
    path.write_bytes(bytes(READ_BYTES + 8192))
    code = (
        "import os, sys\n"
        "from hwx2py.formats import map_file\n"
        "data = map_file(sys.argv[1])\n"
        f"os.truncate(sys.argv[1], {8192 if whole else 4096})\n"
        "print(sum(data[:4096]), flush=True)\n"
        f"print(bytes(data[4096:8192]) == bytes(4096) and {whole} or bytes(data))\n"
    )
    done = subprocess.run([sys.executable, "-c", code, str(path)], capture_output=True, text=True, check=False)
    expected = (0, "0\nTrue\n", "") if whole else (
        2, "0\n", f"hwx2py: {path}: was cut while it was read; run it again\n")  # fmt: skip
    assert (done.returncode, done.stdout, done.stderr) == expected


def test_archives_of_what_are_no_numbers_are_refused(cli, tmp_path):
    shape = loaded("mul").inputs[0].shape
    for array in (
        np.full(shape, "1"),
        np.full(shape, b"1"),
        np.zeros(shape, complex),
        np.zeros(shape, "datetime64[s]"),
    ):
        path = tmp_path / "inputs.npz"
        np.savez(path, a=array)
        done = cli("emulate", example("mul"), "--input", path)
        assert (done.code, one_line(done.err)) == (2, True), array.dtype
        assert f"holds {array.dtype}, which are not numbers" in done.err
