"""Programs from nothing: strides, ids and links, and the words for what does not fit."""

import pytest

from hwx2py.errors import RegisterError
from hwx2py.program.network import TaskRegisters, network, padded_tensor, strides
from hwx2py.registers import by_name

H13 = by_name("H13")


@pytest.mark.parametrize(
    ("shape", "dtype", "expected"),
    [
        ((1, 4, 2, 16), "float16", (512, 128, 64, 2)),
        ((1, 3, 1, 33), "float16", (384, 128, 128, 2)),
        ((2, 3, 5, 1), "uint8", (960, 320, 64, 1)),
    ],
)
def test_rows_are_padded_and_nothing_else(shape, dtype, expected):
    tensor = padded_tensor("x", "input", 4, shape, dtype)
    assert tensor.strides == expected
    assert tensor.size_bytes == shape[0] * expected[0]


def test_sides_of_zero_and_unknown_types_are_refused():
    with pytest.raises(ValueError, match=r"tensor x: shape \(1, 0, 1, 1\)"):
        padded_tensor("x", "input", 4, (1, 0, 1, 1))
    with pytest.raises(ValueError, match="tensor x: unknown element type bfloat16"):
        padded_tensor("x", "input", 4, (1, 1, 1, 1), "bfloat16")


def test_strides_are_those_of_the_registers_that_there_are():
    x = padded_tensor("x", "input", 4, (1, 4, 2, 16))
    assert strides(H13, "TileDMADst.", x) == {
        "TileDMADst.RowStride": {"Stride": 64},
        "TileDMADst.PlaneStride": {"Stride": 128},
        "TileDMADst.DepthStride": {"Stride": 512},
        "TileDMADst.GroupStride": {"Stride": 512},
    }
    with pytest.raises(RegisterError, match=r"no strides named TileDMASrc\.Src9"):
        strides(H13, "TileDMASrc.Src9", x)


def test_ids_count_and_the_last_task_ends_the_network():
    program = network(H13, [TaskRegisters({}, {})] * 3, [])
    words = [task.words for task in program.tasks]
    assert [word[0] for word in words] == [0, 1 | 1 << 24, 2 | 3 << 24]
    assert [word[7] for word in words] == [0x300, 0x600, 0]
    assert [word[1] >> 16 for word in words] == [len(words[0]) - 1, len(words[0]) - 1, 0]


def test_an_id_that_is_given_stays():
    program = network(H13, [TaskRegisters({"W0": {"TID": 7, "EON": 0}}, {}), TaskRegisters({"W0": 0x40}, {})], [])
    assert [task.words[0] for task in program.tasks] == [7, 0x40]


def test_coefficients_begin_behind_the_tasks():
    program = network(H13, [TaskRegisters({}, {})], [], b"x" * 64)
    assert (program.const_offset, bytes(program.const)) == (0x280, b"x" * 64)


@pytest.mark.parametrize(
    ("header", "registers", "words"),
    [
        ({"W99": 1}, {}, "no header word W99"),
        ({}, {"PE.Cgf": 1}, "no register PE.Cgf"),
        ({}, {"PE.Cfg": {"OpMod": 1}}, "OpMod"),
        ({}, {"Common.InDim": {"Win": 1 << 15}}, "Win"),
    ],
)
def test_what_does_not_fit_is_told_by_name(header, registers, words):
    with pytest.raises(RegisterError, match=words):
        network(H13, [TaskRegisters(header, registers)], [])
