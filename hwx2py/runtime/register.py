"""Register calls: fields by name make a word. One encoder, one message per mistake."""

import copy
import functools
import struct
from collections import namedtuple

# How a value stands in its bits: a multiple of 1 << lsb, less by a number, a packed float.
Coding = namedtuple("Coding", "name whole less packing", defaults=(False, 0, None))

PLAIN, LINK = Coding(""), Coding("LINK")  # a LINK is filled in unless given
RECORD = -4  # in place of an address: a record's own header word

Write = namedtuple("Write", "register word given")  # given: its bits that were set


class Register:
    """A register, or several in a row: called with values for its fields, it makes a `Write`."""

    # A field is a bit, (msb, lsb), or (msb, lsb, a Coding or the names of its values).
    def __init__(self, address, count=1, **bits):
        self.address, self.name = address, f"register {address:#x}"
        self.fields = {k: (f, f) if isinstance(f, int) else f for k, f in bits.items()}
        self.elements = []
        self.elements = [copy.copy(self) for _ in range(count)] if count > 1 else []
        for index, register in enumerate(self.elements):
            register.address += 4 * index

    def __set_name__(self, block, name):
        self.name = f"{block.__name__}.{name}"
        for index, register in enumerate(self.elements):
            register.name = f"{self.name}[{index}]"

    def __getitem__(self, index):
        return self.elements[index]

    def __call__(self, word=0, **values):
        """Takes bits without a name, then fields; what is left out is 0."""
        if 0 in values.values():  # -0.0 is another word, and a cache cannot tell
            return self._write.__wrapped__(self, word, **values)
        return self._write(word, **values)

    @functools.lru_cache(1 << 13, typed=True)  # tasks share most of their lines
    def _write(self, word, **values):
        given = word = encode(self.name, "word", word, 31, 0) if word != 0 else 0
        for name, value in values.items():
            if name not in self.fields:
                names = ", ".join(self.fields) or "none"
                raise ValueError(f"{self.name} has no field {name} (fields: {names})")
            msb, lsb, *_ = field = self.fields[name]
            mask = (2 << msb) - (1 << lsb)
            word = word & ~mask | encode(self.name, name, value, *field)
            given |= mask
        return Write(self, word, given)


def encode(owner, name, value, msb, lsb, kind=PLAIN):
    """A field's bits in place; the names are for the message."""
    bits, coding = value, kind
    if isinstance(kind, dict):
        bits, coding = kind.get(value, value), PLAIN
    elif coding.packing:
        bits = int.from_bytes(struct.pack(coding.packing, value), "little")
    if isinstance(bits, int):
        bits = bits - coding.less << (0 if coding.whole else lsb)
        if 0 <= bits < 2 << msb and not bits % (1 << lsb):
            return bits
    hint = f" (bytes, a multiple of {1 << lsb:#x})" if coding.whole else ""
    hint = f" ({', '.join(kind)})" if isinstance(kind, dict) else hint
    raise ValueError(f"{owner}: {name}={value!r} does not fit bits {msb}:{lsb}{hint}")


@functools.lru_cache
def zeros(first, last):
    """Writes 0 to every register from the first to the last."""
    addresses = range(first.address, last.address + 4, 4)
    return tuple(Write(Register(address), 0, 0) for address in addresses)


def every(registers, word=0, **values):
    """The same write to several registers of an array."""
    first = registers[0](word, **values)
    if any(register.fields is not first.register.fields for register in registers):
        raise ValueError(f"{first.register.name} and others: not all of one array")
    return [Write(register, first.word, first.given) for register in registers]
