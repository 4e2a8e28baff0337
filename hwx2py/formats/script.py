"""A generated script as a program again: it is parsed, never imported."""

import ast
import base64
import hashlib
import os
from typing import Any, NamedTuple

from ..errors import ScriptError, StreamError
from ..program.build import Draft, lay_out
from ..program.model import DTYPES, Kernel, Origin, Program, Tensor, natural_const_offset
from ..program.streams import Explicit, Pending
from ..registers import Architecture, by_name
from .expressions import Form, Line, Reader, fail, parse, registers, typed, unsigned, value

#: A run of zeros that is longer does not fit the engine's address space.
MOST_ZEROS = 1 << 32


class Outline(NamedTuple):
    """What a script says of its buffers.

    Attributes:
        arch: its architecture.
        tensors: its TENSORS.
        kernels: BAR -> name of its KERNELS.
        aliases: its ALIASES.
    """

    arch: Architecture
    tensors: tuple[Tensor, ...]
    kernels: dict[int, str]
    aliases: tuple[tuple[int, str], ...]


def outline(source: bytes) -> Outline:
    """Reads the tables of a script only, however the rest was edited.

    Raises:
        ScriptError: it is no script that hwx2py made.
    """
    return _tables(_assigned(parse(source)))[0]


def load(source: bytes, name: str, path: str) -> Program:
    """Reads a script back.

    Args:
        source: its bytes.
        name: the file's name.
        path: where it lies; coefficients may lie beside it.

    Raises:
        ScriptError: it is no script of ours, or an edited value does not fit; with the line.
    """
    tree = parse(source)
    names = _assigned(tree)
    tables, kernel_parts = _tables(names)
    arch, tensors = tables.arch, tables.tensors
    bars = {label: number for number, label in {**arch.fixed_bars, **tables.kernels}.items()}
    bars |= {tensor.name: tensor.bar for tensor in tensors}
    drafts = _drafts(tree, Reader(registers(tree), bars, arch.single_slots))
    data = _data(names, path)
    const, rest = _expanded(typed(_need(names, "CONST"), list, "CONST"), data, names["CONST"])
    kernels = []
    for (bar, label), parts in zip(tables.kernels.items(), kernel_parts):
        content, rest = _expanded(parts, rest, names["KERNELS"])
        kernels.append(Kernel(label, bar, content))
    text_bytes, offset = (_place(names, key) for key in ("TEXT_SIZE", "CONST_OFFSET"))
    try:
        text = lay_out(arch, drafts, _frame(names), text_bytes, _stray(names))
    except StreamError as error:
        raise ScriptError(error.what, where=error.where) from error
    return Program(
        arch=arch,
        text=text,
        tensors=tensors,
        const=const,
        const_offset=offset if offset is not None else natural_const_offset(text.size_bytes),
        kernels=tuple(kernels),
        aliases=tables.aliases,
        origin=Origin(name, "script", memoryview(source), *_provenance(tree)),
    )


def _assigned(tree: ast.Module) -> dict[str, ast.expr]:
    """Top-level names and what is assigned to them."""
    found = {}
    for statement in tree.body:
        match statement:
            case ast.Assign(targets=[ast.Name(id=name)], value=node):
                found[name] = node
            case ast.Assign(targets=[ast.Tuple(elts=targets)], value=ast.Tuple(elts=nodes)):
                found.update((target.id, node) for target, node in zip(targets, nodes) if isinstance(target, ast.Name))
    return found


def _place(names: dict[str, ast.expr], name: str) -> int | None:
    """A size or offset, or None where it follows from the rest."""
    node = _need(names, name)
    return None if value(node) is None else unsigned(node, name)


def _hex(node: ast.expr, what: str) -> bytes:
    try:
        return bytes.fromhex(typed(node, str, what))
    except ValueError as error:
        raise fail(node, f"{what} is no hex text: {error}") from error


def _frame(names: dict[str, ast.expr]) -> bytes:
    return _hex(names["FRAME"], "FRAME") if "FRAME" in names else b""


