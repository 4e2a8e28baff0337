"""The picture of a program: who hands what to whom, and that it is drawn whole, legibly, whatever names hold."""

import itertools
import re
from xml.etree import ElementTree
from xml.sax.saxutils import escape

import pytest
from builders import tensor
from conftest import EXAMPLE_NAMES, example, loaded
from hypothesis import given
from hypothesis import strategies as st
from wiring import CONST, L2, SCRATCH, TENSORS, At, X, Y, Z, program, task

from hwx2py import draw
from hwx2py.draw.drawing import COLUMN, SMALL_COLUMN
from hwx2py.draw.layout import BOX_WIDTH, LABELS, arrange
from hwx2py.draw.text import columns, shorten, wrapped
from hwx2py.names import legible
from hwx2py.operations.places import Span, Writers
from hwx2py.program.build import Draft
from hwx2py.program.program import Program

SVG = "{http://www.w3.org/2000/svg}"
HOSTILE = 'a<b>&"c"'


def edges(*drafts: Draft, **how) -> list[str]:
    """Edges in words, those of the input z, which not every test uses, as all others."""
    graph = draw.graph(program(*drafts, **how))
    return [f"{graph.named(edge.source)} > {graph.named(edge.target)}: {edge.label}" for edge in graph.edges]


def long(count: int) -> Program:
    """A chain through L2 in which every third task also takes what was made five tasks before, and some take z."""
    drafts = [task(X, L2(0))]
    for index in range(1, count - 1):
        old = L2(0x100 * (index - 6)) if index % 3 == 0 and index > 6 else Z if index % 17 == 0 else None
        drafts.append(task(L2(0x100 * (index - 1)), L2(0x100 * index), old, neural=old is None))
    return program(*drafts, task(L2(0x100 * (count - 2)), Y), name=f"{count}.hwx")


class TestGraph:
    """Boxes and edges."""

    def test_one_task(self):
        graph = draw.graph(program(task(X, Y, Z)))
        assert graph.boxes == (draw.Box(0, 0, "planar engine", True, "x * z", "4 x 1 x 8", ""),)
        assert [terminal.name for terminal in graph.inputs] == ["x", "z"]
        assert [terminal.name for terminal in graph.outputs] == ["y"]
        assert edges(task(X, Y, Z)) == ["input x > task 0: x", "input z > task 0: z", "task 0 > output y: y"]

    def test_no_task_at_all(self):
        assert edges() == ["? > output y: y"]

    def test_one_buffer_read_twice_is_one_edge(self):
        assert edges(task(X, Y, X)).count("input x > task 0: x") == 1

    def test_chained_through_scratch(self):
        assert "task 0 > task 1: scratch" in edges(task(X, SCRATCH), task(SCRATCH, Y))

    def test_places_in_scratch_are_told_apart(self):
        found = edges(task(X, SCRATCH), task(Z, At(SCRATCH, 0x1000)), task(SCRATCH, Y, At(SCRATCH, 0)))
        assert "task 0 > task 2: scratch" in found
        assert "task 1 > task 2: scratch" not in found

    def test_the_latest_writer_counts(self):
        found = edges(task(X, SCRATCH), task(Z, SCRATCH), task(SCRATCH, Y))
        assert "task 1 > task 2: scratch" in found
        assert "task 0 > task 2: scratch" not in found

    def test_chained_through_l2(self):
        found = edges(task(X, L2(0)), task(Z, L2(0x2400)), task(L2(0), Y, L2(0x2400)))
        assert "task 0 > task 2: L2[0x0]" in found
        assert "task 1 > task 2: L2[0x2400]" in found

    def test_kept_source(self):
        keep = {"SourceType": "DmaReadKeep"}
        first = task(X, L2(0), L2_SourceCfg=keep, L2_SourceBase={"Addr": 0x2400})
        assert "task 0 > task 1: L2[0x2400]" in edges(first, task(L2(0x2400), Y, L2(0)))

    def test_result_that_stays_and_is_stored(self):
        first = task(X, Y, L2_ResultCfg={"ResultType": 1}, L2_ResultBase={"Addr": 0x800})
        found = edges(first, task(L2(0x800), SCRATCH))
        assert "task 0 > task 1: L2[0x800]" in found
        assert "task 0 > output y: y" in found

    def test_results_that_interleave_have_both_writers(self):
        wide = {"L2_ResultChannelStride": {"Stride": 32}}
        both = task(L2(0), Y, Common_Cin={"Cin": 8})
        found = edges(task(X, L2(0), **wide), task(Z, L2(16), **wide), both)
        assert found[2:4] == ["task 0 > task 2: L2[0x0]", "task 1 > task 2: L2[0x0]"]

    def test_output_that_is_written_in_parts(self):
        found = edges(task(X, Y), task(Z, At(Y, 0x400)))
        assert found[2:] == ["task 0 > output y: y", "task 1 > output y: y"]

    @pytest.mark.parametrize(("place", "label"), [(L2(0x40), "L2[0x40]"), (SCRATCH, "scratch"), (17, "BAR 17")])
    def test_producer_that_is_not_found(self, place, label):
        assert f"? > task 0: {label}" in edges(task(place, Y))

    def test_coefficients_of_the_file_are_no_edge(self):
        graph = draw.graph(program(task(X, Y, neural=True, coefficients=CONST)))
        assert graph.boxes[0].coefficients == "const"
        assert not [edge for edge in graph.edges if edge.label == "const"]

    def test_coefficients_that_a_task_wrote(self):
        graph = draw.graph(program(task(X, SCRATCH), task(Z, Y, neural=True, coefficients=SCRATCH)))
        assert graph.boxes[1].coefficients == "scratch"
        assert draw.Edge(draw.End("task", 0), draw.End("task", 1), "scratch", "coefficients") in graph.edges

    def test_constants_that_are_read_as_data(self):
        assert "constants const > task 0: const" in edges(task(CONST, Y))

    def test_buffers_of_one_name_are_told_apart(self):
        same = tuple(known._replace(name="L2[0x0]") for known in TENSORS)
        found = draw.graph(program(task(Z, L2(0)), task(X, Y, L2(0)), tensors=same)).edges
        ends = [(edge.source, edge.target) for edge in found]
        assert ends == [
            (draw.End("input", 1), draw.End("task", 0)),
            (draw.End("input", 0), draw.End("task", 1)),
            (draw.End("task", 0), draw.End("task", 1)),
            (draw.End("task", 1), draw.End("output", 0)),
        ]

    def test_the_example_of_another_architecture(self):
        graph = draw.graph(loaded("add16"))
        assert [graph.named(edge.source) for edge in graph.edges] == ["input a", "input b", "task 0"]


