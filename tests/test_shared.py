"""Real files and decoded compiler programs, where a folder `shared` with them lies beside the repository.

Nothing of them is kept in this project. The numbers come from what each record says that its program computes.
"""

import json
import re
import subprocess
import sys

import builders
import numpy as np
import pytest
from conftest import SHARED

from hwx2py import emitter, formats, passes
from hwx2py.errors import HwxError
from hwx2py.program.bars import with_bindings
from hwx2py.program.register_file import walk
from hwx2py.program.streams import STREAMS

pytestmark = pytest.mark.skipif(not SHARED.is_dir(), reason="no folder `shared` with real files beside the repository")

FILES = sorted((SHARED / "hwx").rglob("*.hwx"))
REAL = SHARED / "hwx" / "real"
H13_FILES = [path for path in FILES if path.parent.name in ("real", "oracle-h13")]
RECORDS = [path for path in FILES if path.with_suffix(".json").exists()]


def name_of(path) -> str:
    return f"{path.parent.name}/{path.stem}"


def each(paths):
    return pytest.mark.parametrize("path", paths, ids=name_of)


def sections(data: bytes) -> dict[tuple[str, str], tuple[int, int]]:
    """(segment, section) -> (file offset, size), read without the project's own reader."""
    found, position = {}, 32
    for _ in range(int.from_bytes(data[16:20], "little")):
        kind, size = (int.from_bytes(data[position + i : position + i + 4], "little") for i in (0, 4))
        if kind == 0x19:
            for row in range(position + 72, position + size, 80):
                names = [data[row + i : row + i + 16].split(b"\0")[0].decode() for i in (16, 0)]
                length = int.from_bytes(data[row + 40 : row + 48], "little")
                found[names[0], names[1]] = int.from_bytes(data[row + 48 : row + 52], "little"), length
        position += size
    return found


@each(FILES)
def test_container_and_stream_come_back(path):
    data = path.read_bytes()
    from hwx2py.formats.hwx import image, parse

    assert b"".join(image.write(parse.parse(memoryview(data)))) == data
    program = formats.load(str(path)).program
    offset, size = sections(data)["__TEXT", "__text"]
    assert program.text.to_bytes() == data[offset : offset + size]
    again = STREAMS[program.arch.stream].decode(
        memoryview(data)[offset : offset + size], program.arch, len(program.tasks[0].words), len(program.tasks)
    )
    assert again.to_bytes() == data[offset : offset + size]


@each(FILES)
def test_script_builds_the_files_bytes_and_reads_back(path, tmp_path):
    program = formats.load(str(path)).program
    made = emitter.emit(program, inline=True)
    (tmp_path / "s.py").write_text(made.text)
    data, found = path.read_bytes(), sections(path.read_bytes())
    start, (offset, size) = found["__TEXT", "__text"][0], found["__TEXT", "__const"]
    code = "import sys, s; sys.stdout.buffer.write(s.command_buffer())"
    done = subprocess.run([sys.executable, "-W", "error", "-c", code], cwd=tmp_path, capture_output=True, check=False)
    assert done.stderr == b""
    command = data[start : offset + size]
    assert done.stdout.rstrip(b"\0") == command.rstrip(b"\0")
    again = formats.load(str(tmp_path / "s.py")).program
    assert (again.text.to_bytes(), again.tensors) == (program.text.to_bytes(), program.tensors)
    assert bytes(again.const) == bytes(program.const)


@each(sorted((SHARED / "cases").glob("m6*.hwx")))
def test_script_of_a_real_text_of_three_streams_rebuilds_it(path, tmp_path, cli, script):
    assert cli(path, "-o", tmp_path / "m6.py").code == 0
    assert script(tmp_path / "m6.py", "--dry-run", "--write-command", tmp_path / "c.bin").code == 0
    data = path.read_bytes()
    offset, size = sections(data)["__TEXT", "__text"]
    command = (tmp_path / "c.bin").read_bytes()
    assert command[:size] == data[offset : offset + size]
    assert (tmp_path / "m6.py").read_text().count("    # stream ") == 3


