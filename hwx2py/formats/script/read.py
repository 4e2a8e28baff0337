"""A generated script as a program again, from what `evaluate` makes of its tables and of its `build()`."""

import ast
import contextlib
from array import array
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from ... import marks
from ...errors import ScriptError, StreamError
from ...program.program import (
    DTYPES,
    SCRATCH,
    Buffer,
    KernelSegment,
    Origin,
    Program,
    Scratch,
    Tensor,
    natural_const_offset,
)
from ...program.streams import STREAMS, Text, stray_bytes
from ...registers import Architecture, by_name
from ...runtime import tensor as tensor_row
from .evaluate import MORE, Evaluator, Function, fail, is_plain, parse, shown
from .statements import execute

#: A longer name is not that of an architecture.
LONGEST_NAME = 64

EARLIER = "made by an earlier version of hwx2py"


class Outline(NamedTuple):
    """What a script says of its buffers.

    Attributes:
        arch: its architecture.
        tensors: the inputs and outputs of its TENSORS.
        kernels: BAR -> name of coefficients in buffers of their own.
        aliases: (BAR, tensor name) of further BARs.
        scratch: the scratch memory of its TENSORS, if there is any.
    """

    arch: Architecture
    tensors: tuple[Tensor, ...]
    kernels: dict[int, str]
    aliases: tuple[tuple[int, str], ...]
    scratch: Scratch | None

    @property
    def buffers(self) -> tuple[Buffer, ...]:
        """The tensors, then the scratch memory."""
        return self.tensors if self.scratch is None else (*self.tensors, self.scratch)


class Built(NamedTuple):
    """What a script's `build()` gives.

    Attributes:
        buffers: BAR -> pieces of its content; of BAR 0 the text, padding, coefficients.
        tasks: (offset in the text, words) of each task.
    """

    buffers: Mapping[int, Sequence[Any]]
    tasks: Sequence[tuple[int, Sequence[int]]]


def outline(source: bytes) -> Outline:
    """Reads the tables of a script only, however the rest was edited.

    Args:
        source: its bytes.

    Raises:
        ScriptError: it is not a script that hwx2py made.
    """
    tables = _assignments(parse(source))
    with _told_in_a_line():
        return _outline(_lazy(tables, source), tables)


def load(source: bytes, name: str, path: str) -> Program:
    """Reads a script back without executing it.

    Args:
        source: its bytes.
        name: the file's name.
        path: where it lies; coefficients may lie beside it.

    Raises:
        ScriptError: it is not a script of ours, or an edited value does not fit; with the line.
    """
    tree = parse(source)
    places = _assignments(tree)
    if "AUTO" in places and "tasks" in {part.name for part in tree.body if isinstance(part, ast.FunctionDef)}:
        raise ScriptError(EARLIER, hint="convert the original file again with this version")
    with _told_in_a_line():
        arch = _arch(_lazy(places, source), places)
        evaluator = Evaluator(len(source), {"__file__": path}, {})
        execute(tree, evaluator, arch.stream, len(source))
        tables = _outline(evaluator, places)
        if tables.arch is not arch:
            raise fail(places["ARCH"], f"ARCH is {tables.arch.name} in the end, and {arch.name} before")
        build = evaluator.value("build")
        if not isinstance(build, Function):
            raise ScriptError("build is not a function", hint="is it a script that hwx2py made?")
        result = build()
    if not isinstance(result, tuple) or len(result) != 3 or not isinstance(result[0], dict) or 0 not in result[0]:
        raise fail(build.node, "build() does not return buffers, tasks and further BARs")
    _check_built(build.node, result)
    return program_of(tables, Built(result[0], result[1]), source, name, tree)


@contextlib.contextmanager
def _told_in_a_line() -> Iterator[None]:
    """Makes what goes wrong below the evaluator an error for people."""
    try:
        yield
    except RecursionError as error:
        raise ScriptError("it is nested too deeply, or calls itself") from error
    except OSError as error:
        raise ScriptError(f"{error.filename or ''}: {error.strerror}" if error.strerror else str(error)) from error


