"""The command line: what every command promises, errors in one line, outputs whole or not at all."""

import json
import os
import re
import subprocess
import sys

import pytest
from conftest import EXAMPLE_NAMES, ROOT, example, loaded, one_line

from hwx2py import cli as command_line
from hwx2py import emitter, formats
from hwx2py.cli.options import PASS_NAMES
from hwx2py.formats.hwx.create import create
from hwx2py.passes import PASSES


@pytest.mark.parametrize("name", command_line.COMMANDS)
def test_every_command_has_help_with_an_example(cli, name):
    for flag in ("-h", "--help"):
        done = cli(name, flag)
        assert done.code == 0
        assert f"Example: hwx2py {'' if name == 'convert' else name}".rstrip() in done.out


def test_help_lists_every_command(cli):
    out = cli("--help").out
    for name, line in command_line.COMMANDS.items():
        assert name in out
        assert line in out


def test_file_name_alone_converts(cli, tmp_path):
    done = cli(example("mul"), "-o", tmp_path / "m.py")
    assert (done.code, done.out, done.err) == (0, "", f"wrote {tmp_path / 'm.py'}: 1 task, 3 tensors\n")
    assert (tmp_path / "m.py").read_text() == cli("convert", example("mul"), "-o", "-").out


def test_default_output_is_in_the_folder_out(cli, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert cli(example("mul")).code == 0
    assert os.listdir("out") == ["mul.py"]


def test_batch_into_a_folder(cli, tmp_path):
    done = cli(*map(example, EXAMPLE_NAMES), "-o", tmp_path / "made")
    assert done.code == 0
    assert sorted(os.listdir(tmp_path / "made")) == sorted(f"{name}.py" for name in EXAMPLE_NAMES)
    done = cli(example("mul"), example("mul"), "-o", tmp_path / "made")
    assert (done.code, "two inputs would be written to it" in done.err) == (2, True)


def test_passes_run_by_name_and_are_reported(cli, tmp_path):
    done = cli(example("mul"), "--clean", "--skip", "neural-engine", "--pass", "noise", "-o", tmp_path / "m.py")
    assert done.code == 0
    assert "Pass kernel-dma: 16 words of 1 task changed" in done.err
    assert "neural-engine" not in done.err
    assert "Pass noise: 0 words of 0 tasks changed" in done.err
    text = (tmp_path / "m.py").read_text()
    assert "Pass kernel-dma: 16 words changed in task 0" in text
    assert "Pass noise" not in text
    assert one_line(cli(example("mul"), "--pass", "bogus", "-o", "-").err)


def test_coefficients_of_stdout_stay_inline(cli, tmp_path):
    program = loaded("mul")._replace(const=memoryview(os.urandom(70_000)))
    path = tmp_path / "big.hwx"
    path.write_bytes(b"".join(create(program, "test")))
    out = cli(path, "-o", "-").out
    (tmp_path / "big.py").write_text(out)
    assert bytes(formats.load(str(tmp_path / "big.py")).program.const) == bytes(program.const)
    assert cli(path, "-o", tmp_path / "other.py").code == 0
    assert (tmp_path / "other.coeff.bin").read_bytes() == bytes(program.const)
    assert "coeff.bin" not in (tmp_path / "other.py").read_text().replace('".coeff.bin"', "")


def test_info_as_json(cli):
    data = json.loads(cli("info", example("chain"), "--json").out)
    assert data["arch"] == "H13"
    assert data["compiler"].startswith("hwx2py v")
    assert len(data["tasks"]) == 2
    assert data["tensors"][0] == {
        "name": "a",
        "role": "input",
        "bar": 5,
        "further_bars": [],
        "shape": [1, 2, 1, 32],
        "strides_bytes": [128, 64, 64, 2],
        "dtype": "float16",
        "size_bytes": 128,
    }
    scratch = data["tensors"][-1]
    assert (scratch["name"], scratch["role"], scratch["bar"]) == ("scratch", "scratch", 3)
    assert scratch["shape"] is scratch["strides_bytes"] is scratch["dtype"] is None


def test_info_as_text(cli):
    out = cli("info", example("chain")).out
    assert "y = table of mode 0x1 of scratch" in out
    for words in ("H13 (A14", "BAR 5", "task", "__TEXT,__text", "coefficients  0x80 bytes"):
        assert words in out


def test_info_breaks_no_compiler_flag_in_two(cli, tmp_path):
    flags = [f"--enable-some-long-{number}-of-the-compiler=false" for number in range(9)]
    path = tmp_path / "flags.hwx"
    path.write_bytes(b"".join(create(loaded("mul"), "\n".join(["test", *flags]))))
    assert [word for word in cli("info", path).out.split() if word.startswith("--")] == flags


def test_dump_names_every_register(cli):
    data = json.loads(cli("dump", example("mul"), "--json").out)
    (task,) = data["tasks"]
    assert len(task["header"]) == 10
    assert len(task["writes"]) == 140
    chosen = next(row for row in task["writes"] if row["register"] == "PE.Cfg")
    assert chosen["fields"]["OpMode"] == "Mul"
    residue = next(row for row in task["writes"] if row["register"] == "TileDMASrc.Unk13840")
    assert residue["unnamed_bits"] == 0x100
    assert task["header"][8]["buffers"] == {"RBase0": "a", "RBase1": "b", "WBase": "y"}


def test_dump_of_one_task(cli):
    assert cli("dump", example("chain"), "--task", "1").out.startswith("task 1 at 0x300")
    done = cli("dump", example("chain"), "--task", "2")
    assert (done.code, one_line(done.err)) == (2, True)


def test_unnamed_bits_are_shown(cli):
    assert "TileDMASrc.Unk13840" in cli("dump", example("mul")).out
    assert "unnamed bits 0x100" in cli("dump", example("mul")).out


BAD = {
    "no such file": lambda t: ("nothing.hwx",),
    "a folder without programs": lambda t: (ROOT / "docs", "-o", t / "made"),
    "an empty file": lambda t: (t / "empty",),
    "something else": lambda t: (ROOT / "README.md",),
    "saved over the program": lambda t: ("emulate", t / "copy.hwx", "--save", t / "copy.hwx"),
    "traced over the program": lambda t: ("emulate", t / "copy.hwx", f"--trace={t / 'copy.hwx'}"),
    "saved over an input": lambda t: ("emulate", example("mul"), "--input", f"a={t / 'empty'}", "--save", t / "empty"),
    "a cut .anec": lambda t: ("info", t / "cut.anec"),
    "a pass to skip that is none": lambda t: (example("mul"), "--skip", "nope", "-o", t / "s.py"),
    "arch of a script": lambda t: ("info", t / "mul.py", "--arch", "H16"),
    "arch of an .anec": lambda t: ("dump", t / "cut.anec", "--arch", "H16"),
    "a pass left out of nothing": lambda t: (example("mul"), "--skip", "kernel-dma", "-o", t / "s.py"),
    "no such script": lambda t: ("emulate", t / "nothing.py"),
    "no such folder": lambda t: (example("mul"), "-o", t / "a" / "b" / "c.py"),
    "an input": lambda t: (t / "copy.hwx", "-o", t / "copy.hwx"),
    "unknown architecture": lambda t: (t / "odd.hwx",),
    "unknown option": lambda t: ("info", "--bogus", example("mul")),
    "missing argument": lambda t: ("info",),
    "no pass": lambda t: (example("mul"), "--pass", "x"),
    "arch by a wrong name": lambda t: ("info", example("mul"), "--arch", "H99"),
    "arch by name only": lambda t: ("info", example("mul"), "--arch", "H12"),
    "arch that does not fit": lambda t: ("info", example("mul"), "--arch", "H16"),
    "picture of another kind": lambda t: ("graph", example("mul"), "-o", t / "p.png"),
    "diff with nothing": lambda t: ("diff", example("mul"), "nothing.hwx"),
    "anec for another chip": lambda t: ("anec", example("add16"), "-o", t / "x.anec"),
    "assemble no script": lambda t: ("assemble", example("mul"), "--onto", example("mul"), "-o", t / "x.hwx"),
}


@pytest.mark.parametrize("what", BAD)
def test_bad_input_is_one_line_exit_2_and_nothing_written(cli, tmp_path, what):
    (tmp_path / "empty").write_bytes(b"")
    (tmp_path / "copy.hwx").write_bytes(example("mul").read_bytes())
    data = bytearray(example("mul").read_bytes())
    data[8] = 99
    (tmp_path / "odd.hwx").write_bytes(bytes(data))
    (tmp_path / "mul.py").write_text(emitter.emit(loaded("mul")).text)
    (tmp_path / "cut.anec").write_bytes((0x4280).to_bytes(8, "little") + bytes(0x4000))
    before = {path: path.read_bytes() for path in tmp_path.iterdir()}
    done = cli(*BAD[what](tmp_path))
    assert (done.code, done.out) == (2, "")
    assert one_line(done.err), done.err
    assert {path: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_errors_name_file_place_and_next_step(cli, tmp_path):
    data = bytearray(example("mul").read_bytes())
    data[8] = 99
    path = tmp_path / "odd.hwx"
    path.write_bytes(bytes(data))
    err = cli(path, "-o", "-").err
    assert err.startswith(f"hwx2py: {path}: header: unknown cpusubtype 99 (known: 1, 2, ")
    assert err.rstrip().endswith("`hwx2py archs` lists what works")


def test_another_architecture_is_said_wherever_it_is_used(cli, tmp_path):
    note = "read as H17; the header says cpusubtype 7"
    path, picture, script = example("add16"), tmp_path / "p.svg", tmp_path / "s.py"
    assert f"note: {note}" in cli("dump", path, "--arch", "H17").out
    assert json.loads(cli("dump", path, "--arch", "H17", "--json").out)["notes"] == [note]
    assert note in cli("info", path, "--arch", "H17").out
    assert f"note: {note}" in cli("graph", path, "--arch", "H17", "-o", picture).err
    cli("convert", path, "--arch", "H17", "-o", script)
    assert note in cli("info", script).out


def test_cut_anec_is_told_as_one(cli, tmp_path):
    cli("anec", example("mul"), "-o", tmp_path / "m.anec")
    (tmp_path / "mul.py").write_text(emitter.emit(loaded("mul")).text)
    (tmp_path / "cut.anec").write_bytes((tmp_path / "m.anec").read_bytes()[:-4])
    assert "no .anec file (its size field does not fit its length)" in cli("info", tmp_path / "cut.anec").err


def test_without_arguments_there_is_help(cli):
    done = cli()
    assert (done.code, done.out) == (2, "")
    assert re.search(r"experiment +Questions to a real chip", done.err)


def run_command(*arguments: object, **how) -> subprocess.CompletedProcess:
    command = [sys.executable, "-c", "from hwx2py.cli import main; main()", *map(str, arguments)]
    return subprocess.run(command, stderr=subprocess.PIPE, text=True, **how)


def test_output_that_nobody_reads_ends_quietly():
    reading, writing = os.pipe()
    os.close(reading)
    with open(writing, "w") as closed:
        done = run_command("dump", example("mul"), stdout=closed)
    assert (done.returncode, done.stderr) == (0, "")


def test_full_output_is_one_line():
    with open("/dev/full", "w") as full:
        done = run_command("info", example("mul"), stdout=full)
    assert (done.returncode, done.stderr) == (2, "hwx2py: standard output: No space left on device\n")


def test_mistyped_command_gets_a_hint(cli):
    assert "did you mean the command `info`?" in cli("inof", example("mul")).err


def test_output_that_is_a_folder_is_refused(cli, tmp_path):
    done = cli("clean", example("mul"), "-o", tmp_path)
    assert (done.code, "is a directory" in done.err, one_line(done.err.splitlines()[-1])) == (2, True, True)


def test_a_failed_write_leaves_nothing_behind(cli, tmp_path, monkeypatch):
    def fail(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", fail)
    done = cli(example("mul"), "-o", tmp_path / "m.py")
    assert (done.code, "No space left on device" in done.err) == (2, True)
    assert not list(tmp_path.iterdir())


def test_names_with_odd_characters_do_not_reach_the_terminal(cli, tmp_path):
    program = loaded("mul")
    odd = program.tensors[0]._replace(name='a\x1b[31m"\n')
    path = tmp_path / "odd.hwx"
    path.write_bytes(b"".join(create(program._replace(tensors=(odd, *program.tensors[1:])), "test")))
    for arguments in (("info", path), ("dump", path), ("diff", path, example("mul")), ("emulate", path, "--trace")):
        done = cli(*arguments)
        assert "\x1b" not in done.out + done.err
    assert cli(path, "-o", tmp_path / "odd.py").code == 0
    assert formats.load(str(tmp_path / "odd.py")).program.tensors[0].name == odd.name


def test_archs_lists_all_of_them(cli):
    out = cli("archs").out
    rows = [line.split()[0] for line in out.partition("\n\n")[0].splitlines()[1:]]
    assert rows == ["H11", "H13", "H14", "H15", "H16", "H17", "H18", "H19"]
    for number, name, version in ((2, "T0", 4), (3, "H12", 6), (8, "M11", 10), (17, "M12", 26)):
        assert f"cpusubtype {number:<3} {name}, descriptor version {version}" in out


def test_passes_gives_reasons(cli):
    out = cli("passes").out
    for words in ("kernel-dma  (in --clean, H13 only)", "noise  (asked for with --pass)", "Why: "):
        assert words in out


def test_graph_writes_both_kinds(cli, tmp_path):
    assert cli("graph", example("chain"), "-o", tmp_path / "g.svg").code == 0
    assert (tmp_path / "g.svg").read_text().startswith("<svg")
    assert cli("graph", example("chain"), "-o", tmp_path / "g.dot").code == 0
    assert (tmp_path / "g.dot").read_text().startswith("digraph")


@pytest.mark.parametrize(
    ("name", "names"),
    [
        ("outdim", ["Common.OutDim"]),
        ("PE", ["PE.Cfg", "PE.BiasScale", "PE.PreScale", "PE.FinalScale"]),
        ("PE.OpMode", ["PE.Cfg"]),
        ("PixelOffset[1]", ["TileDMASrc.PixelOffset[1]"]),
        ("0x13854", ["TileDMASrc.PixelOffset[1]"]),
        ("PixelOffset", [f"TileDMASrc.PixelOffset[{index}]" for index in range(4)]),
        ("W8", ["Header.W8"]),
    ],
)
def test_dump_of_some_registers(cli, name, names):
    done = cli("dump", example("conv"), "--register", name, "--json")
    (task,) = json.loads(done.out)["tasks"]
    assert [row["register"] for row in task["header"] + task["writes"]] == names


@pytest.mark.parametrize(
    ("name", "words"),
    [("Foo", "nothing named Foo"), ("PixelOffset[9]", "has no PixelOffset[9]"), ("0x3fff0", "no register at")],
)
def test_dump_of_a_register_that_is_none(cli, name, words):
    done = cli("dump", example("conv"), "--register", name)
    assert done.code == 2
    assert words in done.err
    assert not done.out


def test_passes_in_help_are_those_of_the_table(cli):
    assert ", ".join(one.name for one in PASSES) == PASS_NAMES
    for command in ("convert", "clean"):
        assert "noise" in cli(command, "--help").out
    done = cli("convert", example("mul"), "-o", "-", "--pass", "noise", "--skip", "noise")
    assert (done.code, "contradict each other" in done.err) == (2, True)
