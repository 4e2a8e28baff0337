"""The neural engines of the virtual ANE against NumPy: convolutions packed by the dense rule, and the rest."""

from typing import Any

import builders
import numpy as np
import pytest
from builders import half, network, neural, select, tensor

from hwx2py.emulate import numbers
from hwx2py.emulate.faults import NotImplementedTask
from hwx2py.program.model import Program, Tensor

MAC = {"BinaryPoint": 28, "ArgOutputSelect": 1}
UNITY = MAC | {"KernelMode": "Unity"}


def rounded(values: np.ndarray) -> np.ndarray:
    return numbers.store(np.asarray(values, np.float64))


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
    """Cross-correlation in float64, element by element of the output."""
    _, height, width = x.shape
    y = np.zeros((len(w), *out))
    for row in range(out[0]):
        for column in range(out[1]):
            for i in range(w.shape[2]):
                for j in range(w.shape[3]):
                    r, c = row * stride[0] - pad[0] + i, column * stride[1] - pad[1] + j
                    if 0 <= r < height and 0 <= c < width:
                        y[:, row, column] += w[:, :, i, j].astype(float) @ x[:, r, c].astype(float)
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


def test_groups_whose_planes_fill_the_engines():
    """Two groups of 2 channels to 4, on two engines with planes of two channels."""
    weights = half(18, 2, 4, 2, 1, 1)
    packed = [b"", b""]
    for group in weights:
        packed = [a + b for a, b in zip(packed, (group[n : n + 2].reshape(2, 2).T.tobytes() for n in (0, 2)))]
    packed = [chunk.ljust(64, b"\0") for chunk in packed]
    x, y = tensor("x", "input", 4, 4, 3, 3), tensor("y", "output", 5, 8, 3, 3)
    channels = {n.replace(".", "_", 1): v for n, v in builders.kernel_registers([64, 64]).items() if v}
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
    expected = one[0, :, 0].astype(float) @ two[0, :, 0].astype(float)
    assert np.array_equal(builders.run(program, a=one, b=two)["y"][0, :, 0], rounded(expected))


def combined(operation: str, each: int) -> Program:
    x, y = tensor("x", "input", 4, 3 * each, 2, 4), tensor("y", "output", 5, 3, 2, 4)
    groups = {"NumGroups": 1, "UnicastEn": 1, "ElemMultMode": 1, "UnicastCin": each}
    return unary(x, y, Common_GroupConvCfg=groups, NE_MACCfg=UNITY | {"OpMode": operation})


@pytest.mark.parametrize("each", [2, 5])
def test_product_and_maximum_over_channels(each):
    x = half(24, 1, 3 * each, 2, 4)
    parts = x.astype(float).reshape(3, each, 2, 4)
    assert np.array_equal(builders.run(combined("ElementwiseMult", each), x=x)["y"][0], rounded(parts.prod(1)))
    assert np.array_equal(builders.run(combined("CrossChannelMax", each), x=x)["y"][0], rounded(parts.max(1)))


def test_input_plus_bias_and_pass_through():
    x, y = tensor("x", "input", 4, 3, 2, 40), tensor("y", "output", 5, 3, 2, 40)
    values = half(25, *x.shape)
    biased = unary(x, y, NE_MACCfg=UNITY | {"OpMode": "Conv"}, NE_AccBias={"AccBias": 0.75})
    assert np.array_equal(builders.run(biased, x=values)["y"], rounded(values.astype(float) + 0.75))
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


