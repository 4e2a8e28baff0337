"""Containers without a program command: one text with several task streams."""

import struct

import pytest
from conftest import loaded, one_line

from hwx2py import formats
from hwx2py.emulator import direct
from hwx2py.emulator.faults import NotImplementedTask
from hwx2py.errors import ContainerError, StreamError
from hwx2py.formats.hwx import structs
from hwx2py.formats.hwx.read import load
from hwx2py.program.build import Draft, header, lay_out, write
from hwx2py.program.streams import STREAM_NAMES, STREAM_PAGE_BYTES, STREAMS, StreamRange
from hwx2py.registers import by_name

H19 = by_name("H19")
FRAME = struct.pack("<4I", *(1, 0, 0, 0))


def stream(tasks: int) -> bytes:
    """A stream of tasks whose ids count from 0."""
    drafts = [
        Draft(header(H19, {"W0": {"TID": number}}), [write(H19, "Common.Cin", Cin=number + 1)], frozenset({"TaskSize"}))
        for number in range(tasks)
    ]
    return lay_out(H19, drafts, FRAME).to_bytes()


def text_of(*counts: int) -> bytes:
    """Streams behind one another, each on a page."""
    pieces = [stream(count) for count in counts]
    return b"".join(piece.ljust(STREAM_PAGE_BYTES, b"\0") for piece in pieces[:-1]) + pieces[-1]


def section(segment: bytes, name: bytes, address: int, data: bytes, offset: int) -> bytes:
    """A segment command with one section."""
    row = structs.SECTION.pack(name, segment, address, len(data), offset, 14, 0, 0, 0, 0, 0, 0)
    fields = structs.SEGMENT.pack(segment, address, len(data), offset, len(data), 5, 5, 1, 0)
    body = fields + row
    return structs.COMMAND.pack(structs.LC_SEGMENT_64, structs.COMMAND.size + len(body)) + body


