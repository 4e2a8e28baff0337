"""What the lines of a script say: comments for every value, zeros in one call, where it came from, its options."""

import difflib
import os
import re
import subprocess
import sys

import builders
import numpy as np
import pytest
from conftest import H13_EXAMPLES, SHARED, example, loaded

from hwx2py import emitter, formats, passes
from hwx2py.emitter import data

REAL = SHARED / "hwx" / "real"
MULS = [REAL / f"{name}.hwx" for name in ("mul", "mul_macos14", "mul_macos26")]
CALL = re.compile(r"[A-Z]\w*\.\w+(?:\[\w+\])?\(([^()]*)\)|\*(?:every|zeros)\(([^()]*)\)")


def task_lines(text: str) -> list[str]:
    """The lines of a script's tasks."""
    lines = text[text.index("\ndef task_0(") : text.index("\nTASKS = [")].splitlines()
    return [line for line in lines if line.startswith(" ")]


def remark_on(program, call: str) -> str:
    """What stands behind the first line with a call, or above it."""
    lines = task_lines(emitter.emit(program).text)
    place = next(number for number, line in enumerate(lines) if call in line.partition("#")[0])
    if "#" in lines[place]:
        return lines[place].partition("#")[2].strip()
    found = []
    while lines[place - 1].lstrip().startswith("#"):
        place -= 1
        found.insert(0, lines[place].lstrip(" #"))
    return " ".join(found)


@pytest.mark.parametrize("name", [*H13_EXAMPLES, "add14", "add16"])
def test_every_valued_line_has_its_comment_and_zeros_have_none(name):
    lines = task_lines(emitter.emit(loaded(name) if name != "add14" else builders.add14()).text)
    above = False
    for line in lines:
        code, _, comment = line.partition("#")
        if not code.strip():
            above = True
            continue
        calls = [(every if every.partition(",")[2] else "") or call for call, every in CALL.findall(code)]
        starts = code.strip().startswith(("*", "[")) or re.match(r"\s+[A-Z]\w*\.\w+", code)
        if calls or starts:
            valued = any(calls) and "*zeros(" not in code
            if valued and "Stream.Record" not in code:
                assert comment or above, line
            if not valued and not code.strip().startswith("[ ") and calls:
                assert not comment, line
        above = False


def test_comment_of_an_enumeration_lists_the_choices():
    assert remark_on(loaded("mul"), "PE.Cfg(").startswith(
        "operation: Add Mul Max Min SumSquares; PoolMode: Sum Max Min"
    )
    assert remark_on(loaded("mul"), "Common.ChCfg(") == "element formats: UInt8 Int8 Float16"
    assert remark_on(loaded("conv"), "NE.MACCfg(").startswith("operation: Conv ElementwiseMult CrossChannelMax Bypass")


@pytest.mark.parametrize(
    ("registers", "call", "remark"),
    [
        ({"TileDMASrc_Unk13840": 0x100}, "TileDMASrc.Unk13840(", "0x100: ignored (edited on an M1)"),
        ({"TileDMASrc_Unk1386c": 0x4}, "TileDMASrc.Unk1386c(", "0x4: no name in any source"),
        ({"L2_L2Cfg": 0x101}, "L2.L2Cfg(", "what happens on entry; 0x100: ignored (edited on an M1)"),
        ({"Common_PECfg": 1 << 20}, "Common.PECfg(", "0x100000: a bit without a name"),
        ({"PE_BiasScale": 0x7E000000}, "PE.BiasScale(", "0x7e000000: Scale is nan"),
    ],
)
def test_raw_bit_carries_what_is_known_of_it(registers, call, remark):
    assert remark_on(builders.elementwise(**registers), call).endswith(remark)


def test_fields_that_select_engines_say_how_many():
    program = loaded("conv")
    task = program.tasks[0]
    place = program.arch.place("Common.Cfg.ActiveNE")
    index = next(write.index for write in task.writes() if write.address == place.address)
    header = program.arch.place("Header.ENE").address // 4
    words = {
        index: task.words[index] & ~place.mask | 2 << 19,
        header: task.words[header] & ~(7 << 24) | 3 << 24,
    }
    four = program.with_tasks([task.with_words(words)])
    assert remark_on(four, "ENE=3").endswith("; 4 engines")
    assert remark_on(four, "ActiveNE=2").endswith("; 4 engines")


def test_comments_speak_of_this_task():
    """A task of one source has none of two, and what its engines do not read is said to be unused."""
    one = builders.elementwise(
        TileDMASrc_Src2DMAConfig={"CacheHint": 2}, NE_MACCfg={"ArgOutputSelect": 1}, Common_Cfg={"TaskType": 2}
    )
    assert remark_on(one, "TileDMASrc.Src2DMAConfig(") == "not used: there is one source"
    assert remark_on(one, "NE.MACCfg(") == "not used: the planar engine computes"
    assert remark_on(one, "TileDMASrc.Src1RowStride(") == "from row to row of the source"
    assert not [line for line in task_lines(emitter.emit(one).text) if "source 2" in line.partition("#")[2]]
    assert remark_on(loaded("mul"), "TileDMASrc.Src2RowStride(") == "from row to row of source 2"
    assert remark_on(loaded("conv"), "TileDMASrc.Src1RowStride(") == "from row to row of the source"


