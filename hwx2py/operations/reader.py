"""Reads what tasks do from their registers."""

from collections.abc import Iterator, Mapping
from typing import TypeVar, cast

from ..program.program import Program
from ..program.register_file import RegisterFile, walk
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


class Reader:
    """Reads many tasks: one that differs from an earlier one in nothing but its addresses is not taken apart again.

    Args:
        arch: the architecture of all of them.
    """

    def __init__(self, arch: Architecture):
        self.arch = arch
        self._operations: dict[tuple[object, ...], tuple[Planar | Neural, int]] = {}
        places = [arch.place(name) for name in _base_fields(arch)]
        self._mover = _Mover(arch, {place.register: place for place in places})
        self._bases = [
            (place.address + 4 * index, place.mask)
            for place in places
            for index in range(arch.register(place.register).count)
        ]
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
        key = self._key(registers)
        if key is None:
            return read(registers), None
        found = self._operations.get(key)
        if found is None:
            found = self._operations[key] = read(registers), len(self._operations)
            return found
        operation, form = found
        return self._mover.move(operation, registers), form

    def _key(self, registers: RegisterFile) -> tuple[object, ...] | None:
        """All that an operation depends on but the addresses; None where an address is an odd one."""
        values = registers.words()
        for address, mask in self._bases:
            word = values.get(address)
            if word:
                if word & ~mask or word >= ADDRESS_END:
                    return None
                values[address] = 0
        for address, mask in self._left_out.items():
            if address in values:
                values[address] &= ~mask
        task = registers.task
        header = [task.words[index] for index in self._header_words if index < task.header_words]
        slots = [(record.address, record.slot) for record in task.records if record.slot is not None]
        dtid = task.words[task.header_words - 1] if task.header_words > self.arch.header_words else None
        return (*header, dtid, *slots, *values, *values.values())


def _left_out(register: Register) -> int:
    """The bits of a register that no operation depends on, whatever the task: names, and registers never looked at."""
    if register.bearing and register.bearing.when is When.ALWAYS:
        return WORD_MASK
    return sum(field.mask for field in register.fields if field.bearing and field.bearing.is_name)


def _base_fields(arch: Architecture) -> Iterator[str]:
    """Names of the fields that hold addresses: of sources, results, coefficients, tables."""
    for block in arch.blocks:
        for register in block.registers:
            for field in register.fields:
                if field.kind is ADDRESS and not register.name.endswith("Hi"):
                    yield f"{block.name}.{register.name}.{field.name}"


class _Mover:
    """Moves an operation to the addresses of another task, whose registers are otherwise the same."""

    def __init__(self, arch: Architecture, places: Mapping[str, FieldPlace]):
        self.places = places
        base = places.get("KernelDMASrc.CoeffBaseAddr")
        self.channel_base = base
        self.channels = [] if base is None else [base.address + 4 * index for index in range(arch.machine.engines)]

    def address(self, register: str, registers: RegisterFile) -> int:
        """The address that a base register, or one of an array, holds."""
        name, _, index = register.partition("[")
        place = self.places[name]
        word = registers.word_at(place.address + 4 * int(index[:-1]) if index else place.address)
        return 0 if word is None else place.number(word)

    def move(self, operation: Planar | Neural, registers: RegisterFile) -> Planar | Neural:
        """The operation at its new addresses."""
        old = operation.result
        l2, memory = self._place(old.l2, registers), self._place(old.memory, registers)
        new = old if l2 is old.l2 and memory is old.memory else old._replace(l2=l2, memory=memory)
        if isinstance(operation, Planar):
            first = self._operand(operation.first, registers)
            second = operation.second and self._operand(operation.second, registers)
            return operation._replace(first=first, second=second, result=new)
        return operation._replace(
            source=self._operand(operation.source, registers),
            kernel=operation.kernel and self._kernel(operation.kernel, registers),
            table=operation.table and self._table(operation.table, registers),
            result=new,
        )

    def _place(self, where: Place, registers: RegisterFile) -> Place:
        if where is None:
            return where
        base_bytes = self.address(where.register, registers)
        return where if base_bytes == where.base_bytes else cast(Place, where._replace(base_bytes=base_bytes))

    def _operand(self, operand: Operand, registers: RegisterFile) -> Operand:
        where, stage = self._place(operand.where, registers), self._place(operand.stage, registers)
        unmoved = where is operand.where and stage is operand.stage
        return operand if unmoved else operand._replace(where=where, stage=stage)

    def _table(self, table: Table, registers: RegisterFile) -> Table:
        moved = self._place(table, registers)
        channels = self._channels(table.channels, registers)
        return moved if channels is table.channels else moved._replace(channels=channels)

    def _kernel(self, kernel: Kernel, registers: RegisterFile) -> Kernel:
        own = "KernelDMASrc.CoeffBase"
        base_bytes = self.address(own, registers) if own in self.places else 0
        channels = self._channels(kernel.channels, registers)
        if base_bytes == kernel.base_bytes and channels is kernel.channels:
            return kernel
        return kernel._replace(base_bytes=base_bytes, channels=channels)

    def _channels(self, channels: tuple[Channel, ...], registers: RegisterFile) -> tuple[Channel, ...]:
        """Coefficient channels at their new bases; the same object where none moved."""
        if self.channel_base is None:
            return channels
        words = [registers.word_at(address) or 0 for address in self.channels[: len(channels)]]
        bases = [self.channel_base.number(word) for word in words]
        if bases == [channel.base_bytes for channel in channels]:
            return channels
        return tuple(channel._replace(base_bytes=base) for channel, base in zip(channels, bases))
