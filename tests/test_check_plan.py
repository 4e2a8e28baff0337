"""Rules of `check` about plans, and about what tasks hand on: one wrong word at a time, in programs that have none."""

import importlib.util
import itertools
from types import ModuleType

import pytest
from builders import elementwise, network, neural, planar, select, tensor
from conftest import EXAMPLE_NAMES, SHARED, loaded
from test_check import names, of_program, one, with_field, with_header

from hwx2py import formats
from hwx2py.checks import RULES
from hwx2py.emulator import faults
from hwx2py.operations.regions import Grid, Marks, Region
from hwx2py.operations.transfer import Axis
from hwx2py.program import l2
from hwx2py.program.known_plans import PATCHES, is_known_patch
from hwx2py.program.program import Program

L2_BYTES = 0x200000


def tall(**registers: object) -> Program:
    """y = a + b of 8 x 8 x 16, so that a tile has several rows and channels."""
    return elementwise("Add", (8, 8, 16), **registers)


class TestPlan:
    """Places, strides, patches, heights."""

    @pytest.mark.parametrize("name", EXAMPLE_NAMES)
    def test_no_example_breaks_one(self, name):
        assert not names(of_program(loaded(name))) | names(of_program(loaded(name)), "warning")

    @pytest.mark.parametrize(("base", "use"), [("Source2Base", "source 2"), ("ResultBase", "the result")])
    @pytest.mark.parametrize("further", [0, 0x10, 0x700])
    def test_an_operand_on_source_1(self, base, use, further):
        found = of_program(with_field(tall(), f"L2.{base}.Addr", further))
        assert f"{use} lies on source 1 in L2" in one(found, "plan-overlap").what

    def test_the_result_on_source_2(self):
        program = with_field(tall(), "L2.ResultBase.Addr", 0x850)
        assert "the result lies on source 2 in L2: 0x850 to" in one(of_program(program), "plan-overlap").what

    @pytest.mark.parametrize("base", ["SourceBase", "Source2Base", "ResultBase"])
    def test_beyond_l2(self, base):
        program = with_field(tall(), f"L2.{base}.Addr", L2_BYTES - 16)
        assert one(of_program(program), "plan-beyond-l2").where == f"task 0, L2.{base}"

    @pytest.mark.parametrize("source", ["Source", "Source2"])
    @pytest.mark.parametrize("stride", [0, 0x20, 0xF0])
    def test_rows_shorter_than_their_channels(self, source, stride):
        program = with_field(tall(), f"L2.{source}RowStride.Stride", stride)
        assert one(of_program(program), "plan-row-stride").where == f"task 0, L2.{source}RowStride"

    def test_a_row_stride_does_not_matter_for_one_row(self):
        program = with_field(elementwise(shape=(8, 1, 16)), "L2.SourceRowStride.Stride", 0x20)
        assert not names(of_program(program))

    @pytest.mark.parametrize(("width", "height"), [(7, 1), (1, 7), (0, 0), (2, 2), (5, 0), (6, 1), (9, 9)])
    def test_a_patch_that_no_program_has(self, width, height):
        program = with_field(tall(), "Common.PatchCfg.PatchWidth", width)
        program = with_field(program, "Common.PatchCfg.PatchHeight", height)
        what = one(of_program(program), "plan-patch", "warning").what
        assert what == f"no known program has patch {width}x{height}"

    def test_a_patch_wider_than_the_rows(self):
        program = with_field(with_field(tall(), "Common.PatchCfg.PatchWidth", 9), "Common.PatchCfg.PatchHeight", 5)
        assert "on rows of 16 elements" in one(of_program(program), "plan-patch", "warning").what

    @pytest.mark.parametrize("field", ["PatchWidth", "PatchHeight"])
    def test_a_patch_of_the_neural_engines(self, field):
        assert "neural" in one(of_program(with_field(loaded("relu"), f"Common.{field}", 4)), "plan-patch").what

    @pytest.mark.parametrize("field", ["ShPref", "ShMin", "ShMax", "SmallSourceMode", "ActiveNE"])
    def test_neural_rows_of_a_planar_task(self, field):
        program = with_field(tall(), f"Common.Cfg.{field}", 1)
        assert one(of_program(program), "plan-sharing", "warning").where.endswith(field)

    @pytest.mark.parametrize(("tile", "known"), [(8, True), (4, True), (2, True), (7, False), (3, False), (16, False)])
    def test_tile_height(self, tile, known):
        program = with_field(tall(), "Common.TileHeight", tile)
        assert ("plan-tile-height" in names(of_program(program), "warning")) != known

    @pytest.mark.parametrize(("field", "bit"), [("Unk0", 0), ("Source2Dma", 1)])
    def test_where_sources_come_from(self, field, bit):
        program = with_field(tall(), f"Common.Cfg.{field}", 0)
        assert one(of_program(program), "plan-sources", "warning").what == f"bit {bit} is 0, and the sources say 1"

    @pytest.mark.parametrize("register", ["SourceCfg", "ResultCfg"])
    @pytest.mark.parametrize("field", ["AliasConvSrc", "AliasConvRslt", "AliasPlanarSrc", "AliasPlanarRslt"])
    def test_alias_bits_of_the_first_task(self, register, field):
        found = of_program(with_field(loaded("relu"), f"L2.{register}.{field}", 0))
        assert any(finding.rule == "plan-alias" and field in finding.what for finding in found)

    def test_engines(self):
        program = with_field(loaded("conv"), "Common.Cfg.ActiveNE", 3)
        assert one(of_program(program), "plan-engines", "warning").where.endswith("ActiveNE")


