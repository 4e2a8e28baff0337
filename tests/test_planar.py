"""The planar engine of the virtual ANE against NumPy: the once-rounded result, to the bit."""

import builders
import numpy as np
import pytest
from builders import elementwise, half, one_source, rounded, run
from conftest import loaded

from hwx2py.emulator.faults import NotImplementedTask
from hwx2py.program.build import Draft, lay_out
from hwx2py.program.streams import Pending

SHAPE = (3, 4, 5)


def inputs(shape: tuple[int, int, int] = SHAPE) -> tuple[np.ndarray, np.ndarray]:
    return half(1, 1, *shape, scale=3), half(2, 1, *shape, scale=3)


OPERATIONS = {
    "Add": lambda a, b: a + b,
    "Mul": lambda a, b: a * b,
    "Max": np.maximum,
    "Min": np.minimum,
    "SumSquares": lambda a, b: (a + b) ** 2,
}


@pytest.mark.parametrize("operation", OPERATIONS)
@pytest.mark.parametrize("shape", [SHAPE, (1, 1, 1), (64, 1, 1), (2, 7, 33)])
def test_two_sources(operation, shape):
    a, b = inputs(shape)
    expected = rounded(OPERATIONS[operation](a.astype(float), b.astype(float)))
    assert np.array_equal(run(elementwise(operation, shape), a=a, b=b)["y"], expected)


@pytest.mark.parametrize(
    ("signs", "expected"),
    [
        ({"SecSrc": "-Source2"}, lambda a, b: a - b),
        ({"SecSrc": "+Source2", "FirstSrc": "-Source1"}, lambda a, b: b - a),
        ({"SecSrc": "-Source2", "FirstSrc": "-Source1"}, lambda a, b: -a - b),
        ({"SecSrc": "-Source2", "OpMode": "SumSquares"}, lambda a, b: (a - b) ** 2),
    ],
)
def test_signs_of_the_sources(signs, expected):
    a, b = inputs()
    assert np.array_equal(
        run(elementwise(PE_Cfg=signs), a=a, b=b)["y"], rounded(expected(a.astype(float), b.astype(float)))
    )


def test_scale_bias_relu_and_magnitude_come_in_this_order():
    a, b = inputs()
    x = (a.astype(float) + b) * -0.5 + 0.25
    scaled = {"PE_BiasScale": {"Scale": -0.5, "Bias": 0.25}}
    assert np.array_equal(run(elementwise(**scaled), a=a, b=b)["y"], rounded(x))
    relu = elementwise(PE_Cfg={"SecSrc": "+Source2", "ReluEn": 1}, **scaled)
    assert np.array_equal(run(relu, a=a, b=b)["y"], rounded(np.maximum(x, 0)))
    magnitude = elementwise(PE_Cfg={"SecSrc": "+Source2", "Cond": "Abs"}, **scaled)
    assert np.array_equal(run(magnitude, a=a, b=b)["y"], rounded(np.abs(x)))


def test_one_source_and_its_last_steps():
    x = np.abs(half(3, 1, *SHAPE)) + np.float16(0.1)
    wide = x.astype(float)
    assert np.array_equal(run(one_source(), x=x)["y"], x)
    reciprocal = one_source(PE_Cfg={"NLMode": "Reciprocal"})
    assert np.array_equal(run(reciprocal, x=x)["y"], rounded(1 / wide))
    zeros = np.array([0.0, -0.0], np.float16).repeat(30).reshape(1, *SHAPE)
    assert np.all(run(reciprocal, x=zeros)["y"] == np.inf)
    negative = one_source(PE_Cfg={"NLMode": "Reciprocal"}, PE_FinalScale={"FinalScale": -1.0})
    assert np.all(run(negative, x=zeros)["y"] == np.inf)
    root = one_source(PE_Cfg={"NLMode": "Rsqrt"}, PE_PreScale={"PreScale": 1.0, "Epsilon": 0.5})
    assert np.array_equal(run(root, x=x)["y"], rounded(1 / np.sqrt(wide + 0.5)))
    final = one_source(PE_FinalScale={"FinalScale": 0.125})
    assert np.array_equal(run(final, x=x)["y"], rounded(wide / 8))


