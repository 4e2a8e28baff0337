"""A changed program back into the container that it came from.

Where text and coefficients keep their sizes only their bytes change. Where they grow or shrink, the coefficients move
behind the text, and with them what names their place: section rows, the program command, symbols, relocations. Where
a segment outgrows its pages, everything behind it moves, in the file and in memory.
"""

import struct
from collections.abc import Iterator
from typing import NamedTuple

from ...errors import ContainerError, UnsupportedError
from ...program.program import Program, script_row
from ...program.register_file import walk
from ...units import round_up
from . import structs
from .image import Command, FileRange, Image, ProgramCommand, Region, Section, Segment, Symtab

PAGE = 0x4000


class _Growth(NamedTuple):
    """A segment that needs more pages: where it ended, in the file and in memory, and by how much it grows."""

    file_end: int
    vm_end: int
    bytes: int


class _Plan(NamedTuple):
    """How places move.

    Attributes:
        growths: segments that need more pages.
        const_file: (start, end) of the coefficients in the file, as they lay.
        const_vm: the same in memory.
        const_shift: by how much they move within their segment.
    """

    growths: tuple[_Growth, ...]
    const_file: tuple[int, int]
    const_vm: tuple[int, int]
    const_shift: int

    def file(self, offset: int) -> int:
        """Where what lay at a file offset lies now."""
        shift = self.const_shift if self.const_file[0] <= offset < self.const_file[1] else 0
        return offset + shift + sum(growth.bytes for growth in self.growths if offset >= growth.file_end)

    def vm(self, address: int) -> int:
        """Where what had a VM address lies now."""
        shift = self.const_shift if self.const_vm[0] <= address < self.const_vm[1] else 0
        return address + shift + sum(growth.bytes for growth in self.growths if address >= growth.vm_end)


def replace(image: Image, old: Program, new: Program) -> list[bytes | memoryview]:
    """The container with another program in it, as pieces to write one after another.

    Args:
        image: the container.
        old: the program that the container holds.
        new: the program that it shall hold; its tensors are those of the container, apart from their BARs.

    Raises:
        UnsupportedError: the change cannot be carried into the container.
    """
    _check_tensors(old, new)
    contents = _contents(image, new)
    plan = _plan(image, old, new, contents)
    relocations = _relocations(old, new)
    commands = [_command(command, plan, old, new, contents, relocations) for command in image.commands]
    pieces: list[bytes | memoryview] = [structs.HEADER.pack(*image.header), *commands]
    position = structs.HEADER.size + image.header.commands_bytes
    for offset, data in _ranges(image, plan, contents, relocations):
        if offset < position:
            raise UnsupportedError("the changed parts overlap in the container", where=f"offset {offset:#x}")
        pieces += [bytes(offset - position), data]
        position = offset + len(data)
    end = plan.file(_length(image))
    return [*pieces, bytes(max(0, end - position))]


def _length(image: Image) -> int:
    last = image.ranges[-1] if image.ranges else None
    return last.offset + len(last.data) if last else structs.HEADER.size + image.header.commands_bytes


def _check_tensors(old: Program, new: Program) -> None:
    if new.arch.name != old.arch.name:
        raise UnsupportedError(f"the program is for {new.arch.name}, the container for {old.arch.name}")
    for role in ("input", "output", "scratch"):
        known = {buffer.name: script_row(buffer) for buffer in old.buffers if buffer.role == role}
        given = {buffer.name: script_row(buffer) for buffer in new.buffers if buffer.role == role}
        if known.keys() != given.keys():
            raise UnsupportedError(f"the container has the {role}s {', '.join(known)}, the program {', '.join(given)}")
        for name, tensor in given.items():
            if (tensor.shape, tensor.strides, tensor.dtype, tensor.size_bytes) != (
                known[name].shape, known[name].strides, known[name].dtype, known[name].size_bytes,
            ):  # fmt: skip
                raise UnsupportedError(f"tensor {name} has another size or layout than the container gives it")
    if old.aliases != new.aliases:
        raise UnsupportedError("the program has other further BARs (ALIASES) than the container")
    if [(kernel.name, kernel.bar) for kernel in old.kernels] != [(kernel.name, kernel.bar) for kernel in new.kernels]:
        raise UnsupportedError("the program has other kernel segments than the container")


def _contents(image: Image, new: Program) -> dict[tuple[str, str], bytes | memoryview]:
    """(segment, section) -> what it shall hold, for the sections that a program fills."""
    found: dict[tuple[str, str], bytes | memoryview] = {("__TEXT", "__text"): new.text.to_bytes()}
    if image.section("__TEXT", "__const"):
        found["__TEXT", "__const"] = new.const
    elif len(new.const):
        raise UnsupportedError("the program has coefficients, but the container has no section for them")
    kernels = {kernel.name: kernel.data for kernel in new.kernels}
    for section in image.sections():
        if section.name[0] in kernels:
            found[section.name] = kernels[section.name[0]]
    return found