@each(FILES)
def test_unedited_script_gives_back_its_container(path, tmp_path, cli):
    cli(path, "-o", tmp_path / "s.py")
    assert cli("assemble", tmp_path / "s.py", "--onto", path, "-o", tmp_path / "o.hwx").code == 0
    assert (tmp_path / "o.hwx").read_bytes() == path.read_bytes()


def ramp(shape, *values):
    """These values in the first elements, 0 in the others."""
    array = np.zeros(int(np.prod(shape)), np.float16)
    array[: len(values)] = values
    return array.reshape(shape)


#: Recorded on an M1: file, inputs (a number, or the first values), first outputs.
HARDWARE = [
    ("mul", {"image": 3.0, "image2": 2.0}, [6.0]),
    ("mul_macos14", {"image": 3.0, "image2": 2.0}, [6.0]),
    ("mul_macos26", {"image": 3.0, "image2": 2.0}, [6.0]),
    ("sum", {"image": 3.0, "image2": 2.0}, [5.0]),
    ("relu", {"image": [-3.0, 5.0]}, [0.0, 5.0, 0.0]),
    ("sigmoid", {"image": 3.0}, [0.95263671875]),
    ("conv", {"image": [1.0, 2.0, 3.0]}, [12.0, 12.0, 12.0]),
    ("conv", {"image": 3.0}, [18.0, 18.0, 18.0]),
    ("concat", {"input_0": 2.0, "input_1": 3.0}, [2.0] * 16384 + [3.0] * 16),
    ("gemm", {"image": 1.0}, [0.0]),
]


@pytest.mark.parametrize(
    ("name", "inputs", "expected"), HARDWARE, ids=[f"{row[0]}-{i}" for i, row in enumerate(HARDWARE)]
)
def test_results_recorded_on_an_m1(name, inputs, expected):
    program = formats.load(str(REAL / f"{name}.hwx")).program
    shapes = {tensor.name: tensor.shape for tensor in program.tensors}
    given = {key: ramp(shapes[key], *v) if isinstance(v, list) else v for key, v in inputs.items()}
    outputs, faults = builders.run_with_faults(program, **given)
    assert not faults
    (result,) = outputs.values()
    assert list(result.ravel()[: len(expected)]) == expected


@pytest.mark.parametrize("name", ["mul", "mul_macos14", "mul_macos26", "sum"])
def test_default_inputs_of_the_main_job(name, cli, tmp_path):
    assert cli(REAL / f"{name}.hwx", "--clean", "-o", tmp_path / "s.py").code == 0
    done = cli("emulate", tmp_path / "s.py")
    assert (done.code, done.out.splitlines()[-1]) == (0, "output[0] = 5.0" if name == "sum" else "output[0] = 6.0")


def bound_by_hand(cli, tmp_path):
    """The script of mul_macos14, with output and inputs bound as 4, 5 and 6 as older compilers did."""
    cli(REAL / "mul_macos14.hwx", "-o", tmp_path / "s.py")
    text = (tmp_path / "s.py").read_text()
    for name, bar, old in (("image", 4, 5), ("image2", 5, 6), ("probs", 6, 4)):
        (row,) = [line for line in text.splitlines() if line.startswith(f'    Tensor("{name}", ')]
        text = text.replace(row, row.replace(f", {bar}, (", f", {old}, ("))
    (tmp_path / "s.py").write_text(text)
    return text


def unbound_header(text: str) -> str:
    """The header's BARs as numbers, as they stand in the file."""
    for name, bar in (("image2", 5), ("image", 4), ("probs", 6)):
        for field in ("RBase0", "RBase1", "WBase"):
            text = text.replace(f'{field}="{name}"', f"{field}={bar}")
    return text