def test_places_in_l2_name_the_tasks_that_wrote_them():
    lines = emitter.emit(loaded("softmax")).text.splitlines()
    assert any("# y = L2[0x4000] (task 2) * L2[0x800] (task 3)" in line for line in lines)
    assert any("= (x - L2[0x0] (task 0)) * " in line for line in lines)


def test_title_is_what_the_last_task_gives():
    title = emitter.emit(loaded("softmax")).text.splitlines()[1]
    assert title.startswith('"""softmax: y = L2[0x4000] (task 2) * L2[0x800] (task 3); planar engine')
    assert emitter.emit(loaded("mul")).text.splitlines()[1].startswith('"""mul: y = a * b; planar engine, 4 x 2 x 16.')


def test_record_of_zeros_is_one_call():
    lines = [line.strip() for line in task_lines(emitter.emit(loaded("chain")).text)]
    assert "[*zeros(NE.KernelCfg, NE.PostScale)]," in lines
    assert "[*zeros(KernelDMASrc.MasterConfig, KernelDMASrc.NonLinearLutBfrSize)]," in lines


@pytest.mark.parametrize("options", [[], ["--clean"]])
def test_script_that_is_converted_again_is_the_same(cli, tmp_path, options):
    one, two = tmp_path / "one" / "mul.py", tmp_path / "two" / "mul.py"
    source = tmp_path / "mul.hwx"
    source.write_bytes(example("mul").read_bytes())
    for path in (one, two):
        path.parent.mkdir()
    assert cli(source, *options, "-o", one).code == 0
    assert cli(one, "-o", two).code == 0
    assert one.read_bytes() == two.read_bytes()
    assert ("Pass " in one.read_text()) == bool(options)
    edited = one.read_text().replace('OpMode="Mul"', 'OpMode="Add"')
    one.write_text(edited)
    assert cli(one, "-o", two).code == 0
    header = two.read_text().splitlines()[:20]
    assert [line for line in edited.splitlines() if line.startswith(("Source:", "Pass "))] == [
        line for line in header if line.startswith(("Source:", "Pass "))
    ]
    assert "Edited:   after that, in mul.py" in header


def run(*command: str, **environment: str) -> subprocess.CompletedProcess:
    return subprocess.run(
        [sys.executable, *command], capture_output=True, text=True, check=False, env={**os.environ, **environment}
    )


def test_script_without_docstrings_and_without_numpy(tmp_path):
    path, empty = tmp_path / "mul.py", tmp_path / "empty" / "numpy"
    path.write_text(emitter.emit(loaded("mul")).text)
    empty.mkdir(parents=True)
    (empty / "__init__.py").write_text("raise ImportError('none here')\n")
    told = run("-OO", str(path), "--help").stdout
    assert "inputs (default: 3, 2, 1, 1 ..): a float16 (1, 4, 2, 16), b float16 (1, 4, 2, 16)" in " ".join(told.split())
    bare = run(str(path), PYTHONPATH=str(empty.parent))
    assert (bare.returncode, bare.stdout, bare.stderr.count("\n")) == (2, "", 1)
    assert "mul.py: running needs Linux and NumPy" in bare.stderr
    assert run("-OO", str(path), "--dry-run", PYTHONPATH=str(empty.parent)).returncode == 0


def changed_lines(one: str, two: str) -> int:
    """Lines that `diff -u` marks."""
    found = difflib.unified_diff(one.splitlines(), two.splitlines(), lineterm="")
    return sum(line.startswith(("+", "-")) for line in found)


@pytest.mark.skipif(not MULS[0].exists(), reason="no folder `shared` with real files beside the repository")
def test_cleaned_scripts_of_three_compilers_differ_less_and_are_short():
    texts = {}
    for path in MULS:
        program = formats.load(str(path)).program
        clean, outcomes = passes.run(program, passes.chosen(True))
        texts[path] = emitter.emit(program).text, emitter.emit(clean, passes.summary(outcomes)).text
    for one, two in ((0, 1), (0, 2), (1, 2)):
        before, after = (changed_lines(texts[MULS[one]][kind], texts[MULS[two]][kind]) for kind in (0, 1))
        assert after < before, (MULS[one].stem, MULS[two].stem)
    lines = texts[MULS[1]][1].splitlines()
    assert len(lines) <= 640
    assert lines.index("# fmt: on") < 150


def test_runs_of_zeros_are_all_found():
    random = np.random.default_rng(0)
    for _ in range(200):
        pieces = [bytes(n) if n % 2 else random.bytes(n) for n in random.integers(1, 200, 12)]
        content = b"".join(pieces)
        expected = [match.span() for match in re.finditer(rb"\0{64,}", content)]
        assert list(data._zero_runs(memoryview(content), 64)) == expected, content
