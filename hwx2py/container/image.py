"""Reading and writing the Mach-O-like container without losing a byte.

`read` gives typed values for what is known and keeps the bytes of everything, known or not, as views on the input;
`write` puts the same pieces together again. Section contents are never copied.
"""

import struct
from collections.abc import Iterator
from typing import Any, NamedTuple

from ..errors import ContainerError
from . import layout
from .layout import MachHeader, RelocationFields, SectionFields, SegmentFields, SymbolFields, SymtabFields


class Section(NamedTuple):
    """A section: its row, its content, and the table of its relocations.

    `data` is empty where the section has no bytes in the file (the I/O regions).
    """

    fields: SectionFields
    data: memoryview
    relocation_table: memoryview

    def relocations(self) -> Iterator[RelocationFields]:
        """The section's relocations, in table order."""
        return (RelocationFields(*row) for row in layout.RELOCATION.iter_unpack(self.relocation_table))

    @property
    def name(self) -> tuple[str, str]:
        """Segment and section name."""
        return text_of(self.fields.segment), text_of(self.fields.name)


class Segment(NamedTuple):
    """LC_SEGMENT_64."""

    fields: SegmentFields
    sections: tuple[Section, ...]

    @property
    def name(self) -> str:
        """The segment's name."""
        return text_of(self.fields.name)


class Symbol(NamedTuple):
    """A symbol with its name looked up."""

    name: str
    fields: SymbolFields


class Symtab(NamedTuple):
    """LC_SYMTAB with its two tables; the symbols are looked at on demand."""

    fields: SymtabFields
    table: memoryview
    strings: memoryview

    def symbols(self) -> Iterator[Symbol]:
        """The symbols, in table order."""
        strings = bytes(self.strings)
        for row in layout.SYMBOL.iter_unpack(self.table):
            fields = SymbolFields(*row)
            yield Symbol(_string(strings, fields.name_offset, "a symbol's name"), fields)


class Region(NamedTuple):
    """Names the I/O region at an address (commands 0x06 and 0x40)."""

    name: str
    address: int


class Ident(NamedTuple):
    """The compiler's own words about itself."""

    text: str

    @property
    def compiler(self) -> str:
        """Compiler and version, such as "zin_ane_compiler v7.6.4"; empty where the text has none."""
        return next((line.strip() for line in self.text.splitlines()[1:] if line.strip()), "")

    @property
    def flags(self) -> tuple[str, ...]:
        """The flags that the compiler ran with."""
        return tuple(line.strip() for line in self.text.splitlines() if line.strip().startswith("-"))


class ProgramCommand(NamedTuple):
    """A program's description (thread kinds 1 and 4): where the BARs point, and the text's first facts."""

    kind: int
    raw: memoryview

    @property
    def layout(self) -> layout.ProgramLayout:
        """Where this kind keeps what."""
        return layout.PROGRAM_LAYOUTS[self.kind]

    def _u32(self, offset: int) -> int:
        return struct.unpack_from("<I", self.raw, offset)[0]

    def _u64(self, offset: int) -> int:
        return struct.unpack_from("<Q", self.raw, offset)[0]

    def bars(self) -> dict[int, int]:
        """VM address of every BAR (slot) whose table entry is not zero."""
        table = self.raw[layout.THREAD_STATE :][: self.layout.entry_bytes * self.layout.entries]
        entries = struct.iter_unpack(f"<Q{self.layout.entry_bytes - 8}x", table)
        return {n: address for n, (address,) in enumerate(entries) if address}

    @property
    def text_address(self) -> int:
        """VM address of the text."""
        return self._u64(self.layout.text_address)

    @property
    def first_task_words(self) -> int | None:
        """Words of the first task; None where the stream says it itself."""
        place = self.layout.first_task_words
        return None if place is None else self._u32(place) + 1

    @property
    def text_words(self) -> int | None:
        """Words of the whole text; None where the command does not say."""
        return None if self.layout.text_words is None else self._u32(self.layout.text_words)

    @property
    def task_count(self) -> int:
        """Tasks of the program."""
        return self._u32(self.layout.task_count)

    @property
    def scratch_bytes(self) -> int:
        """Bytes of scratch memory that the tasks share."""
        return self._u32(self.layout.scratch_bytes)


class Binding(NamedTuple):
    """A tensor's binding (thread kind 3)."""

    fields: layout.BindingFields
    program_name: str
    symbol_name: str
    region_name: str