@pytest.mark.parametrize("axes", [("W",), ("H",), ("C",), ("W", "H"), ("W", "H", "C")])
@pytest.mark.parametrize("source", [1, 2])
def test_broadcast(axes, source):
    small = tuple(1 if axis in axes else size for axis, size in zip("CHW", SHAPE))
    shapes = [small if source == 1 else SHAPE, small if source == 2 else SHAPE]
    a, b = (builders.tensor(n, "input", bar, *s) for n, bar, s in zip("ab", (4, 5), shapes))
    y = builders.tensor("y", "output", 6, *SHAPE)
    registers = builders.planar(a, b, y, "Add") | builders.make.sizes(*SHAPE)
    registers["Common.PECfg"] = {f"Src{source}Broadcast{axis}": 1 for axis in axes}
    program = builders.network([({"W8": builders.select(a, b, y)}, registers)], (a, b, y))
    values = half(4, 1, *shapes[0]), half(5, 1, *shapes[1])
    assert np.array_equal(run(program, a=values[0], b=values[1])["y"], rounded(values[0].astype(float) + values[1]))


@pytest.mark.parametrize("which", ["Src1Transpose", "Src2Transpose", "OutputTranspose"])
def test_stored_with_channels_and_width_swapped(which):
    channels, height, width = SHAPE
    turned = (width, height, channels)
    a = builders.tensor("a", "input", 4, *(turned if which == "Src1Transpose" else SHAPE))
    b = builders.tensor("b", "input", 5, *(turned if which == "Src2Transpose" else SHAPE))
    y = builders.tensor("y", "output", 6, *(turned if which == "OutputTranspose" else SHAPE))
    registers = builders.planar(a, b, y, "Add") | builders.make.sizes(*SHAPE) | {"Common.PECfg": {which: 1}}
    program = builders.network([({"W8": builders.select(a, b, y)}, registers)], (a, b, y))
    one, two = half(6, *a.shape), half(7, *b.shape)
    x = one.swapaxes(1, 3) if which == "Src1Transpose" else one
    z = two.swapaxes(1, 3) if which == "Src2Transpose" else two
    expected = rounded(x.astype(float) + z)
    assert np.array_equal(
        run(program, a=one, b=two)["y"], expected.swapaxes(1, 3) if which == "OutputTranspose" else expected
    )


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        ({}, lambda x: x.sum((2, 3), keepdims=True)),
        ({"PE_FinalScale": {"FinalScale": 1 / 32}}, lambda x: x.sum((2, 3), keepdims=True) / 32),
        ({"PE_Cfg": {"PoolMode": "Max"}}, lambda x: x.max((2, 3), keepdims=True)),
        ({"PE_Cfg": {"Cond": "Abs"}}, lambda x: np.abs(x).sum((2, 3), keepdims=True)),
        ({"PE_Cfg": {"NLMode": "Reciprocal"}}, lambda x: 1 / x.sum((2, 3), keepdims=True)),
    ],
)
def test_reductions(more, expected):
    x = half(8, 1, *SHAPE)
    program = one_source(out=(SHAPE[0], 1, 1), Common_Cfg={"TaskType": "ReduceOneSource"}, **more)
    assert np.array_equal(run(program, x=x)["y"], rounded(expected(x.astype(float))))


def test_two_sources_then_reduced():
    """A variance is such a task: the squared difference, its mean, and the reciprocal root."""
    a, b = inputs()
    small = builders.tensor("y", "output", 6, SHAPE[0], 1, 1)
    registers = {
        "Common_Cfg": {"TaskType": "ReduceTwoSources"},
        "PE_Cfg": {"OpMode": "SumSquares", "FirstSrc": "-Source1", "SecSrc": "+Source2", "NLMode": "Rsqrt"},
        "PE_PreScale": {"PreScale": 1.0, "Epsilon": 2.0**-10},
        "PE_FinalScale": {"FinalScale": 1 / 32},
    }
    one, two = (builders.tensor(n, "input", bar, *SHAPE) for n, bar in (("a", 4), ("b", 5)))
    changed = builders.planar(one, two, small, "Add") | builders.make.sizes(*SHAPE) | builders.named(registers)
    program = builders.network([({"W8": builders.select(one, two, small)}, changed)], (one, two, small))
    mean = ((b.astype(float) - a) ** 2).sum((2, 3), keepdims=True) / 32
    assert np.array_equal(run(program, a=a, b=b)["y"], rounded(1 / np.sqrt(mean + 2.0**-10)))


