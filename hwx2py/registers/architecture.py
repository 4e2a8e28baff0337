"""What a register table is made of, and the small engine over it; no facts about any chip.

A table is rows: a `Block` holds `Register` rows, a register holds `Field` rows, a field names its bits, what they
mean with the unit, and where that is known from. Everything that packs, unpacks, prints or explains a word works
from these rows.
"""

import functools
import struct
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple, TypeVar

from ..errors import RegisterError
from ..runtime.register import Coding, encode
from ..runtime.register import Register as Call
from .bearing import Bearing, Idle, Ignored
from .kinds import BAR, LAYOUT, UINT, Kind
from .machine import Machine

T = TypeVar("T")

WORD_MASK = 0xFFFFFFFF


class Field(NamedTuple):
    """Named bits of a register.

    Attributes:
        name: the field's name, verbatim from its source.
        msb, lsb: first and last bit, counted from 0.
        meaning: what the value is, with its unit.
        source: where position and meaning are known from.
        kind: how the value stands in its bits, and how it is shown.
        enum: names of known values.
        confidence: `high`, `medium` or `low`; empty inherits the register's.
        bearing: what it bears on, where that is not the result of every task.
        also: the name that the source gives it, where the same thing is called otherwise on H13.
        enable: of a BAR field, the field of the same register that says whether it is in use.
    """

    name: str
    msb: int
    lsb: int
    meaning: str
    source: str = ""
    kind: Kind = UINT
    enum: Mapping[int, str] | None = None
    confidence: str = ""
    bearing: Bearing | None = None
    also: str = ""
    enable: str = ""

    @property
    def mask(self) -> int:
        """The field's bits, in place."""
        return ((1 << (self.msb - self.lsb + 1)) - 1) << self.lsb

    @property
    def is_noise(self) -> bool:
        """Whether the field, if it is a header's, is what comparisons call noise."""
        return self.bearing is not None and self.bearing.is_noise

    def number(self, word: int) -> int:
        """The field as a plain integer, in the unit of its kind."""
        return self.kind.number(word & self.mask, self.lsb)

    def decode(self, word: int) -> int | float | str:
        """The field as a person reads it: an enumeration's name, a float for fp16 and fp32, else an integer."""
        if self.enum:
            number = self.number(word)
            return self.enum.get(number, number)
        return self.kind.decode(word & self.mask, self.lsb)

    def encode(self, value: int | float | str) -> int:
        """The field's bits, in place, for a value as `decode` gives it.

        Raises:
            RegisterError: the value does not fit, is not a multiple of the unit, or is not a known name.
        """
        return int(_told(encode, "field", self.name, value, *self.place()))

    def place(self) -> tuple[int | dict[str, int] | Coding, ...]:
        """The field as a script's register table has it: (msb, lsb) and its kind, if it has one."""
        if self.enum:
            return self.msb, self.lsb, {name: number for number, name in self.enum.items()}
        coding = self.kind.coding
        return (self.msb, self.lsb, coding) if coding.name else (self.msb, self.lsb)


def _told(function: Callable[..., T], *arguments: Any, **values: Any) -> T:
    """Calls a function of the runtime; what a value does not fit is a RegisterError in its words."""
    try:
        return function(*arguments, **values)
    except (ValueError, TypeError, OverflowError, struct.error) as error:
        raise RegisterError(str(error)) from error


