"""Scripts read back: what people edit is understood, what does not fit is an error with its line."""

import numpy as np
import pytest
from conftest import loaded

from hwx2py import emit, formats
from hwx2py.errors import ScriptError, UsageError
from hwx2py.program.model import Program


def edited(tmp_path, name: str, *changes: tuple[str, str]) -> Program:
    """An example's script with some text replaced, read back."""
    text = emit.emit(loaded(name)).text
    for old, new in changes:
        assert old in text, old
        text = text.replace(old, new, 1)
    path = tmp_path / "edited.py"
    path.write_text(text)
    return formats.load(str(path)).program


def value(program: Program, name: str, task: int = 0) -> int | None:
    """The word that a task writes to a register."""
    address = program.arch.address(name)
    return next((w.value for w in program.tasks[task].writes() if w.address == address), None)


def test_an_edited_field_arrives(tmp_path):
    assert value(edited(tmp_path, "mul", ("Common.Cin(Cin=4)", "Common.Cin(Cin=5)")), "Common.Cin") == 5


@pytest.mark.parametrize(
    ("written", "word"),
    [
        ("0x1000f, Cin=6", 6),
        ("0x80000, Cin=6", 0x80006),
        ("Cin=2 * 3 + 1", 7),
        ("Cin=0x10 | 1", 17),
        ("Cin=1 << 4", 16),
        ("Cin=-(-9) // 2", 4),
        ("0x3", 3),
    ],
)
def test_arithmetic_is_understood(tmp_path, written, word):
    assert value(edited(tmp_path, "mul", ("Common.Cin(Cin=4)", f"Common.Cin({written})")), "Common.Cin") == word


def test_what_python_finds_odd_elsewhere_is_not_told(tmp_path):
    program = edited(tmp_path, "mul", ("import argparse", "import argparse\n\nODD = 1if 2 else 3"))
    assert value(program, "Common.Cin") == 4


def test_a_removed_line_is_an_absent_write(tmp_path):
    line = next(line for line in emit.emit(loaded("mul")).text.splitlines() if "Common.DPE(" in line)
    program = edited(tmp_path, "mul", (line + "\n", ""))
    assert value(program, "Common.DPE") is None
    assert len(program.tasks[0].words) == len(loaded("mul").tasks[0].words) - 1  # the last of its record


def test_layout_follows_edits(tmp_path):
    line = next(line for line in emit.emit(loaded("chain")).text.splitlines() if "Common.InDim(" in line)
    program = edited(tmp_path, "chain", (line, line + "\n" + line))
    assert len(program.tasks[0].words) == len(loaded("chain").tasks[0].words) + 2
    assert program.tasks[0].words[7] == program.tasks[1].offset


def test_renamed_buffers_and_bars_follow_the_table(tmp_path):
    program = edited(tmp_path, "mul", ('Tensor("y", "output", 6', 'Tensor("y", "output", 9'))
    assert program.tasks[0].words[8] >> 12 & 0x1F == 9


def test_parameters_of_a_form_are_understood(tmp_path):
    """Several like tasks are one function with parameters."""
    import builders

    a, b, y = (
        builders.tensor(n, r, bar, 2, 1, 8) for n, r, bar in (("a", "input", 4), ("b", "input", 5), ("y", "output", 6))
    )
    registers = builders.planar(a, b, y, "Add")
    tasks = [({"W8": builders.select(a, b, y)}, registers | {"PE.BiasScale": {"Scale": float(n)}}) for n in range(4)]
    program = builders.network(tasks, (a, b, y))
    text = emit.emit(program).text
    assert text.count("def task_") == 1
    assert "task_0(TID=3, EON=1, Scale=3.0)" in text
    path = tmp_path / "forms.py"
    path.write_text(text.replace("Scale=3.0)", "Scale=0.5)"))
    again = formats.load(str(path)).program
    assert value(again, "PE.BiasScale", 2) == value(program, "PE.BiasScale", 2)
    assert value(again, "PE.BiasScale", 3) == 0x38000000


def test_sidecar_is_found_beside_the_script(tmp_path):
    noise = np.random.default_rng(3).bytes(70_000)
    program = loaded("mul")._replace(const=memoryview(noise))
    script = emit.emit(program)
    assert b"".join(script.sidecar) == noise
    path = tmp_path / "big.py"
    path.write_text(script.text)
    with pytest.raises(UsageError, match=r"big\.coeff\.bin"):
        formats.load(str(path))
    (tmp_path / "big.coeff.bin").write_bytes(noise)
    assert bytes(formats.load(str(path)).program.const) == noise
    (tmp_path / "big.coeff.bin").write_bytes(noise[:-1] + b"x")
    with pytest.raises(ScriptError, match="not those that the script was made with"):
        formats.load(str(path))
    assert emit.emit(program, inline=True).sidecar is None


