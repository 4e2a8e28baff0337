"""The pages that are made from the program: register tables, man pages, completion of the shell."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import reference
from conftest import ROOT

from hwx2py.cli import COMMANDS
from hwx2py.listing.page import as_markdown
from hwx2py.listing.registers import select
from hwx2py.registers import by_name, every

PAGES = reference.pages()


@pytest.mark.parametrize("path", PAGES, ids=str)
def test_page_is_what_the_program_says(path: Path):
    assert (ROOT / "docs" / path).read_text() == PAGES[path], "run `python docs/reference.py`"


def test_there_are_no_other_pages():
    for folder in ("registers", "man"):
        there = {path.relative_to(ROOT / "docs") for path in (ROOT / "docs" / folder).iterdir()}
        assert there == {path for path in PAGES if path.parts[0] == folder}


@pytest.mark.parametrize("arch", every(), ids=lambda arch: arch.name)
def test_every_field_is_a_row_with_its_source(arch):
    lines = list(as_markdown(arch, select(arch)))
    rows = [line for line in lines if line.startswith("| ") and not line.startswith("| bits |")]
    fields = [field for block in arch.all_blocks() for register in block.registers for field in register.fields]
    assert len(rows) == len(fields)
    assert all(row.count(" | ") == len(reference_columns()) - 1 for row in rows)
    assert [row.split(" | ")[0].removeprefix("| ") for row in rows] == [
        f"{field.msb}:{field.lsb}" if field.msb != field.lsb else str(field.msb) for field in fields
    ]


def reference_columns() -> list[str]:
    (header, *_) = (line for line in as_markdown(by_name("H13"), select(by_name("H13"), "PE")) if "| bits |" in line)
    return header.strip("| ").split(" | ")


def test_command_prints_the_page(cli):
    assert cli("registers", "H13", "--markdown").out == PAGES[Path("registers", "h13.md")]
    assert "### `0x08800` Cfg" in cli("registers", "H13", "PE", "--markdown").out


@pytest.mark.parametrize("name", COMMANDS)
def test_man_page_of_a_command_has_its_options_and_example(name):
    page = PAGES[Path("man", f"hwx2py-{name}.1")].replace(r"\-", "-")
    assert "--help" in page
    assert ".SH EXAMPLE\nhwx2py " in page


def completed(shell: str, **more: str) -> str:
    """What the program tells a shell that asks for its completion."""
    environment = os.environ | {"_HWX2PY_COMPLETE": shell} | more
    command = [sys.executable, "-m", "hwx2py"]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_shells_get_their_completion(shell):
    assert "_HWX2PY_COMPLETE" in completed(f"{shell}_source")


def test_commands_options_and_files_are_completed():
    for line, wanted in (
        ("hwx2py em", {"plain,emulate", "file,em"}),
        ("hwx2py emulate --gold", {"plain,--golden"}),
        ("hwx2py info ex", {"file,ex"}),
        ("hwx2py diff a.hwx ex", {"file,ex"}),
        ("hwx2py compile net.onnx -o ex", {"file,ex"}),
    ):
        answer = completed("bash_complete", COMP_WORDS=line, COMP_CWORD=str(len(line.split()) - 1))
        assert set(answer.splitlines()) == wanted, line
