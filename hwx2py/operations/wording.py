"""What a task does, in words: the sentence that `info` prints, scripts carry, and traces repeat.

A sentence says what the operation holds and no more: what the reader did not understand follows it by register and
value.
"""

import functools
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from ..program.program import Buffer, Program, Tensor, bound_buffers
from .neural import Neural, Window
from .operand import Dma, Element, InL2, Operand, Result, Shape
from .places import Writers, read, writes_in_l2
from .planar import Planar
from .reader import operations

#: The part of a tensor behind its name, with the tasks that wrote it, and the argument of a call.
_BRACKETED = re.compile(r"(?<=\w)(\[[^\]]*\]( \(tasks? [^()]*\))?|\([^()]*\))")

#: Shapes and parts of tensors whose words are kept: a program repeats them, in one listing too.
MOST_KEPT = 1024

#: A sentence lists at most this many tasks that wrote a source.
MOST_WRITERS = 4


class Names(NamedTuple):
    """How buffers are called, and what is known of them.

    Attributes:
        buffers: BAR (slot) -> name.
        bound: BAR (slot) -> tensor or scratch memory.
        coefficients: BAR (slot) -> content of the buffers that hold coefficients.
        written: places in L2 that a task reads -> the tasks that wrote them, such as "task 3"; see `narrated`.
    """

    buffers: Mapping[int, str]
    bound: Mapping[int, Buffer]
    coefficients: Mapping[int, memoryview]
    written: Mapping[InL2, str] = {}

    @classmethod
    def of(cls, program: Program) -> "Names":
        """The names of a program's buffers."""
        const = next((bar for bar, name in program.arch.fixed_bars.items() if name == "const"), None)
        coefficients = {kernel.bar: kernel.data for kernel in program.kernels}
        if const is not None:
            coefficients[const] = program.const
        return cls(program.buffer_names(), bound_buffers(program.buffers, program.aliases), coefficients)


class Narrated(NamedTuple):
    """A task as a sentence tells it: what it does, and the names that its buffers have there."""

    operation: Planar | Neural
    names: Names


def narrated(program: Program) -> Iterator[Narrated]:
    """The tasks of a program in order, each with names that say which tasks wrote what it reads in L2."""
    names, writers = Names.of(program), Writers()
    for number, operation in enumerate(operations(program)):
        sources = {
            operand.where: [number - 1] if operand.where.chained and number else writers.of(read(operand))
            for operand in operation.inputs
            if isinstance(operand.where, InL2)
        }
        written = {where: _tasks(tasks) for where, tasks in sources.items() if tasks}
        yield Narrated(operation, names._replace(written=written) if written else names)
        for span in writes_in_l2(operation):
            writers.put(span, number)


def _tasks(numbers: Sequence[int]) -> str:
    """Tasks by number; how many there are where they are many and not neighbours."""
    first, last = min(numbers), max(numbers)
    if len(numbers) == 1:
        return f"task {first}"
    if len(numbers) == last - first + 1 > 2:
        return f"tasks {first} to {last}"
    return f"tasks {_listed(sorted(numbers))}" if len(numbers) <= MOST_WRITERS else f"tasks: {len(numbers)}"


def sentences(program: Program) -> list[str]:
    """A sentence for each task of a program."""
    return [sentence(*task) for task in narrated(program)]


def sentence(operation: Planar | Neural, names: Names) -> str:
    """What a task does on one line: "y = a * b; planar engine, 64 x 8 x 8"."""
    return f"{statement(operation, names)}; {setting(operation, names)}"


def statement(operation: Planar | Neural, names: Names) -> str:
    """What a task computes: "y = a * b"."""
    return f"{result_name(operation.result, names)} = {action(operation, names)}"


def setting(operation: Planar | Neural, names: Names) -> str:
    """Who computes it, in which shapes, and what else is to be said: "planar engine, 64 x 8 x 8"."""
    parts = [", ".join([engine(operation), shapes(operation), *notes(operation, names)])]
    if operation.unknowns:
        unknown = operation.unknowns[0]
        value = f"{unknown.value:#x}" if isinstance(unknown.value, int) and unknown.value > 9 else unknown.value
        more = f" and {len(operation.unknowns) - 1} more" if len(operation.unknowns) > 1 else ""
        parts.append(f"not understood: {unknown.register} = {value}{more}")
    return "; ".join(parts)


def engine(operation: Planar | Neural) -> str:
    """Who computes: "planar engine" or "16 neural engines"."""
    if isinstance(operation, Planar):
        return "planar engine"
    return f"{operation.engines} neural engine{'s' if operation.engines > 1 else ''}"


def shapes(operation: Planar | Neural) -> str:
    """The shapes that go in and come out, C x H x W: "64 x 8 x 8 -> 64 x 1 x 1"."""
    return _from_to(_shape_in(operation), operation.result.shape)


@functools.lru_cache(MOST_KEPT)
def _from_to(shape_in: Shape, shape_out: Shape) -> str:
    groups = shape_out.groups
    one, two = _shape(shape_in), _shape(shape_out)
    text = one if one == two else f"{one} -> {two}"
    return f"{groups} groups of {text}" if groups > 1 else text


