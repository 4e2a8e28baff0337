"""A new `.hwx` around a program: for examples and tests, and for programs that were never in a file.

The container looks like that of a recent compiler: a region for each tensor from 0x30000000, then the text with its
coefficients, then kernel segments. Load commands are only those that a reader needs; the ident says who wrote it.
"""

import struct
from typing import NamedTuple

from ...errors import UnsupportedError
from ...program.program import DTYPES, SCRATCH_BAR, Buffer, Program, Tensor
from ...program.task_notes import as_text
from ...units import U32_MAX, round_up
from . import structs
from .read import BARS, MOST_BUFFER_BYTES, OUTPUT_SUFFIX
from .replace import event_bits
from .structs import BindingFields, MachHeader, SectionFields, SegmentFields

BASE = 0x30000000
PAGE = 0x4000
ELEMENT_CODES = {name: code for code, name in DTYPES.items()}
PROTECTIONS = {"input": 1, "output": 2, "scratch": 3}
NAME_BYTES = 16

NETWORK = b"net"
FILE_TYPE, FLAGS = 2, 0x200000

# Sizes of the commands that recent compilers write, and a count of words that they hold.
PROGRAM_BYTES = {structs.THREAD_PROGRAM: 0x880, structs.THREAD_SLOT_PROGRAM: 0x8A0}
BINDING_BYTES = 0xD38


class _Area(NamedTuple):
    """A segment: its rows, and the pieces that its file part is made of."""

    segment: SegmentFields
    sections: list[SectionFields]
    pieces: list[tuple[int, bytes | memoryview]]


def create(program: Program, maker: str) -> list[bytes | memoryview]:
    """The container's bytes, as pieces to write one after another.

    Args:
        program: what it holds.
        maker: who wrote it, for the ident.

    Raises:
        UnsupportedError: the container has no place for something that the program has.
    """
    _check(program)
    addresses = _addresses(program)
    commands_bytes = sum(map(len, _commands(program, addresses, _areas(program, addresses, PAGE), maker)))
    first = _round(structs.HEADER.size + commands_bytes)
    areas = _areas(program, addresses, first)
    commands = _commands(program, addresses, areas, maker)
    header = MachHeader(
        structs.MAGICS[0], structs.CPUTYPE, program.arch.cpusubtype, FILE_TYPE, len(commands), commands_bytes, FLAGS, 0
    )
    pieces: list[bytes | memoryview] = [structs.HEADER.pack(*header), *commands]
    position = structs.HEADER.size + commands_bytes
    for offset, content in (piece for area in areas for piece in area.pieces):
        pieces += [bytes(offset - position), content]
        position = offset + len(content)
    return [*pieces, bytes(_round(position) - position)]


def _check(program: Program) -> None:
    """Refuses what a reader of the container would not find again."""
    if program.text.streams:
        raise UnsupportedError(f"a text of {len(program.text.streams)} task streams goes into no new container")
    if not program.tensors:
        raise UnsupportedError(
            "the program has no inputs and outputs, and a container names them", hint="add a row for each to TENSORS"
        )
    for buffer in program.buffers:
        _check_place(program, buffer)
    for tensor in program.tensors:
        _check_tensor(tensor)
    for kernel in program.kernels:
        if not kernel.name.startswith("__KERN") or len(kernel.name.encode()) > NAME_BYTES or kernel.bar >= BARS:
            raise UnsupportedError(
                f"{kernel.name}, BAR {kernel.bar}: a segment of coefficients is named __KERN_n, its BAR is below {BARS}"
            )


def _check_place(program: Program, buffer: Buffer) -> None:
    first_bar = program.arch.first_tensor_bar if isinstance(buffer, Tensor) else SCRATCH_BAR
    if not first_bar <= buffer.bar < BARS:
        raise UnsupportedError(
            f"tensor {buffer.name} is BAR {buffer.bar}; {program.arch.name} has tensors from {first_bar} on, "
            f"below {BARS}"
        )
    if buffer.size_bytes > MOST_BUFFER_BYTES:
        raise UnsupportedError(f"tensor {buffer.name} has {buffer.size_bytes:#x} bytes, more than an engine addresses")


