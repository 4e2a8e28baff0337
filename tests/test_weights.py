import json
import re

import make
import numpy as np
import pytest
from builders import kernel_registers, network, neural, select, tensor
from conftest import SHARED, example, loaded, one_line
from test_neural import MAC, UNITY, convolution, reference, unary

from hwx2py import formats, weights
from hwx2py.emulator import direct, lut
from hwx2py.emulator.numbers import CHIP
from hwx2py.errors import UnsupportedError, UsageError
from hwx2py.weights import change
from hwx2py.weights.curve import drawn

CASES = [
    {"x": (5, 1, 1), "outputs": 7},
    {"x": (3, 4, 6), "outputs": 4, "window": (3, 3), "pad": (1, 1)},
    {"x": (4, 6, 6), "outputs": 12, "window": (1, 5), "lanes_log2": 1, "engines_log2": 1, "bias": True},
    {"x": (16, 2, 2), "outputs": 64, "lanes_log2": 2, "engines_log2": 4, "bias": True},
    {"x": (3, 7, 7), "outputs": 33, "window": (7, 7), "pad": (3, 3), "lanes_log2": 3, "engines_log2": 1},
]


def eighths(seed: int, *shape: int) -> np.ndarray:
    """Numbers whose products and short sums are exact in the engine's arithmetic."""
    return (np.random.default_rng(seed).integers(-8, 9, shape) / 8).astype(np.float16)


def array_of(program, name):
    return next(array for array in weights.find(program).arrays if array.name == name)


def owned(array) -> set[int]:
    """Every byte that an array has."""
    places = array.places()
    starts = {*places.offsets[places.offsets >= 0].ravel().tolist(), *places.copies[:, 1].tolist()}
    return {start + byte for start in starts for byte in (0, 1)}


@pytest.mark.parametrize("case", CASES, ids=lambda case: "-".join(map(str, case.values())))
def test_weights_and_biases_are_those_that_were_packed(case):
    program, packed, bias = convolution(**case)
    found = weights.find(program)
    assert np.array_equal(weights.values(program, array_of(program, "conv.weight")), packed)
    if case.get("bias"):
        assert np.array_equal(weights.values(program, array_of(program, "conv.bias")), bias)
    assert [array.name for array in found.arrays] == ["conv.weight", *(["conv.bias"] if case.get("bias") else [])]
    assert found.notes == ()


@pytest.mark.parametrize("case", CASES, ids=lambda case: "-".join(map(str, case.values())))
def test_an_array_that_is_set_is_what_the_engine_computes_with(case):
    program, packed, bias = convolution(**case)
    new = eighths(21, *packed.shape)
    changed = weights.replace(program, weights.find(program).arrays, "conv.weight", new)
    x = eighths(13, 1, *case["x"])
    y = reference(x[0], new, (1, 1), case.get("pad", (0, 0)), program.outputs[0].shape[2:]) + bias[:, None, None]
    assert np.array_equal(direct.run(changed, {"x": x}).outputs["y"][0], CHIP.store(y).view(np.float16))


