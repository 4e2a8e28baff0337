"""What the reader makes of registers, and the sentences that say it."""

import itertools

import pytest
from builders import elementwise, kernel_registers, named, network, neural, one_source, planar, select, tensor
from conftest import loaded

from hwx2py.operations import Dma, InL2, Neural, Planar, operations, read, sentences
from hwx2py.operations.reader import Reader
from hwx2py.program.register_file import walk
from hwx2py.registers import by_name, every


def only(program):
    """The operation of a program with one task."""
    (operation,) = operations(program)
    return operation


def said(program):
    """The sentence of a program with one task, without engine and shapes."""
    (sentence,) = sentences(program)
    return sentence.partition(";")[0]


def convolution(**changed):
    """y = 3 x 3 convolution of x, 2 -> 8 channels on four engines, with registers changed."""
    x, y = tensor("x", "input", 4, 2, 6, 8), tensor("y", "output", 5, 8, 6, 8)
    registers = neural(x, y, 2) | kernel_registers([128] * 4)
    registers["Common.ConvCfg"] = {"Kw": 3, "Kh": 3, "OCGSize": 1, "Sx": 1, "Sy": 1, "Px": 1, "Py": 1, "Ox": 1, "Oy": 1}
    registers["NE.MACCfg"] = {"OpMode": "Conv", "BinaryPoint": 28, "ArgOutputSelect": 1}
    words = {"W8": select(x, None, y) | {"ENE": 3}, "W9": 0x21}
    return network([(words, registers | named(changed))], (x, y))


PLANAR = {
    "y = a + b": elementwise("Add"),
    "y = a - b": elementwise("Add", PE_Cfg={"SecSrc": "-Source2"}),
    "y = b - a": elementwise("Add", PE_PreScale={"PreScale": -1.0}),
    "y = -a - b": elementwise("Add", PE_PreScale={"PreScale": -1.0}, PE_Cfg={"SecSrc": "-Source2"}),
    "y = 0.5 * a + b": elementwise("Add", PE_PreScale={"PreScale": 0.5}),
    "y = a * b": elementwise("Mul"),
    "y = max(a, b)": elementwise("Max"),
    "y = min(a, b)": elementwise("Min"),
    "y = (a + b)^2": elementwise("SumSquares"),
    "y = (-a + b)^2": elementwise(
        "SumSquares", PE_Cfg={"OpMode": "SumSquares", "SecSrc": "+Source2", "FirstSrc": "-Source1"}
    ),
    "y = (a + b) * 0.5": elementwise("Add", PE_BiasScale={"Scale": 0.5}),
    "y = a + b - 2": elementwise("Add", PE_BiasScale={"Scale": 1.0, "Bias": -2.0}),
    "y = relu(a + b)": elementwise("Add", PE_Cfg={"SecSrc": "+Source2", "ReluEn": 1}),
    "y = copy of x": one_source(),
    "y = abs(x)": one_source(PE_Cfg={"Cond": "Abs"}),
    "y = x^2": one_source(PE_Cfg={"OpMode": "SumSquares"}),
    "y = 1 / x": one_source(PE_Cfg={"NLMode": "Reciprocal"}),
    "y = 1 / sqrt(x + 1.00136e-05)": one_source(
        PE_Cfg={"NLMode": "Rsqrt"}, PE_PreScale={"PreScale": 1.0, "Epsilon": 1e-5}
    ),
    "y = relu(x)": one_source(L2_L2Cfg={"InputReLU": 1}),
}


@pytest.mark.parametrize("sentence", PLANAR)
def test_planar_sentences(sentence):
    expected = "y = (b - a)^2" if sentence == "y = (-a + b)^2" else sentence
    assert said(PLANAR[sentence]) == expected
    assert only(PLANAR[sentence]).unknowns == ()


@pytest.mark.parametrize(("pool", "word"), [("Sum", "sum"), ("Max", "max"), ("Min", "min")])
def test_reductions_name_their_axes(pool, word):
    program = one_source(
        (3, 4, 5), (3, 1, 1), Common_Cfg={"TaskType": "ReduceOneSource"}, Common_OutDim={"Wout": 5, "Hout": 4},
        PE_Cfg={"PoolMode": pool},
    )  # fmt: skip
    operation = only(program)
    assert said(program) == f"y = {word} over H and W of x"
    assert operation.result.shape == (1, 3, 1, 1, 1)
    assert operation.reduce.name == pool


def test_convolution_is_read_whole():
    operation = only(convolution())
    assert isinstance(operation, Neural)
    assert operation.mode.name == "Conv"
    assert operation.window[:4] == (3, 3, 1, 1)
    assert operation.engines == 4
    assert [channel.enabled for channel in operation.kernel.channels] == [True] * 4
    assert (operation.kernel.lanes, operation.kernel.zero_skipping, operation.kernel.from_task) == (2, False, None)
    assert operation.unknowns == ()


def test_bias_of_all_channels_is_said():
    assert "3 x 3 convolution of x" in said(convolution(NE_AccBias={"AccBias": 0.25}))
    assert said(convolution(NE_AccBias={"AccBias": 0.25})).endswith("+ 0.25")