REFUSED = {
    "NE.KernelFmt": {"NE_KernelCfg": {"KernelFmt": "Int8", "PalettizedBits": 8}},
    "NE.PalettizedEn": {"NE_KernelCfg": {"KernelFmt": "Float16", "PalettizedEn": 1}},
    "NE.SparseFmt": {"NE_KernelCfg": {"KernelFmt": "Float16", "SparseFmt": 1}},
    "NE.UsePrevKernel": {"NE_KernelCfg": {"KernelFmt": "Float16", "UsePrevKernel": 1}},
    "KernelDMASrc.KernelSparseFmt": {"KernelDMASrc_MasterConfig": {"MasterEnable": 1, "KernelSparseFmt": 1}},
    "KernelDMASrc.CoeffBfrSize[0]": {"KernelDMASrc_CoeffBfrSize[0]": {"MemBfrSize": 128}},
    "NE.BinaryPoint": {"NE_MACCfg": {"BinaryPoint": 12, "ArgOutputSelect": 1}},
    "NE.ArgOutputSelect": {"NE_MACCfg": {"BinaryPoint": 28}},
    "NE.MatrixBiasEn": {"NE_MACCfg": MAC | {"MatrixBiasEn": 1}},
    "NE.PostScaleMode": {"NE_MACCfg": MAC | {"PostScaleMode": 1}},
    "NE.NonlinearMode": {"NE_MACCfg": MAC | {"NonlinearMode": 3}},
    "NE.OpMode": {"NE_MACCfg": MAC | {"OpMode": 5}},
    "NE.MACCfg": {"NE_MACCfg": 0x00101C00 | 1 << 30},
    "NE.PostRightShift": {"NE_PostScale": {"PostScale": 1.0, "PostRightShift": 1}},
    "NE.AccBias.AccBias": {"NE_AccBias": {"AccBias": 1.0}},
    "Common.Ox": {"Common_ConvCfg": {"Kw": 1, "Kh": 1, "Sx": 1, "Sy": 1, "Ox": 2, "Oy": 1}},
    "Common.ActiveNE": {"Common_Cfg": {"ActiveNE": 1}},
    "Common.TaskType": {"Common_Cfg": {"TaskType": "ElementwiseOneSource"}},
    "Header.KBE1": {"W9": 0x21 | 0x821},
    "KernelDMASrc.BiasDMAConfig.En": {"KernelDMASrc_BiasDMAConfig": {"En": 1}},
    "KernelDMASrc.NonLinearLutDMAConfig.En": {"KernelDMASrc_NonLinearLutDMAConfig": {"En": 1}},
    "KernelDMASrc.PostScaleDMAConfig.En": {"KernelDMASrc_PostScaleDMAConfig": {"En": 1}},
    "KernelDMASrc.PaletteLutDMAConfig.En": {"KernelDMASrc_PaletteLutDMAConfig": {"En": 1}},
    "KernelDMASrc.CoeffDMAConfig": {"KernelDMASrc_CoeffDMAConfig[1]": 1 << 31},
}


@pytest.mark.parametrize("what", REFUSED)
def test_what_is_not_known_is_refused_by_name(what):
    registers = dict(REFUSED[what])
    header = registers.pop("W9", None)
    program, _, _ = convolution((4, 2, 2), 4, **registers)
    if header:
        program = program.with_tasks([program.tasks[0].with_words({9: header})])
    with pytest.raises(NotImplementedTask) as error:
        builders.run(program)
    assert error.value.what.startswith(f"{what} = ")


def test_padding_modes_other_than_zeros_are_refused():
    program, _, _ = convolution((2, 4, 4), 2, (3, 3), pad=(1, 1), L2_L2Cfg={"PaddingMode": "Mirror"})
    with pytest.raises(NotImplementedTask, match=r"L2.PaddingMode = Mirror"):
        builders.run(program)


def test_groups_whose_planes_do_not_fill_the_engines_are_refused():
    program, _, _ = convolution((4, 2, 2), 3, Common_GroupConvCfg={"NumGroups": 2}, engines_log2=1)
    with pytest.raises(NotImplementedTask, match=r"Common.NumGroups = 2"):
        builders.run(program)


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


