"""Kinds of fields: how a value stands in its bits, and how it is shown; each is stated here and nowhere else.

The runtime's `encode` makes bits of a value by a kind's `Coding`, in scripts and here. Scripts carry the line that
defines the coding; everything that reads a word goes the other way with `Kind.number` and `Kind.decode`.
"""

import struct
from typing import NamedTuple

from ..runtime.register import LINK, PLAIN, Coding


class Kind(NamedTuple):
    """A kind of field.

    Attributes:
        name: what listings call it.
        coding: how a value stands in its bits, as the runtime's `encode` takes it.
        is_hex: whether its numbers are shown in hex.
    """

    name: str
    coding: Coding = PLAIN
    is_hex: bool = False

    @property
    def is_float(self) -> bool:
        """Whether the value is a floating-point number."""
        return self.coding.packing is not None

    @property
    def unit(self) -> str | None:
        """The unit of its numbers; None where the field's meaning names it."""
        return "bytes" if self.coding.whole else None

    def step(self, lsb: int) -> int:
        """The distance between two neighbouring numbers of a field whose lowest bit is `lsb`."""
        return 1 << lsb if self.coding.whole else 1

    def number(self, bits: int, lsb: int) -> int:
        """Bits in place as a plain integer: the inverse of `encode`, but for floats, whose bits it gives."""
        coding = self.coding
        return (bits if coding.whole else bits >> lsb) + int(coding.less)

    def decode(self, bits: int, lsb: int) -> int | float:
        """Bits in place as a value that `encode` takes."""
        number = self.number(bits, lsb)
        if not self.is_float:
            return number
        size = struct.calcsize(self.coding.packing)
        return float(struct.unpack(self.coding.packing, number.to_bytes(size, "little"))[0])

    def show(self, value: int | float | str) -> int | float | str:
        """A value as a person reads it, in hex where that is the kind's way."""
        return hex(value) if self.is_hex and isinstance(value, int) else value


_BYTES = Coding("BYTES", whole=True)

#: A plain integer.
UINT = Kind("uint")
#: A mask, or a number whose bits matter one by one.
HEX = Kind("hex", is_hex=True)
#: A size or a distance in bytes: what lies below the field's lowest bit is 0.
BYTES = Kind("bytes", _BYTES, is_hex=True)
#: A place, in bytes likewise. Tasks that differ in nothing but addresses do the same.
ADDRESS = Kind("address", _BYTES, is_hex=True)
FP16 = Kind("fp16", Coding("FP16", packing="<e"))
FP32 = Kind("fp32", Coding("FP32", packing="<f"))
#: The number of a BAR, shown as the buffer's name; the field's row names its enable bit.
BAR = Kind("bar")
#: Follows from where the tasks lie.
LAYOUT = Kind("layout", LINK, is_hex=True)


def definition(coding: Coding) -> str:
    """The line of a script that defines a coding."""
    plain = PLAIN._asdict()
    name, *more = (f"{key}={value!r}" for key, value in coding._asdict().items() if value != plain[key])
    arguments = ", ".join([name.removeprefix("name="), *more]).replace("'", '"')
    return f"{coding.name} = Coding({arguments})"