def _check_built(node: ast.FunctionDef, result: tuple[Any, ...]) -> None:
    """Refuses what build() cannot give, as far as its types show it."""
    buffers, tasks, aliases = result
    content = buffers[0]
    good = (
        isinstance(tasks, list)
        and isinstance(aliases, dict)
        and all(_is_bar(bar) and isinstance(pieces, (list, tuple)) and pieces for bar, pieces in buffers.items())
        and isinstance(content[0], bytearray)
        and all(isinstance(piece, (bytes, memoryview)) for pieces in buffers.values() for piece in pieces[1:])
        and all(isinstance(pieces[0], (bytes, memoryview)) for bar, pieces in buffers.items() if bar)
        and all(isinstance(task, tuple) and len(task) == 2 for task in tasks)
    )
    if not good:
        raise fail(node, f"build() does not return buffers, tasks and further BARs: {MORE}")


def program_of(tables: Outline, built: Built, source: bytes, name: str, tree: ast.Module | None = None) -> Program:
    """The program that a script's tables and its `build()` say.

    Args:
        tables: its tables.
        built: what its `build()` gave.
        source: the script's bytes.
        name: the file's name.
        tree: the script's syntax tree; parsed if left out.

    Raises:
        ScriptError: the tasks do not parse.
    """
    arch, stream = tables.arch, STREAMS[tables.arch.stream]
    content, *behind = built.buffers[0]
    try:
        tasks = tuple(
            stream.task(memoryview(array("I", words)), offset, arch, f"task {number}")
            for number, (offset, words) in enumerate(built.tasks)
        )
    except StreamError as error:
        raise ScriptError(error.what, where=error.where) from error
    frame = bytes(content[: tasks[0].offset]) if arch.stream == "records" else b""
    spans = [(0, len(frame)), *((task.offset, task.end) for task in tasks)]
    made = Text(tasks, len(content), frame, stray_bytes(memoryview(content), spans))
    padding, *const = behind or [b""]
    kernels = (
        KernelSegment(label, bar, _joined(built.buffers[bar]))
        for bar, label in tables.kernels.items()
        if bar in built.buffers
    )
    return Program(
        arch=arch,
        text=made,
        tensors=tables.tensors,
        const=_joined(const),
        const_offset=len(content) + len(padding) if behind else natural_const_offset(len(content)),
        kernels=tuple(kernels),
        aliases=tables.aliases,
        scratch=tables.scratch,
        origin=_origin(tree or parse(source), source, name),
    )


def _joined(pieces: Sequence[Any]) -> memoryview:
    return memoryview(pieces[0]) if len(pieces) == 1 else memoryview(b"".join(pieces))


def _assignments(tree: ast.Module) -> dict[str, ast.expr]:
    """What a module assigns to each name last, in the plainest way."""
    found: dict[str, ast.expr] = {}
    for statement in tree.body:
        match statement:
            case ast.Assign(targets=[ast.Name(id=name)], value=node):
                found[name] = node
            case ast.Assign(targets=[ast.Tuple(elts=targets)], value=ast.Tuple(elts=values)):
                found.update((t.id, v) for t, v in zip(targets, values) if isinstance(t, ast.Name))
    return found


def _lazy(nodes: Mapping[str, ast.expr], source: bytes) -> Evaluator:
    """An evaluator of what is asked of it only."""
    others = {name: node for name, node in nodes.items() if name != "Tensor"}
    return Evaluator(len(source), {"Tensor": tensor_row.Tensor}, others)


def _arch(evaluator: Evaluator, places: Mapping[str, ast.expr]) -> Architecture:
    if "ARCH" not in places or "TENSORS" not in places:
        raise ScriptError("not a script that hwx2py made: it has no ARCH or no TENSORS", hint="give a generated script")
    name = evaluator.value("ARCH")
    if not isinstance(name, str) or len(name) > LONGEST_NAME:
        raise fail(places["ARCH"], "ARCH is not the name of an architecture")
    return by_name(name)


def _outline(evaluator: Evaluator, places: Mapping[str, ast.expr]) -> Outline:
    """What a script says of its buffers; errors carry the line of its TENSORS."""
    arch = _arch(evaluator, places)
    rows, bars = evaluator.value("TENSORS"), evaluator.value("BARS")
    aliases = evaluator.value("ALIASES") if "ALIASES" in places else {}
    try:
        return outline_of(arch, rows, bars, aliases)
    except ScriptError as error:
        raise fail(places["TENSORS"], error.what) from error


