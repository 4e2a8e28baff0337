"""A program from nothing: tensors with padded rows, the strides that follow from them, and tasks one after another."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from ..errors import RegisterError
from ..registers.architecture import Architecture
from ..units import round_up
from .build import complete, lay_out
from .plan import TaskDraft, fill_in
from .program import ELEMENT_BYTES, SCRATCH_BAR, Buffer, Program, Scratch, Tensor, natural_const_offset

#: Rows of tensors begin at multiples of this (every tensor of the known real files; the drivers' users rely on it).
ROW_ALIGNMENT_BYTES = 64
#: What register names call the steps of a tensor, and which of its strides they are.
STEPS = {"Row": 2, "Plane": 1, "Depth": 0, "Group": 0}


class TaskRegisters(NamedTuple):
    """What a task is made of, by name; what is left out is 0.

    Attributes:
        header: header word -> its fields, or the whole word: `{"W8": {"RBase0": 4, "RBE0": 1}}`.
        registers: `Block.Register` or `Block.Register[3]` -> its fields, or the whole word.
    """

    header: Mapping[str, Mapping[str, Any] | int]
    registers: Mapping[str, Mapping[str, Any] | int]


def padded_tensor(name: str, role: str, bar: int, shape: tuple[int, int, int, int], dtype: str = "float16") -> Tensor:
    """A tensor whose rows are padded to 64 bytes, and which has no other gaps.

    Args:
        name: its name.
        role: "input" or "output".
        bar: the BAR that tasks know it by.
        shape: N, C, H, W in elements.
        dtype: the element type, one of `program.program.ELEMENT_BYTES`.

    Returns:
        The tensor, strides in bytes.

    Raises:
        ValueError: a side of the shape is not positive, or the element type is unknown.
    """
    batch, channels, height, width = shape
    if min(shape) < 1:
        raise ValueError(f"tensor {name}: shape {shape}; every side is at least 1")
    if dtype not in ELEMENT_BYTES:
        raise ValueError(f"tensor {name}: unknown element type {dtype} (types: {', '.join(ELEMENT_BYTES)})")
    element_bytes = ELEMENT_BYTES[dtype]
    row_bytes = round_up(width * element_bytes, ROW_ALIGNMENT_BYTES)
    plane_bytes = row_bytes * height
    batch_bytes = plane_bytes * channels
    strides = (batch_bytes, plane_bytes, row_bytes, element_bytes)
    return Tensor(name, role, bar, shape, strides, dtype, batch * batch_bytes)


def scratch(size_bytes: int) -> Scratch:
    """The scratch memory of a program, in the BAR that every real file gives it.

    Args:
        size_bytes: its size.
    """
    return Scratch(SCRATCH_BAR, size_bytes)


def strides(arch: Architecture, prefix: str, tensor: Tensor) -> dict[str, dict[str, int]]:
    """The stride registers of an operand that a tensor is.

    Args:
        arch: the architecture.
        prefix: what the registers' names begin with: "TileDMASrc.Src1", "TileDMASrc.Src2", "TileDMADst.".
        tensor: the tensor.

    Returns:
        The registers among row, plane, depth and group stride that the architecture has, each with its bytes.

    Raises:
        RegisterError: it has none with this prefix.
    """
    named = {f"{prefix}{step}Stride": {"Stride": tensor.strides[axis]} for step, axis in STEPS.items()}
    there = {name: fields for name, fields in named.items() if arch.find_register(name)}
    if not there:
        raise RegisterError(f"{arch.name} has no strides named {prefix}...", hint="give TileDMASrc.Src1, for example")
    return there


def network(
    arch: Architecture, tasks: Sequence[TaskRegisters], buffers: Sequence[Buffer], const: bytes = b""
) -> Program:
    """A program whose tasks run one after another.

    Each task writes every register of the architecture, so none inherits anything. Ids are counted from 0, links and
    sizes follow from the layout, and the plan from the shapes: places and strides in L2 of what comes and goes by DMA,
    patch, tile height, runs of tasks, cache hints, the task that wrote a kernel. What is given stays as it is.

    Args:
        arch: an architecture whose tasks are linked (H11 to H13): later ones have other headers, see `build.write`.
        tasks: the tasks, in order.
        buffers: inputs and outputs in the order in which they are bound, then the scratch memory, if there is any.
        const: the coefficients behind the tasks, which are BAR 1.

    Raises:
        RegisterError: a word, register or field is unknown, or a value does not fit.
    """
    planned = [TaskDraft(arch, dict(task.header), dict(task.registers)) for task in tasks]
    fill_in(planned)
    drafts = [complete(arch, draft.header, draft.registers, draft.dtid) for draft in planned]
    text = lay_out(arch, drafts)
    tensors = tuple(buffer for buffer in buffers if isinstance(buffer, Tensor))
    program = Program(arch, text, tensors, memoryview(const), natural_const_offset(text.size_bytes))
    return program._replace(scratch=next((buffer for buffer in buffers if isinstance(buffer, Scratch)), None))
