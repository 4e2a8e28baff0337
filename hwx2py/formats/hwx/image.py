"""The container as typed values that keep every byte: header, load commands, sections, symbols.

What is known has a type; the bytes of everything, known or not, are views on the file. `write` puts the same pieces
together again. Section contents are never copied.
"""

import struct
from collections.abc import Iterator
from typing import Any, NamedTuple

from ...errors import ContainerError
from . import structs
from .structs import MachHeader, RelocationFields, SectionFields, SegmentFields, SymbolFields, SymtabFields


class Section(NamedTuple):
    """A section: its row, its content, and the table of its relocations.

    `data` is empty where the section has no bytes in the file (the I/O regions).
    """

    fields: SectionFields
    data: memoryview
    relocation_table: memoryview

    def relocations(self) -> Iterator[RelocationFields]:
        """The section's relocations, in table order."""
        return (RelocationFields(*row) for row in structs.RELOCATION.iter_unpack(self.relocation_table))

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
        for row in structs.SYMBOL.iter_unpack(self.table):
            fields = SymbolFields(*row)
            yield Symbol(string_at(strings, fields.name_offset, "a symbol's name"), fields)


class Region(NamedTuple):
    """Names the I/O region at an address (commands 0x06 and 0x40)."""

    name: str
    address: int


class Note(NamedTuple):
    """Text that hwx2py adds to its own containers: where the words of each task come from."""

    text: str


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
    def layout(self) -> structs.ProgramLayout:
        """Where this kind keeps what."""
        return structs.PROGRAM_LAYOUTS[self.kind]

    def _u32(self, offset: int) -> int:
        (word,) = struct.unpack_from("<I", self.raw, offset)
        return int(word)

    def _u64(self, offset: int) -> int:
        (word,) = struct.unpack_from("<Q", self.raw, offset)
        return int(word)

    def bars(self) -> dict[int, int]:
        """VM address of every BAR (slot) whose table entry is not zero."""
        table = self.raw[structs.THREAD_STATE :][: self.layout.entry_bytes * self.layout.entries]
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

    fields: structs.BindingFields
    program_name: str
    symbol_name: str
    region_name: str


class Command(NamedTuple):
    """A load command: its number, offset and bytes, and its typed value where the command is known."""

    number: int
    offset: int
    raw: memoryview
    value: Any = None


class FileRange(NamedTuple):
    """Bytes of the file outside header and commands, in file order; `what` is empty for a gap."""

    offset: int
    data: memoryview
    what: str


class Image(NamedTuple):
    """A container: header, commands and the ranges of the rest, together every byte of the file."""

    header: MachHeader
    commands: tuple[Command, ...]
    ranges: tuple[FileRange, ...]

    @property
    def form(self) -> str:
        """What the file is."""
        return "hwx"

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

    Args:
        name: its bytes, NUL and what follows included.
        what: what the name is, for the error.

    Raises:
        ContainerError: the bytes are not UTF-8.
    """
    try:
        return bytes(name).split(b"\0", 1)[0].decode()
    except UnicodeDecodeError as error:
        raise ContainerError(f"{what} is not UTF-8 text", where="load commands") from error


#: Names are shorter: a table without an end is not searched to the end for each of its symbols.
MOST_NAME_BYTES = 4096


def string_at(data: bytes, offset: int, what: str) -> str:
    """The NUL-terminated name at an offset of a table.

    Args:
        data: the table.
        offset: where the name begins, bytes.
        what: what the name is, for the error.

    Raises:
        ContainerError: the name lies outside the table, is too long, or is not UTF-8.
    """
    if offset >= len(data):
        raise ContainerError(f"{what} lies outside its table ({offset:#x} of {len(data):#x})", where="load commands")
    name = data[offset : offset + MOST_NAME_BYTES].split(b"\0", 1)[0]
    if len(name) == MOST_NAME_BYTES:
        raise ContainerError(f"{what} is longer than {MOST_NAME_BYTES} bytes", where="load commands")
    return text_of(name, what)


def write(image: Image) -> list[bytes | memoryview]:
    """The file's bytes in order, as pieces to join or to write one after another."""
    return [
        structs.HEADER.pack(*image.header),
        *(command.raw for command in image.commands),
        *(part.data for part in image.ranges),
    ]