def _round(size: int) -> int:
    return round_up(size, PAGE)


def _start(section: Section, segment: Segment, new: Program) -> int:
    """Where a section will begin in its segment, bytes; taken from the file, as addresses are not checked."""
    if section.name != ("__TEXT", "__const"):
        return section.fields.file_offset - segment.fields.file_offset
    text = next(other for other in segment.sections if other.name == ("__TEXT", "__text"))
    return text.fields.file_offset - segment.fields.file_offset + new.const_offset


def _plan(image: Image, old: Program, new: Program, contents: dict[tuple[str, str], bytes | memoryview]) -> _Plan:
    growths = []
    for segment in image.values(Segment):
        filled = [section for section in segment.sections if section.name in contents]
        if not filled:
            continue
        end = max(_start(section, segment, new) + len(contents[section.name]) for section in filled)
        growth = max(0, _round(end) - _round(segment.fields.file_bytes))
        if growth:
            fields = segment.fields
            growths.append(_Growth(fields.file_offset + fields.file_bytes, fields.vm_address + fields.vm_bytes, growth))
    const = image.section("__TEXT", "__const")
    if const is None:
        return _Plan(tuple(growths), (0, 0), (0, 0), 0)
    start, address, size = const.fields.file_offset, const.fields.address, max(1, const.fields.size_bytes)
    shift = new.const_offset - old.const_offset
    return _Plan(tuple(growths), (start, start + size), (address, address + size), shift)


def _command(
    command: Command,
    plan: _Plan,
    old: Program,
    new: Program,
    contents: dict[tuple[str, str], bytes | memoryview],
    relocations: list[int],
) -> bytes | memoryview:
    """A load command with what moved in it."""
    match command.value:
        case Segment():
            return _segment(command, plan, contents, relocations)
        case Symtab(fields=fields):
            moved = fields._replace(
                symbol_offset=plan.file(fields.symbol_offset), string_offset=plan.file(fields.string_offset)
            )
            return _patched(command.raw, structs.COMMAND.size, structs.SYMTAB.pack(*moved))
        case Region(address=address):
            code = "<Q" if command.number == structs.LC_REGION_64 else "<I"
            return _patched(command.raw, 0x10, struct.pack(code, plan.vm(address)))
        case ProgramCommand():
            return _program(command, plan, old, new)
    return command.raw


def _patched(raw: memoryview, offset: int, data: bytes) -> bytes:
    return bytes(raw[:offset]) + data + bytes(raw[offset + len(data) :])


def _segment(
    command: Command, plan: _Plan, contents: dict[tuple[str, str], bytes | memoryview], relocations: list[int]
) -> bytes:
    segment = command.value
    fields = segment.fields
    end = fields.vm_address + fields.vm_bytes
    growth = sum(growth.bytes for growth in plan.growths if growth.vm_end == end and fields.file_bytes)
    moved = fields._replace(
        vm_address=plan.vm(fields.vm_address),
        vm_bytes=fields.vm_bytes + growth,
        file_offset=plan.file(fields.file_offset),
        file_bytes=fields.file_bytes + growth,
    )
    rows = [_section(section, plan, contents, relocations) for section in segment.sections]
    return _patched(command.raw, structs.COMMAND.size, structs.SEGMENT.pack(*moved) + b"".join(rows))


def _section(
    section: Section, plan: _Plan, contents: dict[tuple[str, str], bytes | memoryview], relocations: list[int]
) -> bytes:
    fields = section.fields
    size = len(contents[section.name]) if section.name in contents else fields.size_bytes
    count = len(relocations) if section.name == ("__TEXT", "__text") else fields.relocation_count
    moved = fields._replace(
        address=plan.vm(fields.address),
        file_offset=plan.file(fields.file_offset),
        size_bytes=size,
        relocation_offset=plan.file(fields.relocation_offset),
        relocation_count=count,
    )
    return structs.SECTION.pack(*moved)


def _program(command: Command, plan: _Plan, old: Program, new: Program) -> bytes:
    """The program command: BAR table, sizes, counts."""
    value: ProgramCommand = command.value
    place = value.layout
    raw = bytearray(command.raw)
    bars = {bar: plan.vm(address) for bar, address in value.bars().items()}
    # Of several program commands one tells the buffers, and another may bind fewer.
    addresses = {buffer.name: value.bars()[buffer.bar] for buffer in old.buffers if buffer.bar in value.bars()}
    for buffer in old.buffers:
        bars[buffer.bar] = 0
    for buffer in new.buffers:
        bars[buffer.bar] = plan.vm(addresses[buffer.name]) if buffer.name in addresses else 0
    if 1 in bars:
        bars[1] = bars[0] + new.const_offset
    for bar, address in bars.items():
        struct.pack_into("<Q", raw, structs.THREAD_STATE + place.entry_bytes * bar, address)
    struct.pack_into("<Q", raw, place.text_address, plan.vm(value.text_address))
    numbers = {
        place.first_task_words: len(new.tasks[0].words) - 1,
        place.text_words: new.text.size_bytes // 4,
        place.task_count: len(new.tasks),
        place.debug_log_bits: _count(raw, place.debug_log_bits, old, new, "DebugLogEvents"),
        place.log_bits: _count(raw, place.log_bits, old, new, "LogEvents"),
    }
    for offset, number in numbers.items():
        if offset is not None:
            struct.pack_into("<I", raw, offset, number)
    return bytes(raw)


