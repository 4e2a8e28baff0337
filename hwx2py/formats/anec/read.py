"""An `.anec` file as a program. It names neither tensors nor compiler, and says so."""

from typing import NamedTuple

from ...errors import ContainerError, StreamError
from ...program.program import SCRATCH_BAR, Origin, Program, Scratch, Tensor
from ...program.register_file import walk
from ...program.streams import STREAMS, Linked, Records, Text
from ...program.task import words_of
from ...registers import Architecture, by_name
from ...units import round_up
from . import header
from .header import FIRST_TENSOR, TILE_BYTES, Anec, TensorShape

#: Where the coefficients begin: at the next multiple behind the text. H13: BAR 1 as the Linux driver computes it,
#: measured on an M1; H14: read from a public library's source.
CONST_ALIGNMENT_BYTES = {"H13": 16, "H14": 64}

NOTES = (
    "an .anec file names no tensors: they are called after their BARs",
    "an .anec file does not say which compiler made it, nor its element type: libane takes float16",
)


class Loaded(NamedTuple):
    """A program, and the header of the file that it lies in."""

    program: Program
    container: Anec


def load(data: memoryview, name: str) -> Loaded:
    """The program in an `.anec` file, of H13 or of H14: the task stream tells which.

    Args:
        data: the file's bytes.
        name: the file's name, for provenance.

    Returns:
        The program and the header, both views on `data`.

    Raises:
        ContainerError: the header contradicts itself or the file.
        StreamError: the task stream does not parse.
    """
    anec = header.read(data)
    if anec.task_bytes % 4:
        raise ContainerError(f"the first task has {anec.task_bytes} bytes, not a whole number of words", where="header")
    arch = by_name("H14" if is_h14(anec) else "H13")
    const_offset = round_up(anec.text_bytes, CONST_ALIGNMENT_BYTES[arch.name])
    if const_offset + anec.coefficient_bytes > len(anec.content):
        raise ContainerError(
            f"the coefficients, {anec.coefficient_bytes:#x} bytes at {const_offset:#x}, exceed the content "
            f"({len(anec.content):#x})",
            where="header",
            hint="the file is damaged",
        )
    text, notes = _text(anec, arch)
    program = Program(
        arch=arch,
        text=text,
        tensors=(),
        const=anec.content[const_offset : const_offset + anec.coefficient_bytes],
        const_offset=const_offset,
        origin=Origin(name, "anec", data, notes=(*NOTES, *notes)),
    )
    tensors = _tensors_of_slots(anec, program) if arch.name == "H14" else _tensors_in_order(anec)
    return Loaded(program._replace(tensors=tuple(tensors), scratch=_scratch(anec)), anec)


def is_h14(anec: Anec) -> bool:
    """Whether the text is a stream of H14: an opening frame, then a task that announces the header's task size."""
    text = anec.content[: min(anec.text_bytes, len(anec.content)) // 4 * 4]
    stream, size_field = Records(), by_name("H14").place("Header.TaskSize")
    frame_words = stream.frame_bytes // 4
    words = words_of(text)
    if len(words) <= frame_words or words[0] > 1 or any(words[1:frame_words]):
        return False
    return 4 * size_field.number(words[frame_words]) == anec.task_bytes


def _text(anec: Anec, arch: Architecture) -> tuple[Text, list[str]]:
    """The task stream, and where the header contradicts it.

    A first task whose declared size does not parse is read as long as its records are, with a note: a published
    converter writes 0x274 whatever the task's size.
    """
    text, stream = anec.content[: anec.text_bytes], STREAMS[arch.stream]
    notes = []
    try:
        decoded = stream.decode(text, arch, anec.task_bytes // 4, None)
    except StreamError:
        if not isinstance(stream, Linked):
            raise
        task_bytes = 4 * stream.first_task_words(text, arch)
        if task_bytes == anec.task_bytes:
            raise
        decoded = stream.decode(text, arch, task_bytes // 4, None)
        notes.append(
            f"the header says that the first task has {anec.task_bytes:#x} bytes, its records end at {task_bytes:#x}"
        )
    if len(decoded.tasks) != anec.task_count:
        notes.append(f"the header counts {anec.task_count} tasks, the stream holds {len(decoded.tasks)}")
    return decoded, notes


def _tensors_in_order(anec: Anec) -> list[Tensor]:
    """The tensors as libane binds them: outputs from buffer 4 on, then inputs."""
    roles = ["output"] * anec.outputs + ["input"] * anec.inputs
    return [_tensor(anec, FIRST_TENSOR + position, role) for position, role in enumerate(roles)]


def _tensors_of_slots(anec: Anec, program: Program) -> list[Tensor]:
    """The tensors of H14: buffers keep their slots, and a slot that a task stores to is an output."""
    stored = {registers.slot("TileDMADst.BaseAddr") for registers in walk(program.arch, program.tasks)}
    slots = [slot for slot in range(FIRST_TENSOR, header.BUFFERS) if any(anec.shapes[slot])]
    return [_tensor(anec, slot, "output" if slot in stored else "input") for slot in slots]


def _tensor(anec: Anec, bar: int, role: str) -> Tensor:
    shape: TensorShape = anec.shapes[bar]
    tiles = anec.tiles[bar]
    size_bytes = shape.batch * shape.channels * shape.plane_bytes
    if not size_bytes or not shape.height or not shape.width:
        raise ContainerError(f"buffer {bar}, an {role}, has no elements", where="header")
    if size_bytes > tiles * TILE_BYTES:
        raise ContainerError(
            f"buffer {bar} needs {size_bytes:#x} bytes, its {tiles} tiles have {tiles * TILE_BYTES:#x}", where="header"
        )
    tensor = Tensor(
        name=f"bar{bar}",
        role=role,
        bar=bar,
        shape=(shape.batch, shape.channels, shape.height, shape.width),
        strides=(shape.channels * shape.plane_bytes, shape.plane_bytes, shape.row_bytes, 2),
        dtype="float16",
        size_bytes=size_bytes,
    )
    if tensor.end_bytes > size_bytes:
        raise ContainerError(
            f"the elements of buffer {bar} reach {tensor.end_bytes:#x} bytes, but its planes have {size_bytes:#x} "
            f"(shape {tensor.shape}, strides {tensor.strides})",
            where="header",
        )
    return tensor


def _scratch(anec: Anec) -> Scratch | None:
    size_bytes = anec.tiles[SCRATCH_BAR] * TILE_BYTES
    return Scratch(SCRATCH_BAR, size_bytes) if size_bytes else None