WRONG = {
    "does not fit": ("Common.Cin(Cin=4)", "Common.Cin(Cin=400000)", "Cin=400000 does not fit bits 16:0"),
    "no word": ("Common.Cin(Cin=4)", "Common.Cin(1 << 32)", "4294967296 is no 32-bit word"),
    "no such field": ("Common.Cin(Cin=4)", "Common.Cin(Cout=4)", "Common.Cin has no field Cout"),
    "no such register": ("Common.Cin(Cin=4)", "Common.Con(Cin=4)", "Common.Con is no register"),
    "no such index": ("PixelOffset[3]", "PixelOffset[4]", "has 4 registers, not one at 4"),
    "no such buffer": ('RBase0="a"', 'RBase0="q"', "no buffer is called 'q'"),
    "no such name": ('InFmt="Float16"', 'InFmt="Float17"', "no value named 'Float17'"),
    "a call": ("Common.Cin(Cin=4)", "Common.Cin(Cin=len([]))", "is more than a value"),
    "a huge shift": ("Common.Cin(Cin=4)", "Common.Cin(Cin=1 << 9999999999)", "is too large"),
    "division by zero": ("Common.Cin(Cin=4)", "Common.Cin(Cin=1 // 0)", "by zero"),
    "no multiple": ("Src1RowStride(Stride=0x40)", "Src1RowStride(Stride=0x41)", "no multiple of 0x40"),
    "AUTO elsewhere": ("Common.Cin(Cin=4)", "Common.Cin(Cin=AUTO)", "does not follow from the layout"),
    "no header": ("        Header.W3(", "        # Header.W3(", "header words are not all there"),
    "bad tensor": ('Tensor("a", "input", 4', 'Tensor("a", "inward", 4', "tensor 'a' is no"),
    "bad row": ('Tensor("a", "input", 4', 'Tensor("a", "input", 4, 7', "a Tensor has 7 columns"),
    "too much data": ('("zeros", 0x40)', '("data", 0x40)', "more data than there is"),
    "a field twice": ("Common.Cin(Cin=4)", "Common.Cin(Cin=4, Cin=5)", "Cin is given twice"),
    "an unknown type": ('"float16", 512),', '"float99", 512),', "tensor 'a' is no"),
    "a BAR twice": ('Tensor("b", "input", 5', 'Tensor("b", "input", 4', "BAR 4 is both a and b"),
    "a BAR of the text": ('Tensor("b", "input", 5', 'Tensor("b", "input", 1', "BAR 1 is both const and b"),
    "a kernel that is none": ("KERNELS = []", 'KERNELS = [Kernel("k", [], [])]', "kernel 'k' is no"),
    "no task": ("        task_0(),\n", "", "tasks() gives no task"),
    "another architecture": ('ARCH = "H13"', 'ARCH = "H14"', "H14 has no header field NextPointer"),
    "an address out of reach": ("InDim = Register(0x00000", "InDim = Register(0x4000000", "does not fit a record"),
    "overlap": ("task_0(),", "task_0(), At(0x4, task_0()),", "overlaps what ends"),
}


@pytest.mark.parametrize("how", WRONG)
def test_what_does_not_fit_is_an_error(tmp_path, how):
    old, new, words = WRONG[how]
    name = "conv" if how == "too much data" else "mul"
    if how == "too much data":
        old, new = '("data", ', '("data", 0x9999 + '
    with pytest.raises(ScriptError) as error:
        edited(tmp_path, name, (old, new))
    assert words in str(error.value)
    if how not in ("overlap", "another architecture", "an address out of reach"):
        assert "line " in error.value.where


WRONG_TYPES = {
    "CONST = ": ("5", '[("zeros", "x")]', '[("zeros", -1)]', '[("zeros", 1.5)]', '[("data", "x")]', '[("data", -4)]',
                 '[("zeros", 1 << 80)]', "[7]"),
    "TEXT_SIZE = ": ('"x"', "-5", "True"),
    "CONST_OFFSET = ": ('"x"', "-1", "1.5"),
    "STRAY = ": ("5", "[(1,)]", '[(1, "zz")]', '[("a", "00")]', '[(-1, "00")]'),
    "DATA = ": ("5", '"\\x00"'),
    "ALIASES = ": ("5", '{9: "q"}', "{9: []}", '{"9": "a"}', '{-1: "a"}', '{4: "a"}', '{(1, 2): "a"}'),
    "KERNELS = ": ("5", '[Kernel("k", [], [])]', '[Kernel("k", 9, [("zeros", 1.5)])]'),
    "TENSORS = ": ("5", '[Tensor("a", "input", 4, 5, (64, 64, 64, 2), "float16", 64)]',
                   '[Tensor("a", "input", 4, (1, 1, 1, 1), None, "float16", 64)]',
                   '[Tensor("a", [], 4, None, None, None, 64)]', '[Tensor("a", "input", -4, None, None, None, 64)]'),
}  # fmt: skip


