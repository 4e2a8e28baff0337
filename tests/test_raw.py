"""Bare task streams: in binary, and in every hex text that people paste."""

import shutil
import subprocess
import sys

import pytest
from conftest import loaded, one_line

from hwx2py import formats
from hwx2py.errors import StreamError
from hwx2py.formats.hexdump import readings
from hwx2py.formats.raw import load_raw
from hwx2py.listing import words
from hwx2py.registers import by_name


def words_of(data: bytes) -> list[int]:
    return [int.from_bytes(data[start : start + 4], "little") for start in range(0, len(data), 4)]


def rows_of(data: bytes, size_bytes: int = 16) -> list[tuple[int, bytes]]:
    return [(start, data[start : start + size_bytes]) for start in range(0, len(data), size_bytes)]


def characters(row: bytes) -> str:
    return "".join(chr(byte) if 32 <= byte < 127 else "." for byte in row)


def hexdump_c(data: bytes) -> str:
    """As `hexdump -C` prints it, repeated rows elided."""
    lines, previous, elided = [], None, False
    for start, row in rows_of(data):
        if row == previous and start + 16 < len(data):
            lines += [] if elided else ["*"]
            elided = True
            continue
        previous, elided = row, False
        lines.append(f"{start:08x}  {row[:8].hex(' ')}  {row[8:].hex(' ')}  |{characters(row)}|")
    return "\n".join([*lines, f"{len(data):08x}"])


TEXTS = {
    "hexdump -C": hexdump_c,
    "xxd": lambda d: "\n".join(
        f"{start:08x}: {' '.join(row[i : i + 2].hex() for i in range(0, len(row), 2)):<39}  {characters(row)}"
        for start, row in rows_of(d)
    ),
    "xxd -p": lambda d: "\n".join(row.hex() for _, row in rows_of(d, 30)),
    "od -tx4": lambda d: "\n".join(
        f"{start:07o} " + " ".join(f"{word:08x}" for word in words_of(row)) for start, row in rows_of(d)
    ),
    "hexdump": lambda d: "\n".join(
        f"{start:07x} " + " ".join(f"{int.from_bytes(row[i : i + 2], 'little'):04x}" for i in range(0, len(row), 2))
        for start, row in rows_of(d)
    ),
    "dmesg": lambda d: "\n".join(
        f"[   12.34567{n % 10}] ane 26a000000.ane: td: {start:08x}: "
        + " ".join(f"{word:08x}" for word in words_of(row))
        for n, (start, row) in enumerate(rows_of(d))
    ),
    "a C array": lambda d: "\n".join(
        ", ".join(f"0x{word:08x}" for word in words_of(row)) + "," for _, row in rows_of(d)
    ),
    "a word a line": lambda d: "\n".join(f"{word:08x}" for word in words_of(d)),
    "bytes": lambda d: d.hex(" "),
}


@pytest.mark.parametrize("how", TEXTS)
@pytest.mark.parametrize("name", ["mul", "chain", "add16"])
def test_hex_text_is_the_stream_that_it_shows(how, name):
    program = loaded(name)
    data = program.text.to_bytes()
    file = load_raw(memoryview(TEXTS[how](data).encode()), "td.txt", program.arch)
    assert file.container is None
    assert file.program.text.to_bytes() == data
    assert file.program.tasks == program.tasks
    assert file.program.tensors == ()


@pytest.mark.parametrize("name", ["mul", "chain", "add16"])
def test_binary_stream_needs_no_sizes(name):
    program = loaded(name)
    text = load_raw(memoryview(program.text.to_bytes()), "td.bin", program.arch).program.text
    assert text == program.text


def test_stream_without_a_frame_is_read_too():
    program = loaded("add16")
    data = program.text.to_bytes()[16:]
    text = load_raw(memoryview(data), "td.bin", program.arch).program.text
    assert (text.frame, text.to_bytes()) == (b"", data)
    assert [task.words for task in text.tasks] == [task.words for task in program.tasks]


def test_zeros_behind_the_first_task_are_no_part_of_it():
    data = loaded("mul").text.to_bytes()
    text = load_raw(memoryview(data + bytes(64)), "td.bin", by_name("h13")).program.text
    assert text.tasks[0].size_bytes == len(data)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (b"", "the stream is empty"),
        (b"# nothing\n", "no hex numbers"),
        (b"00680000 zz\n", "'zz' is not a hex number"),
        (b"00680000 00000001\n*\n", "whose number nothing tells"),
        (b"0 0 0 0", "outside the text|no task"),
    ],
)
def test_text_that_is_no_dump_is_refused(text, words):
    with pytest.raises(StreamError, match=words):
        load_raw(memoryview(text), "td.txt", by_name("H16"))


def test_a_star_for_too_many_rows_is_refused():
    text = b"00000000  00 00\n*\n7ffffffe  00 00\n"
    with pytest.raises(StreamError, match="too many rows"):
        list(readings(text))


