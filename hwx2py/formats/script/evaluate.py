"""A small evaluator of the Python that scripts are made of, with the runtime's own classes and functions.

Literals, module constants, arithmetic, `range`, comprehensions, register calls, and functions that only assign and
return. Everything else is an error with its line, and so is what would take long or much memory: nothing that stands
in a script is executed. What is understood means what Python makes of it; `statements` says the same of a module.
"""

import ast
import builtins
import operator
import reprlib
import struct
import warnings
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

from ...errors import ScriptError
from ...runtime.register import Coding, Register
from ...runtime.tensor import Tensor

#: An integer of more bits, a sequence of more elements, or a register array that is longer, is not part of a program.
MOST_BITS = 128
MOST_ELEMENTS = 1 << 20
MOST_REGISTERS = 1 << 15

#: A longer message loses its middle.
MOST_SAID = 400

#: Bytes of zeros that a script may ask for.
MOST_ZEROS = 3 << 27

#: How many nodes may be evaluated and elements made, beside two for each byte of the source; about two seconds.
MOST_STEPS = 1_000_000
#: What a call costs more than another node.
CALL_STEPS = 4

MORE = "it is more than parsing understands; --run executes the script instead, confined"

_SHORT = reprlib.Repr()
_SHORT.maxlevel = _SHORT.maxlist = _SHORT.maxtuple = _SHORT.maxdict = 2
_SHORT.maxstring = _SHORT.maxother = 80

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
    what = what if len(what) <= MOST_SAID else f"{what[: MOST_SAID // 2]} ... {what[-MOST_SAID // 2 :]}"
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


def shown(value: object) -> str:
    """A value for a message, however large it is."""
    return _SHORT.repr(value)


def is_plain(value: object) -> bool:
    """Whether a value is a number or a text, which is quick to show, to compare and to hash."""
    return value is None or isinstance(value, (int, float, str))


class Block:
    """A class of registers."""

    def __init__(self, name: str):
        self.__name__ = name
        self.registers: dict[str, Register] = {}


class Opaque(NamedTuple):
    """Something that a script has, and that nothing can be asked of here: a module, a class of its own."""

    name: str


class Function:
    """A function of the script, with some of its parameters given.

    Args:
        evaluator: evaluates its body.
        node: the function.
        defaults: of its parameters, as they were when it was defined.
        keywords: the parameters that are given.
    """

    def __init__(
        self, evaluator: "Evaluator", node: ast.FunctionDef, defaults: Mapping[str, Any], keywords: Mapping[str, Any]
    ):
        self.evaluator, self.node, self.defaults, self.keywords = evaluator, node, defaults, keywords

    def __repr__(self) -> str:
        plain = all(map(is_plain, self.keywords.values()))
        return f"{self.node.name}({self.keywords!r})" if plain else f"{self.node.name} at {id(self):#x}"

    def __call__(self, *arguments: Any, **keywords: Any) -> Any:
        """Evaluates the body."""
        return self.evaluator.body(self, arguments, {**self.keywords, **keywords})


