"""The registers that a program writes, as the classes of a script."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence

from ..registers.architecture import Architecture, Block, Field, Location, Register
from ..registers.kinds import BAR, LAYOUT
from .text import WIDTH, Hex, Name, Value, literal, plain, string, wrapped

#: Names of registers that are alike stand before their fields up to this length, else above them.
LONGEST_HEAD = 48

#: The header word of a record itself (H14 and later), which names a buffer or a form.
RECORD_CLASS = """class Stream:  # bits of a record's own header word: the buffer of its addresses, its form
    Record = Register(RECORD, Slot=(27, 23, BARS), SlotRelative=29, Scatter=31)"""


def is_link(arch: Architecture, block: Block, field: Field) -> bool:
    """Whether the script fills the field in: where tasks lie, how long they are, and which they are."""
    return block is arch.header and (field.kind is LAYOUT or field.name == "TID")


def shown(field: Field, value: int | float | str) -> Value:
    """A field's value as the script writes it: addresses, sizes and masks in hex."""
    return Hex(value) if isinstance(value, int) and field.kind.is_hex else value


class Tables:
    """Writes register classes and the names of values.

    Args:
        arch: the architecture.
        written: the registers to write, header words too.
    """

    def __init__(self, arch: Architecture, written: Iterable[Location]):
        self.arch = arch
        self.blocks: dict[str, tuple[Block, dict[str, Register]]] = {}
        order = {block.name: number for number, block in enumerate(arch.all_blocks())}
        for location in sorted(written, key=lambda place: (order.get(place.block.name, len(order)), place.address)):
            _, registers = self.blocks.setdefault(location.block.name, (location.block, {}))
            registers[location.register.name] = location.register
        self.enumerations = _named([
            (block.name, field)
            for block, registers in self.blocks.values()
            for row in registers.values()
            for field in row.fields
        ])  # fmt: skip

    def lines(self) -> list[str]:
        """The enumerations, then a class for each block."""
        lines = []
        for values, name in self.enumerations.items():
            pairs = [f"{string(label)}: {number}" for number, label in values]
            lines += wrapped(f"{name} = {{", pairs, "}")
        for block, registers in self.blocks.values():
            lines += self._class(block, registers)
        return lines

    def _class(self, block: Block, registers: Mapping[str, Register]) -> list[str]:
        lines = [f"class {block.name}:  # {plain(block.meaning)}"]
        alike = self._alike(registers.values())
        groups = [(rows, self._group(block, rows)) for rows in alike]
        width = max((len(register.name) for rows, group in groups if not group for register in rows), default=0)
        for rows, group in groups:
            lines += group
            for register in rows if not group else []:
                count = [str(register.count)] if register.count > 1 else []
                arguments = [self._address(block, register), *count, *self._fields(block, register)]
                lines += wrapped(f"{register.name:<{width}} = Register(", arguments, ")", 4)
        return lines

    def _group(self, block: Block, rows: list[Register]) -> list[str]:
        """Registers that are alike in one statement; empty where there is one only, or the statement is too long."""
        if len(rows) == 1:
            return []
        names = [register.name for register in rows]
        arguments = [self._address(block, rows[0]), str(len(rows)), *self._fields(block, rows[0])]
        head, tail = f"{', '.join(names)} = Register(", f") = Register({', '.join(arguments)})"
        lines = wrapped(head, arguments, ")", 4)
        if len(lines) == 1 or len(head) <= LONGEST_HEAD:
            return lines
        return wrapped("(", names, tail, 4) if len(names[-1]) + len(tail) + 5 <= WIDTH else []

    @staticmethod
    def _alike(registers: Iterable[Register]) -> Iterator[list[Register]]:
        """The registers in order; those that follow each other in memory and have the same fields together."""
        rows: list[Register] = []
        for register in registers:
            if rows and not _continues(rows[-1], register):
                yield rows
                rows = []
            rows.append(register)
        if rows:
            yield rows

    def _fields(self, block: Block, register: Register) -> list[str]:
        return [f"{field.name}={self._field(block, field)}" for field in register.fields]

    def _address(self, block: Block, register: Register) -> str:
        digits = 2 if block is self.arch.header else 5
        return f"0x{block.base + register.offset:0{digits}x}"

    def _field(self, block: Block, field: Field) -> str:
        kind = "BARS" if field.kind is BAR else field.kind.coding.name
        if is_link(self.arch, block, field):
            kind = "LINK"
        elif field.enum:
            kind = self.enumerations[_values(field)]
        if not kind and field.msb == field.lsb:
            return str(field.msb)
        return literal((field.msb, field.lsb, Name(kind)) if kind else (field.msb, field.lsb))


def _continues(one: Register, next_one: Register) -> bool:
    """Whether a register lies behind another one and has the same fields."""
    if next_one.offset != one.offset + 4 or one.count > 1 or next_one.count > 1:
        return False
    facts = [[(field.name, field.place()) for field in register.fields] for register in (one, next_one)]
    return facts[0] == facts[1]


def _values(field: Field) -> tuple[tuple[int, str], ...]:
    return tuple(sorted((field.enum or {}).items()))


def _named(fields: Iterable[tuple[str, Field]]) -> dict[tuple[tuple[int, str], ...], str]:
    """{values: name} of enumerations, each called as the last words that the names of its fields share.

    Where two would have the same name, the name of the block goes in front: PE_OP_MODE, NE_OP_MODE.

    Args:
        fields: fields with the names of their blocks.
    """
    owners: dict[tuple[tuple[int, str], ...], list[tuple[str, str]]] = {}
    for block, field in fields:
        if field.enum:
            owners.setdefault(_values(field), []).append((block, field.name))
    short = {values: _shared_words([name for _, name in named]) for values, named in owners.items()}
    names: dict[tuple[tuple[int, str], ...], str] = {}
    for values, base in short.items():
        if list(short.values()).count(base) > 1:
            base = f"{owners[values][0][0]}_{base}".upper()
        name, number = base, 2
        while name in names.values():
            name, number = f"{base}_{number}", number + 1
        names[values] = name
    return names


def _shared_words(names: Sequence[str]) -> str:
    """The last words that all names share, or all of the first one where they share none: LEFT_MODE -> MODE."""
    words = [re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z0-9]+", name) for name in names]
    shared: list[str] = []
    for column in zip(*(reversed(parts) for parts in words)):
        if len(set(column)) > 1:
            break
        shared.insert(0, column[0])
    return "_".join(shared or words[0]).upper()