def fetched(packed: list[bytes]) -> dict:
    """Registers that fetch each engine's chunk, padded to 64 bytes, and the coefficients."""
    chunks = [chunk.ljust(-(-len(chunk) // 64) * 64, b"\0") for chunk in packed]
    registers = kernel_registers([*map(len, chunks)])
    return {"const": b"".join(chunks)} | {
        name.replace(".", "_", 1): value for name, value in registers.items() if value
    }


def two_columns(weights: np.ndarray, biases: np.ndarray):
    """A depthwise row of weights (channels, taps) with two outputs side by side: tap p beside tap p - 1."""
    channels, taps = weights.shape
    packed = [b""] * 4
    for channel, row in enumerate(weights):
        padded = np.concatenate([[0], row, [0]]).astype(np.float16)
        pairs = [(padded[p + 1], padded[p]) for p in (*range(0, taps + 1, 2), *range(1, taps + 1, 2))]
        packed[channel % 4] += np.array([(biases[channel],) * 2, *pairs], np.float16).tobytes()
    x, y = tensor("x", "input", 4, channels, 1, 12), tensor("y", "output", 5, channels, 1, 12)
    return unary(
        x, y, 2, Common_OutDim={"Wout": 6, "Hout": 1},
        Common_ConvCfg={"Kh": 1, "Kw": taps, "Sy": 1, "Sx": 2, "Px": 4, "Ox": 2, "Oy": 1},
        Common_GroupConvCfg={"NumGroups": 1, "UnicastEn": 1, "UnicastCin": 1},
        NE_MACCfg=MAC | {"BiasMode": 1}, **fetched(packed),
    )  # fmt: skip


def test_weights_that_lie_in_two_lanes_change_in_both():
    old, new, biases = eighths(1, 5, 9), eighths(2, 5, 9), eighths(3, 5)
    program = two_columns(old, biases)
    arrays = weights.find(program).arrays
    assert np.array_equal(weights.values(program, arrays[0])[:, 0, 0], old)
    assert np.array_equal(weights.values(program, arrays[1]), biases)
    changed = weights.replace(program, arrays, "conv.weight", new[:, None, None])
    changed = weights.replace(changed, arrays, "conv.bias", 2 * biases)
    assert bytes(changed.const) == bytes(two_columns(new, 2 * biases).const)


def without_zeros(kernel: np.ndarray):
    """A 1 x 1 kernel (8, channels) of two engines that stores only weights other than 0, planes of four channels."""
    packed = []
    for first in (0, 4):
        body = b""
        for column in kernel[first : first + 4].T:
            mask = sum(1 << lane for lane in range(4) if column[lane])
            body += bytes([0, mask]) + column[column != 0].tobytes()
        packed.append(len(body).to_bytes(2, "little") + body)
    x, y = tensor("x", "input", 4, kernel.shape[1], 2, 3), tensor("y", "output", 5, 8, 2, 3)
    return unary(
        x, y, 1, Common_ConvCfg={"Kh": 1, "Kw": 1, "Sy": 1, "Sx": 1, "OCGSize": 2, "Ox": 1, "Oy": 1},
        NE_MACCfg=MAC, NE_KernelCfg={"KernelFmt": "Float16", "PalettizedBits": 8, "SparseFmt": 1},
        KernelDMASrc_MasterConfig={"MasterEnable": 1, "KernelSparseFmt": 1},
        **{name: value for name, value in fetched(packed).items() if name != "KernelDMASrc_MasterConfig"},
    )  # fmt: skip


def test_kernels_without_zeros_keep_their_zeros():
    kernel = eighths(4, 8, 10)
    kernel[np.random.default_rng(5).random(kernel.shape) < 0.4] = 0
    program = without_zeros(kernel)
    (array,) = weights.find(program).arrays
    assert np.array_equal(weights.values(program, array)[:, :, 0, 0], kernel)
    doubled = weights.replace(program, [array], "conv.weight", 2 * kernel[:, :, None, None])
    assert bytes(doubled.const) == bytes(without_zeros(2 * kernel).const)


def test_kernels_without_zeros_take_weights_that_fit_what_is_fetched():
    kernel = eighths(4, 8, 10)
    kernel[np.random.default_rng(5).random(kernel.shape) < 0.4] = 0
    program, other = without_zeros(kernel), kernel[:, ::-1] / np.float16(2)
    arrays = weights.find(program).arrays
    changed = weights.replace(program, arrays, "conv.weight", other[:, :, None, None])
    assert len(changed.const) == len(program.const)
    assert np.array_equal(weights.values(changed, array_of(changed, "conv.weight"))[:, :, 0, 0], other)
    x = eighths(13, 1, 10, 2, 3)
    expected = CHIP.store(reference(x[0], other[:, :, None, None], (1, 1), (0, 0), (2, 3))).view(np.float16)
    assert np.array_equal(direct.run(changed, {"x": x}).outputs["y"][0], expected)
    again = weights.replace(changed, arrays, "conv.weight", kernel[:, :, None, None])
    assert np.array_equal(weights.values(again, array_of(again, "conv.weight"))[:, :, 0, 0], kernel)
    with pytest.raises(UnsupportedError, match=r"conv\.weight: engine \d fetches room for \d+ weights other than 0"):
        weights.replace(program, arrays, "conv.weight", np.ones((8, 10, 1, 1)))


@pytest.mark.parametrize("name", ["conv.weight", "conv.bias"])
def test_only_bytes_of_the_array_change(name):
    program = loaded("conv")
    array = array_of(program, name)
    changed = weights.replace(program, weights.find(program).arrays, name, np.full(array.shape, 0.375))
    differing = {i for i, (one, two) in enumerate(zip(program.const, changed.const)) if one != two}
    assert differing
    assert differing <= owned(array)
    assert changed.text.to_bytes() == program.text.to_bytes()


def test_factors_lie_in_registers():
    program, _, _ = convolution((5, 1, 1), 7, NE_PostScale={"PostScale": 0.5}, NE_AccBias={"AccBias": 2.0})
    found = weights.find(program)
    values = {array.name: weights.values(program, array).tolist() for array in found.arrays[1:]}
    assert values == {"conv.acc_bias": [2.0], "conv.post_scale": [0.5]}
    changed = weights.replace(program, found.arrays, "conv.post_scale", [4.0])
    x = eighths(13, 1, 5, 1, 1)
    before, after = (direct.run(each, {"x": x}).outputs["y"].astype(float) for each in (program, changed))
    assert np.allclose(after, 8 * before, rtol=1e-3)
    assert bytes(changed.const) == bytes(program.const)


def test_samples_of_a_table_are_set_in_every_engines_copy():
    x, y = tensor("x", "input", 4, 2, 1, 8), tensor("y", "output", 5, 2, 1, 8)
    looked_up = UNITY | {"OpMode": "Bypass", "NonlinearMode": "LUT"}
    program = unary(x, y, 1, NE_MACCfg=looked_up, **fetched([make.square_table()] * 2))
    table = array_of(program, "table")
    assert table.shape == (33,)
    changed = weights.replace(program, [table], "table", np.full(33, 3.0))
    halves = np.frombuffer(changed.const, np.float16).reshape(2, 64)
    assert (halves[:, 4:37] == 3.0).all()
    assert np.array_equal(halves[:, :4], np.frombuffer(program.const, np.float16).reshape(2, 64)[:, :4])
    assert set(direct.run(changed, {"x": np.float16(0.5)}).outputs["y"].ravel().tolist()) == {3.0}


def test_an_own_activation_is_set():
    """|x| / 2 up to 4 and 2 beyond, as samples and straight lines, in place of a square."""
    program = loaded("chain")
    samples = np.abs(np.arange(33) - 16) / 16
    parts = {"": samples, ".limits": [-4, 4], ".outside": [2, 2], ".lines": [[-0.5, 0], [0.5, 0]], ".mode": [1]}
    for part, values in {**parts, ".shift": [3]}.items():
        program = weights.replace(program, weights.find(program).arrays, f"table{part}", values)
    curve = weights.table_of(program, array_of(program, "table"))
    x = np.linspace(-6, 6, 97)
    assert np.allclose(lut.evaluate(curve, x), np.minimum(np.abs(x) / 2, 2), atol=1e-3)
    with pytest.raises(UsageError, match=r"table\.mode: no table of mode 0x8 is known; a mode is"):
        weights.replace(program, weights.find(program).arrays, "table.mode", [8])


def blocks(weight: np.ndarray, bias: np.ndarray | None = None, order: tuple[int, ...] = (1, 0), acc_bias: float = 0.0):
    """A 1 x 1 convolution in a task for every 16 output channels; returns the program."""
    outputs, inputs = weight.shape
    x, y = tensor("x", "input", 4, inputs, 2, 3), tensor("y", "output", 5, outputs, 2, 3)
    tasks, const = [], b""
    for block in order:
        own = slice(16 * block, 16 * block + 16)
        rows = weight[own] if bias is None else np.concatenate([bias[own, None], weight[own]], axis=1)
        size = -(-2 * rows.shape[1] // 64) * 64
        part = tensor("y", "output", 5, 16, 2, 3)
        registers = neural(x, part, 4) | kernel_registers([size] * 16, len(const))
        registers["NE.MACCfg"] = MAC | {"BiasMode": int(bias is not None)}
        registers["NE.AccBias"] = {"AccBias": acc_bias}
        registers["TileDMADst.BaseAddr"] = {"Addr": 16 * block * y.strides[1]}
        tasks.append(({"W8": select(x, None, y) | {"ENE": 5}, "W9": {"KBase0": 1, "KBE0": 1}}, registers))
        const += b"".join(row.astype(np.float16).tobytes().ljust(size, b"\0") for row in rows)
    return network(tasks, (x, y), const)


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 1, 0), (1, 0, 2)])
def test_tasks_of_one_layer_are_one_array(order):
    weight, bias = eighths(1, 48, 5), eighths(2, 48)
    program = blocks(weight, bias, order)
    found = weights.find(program)
    assert [(array.name, array.shape, array.tasks) for array in found.arrays] == [
        ("conv.weight", (48, 5, 1, 1), (0, 1, 2)),
        ("conv.bias", (48,), (0, 1, 2)),
    ]
    assert np.array_equal(weights.values(program, found.arrays[0])[:, :, 0, 0], weight)
    assert np.array_equal(weights.values(program, found.arrays[1]), bias)
    changed = weights.replace(program, found.arrays, "conv.weight", 2 * weight[:, :, None, None])
    changed = weights.replace(changed, found.arrays, "conv.bias", -bias)
    assert bytes(changed.const) == bytes(blocks(2 * weight, -bias, order).const)


def test_a_bias_in_registers_of_several_tasks_is_one_number():
    weight = eighths(1, 32, 5)
    program = blocks(weight, acc_bias=0.5)
    found = weights.find(program)
    assert [array.name for array in found.arrays] == ["conv.weight", "conv.acc_bias"]
    changed = weights.replace(program, found.arrays, "conv.acc_bias", [2.0])
    assert changed.text.to_bytes() == blocks(weight, acc_bias=2.0).text.to_bytes()


def test_tasks_whose_results_do_not_lie_side_by_side_are_no_layer():
    program = blocks(eighths(1, 48, 5), order=(0, 2))
    assert [array.name for array in weights.find(program).arrays] == ["task0.conv.weight", "task1.conv.weight"]


def test_tasks_that_share_a_kernel_share_an_array():
    program, packed, _ = convolution((4, 2, 2), 4)
    twice = _twice(program)
    (array,) = weights.find(twice).arrays
    assert (array.name, array.tasks) == ("conv.weight", (0, 1))
    assert np.array_equal(weights.values(twice, array), packed)


def test_tasks_with_kernels_of_their_own_are_told_apart_by_name():
    program, _, _ = convolution((4, 2, 2), 16)
    twice = _twice(program, moved=128)
    found = weights.find(twice._replace(const=memoryview(bytes(program.const) + bytes(128))))
    assert [array.name for array in found.arrays] == ["task0.conv.weight", "task1.conv.weight"]


def test_arrays_that_overlap_are_not_set():
    program, _, _ = convolution((4, 2, 2), 16)
    twice = _twice(program, moved=64)._replace(const=memoryview(bytes(program.const) + bytes(64)))
    arrays = weights.find(twice).arrays
    with pytest.raises(UnsupportedError, match=r"task0\.conv\.weight shares bytes with task1\.conv\.weight"):
        weights.replace(twice, arrays, "task0.conv.weight", np.ones(arrays[0].shape))


def _twice(program, moved: int = 0):
    """A convolution twice over, the second one's coefficients further on."""
    from hwx2py.program.build import Draft, lay_out
    from hwx2py.program.streams import Pending

    bases = {program.arch.address("KernelDMASrc.CoeffBaseAddr", engine) for engine in range(16)}
    drafts = []
    for number in range(2):
        task = program.tasks[0]
        items = [
            Pending(write.address, write.value + (moved * number if write.address in bases else 0))
            for write in task.writes()
        ]
        follows = frozenset({"NextSize", "NextPointer"})
        drafts.append(Draft(list(task.words[: task.header_words]), items, follows))
    text = lay_out(program.arch, drafts)
    return program._replace(text=text, const_offset=-(-text.size_bytes // 64) * 64)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (np.zeros((2, 8, 3, 3)), r"conv\.weight: the shape \(8, 2, 3, 3\) is wanted, not \(2, 8, 3, 3\); transpose"),
        (np.zeros((8, 2, 3)), r"conv\.weight: the shape \(8, 2, 3, 3\) is wanted, not \(8, 2, 3\)$"),
        (np.full((8, 2, 3, 3), 0.1), r"conv\.weight: 0\.1 at \(0, 0, 0, 0\) is not a value that float16 holds; round"),
        (np.full((8, 2, 3, 3), 65536.0), r"65536 at \(0, 0, 0, 0\) is not a value that float16 holds"),
        (np.full((8, 2, 3, 3), "x"), r"conv\.weight: an array of float16 is wanted, not of <U1"),
        (np.zeros((8, 2, 3, 3), complex), r"an array of float16 is wanted, not of complex128"),
    ],
)
def test_values_that_do_not_fit_are_refused(values, message):
    program = loaded("conv")
    with pytest.raises(UsageError, match=message):
        weights.replace(program, weights.find(program).arrays, "conv.weight", values)


def test_a_name_that_is_none_is_told_with_those_that_are():
    program = loaded("conv")
    with pytest.raises(UsageError, match=r"there is no array conv\.wieght; there are: conv\.weight, conv\.bias"):
        weights.replace(program, weights.find(program).arrays, "conv.wieght", np.zeros(1))


def test_a_table_that_computes_without_samples_cannot_be_set():
    table = np.frombuffer(make.square_table(), np.uint16).copy()
    table[42] = 3
    program = loaded("chain")
    const = bytearray(program.const)
    const[:128] = table.tobytes()
    edited = program._replace(const=memoryview(bytes(const)))
    with pytest.raises(UnsupportedError, match="table cannot be set: a table of mode 0x3 computes without samples"):
        weights.replace(edited, weights.find(edited).arrays, "table", np.zeros(33))


def test_a_kernel_whose_sizes_fit_no_packing_is_told():
    program, _, _ = convolution((5, 1, 1), 7, **{"KernelDMASrc_CoeffBfrSize[0]": {"MemBfrSize": 0x1000}})
    found = weights.find(program)
    assert found.arrays == ()
    assert found.notes[0].startswith("task 0: its kernel goes with no packing that is known")


def test_programs_without_coefficients_have_no_arrays():
    assert weights.find(loaded("mul")) == ((), ())
    a, y = tensor("x", "input", 4, 1, 1, 4), tensor("y", "output", 5, 1, 1, 4)
    assert weights.find(network([], (a, y))).arrays == ()


def test_a_curve_is_drawn_with_its_samples():
    program = loaded("chain")
    picture = drawn("square", weights.table_of(program, array_of(program, "table")))
    assert picture.startswith("<svg ")
    assert picture.count("<circle") == 33
    assert "nan" not in picture


def test_command_writes_arrays_and_a_manifest(cli, tmp_path):
    done = cli("weights", example("conv"), "-o", tmp_path / "w", "--svg")
    assert (done.code, done.out) == (0, "")
    listed = json.loads((tmp_path / "w" / "manifest.json").read_text())
    assert [(row["name"], row["kind"], row["shape"], row["tasks"]) for row in listed] == [
        ("conv.weight", "conv", [8, 2, 3, 3], [0]),
        ("conv.bias", "bias", [8], [0]),
    ]
    assert {row["dtype"] for row in listed} == {"float16"}
    const = bytes(loaded("conv").const)
    for row in listed:
        array = np.load(tmp_path / "w" / row["file"])
        assert array.dtype == np.float16
        there = b"".join(const[start:end] for start, end in row["bytes"]["ranges"])
        assert sorted(np.frombuffer(there, np.uint16)) == sorted(array.view(np.uint16).ravel())
    assert cli("weights", example("conv"), "-o", tmp_path / "w").code == 0
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "thesis.txt").write_text("x")
    refused = cli("weights", example("conv"), "-o", tmp_path / "other")
    assert refused.code == 2
    assert one_line(refused.err)


