import numpy as np
import pytest
from builders import elementwise
from conftest import example, loaded

import hwx2py
from hwx2py.emulator.elementwise import mixed_elements
from hwx2py.emulator.inputs import expanded
from hwx2py.emulator.values import first_divergence, named
from hwx2py.errors import UsageError


def chain(keep: bool = True, **changes):
    program = hwx2py.load(example("chain")).program
    return hwx2py.emulate(program, {"a": 1.0, "b": -0.25} | changes, keep=keep)


def test_every_task_says_what_it_wrote():
    first, second = chain().values
    assert (first.task, first.places, first.shape) == (0, ("scratch",), (1, 2, 1, 1, 32))
    assert (second.task, second.places) == (1, ("y",))
    assert (first.smallest, first.largest, first.mean, first.first) == (0.75, 0.75, 0.75, (0.75,) * 4)


def test_numbers_are_those_of_the_array():
    values = np.random.default_rng(1).normal(size=(1, 3, 4, 5)).astype(np.float16)
    (value,) = hwx2py.emulate(hwx2py.Program(elementwise()), {"a": values, "b": 0.0}, keep=True).values
    wide = values.astype(float)
    assert (value.smallest, value.largest) == (wide.min(), wide.max())
    assert value.mean == pytest.approx(wide.mean())
    assert value.first == tuple(values.ravel()[:4].tolist())
    assert np.array_equal(value.array.reshape(values.shape), values)


def test_infinite_elements_are_counted_apart():
    values = np.ones((1, 3, 4, 5), np.float16)
    values[0, 1, 2, :2] = np.inf
    (value,) = hwx2py.emulate(hwx2py.Program(elementwise()), {"a": values, "b": 1.0}).values
    assert (value.infinities, value.nans, value.largest, value.array) == (2, 0, 2.0, None)
    assert "2 infinite" in str(value)


def test_a_run_can_end_early():
    program = hwx2py.load(example("chain")).program
    result = hwx2py.emulate(program, {"a": 1.0, "b": 1.0}, stop_after=0)
    assert [value.task for value in result.values] == [0]
    assert result.faults == ()
    with pytest.raises(UsageError, match="there is no task 2: the last one is 1"):
        hwx2py.emulate(program, {"a": 1.0, "b": 1.0}, stop_after=2)


def test_first_divergence_names_task_and_element():
    expected = dict(named(list(chain().values)))
    assert first_divergence(list(chain().values), expected, 0.0) is None
    ramp = np.full((1, 2, 1, 32), -0.25)
    ramp[0, 1, 0, 5] = 0.0
    found = first_divergence(list(chain(b=ramp).values), expected, 0.0)
    assert (found.task, found.element, found.value, found.expected, found.count) == (0, (0, 1, 0, 0, 5), 1.0, 0.75, 1)
    assert str(found) == "task 0: element (0, 1, 0, 0, 5) is 1, not 0.75"
    assert first_divergence(list(chain(b=ramp).values), expected, 0.5) is None


def test_results_of_other_shapes_diverge():
    expected = {name: array[:, :1] for name, array in named(list(chain().values))}
    assert str(first_divergence(list(chain().values), expected, 0.0)).startswith("task 0: its result has another shape")


def test_values_of_the_registers_as_data_fit_json():
    import json

    values = np.full((1, 3, 4, 5), np.inf)
    (value,) = hwx2py.emulate(hwx2py.Program(elementwise()), {"a": values, "b": 1.0}).values
    assert json.loads(json.dumps(value.as_data(), allow_nan=False))["first"] == ["inf"] * 4


@pytest.mark.parametrize(
    "registers",
    [
        {"TileDMASrc.Src1PlaneStride": {"Stride": 64}, "TileDMASrc.Src1RowStride": {"Stride": 128}},
        {"TileDMADst.PlaneStride": {"Stride": 64}, "TileDMADst.RowStride": {"Stride": 128}},
        {"TileDMASrc.Src2RowStride": {"Stride": 0}},
    ],
    ids=["source", "result", "row"],
)
def test_wrong_strides_show_in_unlike_elements(registers):
    program = hwx2py.Program(elementwise(shape=(2, 2, 5)))
    assert mixed_elements(program.content) == ""
    task = program.tasks[0]
    for name, fields in registers.items():
        task = task.with_(name, **fields)
    assert "though their inputs are alike" in mixed_elements(program.with_task(0, task).content)


@pytest.mark.parametrize("name", ["conv", "chain"])
def test_programs_that_mix_elements_on_purpose_are_left_alone(name):
    assert mixed_elements(loaded(name)) == ""