def test_two_columns_at_a_time():
    program = convolution(
        Common_ConvCfg={"Kw": 3, "Kh": 3, "Sx": 2, "Sy": 1, "Px": 1, "Py": 1, "Ox": 2, "Oy": 1, "OCGSize": 1},
        Common_OutDim={"Wout": 4, "Hout": 6},
    )
    operation = only(program)
    assert operation.window.columns == 2
    assert operation.window.step_x == 1
    assert operation.result.shape.width == 8
    assert "2 columns at a time" in said(program)


UNKNOWN = {
    "PE.Cfg.NLMode": (elementwise("Add", PE_Cfg={"SecSrc": "+Source2", "NLMode": 3}), 3),
    "PE.Cfg.SecSrc": (elementwise("Add", PE_Cfg={"SecSrc": 1}), 1),
    "Common.Cfg.TaskType": (elementwise("Add", Common_Cfg={"TaskType": "PoolTwoSources"}), "PoolTwoSources"),
    "TileDMASrc.Src1Fmt.CmpVec": (one_source(TileDMASrc_Src1Fmt={"MemFmt": 2, "Truncate": 3, "CmpVec": 5}), 5),
    "L2.L2Cfg": (one_source(L2_L2Cfg=0x200), 0x200),
    "TileDMASrc.Unk13834": (one_source(TileDMASrc_Unk13834=1), 1),
    "NE.MACCfg.OpMode": (convolution(NE_MACCfg={"OpMode": 5, "BinaryPoint": 28}), 5),
    "NE.KernelCfg.PalettizedEn": (convolution(NE_KernelCfg={"KernelFmt": "Float16", "PalettizedEn": 1}), 1),
}


@pytest.mark.parametrize("register", UNKNOWN)
def test_what_is_not_known_is_said_by_register_and_value(register):
    program, value = UNKNOWN[register]
    unknowns = {unknown.register: unknown.value for unknown in only(program).unknowns}
    assert unknowns[register] == value
    assert f"not understood: {next(iter(unknowns))}" in sentences(program)[0]


def test_bits_that_an_m1_ignores_are_no_riddle():
    program = one_source(L2_L2Cfg=0x100, TileDMASrc_Unk13830=1, TileDMASrc_Unk13840=0x101)
    assert only(program).unknowns == ()


def test_registers_that_nobody_wrote_are_not_guessed():
    arch = by_name("H13")
    program = loaded("mul")
    task = program.tasks[0]._replace(records=program.tasks[0].records[:1])
    (registers,) = walk(arch, (task,))
    unknowns = read(registers).unknowns
    assert unknowns
    assert {unknown.value for unknown in unknowns} == {"nothing"}


@pytest.mark.parametrize("name", ["mul", "conv", "chain", "add16"])
def test_tasks_that_were_read_before_are_the_same_as_tasks_read_afresh(name):
    program = loaded(name)
    reader = Reader(program.arch)
    for registers in itertools.chain.from_iterable(walk(program.arch, program.tasks) for _ in range(2)):
        assert reader.read(registers) == read(registers)


def test_addresses_move_with_the_task():
    programs = [elementwise("Add", TileDMASrc_Src2BaseAddr={"Addr": at}, L2_SourceBase={"Addr": at}) for at in (0, 64)]
    reader = Reader(programs[0].arch)
    first, second = (reader.read(next(walk(program.arch, program.tasks))) for program in programs)
    assert (first.second.where.base_bytes, second.second.where.base_bytes) == (0, 64)
    assert (first.first.stage.base_bytes, second.first.stage.base_bytes) == (0, 64)
    assert first.combine == second.combine


def test_operands_say_where_they_are_and_by_which_register():
    operation = only(elementwise("Add"))
    assert isinstance(operation, Planar)
    assert isinstance(operation.first.where, Dma)
    assert operation.first.where.register == "TileDMASrc.Src1BaseAddr"
    assert operation.second.where.bar_register == "Header.RBase1"
    assert operation.second.where.bar == 5
    assert operation.result.l2 is None
    in_l2 = only(one_source(L2_SourceCfg={"SourceType": "L2Read"}, L2_SourceBase={"Addr": 0x40})).first.where
    assert isinstance(in_l2, InL2)
    assert in_l2.base_bytes == 0x40


def test_parts_of_a_tensor_are_named():
    x, y = tensor("x", "input", 4, 4, 2, 16), tensor("y", "output", 5, 8, 2, 16)
    part = tensor("y", "output", 5, 4, 2, 16)
    registers = planar(x, x, part, "Add") | {
        "Common.Cfg": {"TaskType": "ElementwiseOneSource"},
        "L2.SourceCfg": {"SourceType": "DmaRead", "DMAFmt": "16b", "DMAInterleave": 1},
        "PE.Cfg": 0,
    }
    place = {"TileDMADst.BaseAddr": {"Addr": 4 * y.strides[1]}}
    words = {"W8": select(x, None, y)}
    assert said(network([(words, registers | place)], (x, y))) == "y[channels 4 to 7] = copy of x"
    assert said(network([(words, registers)], (x, y))) == "y[channels 0 to 3] = copy of x"


@pytest.mark.parametrize("arch", [arch for arch in every() if arch.machine.start], ids=lambda arch: arch.name)
def test_start_images_name_registers_of_their_architecture(arch):
    for start in arch.machine.start:
        assert arch.find_register(start.register), start.register
        assert start.evidence
    assert len({start.register for start in arch.machine.start}) == len(arch.machine.start)
