import re
import subprocess
import sys

import numpy as np
import pytest
from builders import elementwise
from conftest import example, loaded

import hwx2py
from hwx2py.errors import RegisterError, UsageError
from hwx2py.program.register_file import walk

ONES = {"a": 1.0, "b": 1.0}


@pytest.fixture
def program() -> hwx2py.Program:
    return hwx2py.load(example("mul")).program


@pytest.mark.parametrize("library", ["numpy", "libcst", "black", "click", "jinja2", "hwx2py.interface"])
def test_importing_the_package_loads_no_library(library):
    code = f"import sys, hwx2py; sys.exit({library!r} in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_public_names_stay_functions_whatever_is_imported():
    code = "import hwx2py, hwx2py.cli.emulate, hwx2py.cli.diff, hwx2py.cli.convert\n" + "".join(
        f"hwx2py.{name}; assert callable(hwx2py.{name}), {name!r}\n" for name in hwx2py.__all__
    )
    code += "from hwx2py.interface import emulate, emit, diff, clean\nimport hwx2py as h\n"
    code += "program = h.load(r'" + str(example("mul")) + "').program\n"
    code += "h.emulate(program, {'a': 1, 'b': 2}); h.emit(program); h.diff(program, program)\n"
    code += "".join(f"assert callable(h.{name})\n" for name in hwx2py.__all__)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_every_public_name_is_documented_and_listed():
    for name in hwx2py.__all__:
        assert getattr(hwx2py, name).__doc__
        assert name in dir(hwx2py)
    with pytest.raises(AttributeError, match="no attribute 'emulte'"):
        hwx2py.emulte  # noqa: B018


def test_registers_that_a_task_inherits_are_seen_through_it():
    chain = hwx2py.load(example("chain")).program
    for task, registers in zip(chain.tasks, walk(chain.architecture, chain.content.tasks)):
        for block in chain.architecture.blocks:
            for register in block.registers:
                name = f"{block.name}.{register.name}"
                if (word := registers.word(name)) is not None:
                    assert int(task[name]) == word


def test_state_of_a_long_program_is_that_of_a_walk():
    from builders import complete_again

    many = hwx2py.Program(complete_again(loaded("chain"), 100))
    for task, registers in zip(many.tasks, walk(many.architecture, many.content.tasks)):
        if task.index in (0, 1, 63, 64, 65, 128, 199):
            assert task.registers.words() == registers.words()
            assert task.operation == hwx2py.Program(loaded("chain")).tasks[task.index % 2].operation


def test_registers_are_named_by_index_address_and_header_word(program):
    task = program.tasks[0]
    assert task["KernelDMASrc.CoeffDMAConfig[3]"].CacheHint == 2
    assert task[task["PE.Cfg"].address].name == "PE.Cfg"
    assert task["Header.W8"].WBase == 6
    assert task["TileDMASrc.Unk13840"].value == 0x100
    assert [word.name for word in task.header][:2] == ["Header.W0", "Header.W1"]
    assert len(list(task)) == len(task)


@pytest.mark.parametrize(
    ("act", "message"),
    [
        (lambda task: task["PE.Cgf"], "H13 has no register PE.Cgf; did you mean PE.Cfg"),
        (lambda task: task["KernelDMASrc.CoeffDMAConfig[16]"], "H13 has no register"),
        (lambda task: task["Header.DTID"], "its header has no word DTID"),
        (lambda task: task.with_("PE.Cfg", OpMode="Div"), "OpMode='Div' does not fit"),
        (lambda task: task.with_("PE.Cfg", Mode=1), "has no field Mode"),
        (lambda task: task.with_("PE.Cfg", 1 << 32), "does not fit bits 31:0"),
        (lambda task: task.with_("Common.InDim", Win=1 << 20), "does not fit"),
        (lambda task: task.with_("PE.Cfg", OpMode=None), "OpMode"),
    ],
)
def test_what_does_not_exist_or_fit_is_refused(program, act, message):
    with pytest.raises(RegisterError, match=re.escape(message)):
        act(program.tasks[0])


def test_a_register_that_a_task_does_not_write_is_not_changed():
    add16 = hwx2py.load(example("add16")).program
    task = add16.tasks[0]
    assert task["Common.InDepth"].written is False or task["PE.Cfg"].written
    absent = next(
        f"{block.name}.{register.name}"
        for block in add16.architecture.blocks
        for register in block.registers
        if f"{block.name}.{register.name}" not in {word.name for word in task} and register.count == 1
    )
    with pytest.raises(RegisterError, match="does not write"):
        task.with_(absent, 1)