@pytest.mark.parametrize(("name", "given"), [(name, given) for name, some in WRONG_TYPES.items() for given in some])
def test_tables_of_other_types_are_errors_with_their_line(tmp_path, name, given):
    text = emit.emit(loaded("mul")).text
    start = text.index(f"\n{name}") + 1
    if name == "TENSORS = ":
        end = text.index("\n]", start) + 2
    elif name == "DATA = ":
        end = text.index("\n", start)
    else:
        end = text.index("\n", start)
    path = tmp_path / "edited.py"
    path.write_text(text[:start] + name + given + text[end:])
    with pytest.raises(ScriptError) as error:
        formats.load(str(path))
    assert error.value.where.startswith("line ")


ELSEWHERE = {
    "At(": ("        task_0(),", '        At("x", task_0()),'),
    "At( odd": ("        task_0(),", "        At(3, task_0()),"),
    "slot": ("Common.Cin(Cin=4)", "Common.Cin(Cin=4, slot=1.5)"),
    "count": ("PixelOffset = Register(0x13850, count=4", 'PixelOffset = Register(0x13850, count="x"'),
    "kind": ("Cin = Register(0x0000c, Cin=(16, 0))", "Cin = Register(0x0000c, Cin=(16, 0, 5))"),
    "address": ("Cin = Register(0x0000c,", "Cin = Register(-4,"),
    "far address": ("Cin = Register(0x0000c,", "Cin = Register(1 << 40,"),
    "odd address": ("Cin = Register(0x0000c,", "Cin = Register(0x0000d,"),
}


@pytest.mark.parametrize("what", ELSEWHERE)
def test_other_types_anywhere_are_errors(tmp_path, what):
    with pytest.raises(ScriptError):
        edited(tmp_path, "mul", ELSEWHERE[what])


@pytest.mark.parametrize("source", ["print('hello')", "ARCH = 'H13'", "x = (", "\0"])
def test_other_python_is_no_script_of_ours(tmp_path, source):
    path = tmp_path / "other.py"
    path.write_text(source)
    with pytest.raises(ScriptError):
        formats.load(str(path))


def test_reading_runs_nothing(tmp_path):
    text = emit.emit(loaded("mul")).text + "\nraise SystemExit('it was run')\n"
    path = tmp_path / "loud.py"
    path.write_text(text)
    assert formats.load(str(path)).program.tensors == loaded("mul").tensors


def read_back(tmp_path, program: Program) -> Program:
    path = tmp_path / "again.py"
    path.write_text(emit.emit(program).text)
    return formats.load(str(path)).program


@pytest.mark.parametrize("word", [0x7E003C00, 0x3C00FE01, 0x7C007C00, 0xFC00FFFF])
def test_numbers_without_a_literal_come_back(tmp_path, word):
    """NaN and infinity: their bits stand in the word."""
    import builders

    program = builders.elementwise(PE_BiasScale=word, PE_FinalScale=0x7F800001)
    again = read_back(tmp_path, program)
    assert again.text.to_bytes() == program.text.to_bytes()


@pytest.mark.parametrize("step", [1, -1], ids=["upwards", "downwards"])
def test_like_tasks_come_back_whatever_differs(tmp_path, step):
    """Words of arrays, bits without a name, numbers without a literal, and several of them in one task."""
    import builders

    arrays = [{f"KernelDMASrc_CoeffBaseAddr[{n}]": {"Addr": 0x40 * task * n} for n in range(4)} for task in range(3)]
    registers = [
        arrays[0] | {"Common_PECfg": 1 << 20, "NE_PostScale": {"PostScale": 0.5}},
        arrays[1] | {"Common_PECfg": 1 << 21, "NE_PostScale": {"PostScale": 2.0}},
        arrays[2] | {"PE_BiasScale": 0x7E003C00, "TileDMASrc_PixelOffset[1]": 3, "TileDMASrc_PixelOffset[2]": 5},
        arrays[2] | {"PE_BiasScale": 0x3C000000, "Common_Cin": {"Cin": 7}},
    ]
    one = builders.elementwise()
    names = {write.address: write.index for write in one.tasks[0].writes()}
    others = [builders.elementwise(**more).tasks[0] for more in registers[::step]]
    program = builders.complete_again(one, 5 if step == 1 else 4)
    tasks = [program.tasks[0]] if step == 1 else []
    for task, other in zip(program.tasks[len(tasks) :], others):
        tasks.append(task.with_words({index: other.words[index] for index in names.values()}))
    program = program.with_tasks(tasks)
    assert emit.emit(program).text.count("def task_") < 4
    again = read_back(tmp_path, program)
    assert again.text.to_bytes() == program.text.to_bytes()
