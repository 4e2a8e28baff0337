"""The comparison as an HTML file: everything is in it, nothing is loaded, names cannot break it, and it works."""

import itertools
import re
import shutil
import subprocess
from html.parser import HTMLParser

import builders
import pytest
from builders import network, planar, select, tensor
from conftest import loaded

from hwx2py import delta, html
from hwx2py.delta import Comparison, FieldChange, TaskDifference, WordChange
from hwx2py.delta.comparison import MASKS, Class
from hwx2py.html.view import MOST_TASKS
from hwx2py.program.program import Program

HOSTILE = '</style><script>alert("1")</script>&"c"'
VOID = {"meta", "link", "input", "br", "col", "img", "hr"}


class Element:
    """An element of a page."""

    def __init__(self, tag: str, attributes: dict[str, str | None], parent: "Element | None"):
        self.tag, self.attributes, self.parent = tag, attributes, parent
        self.children: list[Element | str] = []

    def every(self, tag: str = "", **attributes: str) -> list["Element"]:
        """Elements inside with this tag and these attributes; `css` is a class among others."""
        found = []
        for child in self.children:
            if isinstance(child, Element):
                css = attributes.get("css")
                rest = {name: value for name, value in attributes.items() if name != "css"}
                right = not css or css in (child.attributes.get("class") or "").split()
                if tag in ("", child.tag) and right and rest.items() <= child.attributes.items():
                    found.append(child)
                found += child.every(tag, **attributes)
        return found

    @property
    def text(self) -> str:
        """All text inside, with single spaces."""
        parts = (child if isinstance(child, str) else child.text for child in self.children)
        return " ".join(" ".join(parts).split())

    def inside(self, tag: str) -> "Element | None":
        """The innermost element of this tag around it."""
        element = self.parent
        while element is not None and element.tag != tag:
            element = element.parent
        return element


class Page(HTMLParser):
    """Reads a page strictly: every element that is opened is closed, in order."""

    def __init__(self, text: str):
        super().__init__()
        self.root = self._open = Element("", {}, None)
        self.feed(text)
        self.close()
        assert self._open is self.root

    def handle_starttag(self, tag, attrs):
        assert len(dict(attrs)) == len(attrs)
        element = Element(tag, dict(attrs), self._open)
        self._open.children.append(element)
        if tag not in VOID:
            self._open = element

    def handle_startendtag(self, tag, attrs):
        self._open.children.append(Element(tag, dict(attrs), self._open))

    def handle_endtag(self, tag):
        assert tag == self._open.tag
        self._open = self._open.parent

    def handle_data(self, data):
        self._open.children.append(data)


def rendered(a: Program, b: Program, found: Comparison | None = None) -> str:
    found = found or delta.compare(a, b)
    return html.html(found, found.verdict(), (a, b))


def page(a: Program, b: Program, found: Comparison | None = None) -> Element:
    return Page(rendered(a, b, found)).root


def renamed(program: Program, name: str) -> Program:
    return program._replace(origin=program.origin._replace(name=name))


def pair() -> tuple[Program, Program]:
    """Two programs that differ in an operation, in 16 channels alike, and in noise: a mask and BAR numbers."""
    a, b, y = (tensor(n, r, bar, 3, 4, 5) for n, r, bar in (("a", "input", 5), ("b", "input", 4), ("y", "output", 6)))
    channels = {f"KernelDMASrc.CoeffDMAConfig[{engine}]": {"CacheHint": 2} for engine in range(16)}
    words = {"W2": {"LogEvents": 0x42A}, "W8": select(a, b, y)}
    second = network([(words, planar(a, b, y, "Mul") | channels)], (a, b, y))
    return renamed(builders.elementwise("Add"), "first.hwx"), renamed(second, "second.hwx")