def test_an_archive_gives_the_inputs_that_it_names(tmp_path):
    tensors = loaded("mul").tensors
    np.savez(tmp_path / "in.npz", a=np.ones((1, 4, 2, 16)), other=np.zeros(3))
    found = expanded([str(tmp_path / "in.npz"), "b=random:3"], tensors, str(tmp_path))
    assert found.options[1] == "b=random:3"
    name, _, path = found.options[0].partition("=")
    assert name == "a"
    assert np.load(path).shape == (1, 4, 2, 16)
    np.savez(tmp_path / "none.npz", c=np.zeros(3))
    with pytest.raises(UsageError, match=r"holds none of the inputs a, b \(it has: c\)"):
        expanded([str(tmp_path / "none.npz")], tensors, str(tmp_path))


def test_an_array_of_another_shape_is_told(tmp_path):
    np.save(tmp_path / "flat.npy", np.arange(128.0))
    found = expanded([f"a={tmp_path / 'flat.npy'}"], loaded("mul").tensors, str(tmp_path))
    assert found.notes == [f"a: the shape (128,) of {tmp_path / 'flat.npy'} is taken as (1, 4, 2, 16)"]
    assert np.load(found.options[0].partition("=")[2]).shape == (1, 4, 2, 16)
    np.save(tmp_path / "small.npy", np.arange(3.0))
    kept = expanded([f"a={tmp_path / 'small.npy'}"], loaded("mul").tensors, str(tmp_path))
    assert kept.notes == []


def test_command_shows_values_and_ends_early(cli):
    done = cli("emulate", example("chain"), "--values", "--input", "a=1", "--input", "b=-0.25")
    assert done.code == 0, done.err
    assert "task 0: scratch: float16 2 x 1 x 1 x 32, smallest 0.75, largest 0.75, mean 0.75" in done.out
    assert "task 1: y: " in done.out
    early = cli("emulate", example("chain"), "--values", "--stop-after", "0")
    assert early.code == 0
    assert "task 1: " not in early.out
    assert "fault" not in early.err


def test_command_keeps_every_result_and_compares_with_it(cli, tmp_path):
    file = tmp_path / "all.npz"
    assert cli("emulate", example("chain"), "--save-all", file).code == 0
    assert sorted(np.load(file)) == ["task_0", "task_1"]
    same = cli("emulate", example("chain"), "--golden", file)
    assert (same.code, same.out.splitlines()[-1]) == (0, "PASS: 2 tasks")
    other = cli("emulate", example("chain"), "--golden", file, "--input", "a=1", "--input", "b=1")
    assert other.code == 1
    assert other.out.splitlines()[-1].startswith("FAIL: task 0: element (0, 0, 0, 0, 0) is 2, not 5; 64 of its")
    assert cli("emulate", example("chain"), "--golden", file, "--atol", "50", "--input", "a=1").code == 0


def test_command_puts_values_into_the_trace(cli, tmp_path):
    import json

    cli("emulate", example("chain"), "--trace", tmp_path / "trace.json")
    rows = json.loads((tmp_path / "trace.json").read_text())
    assert [row["values"]["places"] for row in rows] == [["scratch"], ["y"]]
    assert cli("emulate", example("chain"), "--trace").out.splitlines()[-2].startswith("task 0: scratch = a + b")


def test_command_warns_of_elements_that_are_mixed_up(cli, tmp_path):
    program = hwx2py.load(example("mul")).program
    task = program.tasks[0].with_("TileDMASrc.Src1PlaneStride", Stride=64).with_("TileDMASrc.Src1RowStride", Stride=256)
    hwx2py.save(program.with_task(0, task), tmp_path / "bad.hwx")
    done = cli("emulate", tmp_path / "bad.hwx")
    assert "output[0] = 6.0" in done.out
    assert "warning: " in done.err
    assert "though their inputs are alike" in done.err
    assert "warning: " not in cli("emulate", example("mul")).err


def test_command_tells_arrays_of_another_shape_and_takes_archives(cli, tmp_path):
    np.savez(tmp_path / "in.npz", a=np.full(128, 2.0), b=np.full((1, 4, 2, 16), 4.0))
    done = cli("emulate", example("mul"), "--input", tmp_path / "in.npz")
    assert "output[0] = 8.0" in done.out
    assert "note: a: the shape (128,)" in done.err


def test_command_computes_wide(cli):
    assert cli("emulate", example("conv"), "--numbers", "wide").code == 0
    assert "'exact' is not one of 'chip', 'wide'" in cli("emulate", example("conv"), "--numbers", "exact").err
