"""The header of an `.anec`, 0x6a8 bytes, and the content behind it.

Source: the layout that anecc writes and libane reads, for H13; for H14 what a public library reads.
"""

import struct
from typing import NamedTuple

from ...errors import ContainerError
from ...units import round_up

HEADER = struct.Struct("<Q2I2Q2I32I192Q")
BUFFERS = 32
TILE_BYTES = 0x4000
FIRST_TENSOR = 4


#: Where the content may begin: where libane has read it since 23 June 2023 (the default for new files), and where anecc
#: writes it and older libane reads it.
CONTENT_OFFSETS = (0x800, 0x1000)


class TensorShape(NamedTuple):
    """A buffer's layout: sizes in elements, strides in bytes (total, plane, row as anecc counts them)."""

    batch: int
    channels: int
    height: int
    width: int
    plane_bytes: int
    row_bytes: int


class Anec(NamedTuple):
    """A file for libane.

    Attributes:
        task_bytes: size of the first task descriptor.
        task_count: tasks of the program.
        text_bytes: size of the text; the coefficients follow at the next multiple of 16.
        coefficient_bytes: size of the coefficients.
        inputs: how many; on H13 their buffers follow those of the outputs.
        outputs: how many, in the buffers from 4 on; in a file for H14 this word is the version of the form, 1.
        tiles: size of each of the 32 buffers in units of 0x4000 bytes; 0 where there is none.
        shapes: layout of each of the 32 buffers.
        content: text, padding and coefficients.
        content_offset: where the content lies in the file.
    """

    task_bytes: int
    task_count: int
    text_bytes: int
    coefficient_bytes: int
    inputs: int
    outputs: int
    tiles: tuple[int, ...]
    shapes: tuple[TensorShape, ...]
    content: memoryview
    content_offset: int

    @property
    def form(self) -> str:
        """What the file is."""
        return "anec"


def looks_like_anec(data: memoryview) -> bool:
    """Whether the header's size field and the file's length agree as in an `.anec`."""
    if len(data) < HEADER.size:
        return False
    return len(data) - int.from_bytes(data[:8], "little") in CONTENT_OFFSETS


def read(data: memoryview) -> Anec:
    """Takes an `.anec` apart, and checks that its sizes go together.

    Args:
        data: the file's bytes.

    Raises:
        ContainerError: sizes that contradict each other or the file.
    """
    anec = unpack(data)
    size = len(anec.content)
    if round_up(anec.text_bytes, 16) + anec.coefficient_bytes > size:
        raise ContainerError(
            f"text ({anec.text_bytes:#x}) and coefficients ({anec.coefficient_bytes:#x}) exceed the content "
            f"({size:#x})",
            where="header",
            hint="the file is damaged",
        )
    if anec.inputs + anec.outputs > BUFFERS - FIRST_TENSOR:
        raise ContainerError(
            f"{anec.inputs} inputs and {anec.outputs} outputs exceed {BUFFERS} buffers", where="header"
        )
    return anec


def unpack(data: memoryview) -> Anec:
    """Takes an `.anec` apart as it says itself, right or wrong.

    Args:
        data: the file's bytes.

    Raises:
        ContainerError: it does not look like one.
    """
    if not looks_like_anec(data):
        raise ContainerError("no .anec file (its size field does not fit its length)", where="header")
    size, task_bytes, task_count, text_bytes, coefficient_bytes, inputs, outputs, *rest = HEADER.unpack_from(data)
    offset = len(data) - size
    tiles, numbers = tuple(rest[:BUFFERS]), rest[BUFFERS:]
    shapes = tuple(TensorShape(*numbers[6 * n : 6 * n + 6]) for n in range(BUFFERS))
    return Anec(
        task_bytes, task_count, text_bytes, coefficient_bytes, inputs, outputs, tiles, shapes, data[offset:], offset
    )


def write(anec: Anec) -> list[bytes | memoryview]:
    """The file's bytes in order, as pieces to write one after another."""
    header = HEADER.pack(
        len(anec.content),
        anec.task_bytes,
        anec.task_count,
        anec.text_bytes,
        anec.coefficient_bytes,
        anec.inputs,
        anec.outputs,
        *anec.tiles,
        *(number for shape in anec.shapes for number in shape),
    )
    return [header, bytes(anec.content_offset - len(header)), anec.content]
