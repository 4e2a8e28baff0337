"""Which registers a task does not read: those of engines that do not work.

A planar task reads neither the neural engines' registers nor kernel DMA, a task of the neural engines none of the
planar engine's. But registers keep their values on architectures that carry state: what one task writes, a later one
may inherit. So a register is idle only where no later task runs with what this one wrote.
"""

import bisect
from collections.abc import Iterable
from typing import NamedTuple

from ..program.program import Program
from ..program.register_file import RegisterFile, walk
from ..registers.architecture import Architecture
from .coefficients import use_of_coefficients

#: Where tensors lie, and what the registers there are called that tell groups apart.
STRIDED, GROUP_STRIDE = ("L2", "TileDMASrc", "TileDMADst"), "GroupStride"
NEURAL_ONLY, PLANAR_ONLY = ("NE", "KernelDMASrc"), ("PE",)


class Unread(NamedTuple):
    """What a task does not read.

    Attributes:
        is_planar: whether the planar engine works.
        bound: why a planar task must keep all that it writes; empty where it may be cleared.
        addresses: byte addresses of the registers that the task does not read.
        inherited: byte addresses of the registers that a later task reads with the value that they have after this one.
    """

    is_planar: bool
    bound: str
    addresses: frozenset[int]
    inherited: frozenset[int]

    @property
    def idle(self) -> frozenset[int]:
        """Byte addresses of the registers whose values change nothing."""
        return self.addresses - self.inherited


def unread(program: Program, strides: bool = False) -> list[Unread]:
    """What each task of a program does not read.

    A task that holds a relocated word, or that has to do with coefficients, counts as one that reads everything.

    Args:
        program: the program.
        strides: count what lies between groups too, where a task has one group (edited on an M1: nothing changed).
    """
    arch = program.arch
    for_planar = _addresses(arch, NEURAL_ONLY) | _idle_words(arch)
    for_neural = _addresses(arch, PLANAR_ONLY)
    between_groups = _group_strides(arch) if strides else frozenset()
    relocated = _relocated(program)
    found = []
    for number, registers in enumerate(walk(arch, program.tasks)):
        alone = between_groups if registers.number("Common.NumGroups") == 1 else frozenset()
        if not is_planar(registers):
            found.append(Unread(False, "", for_neural | alone, frozenset()))
            continue
        bound = use_of_coefficients(registers) or ("a relocation points into it" if number in relocated else "")
        found.append(Unread(True, bound, alone if bound else for_planar | alone, frozenset()))
    interest = for_planar | for_neural | between_groups
    return _with_inherited(program, found, interest) if arch.carries_state else found


def is_planar(registers: RegisterFile) -> bool:
    """Whether the header gives the task to the planar engine (ENE = 0)."""
    return not registers.header("ENE")


def _addresses(arch: Architecture, blocks: Iterable[str]) -> frozenset[int]:
    return frozenset(
        place.address + 4 * index
        for block in blocks
        for place in arch.rows_of(block)
        for index in range(place.register.count)
    )


def _group_strides(arch: Architecture) -> frozenset[int]:
    """Registers that say how far apart the groups of a tensor lie, in memory and in L2."""
    return frozenset(
        place.address
        for block in STRIDED
        for place in arch.rows_of(block)
        if place.register.name.endswith(GROUP_STRIDE)
    )


def _idle_words(arch: Architecture) -> frozenset[int]:
    """Registers of other blocks that hold nothing in a planar task but what newer compilers leave there."""
    return frozenset(place.address for place in arch.idle_rows)


def _relocated(program: Program) -> set[int]:
    """Numbers of the tasks that hold a relocated word."""
    starts = [task.offset for task in program.tasks]
    return {bisect.bisect_right(starts, offset) - 1 for offset in program.relocated}


def _with_inherited(program: Program, tasks: list[Unread], interest: frozenset[int]) -> list[Unread]:
    found = []
    needed: frozenset[int] = frozenset()
    for task, entry in zip(reversed(program.tasks), reversed(tasks)):
        found.append(entry._replace(inherited=needed))
        needed = (needed | (interest - entry.addresses)).difference(task.addresses())
    return found[::-1]