def _stray(names: dict[str, ast.expr]) -> tuple[tuple[int, bytes], ...]:
    """(offset in the text, bytes) of what lies outside every task."""
    node = _need(names, "STRAY")
    rows = node.elts if isinstance(node, ast.List) else [node]
    found = []
    for row in rows:
        if not isinstance(row, ast.Tuple) or len(row.elts) != 2:
            raise fail(row, "STRAY has a row that is no (offset, bytes in hex)")
        found.append((unsigned(row.elts[0], "the offset"), _hex(row.elts[1], "what is stray")))
    return tuple(found)


def _aliases(names: dict[str, ast.expr], tensors: tuple[Tensor, ...]) -> tuple[tuple[int, str], ...]:
    """(BAR, tensor name) of further BARs."""
    node = _need(names, "ALIASES")
    found = typed(node, dict, "ALIASES")
    known = {tensor.name for tensor in tensors}
    if not all(
        isinstance(bar, int) and bar >= 0 and isinstance(name, str) and name in known for bar, name in found.items()
    ):
        raise fail(node, "ALIASES has more than BARs with names of tensors")
    return tuple(found.items())


def _need(names: dict[str, ast.expr], name: str) -> ast.expr:
    if name not in names:
        raise ScriptError(f"no script that hwx2py made: it has no {name}", hint="give a generated script")
    return names[name]


def _tables(names: dict[str, ast.expr]) -> tuple[Outline, list[list[Any]]]:
    """What a script says of its buffers, and the parts of each kernel."""
    arch = by_name(str(value(_need(names, "ARCH"))))
    tensor_rows, kernel_rows = _rows(names, "TENSORS", "Tensor", 7), _rows(names, "KERNELS", "Kernel", 3)
    tensors = tuple(_tensor(node, row) for node, row in tensor_rows)
    for node, (label, bar, parts) in kernel_rows:
        if not (isinstance(label, str) and isinstance(bar, int) and isinstance(parts, list)):
            raise fail(node, f"kernel {label!r} is no (name, BAR, parts)")
    aliases = _aliases(names, tensors)
    taken = dict(arch.fixed_bars)
    rows = [(node, row[0], row[2]) for node, row in tensor_rows] + [(node, row[0], row[1]) for node, row in kernel_rows]
    for node, label, bar in rows + [(names["ALIASES"], label, bar) for bar, label in aliases]:
        if bar in taken:
            raise fail(node, f"BAR {bar} is both {taken[bar]} and {label}")
        taken[bar] = label
    kernels = {bar: label for _, (label, bar, _) in kernel_rows}
    return Outline(arch, tensors, kernels, aliases), [parts for _, (_, _, parts) in kernel_rows]


def _rows(names: dict[str, ast.expr], table: str, kind: str, count: int) -> list[tuple[ast.expr, list[Any]]]:
    node = _need(names, table)
    if not isinstance(node, ast.List):
        raise fail(node, f"{table} is no list")
    rows = []
    for element in node.elts:
        if not isinstance(element, ast.Call) or not isinstance(element.func, ast.Name) or element.func.id != kind:
            raise fail(element, f"{table} has a row that is no {kind}(...)")
        row = [value(argument) for argument in (*element.args, *(keyword.value for keyword in element.keywords))]
        if len(row) != count:
            raise fail(element, f"a {kind} has {count} columns, this one {len(row)}")
        rows.append((element, row))
    return rows


def _tensor(node: ast.expr, row: list[Any]) -> Tensor:
    name, role, bar, shape, strides, dtype, size = row
    good = (
        isinstance(name, str)
        and role in ("input", "output", "scratch")
        and isinstance(bar, int)
        and isinstance(size, int)
        and (dtype is None or dtype in DTYPES.values())
        and size >= 0
        and bar >= 0
        and all(part is None or _is_sizes(part) for part in (shape, strides))
        and (shape is None) == (strides is None) == (dtype is None)
    )
    if not good:
        raise fail(node, f"tensor {name!r} is no (name, role, BAR, shape, strides, dtype, bytes)")
    return Tensor(name, role, bar, shape and tuple(shape), strides and tuple(strides), dtype, size)


