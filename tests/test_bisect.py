import json
import os
import sys

import numpy as np
import pytest
from conftest import example, loaded, one_line

import hwx2py
from hwx2py import bisect
from hwx2py.emulator.inputs import input_arrays
from hwx2py.errors import UnsupportedError, UsageError

MUL = hwx2py.load(example("mul")).program


def edited(**registers) -> hwx2py.Program:
    """The example with registers changed, `PE_Cfg={...}` or a word."""
    task = MUL.tasks[0]
    for name, value in registers.items():
        register = name.replace("_", ".", 1)
        task = task.with_(register, value) if isinstance(value, int) else task.with_(register, **value)
    return MUL.with_task(0, task)


def noisy(**registers) -> hwx2py.Program:
    """The same with 60 further registers changed that compute nothing."""
    program = edited(**registers)
    task = program.tasks[0]
    idle = ("KernelDMASrc.Coeff", "KernelDMASrc.Bias", "KernelDMASrc.PostScale", "KernelDMASrc.Palette", "NE.")
    names = [word.name for word in task if word.name.startswith(idle)][:60]
    assert len(names) == 60
    for name in names:
        task = task.with_(name, int(task[name]) ^ 0x40)
    return program.with_task(0, task)


def random_inputs(program: hwx2py.Program) -> dict[str, np.ndarray]:
    return input_arrays(program.content.tensors, [], "random")


def found(good: hwx2py.Program, bad: hwx2py.Program, log: str = "", **test) -> tuple[list[str], bisect.Log]:
    plan = bisect.plan(good.content, bad.content)
    inputs = random_inputs(good)
    record = bisect.Log(log, {"test": "outputs"})
    differences = bisect.search(plan, bisect.OnVirtualAne.like(good.content, inputs), record)
    return [difference.register for difference in differences], record


def test_the_one_register_that_matters_is_found_among_many():
    registers, log = found(MUL, noisy(PE_Cfg={"OpMode": "Max"}))
    assert registers == ["PE.Cfg"]
    assert log.tests < 40


def test_registers_that_fail_only_together_are_found_together():
    bad = noisy(PE_Cfg={"OpMode": "Max", "ReluEn": 1}, PE_BiasScale={"Scale": 2.0})

    def fails(program) -> bool:
        task = hwx2py.Program(program).tasks[0]
        return task["PE.Cfg"].OpMode == "Max" and task["PE.BiasScale"].Scale == 2.0

    plan = bisect.plan(MUL.content, bad.content)
    assert {d.register for d in bisect.search(plan, fails, bisect.Log("", {}))} == {"PE.Cfg", "PE.BiasScale"}


def test_a_hang_fails_and_what_is_not_implemented_does_not():
    inputs = random_inputs(MUL)
    test = bisect.OnVirtualAne.like(MUL.content, inputs)
    assert test(edited(Common_OutDim={"Wout": 0}).content)
    assert not test(edited(PE_Cfg={"Cond": 1} if isinstance(MUL.tasks[0]["PE.Cfg"].Cond, int) else 0x7FFFFFFF).content)


def test_the_same_programs_give_the_same_answer():
    runs = [found(MUL, noisy(PE_Cfg={"OpMode": "Max"})) for _ in range(2)]
    assert runs[0][0] == runs[1][0]
    assert runs[0][1].tests == runs[1][1].tests


def test_an_interrupted_bisection_goes_on(tmp_path):
    path, bad = str(tmp_path / "log"), noisy(PE_Cfg={"OpMode": "Max"})
    plan = bisect.plan(MUL.content, bad.content)
    test = bisect.OnVirtualAne.like(MUL.content, random_inputs(MUL))
    made = []

    def interrupted(program) -> bool:
        made.append(program)
        if len(made) == 6:
            raise KeyboardInterrupt
        return test(program)

    with pytest.raises(KeyboardInterrupt):
        bisect.search(plan, interrupted, bisect.Log(path, {"test": "outputs"}))
    with open(path, "a") as file:
        file.write('{"differences": [1, 2')
    before = len(made)
    log = bisect.Log(path, {"test": "outputs"})
    assert log.tests == 5
    differences = bisect.search(plan, lambda program: made.append(program) or test(program), log)
    assert [difference.register for difference in differences] == ["PE.Cfg"]
    assert len(made) - before + 5 == log.tests
    assert all(json.loads(line) for line in (tmp_path / "log").read_text().splitlines())


def test_a_log_of_something_else_is_refused(tmp_path):
    path = tmp_path / "log"
    bisect.Log(str(path), {"good": 1})
    with pytest.raises(UsageError, match="belongs to a bisection of other programs"):
        bisect.Log(str(path), {"good": 2})
    path.write_text("notes\n")
    with pytest.raises(UsageError, match="is not the log of a bisection"):
        bisect.Log(str(path), {"good": 1})


def test_coefficients_count_as_one_difference():
    conv = hwx2py.load(example("conv")).program
    other = conv.content._replace(const=memoryview(bytes(len(conv.content.const))))
    plan = bisect.plan(conv.content, other)
    (difference,) = plan.differences
    assert (difference.task, difference.register) == (None, "const")
    assert plan.apply([0]).const == other.const


