"""Text that must fit: measured and cut to a width."""

import unicodedata

ELLIPSIS = "…"


def columns(text: str) -> int:
    """Columns that the text takes in a monospaced font."""
    return sum(_width(char) for char in text)


def _width(char: str) -> int:
    if unicodedata.combining(char):
        return 0
    return 2 if unicodedata.east_asian_width(char) in "WF" else 1


def shorten(text: str, limit: int) -> str:
    """The text in at most `limit` columns, with an ellipsis where something is left out; empty below two columns."""
    if columns(text) <= limit:
        return text
    if limit < 2:
        return ""
    return _head(text, limit - 1).rstrip() + ELLIPSIS


def _head(text: str, limit: int) -> str:
    """As much of the start as fits."""
    taken = 0
    for index, char in enumerate(text):
        taken += _width(char)
        if taken > limit:
            return text[:index]
    return text


def wrapped(text: str, limit: int, lines: int) -> list[str]:
    """The text on at most `lines` lines of at most `columns` columns, broken at spaces where possible."""
    found: list[str] = []
    rest = text.strip()
    while rest and len(found) < lines - 1 and columns(rest) > limit:
        head = _head(rest, limit)
        if not rest[len(head)].isspace() and " " in head.strip():
            head = head[: head.rindex(" ")]
        head = head or rest[:1]
        found.append(head.rstrip())
        rest = rest[len(head) :].lstrip()
    return [*found, shorten(rest, limit)] if rest else found