WINDOW = {"Kw": 1, "Kh": 1, "Sx": 1, "Sy": 1, "Ox": 1, "Oy": 1}
REFUSED_WITHOUT_A_KERNEL = {
    "Common.Hout": {"Common_OutDim": {"Wout": 4, "Hout": 1}},
    "Common.Wout": {"Common_OutDim": {"Wout": 2, "Hout": 2}},
    "Common.Cout": {"Common_Cout": {"Cout": 2}},
    "Common.Kh": {"Common_ConvCfg": WINDOW | {"Kh": 2}},
    "Common.Sx": {"Common_ConvCfg": WINDOW | {"Sx": 2}},
    "Common.Px": {"Common_ConvCfg": WINDOW | {"Px": 1}},
    "Common.Py": {"Common_ConvCfg": WINDOW | {"Py": 1}},
    "Common.OutFmt": {"Common_ChCfg": {"InFmt": "Float16", "Src2InFmt": "Float16", "OutFmt": "Int8"}},
}


@pytest.mark.parametrize("what", REFUSED_WITHOUT_A_KERNEL)
def test_pass_through_keeps_size_and_format(what):
    x, y = tensor("x", "input", 4, 3, 2, 4), tensor("y", "output", 5, 3, 2, 4)
    program = unary(x, y, NE_MACCfg=UNITY | {"OpMode": "Bypass"}, **REFUSED_WITHOUT_A_KERNEL[what])
    with pytest.raises(NotImplementedTask) as error:
        builders.run(program)
    assert error.value.what.startswith(f"{what} = ")


REFUSED_OVER_CHANNELS = {
    "Common.UnicastEn": {"Common_GroupConvCfg": {"NumGroups": 1, "ElemMultMode": 1, "UnicastCin": 2}},
    "Common.UnicastCin": {"Common_GroupConvCfg": {"NumGroups": 1, "UnicastEn": 1, "UnicastCin": 1}},
    "Common.OCGSize": {"Common_ConvCfg": WINDOW | {"OCGSize": 1}},
}


@pytest.mark.parametrize("what", REFUSED_OVER_CHANNELS)
@pytest.mark.parametrize("operation", ["ElementwiseMult", "CrossChannelMax"])
def test_what_is_not_known_over_channels_is_refused(operation, what):
    x, y = tensor("x", "input", 4, 6, 2, 4), tensor("y", "output", 5, 3, 2, 4)
    groups = {"NumGroups": 1, "UnicastEn": 1, "ElemMultMode": 1, "UnicastCin": 2}
    registers = {"Common_GroupConvCfg": groups} | REFUSED_OVER_CHANNELS[what]
    with pytest.raises(NotImplementedTask) as error:
        builders.run(unary(x, y, NE_MACCfg=UNITY | {"OpMode": operation}, **registers))
    assert error.value.what.startswith(f"{what} = ")


BYTES = {"InFmt": "UInt8", "Src2InFmt": "Float16", "OutFmt": "UInt8"}
REFUSED_OF_BYTES = {
    "computed": {"NE_MACCfg": UNITY | {"OpMode": "Conv"}},
    "converted": {"Common_ChCfg": BYTES | {"OutFmt": "Float16"}},
    "converted to the other sign": {"Common_ChCfg": BYTES | {"OutFmt": "Int8"}},
    "scaled": {"NE_PostScale": {"PostScale": 2.0}},
    "a last step": {"NE_MACCfg": UNITY | {"OpMode": "Bypass", "NonlinearMode": "ReLU"}},
    "clamped": {"L2_L2Cfg": {"InputReLU": 1}},
}


@pytest.mark.parametrize("what", REFUSED_OF_BYTES)
def test_bytes_are_only_moved(what):
    x, y = tensor("x", "input", 4, 3, 1, 64), tensor("y", "output", 5, 3, 1, 64)
    small = {"FmtMode": 0, "MemFmt": "8b", "Interleave": 1}
    registers = {"Common_ChCfg": BYTES, "NE_MACCfg": UNITY | {"OpMode": "Bypass"}} | REFUSED_OF_BYTES[what]
    program = unary(
        x, y, TileDMASrc_Src1Fmt=small, TileDMADst_Fmt=small,
        L2_SourceCfg={"SourceType": "DmaRead", "DMAInterleave": 1},
        L2_ResultCfg={"ResultType": 2, "DMAInterleave": 1}, **registers,
    )  # fmt: skip
    with pytest.raises(NotImplementedTask, match="L2.InputReLU" if what == "clamped" else "Common.InFmt"):
        builders.run(program)


