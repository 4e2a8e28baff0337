"""Comparing programs: levels, alignment of tasks, noise told from what computes."""

import json
import os
import subprocess
import sys

import builders
import pytest
import wiring
from builders import elementwise
from conftest import example, loaded
from wiring import L2, SCRATCH, At, X, Y, Z

from hwx2py import delta, emitter, formats
from hwx2py.delta.align import align
from hwx2py.delta.comparison import ABSENT, BARS, Class
from hwx2py.delta.data import as_data
from hwx2py.delta.markdown import as_markdown
from hwx2py.delta.text import as_text
from hwx2py.formats.anec.write import write
from hwx2py.formats.hwx.create import create
from hwx2py.operations import sentences
from hwx2py.program.bars import bound_order, renumber
from hwx2py.program.build import Draft, header, lay_out
from hwx2py.program.program import Program
from hwx2py.program.streams import Pending

IDLE = {f"KernelDMASrc_CoeffDMAConfig[{engine}]": 0x80 for engine in range(16)}


def without(program: Program, *registers: str) -> Program:
    """The program with some writes of its first task left out."""
    task = program.tasks[0]
    missing = {program.arch.address(name) for name in registers}
    items = [Pending(write.address, write.value) for write in task.writes() if write.address not in missing]
    drafts = [Draft(list(task.words[:10]), items, frozenset({"NextSize", "NextPointer"}))]
    return program._replace(text=lay_out(program.arch, drafts))


def with_words(program: Program, words: dict[int, int], task: int = 0) -> Program:
    tasks = list(program.tasks)
    tasks[task] = tasks[task].with_words(words)
    return program.with_tasks(tasks)


def registers(report: delta.Comparison) -> dict[str, str]:
    return {change.register: change.why for task in report.tasks for change in task.changes}


def test_a_program_is_the_same_as_itself():
    for name in ("mul", "conv", "chain", "add16"):
        report = delta.compare(loaded(name), loaded(name))
        assert report.is_empty
        assert report.verdict() == "The two are the same program."


def test_a_changed_field_is_told_with_both_values():
    report = delta.compare(elementwise("Add"), elementwise("Mul"))
    assert registers(report) == {"PE.Cfg": ""}
    (change,) = report.tasks[0].changes[0].fields
    assert (change.field, change.a, change.b) == ("OpMode", "Add", "Mul")
    assert not report.computes_same
    assert "differ in 1 register in 1 task." in report.verdict()


def test_masks_cycles_and_priorities_are_noise():
    program = elementwise()
    other = with_words(program, {1: 0x77, 2: 0x42A, 4: 0xFFF, 6: program.tasks[0].words[6] | 0x3 << 16})
    report = delta.compare(program, other)
    assert set(registers(report)) == {"Header.W1", "Header.W2", "Header.W4", "Header.W6"}
    assert report.computes_same
    assert report.without(Class.NOISE).is_empty


def test_other_bits_of_the_same_word_are_none():
    program = elementwise()
    report = delta.compare(program, with_words(program, {6: program.tasks[0].words[6] ^ (1 << 12 | 1 << 16)}))
    assert not report.computes_same
    (change,) = report.without(Class.NOISE).tasks[0].changes
    assert [field.field for field in change.fields] == ["TSR"]


def kinds(report: delta.Comparison) -> dict[str, Class]:
    return {change.register: change.kind for task in report.tasks for change in task.changes}


def test_what_the_passes_would_remove_is_idle():
    report = delta.compare(elementwise(), elementwise(**IDLE, NE_MACCfg=0x00100000))
    assert set(kinds(report).values()) == {Class.IDLE}
    assert report.tasks[0].kind is Class.IDLE
    assert not report.computes_same
    assert report.without(Class.IDLE).is_empty
    assert not report.without(Class.NOISE).is_empty


def test_odd_values_where_a_pass_clears_only_one_are_not_idle():
    report = delta.compare(elementwise(), elementwise(NE_KernelCfg=0x1080))
    assert kinds(report) == {"NE.KernelCfg": Class.COMPUTES}