def test_old_binding_gives_zero_as_people_saw(cli, tmp_path):
    text = unbound_header(bound_by_hand(cli, tmp_path))
    (tmp_path / "s.py").write_text(text)
    zero = cli("emulate", tmp_path / "s.py", "--fill", "0")
    assert "output[0] = 0.0" in zero.out
    plain = cli("emulate", tmp_path / "s.py")
    assert "output[0] = nan" in plain.out
    assert re.search(r"probs'?: .*not written", plain.err)


def test_old_binding_with_names_in_the_header_is_right_again(cli, tmp_path):
    """The header names buffers, so a person who renumbers the table renumbers the tasks with it."""
    bound_by_hand(cli, tmp_path)
    assert "output[0] = 6.0" in cli("emulate", tmp_path / "s.py").out


def operands(operation, values, weights):
    name, kind, pairs = operation
    given = dict(pair.split("=", 1) for pair in pairs)

    def operand(key):
        text = given.get(key)
        if text in values:
            return values[text]
        if text is None or not text.startswith(("<", "0x")):
            return None
        return weights if text.startswith("<") else float.fromhex(text)

    return name, kind, given, operand


TWO = {"add": np.add, "sub": np.subtract, "mul": np.multiply, "maximum": np.maximum, "minimum": np.minimum,
       "real_div": np.divide, "pow": np.power}  # fmt: skip
REDUCTIONS = {"reduce_sum": np.sum, "reduce_mean": np.mean, "reduce_max": np.max}
#: Largest relative error of operations that look values up in a table, or whose products and sums the engines round.
LOOSE = {
    **dict.fromkeys(("conv", "matmul", "linear", "reduce_sum", "reduce_mean"), 1e-3),
    **dict.fromkeys(("sigmoid", "tanh"), 5e-3),
    **dict.fromkeys(("pow", "real_div", "rsqrt", "layer_norm"), 2e-3),
    "gelu": 6e-3,
    "softmax": 3e-3,
}


def softmax(x, axis):
    powers = np.exp(x - x.max(axis, keepdims=True))
    return powers / powers.sum(axis, keepdims=True)


def matmul(x, y, given):
    x, y = (matrix.reshape(matrix.shape[-2:]) for matrix in (x, y))
    return (x.T if given["transpose_x"] == "true" else x) @ (y.T if given["transpose_y"] == "true" else y)


def convolution(x, weights, groups):
    around = weights.shape[2] // 2
    padded = np.pad(x, ((0, 0), (0, 0), (around, around), (around, around)))
    rows, columns = x.shape[2:]
    return np.concatenate([
        sum(
            np.einsum("oc,nchw->nohw", part[:, :, i, j], source[:, :, i : i + rows, j : j + columns])
            for i in range(weights.shape[2])
            for j in range(weights.shape[3])
        )
        for part, source in zip(np.split(weights, groups), np.split(padded, groups, 1))
    ], 1)  # fmt: skip


def meaning(record, inputs, weights):
    """What a record's operations make of the inputs, in float64; None where they need what is not at hand."""
    values = {name: array.astype(np.float64) for name, array in inputs.items()}
    for operation in record["operations"]:
        name, kind, given, operand = operands(operation, values, weights)
        x, y = operand("x"), operand("y")
        if kind in ("add", "sub", "mul", "maximum", "minimum", "real_div", "pow", "matmul") and y is None:
            return None
        if kind in TWO:
            values[name] = TWO[kind](x, y)
        elif kind in REDUCTIONS:
            values[name] = REDUCTIONS[kind](x, axis=tuple(json.loads(given["axes"])), keepdims=True)
        elif kind == "matmul":
            values[name] = matmul(x, y, given)
        elif kind == "conv":
            if operand("weight") is None or "bias" in given or given["strides"] != "[1, 1]":
                return None
            values[name] = convolution(x, operand("weight"), int(given["groups"]))
        elif kind == "softmax":
            values[name] = softmax(x, int(given["axis"]))
        elif kind == "tile":
            values[name] = np.tile(x, json.loads(given["reps"]))
        elif kind == "rsqrt":
            values[name] = 1 / np.sqrt(x + float(given["epsilon"]))
        elif kind == "layer_norm":
            values[name] = (x - x.mean()) / np.sqrt(x.var() + float(given["epsilon"]))
        else:
            simple = {"relu": lambda v: np.maximum(v, 0), "abs": np.abs, "sigmoid": lambda v: 1 / (1 + np.exp(-v)),
                      "tanh": np.tanh}  # fmt: skip
            if kind not in simple:
                return None
            values[name] = simple[kind](x)
    return {name: values[name] for name in record["outputs"]}


