"""Writes the pages that are made from the program itself: `python docs/reference.py`.

registers/    the register tables, for the chips that the Linux drivers run
forms.md      the forms that `compile` makes operations of, and what proves them
questions.md  the questions to the chip that a kit of `experiment` asks
chain.svg     the picture of an example
digits.svg    the picture of what `compile` makes of a network
man/          a man page for hwx2py and for each of its commands, from their help
"""

from collections.abc import Iterator
from pathlib import Path

import click

from hwx2py import draw
from hwx2py.cli import COMMANDS, group
from hwx2py.compiler.compile import compile_network
from hwx2py.compiler.forms import page as forms
from hwx2py.experiment import page as questions
from hwx2py.formats import load
from hwx2py.listing.page import as_markdown
from hwx2py.listing.registers import select
from hwx2py.registers import every
from hwx2py.version import VERSION

FOLDER = Path(__file__).parent
EXAMPLES = FOLDER.parent / "examples"
EXIT_CODES = """0: done. 1: a comparison found a difference, or an output was not written. 2: an error, in one line on
standard error. 3: the virtual ANE found faults that the chip would survive."""


def pages() -> dict[Path, str]:
    """Every page, by its path in this folder."""
    driven = [arch for arch in every() if arch.machine.driver.startswith("ABI")]
    registers = {
        Path("registers", f"{arch.name.lower()}.md"): "\n".join(as_markdown(arch, select(arch))) for arch in driven
    }
    context = click.Context(group, info_name="hwx2py", **group.context_settings)
    manual = {Path("man", "hwx2py.1"): "\n".join(overview(context))}
    for name in COMMANDS:
        command = group.get_command(context, name)
        manual[Path("man", f"hwx2py-{name}.1")] = "\n".join(command_page(name, command, context))
    rows = {"forms.md": forms.as_markdown(), "questions.md": questions.as_markdown()}
    made = {Path(name): "\n".join(lines) for name, lines in rows.items()}
    pictures = {Path("chain.svg"): load(str(EXAMPLES / "chain.hwx")).program}
    pictures[Path("digits.svg")] = compile_network(str(EXAMPLES / "digits.onnx")).program
    drawn = {path: draw.svg(draw.graph(program)) for path, program in pictures.items()}
    return {path: f"{text}\n" for path, text in (registers | manual | made).items()} | drawn


def overview(context: click.Context) -> Iterator[str]:
    """The man page of hwx2py."""
    yield from title("HWX2PY")
    yield from section("NAME", [rf"hwx2py \- {roff(group.help)}"])
    yield from section("SYNOPSIS", [r"\fBhwx2py\fR COMMAND [\fIOPTIONS\fR] [\fIFILES\fR]"])
    yield from section("DESCRIPTION", [roff(group.epilog)])
    yield from section("OPTIONS", options(group, context))
    yield ".SH COMMANDS"
    for name, line in COMMANDS.items():
        yield from (".TP", rf"\fBhwx2py\-{roff(name)}\fR(1)", roff(line))
    yield from section("EXIT STATUS", [roff(EXIT_CODES)])


def command_page(name: str, command: click.Command, parent: click.Context) -> Iterator[str]:
    """The man page of a command."""
    context = click.Context(command, info_name=name, parent=parent)
    usage = " ".join(command.collect_usage_pieces(context))
    yield from title(f"HWX2PY-{name.upper()}")
    yield from section("NAME", [rf"hwx2py\-{roff(name)} \- {roff(COMMANDS[name])}"])
    yield from section("SYNOPSIS", [rf"\fBhwx2py {roff(name)}\fR {roff(usage)}"])
    yield from section("DESCRIPTION", paragraphs(command.help or ""))
    yield from section("OPTIONS", options(command, context))
    yield from section("EXAMPLE", [roff((command.epilog or "").removeprefix("Example: "))])
    yield from section("SEE ALSO", [r"\fBhwx2py\fR(1)"])


def title(name: str) -> Iterator[str]:
    """The first line of a man page; without a date, so that it changes only with the help."""
    yield rf'.TH "{roff(name)}" "1" "" "hwx2py {roff(VERSION)}" "hwx2py"'


def section(heading: str, lines: Iterator[str] | list[str]) -> Iterator[str]:
    """A section, if it has anything."""
    lines = list(lines)
    if any(lines):
        yield from (f".SH {heading}", *lines)


def options(command: click.Command, context: click.Context) -> Iterator[str]:
    """The options of a command, as its help has them."""
    for parameter in command.get_params(context):
        record = parameter.get_help_record(context)
        if record and isinstance(parameter, click.Option):
            yield from (".TP", rf"\fB{roff(record[0])}\fR", roff(record[1]))


def paragraphs(text: str) -> Iterator[str]:
    """A help text in paragraphs; those that click shall not wrap keep their lines."""
    for number, paragraph in enumerate(text.split("\n\n")):
        if number:
            yield ".PP"
        if paragraph.startswith("\b\n"):
            yield from (".nf", *map(roff, paragraph.splitlines()[1:]), ".fi")
        else:
            yield roff(paragraph)


def roff(text: str | None) -> str:
    """Text on one line, in which nothing means anything to roff."""
    plain = " ".join((text or "").split()).replace("\\", r"\e").replace("-", r"\-")
    return rf"\&{plain}" if plain.startswith((".", "'")) else plain


def main() -> None:
    """Writes the pages."""
    for path, text in pages().items():
        target = FOLDER / path
        target.parent.mkdir(exist_ok=True)
        target.write_text(text)


if __name__ == "__main__":
    main()
