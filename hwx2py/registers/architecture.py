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
from ..runtime.register import BYTES, encode
from ..runtime.register import Register as Call
from .machine import Machine

T = TypeVar("T")

WORD_MASK = 0xFFFFFFFF

#: Kinds of field whose number is bytes: the bits below `lsb` are implied zero, so the value is the word's own bits.
BYTE_KINDS = ("bytes", "address")


class Field(NamedTuple):
    """Named bits of a register.

    Attributes:
        name: the field's name, verbatim from its source.
        msb, lsb: first and last bit, counted from 0.
        meaning: what the value is, with its unit.
        source: where position and meaning are known from.
        kind: how the value reads: `uint`; `bytes` and `address` (bytes, a multiple of 2**lsb, shown in hex);
            `fp16` and `fp32`; `bar` (a BAR number, shown as the buffer's name); `layout` (follows from where the
            tasks lie).
        enum: names of known values.
        confidence: `high`, `medium` or `low`; empty inherits the register's.
        noise: True where the value does not take part in computing (log masks, cycle counts, priorities).
        also: the name that the source gives it, where the same thing is called otherwise on H13.
    """

    name: str
    msb: int
    lsb: int
    meaning: str
    source: str = ""
    kind: str = "uint"
    enum: Mapping[int, str] | None = None
    confidence: str = ""
    noise: bool = False
    also: str = ""

    @property
    def mask(self) -> int:
        """The field's bits, in place."""
        return ((1 << (self.msb - self.lsb + 1)) - 1) << self.lsb

    @property
    def is_float(self) -> bool:
        """Whether the field holds a floating-point number."""
        return self.kind in _FLOATS

    def number(self, word: int) -> int:
        """The field as a plain integer: bytes for `bytes` and `address`, else the bits shifted down."""
        bits = word & self.mask
        return bits if self.kind in BYTE_KINDS else bits >> self.lsb

    def decode(self, word: int) -> int | float | str:
        """The field as a person reads it: an enumeration's name, a float for fp16 and fp32, else an integer."""
        number = self.number(word)
        if self.kind in _FLOATS:
            packing = _FLOATS[self.kind]
            return float(packing.unpack(number.to_bytes(packing.size, "little"))[0])
        return self.enum.get(number, number) if self.enum else number

    def encode(self, value: int | float | str) -> int:
        """The field's bits, in place, for a value as `decode` gives it.

        Raises:
            RegisterError: the value does not fit, is no multiple of the unit, or is no known name.
        """
        return int(_told(encode, "field", self.name, value, *self.place()))

    def place(self) -> tuple[int | str | dict[str, int], ...]:
        """The field as a script's register table has it: (msb, lsb) and its kind, if it has one."""
        if self.enum:
            return self.msb, self.lsb, {name: number for number, name in self.enum.items()}
        kind = BYTES if self.kind in BYTE_KINDS else _FLOATS[self.kind].format if self.kind in _FLOATS else None
        return (self.msb, self.lsb) if kind is None else (self.msb, self.lsb, kind)


_FLOATS = {"fp16": struct.Struct("<e"), "fp32": struct.Struct("<f")}


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
    """

    name: str
    offset: int
    meaning: str
    fields: tuple[Field, ...] = ()
    count: int = 1  # type: ignore[assignment] # hides tuple's method
    confidence: str = "high"
    alone: bool = False
    also: str = ""

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
    """A register, or an array of them, and where it lies: `Block.Register`, byte address, row, and all named bits."""

    name: str
    address: int
    register: Register
    named_mask: int


class FieldPlace(NamedTuple):
    """A field and where it lies.

    Attributes:
        name: `Block.Register.Field`.
        register: `Block.Register`.
        address: byte address of the register; for the header, bytes from the task's start.
        field: its row.
        in_header: whether it lies in the task's header.
        mask: the field's bits, in place.
        shift: how far they are shifted down for its number.
    """

    name: str
    register: str
    address: int
    field: Field
    in_header: bool
    mask: int
    shift: int

    def number(self, word: int) -> int:
        """The field of a word as a plain integer, as `Field.number` gives it."""
        return (word & self.mask) >> self.shift


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
                    shift = 0 if field.kind in BYTE_KINDS else field.lsb
                    in_header = block is self.header
                    name = f"{owner}.{field.name}"
                    place = FieldPlace(name, owner, address, field, in_header, field.mask, shift)
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
    def ignored_bits(self) -> dict[str, int]:
        """`Block.Register` -> bits that hardware ignores."""
        bits: dict[str, int] = {}
        for ignored in self.machine.ignored:
            bits[ignored.register] = bits.get(ignored.register, 0) | ignored.mask
        return bits

    @functools.cached_property
    def start_names(self) -> frozenset[str]:
        """`Block.Register` of every register whose start value is known."""
        return frozenset(start.register for start in self.machine.start)

    @functools.cached_property
    def _rows(self) -> dict[str, list[RegisterPlace]]:
        return {
            block.name: [
                RegisterPlace(
                    f"{block.name}.{register.name}", block.base + register.offset, register, register.named_mask
                )
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

    def short_fields(self) -> list[str]:
        """Every `Block.Field` of the register blocks that is no other register's too, in table order."""
        return [name for name in self._by_name if name.count(".") == 1 and not name.startswith(f"{self.header.name}.")]

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


#: Name of the block that stands in where no block of the table covers an address.
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