class TestHeaders:
    """Who is first and last, and where runs begin and end."""

    @pytest.mark.parametrize("field", ["SPL", "TSE", "TSR", "SrcLoc", "DstLoc", "DPC", "SPC", "TBE", "LNID", "EON"])
    @pytest.mark.parametrize("index", [0, 1])
    def test_a_bit_that_is_the_other_way_round(self, field, index):
        program = loaded("chain")
        place = program.arch.place(f"Header.{field}")
        number = place.number(program.tasks[index].words[place.address // 4])
        found = of_program(with_header(program, index, **{field: 1 - number}))
        assert names(found) | names(found, "warning")

    def test_copied_tasks_keep_what_made_them_last(self):
        program = loaded("chain")
        last = program.tasks[1]
        copied = program.with_tasks([program.tasks[0].with_words(dict(enumerate(last.words[:1]))), last])
        assert {"end-of-network", "task-ids"} <= names(of_program(copied))


class TestFlow:
    """What is read before it is written, what is never written, and by whom."""

    def test_an_input_that_is_written(self):
        program = with_header(elementwise(), 0, WBase=4)
        assert {"wrong-direction", "output-not-written"} <= names(of_program(program))

    def test_an_output_that_is_read(self):
        program = with_header(elementwise(), 0, RBase0=6)
        assert "it reads output y" in one(of_program(program), "wrong-direction").what

    def test_an_output_that_is_written_in_part(self):
        program = with_field(with_field(elementwise(shape=(4, 4, 16)), "Common.Hout", 2), "Common.Hin", 2)
        assert "no task writes y at 0x80" in one(of_program(program), "output-partly-written").what

    def test_an_output_that_is_written_twice(self):
        a, b, y = (
            tensor(n, r, bar, 2, 1, 16) for n, r, bar in (("a", "input", 4), ("b", "input", 5), ("y", "output", 6))
        )
        tasks = [({"W8": select(a, b, y)}, planar(a, b, y, "Add"))] * 2
        found = of_program(network(tasks, (a, b, y)))
        assert one(found, "written-twice", "warning").what == "it writes y at 0x0, where task 0 wrote"

    def test_scratch_that_nobody_wrote(self):
        program = loaded("chain").with_tasks(loaded("chain").tasks[1:])
        assert "it reads scratch at 0x0" in one(of_program(program), "unwritten").what

    def test_scratch_that_is_read_too_early(self):
        program = with_field(loaded("chain"), "TileDMASrc.Src1DMAConfig.DependencyMode", 0, 1)
        assert one(of_program(program), "plan-dependency", "warning").tasks == (1,)

    def test_l2_that_nobody_wrote(self):
        program = with_field(loaded("softmax"), "L2.Source2Base.Addr", 0x100000, 1)
        assert "it reads L2 at 0x100000" in one(of_program(program), "unwritten").what

    def test_l2_that_was_written_over(self):
        """The second source of task 1 lies where its first passes through."""
        program = with_field(loaded("softmax"), "L2.SourceBase.Addr", 0, 1)
        assert {"plan-overlap", "plan-overwritten"} & names(of_program(program))
        program = with_field(loaded("softmax"), "L2.ResultBase.Addr", 0x4000, 3)
        assert "unwritten" in names(of_program(program))

    def test_a_source_that_is_not_enabled(self):
        assert "unwritten" in names(of_program(with_field(elementwise(), "L2.SourceCfg.Source2Dma", 0)))

    def test_the_task_that_writes_a_kernel(self):
        program = loaded("attention")
        last = len(program.tasks) - 1
        place = program.tasks[last].header_words - 1
        wrong = program.tasks[last].with_words({place: 0})
        found = of_program(program.with_tasks([*program.tasks[:-1], wrong]))
        assert one(found, "kernel-writer").what == "it waits for task 0, and the kernel is written by task 6"

    def test_a_chain_that_nobody_begins(self):
        program = with_field(loaded("softmax"), "L2.SourceCfg.SourceType", 3, 3)
        assert "empty-chain" in names(of_program(program))

    def test_a_result_for_nobody(self):
        program = with_field(loaded("softmax"), "L2.ResultCfg.ResultType", 3, 2)
        assert "lost-chain" in names(of_program(program))

    def test_what_emulate_finds_is_found(self):
        """Faults that need no inputs have the names of rules."""
        rules = {rule.name for rule in RULES}
        shared = {"wrong-direction", "unwritten", "empty-chain", "written-twice", "output-not-written"}
        assert shared <= rules
        assert shared <= {kind.name for kind in faults.KINDS}


class TestFilledIn:
    """`network()` plans from shapes, and what it makes obeys the rules."""

    @pytest.mark.parametrize("channels", [1, 3, 64, 512])
    def test_elementwise(self, channels):
        for height, width in itertools.product((1, 5, 8), (1, 16, 77, 200, 700)):
            found = of_program(elementwise("Mul", (channels, height, width)))
            assert not names(found) | names(found, "warning"), (height, width)

    @pytest.mark.parametrize("shape", [(1, 1, 77), (64, 8, 8), (16, 375, 40), (3, 224, 224), (48, 5, 300)])
    def test_neural(self, shape):
        x, y = tensor("x", "input", 4, *shape), tensor("y", "output", 5, *shape)
        registers = neural(x, y, 0) | {"NE.MACCfg": {"BinaryPoint": 28, "OpMode": "Bypass", "KernelMode": "Unity"}}
        found = of_program(network([({"W8": select(x, None, y) | {"ENE": 1}}, registers)], (x, y)))
        assert not names(found) | names(found, "warning")

    def test_what_is_given_stays(self):
        program = tall(L2_Source2Base={"Addr": 0x9000}, Common_PatchCfg={"PatchWidth": 4, "PatchHeight": 0})
        task = program.tasks[0]
        written = {write.address: write.value for write in task.writes()}
        assert written[program.arch.address("L2.Source2Base")] == 0x9000
        assert written[program.arch.address("Common.PatchCfg")] == 4

    def test_patches_by_rule_are_known(self):
        rules = (l2.patch_of_pairs, l2.patch_of_one, l2.patch_of_two, l2.patch_of_squares)
        for rule, height, width in itertools.product(rules, (1, 2, 3, 9, 40, 700), (1, 17, 33, 65, 100, 200, 900)):
            patch = rule(height, width)
            assert is_known_patch(patch.width_log2, patch.height_log2)
        assert (7, 1) not in {(row.width_log2, row.height_log2) for row in PATCHES}


class TestRegions:
    """Sets of bytes."""

    @pytest.mark.parametrize(
        ("axes", "run"),
        [((), 6), ((Axis(64, 5),), 10), ((Axis(16, 3), Axis(100, 4)), 8), ((Axis(8, 4), Axis(32, 3)), 8)],
    )
    def test_a_region_is_every_run(self, axes, run):
        region = Grid.of(4096).region(20, axes, run)
        steps = itertools.product(*(range(0, axis.stride * axis.extent, axis.stride) for axis in axes))
        wanted = {(20 + sum(step) + byte) // 2 for step in steps for byte in range(run)}
        assert {region.start + bit for bit in range(region.bits.bit_length()) if region.bits >> bit & 1} == wanted

    def test_what_reaches_behind_the_end_is_none(self):
        assert Grid.of(100).region(96, (), 6) is None

    def test_marks(self):
        marks = Marks(Grid.of(1 << 20))
        marks.put(Region(100, 0b1011))
        assert marks.missing(Region(100, 0b1111)) == Region(96, 0b0100 << 4)
        marks.clear(Region(101, 1))
        assert marks.marked(Region(96, 0xFFFF)).count() == 2

    def test_a_large_memory_has_larger_units(self):
        assert Grid.of(1 << 30).unit_bytes > Grid.of(1 << 20).unit_bytes == 2


def plan_edits() -> ModuleType:
    spec = importlib.util.spec_from_file_location("plan_edits", SHARED / "plan_edits.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.skipif(not SHARED.exists(), reason="the reference data is not beside the repository")
@pytest.mark.parametrize("stem", ["binary_add_1x64x8x8", "binary_pow_1x64x8x8", "matmul_m1_k256_n256_ty1",
                                  "softmax_1x512x1x1", "encoder_slice_lastdim"])  # fmt: skip
def test_a_wrong_word_of_a_real_plan_is_noticed(stem):
    edits = plan_edits()
    path = SHARED / "hwx" / "oracle-h13" / f"{stem}.hwx"
    data = path.read_bytes()
    file = formats.load(str(path))
    unedited = of_program(file.program)
    assert not names(unedited) | names(unedited, "warning")
    start, _ = edits.text_section(data)
    tasks = edits.tasks(data)
    for index, words in enumerate(tasks):
        for kind, name, value in edits.edits(words, len(tasks) == 1):
            place = (words[name][0] - start - file.program.tasks[index].offset) // 4
            changed = list(file.program.tasks)
            changed[index] = changed[index].with_words({place: value})
            found = of_program(file.program.with_tasks(changed))
            assert value == words[name][1] or names(found) | names(found, "warning"), (index, kind)


@pytest.mark.skipif(not SHARED.exists(), reason="the reference data is not beside the repository")
def test_real_plans_are_right():
    """No rule of plans finds anything in a real file or a decoded program."""
    folder = SHARED / "hwx"
    files = [*folder.glob("oracle-h1*/*.hwx"), *folder.glob("real/*.hwx"), *folder.glob("eiln/*.anec")]
    true = {"zero-table", "zero-coefficients", "tsk-size", "kernel-outside"}
    for path in sorted(files)[::4]:
        found = of_program(formats.load(str(path)).program)
        assert not (names(found) | names(found, "warning")) - true, path.name