class TestContent:
    """What the page says."""

    def test_title_verdict_and_names(self):
        a, b = pair()
        found = delta.compare(a, b)
        root = page(a, b)
        assert root.every("title")[0].text == "first.hwx and second.hwx compared"
        assert root.every("h1")[0].text == "first.hwx and second.hwx"
        assert root.every(css="verdict")[0].text == found.verdict()

    def test_both_values_stand_side_by_side(self):
        rows = [row.text for row in page(*pair()).every("tr")]
        assert "OpMode changed operation Add Mul" in rows
        assert "architecture H13 (A14 (T8101), M1 (T8103), M1 Pro, Max, Ultra (T6000, T6001, T6002))" in rows[2]

    def test_registers_are_grouped_by_block(self):
        captions = [
            table.every("caption")[0].text for table in page(*pair()).every("section", css="task")[0].every("table")
        ]
        assert captions == [
            "What they do",
            "PE the planar engine",
            "KernelDMASrc DMA that fetches coefficients, a channel for each neural engine",
            "Header task descriptor header",
        ]

    def test_words_are_in_hex_and_differing_digits_marked(self):
        (row,) = (row for row in page(*pair()).every("tr", css="register") if row.text.startswith("Cfg"))
        assert [re.sub(" ", "", cell.text) for cell in row.every("td")] == ["00080000", "00080004"]
        assert [mark.text for mark in row.every("b")] == ["0", "4"]

    def test_equal_neighbours_of_an_array_are_one(self):
        names = [row.every("code")[0].text for row in page(*pair()).every("tr", css="register")]
        assert names.count("CoeffDMAConfig[0..15]") == 1
        assert not any(name.startswith("CoeffDMAConfig[0]") for name in names)

    def test_what_the_tasks_do_is_told_by_aspect(self):
        assert "combine changed Add Mul" in [row.text for row in page(*pair()).every("tr")]

    def test_idle_registers_are_folded(self):
        (row,) = (row for row in page(*pair()).every("tr") if row.text.startswith("CoeffDMAConfig"))
        fold = row.inside("details")
        assert fold.every("summary")[0].text == "Idle, 16 registers: the task does not use it"
        assert "open" not in fold.attributes

    def test_noise_is_folded(self):
        for row in page(*pair()).every("tr"):
            if "noise:" in row.text and "changed" not in row.text:
                assert "noise" in row.inside("details").attributes["class"]
                assert "open" not in row.inside("details").attributes

    def test_a_task_of_noise_only_is_folded(self):
        a = builders.elementwise("Add")
        change = WordChange("Header.W2", 8, 1, 2, (FieldChange("LogEvents", 1, 2, MASKS),))
        task = TaskDifference(0, 0, "y = a", "y = a", (change,))
        found = delta.compare(a, a)._replace(tasks=(task,))
        (section,) = page(a, a, found).every("section", css="task")
        assert "open" not in section.every("details")[0].attributes
        assert section.every(css="tag")[0].text == "noise"

    def test_tasks_that_one_program_lacks_are_marked(self):
        a = builders.elementwise("Add")
        tasks = TaskDifference(0, None, "y = a + b", "", ()), TaskDifference(None, 0, "", "y = a * b", ())
        root = page(a, a, delta.compare(a, a)._replace(tasks=tasks))
        titles = [title.text for title in root.every("h3")]
        assert titles == ["− Task 0 only in the first", "+ Task 0 only in the second"]
        assert "− only here" in root.every("svg")[0].text
        assert "+ only here" in root.every("svg")[1].text

    def test_same_programs(self):
        a = builders.elementwise("Add")
        root = page(a, a)
        assert [line.text for line in root.every("p", css="none")].count("No difference.") == 5
        assert root.every(css="verdict")[0].text == "The two are the same program."

    def test_without_noise(self):
        a, b = pair()
        text = rendered(a, b, delta.compare(a, b).without(Class.NOISE))
        assert "noise:" not in text

    def test_bits_and_registers_without_names(self):
        a = builders.elementwise("Add")
        fields = FieldChange("", "0x0", "0x100"), FieldChange("", None, "En=1")
        changes = tuple(WordChange(f"TileDMASrc.Unk1384{n}", 0, 0, None, (field,)) for n, field in enumerate(fields))
        task = TaskDifference(0, 0, "y", "y", changes)
        rows = [row.text for row in page(a, a, delta.compare(a, a)._replace(tasks=(task,))).every("tr", css="field")]
        assert rows == ["bits without a name changed 0x0 0x100", "not written by both changed none En=1"]

    def test_programs_without_a_container(self):
        a, b = pair()
        assert page(a, b).every("section", id="container")[0].every("p")[0].text == "No difference."

    def test_programs_of_different_architectures(self):
        a, b = loaded("mul"), loaded("add16")
        root = page(a, b)
        assert root.every("section", id="notes")
        assert "tasks are compared by what they do" in root.text
        assert "OpMode changed operation Mul Add" in [row.text for row in root.every("tr")]

    def test_the_same_operation_on_two_architectures(self):
        root = page(renamed(builders.elementwise("Add", (4, 1, 32)), "a"), renamed(builders.complete_add16(), "b"))
        assert [title.text for title in root.every("h3")] == ["= Task 0 same operation"]
        assert [line.text for line in root.every("p", css="reasons")] == ["Same operation."]
        assert "changed" not in root.every("svg")[0].text
        moved = [row.text for row in root.every("section", id="moved")[0].every("tr")]
        assert any(row.startswith(("Wout", "Common.Wout")) for row in moved)

    def test_many_tasks(self):
        a = builders.elementwise("Add")
        change = WordChange("PE.Cfg", 0, 1, 2, (FieldChange("OpMode", "Add", "Mul"),))
        noise = change._replace(fields=(FieldChange("OpMode", "Add", "Mul", MASKS),))
        tasks = [TaskDifference(n, n, f"y{n}", f"y{n}", (noise if n < 10 else change,)) for n in range(MOST_TASKS + 30)]
        root = page(a, a, delta.compare(a, a)._replace(tasks=tuple(tasks)))
        assert len(root.every("section", css="task")) == MOST_TASKS
        listed = [line.text for line in root.every("ul", css="listed")[0].every("li")]
        assert len(listed) == 30
        assert listed[0] == "≈ Task 0, noise: y0"
        assert listed[-1] == f"± Task {MOST_TASKS + 29}, changed: y{MOST_TASKS + 29}"
        assert "the other 30 are listed by title only" in root.text


