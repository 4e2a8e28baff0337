"""What programs cost: bytes, operations, time, live ranges."""

import json
import xml.etree.ElementTree as ET

import pytest
from builders import complete_again, elementwise, network, planar, select, stored, tensor
from conftest import EXAMPLE_NAMES, SHARED, example, loaded
from test_neural import convolution

from hwx2py import cost, formats
from hwx2py.cost.ranges import Range, live_ranges
from hwx2py.cost.time import engines_us
from hwx2py.registers import by_name
from hwx2py.registers.speeds import PRODUCTS, WINDOWS


def test_an_elementwise_task():
    report = cost.cost(elementwise(shape=(3, 4, 5)))
    (task,) = report.tasks
    assert (task.read_bytes, task.written_bytes, task.coefficient_bytes) == (240, 120, 0)
    assert (task.macs, task.elementwise) == (0, 60)
    assert (task.l2_read_bytes, task.l2_written_bytes) == (0, 0)
    assert task.formula_cycles == 0
    assert task.estimate_us == pytest.approx(3 * 3 * 4 * 64 / 34_133.33)  # rows of 64 bytes
    assert task.bound_by == "memory"


def test_what_is_broadcast_is_read_once():
    program = elementwise(shape=(3, 4, 5), Common_PECfg={"Src2BroadcastW": 1, "Src2BroadcastH": 1})
    assert cost.cost(program).tasks[0].read_bytes == 120 + 6


def test_a_convolution():
    (task,) = cost.cost(loaded("conv")).tasks
    assert task.macs == 8 * 6 * 8 * 2 * 9
    assert task.coefficient_bytes == 4 * 0x80
    assert (task.read_bytes, task.written_bytes) == (2 * 6 * 8 * 2, 8 * 6 * 8 * 2)


def test_a_table_counts_once():
    report = cost.cost(loaded("chain"))
    assert report.tasks[1].coefficient_bytes == 128
    assert report.total("coefficient_bytes") == 128


def with_cycles(cycles: int):
    a, b, y = (
        tensor(n, r, bar, 64, 64, 64) for n, r, bar in (("a", "input", 4), ("b", "input", 5), ("y", "output", 6))
    )
    return network([({"W1": {"ExeCycles": cycles}, "W8": select(a, b, y)}, planar(a, b, y, "Add"))], (a, b, y))


@pytest.mark.parametrize(("cycles", "bound"), [(46, "memory"), (100, "engine"), (0, "memory")])
def test_exe_cycles_are_the_estimate(cycles, bound):
    """64 x 64 x 64 elements of three tensors take memory 46 units of the compiler's."""
    (task,) = cost.cost(with_cycles(cycles)).tasks
    assert (task.bound_by, task.formula_cycles) == (bound, 46)
    assert task.estimate_us == pytest.approx(cycles or 3 * 64**3 * 2 / 34_133.33)


def test_basis_is_told():
    (cycles, formula, engines, tiles) = cost.cost(loaded("mul")).basis
    assert "the one with most of them takes (inferred" in engines
    assert "bytes count once however many tiles" in tiles
    assert "the compiler's estimate, not a measured time" in cycles
    assert "inferred" in cycles
    assert "bytes / 34133.33, or planes of the source x 0.00444" in formula
    assert "bytes / 51200" in cost.cost(loaded("add16")).basis[1]


def test_products_take_what_the_fastest_chip_of_the_generation_takes():
    """512 channels to 512 for 1000 columns: 262,144,000 multiply-accumulates, of which the compiler thinks nothing."""
    program, _, _ = convolution((512, 1, 1000), 512, lanes_log2=4, engines_log2=4)
    report = cost.cost(program)
    (task,) = report.tasks
    assert task.macs == 262_144_000
    assert task.engines_us == pytest.approx(2 * 262.144 / 4.6)
    assert (task.estimate_us, task.bound_by) == (task.engines_us, "engine")
    assert [chip.chip for chip in report.chips] == ["M1", "M1 Max"]
    assert report.chips[0].least_us == pytest.approx(2 * 262.144 / 4.3)
    assert report.chips[0].most_us == pytest.approx(2 * 262.144 / 2.7)
    assert report.chips[0].submit.startswith("61 us under Linux")


def test_windows_have_peaks_of_their_own():
    """4 of 16 engines work, each on 2 of the 8 outputs."""
    report = cost.cost(loaded("conv"))
    assert report.tasks[0].engines_us == pytest.approx(4 * 2 * 8 * 6 * 8 * 2 * 9 / 2.2e6)
    assert [chip.chip for chip in report.chips] == ["M1"]


@pytest.mark.parametrize(
    ("outputs", "lanes_log2", "engines_log2", "idle"),
    [(16, 0, 4, 1.0), (64, 0, 4, 1.0), (64, 2, 4, 1.0), (24, 0, 4, 32 / 24), (8, 0, 3, 2.0), (1, 0, 0, 16.0)],
)
def test_the_engine_with_most_channels_decides_and_lanes_do_not(outputs, lanes_log2, engines_log2, idle):
    program, _, _ = convolution((32, 1, 100), outputs, lanes_log2=lanes_log2, engines_log2=engines_log2)
    (task,) = cost.cost(program).tasks
    assert task.engines_us == pytest.approx(idle * 2 * 32 * 100 * outputs / 4.6e6)


