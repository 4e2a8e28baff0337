"""Passes over the state that compilers since 7.6 leave in tasks of the planar engine.

A planar task (header ENE = 0) reads neither kernel DMA nor neural-engine registers. But registers keep their values:
what one task writes, a later one may inherit. So a word is left alone where some later task that is not such a planar
task itself would run with it, and in every task that has to do with coefficients.
"""

import bisect
from collections.abc import Iterator

from ..program.describe import is_planar
from ..program.model import Program
from ..program.register_file import RegisterFile, walk
from ..program.task import Write
from .model import Change, Kept

#: Coefficient channels: their configuration registers, whose field En says that they fetch.
CHANNELS = (
    "CoeffDMAConfig",
    "BiasDMAConfig",
    "PostScaleDMAConfig",
    "PaletteLutDMAConfig",
    "NonLinearLutDMAConfig",
)
BANKS = ("KBE0", "KBE1", "KBE2", "KBE3")

#: RegisterFile of the coefficient channels: configuration, base and size of each.
CHANNEL_REGISTERS = tuple(f"KernelDMASrc.{name}" for channel in CHANNELS for name in (
    channel,
    channel.replace("DMAConfig", "BaseAddr"),
    channel.replace("DMAConfig", "BfrSize"),
))  # fmt: skip

#: What compilers since 7.6 write to the neural engines' registers in a planar task.
IDLE_NE = {"NE.KernelCfg": 0x80, "NE.MACCfg": 0x00100000}

#: The unnamed source register that those compilers set in every task.
RESIDUE, RESIDUE_VALUE = "TileDMASrc.Unk13840", 0x100


def kernel_dma(program: Program) -> Iterator[Change | Kept]:
    """Configurations, bases and sizes of coefficient channels that nobody uses."""
    for number, write, name, why in _candidates(program, CHANNEL_REGISTERS):
        yield Kept(number, name, write.value, why) if why else Change(number, write.index, name, write.value, 0)


def neural_engine(program: Program) -> Iterator[Change | Kept]:
    """KernelCfg and MACCfg, where they hold what every planar task of those compilers holds."""
    found: dict[int, list[tuple[Write, str, str]]] = {}
    for number, write, name, why in _candidates(program, tuple(IDLE_NE)):
        found.setdefault(number, []).append((write, name, why))
    for number, writes in found.items():
        odd = [name for write, name, _ in writes if write.value != IDLE_NE[name]]
        for write, name, why in writes:
            if odd:
                why = f"{' and '.join(odd)} is not the idle value"
            yield Kept(number, name, write.value, why) if why else Change(number, write.index, name, write.value, 0)


def source_residue(program: Program) -> Iterator[Change | Kept]:
    """The unnamed source register 0x13840."""
    for number, write, name, why in _candidates(program, (RESIDUE,)):
        if write.value != RESIDUE_VALUE:
            why = f"not {RESIDUE_VALUE:#x}, so its meaning is open"
        yield Kept(number, name, write.value, why) if why else Change(number, write.index, name, write.value, 0)


def _candidates(program: Program, names: tuple[str, ...]) -> Iterator[tuple[int, Write, str, str]]:
    """Non-zero writes to these registers in planar tasks: task, write, register, and why it must stay (or "")."""
    addresses = _addresses(program, names)
    relocated = _relocated(program)
    idle = [
        _why_not(registers, number in relocated) for number, registers in enumerate(walk(program.arch, program.tasks))
    ]
    inherited = _inherited(program, idle, frozenset(addresses))
    for number, task in enumerate(program.tasks):
        if idle[number] is None or addresses.keys().isdisjoint(task.addresses()):
            continue
        for write in task.writes():
            if write.value and write.address in addresses:
                why = idle[number] or ("a later task inherits it" if write.address in inherited[number] else "")
                yield number, write, addresses[write.address], why


def _addresses(program: Program, names: tuple[str, ...]) -> dict[int, str]:
    found = {}
    for name in names:
        register = program.arch.register(name)
        for index in range(register.count):
            address = program.arch.address(name, index)
            found[address] = program.arch.locate(address).name
    return found


def _why_not(registers: RegisterFile, relocated: bool) -> str | None:
    """Empty for a planar task without coefficients, None for a task of the neural engines, else what binds it."""
    if not is_planar(registers):
        return None
    if any(registers.header(bank) for bank in BANKS):
        return "the header names a coefficient BAR"
    if registers.get("KernelDMASrc.MasterEnable"):
        return "coefficients are fetched"
    for channel in CHANNELS:
        name = f"KernelDMASrc.{channel}"
        enable = registers.arch.field(f"{name}.En")[1]
        count = registers.arch.register(name).count
        if any(enable.number(registers.word(name, index) or 0) for index in range(count)):
            return f"a channel of {channel} is enabled"
    return "a relocation points into it" if relocated else ""


def _relocated(program: Program) -> set[int]:
    """Numbers of the tasks that hold a relocated word."""
    starts = [task.offset for task in program.tasks]
    return {bisect.bisect_right(starts, offset) - 1 for offset in program.relocated}


def _inherited(program: Program, idle: list[str | None], interest: frozenset[int]) -> list[frozenset[int]]:
    """For each task, the addresses whose values a later task that is not idle inherits."""
    found: list[frozenset[int]] = []
    needed: frozenset[int] = frozenset()
    for task, why in zip(reversed(program.tasks), reversed(idle)):
        found.append(needed)
        written = interest.intersection(task.addresses())
        needed = (needed if why == "" else interest) - written
    return found[::-1]