@pytest.mark.parametrize(("sign", "factor"), [("+Source2", 1), ("-Source2", -1)])
def test_gain_and_offset(sign, factor):
    """The second source has two rows: what is added, and what is multiplied."""
    x = builders.tensor("x", "input", 4, *SHAPE)
    g = builders.tensor("g", "input", 5, SHAPE[0], 2, 1)
    y = builders.tensor("y", "output", 6, *SHAPE)
    registers = builders.planar(x, g, y, "Add") | builders.make.sizes(*SHAPE)
    registers |= {"Common.Cfg": {"TaskType": "GainOffset"}, "Common.PECfg": {"Src2BroadcastW": 1}}
    registers |= {"PE.Cfg": {"SecSrc": sign}}
    program = builders.network([({"W8": builders.select(x, g, y)}, registers)], (x, g, y))
    values, pairs = half(9, *x.shape), half(10, *g.shape)
    wide = pairs.astype(float)
    expected = rounded((values.astype(float) + factor * wide[:, :, :1]) * wide[:, :, 1:])
    assert np.array_equal(run(program, x=values, g=pairs)["y"], expected)


def test_sources_are_clamped_on_entry():
    a, b = inputs()
    clamped = run(elementwise(L2_L2Cfg={"InputReLU": 1}), a=a, b=b)["y"]
    assert np.array_equal(clamped, rounded(np.maximum(a.astype(float), 0) + b))
    clamped = run(elementwise(L2_L2Cfg={"Src2ReLU": 1}), a=a, b=b)["y"]
    assert np.array_equal(clamped, rounded(a.astype(float) + np.maximum(b.astype(float), 0)))


def test_prescale_multiplies_the_first_source_before_the_operation():
    a, b = inputs()
    scaled = run(elementwise(PE_PreScale={"PreScale": -0.75}), a=a, b=b)["y"]
    assert np.array_equal(scaled, rounded(a.astype(float) * -0.75 + b))


def test_one_source_squared():
    x = half(3, 1, *SHAPE)
    assert np.array_equal(run(one_source(PE_Cfg={"OpMode": "SumSquares"}), x=x)["y"], rounded(x.astype(float) ** 2))


def test_smallest_of_a_reduction():
    x = half(8, 1, *SHAPE)
    program = one_source(out=(SHAPE[0], 1, 1), Common_Cfg={"TaskType": "ReduceOneSource"}, PE_Cfg={"PoolMode": "Min"})
    assert np.array_equal(run(program, x=x)["y"], x.min((2, 3), keepdims=True))


def test_number_policy():
    special = np.array([np.nan, np.inf, -np.inf, -0.0, 65504, 2.0**-24, 2048], np.float16).reshape(1, 1, 1, 7)
    program = elementwise("Add", (1, 1, 7))
    assert np.array_equal(
        run(program, a=special, b=np.array([0, -np.inf, 0, -0.0, 65504, 0, 1]).reshape(1, 1, 1, 7))["y"].ravel(),
        np.array([np.inf, 0, -np.inf, 0, np.inf, 2.0**-24, 2050], np.float16),
    )
    zero = run(program, a=np.float16(-0.0), b=np.float16(-0.0))["y"]
    assert not np.signbit(zero).any()


@pytest.mark.parametrize(
    ("what", "registers"),
    [
        ("PE.Cfg.OpMode = 5", {"PE_Cfg": {"OpMode": 5, "SecSrc": "+Source2"}}),
        ("Common.Cfg.TaskType = PoolTwoSources", {"Common_Cfg": {"TaskType": "PoolTwoSources"}}),
        ("L2.ResultCfg.ResultType = L2Write", {"L2_ResultCfg": {"ResultType": 0, "DMAFmt": "16b", "DMAInterleave": 1}}),
        ("TileDMASrc.Unk13834 = 5", {"TileDMASrc_Unk13834": 5}),
    ],
)
def test_what_the_reader_does_not_understand_is_refused(what, registers):
    with pytest.raises(NotImplementedTask) as error:
        run(elementwise(**registers))
    assert error.value.where == "task 0"
    assert error.value.what.startswith(f"{what} is not implemented: ")


def test_a_hang_comes_before_what_is_not_understood():
    faults = builders.faults_of_hang(elementwise(PE_Cfg={"OpMode": 5}, Common_Cout=0))
    assert str(faults[0]) == "fault zero-dimension: task 0: Common.Cout: Cout is 0"


def test_tasks_that_are_too_large_are_refused():
    sizes = {"Wout": 32767, "Hout": 32767}, {"Win": 32767, "Hin": 32767}
    with pytest.raises(NotImplementedTask, match="1 x 3 x 1 x 32767 x 32767"):
        run(elementwise(Common_OutDim=sizes[0], Common_InDim=sizes[1]))


