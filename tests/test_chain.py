"""Intermediates that stay in L2: the same bits as through scratch, clean for `check`, less traffic, known kinds."""

import itertools
import json

import numpy as np
import pytest
from conftest import EXAMPLES
from hypothesis import example, given, settings
from hypothesis import strategies as st

import hwx2py
from hwx2py.compiler import chain, l2_operands
from hwx2py.compiler.compile import compile_network
from hwx2py.compiler.l2_layout import Layout, pitches_of
from hwx2py.compiler.l2_places import Stay, places
from hwx2py.compiler.l2_seen import NAMES, Operand, where_seen
from hwx2py.compiler.schedule import live_ranges
from hwx2py.compiler.surface import Surface


def both(graph):
    """A graph compiled with intermediates in L2, and without."""
    return hwx2py.compile(graph), hwx2py.compile(graph, chain=False)


def assert_same(graph):
    """Both give the same bits, without a finding and without a fault. Returns the one with intermediates in L2."""
    rng = np.random.default_rng(3)
    inputs = {value.name: rng.uniform(-2, 2, value.shape).astype(np.float16) for value in graph.inputs}
    results = []
    for done in both(graph):
        found = [finding for finding in hwx2py.check(done.program) if finding.level in ("error", "warning")]
        assert not found, found[0]
        result = hwx2py.emulate(done.program, inputs)
        assert not result.faults, result.faults[0]
        results.append({name: array.tobytes() for name, array in result.outputs.items()})
    assert results[0] == results[1]
    return both(graph)[0]


STEPS = ("relu", "sigmoid", "scale", "add", "maximum", "conv 1", "conv 3", "depthwise", "pool", "gate", "softmax",
         "rows", "channels", "concat", "transpose", "max over w", "product", "norm")  # fmt: skip