def notes(operation: Planar | Neural, names: Names) -> list[str]:
    """What else is to be said: broadcast and exchanged operands, copies that stay in L2, the place of coefficients."""
    found = []
    for operand in operation.inputs:
        said = []
        if operand.broadcast:
            said.append(f"broadcast over {_listed(operand.broadcast)}")
        if operand.exchanged:
            said.append("with C and W exchanged")
        if operand.keeps and operand.stage:
            said.append(f"kept at L2[{operand.stage.base_bytes:#x}]")
        found += [f"{operand_name(operand, names._replace(written={}))} {what}" for what in said]
    if operation.result.exchanged:
        found.append("result stored with C and W exchanged")
    if operation.result.memory and operation.result.l2:
        found.append(f"result kept at L2[{operation.result.l2.base_bytes:#x}]")
    if isinstance(operation, Neural) and operation.kernel:
        found.append(f"coefficients from {buffer_name(operation.kernel.bar, names)}")
    return found


def _listed(things: Sequence[object]) -> str:
    *others, last = map(str, things)
    return " and ".join([*([", ".join(others)] if others else []), last])


def _shape_in(operation: Planar | Neural) -> Shape:
    """What goes in: the sources stretched to each other; the two rows of gain and offset do not count."""
    if isinstance(operation, Planar) and operation.kind == "GainOffset":
        return operation.result.shape
    first, *more = [operand.shape for operand in operation.inputs]
    return Shape(*map(max, first, *more)) if more else first


def _shape(shape: Shape) -> str:
    sizes = shape[1:] if shape.depth != 1 else (shape.channels, shape.height, shape.width)
    return " x ".join(map(str, sizes))


def action(operation: Planar | Neural, names: Names) -> str:
    """What is computed: "(a - b) * 0.5", "3 x 3 convolution of x, padding 1"."""
    return _planar(operation, names) if isinstance(operation, Planar) else _neural(operation, names)


def _planar(operation: Planar, names: Names) -> str:
    text = _combined(operation, names)
    text = _scaled(text, operation.scale, operation.bias)
    if operation.relu:
        text = f"relu({text})"
    if operation.magnitude:
        text = f"abs({text})"
    if operation.reduce:
        text = f"{operation.reduce.sentence} over {_reduced(_shape_in(operation))} of {_wrapped(text)}"
    if operation.final_scale != 1.0:
        text = f"{_wrapped(text)} * {_number(operation.final_scale)}"
    if operation.function is None:
        return f"copy of {text}" if text == operand_name(operation.first, names) and not operation.first.relu else text
    epsilon = f" + {_number(operation.epsilon)}" if operation.epsilon else ""
    argument = text if "(" in operation.function.sentence else _wrapped(text)
    return operation.function.sentence.format(argument, epsilon=epsilon)


def _combined(operation: Planar, names: Names) -> str:
    """The sources and how they are combined, with PreScale and the signs."""
    source = operand_name(operation.first, names)
    factor = -operation.prescale if operation.negate_first else operation.prescale
    first = _times(factor, source)
    if operation.second is None:
        return f"{_wrapped(first)}^2" if operation.combine else first
    second = operand_name(operation.second, names)
    sign = "-" if operation.negate_second else "+"
    if operation.kind == "GainOffset":
        return f"({first} {sign} {second}[row 0]) * {second}[row 1]"
    if operation.combine is None:
        return f"unknown function of {first} and {second}"
    if "{sign}" not in operation.combine.sentence:
        return operation.combine.sentence.format(_wrapped(first), f"-{second}" if operation.negate_second else second)
    if factor < 0 and sign == "+":
        return operation.combine.sentence.format(second, _times(-factor, source), sign="-")
    return operation.combine.sentence.format(first, second, sign=sign)


def _times(factor: float, text: str) -> str:
    if factor == 1.0:
        return text
    return f"-{text}" if factor == -1.0 else f"{_number(factor)} * {text}"


def _reduced(shape: Shape) -> str:
    axes = [letter for letter, size in (("D", shape.depth), ("H", shape.height), ("W", shape.width)) if size > 1]
    return " and ".join(axes) if axes else "H and W"


def _scaled(text: str, scale: float, bias: float) -> str:
    if scale != 1.0:
        text = f"{_wrapped(text)} * {_number(scale)}"
    return text if bias == 0.0 else f"{text} {'-' if bias < 0 else '+'} {_number(abs(bias))}"


def _wrapped(text: str) -> str:
    """The text in parentheses, unless it is a single name or call."""
    return f"({text})" if " " in _BRACKETED.sub("", text) else text


def _number(value: float) -> str:
    return f"{value:.6g}"