class Evaluator:
    """Evaluates expressions of a script.

    Args:
        source_bytes: its size, which bounds how long this may take.
        names: names of the module, and their values.
        nodes: names whose values are evaluated when they are asked for, where the module is not executed in order.
    """

    def __init__(self, source_bytes: int, names: Mapping[str, Any], nodes: Mapping[str, ast.expr]):
        self.steps_left = MOST_STEPS + 2 * source_bytes
        self.zeros_left = MOST_ZEROS
        self.names = dict(names)
        self.nodes = nodes
        self.functions: Mapping[str, Callable[..., Any]] = {
            "range": self._range,
            "bytes": self._zeros,
            "len": _length,
        }
        self._constant: dict[ast.expr, Any] = {}
        self._used: dict[ast.expr, frozenset[str]] = {}
        self._locals: dict[ast.FunctionDef, frozenset[str]] = {}

    def bind(self, name: str, value: Any) -> None:
        """Gives a name of the module a value, as an assignment does."""
        if name in self.names:
            self._constant.clear()
        self.names[name] = value

    def spend(self, node: ast.expr | ast.stmt, steps: int) -> None:
        """Notes that something takes some steps.

        Raises:
            ScriptError: there are none left.
        """
        self.steps_left -= steps
        if self.steps_left < 0:
            raise fail(node, "the script takes too long to evaluate; --run executes it instead, confined")

    def value(self, name: str) -> Any:
        """The value of a module's name.

        Raises:
            ScriptError: there is no such name, or its value needs more than can be evaluated.
        """
        if name not in self.names:
            if name not in self.nodes:
                raise ScriptError(f"there is no {name}", hint="is it a script that hwx2py made?")
            self.names[name] = self.evaluate(self.nodes[name], {})
        return self.names[name]

    def function(self, node: ast.FunctionDef) -> Function:
        """A function as it is defined: its defaults are evaluated, its body is not."""
        signature = node.args
        parameters = [*signature.posonlyargs, *signature.args, *signature.kwonlyargs]
        names = [parameter.arg for parameter in parameters]
        if node.decorator_list or node.returns or any(parameter.annotation for parameter in parameters):
            raise fail(node, f"{node.name} has decorators or annotations: {MORE}")
        if len(set(names)) < len(names):
            raise fail(node, f"not Python: {node.name} has a parameter twice")
        positional = names[: len(names) - len(signature.kwonlyargs)]
        given = dict(zip(reversed(positional), reversed(signature.defaults)))
        given |= {p.arg: d for p, d in zip(signature.kwonlyargs, signature.kw_defaults) if d is not None}
        return Function(self, node, {name: self.evaluate(default, {}) for name, default in given.items()}, {})

    def body(self, function: Function, arguments: tuple[Any, ...], keywords: Mapping[str, Any]) -> Any:
        """What a function that only assigns and returns gives."""
        node = function.node
        if node not in self._locals:
            self._locals[node] = _locals_of(node)
        scope = self._bound(function, arguments, keywords)
        unassigned = self._locals[node] - scope.keys()
        scope |= dict.fromkeys(unassigned, _UNASSIGNED)
        for statement in node.body:
            match statement:
                case ast.Assign(targets=targets, value=value):
                    made = self.evaluate(value, scope)
                    for target in targets:
                        scope.update(self.unpacked(target, made))
                case ast.Return(value=ast.expr() as value):
                    return self.evaluate(value, scope)
        raise fail(node, f"{node.name} returns nothing")

    def unpacked(self, target: ast.expr, value: Any) -> dict[str, Any]:
        """The names that an assignment gives values to."""
        if isinstance(target, ast.Name):
            return {target.id: value}
        if not isinstance(target, (ast.Tuple, ast.List)):
            raise fail(target, f"an assignment to `{text_of(target)}`: {MORE}")
        if not isinstance(value, (list, tuple)) or len(value) != len(target.elts):
            raise fail(target, "the values are not as many as the names")
        self.spend(target, len(value))
        return {name: own for part, each in zip(target.elts, value) for name, own in self.unpacked(part, each).items()}

    def _bound(self, function: Function, arguments: tuple[Any, ...], keywords: Mapping[str, Any]) -> dict[str, Any]:
        node = function.node
        signature = node.args
        if signature.vararg or signature.kwarg or signature.posonlyargs:
            raise fail(node, f"{node.name}: {MORE}")
        positional = [parameter.arg for parameter in signature.args]
        names = positional + [parameter.arg for parameter in signature.kwonlyargs]
        self.spend(node, len(names))
        if len(arguments) > len(positional):
            raise fail(node, f"{node.name} takes {len(positional)} values, but is given {len(arguments)}")
        given = dict(zip(positional, arguments))
        if twice := next((name for name in given if name in keywords), None):
            raise fail(node, f"{node.name} is given {twice} twice")
        given |= keywords
        if unknown := next((name for name in given if name not in names), None):
            raise fail(node, f"{node.name} has no parameter {unknown}")
        scope = {**function.defaults, **given}
        if missing := next((name for name in names if name not in scope), None):
            raise fail(node, f"{node.name} is not given {missing}")
        return scope

    def block(self, node: ast.ClassDef) -> Block:
        """A class of registers."""
        block = Block(node.name)
        for statement in node.body:
            match statement:
                case ast.Assign(targets=[ast.Name(id=name)], value=value):
                    self._define(block, name, value, self._in_class(block, value))
                case ast.Assign(targets=[ast.Tuple(elts=targets)], value=value) if all(
                    isinstance(target, ast.Name) for target in targets
                ):
                    made = self._in_class(block, value)
                    made = made.elements if isinstance(made, Register) else made
                    if not isinstance(made, (list, tuple)) or len(made) != len(targets):
                        raise fail(statement, f"there are {len(targets)} names, and not as many registers")
                    for target, register in zip(targets, made):
                        self._define(block, text_of(target), value, register)
                case ast.Expr(value=ast.Constant()) | ast.Pass():
                    continue
                case _:
                    raise fail(statement, f"in {node.name}: {MORE}")
        return block

    def _in_class(self, block: Block, node: ast.expr) -> Any:
        """The value of an expression in a class, which uses none of the names that the class has."""
        if self._uses(node) & block.registers.keys():
            raise fail(node, f"in {block.__name__}: {MORE}")
        return self.evaluate(node, {})

    @staticmethod
    def _define(block: Block, name: str, node: ast.expr, register: Any) -> None:
        if name.startswith("__"):
            raise fail(node, f"in {block.__name__}: {MORE}")
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
        self.spend(node, 1)
        match node:
            case ast.Constant():
                if isinstance(node.value, int) and node.value.bit_length() > MOST_BITS:
                    raise fail(node, "a number is too large")
                return node.value
            case ast.Name():
                return self._named(node, scope)
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
                return self._dict(node, ((key, value, scope) for key, value in zip(node.keys, node.values) if key))
            case ast.Attribute():
                return self._attribute(node, self.evaluate(node.value, scope))
            case ast.Subscript():
                return self._subscript(node, scope)
            case ast.UnaryOp() if type(node.op) in _SIGNS:
                return self._checked(node, _SIGNS[type(node.op)], self.evaluate(node.operand, scope))
            case ast.BinOp() if type(node.op) in _OPERATORS:
                return self._computed(node, self.evaluate(node.left, scope), self.evaluate(node.right, scope))
            case ast.ListComp():
                return [self.evaluate(node.elt, inner) for inner in self._scopes(node, node.generators, scope)]
            case ast.DictComp():
                inners = self._scopes(node, node.generators, scope)
                return self._dict(node, ((node.key, node.value, inner) for inner in inners))
        raise refused(node)

    def _named(self, node: ast.Name, scope: Mapping[str, Any]) -> Any:
        """What a name stands for: the function's, the module's, or Python's own."""
        if node.id in scope:
            if scope[node.id] is _UNASSIGNED:
                raise fail(node, f"{node.id} has no value yet")
            return scope[node.id]
        if node.id in self.names or node.id in self.nodes:
            return self.value(node.id)
        if node.id in self.functions:
            return self.functions[node.id]
        if hasattr(builtins, node.id):
            raise fail(node, f"`{node.id}`: {MORE}")
        raise fail(node, f"name {node.id!r} is not defined")

    def _dict(self, node: ast.expr, pairs: Iterator[tuple[ast.expr, ast.expr, Mapping[str, Any]]]) -> dict[Any, Any]:
        made = {}
        for key_node, value_node, scope in pairs:
            key = self.evaluate(key_node, scope)
            if not is_plain(key):
                raise fail(node, f"`{text_of(key_node)}` as a key: {MORE}")
            made[key] = self.evaluate(value_node, scope)
        return made

    def _uses(self, node: ast.expr) -> frozenset[str]:
        if node not in self._used:
            self._used[node] = frozenset(part.id for part in ast.walk(node) if isinstance(part, ast.Name))
        return self._used[node]

    def _elements(self, nodes: list[ast.expr], scope: Mapping[str, Any]) -> Iterator[Any]:
        for node in nodes:
            if not isinstance(node, ast.Starred):
                yield self.evaluate(node, scope)
                continue
            inner = node.value
            if isinstance(inner, ast.GeneratorExp):  # consumed here, so it is the list that it gives
                yield from (self.evaluate(inner.elt, each) for each in self._scopes(node, inner.generators, scope))
                continue
            values = self.evaluate(inner, scope)
            if not isinstance(values, (list, tuple)):
                raise fail(node, f"`{text_of(node.value)}` is not a list")
            self.spend(node, len(values))
            yield from values

    def _scopes(
        self, node: ast.expr, generators: list[ast.comprehension], scope: Mapping[str, Any]
    ) -> Iterator[Mapping[str, Any]]:
        if not generators:
            yield scope
            return
        first, *others = generators
        if first.ifs or first.is_async or not isinstance(first.target, ast.Name):
            raise fail(node, f"`{text_of(node)}`: {MORE}")
        values = self.evaluate(first.iter, scope)
        if not isinstance(values, (list, tuple, range, dict)):
            raise fail(first.iter, f"`{text_of(first.iter)}` is not a list or a range")
        for value in values:
            self.spend(node, 1 + len(scope) // 8)
            yield from self._scopes(node, others, {**scope, first.target.id: value})

    def _call(self, node: ast.Call, scope: Mapping[str, Any]) -> Any:
        self.spend(node, CALL_STEPS)
        match node.func:
            case ast.Attribute(value=ast.Name(id="bytes"), attr="fromhex") if "bytes" not in {*self.names, *scope}:
                function: Any = _from_hex
            case _:
                function = self.evaluate(node.func, scope)
        if not callable(function) or isinstance(function, (Block, Opaque)):
            if isinstance(function, Opaque):
                raise refused(node)
            raise fail(node, f"`{text_of(node.func)}` is not something to call")
        arguments = list(self._elements(node.args, scope))
        keywords: dict[str, Any] = {}
        for keyword in node.keywords:
            if keyword.arg is None:
                raise refused(node)
            if keyword.arg in keywords:
                raise fail(node, f"not Python: {keyword.arg} is given twice")
            keywords[keyword.arg] = self.evaluate(keyword.value, scope)
        self.spend(node, len(keywords))
        if isinstance(function, Register):
            for value in (*arguments, *keywords.values()):
                if not is_plain(value):
                    raise fail(node, f"{function.name}: {shown(value)} does not fit a register")
        if function is register_of:
            self.spend(node, 4 * (keywords.get("count", 1) if "count" in keywords else _second(arguments)))
        elif arguments and isinstance(arguments[0], (list, tuple)):
            self.spend(node, len(arguments[0]))
        return self._checked(node, function, *arguments, **keywords)

    def _attribute(self, node: ast.Attribute, owner: Any) -> Any:
        if isinstance(owner, Block):
            if node.attr not in owner.registers:
                raise fail(node, f"{owner.__name__} has no register {node.attr}")
            return owner.registers[node.attr]
        if isinstance(owner, Tensor) and node.attr in Tensor._fields:
            return getattr(owner, node.attr)
        raise refused(node)

    def _subscript(self, node: ast.Subscript, scope: Mapping[str, Any]) -> Any:
        owner = self.evaluate(node.value, scope)
        if isinstance(node.slice, ast.Slice):
            parts = (node.slice.lower, node.slice.upper, node.slice.step)
            index: Any = slice(*(None if part is None else self.evaluate(part, scope) for part in parts))
        else:
            index = self.evaluate(node.slice, scope)
        if not isinstance(owner, (Register, list, tuple, dict, memoryview)):
            raise refused(node)
        if not is_plain(index) and not isinstance(index, slice):
            raise fail(node, f"`{text_of(node.slice)}` as an index: {MORE}")
        value = self._checked(node, operator.getitem, owner, index)
        if isinstance(index, slice) and isinstance(value, (list, tuple)):
            self.spend(node, len(value))
        return value

    def _computed(self, node: ast.BinOp, left: Any, right: Any) -> Any:
        numbers = isinstance(left, (int, float)) and isinstance(right, (int, float))
        joined = isinstance(node.op, ast.Add) and type(left) is type(right) and isinstance(left, (list, tuple, str))
        merged = isinstance(node.op, ast.BitOr) and isinstance(left, dict) and isinstance(right, dict)
        if not numbers and not joined and not merged:
            raise refused(node)
        if numbers:
            large = isinstance(node.op, ast.LShift) and right > MOST_BITS
            if isinstance(node.op, ast.Pow) and isinstance(left, int):
                large = abs(right) * max(1, left.bit_length()) > MOST_BITS
            if large:
                raise fail(node, f"`{text_of(node)}` is too large")
        elif len(left) + len(right) > MOST_ELEMENTS:
            raise fail(node, f"`{text_of(node)}` is too long")
        value = self._checked(node, _OPERATORS[type(node.op)], left, right)
        if isinstance(value, int) and value.bit_length() > MOST_BITS:
            raise fail(node, f"`{text_of(node)}` is too large")
        if isinstance(value, complex):
            raise refused(node)
        self.spend(node, 0 if numbers else len(value))
        return value

    def _checked(self, node: ast.expr, function: Callable[..., Any], *arguments: Any, **keywords: Any) -> Any:
        """Calls a function; an error in it carries the line."""
        try:
            return function(*arguments, **keywords)
        except _MISTAKES as error:
            what = f"there is no {error}" if isinstance(error, KeyError) else str(error)
            raise fail(node, what or type(error).__name__) from error

    def _zeros(self, size: int) -> memoryview:
        if not isinstance(size, int):
            raise TypeError(f"bytes of something else than a size: {MORE}")
        if not 0 <= size <= self.zeros_left:
            raise ValueError(f"{size} bytes of zeros cannot be part of a program")
        self.zeros_left -= size
        return memoryview(bytes(size))

    def _range(self, *bounds: int) -> range:
        if not all(isinstance(bound, int) for bound in bounds):
            raise TypeError("range() takes whole numbers")
        values = range(*bounds)
        if values and len(values) > MOST_ELEMENTS:
            raise ValueError(f"a range of {len(values)} numbers is too long")
        return values


#: Stands in a function's names for those that it assigns to later: reading one is an error, as in Python.
_UNASSIGNED = object()


def _locals_of(node: ast.FunctionDef) -> frozenset[str]:
    """The names that a function assigns to, if it does nothing else but return at its end."""
    last = node.body[-1]
    names: set[str] = set()
    for statement in node.body:
        match statement:
            case ast.Expr(value=ast.Constant()):
                continue
            case ast.Assign(targets=targets):
                names |= {part.id for target in targets for part in ast.walk(target) if isinstance(part, ast.Name)}
            case ast.Return(value=ast.expr()) if statement is last:
                continue
            case _:
                raise fail(statement, f"in {node.name}: {MORE}")
    if any(isinstance(part, (ast.NamedExpr, ast.Yield, ast.YieldFrom)) for part in ast.walk(node)):
        raise fail(node, f"in {node.name}: {MORE}")
    return frozenset(names)


def refused(node: ast.expr | ast.stmt) -> ScriptError:
    """The error of what parsing does not understand."""
    return fail(node, f"`{text_of(node)}`: {MORE}")


def _length(value: Any) -> int:
    if not isinstance(value, (str, bytes, list, tuple, dict, range, memoryview)):
        raise TypeError(f"len() of something else than a list or a text: {MORE}")
    return len(value)


def _from_hex(text: Any) -> bytes:
    if not isinstance(text, str):
        raise TypeError("bytes.fromhex() takes a text")
    return bytes.fromhex(text)


def partial(function: Any, **keywords: Any) -> Function:
    """`functools.partial`, of functions of the script and keywords only."""
    if not isinstance(function, Function):
        raise TypeError(f"partial() of something else than a function of the script: {MORE}")
    return Function(function.evaluator, function.node, function.defaults, {**function.keywords, **keywords})


def _second(arguments: list[Any]) -> int:
    """The number of registers that `Register` is asked for, as far as it can be one."""
    count = arguments[1] if len(arguments) > 1 else 1
    return count if isinstance(count, int) and 0 < count <= MOST_REGISTERS else 1


def register_of(address: Any, count: Any = 1, **fields: Any) -> Register:
    """The runtime's `Register`, for an address, a number and fields that can be.

    Raises:
        ValueError: they cannot.
    """
    if not isinstance(address, int) or address % 4 or not -4 <= address < 1 << 32:
        raise ValueError(f"{shown(address)} is not the address of a register")
    if not isinstance(count, int) or not 1 <= count <= MOST_REGISTERS:
        raise ValueError(f"{shown(count)} is not a number of registers")
    for name, place in fields.items():
        bits = (place, place) if isinstance(place, int) else place
        good = isinstance(bits, tuple) and len(bits) in (2, 3) and all(isinstance(bit, int) for bit in bits[:2])
        if not good or not 0 <= bits[1] <= bits[0] < 32 or not isinstance((*bits, {})[2], (Coding, dict)):
            raise ValueError(f"field {name} is not a bit, (msb, lsb), or (msb, lsb, kind)")
    return Register(address, count, **fields)


def text_of(node: ast.AST) -> str:
    """The beginning of an expression or a statement, for a message."""
    lines = getattr(node, "end_lineno", 0) - getattr(node, "lineno", 0)
    if lines or getattr(node, "end_col_offset", 0) - getattr(node, "col_offset", 0) > 400:
        return type(node).__name__
    try:
        text = ast.unparse(node)
    except RecursionError:
        return type(node).__name__
    return text if len(text) <= 60 else f"{text[:57]}..."