def test_programs_that_write_other_registers_are_brought_into_one_layout():
    from hwx2py.program.build import Draft, lay_out
    from hwx2py.program.streams import Pending

    def without(program, name):
        task, arch = program.tasks[0], program.arch
        items = [Pending(w.address, w.value) for w in task.writes() if arch.locate(w.address).name != name]
        follows = frozenset({"NextSize", "NextPointer"})
        return program._replace(text=lay_out(arch, [Draft(list(task.words[: task.header_words]), items, follows)]))

    good = without(MUL.content, "PE.BiasScale")
    bad = without(edited(PE_Cfg={"OpMode": "Max"}).content, "PE.PreScale")
    plan = bisect.plan(good, bad)
    assert plan.layout == "both"
    names = [difference.register for difference in plan.differences]
    assert "PE.Cfg" in names
    registers = {word.name for word in hwx2py.Program(plan.base).tasks[0]}
    assert {"PE.BiasScale", "PE.PreScale"} <= registers
    everything = hwx2py.Program(plan.apply(range(len(names)))).tasks[0]
    assert everything["PE.Cfg"].OpMode == "Max"


def test_bars_are_no_difference():
    moved = MUL.with_task(0, MUL.tasks[0].with_("Header.W8", RBase0=6, WBase=4)).content
    bars = {"a": 6, "y": 4}
    moved = moved._replace(tensors=tuple(t._replace(bar=bars.get(t.name, t.bar)) for t in moved.tensors))
    assert bisect.plan(MUL.content, moved).differences == ()


@pytest.mark.parametrize(
    ("other", "error", "message"),
    [
        ("add16", UsageError, "the programs are for H13 and H16"),
        ("chain", UsageError, "the programs have 1 and 2 tasks"),
        ("conv", UsageError, "the programs have different tensors"),
    ],
)
def test_programs_that_are_too_unlike_are_refused(other, error, message):
    with pytest.raises(error, match=message):
        bisect.plan(MUL.content, loaded(other))


def test_the_direction_of_the_test_is_checked():
    plan = bisect.plan(MUL.content, edited(PE_Cfg={"OpMode": "Max"}).content)
    with pytest.raises(UsageError, match="the good program fails the test, too"):
        bisect.search(plan, lambda program: True, bisect.Log("", {}))
    with pytest.raises(UsageError, match="the bad program does not fail"):
        bisect.search(plan, lambda program: False, bisect.Log("", {}))
    with pytest.raises(UsageError, match="do not differ"):
        bisect.search(bisect.plan(MUL.content, MUL.content), lambda program: True, bisect.Log("", {}))
    assert issubclass(UnsupportedError, hwx2py.HwxError)


def test_command_lists_the_registers(cli, tmp_path):
    hwx2py.save(noisy(PE_Cfg={"OpMode": "Max"}), tmp_path / "bad.hwx")
    done = cli("bisect", example("mul"), tmp_path / "bad.hwx", "--json")
    assert (done.code, done.err) == (0, "1 of 61 differences, " + done.err.split("differences, ")[1])
    (row,) = json.loads(done.out)
    assert list(row) == ["task", "register", "good", "bad"]
    assert (row["task"], row["register"]) == (0, "PE.Cfg")
    assert row["good"] == int(MUL.tasks[0]["PE.Cfg"])
    text = cli("bisect", example("mul"), tmp_path / "bad.hwx").out
    assert text == f"task 0: PE.Cfg {row['good']:#x} -> {row['bad']:#x}, OpMode Mul -> Max\n"


def test_command_compares_with_a_golden_file(cli, tmp_path):
    hwx2py.save(noisy(PE_Cfg={"OpMode": "Add"}), tmp_path / "bad.hwx")
    np.savez(tmp_path / "golden.npz", y=np.full((1, 4, 2, 16), 12.0, np.float16))
    options = ("--golden", tmp_path / "golden.npz", "--input", "a=4", "--input", "b=3", "--json")
    (row,) = json.loads(cli("bisect", example("mul"), tmp_path / "bad.hwx", *options).out)
    assert row["register"] == "PE.Cfg"


@pytest.mark.parametrize("form", ["hwx", "anec", "py"])
def test_command_runs_a_command_on_files_of_the_same_kind(cli, tmp_path, form):
    good, bad = tmp_path / f"good.{form}", tmp_path / f"bad.{form}"
    hwx2py.save(MUL, good)
    hwx2py.save(noisy(PE_Cfg={"OpMode": "Max"}), bad)
    judge = tmp_path / "judge.py"
    judge.write_text(
        "import sys, hwx2py\n"
        f"assert sys.argv[1].endswith('.{form}')\n"
        "sys.exit(hwx2py.load(sys.argv[1]).program.tasks[0]['PE.Cfg'].OpMode != 'Mul')\n"
    )
    log = tmp_path / "log"
    done = cli("bisect", good, bad, "--test", f"{sys.executable} {judge} {{}}", "--log", log, "--json")
    assert done.code == 0, done.err
    assert [row["register"] for row in json.loads(done.out)] == ["PE.Cfg"]
    size = os.path.getsize(log)
    assert cli("bisect", good, bad, "--test", f"{sys.executable} {judge} {{}}", "--log", log, "--json").out == done.out
    assert os.path.getsize(log) == size


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--test", "no-such-command"), "--test: no-such-command cannot be run"),
        (("--test", "sh -c 'exit 127'"), "--test: sh ended with 127"),
        (("--test", "true", "--golden", "x.npz"), "--test replaces --golden, --atol and --input"),
        (("--input", "c=1"), "there is no input c"),
        (("--input", "a=one"), "expected a number, FILE.npy, random[:SEED] or ramp"),
        (("--golden", "none.npz"), "none.npz: no such file"),
    ],
)
def test_command_says_what_is_wrong(cli, tmp_path, monkeypatch, options, message):
    monkeypatch.chdir(tmp_path)
    hwx2py.save(edited(PE_Cfg={"OpMode": "Max"}), "bad.hwx")
    done = cli("bisect", example("mul"), "bad.hwx", *options)
    assert done.code == 2
    assert message in done.err
    assert one_line(done.err)