def two_tasks(writes_again: bool) -> Program:
    """A planar task that writes NE.AccBias, then one of the neural engines, which may write it too."""
    x, y = builders.tensor("x", "input", 4, 2, 1, 8), builders.tensor("y", "output", 5, 2, 1, 8)
    words = {"W8": builders.select(x, None, y)}
    planar = builders.planar(x, x, y, "Add") | {"NE.AccBias": 0}
    neural = builders.neural(x, y, 4)
    program = builders.network([(words, planar), ({"W8": words["W8"] | {"ENE": 5}}, neural)], (x, y))
    left_out = () if writes_again else (program.arch.address("NE.AccBias"),)
    items = [[Pending(w.address, w.value) for w in task.writes()] for task in program.tasks]
    items[1] = [item for item in items[1] if item.address not in left_out]
    follows = frozenset({"NextSize", "NextPointer"})
    drafts = [Draft(list(task.words[:10]), part, follows) for task, part in zip(program.tasks, items)]
    return program._replace(text=lay_out(program.arch, drafts))


@pytest.mark.parametrize(("writes_again", "kind"), [(True, Class.IDLE), (False, Class.COMPUTES)])
def test_what_a_planar_task_leaves_to_a_later_one_is_not_idle(writes_again, kind):
    program = two_tasks(writes_again)
    index = next(w.index for w in program.tasks[0].writes() if w.address == program.arch.address("NE.AccBias"))
    assert kinds(delta.compare(program, with_words(program, {index: 7}))) == {"NE.AccBias": kind}


def test_bits_that_hardware_ignores_are_idle():
    program = elementwise()
    index = next(w.index for w in program.tasks[0].writes() if w.address == program.arch.address("L2.L2Cfg"))
    word = program.tasks[0].words[index]
    assert kinds(delta.compare(program, with_words(program, {index: word ^ 0x100}))) == {"L2.L2Cfg": Class.IDLE}


@pytest.mark.parametrize(("groups", "kind"), [(1, Class.IDLE), (2, Class.COMPUTES)])
def test_what_lies_between_groups_is_idle_where_there_is_one_group(groups, kind):
    one, two = (
        elementwise(Common_GroupConvCfg={"NumGroups": groups}, TileDMASrc_Src1GroupStride={"Stride": stride})
        for stride in (0x400, 0x4000)
    )
    assert kinds(delta.compare(one, two)) == {"TileDMASrc.Src1GroupStride": kind}


def test_idle_registers_are_one_line_of_text_and_not_counted():
    report = delta.compare(elementwise("Add"), elementwise("Mul", **IDLE))
    (line,) = (line for line in as_text(report, "v") if "idle" in line)
    assert line == "  16 idle registers: KernelDMASrc.CoeffDMAConfig[0..15]"
    assert "they differ in 1 register in 1 task." in report.verdict()


def test_long_flags_are_wrapped():
    programs = []
    for count in (40, 41):
        program = elementwise()
        flags = tuple(f"--some-flag-{number}={number}" for number in range(count)) + (f"--last{count}",) * 2
        programs.append(program._replace(origin=program.origin._replace(flags=flags)))
    long = programs[1]._replace(origin=programs[1].origin._replace(flags=tuple(f"--other-{n}" for n in range(40))))
    lines = list(as_text(delta.compare(programs[0], long), "v"))
    assert max(map(len, lines)) <= 110
    assert any(line.startswith("    - --some-flag-0=0 ") for line in lines)
    assert any(line.startswith("    + --other-0 ") for line in lines)


def test_both_kinds_can_be_ignored(cli, tmp_path):
    for name, program in (("a", elementwise()), ("b", with_words(elementwise(**IDLE), {4: 0xFFF}))):
        (tmp_path / f"{name}.hwx").write_bytes(b"".join(create(program, "test")))
    paths = tmp_path / "a.hwx", tmp_path / "b.hwx"
    for ignored, code in (((), 1), (("noise",), 1), (("idle",), 1), (("noise", "idle"), 0)):
        options = [word for kind in ignored for word in ("--ignore", kind)]
        assert cli("diff", *paths, *options).code == code, ignored


