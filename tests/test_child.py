"""Scripts on the virtual ANE: what a script may do, and those that misbehave."""

import os

import builders
import pytest
from conftest import example, loaded

from hwx2py import emitter
from hwx2py.emulator import as_lines, direct
from hwx2py.emulator.script_process import Limits, run_script
from hwx2py.errors import ScriptError
from hwx2py.formats import script
from hwx2py.operations import Names


@pytest.fixture
def run(tmp_path, cli):
    """Runs an example's script with something put before its last two lines."""

    def run(code: str, name: str = "mul"):
        text = emitter.emit(loaded(name)).text
        place = text.rindex('if __name__ == "__main__":')
        path = tmp_path / "odd.py"
        path.write_text(text[:place] + code + "\n\n\n" + text[place:])
        return cli("emulate", path)

    return run


@pytest.fixture
def run_within(tmp_path):
    """Runs an example's script with something put before its last two lines, within limits; the error it ends with."""

    def run(code: str, limits: Limits) -> str:
        text = emitter.emit(loaded("mul")).text
        place = text.rindex('if __name__ == "__main__":')
        path = tmp_path / "odd.py"
        path.write_text(text[:place] + code + "\n\n\n" + text[place:])
        outline = script.outline(path.read_bytes())
        with pytest.raises(ScriptError) as error:
            run_script(str(path), outline, {}, [], limits=limits)
        return str(error.value)

    return run


def one_line(done, *words: str) -> bool:
    return done.code == 2 and len(done.err.splitlines()) == 1 and all(word in done.err for word in words)


def test_script_that_raises(run):
    assert one_line(run("raise RuntimeError('no luck')"), "odd.py: line ", "RuntimeError: no luck")


@pytest.mark.parametrize(
    ("edit", "line", "words"),
    [
        (
            ('RBase0="a"', 'RBase0="c"'),
            "Header.W8",
            "Header.W8: RBase0='c' does not fit bits 4:0 (text, const, a, b, y)",
        ),
        (("Win=16", "Width=16"), "Common.InDim(", "Common.InDim has no field Width (fields: Win, Hin)"),
        (("PreScale=1.0", "PreScale=1/0"), "PE.PreScale(", "ZeroDivisionError"),
    ],
)
@pytest.mark.parametrize("options", [["emulate"], ["dump", "--run"]])
def test_mistake_in_a_task_names_the_line_of_the_edit(cli, tmp_path, edit, line, words, options):
    text = emitter.emit(loaded("mul")).text
    assert text.count(edit[0]) == 1
    path = tmp_path / "odd.py"
    path.write_text(text.replace(*edit))
    number = next(number for number, code in enumerate(path.read_text().splitlines(), 1) if line in code)
    done = cli(*options, path)
    assert (done.code, done.err.count("\n")) == (2, 1)
    assert f"odd.py: line {number}: " in done.err
    assert words in done.err


def test_script_that_is_no_python(tmp_path, cli):
    path = tmp_path / "odd.py"
    path.write_text(emitter.emit(loaded("mul")).text + "\n(")
    assert one_line(cli("emulate", path), "odd.py: line ", "not Python")


def test_script_that_is_none_of_ours(tmp_path, cli):
    path = tmp_path / "odd.py"
    path.write_text("print('hello')\n")
    assert one_line(cli("emulate", path), "not a script that hwx2py made")


def test_script_that_opens_another_device(run):
    assert one_line(run("open('/dev/dri/card0')"), "opens /dev/dri/card0, which is not the ANE")
    assert one_line(run("os.open('/dev/accel/accel7', os.O_RDWR)"), "opens /dev/accel/accel7")


def test_script_that_calls_for_ever(run_within):
    loop = "ane = Ane(options('', [], Ane, []))\nwhile True:\n    ane.allocate(64)"
    assert "made 50 calls to the device and was stopped" in run_within(loop, Limits(50, 60.0))


def test_script_that_does_nothing_for_ever(run_within):
    error = run_within("while True:\n    pass", Limits(100, 1.0))
    assert "did nothing for 1 seconds and was stopped" in error