def _check_tensor(tensor: Tensor) -> None:
    if max(tensor.shape) > U32_MAX or max(tensor.strides) > MOST_BUFFER_BYTES or not _one_batch_bytes(tensor) > 0:
        raise UnsupportedError(
            f"tensor {tensor.name}, shape {tensor.shape}, strides {tensor.strides}, does not lie in its "
            f"{tensor.size_bytes} bytes"
        )
    if "\0" in tensor.name:
        raise UnsupportedError(f"tensor {tensor.name!r} cannot be named so in a container: its name has a NUL")


def _one_batch_bytes(tensor: Tensor) -> int:
    """The bytes of one batch element, which are what a binding counts."""
    return tensor.size_bytes - (tensor.shape[0] - 1) * tensor.strides[0]


def _round(size: int) -> int:
    return round_up(size, PAGE)


def _addresses(program: Program) -> dict[int, int]:
    """BAR -> VM address, of everything that has one; 0 is the text."""
    addresses, free = {}, BASE
    for buffer in sorted(program.buffers, key=lambda buffer: (isinstance(buffer, Tensor), buffer.bar)):
        addresses[buffer.bar] = free
        free += _round(buffer.size_bytes)
    addresses[0] = free
    addresses[1] = free + program.const_offset
    free += _round(program.const_offset + len(program.const))
    bars = {buffer.name: buffer.bar for buffer in program.buffers}
    addresses.update((bar, addresses[bars[name]]) for bar, name in program.aliases)
    for kernel in program.kernels:
        addresses[kernel.bar] = free
        free += _round(len(kernel.data))
    return addresses


def _areas(program: Program, addresses: dict[int, int], file_offset: int) -> list[_Area]:
    """The segments, with file contents from an offset on."""
    areas = [_Area(SegmentFields(b"__PAGEZERO", 0, PAGE, 0, 0, 0, 0, 0, 4), [], [])]
    for buffer in program.buffers:
        names = (b"__FVMLIB", _kind(buffer)) if isinstance(buffer, Tensor) else (b"__DATA", b"__bss")
        section = _section(names, addresses[buffer.bar], buffer.size_bytes, 0, 14, 0x23)
        protection = PROTECTIONS[buffer.role]
        room = _round(buffer.size_bytes)
        segment = SegmentFields(names[0], addresses[buffer.bar], room, 0, 0, protection, protection, 1, 6)
        areas.append(_Area(segment, [section], []))
    text = program.text.to_bytes()
    rows = [_section((b"__TEXT", b"__text"), addresses[0], len(text), file_offset, 14, 0x28)]
    pieces: list[tuple[int, bytes | memoryview]] = [(file_offset, text)]
    end = len(text)
    if len(program.const):
        end = program.const_offset + len(program.const)
        place = file_offset + program.const_offset
        rows.append(_section((b"__TEXT", b"__const"), addresses[1], len(program.const), place, 6, 0x26))
        pieces.append((place, program.const))
    segment = SegmentFields(b"__TEXT", addresses[0], _round(end), file_offset, _round(end), 5, 5, len(rows), 4)
    areas.append(_Area(segment, rows, pieces))
    file_offset += _round(end)
    for kernel in program.kernels:
        name, room = kernel.name.encode(), _round(len(kernel.data))
        row = _section((name, name.lower()), addresses[kernel.bar], len(kernel.data), file_offset, 14, 0x26)
        segment = SegmentFields(name, addresses[kernel.bar], room, file_offset, room, 1, 1, 1, 4)
        areas.append(_Area(segment, [row], [(file_offset, kernel.data)]))
        file_offset += room
    return areas


def _kind(tensor: Tensor) -> bytes:
    return b"__data" if tensor.role == "output" else b"__const"


def _section(names: tuple[bytes, bytes], address: int, size: int, offset: int, align: int, flags: int) -> SectionFields:
    return SectionFields(names[1], names[0], address, size, offset, align, 0, 0, flags, 0, 0, 0)


