"""Hex text as bytes: what `dmesg`, `hexdump`, `xxd` and `od` print, with or without addresses and characters."""

import re
from collections.abc import Iterator
from typing import NamedTuple

from ..errors import StreamError

NUMBER = re.compile(r"(?:0[xX])?([0-9a-fA-F]+),?$")

#: A Python list of numbers; a name may stand before it.
_WORD = rb"(?:0[xX][0-9a-fA-F]{1,16}|0|[1-9]\d{0,18})"
LIST = re.compile(rb"(?:\w{1,80}\s*=\s*)?\[\s*" + _WORD + rb"(?:\s*,\s*" + _WORD + rb")*\s*,?\s*\]")

#: The first bytes distinguish text from binary streams.
HEAD_BYTES = 4096
TEXT_BYTES = frozenset(b"\t\n\r\f" + bytes(range(0x20, 0x7F)))


class Reading(NamedTuple):
    """One way to read a hex text.

    Attributes:
        what: how, such as "32-bit words".
        data: the bytes.
    """

    what: str
    data: bytes


class Row(NamedTuple):
    """A line of a dump.

    Attributes:
        line: its number, from 1.
        numbers: its hex numbers, without "0x".
        is_repeat: whether it stands for lines that repeat the one before (`*`).
    """

    line: int
    numbers: list[str]
    is_repeat: bool = False


def is_hex_text(data: memoryview) -> bool:
    """Whether bytes are printable ASCII, as no task stream is."""
    return all(byte in TEXT_BYTES for byte in data[:HEAD_BYTES])


def readings(text: bytes) -> Iterator[Reading]:
    """The ways in which a hex text can be meant, the likeliest first.

    Groups of two digits are bytes. Longer groups are numbers (`dmesg`, `hexdump`, `od`: low byte first in memory) or
    bytes in their order (`xxd`); which one it is only the stream can tell.

    Args:
        text: the text, ASCII.

    Raises:
        StreamError: a line with more than hex numbers, or numbers of several sizes.
    """
    try:
        lines = text.decode("ascii").splitlines()
    except UnicodeDecodeError as error:
        raise StreamError("the hex text has other than ASCII characters", where=f"byte {error.start}") from error
    if LIST.fullmatch(text.strip()):
        yield _list(text)
        return
    rows = [row for number, line in enumerate(lines, 1) if (row := _row(number, line))]
    rows = _without_addresses(rows)
    numbers = [(row.line, digits) for row in rows for digits in row.numbers]
    if not numbers:
        return
    digits = max(len(number) for _, number in numbers)
    if digits > 16 or digits == 2:
        yield Reading("bytes", b"".join(_bytes(line, number) for line, number in numbers))
        return
    size_bytes = next(size for size in (1, 2, 4, 8) if 2 * size >= digits)
    words = b"".join(int(number, 16).to_bytes(size_bytes, "little") for _, number in numbers)
    yield Reading(f"{8 * size_bytes}-bit words", words)
    if all(len(number) % 2 == 0 for _, number in numbers):
        yield Reading("bytes in the order of the text", b"".join(bytes.fromhex(number) for _, number in numbers))


def _list(text: bytes) -> Reading:
    """A Python list of words, as people paste them."""
    words = [int(word, 0) for word in re.findall(rb"0[xX][0-9a-fA-F]+|\d+", text.partition(b"[")[2])]
    if wrong := next((word for word in words if word >> 32), None):
        raise StreamError(f"{wrong:#x} in the list is not a word of 32 bits")
    return Reading("a list of 32-bit words", b"".join(word.to_bytes(4, "little") for word in words))


def _bytes(line: int, number: str) -> bytes:
    if len(number) % 2:
        raise StreamError(f"{number} has an odd number of digits", where=f"line {line}")
    return bytes.fromhex(number)


def _row(number: int, line: str) -> Row | None:
    """The hex numbers of a line; None where it has none."""
    line = line.partition("|")[0].partition("#")[0].strip()
    if not line:
        return None
    if line == "*":
        return Row(number, [], True)
    rest = _without_prefix(line)
    if rest != line:
        rest = re.split(r"\s{2,}", rest, maxsplit=1)[0] if _ends_in_characters(rest) else rest
    numbers: list[str] = []
    for word in rest.split():
        match = NUMBER.match(word)
        if match is None:
            if not numbers:
                return None
            raise StreamError(
                f"{word!r} is not a hex number", where=f"line {number}", hint="cut the text around the dump"
            )
        numbers.append(match[1])
    return Row(number, numbers) if numbers else None


def _without_prefix(line: str) -> str:
    """The line without what a log puts before a dump: time, host, driver, address, up to a colon or a bracket."""
    start = 0
    for word in re.finditer(r"\S+", line):
        if word[0][-1] in ":]":
            start = word.end()
        elif NUMBER.match(word[0]) and (start or word.start() == 0):
            break
    return line[start:].lstrip()


def _ends_in_characters(rest: str) -> bool:
    """Whether two or more spaces part a dump from its characters, as `xxd` prints them."""
    parts = re.split(r"\s{2,}", rest)
    return len(parts) > 1 and not (len(parts) == 2 and all(len(word) == 2 for word in rest.split()))


def _without_addresses(rows: list[Row]) -> list[Row]:
    """The rows without a first column that counts the bytes before, and with repeated rows written out."""
    filled = [row for row in rows if row.numbers]
    base = next((base for base in (16, 8) if _counts(rows, base)), None)
    if base is None:
        if any(row.is_repeat for row in rows):
            raise StreamError("a `*` stands for rows whose number nothing tells", hint="dump with `hexdump -v`")
        return rows
    result: list[Row] = []
    pending = False
    first = int(filled[0].numbers[0], base)
    done_bytes = 0
    for row in rows:
        if row.is_repeat:
            pending = True
            continue
        address = int(row.numbers[0], base) - first
        if pending and result:
            size = _size(result[-1].numbers)
            while size and done_bytes + size <= address:
                result.append(result[-1])
                done_bytes += size
                if len(result) > MOST_ROWS:
                    raise StreamError("a `*` stands for too many rows", where=f"line {row.line}")
            pending = False
        result.append(Row(row.line, row.numbers[1:]))
        done_bytes += _size(row.numbers[1:])
    return result


#: Rows of a dump, repeated ones included: 16 MiB at 16 bytes a row.
MOST_ROWS = 1 << 20


def _size(numbers: list[str]) -> int:
    """Bytes that a row's numbers stand for."""
    return sum(len(number) for number in numbers) // 2


def _counts(rows: list[Row], base: int) -> bool:
    """Whether the first number of each row counts the bytes of the rows before it, in a number base.

    After a row that others repeat, the count may be ahead.
    """
    expected: int | None = None
    size_bytes, is_behind_repeat, count = 0, False, 0
    for row in rows:
        if row.is_repeat:
            is_behind_repeat = True
            continue
        try:
            address = int(row.numbers[0], base)
        except ValueError:
            return False
        ahead = 0 if expected is None else address - expected
        if ahead and not (is_behind_repeat and ahead > 0 and size_bytes and ahead % size_bytes == 0):
            return False
        size_bytes, is_behind_repeat, count = _size(row.numbers[1:]), False, count + 1
        expected = address + size_bytes
        if not size_bytes and row is not rows[-1]:
            return False
    return count > 1
