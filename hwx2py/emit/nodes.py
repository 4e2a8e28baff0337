"""Small builders of libcst nodes: what the emitter needs of Python's grammar, and nothing else."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import libcst as cst

NEWLINE = cst.Newline()
INDENT = "    "

Value = int | float | str | cst.BaseExpression


class Hex(int):
    """An integer that is written in hex."""


def literal(value: Value) -> cst.BaseExpression:
    """A Python literal as a node; nodes pass through."""
    if isinstance(value, cst.BaseExpression):
        return value
    if value is None or isinstance(value, bool):
        return cst.Name(str(value))
    if isinstance(value, str):
        return cst.SimpleString(string(value))
    if value < 0 or (value == 0 and str(value).startswith("-")):
        return cst.UnaryOperation(cst.Minus(), literal(type(value)(-value)))
    if isinstance(value, float):
        return cst.Float(repr(value))
    return cst.Integer(integer(value))


def integer(value: int) -> str:
    """An integer as it is written: hex where it is marked as such and larger than a digit."""
    return hex(value) if isinstance(value, Hex) else str(value)


def plain(text: str) -> str:
    """Text on one line of ASCII: what a comment or a literal can hold, whatever a file's names are made of."""
    return text.encode("unicode_escape").decode("ascii")


def string(value: str) -> str:
    """A string literal in double quotes."""
    return '"' + plain(value).replace('"', '\\"') + '"'


def docstring(text: str) -> str:
    """A triple-quoted literal, whatever the text holds."""
    body = "\n".join(plain(line) for line in text.split("\n")).replace('"""', '\\"\\"\\"')
    return f'"""{body[:-1]}\\""""' if body.endswith('"') else f'"""{body}"""'


def callee(name: str) -> cst.BaseExpression:
    """`Block.Register` or `Block.Register[3]` as a node."""
    name, bracket, index = name.partition("[")
    first, *rest = name.split(".")
    node: cst.BaseExpression = cst.Name(first)
    for part in rest:
        node = cst.Attribute(node, cst.Name(part))
    if bracket:
        element = cst.SubscriptElement(cst.Index(cst.Integer(index.rstrip("]"))))
        node = cst.Subscript(node, [element])
    return node


_EQUAL = cst.AssignEqual(cst.SimpleWhitespace(""), cst.SimpleWhitespace(""))
_COMMA = cst.Comma(whitespace_after=cst.SimpleWhitespace(" "))


def call(name: str, arguments: Sequence[tuple[str, Value]]) -> cst.Call:
    """A call; an argument without a keyword is positional."""
    last = len(arguments) - 1
    nodes = [
        cst.Arg(
            literal(value),
            keyword=cst.Name(keyword) if keyword else None,
            equal=_EQUAL if keyword else cst.MaybeSentinel.DEFAULT,
            comma=_COMMA if index < last else cst.MaybeSentinel.DEFAULT,
        )
        for index, (keyword, value) in enumerate(arguments)
    ]
    return cst.Call(callee(name), nodes)


def sequence(values: Iterable[Value], kind: type = cst.Tuple) -> cst.BaseExpression:
    """A tuple or list of literals on one line."""
    return kind([cst.Element(literal(value)) for value in values])


class Item(NamedTuple):
    """A line of a listing: an expression, its width, what stands above it and behind it."""

    node: cst.BaseExpression
    width: int
    comment: str = ""
    heading: str = ""


def listing(items: Sequence[Item], indent: str, column: int) -> cst.List:
    """A list with one element on a line, comments lined up at a column (counted from the elements' indent).

    Args:
        items: the elements.
        indent: of the line that the list begins on.
        column: where comments begin.
    """
    inner = indent + INDENT
    elements = []
    for number, item in enumerate(items):
        following = items[number + 1] if number + 1 < len(items) else None
        pad = " " * max(2, column - item.width - 1)
        comment = cst.Comment(f"# {plain(item.comment)}") if item.comment else None
        line = cst.TrailingWhitespace(cst.SimpleWhitespace(pad if comment else ""), comment, NEWLINE)
        after = cst.ParenthesizedWhitespace(
            first_line=line,
            empty_lines=_heading(following, inner),
            last_line=cst.SimpleWhitespace(indent if following is None else inner),
        )
        elements.append(cst.Element(item.node, cst.Comma(whitespace_after=after)))
    first = cst.ParenthesizedWhitespace(
        empty_lines=_heading(items[0], inner) if items else [], last_line=cst.SimpleWhitespace(inner if items else "")
    )
    if not items:
        return cst.List([])
    return cst.List(elements, lbracket=cst.LeftSquareBracket(first))


def _heading(item: Item | None, indent: str) -> list[cst.EmptyLine]:
    if item is None or not item.heading:
        return []
    comment = cst.Comment(f"# {item.heading}")
    return [cst.EmptyLine(indent=False, whitespace=cst.SimpleWhitespace(indent), comment=comment)]


def assign(name: str, value: cst.BaseExpression, comment: str = "") -> cst.SimpleStatementLine:
    """`name = value`."""
    trailing = cst.TrailingWhitespace(cst.SimpleWhitespace("  "), cst.Comment(f"# {comment}")) if comment else None
    statement = cst.Assign([cst.AssignTarget(cst.Name(name))], value)
    return cst.SimpleStatementLine([statement], trailing_whitespace=trailing or cst.TrailingWhitespace())


def expression(text: str) -> cst.SimpleStatementLine:
    """A string as a statement: a docstring."""
    return cst.SimpleStatementLine([cst.Expr(cst.SimpleString(text))])


def function(
    name: str, parameters: Sequence[tuple[str, Value]], doc: str, result: cst.BaseExpression
) -> cst.FunctionDef:
    """A function with keyword parameters, a docstring and one return, behind two empty lines."""
    params = [cst.Param(cst.Name(key), default=literal(value), equal=_EQUAL) for key, value in parameters]
    body = [expression(docstring(doc)), cst.SimpleStatementLine([cst.Return(result)])]
    return cst.FunctionDef(
        cst.Name(name),
        cst.Parameters(kwonly_params=params, star_arg=cst.ParamStar() if params else cst.MaybeSentinel.DEFAULT),
        cst.IndentedBlock(body),
        leading_lines=[cst.EmptyLine(indent=False), cst.EmptyLine(indent=False)],
    )
