"""What the documents say is what the program does."""

import re
import tomllib
from collections import Counter
from pathlib import Path

import pytest
from conftest import ROOT
from documents import COMMANDS as CONSOLE
from documents import DOCUMENTS, PYTHON, SHOWN, Player, blocks

from hwx2py.cli import COMMANDS
from hwx2py.emulator import child, driver
from hwx2py.emulator.faults import KINDS
from hwx2py.registers import SUBTYPES

README = (ROOT / "README.md").read_text()
EMULATOR = (ROOT / "docs" / "emulator.md").read_text()


#: Blocks that need more than a machine without an engine has: document, what they need, how many.
NOT_RUN = Counter(
    {
        ("README.md", "the whole test run"): 1,
        ("asahi.md", "hardware"): 2,
        ("pytorch.md", "PyTorch"): 2,
        ("releasing.md", "the package build"): 1,
        ("contributing.md", "the whole test run"): 1,
        ("experiments.md", "hardware"): 1,
        ("tutorial.md", "hardware"): 1,
        ("zero.md", "a real program and hardware"): 1,
    }
)


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_document_does_what_it_shows(document: Path, tmp_path: Path):
    player = Player(tmp_path)
    for block in blocks(document):
        player.play(block)


def test_blocks_that_are_not_run_are_these():
    every_block = [block for document in DOCUMENTS for block in blocks(document)]
    assert Counter((block.document.name, block.detail) for block in every_block if block.mark == "needs") == NOT_RUN


def test_every_block_says_what_it_is():
    languages = {block.language for document in DOCUMENTS for block in blocks(document)}
    assert languages <= {*CONSOLE, *PYTHON, *SHOWN}


def anchors(document: Path) -> set[str]:
    """The anchors that a renderer gives a document's headings."""
    headings = re.findall(r"^#+ (.*)$", re.sub(r"^```.*?^```", "", document.read_text(), flags=re.M | re.S), re.M)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_links_lead_somewhere(document: Path):
    for target in re.findall(r"\]\((?!https?://)([^)]+)\)", document.read_text()):
        name, _, anchor = target.partition("#")
        other = document.parent / name if name else document
        assert other.exists(), target
        assert not anchor or anchor in anchors(other), target


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_paths_in_documents_exist(document: Path):
    for path in re.findall(r"`((?:hwx2py|tests|docs|examples|benchmarks|templates)/[\w./]*)`", document.read_text()):
        assert (ROOT / path).exists(), path


ARCHITECTURE = (ROOT / "docs" / "architecture.md").read_text()


def test_every_package_has_its_place_in_the_architecture():
    layers = ARCHITECTURE.split("| layer |")[1].split("\n\n")[0]
    told = re.findall(r"`(\w+)`", "".join(row.split("|")[2] for row in layers.splitlines()[2:]))
    stated = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"][0]["layers"]
    assert sorted(told) == sorted(name.removeprefix("hwx2py.") for layer in stated for name in layer.split(" | "))
    flow = ARCHITECTURE.split("```")[1]
    assert not {name for name in re.findall(r"--> (\w+)", flow) if name not in told}


def test_adding_something_touches_at_most_three_files():
    table = ARCHITECTURE.split("| to add |")[1].split("\n\n")[0]
    for row in table.splitlines()[2:]:
        assert 1 <= len(re.findall(r"`[\w./]+/[\w.]*`|`\w+\.md`", row.split("|")[2])) <= 3, row


def commands() -> list[str]:
    """The indented shell lines of the README's first screen."""
    return [line.strip() for line in README.splitlines() if line.startswith("    python3 -m venv")]


def test_first_screen_has_two_commands():
    assert len(commands()) == 2
    assert len(README[: README.index(commands()[1])].splitlines()) < 15


def test_ci_runs_the_test_command_of_the_readme():
    lines = (ROOT / ".ci" / "run").read_text().splitlines()
    assert lines[-1] == commands()[1]


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_is_in_the_readme(name):
    assert f"| `hwx2py {name}` |" in README


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_faults_of_the_documentation_are_those_of_the_code(kind):
    fate = "yes, and wedges the device" if kind.wedges else "yes" if kind.stops else "no"
    assert f"| `{kind.name}` | {kind.sentence} | {fate} |" in EMULATOR


def test_documentation_names_no_other_faults():
    table = EMULATOR[EMULATOR.index("| fault |") :].split("\n\n")[0]
    assert len(table.splitlines()) == 2 + len(KINDS)


@pytest.mark.parametrize("subtype", SUBTYPES, ids=lambda subtype: str(subtype.number))
def test_cpusubtypes_of_the_documentation_are_those_of_the_code(subtype):
    table = (ROOT / "docs" / "hwx.md").read_text().split("| cpusubtype |")[1].split("\n\n")[0]
    (line,) = (line for line in table.splitlines() if line.startswith(f"| {subtype.number} |"))
    number, name, version, _, known = (cell.strip() for cell in line.strip("|").split("|"))
    assert (number, name, version) == (str(subtype.number), subtype.name, str(subtype.descriptor_version))
    assert known == ("yes" if subtype.has_table else "no")


@pytest.mark.parametrize("name", ["BO_INIT", "BO_FREE", "SUBMIT", "VERSION"])
def test_ioctl_numbers_of_the_documentation_are_those_of_the_code(name):
    assert f"`{getattr(child if name == 'VERSION' else driver, name):#x}`" in EMULATOR


def test_wheel_takes_everything_along():
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]
    folders = {path.parent.relative_to(ROOT) for path in (ROOT / "hwx2py").rglob("*.py")}
    packages = {str(folder).replace("/", ".") for folder in folders} | {"hwx2py.templates"}
    assert set(settings["packages"]) == packages
    files = (path for path in (ROOT / "hwx2py").rglob("*.*") if path.is_file() and path.suffix not in (".py", ".pyc"))
    others = {path for path in files if not any(part.startswith(".") for part in path.relative_to(ROOT).parts)}
    covered = {
        path
        for package, patterns in settings["package-data"].items()
        for pattern in patterns
        for path in (ROOT / package.replace(".", "/")).glob(pattern)
    }
    assert others == covered
