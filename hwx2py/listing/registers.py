"""The register table of an architecture, resolved: every row with its source, and what the machine adds to it."""

import difflib
from collections.abc import Iterator
from typing import Any, NamedTuple

from ..errors import RegisterError
from ..registers import Architecture, Block, Field, Register, every
from ..registers.architecture import UNKNOWN
from ..registers.bearing import Bearing, Reach, When

#: Units that a field's meaning ends with, behind a comma.
UNITS = ("bytes", "elements", "pixels", "rows", "words")
MOST_NEAR_NAMES = 3

REACHES = {
    Reach.RESULT: "the result",
    Reach.PLACE: "where things lie",
    Reach.TIME: "time",
    Reach.NAME: "names",
    Reach.NOTHING: "nothing",
}


class Entry(NamedTuple):
    """A register of a block.

    Attributes:
        block: its block.
        register: its row.
        fields: those that are asked for; all of them unless a field was named.
    """

    block: Block
    register: Register
    fields: tuple[Field, ...]

    @property
    def name(self) -> str:
        """`Block.Register`."""
        return f"{self.block.name}.{self.register.name}"

    @property
    def address(self) -> int:
        """Byte address; for the header, bytes from the task's start."""
        return self.block.base + self.register.offset


def select(arch: Architecture, name: str = "") -> list[Entry]:
    """The registers that a name stands for.

    Args:
        arch: the architecture.
        name: a block, a register, a field, `Block.Register`, `Block.Field`, `Block.Register.Field`, in any case, or a
            byte address such as 0x4808; empty is every register.

    Raises:
        RegisterError: nothing has that name.
    """
    entries = [Entry(block, register, register.fields) for block in arch.all_blocks() for register in block.registers]
    if not name:
        return entries
    if name.lower().startswith("0x"):
        return [_at_address(arch, name)]
    wanted = name.partition("[")[0].lower()
    chosen = [entry for entry in entries if wanted in _register_names(entry)]
    for entry in entries if not chosen else ():
        fields = tuple(field for field in entry.fields if wanted in _field_names(entry, field))
        chosen += [entry._replace(fields=fields)] if fields else []
    if not chosen:
        raise RegisterError(f"{arch.name} has nothing named {name}", hint=_near(entries, wanted))
    return chosen


def _at_address(arch: Architecture, text: str) -> Entry:
    try:
        address = int(text, 16)
    except ValueError as error:
        raise RegisterError(f"{text} is not an address", hint="give bytes in hex, such as 0x4808") from error
    location = arch.locate(address & ~3)
    if location.block.name == UNKNOWN:
        raise RegisterError(f"{arch.name} has no register at {text}", hint=f"`hwx2py registers {arch.name}` lists them")
    return Entry(location.block, location.register, location.register.fields)


def _register_names(entry: Entry) -> set[str]:
    return {entry.block.name.lower(), entry.register.name.lower(), entry.name.lower(), entry.register.also.lower()} - {
        ""
    }


def _field_names(entry: Entry, field: Field) -> set[str]:
    names = {name.lower() for name in (field.name, field.also) if name}
    return names | {f"{prefix}.{name}".lower() for prefix in (entry.block.name, entry.name) for name in names}


def _near(entries: list[Entry], wanted: str) -> str:
    names: dict[str, str] = {}
    for entry in entries:
        names |= {text.lower(): text for text in (entry.block.name, entry.register.name, entry.name)}
        for field in entry.fields:
            names |= {text.lower(): text for text in (field.name, f"{entry.block.name}.{field.name}")}
    near = difflib.get_close_matches(wanted, names, MOST_NEAR_NAMES, 0.6)
    return f"did you mean {' or '.join(names[name] for name in near)}?" if near else "give a block, register or field"


def as_data(arch: Architecture, entries: list[Entry]) -> dict[str, Any]:
    """The registers as plain values, for JSON.

    Args:
        arch: their architecture.
        entries: the registers.

    Returns:
        arch, confidence and evidence of the table, and `registers`: a list of register objects.
    """
    return {
        "arch": arch.name,
        "confidence": arch.confidence,
        "evidence": arch.evidence,
        "registers": [_register(arch, entry) for entry in entries],
    }


def _register(arch: Architecture, entry: Entry) -> dict[str, Any]:
    register = entry.register
    start = next((start for start in arch.machine.start if start.register == entry.name), None)
    return {
        "register": entry.name,
        "address": entry.address,
        "in_header": entry.block is arch.header,
        "count": register.count,
        "meaning": register.meaning,
        "confidence": register.confidence,
        "also": register.also or None,
        "carried_from": carried_from(arch, entry),
        "bearing": _bearing(register.bearing),
        "start": start and {"word": start.word, "evidence": start.evidence},
        "ignored": [{"mask": ignored.mask, "evidence": ignored.evidence} for ignored in register.ignored],
        "idle": [{"word": idle.word, "evidence": idle.evidence} for idle in [register.idle] if idle],
        "fields": [_field(register, field, entry.block is arch.header) for field in entry.fields],
    }


