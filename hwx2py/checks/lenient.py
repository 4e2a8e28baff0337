"""Opening files that loading refuses because a declared size or count is wrong: they are read as their records say."""

import struct
from collections.abc import Sequence
from typing import NamedTuple

from .. import formats
from ..errors import HwxError
from ..formats import ANEC_SUFFIXES
from ..formats.anec import header
from ..formats.anec.header import Anec
from ..formats.hwx import looks_like_hwx
from ..formats.hwx.image import ProgramCommand
from ..formats.hwx.structs import PROGRAM_LAYOUTS
from ..registers import Architecture, by_name, by_subtype
from ..units import U32_MAX, round_up, whole
from . import chain
from .subject import ANEC_ALIGNMENT_BYTES, Declared, Subject, declared, declared_by_header


def open_subject(
    path: str, arch: Architecture | None = None, raw: Architecture | None = None, tensors: Sequence[str] = ()
) -> Subject:
    """Opens a file for checking.

    Args:
        path: the file; "-" is standard input.
        arch: read an `.hwx` as this architecture.
        raw: the file is a bare task stream of this architecture.
        tensors: what is known of its buffers; see `formats.load`.

    Returns:
        The program; where loading refuses it for what the container declares of its text, the program as its records
        say, with the container as it is.

    Raises:
        HwxError: it cannot be read at all.
    """
    try:
        return Subject.of(formats.load(path, arch, raw=raw, tensors=tensors))
    except HwxError:
        subject = None if raw or path == formats.STANDARD else _repaired(path, arch)
        if subject is None:
            raise
        return subject


class _Repaired(NamedTuple):
    """A text with sizes that go with its records: the text and what lies behind it, and what a header says of it."""

    text: memoryview
    text_bytes: int
    first_task_bytes: int
    task_count: int


def _repaired(path: str, arch: Architecture | None) -> Subject | None:
    data = formats.map_file(path)
    try:
        if looks_like_hwx(data):
            return _repaired_hwx(data, path, arch)
        if path.endswith(ANEC_SUFFIXES) or header.looks_like_anec(data):
            return _repaired_anec(data, path)
    except HwxError:
        pass
    return None


def _repaired_hwx(data: memoryview, path: str, arch: Architecture | None) -> Subject | None:
    from ..formats.hwx import read
    from ..formats.hwx.parse import parse

    image = parse(data)
    arch = arch or by_subtype(image.header.cpusubtype)
    stated = declared(image)
    if stated is None or arch.stream != "linked":
        return None
    text, section = _repaired_text(stated, arch), image.section("__TEXT", "__text")
    layout = PROGRAM_LAYOUTS[arch.program_kind]
    if text is None or section is None or layout.first_task_words is None:
        return None
    whole_file, start = bytearray(data), section.fields.file_offset
    whole_file[start : start + len(text.text)] = text.text
    place = next(command.offset for command in image.commands if isinstance(command.value, ProgramCommand))
    struct.pack_into("<I", whole_file, place + layout.first_task_words, text.first_task_bytes // 4 - 1)
    struct.pack_into("<I", whole_file, place + layout.task_count, text.task_count)
    file = read.load(memoryview(whole_file), path, arch)
    return Subject(file.program, image)


def _repaired_anec(data: memoryview, path: str) -> Subject | None:
    from ..formats.anec import read

    anec = header.unpack(data)
    arch = by_name("H13")
    text = _repaired_text(declared_by_header(anec), arch)
    if text is None:
        return None
    coefficient_bytes = len(text.text) - round_up(text.text_bytes, ANEC_ALIGNMENT_BYTES)
    tiles = tuple(_tiles(anec, buffer) for buffer in range(header.BUFFERS))
    if coefficient_bytes < 0 or max(tiles) > U32_MAX:
        return None
    changed = anec._replace(
        task_bytes=text.first_task_bytes,
        task_count=text.task_count,
        text_bytes=text.text_bytes,
        coefficient_bytes=coefficient_bytes,
        tiles=tiles,
        content=memoryview(text.text),
    )
    file = read.load(memoryview(b"".join(header.write(changed))), path)
    return Subject(file.program, anec)


def _tiles(anec: Anec, buffer: int) -> int:
    shape = anec.shapes[buffer]
    needed = shape.batch * shape.channels * shape.plane_bytes
    return max(anec.tiles[buffer], whole(needed, header.TILE_BYTES))


def _repaired_text(stated: Declared, arch: Architecture) -> _Repaired | None:
    """The text with the sizes that its records have, up to where its chain breaks; None where no task parses."""
    found = chain.follow(stated.text, arch, stated.first_task_bytes, stated.text_bytes)
    if not found.links:
        return None
    data = bytearray(stated.text)
    next_size, pointer = arch.place("Header.NextSize"), arch.place("Header.NextPointer")
    flag_word, flag_bit = arch.dtid_flag
    for number, link in enumerate(found.links):
        following = found.links[number + 1].size_bytes // 4 - 1 if number + 1 < len(found.links) else 0
        _patch(data, link.offset + next_size.address, next_size.mask, next_size.field.encode(following))
        _patch(data, link.offset + 4 * flag_word, 1 << flag_bit, link.has_dtid << flag_bit)
    last, first = found.links[-1], found.links[0]
    _patch(data, last.offset + pointer.address, pointer.mask, 0)
    return _Repaired(memoryview(data), last.end, first.size_bytes, len(found.links))


def _patch(data: bytearray, offset: int, mask: int, bits: int) -> None:
    word = int.from_bytes(data[offset : offset + 4], "little")
    data[offset : offset + 4] = (word & ~mask | bits).to_bytes(4, "little")
