"""The container: every byte read and written again, and broken ones refused."""

import struct

import pytest
from conftest import EXAMPLE_NAMES, example, loaded

from hwx2py.container import anec, image, layout
from hwx2py.errors import ContainerError
from hwx2py.formats import hwx, new_hwx


def read(data: bytes) -> image.Image:
    return image.read(memoryview(data))


def joined(pieces) -> bytes:
    return b"".join(pieces)


def with_command(data: bytes, command: bytes) -> bytes:
    """The file with a further load command, in the room between the commands and the first section."""
    count, size = struct.unpack_from("<2I", data, 16)
    end = layout.HEADER.size + size
    assert not data[end : end + len(command)].strip(b"\0")
    head = data[:16] + struct.pack("<2I", count + 1, size + len(command)) + data[24:end]
    return head + command + data[end + len(command) :]


def with_symbols(data: bytes) -> bytes:
    """The file with a symbol table in the room behind the commands."""
    _, size = struct.unpack_from("<2I", data, 16)
    table = layout.HEADER.size + size + 0x100
    strings = b"\0a\0image:t16=ar1\0"
    rows = layout.SYMBOL.pack(1, 0x0F, 1, 2, 0x30000000) + layout.SYMBOL.pack(3, 0x20, 0, 0x10, 0)
    command = layout.COMMAND.pack(layout.LC_SYMTAB, 0x18) + layout.SYMTAB.pack(
        table, 2, table + len(rows), len(strings)
    )
    data = with_command(data, command)
    return data[:table] + rows + strings + data[table + len(rows) + len(strings) :]


@pytest.mark.parametrize("name", EXAMPLE_NAMES)
def test_examples_are_written_as_they_were_read(name):
    data = example(name).read_bytes()
    assert joined(image.write(read(data))) == data


def test_unknown_command_gap_and_second_magic_are_kept():
    data = with_command(example("mul").read_bytes(), layout.COMMAND.pack(0x77, 16) + b"whatever")
    data = struct.pack("<I", layout.MAGICS[1]) + data[4:]
    data = data[:-100] + bytes(range(100))
    found = read(data)
    assert joined(image.write(found)) == data
    unknown = next(command for command in found.commands if command.number == 0x77)
    assert unknown.value is None
    assert bytes(unknown.raw[8:]) == b"whatever"
    assert found.spans[-1].what == ""


def test_symbols_are_read():
    data = with_symbols(example("mul").read_bytes())
    symbols = list(next(read(data).values(image.Symtab)).symbols())
    assert [(symbol.name, symbol.fields.value) for symbol in symbols] == [("a", 0x30000000), ("image:t16=ar1", 0)]
    assert joined(image.write(read(data))) == data


def test_old_region_command_names_the_tensor():
    data = bytearray(example("mul").read_bytes())
    new = layout.COMMAND.pack(layout.LC_REGION_64, 0x20)
    while (place := data.find(new)) >= 0:
        _, _, address = layout.REGION_64.unpack_from(data, place + 8)
        name = bytes(data[place + 0x18 : place + 0x20])
        old = layout.COMMAND.pack(layout.LC_REGION_32, 0x20) + layout.REGION_32.pack(0x14, 0, address)
        data[place : place + 0x20] = (old + name).ljust(0x20, b"\0")
    regions = {region.name for region in read(bytes(data)).values(image.Region)}
    assert regions == {"a", "b", "y"}
    assert (
        hwx.load(memoryview(bytes(data)), "x.hwx").tensors
        == hwx.load(memoryview(example("mul").read_bytes()), "x.hwx").tensors
    )


def patched(data: bytes, offset: int, code: str, value: int) -> bytes:
    return data[:offset] + struct.pack(code, value) + data[offset + struct.calcsize(code) :]


def place_of(data: bytes, number: int) -> int:
    """Offset of the first load command of a number."""
    return next(command.offset for command in read(data).commands if command.number == number)


BROKEN = {
    "empty": (lambda d: b"", "empty"),
    "other magic": (lambda d: b"\0\0\0\0" + d[4:], "no HWX file"),
    "cut in the header": (lambda d: d[:20], "outside the file"),
    "cut in the text": (lambda d: d[:0x4010], "outside the file"),
    "other cputype": (lambda d: patched(d, 4, "<I", 7), "cputype"),
    "too many commands": (lambda d: patched(d, 16, "<I", 9999), "load command"),
    "command without end": (lambda d: patched(d, 36, "<I", 0xFFFFFFFF), "does not fit"),
    "command of no size": (lambda d: patched(d, 36, "<I", 0), "does not fit"),
    "commands too short": (lambda d: patched(d, 20, "<I", struct.unpack_from("<I", d, 20)[0] - 8), "load command"),
    "sections do not fit": (lambda d: patched(d, 32 + 64, "<I", 99), "no room"),
}