def test_every_row_of_the_data_has_its_class():
    data = as_data(delta.compare(elementwise("Add"), with_words(elementwise("Mul", **IDLE), {4: 0xFFF})), "v")
    found = {change["register"]: change["class"] for change in data["tasks"][0]["changes"]}
    assert found["PE.Cfg"] == "computes"
    assert found["KernelDMASrc.CoeffDMAConfig[3]"] == "idle"
    assert found["Header.W4"] == "noise"
    rows = [row for level in ("identity", "container", "tensors", "coefficients") for row in data[level]]
    rows += [field for change in data["tasks"][0]["changes"] for field in change["fields"]]
    assert {row["class"] for row in rows} <= {"computes", "idle", "noise"}


def test_unnamed_bits_are_told():
    program = elementwise()
    report = delta.compare(program, elementwise(Common_PECfg=1 << 20))
    (change,) = report.tasks[0].changes[0].fields
    assert (change.field, change.a, change.b) == ("", "0x0", "0x100000")


def test_renumbered_bars_are_one_line_and_noise():
    program = elementwise()
    report = delta.compare(program, renumber(program, bound_order(program)))
    assert [(change.what, change.a, change.b) for change in report.tensors] == [
        ("BARs", "a 4, b 5, y 6", "a 5, b 6, y 4")
    ]
    assert set(registers(report)) == {"Header.W8"}
    assert report.computes_same


def test_bars_that_mean_other_buffers_are_no_noise():
    program = elementwise()
    report = delta.compare(program, with_words(program, {8: program.tasks[0].words[8] ^ (4 ^ 5)}))
    (change,) = report.tasks[0].changes[0].fields
    assert (change.field, change.a, change.b, change.reason) == ("RBase0", "a", "b", None)


def test_an_absent_write_of_zero_is_noise_and_of_anything_else_is_none():
    program = elementwise()
    report = delta.compare(program, without(program, "Common.DPE", "NE.MACCfg"))
    assert registers(report) == dict.fromkeys(("Common.DPE", "NE.MACCfg"), ABSENT.words)
    report = delta.compare(program, without(program, "Common.Cout"))
    assert registers(report) == {"Common.Cout": ""}


def test_an_absent_write_of_what_an_earlier_task_left_is_noise():
    a, b, y = (
        builders.tensor(n, r, bar, 2, 1, 8) for n, r, bar in (("a", "input", 4), ("b", "input", 5), ("y", "output", 6))
    )
    task = ({"W8": builders.select(a, b, y)}, builders.planar(a, b, y, "Add"))
    program = builders.network([task, task], (a, b, y))
    second = program.tasks[1]
    kept = [Pending(w.address, w.value) for w in second.writes() if w.address != program.arch.address("Common.Cin")]
    drafts = [
        Draft(list(one.words[:10]), items, frozenset({"NextSize", "NextPointer"}))
        for one, items in zip(
            program.tasks, ([Pending(w.address, w.value) for w in program.tasks[0].writes()], kept), strict=True
        )
    ]
    report = delta.compare(program, program._replace(text=lay_out(program.arch, drafts)))
    assert registers(report) == {"Common.Cin": ABSENT.words}


def test_inserted_and_deleted_tasks_are_recognised():
    a, b, y = (
        builders.tensor(n, r, bar, 2, 1, 8) for n, r, bar in (("a", "input", 4), ("b", "input", 5), ("y", "output", 6))
    )
    tasks = [({"W8": builders.select(a, b, y)}, builders.planar(a, b, y, op)) for op in ("Add", "Mul", "Max")]
    longer, shorter = builders.network(tasks, (a, b, y)), builders.network([tasks[0], tasks[2]], (a, b, y))
    report = delta.compare(longer, shorter)
    assert [(task.a, task.b) for task in report.without(Class.NOISE).tasks] == [(1, None)]
    report = delta.compare(shorter, longer)
    assert [(task.a, task.b) for task in report.without(Class.NOISE).tasks] == [(None, 1)]
    assert "1 task that only one of them has" in report.verdict()


def tasks(letters: str) -> list[dict[str, str]]:
    """What tasks do, by aspect; most of it is the same."""
    return [{"engine": "planar", "source 1": "x", "result": "y", "operation": letter} for letter in letters]