def _count(raw: bytearray, offset: int, old: Program, new: Program, field: str) -> int:
    """A count of log events: moved by as much as the tasks' masks changed."""
    (count,) = struct.unpack_from("<I", raw, offset)
    return int(count) + event_bits(new, field) - event_bits(old, field)


def event_bits(program: Program, field: str) -> int:
    """Set bits of a header's event mask, over all tasks."""
    place = program.arch.place(f"Header.{field}")
    return sum(place.number(task.words[place.address // 4]).bit_count() for task in program.tasks)


def _relocations(old: Program, new: Program) -> list[int]:
    """Text offsets of the words that hold coefficient addresses, in the new text.

    Where the tasks kept their places the relocations do too. Else they are made anew, if those of the old text are
    the base addresses of its enabled channels; nothing else is understood.
    """
    kept = [(task.offset, [record[:4] for record in task.records]) for task in old.tasks]
    if kept == [(task.offset, [record[:4] for record in task.records]) for task in new.tasks] or not len(old.relocated):
        return list(old.relocated)
    if sorted(old.relocated) != sorted(_bases(old)):
        raise UnsupportedError(
            "the tasks moved, and the file's relocations are not those of its coefficient channels",
            hint="keep the tasks' places and sizes",
        )
    return list(_bases(new))


def _bases(program: Program) -> Iterator[int]:
    """Text offsets of the base addresses of enabled coefficient channels."""
    arch = program.arch
    config, base = "KernelDMASrc.CoeffDMAConfig", "KernelDMASrc.CoeffBaseAddr"
    enable = arch.place(f"{config}.En")
    channels = {arch.address(base, engine): engine for engine in range(arch.register(base).count)}
    for registers in walk(arch, program.tasks):
        for write in registers.task.writes():
            engine = channels.get(write.address)
            if engine is not None and enable.number(registers.word(config, engine) or 0):
                yield registers.task.offset + 4 * write.index


def _ranges(
    image: Image, plan: _Plan, contents: dict[tuple[str, str], bytes | memoryview], relocations: list[int]
) -> list[tuple[int, bytes | memoryview]]:
    """Everything behind the commands at its new place."""
    named = {"section " + ",".join(section.name): section for section in image.sections()}
    moved = (
        plan.const_shift
        or plan.growths
        or any(
            len(content) != named["section " + ",".join(name)].fields.size_bytes for name, content in contents.items()
        )
    )
    pieces: list[tuple[int, bytes | memoryview]] = []
    for part in image.ranges:
        section = named.get(part.what)
        if section and section.name in contents:
            pieces.append((plan.file(part.offset), contents[section.name]))
        elif part.what == "the symbol table":
            pieces.append((plan.file(part.offset), _symbols(image, plan)))
        elif part.what == "relocations of __TEXT,__text":
            pieces.append((plan.file(part.offset), _table(image, relocations)))
        elif part.what or not moved:
            pieces.append((plan.file(part.offset), part.data))
        else:
            _check_gap(part)
    return sorted(pieces, key=lambda piece: piece[0])


def _check_gap(part: FileRange) -> None:
    if bytes(part.data).strip(b"\0"):
        raise ContainerError(
            "bytes that belong to no section stand in the way of a change of size",
            where=f"offset {part.offset:#x}",
            hint="keep the text's size",
        )


def _symbols(image: Image, plan: _Plan) -> bytes:
    table = next(image.values(Symtab))
    rows = (symbol.fields for symbol in table.symbols())
    moved = (row._replace(value=plan.vm(row.value)) if row.section else row for row in rows)
    return b"".join(structs.SYMBOL.pack(*row) for row in moved)


def _table(image: Image, relocations: list[int]) -> bytes:
    section = image.section("__TEXT", "__text")
    rows = [] if section is None else list(section.relocations())
    if len(relocations) == len(rows):
        infos = [row.info for row in rows]
    elif len({row.info for row in rows}) == 1:
        infos = [rows[0].info] * len(relocations)
    else:
        raise UnsupportedError("the number of relocations changes, and they are not all of one kind")
    return b"".join(structs.RELOCATION.pack(offset, info) for offset, info in zip(relocations, infos))
