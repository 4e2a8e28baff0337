"""The Python that a generated script is made of, read without running it: literals, register classes, task functions.

What a person may edit is understood (numbers with arithmetic, names of values and buffers); anything else is an error
with its line.
"""

import ast
import operator
import warnings
from collections.abc import Collection, Mapping
from typing import Any, NamedTuple

from ..errors import RegisterError, ScriptError
from ..program.streams import Explicit, Pending
from ..registers.model import Field, Register

AUTO = object()
NOUNS = {int: "whole number", str: "text", list: "list", dict: "table"}
KINDS = {"BYTES": "bytes", "FP16": "fp16", "FP32": "fp32", "BAR": "bar", "LAYOUT": "layout"}

_OPERATORS = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
    ast.LShift: operator.lshift,
    ast.RShift: operator.rshift,
    ast.BitOr: operator.or_,
    ast.BitAnd: operator.and_,
    ast.BitXor: operator.xor,
}
_SIGNS = {ast.USub: operator.neg, ast.UAdd: operator.pos, ast.Invert: operator.invert}


def fail(node: ast.AST, what: str, hint: str = "") -> ScriptError:
    """An error at a node's line."""
    return ScriptError(what, where=f"line {node.lineno}", hint=hint)


def value(node: ast.expr, names: Mapping[str, Any] | None = None) -> Any:
    """A literal, or arithmetic on literals and on the names given.

    Raises:
        ScriptError: anything else.
    """
    match node:
        case ast.Constant():
            return node.value
        case ast.Tuple() | ast.List():
            return [value(element, names) for element in node.elts]
        case ast.Dict() if all(isinstance(key, ast.Constant) for key in node.keys):
            return {value(key, names): value(item, names) for key, item in zip(node.keys, node.values)}
        case ast.Name() if names is not None and node.id in names:
            return names[node.id]
        case ast.UnaryOp() if type(node.op) in _SIGNS:
            return _computed(node, _SIGNS[type(node.op)], value(node.operand, names))
        case ast.BinOp() if type(node.op) in _OPERATORS:
            return _computed(node, _OPERATORS[type(node.op)], value(node.left, names), value(node.right, names))
    raise fail(node, f"`{ast.unparse(node)}` is more than a value", "write a number, or a name in quotes")


def typed(node: ast.expr, kind: type, what: str, names: Mapping[str, Any] | None = None) -> Any:
    """A value that must be of a type.

    Raises:
        ScriptError: it is of another, or no value.
    """
    found = value(node, names)
    if not isinstance(found, kind) or isinstance(found, bool):
        raise fail(node, f"{what} is no {NOUNS[kind]}: `{ast.unparse(node)}`")
    return found


def unsigned(node: ast.expr, what: str) -> int:
    """A number of bytes, or an offset, that must not be negative."""
    found = typed(node, int, what)
    if found < 0:
        raise fail(node, f"{what} is negative: `{ast.unparse(node)}`")
    return found


def _computed(node: ast.expr, function, *operands: Any) -> Any:
    if not all(isinstance(operand, (int, float)) for operand in operands):
        raise fail(node, f"`{ast.unparse(node)}` does not compute")
    if function is operator.lshift and operands[1] > 64:
        raise fail(node, f"`{ast.unparse(node)}` is too large")
    try:
        return function(*operands)
    except (ArithmeticError, TypeError, ValueError) as error:
        raise fail(node, f"`{ast.unparse(node)}`: {error}") from error


class Known(NamedTuple):
    """A register that the script defines: its row, its byte address (or header offset), and what it is."""

    row: Register
    address: int
    header: bool


def registers(tree: ast.Module) -> dict[str, Known]:
    """The registers that the script's classes define, by `Block.Register`."""
    found = {}
    for block in tree.body:
        if not isinstance(block, ast.ClassDef):
            continue
        for statement in block.body:
            match statement:
                case ast.Assign(targets=[ast.Name(id=name)], value=ast.Call(func=ast.Name(id="Register")) as call):
                    found[f"{block.name}.{name}"] = _register(name, call)
    return found