@pytest.mark.parametrize(
    ("a", "b", "pairs"),
    [
        ("abc", "abc", [(0, 0), (1, 1), (2, 2)]),
        ("abc", "ac", [(0, 0), (1, None), (2, 1)]),
        ("ac", "abc", [(0, 0), (None, 1), (1, 2)]),
        ("abc", "axc", [(0, 0), (1, 1), (2, 2)]),
        ("", "ab", [(None, 0), (None, 1)]),
        ("aabb", "ab", [(0, 0), (1, None), (2, None), (3, 1)]),
    ],
)
def test_alignment(a, b, pairs):
    found = align(tasks(a), tasks(b))
    assert sorted(found, key=str) == sorted(pairs, key=str)


def test_edits_far_apart_in_a_long_program_are_found():
    letters = "abcdefghij" * 500
    changed = letters[:1000] + "x" + letters[1000:3000] + letters[3002:]
    found = align(tasks(letters), tasks(changed))
    assert [pair for pair in found if None in pair] == [(None, 1000), (3000, None), (3001, None)]


def test_programs_that_have_nothing_in_common_are_not_searched_for_long():
    found = align(tasks("ab" * 1500), [{"engine": "neural", "operation": "c"}] * 3000)
    assert all(None in pair for pair in found)
    assert len(found) == 6000


def test_the_most_alike_become_a_pair():
    one = [{"engine": "planar", "operation": "add", "scale": 1, "source 1": name} for name in "abc"]
    two = [{"engine": "planar", "operation": "add", "scale": 2, "source 1": name} for name in "bc"]
    assert align(one, two) == [(0, None), (1, 0), (2, 1)]


def made_by(*two: Program) -> list[tuple]:
    report = delta.compare(*two)
    found = [(change.what, change.a, change.b) for task in report.tasks for change in task.operation]
    assert report.operations.different == bool(found)
    return found


def test_another_place_in_l2_or_scratch_is_the_same_operation():
    for first, second in ((L2(0), L2(0x400)), (SCRATCH, At(SCRATCH, 0x1000))):
        assert (
            made_by(*(wiring.program(wiring.task(X, place), wiring.task(place, Y)) for place in (first, second))) == []
        )


def test_a_tensor_of_another_task_is_another_operation():
    written = wiring.task(X, L2(0)), wiring.task(Z, L2(0x400))
    one, two = (wiring.program(*written, wiring.task(L2(place), Y)) for place in (0, 0x400))
    assert made_by(one, two) == [("source 1 made by", "task 0", "task 1")]


def test_coefficients_are_told_by_channel():
    program = loaded("conv")
    data = bytearray(program.const)
    data[130] ^= 1
    data[131] ^= 1
    report = delta.compare(program, program._replace(const=memoryview(bytes(data))))
    (change,) = report.coefficients
    assert change.what == "const, task 0 engine 1"
    assert change.b == "2 of them differ"
    assert not report.computes_same
    shorter = delta.compare(program, program._replace(const=memoryview(bytes(data[:256]))))
    assert shorter.coefficients[0].b == "256 bytes"


def test_coefficients_that_only_the_second_program_fetches():
    program = loaded("conv")
    data = bytearray(program.const)
    data[130] ^= 1
    report = delta.compare(loaded("mul")._replace(const=memoryview(bytes(data))), program)
    assert [change.what for change in report.coefficients] == ["const, task 0 engine 1 of conv.hwx"]


def test_tensors_are_matched_by_name():
    program = elementwise()
    bigger = program.tensors[0]._replace(shape=(1, 9, 9, 9))
    report = delta.compare(program, program._replace(tensors=(bigger, *program.tensors[1:])))
    assert [change.what for change in report.tensors] == ["tensor a: shape"]
    renamed = program.tensors[0]._replace(name="q")
    report = delta.compare(program, program._replace(tensors=(renamed, *program.tensors[1:])))
    assert [change.what for change in report.tensors] == ["tensor a", "tensor q"]


def test_another_operation_on_another_architecture_is_told_by_aspect():
    report = delta.compare(elementwise("Mul", (4, 1, 32)), builders.complete_add16())
    assert [(change.what, change.a, change.b) for change in report.tasks[0].operation] == [("combine", "Mul", "Add")]
    found = {field.field for task in report.tasks for change in task.changes for field in change.fields}
    assert "OpMode" in found
    assert "Win" not in found
    assert report.verdict() == "The operations are not equal (H13, H16): 1 task does something else."
    assert any("H13 and H16 differ: tasks are compared by what they do" in note for note in report.notes)