class TestFolding:
    """Long programs."""

    @pytest.mark.parametrize("count", [60, 61, 300, 1000])
    def test_every_task_is_in_one_box(self, count):
        boxes = draw.graph(long(count)).boxes
        assert len(boxes) <= 60
        assert [index for box in boxes for index in range(box.first, box.last + 1)] == list(range(count))

    def test_runs_say_what_they_are(self):
        graph = draw.graph(long(300))
        run = graph.boxes[10]
        assert graph.tasks == 300
        assert graph.boxes[9].title == "task 9"
        assert re.fullmatch(r"tasks 10\.\.\d+", run.title)
        assert re.fullmatch(rf"{run.last - run.first + 1} tasks, [2-4] kinds", run.action)
        assert (run.engine, run.planar) == ("planar and neural", None)

    def test_edges_connect_the_boxes(self):
        graph = draw.graph(long(300))
        direct = {(edge.source.index, edge.target.index) for edge in graph.edges if edge.source.kind == "task"}
        assert {(index, index + 1) for index in range(len(graph.boxes) - 1)} <= direct
        assert all(source < target or target == 0 for source, target in direct)

    def test_many_ways_become_one(self):
        first = [task(X, L2(0x100 * index)) for index in range(60)]
        last = [task(L2(0x100 * index), Y) for index in range(10, 60)]
        found = draw.graph(program(*first, *last)).edges
        assert any(re.fullmatch(r"\d+ places in L2", edge.label) for edge in found)


spans = st.tuples(st.integers(0, 40), st.integers(1, 20)).map(lambda pair: Span("m", pair[0], pair[0] + pair[1]))


@given(st.lists(spans, max_size=20), spans)
def test_writers_of_bytes(written, asked):
    writers, memory = Writers(), {}
    for number, span in enumerate(written):
        writers.put(span, number)
        memory.update(dict.fromkeys(range(span.start, span.end), number))
    expected = [memory[byte] for byte in range(asked.start, asked.end) if byte in memory]
    assert writers.of(asked) == list(dict.fromkeys(expected))
    assert writers.of(asked._replace(memory="another")) == []


@given(st.text(st.characters()))
def test_legible_text_is_text_for_xml(text):
    element = ElementTree.fromstring(f"<a>{escape(legible(text))}</a>".encode())
    assert (element.text or "") == legible(text)


@given(st.text(), st.integers(4, 30), st.integers(1, 4))
def test_text_fits(text, limit, lines):
    assert columns(shorten(text, limit)) <= limit
    found = wrapped(text, limit, lines)
    assert len(found) <= lines
    assert all(columns(line) <= limit for line in found)


