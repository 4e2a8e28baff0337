"""Reads what a task does from its registers."""

from collections.abc import Iterator

from ..program.model import Program
from ..program.register_file import RegisterFile, walk
from .look import Look
from .neural import Neural
from .neural_reader import neural
from .planar import Planar
from .planar_reader import planar


def read(registers: RegisterFile) -> Planar | Neural:
    """What the task of a register file does.

    Nothing is guessed: what is not understood stands in the operation's `unknowns`, and whoever computes with an
    operation looks there first.
    """
    look = Look(registers)
    return neural(look) if look.number("Header.ENE") else planar(look)


def operations(program: Program) -> Iterator[Planar | Neural]:
    """What each task of a program does, in order."""
    return map(read, walk(program.arch, program.tasks))
