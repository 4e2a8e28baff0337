"""Where the coefficients of two programs differ: by kernel channel where tasks say what lies there."""

from collections.abc import Iterator

from ..program.model import Program
from ..program.register_file import RegisterFile, buffer_of, walk
from .model import Change

#: RegisterFile of a kernel channel, as far as an architecture has them.
CHANNEL = ("KernelDMASrc.CoeffDMAConfig", "KernelDMASrc.CoeffBaseAddr", "KernelDMASrc.CoeffBfrSize")


def compare(a: Program, b: Program) -> tuple[Change, ...]:
    """The differences, none of them noise."""
    one, two = _buffers(a), _buffers(b)
    found = []
    for name in dict.fromkeys([*one, *two]):
        if name not in one or name not in two:
            sizes = (len(side[name]) if name in side else None for side in (one, two))
            found.append(Change(name, *(size and f"{size} bytes" for size in sizes)))
        elif one[name] != two[name]:
            found += _contents(name, one[name], two[name], a, b)
    return tuple(found)


def _buffers(program: Program) -> dict[str, memoryview]:
    """Coefficient buffers by name; those that hold nothing are left out."""
    buffers = {"const": program.const} | {kernel.name: kernel.data for kernel in program.kernels}
    return {name: data for name, data in buffers.items() if len(data)}


def _contents(name: str, one: memoryview, two: memoryview, a: Program, b: Program) -> Iterator[Change]:
    import numpy as np

    if len(one) != len(two):
        yield Change(name, f"{len(one)} bytes", f"{len(two)} bytes")
    size = min(len(one), len(two))
    different = np.frombuffer(one[:size], np.uint8) != np.frombuffer(two[:size], np.uint8)
    told = np.zeros(size, bool)
    for program, whose in ((a, ""), (b, f" of {b.origin.name}")):
        for what, start, end in _channels(name, program):
            count = int(np.count_nonzero(different[start:end]))
            if count and not (whose and told[start:end].all()):
                told[start:end] = True
                place = f"{name}, {what}{whose}"
                yield Change(place, f"{end - start} bytes from {start:#x}", f"{count} of them differ")
    rest = int(np.count_nonzero(different & ~told))
    if rest:
        first = int(np.flatnonzero(different & ~told)[0])
        yield Change(f"{name}, in no channel", f"from {first:#x}", f"{rest} bytes differ")


def _channels(name: str, program: Program) -> Iterator[tuple[str, int, int]]:
    """What lies where in a buffer: (task and engine, start, end)."""
    names = program.buffer_names()
    for index, registers in enumerate(walk(program.arch, program.tasks)):
        number = buffer_of(registers, "kernel")
        if number is None or names.get(number) != name:
            continue
        for engine, start, size in _fetched(registers):
            yield f"task {index} engine {engine}", start, start + size


def _fetched(registers: RegisterFile) -> Iterator[tuple[int, int, int]]:
    """(engine, start, size) of each enabled channel."""
    config, base, size = CHANNEL
    enable = registers.arch.field(f"{config}.En")
    if enable is None or registers.arch.address(base) is None:
        return
    for engine in range(registers.arch.register(config).count):
        if enable[1].number(registers.word(config, engine) or 0):
            yield engine, registers.word(base, engine) or 0, registers.word(size, engine) or 0
