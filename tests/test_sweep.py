"""Emulations over a grid: axes, points, rows, and the page's commands and queries."""

import hashlib
import json
import re
import shlex
from pathlib import Path

import duckdb
import numpy as np
import pytest
from conftest import EXAMPLES, ROOT, example, loaded, one_line

from hwx2py import sweep, tables
from hwx2py.errors import HwxError
from hwx2py.sweep import grid
from hwx2py.sweep.points import statistics

PAGE = (ROOT / "docs" / "corpus.md").read_text()


def points(table: Path) -> list[dict]:
    """The rows of a table of JSON lines, by point."""
    lines = [line for path in table.glob("points/*.jsonl") for line in path.read_text().splitlines()]
    return sorted(map(json.loads, lines), key=lambda row: row["point"])


def swept(cli, program: str, table: Path, *vary: str, jobs: int = 1) -> list[dict]:
    """The rows of a sweep over an example."""
    options = [option for text in vary for option in ("--vary", text)]
    done = cli("sweep", example(program), *options, "-o", table, "--format", "jsonl", "--jobs", jobs)
    assert done.code == 0, done.err
    return points(table)


def test_a_row_for_each_value(cli, tmp_path):
    rows = swept(cli, "mul", tmp_path / "t", "PE.Cfg.OpMode=Add,Mul,2,Min")
    assert [row["PE.Cfg.OpMode"] for row in rows] == ["Add", "Mul", "Max", "Min"]
    assert [row["y.mean"] for row in rows] == [5.0, 6.0, 3.0, 2.0]
    assert all(row["y.smallest"] == row["y.largest"] == row["y.mean"] for row in rows)
    assert all((row["faults"], row["refusal"], row["y.not_finite"]) == ([], None, 0) for row in rows)
    shape = loaded("mul").outputs[0].shape
    assert rows[1]["y.sha256"] == hashlib.sha256(np.full(shape, 6.0, np.float16)).hexdigest()


def test_a_grid_runs_through_the_last_axis_first(cli, tmp_path):
    rows = swept(cli, "mul", tmp_path / "t", "PE.Cfg.OpMode=Add,Mul", "PE.BiasScale.Scale=1,0.5,2")
    assert [(row["PE.Cfg.OpMode"], row["PE.BiasScale.Scale"]) for row in rows] == [
        (mode, scale) for mode in ("Add", "Mul") for scale in (1.0, 0.5, 2.0)
    ]
    assert [row["y.mean"] for row in rows] == [5.0, 2.5, 10.0, 6.0, 3.0, 12.0]


def test_results_that_no_hardware_confirmed_are_marked(cli, tmp_path):
    for program, field, marked in (("mul", "InDim", False), ("add16", "InWidth", True)):
        vary = ("--vary", f"Common.{field}.Win=8", "-o", tmp_path / program)
        assert ("note: no hardware run has confirmed" in cli("sweep", example(program), *vary).err) == marked


def test_inputs_are_those_that_are_given(cli, tmp_path):
    np.save(tmp_path / "b.npy", np.full(loaded("mul").inputs[1].shape, 0.5, np.float16))
    options = ("--input", "a=4", "--input", f"b={tmp_path / 'b.npy'}", "--format", "jsonl")
    assert cli("sweep", example("mul"), "--vary", "PE.OpMode=Add,Mul", "-o", tmp_path / "t", *options).code == 0
    assert [row["y.mean"] for row in points(tmp_path / "t")] == [4.5, 2.0]
    other = cli("sweep", example("mul"), "--vary", "PE.OpMode=Add,Mul", "-o", tmp_path / "t", "--format", "jsonl")
    assert "holds another sweep" in other.err


@pytest.mark.parametrize("option", ["c=1", "a=much", "a=1e9", "a=missing.npy", "a=random:x"])
def test_inputs_that_do_not_fit_are_told(cli, tmp_path, option):
    done = cli("sweep", example("mul"), "--vary", "PE.OpMode=1", "--input", option, "-o", tmp_path / "t")
    assert done.code == 2
    assert one_line(done.err)
    assert ("missing.npy: no such file" if "missing" in option else f"--input {option}") in done.err
    assert not (tmp_path / "t").exists()


def test_refusals_and_faults_are_rows(cli, tmp_path):
    rows = swept(cli, "mul", tmp_path / "t", "PE.Cfg.OpMode=Mul,7", "Header.W8.RBase0=4,9")
    assert rows[0]["refusal"] is None
    assert "fault unbound-bar" in rows[1]["faults"][0]
    assert rows[1]["y.sha256"] is None
    assert "PE.Cfg.OpMode = 7" in rows[2]["refusal"]