def _register(name: str, call: ast.Call) -> Known:
    if len(call.args) != 1:
        raise fail(call, f"register {name} has no address")
    address = unsigned(call.args[0], f"the address of {name}")
    if address % 4:
        raise fail(call, f"the address of {name} is no multiple of 4: {address:#x}")
    fields, options = [], {"count": 1, "header": False, "alone": False}
    for keyword in call.keywords:
        if keyword.arg == "count":
            options["count"] = unsigned(keyword.value, "count")
        elif keyword.arg in options:
            options[keyword.arg] = value(keyword.value)
        else:
            fields.append(_field(keyword))
    row = Register(name, address, "", tuple(fields), options["count"], alone=options["alone"])
    return Known(row, address, options["header"])


def _field(keyword: ast.keyword) -> Field:
    parts = keyword.value.elts if isinstance(keyword.value, ast.Tuple) else []
    if not keyword.arg or len(parts) not in (2, 3):
        raise fail(keyword.value, f"field {keyword.arg} is no (msb, lsb) or (msb, lsb, kind)")
    msb, lsb = value(parts[0]), value(parts[1])
    if not (isinstance(msb, int) and isinstance(lsb, int) and 0 <= lsb <= msb < 32):
        raise fail(keyword.value, f"field {keyword.arg} has no bits {msb}:{lsb}")
    kind, enum = "uint", None
    if len(parts) == 3 and isinstance(parts[2], ast.Name) and parts[2].id in KINDS:
        kind = KINDS[parts[2].id]
    elif len(parts) == 3:
        enum = {number: name for name, number in typed(parts[2], dict, f"the kind of field {keyword.arg}").items()}
        if not all(isinstance(number, int) for number in enum):
            raise fail(parts[2], f"field {keyword.arg} has names for what are no numbers")
    return Field(keyword.arg, msb, lsb, "", kind=kind, enum=enum)


class Line(NamedTuple):
    """A task's line, evaluated: a header word or a write, and the fields that follow from the layout."""

    item: Pending | Explicit
    header: bool = False
    follows: tuple[str, ...] = ()


class Reader:
    """Evaluates register calls.

    Args:
        known: the registers, see `registers`.
        bars: buffer name -> BAR.
        single_slots: slots whose records write one register each.
    """

    def __init__(self, known: Mapping[str, Known], bars: Mapping[str, int], single_slots: Collection[int]):
        self.known, self.bars, self.single_slots = known, bars, single_slots

    def line(self, node: ast.expr, names: Mapping[str, Any]) -> Line:
        """A line of a task: `Block.Register(...)`, `Block.Register[3](...)` or `Burst(...)`."""
        if not isinstance(node, ast.Call):
            raise fail(node, f"`{ast.unparse(node)}` writes no register")
        if isinstance(node.func, ast.Name) and node.func.id == "Burst" and len(node.args) == 1:
            return Line(Explicit(self._word(node, value(node.args[0], names))))
        known, index = self._target(node.func)
        word = self._word(node, value(node.args[0], names)) if node.args else 0
        follows, slot = [], None
        fields = {field.name: field for field in known.row.fields}
        given_names = [keyword.arg for keyword in node.keywords]
        if twice := next((name for name in given_names if given_names.count(name) > 1), None):
            raise fail(node, f"{twice} is given twice")
        for keyword in node.keywords:
            if keyword.arg == "slot":
                slot = self._bar(keyword.value, value(keyword.value, names))
                continue
            field = fields.get(keyword.arg)
            if field is None:
                names_known = ", ".join(fields) or "none"
                raise fail(node, f"{ast.unparse(node.func)} has no field {keyword.arg} (it has: {names_known})")
            given = AUTO if _is_auto(keyword.value) else value(keyword.value, names)
            if given is AUTO:
                if field.kind != "layout":
                    raise fail(node, f"{field.name} does not follow from the layout")
                follows.append(field.name)
                given = 0
            elif field.kind == "bar" and isinstance(given, str):
                given = self._bar(keyword.value, given)
            word = word & ~field.mask | self._encoded(keyword.value, field, given)
        item = Pending(known.address + 4 * index, word, slot, known.row.alone or slot in self.single_slots)
        return Line(item, known.header, tuple(follows))

    def _target(self, node: ast.expr) -> tuple[Known, int]:
        index = 0
        name = ast.unparse(node)
        if isinstance(node, ast.Subscript):
            index, name = value(node.slice), ast.unparse(node.value)
        known = self.known.get(name)
        if known is None:
            raise fail(node, f"{name} is no register that the script defines")
        if not isinstance(index, int) or not 0 <= index < known.row.count:
            raise fail(node, f"{name} has {known.row.count} registers, not one at {index}")
        return known, index

    def _word(self, node: ast.expr, word: Any) -> int:
        if not isinstance(word, int) or not 0 <= word < 1 << 32:
            raise fail(node, f"{word!r} is no 32-bit word")
        return word

    def _bar(self, node: ast.expr, given: Any) -> int:
        if isinstance(given, int) and given >= 0:
            return given
        if given not in self.bars:
            raise fail(node, f"no buffer is called {given!r} (buffers: {', '.join(self.bars)})")
        return self.bars[given]

    def _encoded(self, node: ast.expr, field: Field, given: Any) -> int:
        try:
            return field.encode(given)
        except RegisterError as error:
            raise fail(node, error.what) from error


