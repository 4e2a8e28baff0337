"""The gallery: what each program computes, against NumPy in the arithmetic of the chip."""

from collections.abc import Callable
from pathlib import Path

import builders
import chained_programs
import make
import neural_programs
import numpy as np
import pytest
from builders import half, product, rounded
from conftest import EXAMPLES, loaded

from hwx2py.checks import check
from hwx2py.emulator import program_of_script
from hwx2py.errors import ScriptError
from hwx2py.formats import load
from hwx2py.operations import sentences
from hwx2py.program.program import Program

Arrays = dict[str, np.ndarray]


def random_inputs(program: Program) -> Arrays:
    """Random float16 values for every input of a program."""
    return {tensor.name: half(number, *tensor.shape, scale=2) for number, tensor in enumerate(program.inputs)}


def looked_up(x: np.ndarray, low: float, high: float, samples: np.ndarray, ends: tuple[float, float]) -> np.ndarray:
    """A table of equidistant samples from low to high, joined in float16 from the one that is nearer to 0."""
    samples = samples.astype(np.float16).astype(float)
    place = np.clip((x.astype(float) - low) / (high - low) * 32, 0, 32)
    near = np.where(x < 0, np.ceil(place), np.floor(place)).astype(int)
    y = from_sample(samples, near, np.clip(near + np.where(x < 0, -1, 1), 0, 32), np.abs(place - near))
    return rounded(np.where(x <= low, ends[0], np.where(x >= high, ends[1], y)))


def from_sample(samples: np.ndarray, near: np.ndarray, far: np.ndarray, part: np.ndarray) -> np.ndarray:
    """A part of the way from a sample to another one, each step in float16."""
    step = rounded(rounded(samples[far] - samples[near]).astype(float) * part).astype(float)
    return rounded(samples[near] + step).astype(float)


def convolution(x: np.ndarray) -> np.ndarray:
    """3 x 3 convolution with a margin of zeros, plus bias, at least 0."""
    weights, bias = neural_programs.conv_weights()
    padded = np.pad(x[0], ((0, 0), (1, 1), (1, 1)))
    windows = np.lib.stride_tricks.sliding_window_view(padded, (3, 3), axis=(1, 2))
    sums = product(weights[:, :, None, None], windows[None]).sum(axis=(1, 4, 5))
    return rounded(np.maximum(sums + bias[:, None, None], 0))[None]


