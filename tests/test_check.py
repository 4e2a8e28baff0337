"""Rules of `check`: each has a program that is edited to break it, and no healthy program breaks one."""

import contextlib
import json
from pathlib import Path
from typing import Any

import builders
import make
import pytest
from builders import H13, elementwise
from conftest import EXAMPLE_NAMES, ROOT, SHARED, example, loaded

from hwx2py import checks, formats
from hwx2py.checks import Finding
from hwx2py.checks.lenient import open_subject
from hwx2py.errors import HwxError
from hwx2py.formats.anec import header as anec_header
from hwx2py.formats.anec.write import arrange, write
from hwx2py.formats.hwx.create import create
from hwx2py.program.build import Draft, lay_out
from hwx2py.program.build import header as header_words
from hwx2py.program.build import write as register_write
from hwx2py.program.program import KernelSegment, Program
from hwx2py.program.streams import Pending
from hwx2py.registers import by_name

H16 = by_name("H16")


def of_program(program: Program) -> list[Finding]:
    return checks.check(formats.ProgramFile(program))


def names(findings: list[Finding], level: str = "error") -> set[str]:
    return {finding.rule for finding in findings if finding.level == level}


def one(findings: list[Finding], rule: str, level: str = "error") -> Finding:
    """The only finding of a rule."""
    chosen = [finding for finding in findings if finding.rule == rule and finding.level == level]
    assert len(chosen) == 1, [str(finding) for finding in findings]
    return chosen[0]


def anec_of(program: Program) -> anec_header.Anec:
    """A program as an `.anec`, taken apart."""
    return anec_header.read(memoryview(b"".join(write(arrange(program).program, 0x1000))))


def of_anec(folder: Path, anec: anec_header.Anec, **changes: Any) -> list[Finding]:
    """The findings in an `.anec` with parts of its header, or its content, replaced."""
    path = folder / "x.anec"
    path.write_bytes(b"".join(anec_header.write(anec._replace(**changes))))
    return checks.findings(open_subject(str(path)))


def patched(content: memoryview, **words: int) -> memoryview:
    """Content with words replaced: `at_0x1c=5`."""
    data = bytearray(content)
    for place, word in words.items():
        offset = int(place.removeprefix("at_"), 16)
        data[offset : offset + 4] = word.to_bytes(4, "little")
    return memoryview(data)


def word_at(content: memoryview, offset: int) -> int:
    return int.from_bytes(content[offset : offset + 4], "little")


@pytest.mark.parametrize("name", EXAMPLE_NAMES)
def test_examples_have_no_errors_and_no_warnings(name):
    findings = checks.check(formats.load(str(example(name))))
    assert not names(findings) | names(findings, "warning")


@pytest.mark.parametrize("name", ["mul", "conv", "chain"])
def test_an_anec_of_an_example_has_none_either(name, tmp_path):
    findings = of_anec(tmp_path, anec_of(loaded(name)))
    assert not names(findings) | names(findings, "warning")