def _commands(program: Program, addresses: dict[int, int], areas: list[_Area], maker: str) -> list[bytes]:
    commands = [
        *(_segment(area) for area in areas),
        *(_region(tensor, addresses[tensor.bar]) for tensor in program.tensors),
        _program(program, addresses),
        *(_binding(tensor) for tensor in program.tensors),
        _command(structs.LC_IDENT, f"ANEC v1\n{maker}\n\n\t-t {program.arch.name.lower()}\n".encode() + b"\0"),
    ]
    if program.task_notes:
        commands.append(_note(program, structs.HEADER.size + sum(map(len, commands))))
    return commands


def _note(program: Program, place: int) -> bytes:
    """The notes on the tasks, in a command at `place` in the file; other readers pass over it."""
    text = as_text(program.task_notes).encode()
    start = structs.COMMAND.size + structs.NOTE.size
    return _command(structs.LC_NOTE, structs.NOTE.pack(structs.NOTE_OWNER, place + start, len(text)) + text)


def _command(number: int, body: bytes) -> bytes:
    size = round_up(structs.COMMAND.size + len(body), 8)
    return (structs.COMMAND.pack(number, size) + body).ljust(size, b"\0")


def _segment(area: _Area) -> bytes:
    sections = b"".join(structs.SECTION.pack(*section) for section in area.sections)
    return _command(structs.LC_SEGMENT_64, structs.SEGMENT.pack(*area.segment) + sections)


def _region(tensor: Tensor, address: int) -> bytes:
    start = structs.COMMAND.size + structs.REGION_64.size
    return _command(structs.LC_REGION_64, structs.REGION_64.pack(start, 0, address) + tensor.name.encode() + b"\0")


def _program(program: Program, addresses: dict[int, int]) -> bytes:
    kind = program.arch.program_kind
    place = structs.PROGRAM_LAYOUTS[kind]
    raw = bytearray(PROGRAM_BYTES[kind])
    name = len(raw) - 8
    scratch_bytes = program.scratch.size_bytes if program.scratch else 0
    struct.pack_into("<4I", raw, 0, structs.LC_THREAD, len(raw), kind, (name - structs.THREAD_STATE) // 4)
    for bar, address in addresses.items():
        struct.pack_into("<Q", raw, structs.THREAD_STATE + place.entry_bytes * bar, address)
    struct.pack_into("<Q", raw, place.text_address, addresses[0])
    numbers = {
        place.first_task_words: len(program.tasks[0].words) - 1,
        place.text_words: program.text.size_bytes // 4,
        place.task_count: len(program.tasks),
        place.scratch_bytes: min(scratch_bytes, U32_MAX),
        place.name_offset: name,
        place.log_bits: event_bits(program, "LogEvents"),
        place.debug_log_bits: event_bits(program, "DebugLogEvents"),
    }
    for offset, number in numbers.items():
        if offset is not None:
            struct.pack_into("<I", raw, offset, number)
    raw[name : name + len(NETWORK)] = NETWORK
    return bytes(raw)


def _binding(tensor: Tensor) -> bytes:
    symbol = tensor.name + (OUTPUT_SUFFIX if tensor.role == "output" else "")
    names = [NETWORK + b"\0", symbol.encode() + b"\0", tensor.name.encode() + b"\0"]
    places = [BINDING_BYTES + sum(map(len, names[:n])) for n in range(3)]
    direction = structs.DIRECTION_OUTPUT if tensor.role == "output" else structs.DIRECTION_INPUT
    fields = BindingFields(
        3, direction, places[0], 0, places[1], ELEMENT_CODES[tensor.dtype], *tensor.shape, 1, 0, 0, 0, 0, 0,
        *tensor.strides, _one_batch_bytes(tensor), 1, places[2],
    )  # fmt: skip
    head = struct.pack("<2I", structs.THREAD_BINDING, (BINDING_BYTES - structs.THREAD_STATE) // 4)
    body = (head + structs.BINDING.pack(*fields)).ljust(BINDING_BYTES - structs.COMMAND.size, b"\0")
    return _command(structs.LC_THREAD, body + b"".join(names))