@pytest.mark.parametrize("form", ["hwx", "anec", "py"])
def test_command_puts_arrays_into_any_form(cli, tmp_path, form):
    source = example("conv")
    if form == "anec":
        assert cli("anec", source, "-o", tmp_path / "conv.anec").code == 0
        source = tmp_path / "conv.anec"
    if form == "py":
        assert cli(source, "-o", tmp_path / "conv.py").code == 0
        source = tmp_path / "conv.py"
    new = eighths(3, 8, 2, 3, 3)
    np.save(tmp_path / "new.npy", new)
    out = tmp_path / f"out.{form}"
    done = cli("weights", source, "--set", f"conv.weight={tmp_path / 'new.npy'}", "--into", out)
    assert done.code == 0, done.err
    assert cli("weights", out, "-o", tmp_path / "back").code == 0
    assert np.array_equal(np.load(tmp_path / "back" / "conv.weight.npy"), new)
    assert np.array_equal(
        np.load(tmp_path / "back" / "conv.bias.npy"),
        weights.values(loaded("conv"), array_of(loaded("conv"), "conv.bias")),
    )


def test_command_rounds_where_it_is_asked_to(cli, tmp_path):
    new = np.random.default_rng(3).standard_normal((8, 2, 3, 3)).astype(np.float32)
    np.save(tmp_path / "new.npy", new)
    options = ("--set", f"conv.weight={tmp_path / 'new.npy'}", "--into", tmp_path / "out.hwx")
    assert "is not a value that float16 holds" in cli("weights", example("conv"), *options).err
    done = cli("weights", example("conv"), *options, "--round")
    assert done.code == 0, done.err
    assert re.match(r"conv\.weight: \d+ of 144 values rounded, by at most 0\.000\d+\n", done.err)
    program = formats.load(str(tmp_path / "out.hwx")).program
    assert np.array_equal(weights.values(program, array_of(program, "conv.weight")), new.astype(np.float16))
    np.save(tmp_path / "new.npy", np.full((8, 2, 3, 3), 1e6, np.float32))
    assert "1e+06 at (0, 0, 0, 0) is not a value" in cli("weights", example("conv"), *options, "--round").err


