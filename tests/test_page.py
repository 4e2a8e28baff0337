"""The page of a program as a file: what its data says, that it stands alone, and that names cannot break it."""

import base64
import hashlib
import json
import re
from html.parser import HTMLParser

import numpy as np
import pytest
from builders import complete_again, network, planar, select, tensor
from conftest import example, loaded

from hwx2py import cost, page, spread
from hwx2py.formats import ProgramFile, load
from hwx2py.listing import dump
from hwx2py.page.data import page_data, runs
from hwx2py.program.program import Program

HOSTILE = ("</script><script>alert(1)</script>", "<!--<script>", "]]>\u2028'\"&amp;", "\x1b[2J\u202e\ud800")


def data_of(text: str) -> dict:
    """The data in a page, as a browser reads it."""
    (found,) = re.findall(r'<script type="application/json" id="data">(.*?)</script>', text, re.DOTALL)
    return json.loads(found)


def words_of(data: dict, index: int) -> list[int]:
    """All words of a task out of the data, as the page's script puts them together."""
    task = data["tasks"][index]
    if "words" in task:
        return list(task["words"])
    before = max(n for n in range(index) if data["tasks"][n]["form"] == task["form"])
    words = words_of(data, before)
    for place, word in zip(task["changed"][::2], task["changed"][1::2]):
        words[place] = word
    return words


def hostile() -> Program:
    a, b = tensor(HOSTILE[0], "input", 4, 3, 4, 5), tensor(HOSTILE[1], "input", 5, 3, 4, 5)
    y = tensor(HOSTILE[2], "output", 6, 3, 4, 5)
    program = network([({"W8": select(a, b, y)}, planar(a, b, y, "Add"))], (a, b, y))
    origin = program.origin._replace(name=HOSTILE[0], compiler=HOSTILE[1], notes=HOSTILE)
    return program._replace(origin=origin, task_notes=(HOSTILE[3],))


class Elements(HTMLParser):
    """The elements of a page, and what their attributes name."""

    def __init__(self, text: str):
        super().__init__()
        self.tags: list[str] = []
        self.loads: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.loads += [value for name, value in attrs if name in ("src", "data", "srcset", "action") and value]
        self.loads += [value for name, value in attrs if name == "href" and not (value or "").startswith("#")]


@pytest.mark.parametrize(("name", "times"), [("attention", 1), ("attention", 3), ("chain", 1), ("add16", 1)])
def test_words_are_those_of_the_tasks(name, times):
    program = complete_again(loaded(name), times) if times > 1 else loaded(name)
    data = page_data(ProgramFile(program, None))
    for entry, task in zip(dump.tasks(program), program.tasks):
        index = entry["index"]
        form = data["forms"][data["tasks"][index]["form"]]["registers"]
        registers = [data["registers"][number] for number in form]
        names = [f"{data['blocks'][row['block']]['name']}.{row['name']}" for row in registers]
        listed = [*entry["header"], *entry["writes"]]
        assert names == [row["register"] for row in listed]
        assert words_of(data, index) == [row["value"] for row in listed]
        assert [row["address"] for row in registers] == [row.get("offset", row.get("address")) for row in listed]
        assert data["tasks"][index]["bytes"] == task.size_bytes


def test_registers_carry_meaning_source_and_confidence():
    program = loaded("mul")
    data = page_data(ProgramFile(program, None))
    rows = {f"{data['blocks'][row['block']]['name']}.{row['name']}": row for row in data["registers"]}
    register = program.arch.register("PE.FinalScale")
    (field,), (found,) = register.fields, rows["PE.FinalScale"]["fields"]
    assert data["texts"][rows["PE.FinalScale"]["meaning"]] == register.meaning
    assert data["texts"][found["meaning"]] == field.meaning
    assert data["texts"][found["source"]] == field.source != ""
    assert found["confidence"] == (field.confidence or register.confidence)
    assert set(found["floats"].values()) == {1.0}  # a browser has no type for it, so it is decoded


def test_it_says_what_the_other_commands_say():
    file = load(str(example("attention")))
    data = page_data(file)
    costs = cost.cost(file.program)
    place = data["costs"].index("l2_read_bytes")
    assert [task["cost"][place] for task in data["tasks"]] == [task.l2_read_bytes for task in costs.tasks]
    assert [band["ranges"] for band in data["memory"]] == [
        [[part.start, part.end, part.first_task, part.last_task, int(part.is_written)] for part in ranges]
        for ranges in (costs.l2, costs.scratch)
    ]
    assert {edge[5] for edge in data["edges"]} == {"tensor", "L2", "coefficients"}
    assert len(data["outputs"]) == 1


