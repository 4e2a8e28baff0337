"""Register tables, one module of rows for each architecture, and where to find them.

`by_subtype` and `by_name` import only the module that is asked for.
"""

import importlib

from ..errors import ArchitectureError
from .model import Architecture, Block, Field, Location, Register, compose

__all__ = ["Architecture", "Block", "Field", "Location", "Register", "by_name", "by_subtype", "compose", "every"]

#: Architecture of each cpusubtype of the container; its register table is the module of the same name.
SUBTYPES = {1: "H11", 3: "H12", 4: "H13", 5: "H14", 6: "H15", 7: "H16", 9: "H17", 10: "H18", 11: "H19"}

#: Architectures of which only the name is known.
NAME_ONLY = ("H12",)


def by_subtype(cpusubtype: int) -> Architecture:
    """The architecture that a container's cpusubtype names.

    Raises:
        ArchitectureError: the number is unknown, or no register table is known for it.
    """
    if cpusubtype not in SUBTYPES:
        known = ", ".join(f"{number} {name}" for number, name in SUBTYPES.items())
        raise ArchitectureError(
            f"cpusubtype {cpusubtype} is no architecture that is known ({known})",
            where="header",
            hint="`hwx2py archs` lists what works",
        )
    return by_name(SUBTYPES[cpusubtype])


def by_name(name: str) -> Architecture:
    """The architecture of this name, in any case.

    Raises:
        ArchitectureError: the name is unknown, or no register table is known for it.
    """
    name = name.upper()
    if name in NAME_ONLY:
        raise ArchitectureError(
            f"{name} is known by name only: no register table", hint="`hwx2py archs` lists what works"
        )
    if name not in SUBTYPES.values():
        raise ArchitectureError(
            f"{name} is no architecture that is known (known: {', '.join(SUBTYPES.values())})",
            hint="`hwx2py archs` lists what works",
        )
    return importlib.import_module(f".{name.lower()}", __package__).ARCHITECTURE


def every() -> list[Architecture]:
    """All architectures with a register table, oldest first."""
    return [by_name(name) for name in SUBTYPES.values() if name not in NAME_ONLY]