def test_changes_are_new_values(program):
    task = program.tasks[0]
    before = program.content.text.to_bytes()
    edited = program.with_task(0, task.with_("PE.Cfg", OpMode="Min").with_("Header.W0", TID=7))
    assert edited.tasks[0]["PE.Cfg"].OpMode == "Min"
    assert edited.tasks[0]["Header.W0"].TID == 7
    assert program.content.text.to_bytes() == before
    differing = [i for i, (a, b) in enumerate(zip(before, edited.content.text.to_bytes())) if a != b]
    assert len(differing) == 2
    with pytest.raises(AttributeError):
        program.tasks[0].index = 3


def test_a_task_goes_only_where_it_fits(program):
    chain = hwx2py.load(example("chain")).program
    conv = hwx2py.load(example("conv")).program
    with pytest.raises(UsageError, match="there is no task 3: the program has 1"):
        program.with_task(3, program.tasks[0])
    add16 = hwx2py.load(example("add16")).program
    with pytest.raises(UsageError, match="its place has"):
        program.with_task(0, add16.tasks[0])
    assert chain.with_task(1, conv.tasks[0]).tasks[1].descriptor.offset == chain.tasks[1].descriptor.offset


@pytest.mark.parametrize("form", ["hwx", "anec", "py"])
def test_an_edited_program_is_saved_in_any_form(program, tmp_path, form):
    path = tmp_path / f"edited.{form}"
    hwx2py.save(program.with_task(0, program.tasks[0].with_("PE.Cfg", OpMode="Max")), path)
    again = hwx2py.load(path)
    assert again.program.tasks[0]["PE.Cfg"].OpMode == "Max"
    inputs = {tensor.name: value for tensor, value in zip(again.program.inputs, (3.0, 2.0))}
    assert set(next(iter(hwx2py.emulate(again, inputs).outputs.values())).ravel().tolist()) == {3.0}


def test_an_unedited_program_is_saved_as_it_was(program, tmp_path):
    hwx2py.save(program, tmp_path / "same.hwx")
    assert (tmp_path / "same.hwx").read_bytes() == example("mul").read_bytes()


def test_a_program_without_a_file_gets_a_fresh_container(tmp_path):
    hwx2py.save(hwx2py.Program(elementwise()), tmp_path / "new.hwx")
    assert hwx2py.load(tmp_path / "new.hwx").program.tasks[0].sentence.startswith("y = a + b")


@pytest.mark.parametrize(
    ("inputs", "message"),
    [
        ({"a": 1.0}, "input b is missing; give an array of shape (1, 4, 2, 16)"),
        (ONES | {"c": 1.0}, "there is no input c; the inputs are a, b"),
        (ONES | {"a": np.zeros((2, 3))}, "a: the shape (1, 4, 2, 16) is wanted, not (2, 3)"),
        (ONES | {"a": 1e6}, "a: 1e+06 is not a value that float16 holds"),
        (ONES | {"a": "text"}, "a: an array of float16 is wanted"),
        (ONES | {"a": 1 + 2j}, "a: an array of float16 is wanted"),
    ],
)
def test_inputs_that_do_not_fit_are_refused(program, inputs, message):
    with pytest.raises(UsageError, match=re.escape(message)):
        hwx2py.emulate(program, inputs)


def test_an_array_of_the_same_size_is_taken_with_a_warning(program):
    values = np.arange(128.0)
    with pytest.warns(UserWarning, match=r"a: the shape \(128,\) is taken as \(1, 4, 2, 16\)"):
        result = hwx2py.emulate(program, {"a": values, "b": 1.0})
    assert np.array_equal(result.outputs["y"].ravel(), values)


def test_unknown_numbers_and_things_are_refused(program):
    with pytest.raises(UsageError, match="unknown numbers 'exact'; there are chip and wide"):
        hwx2py.emulate(program, ONES, "exact")
    with pytest.raises(UsageError, match="a program is wanted, not str"):
        hwx2py.emulate("mul.hwx", ONES)


def test_everything_shows_itself_on_a_line_and_as_a_table(program):
    file = hwx2py.load(example("mul"))
    shown = [file, program, program.tasks[0], program.tasks[0]["PE.Cfg"], hwx2py.emulate(program, ONES)]
    for thing in shown:
        assert len(repr(thing).splitlines()) == 1
        assert repr(thing).startswith("<")
        assert len(repr(thing)) < 300
        assert "<table>" in thing._repr_html_()


def test_html_of_hostile_names_is_escaped():
    from hwx2py.interface import html

    assert "<script>" not in html.table("<script>", ("<b>",), [("<i>", None)])


def test_a_field_is_swept(program):
    task = program.tasks[0]
    for number in range(50):
        scale = 1.0 + number / 1024
        edited = program.with_task(0, task.with_("PE.PreScale", PreScale=scale))
        assert hwx2py.emulate(edited, {"a": 2.0, "b": 1.0}).outputs["y"].flat[0] == np.float16(2 * scale)