def test_command_gives_back_the_file_for_its_own_arrays(cli, tmp_path):
    cli("weights", example("conv"), "-o", tmp_path / "w")
    sets = [f"--set={name}={tmp_path / 'w' / name}.npy" for name in ("conv.weight", "conv.bias")]
    assert cli("weights", example("conv"), *sets, "--into", tmp_path / "same.hwx").code == 0
    assert (tmp_path / "same.hwx").read_bytes() == example("conv").read_bytes()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--set", "conv.weight=x.npy"), "--set and --into belong together"),
        (("--round",), "--round rounds the values of --set"),
        (("--svg",), "--svg draws into the folder that -o names"),
        (("--set", "conv.weight=none.npy", "--into", "o.hwx"), "none.npy: no such file"),
        (("--set", "conv.weight", "--into", "o.hwx"), "an array and a file are wanted"),
    ],
)
def test_command_says_what_is_wrong(cli, tmp_path, monkeypatch, options, message):
    monkeypatch.chdir(tmp_path)
    done = cli("weights", example("conv"), *options)
    assert done.code == 2
    assert message in done.err
    assert one_line(done.err)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(not SHARED.is_dir(), reason="no folder `shared` with real files beside the repository")
@pytest.mark.parametrize("path", sorted((SHARED / "hwx").rglob("*.weights.npy")), ids=lambda path: path.name)
def test_constants_of_compiled_programs_come_out(path):
    program = formats.load(str(path).replace(".weights.npy", ".hwx")).program
    packed = np.load(path)
    found = weights.find(program)
    kernels = [array for array in found.arrays if array.kind in ("conv", "matmul")]
    values = [weights.values(program, array) for array in kernels]
    oriented = [value.T if array.kind == "matmul" else value for array, value in zip(kernels, values)]
    if not kernels:
        oriented = [weights.values(program, array) for array in found.arrays if array.kind == "bias"]
    assert np.array_equal(np.concatenate(oriented).reshape(packed.shape), packed)