class Command(NamedTuple):
    """A load command: its number, offset and bytes, and its typed value where the command is known."""

    number: int
    offset: int
    raw: memoryview
    value: Any = None


class Span(NamedTuple):
    """Bytes of the file outside header and commands, in file order; `what` is empty for a gap."""

    offset: int
    data: memoryview
    what: str


class Image(NamedTuple):
    """A container: header, commands and the spans of the rest, together every byte of the file."""

    header: MachHeader
    commands: tuple[Command, ...]
    spans: tuple[Span, ...]

    def values(self, kind: type) -> Iterator[Any]:
        """The typed values of one kind, in file order."""
        return (command.value for command in self.commands if isinstance(command.value, kind))

    def sections(self) -> Iterator[Section]:
        """All sections, in file order."""
        for segment in self.values(Segment):
            yield from segment.sections

    def section(self, segment: str, name: str) -> Section | None:
        """The first section of this name, or None."""
        return next((section for section in self.sections() if section.name == (segment, name)), None)


def text_of(name: bytes, what: str = "a name") -> str:
    """A NUL-terminated name as text.

    Raises:
        ContainerError: the bytes are no UTF-8.
    """
    try:
        return bytes(name).split(b"\0", 1)[0].decode()
    except UnicodeDecodeError as error:
        raise ContainerError(f"{what} is no UTF-8 text", where="load commands") from error


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

    def unpack(self, packing: struct.Struct, offset: int, what: str) -> tuple:
        return packing.unpack(self.slice(offset, packing.size, what))


def read(data: memoryview) -> Image:
    """Takes a container apart.

    Args:
        data: the file's bytes, as a flat view of unsigned bytes.

    Returns:
        The image, holding views on `data`.

    Raises:
        ContainerError: bytes that are no container, or that point outside it.
    """
    reader = _Reader(data)
    header = _read_header(reader)
    commands = tuple(_read_commands(reader, header))
    spans = _read_spans(reader, header, commands)
    return Image(header, commands, spans)


def write(image: Image) -> list[bytes | memoryview]:
    """The file's bytes in order, as pieces to join or to write one after another."""
    return [
        layout.HEADER.pack(*image.header),
        *(command.raw for command in image.commands),
        *(span.data for span in image.spans),
    ]


def _read_header(reader: _Reader) -> MachHeader:
    if len(reader.data) == 0:
        raise ContainerError("the file is empty", hint="give an .hwx or .anec file")
    if len(reader.data) < 4 or int.from_bytes(reader.data[:4], "little") not in layout.MAGICS:
        magic = bytes(reader.data[:4]).hex()
        raise ContainerError(f"no HWX file (it begins with {magic})", where="header", hint="give an .hwx or .anec file")
    header = MachHeader(*reader.unpack(layout.HEADER, 0, "the header"))
    if header.cputype != layout.CPUTYPE:
        raise ContainerError(f"cputype {header.cputype:#x} is not the ANE's {layout.CPUTYPE:#x}", where="header")
    return header


def _read_commands(reader: _Reader, header: MachHeader) -> Iterator[Command]:
    offset, end = layout.HEADER.size, layout.HEADER.size + header.commands_bytes
    reader.slice(layout.HEADER.size, header.commands_bytes, "the list of load commands")
    for index in range(header.command_count):
        what = f"load command {index}"
        number, size = reader.unpack(layout.COMMAND, offset, what)
        if size < layout.COMMAND.size or offset + size > end:
            raise ContainerError(
                f"{what} ({number:#x}) has size {size:#x}, which does not fit the command area up to {end:#x}",
                where=f"offset {offset:#x}",
                hint="the file is damaged",
            )
        raw = reader.slice(offset, size, what)
        try:
            value = _PARSERS.get(number, _unknown)(reader, raw)
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


def _unknown(reader: _Reader, raw: memoryview) -> None:
    return None


def _read_segment(reader: _Reader, raw: memoryview) -> Segment:
    start = layout.COMMAND.size
    fields = SegmentFields(*layout.SEGMENT.unpack_from(raw, start))
    start += layout.SEGMENT.size
    if fields.section_count * layout.SECTION.size > len(raw) - start:
        raise ContainerError(
            f"segment {text_of(fields.name)} has no room for {fields.section_count} sections", where="load commands"
        )
    rows = [layout.SECTION.unpack_from(raw, start + layout.SECTION.size * n) for n in range(fields.section_count)]
    return Segment(fields, tuple(_read_section(reader, fields, SectionFields(*row)) for row in rows))