@pytest.mark.parametrize("pad", [(1, 0), (0, 1)])
def test_padding_mode_of_either_axis_is_refused(pad):
    program, _, _ = convolution((2, 4, 4), 2, (3, 3), pad=pad, L2_L2Cfg={"PaddingMode": "Mirror"})
    with pytest.raises(NotImplementedTask, match=r"L2.PaddingMode = Mirror"):
        builders.run(program)


@pytest.mark.parametrize("bank", ["KBE1", "KBE2", "KBE3"])
def test_further_coefficient_bars_are_refused(bank):
    program, _, _ = convolution((4, 2, 2), 4)
    task = program.tasks[0]
    enable = next(field for field in builders.H13.register("Header.W9").fields if field.name == bank)
    with pytest.raises(NotImplementedTask, match=f"Header.{bank}"):
        builders.run(program.with_tasks([task.with_words({9: task.words[9] | enable.mask})]))


@pytest.mark.parametrize(
    ("name", "register"),
    [
        ("NE.AccBiasShift", {"NE_AccBias": {"AccBiasShift": 1}}),
        ("NE.KernelCfg.GroupKernelReuse", {"NE_KernelCfg": {"KernelFmt": "Float16", "GroupKernelReuse": 1}}),
        ("NE.KernelCfg", {"NE_KernelCfg": 0x80000002}),
        ("Common.Oy", {"Common_ConvCfg": {"Kw": 1, "Kh": 1, "Sx": 1, "Sy": 1, "Ox": 1, "Oy": 2}}),
    ],
)
def test_further_values_are_refused_by_name(name, register):
    program, _, _ = convolution((4, 2, 2), 4, **register)
    with pytest.raises(NotImplementedTask) as error:
        builders.run(program)
    assert error.value.what.startswith(f"{name} = ")


def test_fetch_beyond_the_declared_coefficients_is_a_fault():
    """All that counts is there; only the padding of the last chunk lies outside."""
    program, weights, _ = convolution((5, 1, 1), 3)
    program = program._replace(const=program.const[: weights.nbytes])
    x = half(41, 1, 5, 1, 1)
    found, faults = builders.run_with_faults(program, x=x)
    assert np.array_equal(found["y"][0], rounded(reference(x[0], weights, (1, 1), (0, 0), (1, 1))))
    assert [(fault.kind, fault.tensor, fault.offset) for fault in faults] == [
        ("outside-tensor", "const", weights.nbytes)
    ]


def fetched_from(address: int) -> Program:
    program, _, _ = convolution((5, 1, 1), 3)
    task = program.tasks[0]
    index = next(w.index for w in task.writes() if w.address == builders.H13.address("KernelDMASrc.CoeffBaseAddr"))
    return program.with_tasks([task.with_words({index: address})])


def test_place_of_unwritten_coefficients_counts_from_their_bar():
    _, faults = builders.run_with_faults(fetched_from(0x2000))
    assert {(fault.kind, fault.tensor, fault.offset) for fault in faults} == {
        ("outside-tensor", "const", 0x2000),
        ("unwritten", "const", 0x2000),
    }


def test_fetch_beyond_the_command_buffers_pages_stops_the_engine():
    with pytest.raises(TimeoutError):
        builders.run_with_faults(fetched_from(0x3FC0))


def test_short_chunks_stop_the_engine():
    """A lookup table needs its 128 bytes."""
    x, y = tensor("x", "input", 4, 2, 1, 8), tensor("y", "output", 5, 2, 1, 8)
    channels = {n.replace(".", "_", 1): v for n, v in builders.kernel_registers([64]).items() if v}
    table = UNITY | {"OpMode": "Bypass", "NonlinearMode": "LUT"}
    faults = builders.faults_of_hang(unary(x, y, 0, bytes(128), NE_MACCfg=table, **channels))
    assert [fault.kind for fault in faults][:1] == ["short-coefficients"]
