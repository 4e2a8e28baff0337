"""Scripts read back: what people edit is understood, what does not fit is an error with its line."""

import conftest
import numpy as np
import pytest
from conftest import loaded

from hwx2py import emitter, formats
from hwx2py.errors import ScriptError
from hwx2py.program.program import Program


def edited(tmp_path, name: str, *changes: tuple[str, str]) -> Program:
    """An example's script with some text replaced, read back."""
    text = emitter.emit(loaded(name)).text
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
        ("Cin=2**4", 16),
        ("Cin=WIDE + 1", 33),
        ("Cin=[5, 6][1]", 6),
        ("0x3", 3),
    ],
)
def test_arithmetic_is_understood(tmp_path, written, word):
    wide = ('ARCH = "H13"', 'ARCH = "H13"\nWIDE = 8 * 4')
    assert value(edited(tmp_path, "mul", wide, ("Common.Cin(Cin=4)", f"Common.Cin({written})")), "Common.Cin") == word


def test_what_python_finds_odd_elsewhere_is_not_told(tmp_path):
    program = edited(tmp_path, "mul", ("import argparse", "def odd():\n    return 1if 2 else 3\n\n\nimport argparse"))
    assert value(program, "Common.Cin") == 4


def test_comprehensions_and_every_are_understood(tmp_path):
    """Registers of an array, alike and each in its own way."""
    line = "            *every(KernelDMASrc.CoeffDMAConfig[:], CacheHint=2),"
    own = "*[KernelDMASrc.CoeffDMAConfig[n](CacheHint=n) for n in range(8)],"
    own += "*every(KernelDMASrc.CoeffDMAConfig[8:], En=1),"
    program = edited(tmp_path, "mul", (line, own))
    address = program.arch.address("KernelDMASrc.CoeffDMAConfig")
    words = {w.address: w.value for w in program.tasks[0].writes()}
    assert [words[address + 4 * n] for n in range(16)] == [n << 6 for n in range(8)] + [1] * 8


def test_a_removed_line_is_an_absent_write(tmp_path):
    line = next(line for line in emitter.emit(loaded("mul")).text.splitlines() if "Common.TaskInfo()" in line)
    program = edited(tmp_path, "mul", (line, "            Common.TaskInfo(),"))
    assert value(program, "Common.DPE") is None
    assert len(program.tasks[0].words) == len(loaded("mul").tasks[0].words) - 1  # the last of its record


def test_layout_follows_edits(tmp_path):
    line = next(line for line in emitter.emit(loaded("chain")).text.splitlines() if "Common.InDim(" in line)
    program = edited(tmp_path, "chain", (line, f"{line}\n        ],\n        [\n{line}"))
    assert len(program.tasks[0].words) == len(loaded("chain").tasks[0].words) + 2
    assert program.tasks[0].words[7] == program.tasks[1].offset


def test_a_record_that_skips_a_register_is_an_error(tmp_path):
    line = next(line for line in emitter.emit(loaded("mul")).text.splitlines() if "Common.InDepth(" in line)
    with pytest.raises(ScriptError, match=r"Common\.InDim: not up to 64 registers in a row"):
        edited(tmp_path, "mul", (line + "\n", ""))


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
    text = emitter.emit(program).text
    assert text.count("def task_") == 1
    assert "partial(task_0, W0_LNID=1, W0_EON=1, W8_TBE=0, BiasScale_Scale=3.0)" in text
    path = tmp_path / "forms.py"
    path.write_text(text.replace("Scale=3.0)", "Scale=0.5)"))
    again = formats.load(str(path)).program
    assert value(again, "PE.BiasScale", 2) == value(program, "PE.BiasScale", 2)
    assert value(again, "PE.BiasScale", 3) == 0x38000000


def test_sidecar_is_found_beside_the_script(tmp_path, capsys):
    noise = np.random.default_rng(3).bytes(70_000)
    program = loaded("mul")._replace(const=memoryview(noise))
    script = emitter.emit(program)
    assert b"".join(script.sidecar) == noise
    path = tmp_path / "big.py"
    path.write_text(script.text)
    with pytest.raises(ScriptError, match=r"big\.coeff\.bin"):
        formats.load(str(path))
    (tmp_path / "big.coeff.bin").write_bytes(noise)
    assert bytes(formats.load(str(path)).program.const) == noise
    (tmp_path / "big.coeff.bin").write_bytes(noise[:-1] + b"x")
    assert bytes(formats.load(str(path)).program.const) == noise[:-1] + b"x"
    assert "edited since" in capsys.readouterr().err
    (tmp_path / "big.coeff.bin").write_bytes(noise[:-1])
    with pytest.raises(ScriptError, match="69999 bytes of coefficients, not 70000"):
        formats.load(str(path))
    assert emitter.emit(program, inline=True).sidecar is None