def test_the_same_operation_on_another_architecture_is_told_apart_from_the_registers():
    report = delta.compare(elementwise("Add", (4, 1, 32)), builders.complete_add16())
    assert report.operations_are_equal
    assert not report.without(Class.NOISE).is_empty
    assert report.are_counterparts
    assert report.verdict().startswith("The two are the same program, for H13 and for H16: every task does the same")
    (task,) = report.tasks
    assert task.operation == ()
    assert task.moved > 20
    moves = {move.field: move for move in report.moved}
    assert str(moves["Common.Wout"].a) == "Common.OutDim (0x14) [14:0]"
    assert str(moves["Common.Wout"].b) == "Common.OutWidth (0x14) [16:0]"
    assert "  Common.OutDim (0x14): Common.OutWidth (0x14), Common.OutHeight (0x18)" in as_text(report, "v")
    assert "  same operation" in as_text(report, "v")


def test_what_is_not_understood_is_not_called_equal():
    odd = elementwise("Add", (4, 1, 32), Common_Cfg={"TaskType": "ElementwiseTwoSources", "ActiveNE": 0}, PE_Cfg=0x200)
    report = delta.compare(odd, builders.complete_add16())
    assert not report.operations_are_equal
    assert report.operations.equal == 0
    assert report.verdict() == "Whether the operations are equal is not known (H13, H16): 1 task is not understood."


@pytest.fixture
def files(tmp_path):
    """The same program as .hwx, .anec, and script, and a different one."""
    program = renumber(loaded("mul"), bound_order(loaded("mul")))
    paths = {form: tmp_path / f"mul.{form}" for form in ("hwx", "anec", "py")}
    paths["hwx"].write_bytes(b"".join(create(program, "test")))
    paths["anec"].write_bytes(b"".join(write(program, 0x1000)))
    paths["py"].write_text(emitter.emit(formats.load(str(paths["hwx"])).program).text)
    paths["other"] = example("chain")
    return paths


@pytest.mark.parametrize("one", ["hwx", "anec", "py"])
@pytest.mark.parametrize("two", ["hwx", "anec", "py"])
def test_any_two_forms_can_be_compared(cli, files, one, two):
    done = cli("diff", files[one], files[two], "--ignore", "noise")
    assert (done.code, done.err) == (0, ""), done.out
    if "anec" in (one, two) and one != two:
        assert "names no tensors" in done.out


def test_exit_codes(cli, files):
    assert cli("diff", files["hwx"], files["hwx"]).code == 0
    assert cli("diff", files["hwx"], files["other"]).code == 1
    assert cli("diff", files["hwx"], "nothing.hwx").code == 2


def test_cleaning_is_named_where_it_explains_everything(cli, tmp_path):
    paths = []
    for name, registers_ in (("a", {}), ("b", IDLE)):
        paths.append(tmp_path / f"{name}.hwx")
        paths[-1].write_bytes(b"".join(create(elementwise(**registers_), "test")))
    done = cli("diff", *paths)
    assert done.code == 1
    assert "differ only in what no task uses" in done.out
    assert "KernelDMASrc.CoeffDMAConfig[0..15]" in done.out


def test_json_holds_everything(cli, files):
    data = json.loads(cli("diff", files["hwx"], files["other"], "--format", "json").out)
    assert data["same"] is data["computes_same"] is False
    assert {"a", "b", "identity", "container", "tensors", "tasks", "coefficients", "notes", "verdict"} <= data.keys()
    change = next(
        change for task in data["tasks"] for change in task["changes"] if change["register"] == "Common.InDim"
    )
    assert [field["field"] for field in change["fields"]] == ["Win", "Hin"]


def test_markdown_and_text_tell_the_same_registers(files):
    report = delta.compare(formats.load(str(files["hwx"])).program, formats.load(str(files["other"])).program)
    text, markdown = "\n".join(as_text(report, "v")), "\n".join(as_markdown(report, "v"))
    for task in report.tasks:
        for change in task.changes:
            assert change.register.split("[")[0] in text
            assert change.register.split("[")[0].replace("_", "\\_") in markdown