def test_register_that_nobody_wrote_is_not_guessed():
    program = elementwise()
    task = program.tasks[0]
    missing = builders.H13.address("PE.FinalScale")
    items = [Pending(write.address, write.value) for write in task.writes() if write.address != missing]
    draft = Draft(list(task.words[:10]), items, frozenset({"NextSize", "NextPointer"}))
    with pytest.raises(NotImplementedTask, match="no task wrote it"):
        run(program._replace(text=lay_out(builders.H13, [draft])))


def test_one_gain_and_offset_for_all_channels():
    x, g, y = (builders.tensor(n, r, b, *s) for n, r, b, s in (
        ("x", "input", 4, SHAPE), ("g", "input", 5, (1, 2, 1)), ("y", "output", 6, SHAPE)))  # fmt: skip
    registers = builders.planar(x, g, y, "Add") | builders.make.sizes(*SHAPE)
    registers |= {"Common.Cfg": {"TaskType": "GainOffset"}, "Common.PECfg": {"Src2BroadcastW": 1, "Src2BroadcastC": 1}}
    program = builders.network([({"W8": builders.select(x, g, y)}, registers)], (x, g, y))
    values, pair = half(11, *x.shape), half(12, *g.shape)
    wide = pair.astype(float)
    expected = rounded((values.astype(float) + wide[:, :, :1]) * wide[:, :, 1:])
    assert np.array_equal(run(program, x=values, g=pair)["y"], expected)


def test_results_below_the_smallest_number_are_positive_zero():
    tiny = np.float16(2.0**-20)
    result = run(elementwise("Mul"), a=tiny, b=-tiny)["y"]
    assert not result.any()
    assert not np.signbit(result).any()


def test_infinities_of_both_signs_cancel_to_zero():
    assert not run(elementwise("Add"), a=np.float16(np.inf), b=np.float16(-np.inf))["y"].any()


@pytest.mark.parametrize("name", ["Win", "Hin", "Din", "Cin", "Wout", "Hout", "Dout", "Cout", "NumGroups"])
def test_any_size_of_zero_stops_the_engine(name):
    program = elementwise()
    task = program.tasks[0]
    place = builders.H13.place(f"Common.{name}")
    index = next(write.index for write in task.writes() if write.address == place.address)
    changed = program.with_tasks([task.with_words({index: task.words[index] & ~place.mask})])
    assert [fault.what for fault in builders.faults_of_hang(changed) if fault.kind.name == "zero-dimension"] == [
        f"{name} is 0"
    ]


def test_groups_have_a_stride_of_their_own_in_memory():
    """Source 2 has its groups in another order than source 1: the stride between them is larger than a group."""
    a = builders.tensor("a", "input", 4, 6, 4, 5)
    b = builders.tensor("b", "input", 5, 12, 4, 5)
    y = builders.tensor("y", "output", 6, 6, 4, 5)
    plane = a.strides[1]
    registers = builders.planar(a, b, y, "Add") | {
        "Common.Cin": {"Cin": 3},
        "Common.Cout": {"Cout": 3},
        "Common.GroupConvCfg": {"NumGroups": 2, "UnicastCin": 1},
        "TileDMASrc.Src1GroupStride": {"Stride": 3 * plane},
        "TileDMASrc.Src2GroupStride": {"Stride": 8 * plane},
        "TileDMADst.GroupStride": {"Stride": 3 * plane},
    }
    registers |= {name: value for name, value in builders.make.sizes(3, 4, 5).items() if name == "Common.InDim"}
    program = builders.network([({"W8": builders.select(a, b, y)}, registers)], (a, b, y))
    one, two = half(13, *a.shape), half(14, *b.shape)
    expected = rounded(one.astype(float) + two[:, [0, 1, 2, 8, 9, 10]])
    assert np.array_equal(run(program, a=one, b=two)["y"], expected)


@pytest.mark.parametrize(
    ("register", "word"), [("L2.SourceCfg", 1 << 26), ("TileDMADst.DMAConfig", 0x050803C1), ("TileDMADst.DMAConfig", 1)]
)
def test_bits_that_programs_set_and_that_change_no_value(register, word):
    program = loaded("mul")
    address = program.arch.address(register)
    (task,) = program.tasks
    write = next(write for write in task.writes() if write.address == address)
    edited = program.with_tasks([task.with_words({write.index: write.value | word})])
    x, y = half(1, *program.inputs[0].shape), half(2, *program.inputs[1].shape)
    assert np.array_equal(builders.run(edited, a=x, b=y)["y"], builders.run(program, a=x, b=y)["y"])