def _neural(operation: Neural, names: Names) -> str:
    source = operand_name(operation.source, names)
    text = _accumulated(operation, source)
    if operation.acc_bias:
        text = f"{text} {'-' if operation.acc_bias < 0 else '+'} {_number(abs(operation.acc_bias))}"
    if operation.post_scale != 1.0:
        text = f"{_wrapped(text)} * {_number(operation.post_scale)}"
    if operation.last is None:
        return f"copy of {text}" if text == source and not operation.source.relu else text
    if operation.table is None:
        return operation.last.sentence.format(text)
    from .tables import describe_table  # few tasks have one

    table = describe_table(operation.table, names.coefficients)
    return f"{table}({text})" if " " not in table else f"{table} of {_wrapped(text)}"


def _accumulated(operation: Neural, source: str) -> str:
    if operation.mode is None:
        return f"a function of {source}"
    channels = operation.unicast or operation.source.shape.channels
    match operation.mode.name:
        case "Conv":
            return f"{_convolution(operation)} of {source}{_window(operation.window)}"
        case "ChannelSum":
            return source if channels == 1 else f"sum over {channels} channels of {source}"
        case "ElementwiseMult":
            return f"product over {channels} channels of {source}"
        case "CrossChannelMax":
            return f"max over {channels} channels of {source}"
    return source


def _convolution(operation: Neural) -> str:
    window, kernel = operation.window, operation.kernel
    kind = "convolution"
    if operation.unicast == 1 and operation.outputs == operation.source.shape.channels:
        kind = "depthwise convolution"
    elif operation.unicast:
        kind = f"convolution of {operation.unicast} channels each"
    if kernel and (kernel.from_task is not None or kernel.round_stride_bytes):
        kind += " by a kernel made at run time"
    if kernel and kernel.bias_row:
        kind += " plus bias"
    return f"{window.height} x {window.width} {kind}"


def _window(window: Window) -> str:
    text = ""
    if (window.step_y, window.step_x) != (1, 1):
        text += f", stride {window.step_y} x {window.step_x}"
    if window.pad_y or window.pad_x:
        text += f", padding {window.pad_y} x {window.pad_x}"
    if window.columns > 1:
        text += f", {window.columns} columns at a time"
    return text


def operand_name(operand: Operand, names: Names) -> str:
    """A source by name, with the part of its tensor that is read: "x", "x[channels 16 to 31]", "L2[0x40]"."""
    text = place_name(operand.where, operand.stored, operand.element, names)
    return f"relu({text})" if operand.relu else text


def result_name(result: Result, names: Names) -> str:
    """Where a result goes, by name, with the part of the tensor that is written."""
    where = result.memory or result.l2
    if where is None:
        return "nothing"
    return place_name(where, result.stored, result.element, names)


def place_name(where: Dma | InL2, stored: Shape, element: Element, names: Names) -> str:
    """A place by name, with the part of the tensor that is meant: "x", "x[channels 16 to 31]", "L2[0x40]".

    Args:
        where: the place.
        stored: sizes of what is read or written, as they lie there.
        element: its format.
        names: of the program's buffers.
    """
    if isinstance(where, InL2):
        written = names.written.get(where)
        return f"L2[{where.base_bytes:#x}]" + (f" ({written})" if written else "")
    name = buffer_name(where.bar, names) if where.enabled else "a buffer that is not enabled"
    tensor = names.bound.get(where.bar) if where.bar is not None else None
    if not isinstance(tensor, Tensor):
        return name if not where.base_bytes else f"{name}[byte {where.base_bytes:#x} on]"
    return name + _part(where, stored, element, tensor)


@functools.lru_cache(MOST_KEPT)
def _part(where: Dma, stored: Shape, element: Element, tensor: Tensor) -> str:
    """Which part of a tensor a task reads or writes; empty for all of it."""
    total = math.prod(tensor.shape)
    if stored.count == total and not where.base_bytes:
        return ""
    part = _range(where, stored, element, tensor)
    return part or f"[{stored.count} of {total} elements, byte {where.base_bytes:#x} on]"


def _range(where: Dma, stored: Shape, element: Element, tensor: Tensor) -> str:
    """The range along the one axis of a tensor that a task does not cover; empty where it is not that simple.

    Strides identify the axes: a task may see rows of a tensor as its channels.
    """
    strides = where.strides
    walked = [
        (strides.group, stored.groups),
        (strides.channel, stored.channels),
        (strides.depth, stored.depth),
        (strides.row, stored.height),
        (element.size_bytes * where.interleave, stored.width),
    ]
    sizes = {stride: size for stride, size in walked if size > 1}
    names = ("batch elements", "channels", "rows", "columns")
    shorter = []
    for name, stride, size in zip(names, tensor.strides, tensor.shape):
        if size > 1 and sizes.pop(stride, 1) != size:
            shorter.append((name, stride, size))
    if sizes or len(shorter) != 1:
        return ""
    name, stride, size = shorter[0]
    count = next((extent for step, extent in walked if step == stride and extent > 1), 1)
    first, rest = divmod(where.base_bytes, stride)
    if rest or first + count > size:
        return ""
    return f"[{name[:-1]} {first}]" if count == 1 else f"[{name} {first} to {first + count - 1}]"


def buffer_name(bar: int | None, names: Names) -> str:
    """A buffer by name; by its number where it has none."""
    return "an unbound buffer" if bar is None else names.buffers.get(bar, f"BAR {bar}")