class TestStream:
    """Sizes, counts and places, in an `.anec` that declares them wrongly."""

    @pytest.fixture
    def chain(self) -> anec_header.Anec:
        return anec_of(loaded("chain"))

    def test_td_size_cuts(self, chain, tmp_path):
        for missing in (4, 8, 0x40):
            findings = of_anec(tmp_path, chain, task_bytes=chain.task_bytes - missing)
            assert one(findings, "td-size-cuts").tasks == (0,)
            assert f"set td_size to {chain.task_bytes:#x}" in str(one(findings, "td-size-cuts"))

    def test_td_size_overruns(self, chain, tmp_path):
        findings = of_anec(tmp_path, chain, task_bytes=chain.task_bytes + 0x7C)
        assert f"the first task ends at {chain.task_bytes:#x}" in one(findings, "td-size-overruns").what

    def test_first_task_words_of_a_container(self, tmp_path):
        path = tmp_path / "x.hwx"
        data = bytearray(example("mul").read_bytes())
        words = loaded("mul").tasks[0].size_bytes // 4 - 1
        places = [place for place in range(0, 0x4000, 4) if word_at(data, place) == words]
        data[places[0] : places[0] + 4] = (words + 31).to_bytes(4, "little")
        path.write_bytes(data)
        findings = checks.findings(open_subject(str(path)))
        assert names(findings) == {"td-size-overruns"}

    def test_trailing_zeros_of_the_first_task(self, chain, tmp_path):
        findings = of_anec(tmp_path, chain, task_bytes=chain.task_bytes + 8)
        assert {"trailing-zeros", "td-size-overruns"} <= names(findings)
        assert f"{chain.task_bytes:#x}" in one(findings, "trailing-zeros").what

    def test_half_a_record_of_zeros(self, chain, tmp_path):
        """Loading goes by the records then, so that no task has the zeros."""
        findings = of_anec(tmp_path, chain, task_bytes=chain.task_bytes + 4)
        assert one(findings, "trailing-zeros").tasks == (0,)

    def test_trailing_zeros_of_a_later_task(self):
        program = loaded("chain")
        task = program.tasks[1]
        drafts = [
            Draft(
                list(part.words[: part.header_words]),
                [Pending(w.address, w.value) for w in part.writes()] + ([Pending(0, 0)] if part is task else []),
                frozenset({"NextSize", "NextPointer"}),
            )
            for part in program.tasks
        ]
        findings = of_program(program._replace(text=lay_out(H13, drafts)))
        assert one(findings, "trailing-zeros").tasks == (1,)

    def test_tsk_size(self, chain, tmp_path):
        content = memoryview(bytes(chain.content[: chain.text_bytes // 16 * 16 + 16]) + bytes(0x200))
        findings = of_anec(
            tmp_path, chain, text_bytes=chain.text_bytes + 0x100, coefficient_bytes=0x80, content=content
        )
        finding = one(findings, "tsk-size")
        assert f"set tsk_size to {chain.text_bytes:#x}" in str(finding)
        assert "all bytes there are 0" in finding.what
        assert "zero-table" in names(findings)

    def test_tsk_size_that_leaves_no_room_for_the_coefficients(self, chain, tmp_path):
        findings = of_anec(tmp_path, chain, text_bytes=chain.text_bytes + 0x10)
        assert names(findings) == {"tsk-size"}

    def test_a_chain_that_breaks_is_told_and_the_rest_checked(self, chain, tmp_path):
        findings = of_anec(tmp_path, chain, content=patched(chain.content, at_0x1c=0x7F00))
        finding = one(findings, "task-offset")
        assert finding.where == "task 0, Header.W7.NextPointer"
        assert "leads out of the text" in finding.what

    def test_tsk_size_too_small(self, chain, tmp_path):
        findings = of_anec(tmp_path, chain, text_bytes=chain.text_bytes - 8)
        assert f"set tsk_size to {chain.text_bytes:#x}" in str(one(findings, "tsk-size"))

    def test_tsk_size_matters_less_without_coefficients(self, tmp_path):
        mul = anec_of(loaded("mul"))
        content = memoryview(bytes(mul.content) + bytes(0x1000))
        findings = of_anec(tmp_path, mul, text_bytes=mul.text_bytes + 0x100, coefficient_bytes=0, content=content)
        assert one(findings, "tsk-size", "warning")
        assert "tsk-size" not in names(findings)

    @pytest.mark.parametrize("count", [1, 3])
    def test_task_count(self, chain, tmp_path, count):
        findings = of_anec(tmp_path, chain, task_count=count)
        assert names(findings) == {"task-count"}
        assert "set td_count to 2" in str(one(findings, "task-count"))

    @pytest.mark.parametrize("more_words", [-3, 2, 7])
    def test_task_offset(self, chain, tmp_path, more_words):
        word = word_at(chain.content, 4) + (more_words << 16)
        findings = of_anec(tmp_path, chain, content=patched(chain.content, at_0x4=word))
        finding = one(findings, "task-offset")
        assert finding.tasks == (0,)
        assert f"NextSize to {loaded('chain').tasks[1].size_bytes // 4 - 1}" in finding.what_to_do

    def test_header_size(self, chain, tmp_path):
        word = word_at(chain.content, 0x18) | 1 << 24
        findings = of_anec(tmp_path, chain, content=patched(chain.content, at_0x18=word))
        assert one(findings, "header-size").where == "task 0, Header.W6.TDE"

    def test_header_size_with_a_word_that_names_no_task(self):
        program = loaded("mul")
        words = [*program.tasks[0].words[: program.tasks[0].header_words], 7]
        words[6] |= 1 << 24
        writes = [Pending(write.address, write.value) for write in program.tasks[0].writes()]
        findings = of_program(program._replace(text=lay_out(H13, [Draft(words, writes)])))
        assert "task 0x7 of 1" in one(findings, "header-size").what

    def test_task_ids(self):
        findings = of_program(with_header(loaded("chain"), 1, TID=5))
        assert "id 5" in one(findings, "task-ids").what
        assert one(findings, "task-ids").tasks == (1,)

    def test_nid(self, chain, tmp_path):
        first = word_at(chain.content, 0)
        findings = of_anec(tmp_path, chain, content=patched(chain.content, at_0x0=first | 0x40 << 16))
        assert one(findings, "nid", "warning").tasks == (1,)
        assert one(of_anec(tmp_path, chain), "nid", "note").tasks == (1,)

    def test_too_many(self, tmp_path):
        mul = anec_of(loaded("mul"))
        findings = of_anec(tmp_path, mul, task_count=0x10000)
        assert "at most 65535" in one(findings, "too-many").what
        findings = of_anec(tmp_path, mul, task_bytes=mul.task_bytes + 1)
        assert "a multiple of 4" in one(findings, "too-many").what

    @pytest.mark.skipif(not SHARED.exists(), reason="the reference data is not beside the repository")
    @pytest.mark.parametrize(
        ("name", "rule", "level"),
        [
            ("h14_task_stream.anec", "not-h13-anec", "warning"),
            ("m6_h18g_no_program_command.hwx", "no-program-command", "note"),
            ("atan2_scratch.hwx", "scratch-disagrees", "warning"),
            ("add_const_blobfile.hwx", "blob-constant", "error"),
            ("td_size_0x274_on_0x1f8.anec", "td-size-overruns", "error"),
        ],
    )
    def test_cases(self, name, rule, level):
        assert one(checks.findings(open_subject(str(SHARED / "cases" / name))), rule, level)


def with_header(program: Program, index: int, **fields: int) -> Program:
    """A program with header fields of a task replaced."""
    tasks = list(program.tasks)
    for name, value in fields.items():
        place = program.arch.place(f"Header.{name}")
        word = tasks[index].words[place.address // 4]
        tasks[index] = tasks[index].with_words({place.address // 4: word & ~place.mask | place.field.encode(value)})
    return program.with_tasks(tasks)


def with_field(program: Program, name: str, value: Any, index: int = 0) -> Program:
    """A program with a register field of a task replaced, and `Block.Register` for the whole word."""
    task = program.tasks[index]
    place = program.arch.find_place(name)
    address = place.address if place else program.arch.address(name)
    write = next(write for write in task.writes() if write.address == address)
    word = write.value & ~place.mask | place.field.encode(value) if place else value
    tasks = list(program.tasks)
    tasks[index] = task.with_words({write.index: word})
    return program.with_tasks(tasks)


class TestTasks:
    """Registers that hang the engine, or change nothing."""

    @pytest.mark.parametrize(
        "name", ["InDepth.Din", "OutDepth.Dout", "NumGroups", "TileHeight", "Win", "Hin", "Cin", "Wout", "Hout", "Cout"]
    )
    def test_zero_dimension(self, name):
        program = with_field(loaded("mul"), f"Common.{name}", 0)
        assert "zero-dimension" in names(of_program(program))
        assert any(name in finding.where for finding in of_program(program) if finding.rule == "zero-dimension")

    @pytest.mark.parametrize("name", ["Kw", "Kh", "Sx", "Sy"])
    def test_window(self, name):
        assert one(of_program(with_field(loaded("conv"), f"Common.{name}", 0)), "window").where.endswith(name)

    def test_small_stride(self):
        program = elementwise(shape=(3, 4, 77))
        program = with_field(program, "L2.SourceRowStride.Stride", 0x1E0)
        for stride, is_small in ((0, True), (0x10, True), (0x90, True), (0xA0, False), (0xB0, False)):
            planned = with_field(program, "L2.SourceChannelStride.Stride", stride)
            findings = [one for one in of_program(planned) if one.rule == "small-stride"]
            faults = builders.faults_of_hang(planned) if is_small else []
            assert bool(findings) == is_small == bool(faults)
            if is_small:
                assert f"{stride:#x} for rows of 0xa0 bytes" in findings[0].what
                assert faults[0].kind.name == "small-stride"

    def test_long_rows_pass_in_parts(self):
        program = elementwise(shape=(2, 4, 700))
        program = with_field(program, "L2.SourceRowStride.Stride", 0x800)
        for stride, is_small in ((0x400, False), (0x40, False), (0x410, True)):
            planned = with_field(program, "L2.SourceChannelStride.Stride", stride)
            assert ("small-stride" in names(of_program(planned))) == is_small

    def test_table_missing(self):
        program = with_field(loaded("chain"), "KernelDMASrc.MasterEnable", 0, 1)
        assert one(of_program(program), "table-missing").tasks == (1,)

    def test_no_destination(self):
        off = with_field(loaded("mul"), "TileDMADst.DMAConfig", 0)
        assert "a DMA that is off" in one(of_program(off), "no-destination").what
        stays = with_field(loaded("mul"), "L2.ResultCfg.ResultType", 0)
        assert "stays in L2" in one(of_program(stays), "no-destination").what

    def test_no_source(self):
        assert one(of_program(with_field(loaded("mul"), "TileDMASrc.Src1DMAConfig", 0)), "no-source").tasks == (0,)
        assert "no-source" not in names(of_program(with_field(loaded("mul"), "TileDMASrc.Src1DMAConfig", 2)))

    @pytest.mark.parametrize(("name", "kind"), [("conv", "ElementwiseTwoSources"), ("mul", "NE")])
    def test_task_kind(self, name, kind):
        assert kind in one(of_program(with_field(loaded(name), "Common.TaskType", kind)), "task-kind").what

    def test_result_format(self):
        program = with_field(loaded("conv"), "TileDMADst.Fmt.MemFmt", "8b")
        assert "8b does not go with results of Float16" in one(of_program(program), "result-format").what

    @pytest.mark.skipif(not SHARED.exists(), reason="the reference data is not beside the repository")
    def test_what_hung_an_m1_is_an_error(self):
        """Single registers of relu.hwx that were edited on an M1."""
        file = formats.load(str(SHARED / "hwx" / "real" / "relu.hwx"))
        edits = json.loads((SHARED / "hwx" / "hardware" / "register-edits.json").read_text())["edits"]
        wrong = {"Common.OutDim", "TileDMASrc.Src1BaseAddr", "TileDMADst.BaseAddr"}  # ran, beside the tensors
        wrong.add("L2.SourceCfg")  # 0 reads what an earlier run left in L2, as the file says
        task = file.program.tasks[0]
        for edit in edits:
            write = next(write for write in task.writes() if write.address == int(edit["address"], 16))
            edited = file.program.with_tasks([task.with_words({write.index: int(edit["value"], 16)})])
            errors = names(checks.check(formats.ProgramFile(edited, file.container)))
            if edit["outcome"] == "hang" or not wrong & {edit["register"]}:
                assert bool(errors) == (edit["outcome"] == "hang"), edit

    def test_idle_words_and_ignored_bits_are_notes(self):
        findings = of_program(loaded("mul"))
        assert {"idle-words", "ignored-bits"} <= names(findings, "note")
        cleaned = with_field(loaded("mul"), "NE.KernelCfg", 0)
        cleaned = with_field(with_field(cleaned, "NE.MACCfg", 0), "TileDMASrc.Unk13840", 0)
        assert not {"idle-words", "ignored-bits"} & names(of_program(cleaned), "note")

    def test_h14_start_image(self):
        program = with_written(loaded("add16"), "Common.InDepth", 1)
        assert one(of_program(program), "h14-start-image", "note").where == "task 0, Common.InDepth"

    def test_h14_inherits(self):
        """The second task leaves out Common.Cfg, which has no start value."""
        program = loaded("add16")
        task, cfg = program.tasks[0], H16.address("Common.Cfg")
        drafts = [
            Draft(
                list(task.words[: task.header_words]),
                [
                    Pending(write.address, write.value, write.slot)
                    for write in task.writes()
                    if number == 0 or write.address != cfg
                ],
                frozenset({"TaskSize"}),
            )
            for number in range(2)
        ]
        drafts[1].header[0] |= 1
        findings = of_program(program._replace(text=lay_out(H16, drafts, program.text.frame)))
        inherited = [finding for finding in findings if finding.rule == "h14-inherits"]
        assert inherited
        assert all(finding.tasks == (1,) and "Common.Cfg" in finding.where for finding in inherited)

    def test_feature(self):
        h14 = by_name("H14")
        words = header_words(h14, {"W7": {"ENE": 1}})
        draft = Draft(words, [register_write(h14, "NE.KernelCfg", 0x1082)], frozenset({"TaskSize"}))
        program = make.program(lay_out(h14, [draft], bytes(16)), (), arch=h14)
        assert "KeepKernel" in one(of_program(program), "feature", "note").what

    def test_not_understood(self):
        program = with_field(loaded("conv"), "NE.PalettizedEn", 1)
        assert one(of_program(program), "not-understood", "note").where.endswith("NE.KernelCfg.PalettizedEn")


def with_written(program: Program, name: str, word: int) -> Program:
    """A program of one task for H16 that writes one more register."""
    task = program.tasks[0]
    writes = [Pending(write.address, write.value, write.slot) for write in task.writes()]
    writes.append(register_write(H16, name, word))
    header = list(task.words[: task.header_words])
    return program._replace(text=lay_out(H16, [Draft(header, writes, frozenset({"TaskSize"}))], program.text.frame))


class TestBuffers:
    """BARs, tensors and scratch memory."""

    @pytest.mark.parametrize("name", ["RBase0", "RBase1", "WBase"])
    def test_unbound_bar(self, name):
        finding = one(of_program(with_header(loaded("mul"), 0, **{name: 9})), "unbound-bar")
        assert finding.where == f"task 0, Header.{name}"

    def test_unbound_bar_that_is_not_enabled(self):
        assert "enables no BAR" in one(of_program(with_header(loaded("mul"), 0, RBE1=0)), "unbound-bar").what

    def test_unbound_bar_of_coefficients(self):
        assert "coefficients" in one(of_program(with_header(loaded("conv"), 0, KBase0=9)), "unbound-bar").what

    @pytest.mark.parametrize(("name", "bar"), [("WBase", 0), ("WBase", 1), ("RBase0", 0)])
    def test_bar_to_text(self, name, bar):
        assert f"BAR {bar}" in one(of_program(with_header(loaded("mul"), 0, **{name: bar})), "bar-to-text").what

    def test_scratch_too_small(self):
        program = loaded("chain")
        small = program._replace(scratch=program.scratch._replace(size_bytes=0x40))
        assert "need 0x4000" in one(of_program(small), "scratch-too-small").what

    def test_scratch_bar(self):
        findings = of_program(loaded("chain")._replace(scratch=None))
        tasks = [finding.tasks for finding in findings if finding.rule == "scratch-bar"]
        assert tasks == [(0,), (1,)]
        assert names(findings) == {"scratch-bar"}

    def test_scratch_disagrees(self, tmp_path):
        program = loaded("chain")
        data = bytearray(b"".join(create(program, "a test")))
        size = program.scratch.size_bytes
        places = [place for place in range(0x848, 0x4000, 4) if word_at(data, place) == size]
        file = formats.load(str(example("chain")))
        command = next(part for part in file.container.commands if getattr(part.value, "scratch_bytes", 0))
        place = command.offset + command.value.layout.scratch_bytes
        assert place in places
        data[place : place + 4] = (size // 2).to_bytes(4, "little")
        path = tmp_path / "x.hwx"
        path.write_bytes(data)
        findings = checks.findings(open_subject(str(path)))
        assert one(findings, "scratch-disagrees", "warning")
        assert not names(findings)

    def test_positional_binding_of_an_anec(self, tmp_path):
        mul = anec_of(loaded("mul"))
        word = word_at(mul.content, 0x20)
        swapped = word & ~0x1F & ~(0x1F << 12) | 4 | 5 << 12
        findings = of_anec(tmp_path, mul, content=patched(mul.content, at_0x20=swapped))
        assert "write BAR 5, libane binds the outputs to BAR 4" in one(findings, "positional-binding").what

    def test_positional_binding_of_a_container_is_a_note(self):
        findings = checks.check(formats.load(str(example("mul"))))
        assert "the outputs are BAR 6" in one(findings, "positional-binding", "note").what

    def test_tensor_strides_of_the_task(self):
        program = with_field(elementwise(shape=(3, 4, 20)), "TileDMASrc.Src1RowStride.Stride", 128)
        program = with_field(program, "TileDMASrc.Src1PlaneStride.Stride", 64)
        finding = one(of_program(program), "tensor-strides")
        assert finding.where == "task 0, TileDMASrc.Src1BaseAddr"
        assert "reads a" in finding.what

    def test_tensor_strides_of_the_tensor(self):
        program = elementwise(shape=(4, 4, 20))
        swapped = tuple(
            part._replace(strides=(part.strides[0], 64, 256, 2)) if part.name == "y" else part
            for part in program.tensors
        )
        assert "writes y" in one(of_program(program._replace(tensors=swapped)), "tensor-turned", "note").what

    def test_tensor_strides_between_elements(self):
        """A part of the tensor that begins in the padding of a row."""
        program = with_field(elementwise(shape=(3, 4, 20)), "Common.OutDim.Hout", 2)
        program = with_field(program, "Common.InDim.Hin", 2)
        assert names(of_program(program)) == {"output-partly-written"}
        program = with_field(program, "TileDMASrc.Src1RowStride.Stride", 192)
        program = with_field(program, "TileDMASrc.Src1PlaneStride.Stride", 64)
        assert names(of_program(program)) == {"output-partly-written"}
        wide = tuple(
            part._replace(strides=(1536, 512, 128, 2), size_bytes=1536) if part.name == "a" else part
            for part in program.tensors
        )
        assert "reads a" in one(of_program(program._replace(tensors=wide)), "tensor-strides").what

    def test_outside_tensor(self):
        program = with_field(elementwise(shape=(3, 4, 20)), "TileDMADst.BaseAddr.Addr", 64)
        assert "writes 0x28 bytes past the end of y" in one(of_program(program), "outside-tensor").what

    def test_element_size(self):
        program = elementwise()
        other = tuple(part._replace(dtype="float32") if part.name == "b" else part for part in program.tensors)
        findings = of_program(program._replace(tensors=other))
        assert {finding.where for finding in findings if finding.rule == "element-size"} == {
            "task 0, TileDMASrc.Src2BaseAddr",
            "tensor b",
        }

    def test_batch_is_a_note(self):
        program = elementwise()
        shape = (2, *program.tensors[0].shape[1:])
        two = tuple(part._replace(shape=shape, size_bytes=2 * part.size_bytes) for part in program.tensors)
        assert "batch" in names(of_program(program._replace(tensors=two)), "note")

    def test_tiles_count(self, tmp_path):
        anec = anec_of(elementwise(shape=(64, 16, 32)))
        needed = anec.tiles[4]
        for tiles in (needed - 1, 32 * needed):
            changed = (*anec.tiles[:4], tiles, *anec.tiles[5:])
            finding = one(of_anec(tmp_path, anec, tiles=changed), "tiles-count")
            assert finding.where == "header, tiles[4]"
            assert finding.what_to_do == f"set it to {needed}"

    def test_krn_size(self, tmp_path):
        conv = anec_of(loaded("conv"))
        findings = of_anec(tmp_path, conv, coefficient_bytes=conv.coefficient_bytes - 0x40)
        assert f"set krn_size to {conv.coefficient_bytes:#x}" in str(one(findings, "krn-size"))

    def test_buffer_limit(self):
        program = elementwise()
        a, b, y = program.tensors
        for bar, what in ((4, "BAR 4 stands for 2"), (32, "BAR 32")):
            findings = of_program(program._replace(tensors=(a, b._replace(bar=bar), y)))
            assert what in one(findings, "buffer-limit").what

    def test_same_buffer_is_a_note(self):
        assert "same-buffer" in names(of_program(elementwise()._replace(aliases=((9, "a"),))), "note")

    @pytest.mark.parametrize(("name", "bits"), [("L2.SourceBase", 1), ("TileDMADst.BaseAddr", 2)])
    def test_unaligned_base(self, name, bits):
        finding = one(of_program(with_field(elementwise(), name, bits)), "unaligned-base", "warning")
        assert finding.where == f"task 0, {name}"

    def test_kern_segment(self):
        program = loaded("mul")._replace(kernels=(KernelSegment("__KERN_0", 7, memoryview(bytes(64))),))
        assert one(of_program(program), "kern-segment", "warning").where == "__KERN_0"


class TestCoefficients:
    """What is fetched, and what it is."""

    def channel(self, size: int | None = None, base: int | None = None) -> Program:
        """conv with another size or base in the first engine's channel."""
        program = loaded("conv")
        for name, value in (("BfrSize", size), ("BaseAddr", base)):
            if value is not None:
                program = with_field(program, f"KernelDMASrc.Coeff{name}", value)
        return program

    def test_kernel_dma_larger(self):
        finding = one(of_program(self.channel(size=0xC0)), "kernel-dma-larger")
        assert "0xc0 bytes are fetched, the task uses 0x80" in finding.what

    def test_kernel_dma_smaller(self):
        assert "0x40 bytes are fetched" in one(of_program(self.channel(size=0x40)), "kernel-dma-smaller").what

    def test_kernel_outside(self):
        assert "ends at 0x1080" in one(of_program(self.channel(base=0x1000)), "kernel-outside").what

    def test_zero_coefficients(self):
        program = loaded("conv")
        zeros = memoryview(bytes(len(program.const)))
        assert "zero-coefficients" in names(of_program(program._replace(const=zeros)), "warning")
        last = memoryview(bytes(len(program.const) - 64) + b"\1" + bytes(63))
        assert "zero-coefficients" not in names(of_program(program._replace(const=last)), "warning")

    def test_zero_table(self):
        program = loaded("chain")
        findings = of_program(program._replace(const=memoryview(bytes(len(program.const)))))
        assert one(findings, "zero-table").tasks == (1,)

    def test_blob_constant(self):
        program = loaded("conv")
        start = (1).to_bytes(4, "little") + (2).to_bytes(4, "little") + bytes(56)
        blob = memoryview(start + bytes(program.const[64:]))
        assert "Core ML weight file" in one(of_program(program._replace(const=blob)), "blob-constant").what
        record = bytes(program.const[:64]) + 0xDEADBEEF.to_bytes(4, "little") + bytes(program.const[68:])
        assert "blob-constant" in names(of_program(program._replace(const=memoryview(record))))


class TestCommand:
    """The command line."""

    def broken(self, folder: Path) -> Path:
        path = folder / "broken.hwx"
        path.write_bytes(b"".join(create(with_field(loaded("mul"), "Common.TileHeight", 0), "a test")))
        return path

    def test_a_line_for_each_finding(self, cli, tmp_path):
        path = self.broken(tmp_path)
        done = cli("check", path)
        assert done.code == 1
        assert done.out == (
            f"{path}: error: zero-dimension: task 0, Common.TileCfg.TileHeight: it is 0: the engine hangs; "
            "set it to 1 or to the tensor's size\n"
        )
        assert "1 error, " in done.err

    def test_healthy(self, cli):
        done = cli("check", example("mul"))
        assert (done.code, done.out) == (0, "")
        assert "positional-binding" in cli("check", "-v", example("mul")).out

    def test_json(self, cli, tmp_path):
        done = cli("check", "--json", self.broken(tmp_path), example("conv"))
        broken, conv = json.loads(done.out)["files"]
        assert done.code == 1
        assert {finding["rule"] for finding in broken["findings"] if finding["level"] == "error"} == {"zero-dimension"}
        assert broken["findings"][0]["tasks"] == [0]
        assert conv["readable"]

    def test_a_file_that_cannot_be_read(self, cli, tmp_path):
        path = tmp_path / "x.hwx"
        path.write_bytes(b"nothing")
        done = cli("check", path, self.broken(tmp_path))
        assert done.code == 2
        assert "zero-dimension" in done.out
        assert done.err.startswith(f"hwx2py: {path}: ")

    def test_other_commands_tell(self, cli, tmp_path):
        path = self.broken(tmp_path)
        for command in (["info", path], ["anec", path, "-o", tmp_path / "x.anec"]):
            assert f"note: hwx2py check finds 1 error in {path}" in cli(*command).err
        assert "check finds" not in cli("info", example("mul")).err

    def test_rules_page_is_what_it_prints(self, cli):
        assert cli("check", "--rules").out == (ROOT / "docs" / "checks.md").read_text()

    def test_findings_of_many_tasks_are_one(self):
        program = builders.complete_again(with_field(loaded("mul"), "Common.TileHeight", 0), 5)
        assert one(of_program(program), "zero-dimension").where == "tasks 0 to 4, Common.TileCfg.TileHeight"


def test_many_findings_of_a_rule_are_cut():
    program = builders.complete_again(loaded("mul"), 30)
    findings = [finding for finding in of_program(program) if finding.rule == "task-ids"]
    assert len(findings) == 21
    assert "9 more findings" in findings[-1].what
    assert findings[-1].tasks == tuple(range(21, 30))


@pytest.mark.parametrize("bit", range(0, 0x274 * 8, 37))
def test_no_edit_of_a_bit_makes_it_stumble(bit, tmp_path):
    anec = anec_of(loaded("conv"))
    data = bytearray(anec.content)
    data[bit // 8] ^= 1 << bit % 8
    path = tmp_path / "x.anec"
    path.write_bytes(b"".join(anec_header.write(anec._replace(content=memoryview(data)))))
    with contextlib.suppress(HwxError):
        checks.findings(open_subject(str(path)))


def test_every_rule_says_how_it_is_known_and_what_to_do():
    for rule in checks.RULES:
        assert rule.evidence, rule.name
        assert rule.what_to_do, rule.name
        assert rule.level in checks.LEVELS
