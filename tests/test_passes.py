"""Cleaning passes: what they change, what they leave alone, and that nothing that is used is touched."""

import builders
import pytest
from builders import H13
from conftest import H13_EXAMPLES, loaded

from hwx2py import passes
from hwx2py.errors import UsageError
from hwx2py.operations.idle import unread
from hwx2py.passes import PASSES, chosen
from hwx2py.program.program import Program

IDLE = {f"KernelDMASrc.CoeffDMAConfig[{engine}]": 0x80 for engine in range(16)}
IDLE |= {"NE.KernelCfg": 0x80, "NE.MACCfg": 0x00100000, "TileDMASrc.Unk13840": 0x100}


def idle(**more) -> Program:
    return builders.elementwise(**{name.replace(".", "_", 1): value for name, value in (IDLE | more).items()})


def changes(program: Program, name: str) -> set[tuple[str, int, int]]:
    _, (outcome,) = passes.run(program, [known for known in PASSES if known.name == name])
    return {(edit.register, edit.old, edit.new) for edit in outcome.edits}


def kept(program: Program, name: str) -> set[str]:
    _, (outcome,) = passes.run(program, [known for known in PASSES if known.name == name])
    return {entry.why for entry in outcome.kept}


def test_kernel_dma_clears_idle_channels():
    expected = {(f"KernelDMASrc.CoeffDMAConfig[{engine}]", 0x80, 0) for engine in range(16)}
    assert changes(idle(), "kernel-dma") == expected


def test_kernel_dma_clears_the_extra_channels_too():
    more = {"KernelDMASrc.PaletteLutDMAConfig": 0x80, "KernelDMASrc.BiasBfrSize": 0x40}
    found = changes(idle(**more), "kernel-dma")
    assert ("KernelDMASrc.PaletteLutDMAConfig", 0x80, 0) in found
    assert ("KernelDMASrc.BiasBfrSize", 0x40, 0) in found


def test_neural_engine_clears_only_the_idle_values():
    assert changes(idle(), "neural-engine") == {("NE.KernelCfg", 0x80, 0), ("NE.MACCfg", 0x100000, 0)}
    assert changes(idle(**{"NE.KernelCfg": 0x1080}), "neural-engine") == set()
    assert kept(idle(**{"NE.KernelCfg": 0x1080}), "neural-engine") == {"NE.KernelCfg is not the idle value"}


def test_source_residue_clears_only_0x100():
    assert changes(idle(), "source-residue") == {("TileDMASrc.Unk13840", 0x100, 0)}
    assert changes(idle(**{"TileDMASrc.Unk13840": 0x101}), "source-residue") == set()


@pytest.mark.parametrize(
    ("more", "why"),
    [
        ({"KernelDMASrc.CoeffDMAConfig[3]": 0x81}, "a channel of CoeffDMAConfig is enabled"),
        ({"KernelDMASrc.NonLinearLutDMAConfig": 0x81}, "a channel of NonLinearLutDMAConfig is enabled"),
        ({"KernelDMASrc.MasterConfig": 0x40}, "coefficients are fetched"),
    ],
)
def test_tasks_with_coefficients_are_left_alone(more, why):
    for name in ("kernel-dma", "neural-engine", "source-residue"):
        assert changes(idle(**more), name) == set()
        assert kept(idle(**more), name) == {why}


def test_tasks_with_a_coefficient_bar_or_a_relocation_are_left_alone():
    program = idle()
    task = program.tasks[0]
    banked = program.with_tasks([task.with_words({9: 0x21})])
    assert kept(banked, "kernel-dma") == {"the header names a coefficient BAR"}
    relocated = program._replace(relocated=[0x74])
    assert kept(relocated, "kernel-dma") == {"a relocation points into it"}


@pytest.mark.parametrize("name", ["conv", "chain"])
def test_tasks_of_the_neural_engines_are_never_touched(name):
    program = loaded(name)
    neural = [number for number, task in enumerate(program.tasks) if task.words[8] >> 24 & 7]
    for known in chosen(clean=True):
        _, (outcome,) = passes.run(program, [known])
        assert not {change.task for change in outcome.edits} & set(neural)


def two_tasks(second: dict) -> Program:
    """A planar task with idle state, then a task of the neural engines that writes only what is given."""
    a, b, y = (
        builders.tensor(n, r, bar, 2, 1, 8) for n, r, bar in (("a", "input", 4), ("b", "input", 5), ("y", "output", 6))
    )
    from hwx2py.program.build import Draft, complete, header, lay_out, write

    first = complete(H13, {"W8": builders.select(a, b, y)}, builders.planar(a, b, y, "Add") | IDLE)
    items = [write(H13, name, value) for name, value in second.items()]
    follows = frozenset({"NextSize", "NextPointer"})
    later = Draft(header(H13, {"W8": builders.select(a, None, y) | {"ENE": 1}}), items, follows)
    return Program(H13, lay_out(H13, [first, later]), (a, b, y), memoryview(b""), 0x600)


def test_state_that_a_later_task_inherits_is_left_alone():
    program = two_tasks({})
    for name in ("kernel-dma", "neural-engine", "source-residue"):
        assert changes(program, name) == set()
        assert kept(program, name) == {"a later task inherits it"}


