"""Taking a container apart: every part that a load command points at, checked against the file."""

import struct
from collections.abc import Iterator
from typing import Any

from ...errors import ContainerError
from . import structs
from .image import (
    Binding,
    Command,
    FileRange,
    Ident,
    Image,
    Note,
    ProgramCommand,
    Region,
    Section,
    Segment,
    Symtab,
    string_at,
    text_of,
)  # fmt: skip
from .structs import MachHeader, SectionFields, SegmentFields, SymtabFields


class _Reader:
    """The file's bytes with checked access; every fault names what was being read and where."""

    def __init__(self, data: memoryview):
        self.data = data

    def slice(self, offset: int, size: int, what: str) -> memoryview:
        if offset < 0 or size < 0 or offset + size > len(self.data):
            raise ContainerError(
                f"{what} lies outside the file ({size:#x} bytes at {offset:#x}, the file has {len(self.data):#x})",
                where=f"offset {offset:#x}",
                hint="the file is cut short or damaged",
            )
        return self.data[offset : offset + size]

    def unpack(self, packing: struct.Struct, offset: int, what: str) -> tuple[Any, ...]:
        return packing.unpack(self.slice(offset, packing.size, what))


def parse(data: memoryview) -> Image:
    """Takes a container apart.

    Args:
        data: the file's bytes, as a flat view of unsigned bytes.

    Returns:
        The image, holding views on `data`.

    Raises:
        ContainerError: bytes that are not a container, or that point outside it.
    """
    reader = _Reader(data)
    header = _read_header(reader)
    commands = tuple(_read_commands(reader, header))
    return Image(header, commands, _ranges(reader, header, commands))


def _read_header(reader: _Reader) -> MachHeader:
    if len(reader.data) < 4 or int.from_bytes(reader.data[:4], "little") not in structs.MAGICS:
        from ..foreign import refuse

        raise refuse(reader.data, "")
    header = MachHeader(*reader.unpack(structs.HEADER, 0, "the header"))
    if header.cputype != structs.CPUTYPE:
        from ..foreign import macho

        raise macho(header.cputype)
    return header


def _read_commands(reader: _Reader, header: MachHeader) -> Iterator[Command]:
    offset, end = structs.HEADER.size, structs.HEADER.size + header.commands_bytes
    reader.slice(structs.HEADER.size, header.commands_bytes, "the list of load commands")
    for index in range(header.command_count):
        what = f"load command {index}"
        number, size = reader.unpack(structs.COMMAND, offset, what)
        if size < structs.COMMAND.size or offset + size > end:
            raise ContainerError(
                f"{what} ({number:#x}) has size {size:#x}, which does not fit the command area up to {end:#x}",
                where=f"offset {offset:#x}",
                hint="the file is damaged",
            )
        raw = reader.slice(offset, size, what)
        try:
            value = _PARSERS[number](reader, raw) if number in _PARSERS else None
        except struct.error as error:
            raise ContainerError(f"{what} ({number:#x}) is too short", where=f"offset {offset:#x}") from error
        yield Command(number, offset, raw, value)
        offset += size
    if offset != end:
        raise ContainerError(
            f"{header.command_count} load commands end at {offset:#x}, the header says {end:#x}",
            where="header",
            hint="the file is damaged",
        )


def _read_segment(reader: _Reader, raw: memoryview) -> Segment:
    start = structs.COMMAND.size
    fields = SegmentFields(*structs.SEGMENT.unpack_from(raw, start))
    start += structs.SEGMENT.size
    if fields.section_count * structs.SECTION.size > len(raw) - start:
        raise ContainerError(
            f"segment {text_of(fields.name)} has no room for {fields.section_count} sections", where="load commands"
        )
    rows = [structs.SECTION.unpack_from(raw, start + structs.SECTION.size * n) for n in range(fields.section_count)]
    return Segment(fields, tuple(_read_section(reader, fields, SectionFields(*row)) for row in rows))


def _read_section(reader: _Reader, segment: SegmentFields, fields: SectionFields) -> Section:
    what = f"section {text_of(fields.segment)},{text_of(fields.name)}"
    in_file = segment.file_bytes > 0 and fields.file_offset > 0
    data = reader.slice(fields.file_offset, fields.size_bytes, what) if in_file else reader.data[:0]
    table = reader.slice(
        fields.relocation_offset, structs.RELOCATION.size * fields.relocation_count, f"relocations of {what}"
    )
    return Section(fields, data, table)


