"""An operation taken apart into aspects that can be compared, on one generation or across several.

Where a tensor lies in L2 or scratch, its strides, and how the engines share the work say how a task does it, not what
it does: they are not aspects. Buffers go by their names, coefficients by what they are.
"""

from typing import Any

from ..program.program import Scratch
from ..registers.enums import Value
from .neural import Kernel, Neural, Table, Window
from .operand import Dma, InL2, Operand, Result, Shape
from .planar import Planar
from .tables import describe_table
from .wording import Names, buffer_name, place_name

#: How the work is done, which is kept separate from the aspects.
DISREGARDED = frozenset({"engines", "zeros", "unknowns", "fields"})
#: Aspects that say from where and where to, which tell apart tasks of one kind.
PLACES = ("source 1", "source 2", "result", "coefficients")
_WORDS = {"first": "source 1", "source": "source 1", "second": "source 2", "mode": "operation", "last": "last step"}


def aspects(operation: Planar | Neural, names: Names) -> dict[str, Any]:
    """What a task does, by aspect: "source 1", "scale", "window height".

    Args:
        operation: what `read` made of the task.
        names: of the program's buffers.

    Returns:
        Name of the aspect -> value, as a person reads it; equal values mean the same on every generation.
    """
    found: dict[str, Any] = {"engine": "planar" if isinstance(operation, Planar) else "neural"}
    for field, value in zip(operation._fields, operation):
        if field not in DISREGARDED:
            words = _WORDS.get(field) or field.replace("_", " ")
            found.update(_aspect(words, value, names))
    return found


def kind(found: dict[str, Any]) -> tuple[object, ...]:
    """What is done, whatever it is done to: the same for all tasks of a kind."""
    return tuple(value for name, value in found.items() if name not in PLACES)


def _aspect(words: str, value: Any, names: Names) -> dict[str, Any]:
    match value:
        case Operand():
            return _operand(words, value, names)
        case Result():
            return _result(value, names)
        case Window():
            shown = ("height", "width", "step_y", "step_x", "pad_y", "pad_x")
            return {f"window {name.replace('_', ' ')}": getattr(value, name) for name in shown}
        case Kernel():
            return _kernel(value, names)
        case Table():
            return {"table": describe_table(value, names.coefficients)}
        case Value():
            return {words: value.name}
        case None if words in ("kernel", "table"):
            return {}
    return {words: value}


def _operand(words: str, operand: Operand, names: Names) -> dict[str, Any]:
    stored = operand.stored
    return {
        words: _place(operand.where, stored, operand, names),
        f"{words} shape": _shape(operand.shape),
        f"{words} format": operand.element.name,
        f"{words} clamped at 0": operand.relu,
        f"{words} with C and W exchanged": operand.exchanged,
        f"{words} broadcast over": operand.broadcast or "nothing",
    }


def _result(result: Result, names: Names) -> dict[str, Any]:
    stored = result.stored
    places = [_place(where, stored, result, names) for where in (result.memory, result.l2) if where]
    return {
        "result": " and ".join(places) or "nothing",
        "result shape": _shape(result.shape),
        "result format": result.element.name,
        "result with C and W exchanged": result.exchanged,
    }


def _place(where: Dma | InL2, stored: Shape, of: Operand | Result, names: Names) -> str:
    """A tensor with the part of it; L2, scratch and coefficients whatever the address in them."""
    if isinstance(where, InL2):
        return "L2"
    buffer = names.bound.get(where.bar) if where.bar is not None else None
    if where.enabled and (isinstance(buffer, Scratch) or where.bar in names.coefficients):
        return buffer_name(where.bar, names)
    return place_name(where, stored, of.element, names)


def _kernel(kernel: Kernel, names: Names) -> dict[str, Any]:
    made = kernel.from_task is not None or kernel.round_stride_bytes
    if not kernel.enabled:
        source = "not fetched"
    elif kernel.bar in names.coefficients:
        source = "of the file"
    else:
        source = f"from {buffer_name(kernel.bar, names)}"
    return {
        "coefficients": "made by a task" if made else source,
        "coefficient format": kernel.format,
        "bias for each channel": kernel.bias_row,
    }


def _shape(shape: Shape) -> str:
    return " x ".join(map(str, shape))