def _is_sizes(part: Any) -> bool:
    return isinstance(part, list) and len(part) == 4 and all(isinstance(n, int) and n >= 0 for n in part)


def _drafts(tree: ast.Module, reader: Reader) -> list[Draft]:
    functions = {node.name: node for node in tree.body if isinstance(node, ast.FunctionDef)}
    if "tasks" not in functions:
        raise ScriptError("no script that hwx2py made: it has no tasks()", hint="give a generated script")
    returned = functions["tasks"].body[-1]
    if not isinstance(returned, ast.Return) or not isinstance(returned.value, ast.List):
        raise fail(functions["tasks"], "tasks() does not end with `return [...]`")
    if not returned.value.elts:
        raise fail(returned, "tasks() gives no task")
    forms: dict[str, Form] = {}
    drafts = []
    for node in returned.value.elts:
        at, call = None, node
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "At":
            if len(node.args) != 2:
                raise fail(node, "At takes an offset and a task")
            at, call = unsigned(node.args[0], "the task's offset"), node.args[1]
        name = call.func.id if isinstance(call, ast.Call) and isinstance(call.func, ast.Name) else ""
        if name not in functions:
            raise fail(node, f"`{ast.unparse(node)}` is no call of a task function")
        if name not in forms:
            forms[name] = Form(functions[name], reader)
        drafts.append(_draft(node, forms[name].task(call), at))
    return drafts


def _draft(node: ast.expr, lines: list[Line], at: int | None) -> Draft:
    header = [line.item for line in lines if line.header]
    items: list[Pending | Explicit] = [line.item for line in lines if not line.header]
    if [item.address for item in header] != list(range(0, 4 * len(header), 4)):
        raise fail(node, "its header words are not all there, or not in order")
    follows = frozenset(name for line in lines for name in line.follows)
    return Draft([item.value for item in header], items, follows, at)


def _data(names: dict[str, ast.expr], path: str) -> memoryview:
    node = _need(names, "DATA")
    if value(node) is None:
        from . import SIDECAR_SUFFIX, map_file

        data = map_file(os.path.splitext(path)[0] + SIDECAR_SUFFIX)
    else:
        try:
            data = memoryview(base64.b85decode(typed(node, str, "DATA").replace("\n", "")))
        except ValueError as error:
            raise fail(node, f"DATA is damaged: {error}") from error
    count, digest = value(_need(names, "DATA_BYTES")), value(_need(names, "DATA_SHA256"))
    if len(data) != count or hashlib.sha256(data).hexdigest() != digest:
        raise fail(node, "the coefficients are not those that the script was made with")
    return data


def _expanded(parts: list[Any], data: memoryview, node: ast.expr) -> tuple[memoryview, memoryview]:
    """The content that a list of parts stands for, and what is left of the data."""
    pieces = []
    for part in parts:
        match part:
            case ["data", int(count)] if count > len(data):
                raise fail(node, "it takes more data than there is")
            case ["data", int(count)] if count >= 0:
                pieces.append(data[:count])
                data = data[count:]
            case ["zeros", int(count)] if 0 <= count < MOST_ZEROS:
                pieces.append(memoryview(bytes(count)))
            case _:
                raise fail(node, f"{part!r} is no part of coefficients")
    return pieces[0] if len(pieces) == 1 else memoryview(b"".join(pieces)), data


def _provenance(tree: ast.Module) -> tuple[str, tuple[str, ...], tuple[str, ...]]:
    """Compiler and notes, as the script's header says; it does not say the compiler's flags."""
    lines = (ast.get_docstring(tree) or "").splitlines()
    compiler = next((line[len("Compiler: ") : -1] for line in lines if line.startswith("Compiler: ")), "")
    notes = tuple(line[len("Note: ") : -1] for line in lines if line.startswith("Note: "))
    return "" if compiler.startswith("not named") else compiler, (), notes