def _read_symtab(reader: _Reader, raw: memoryview) -> Symtab:
    fields = SymtabFields(*structs.SYMTAB.unpack_from(raw, structs.COMMAND.size))
    table = reader.slice(fields.symbol_offset, structs.SYMBOL.size * fields.symbol_count, "the symbol table")
    strings = reader.slice(fields.string_offset, fields.string_bytes, "the string table")
    return Symtab(fields, table, strings)


def _read_region_32(reader: _Reader, raw: memoryview) -> Region:
    name, _, address = structs.REGION_32.unpack_from(raw, structs.COMMAND.size)
    return Region(string_at(bytes(raw), name, "a region's name"), address)


def _read_region_64(reader: _Reader, raw: memoryview) -> Region:
    name, _, address = structs.REGION_64.unpack_from(raw, structs.COMMAND.size)
    return Region(string_at(bytes(raw), name, "a region's name"), address)


def _read_thread(reader: _Reader, raw: memoryview) -> ProgramCommand | Binding | None:
    (kind,) = struct.unpack_from("<I", raw, structs.THREAD_KIND)
    if kind in structs.PROGRAM_LAYOUTS:
        command = ProgramCommand(kind, raw)
        # Touch the outermost fields, so that a command that is too short is reported here.
        command.bars(), command.task_count, command.scratch_bytes
        return command
    if kind == structs.THREAD_BINDING:
        fields = structs.BindingFields(*structs.BINDING.unpack_from(raw, structs.BINDING_OFFSET))
        names = (fields.program_name, fields.symbol_name, fields.region_name)
        return Binding(fields, *(string_at(bytes(raw), name, "a tensor's name") for name in names))
    return None


def _read_ident(reader: _Reader, raw: memoryview) -> Ident:
    """The text stands behind the command's head, in newer containers (compiler 10) behind its own offset."""
    (offset,) = struct.unpack_from("<I", raw, structs.COMMAND.size)
    start = offset if structs.COMMAND.size < offset < len(raw) else structs.COMMAND.size
    return Ident(text_of(bytes(raw[start:]), "the compiler's ident"))


def _read_note(reader: _Reader, raw: memoryview) -> Note | None:
    """A note of hwx2py's; those of others are not read."""
    owner, offset, size = structs.NOTE.unpack_from(raw, structs.COMMAND.size)
    if owner.rstrip(b"\0") != structs.NOTE_OWNER:
        return None
    return Note(text_of(bytes(reader.slice(offset, size, "the notes on tasks")) + b"\0", "the notes on tasks"))


_PARSERS = {
    structs.LC_SEGMENT_64: _read_segment,
    structs.LC_SYMTAB: _read_symtab,
    structs.LC_THREAD: _read_thread,
    structs.LC_REGION_32: _read_region_32,
    structs.LC_REGION_64: _read_region_64,
    structs.LC_IDENT: _read_ident,
    structs.LC_NOTE: _read_note,
}


def _ranges(reader: _Reader, header: MachHeader, commands: tuple[Command, ...]) -> tuple[FileRange, ...]:
    """Everything behind the commands: the parts that commands point at, and the gaps between them."""
    parts = [part for command in commands for part in _command_ranges(reader, command) if len(part.data)]
    ranges, position = [], structs.HEADER.size + header.commands_bytes
    for part in sorted(parts, key=lambda part: part.offset):
        if part.offset < position:
            raise ContainerError(f"{part.what} overlaps what lies before it", where=f"offset {part.offset:#x}")
        if part.offset > position:
            ranges.append(FileRange(position, reader.data[position : part.offset], ""))
        ranges.append(part)
        position = part.offset + len(part.data)
    if position < len(reader.data):
        ranges.append(FileRange(position, reader.data[position:], ""))
    return tuple(ranges)


def _command_ranges(reader: _Reader, command: Command) -> Iterator[FileRange]:
    if isinstance(command.value, Segment):
        for section in command.value.sections:
            name = ",".join(section.name)
            yield FileRange(section.fields.file_offset, section.data, f"section {name}")
            yield FileRange(section.fields.relocation_offset, section.relocation_table, f"relocations of {name}")
    elif isinstance(command.value, Symtab):
        fields, table, strings = command.value
        yield FileRange(fields.symbol_offset, table, "the symbol table")
        yield FileRange(fields.string_offset, strings, "the string table")
