"""Markdown documents as programs: a document's blocks run in order, in a folder of its own, and must do what they show.

What a block is, is told by its language, and by an HTML comment in front of it where that is not enough:

    console, sh         lines after "$ " are commands; lines below one are what it prints ("..." stands for anything);
                        without lines below it that is left open. A status other than 0 has to be shown by "$ echo $?".
    python              runs, in one namespace for the document; with ">>> " it is a doctest
    indented            commands, if the first line begins with one (or with "$ "); else something shown
    <!-- output -->     the block is what the block before it printed; <!-- output: end --> its last lines
    <!-- excerpt: F --> its lines stand in the file F in this order ("..." leaves lines out)
    <!-- needs: X -->   it is not run, because X is not at hand; `test_docs` lists these
"""

import contextlib
import doctest
import functools
import io
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

from conftest import ROOT
from markdown_it import MarkdownIt
from warm import Warm

DOCUMENTS = (*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").glob("*.md")), ROOT / "examples" / "README.md")
COMMANDS, PYTHON = ("console", "sh"), ("python", "pycon")
#: Languages of blocks that are only shown; what runs them has tests of its own.
SHOWN = ("", "text", "json", "diff", "sql", "toml", "html", "yaml")
FIRST_WORDS = ("$", "hwx2py", "python", "python3", ".venv/bin/hwx2py", ".venv/bin/python")
MARK = re.compile(r"<!--\s*(needs|excerpt|output)\b:?\s*(.*?)\s*-->", re.DOTALL)
TIMEOUT_SECONDS = 120


class Block(NamedTuple):
    """A block of code in a document.

    Attributes:
        document: the Markdown file.
        line: number of the block's first line.
        language: of a fence; "console" or "" for an indented block.
        text: what it says.
        mark: "needs", "excerpt", "output", or "" where no comment stands in front of it.
        detail: what the comment says beside that.
    """

    document: Path
    line: int
    language: str
    text: str
    mark: str
    detail: str

    @property
    def place(self) -> str:
        """Document and line, for messages."""
        return f"{self.document.name}:{self.line}"


class Step(NamedTuple):
    """A command, and what the document shows below it; empty where it shows nothing."""

    command: str
    shown: str


def blocks(document: Path) -> list[Block]:
    """The blocks of a document, in order."""
    found, mark, detail = [], "", ""
    for token in MarkdownIt().parse(document.read_text()):
        if token.type == "html_block" and (comment := MARK.search(token.content)):
            mark, detail = comment.groups()
        elif token.type in ("fence", "code_block"):
            line = token.map[0] + (2 if token.type == "fence" else 1)
            language = token.info.strip() if token.type == "fence" else _language_of_indented(token.content)
            found.append(Block(document, line, language, token.content, mark, detail))
            mark = detail = ""
    return found


def _language_of_indented(text: str) -> str:
    return "console" if text.split(maxsplit=1)[0] in FIRST_WORDS else ""


def steps(text: str) -> list[Step]:
    """The commands of a block; without "$ " each line is one, and nothing is shown."""
    if not text.startswith("$ "):
        return [Step(line, "") for line in text.splitlines() if line.strip()]
    parts = re.split(r"^\$ ", text, flags=re.MULTILINE)[1:]
    return [_step(part) for part in parts]


def _step(part: str) -> Step:
    lines = part.splitlines(keepends=True)
    command = [lines.pop(0)]
    while command[-1].endswith("\\\n") and lines:
        command.append(lines.pop(0))
    return Step("".join(command).rstrip("\n"), "".join(lines))


@functools.cache
def _warm() -> Warm:
    return Warm(ROOT)


class Player:
    """Runs the blocks of a document in a folder, which has the project's examples."""

    def __init__(self, folder: Path):
        self.work, self.programs = folder / "work", folder / "work" / ".venv" / "bin"
        self.programs.mkdir(parents=True)
        (self.work / "examples").symlink_to(ROOT / "examples")
        self.namespace: dict[str, object] = {"__name__": "document"}
        self.output, self.status = "", 0
        self._install()

    def _install(self) -> None:
        """The environment of the tests stands for the one that the set-up commands make.

        `hwx2py` is a process that has loaded what it needs already; processes that a command starts are new ones.
        """
        run = f'exec "{sys.executable}"'
        programs = {
            "hwx2py": f'exec {_warm().command()} "$@"',
            "python": f'{run} "$@"',
            "python3": f'[ "$1 $2" = "-m venv" ] || {run} "$@"',
            "pip": "exit 0",
        }
        for name, command in programs.items():
            (self.programs / name).write_text(f"#!/bin/sh\n{command}\n")
            (self.programs / name).chmod(0o755)

    def play(self, block: Block) -> None:
        """Runs a block, and compares what it shows."""
        if block.mark == "needs":
            return
        if block.mark == "output":
            _compare(block, "...\n" * (block.detail == "end") + block.text, self.output)
        elif block.mark == "excerpt":
            self._look_up(block)
        elif block.language in COMMANDS:
            self._run(block)
        elif block.language in PYTHON:
            with contextlib.chdir(self.work), contextlib.redirect_stdout(io.StringIO()) as printed:
                self._doctest(block) if block.text.startswith(">>> ") else self._execute(block)
            self.output = printed.getvalue()

    def _run(self, block: Block) -> None:
        self.output = ""
        for step in steps(block.text):
            asked = step.command == "echo $?"
            assert asked or not self.status, f"{block.place}: the status was {self.status}:\n{self.output}"
            printed = self._shell(step.command)
            if step.shown:
                _compare(block, step.shown, printed)
            self.output += printed
        assert not self.status, f"{block.place}: the status is {self.status}:\n{self.output}"

    def _shell(self, command: str) -> str:
        environment = {
            "PATH": f"{self.programs}:{os.environ['PATH']}",
            "PYTHONPATH": str(ROOT),
            "HOME": str(self.work),
            "LC_ALL": "C.UTF-8",
        }
        done = subprocess.run(
            ["sh", "-c", f"(exit {self.status}); {command}"],
            cwd=self.work,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=TIMEOUT_SECONDS,
            check=False,
        )
        self.status = done.returncode
        return done.stdout

    def _execute(self, block: Block) -> None:
        padded = "\n" * (block.line - 1) + block.text
        exec(compile(padded, str(block.document), "exec", dont_inherit=True), self.namespace)

    def _doctest(self, block: Block) -> None:
        examples = doctest.DocTestParser().get_doctest(
            block.text, self.namespace, block.document.name, str(block.document), block.line - 1
        )
        runner = doctest.DebugRunner(optionflags=doctest.ELLIPSIS)
        runner.run(examples, clear_globs=False)
        self.namespace.update(examples.globs)

    def _look_up(self, block: Block) -> None:
        paths = [path for path in (self.work / block.detail, ROOT / block.detail) if path.exists()]
        assert paths, f"{block.place}: there is no file {block.detail}"
        lines = iter(paths[0].read_text().splitlines())
        for line in block.text.splitlines():
            assert line.strip() in ("", "...") or line in lines, f"{block.place}: {block.detail} has no line {line!r}"


def _compare(block: Block, shown: str, printed: str) -> None:
    """Compares; a line "..." stands for any lines, also none, and "..." in a line for any text."""
    pattern = "".join(
        r"(?:.*\n)*" if line.strip() == "..." else ".*".join(map(re.escape, line.split("..."))) + r"\n"
        for line in shown.splitlines()
    )
    ended = printed if printed.endswith("\n") or not printed else printed + "\n"
    assert re.fullmatch(pattern, ended), f"{block.place} shows\n{shown}\nbut this is printed:\n{printed}"