def _bearing(bearing: Bearing | None) -> dict[str, str] | None:
    """What a row bears on beside results, as data; None where it takes part in results."""
    return bearing and {"reach": str(bearing.reach), "when": str(bearing.when), "evidence": bearing.evidence}


def _field(register: Register, field: Field, is_header: bool) -> dict[str, Any]:
    return {
        "name": field.name,
        "msb": field.msb,
        "lsb": field.lsb,
        "meaning": field.meaning,
        "kind": field.kind.name,
        "unit": unit(field),
        "values": {str(number): name for number, name in (field.enum or {}).items()},
        "source": field.source,
        "confidence": field.confidence or register.confidence,
        "also": field.also or None,
        "noise": is_header and field.is_noise,
        "bearing": _bearing(field.bearing),
    }


def unit(field: Field) -> str | None:
    """The unit of a field's value; None where it has none."""
    if field.kind.unit:
        return field.kind.unit
    last = field.meaning.rpartition(", ")[2]
    return last if last in UNITS else None


def carried_from(arch: Architecture, entry: Entry) -> str | None:
    """The oldest architecture with the same fields in the register of the same name; None where it is this one.

    Only an unbroken line counts: each generation in between has the register alike.
    """
    oldest = None
    older = [other for other in every() if other.cpusubtype < arch.cpusubtype]
    for other in reversed(older):
        register = other.find_register(entry.name)
        if register is None or not register.fields or _positions(register) != _positions(entry.register):
            return oldest
        oldest = other.name
    return oldest


def _positions(register: Register) -> list[tuple[str, int, int]]:
    return [(field.name, field.msb, field.lsb) for field in register.fields]


def as_text(arch: Architecture, entries: list[Entry]) -> Iterator[str]:
    """The registers as lines.

    Args:
        arch: their architecture.
        entries: the registers.
    """
    yield f"{arch.name}: {arch.confidence} confidence; {arch.evidence}"
    block = None
    for entry in entries:
        if entry.block is not block:
            block = entry.block
            yield ""
            place = "words of a task's header" if block is arch.header else f"at {block.base:#07x}, {block.words} words"
            yield f"{block.name}, {place}: {block.meaning}"
        yield from _lines(arch, entry)


def _lines(arch: Architecture, entry: Entry) -> Iterator[str]:
    data = _register(arch, entry)
    place = f"+{entry.address:#04x}" if data["in_header"] else f"{entry.address:#07x}"
    name = entry.register.name + (f"[{entry.register.count}]" if entry.register.count > 1 else "")
    carried = f"; as on {data['carried_from']}" if data["carried_from"] else ""
    also = f" (also {data['also']})" if data["also"] else ""
    yield f"  {place:<8} {name}{also}: {data['meaning']}; {data['confidence']} confidence{carried}"
    if data["start"]:
        yield f"           where it is not written it holds {data['start']['word']:#x}: {data['start']['evidence']}"
    for ignored in data["ignored"]:
        yield f"           bits {ignored['mask']:#x} change nothing: {ignored['evidence']}"
    for idle in data["idle"]:
        yield f"           {idle['word']:#x} in an engine that does not work changes nothing: {idle['evidence']}"
    yield from _bearing_line(data, "           ")
    for field in data["fields"]:
        bits = f"{field['msb']}:{field['lsb']}" if field["msb"] != field["lsb"] else f"{field['msb']}"
        values = ", ".join(f"{number} {name}" for number, name in field["values"].items())
        also = f" (also {field['also']})" if field["also"] else ""
        what = field["meaning"] + (
            f", {field['unit']}" if field["unit"] and field["unit"] not in field["meaning"] else ""
        )
        yield f"      {bits:>5}  {field['name']}{also}: {what}{f'; {values}' if values else ''}"
        yield from _bearing_line(field, "             ")
        yield f"             {field['kind']}, {field['confidence']} confidence: {field['source'] or 'no source'}"


def _bearing_line(data: dict[str, Any], indent: str) -> Iterator[str]:
    if data["bearing"]:
        yield f"{indent}{bearing_words(data['bearing'])}"


def bearing_words(bearing: dict[str, str]) -> str:
    """What a row bears on, in words.

    Args:
        bearing: as `as_data` gives it.
    """
    where = "" if bearing["when"] == When.ALWAYS else f" {bearing['when']}"
    return f"bears on {REACHES[Reach(bearing['reach'])]}{where}: {bearing['evidence']}"