def outline_of(arch: Architecture, rows: Any, bars: Any, aliases: Any) -> Outline:
    """What a script's tables say of its buffers.

    Args:
        arch: its architecture.
        rows: its TENSORS.
        bars: its BARS.
        aliases: its ALIASES, if it has any.

    Raises:
        ScriptError: the tables are not what a script has, or a BAR stands for two buffers.
    """
    if not isinstance(rows, list):
        raise ScriptError("TENSORS is not a list")
    buffers = [_buffer(row) for row in rows]
    tensors = tuple(buffer for buffer in buffers if isinstance(buffer, Tensor))
    scratch = [buffer for buffer in buffers if isinstance(buffer, Scratch)]
    if len(scratch) > 1:
        raise ScriptError(f"{scratch[0].name} and {scratch[1].name} are both scratch memory, of which there is one")
    if not isinstance(bars, dict) or not all(_is_bar(bar) and isinstance(name, str) for name, bar in bars.items()):
        raise ScriptError("BARS is not a table of names and BARs")
    names = {buffer.bar: buffer.name for buffer in buffers}
    if not isinstance(aliases, dict) or not all(
        _is_bar(bar) and _is_bar(own) and own in names for bar, own in aliases.items()
    ):
        raise ScriptError("ALIASES has more than BARs and BARs of tensors")
    others = {*arch.fixed_bars.values(), *names.values()}
    kernels = {bar: name for name, bar in bars.items() if name not in others}
    taken: dict[int, str] = dict(arch.fixed_bars)
    further = [(bar, f"a further {names[own]}") for bar, own in aliases.items()]
    own_bars = [(buffer.bar, buffer.name) for buffer in buffers]
    for bar, name in [*own_bars, *((bars[name], name) for name in bars if name not in others), *further]:
        if bar in taken:
            raise ScriptError(f"BAR {bar} is both {taken[bar]} and {name}")
        taken[bar] = name
    further_names = tuple((bar, names[own]) for bar, own in aliases.items())
    return Outline(arch, tensors, kernels, further_names, scratch[0] if scratch else None)


def _is_bar(value: Any) -> bool:
    return isinstance(value, int) and value >= 0


def _buffer(row: Any) -> Buffer:
    fields = tuple(row) if isinstance(row, tuple) else ()
    if len(fields) != len(Tensor._fields):
        raise ScriptError("TENSORS has a row that is not a Tensor(...)")
    name, role, bar, shape, strides, dtype, size = fields
    good = (
        isinstance(name, str)
        and is_plain(role)
        and role in ("input", "output", SCRATCH)
        and _is_bar(bar)
        and _is_bar(size)
        and is_plain(dtype)
        and ((shape is None and strides is None and dtype is None and role == SCRATCH)
             or (_is_sizes(shape) and _is_sizes(strides) and dtype in DTYPES.values()))
    )  # fmt: skip
    if not good:
        raise ScriptError(f"tensor {shown(name)} is not a (name, role, BAR, shape, strides, dtype, bytes)")
    if role == SCRATCH:
        return Scratch(bar, size, name)
    tensor = Tensor(*fields)
    if 0 not in tensor.shape and tensor.end_bytes > tensor.size_bytes:
        what = f"the elements of tensor {shown(name)} reach {tensor.end_bytes:#x} bytes, but it has {size:#x}"
        raise ScriptError(what)
    return tensor


def _is_sizes(part: Any) -> bool:
    return isinstance(part, tuple) and len(part) == 4 and all(isinstance(n, int) and n >= 0 for n in part)


#: What begins a line of a script's header, and those that a script made of it keeps.
_HEADER = ("Chip:", "Source:", "Compiler:", "Digest:", "Note:", "Pass ", "Edited:")
_LINEAGE = ("Source:", "Pass ", "Edited:")
EDITED = "Edited:   after that, in {name}"


def _origin(tree: ast.Module, source: bytes, name: str) -> Origin:
    """Where a script came from, as its header says; it does not say the compiler's flags."""
    lines: list[str] = []
    for line in (ast.get_docstring(tree) or "").splitlines():
        if line.startswith(_HEADER):
            lines.append(line)
        elif lines and line:  # a long line goes on here
            lines[-1] += f" {line}"
    compiler = next((_value(line) for line in lines if line.startswith("Compiler:")), "")
    lineage = [line for line in lines if line.startswith(_LINEAGE)]
    if lineage and not marks.is_signed(source) and (edited := EDITED.format(name=name)) not in lineage:
        lineage.append(edited)
    return Origin(
        name,
        "script",
        memoryview(source),
        compiler="" if compiler.startswith("not named") else compiler,
        notes=tuple(_value(line) for line in lines if line.startswith("Note:")),
        lineage=tuple(lineage),
    )


def _value(line: str) -> str:
    return line.partition(":")[2].strip()
