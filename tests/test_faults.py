"""What the virtual ANE finds wrong, one fault a test, in programs with a register, a tensor or a BAR changed."""

from typing import Any

import builders
import pytest
from builders import elementwise, faults_of_hang, run_with_faults, tensor
from test_neural import convolution

from hwx2py import checks, formats
from hwx2py.emulator import faults
from hwx2py.emulator.faults import NotImplementedTask
from hwx2py.program.program import Program, Scratch

SHAPE = (4, 2, 16)


def mul(**registers: Any) -> Program:
    """y = a * b on 4 x 2 x 16 values, 512 bytes each."""
    return elementwise("Mul", SHAPE, **registers)


def with_header(program: Program, index: int, word: int) -> Program:
    """The program with a header word of its first task replaced."""
    first, *others = program.tasks
    return program.with_tasks([first.with_words({index: word}), *others])


def told(found: list[faults.Fault]) -> list[str]:
    return [str(fault) for fault in found]


def with_tensor(program: Program, name: str, **changes: Any) -> Program:
    """The program with something else said of a tensor."""
    return program._replace(
        tensors=tuple(row._replace(**changes) if row.name == name else row for row in program.tensors)
    )


def test_every_kind_has_a_row_and_a_name_of_its_own():
    kinds = [value for value in vars(faults).values() if isinstance(value, faults.Kind)]
    assert sorted(kinds) == sorted(faults.KINDS)
    assert len({kind.name for kind in kinds}) == len(kinds)


def test_without_a_change_there_is_none():
    assert run_with_faults(mul())[1] == []


def test_dma_outside_the_declared_bytes():
    """Past the tensor but on its page: garbage, which the chip survives; the result is still there."""
    outputs, found = run_with_faults(
        with_tensor(mul(), "b", shape=(1, 2, 2, 16), strides=(256, 128, 64, 2), size_bytes=256)
    )
    assert outputs["y"].ravel()[0] == 6
    assert told(found) == [
        "fault outside-tensor: task 0: TileDMASrc.Src2BaseAddr: b at byte 0x100: read up to byte 0x1e0, b has 0x100"
    ]


def test_dma_outside_the_buffer_hangs():
    found = faults_of_hang(mul(TileDMASrc_Src2BaseAddr=0x100000))
    assert told(found)[0].startswith("fault outside-memory: task 0: TileDMASrc.Src2BaseAddr: b at byte 0x100000")


def test_result_outside_the_declared_bytes():
    _, found = run_with_faults(mul(TileDMADst_BaseAddr=0x40))
    one, two = told(found)
    assert one.startswith("fault outside-tensor: task 0: TileDMADst.BaseAddr: y at byte 0x200")
    assert two.startswith("fault output-partly-written: y at byte 0x0: 16 of 128")


def test_scratch_that_is_too_small():
    """No error on the chip, but wrong lanes."""
    a, b = (tensor(name, "input", bar, *SHAPE) for name, bar in (("a", 4), ("b", 5)))
    between, y = tensor("scratch", "scratch", 3, *SHAPE), tensor("y", "output", 6, *SHAPE)
    tasks = [
        ({"W8": builders.select(a, b, between)}, builders.planar(a, b, between, "Mul")),
        ({"W8": builders.select(between, b, y)}, builders.planar(between, b, y, "Mul")),
    ]
    _, found = run_with_faults(builders.network(tasks, (a, b, y), scratch=256))
    assert [(fault.kind.name, fault.task, fault.tensor, fault.offset) for fault in found] == [
        ("outside-scratch", 0, "scratch", 256),
        ("outside-scratch", 1, "scratch", 256),
    ]


def test_bar_without_a_buffer():
    program = mul()
    word = program.tasks[0].words[8] & ~(0x1F << 6) | 9 << 6
    (fault, _) = faults_of_hang(with_header(program, 8, word))
    assert str(fault) == "fault unbound-bar: task 0: Header.RBase1: BAR 9, of source 2, has no buffer"


def test_bar_that_is_not_enabled():
    program = mul()
    (fault, _) = faults_of_hang(with_header(program, 8, program.tasks[0].words[8] & ~(1 << 11)))
    assert str(fault) == "fault unbound-bar: task 0: Header.RBase1: the BAR of source 2 is not enabled"


def test_wrong_directions():
    """The buffers bound as tools of old do it: the result goes over an input. All of it is told, not only the first."""
    program = mul()
    word = program.tasks[0].words[8] & ~(0x1F | 0x1F << 12) | 6 | 5 << 12
    _, found = run_with_faults(with_header(program, 8, word))
    assert told(found) == [
        "fault wrong-direction: task 0: TileDMASrc.Src1BaseAddr: y: output y is read",
        "fault wrong-direction: task 0: TileDMADst.BaseAddr: b: input b is written",
        "fault output-not-written: y: no task wrote it",
    ]


def test_memory_that_nobody_wrote():
    program = mul()
    program = program._replace(scratch=Scratch(3, program.tensors[0].size_bytes, "spare"))
    _, found = run_with_faults(with_header(program, 8, program.tasks[0].words[8] & ~0x1F | 3))
    assert told(found) == [
        "fault unwritten: task 0: TileDMASrc.Src1BaseAddr: spare at byte 0x0: read, but never written"
    ]


def test_coefficients_that_are_missing():
    program, _, _ = convolution((4, 3, 3), 4)
    found = faults_of_hang(program._replace(const=memoryview(b"")))
    assert str(found[0]) == "fault unbound-bar: task 0: Header.KBase0: BAR 1, of the coefficients, has no buffer"