@each(RECORDS)
def test_decoded_programs_compute_their_operations(path):
    record = json.loads(path.with_suffix(".json").read_text())
    if any(tensor["element_code"] != 5 for tensor in record["tensors"]):
        pytest.skip("not float16: moved, see the test of the bool transpose")
    packed = path.with_name(f"{path.stem}.weights.npy")
    weights = np.load(packed).astype(np.float64) if packed.exists() else None
    program = formats.load(str(path)).program
    random = np.random.default_rng(len(path.stem))
    kinds = {operation[1] for operation in record["operations"]}
    inputs = {t.name: random.standard_normal(t.shape).astype(np.float16) for t in program.inputs}
    if kinds & {"pow", "rsqrt", "real_div"}:
        inputs = {name: np.abs(array) + np.float16(0.1) for name, array in inputs.items()}
    expected = meaning(record, inputs, weights)
    if expected is None:
        pytest.skip("the record's constants are not known")
    outputs, faults = builders.run_with_faults(program, **inputs)
    assert not faults
    tolerance = max(LOOSE.get(kind, 0) for kind in kinds)
    for name, wanted in expected.items():
        got, wanted = outputs[name].astype(np.float64).ravel(), wanted.ravel()
        if tolerance:
            assert np.linalg.norm(got - wanted) <= tolerance * np.linalg.norm(wanted)
        else:
            assert np.array_equal(got, builders.rounded(wanted))


def test_bool_transpose_moves_its_bytes():
    (path,) = [path for path in RECORDS if "transpose" in path.stem and "bool" in path.stem]
    program = formats.load(str(path)).program
    (source,) = program.inputs
    x = np.random.default_rng(1).integers(0, 2, source.shape).astype(source.dtype)
    outputs, faults = builders.run_with_faults(program, **{source.name: x})
    assert not faults
    (result,) = outputs.values()
    (operation,) = json.loads(path.with_suffix(".json").read_text())["operations"]
    order = json.loads(dict(pair.split("=", 1) for pair in operation[2])["perm"])
    assert np.array_equal(result.reshape(-1), x.reshape(x.shape[-len(order) :]).transpose(order).reshape(-1))


@each(H13_FILES)
def test_passes_touch_only_tasks_that_use_no_coefficients(path):
    """Whatever a task of the neural engines holds, and every coefficient channel that is on, stays as it is."""
    program = formats.load(str(path)).program
    cleaned, _ = passes.run(program, passes.chosen(clean=True))
    for old, new, registers in zip(program.tasks, cleaned.tasks, walk(program.arch, program.tasks)):
        if registers.header("ENE") or registers.number("KernelDMASrc.MasterEnable"):
            assert old.words == new.words


#: Kernels without zeros of other sizes than 1 x 1 are refused by name.
REFUSED = {"encoder_conv_c16_n16_k9x9_s1_g16_bias0_same": "NE.KernelCfg.SparseFmt = 1 is not implemented"}


