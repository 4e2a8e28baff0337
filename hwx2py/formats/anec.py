"""An `.anec` file as a program. It names neither tensors nor compiler, and says so."""

from ..container import anec as container
from ..container.anec import FIRST_TENSOR, TILE_BYTES, TensorShape
from ..errors import ContainerError
from ..program.model import SCRATCH, Origin, Program, Tensor
from ..program.streams import STREAMS
from ..registers import by_name

NOTES = (
    "an .anec file names no tensors: they are called after their BARs",
    "an .anec file does not say which compiler made it, nor its element type: libane takes float16",
)


def load(data: memoryview, name: str) -> Program:
    """The program in an `.anec` file.

    Raises:
        ContainerError, StreamError: as the file deserves.
    """
    file = container.read(data)
    arch = by_name("H13")
    if file.task_bytes % 4:
        raise ContainerError(f"first task of {file.task_bytes} bytes is no whole number of words", where="header")
    text = file.content[: file.text_bytes]
    const_offset = container.align16(file.text_bytes)
    return Program(
        arch=arch,
        text=STREAMS[arch.stream].decode(text, arch, file.task_bytes // 4, file.task_count),
        tensors=(*_tensors(file), *_scratch(file)),
        const=file.content[const_offset : const_offset + file.coefficient_bytes],
        const_offset=const_offset,
        origin=Origin(name, "anec", data, notes=NOTES),
    )


def _tensors(file: container.Anec) -> list[Tensor]:
    roles = ["output"] * file.outputs + ["input"] * file.inputs
    bars = range(FIRST_TENSOR, FIRST_TENSOR + len(roles))
    return [_tensor(bar, role, file.shapes[bar], file.tiles[bar]) for bar, role in zip(bars, roles)]


def _tensor(bar: int, role: str, shape: TensorShape, tiles: int) -> Tensor:
    size = shape.batch * shape.channels * shape.plane_bytes
    if size > tiles * TILE_BYTES:
        raise ContainerError(
            f"buffer {bar} needs {size:#x} bytes, its {tiles} tiles have {tiles * TILE_BYTES:#x}", where="header"
        )
    return Tensor(
        name=f"bar{bar}",
        role=role,
        bar=bar,
        shape=(shape.batch, shape.channels, shape.height, shape.width),
        strides=(shape.channels * shape.plane_bytes, shape.plane_bytes, shape.row_bytes, 2),
        dtype="float16",
        size_bytes=size,
    )


def _scratch(file: container.Anec) -> list[Tensor]:
    size = file.tiles[container.SCRATCH] * TILE_BYTES
    return [Tensor(SCRATCH, "scratch", container.SCRATCH, None, None, None, size)] if size else []