def test_wrapped_text_is_whole_where_there_is_room():
    assert wrapped("sum over H and W", 9, 3) == ["sum over", "H and W"]
    assert wrapped("abcdefghij", 4, 2) == ["abcd", "efg…"]
    assert shorten("abcdef", 4) == "abc…"


def hostile() -> Program:
    names = (HOSTILE, "\x00\x1b]0;\u202ename\ud800", "n" * 300, "名前" * 60)
    tensors = tuple(
        tensor(name, role, bar, 4, 1, 8)
        for name, role, bar in zip(names, ("input", "input", "output", "output"), (X, Z, Y, 7))
    )
    drafts = task(X, L2(0), Z), task(L2(0), Y, X), task(Z, 7, neural=True, coefficients=X)
    return program(*drafts, tensors=tensors, name=HOSTILE)


PICTURES = [
    pytest.param(lambda name=name: loaded(name), id=name) for name in EXAMPLE_NAMES
] + [
    pytest.param(hostile, id="hostile"),
    pytest.param(lambda: program(), id="empty"),
    pytest.param(lambda: long(12), id="12"),
    pytest.param(lambda: long(60), id="60"),
    pytest.param(lambda: long(400), id="400"),
]  # fmt: skip


@pytest.mark.parametrize("made", PICTURES)
class TestSvg:
    """What holds for every picture."""

    def test_is_well_formed_and_accessible(self, made):
        root = ElementTree.fromstring(draw.svg(draw.graph(made())))
        assert root.tag == f"{SVG}svg"
        assert root.get("role") == "img"
        assert root.find(f"{SVG}title").text
        assert root.find(f"{SVG}desc").text
        assert "prefers-color-scheme" in root.find(f"{SVG}style").text

    def test_loads_nothing_and_has_no_ids(self, made):
        for element in ElementTree.fromstring(draw.svg(draw.graph(made()))).iter():
            assert element.tag.removeprefix(SVG) in {"svg", "title", "desc", "style", "rect", "path", "text", "g"}
            assert not {"id", "href", "style", "onload"} & set(element.keys())

    def test_nothing_overlaps(self, made):
        layout = arrange(draw.graph(made()))
        for one, two in itertools.combinations(layout.nodes, 2):
            beside = one.x + one.width <= two.x or two.x + two.width <= one.x
            assert beside or one.bottom < two.y or two.bottom < one.y
        boxes = [node for node in layout.nodes if node.end.kind == "task"]
        for trunk in layout.trunks:
            assert all(not node.x - 5 < trunk.x < node.x + node.width + 5 for node in boxes)
            assert trunk.start[1] < trunk.turned <= trunk.end

    def test_ways_stay_in_the_gap_above_their_consumer(self, made):
        layout = arrange(draw.graph(made()))
        for way in layout.ways:
            above = [node.bottom for node in layout.nodes if node.row < way.target.row]
            assert max(above) <= way.start[1] < way.target.y - LABELS
            assert way.target.x < way.port < way.target.x + way.target.width

    def test_everything_is_inside(self, made):
        root = ElementTree.fromstring(draw.svg(draw.graph(made())))
        width, height = (float(root.get(name)) for name in ("width", "height"))
        for rect in root.iter(f"{SVG}rect"):
            x, y = (float(rect.get(name, 0)) for name in "xy")
            assert x >= 0
            assert x + float(rect.get("width")) <= width
            assert y + float(rect.get("height")) <= height

    def test_labels_do_not_overlap(self, made):
        places = []
        for text in ElementTree.fromstring(draw.svg(draw.graph(made()))).iter(f"{SVG}text"):
            if text.get("class") == "hwx-label":
                x, y = float(text.get("x")), float(text.get("y"))
                places.append((y, x, x + SMALL_COLUMN * columns(text.text)))
        for (y1, _, end), (y2, start, _) in itertools.pairwise(sorted(places)):
            assert y2 - y1 > 12 or (y1 == y2 and end <= start)

    def test_text_stays_in_its_box(self, made):
        root = ElementTree.fromstring(draw.svg(draw.graph(made())))
        for group in root.iter(f"{SVG}g"):
            rect = next(group.iter(f"{SVG}rect"))
            left, right = float(rect.get("x")), float(rect.get("x")) + float(rect.get("width"))
            for text in group.findall(f"{SVG}text"):
                length = columns(text.text) * (COLUMN if text.get("class") in ("hwx-action", "hwx-tensor-name") else 6)
                x = float(text.get("x"))
                start = {"hwx-engine": x - length, "hwx-tensor-name": x - length / 2, "hwx-about": x - length / 2}
                first = start.get(text.get("class"), x)
                assert left <= first <= first + length <= right, text.text

    def test_dot_is_quoted(self, made):
        text = draw.dot(draw.graph(made()))
        bare = re.sub(r'"(?:[^"\\]|\\.)*"', '""', text)
        assert bare.count("{") == bare.count("}") == 1
        assert re.fullmatch(r'[A-Za-z0-9_=,;\[\]{}" \n.>-]*', bare)
        assert not re.search(r"[^\x20-\x7e\n]", text.encode("ascii", "ignore").decode())