def test_output_goes_to_a_file_but_never_over_an_input(cli, files, tmp_path):
    done = cli("diff", files["hwx"], files["other"], "--format", "markdown", "-o", tmp_path / "d.md")
    assert (done.code, done.out) == (1, "")
    assert (tmp_path / "d.md").read_text().startswith("# mul.hwx and chain.hwx")
    before = files["hwx"].read_bytes()
    done = cli("diff", files["hwx"], files["other"], "-o", files["hwx"])
    assert (done.code, files["hwx"].read_bytes()) == (2, before)


def h16(*writes: Pending, slots: tuple[int, int] = (6, 7)) -> Program:
    """A program of one task for H16 whose tensors a and b stand in slots."""
    arch = loaded("add16").arch
    tensors = tuple(builders.tensor(name, "input", slot, 2, 1, 8) for name, slot in zip("ab", slots))
    draft = Draft(header(arch, {}), writes, frozenset({"TaskSize"}))
    frame = (1).to_bytes(4, "little") + bytes(12)
    return builders.make.program(lay_out(arch, [draft], frame), tensors, arch=arch)


def base(slot: int, value: int = 0) -> Pending:
    return Pending(loaded("add16").arch.address("TileDMASrc.Src1BaseAddr"), value, slot)


def slot_fields(one: Program, two: Program) -> list[tuple]:
    (change,) = delta.compare(one, two).tasks[0].changes
    return [(field.field, field.a, field.b, field.reason) for field in change.fields]


def test_base_address_relative_to_another_buffer_is_no_noise():
    assert slot_fields(h16(base(6)), h16(base(7))) == [("slot", "a", "b", None)]
    assert not delta.compare(h16(base(6)), h16(base(7))).computes_same


def test_the_same_buffer_in_another_slot_is_noise():
    assert slot_fields(h16(base(6)), h16(base(8), slots=(8, 7))) == [("slot", "a", "a", BARS)]
    assert delta.compare(h16(base(6)), h16(base(8), slots=(8, 7))).computes_same


def test_another_address_in_a_renumbered_slot_is_no_noise():
    found = slot_fields(h16(base(6)), h16(base(8, 0x40), slots=(8, 7)))
    assert len(found) == 2
    assert [reason for *_, reason in found] == [None, BARS]
    assert not delta.compare(h16(base(6)), h16(base(8, 0x40), slots=(8, 7))).computes_same


def test_an_absent_write_of_the_start_value_is_noise_where_tasks_start_afresh():
    arch = loaded("add16").arch
    start = arch.start_image[arch.address("Common.Cin")]
    other = Pending(arch.address("Common.Cout"), 3)
    for value, why in ((start, ABSENT.words), (start + 1, ""), (0, "")):
        one = h16(Pending(arch.address("Common.Cin"), value), other)
        assert registers(delta.compare(one, h16(other)))["Common.Cin"] == why


def test_an_absent_write_to_a_register_without_a_known_start_is_no_noise():
    arch = loaded("add16").arch
    name = next(place.name for place in arch.rows_of("Common") if place.address not in arch.start_image)
    assert registers(delta.compare(h16(Pending(arch.address(name), 0)), h16()))[name] == ""


def test_task_ids_are_layout_only_where_both_are_the_tasks_index():
    program = elementwise()
    report = delta.compare(program, with_words(program, {0: program.tasks[0].words[0] | 5}))
    (change,) = report.tasks[0].changes[0].fields
    assert (change.field, change.reason) == ("TID", None)
    assert not report.computes_same


@pytest.mark.parametrize(
    "change",
    [{"strides": (1, 2, 3, 4)}, {"size_bytes": 7}, {"dtype": "int8"}, {"role": "output"}, {"shape": (1, 9, 9, 9)}],
)
def test_every_fact_of_a_tensor_is_compared(change):
    program = elementwise()
    other = program._replace(tensors=(program.tensors[0]._replace(**change), *program.tensors[1:]))
    report = delta.compare(program, other)
    assert [found.what for found in report.tensors] == [f"tensor a: {next(iter(change))}"]
    assert not report.computes_same


