"""The container: every byte read and written again, and broken ones refused."""

import struct

import pytest
from conftest import EXAMPLE_NAMES, example, loaded

from hwx2py import formats
from hwx2py.errors import ContainerError, HwxError
from hwx2py.formats.anec import header as anec
from hwx2py.formats.hwx import image
from hwx2py.formats.hwx import read as hwx
from hwx2py.formats.hwx import structs as layout
from hwx2py.formats.hwx.create import create
from hwx2py.formats.hwx.parse import parse


def read(data: bytes) -> image.Image:
    return parse(memoryview(data))


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
    assert found.ranges[-1].what == ""


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
        hwx.load(memoryview(bytes(data)), "x.hwx").program.tensors
        == hwx.load(memoryview(example("mul").read_bytes()), "x.hwx").program.tensors
    )


def patched(data: bytes, offset: int, code: str, value: int) -> bytes:
    return data[:offset] + struct.pack(code, value) + data[offset + struct.calcsize(code) :]


def place_of(data: bytes, number: int) -> int:
    """Offset of the first load command of a number."""
    return next(command.offset for command in read(data).commands if command.number == number)


BROKEN = {
    "empty": (lambda d: b"", "empty"),
    "other magic": (lambda d: b"\0\0\0\0" + d[4:], "not an .hwx file"),
    "cut in the header": (lambda d: d[:20], "outside the file"),
    "cut in the text": (lambda d: d[:0x4010], "outside the file"),
    "other cputype": (lambda d: patched(d, 4, "<I", 7), "macOS binary for x86|cputype"),
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


def test_section_may_end_with_the_file():
    data = example("mul").read_bytes()
    fields = read(data).section("__TEXT", "__text").fields
    cut = data[: fields.file_offset + fields.size_bytes]
    assert joined(image.write(read(cut))) == cut
    with pytest.raises(ContainerError, match="lies outside the file"):
        read(cut[:-1])


def test_room_behind_the_last_command_is_refused():
    data = example("mul").read_bytes()
    size = struct.unpack_from("<I", data, 20)[0]
    with pytest.raises(ContainerError, match="the header says"):
        read(patched(data, 20, "<I", size + 8))


def test_name_that_begins_behind_its_command_is_refused():
    data = example("mul").read_bytes()
    place = place_of(data, layout.LC_REGION_64)
    size = struct.unpack_from("<I", data, place + 4)[0]
    with pytest.raises(ContainerError, match="a region's name lies outside its table"):
        read(patched(data, place + 8, "<I", size))


def test_coefficients_that_begin_inside_the_text_are_refused():
    data = example("conv").read_bytes()
    text, const = (read(data).section("__TEXT", name).fields for name in ("__text", "__const"))
    row, moved = (
        layout.SECTION.pack(*fields) for fields in (const, const._replace(address=text.address + text.size_bytes - 4))
    )
    with pytest.raises(ContainerError, match="__TEXT,__const lies"):
        hwx.load(memoryview(data.replace(row, moved)), "x.hwx")


def binding(data: bytes) -> int:
    """Offset of the first tensor's binding."""
    return next(command.offset for command in read(data).commands if isinstance(command.value, image.Binding))


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [("depth", 2, "depth 2"), ("element_code", 77, "element code 77"), ("direction", 3, "direction 3")],
)
def test_tensors_of_another_kind_are_refused(field, value, words):
    data = example("mul").read_bytes()
    fields = next(read(data).values(image.Binding)).fields._replace(**{field: value})
    start = binding(data) + layout.BINDING_OFFSET
    broken = data[:start] + layout.BINDING.pack(*fields) + data[start + layout.BINDING.size :]
    with pytest.raises(HwxError, match=words):
        hwx.load(memoryview(broken), "x.hwx")


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"height": 0}, "has no elements"),
        ({"height": 1 << 31}, "its elements reach 0x"),
        ({"batch": 1 << 31}, "more than the engine can address"),
        ({"row_stride": 0x1000}, "its elements reach"),
        ({"total_bytes": 0}, "but it has 0x0"),
        ({"element_code": 6, "element_stride": 18}, "its elements reach 0x2d2"),
    ],
)
def test_tensors_that_do_not_lie_in_their_bytes_are_refused(fields, words):
    data = example("mul").read_bytes()
    changed = next(read(data).values(image.Binding)).fields._replace(**fields)
    start = binding(data) + layout.BINDING_OFFSET
    broken = data[:start] + layout.BINDING.pack(*changed) + data[start + layout.BINDING.size :]
    with pytest.raises(ContainerError, match=words) as error:
        hwx.load(memoryview(broken), "x.hwx")
    assert error.value.where == "tensor a"