def stepped(g, steps, channels, height, width, seed):
    """A graph of some steps; every step may use what an earlier one made."""
    rng = np.random.default_rng(seed)
    made = [g.input("x", (1, channels, height, width))]
    for step in steps:
        x = made[-1]
        _, c, h, w = x.shape
        same = [value for value in made if value.shape == x.shape]
        other = same[int(rng.integers(len(same)))]
        match step:
            case "relu":
                y = g.relu(x)
            case "sigmoid":
                y = g.sigmoid(x)
            case "scale":
                y = g.linear(x, 0.5, 0.25)
            case "add":
                y = g.add(x, other)
            case "maximum":
                y = g.maximum(other, x)
            case "conv 1":
                y = g.conv(x, rng.normal(0, c**-0.5, (int(rng.integers(1, 40)), c, 1, 1)))
            case "conv 3":
                y = g.conv(x, rng.normal(0, 0.3, (8, c, 3, 3)), pads=1)
            case "depthwise":
                y = g.conv(x, rng.normal(0, 0.3, (c, 1, 3, 3)), groups=c, pads=1)
            case "pool":
                y = g.max_pool(x, 2, 2) if min(h, w) > 3 else g.relu(x)
            case "gate":
                y = g.mul(x, g.reduce("mean", x, (2, 3)))
            case "softmax":
                y = g.softmax(x)
            case "rows":
                y = g.slice(x, 2, 0, h, 2) if h > 3 else g.relu(x)
            case "channels":
                y = g.slice(x, 1, c // 2, c) if c > 2 else g.relu(x)
            case "concat":
                y = g.concat([x, other], 1)
            case "transpose":
                y = g.transpose(x, (0, 2, 1, 3) if seed % 2 else (0, 1, 3, 2))
            case "max over w":
                y = g.maximum(x, g.reduce("max", x, (3,)))
            case "product":
                y = g.matmul(x, rng.normal(0, w**-0.5, (w, int(rng.integers(1, 50)))))
            case "norm":
                y = g.standardize(x)
        made.append(y)
    g.output("y", g.linear(made[-1], 1.0, 0.125))
    return g


@settings(max_examples=15, deadline=None)
@given(
    st.lists(st.sampled_from(STEPS), min_size=2, max_size=7),
    st.integers(1, 24), st.integers(1, 12), st.integers(1, 40), st.integers(0, 99),
)  # fmt: skip
def test_chained_and_unchained_give_the_same_bits(steps, channels, height, width, seed):
    assert_same(stepped(hwx2py.Graph(), steps, channels, height, width, seed))


def test_one_source_in_l2_and_the_other_from_memory():
    g = hwx2py.Graph()
    x, y = g.input("x", (1, 20, 6, 12)), g.input("y", (1, 20, 6, 12))
    one = g.sigmoid(x)
    g.output("z", g.relu(g.maximum(g.add(one, y), g.sub(y, one))))
    done = assert_same(g)
    plans = compile_network(g).plans
    assert any(plan.source is None and plan.source2 is not None for plan in plans)
    assert any(plan.source is not None and plan.source2 is None and plan.what == "sub" for plan in plans)
    assert done.report.chaining.runs


def test_rows_of_a_tensor_that_several_tasks_put_into_l2():
    """Channels of one tensor lie between those of the others: a row has steps that no part has."""
    g = hwx2py.Graph()
    x = g.input("x", (1, 4, 8, 15))
    y = g.concat([g.slice(x, 1, 3, 4), g.slice(x, 1, 0, 3), g.slice(x, 1, 0, 1)], 1)
    g.output("y", g.concat([g.slice(y, 2, row, row + 1) for row in (7, 4, 0)], 2))
    assert assert_same(g).report.chaining.runs


@pytest.mark.parametrize("channels", [16, 48, 100])
def test_what_l2_does_not_hold_together_goes_through_scratch(channels):
    """Tensors of 0.25 to 1.5 MiB: they stay as long as all that a task has there fits 2 MiB."""
    g = hwx2py.Graph()
    x = g.input("x", (1, channels, 64, 120))
    y = g.relu(x)
    g.output("y", g.linear(g.add(g.linear(y, 0.5), y), 1.0, 0.5))
    done = assert_same(g)
    assert bool(done.report.chaining.runs) == (channels < 100)


def gated(blocks=3, width=24):
    """A network of the kind that recognises text: convolutions, gates and sums."""
    rng = np.random.default_rng(1)
    g = hwx2py.Graph()
    x = g.relu(g.conv(g.input("x", (1, 3, 16, width)), rng.normal(0, 0.3, (16, 3, 3, 3)), pads=1))
    for _ in range(blocks):
        y = g.relu(g.conv(x, rng.normal(0, 0.3, (32, 16, 1, 1))))
        y = g.conv(y, rng.normal(0, 0.3, (32, 1, 3, 3)), groups=32, pads=1)
        y = g.mul(y, g.sigmoid(y))
        y = g.mul(y, g.reduce("mean", y, (2, 3)))
        x = g.add(x, g.conv(y, rng.normal(0, 0.2, (16, 32, 1, 1))))
    g.output("y", g.relu(x))
    return g


def test_half_of_the_traffic_of_a_gated_network_is_gone_and_the_report_says_so():
    together, apart = both(gated())
    chaining, without = together.report.chaining, apart.report.chaining
    assert chaining.chained.tensor_bytes < chaining.unchained.tensor_bytes / 2
    assert chaining.chained.estimate_us < chaining.unchained.estimate_us
    assert chaining.chained.coefficient_bytes == chaining.unchained.coefficient_bytes
    assert chaining.unchained == without.chained == without.unchained
    assert not without.runs
    data = together.report.as_data()["chaining"]
    assert data["chained"]["bytes"] == together.report.figures.moved_bytes
    assert data["unchained"]["bytes"] == apart.report.figures.moved_bytes
    assert data["runs"] == [[run.start, run.stop - 1] for run in chaining.runs]


def networks():
    """Compiled networks with runs of several kinds."""
    shapes = (8, 6, 20)
    steps = ("conv 1", "sigmoid", "add", "softmax", "gate", "rows", "conv 3", "relu", "product", "norm")
    return [compile_network(gated()), compile_network(stepped(hwx2py.Graph(), steps, *shapes, seed=4))]


def test_runs_are_as_long_as_known_ones_and_nothing_in_them_goes_through_scratch():
    for done in networks():
        assert done.runs
        for run in done.runs:
            assert 1 < len(run) <= chain.MOST_TASKS
            assert [done.plans[task].ends_segment for task in run] == [False] * (len(run) - 1) + [True]
            stored = set()
            for task in run:
                read = {surface.buffer for surface in (done.plans[task].source, done.plans[task].source2) if surface}
                assert not read & stored
                stored |= {surface.buffer for surface in (done.plans[task].result,) if surface}


def test_the_header_makes_one_run_of_the_forms_of_a_run():
    done = networks()[0]
    tasks = hwx2py.compile(gated()).program.tasks
    begins = [task["Header.W6"].SPL for task in tasks]
    ends = [task["Header.W6"].TSR for task in tasks]
    for run in done.runs:
        assert [begins[task] for task in run] == [1] + [0] * (len(run) - 1)
        assert [ends[task] for task in run] == [0] * (len(run) - 1) + [1]


def test_every_operand_that_stays_is_of_a_known_kind_and_its_note_says_which():
    for done in networks():
        before, after = done.unchained.plans, done.plans
        for old, new in zip(before, after):
            for operand in Operand:
                was, remains = l2_operands.surface_of(old, operand), l2_operands.surface_of(new, operand)
                if was is None or remains is not None:
                    continue
                seen = where_seen(l2_operands.work_of(old), operand)
                assert f"{NAMES[operand]} in L2 as in {seen}" in str(new.evidence)
        assert any("in L2 as in softmax_1x512x1x1" in note for note in done.program.task_notes)


def test_no_window_reads_from_l2():
    """No known program has that."""
    done = networks()[0]
    windows = [plan for plan in done.plans if "3 x 3" in plan.what]
    assert len(windows) == 4
    assert all(plan.source is not None for plan in windows)


def test_what_passes_through_lies_behind_what_stays():
    for done in networks():
        for task in itertools.chain(*done.runs):
            plan, old = done.plans[task], done.unchained.plans[task]
            stays, passes = [], []
            for operand in Operand:
                extent = l2_operands.extent_in_l2(plan, operand)
                if extent is None:
                    continue
                gone = l2_operands.surface_of(old, operand) and not l2_operands.surface_of(plan, operand)
                (stays if gone else passes).append(extent)
            if stays and passes:
                assert max(extent.end for extent in stays) <= min(extent.start for extent in passes)


def test_what_a_run_uses_in_scratch_is_not_given_away_within_it():
    done = networks()[0]
    bound = {tensor.name for tensor in done.program.tensors}
    for item in live_ranges(done.plans, bound, done.runs):
        for run in done.runs:
            if run.start <= item.first < run.stop:
                assert item.first == run.start
            if run.start <= item.last < run.stop:
                assert item.last == run.stop - 1


def dense(channels, height, width):
    return Surface.dense("x", (1, channels, height, width))


@pytest.mark.parametrize(
    "view",
    [
        lambda x: x,
        lambda x: x.rows(1, 3, 2),
        lambda x: x.planes(2, 3),
        lambda x: x.swapped(),
        lambda x: x.swapped().rows(1, 2).planes(0, 4, 2),
        lambda x: x.columns(32, 8),
    ],
)
def test_a_layout_has_every_view_where_its_elements_are(view):
    """Each element of a view has the place that the layout gives the same element of the whole."""
    whole = dense(6, 8, 40)
    part = view(whole)
    pitches = pitches_of([whole, part])
    layout = Layout(pitches, 0x60, 6 * 0x60 + 0x20, 0x400)
    place = {}
    for c, h, w in np.ndindex(6, 8, 40):
        place[c * whole.plane_bytes + h * whole.row_bytes + 2 * w] = 0x400 + c * 0x60 + h * 0x260 + 2 * w
    tile = layout.tile(part)
    for c, h, w in np.ndindex(*part.shape[1:]):
        memory = part.base_bytes + c * part.plane_bytes + h * part.row_bytes + 2 * w
        assert tile.base_bytes + c * tile.channel_bytes + h * tile.row_bytes + 2 * w == place[memory]
    assert max(place.values()) + 2 <= 0x400 + layout.size_bytes


def test_views_that_steps_of_16_bytes_do_not_explain_have_no_layout():
    whole = dense(6, 8, 40)
    backwards = Surface("x", whole.shape, 7 * whole.row_bytes, -whole.row_bytes, whole.plane_bytes, 0, 0)
    uneven = Surface("x", whole.shape._replace(h=1), 8, whole.row_bytes, whole.plane_bytes, 0, 0)
    assert pitches_of([whole]) is not None
    assert pitches_of([whole, backwards]) is None
    assert pitches_of([whole, uneven]) is None


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9), st.integers(1, 200)), max_size=12))
@example([(0, 1, 1), (0, 0, 1), (0, 0, 1), (0, 0, 53), (0, 1, 1), (1, 1, 1), (1, 1, 1)])
@example([(0, 0, 1 + number % 3) for number in range(60)])
def test_intermediates_that_stay_at_the_same_time_have_places_of_their_own(rows):
    stays = [Stay(str(number), min(one, two), max(one, two), 16 * size) for number, (one, two, size) in enumerate(rows)]
    placed = places(sorted(stays, key=lambda stay: stay.first))
    assert all(item.base_bytes % 16 == 0 for item in placed)
    for one, two in itertools.combinations(placed, 2):
        if one.stay.first <= two.stay.last and two.stay.first <= one.stay.last:
            assert one.end_bytes <= two.base_bytes or two.end_bytes <= one.base_bytes