def matrix_product(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Product of (M, K) and (K, N)."""
    return rounded(product(a[:, :, None], b[None]).sum(axis=1))


def softmax(x: np.ndarray, scale: float) -> np.ndarray:
    """Softmax along the last axis, rounded where the tasks store."""
    exponent = rounded((x.astype(float) - x.max(-1, keepdims=True)) * float(np.float16(scale))).astype(float)
    whole = np.floor(exponent)
    samples = np.exp2(np.arange(33) / 32).astype(np.float16).astype(float)
    place = (exponent - whole) * 32
    near = place.astype(int)
    powers = rounded(np.exp2(whole) * from_sample(samples, near, near + 1, place - near)).astype(float)
    inverse = rounded(1 / powers.sum(-1, keepdims=True)).astype(float)
    return rounded(powers * inverse)


def attention(q: np.ndarray, k: np.ndarray, v: np.ndarray) -> np.ndarray:
    """Softmax of q k / 2, times v; queries in the rows of q, keys in the columns of k."""
    shares = softmax(matrix_product(q[0, :, 0], k[0, :, 0]), chained_programs.LOG2_E / 2)
    return matrix_product(shares, v[0, :, 0])[None, :, None]


README = (EXAMPLES / "README.md").read_text()

#: What each example computes.
REFERENCES: dict[str, Callable[..., np.ndarray]] = {
    "add": lambda a, b: rounded(a.astype(float) + b),
    "mul": lambda a, b: rounded(a.astype(float) * b),
    "max": lambda a, b: np.maximum(a, b),
    "relu": lambda x: np.maximum(x, 0),
    "sigmoid": lambda x: looked_up(x, -8, 8, 1 / (1 + np.exp(-np.linspace(-8, 8, 33))), (0, 1)),
    "conv": convolution,
    "matmul": lambda a, b: matrix_product(a[0, :, 0], b[0, :, 0])[None, :, None],
    "chain": lambda a, b: looked_up(rounded(a.astype(float) + b), -2, 2, np.linspace(-2, 2, 33) ** 2, (4, 4)),
    "softmax": lambda x: softmax(x, chained_programs.LOG2_E),
    "attention": attention,
    "add16": lambda a, b: rounded(a.astype(float) + b),
}

#: The functions that tables stand in for.
FUNCTIONS: dict[str, Callable[..., np.ndarray]] = {
    "sigmoid": lambda x: 1 / (1 + np.exp(-x.astype(float))),
    "softmax": lambda x: np.exp(x.astype(float)) / np.exp(x.astype(float)).sum(-1, keepdims=True),
}


def test_every_example_has_a_reference():
    assert set(REFERENCES) == set(make.EXAMPLES) == {path.stem for path in EXAMPLES.glob("*.hwx")}


@pytest.mark.parametrize("name", make.EXAMPLES)
def test_files_are_what_make_writes(name):
    assert make.container(name) == (EXAMPLES / f"{name}.hwx").read_bytes(), "run `python examples/make.py`"


@pytest.mark.parametrize("name", REFERENCES)
def test_example_computes_what_numpy_does(name):
    program = loaded(name)
    inputs = random_inputs(program)
    assert np.array_equal(builders.run(program, **inputs)["y"], REFERENCES[name](**inputs))


@pytest.mark.parametrize("name", FUNCTIONS)
def test_tables_are_close_to_their_functions(name):
    program = loaded(name)
    inputs = random_inputs(program)
    assert np.max(np.abs(builders.run(program, **inputs)["y"] - FUNCTIONS[name](**inputs))) < 4e-3


def test_attention_is_close_to_float64():
    inputs = random_inputs(loaded("attention"))
    q, k, v = (array.astype(float) for array in inputs.values())
    powers = np.exp(q[0, :, 0] @ k[0, :, 0] / 2)
    expected = powers / powers.sum(-1, keepdims=True) @ v[0, :, 0]
    assert np.max(np.abs(builders.run(loaded("attention"), **inputs)["y"][0, :, 0] - expected)) < 2e-2


@pytest.mark.parametrize("name", make.EXAMPLES)
def test_checks_find_nothing_wrong(name):
    assert [str(finding) for finding in check(load(str(EXAMPLES / f"{name}.hwx"))) if finding.level == "error"] == []


@pytest.mark.parametrize("name", make.EXAMPLES)
def test_readme_has_the_sentence_of_every_task(name):
    tasks = sentences(loaded(name))
    (line,) = (line for line in README.splitlines() if line.startswith(f"| [{name}]({name}.hwx) |"))
    assert line.endswith(f"| {'<br>'.join(f'`{task}`' for task in tasks)} |")


#: What the script that is written by hand computes, by its OP.
ELEMENTWISE: dict[str, Callable[..., np.ndarray]] = {
    "add": lambda a, b: a + b,
    "sub": lambda a, b: a - b,
    "mul": lambda a, b: a * b,
    "max": np.maximum,
    "min": np.minimum,
    "sq": lambda a, b: a * a,
}
SCRIPT = EXAMPLES / "elementwise.py"


@pytest.fixture
def elementwise(tmp_path) -> Callable[[str], Path]:
    """The script that is written by hand, with another OP."""

    def changed(operation: str) -> Path:
        path = tmp_path / "elementwise.py"
        path.write_text(SCRIPT.read_text().replace('\nOP = "mul"\n', f'\nOP = "{operation}"\n'))
        return path

    return changed


@pytest.mark.parametrize("operation", ELEMENTWISE)
def test_script_by_hand_computes_what_numpy_does(cli, tmp_path, elementwise, operation):
    arrays = {name: half(seed, 1, 8, 4, 16, scale=2) for seed, name in enumerate("ab")}
    given = []
    for name, array in arrays.items():
        np.save(tmp_path / f"{name}.npy", array)
        given += ["--input", f"{name}={tmp_path / name}.npy"]
    done = cli("emulate", elementwise(operation), *given, "--save", tmp_path / "y.npz")
    assert (done.code, done.err) == (0, "")
    expected = ELEMENTWISE[operation](*(array.astype(float) for array in arrays.values()))
    assert np.array_equal(np.load(tmp_path / "y.npz")["y"], rounded(expected))


@pytest.mark.parametrize("operation", ["add", "mul", "max"])
def test_script_by_hand_is_the_program_of_the_gallery(elementwise, operation):
    """Its classes are its own, so it is run; it has the words that the helpers make, and mul has another size."""
    path = elementwise(operation)
    with pytest.raises(ScriptError, match="--run"):
        load(str(path))
    program = program_of_script(str(path), path.read_bytes())
    if operation == "mul":
        assert sentences(program) == ["y = a * b; planar engine, 8 x 4 x 16"]
    else:
        assert program.text == loaded(operation).text


def test_script_by_hand_takes_the_operation_as_an_argument_and_tells_that_there_is_no_engine(script):
    done = script(SCRIPT, "sub", "--device", "/nonexistent")
    assert done.code != 0
    assert "/nonexistent" in done.err
    assert script(SCRIPT, "power").code == 2


def test_script_by_hand_imports_nothing_of_the_project():
    assert "import hwx2py" not in SCRIPT.read_text()
    assert "from hwx2py" not in SCRIPT.read_text()


@pytest.mark.parametrize("name", make.EXAMPLES)
def test_script_and_anec_of_an_example_are_the_same_program(cli, tmp_path, name):
    path, script = EXAMPLES / f"{name}.hwx", tmp_path / f"{name}.py"
    assert cli(path, "-o", script).code == 0
    assert cli("diff", path, script).code == 0
    assert cli("emulate", script).out == cli("emulate", path).out
    if loaded(name).arch.name == "H13":
        assert cli("anec", path, "-o", tmp_path / f"{name}.anec").code == 0
        assert cli("emulate", tmp_path / f"{name}.anec").code == 0
