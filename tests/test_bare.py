"""Bare streams in every command: tensors by `--tensor`, lists of words, and what is said where there are none."""

import pytest
from conftest import example, loaded, one_line

import hwx2py
from hwx2py import formats
from hwx2py.errors import UsageError
from hwx2py.formats.raw import buffer
from hwx2py.program.program import Scratch
from hwx2py.registers import by_name

TENSORS = [
    f"--tensor={tensor.name}={tensor.role}:{tensor.bar}:{'x'.join(map(str, tensor.shape))}"
    for tensor in loaded("mul").tensors
]


@pytest.fixture
def stream(tmp_path):
    path = tmp_path / "mul.bin"
    path.write_bytes(bytes(loaded("mul").text.to_bytes()))
    return path


def test_tensors_are_those_of_the_file(stream):
    given = [option.removeprefix("--tensor=") for option in TENSORS]
    program = formats.load(str(stream), raw=by_name("H13"), tensors=given).program
    assert program.tensors == loaded("mul").tensors
    assert program.text.to_bytes() == loaded("mul").text.to_bytes()


def test_commands_run_a_bare_stream(cli, stream, tmp_path):
    done = cli("emulate", stream, "--raw", "H13", *TENSORS, "--save", tmp_path / "o.npz")
    assert (done.code, "output[0] = 6.0" in done.out) == (0, True)
    for command in ("weights", "cost", "check", "info", "dump"):
        assert cli(command, stream, "--raw", "H13", *TENSORS).code in (0, 1)
    script = tmp_path / "mul.py"
    assert cli("convert", stream, "--raw", "H13", *TENSORS, "-o", script).code == 0
    assert "output[0] = 6.0" in cli("emulate", script).out


def test_a_stream_without_tensors_says_what_to_fill_in(cli, stream, tmp_path):
    script = tmp_path / "mul.py"
    assert cli("convert", stream, "--raw", "H13", "-o", script).code == 0
    assert "fill in a Tensor(" in script.read_text()
    assert "--tensor NAME=ROLE:BAR:NxCxHxW" in " ".join(script.read_text().split())


def test_a_list_of_words_is_read(cli, stream, tmp_path):
    words = memoryview(stream.read_bytes()).cast("I")
    for text in (
        f"[{', '.join(f'{word:#x}' for word in words)}]",
        f"words = [\n    {', '.join(map(str, words))},\n]\n",
    ):
        path = tmp_path / "words.txt"
        path.write_text(text)
        program = formats.load(str(path), raw=by_name("H13")).program
        assert program.text.to_bytes() == loaded("mul").text.to_bytes()
    path.write_text("[0x1ffffffff]")
    assert one_line(cli("info", path, "--raw", "H13").err)


@pytest.mark.parametrize("text", [":", "::", "[", "[]", "[0x1,, 0x2]", "*", "| |", "0x", "a:"])
def test_odd_texts_are_errors_in_a_line(cli, tmp_path, text):
    path = tmp_path / "odd.txt"
    path.write_text(text)
    done = cli("info", path, "--raw", "H13")
    assert (done.code, one_line(done.err)) == (2, True)


def test_descriptions_of_buffers():
    assert buffer("s=scratch:3:1x1x1x8") == Scratch(3, 64, "s")
    tensor = buffer("a=b=output:7:2x3x4x33")
    assert (tensor.name, tensor.strides, tensor.size_bytes) == ("a=b", (1536, 512, 128, 2), 3072)


@pytest.mark.parametrize(
    "option", ["", "x", "x=input:4", "x=in:4:1x1x1x1", "x=input:4:0x1x1x1", "x=input:4:1x1x1",
               "x=input:4:1x1x1x9999999999", "x=input:4:99999x99999x99999x9"])  # fmt: skip
def test_descriptions_that_are_none(option):
    with pytest.raises(UsageError, match="--tensor"):
        buffer(option)


@pytest.mark.parametrize("more", [["--tensor=z=input:4:1x1x1x1"], ["--tensor=a=input:9:1x1x1x1"],
                                  ["--tensor=z=input:0:1x1x1x1"],
                                  ["--tensor=s=scratch:8:1x1x1x1", "--tensor=t=scratch:9:1x1x1x1"]])  # fmt: skip
def test_tensors_that_contradict_each_other(cli, stream, more):
    assert one_line(cli("info", stream, "--raw", "H13", *TENSORS, *more).err)


def test_tensors_belong_to_bare_streams(cli):
    assert one_line(cli("info", example("mul"), *TENSORS).err)


def test_rules_of_registers_run_and_those_left_out_are_named(cli, tmp_path):
    program = loaded("conv")
    first = program.arch.address("KernelDMASrc.CoeffBfrSize")
    task = program.tasks[0]
    sizes = {w.index: w.value + 0x40 for w in task.writes() if w.value and first <= w.address < first + 64}
    path = tmp_path / "large.bin"
    path.write_bytes(bytes(program.with_tasks([task.with_words(sizes)]).text.to_bytes()))
    buffers = [f"--tensor={t.name}={t.role}:{t.bar}:{'x'.join(map(str, t.shape))}" for t in program.tensors]
    for more, named in (([], "unbound-bar"), (buffers, "kernel-outside")):
        done = cli("check", path, "--raw", "H13", *more)
        assert (done.code, "kernel-dma-larger" in done.out, named in done.err) == (1, True, True)
        assert "kernel-outside" not in done.out


def test_commands_that_write_take_a_bare_stream(cli, stream, tmp_path):
    raw = ("--raw", "H13", *TENSORS)
    cleaned, other = tmp_path / "clean.bin", tmp_path / "add.bin"
    assert cli("graph", stream, *raw, "-o", tmp_path / "g.svg").code == 0
    assert cli("anec", stream, *raw, "-o", tmp_path / "x.anec").code == 0
    assert "output[0] = 6.0" in cli("emulate", tmp_path / "x.anec").out
    assert cli("clean", stream, *raw, "-o", cleaned).code == 0
    assert cleaned.read_bytes() != stream.read_bytes()
    assert "output[0] = 6.0" in cli("emulate", cleaned, *raw).out
    program = hwx2py.load(str(example("mul"))).program
    other.write_bytes(program.with_task(0, program.tasks[0].with_("PE.Cfg", OpMode="Add")).content.text.to_bytes())
    done = cli("bisect", stream, other, *raw)
    assert (done.code, done.out.splitlines()) == (0, ["task 0: PE.Cfg 0x80004 -> 0x80000, OpMode Mul -> Add"])
    done = cli("bisect", stream, other, "--raw", "H13", "--test", f"cmp {stream} {{}}")
    assert (done.code, "OpMode Mul -> Add" in done.out) == (0, True)


@pytest.mark.parametrize(
    "command", [["sweep", "--vary", "PE.Cfg.OpMode=Add", "-o", "t"], ["corpus", "-o", "t"], ["net-options"]]
)
def test_commands_that_cannot_say_why(cli, stream, command):
    done = cli(*command, stream, "--raw", "H13")
    assert (done.code, one_line(done.err), "--raw is not for this command: " in done.err) == (2, True, True)