def test_script_cannot_change_the_emulator(run):
    """It has a process of its own; what it does there stays there."""
    done = run("import builtins\nimport numpy\n\nnumpy.square = None\nbuiltins.len = None if False else len")
    assert (done.code, "output[0] = 6.0" in done.out) == (0, True)


def test_script_that_ends_in_the_middle_of_a_call(run):
    done = run("ane = Ane(options('', [], Ane, []))\nane.allocate(64)\nos._exit(7)")
    assert one_line(done, "odd.py: nothing ran on the virtual ANE: it ended with exit code 7")


def test_script_that_crashes(run):
    assert one_line(run("os.kill(os.getpid(), 11)"), "ended by signal SIGSEGV")


def test_script_that_hangs_up_and_goes_on(run_within):
    error = run_within("os.closerange(3, 99)\nwhile True:\n    pass", Limits(100, 4.0))
    assert "did not end for 4 seconds and was stopped" in error


def test_trace_names_engine_operation_shapes_tensors_and_bytes(cli, tmp_path):
    import json

    from conftest import example

    done = cli("emulate", example("chain"), "--trace")
    assert done.out.splitlines()[-2:] == [
        "task 0: scratch = a + b; planar engine, 2 x 1 x 32; read a 128 bytes, read b 128 bytes, "
        "write scratch 128 bytes",
        "task 1: y = table of mode 0x1 of scratch; 1 neural engine, 2 x 1 x 32; read scratch 128 bytes, "
        "read const 128 bytes, write y 128 bytes",
    ]
    cli("emulate", example("chain"), "--trace", tmp_path / "t.json")
    data = json.loads((tmp_path / "t.json").read_text())
    assert [step["result"] for step in data] == ["scratch", "y"]
    assert data[1]["read"] == [{"name": "scratch", "bytes": 128}, {"name": "const", "bytes": 128}]


@pytest.mark.parametrize("place", [0, 1])
def test_trace_needs_no_file(cli, place):
    from conftest import example

    arguments = ["emulate", example("mul")]
    arguments.insert(1 + place, "--trace")
    done = cli(*arguments)
    assert (done.code, "y = a * b" in done.out) == (0, True)


def test_runs_leave_no_file_open():
    before = len(os.listdir("/proc/self/fd"))
    for _ in range(3):
        builders.through_driver(loaded("mul"))
    assert len(os.listdir("/proc/self/fd")) <= before


def test_trace_adds_up_what_one_task_reads_twice():
    program = builders.elementwise()
    task = program.tasks[0]
    program = program.with_tasks([task.with_words({8: task.words[8] ^ (5 ^ 4) << 6})])
    outcome = direct.run(program, builders.default_inputs(program))
    (line,) = as_lines(outcome.steps, Names.of(program))
    assert line.endswith("read a 240 bytes, write y 120 bytes")


@pytest.mark.parametrize("name", ["mul", "conv", "chain"])
def test_script_and_file_give_the_same(cli, tmp_path, name):
    import numpy as np
    from conftest import example

    path = tmp_path / "s.py"
    path.write_text(emitter.emit(loaded(name)).text)
    results = []
    for target in (path, example(name)):
        assert cli("emulate", target, "--save", tmp_path / "o.npz").code == 0
        with np.load(tmp_path / "o.npz") as saved:
            results.append(saved["y"])
    assert np.array_equal(*results)


def test_build_may_give_numpy_arrays_as_pieces(cli, tmp_path):
    text = emitter.emit(loaded("conv"), inline=True).text
    place = text.rindex('if __name__ == "__main__":')
    more = (
        "plain = build\n\n\n"
        "def build():\n"
        "    buffers, tasks, aliases = plain()\n"
        "    arrays = {bar: [np.frombuffer(piece, np.uint32) for piece in made] for bar, made in buffers.items()}\n"
        "    return arrays, tasks, aliases\n\n\n"
    )
    path = tmp_path / "conv.py"
    path.write_text(text[:place] + more + text[place:])
    done = cli("diff", path, example("conv"), "--run")
    assert done.code == 0, done.err + done.out