@pytest.mark.skipif(not SHARED.is_dir(), reason="no folder `shared` with real files beside the repository")
def test_arrays_of_compiled_programs_go_back_where_they_were():
    for path in sorted((SHARED / "hwx").rglob("*.hwx")):
        program = formats.load(str(path)).program
        arrays = weights.find(program).arrays
        again = program
        for array in arrays:
            if not array.fixed:
                again = weights.replace(again, arrays, array.name, weights.values(program, array))
        assert again.text.to_bytes() == program.text.to_bytes(), path
        assert bytes(again.const) == bytes(program.const), path
        assert [bytes(k.data) for k in again.kernels] == [bytes(k.data) for k in program.kernels], path


def test_a_change_that_fails_is_one_line_with_round_too(cli, tmp_path):
    np.save(tmp_path / "w.npy", np.full((2, 2), 0.1))
    done = cli(
        "weights",
        example("conv"),
        "--set",
        f"conv.weight={tmp_path / 'w.npy'}",
        "--round",
        "--into",
        tmp_path / "o.hwx",
    )
    assert (done.code, one_line(done.err)) == (2, True)


def test_rounding_says_nothing_of_what_is_not_finite():
    values = np.array([1.0, 1 + 2**-20, np.inf, -np.inf, np.nan])
    new, lost = change.rounded(values)
    assert np.array_equal(new, np.array([1, 1, np.inf, -np.inf, np.nan], np.float16), equal_nan=True)
    assert lost == "1 of 5 values rounded, by at most 9.54e-07"
    assert change.rounded(np.full(3, np.nan))[1] == ""