def hostile() -> tuple[Program, Program]:
    """Programs whose every name is meant to break something."""
    made = []
    for number, operation in enumerate(("Add", "Mul")):
        names = HOSTILE, "\x00\x1b\u202e\ud800", f"{HOSTILE}{number}"
        a, b, y = (tensor(n, r, bar, 2, 1, 4) for n, r, bar in zip(names, ("input", "input", "output"), (4, 5, 6)))
        program = network([({"W8": select(a, b, y)}, planar(a, b, y, operation))], (a, b, y))
        origin = program.origin._replace(name=HOSTILE, compiler=f"{HOSTILE}{number}", notes=(HOSTILE,))
        made.append(program._replace(origin=origin))
    return made[0], made[1]


class TestSafety:
    """Whatever the programs are called."""

    @pytest.mark.parametrize("programs", [pair, hostile, lambda: (loaded("chain"), loaded("conv"))])
    def test_nothing_is_loaded(self, programs):
        root = page(*programs())
        for element in root.every():
            for name in ("src", "href", "xlink:href", "action", "srcset", "poster", "data", "formaction", "ping"):
                assert (element.attributes.get(name) or "#").startswith("#"), element.tag
            assert element.tag not in {"link", "img", "iframe", "object", "embed", "base", "use", "image"}
            assert not [name for name in element.attributes if name.startswith("on")]
        styles = " ".join(style.text for style in root.every("style"))
        assert "url(" not in styles
        assert "@import" not in styles

    def test_policy(self):
        root = page(*pair())
        policy = root.every("head")[0].every("meta")[1]
        assert policy.attributes["http-equiv"] == "Content-Security-Policy"
        assert policy.attributes["content"].startswith("default-src 'none'; ")
        assert re.search(r"script-src 'sha256-[A-Za-z0-9+/]{43}='", policy.attributes["content"])

    def test_hostile_names(self):
        text = rendered(*hostile())
        assert text.count("<script>") == text.count("</script>") == 1
        assert "alert(" in text
        root = Page(text).root
        assert HOSTILE in root.every("h1")[0].text
        assert r"\x00\x1b\u202e\ud800" in root.text
        assert text.encode()

    def test_no_path_of_this_machine(self):
        text = rendered(*pair())
        assert "/home/" not in text
        assert "file:" not in text