def container(text: bytes) -> bytes:
    ident = struct.pack("<2I", 16, 0) + b"ANEC v1\nzin_ane_compiler v10.26.6\n\t-t h18g\0"
    ident = ident.ljust(-(-len(ident) // 8) * 8, b"\0")
    commands = [
        section(b"__RUNTIME", b"__runtime", 0x30000000, bytes(512), 0x4000),
        section(b"__TEXT", b"__text", 0x30004000, text, 0x8000),
        structs.COMMAND.pack(structs.LC_IDENT, 8 + len(ident)) + ident,
    ]
    size = sum(map(len, commands))
    head = structs.HEADER.pack(structs.MAGICS[0], structs.CPUTYPE, 11, 2, len(commands), size, 0, 0)
    return b"".join([head, *commands]).ljust(0x8000, b"\0") + text


def test_streams_are_told_apart():
    program = load(memoryview(container(text_of(3, 2, 2))), "m6.hwx").program
    assert program.text.streams == (
        StreamRange("non-bonded engine 0", 0, 0, 3),
        StreamRange("bonded engine 0", 0x4000, 3, 2),
        StreamRange("bonded engine 1", 0x8000, 5, 2),
    )
    assert program.text.to_bytes() == text_of(3, 2, 2)
    assert program.origin.compiler == "zin_ane_compiler v10.26.6"
    assert program.tensors == ()


def test_one_stream_is_just_a_text():
    program = load(memoryview(container(text_of(4))), "m6.hwx").program
    assert (program.text.streams, len(program.tasks)) == ((), 4)


def test_halves_may_differ_in_their_tasks_and_that_is_told(cli, tmp_path):
    (tmp_path / "m6.hwx").write_bytes(container(text_of(4, 2, 3)))
    done = cli("info", tmp_path / "m6.hwx")
    assert done.code == 0
    assert "bonded engine 0 with 2, bonded engine 1 with 3" in done.out
    assert "stream        bonded engine 1: at 0x8000, 3 tasks from 6 on" in done.out


def test_every_command_reads_it_and_the_script_builds_the_text(cli, tmp_path, script):
    path = tmp_path / "m6.hwx"
    path.write_bytes(container(text_of(2, 1, 1)))
    assert cli("dump", path).code == cli("diff", path, path).code == 0
    assert cli(path, "-o", tmp_path / "m6.py").code == 0
    source = (tmp_path / "m6.py").read_text()
    places = [source.index(f"    # stream {name}:\n    ") for name in STREAM_NAMES]
    assert places == sorted(places)
    assert script(tmp_path / "m6.py", "--dry-run", "--write-command", tmp_path / "c.bin").code == 0
    assert (tmp_path / "c.bin").read_bytes().rstrip(b"\0") == text_of(2, 1, 1).rstrip(b"\0")
    assert cli("diff", path, tmp_path / "m6.py").code == 0
    assert one_line(cli("anec", path, "-o", tmp_path / "m6.anec").err)


def cut(data: bytes, offset: int, new: bytes) -> bytes:
    return data[:offset] + new + data[offset + len(new) :]


EMPTY_HALF = text_of(1, 1).ljust(2 * STREAM_PAGE_BYTES, b"\0") + FRAME
BROKEN = {
    "a half is missing": (
        text_of(2, 1),
        "stream bonded engine 0, text offset 0x4000: the text holds 2 streams, not 3",
    ),
    "a stream too many": (text_of(1, 1, 1, 1), "stream 4, text offset 0xc000: the text holds 4 streams, not 3"),
    "a frame is gone": (cut(text_of(2, 1, 1), 0x4000, bytes(4)), "text offset 0x4010: what follows the zeros begins"),
    "a stream is empty": (EMPTY_HALF, "stream bonded engine 1, text offset 0x8010: the stream holds no task"),
    "a task is cut": (text_of(2, 1, 1)[:-4], "stream bonded engine 1, task 0, text offset 0x8010: task size"),
    "a task is too long": (
        cut(text_of(2, 1, 2), 0x8012, b"\xff\x07"),
        "stream bonded engine 1, task 0, text offset 0x8010: task size 2047 words does not fit",
    ),
}


@pytest.mark.parametrize("how", BROKEN)
def test_broken_streams_are_refused_with_stream_task_and_offset(how):
    text, words = BROKEN[how]
    with pytest.raises(StreamError) as error:
        load(memoryview(container(text)), "m6.hwx")
    assert words in str(error.value)


def test_streams_have_names():
    assert len(STREAM_NAMES) == 3


def with_subtype(name: str, number: int) -> memoryview:
    data = bytearray(loaded(name).origin.data)
    data[8:12] = number.to_bytes(4, "little")
    return memoryview(bytes(data))


def test_stream_of_another_generation_is_told():
    with pytest.raises(StreamError, match=r"task 0, text offset 0x.*--arch H16"):
        load(with_subtype("add16", 5), "odd.hwx")


def test_bare_stream_of_another_generation_does_not_parse():
    with pytest.raises(StreamError):
        STREAMS["linked"].decode_bare(memoryview(loaded("add16").text.to_bytes()), by_name("H13"))


def test_stream_that_parses_under_another_name_is_refused_when_it_runs():
    """H15 and H16 share most addresses; the header's further word is then a record that no task of H15 has."""
    program = load(with_subtype("add16", 6), "odd.hwx").program
    with pytest.raises(NotImplementedTask, match="task 0"):
        direct.run(program, {"a": 1.0, "b": 1.0})


@pytest.mark.parametrize(("name", "number"), [("mul", 5), ("mul", 7), ("chain", 9), ("add16", 4)])
def test_program_of_the_other_kind_of_stream_is_refused(name, number):
    with pytest.raises(ContainerError, match="no program command of kind"):
        load(with_subtype(name, number), "odd.hwx")


def test_mixed_streams_are_refused_with_task_and_offset():
    """A task of H13 behind one of H16."""
    first, second = loaded("add16").text.to_bytes(), loaded("mul").text.to_bytes()
    text = first.ljust(-(-len(first) // 16) * 16, b"\0") + second
    with pytest.raises(StreamError, match=f"task 1, text offset {len(text) - len(second):#x}: task size"):
        STREAMS["records"].decode(memoryview(text), by_name("H16"), None, None)


@pytest.mark.parametrize("size", [0, 8, 15])
def test_a_frame_that_is_cut_is_refused(size):
    text = memoryview(loaded("add16").text.to_bytes())[:size]
    with pytest.raises(StreamError, match="text"):
        STREAMS["records"].decode(text, by_name("H16"), None, None)


def test_compiler_target_is_a_name(cli, tmp_path):
    path = tmp_path / "m6.hwx"
    path.write_bytes(container(text_of(1)))
    assert "also called H18g" in cli("info", path).out
    assert by_name("h18G") is by_name("H19") is formats.load(str(path)).program.arch
