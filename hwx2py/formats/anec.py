"""An `.anec` file as a program. It names neither tensors nor compiler, and says so."""

from ..container import anec as container
from ..container.anec import FIRST_TENSOR, TILE_BYTES, TensorShape
from ..errors import ContainerError, UnsupportedError
from ..program.model import SCRATCH, Origin, Program, Tensor
from ..program.streams import STREAMS
from ..registers import by_name
from ..units import round_up, whole

NOTES = (
    "an .anec file names no tensors: they are called after their BARs",
    "an .anec file does not say which compiler made it, nor its element type: libane takes float16",
)


def looks_like(data: memoryview) -> bool:
    """Whether the file's length is what an `.anec` header says."""
    return container.looks_like(data)


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
    const_offset = round_up(file.text_bytes, 16)
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
    if not size or not shape.height or not shape.width:
        raise ContainerError(f"buffer {bar}, an {role}, has no elements", where="header")
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


def write(program: Program, content_offset: int) -> list[bytes | memoryview]:
    """An `.anec` file that libane runs.

    Args:
        program: its tensors must lie in libane's order of BARs, see `program.bars.bound_order`.
        content_offset: where the content begins, one of `container.anec.CONTENT_OFFSETS`.

    Raises:
        UnsupportedError: libane has no room or no word for what the program needs.
    """
    _check(program)
    text = program.text.to_bytes()
    padding = bytes(round_up(len(text), 16) - len(text))
    content = memoryview(b"".join([text, padding, program.const]))
    tiles, shapes = [0] * container.BUFFERS, [TensorShape(0, 0, 0, 0, 0, 0)] * container.BUFFERS
    tiles[0] = whole(len(content), TILE_BYTES)
    for tensor in program.tensors:
        tiles[tensor.bar] = whole(tensor.size_bytes, TILE_BYTES)
        if tensor.shape and tensor.strides:
            shapes[tensor.bar] = TensorShape(*tensor.shape, *tensor.strides[1:3])
    return container.write(
        container.Anec(
            task_bytes=program.tasks[0].size_bytes,
            task_count=len(program.tasks),
            text_bytes=len(text),
            coefficient_bytes=len(program.const),
            inputs=len(program.inputs),
            outputs=len(program.outputs),
            tiles=tuple(tiles),
            shapes=tuple(shapes),
            content=content,
            content_offset=content_offset,
        )
    )


def _check(program: Program) -> None:
    if not program.arch.runs:
        raise UnsupportedError(f".anec is for H13, this program is for {program.arch.name}")
    if program.kernels:
        names = ", ".join(kernel.name for kernel in program.kernels)
        raise UnsupportedError(f"libane has no buffers for coefficients in segments of their own ({names})")
    count = len(program.inputs) + len(program.outputs)
    if count > container.BUFFERS - FIRST_TENSOR:
        raise UnsupportedError(f"{count} inputs and outputs; libane has {container.BUFFERS - FIRST_TENSOR} buffers")
    for tensor in (*program.outputs, *program.inputs):
        if tensor.dtype != "float16":
            raise UnsupportedError(f"tensor {tensor.name} is {tensor.dtype}; libane takes float16")