class TestAccessibility:
    """What a keyboard and a screen reader find."""

    @pytest.mark.parametrize("programs", [pair, hostile, lambda: (loaded("mul"), loaded("add16"))])
    def test_structure(self, programs):
        root = page(*programs())
        assert root.every("html")[0].attributes["lang"] == "en"
        levels = [int(element.tag[1]) for element in root.every() if re.fullmatch("h[1-6]", element.tag)]
        assert levels[0] == 1
        assert levels.count(1) == 1
        assert all(two <= one + 1 for one, two in itertools.pairwise(levels))
        for cell in root.every("th"):
            assert cell.attributes["scope"] in {"col", "row", "rowgroup"}
        for table in root.every("table"):
            assert table.every("caption")[0].text
        ids = [element.attributes["id"] for element in root.every() if "id" in element.attributes]
        assert len(ids) == len(set(ids))
        for link in root.every("a"):
            assert link.attributes["href"][1:] in ids
        for element in root.every():
            assert element.attributes.get("aria-labelledby", ids[0]) in ids
        assert root.every("body")[0].every()[0].text == "Skip to the differences"

    def test_pictures_have_words(self):
        for picture in page(*pair()).every("svg"):
            assert picture.attributes["role"] == "img"
            assert "1 task" in picture.attributes["aria-label"]

    def test_the_search_is_hidden_without_scripts(self):
        (form,) = page(*pair()).every("form")
        assert "hidden" in form.attributes
        assert form.every("label")[0].attributes["for"] == form.every("input")[0].attributes["id"]


CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium is installed (looked for chromium and google-chrome)")
class TestBrowser:
    """The page in a real browser."""

    @staticmethod
    def run(tmp_path, name: str, *flags: str) -> str:
        profile = f"--user-data-dir={tmp_path / 'profile'}"
        command = [CHROMIUM, *FLAGS, profile, *flags, (tmp_path / name).as_uri()]
        return subprocess.run(command, capture_output=True, text=True, timeout=60, check=True).stdout

    def test_search_works_under_the_policy(self, tmp_path):
        """The page is left as it is; the frame around it types, and fits it into 360 pixels."""
        (tmp_path / "page.html").write_text(rendered(*pair()))
        (tmp_path / "frame.html").write_text(FRAME)
        flags = "--allow-file-access-from-files", "--virtual-time-budget=5000", "--dump-dom"
        found = page_of(self.run(tmp_path, "frame.html", *flags))
        assert found == {
            "script": "on",
            "form": "shown",
            "all": "0",
            "matches": "1 entry found",
            "rows": "Cfg",
            "after": "as before",
            "overflow": "0",
        }

    def test_it_can_be_drawn(self, tmp_path):
        (tmp_path / "page.html").write_text(rendered(*pair()))
        target = tmp_path / "page.png"
        self.run(tmp_path, "page.html", f"--screenshot={target}", "--window-size=1200,1600")
        data = target.read_bytes()
        assert data.startswith(b"\x89PNG")
        assert len(data) > 20_000


FRAME = """<!DOCTYPE html><body><iframe src="page.html" style="width:360px;height:900px;border:0"></iframe><script>
onload = () => {
  const page = document.querySelector("iframe").contentDocument, data = document.body.dataset;
  const visible = (element) => element.checkVisibility();
  const search = page.getElementById("search");
  const type = (text) => { search.value = text; search.dispatchEvent(new Event("input")); };
  const rows = () => Array.from(page.querySelectorAll(".register")).filter(visible);
  data.script = page.documentElement.dataset.script;
  data.form = visible(search) ? "shown" : "hidden";
  data.overflow = Math.max(0, page.documentElement.scrollWidth - 360);
  const before = rows().length;
  type("no such register");
  data.all = rows().length;
  type("opmode");
  data.matches = page.getElementById("found").textContent;
  data.rows = rows().map((row) => row.querySelector("code").textContent).join();
  type("");
  data.after = rows().length === before ? "as before" : "not as before";
};
</script>"""


def page_of(dump: str) -> dict[str, str]:
    """The data attributes of a dumped page's body."""
    attributes = Page(dump).root.every("body")[0].attributes
    return {name.removeprefix("data-"): value for name, value in attributes.items() if name.startswith("data-")}