@each(H13_FILES)
def test_cleaned_programs_compute_the_same(path):
    program = formats.load(str(path)).program
    if why := REFUSED.get(path.stem):
        with pytest.raises(HwxError, match=why):
            builders.through_driver(program)
        return
    random = np.random.default_rng(2)
    inputs = {t.name: np.abs(random.standard_normal(t.shape)).astype(t.dtype) for t in program.inputs}
    cleaned, _ = passes.run(program, passes.chosen(clean=True))
    results = [builders.run_with_faults(one, **inputs)[0] for one in (program, cleaned)]
    assert all(np.array_equal(results[0][name], results[1][name]) for name in results[0])


@pytest.mark.parametrize("other", ["mul_macos14", "mul_macos26"])
def test_the_three_compilers_agree_after_cleaning(other, cli, tmp_path):
    assert cli("diff", REAL / "mul.hwx", REAL / f"{other}.hwx", "--ignore", "noise").code == 1
    for name in ("mul", other):
        assert cli("clean", REAL / f"{name}.hwx", "-o", tmp_path / f"{name}.hwx").code == 0
    done = cli("diff", tmp_path / "mul.hwx", tmp_path / f"{other}.hwx", "--ignore", "noise")
    assert (done.code, done.out.splitlines()[-1].startswith("The two compute the same")) == (0, True)


def test_known_differences_of_macos_12_and_14(cli):
    done = cli("diff", REAL / "mul.hwx", REAL / "mul_macos14.hwx", "--format", "json")
    (task,) = json.loads(done.out)["tasks"]
    extra = ("Bias", "PostScale", "PaletteLut", "NonLinearLut")
    assert {change["register"].partition("[")[0] for change in task["changes"]} == {
        "Header.W2",
        "Header.W8",
        "KernelDMASrc.CoeffDMAConfig",
        "KernelDMASrc.CoeffBfrSize",
        "TileDMASrc.Unk13840",
        "NE.KernelCfg",
        "NE.MACCfg",
        *(f"KernelDMASrc.{name}DMAConfig" for name in extra),
        *(f"KernelDMASrc.{name}BfrSize" for name in extra),
    }


ANES = sorted(REAL.glob("*.ane"))


@each(ANES)
def test_anec_files_are_byte_identical(path, cli, tmp_path):
    """anecc puts the content at 0x1000."""
    written = tmp_path / "o.anec"
    assert cli("anec", path.with_suffix(".hwx"), "-o", written, "--content-offset", "0x1000").code == 0
    assert written.read_bytes() == path.read_bytes()


@each(ANES)
def test_anec_files_are_inputs(path, cli, tmp_path):
    assert cli("info", path).code == 0
    assert cli(path, "-o", tmp_path / "s.py").code == 0
    assert cli("emulate", tmp_path / "s.py").code == 0
    assert cli("diff", path, path.with_suffix(".hwx")).code == 0


@pytest.mark.parametrize("name", ["mul_macos14", "mul_macos26"])
def test_renumbered_anec_files_compute_where_anecc_fails(name, cli, tmp_path):
    done = cli("anec", REAL / f"{name}.hwx", "-o", tmp_path / "o.anec")
    assert (done.code, done.err.count("is now")) == (0, 3)
    assert "output[0] = 6.0" in cli("emulate", tmp_path / "o.anec").out


def test_fixed_handles_are_what_gives_zero():
    program = formats.load(str(REAL / "mul_macos14.hwx")).program
    wrong = with_bindings(program, {"probs": 4, "image": 5, "image2": 6})
    run = builders.through_driver(wrong, fill=0.0)
    (result,) = run.outputs.values()
    assert np.all(result == 0)
    assert {fault.kind.name for fault in run.driver.faults.found} >= {"wrong-direction", "output-not-written"}


def test_experiment_of_a_real_file(cli, tmp_path):
    assert cli("experiment", REAL / "mul_macos14.hwx", "-o", tmp_path).code == 0
    done = subprocess.run([sys.executable, tmp_path / "run_all.py", "--emulate"], capture_output=True, text=True)
    assert (done.returncode, "buffers: fits all results" in done.stdout) == (0, True)