def test_coefficients_without_a_bar():
    program, _, _ = convolution((4, 3, 3), 4)
    found = faults_of_hang(with_header(program, 9, 0))
    assert told(found)[0].startswith("fault dma-disabled: task 0: Header.KBase0: ")


def test_engine_whose_channel_is_off():
    channel = {"KernelDMASrc_CoeffDMAConfig[2]": {"CacheHint": 2}}
    program, _, _ = convolution((4, 3, 3), 4, engines_log2=2, **channel)
    (fault, _) = faults_of_hang(program)
    assert str(fault).startswith("fault dma-disabled: task 0: KernelDMASrc.CoeffDMAConfig[2]: engine 2 needs")


@pytest.mark.parametrize(("size", "kind"), [(64, "short-coefficients"), (256, "kernel-dma-larger")])
def test_table_of_another_size(size, kind):
    x, y = tensor("x", "input", 4, 2, 1, 8), tensor("y", "output", 5, 2, 1, 8)
    registers = builders.neural(x, y, 0) | builders.kernel_registers([size])
    registers["NE.MACCfg"] = {"OpMode": "Bypass", "KernelMode": "Unity", "NonlinearMode": "LUT", "BinaryPoint": 28}
    words = {"W8": builders.select(x, None, y) | {"ENE": 1}, "W9": {"KBase0": 1, "KBE0": 1}}
    program = builders.network([(words, registers)], (x, y), bytes(256))
    (fault, _) = faults_of_hang(program)
    assert str(fault).startswith(f"fault {kind}: task 0: KernelDMASrc.CoeffBfrSize[0]: {size} bytes")
    assert kind.replace("short-coefficients", "kernel-dma-smaller") in {
        one.rule for one in checks.check(formats.ProgramFile(program))
    }


def test_two_tasks_that_write_the_same_bytes():
    _, found = run_with_faults(builders.complete_again(mul(), 2))
    assert told(found) == [
        "fault written-twice: task 1: TileDMADst.BaseAddr: y at byte 0x0: an earlier task wrote some of the same bytes"
    ]


def test_two_tasks_that_overlap():
    """The offset is that of the first byte that both write: the second task leaves out the first two channels."""
    first, second = builders.complete_again(mul(), 2).tasks
    index = next(w.index for w in second.writes() if w.address == builders.H13.address("TileDMADst.BaseAddr"))
    program = builders.complete_again(mul(), 2).with_tasks([first, second.with_words({index: 0x100})])
    _, found = run_with_faults(program)
    assert any("fault written-twice: task 1: TileDMADst.BaseAddr: y at byte 0x100: " in line for line in told(found))


def test_output_that_is_partly_written():
    _, found = run_with_faults(mul(Common_Cin=3, Common_Cout=3))
    assert told(found) == ["fault output-partly-written: y at byte 0x180: 32 of 128 elements were not written"]


def test_l2_that_no_task_filled():
    _, found = run_with_faults(mul(L2_SourceCfg={"SourceType": "L2Read", "Source2Dma": 1}))
    assert told(found) == ["fault unwritten: task 0: L2.SourceBase: L2 at byte 0x0: read, but no task put it there"]


def test_l2_has_an_end():
    registers = {"L2_SourceCfg": {"SourceType": "L2Read", "Source2Dma": 1}, "L2_SourceBase": 0x1FFFF0}
    found = faults_of_hang(mul(L2_SourceRowStride=0x20, Common_TileCfg={"TileHeight": 1}, **registers))
    assert told(found)[0].startswith("fault outside-l2: task 0: L2.SourceBase: L2: reaches")


def test_elements_of_another_size_than_the_tensor_says():
    program = with_tensor(mul(), "b", dtype="float32", strides=(512, 128, 64, 4), shape=(1, 4, 2, 8))
    _, found = run_with_faults(program)
    what = "b: the task's elements have 2 bytes, those of b have 4"
    assert f"fault wrong-element: task 0: TileDMASrc.Src2BaseAddr: {what}" in told(found)


@pytest.mark.parametrize("field", ["Sx", "Sy", "Kw", "Kh"])
def test_window_of_zero(field):
    window = {"Kw": 1, "Kh": 1, "Sx": 1, "Sy": 1, "Ox": 1, "Oy": 1} | {field: 0}
    program, _, _ = convolution((4, 3, 3), 4, Common_ConvCfg=window)
    assert told(faults_of_hang(program))[0] == f"fault zero-dimension: task 0: Common.ConvCfg: {field} is 0"


def test_tile_of_no_height():
    """Of a task that says how its source passes through L2, as the program that was edited on an M1 does."""
    registers = {"L2_SourceChannelStride": 0x40, "L2_SourceRowStride": 0x20, "Common_TileCfg": 0}
    assert told(faults_of_hang(mul(**registers)))[0] == (
        "fault zero-dimension: task 0: Common.TileCfg: TileHeight is 0"
    )


def test_write_to_an_address_that_no_register_has():
    from hwx2py.program.build import Draft, lay_out
    from hwx2py.program.streams import Pending

    program = mul()
    task = program.tasks[0]
    items = [Pending(0x30000, 7), *(Pending(write.address, write.value) for write in task.writes())]
    text = lay_out(builders.H13, [Draft(list(task.words[:10]), items, frozenset({"NextSize", "NextPointer"}))])
    with pytest.raises(NotImplementedTask) as error:
        run_with_faults(program._replace(text=text))
    assert str(error.value).startswith(
        "task 0: the register at 0x30000 = 7 is not implemented: no register is known there"
    )


def test_a_patch_stops_the_neural_engines():
    program, _, _ = convolution((2, 3, 3), 2, Common_PatchCfg={"PatchWidth": 4})
    assert str(faults_of_hang(program)[0]).startswith("fault patched: task 0: Common.PatchCfg: ")
