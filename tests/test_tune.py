"""`compile --tune`: alternatives of forms, judged by cost; the same values, a table, a limit of time."""

import csv
import itertools
import json

import numpy as np
import pytest
from conftest import EXAMPLES

import hwx2py
from hwx2py.compiler.compile import compile_network
from hwx2py.compiler.tune import Judgement, Tuner


def network(rows=16, channels=64):
    """A convolution of several lanes, a product that can be folded, a window between tensors that stay in L2."""
    rng = np.random.default_rng(2)
    g = hwx2py.Graph()
    x = g.input("x", (1, 3, 16, 24))
    y = g.sigmoid(g.conv(x, rng.normal(0, 0.3, (channels, 3, 3, 3)), pads=1))
    g.output("y", g.add(g.conv(y, rng.normal(0, 0.05, (channels, channels, 3, 3)), pads=1), y))
    m = g.input("m", (1, 1, rows, 2176))
    g.output("z", g.matmul(m, rng.normal(0, 0.02, (2176, 32))))
    return g


def outputs(program, seed=1):
    rng = np.random.default_rng(seed)
    inputs = {tensor.name: rng.uniform(-2, 2, tensor.shape).astype(np.float16) for tensor in program.inputs}
    result = hwx2py.emulate(program, inputs)
    assert not result.faults, result.faults[0]
    return {name: array.tobytes() for name, array in result.outputs.items()}


def test_the_tuned_program_gives_the_same_bits_and_the_table_has_every_alternative():
    usual, tuned = hwx2py.compile(network()), hwx2py.compile(network(), tune=True)
    assert not [found for found in hwx2py.check(tuned.program) if found.level in ("error", "warning")]
    assert outputs(usual.program) == outputs(tuned.program)
    tuning = tuned.report.tuning
    assert tuning.is_complete
    assert usual.report.tuning is None
    tried = {(trial.choice, trial.alternative) for trial in tuning.trials if trial.operation}
    assert {("lanes", "by rule"), ("lanes", "1 a plane"), ("lanes", "2 a plane")} <= tried
    assert {("product", "A: rows as they are"), ("product", "B: rows folded to M / 8 by 8")} <= tried
    programs = [trial for trial in tuning.trials if not trial.operation]
    assert {trial.alternative.split(", ")[-1] for trial in programs} > {"all intermediates in scratch", "usual tiles"}
    assert tuning.before == Judgement(
        usual.report.chaining.chained.estimate_us, usual.report.figures.moved_bytes
    )  # fmt: skip
    assert tuning.after <= tuning.before
    assert tuning.after == Judgement(tuned.report.chaining.chained.estimate_us, tuned.report.figures.moved_bytes)


def test_one_alternative_of_each_choice_is_taken_and_it_is_the_cheapest():
    tuning = hwx2py.compile(network(), tune=True).report.tuning
    groups = itertools.groupby(tuning.trials, lambda trial: (trial.operation, trial.choice))
    for _, group in groups:
        rows = list(group)
        assert [row.is_usual for row in rows] == [True] + [False] * (len(rows) - 1)
        (chosen,) = (row for row in rows if row.is_chosen)
        if rows[0].choice == "program":
            assert chosen is min((row for row in rows if row.judgement), key=lambda row: row.judgement)
        else:
            assert chosen.judgement.estimate_us <= min(row.judgement.estimate_us for row in rows if row.judgement)


@pytest.mark.parametrize(("rows", "folds"), [(16, False), (32, False), (64, True)])
def test_the_other_way_to_multiply_gives_the_same_bits(rows, folds):
    """Of 16 and 32 rows the usual way is B, of three tasks; of 64 rows A, of two."""
    usual = compile_network(network(rows))
    tuner = Tuner(lambda program: Judgement(float((1 - 2 * folds) * len(program.tasks)), 0))
    tuned = compile_network(network(rows), tuner=tuner)
    (folded,) = (trial for trial in tuned.tuning.choices if trial.choice == "product")
    assert folded.alternative == ("A: rows as they are", "B: rows folded to M / 8 by 8")[folds]
    assert outputs(hwx2py.Program(usual.program)) == outputs(hwx2py.Program(tuned.program))


def fewest_lanes(program):
    """Judges by the lanes of the kernels."""
    return Judgement(float(sum(task_lanes(program))), 0)


def task_lanes(program):
    return [1 << task["Common.ConvCfg"].OCGSize for task in hwx2py.Program(program).tasks]