CIN = "Common.Cin(Cin=4)"
WRONG = {
    "does not fit": (CIN, "Common.Cin(Cin=400000)", "Common.Cin: Cin=400000 does not fit bits 16:0"),
    "no word": (CIN, "Common.Cin(1 << 32)", "word=4294967296 does not fit bits 31:0"),
    "no such field": (CIN, "Common.Cin(Cout=4)", "Common.Cin has no field Cout"),
    "no such register": (CIN, "Common.Con(Cin=4)", "Common has no register Con"),
    "no such block": (CIN, "Comon.Cin(Cin=4)", "name 'Comon' is not defined"),
    "no such index": (
        "*every(KernelDMASrc.CoeffDMAConfig[:], CacheHint=2)",
        "KernelDMASrc.CoeffDMAConfig[16](CacheHint=2)",
        "list index out of range",
    ),
    "zeros of too many registers": (CIN, "*zeros(Common.Cin, KernelDMASrc.MasterConfig)", "than a record can have"),
    "zeros of numbers": (CIN, "*zeros(0, 1 << 40)", "line 5"),
    "no such buffer": ('RBase0="a"', 'RBase0="q"', "RBase0='q' does not fit bits 4:0 (text, const, a, b, y)"),
    "no such name": ('InFmt="Float16"', 'InFmt="Float17"', "InFmt='Float17' does not fit bits 1:0 (UInt8"),
    "a call": (CIN, "Common.Cin(Cin=open('x'))", "`open`: it is more than parsing understands"),
    "an attribute": (CIN, "Common.Cin(Cin=Common.__class__)", "has no register __class__"),
    "an attribute of a value": (CIN, "Common.Cin(Cin=(4).real)", "more than parsing understands"),
    "a lambda": (CIN, "Common.Cin(Cin=(lambda: 4)())", "--run executes the script"),
    "a condition": (CIN, "Common.Cin(Cin=4 if ARCH else 5)", "more than parsing understands"),
    "text times a number": (CIN, "Common.Cin(Cin='a' * 9)", "more than parsing understands"),
    "a huge shift": (CIN, "Common.Cin(Cin=1 << 9999999999)", "is too large"),
    "a huge power": (CIN, "Common.Cin(Cin=9**9**9)", "is too large"),
    "a huge product": (CIN, f"Common.Cin(Cin={' * '.join(['999999999'] * 9)})", "is too large"),
    "a huge range": (CIN, "*[Common.Cin(Cin=4) for n in range(1 << 60)]", "is too long"),
    "a long range": (
        CIN,
        "*[Common.Cin(Cin=4 + 0 * n * m) for n in range(9999) for m in range(9999)]",
        "takes too long",
    ),
    "division by zero": (CIN, "Common.Cin(Cin=1 // 0)", "by zero"),
    "no multiple": ("Src1RowStride(Stride=0x40)", "Src1RowStride(Stride=0x41)", "a multiple of 0x40"),
    "bad role": ('Tensor("a", "input", 4', 'Tensor("a", "inward", 4', "tensor 'a' is not"),
    "bad row": ('Tensor("a", "input", 4', 'Tensor("a", "input", 4, 7', "takes"),
    "an unknown type": ('"float16", 512),', '"float99", 512),', "tensor 'a' is not"),
    "a BAR twice": ('Tensor("b", "input", 5', 'Tensor("b", "input", 4', "BAR 4 is both a and b"),
    "a BAR of the text": ('Tensor("b", "input", 5', 'Tensor("b", "input", 1', "BAR 1 is both const and b"),
    "no task": ("    task_0,", "    # task_0,", "no task in TASKS"),
    "itself": (CIN, "*task_0()", "nested too deeply, or calls itself"),
    "count": (
        "= Register(0x13850, 4",
        "= Register(0x13850, 1 << 40",
        "number of registers",
    ),
    "kind": (
        "Cin          = Register(0x0000c, Cin=(16, 0))",
        "Cin = Register(0x0000c, Cin=(16, 0, 5))",
        "field Cin is",
    ),
    "bits": (
        "Cin          = Register(0x0000c, Cin=(16, 0))",
        "Cin = Register(0x0000c, Cin=(1 << 70, 0))",
        "field Cin is",
    ),
    "address": ("Cin          = Register(0x0000c,", "Cin = Register(-8,", "is not the address"),
    "odd address": ("Cin          = Register(0x0000c,", "Cin = Register(0x0000d,", "is not the address"),
}


@pytest.mark.parametrize("how", WRONG)
def test_what_does_not_fit_is_an_error(tmp_path, how):
    old, new, words = WRONG[how]
    with pytest.raises(ScriptError) as error:
        edited(tmp_path, "mul", (old, new))
    assert words in str(error.value)
    assert how == "itself" or "line " in error.value.where
    assert len(str(error.value)) < 400


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("bytes(0x40)", "bytes(1 << 50)"),
        ("bytes(0x40)", "bytes(-1)"),
        ("lay_out(TASKS", "lay_out(5"),
        ("alignment=256)", "alignment=256, places={0: 1 << 50})"),
        ("alignment=256)", "alignment=0)"),
        ("    return {0: ", "    return 5, {0: "),
    ],
)
def test_build_that_cannot_be_is_an_error(tmp_path, old, new):
    program = loaded("mul")._replace(const=memoryview(bytes(0x40)))
    text = emitter.emit(program).text
    assert old in text
    path = tmp_path / "edited.py"
    path.write_text(text.replace(old, new))
    with pytest.raises(ScriptError) as error:
        formats.load(str(path))
    assert error.value.where.startswith("line ")


