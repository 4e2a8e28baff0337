"""Reads what tasks do from their registers."""

from collections.abc import Iterator, Mapping
from itertools import compress
from operator import ne
from typing import NamedTuple, TypeVar, cast

from ..program.program import Program
from ..program.register_file import RegisterFile, walk
from ..program.task import Task
from ..registers.architecture import WORD_MASK, Architecture, FieldPlace, Register
from ..registers.bearing import When
from ..registers.kinds import ADDRESS
from .look import Look
from .neural import Channel, Kernel, Neural, Table
from .neural_reader import neural
from .operand import Dma, InL2, Operand
from .operand_reader import ADDRESS_END
from .planar import Planar
from .planar_reader import planar

#: The base registers of a kernel, and of the engines' shares of it.
KERNEL_BASE, CHANNEL_BASE = "KernelDMASrc.CoeffBase", "KernelDMASrc.CoeffBaseAddr"

Place = TypeVar("Place", bound="Dma | InL2 | Table | None")


def read(registers: RegisterFile) -> Planar | Neural:
    """What the task of a register file does.

    Nothing is guessed: what is not understood is in the operation's `unknowns`, and what computes with an
    operation looks there first.
    """
    look = Look(registers)
    return neural(look) if look.number("Header.ENE") else planar(look)


def operations(program: Program) -> Iterator[Planar | Neural]:
    """What each task of a program does, in order."""
    reader = Reader(program.arch)
    return map(reader.read, walk(program.arch, program.tasks))


class _Base(NamedTuple):
    """A base register.

    Attributes:
        name: `Block.Register`, with its index where it is one of an array.
        address: its byte address.
        place: the field that holds the address.
    """

    name: str
    address: int
    place: FieldPlace


class _Known(NamedTuple):
    """A task that was read: what it does, its number, and the words of its base registers (see `Reader`)."""

    operation: Planar | Neural
    form: int
    bases: tuple[int, ...]