class Register(NamedTuple):
    """A register, or `count` equal ones in consecutive words.

    Attributes:
        offset: bytes from the block's base (for header words: bytes from the task's start).
        meaning: one line for a listing.
        alone: True where the compiler gives the register a record of its own, whatever stands beside it.
        also: the name that the source gives it, where the same thing is called otherwise on H13.
        bearing: what it bears on as a whole, in a task whose operation does not look at it.
        ignored: bits that hardware ignores.
        idle: the word that newer compilers leave there where its engine does not work.
    """

    name: str
    offset: int
    meaning: str
    fields: tuple[Field, ...] = ()
    count: int = 1  # type: ignore[assignment] # hides tuple's method
    confidence: str = "high"
    alone: bool = False
    also: str = ""
    bearing: Bearing | None = None
    ignored: tuple[Ignored, ...] = ()
    idle: Idle | None = None

    @property
    def ignored_mask(self) -> int:
        """All bits that hardware ignores."""
        mask = 0
        for ignored in self.ignored:
            mask |= ignored.mask
        return mask

    def field(self, name: str) -> Field:
        """The field of this name.

        Raises:
            RegisterError: the register has no such field.
        """
        for field in self.fields:
            if field.name == name:
                return field
        raise RegisterError(f"{self.name} has no field {name}")

    @property
    def named_mask(self) -> int:
        """All bits that some field names."""
        mask = 0
        for field in self.fields:
            mask |= field.mask
        return mask


class Block(NamedTuple):
    """A unit of the engine with its registers: `base` in bytes, `words` as far as it is known to reach."""

    name: str
    base: int
    words: int
    meaning: str
    registers: tuple[Register, ...]


class Location(NamedTuple):
    """Where an address lies: the block, the register, and the index within an array of registers."""

    block: Block
    register: Register
    index: int  # type: ignore[assignment] # hides tuple's method

    @property
    def name(self) -> str:
        """`Block.Register` or `Block.Register[index]`."""
        tail = f"[{self.index}]" if self.register.count > 1 else ""
        return f"{self.block.name}.{self.register.name}{tail}"

    @property
    def address(self) -> int:
        """Byte address of the word."""
        return self.block.base + self.register.offset + 4 * self.index


class _Facts(NamedTuple):
    name: str
    cpusubtype: int
    chips: tuple[str, ...]
    stream: str
    header: Block
    dtid_flag: tuple[int, int]
    blocks: tuple[Block, ...]
    program_kind: int
    first_tensor_bar: int
    fixed_bars: Mapping[int, str]
    carries_state: bool
    confidence: str
    evidence: str
    single_slots: tuple[int, ...] = ()
    machine: Machine = Machine()


class RegisterPlace(NamedTuple):
    """A register, or an array of them, and where it lies.

    Attributes:
        name: `Block.Register`.
        address: byte address.
        register: its row.
        named_mask: all bits that have a name.
        ignored_mask: all bits that hardware ignores.
        asked: of each field that bears on results, its bits that are not ignored, and `Block.Register.Field`.
    """

    name: str
    address: int
    register: Register
    named_mask: int
    ignored_mask: int
    asked: tuple[tuple[int, str], ...]


def _placed(name: str, address: int, register: Register) -> RegisterPlace:
    ignored = register.ignored_mask
    asked = tuple((field.mask & ~ignored, f"{name}.{field.name}") for field in register.fields if field.bearing is None)
    return RegisterPlace(name, address, register, register.named_mask, ignored, asked)


class FieldPlace(NamedTuple):
    """A field and where it lies.

    Attributes:
        name: `Block.Register.Field`.
        register: `Block.Register`.
        address: byte address of the register; for the header, bytes from the task's start.
        field: its row.
        in_header: whether it lies in the task's header.
        mask: the field's bits, in place.
    """

    name: str
    register: str
    address: int
    field: Field
    in_header: bool
    mask: int

    def number(self, word: int) -> int:
        """The field of a word as a plain integer, as `Field.number` gives it."""
        return self.field.kind.number(word & self.mask, self.field.lsb)


class BarField(NamedTuple):
    """A header field that selects a BAR: the header word's index, the field, and the bit that says if it is in use."""

    word: int
    field: Field
    enable: Field


