"""Coefficients in segments of their own, moved behind those of the text."""

from collections.abc import Iterator

from ..errors import UnsupportedError
from ..units import round_up
from .program import CONST_BAR, Program
from .register_file import RegisterFile, walk
from .task import Task

#: Coefficients begin at multiples of this many bytes (observed in every known file).
ALIGNMENT_BYTES = 64

WORD_END = 1 << 32

#: The header field whose BAR coefficients are relative to, and the block that fetches them.
SELECTOR, BLOCK = "KBase0", "KernelDMASrc"


def fold_kernels(program: Program) -> Program:
    """The same program without kernel segments: their bytes follow the coefficients of the text, in BAR 1.

    Tasks that select a segment's BAR for coefficients select BAR 1 instead, and the bases of their enabled channels
    grow by the place that the segment has there.

    Args:
        program: the program; without kernel segments it is returned as it is.

    Raises:
        UnsupportedError: a task uses a segment in a way that cannot be moved.
    """
    if not program.kernels:
        return program
    if program.arch.find_place(f"Header.{SELECTOR}") is None:
        names = ", ".join(kernel.name for kernel in program.kernels)
        raise UnsupportedError(
            f"coefficients in segments of their own ({names}) cannot be moved: how {program.arch.name} selects them "
            "is not known well enough"
        )
    const, offsets = bytearray(program.const), {}
    for kernel in program.kernels:
        const += bytes(round_up(len(const), ALIGNMENT_BYTES) - len(const))
        offsets[kernel.bar] = len(const)
        const += kernel.data
    moved: dict[int, int] = {}
    tasks = [
        _moved(program, index, registers, offsets, moved)
        for index, registers in enumerate(walk(program.arch, program.tasks))
    ]
    return program.with_tasks(tasks)._replace(const=memoryview(bytes(const)), kernels=())


def _moved(
    program: Program, index: int, registers: RegisterFile, offsets: dict[int, int], moved: dict[int, int]
) -> Task:
    """A task that selects BAR 1 in place of a segment.

    Args:
        program: the program.
        index: the task's, for errors.
        registers: the register file of the task.
        offsets: BAR of a segment -> its place in BAR 1, bytes.
        moved: register address -> by how much the value that it holds was moved; kept from task to task.
    """
    arch, task, where = program.arch, registers.task, f"task {index}"
    _check_selectors(registers, offsets, where)
    changes: dict[int, int] = {}
    offset = 0
    selector = arch.place(f"Header.{SELECTOR}")
    if registers.header(selector.field.enable) and registers.header(SELECTOR) in offsets:
        offset = offsets[registers.header(SELECTOR)]
        index_of_word = selector.address // 4
        changes[index_of_word] = task.words[index_of_word] & ~selector.mask | selector.field.encode(CONST_BAR)
    written = {write.address: write for write in task.writes()}
    for base, config, engine in _channels(program):
        address = arch.address(base, engine)
        is_fetched = bool(arch.place(f"{config}.En").number(registers.word(config, engine) or 0))
        if address in written:
            moved[address] = offset if is_fetched else 0
        if not is_fetched:
            continue
        if moved.get(address, 0) != offset:
            raise UnsupportedError(
                f"{base}[{engine}] is taken over from a task that selects another BAR, and cannot be moved", where=where
            )
        if offset and address in written:
            write = written[address]
            if write.value + offset >= WORD_END:
                raise UnsupportedError(f"{base}[{engine}] cannot be moved by {offset:#x}", where=where)
            changes[write.index] = write.value + offset
    return task.with_words(changes) if changes else task


def _check_selectors(registers: RegisterFile, offsets: dict[int, int], where: str) -> None:
    """Refuses a task that reaches a segment otherwise than by its coefficient channels."""
    for _, field, enable in registers.arch.bar_fields:
        if field.name == SELECTOR or not registers.header(enable.name):
            continue
        if registers.header(field.name) in offsets:
            raise UnsupportedError(
                f"{field.name} selects BAR {registers.header(field.name)}, a segment of coefficients, "
                "which cannot be moved",
                where=where,
            )


def _channels(program: Program) -> Iterator[tuple[str, str, int]]:
    """Every coefficient channel: its base address register, its config register, and the index of both."""
    block = next(block for block in program.arch.blocks if block.name == BLOCK)
    for register in block.registers:
        if register.name.endswith("BaseAddr"):
            channel = f"{BLOCK}.{register.name.removesuffix('BaseAddr')}"
            yield from ((f"{channel}BaseAddr", f"{channel}DMAConfig", engine) for engine in range(register.count))