def test_what_a_sweep_holds_does_not_depend_on_the_number_of_jobs(cli, tmp_path):
    one = swept(cli, "mul", tmp_path / "one", "Common.InDim.Win=0..150")
    two = swept(cli, "mul", tmp_path / "two", "Common.InDim.Win=0..150", jobs=2)
    assert len(one) == 151
    assert one == two
    assert sorted(path.name for path in (tmp_path / "one/points").iterdir()) == sorted(
        path.name for path in (tmp_path / "two/points").iterdir()
    )


def test_a_sweep_that_was_stopped_goes_on(cli, tmp_path):
    rows = swept(cli, "mul", tmp_path / "t", "Common.InDim.Win=0..150")
    stamps = {path: path.stat().st_mtime_ns for path in (tmp_path / "t/points").iterdir()}
    first = min(stamps)
    first.unlink()
    options = ("--vary", "Common.InDim.Win=0..150", "-o", tmp_path / "t", "--format", "jsonl", "--jobs", 1)
    done = cli("sweep", example("mul"), *options)
    assert "64 points, " in done.err
    assert "87 points stood already" in done.err
    assert points(tmp_path / "t") == rows
    assert all(path.stat().st_mtime_ns == stamp for path, stamp in stamps.items() if path != first)


def test_another_sweep_is_left_alone(cli, tmp_path):
    rows = swept(cli, "mul", tmp_path / "t", "PE.Cfg.OpMode=Add,Mul")
    options = ("--vary", "PE.Cfg.OpMode=Add,Max", "-o", tmp_path / "t", "--format", "jsonl")
    done = cli("sweep", example("mul"), *options)
    assert done.code == 2
    assert "holds another sweep" in done.err
    assert points(tmp_path / "t") == rows


def test_one_task_or_every_task():
    program = loaded("chain")
    every = sweep.axis_of("Common.InDim.Win=1", program)
    assert {place.task for place in every.places} == set(range(len(program.tasks)))
    only = sweep.axis_of("task 1: Common.InDim.Win=1", program)
    assert {place.task for place in only.places} == {1}
    assert only.name == "task 1: Common.InDim.Win"


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("PE.OpMode=0..3", [0, 1, 2, 3]),
        ("PE.Cfg.OpMode=Add, Max,5..6", ["Add", "Max", 5, 6]),
        ("TileDMASrc.Src1RowStride.Stride=64..256", [64, 128, 192, 256]),
        ("PE.BiasScale.Scale=0.5,-1,1e-3", [0.5, -1.0, 1e-3]),
        ("TileDMASrc.Unk13840=0,0x100", [0, 0x100]),
        ("Header.W8.RBase0=4..6", [4, 5, 6]),
    ],
)
def test_values(text, values):
    assert list(sweep.axis_of(text, loaded("mul")).values) == values


def test_a_register_of_an_array():
    program = loaded("conv")
    axis = sweep.axis_of("KernelDMASrc.CoeffBfrSize[3].MemBfrSize=64..1024", program)
    changed = grid.varied(program, [axis], [1024])
    address = program.arch.address("KernelDMASrc.CoeffBfrSize", 3)
    differing = [
        after.address
        for before, after in zip(program.tasks[0].writes(), changed.tasks[0].writes())
        if before.value != after.value
    ]
    assert differing == [address]


def test_only_the_field_is_changed():
    program = loaded("mul")
    axes = [sweep.axis_of(text, program) for text in ("PE.Cfg.OpMode=Max", "PE.Cfg.Cond=1")]
    changed = grid.varied(program, axes, ["Max", 1])
    before, after = (
        next(w.value for w in p.tasks[0].writes() if w.address == program.arch.address("PE.Cfg"))
        for p in (program, changed)
    )
    assert after == before & ~(axes[0].mask | axes[1].mask) | axes[0].bits("Max") | axes[1].bits(1)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("PE.Cfg.OpMod=1", "did you mean PE.Cfg.OpMode?"),
        ("PE.Cfg.OpMode", "is not REGISTER.FIELD=VALUES"),
        ("PE.Cfg.OpMode=", "a value is missing"),
        ("PE.Cfg.OpMode=Add,,Mul", "a value is missing"),
        ("PE.Cfg.OpMode=Plus", "PE.Cfg: OpMode='Plus' does not fit bits 4:2 (Add, Mul"),
        ("PE.Cfg.OpMode=0..99", "does not fit"),
        ("PE.Cfg.OpMode=-1", "does not fit"),
        ("PE.Cfg.OpMode=5..1", "the range is empty"),
        ("PE.Cfg.OpMode=Add..Mul", "from one whole number to another"),
        ("PE.BiasScale.Scale=nan", "not a finite number"),
        ("PE.BiasScale.Scale=0..1", "from one whole number to another"),
        ("TileDMASrc.Src1RowStride.Stride=65", "Stride=65 does not fit bits 31:6 (bytes, a multiple of 0x40)"),
        ("PE.Cfg=0x100000000", "32 bits"),
        ("task 7: PE.Cfg.OpMode=Add", "there is no task 7"),
        ("KernelDMASrc.CoeffBfrSize[99].MemBfrSize=64", "not one at 99"),
        ("Common.InDim.Win=0..0xffffffffffff", "does not fit"),
        ("TileDMADst.Unk99=1", "no register field TileDMADst.Unk99"),
    ],
)
def test_what_makes_no_sense_is_told_in_a_line(cli, tmp_path, text, words):
    done = cli("sweep", example("mul"), "--vary", text, "-o", tmp_path / "t")
    assert done.code == 2
    assert one_line(done.err)
    assert words in done.err
    assert not (tmp_path / "t").exists()


