"""The register table of an architecture as a Markdown page, made of the same data as `registers --json`."""

from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import Any

from ..registers import Architecture
from .registers import Entry, as_data, bearing_words

COLUMNS = ("bits", "field", "what", "values", "kind", "confidence", "source")


def as_markdown(arch: Architecture, entries: Sequence[Entry]) -> Iterator[str]:
    """The registers as lines of Markdown: a heading for each block, a table for each register with fields.

    Args:
        arch: their architecture.
        entries: the registers.
    """
    yield f"# Registers of {arch.name}"
    yield ""
    yield f"Made by `hwx2py registers {arch.name} --markdown` from the rows of the table; not edited by hand."
    yield ""
    yield f"Confidence of the table: {arch.confidence}; {arch.evidence}."
    described = zip(entries, as_data(arch, list(entries))["registers"])
    for block, members in groupby(described, lambda pair: pair[0].block):
        place = (
            "the words at the start of a task" if block is arch.header else f"at {block.base:#07x}, {block.words} words"
        )
        yield from ("", f"## {block.name}", "", f"{place}: {block.meaning}")
        for entry, register in members:
            yield from _register(entry, register)


def _register(entry: Entry, register: dict[str, Any]) -> Iterator[str]:
    count = f"[{register['count']}]" if register["count"] > 1 else ""
    address = f"+{register['address']:#04x}" if register["in_header"] else f"{register['address']:#07x}"
    also = f" (also {register['also']})" if register["also"] else ""
    carried = f"; as on {register['carried_from']}" if register["carried_from"] else ""
    yield ""
    yield f"### `{address}` {entry.register.name}{count}{also}"
    yield ""
    yield _cell(f"{register['meaning'] or 'not known'}; {register['confidence']} confidence{carried}")
    if notes := list(_notes(register)):
        yield ""
        yield from notes
    if register["fields"]:
        yield ""
        yield f"| {' | '.join(COLUMNS)} |"
        yield "|---" * len(COLUMNS) + "|"
        for field in register["fields"]:
            yield f"| {' | '.join(map(_cell, _cells(field)))} |"


def _notes(register: dict[str, Any]) -> Iterator[str]:
    """What is known of the register beside its fields, and what values of the fields bear on."""
    if register["start"]:
        yield _cell(
            f"- where it is not written it holds {register['start']['word']:#x}: {register['start']['evidence']}"
        )
    for ignored in register["ignored"]:
        yield _cell(f"- bits {ignored['mask']:#x} change nothing: {ignored['evidence']}")
    for idle in register["idle"]:
        yield _cell(f"- {idle['word']:#x} in an engine that does not work changes nothing: {idle['evidence']}")
    if register["bearing"]:
        yield _cell(f"- as a whole it {bearing_words(register['bearing'])}")
    alike: dict[str, list[str]] = {}
    for field in register["fields"]:
        if field["bearing"]:
            alike.setdefault(bearing_words(field["bearing"]), []).append(field["name"])
    for words, names in alike.items():
        yield _cell(f"- {', '.join(names)}: {words}")


def _cells(field: dict[str, Any]) -> tuple[str, ...]:
    """A field in the order of the columns."""
    bits = f"{field['msb']}:{field['lsb']}" if field["msb"] != field["lsb"] else f"{field['msb']}"
    name = f"{field['name']} (also {field['also']})" if field["also"] else field["name"]
    unit = f", {field['unit']}" if field["unit"] and field["unit"] not in field["meaning"] else ""
    values = ", ".join(f"{number} {value}" for number, value in field["values"].items())
    return bits, name, field["meaning"] + unit, values, field["kind"], field["confidence"], field["source"]


def _cell(text: str) -> str:
    """Text that Markdown shows as it is, on one line."""
    plain = " ".join(text.split())
    return "".join(f"\\{character}" if character in "|*<_`" else character for character in plain)