def test_two_intermediates_do_not_begin_in_the_same_banks():
    placed = places([Stay("a", 0, 3, 0x800), Stay("b", 1, 2, 0x400), Stay("c", 4, 5, 0x100)])
    assert [item.base_bytes for item in placed] == [0, 0x840, 0]


def test_the_command_keeps_intermediates_in_scratch_if_told(cli, tmp_path):
    pytest.importorskip("onnx")
    sizes = []
    for option in ([], ["--no-chain"]):
        cli("compile", EXAMPLES / "digits.onnx", "-o", tmp_path / f"net{len(option)}.hwx", *option,
            "--report", tmp_path / f"net{len(option)}.json")  # fmt: skip
        data = json.loads((tmp_path / f"net{len(option)}.json").read_text())
        sizes.append((data["chaining"]["chained"]["bytes"], data["chaining"]["unchained"]["bytes"]))
    assert sizes[0][0] < sizes[0][1] == sizes[1][0] == sizes[1][1]


def test_both_programs_share_their_constants():
    """The weights of a large network are there once, though the report has it with and without runs."""
    network = hwx2py.Graph()
    x = network.input("x", (1, 16, 8, 16))
    for number in range(3):
        x = network.relu(network.conv(x, np.full((16, 16, 1, 1), number + 1, np.float16)))
        x = network.add(x, x)
    network.output("y", x)
    done = compile_network(network)
    assert done.unchained is not None
    assert done.program.const.obj is done.unchained.program.const.obj
