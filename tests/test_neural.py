"""The neural engines of the virtual ANE against NumPy: convolutions packed by the dense rule, and the rest."""

from typing import Any

import builders
import numpy as np
import pytest
from builders import half, network, neural, product, rounded, select, tensor

from hwx2py.emulator.faults import NotImplementedTask
from hwx2py.program.program import Program, Tensor

MAC = {"BinaryPoint": 28, "ArgOutputSelect": 1}
UNITY = MAC | {"KernelMode": "Unity"}


def unary(x: Tensor, y: Tensor, engines_log2: int = 0, const: bytes = b"", **registers: Any) -> Program:
    """y = f(x) on the neural engines."""
    words = {"W8": select(x, None, y) | {"ENE": engines_log2 + 1}, "W9": {"KBase0": 1, "KBE0": 1}}
    return network([(words, neural(x, y, engines_log2) | builders.named(registers))], (x, y), const)


def chunks(weights: np.ndarray, lanes: int, engines: int, bias: np.ndarray | None = None) -> list[bytes]:
    """Each engine's coefficients: planes of `lanes` output channels in turn, rows of lanes, the bias row first.

    Args:
        weights: (outputs, channels, Kh, Kw).
        lanes: output channels of a plane.
        engines: how many.
        bias: (outputs,), or None.
    """
    rows = weights.reshape(len(weights), -1)
    if bias is not None:
        rows = np.concatenate([bias[:, None], rows], axis=1)
    rows = np.concatenate([rows, np.zeros((-len(rows) % lanes, rows.shape[1]), np.float16)])
    found = [b""] * engines
    for number, start in enumerate(range(0, len(rows), lanes)):
        found[number % engines] += rows[start : start + lanes].T.astype(np.float16).tobytes()
    return [chunk.ljust(-(-len(chunk) // 64) * 64, b"\0") for chunk in found]


def reference(x: np.ndarray, w: np.ndarray, stride: tuple[int, int], pad: tuple[int, int], out: tuple[int, int]):
    """Cross-correlation in the engines' arithmetic, element by element of the output."""
    _, height, width = x.shape
    y = np.zeros((len(w), *out))
    for row in range(out[0]):
        for column in range(out[1]):
            for i in range(w.shape[2]):
                for j in range(w.shape[3]):
                    r, c = row * stride[0] - pad[0] + i, column * stride[1] - pad[1] + j
                    if 0 <= r < height and 0 <= c < width:
                        y[:, row, column] += product(w[:, :, i, j], x[:, r, c]).sum(axis=1)
    return y


def convolution(
    x: tuple[int, int, int],
    outputs: int,
    window: tuple[int, int] = (1, 1),
    stride: tuple[int, int] = (1, 1),
    pad: tuple[int, int] = (0, 0),
    lanes_log2: int = 0,
    engines_log2: int = 0,
    bias: bool = False,
    **registers: Any,
) -> tuple[Program, np.ndarray, np.ndarray]:
    """A convolution; returns the program, the weights and the biases."""
    size = [(n + 2 * p - k) // s + 1 for n, p, k, s in zip(x[1:], pad, window, stride)]
    weights = half(11, outputs, x[0], *window, scale=0.5)
    biases = half(12, outputs) if bias else None
    packed = chunks(weights, 1 << lanes_log2, 1 << engines_log2, biases)
    source, result = tensor("x", "input", 4, *x), tensor("y", "output", 5, outputs, *size)
    settings = {
        "Common_OutDim": {"Hout": size[0], "Wout": size[1]},
        "Common_ConvCfg": {
            "Kh": window[0], "Kw": window[1], "Sy": stride[0], "Sx": stride[1], "Py": pad[0], "Px": pad[1],
            "OCGSize": lanes_log2, "Ox": 1, "Oy": 1,
        },
        "NE_MACCfg": MAC | {"BiasMode": int(bias)},
    }  # fmt: skip
    channels = {name.replace(".", "_", 1): v for name, v in builders.kernel_registers([*map(len, packed)]).items() if v}
    program = unary(source, result, engines_log2, b"".join(packed), **(settings | channels | registers))
    return program, weights, np.zeros(outputs) if biases is None else biases


@pytest.mark.parametrize(
    "case",
    [
        {"x": (5, 1, 1), "outputs": 7},
        {"x": (3, 4, 6), "outputs": 4, "window": (3, 3), "pad": (1, 1)},
        {"x": (3, 9, 7), "outputs": 5, "window": (3, 3), "stride": (2, 2), "pad": (1, 1), "engines_log2": 2},
        {"x": (2, 8, 8), "outputs": 8, "window": (5, 1), "stride": (1, 3), "pad": (2, 0), "lanes_log2": 1},
        {"x": (4, 6, 6), "outputs": 12, "window": (1, 5), "lanes_log2": 1, "engines_log2": 1, "bias": True},
        {"x": (16, 2, 2), "outputs": 64, "lanes_log2": 2, "engines_log2": 4, "bias": True},
        {"x": (6, 1, 3), "outputs": 10, "lanes_log2": 2, "engines_log2": 1},
        {"x": (3, 7, 7), "outputs": 33, "window": (7, 7), "pad": (3, 3), "lanes_log2": 3, "engines_log2": 1},
    ],
    ids=lambda case: "-".join(str(value).replace(" ", "") for value in case.values()),
)
def test_convolution(case):
    program, weights, bias = convolution(**case)
    x = half(13, 1, *case["x"])
    out = program.outputs[0].shape[2:]
    y = reference(x[0], weights, case.get("stride", (1, 1)), case.get("pad", (0, 0)), out) + bias[:, None, None]
    assert np.array_equal(builders.run(program, x=x)["y"][0], rounded(y))


def test_scale_then_relu():
    program, weights, _ = convolution(
        (4, 3, 3), 4, NE_PostScale={"PostScale": -2.0}, NE_MACCfg=MAC | {"NonlinearMode": "ReLU"}
    )
    x = half(14, 1, 4, 3, 3)
    y = reference(x[0], weights, (1, 1), (0, 0), (3, 3))
    assert np.array_equal(builders.run(program, x=x)["y"][0], rounded(np.maximum(y * -2.0, 0)))


def test_scale_of_zero_gives_zero():
    program, _, _ = convolution((4, 3, 3), 4, NE_PostScale={"PostScale": 0.0})
    assert not builders.run(program, x=half(14, 1, 4, 3, 3))["y"].any()


def test_sums_beyond_the_accumulators_are_infinite():
    program, weights, _ = convolution((1, 1, 1), 1)
    x = np.float16(32000)
    factor = np.float16(1.0235)  # 32752
    program = program._replace(const=memoryview(factor.tobytes().ljust(64, b"\0")))
    assert builders.run(program, x=x)["y"].item() == np.float16(float(x) * float(factor))
    program = program._replace(const=memoryview(np.float16(1.03).tobytes().ljust(64, b"\0")))
    assert builders.run(program, x=x)["y"].item() == np.inf
    assert builders.run(program, x=-x)["y"].item() == -np.inf
    del weights


def test_result_stored_with_channels_and_width_swapped():
    program, weights, _ = convolution((3, 1, 5), 6)
    turned = tensor("y", "output", 5, 5, 1, 6)
    words = {"W8": select(program.inputs[0], None, turned) | {"ENE": 1}, "W9": 0x21}
    registers = neural(program.inputs[0], turned, 0) | {
        "Common.Cout": {"Cout": 6},
        "Common.OutDim": {"Wout": 5, "Hout": 1},
        "Common.Cfg": {"OutTrans": 1},
        "NE.MACCfg": MAC,
    }
    registers |= builders.kernel_registers([64])
    program = network([(words, registers)], (program.inputs[0], turned), bytes(program.const))
    x = half(15, 1, 3, 1, 5)
    y = reference(x[0], weights, (1, 1), (0, 0), (1, 5))
    assert np.array_equal(builders.run(program, x=x)["y"][0], rounded(y).swapaxes(0, 2))


@pytest.mark.parametrize("each", [1, 2])
def test_unicast_convolution(each):
    """Each output channel reads its own input channels only: depthwise for one."""
    weights = half(16, 4, each, 3, 3)
    packed = chunks(weights, 1, 2)
    x, y = tensor("x", "input", 4, 4 * each, 5, 5), tensor("y", "output", 5, 4, 5, 5)
    channels = {n.replace(".", "_", 1): v for n, v in builders.kernel_registers([*map(len, packed)]).items() if v}
    program = unary(
        x, y, 1, b"".join(packed),
        Common_ConvCfg={"Kh": 3, "Kw": 3, "Sy": 1, "Sx": 1, "Py": 1, "Px": 1, "Ox": 1, "Oy": 1},
        Common_GroupConvCfg={"NumGroups": 1, "UnicastEn": 1, "UnicastCin": each},
        NE_MACCfg=MAC, **channels,
    )  # fmt: skip
    values = half(17, *x.shape)
    expected = [
        reference(values[0, c * each : (c + 1) * each], weights[c : c + 1], (1, 1), (1, 1), (5, 5))[0] for c in range(4)
    ]
    assert np.array_equal(builders.run(program, x=values)["y"][0], rounded(np.array(expected)))
    task, group = program.tasks[0], program.arch.address("Common.GroupConvCfg")
    index = next(write.index for write in task.writes() if write.address == group)
    greedy = program.with_tasks([task.with_words({index: 1 | 1 << 14 | (each + 1) << 16})])
    with pytest.raises(NotImplementedTask, match="of their own each need more than the source has"):
        builders.run(greedy, x=values)


def test_planes_of_groups_are_padded():
    """Two groups of 2 channels to 4, on two engines with planes of two channels, 64 bytes each."""
    weights = half(18, 2, 4, 2, 1, 1)
    packed = [b"", b""]
    for group in weights:
        planes = (group[n : n + 2].reshape(2, 2).T.tobytes().ljust(64, b"\0") for n in (0, 2))
        packed = [a + b for a, b in zip(packed, planes)]
    x, y = tensor("x", "input", 4, 4, 3, 3), tensor("y", "output", 5, 8, 3, 3)
    channels = {n.replace(".", "_", 1): v for n, v in builders.kernel_registers([128, 128]).items() if v}
    program = unary(
        x, y, 1, b"".join(packed),
        Common_Cin={"Cin": 2}, Common_Cout={"Cout": 4}, Common_GroupConvCfg={"NumGroups": 2},
        Common_ConvCfg={"Kh": 1, "Kw": 1, "Sy": 1, "Sx": 1, "OCGSize": 1, "Ox": 1, "Oy": 1},
        TileDMASrc_Src1GroupStride={"Stride": 2 * x.strides[1]},
        TileDMADst_GroupStride={"Stride": 4 * y.strides[1]}, NE_MACCfg=MAC, **channels,
    )  # fmt: skip
    values = half(19, *x.shape)
    expected = [reference(values[0, 2 * g : 2 * g + 2], weights[g], (1, 1), (0, 0), (3, 3)) for g in range(2)]
    assert np.array_equal(builders.run(program, x=values)["y"][0], rounded(np.concatenate(expected)))


def test_last_round_shared_out_in_narrower_planes():
    """6 channels on two engines with planes of two: one whole round, then one channel each; the sizes say so."""
    weights = half(20, 6, 40, 1, 1)
    rows = weights.reshape(6, 40)
    packed = [rows[2 * e : 2 * e + 2].T.tobytes() + rows[4 + e : 5 + e].T.tobytes() for e in range(2)]
    packed = [chunk.ljust(-(-len(chunk) // 64) * 64, b"\0") for chunk in packed]
    assert [len(chunk) for chunk in packed] != [len(chunk) for chunk in chunks(weights, 2, 2)]
    x, y = tensor("x", "input", 4, 40, 1, 1), tensor("y", "output", 5, 6, 1, 1)
    channels = {n.replace(".", "_", 1): v for n, v in builders.kernel_registers([*map(len, packed)]).items() if v}
    window = {"Kh": 1, "Kw": 1, "Sy": 1, "Sx": 1, "OCGSize": 1, "Ox": 1, "Oy": 1}
    program = unary(x, y, 1, b"".join(packed), Common_ConvCfg=window, NE_MACCfg=MAC, **channels)
    values = half(21, *x.shape)
    expected = reference(values[0], weights, (1, 1), (0, 0), (1, 1))
    assert np.array_equal(builders.run(program, x=values)["y"][0], rounded(expected))


def test_kernel_that_an_earlier_task_wrote():
    """Matrix times matrix: the first task writes one operand, interleaved as a kernel, into scratch."""
    a, b = tensor("a", "input", 5, 8, 1, 4), tensor("b", "input", 6, 4, 1, 16)
    y, between = tensor("y", "output", 4, 8, 1, 16), tensor("scratch", "scratch", 3, 8, 1, 4)
    copy = builders.planar(a, a, between, "Add") | {
        "Common.Cfg": {"TaskType": "ElementwiseOneSource"},
        "L2.SourceCfg": {"SourceType": "DmaRead", "DMAFmt": "16b", "DMAInterleave": 1},
        "PE.Cfg": 0,
        "TileDMADst.PlaneStride": {"Stride": 64},
        "TileDMADst.RowStride": {"Stride": 64},
        "TileDMADst.Fmt": {"FmtMode": 1, "Truncate": 3, "MemFmt": "16b", "Interleave": 4},
        "L2.ResultCfg": {"ResultType": 2, "DMAFmt": "16b", "DMAInterleave": 4},
    }
    multiply = neural(b, y, 1) | builders.kernel_registers([64, 64])
    multiply["Common.ConvCfg"] = {"Kw": 1, "Kh": 1, "Sx": 1, "Sy": 1, "OCGSize": 2, "Ox": 1, "Oy": 1}
    multiply["NE.MACCfg"] = MAC
    tasks = [
        ({"W8": select(a, None, between)}, copy),
        ({"W8": select(b, None, y) | {"ENE": 2}, "W9": {"KBase0": 3, "KBE0": 1}}, multiply),
    ]
    program = network(tasks, (a, b, y), scratch=128)
    one, two = half(22, *a.shape), half(23, *b.shape)
    expected = product(one[0, :, 0, :, None], two[0, :, 0]).sum(axis=1)
    assert np.array_equal(builders.run(program, a=one, b=two)["y"][0, :, 0], rounded(expected))


def combined(operation: str, each: int) -> Program:
    x, y = tensor("x", "input", 4, 3 * each, 2, 4), tensor("y", "output", 5, 3, 2, 4)
    groups = {"NumGroups": 1, "UnicastEn": 1, "ElemMultMode": 1, "UnicastCin": each}
    return unary(x, y, Common_GroupConvCfg=groups, NE_MACCfg=UNITY | {"OpMode": operation})


def test_product_and_maximum_over_channels():
    x = half(24, 1, 6, 2, 4)
    pairs = x.astype(float).reshape(3, 2, 2, 4)
    expected = rounded(product(pairs[:, 0], pairs[:, 1]))
    assert np.array_equal(builders.run(combined("ElementwiseMult", 2), x=x)["y"][0], expected)
    x = half(24, 1, 15, 2, 4)
    largest = x.reshape(3, 5, 2, 4).max(1)
    assert np.array_equal(builders.run(combined("CrossChannelMax", 5), x=x)["y"][0], largest)


def test_sum_over_channels():
    """Without unicast every output is the sum of all channels, each rounded to a step of the accumulators."""
    x, y = tensor("x", "input", 4, 7, 2, 4), tensor("y", "output", 5, 2, 2, 4)
    values = half(32, *x.shape, scale=0.01)
    summed = unary(x, y, NE_MACCfg=UNITY | {"OpMode": "Conv"}, NE_AccBias={"AccBias": 0.5})
    expected = rounded(product(values, 1.0).sum(axis=1, keepdims=True) + 0.5)
    assert np.array_equal(builders.run(summed, x=values)["y"], np.repeat(expected, 2, axis=1))


def test_input_plus_bias_and_pass_through():
    x, y = tensor("x", "input", 4, 3, 2, 40), tensor("y", "output", 5, 3, 2, 40)
    values = half(25, *x.shape)
    own = {"NumGroups": 1, "UnicastEn": 1, "UnicastCin": 1}
    biased = unary(x, y, NE_MACCfg=UNITY | {"OpMode": "Conv"}, NE_AccBias={"AccBias": 0.75}, Common_GroupConvCfg=own)
    assert np.array_equal(builders.run(biased, x=values)["y"], rounded(product(values, 1.0) + 0.75))
    passed = unary(x, y, NE_MACCfg=UNITY | {"OpMode": "Bypass"})
    assert np.array_equal(builders.run(passed, x=values)["y"], rounded(values))
    large = np.full(x.shape, 40000, np.float16)
    assert np.array_equal(builders.run(passed, x=large)["y"], large)


def test_bytes_are_moved_as_they_are():
    x, y = tensor("x", "input", 4, 5, 1, 64), tensor("y", "output", 5, 64, 1, 5)
    x = x._replace(dtype="uint8", strides=(*x.strides[:3], 1))
    y = y._replace(dtype="uint8", strides=(*y.strides[:3], 1))
    small = {"FmtMode": 0, "MemFmt": "8b", "Interleave": 1}
    program = unary(
        x, y, Common_ChCfg=0, Common_Cfg={"OutTrans": 1}, Common_Cout={"Cout": 5},
        Common_OutDim={"Wout": 64, "Hout": 1}, TileDMASrc_Src1Fmt=small, TileDMADst_Fmt=small,
        L2_SourceCfg={"SourceType": "DmaRead", "DMAInterleave": 1}, L2_ResultCfg={"ResultType": 2, "DMAInterleave": 1},
        NE_MACCfg=UNITY | {"OpMode": "Bypass"},
    )  # fmt: skip
    values = np.random.default_rng(26).integers(0, 256, x.shape, np.uint8)
    assert np.array_equal(builders.run(program, x=values)["y"], values.swapaxes(1, 3))


@pytest.mark.parametrize("interleave", [1, 2, 4])
def test_interleaved_memory(interleave):
    """Channels stored side by side, seen from NumPy as a last axis."""
    shape = (4, 2, 8)
    x, y = tensor("x", "input", 4, *shape), tensor("y", "output", 5, *shape)
    form = {"FmtMode": 1, "Truncate": 3, "MemFmt": "16b", "Interleave": interleave}
    row = 64
    program = unary(
        x, y, NE_MACCfg=UNITY | {"OpMode": "Bypass"}, TileDMASrc_Src1Fmt=form,
        L2_SourceCfg={"SourceType": "DmaRead", "DMAFmt": "16b", "DMAInterleave": interleave},
        TileDMASrc_Src1RowStride={"Stride": row}, TileDMASrc_Src1PlaneStride={"Stride": 2 * row},
    )  # fmt: skip
    flat = half(27, 1, 4 // interleave, 2, 32)  # rows of 64 bytes
    memory = np.zeros(x.size_bytes // 2, np.float16)
    memory[: flat.size] = flat.ravel()
    as_tensor = memory.reshape(1, 4, 2, 32)[..., :8]
    program = program._replace(tensors=(x._replace(shape=(1, 4, 2, 32)), y))
    assert as_tensor.shape == (1, 4, 2, 8)
    expected = flat[0, :, :, : 8 * interleave].reshape(4 // interleave, 2, 8, interleave)
    expected = expected.transpose(0, 3, 1, 2).reshape(4, 2, 8)
    assert np.array_equal(builders.run(program, x=memory.reshape(1, 4, 2, 32))["y"][0], rounded(expected))


def test_sum_at_the_accumulators_limit_is_infinite():
    program, _, _ = convolution((2, 1, 1), 1)
    program = program._replace(const=memoryview(np.ones(2, np.float16).tobytes().ljust(64, b"\0")))
    assert builders.run(program, x=np.float16(16376))["y"].item() == 32752
    assert builders.run(program, x=np.float16(16384))["y"].item() == np.inf
    assert builders.run(program, x=np.float16(-16384))["y"].item() == -np.inf


def test_products_and_input_plus_bias_have_the_same_limit():
    values = np.full((1, 6, 2, 4), 200, np.float16)
    assert np.all(builders.run(combined("ElementwiseMult", 2), x=values)["y"] == np.inf)
    assert np.all(builders.run(combined("CrossChannelMax", 2), x=np.float16(40000))["y"] == 40000)
    x, y = tensor("x", "input", 4, 1, 1, 4), tensor("y", "output", 5, 1, 1, 4)
    biased = unary(x, y, NE_MACCfg=UNITY | {"OpMode": "Conv"}, NE_AccBias={"AccBias": 16384.0})
    assert np.all(builders.run(biased, x=np.float16(16384))["y"] == np.inf)


def test_negative_zero_is_never_written():
    x, y = tensor("x", "input", 4, 1, 1, 4), tensor("y", "output", 5, 1, 1, 4)
    passed = unary(x, y, NE_MACCfg=UNITY | {"OpMode": "Bypass"})
    result = builders.run(passed, x=np.array([-0.0, 0.0, -1.0, 1.0], np.float16))["y"].ravel()
    assert [hex(bits) for bits in result.view(np.uint16)] == ["0x0", "0x0", "0xbc00", "0x3c00"]


def test_input_is_clamped_on_entry():
    program, weights, _ = convolution((4, 3, 3), 4, L2_L2Cfg={"InputReLU": 1})
    x = half(28, 1, 4, 3, 3)
    y = reference(np.maximum(x[0], 0), weights, (1, 1), (0, 0), (3, 3))
    assert np.array_equal(builders.run(program, x=x)["y"][0], rounded(y))


def test_fetch_beyond_the_declared_coefficients_is_a_fault():
    """All that counts is there; only the padding of the last chunk lies outside."""
    program, weights, _ = convolution((5, 1, 1), 3)
    program = program._replace(const=program.const[: weights.nbytes])
    x = half(41, 1, 5, 1, 1)
    found, faults = builders.run_with_faults(program, x=x)
    assert np.array_equal(found["y"][0], rounded(reference(x[0], weights, (1, 1), (0, 0), (1, 1))))
    assert [(fault.kind.name, fault.tensor, fault.offset) for fault in faults] == [
        ("outside-tensor", "const", weights.nbytes)
    ]


def test_short_chunks_stop_the_engine():
    """A lookup table needs its 128 bytes."""
    x, y = tensor("x", "input", 4, 2, 1, 8), tensor("y", "output", 5, 2, 1, 8)
    channels = {n.replace(".", "_", 1): v for n, v in builders.kernel_registers([64]).items() if v}
    table = UNITY | {"OpMode": "Bypass", "NonlinearMode": "LUT"}
    faults = builders.faults_of_hang(unary(x, y, 0, bytes(128), NE_MACCfg=table, **channels))
    assert [fault.kind.name for fault in faults][:1] == ["short-coefficients"]


def sized(size: int) -> Program:
    """A convolution whose first engine fetches so many bytes."""
    program, _, _ = convolution((5, 1, 1), 3)
    task = program.tasks[0]
    index = next(w.index for w in task.writes() if w.address == builders.H13.address("KernelDMASrc.CoeffBfrSize"))
    return program.with_tasks([task.with_words({index: size})])


def test_fetching_more_than_the_task_consumes_stops_the_engine():
    faults = builders.faults_of_hang(sized(0x4000))
    assert str(faults[0]) == (
        "fault kernel-dma-larger: task 0: KernelDMASrc.CoeffBfrSize[0]: 16384 bytes are fetched, 64 are needed"
    )
    assert faults[0].kind.wedges


def test_fetching_less_than_the_task_computes_with_stops_the_engine():
    assert builders.faults_of_hang(sized(0))[0].kind.name == "short-coefficients"


def test_bias_of_all_channels_enters_the_sum():
    program, weights, _ = convolution((4, 3, 3), 4, NE_AccBias={"AccBias": 0.75})
    x = half(33, 1, 4, 3, 3)
    y = reference(x[0], weights, (1, 1), (0, 0), (3, 3)) + 0.75
    assert np.array_equal(builders.run(program, x=x)["y"][0], rounded(y))


@pytest.mark.parametrize("bias", [False, True])
def test_two_columns_at_a_time(bias):
    """Depthwise, one row: a plane holds taps (p, p - 1) side by side, the even positions first."""
    taps, channels = 9, 5
    weights, biases = half(34, channels, 1, 1, taps), half(35, channels)
    packed = [b""] * 4
    for channel, row in enumerate(weights.reshape(channels, taps)):
        padded = np.concatenate([[0], row, [0]]).astype(np.float16)  # tap -1, 0 .. 8, 9
        pairs = [(padded[p + 1], padded[p]) for p in (*range(0, taps + 1, 2), *range(1, taps + 1, 2))]
        plane = np.array([(biases[channel],) * 2] * bias + pairs, np.float16)
        packed[channel % 4] += plane.tobytes()
    packed = [chunk.ljust(-(-len(chunk) // 64) * 64, b"\0") for chunk in packed]
    x, y = tensor("x", "input", 4, channels, 1, 12), tensor("y", "output", 5, channels, 1, 12)
    fetch = {n.replace(".", "_", 1): v for n, v in builders.kernel_registers([*map(len, packed)]).items() if v}
    program = unary(
        x, y, 2, b"".join(packed), Common_OutDim={"Wout": 6, "Hout": 1},
        Common_ConvCfg={"Kh": 1, "Kw": taps, "Sy": 1, "Sx": 2, "Px": 4, "Ox": 2, "Oy": 1},
        Common_GroupConvCfg={"NumGroups": 1, "UnicastEn": 1, "UnicastCin": 1},
        NE_MACCfg=MAC | {"BiasMode": int(bias)}, **fetch,
    )  # fmt: skip
    values = half(36, *x.shape)
    sums = [
        reference(values[0, c : c + 1], weights[c : c + 1], (1, 1), (0, 4), (1, 12))[0] + bias * float(biases[c])
        for c in range(channels)
    ]
    assert np.array_equal(builders.run(program, x=values)["y"][0], rounded(np.array(sums)))


def test_kernel_without_its_zeros():
    """Planes of four channels: a length, then for each input channel a 0, a mask and the weights that are not 0."""
    weights = half(37, 8, 10, 1, 1)
    weights[np.random.default_rng(38).random(weights.shape) < 0.4] = 0
    packed = []
    for first in (0, 4):
        body = b""
        for column in weights[first : first + 4, :, 0, 0].T:
            mask = sum(1 << lane for lane, weight in enumerate(column) if weight)
            body += bytes([0, mask]) + column[column != 0].tobytes()
        chunk = len(body).to_bytes(2, "little") + body
        packed.append(chunk.ljust(-(-len(chunk) // 64) * 64, b"\0"))
    x, y = tensor("x", "input", 4, 10, 3, 3), tensor("y", "output", 5, 8, 2, 2)
    fetch = {n.replace(".", "_", 1): v for n, v in builders.kernel_registers([*map(len, packed)]).items() if v}
    fetch["KernelDMASrc_MasterConfig"] = {"MasterEnable": 1, "KernelSparseFmt": 1}
    program = unary(
        x, y, 1, b"".join(packed), Common_OutDim={"Wout": 2, "Hout": 2}, NE_MACCfg=MAC,
        NE_KernelCfg={"KernelFmt": "Float16", "PalettizedBits": 8, "SparseFmt": 1},
        Common_ConvCfg={"Kh": 1, "Kw": 1, "Sy": 2, "Sx": 2, "OCGSize": 2, "Ox": 1, "Oy": 1}, **fetch,
    )  # fmt: skip
    values = half(39, *x.shape)
    expected = rounded(reference(values[0], weights, (2, 2), (0, 0), (2, 2)))
    assert np.array_equal(builders.run(program, x=values)["y"][0], expected)
    broken = program._replace(const=memoryview(b"\xff\xff" + bytes(program.const)[2:]))
    with pytest.raises(NotImplementedTask, match="does not follow the packing that is known"):
        builders.run(broken, x=values)