def _read_section(reader: _Reader, segment: SegmentFields, fields: SectionFields) -> Section:
    what = f"section {text_of(fields.segment)},{text_of(fields.name)}"
    in_file = segment.file_bytes > 0 and fields.file_offset > 0
    data = reader.slice(fields.file_offset, fields.size_bytes, what) if in_file else reader.data[:0]
    table = reader.slice(
        fields.relocation_offset, layout.RELOCATION.size * fields.relocation_count, f"relocations of {what}"
    )
    return Section(fields, data, table)


def _read_symtab(reader: _Reader, raw: memoryview) -> Symtab:
    fields = SymtabFields(*layout.SYMTAB.unpack_from(raw, layout.COMMAND.size))
    table = reader.slice(fields.symbol_offset, layout.SYMBOL.size * fields.symbol_count, "the symbol table")
    strings = reader.slice(fields.string_offset, fields.string_bytes, "the string table")
    return Symtab(fields, table, strings)


def _string(data: bytes, offset: int, what: str) -> str:
    if offset >= len(data):
        raise ContainerError(f"{what} lies outside its table ({offset:#x} of {len(data):#x})", where="load commands")
    end = data.find(b"\0", offset)
    return text_of(data[offset:] if end < 0 else data[offset:end], what)


def _read_region_32(reader: _Reader, raw: memoryview) -> Region:
    name, _, address = layout.REGION_32.unpack_from(raw, layout.COMMAND.size)
    return Region(_string(bytes(raw), name, "a region's name"), address)


def _read_region_64(reader: _Reader, raw: memoryview) -> Region:
    name, _, address = layout.REGION_64.unpack_from(raw, layout.COMMAND.size)
    return Region(_string(bytes(raw), name, "a region's name"), address)


def _read_thread(reader: _Reader, raw: memoryview) -> ProgramCommand | Binding | None:
    (kind,) = struct.unpack_from("<I", raw, layout.THREAD_KIND)
    if kind in layout.PROGRAM_LAYOUTS:
        command = ProgramCommand(kind, raw)
        # Touch the outermost fields, so that a command that is too short is told here.
        command.bars(), command.task_count, command.scratch_bytes
        return command
    if kind == layout.THREAD_BINDING:
        fields = layout.BindingFields(*layout.BINDING.unpack_from(raw, layout.BINDING_OFFSET))
        names = (fields.program_name, fields.symbol_name, fields.region_name)
        return Binding(fields, *(_string(bytes(raw), name, "a tensor's name") for name in names))
    return None


def _read_ident(reader: _Reader, raw: memoryview) -> Ident:
    return Ident(text_of(raw[layout.COMMAND.size :], "the compiler's ident"))


_PARSERS = {
    layout.LC_SEGMENT_64: _read_segment,
    layout.LC_SYMTAB: _read_symtab,
    layout.LC_THREAD: _read_thread,
    layout.LC_REGION_32: _read_region_32,
    layout.LC_REGION_64: _read_region_64,
    layout.LC_IDENT: _read_ident,
}


def _read_spans(reader: _Reader, header: MachHeader, commands: tuple[Command, ...]) -> tuple[Span, ...]:
    """Everything behind the commands: the parts that commands point at, and the gaps between them."""
    parts = [span for command in commands for span in _command_spans(reader, command) if len(span.data)]
    spans, position = [], layout.HEADER.size + header.commands_bytes
    for span in sorted(parts, key=lambda span: span.offset):
        if span.offset < position:
            raise ContainerError(f"{span.what} overlaps what lies before it", where=f"offset {span.offset:#x}")
        if span.offset > position:
            spans.append(Span(position, reader.data[position : span.offset], ""))
        spans.append(span)
        position = span.offset + len(span.data)
    if position < len(reader.data):
        spans.append(Span(position, reader.data[position:], ""))
    return tuple(spans)


def _command_spans(reader: _Reader, command: Command) -> Iterator[Span]:
    if isinstance(command.value, Segment):
        for section in command.value.sections:
            name = ",".join(section.name)
            yield Span(section.fields.file_offset, section.data, f"section {name}")
            yield Span(section.fields.relocation_offset, section.relocation_table, f"relocations of {name}")
    elif isinstance(command.value, Symtab):
        fields, table, strings = command.value
        yield Span(fields.symbol_offset, table, "the symbol table")
        yield Span(fields.string_offset, strings, "the string table")