class Architecture(_Facts):
    """One generation of the engine: its names, how its tasks are encoded, and its register table.

    Attributes:
        name: "H13".
        cpusubtype: the number in the container's header.
        chips: the chips that carry it.
        stream: the encoding of its task stream, a key of `program.streams`.
        header: the task header as a block; its last register is the DTID word.
        dtid_flag: (header word, bit) that announces the DTID word.
        blocks: the register table.
        program_kind: kind of the thread command that describes the program.
        first_tensor_bar: the lowest BAR or slot that a tensor can have.
        fixed_bars: BARs or slots whose meaning is fixed.
        carries_state: True where a register keeps its value from task to task; False where every task starts from
            the compiler's start image.
        confidence: of the table as a whole.
        evidence: what the table was checked against, one sentence.
        single_slots: slots whose records write one register each.
        machine: what it is beside its registers, and what runs its programs.
    """

    @property
    def header_words(self) -> int:
        """Words of a task header without the DTID word."""
        return len(self.header.registers) - 1

    def all_blocks(self) -> Iterator[Block]:
        """The header and every register block."""
        yield self.header
        yield from self.blocks

    @functools.cached_property
    def _by_address(self) -> dict[int, Location]:
        return {
            block.base + register.offset + 4 * index: Location(block, register, index)
            for block in self.blocks
            for register in block.registers
            for index in range(register.count)
        }

    @functools.cached_property
    def _strangers(self) -> dict[int, Location]:
        """Addresses without a row that were asked for."""
        return {}

    def locate(self, address: int) -> Location:
        """The register at a byte address; one without a row gets a name made of its address, so nothing is lost."""
        found = self._by_address.get(address) or self._strangers.get(address)
        if found is None:
            found = self._strangers[address] = self._unnamed(address)
        return found

    def has_row(self, address: int) -> bool:
        """Whether the table has a row for this address, named or not."""
        return address in self._by_address

    def writes_alone(self, address: int, slot: int | None) -> bool:
        """Whether the compiler gives this write a record of its own."""
        return self.locate(address).register.alone or slot in self.single_slots

    def _unnamed(self, address: int) -> Location:
        for block in self.blocks:
            if block.base <= address < block.base + 4 * block.words:
                return Location(block, unnamed_register(address, address - block.base), 0)
        return Location(Block(UNKNOWN, 0, 0, "no block is known here", ()), unnamed_register(address, address), 0)

    def header_location(self, index: int) -> Location:
        """The header word at this index as a location."""
        return Location(self.header, self.header.registers[index], 0)

    @functools.cached_property
    def _by_name(self) -> dict[str, FieldPlace]:
        """`Block.Field` and `Block.Register.Field` -> where the field lies; ambiguous short names are left out."""
        found: dict[str, FieldPlace] = {}
        seen: set[str] = set()
        for block in self.all_blocks():
            for register in block.registers:
                for field in register.fields:
                    owner = f"{block.name}.{register.name}"
                    address = block.base + register.offset
                    in_header = block is self.header
                    name = f"{owner}.{field.name}"
                    place = FieldPlace(name, owner, address, field, in_header, field.mask)
                    short = f"{block.name}.{field.name}"
                    found[place.name] = place
                    if short in seen:
                        found.pop(short, None)
                    else:
                        found[short] = place
                    seen.add(short)
        return found

    def find_place(self, name: str) -> FieldPlace | None:
        """Where `Block.Field` or `Block.Register.Field` lies; None where this architecture has no such field."""
        return self._by_name.get(name)

    def place(self, name: str) -> FieldPlace:
        """Where `Block.Field` or `Block.Register.Field` lies.

        Raises:
            RegisterError: this architecture has no such field.
        """
        place = self._by_name.get(name)
        if place is None:
            raise RegisterError(f"{self.name} has no field {name}")
        return place

    @functools.cached_property
    def bar_fields(self) -> tuple[BarField, ...]:
        """The header fields that select BARs, in order; empty where records name slots instead."""
        return tuple(
            BarField(register.offset // 4, field, enable)
            for register in self.header.registers
            for field in register.fields
            for enable in register.fields
            if field.kind is BAR and enable.name == field.enable
        )

    @functools.cached_property
    def layout_fields(self) -> frozenset[str]:
        """Names of the header fields that follow from where the tasks lie."""
        return frozenset(
            field.name for register in self.header.registers for field in register.fields if field.kind is LAYOUT
        )

    @functools.cached_property
    def codings(self) -> dict[str, Coding]:
        """The codings that a script of this architecture defines, by their names there."""
        codings = {
            field.kind.coding
            for block in self.all_blocks()
            for register in block.registers
            for field in register.fields
        }
        return {coding.name: coding for coding in sorted(codings - {LAYOUT.coding, UINT.coding})}

    @functools.cached_property
    def rows(self) -> tuple[RegisterPlace, ...]:
        """Every register of every block but the header."""
        return tuple(place for block in self.blocks for place in self.rows_of(block.name))

    @functools.cached_property
    def ignored_rows(self) -> tuple[RegisterPlace, ...]:
        """The registers with bits that hardware ignores."""
        return tuple(place for place in self.rows if place.register.ignored)

    @functools.cached_property
    def idle_rows(self) -> tuple[RegisterPlace, ...]:
        """The registers in which newer compilers leave a word where their engine does not work."""
        return tuple(place for place in self.rows if place.register.idle)

    @functools.cached_property
    def _rows(self) -> dict[str, list[RegisterPlace]]:
        return {
            block.name: [
                _placed(f"{block.name}.{register.name}", block.base + register.offset, register)
                for register in block.registers
            ]
            for block in self.blocks
        }

    def rows_of(self, block: str) -> list[RegisterPlace]:
        """Every register of a block; empty where there is no such block."""
        return self._rows.get(block, [])

    @functools.cached_property
    def start_image(self) -> dict[int, int]:
        """Byte address -> word of every register whose start value is known."""
        image = {}
        for start in self.machine.start:
            register = self.register(start.register)
            for index in range(register.count):
                image[self.address(start.register, index)] = start.word
        return image

    @functools.cached_property
    def _registers(self) -> dict[str, tuple[int, Register]]:
        return {
            f"{block.name}.{register.name}": (block.base + register.offset, register)
            for block in self.all_blocks()
            for register in block.registers
        }

    def find_register(self, name: str) -> Register | None:
        """The row of `Block.Register`; None where this architecture has none."""
        found = self._registers.get(name)
        return None if found is None else found[1]

    def register(self, name: str) -> Register:
        """The row of `Block.Register`.

        Raises:
            RegisterError: this architecture has no such register.
        """
        return self._known(name)[1]

    def find_address(self, name: str, index: int = 0) -> int | None:
        """Byte address of `Block.Register`; None where this architecture has none."""
        found = self._registers.get(name)
        return None if found is None else found[0] + 4 * index

    def address(self, name: str, index: int = 0) -> int:
        """Byte address of `Block.Register`.

        Raises:
            RegisterError: this architecture has no such register.
        """
        return self._known(name)[0] + 4 * index

    def _known(self, name: str) -> tuple[int, Register]:
        found = self._registers.get(name)
        if found is None:
            raise RegisterError(f"{self.name} has no register {name}")
        return found


#: Name of the block for addresses that no block of the table covers.
UNKNOWN = "Unknown"


def unnamed_register(address: int, offset: int) -> Register:
    """A row for a register that no source names: called after its address, all its bits unknown."""
    return Register(f"Unk{address:05x}", offset, "no name known", (), confidence="low")


def compose(register: Register, word: int = 0, **values: int | float | str) -> int:
    """A register's word from field values, starting from `word`.

    Raises:
        RegisterError: an unknown field, or a value that does not fit.
    """
    call = Call(0, **{field.name: field.place() for field in register.fields})
    call.name = register.name
    return int(_told(call, word, **values).word)
