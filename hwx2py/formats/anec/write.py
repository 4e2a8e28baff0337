"""A program as an `.anec` file that libane runs."""

from typing import NamedTuple

from ...errors import UnsupportedError
from ...program.bars import bound_order, renumber
from ...program.kernels import fold_kernels
from ...program.program import SCRATCH_BAR, Program, Tensor
from ...units import round_up, whole
from . import header
from .header import BUFFERS, CONTENT_OFFSETS, FIRST_TENSOR, TILE_BYTES, Anec, TensorShape
from .read import CONST_ALIGNMENT_BYTES

#: What a file for H14 has in place of the number of outputs (read from a public library's source).
H14_VERSION = 1


class Arranged(NamedTuple):
    """A program whose buffers stand where libane binds them.

    Attributes:
        program: the program.
        notes: its BAR order, and what was changed for it, a line each.
    """

    program: Program
    notes: tuple[str, ...]


def arrange(program: Program) -> Arranged:
    """Puts the buffers of a program where libane binds them.

    Coefficients in segments of their own go behind those of the text. On H13 libane binds outputs from BAR 4 on, then
    inputs, and the scratch memory to BAR 3: tasks that name other BARs are renumbered. On H14 buffers keep their
    slots.

    Args:
        program: the program.

    Raises:
        UnsupportedError: libane has no room or no word for what the program needs.
    """
    if not program.arch.machine.anec:
        chips = " and ".join(CONST_ALIGNMENT_BYTES)
        raise UnsupportedError(f".anec is for {chips}, this program is for {program.arch.name}")
    notes = [
        f"{kernel.name}: {len(kernel.data):#x} bytes of coefficients are now in BAR 1, they were BAR {kernel.bar}"
        for kernel in program.kernels
    ]
    folded = fold_kernels(program)
    arranged = folded
    if program.arch.name == "H13":
        numbers = bound_order(folded)
        arranged = renumber(folded, numbers)
        names = {buffer.bar: buffer.name for buffer in folded.buffers}
        notes += [
            f"{names[old]}: BAR {old} is now {new}"
            for old, new in sorted(numbers.items(), key=lambda pair: pair[1])
            if old != new
        ]
    return Arranged(arranged, (*notes, _order(arranged)))


def _order(program: Program) -> str:
    bound = sorted((*program.outputs, *program.inputs), key=lambda tensor: tensor.bar)
    words = [f"{tensor.bar} = {tensor.name}" + (" (output)" if tensor.role == "output" else "") for tensor in bound]
    return "BAR order: bar " + ", ".join(words)


def write(program: Program, content_offset: int = CONTENT_OFFSETS[0]) -> list[bytes | memoryview]:
    """An `.anec` file that libane runs.

    Args:
        program: its buffers must stand where libane binds them, see `arrange`.
        content_offset: where the content begins, one of `header.CONTENT_OFFSETS`.

    Returns:
        The file's bytes, as pieces to write one after another.

    Raises:
        UnsupportedError: libane has no room or no word for what the program needs.
    """
    _check(program)
    text = program.text.to_bytes()
    padding = bytes(round_up(len(text), CONST_ALIGNMENT_BYTES[program.arch.name]) - len(text))
    content = memoryview(b"".join([text, padding, program.const]))
    tiles, shapes = [0] * BUFFERS, [TensorShape(0, 0, 0, 0, 0, 0)] * BUFFERS
    tiles[0] = whole(len(content), TILE_BYTES)
    for buffer in program.buffers:
        tiles[buffer.bar] = whole(buffer.size_bytes, TILE_BYTES)
    for tensor in program.tensors:
        shapes[tensor.bar] = TensorShape(*tensor.shape, *tensor.strides[1:3])
    return header.write(
        Anec(
            task_bytes=program.tasks[0].size_bytes,
            task_count=len(program.tasks),
            text_bytes=len(text),
            coefficient_bytes=len(program.const),
            inputs=len(program.inputs),
            outputs=H14_VERSION if program.arch.name == "H14" else len(program.outputs),
            tiles=tuple(tiles),
            shapes=tuple(shapes),
            content=content,
            content_offset=content_offset,
        )
    )


def _check(program: Program) -> None:
    if program.text.streams:
        raise UnsupportedError(f"libane runs one task stream, the text holds {len(program.text.streams)}")
    count = len(program.inputs) + len(program.outputs)
    if count > BUFFERS - FIRST_TENSOR:
        raise UnsupportedError(f"{count} inputs and outputs; libane has {BUFFERS - FIRST_TENSOR} buffers")
    if not program.outputs:
        raise UnsupportedError("the program has no output that libane could bind")
    if program.scratch and program.scratch.bar != SCRATCH_BAR:
        raise UnsupportedError(f"the scratch memory is BAR {program.scratch.bar}, libane binds it to BAR {SCRATCH_BAR}")
    for tensor in program.tensors:
        if not FIRST_TENSOR <= tensor.bar < BUFFERS:
            raise UnsupportedError(
                f"tensor {tensor.name} is BAR {tensor.bar}, libane binds {FIRST_TENSOR} to {BUFFERS - 1}"
            )
        if tensor.dtype != "float16":
            raise UnsupportedError(f"tensor {tensor.name} is {tensor.dtype}; libane takes float16")
        _check_strides(tensor)


def _check_strides(tensor: Tensor) -> None:
    """The header says the strides of planes and rows only: elements and batches must follow from them."""
    batch, channels = tensor.shape[:2]
    if batch > 1 and tensor.strides[0] != channels * tensor.strides[1]:
        raise UnsupportedError(
            f"tensor {tensor.name}: its batch elements lie {tensor.strides[0]:#x} bytes apart, and an .anec knows only "
            f"{channels * tensor.strides[1]:#x} (channels times plane)"
        )


def replace(anec: Anec, old: Program, new: Program) -> list[bytes | memoryview]:
    """The file with another program in it, as pieces to write one after another.

    Args:
        anec: the file.
        old: the program that it holds.
        new: the program that it shall hold, with the same tensors.

    Raises:
        UnsupportedError: the file has no place for the program.
    """
    if new.arch.name != old.arch.name:
        raise UnsupportedError(f"the program is for {new.arch.name}, the file for {old.arch.name}")
    if (sorted(new.tensors), new.scratch) != (sorted(old.tensors), old.scratch) or new.aliases or new.kernels:
        raise UnsupportedError(
            "the program has other tensors or BARs than the file", hint="write a new file: leave out --onto"
        )
    text = new.text.to_bytes()
    if len(text) == old.text.size_bytes:
        padding = bytes(anec.content[len(text) : old.const_offset])
    else:
        padding = bytes(round_up(len(text), CONST_ALIGNMENT_BYTES[new.arch.name]) - len(text))
    rest = anec.content[old.const_offset + len(old.const) :]
    first_task = new.tasks[0].size_bytes
    return header.write(
        anec._replace(
            task_bytes=anec.task_bytes if first_task == old.tasks[0].size_bytes else first_task,
            task_count=len(new.tasks),
            text_bytes=len(text),
            coefficient_bytes=len(new.const),
            content=memoryview(b"".join([text, padding, new.const, rest])),
        )
    )
