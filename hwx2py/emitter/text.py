"""Literals and lines of Python as text: the fenced parts, which black does not lay out."""

import textwrap
from collections.abc import Sequence
from typing import NamedTuple

WIDTH = 120

#: A literal of more characters is split, so that it fits a line wherever it begins.
LONGEST_STRING = 72

Value = int | float | str | None | tuple[object, ...]


class Hex(int):
    """An integer that is written in hex."""


class Name(str):
    """A name, or any other text that is written as it stands."""


def plain(text: str) -> str:
    """Text on one line of ASCII: what a comment or a literal can hold, whatever a file's names are made of."""
    return text.encode("unicode_escape").decode("ascii")


def string(value: str) -> str:
    """A string literal in double quotes."""
    return '"' + plain(value).replace('"', '\\"') + '"'


def literal(value: object) -> str:
    """A value as Python."""
    if isinstance(value, Name):
        return value
    if isinstance(value, str):
        return string(value)
    if isinstance(value, Hex):
        return hex(value)
    if isinstance(value, tuple):
        inner = ", ".join(map(literal, value))
        return f"({inner},)" if len(value) == 1 else f"({inner})"
    return repr(value)


def wrapped(head: str, parts: Sequence[str], tail: str, indent: int = 0) -> list[str]:
    """`head`, the parts with commas between them, and `tail`, on as few lines as there must be.

    Args:
        head: what the first line begins with, such as `L2.Cfg(`.
        parts: what stands inside; a part longer than a line is split where it is a string literal.
        tail: what the last line ends with, such as `),`.
        indent: columns in front of the head; further lines stand under the first part.

    Returns:
        the lines, of at most 120 columns.
    """
    lines, line = [], " " * indent + head
    margin = " " * len(line)
    pieces = [piece for part in parts for piece in _pieces(part)]
    for number, piece in enumerate(pieces):
        end = tail if number + 1 == len(pieces) else "," if piece.complete else ""
        gap = "" if line.endswith(("(", "{", "[")) or not line.strip() else " "
        if len(line) + len(gap) + len(piece.text) + len(end) > WIDTH and line != margin:
            lines.append(line)
            line, gap = margin, ""
        line += gap + piece.text + ("," if piece.complete and number + 1 < len(pieces) else "")
    return [*lines, line + tail]


class _Piece(NamedTuple):
    """A part, or some of a long literal: `complete` where a comma may follow."""

    text: str
    complete: bool = True


def _pieces(part: str) -> list[_Piece]:
    """A part as pieces that fit a line: a long string literal is cut between characters."""
    quote = part.find('"')
    if len(part) <= LONGEST_STRING + 12 or quote < 0 or not part.endswith('"') or part.count('"') != 2:
        return [_Piece(part)]
    prefix, body = part[:quote], part[quote + 1 : -1]
    chunks = []
    while body:
        end = LONGEST_STRING
        while end > LONGEST_STRING - 10 and "\\" in body[end - 10 : end]:
            end -= 1
        chunks.append(body[:end])
        body = body[end:]
    return [
        _Piece(f'{prefix if number == 0 else ""}"{chunk}"', number + 1 == len(chunks))
        for number, chunk in enumerate(chunks)
    ]


def commented(code: str, comment: str, column: int) -> str:
    """A line with a comment at a column, or two spaces behind it; without it where that would be too long."""
    line = f"{code:<{column - 2}}  # {plain(comment)}"
    return line if comment and len(line) <= WIDTH else code


def docstring(text: str, indent: int = 0) -> list[str]:
    """A docstring; every line of the text is filled up to the width."""
    safe = [plain(line).replace('"""', '\\"\\"\\"') for line in text.split("\n")]
    lines = []
    for number, line in enumerate(safe):
        inner = line[: len(line) - len(line.lstrip())]
        room = WIDTH - indent - (0 if number else 3) - (3 if number + 1 == len(safe) else 0)
        lines += textwrap.wrap(line, room, subsequent_indent=inner, drop_whitespace=True) or [""]
    lines[0] = '"""' + lines[0]
    lines[-1] = lines[-1][:-1] + '\\"' if lines[-1].endswith('"') and lines[-1] != '"""' else lines[-1]
    lines[-1] += '"""'
    return [" " * indent + line if line else "" for line in lines]


def comments(text: str, indent: int) -> list[str]:
    """Comment lines of their own."""
    margin = " " * indent + "# "
    return textwrap.wrap(plain(text), WIDTH, initial_indent=margin, subsequent_indent=margin)