def test_cleaning_is_not_named_where_more_differs(cli, tmp_path):
    paths = []
    for name, program in (("a", elementwise("Add")), ("b", elementwise("Mul", **IDLE))):
        paths.append(tmp_path / f"{name}.hwx")
        paths[-1].write_bytes(b"".join(create(program, "test")))
    done = cli("diff", *paths)
    assert done.code == 1
    assert "--clean" not in done.out.replace("\n", " ")
    assert "do not compute the same" in done.out.replace("\n", " ")


def test_noise_is_a_difference_unless_it_is_ignored(cli, tmp_path):
    program = elementwise()
    for name, one in (("a", program), ("b", with_words(program, {4: 0xFFF}))):
        (tmp_path / f"{name}.hwx").write_bytes(b"".join(create(one, "test")))
    assert cli("diff", tmp_path / "a.hwx", tmp_path / "b.hwx").code == 1
    assert cli("diff", tmp_path / "a.hwx", tmp_path / "b.hwx", "--ignore", "noise").code == 0


def test_bar_fields_that_are_off_are_compared_as_numbers():
    program = elementwise()
    off = with_words(program, {8: program.tasks[0].words[8] & ~(1 << 11)})
    report = delta.compare(off, with_words(off, {8: off.tasks[0].words[8] ^ (5 ^ 4) << 6}))
    (change,) = report.tasks[0].changes[0].fields
    assert (change.field, change.a, change.b, change.reason) == ("RBase1", 5, 4, None)


def test_stat_counts_registers_by_class(cli):
    done = cli("diff", example("mul"), example("chain"), "--stat")
    assert done.code == 1
    rows = dict(line.split(maxsplit=2)[1:] for line in done.out.splitlines() if line.startswith("task "))
    comparison = delta.compare(loaded("mul"), loaded("chain"))
    for task in comparison.tasks:
        if not task.is_paired:
            assert "only in chain.hwx" in done.out
            continue
        for kind in Class:
            count = sum(change.kind is kind for change in task.changes)
            assert (f"{count} {kind}" in rows[str(task.a)]) == bool(count), kind
    assert cli("diff", example("mul"), example("chain"), "--stat", "--format", "json").code == 2


@pytest.mark.parametrize("wanted", [True, False])
def test_colors_on_a_terminal_only(wanted):
    command = [sys.executable, "-m", "hwx2py", "diff", example("mul"), example("chain")]
    environment = {key: value for key, value in os.environ.items() if key != "NO_COLOR"}
    ours, theirs = os.openpty()
    with os.fdopen(ours, "rb", buffering=0) as terminal:
        done = subprocess.Popen(command, stdout=theirs, env=environment | ({} if wanted else {"NO_COLOR": "1"}))
        os.close(theirs)
        shown = read_all(terminal)
        done.wait()
    assert (b"\x1b[31m--- mul.hwx" in shown, b"\x1b" in shown) == (wanted, wanted)
    assert b"\x1b" not in subprocess.run(command, env=environment, stdout=subprocess.PIPE, check=False).stdout


def read_all(terminal) -> bytes:
    """What a terminal shows until its last writer is gone, which Linux reports as an error."""
    shown = b""
    while True:
        try:
            piece = terminal.read(1 << 16)
        except OSError:
            return shown
        if not piece:
            return shown
        shown += piece


def test_context_shows_tasks_that_are_the_same(cli, tmp_path):
    program = loaded("attention")
    changed = with_words(program, {2: 0x77}, 3)
    path = tmp_path / "other.hwx"
    path.write_bytes(b"".join(create(changed, "test")))
    out = cli("diff", example("attention"), path, "--context", "2").out
    does = sentences(program)
    shown = [line for line in out.splitlines() if line.startswith(("task", "  task"))]
    shown[2] = shown[2].partition(":")[0]
    last = min(5, len(program.tasks) - 1)
    assert shown == [
        *(f"  task {index}, the same: {does[index]}" for index in (1, 2)),
        "task 3",
        *(f"  task {index}, the same: {does[index]}" for index in range(4, last + 1)),
    ]
    assert cli("diff", example("attention"), path, "--context", "2", "--stat").code == 2
