"""Register tables, one module of rows for each architecture, and where to find them.

`by_subtype` and `by_name` import only the module that is asked for.
"""

import importlib
import re
from typing import NamedTuple

from ..errors import ArchitectureError
from .architecture import Architecture, Block, Field, Location, Register, compose

__all__ = [
    "SUBTYPES", "Architecture", "Block", "Field", "Location", "Register", "Subtype", "by_name", "by_subtype", "compose",
    "every",
]  # fmt: skip

HINT = "`hwx2py archs` lists what works"


class Subtype(NamedTuple):
    """A cpusubtype of the container.

    Attributes:
        number: the cpusubtype.
        names: what it is called; the last name is that of its register table. Empty for unreleased chips.
        descriptor_version: version of its task descriptors, as public parsers have it.
        has_table: whether its registers are known here.
    """

    number: int
    names: tuple[str, ...]
    descriptor_version: int
    has_table: bool = False

    @property
    def name(self) -> str:
        """Its names as a person reads them, such as "H18g, H19"."""
        return ", ".join(self.names) or "an unreleased chip"


#: Every cpusubtype that public parsers of the container know (source: their tables of descriptor versions).
SUBTYPES = (
    Subtype(1,  ("H11",),        5,  True),
    Subtype(2,  ("T0",),         4),
    Subtype(3,  ("H12",),        6),
    Subtype(4,  ("T1", "H13"),   7,  True),
    Subtype(5,  ("H14",),        11, True),
    Subtype(6,  ("H15",),        8,  True),
    Subtype(7,  ("H16",),        17, True),
    Subtype(8,  ("M11",),        10),
    Subtype(9,  ("H17",),        19, True),
    Subtype(10, ("H18",),        20, True),
    Subtype(11, ("H18g", "H19"), 24, True),
    Subtype(12, (),              31),
    Subtype(14, (),              36),
    Subtype(16, (),              28),
    Subtype(17, ("M12",),        26),
)  # fmt: skip


def by_subtype(cpusubtype: int) -> Architecture:
    """The architecture that a container's cpusubtype names.

    Args:
        cpusubtype: the number in the container's header.

    Raises:
        ArchitectureError: the number is unknown, or no register table is known for it.
    """
    subtype = next((subtype for subtype in SUBTYPES if subtype.number == cpusubtype), None)
    if subtype is None:
        known = ", ".join(str(subtype.number) for subtype in SUBTYPES)
        raise ArchitectureError(f"unknown cpusubtype {cpusubtype} (known: {known})", where="header", hint=HINT)
    if not subtype.has_table:
        raise ArchitectureError(
            f"cpusubtype {cpusubtype} is {subtype.name} (descriptor version {subtype.descriptor_version}): "
            "no register table",
            where="header",
            hint=HINT,
        )
    return _table(subtype)


def by_name(name: str) -> Architecture:
    """The architecture of this name, in any case: "H13", a compiler target ("h18g"), or a chip ("M1 Pro").

    Args:
        name: such as "H13".

    Raises:
        ArchitectureError: the name is unknown, or no register table is known for it.
    """
    for subtype in SUBTYPES:
        if name.upper() not in (known.upper() for known in subtype.names):
            continue
        if not subtype.has_table:
            raise ArchitectureError(f"{name.upper()} is known by name only: no register table", hint=HINT)
        return _table(subtype)
    if arch := by_chip(name):
        return arch
    known = ", ".join(subtype.name for subtype in SUBTYPES if subtype.names)
    raise ArchitectureError(f"unknown architecture {name} (known: {known}, and the chips that have them)", hint=HINT)


def by_chip(name: str) -> Architecture | None:
    """The architecture of a chip's engine; None where no row names the chip.

    Args:
        name: "M1", "M1 Pro", "T8103", in any case, with spaces or without.
    """
    wanted = _plain(name)
    return next((arch for arch in every() if wanted in map(_plain, chip_names(arch))), None)


def chip_names(arch: Architecture) -> list[str]:
    """Every name of the chips with an architecture's engine: "M1 Pro, Max (T6000, T6001)" are four.

    Args:
        arch: its rows of chips.
    """
    names = []
    for row in arch.chips:
        sold, _, numbers = row.partition(" (")
        first, *others = sold.split(", ")
        family = first.partition(" ")[0]
        names += [first, *(other if other[-1].isdigit() or " " in other else f"{family} {other}" for other in others)]
        names += re.findall(r"\bT\d\w+", numbers)
    return names


def _plain(name: str) -> str:
    return name.replace(" ", "").upper()


def other_names(arch: Architecture) -> tuple[str, ...]:
    """What an architecture's cpusubtype is called besides, such as ("H18g",) for H19."""
    names = next(subtype.names for subtype in SUBTYPES if subtype.number == arch.cpusubtype)
    return tuple(name for name in names if name != arch.name)


def every() -> list[Architecture]:
    """All architectures with a register table, oldest first."""
    return [_table(subtype) for subtype in SUBTYPES if subtype.has_table]


def _table(subtype: Subtype) -> Architecture:
    arch: Architecture = importlib.import_module(f".{subtype.names[-1].lower()}", __package__).ARCHITECTURE
    return arch
