"""Byte layouts of the Mach-O-like container, as rows: one `struct` format and the field names for each structure."""

import struct
from typing import NamedTuple

MAGICS = (0xBEEFFACE, 0xFEEDFACF)
CPUTYPE = 0x80

LC_SYMTAB = 0x02
LC_THREAD = 0x04
LC_REGION_32 = 0x06
LC_IDENT = 0x08
LC_SEGMENT_64 = 0x19
LC_NOTE = 0x31
LC_REGION_64 = 0x40

#: Kinds of thread command: a program (H13), a tensor's binding, a program (H14 and later).
THREAD_PROGRAM, THREAD_BINDING, THREAD_SLOT_PROGRAM = 1, 3, 4


class MachHeader(NamedTuple):
    """The first 32 bytes."""

    magic: int
    cputype: int
    cpusubtype: int
    filetype: int
    command_count: int
    commands_bytes: int
    flags: int
    reserved: int


class SegmentFields(NamedTuple):
    """LC_SEGMENT_64 after its command and size; the section rows follow."""

    name: bytes
    vm_address: int
    vm_bytes: int
    file_offset: int
    file_bytes: int
    max_protection: int
    initial_protection: int
    section_count: int
    flags: int


class SectionFields(NamedTuple):
    """A section row of a segment."""

    name: bytes
    segment: bytes
    address: int
    size_bytes: int
    file_offset: int
    align_log2: int
    relocation_offset: int
    relocation_count: int
    flags: int
    reserved1: int
    reserved2: int
    reserved3: int


class SymtabFields(NamedTuple):
    """LC_SYMTAB after its command and size."""

    symbol_offset: int
    symbol_count: int
    string_offset: int
    string_bytes: int


class SymbolFields(NamedTuple):
    """A symbol: type 0x0f defined in a section, 0x20 and 0x80 stabs (a tensor's layout, a type)."""

    name_offset: int
    type: int
    section: int
    description: int
    value: int


class RelocationFields(NamedTuple):
    """A relocation: the section offset of the word that holds an address, and what it is relative to."""

    offset: int
    info: int


HEADER = struct.Struct("<8I")
COMMAND = struct.Struct("<2I")
SEGMENT = struct.Struct("<16s4Q4I")
SECTION = struct.Struct("<16s16s2Q8I")
SYMTAB = struct.Struct("<4I")
SYMBOL = struct.Struct("<I2BHQ")
RELOCATION = struct.Struct("<2I")

#: LC_NOTE after its command and size: its owner, and offset and size of its text in the file.
NOTE = struct.Struct("<16s2Q")
NOTE_OWNER = b"hwx2py"

#: LC_REGION_32 and _64: offset of the name from the command's start, then zero, then the address.
REGION_32 = struct.Struct("<3I")
REGION_64 = struct.Struct("<2IQ")

# Thread commands, offsets from the command's start.
THREAD_KIND, THREAD_STATE = 0x08, 0x10


class ProgramLayout(NamedTuple):
    """Where a program command keeps what; offsets from the command's start (source: read off real files).

    `first_task_words` is the field of the first task's words minus one, `text_words` that of the whole text's words:
    each layout has one of the two.
    """

    entry_bytes: int
    entries: int
    text_address: int
    first_task_words: int | None
    text_words: int | None
    task_count: int
    scratch_bytes: int
    debug_log_bits: int
    log_bits: int
    name_offset: int


PROGRAM_LAYOUTS = {
    THREAD_PROGRAM: ProgramLayout(8, 256, 0x810, 0x818, None, 0x81C, 0x848, 0x850, 0x858, 0x83C),
    THREAD_SLOT_PROGRAM: ProgramLayout(16, 128, 0x810, None, 0x824, 0x830, 0x858, 0x860, 0x868, 0x848),
}


class BindingFields(NamedTuple):
    """A tensor's binding (thread kind 3), from +0x10 to the region name's offset at +0x7c."""

    flavor: int
    direction: int
    program_name: int
    unknown_1c: int
    symbol_name: int
    element_code: int
    batch: int
    channels: int
    height: int
    width: int
    depth: int
    unknown_3c: int
    unknown_40: int
    unknown_44: int
    unknown_48: int
    unknown_4c: int
    batch_stride: int
    channel_stride: int
    row_stride: int
    element_stride: int
    total_bytes: int
    unknown_78: int
    region_name: int


BINDING = struct.Struct("<16I5Q2I")
BINDING_OFFSET = 0x10
DIRECTION_INPUT, DIRECTION_OUTPUT = 1, 2