def test_names_are_data():
    text = page.page(ProgramFile(hostile(), None))
    assert [tag for tag in Elements(text).tags if tag == "script"] == ["script", "script"]
    data = data_of(text)
    assert [buffer["name"] for buffer in data["buffers"][:2]] == list(HOSTILE[:2])
    assert data["buffers"][2]["name"] == "]]>\\u2028'\"&amp;"
    assert text.isprintable() or not [char for char in text if not char.isprintable() and char != "\n"]


def test_it_loads_nothing_and_allows_its_own_script_only():
    text = page.page(load(str(example("attention"))))
    found = Elements(text)
    assert found.loads == []
    assert not {"link", "img", "iframe", "object"} & set(found.tags)
    (policy,) = re.findall(r'Content-Security-Policy" content="([^"]*)"', text)
    (script,) = re.findall(r"<script>(.*?)</script>", text, re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    assert "default-src" in policy
    assert f"sha256-{digest}" in policy.replace("&#39;", "'").replace("&#43;", "+")


def test_it_is_the_same_every_time():
    assert page.page(load(str(example("attention")))) == page.page(load(str(example("attention"))))


def test_many_tasks_stay_small():
    one, many = (complete_again(loaded("attention"), times) for times in (1, 11))
    sizes = [len(page.page(ProgramFile(program, None)).encode()) for program in (one, many)]
    each = (sizes[1] - sizes[0]) / 80
    assert sizes[0] + 2000 * each < 5 << 20


def test_a_run_gives_values(cli, tmp_path):
    target = tmp_path / "mul.html"
    chosen = f"{loaded('mul').inputs[0].name}=ramp"
    done = cli("graph", example("mul"), "-o", target, "--values", "--input", chosen)
    assert (done.code, done.out) == (0, "")
    data = data_of(target.read_text())
    figures = data["tasks"][0]["values"]["figures"]
    assert figures["count"] == np.prod(loaded("mul").outputs[0].shape)
    assert sum(figures["bins"]) == figures["count"]
    assert chosen in data["ran"][0]


def test_values_need_a_page(cli, tmp_path):
    assert "give -o FILE.html" in cli("graph", example("mul"), "-o", tmp_path / "m.svg", "--values").err
    assert "add --values" in cli("graph", example("mul"), "-o", tmp_path / "m.html", "--input", "image=1").err


def test_an_unknown_input_is_named(cli, tmp_path):
    done = cli("graph", example("mul"), "-o", tmp_path / "m.html", "--values", "--input", "z=1")
    assert done.code != 0
    assert "z" in done.err
    assert not (tmp_path / "m.html").exists()


def test_a_compiled_network_names_nodes(cli, tmp_path):
    target = tmp_path / "digits.html"
    model = example("digits").with_suffix(".onnx")
    assert cli("compile", model, "-o", tmp_path / "digits.py", "--report", target).code == 0
    data = data_of(target.read_text())
    covered = sorted(n for node in data["nodes"] for first, last in node["tasks"] for n in range(first, last + 1))
    assert covered == list(range(len(data["tasks"])))
    assert ("Conv", "edges") in {(node["type"], node["name"]) for node in data["nodes"]}
    assert all(data["texts"][task["words_from"]] for task in data["tasks"])


def test_runs_of_numbers():
    assert runs([3, 1, 2, 2, 7]) == [[1, 3], [7, 7]]
    assert runs([]) == []


def test_a_summary_leaves_out_what_is_not_finite():
    summed = spread.spread(np.array([0, 1, 2, np.nan, np.inf], np.float16))
    assert (summed.count, summed.odd, summed.zeros) == (5, 2, 1)
    assert (summed.smallest, summed.largest, summed.mean) == (0, 2, 1)
    assert sum(summed.bins) == 3
    assert spread.spread(np.full(3, np.nan)).smallest is None
    assert spread.spread(np.full(3, 2.0)).bins == ()


def test_a_small_picture_has_means():
    picture = spread.thumbnail(np.repeat([[1.0, -1.0], [0.0, 0.5]], 8, axis=1), 4)
    assert (picture.rows, picture.columns, picture.most) == (2, 2, 1.0)
    middle = len(spread.LEVELS) // 2
    assert [spread.LEVELS.index(cell) - middle for cell in picture.cells] == [17, -17, 0, 8]
    assert spread.thumbnail(np.zeros(5), 16).most == 0
