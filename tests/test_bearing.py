"""What rows say of values that bear on no result: each claim has its evidence, and whoever asks gets the row's."""

import re

import pytest
from conftest import loaded

from hwx2py import checks, formats
from hwx2py.operations import operations
from hwx2py.operations.reader import Reader
from hwx2py.passes.idle import noise
from hwx2py.program.register_file import walk
from hwx2py.registers import by_name, every
from hwx2py.registers.bearing import Bearing, Ignored, Reach, When
from hwx2py.registers.derive import redo, row

#: How a claim may be known; what is only inferred says so first.
MARKS = re.compile(r"edited on an M1|executed: |inferred|real programs with it run exactly")


def claims(arch):
    """Everything that the rows of an architecture say of values that do not matter: (where, claim)."""
    for block in arch.all_blocks():
        for register in block.registers:
            name = f"{block.name}.{register.name}"
            yield from ((name, claim) for claim in (register.bearing, *register.ignored, register.idle) if claim)
            yield from ((f"{name}.{field.name}", field.bearing) for field in register.fields if field.bearing)


@pytest.mark.parametrize("arch", every(), ids=lambda arch: arch.name)
class TestClaims:
    def test_every_claim_says_how_it_is_known(self, arch):
        for name, claim in claims(arch):
            assert MARKS.match(claim.evidence), f"{name}: {claim.evidence}"

    def test_a_claim_without_a_source_is_inferred(self, arch):
        for name, claim in claims(arch):
            assert "no source" not in claim.evidence or claim.evidence.startswith("inferred"), name

    def test_what_was_edited_on_an_m1_is_claimed_of_its_generation_only(self, arch):
        edited = [name for name, claim in claims(arch) if claim.evidence.startswith("edited on an M1")]
        assert bool(edited) == (arch.name == "H13"), edited

    def test_ignored_bits_have_no_name(self, arch):
        for place in arch.ignored_rows:
            assert not place.named_mask & place.register.ignored_mask, place.name

    def test_a_value_that_matters_where_it_is_used_bears_on_results_or_places(self, arch):
        for name, claim in claims(arch):
            if isinstance(claim, Bearing) and claim.when is When.IN_USE:
                assert claim.reach in (Reach.RESULT, Reach.PLACE), name


@pytest.mark.parametrize("name", ["mul", "chain", "conv", "add16", "softmax"])
def test_no_operation_depends_on_what_the_cache_of_the_reader_leaves_out(name):
    program = loaded(name)
    arch = program.arch
    for operation in operations(program):
        for field in operation.fields:
            place = arch.place(field)
            register = arch.find_register(place.register)
            assert place.field.bearing is None or place.field.bearing.when is When.IN_USE, field
            assert register is None or register.bearing is None or register.bearing.when is When.IN_USE, field


def with_row(program, block, name, **changes):
    """The program with another row for one register."""
    blocks = [
        redo(each, row(each, name)._replace(**changes)) if each.name == block else each for each in program.arch.blocks
    ]
    return program._replace(arch=program.arch._replace(blocks=tuple(blocks)))


def with_bits(program, register, bits):
    """The program with bits set in a register of its first task."""
    address = program.arch.address(register)
    task = program.tasks[0]
    words = {write.index: write.value | bits for write in task.writes() if write.address == address}
    assert words
    return program.with_tasks([task.with_words(words), *program.tasks[1:]])


def test_a_bit_without_a_name_is_understood_as_soon_as_a_row_says_that_it_is_ignored():
    odd = with_bits(loaded("mul"), "PE.Cfg", 1 << 30)
    assert [unknown.register for unknown in next(operations(odd)).unknowns] == ["PE.Cfg"]
    known = with_row(odd, "PE", "Cfg", ignored=(Ignored(1 << 30, "edited on an M1: made up"),))
    assert not next(operations(known)).unknowns
    assert "ignored-bits" in {finding.rule for finding in checks.check(formats.ProgramFile(known, None))}


def test_a_field_is_passed_over_as_soon_as_its_row_says_so():
    odd = with_bits(loaded("mul"), "Common.Cfg", 1 << 24)
    assert next(operations(odd)).unknowns
    common = row(odd.arch.blocks[0], "Cfg")
    field = common.field("ContextSwitchOut")
    assert field.bearing is None
    hint = field._replace(name="Hint", bearing=Bearing(Reach.TIME, "inferred: made up"))
    known = with_row(odd, "Common", "Cfg", fields=tuple(hint if each is field else each for each in common.fields))
    assert not next(operations(known)).unknowns


def test_the_reader_shares_what_only_names_tell_apart():
    program = loaded("mul")
    reader = Reader(program.arch)
    (first,) = map(reader.read, walk(program.arch, program.tasks))
    renamed = with_bits(program, "Common.TaskInfo", 0x5)
    (second,) = map(reader.read, walk(renamed.arch, renamed.tasks))
    assert (first, len(reader._operations)) == (second, 1)


def test_the_pass_over_noise_asks_the_rows():
    program = loaded("mul")
    header = program.arch.header
    logs = row(header, "W2")
    fields = tuple(field._replace(bearing=None) for field in logs.fields)
    program = program.with_tasks([program.tasks[0].with_words({2: 0x42A}), *program.tasks[1:]])
    other = program._replace(arch=program.arch._replace(header=redo(header, logs._replace(fields=fields))))
    changed = [{edit.register for edit in noise(each)} for each in (program, other)]
    assert changed[0] - changed[1] == {"Header.W2"}


def test_h13_names_the_words_of_idle_engines():
    words = {place.name: place.register.idle.word for place in by_name("H13").idle_rows}
    assert words == {"NE.KernelCfg": 0x80, "NE.MACCfg": 0x100000, "TileDMASrc.Unk13840": 0x100}