def texts(picture: str) -> list[str]:
    return [element.text or "" for element in ElementTree.fromstring(picture).iter()]


def test_names_are_escaped():
    picture = draw.svg(draw.graph(hostile()))
    assert "a<b>" not in picture
    assert HOSTILE in texts(picture)
    assert any("n" * 300 in text for text in texts(picture))
    assert r"\x00\x1b]0;\u202ena…" in texts(picture)


def test_dot_escapes_names():
    text = draw.dot(draw.graph(hostile()))
    assert r'label="a<b>&amp;\"c\"\ninput\n1 x 4 x 1 x 8"' in text
    assert r"\\x00\\x1b" in text
    assert "task0 -> task1" in text


def test_engines_differ_by_more_than_colour():
    picture = draw.svg(draw.graph(program(task(X, L2(0)), task(L2(0), Y, neural=True))))
    radii = [
        rect.get("rx") for rect in ElementTree.fromstring(picture).iter(f"{SVG}rect") if rect.get("class") == "hwx-box"
    ]
    assert len(set(radii)) == 2
    assert {"planar engine", "16 neural engines"} <= set(texts(picture))


def test_coefficients_are_a_badge():
    picture = draw.svg(draw.graph(program(task(X, Y, neural=True, coefficients=CONST))))
    assert "coefficients const" in texts(picture)
    assert 'class="hwx-badge"' in picture


def test_marks_stand_beside_the_titles():
    graph = draw.graph(program(task(X, L2(0)), task(L2(0), Y)))
    assert "task 1 · changed" in texts(draw.svg(graph, {1: "changed"}))
    folded = texts(draw.svg(draw.graph(long(300)), dict.fromkeys(range(300), "changed")))
    assert "tasks 10..17" in folded
    assert any(re.fullmatch(r"8 tasks, \d kinds, 8 marked", text) for text in folded)


@pytest.mark.parametrize("made", PICTURES)
def test_titles_and_engines_do_not_meet(made):
    """Taken with fonts that are wider than any usual one, and task numbers of five digits."""
    graph = draw.graph(made())
    far = [box._replace(first=box.first + 10_000, last=box.last + 10_000) for box in graph.boxes]
    marks = dict.fromkeys(range(10_000, 10_400), "+ only here")
    for group in ElementTree.fromstring(draw.svg(graph._replace(boxes=tuple(far)), marks)).iter(f"{SVG}g"):
        if "hwx-task" in group.get("class", ""):
            name, engine = (
                next(text for text in group if text.get("class") == css) for css in ("hwx-name", "hwx-engine")
            )
            end = float(name.get("x")) + 8 * columns(name.text)
            assert end < float(engine.get("x")) - 6.2 * columns(engine.text)


def test_a_lane_is_beside_the_boxes():
    layout = arrange(draw.graph(program(task(X, L2(0)), task(L2(0), L2(0x100)), task(L2(0x100), Y, L2(0)))))
    (trunk,) = layout.trunks
    assert trunk.x > max(node.x for node in layout.nodes if node.end.kind == "task") + BOX_WIDTH


class TestCommand:
    """`hwx2py graph`."""

    @pytest.mark.parametrize(("suffix", "start"), [(".svg", "<svg "), (".dot", "digraph "), (".SVG", "<svg ")])
    def test_writes_by_suffix(self, cli, tmp_path, suffix, start):
        target = tmp_path / f"picture{suffix}"
        done = cli("graph", example("chain"), "-o", target)
        assert (done.code, done.out) == (0, "")
        assert target.read_text().startswith(start)

    def test_refuses_another_suffix(self, cli, tmp_path):
        done = cli("graph", example("chain"), "-o", tmp_path / "picture.png")
        assert done.code == 2
        assert ".svg" in done.err
        assert ".dot" in done.err
        assert not list(tmp_path.iterdir())

    def test_needs_an_output(self, cli):
        assert cli("graph", example("chain")).code == 2
