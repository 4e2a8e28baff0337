"""A small evaluator of the Python that scripts are made of, with the runtime's own classes and functions.

Literals, module constants, arithmetic, `range`, comprehensions, register calls, and functions that only assign and
return. Everything else is an error with its line, and so is what would take long or much memory: nothing that stands
in a script is executed.
"""

import ast
import operator
import struct
import warnings
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from ...errors import ScriptError
from ...runtime.register import Coding, Register
from ...runtime.tensor import Tensor

#: An integer of more bits, a sequence of more elements, or a register array that is longer, is not part of a program.
MOST_BITS = 128
MOST_ELEMENTS = 1 << 20
MOST_REGISTERS = 1 << 15

#: Bytes of zeros that a script may ask for.
MOST_ZEROS = 1 << 30

#: How many nodes may be evaluated, beside two for each byte of the source.
MOST_STEPS = 4_000_000

MORE = "it is more than parsing understands; --run executes the script instead, confined"

_OPERATORS: Mapping[type, Callable[[Any, Any], Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
    ast.Pow: operator.pow,
    ast.LShift: operator.lshift,
    ast.RShift: operator.rshift,
    ast.BitOr: operator.or_,
    ast.BitAnd: operator.and_,
    ast.BitXor: operator.xor,
}
_SIGNS: Mapping[type, Callable[[Any], Any]] = {
    ast.USub: operator.neg,
    ast.UAdd: operator.pos,
    ast.Invert: operator.invert,
}

#: What goes wrong in a call with values that do not fit.
_MISTAKES = (ValueError, TypeError, LookupError, ArithmeticError, AttributeError, struct.error)


def fail(node: ast.expr | ast.stmt | ast.arg | ast.keyword, what: str, hint: str = "") -> ScriptError:
    """An error at a node's line."""
    return ScriptError(what, where=f"line {node.lineno}", hint=hint)


def parse(source: bytes) -> ast.Module:
    """The script's syntax tree.

    Raises:
        ScriptError: it is not Python, or is nested more deeply than Python reads.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", SyntaxWarning)  # what is odd in the rest of the script is its own business
            return ast.parse(source)
    except SyntaxError as error:
        raise ScriptError(f"not Python: {error.msg}", where=f"line {error.lineno}") from error
    except (ValueError, RecursionError, MemoryError) as error:
        raise ScriptError(f"not Python: {error or 'nested too deeply'}") from error


class Block:
    """A class of registers."""

    def __init__(self, name: str):
        self.__name__ = name
        self.registers: dict[str, Register] = {}


class Function:
    """A function of the script, with some of its parameters given.

    Args:
        evaluator: evaluates its body.
        node: the function.
        keywords: the parameters that are given.
    """

    def __init__(self, evaluator: "Evaluator", node: ast.FunctionDef, keywords: Mapping[str, Any]):
        self.evaluator, self.node, self.keywords = evaluator, node, keywords

    def __repr__(self) -> str:
        return f"{self.node.name}({self.keywords!r})"

    def __call__(self, *arguments: Any, **keywords: Any) -> Any:
        """Evaluates the body."""
        return self.evaluator.body(self.node, arguments, {**self.keywords, **keywords})


class Evaluator:
    """Evaluates parts of a script.

    Args:
        tree: its syntax tree.
        source_bytes: its size, which bounds how long this may take.
        functions: what it may call, by name.
        names: further names and their values.
    """

    def __init__(
        self,
        tree: ast.Module,
        source_bytes: int,
        functions: Mapping[str, Callable[..., Any]],
        names: Mapping[str, Any],
    ):
        self.steps_left = MOST_STEPS + 2 * source_bytes
        self.zeros_left = MOST_ZEROS
        self.functions: dict[str, Callable[..., Any]] = {
            **functions,
            "Tensor": Tensor,
            "Register": _register,
            "range": _range,
            "bytes": self._zeros,
            "partial": _partial,
            "len": len,
            "bytes.fromhex": bytes.fromhex,
        }
        self.names = dict(names)
        self.nodes: dict[str, ast.expr | ast.FunctionDef | ast.ClassDef] = {}
        for statement in tree.body:
            match statement:
                case ast.FunctionDef(name=name) | ast.ClassDef(name=name):
                    self.nodes[name] = statement
                case ast.Assign(targets=[ast.Name(id=name)], value=node):
                    self.nodes[name] = node
                case ast.Assign(targets=[ast.Tuple(elts=targets)], value=ast.Tuple(elts=values)):
                    self.nodes.update((t.id, v) for t, v in zip(targets, values) if isinstance(t, ast.Name))
        self._constant: dict[ast.expr, Any] = {}
        self._used: dict[ast.expr, frozenset[str]] = {}

    def value(self, name: str) -> Any:
        """The value of a module's name.

        Raises:
            ScriptError: there is no such name, or its value needs more than can be evaluated.
        """
        if name not in self.names:
            if name not in self.nodes:
                raise ScriptError(f"there is no {name}", hint="is it a script that hwx2py made?")
            node = self.nodes[name]
            if isinstance(node, ast.FunctionDef):
                return Function(self, node, {})
            self.names[name] = self._block(node) if isinstance(node, ast.ClassDef) else self.evaluate(node, {})
        return self.names[name]

    def body(self, node: ast.FunctionDef, arguments: tuple[Any, ...], keywords: Mapping[str, Any]) -> Any:
        """What a function that only assigns and returns gives."""
        scope = self._bound(node, arguments, keywords)
        for statement in node.body:
            match statement:
                case ast.Expr(value=ast.Constant()):
                    continue
                case ast.Assign(targets=[ast.Name(id=name)], value=value):
                    scope[name] = self.evaluate(value, scope)
                case ast.Assign(targets=[ast.Tuple(elts=targets)], value=value):
                    values = self.evaluate(value, scope)
                    if not isinstance(values, (list, tuple)) or len(values) != len(targets):
                        raise fail(statement, "the values are not as many as the names")
                    scope.update((t.id, v) for t, v in zip(targets, values) if isinstance(t, ast.Name))
                case ast.Return(value=ast.expr() as value):
                    return self.evaluate(value, scope)
                case _:
                    raise fail(statement, f"in {node.name}: {MORE}")
        raise fail(node, f"{node.name} returns nothing")

    def _bound(self, node: ast.FunctionDef, arguments: tuple[Any, ...], keywords: Mapping[str, Any]) -> dict[str, Any]:
        signature = node.args
        if signature.vararg or signature.kwarg or signature.posonlyargs or node.decorator_list:
            raise fail(node, f"{node.name}: {MORE}")
        positional = [parameter.arg for parameter in signature.args]
        defaults = dict(zip(reversed(positional), reversed(signature.defaults)))
        defaults |= {p.arg: d for p, d in zip(signature.kwonlyargs, signature.kw_defaults) if d is not None}
        names = positional + [parameter.arg for parameter in signature.kwonlyargs]
        given = dict(zip(positional, arguments)) | dict(keywords)
        if unknown := next((name for name in given if name not in names), None):
            raise fail(node, f"{node.name} has no parameter {unknown}")
        scope = {name: self.evaluate(default, {}) for name, default in defaults.items() if name not in given} | given
        if missing := next((name for name in names if name not in scope), None):
            raise fail(node, f"{node.name} is not given {missing}")
        return scope

    def _block(self, node: ast.ClassDef) -> Block:
        block = Block(node.name)
        for statement in node.body:
            match statement:
                case ast.Assign(targets=[ast.Name(id=name)], value=value):
                    self._define(block, name, statement, self.evaluate(value, {}))
                case ast.Assign(targets=[ast.Tuple(elts=targets)], value=value):
                    values = self.evaluate(value, {})
                    values = values.elements if isinstance(values, Register) else values
                    if not isinstance(values, (list, tuple)) or len(values) != len(targets):
                        raise fail(statement, f"there are {len(targets)} names, and not as many registers")
                    for target, register in zip(targets, values):
                        self._define(block, _text(target), statement, register)
        return block

    @staticmethod
    def _define(block: Block, name: str, node: ast.stmt, register: Any) -> None:
        if not isinstance(register, Register):
            raise fail(node, f"{block.__name__}.{name} is not a register")
        register.__set_name__(block, name)
        block.registers[name] = register

    def evaluate(self, node: ast.expr, scope: Mapping[str, Any]) -> Any:
        """The value of an expression.

        Args:
            node: the expression.
            scope: the names that it has beside the module's.
        """
        self.steps_left -= 1
        if self.steps_left < 0:
            raise fail(node, "the script takes too long to evaluate")
        match node:
            case ast.Constant():
                return node.value
            case ast.Name():
                if node.id in scope:
                    return scope[node.id]
                return self._known(node)
            case ast.Call():
                if scope and not self._uses(node) & scope.keys():
                    if node not in self._constant:
                        self._constant[node] = self._call(node, {})
                    return self._constant[node]
                return self._call(node, scope)
            case ast.List() | ast.Tuple():
                values = list(self._elements(node.elts, scope))
                return values if isinstance(node, ast.List) else tuple(values)
            case ast.Dict() if None not in node.keys:
                keys = [self.evaluate(key, scope) for key in node.keys if key is not None]
                return self._checked(node, dict, zip(keys, [self.evaluate(value, scope) for value in node.values]))
            case ast.Attribute():
                return self._attribute(node, self.evaluate(node.value, scope))
            case ast.Subscript():
                return self._subscript(node, scope)
            case ast.UnaryOp() if type(node.op) in _SIGNS:
                return self._checked(node, _SIGNS[type(node.op)], self.evaluate(node.operand, scope))
            case ast.BinOp() if type(node.op) in _OPERATORS:
                return self._computed(node, self.evaluate(node.left, scope), self.evaluate(node.right, scope))
            case ast.ListComp() | ast.GeneratorExp():
                return [self.evaluate(node.elt, inner) for inner in self._scopes(node, node.generators, scope)]
            case ast.DictComp():
                inners = self._scopes(node, node.generators, scope)
                pairs = [(self.evaluate(node.key, inner), self.evaluate(node.value, inner)) for inner in inners]
                return self._checked(node, dict, pairs)
        raise fail(node, f"`{_text(node)}`: {MORE}")

    def _known(self, node: ast.Name) -> Any:
        if node.id in self.functions:
            return self.functions[node.id]
        if node.id not in self.names and node.id not in self.nodes:
            raise fail(node, f"name {node.id!r} is not defined")
        return self.value(node.id)

    def _uses(self, node: ast.expr) -> frozenset[str]:
        if node not in self._used:
            self._used[node] = frozenset(part.id for part in ast.walk(node) if isinstance(part, ast.Name))
        return self._used[node]

    def _elements(self, nodes: list[ast.expr], scope: Mapping[str, Any]) -> Iterator[Any]:
        for node in nodes:
            if not isinstance(node, ast.Starred):
                yield self.evaluate(node, scope)
                continue
            values = self.evaluate(node.value, scope)
            if not isinstance(values, (list, tuple)):
                raise fail(node, f"`{_text(node.value)}` is not a list")
            self.steps_left -= len(values)
            yield from values

    def _scopes(
        self, node: ast.expr, generators: list[ast.comprehension], scope: Mapping[str, Any]
    ) -> Iterator[Mapping[str, Any]]:
        if not generators:
            yield scope
            return
        first, *others = generators
        if first.ifs or first.is_async or not isinstance(first.target, ast.Name):
            raise fail(node, f"`{_text(node)}`: {MORE}")
        values = self.evaluate(first.iter, scope)
        if not isinstance(values, (list, tuple, range, dict)):
            raise fail(first.iter, f"`{_text(first.iter)}` is not a list or a range")
        for value in values:
            yield from self._scopes(node, others, {**scope, first.target.id: value})

    def _call(self, node: ast.Call, scope: Mapping[str, Any]) -> Any:
        match node.func:
            case ast.Attribute(value=ast.Name(id="bytes"), attr="fromhex"):
                function = self.functions["bytes.fromhex"]
            case _:
                function = self.evaluate(node.func, scope)
        if not callable(function):
            raise fail(node, f"`{_text(node.func)}` is not something to call")
        arguments = list(self._elements(node.args, scope))
        keywords: dict[str, Any] = {}
        for keyword in node.keywords:
            if keyword.arg is None:
                raise fail(node, f"`{_text(node)}`: {MORE}")
            keywords[keyword.arg] = self.evaluate(keyword.value, scope)
        return self._checked(node, function, *arguments, **keywords)

    def _attribute(self, node: ast.Attribute, owner: Any) -> Any:
        if isinstance(owner, Block):
            if node.attr not in owner.registers:
                raise fail(node, f"{owner.__name__} has no register {node.attr}")
            return owner.registers[node.attr]
        if isinstance(owner, Tensor) and node.attr in Tensor._fields:
            return getattr(owner, node.attr)
        raise fail(node, f"`{_text(node)}`: {MORE}")

    def _subscript(self, node: ast.Subscript, scope: Mapping[str, Any]) -> Any:
        owner = self.evaluate(node.value, scope)
        if isinstance(node.slice, ast.Slice):
            parts = (node.slice.lower, node.slice.upper, node.slice.step)
            index = slice(*(None if part is None else self.evaluate(part, scope) for part in parts))
        else:
            index = self.evaluate(node.slice, scope)
        if not isinstance(owner, (Register, list, tuple, dict, memoryview)):
            raise fail(node, f"`{_text(node)}`: {MORE}")
        return self._checked(node, operator.getitem, owner, index)

    def _computed(self, node: ast.BinOp, left: Any, right: Any) -> Any:
        numbers = isinstance(left, (int, float)) and isinstance(right, (int, float))
        joined = isinstance(node.op, ast.Add) and type(left) is type(right) and isinstance(left, (list, tuple, str))
        merged = isinstance(node.op, ast.BitOr) and isinstance(left, dict) and isinstance(right, dict)
        if not numbers and not joined and not merged:
            raise fail(node, f"`{_text(node)}`: {MORE}")
        if numbers:
            large = isinstance(node.op, ast.LShift) and right > MOST_BITS
            if isinstance(node.op, ast.Pow):
                large = abs(right) * max(1, int(left).bit_length()) > MOST_BITS
            if large:
                raise fail(node, f"`{_text(node)}` is too large")
        elif len(left) + len(right) > MOST_ELEMENTS:
            raise fail(node, f"`{_text(node)}` is too long")
        value = self._checked(node, _OPERATORS[type(node.op)], left, right)
        if isinstance(value, int) and value.bit_length() > MOST_BITS:
            raise fail(node, f"`{_text(node)}` is too large")
        self.steps_left -= 0 if numbers else len(value)
        return value

    def _checked(self, node: ast.expr, function: Callable[..., Any], *arguments: Any, **keywords: Any) -> Any:
        """Calls a function; an error in it carries the line."""
        try:
            return function(*arguments, **keywords)
        except _MISTAKES as error:
            what = f"there is no {error}" if isinstance(error, KeyError) else str(error)
            raise fail(node, what or type(error).__name__) from error

    def _zeros(self, size: int) -> memoryview:
        if not isinstance(size, int) or not 0 <= size <= self.zeros_left:
            raise ValueError(f"{size!r} bytes of zeros cannot be part of a program")
        self.zeros_left -= size
        return memoryview(bytes(size))


def _range(*bounds: int) -> range:
    values = range(*bounds)
    if len(values) > MOST_ELEMENTS:
        raise ValueError(f"a range of {len(values)} numbers is too long")
    return values


def _partial(function: Any, **keywords: Any) -> Function:
    if not isinstance(function, Function):
        raise TypeError("partial takes a function of the script")
    return Function(function.evaluator, function.node, {**function.keywords, **keywords})


def _register(address: Any, count: Any = 1, **fields: Any) -> Register:
    if not isinstance(address, int) or address % 4 or not -4 <= address < 1 << 32:
        raise ValueError(f"{address!r} is not the address of a register")
    if not isinstance(count, int) or not 1 <= count <= MOST_REGISTERS:
        raise ValueError(f"{count!r} is not a number of registers")
    for name, place in fields.items():
        bits = (place, place) if isinstance(place, int) else place
        good = isinstance(bits, tuple) and len(bits) in (2, 3) and all(isinstance(bit, int) for bit in bits[:2])
        if not good or not 0 <= bits[1] <= bits[0] < 32 or not isinstance((*bits, {})[2], (Coding, dict)):
            raise ValueError(f"field {name} is not a bit, (msb, lsb), or (msb, lsb, kind)")
    return Register(address, count, **fields)


def _text(node: ast.AST) -> str:
    """The beginning of an expression, for a message."""
    try:
        text = ast.unparse(node)
    except RecursionError:
        return type(node).__name__
    return text if len(text) <= 60 else f"{text[:57]}..."