def test_what_nobody_measured_has_no_time():
    assert engines_us(by_name("H15"), 10**6, PRODUCTS) is None
    assert engines_us(by_name("H17"), 10**6, WINDOWS) is None
    assert engines_us(by_name("H17"), 10**6, PRODUCTS) == pytest.approx(0.2)


def test_scratch_is_live_from_writer_to_reader():
    (part,) = cost.cost(loaded("chain")).scratch
    assert (part.first_task, part.last_task, part.is_written) == (0, 1, True)
    again = cost.cost(complete_again(loaded("chain"), 2)).scratch
    assert [(part.first_task, part.last_task) for part in again] == [(0, 1), (2, 3)]


def test_l2_is_live_from_writer_to_reader():
    """t = a + b stays in L2, y = t * b reads it there."""
    a, b, y = (tensor(n, r, bar, 3, 4, 5) for n, r, bar in (("a", "input", 4), ("b", "input", 5), ("y", "output", 6)))
    strides = {"ChannelStride": 16, "RowStride": 48, "DepthStride": 192, "GroupStride": 192}
    stays = planar(a, b, y, "Add") | {
        "L2.ResultCfg": {"ResultType": 0, "DMAFmt": "16b", "DMAInterleave": 1},
        "L2.ResultBase": {"Addr": 0x100},
        **{f"L2.Result{name}": {"Stride": stride} for name, stride in strides.items()},
        "TileDMADst.DMAConfig": 0,
    }
    reads = planar(a, b, y, "Mul") | {
        "L2.SourceCfg": {"SourceType": 0, "DMAFmt": "16b", "DMAInterleave": 1, "Source2Dma": 1},
        "L2.SourceBase": {"Addr": 0x100},
        **{f"L2.Source{name}": {"Stride": stride} for name, stride in strides.items()},
        **stored(y),
    }
    report = cost.cost(network([({"W8": select(a, b, y)}, stays), ({"W8": select(a, b, y)}, reads)], (a, b, y)))
    assert report.l2 == (Range(0x100, 0x100 + 3 * 48 + 2 * 16 + 10, 0, 1, True),)
    assert (report.tasks[0].l2_written_bytes, report.tasks[1].l2_read_bytes) == (120, 120)
    assert report.tasks[0].written_bytes == 0


def test_ranges():
    touched = [(0, 0, 64, True), (1, 0, 64, False), (2, 32, 96, True), (3, 40, 50, False), (3, 200, 210, False)]
    assert live_ranges(touched) == (
        Range(0, 64, 0, 1, True),
        Range(32, 96, 2, 3, True),
        Range(200, 210, 3, 3, False),
    )


@pytest.mark.parametrize("name", EXAMPLE_NAMES)
def test_command(cli, tmp_path, name):
    picture = tmp_path / "x.svg"
    done = cli("cost", example(name), "--svg", picture)
    assert done.code == 0
    assert done.out.splitlines()[0].split()[:3] == ["task", "read", "written"]
    assert ET.parse(picture).getroot().tag.endswith("svg")
    data = json.loads(cli("cost", example(name), "--json").out)
    assert data["total"]["read_bytes"] == sum(task["read_bytes"] for task in data["tasks"])
    assert data["basis"]


@pytest.mark.skipif(not SHARED.exists(), reason="the reference data is not beside the repository")
@pytest.mark.parametrize(
    ("name", "bound"), [("abs", ["memory"]), ("log", ["engine", "chain"]), ("div", ["memory"] * 2)]
)
def test_real_programs(name, bound):
    """Memory-bound tasks of 2023 take what their ExeCycles say, to a thousandth."""
    report = cost.cost(formats.load(str(SHARED / "hwx" / "eiln" / f"{name}.anec")).program)
    assert [task.bound_by for task in report.tasks] == bound
    for task in report.tasks:
        if task.bound_by == "memory":
            assert task.formula_cycles == task.exe_cycles


@pytest.mark.skipif(not SHARED.exists(), reason="the reference data is not beside the repository")
def test_a_product_that_the_compiler_thinks_cheap():
    path = SHARED / "hwx" / "oracle-h13" / "encoder_linear_m375_k1024_n640_bias1.hwx"
    report = cost.cost(formats.load(str(path)).program)
    assert report.tasks[1].exe_cycles == 41
    assert report.total("estimate_us") > 120
    assert 114 < report.chips[0].least_us < 115
    assert 181 < report.chips[0].most_us < 183


@pytest.mark.skipif(not SHARED.exists(), reason="the reference data is not beside the repository")
def test_the_compilers_formula_gives_what_it_wrote():
    right = total = 0
    for path in sorted((SHARED / "hwx" / "oracle-h13").glob("*.hwx")):
        for task in cost.cost(formats.load(str(path)).program).tasks:
            total += 1
            right += task.formula_cycles == task.exe_cycles
    assert (right, total) == (52, 58)