def test_a_register_that_no_task_writes_is_told():
    program = loaded("mul")
    task = program.tasks[0]
    index = next(n for n, record in enumerate(task.records) if record.address == program.arch.address("PE.Cfg"))
    less = program.with_tasks([task._replace(records=task.records[:index])])
    with pytest.raises(HwxError, match=r"no task writes PE\.Cfg"):
        sweep.axis_of("PE.Cfg.OpMode=1", less)


def test_a_program_is_a_file(cli, tmp_path):
    done = cli("sweep", "-", "--vary", "PE.OpMode=1", "-o", tmp_path / "t")
    assert one_line(done.err)
    assert "it cannot come from standard input" in done.err


def test_a_field_is_varied_once(cli, tmp_path):
    done = cli("sweep", example("mul"), "--vary", "PE.OpMode=1", "--vary", "PE.OpMode=2", "-o", tmp_path / "t")
    assert "PE.OpMode is varied twice" in done.err


def test_grids_end(cli, tmp_path):
    vary = ("--vary", "TileDMASrc.Unk13840=0..0xffffffff", "--vary", "Common.InDim.Win=0..9")
    done = cli("sweep", example("mul"), *vary, "-o", tmp_path / "t")
    assert one_line(done.err)
    assert "42,949,672,960 points" in done.err


def test_statistics_are_those_of_finite_elements():
    found = statistics(np.array([1, np.nan, -3, np.inf], np.float16))
    assert (found["smallest"], found["largest"], found["mean"], found["not_finite"]) == (-3.0, 1.0, -1.0, 2)
    assert statistics(np.array([np.nan], np.float16))["mean"] is None


def test_a_changed_program_stops_a_sweep(tmp_path):
    path = tmp_path / "mul.hwx"
    path.write_bytes(example("mul").read_bytes())
    plan = sweep.plan(str(path), ["PE.OpMode=0..3"], str(tmp_path / "t"), "jsonl")
    path.write_bytes(example("chain").read_bytes())
    with pytest.raises(HwxError, match="was changed during the sweep"):
        list(tables.make_parts(sweep.make_part, plan.store, plan.jobs))
    assert not list((tmp_path / "t/points").iterdir())


@pytest.fixture(scope="module")
def documented(tmp_path_factory) -> Path:
    """A folder in which the page's sweep has been made."""
    line = next(line for line in PAGE.splitlines() if line.startswith("hwx2py sweep"))
    _, _, path, _, vary, _, table = shlex.split(line)
    folder = tmp_path_factory.mktemp("documented")
    plan = sweep.plan(str(EXAMPLES.parent / path), [vary], str(folder / table))
    assert list(tables.make_parts(sweep.make_part, plan.store, plan.jobs))
    return folder


def test_queries_of_the_page_answer(documented):
    queries = [sql for sql in re.findall(r"```sql\n(.*?)```", PAGE, re.DOTALL) if "modes/" in sql]
    by_point, groups = (duckdb.sql(sql.replace("'modes/", f"'{documented}/modes/")).fetchall() for sql in queries)
    assert [row[:2] for row in by_point] == [("Add", 5.0), ("Mul", 6.0), ("Max", 3.0), ("Min", 2.0)]
    assert sorted(modes for _, modes in groups) == [["Add"], ["Max"], ["Min"], ["Mul"]]


@pytest.mark.parametrize("text", re.findall(r"^\| `([^`|]+=[^`|]+)` \|", PAGE, re.MULTILINE))
def test_forms_of_the_page_are_taken(text):
    assert len(sweep.axis_of(text, loaded("chain")).values)