@pytest.mark.parametrize("how", BROKEN)
def test_broken_containers_are_refused(how):
    breaking, words = BROKEN[how]
    data = breaking(example("mul").read_bytes())
    with pytest.raises(ContainerError, match=words):
        read(data)


def test_section_outside_the_file_is_refused():
    data = example("mul").read_bytes()
    row = data.index(b"__text\0")
    with pytest.raises(ContainerError, match="__TEXT,__text lies outside the file"):
        read(patched(data, row + 0x30, "<I", 0x7FFFFFFF))


def test_overlapping_sections_are_refused():
    data = example("conv").read_bytes()
    row = data.index(b"__const\0", data.index(b"__text\0"))
    with pytest.raises(ContainerError, match="overlaps"):
        read(patched(data, row + 0x30, "<I", 0x4000))


def test_tensor_without_a_bar_is_refused():
    data = example("mul").read_bytes()
    place = place_of(data, layout.LC_THREAD)
    with pytest.raises(ContainerError, match=r"tensor b at .* stands in no BAR"):
        hwx.load(memoryview(patched(data, place + 0x10 + 8 * 5, "<Q", 0)), "x.hwx")


def test_tensor_without_a_region_is_refused():
    data = bytearray(example("mul").read_bytes())
    place = place_of(bytes(data), layout.LC_REGION_64)
    data[place + 0x18 : place + 0x19] = b"q"
    with pytest.raises(ContainerError, match="tensor a has no region"):
        hwx.load(memoryview(bytes(data)), "x.hwx")


def renamed(name: str, **names: str) -> bytes:
    """An example with other names for its tensors, in a new container."""
    program = loaded(name)
    tensors = tuple(tensor._replace(name=names.get(tensor.name, tensor.name)) for tensor in program.tensors)
    return joined(new_hwx.write(program._replace(tensors=tensors), "test"))


def test_output_suffix_is_no_part_of_the_name():
    program = hwx.load(memoryview(renamed("mul", y="probs@output")), "x.hwx")
    assert [tensor.name for tensor in program.outputs] == ["probs"]


def test_output_suffix_stays_where_the_name_is_taken():
    program = hwx.load(memoryview(renamed("mul", y="a@output")), "x.hwx")
    assert [tensor.name for tensor in program.tensors] == ["a", "b", "a@output"]


def test_two_tensors_of_one_name_are_refused():
    with pytest.raises(ContainerError, match="two tensors are named a"):
        hwx.load(memoryview(renamed("mul", b="a")), "x.hwx")


def test_name_that_is_no_text_is_refused():
    data = renamed("mul", a="qqq").replace(b"qqq\0", b"q\xff\xfe\0")
    with pytest.raises(ContainerError, match="no UTF-8"):
        read(data)


class TestAnec:
    """libane's container."""

    def sample(self, offset: int) -> anec.Anec:
        shapes = [anec.TensorShape(0, 0, 0, 0, 0, 0)] * 32
        shapes[4] = shapes[5] = anec.TensorShape(1, 2, 3, 4, 192, 64)
        content = memoryview(bytes(range(64)) * 8)
        return anec.Anec(40, 1, 0x100, 0x40, 1, 1, (1, 0, 0, 0, 1, 1) + (0,) * 26, tuple(shapes), content, offset)

    @pytest.mark.parametrize("offset", anec.CONTENT_OFFSETS)
    def test_both_content_offsets_come_back(self, offset):
        data = joined(anec.write(self.sample(offset)))
        assert anec.read(memoryview(data)) == self.sample(offset)
        assert joined(anec.write(anec.read(memoryview(data)))) == data

    def test_other_lengths_are_no_anec(self):
        data = joined(anec.write(self.sample(0x1000)))
        assert not anec.looks_like(memoryview(data + b"\0"))
        with pytest.raises(ContainerError, match=r"no \.anec file"):
            anec.read(memoryview(data[:-1]))

    def test_sizes_that_contradict_are_refused(self):
        sample = self.sample(0x1000)._replace(text_bytes=0x10000)
        with pytest.raises(ContainerError, match="exceed the content"):
            anec.read(memoryview(joined(anec.write(sample))))
