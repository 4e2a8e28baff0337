"""Start values of registers, by the decoded programs that need them: without one, they are refused by its register."""

from collections.abc import Iterator

import pytest
from conftest import SHARED

from hwx2py import formats
from hwx2py.emulator import direct
from hwx2py.emulator.faults import NotImplementedTask
from hwx2py.operations.reader import read
from hwx2py.program.program import Program
from hwx2py.program.register_file import RegisterFile
from hwx2py.registers import Architecture, every
from hwx2py.registers.start_images import EXECUTED, OMITTED

MACHINES = [arch for arch in every() if arch.machine.start]

#: Registers whose value was found with programs that are not all at hand: none of those here leaves them out.
NOT_AT_HAND = {
    "Common.Cin",
    "Common.Cout",
    "Common.NECfg",
    "L2.Source2Cfg",
    "KernelDMASrc.CoeffBfrSize",
    "KernelDMASrc.CoeffDMAConfig",
    "KernelDMASrc.NonLinearLutDMAConfig",
}


def records(arch: Architecture) -> list[Program]:
    """The decoded compiler programs for an architecture."""
    folder = SHARED / "hwx" / f"oracle-{arch.name.lower()}"
    return [formats.load(str(path)).program for path in sorted(folder.glob("*.hwx"))]


def refused(program: Program, register: str) -> Iterator[str]:
    """The registers by which tasks are refused when a register has no start value."""
    arch = program.arch
    gone = {arch.address(register, index) for index in range(arch.register(register).count)}
    start = {address: word for address, word in arch.start_image.items() if address not in gone}
    for task in program.tasks:
        values = start | {write.address: write.value for write in task.writes()}
        yield from (unknown.register for unknown in read(RegisterFile(arch, task, values)).unknowns)


def needs(program: Program, register: str) -> bool:
    return any(name.startswith(register) for name in refused(program, register))


@pytest.mark.skipif(not SHARED.is_dir(), reason="no folder `shared` with decoded programs beside the repository")
def test_a_measured_value_is_needed_by_a_program():
    """On one generation at least: the later ones have the same values, and fewer programs are known for them."""
    programs = [program for arch in MACHINES for program in records(arch)]
    measured = {
        start.register
        for arch in MACHINES
        for start in arch.machine.start
        if EXECUTED in start.evidence or OMITTED in start.evidence
    }
    needed = {
        register
        for register in measured
        if any(program.arch.find_register(register) and needs(program, register) for program in programs)
    }
    assert measured - needed <= NOT_AT_HAND
    assert len(needed) > 15


NAMED = [
    ("H14", "Common.OCGSize", "env_mm_r3rr_m512_k64_n512_tx0_ty1_b1"),
    ("H14", "PE.BiasScale", "binary_add_1x64x1x1"),
    ("H14", "L2.ResultBase", "softmax_1x512x1x1"),
    ("H14", "L2.ResultCfg", "softmax_1x512x1x1"),
    ("H14", "PE.PreScale", "binary_add_1x64x1x1"),
]


@pytest.mark.skipif(not SHARED.is_dir(), reason="no folder `shared` with decoded programs beside the repository")
@pytest.mark.parametrize(("name", "register", "stem"), NAMED)
def test_without_a_value_a_named_program_is_refused(name, register, stem):
    program = formats.load(str(SHARED / "hwx" / f"oracle-{name.lower()}" / f"{stem}.hwx")).program
    assert needs(program, register)
    start = tuple(row for row in program.arch.machine.start if row.register != register)
    arch = program.arch._replace(machine=program.arch.machine._replace(start=start))
    inputs = dict.fromkeys((tensor.name for tensor in program.inputs), 1.0)
    with pytest.raises(NotImplementedTask, match=register):
        direct.run(program._replace(arch=arch), inputs)


def test_every_value_has_one_row_with_evidence():
    for arch in MACHINES:
        names = [start.register for start in arch.machine.start]
        assert len(names) == len(set(names))
        assert all(arch.register(start.register) and start.evidence for start in arch.machine.start)
