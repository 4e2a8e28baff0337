"""`hwx2py diff`."""

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING

import click

from ..errors import UsageError
from ..names import legible
from .files import STANDARD, check_output, load_program, outcome, tell, write_output
from .options import FILE, Raw, Run, force_option, raw_option, run_option

if TYPE_CHECKING:
    from ..delta import Comparison
    from ..program.program import Program

FORMATS = ("text", "json", "markdown", "html")

#: How lines of text begin that a terminal shows in a color of their own.
COLORS = {"---": "red", "+++": "green", "- ": "red", "+ ": "green", "    - ": "red", "    + ": "green", "task ": "cyan"}
NOISE = "  (noise: "


@click.command(
    short_help="Two programs compared, noise separated",
    epilog="Example: hwx2py diff mul_macos12.hwx mul_macos14.hwx --ignore noise",
)
@click.argument("first", metavar="A", type=FILE)
@click.argument("second", metavar="B", type=FILE)
@click.option("--format", "form", type=click.Choice(FORMATS), default="text", show_default=True, help="How to show it.")
@click.option("--stat", is_flag=True, help="How many registers of each class differ, a line for each task.")
@click.option(
    "--context",
    metavar="N",
    type=click.IntRange(0),
    default=0,
    help="Show N tasks that are the same around those that differ.",
)
@click.option("-o", "--output", metavar="FILE", type=FILE, help="Write it there instead of to stdout.")
@click.option(
    "--ignore",
    type=click.Choice(["noise", "idle"]),
    multiple=True,
    help="Disregard noise (masks, cycle counts, BAR numbers, absent writes of held values ...), or idle state, which "
    "--clean removes. May be given twice.",
)
@raw_option
@run_option
@force_option
def command(
    first: str,
    second: str,
    form: str,
    stat: bool,
    context: int,
    output: str | None,
    ignore: tuple[str, ...],
    raw: Raw | None,
    run: Run,
    force: bool,
) -> int:
    """Compares two programs, each an .hwx, an .anec or a generated script.

    Programs for two architectures are compared by what their tasks do, with which tensors and coefficients; that
    their registers differ is shown, and does not count.

    Exit code 0: no difference, or the same program for two architectures; 1: differences; 2: an error.
    """
    from .. import delta

    programs = load_program(first, raw=raw, run=run), load_program(second, raw=raw, run=run)
    if output:
        check_output(output, [first, second])
    comparison = delta.compare(*programs)
    shown = comparison.without(*map(delta.Class, ignore))
    if stat and form != "text":
        raise UsageError("--stat is text", hint="leave --format out")
    if context and (stat or form != "text"):
        raise UsageError("--context goes with text", hint="leave it out")
    around = _context(shown, programs[0], context) if context else {}
    text = _rendered("stat" if stat else form, shown, comparison.verdict(), programs, around)
    if output and output != STANDARD:
        changed = write_output(output, [text.encode()], [first, second], force=force)
        tell(outcome(output, comparison.verdict(), changed))
    else:
        plain = form != "text" or os.environ.get("NO_COLOR")
        click.echo(text if plain else "".join(map(_colored, text.splitlines(keepends=True))), nl=False)
    return 0 if shown.is_empty or comparison.are_counterparts else 1


def _context(shown: "Comparison", program: "Program", size: int) -> dict[int, str]:
    """Tasks of the first program beside those that differ: index -> what it does."""
    from ..operations import sentences

    differ = {task.a for task in shown.tasks if task.a is not None}
    around = {place for task in differ for place in range(task - size, task + size + 1)} - differ
    does = sentences(program)
    return {place: does[place] for place in sorted(around) if 0 <= place < len(does)}


def _rendered(
    form: str, shown: "Comparison", verdict: str, programs: tuple["Program", "Program"], around: Mapping[int, str]
) -> str:
    if form == "json":
        import json

        from ..delta.data import as_data

        return json.dumps(as_data(shown, verdict), indent=2) + "\n"
    if form == "html":
        from .. import html

        return html.html(shown, verdict, programs)
    if form == "markdown":
        from ..delta.markdown import as_markdown

        lines = as_markdown(shown, verdict)
    else:
        from ..delta.text import as_stat, as_text

        lines = as_stat(shown, verdict) if form == "stat" else as_text(shown, verdict, around)
    return "\n".join(map(legible, lines)) + "\n"


def _colored(line: str) -> str:
    """A line of text with its color, which click takes off again where stdout is not a terminal."""
    color = next((color for start, color in COLORS.items() if line.startswith(start)), None)
    if color:
        return click.style(line.rstrip("\n"), fg=color) + "\n"
    text, noise, reason = line.partition(NOISE)
    return text + click.style((noise + reason).rstrip("\n"), dim=True) + "\n" if noise else line