def _is_auto(node: ast.expr) -> bool:
    return isinstance(node, ast.Name) and node.id == "AUTO"


class Form:
    """A task function: its lines, evaluated with the defaults, and anew where a call gives other values.

    Args:
        node: the function.
        reader: evaluates its lines.
    """

    def __init__(self, node: ast.FunctionDef, reader: Reader):
        self.reader = reader
        arguments = node.args
        if (
            arguments.args
            or arguments.vararg
            or arguments.kwarg
            or len(arguments.kw_defaults) != len([default for default in arguments.kw_defaults if default is not None])
        ):
            raise fail(node, f"{node.name} takes more than parameters with defaults")
        self.defaults = {
            argument.arg: value(default) for argument, default in zip(arguments.kwonlyargs, arguments.kw_defaults)
        }
        returned = node.body[-1]
        if not isinstance(returned, ast.Return) or not isinstance(returned.value, ast.List):
            raise fail(node, f"{node.name} does not end with `return [...]`")
        self.nodes = returned.value.elts
        self.lines = [reader.line(line, self.defaults) for line in self.nodes]
        self._uses = [
            {name.id for name in ast.walk(line) if isinstance(name, ast.Name)} & self.defaults.keys()
            if self.defaults
            else set()
            for line in self.nodes
        ]

    def task(self, call: ast.Call) -> list[Line]:
        """The lines of the task that a call makes."""
        given = {keyword.arg: value(keyword.value) for keyword in call.keywords}
        if call.args or given.keys() - self.defaults.keys():
            raise fail(call, f"`{ast.unparse(call.func)}` takes {', '.join(self.defaults) or 'nothing'} by name")
        if not given:
            return self.lines
        names = self.defaults | given
        return [
            self.reader.line(node, names) if uses & given.keys() else line
            for node, uses, line in zip(self.nodes, self._uses, self.lines)
        ]


def parse(source: bytes) -> ast.Module:
    """The script's syntax tree.

    Raises:
        ScriptError: it is no Python.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", SyntaxWarning)  # what is odd in the rest of the script is not our business
            return ast.parse(source)
    except SyntaxError as error:
        raise ScriptError(f"no Python: {error.msg}", where=f"line {error.lineno}") from error
    except (ValueError, RecursionError, MemoryError) as error:
        raise ScriptError(f"no Python: {error}") from error