def test_pointers_of_the_program_must_agree_with_the_sections():
    data = example("conv").read_bytes()
    table = place_of(data, layout.LC_THREAD) + layout.THREAD_STATE
    for place, words in ((0, "BAR 0 is 0x123, but __TEXT,__text"), (8, "BAR 1 is 0x123, but __TEXT,__const"),
                         (0x800, "the program's entry is 0x123, but __TEXT,__text")):  # fmt: skip
        with pytest.raises(ContainerError, match=words):
            hwx.load(memoryview(patched(data, table + place, "<Q", 0x123)), "x.hwx")


def test_bar_that_no_task_can_name_is_refused():
    data = example("mul").read_bytes()
    table = place_of(data, layout.LC_THREAD) + layout.THREAD_STATE
    address = struct.unpack_from("<Q", data, table + 8 * 4)[0]
    moved = patched(patched(data, table + 8 * 4, "<Q", 0), table + 8 * 32, "<Q", address)
    with pytest.raises(ContainerError, match="tensor a is BAR 32; tasks can name 32"):
        hwx.load(memoryview(moved), "x.hwx")


def test_coefficients_far_away_are_refused():
    data = example("conv").read_bytes()
    fields = read(data).section("__TEXT", "__const").fields
    far = fields._replace(address=fields.address + (1 << 40))
    data = data.replace(layout.SECTION.pack(*fields), layout.SECTION.pack(*far))
    data = data.replace(fields.address.to_bytes(8, "little"), far.address.to_bytes(8, "little"))
    with pytest.raises(ContainerError, match="further than the file is long"):
        hwx.load(memoryview(data), "x.hwx")


def test_lowest_of_two_bars_of_one_address_is_the_tensors():
    data = example("mul").read_bytes()
    table = place_of(data, layout.LC_THREAD) + layout.THREAD_STATE
    address = struct.unpack_from("<Q", data, table + 8 * 4)[0]
    program = hwx.load(memoryview(patched(data, table + 8 * 11, "<Q", address)), "x.hwx").program
    assert {tensor.name: tensor.bar for tensor in program.tensors} == {"a": 4, "b": 5, "y": 6}


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
    with pytest.raises(ContainerError, match=r"tensor b at .* is in no BAR"):
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
    return joined(create(program._replace(tensors=tensors), "test"))


def test_output_suffix_is_no_part_of_the_name():
    program = hwx.load(memoryview(renamed("mul", y="probs@output")), "x.hwx").program
    assert [tensor.name for tensor in program.outputs] == ["probs"]


def test_output_suffix_stays_where_the_name_is_taken():
    program = hwx.load(memoryview(renamed("mul", y="a@output")), "x.hwx").program
    assert [tensor.name for tensor in program.tensors] == ["a", "b", "a@output"]


def test_two_tensors_of_one_name_are_refused():
    with pytest.raises(ContainerError, match="two tensors are named a"):
        hwx.load(memoryview(renamed("mul", b="a")), "x.hwx")