TABLES = {
    "TENSORS = ": ("5", '[Tensor("a", "input", 4, 5, (64, 64, 64, 2), "float16", 64)]',
                   '[Tensor("a", "input", 4, (1, 1, 1, 1), None, "float16", 64)]',
                   '[Tensor("a", "input", 4, None, None, None, 64)]',
                   '[Tensor("a", [], 4, None, None, None, 64)]', '[Tensor("a", "input", -4, None, None, None, 64)]'),
    "BARS = ": ("5", '{"text": "a"}', "{5: 5}", "{[]: 5}"),
    "TASKS = ": ("5", "[5]", "[partial(5)]", "[partial(task_0, Odd=1)]"),
}  # fmt: skip


@pytest.mark.parametrize(("name", "given"), [(name, given) for name, some in TABLES.items() for given in some])
def test_tables_of_other_types_are_errors_with_their_line(tmp_path, name, given):
    text = emitter.emit(loaded("mul")).text
    start = text.index(f"\n{name}") + 1
    end = text.index("\n", start) if name == "BARS = " else text.index("\n]", start) + 2
    path = tmp_path / "edited.py"
    path.write_text(text[:start] + name + given + text[end:])
    with pytest.raises(ScriptError) as error:
        formats.load(str(path))
    assert error.value.where.startswith("line ")


@pytest.mark.parametrize(
    "nest", ["(" * 5000 + ")" * 5000, "-" * 100_000 + "1", "[" * 90 + "]" * 90 + "[0]" * 3000, "1" + "+1" * 50_000]
)
def test_deep_nesting_is_an_error_in_a_line(tmp_path, nest):
    with pytest.raises(ScriptError) as error:
        edited(tmp_path, "mul", ('ARCH = "H13"', f'ARCH = "H13"\nDEEP = {nest}'), (CIN, "Common.Cin(Cin=DEEP)"))
    assert len(str(error.value).splitlines()) == 1


def test_script_of_the_version_before_is_told_apart(tmp_path):
    path = tmp_path / "old.py"
    path.write_text('ARCH = "H13"\nAUTO = "auto"\nTENSORS = []\n\n\ndef tasks():\n    return [task_0()]\n')
    with pytest.raises(ScriptError, match="made by an earlier version of hwx2py; convert the original file again"):
        formats.load(str(path))


def test_run_takes_the_program_from_an_executed_script(tmp_path, cli):
    """What parsing does not understand is Python all the same."""
    path, out = tmp_path / "mul.py", tmp_path / "again.py"
    text = emitter.emit(loaded("mul")).text.replace(CIN, "Common.Cin(Cin=len('abcd') if ARCH else 5)")
    path.write_text(text)
    refused = cli("convert", path, "-o", out)
    assert refused.code == 2
    assert "--run executes the script" in refused.err
    assert cli("convert", path, "--run", "-o", out).code == 0
    assert formats.load(str(out)).program.text.to_bytes() == loaded("mul").text.to_bytes()
    assert cli("diff", path, conftest.example("mul"), "--run").code == 0


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("raise ValueError('odd')", "ValueError: odd"),
        ("open('/dev/mem')", "opens /dev/mem"),
        ("raise SystemExit(0)", "it ended"),
    ],
)
def test_script_that_does_not_build_under_run_is_told_in_a_line(tmp_path, cli, line, words):
    path = tmp_path / "mul.py"
    path.write_text(emitter.emit(loaded("mul")).text + f"\n{line}\n")
    done = cli("info", path, "--run")
    assert (done.code, len(done.err.splitlines())) == (2, 1)
    assert words in done.err


@pytest.mark.parametrize("source", ["print('hello')", "ARCH = 'H13'", "x = (", "\0"])
def test_other_python_is_no_script_of_ours(tmp_path, source):
    path = tmp_path / "other.py"
    path.write_text(source)
    with pytest.raises(ScriptError):
        formats.load(str(path))


def test_reading_runs_nothing(tmp_path):
    text = emitter.emit(loaded("mul")).text + "\nraise SystemExit('it was run')\n"
    path = tmp_path / "loud.py"
    path.write_text(text)
    with pytest.raises(ScriptError, match="more than parsing understands"):
        formats.load(str(path))


def read_back(tmp_path, program: Program) -> Program:
    path = tmp_path / "again.py"
    path.write_text(emitter.emit(program).text)
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
    assert emitter.emit(program).text.count("def task_") < 5
    again = read_back(tmp_path, program)
    assert again.text.to_bytes() == program.text.to_bytes()