def test_state_that_a_later_task_writes_itself_is_cleared():
    program = two_tasks({"TileDMASrc.Unk13840": 0x100})
    assert changes(program, "source-residue") == {("TileDMASrc.Unk13840", 0x100, 0)}
    assert changes(program, "neural-engine") == set()


def test_noise_clears_masks_cycles_and_priorities_only():
    program = builders.elementwise()
    task = program.tasks[0].with_words({1: 0x1234, 2: 0x422, 3: 0x7, 4: 0xFFF, 5: 0x1, 6: 0x30019800})
    cleaned, _ = passes.run(program.with_tasks([task]), chosen(False, ["noise"]))
    assert list(cleaned.tasks[0].words[1:7]) == [0, 0, 0x7, 0, 0, 0x30009800]
    assert "noise" not in [known.name for known in chosen(clean=True)]


@pytest.mark.parametrize("name", H13_EXAMPLES)
def test_passes_move_nothing_and_change_only_what_they_report(name):
    program = loaded(name)
    after, outcomes = passes.run(program, chosen(clean=True, only=["noise"]))
    reported = {(change.task, change.index) for outcome in outcomes for change in outcome.edits}
    for number, (old, new) in enumerate(zip(program.tasks, after.tasks)):
        assert (old.offset, old.records) == (new.offset, new.records)
        assert {(number, i) for i, (x, y) in enumerate(zip(old.words, new.words)) if x != y} == {
            place for place in reported if place[0] == number
        }


def test_a_second_run_changes_nothing():
    once, _ = passes.run(idle(), chosen(clean=True))
    twice, outcomes = passes.run(once, chosen(clean=True))
    assert once.text.to_bytes() == twice.text.to_bytes()
    assert not any(outcome.edits for outcome in outcomes)


def test_every_word_is_in_the_report():
    program = idle()
    _, outcomes = passes.run(program, chosen(clean=True))
    lines = passes.report(outcomes, program)
    assert "    task 0: KernelDMASrc.CoeffDMAConfig[0..15] 0x80 -> 0x0" in lines
    assert "    task 0: NE.MACCfg 0x100000 -> 0x0" in lines
    assert "Pass source-residue: 1 word of 1 task changed" in lines


def test_the_summary_has_a_line_for_each_pass_that_changed_or_left_something():
    _, outcomes = passes.run(idle(**{"NE.KernelCfg": 0x1080}), chosen(clean=True, only=["noise"]))
    assert passes.summary(outcomes) == [
        "Pass kernel-dma: 16 words changed in task 0",
        "Pass neural-engine: 2 words left alone in task 0",
        "Pass source-residue: 1 word changed in task 0",
    ]
    _, outcomes = passes.run(loaded("add16"), chosen(clean=True))
    assert passes.summary(outcomes) == []


def test_the_summary_counts_tasks_that_lie_scattered():
    outcome = passes.Outcome(PASSES[0], True, tuple(passes.WordEdit(n, 0, "r", 1, 0) for n in range(0, 40, 2)), ())
    assert passes.summary([outcome]) == ["Pass kernel-dma: 20 words changed in 20 tasks (0 to 38)"]


def test_state_that_does_not_carry_is_never_inherited():
    program = loaded("add16")
    (task,) = unread(program)
    assert task.is_planar
    assert not task.inherited
    assert program.arch.address("NE.MACCfg") in task.idle
    assert program.arch.address("PE.Cfg") not in task.idle


def test_passes_say_where_their_facts_do_not_hold():
    program = loaded("add16")
    after, outcomes = passes.run(program, chosen(clean=True))
    assert after.text.to_bytes() == program.text.to_bytes()
    assert "Pass kernel-dma: not for H16 (it rests on what is known of H13)" in passes.report(outcomes, program)


def test_choosing_passes():
    assert [known.name for known in chosen(True, skip=["neural-engine"])] == ["kernel-dma", "source-residue"]
    assert [known.name for known in chosen(False, only=["noise"])] == ["noise"]
    with pytest.raises(UsageError, match="no pass is called bogus"):
        chosen(True, only=["bogus"])


@pytest.mark.parametrize("bank", [0, 1, 2, 3])
def test_any_coefficient_bank_binds_the_task(bank):
    program = idle()
    word = builders.H13.register("Header.W9")
    enable = next(field for field in word.fields if field.name == f"KBE{bank}")
    banked = program.with_tasks([program.tasks[0].with_words({9: enable.mask})])
    assert changes(banked, "kernel-dma") == set()
    assert kept(banked, "kernel-dma") == {"the header names a coefficient BAR"}


def test_state_that_a_planar_task_with_coefficients_inherits_is_left_alone():
    program = two_tasks({"KernelDMASrc.MasterConfig": 0x40})
    later = program.tasks[1]
    planar = later.with_words({8: later.words[8] & ~(7 << 24)})
    program = program.with_tasks([program.tasks[0], planar])
    assert changes(program, "kernel-dma") == set()
    assert kept(program, "kernel-dma") == {"a later task inherits it"}


def test_a_relocation_binds_the_task_that_it_points_into_and_no_other():
    program = builders.complete_again(idle(), 2)
    second = program.tasks[1].offset
    for place, bound in ((second, 1), (second + 0x74, 1), (second - 4, 0), (0, 0)):
        _, (outcome,) = passes.run(program._replace(relocated=[place]), [PASSES[0]])
        assert {entry.task for entry in outcome.kept} >= {bound}, place
        assert {change.task for change in outcome.edits} <= {1 - bound}, place