def test_name_that_is_no_text_is_refused():
    data = renamed("mul", a="qqq").replace(b"qqq\0", b"q\xff\xfe\0")
    with pytest.raises(ContainerError, match="not UTF-8"):
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
        assert not anec.looks_like_anec(memoryview(data + b"\0"))
        with pytest.raises(ContainerError, match=r"no \.anec file"):
            anec.read(memoryview(data[:-1]))

    def test_coefficients_begin_behind_the_rounded_text(self):
        whole = self.sample(0x1000)._replace(text_bytes=0x1B1, coefficient_bytes=0x40)
        assert anec.read(memoryview(joined(anec.write(whole)))) == whole
        with pytest.raises(ContainerError, match="exceed the content"):
            anec.read(memoryview(joined(anec.write(whole._replace(coefficient_bytes=0x4F)))))

    def test_more_tensors_than_buffers_are_refused(self):
        many = self.sample(0x1000)._replace(inputs=20, outputs=8)
        assert anec.read(memoryview(joined(anec.write(many)))).inputs == 20
        with pytest.raises(ContainerError, match="21 inputs and 8 outputs exceed"):
            anec.read(memoryview(joined(anec.write(many._replace(inputs=21)))))

    def test_buffer_that_its_tiles_do_not_hold_is_refused(self):
        from hwx2py.formats.anec import read as form

        large = list(self.sample(0x1000).shapes)
        large[5] = anec.TensorShape(1, 2, 128, 32, 0x2001, 64)
        with pytest.raises(ContainerError, match="buffer 5 needs 0x4002 bytes, its 1 tiles have 0x4000"):
            form._tensors_in_order(self.sample(0x1000)._replace(shapes=tuple(large)))

    def test_sizes_that_contradict_are_refused(self):
        sample = self.sample(0x1000)._replace(text_bytes=0x10000)
        with pytest.raises(ContainerError, match="exceed the content"):
            anec.read(memoryview(joined(anec.write(sample))))


def with_room(data: bytes, more_bytes: int) -> bytes:
    """The file with so many bytes more between its commands and its first section."""
    content = read(data)
    first = min(part.offset for part in content.ranges if part.what)
    moved = bytearray(data[:first])
    for command in content.commands:
        if not isinstance(command.value, image.Segment):
            continue
        (offset,) = struct.unpack_from("<Q", moved, command.offset + 40)
        struct.pack_into("<Q", moved, command.offset + 40, offset + more_bytes if offset else 0)
        for number in range(len(command.value.sections)):
            place = command.offset + 72 + 80 * number + 48
            (offset,) = struct.unpack_from("<I", moved, place)
            struct.pack_into("<I", moved, place, offset + more_bytes if offset else 0)
    return bytes(moved) + bytes(more_bytes) + data[first:]


def test_of_several_procedures_the_first_is_read_and_the_rest_told(tmp_path, cli):
    data, once = with_room(example("mul").read_bytes(), 0x4000), loaded("mul")
    again = [c.raw for c in read(data).commands if isinstance(c.value, image.ProgramCommand | image.Binding)]
    for command in again:
        data = with_command(data, bytes(command))
    path = tmp_path / "two.hwx"
    path.write_bytes(data)
    program = formats.load(str(path)).program
    assert program.tensors == once.tensors
    assert program.text.to_bytes() == once.text.to_bytes()
    assert program.origin.notes[0].startswith("the file has 2 procedures (")
    assert "2 procedures" in cli("info", path).out
    assert cli(path, "-o", tmp_path / "two.py").code == 0
    assert "2 procedures" in (tmp_path / "two.py").read_text()


def test_an_image_surface_is_read_as_bytes(tmp_path, cli):
    data, once = example("mul").read_bytes(), loaded("mul")
    fields = next(read(data).values(image.Binding)).fields._replace(element_code=int.from_bytes(b"420v", "big"))
    start = binding(data) + layout.BINDING_OFFSET
    path = tmp_path / "image.hwx"
    path.write_bytes(data[:start] + layout.BINDING.pack(*fields) + data[start + layout.BINDING.size :])
    program = formats.load(str(path)).program
    surface, size_bytes = program.tensors[0], once.tensors[0].size_bytes
    assert (surface.dtype, surface.shape, surface.size_bytes) == ("uint8", (1, 1, 1, size_bytes), size_bytes)
    assert program.tensors[1:] == once.tensors[1:]
    assert "an image surface (420v)" in cli("info", path).out
    assert cli("dump", path).code == 0
    assert cli(path, "-o", tmp_path / "image.py").code == 0