def test_commands_take_raw_streams(cli, tmp_path):
    path = tmp_path / "td.txt"
    path.write_text(TEXTS["dmesg"](loaded("mul").text.to_bytes()))
    info = cli("info", path, "--raw", "h13")
    assert (info.code, " * " in info.out) == (0, True)
    assert "read as 32-bit words" in info.out
    assert cli("dump", path, "--raw", "H13").code == 0
    assert cli("diff", path, path, "--raw", "H13").code == 0
    assert cli(path, "--raw", "H13", "-o", tmp_path / "s.py").code == 0
    assert formats.load(str(tmp_path / "s.py")).program.text == loaded("mul").text
    refused = cli("info", path)
    assert (refused.code, one_line(refused.err), "name its architecture with --raw" in refused.err) == (2, True, True)
    assert cli("info", path, "--raw", "H13", "--arch", "H14").code == 2
    assert "M11 is known by name only" in cli("info", path, "--raw", "m11").err


def test_standard_input_is_a_file():
    data = loaded("mul").origin.data
    command = [sys.executable, "-c", "from hwx2py.cli import main; main()"]
    done = subprocess.run([*command, "info", "-"], input=bytes(data), capture_output=True, check=False)
    assert (done.returncode, b"stdin: hwx" in done.stdout) == (0, True)
    script = subprocess.run([*command, "-", "-o", "-"], input=bytes(data), capture_output=True, check=False).stdout
    again = subprocess.run([*command, "info", "-"], input=script, capture_output=True, check=False)
    assert (again.returncode, b"stdin: script" in again.stdout) == (0, True)
    cleaned = subprocess.run([*command, "clean", "-", "-o", "-"], input=bytes(data), capture_output=True, check=False)
    assert (cleaned.returncode, len(cleaned.stdout)) == (0, len(data))
    bad = subprocess.run([*command, "info", "-"], input=b"\x7fELF....", capture_output=True, check=False)
    assert bad.stderr.startswith(b"hwx2py: standard input: this is an ELF binary")


@pytest.mark.parametrize("form", ["words", "c"])
def test_dump_as_numbers_is_read_back_by_raw(form, cli, tmp_path):
    for name in ("mul", "chain", "conv"):
        path = tmp_path / f"{name}.txt"
        path.write_text(cli("dump", f"examples/{name}.hwx", "--format", form).out)
        program = formats.load(str(path), raw=by_name("H13")).program
        assert program.text.to_bytes() == loaded(name).text.to_bytes(), name


def test_words_of_one_task(cli):
    out = cli("dump", "examples/chain.hwx", "--format", "words", "--task", "1").out
    task = loaded("chain").tasks[1]
    assert [int(word, 16) for word in out.strip("[]\n ").replace("\n", "").rstrip(",").split(",")] == list(task.words)


@pytest.mark.skipif(not shutil.which("cc"), reason="there is no C compiler here")
def test_header_of_c_is_the_command_buffer(cli, tmp_path):
    program = loaded("conv")
    odd = program._replace(
        tensors=tuple(t._replace(name='a"\\?\n\u00e9') for t in program.tensors[:1]) + program.tensors[1:]
    )
    (tmp_path / "net.h").write_text("\n".join(words.as_header(odd)) + "\n")
    (tmp_path / "main.c").write_text(MAIN)
    subprocess.run(["cc", "-Wall", "-Wextra", "-Werror", "-o", "main", "main.c"], cwd=tmp_path, check=True)
    out = subprocess.run([tmp_path / "main"], check=True, capture_output=True).stdout
    text = program.text.to_bytes()
    gap = bytes(program.const_offset - len(text))
    rows = b"".join(
        b"%s %s %d %d %d %d\n" % (t.name.encode(), t.role.encode(), t.bar, t.size_bytes, t.shape[3], t.strides[1])
        for t in odd.tensors
    )
    assert out == text + gap + bytes(program.const) + rows


MAIN = r"""
#include <stdio.h>
#include "net.h"
int main(void)
{
    unsigned long i;
    fwrite(ane_text, 1, ANE_TSK_SIZE, stdout);
    for (i = ANE_TSK_SIZE; i < ANE_CONST_OFFSET; i++)
        putchar(0);
    fwrite(ane_const, 1, ANE_CONST_SIZE, stdout);
    for (i = 0; i < sizeof ane_buffers / sizeof *ane_buffers; i++)
        printf("%s %s %u %u %u %u\n", ane_buffers[i].name, ane_buffers[i].role, ane_buffers[i].bar,
               ane_buffers[i].size, ane_buffers[i].shape[3], ane_buffers[i].strides[1]);
    return ane_tasks[0].size != ANE_TD_SIZE;
}
"""


def test_numbers_that_do_not_fit_the_question(cli):
    for arguments, said in (
        (["--format", "c", "--task", "0"], "--format c has all tasks"),
        (["--format", "words", "--register", "PE"], "--register goes with text and JSON"),
        (["examples/add.hwx", "--format", "c"], "--format c takes one file"),
    ):
        done = cli("dump", "examples/mul.hwx", *arguments)
        assert (done.code, done.out, said in done.err) == (2, "", True), done.err
