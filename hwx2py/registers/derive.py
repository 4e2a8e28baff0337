"""Pure helpers for writing rows: registers that come in patterns, and tables that are another one's with changes.

Nothing here knows a chip. The modules of rows call these where the pattern, or "as before, except", is shorter than
the rows and true.
"""

from collections.abc import Collection, Iterable
from typing import Any

from .architecture import Block, Field, Register
from .bearing import IN_USE, Bearing
from .kinds import BYTES

_LEVELS = ("low", "medium", "high")
_STEPS = {"Channel": "channel", "Plane": "channel", "Row": "row", "Depth": "depth slice", "Group": "group"}


def single(
    name: str,
    offset: int,
    field: str,
    msb: int,
    lsb: int,
    meaning: str,
    source: str,
    confidence: str = "high",
    *,
    also: str = "",
    field_also: str = "",
    count: int = 1,
    bearing: Bearing | None = None,
    **more: Any,
) -> Register:
    """A register of one field, in one row.

    `also` is what the source calls the register, `field_also` what it calls the field; `bearing` is the register's;
    `more` is what `Field` takes.
    """
    row = Field(field, msb, lsb, meaning, source, also=field_also, **more)
    return Register(name, offset, meaning.partition(",")[0], (row,), count, confidence, also=also, bearing=bearing)


def strides(
    prefix: str,
    offset: int,
    steps: str,
    of: str,
    msb: int,
    lsb: int,
    source: str,
    *levels: str,
    also: str = "",
    bearing: Bearing | None = IN_USE,
) -> tuple[Register, ...]:
    """Consecutive stride registers, one for each of the steps ("Row Plane ...") through what `of` says.

    `levels` are the confidences, the last one for the rest; `also` is the prefix that the source gives the registers,
    `bearing` what they bear on.
    """
    return tuple(
        single(
            f"{prefix}{step}Stride",
            offset + 4 * i,
            "Stride",
            msb,
            lsb,
            f"from {_STEPS[step]} to {_STEPS[step]} of {of}, bytes",
            source,
            (levels or ("high",))[min(i, len(levels) - 1) if levels else 0],
            also=also and f"{also}{step}Stride",
            kind=BYTES,
            bearing=bearing,
        )
        for i, step in enumerate(steps.split())
    )


def row(block: Block, name: str) -> Register:
    """The block's register of this name."""
    return next(register for register in block.registers if register.name == name)


def span(block: Block, first: str, last: str) -> tuple[Register, ...]:
    """The block's registers from one name to another, both included."""
    names = [register.name for register in block.registers]
    return block.registers[names.index(first) : names.index(last) + 1]


def edit(register: Register, *fields: Field, drop: Collection[str] = (), **attributes: Any) -> Register:
    """The register with these fields: each takes the place of the one of its name, or is added; `drop` goes.

    `attributes` is what else changes, as in `Register`.
    """
    kept = {field.name: field for field in register.fields}
    for name in drop:
        del kept[name]
    kept |= {field.name: field for field in fields}
    return register._replace(fields=tuple(sorted(kept.values(), key=lambda field: field.lsb)), **attributes)


def alias(register: Register, name: str = "", **fields: str) -> Register:
    """The register with the names that the source gives it and its fields: `alias(row, "MacCfg", Px="PadLeft")`."""
    named = tuple(field._replace(also=fields.get(field.name, field.also)) for field in register.fields)
    return register._replace(also=name or register.also, fields=named)


def redo(block: Block, *registers: Register, drop: Collection[str] = (), **attributes: Any) -> Block:
    """The block with these registers: each takes the place of the one of its name, or is added; `drop` goes.

    `attributes` is what else changes, as in `Block` (`base` and `words`, for instance).
    """
    kept = {register.name: register for register in block.registers}
    for name in drop:
        del kept[name]
    kept |= {register.name: register for register in registers}
    return block._replace(registers=tuple(sorted(kept.values(), key=lambda register: register.offset)), **attributes)


def shift(registers: Iterable[Register], by_bytes: int) -> tuple[Register, ...]:
    """The registers, moved up by a number of bytes."""
    return tuple(register._replace(offset=register.offset + by_bytes) for register in registers)


def carry(block: Block, source: str, ceiling: str, seen: str = "", seen_source: str = "") -> Block:
    """The block as another generation has it, with that generation's sources.

    Args:
        block: the other generation's.
        source: where the rows are known from.
        ceiling: the highest confidence that they deserve there.
        seen: names of registers that real streams of that generation confirm; those keep their confidence.
        seen_source: where those are known from.
    """
    confirmed = set(seen.split())
    if missing := confirmed - {register.name for register in block.registers}:
        raise KeyError(f"{block.name} has no {', '.join(sorted(missing))}")
    return block._replace(
        registers=tuple(
            _restated(register, seen_source, "high")
            if register.name in confirmed
            else _restated(register, source, ceiling)
            for register in block.registers
        )
    )


def _restated(register: Register, source: str, ceiling: str) -> Register:
    fields = (
        field._replace(source=source, confidence=field.confidence and _least(field.confidence, ceiling))
        for field in register.fields
    )
    return register._replace(fields=tuple(fields), confidence=_least(register.confidence, ceiling))


def _least(*levels: str) -> str:
    return min(levels, key=_LEVELS.index)
