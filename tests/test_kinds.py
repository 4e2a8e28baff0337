"""Kinds of fields: each is stated once, and whoever reads or writes a word agrees on its number."""

import struct

import pytest
from conftest import loaded

from hwx2py import emitter
from hwx2py.errors import RegisterError
from hwx2py.listing import dump
from hwx2py.operations import operations
from hwx2py.registers import Field, every, kinds
from hwx2py.registers.derive import edit, redo, row
from hwx2py.registers.kinds import Kind
from hwx2py.runtime.register import Coding

#: A kind that no table has, to see that one statement of it is enough.
MINUS_1 = Kind("minus1", Coding("MINUS1", less=1))


def counted_from_one(program):
    """The program with a chip whose widths are stated less one, in words that say so."""
    common = program.arch.blocks[0]
    dims = [row(common, "InDim"), row(common, "OutDim")]
    changed = [edit(dim, dim.fields[0]._replace(kind=MINUS_1)) for dim in dims]
    arch = program.arch._replace(blocks=(redo(common, *changed), *program.arch.blocks[1:]))
    addresses = [arch.address(f"Common.{dim.name}") for dim in dims]
    tasks = [
        task.with_words({write.index: write.value - 1 for write in task.writes() if write.address in addresses})
        for task in program.tasks
    ]
    return program._replace(arch=arch).with_tasks(tasks)


def test_a_new_kind_gives_the_same_number_in_script_dump_and_operations():
    plain = loaded("mul")
    program = counted_from_one(plain)
    (task,) = operations(program)
    width = task.result.shape.width
    (listed,) = dump.tasks(program, wanted=["Common.InDim"])
    text = emitter.emit(program).text
    assert width == next(operations(plain)).result.shape.width
    assert listed["writes"][0]["fields"]["Win"] == width
    assert listed["writes"][0]["value"] & 0x7FFF == width - 1
    assert 'MINUS1 = Coding("MINUS1", less=1)' in text
    assert f"Common.InDim(Win={width}, " in text


def test_a_script_with_a_new_kind_builds_the_same_words():
    program = counted_from_one(loaded("mul"))
    module = {"__name__": "script", "__file__": "mul.py"}
    exec(compile(emitter.emit(program).text, "mul.py", "exec", dont_inherit=True), module)
    buffers, _, _ = module["build"]()
    assert b"".join(map(bytes, buffers[0])).startswith(program.text.to_bytes())


@pytest.mark.parametrize("lsb", [0, 6])
@pytest.mark.parametrize(
    ("kind", "unit"), [(kinds.UINT, 1), (kinds.BYTES, 64), (kinds.ADDRESS, 64), (MINUS_1, 1), (kinds.HEX, 1)]
)
def test_numbers_survive_the_way_into_bits_and_back(kind, unit, lsb):
    field = Field("Some", 31, lsb, "of the test", kind=kind)
    for number in (unit, 5 * unit, 512 * unit):
        assert field.number(field.encode(number)) == field.decode(field.encode(number)) == number


@pytest.mark.parametrize(("kind", "packing"), [(kinds.FP16, "<e"), (kinds.FP32, "<f")])
def test_floats_are_packed(kind, packing):
    field = Field("Some", 8 * struct.calcsize(packing) - 1, 0, "of the test", kind=kind)
    assert field.encode(-1.5) == int.from_bytes(struct.pack(packing, -1.5), "little")
    assert field.decode(field.encode(-1.5)) == -1.5
    assert field.number(field.encode(-1.5)) == field.encode(-1.5)


def test_what_is_less_than_its_kind_can_say_is_refused():
    with pytest.raises(RegisterError, match="Some=0 does not fit bits 3:0"):
        Field("Some", 3, 0, "of the test", kind=MINUS_1).encode(0)
    assert Field("Some", 3, 0, "of the test", kind=MINUS_1).encode(16) == 15


def test_a_definition_makes_the_coding():
    for kind in (kinds.BYTES, kinds.FP16, kinds.FP32, MINUS_1):
        scope = {"Coding": Coding}
        exec(kinds.definition(kind.coding), scope)
        assert scope[kind.coding.name] == kind.coding


def test_every_bar_field_names_an_enable_bit_beside_it():
    for arch in every():
        fields = [field for register in arch.header.registers for field in register.fields]
        assert [bar.field for bar in arch.bar_fields] == [field for field in fields if field.kind is kinds.BAR], (
            arch.name
        )
        for _, field, enable in arch.bar_fields:
            assert enable.msb == enable.lsb == field.msb + 1, f"{arch.name} {field.name}"
