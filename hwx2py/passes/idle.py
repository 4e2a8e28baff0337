"""What passes find: the state that compilers since 7.6 leave in tasks of the planar engine, and noise in headers.

A word of that state is cleared only where the task does not read it and no later task runs with it
(`operations.idle` decides); which words those compilers leave are rows: of the coefficient channels here, of other
registers in the table.
"""

from collections.abc import Iterator

from ..operations.coefficients import CHANNELS
from ..operations.idle import Unread, unread
from ..program.program import Program
from ..program.task import WrittenWord
from .edits import Kept, WordEdit

#: Registers of the coefficient channels: configuration, base and size of each.
CHANNEL_REGISTERS = tuple(name for channel in CHANNELS for name in channel)


def kernel_dma(program: Program) -> Iterator[WordEdit | Kept]:
    """Configurations, bases and sizes of coefficient channels that no task uses."""
    addresses = _addresses(program, CHANNEL_REGISTERS)
    for number, task in _planar(program):
        for write in _writes(program, number, addresses):
            yield _decided(number, write, addresses[write.address], _why_kept(task, write))


def neural_engine(program: Program) -> Iterator[WordEdit | Kept]:
    """Registers of the neural engines, where all of them hold what an idle engine's hold."""
    return _idle_words(program, "NE", "{} is not the idle value")


def source_residue(program: Program) -> Iterator[WordEdit | Kept]:
    """What is left in registers of the tile DMA that no planar task of older compilers sets."""
    return _idle_words(program, "TileDMASrc", "{} is not the value that is known, so its meaning is open")


def _idle_words(program: Program, block: str, odd_value: str) -> Iterator[WordEdit | Kept]:
    """The idle words of a block's rows; where one of its registers holds something else, all of them stay."""
    words = {
        place.name: idle.word
        for place in program.arch.idle_rows
        if (idle := place.register.idle) and place.name.startswith(f"{block}.")
    }
    addresses = _addresses(program, tuple(words))
    for number, task in _planar(program):
        writes = list(_writes(program, number, addresses))
        odd = [name for write in writes if write.value != words[name := addresses[write.address]]]
        for write in writes:
            why = odd_value.format(" and ".join(odd)) if odd else _why_kept(task, write)
            yield _decided(number, write, addresses[write.address], why)


def _planar(program: Program) -> Iterator[tuple[int, Unread]]:
    return ((number, task) for number, task in enumerate(unread(program)) if task.is_planar)


def _writes(program: Program, number: int, addresses: dict[int, str]) -> Iterator[WrittenWord]:
    """A task's writes to these registers that are not 0."""
    task = program.tasks[number]
    if addresses.keys().isdisjoint(task.addresses()):
        return iter(())
    return (write for write in task.writes() if write.value and write.address in addresses)


def _why_kept(task: Unread, write: WrittenWord) -> str:
    return task.bound or ("a later task inherits it" if write.address in task.inherited else "")


def _decided(number: int, write: WrittenWord, register: str, why: str) -> WordEdit | Kept:
    if why:
        return Kept(number, register, write.value, why)
    return WordEdit(number, write.index, register, write.value, 0)


def _addresses(program: Program, names: tuple[str, ...]) -> dict[int, str]:
    """Byte address -> name of registers, those of arrays one by one."""
    arch = program.arch
    registers = [(name, arch.register(name)) for name in names]
    addresses = [arch.address(name, index) for name, register in registers for index in range(register.count)]
    return {address: arch.locate(address).name for address in addresses}


def noise(program: Program) -> Iterator[WordEdit | Kept]:
    """Header fields whose rows bear on time or on nothing."""
    masks = [
        (register.offset // 4, register.name, sum(field.mask for field in register.fields if field.is_noise))
        for register in program.arch.header.registers
    ]
    for number, task in enumerate(program.tasks):
        for index, name, mask in masks:
            if index < task.header_words and task.words[index] & mask:
                old = task.words[index]
                yield WordEdit(number, index, f"{program.arch.header.name}.{name}", old, old & ~mask)