class Reader:
    """Reads many tasks: one that differs from an earlier one in nothing but its addresses is not taken apart again.

    Args:
        arch: the architecture of all of them.
    """

    def __init__(self, arch: Architecture):
        self.arch = arch
        self._operations: dict[tuple[object, ...], _Known] = {}
        self._bases = list(_bases(arch))
        #: Per base register, what a task's word may hold beside 0: its address, and the bits that must be 0.
        self._base_words = [(base.address, WORD_MASK & ~base.place.mask) for base in self._bases]
        self._left_out = {
            row.address + 4 * index: mask
            for row in arch.rows
            if (mask := _left_out(row.register))
            for index in range(row.register.count)
        }
        selectors = [
            place
            for name in ("ENE", "RBase0", "KBase0", "TDE", "TDSkip", "TQDis")
            if (place := arch.find_place(f"Header.{name}"))
        ]
        self._header_words = sorted({place.address // 4 for place in selectors})

    @property
    def forms(self) -> int:
        """How many tasks it knows that differ in more than addresses."""
        return len(self._operations)

    def read(self, registers: RegisterFile) -> Planar | Neural:
        """What a task does; see `read`."""
        return self.read_form(registers)[0]

    def read_form(self, registers: RegisterFile) -> tuple[Planar | Neural, int | None]:
        """What a task does, and a number that it shares with the tasks that differ from it in their addresses only.

        The number is None where an address is an odd one.
        """
        values = registers.words()
        bases = self._take_bases(values)
        if bases is None:
            return read(registers), None
        key = self._key(values, registers.task)
        known = self._operations.get(key)
        if known is None:
            known = self._operations[key] = _Known(read(registers), len(self._operations), bases)
        if known.bases == bases:
            return known.operation, known.form
        differing = compress(zip(self._bases, bases), map(ne, bases, known.bases))
        moved = {base.name: base.place.number(word) for base, word in differing}
        return _moved(known.operation, moved), known.form

    def _take_bases(self, values: dict[int, int]) -> tuple[int, ...] | None:
        """The words of the base registers, which become 0 in the values; None where an address is an odd one."""
        words = []
        for address, other_bits in self._base_words:
            word = values.get(address, 0)
            if word:
                if word & other_bits or word >= ADDRESS_END:
                    return None
                values[address] = 0
            words.append(word)
        return tuple(words)

    def _key(self, values: dict[int, int], task: Task) -> tuple[object, ...]:
        """All that an operation depends on but the addresses, which are 0 in the values."""
        for address, mask in self._left_out.items():
            if address in values:
                values[address] &= ~mask
        header = [task.words[index] for index in self._header_words if index < task.header_words]
        slots = [(record.address, record.slot) for record in task.records if record.slot is not None]
        dtid = task.words[task.header_words - 1] if task.header_words > self.arch.header_words else None
        return (*header, dtid, *slots, *values, *values.values())


def _left_out(register: Register) -> int:
    """The bits of a register that no operation depends on, whatever the task: names, and registers never looked at."""
    if register.bearing and register.bearing.when is When.ALWAYS:
        return WORD_MASK
    return sum(field.mask for field in register.fields if field.bearing and field.bearing.is_name)


def _bases(arch: Architecture) -> Iterator[_Base]:
    """The registers that hold addresses: of sources, results, coefficients, tables."""
    for row in arch.rows:
        for field in row.register.fields:
            if field.kind is ADDRESS and not row.register.name.endswith("Hi"):
                place = arch.place(f"{row.name}.{field.name}")
                for index in range(row.register.count):
                    name = f"{row.name}[{index}]" if row.register.count > 1 else row.name
                    yield _Base(name, row.address + 4 * index, place)


def _moved(operation: Planar | Neural, moved: Mapping[str, int]) -> Planar | Neural:
    """The operation of a task whose registers differ in addresses only.

    Args:
        operation: the operation.
        moved: base registers that hold another address -> the address.
    """
    old = operation.result
    l2, memory = _place(old.l2, moved), _place(old.memory, moved)
    new = old if l2 is old.l2 and memory is old.memory else old._replace(l2=l2, memory=memory)
    if isinstance(operation, Planar):
        first = _operand(operation.first, moved)
        second = operation.second and _operand(operation.second, moved)
        return operation._replace(first=first, second=second, result=new)
    return operation._replace(
        source=_operand(operation.source, moved),
        kernel=operation.kernel and _kernel(operation.kernel, moved),
        table=operation.table and _table(operation.table, moved),
        result=new,
    )


def _place(where: Place, moved: Mapping[str, int]) -> Place:
    if where is None or where.register not in moved:
        return where
    return cast(Place, where._replace(base_bytes=moved[where.register]))


def _operand(operand: Operand, moved: Mapping[str, int]) -> Operand:
    where, stage = _place(operand.where, moved), _place(operand.stage, moved)
    unmoved = where is operand.where and stage is operand.stage
    return operand if unmoved else operand._replace(where=where, stage=stage)


def _table(table: Table, moved: Mapping[str, int]) -> Table:
    return _place(table, moved)._replace(channels=_channels(table.channels, moved))


def _kernel(kernel: Kernel, moved: Mapping[str, int]) -> Kernel:
    base_bytes = moved.get(KERNEL_BASE, kernel.base_bytes)
    channels = _channels(kernel.channels, moved)
    if base_bytes == kernel.base_bytes and channels is kernel.channels:
        return kernel
    return kernel._replace(base_bytes=base_bytes, channels=channels)


def _channels(channels: tuple[Channel, ...], moved: Mapping[str, int]) -> tuple[Channel, ...]:
    """Coefficient channels at their new bases; the same object where none moved."""
    if not any(name.startswith(CHANNEL_BASE) for name in moved):
        return channels
    return tuple(
        channel._replace(base_bytes=moved.get(channel.registers.base, channel.base_bytes)) for channel in channels
    )
