"""The page of a program in a real browser: what clicks and keys do, at two widths, light and dark, without an error."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from browser import Visit, browser
from builders import complete_again, network, planar, select, tensor
from conftest import example, loaded

import hwx2py
from hwx2py import page
from hwx2py.formats import ProgramFile, load
from hwx2py.listing import dump
from hwx2py.program.build import Draft, Pending, lay_out
from hwx2py.program.program import Program

HOSTILE = ("</script><script>alert(1)</script>", "<!--<script>", '"><img src=x onerror=alert(2)>', "\u202ey\x1b[2J")


@pytest.fixture(scope="module")
def running() -> Iterator[Any]:
    with browser() as found:
        yield found


@pytest.fixture
def visit(running, tmp_path) -> Iterator[Callable[..., Visit]]:
    """Opens the page of a program, and afterwards asks whether it was quiet and alone."""
    visits = []

    def opened(program: Program | str, *place: str, **window: Any) -> Visit:
        path = tmp_path / f"{len(visits)}.html"
        file = load(example(program)) if isinstance(program, str) else ProgramFile(program, None)
        path.write_text(page.page(file), encoding="utf-8")
        visits.append(Visit(running, path, *place, **window))
        return visits[-1]

    yield opened
    for made in visits:
        assert made.troubles == []
        assert len(made.asked) == 1  # the file itself
        made.page.close()


def test_a_click_on_a_task_opens_it(visit):
    shown = visit("attention")
    assert shown.text("#details h2") == "Program"
    shown.page.click("[data-task='4']")
    assert shown.text("#details h2") == "Task 4"
    assert shown.page.url.endswith("#task-4")
    assert shown.text("#details > .does") == "L2[0x4000] = exp2(L2[0x2000] (task 3))"
    assert shown.page.get_attribute("[data-task='4']", "aria-current") == "true"
    assert shown.page.locator("#details .curve").count() == 1  # its table of exp2
    shown.page.click("#details a[href='#task-3'] >> nth=0")
    assert shown.text("#details h2") == "Task 3"
    shown.page.go_back()
    assert shown.text("#details h2") == "Task 4"


def test_a_link_names_a_task(visit):
    assert visit("attention", "#task-6").text("#details h2") == "Task 6"
    assert visit("attention", "#task-8").text("#details h2") == "Program"  # there are 8, from 0


def test_keys_go_from_task_to_task(visit):
    shown = visit("attention", "#task-2")
    keyboard = shown.page.keyboard
    shown.page.focus("[data-task='2']")
    for key, task in (("ArrowDown", 3), ("k", 2), ("End", 7), ("j", 7), ("Home", 0)):
        keyboard.press(key)
        assert shown.text("#details h2") == f"Task {task}"
        assert shown.page.evaluate("document.activeElement.dataset.task") == str(task)
    keyboard.press("Enter")
    assert shown.page.evaluate("document.activeElement.textContent") == "Task 0"
    keyboard.press("-")
    assert shown.page.get_attribute("#sheet", "data-zoom") == "4"
    keyboard.press("/")
    assert shown.page.evaluate("document.activeElement.id") == "search"


@pytest.mark.parametrize("name", ["attention", "add16"])
def test_registers_are_as_dump_lists_them(visit, name):
    index = len(loaded(name).tasks) - 1
    shown = visit(name, f"#task-{index}")
    shown.page.check("#show-zeros")
    (task,) = dump.tasks(loaded(name), index)
    listed = [*task["header"], *task["writes"]]
    blocks = list(dict.fromkeys(row["register"].partition(".")[0] for row in listed))
    rows = sorted(listed, key=lambda row: blocks.index(row["register"].partition(".")[0]))
    assert shown.texts(".register th") == [row["register"] for row in rows]
    assert shown.texts(".register td:nth-child(2) > code") == [f"{row['value']:#010x}" for row in rows]
    fields = [(field, value) for row in rows for field, value in row["fields"].items()]
    names = shown.texts(".registers tr:not(.register) th code:first-child")
    values = shown.page.locator(".registers tr:not(.register) td:nth-child(2) > code").all_inner_texts()
    assert names == [field for field, _ in fields]
    for (field, value), text in zip(fields, values):
        first = text.split(" ")[0].rstrip(",")
        if isinstance(value, str):
            assert text == value, field
        else:
            assert (int(first, 0) if isinstance(value, int) else float(first)) == value, field


def test_registers_have_meaning_and_evidence(visit):
    shown = visit("mul", "#task-0")
    row = shown.page.locator(".registers tr", has=shown.page.locator("th code", has_text="TaskType")).first
    place = loaded("mul").arch.place("Common.Cfg.TaskType")
    assert place.field.meaning in row.inner_text()
    assert place.field.source in row.inner_text()
    shown.page.uncheck("#show-sources")
    assert place.field.source not in row.inner_text()
    shown.page.fill("#register-filter", "tasktype")
    assert {text.split(" ")[0] for text in shown.texts(".registers tbody tr:not(.register) th")} == {"TaskType"}


def test_registers_that_earlier_tasks_left_are_named(visit):
    whole = loaded("chain")
    follows = frozenset({"NextSize", "NextPointer"})
    left_out = {write.address for write in whole.tasks[1].writes() if write.address >= whole.arch.address("PE.Cfg")}
    drafts = [
        Draft(
            list(task.words[: task.header_words]),
            [Pending(w.address, w.value) for w in task.writes() if not number or w.address not in left_out],
            follows,
        )
        for number, task in enumerate(whole.tasks)
    ]
    program = whole._replace(text=lay_out(whole.arch, drafts))
    shown = visit(program, "#task-1")
    shown.page.click("summary:has-text('kept from earlier tasks')")
    rows = "#details details:has-text('kept from earlier tasks') tbody"
    assert shown.texts(f"{rows} th") == [program.arch.locate(address).name for address in sorted(left_out)]
    assert left_out
    assert set(shown.texts(f"{rows} td:last-child")) == {"task 0"}


def test_a_sentence_links_the_tasks_that_it_names(visit):
    shown = visit("attention", "#task-4")
    shown.page.click("#details > .does a")
    assert shown.text("#details h2") == "Task 3"


def test_search_finds_what_tasks_do_and_write(visit):
    shown = visit(complete_again(loaded("attention"), 4))
    shown.page.fill("#search", "exp2")
    assert shown.text("#found") == "4 of 32 tasks"
    shown.page.press("#search", "Enter")
    assert shown.text("#details h2") == "Task 4"
    shown.page.keyboard.press("Escape")
    assert shown.text("#found") == ""
    shown.page.fill("#search", "ENE=1")
    program = loaded("attention")
    having = [task for task in dump.tasks(program) if any(row["fields"].get("ENE") == 1 for row in task["header"])]
    assert shown.text("#found") == f"{4 * len(having)} of 32 tasks"
    assert having
    shown.page.fill("#search", "no such thing")
    assert shown.text("#found") == "0 of 32 tasks"


def test_a_tensor_shows_who_reads_and_writes_it(visit):
    shown = visit("attention")
    shown.page.click(".box.pill.output")
    assert shown.text("#details h2") == "y"
    assert shown.texts("#details section th[scope=row]") == ["task 7"]
    tensor = loaded("attention").outputs[0]
    assert " ".join(f"{stride:#x}" for stride in tensor.strides) in shown.text("#details .facts")
    shown.page.click("#details nav a")
    shown.page.click("#details a[href='#buffer-L2']")
    assert "Writers (5)" in shown.texts("#details h3")


def test_memory_is_walked_with_keys_and_hovered(visit):
    shown = visit("attention")
    bands = shown.page.locator("#bands")
    bands.focus()
    for _ in range(4):
        bands.press("ArrowRight")
    assert bands.get_attribute("aria-valuenow") == "4"
    assert bands.get_attribute("aria-valuetext") == "task 4: L2: 512 bytes in 2 places; scratch: nothing"
    bands.press("Enter")
    assert shown.text("#details h2") == "Task 4"
    box = shown.page.locator("#bands canvas").nth(1).bounding_box()
    shown.page.mouse.move(box["x"] + 4, box["y"] + box["height"] - 4)
    assert "written by task 0, in use until task 1" in shown.text("#in-use")


def test_a_long_program_is_drawn_in_parts(visit):
    shown = visit(complete_again(loaded("attention"), 25))
    assert shown.page.locator(".box").count() < 60
    shown.page.evaluate("document.getElementById('scroll').scrollTop = 1e9")
    shown.page.wait_for_selector("[data-task='199']")
    assert shown.page.locator(".box").count() < 60
    shown.page.click("[data-task='199']")
    assert shown.text("#details h2") == "Task 199"
    for _ in range(5):
        shown.page.click("#smaller")
    assert shown.page.get_attribute("#sheet", "data-zoom") == "0"


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1400])
def test_it_fits_the_window(visit, width, scheme):
    shown = visit("attention", "#task-3", width=width, scheme=scheme)
    assert shown.page.evaluate("document.documentElement.scrollWidth") == width
    paper = shown.page.evaluate("getComputedStyle(document.documentElement).backgroundColor")
    assert paper == {"light": "rgb(255, 255, 255)", "dark": "rgb(21, 24, 28)"}[scheme]
    assert shown.page.locator(".box").first.bounding_box()["width"] > 0.6 * min(width, 600)
    assert len(shown.page.screenshot()) > 20_000


def test_on_a_phone_a_click_brings_the_details(visit):
    shown = visit("attention", width=390, height=800)
    shown.page.click("[data-task='1']")
    shown.page.wait_for_function("Math.abs(document.getElementById('details').getBoundingClientRect().top) < 5")
    shown.page.click(".back")
    assert shown.page.evaluate("document.activeElement.dataset.task") == "1"


def test_names_are_data(visit):
    names = HOSTILE
    a, b = tensor(names[0], "input", 4, 3, 4, 5), tensor(names[1], "input", 5, 3, 4, 5)
    y = tensor(names[2], "output", 6, 3, 4, 5)
    program = network([({"W8": select(a, b, y)}, planar(a, b, y, "Add"))], (a, b, y))
    program = program._replace(origin=program.origin._replace(name=names[3]))
    shown = visit(program, "#task-0")
    assert shown.texts(".pill .does") == list(names[:3])
    assert shown.text("h1") == "\\u202ey\\x1b[2J"
    assert shown.page.locator("img").count() == 0
    shown.page.click(".pill.output")
    assert shown.text("#details h2") == names[2]


def test_findings_are_shown_with_their_tasks(visit):
    program = complete_again(loaded("attention"), 2)
    shown = visit(program, "#program")
    findings = [finding for finding in hwx2py.checks.check(ProgramFile(program, None)) if finding.level == "error"]
    assert shown.page.locator("#details .findings li.error").count() == len(findings) > 0
    index = findings[0].tasks[0]
    assert findings[0].what in visit(program, f"#task-{index}").text("#details .findings")


def test_values_of_a_run_are_shown(running, cli, tmp_path):
    target = tmp_path / "run.html"
    assert cli("graph", example("mul"), "-o", target, "--values").code == 0
    values = json.loads(target.read_text().split('id="data">')[1].split("</script>")[0])["tasks"][0]["values"]
    assert values["figures"]["largest"] == 6
    shown = Visit(running, target, "#task-0")
    assert "6 to 6" in shown.text("#details")
    assert shown.troubles == []


@pytest.mark.parametrize(("place", "scheme"), [("", "light"), ("#task-4", "dark"), ("#buffer-L2", "light")])
def test_axe_finds_nothing(visit, place, scheme):
    reason = "no axe here (pip install '.[browser]'): pages are not looked through for barriers"
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason=reason)
    shown = visit("attention", place, scheme=scheme)
    if place.startswith("#task"):
        shown.page.fill("#register-filter", "PE.")  # a few registers are like all
    found = axe.Axe().run(shown.page)
    assert [(row["id"], [node["html"] for node in row["nodes"]][:3]) for row in found.response["violations"]] == []


def test_each_task_of_a_compiled_network_names_its_node(running, cli, tmp_path):
    target: Path = tmp_path / "digits.html"
    model = example("digits").with_suffix(".onnx")
    assert cli("compile", model, "-o", tmp_path / "digits.hwx", "--report", target).code == 0
    shown = Visit(running, target, "#task-0")
    assert "From the node Conv edges" in shown.text("#details .node")
    assert shown.text("[data-task='1'] .with b") == "MaxPool pooled"
    assert shown.troubles == []