def test_fewer_lanes_give_the_same_bits():
    usual, tuned = compile_network(network()), compile_network(network(), tuner=Tuner(fewest_lanes))
    assert sum(task_lanes(tuned.program)) < sum(task_lanes(usual.program))
    assert outputs(hwx2py.Program(usual.program)) == outputs(hwx2py.Program(tuned.program))
    assert any("fewer lanes than compiler 9.509 takes" in note for note in tuned.program.task_notes)


def test_lower_tiles_give_the_same_bits_and_leave_space():
    def judge(program):
        return Judgement(float(sum(task["Common.TileCfg"].TileHeight for task in hwx2py.Program(program).tasks)), 0)

    def streamed():
        g = network()
        g.output("larger", g.maximum(g.input("k", (1, 8, 32, 40)), g.input("l", (1, 8, 32, 40))))
        return g

    usual, tuned = compile_network(streamed()), compile_network(streamed(), tuner=Tuner(judge))
    assert "tiles of 1 / 4" in next(row.alternative for row in tuned.tuning.trials[::-1] if row.is_chosen)
    assert not [found for found in hwx2py.check(hwx2py.Program(tuned.program)) if found.level in ("error", "warning")]
    assert outputs(hwx2py.Program(usual.program)) == outputs(hwx2py.Program(tuned.program))


def test_windows_keep_their_tiles():
    """Whether rows that tiles share are fetched again is not known."""

    def judge(program):
        return Judgement(float(sum(task["Common.TileCfg"].TileHeight for task in hwx2py.Program(program).tasks)), 0)

    usual, tuned = compile_network(network()), compile_network(network(), tuner=Tuner(judge))
    heights = [
        [task["Common.TileCfg"].TileHeight for task in hwx2py.Program(done.program).tasks
         if task["Common.ConvCfg"].Kh > 1]
        for done in (usual, tuned)
    ]  # fmt: skip
    assert heights[0] == heights[1]
    assert heights[0]


def test_a_cheaper_program_that_may_not_be_taken_is_not_and_the_table_says_why():
    usual = compile_network(network())
    tuner = Tuner(fewest_lanes, objection=lambda program: "task 1: a finding")
    tuned = compile_network(network(), tuner=tuner)
    assert bytes(tuned.program.const) == bytes(usual.program.const)
    assert tuned.tuning.before == tuned.tuning.after
    assert "task 1: a finding" in {trial.refused for trial in tuned.tuning.trials if not trial.operation}
    assert [trial.alternative for trial in tuned.tuning.trials if trial.is_chosen][-1] == "usual forms and tiles"


def test_when_the_time_is_over_the_best_so_far_is_kept():
    moments = itertools.count()
    judge = hwx2py.compile(network(), tune=True).report.tuning
    tuner = Tuner(fewest_lanes, seconds=4, clock=lambda: float(next(moments)))
    short = compile_network(network(), tuner=tuner)
    assert not short.tuning.is_complete
    assert 0 < len(short.tuning.trials) < len(judge.trials)
    none = hwx2py.compile(network(), tune=True, tune_seconds=0)
    assert not none.report.tuning.is_complete
    assert none.report.tuning.before == none.report.tuning.after
    assert outputs(none.program) == outputs(hwx2py.compile(network()).program)


def test_tuning_again_gives_the_same(tmp_path):
    for name in ("a.hwx", "b.hwx"):
        hwx2py.save(hwx2py.compile(network(), tune=True).program, tmp_path / name)
    assert (tmp_path / "a.hwx").read_bytes() == (tmp_path / "b.hwx").read_bytes()


def test_the_command_writes_the_table_and_says_who_judged(cli, tmp_path):
    pytest.importorskip("onnx")
    done = cli(
        "compile", EXAMPLES / "digits.onnx", "-o", tmp_path / "net.hwx", "--tune", "--tune-table", tmp_path / "t.csv",
        "--report", tmp_path / "net.json",
    )  # fmt: skip
    assert "no report of a chip has calibrated them yet" in done.err
    assert "tuned: " in done.err
    data = json.loads((tmp_path / "net.json").read_text())["tuning"]
    with open(tmp_path / "t.csv") as file:
        rows = list(csv.DictReader(file))
    assert [row["alternative"] for row in rows] == [row["alternative"] for row in data["tried"]]
    assert data["judge"].startswith("the estimates of `hwx2py cost`")
    assert data["complete"]


def test_options_of_tuning_without_tuning_are_refused(cli, tmp_path):
    pytest.importorskip("onnx")
    failed = cli("compile", EXAMPLES / "digits.onnx", "-o", tmp_path / "n.hwx", "--tune-seconds", "3")
    assert failed.code == 2
    assert "add --tune" in failed.err
    assert not (tmp_path / "n.hwx").exists()
