"""`hwx2py diff`."""

from typing import TYPE_CHECKING

import click

from ..names import legible
from .files import check_output, load_program, write_output
from .options import run_option

if TYPE_CHECKING:
    from ..program.model import Program

FORMATS = ("text", "json", "markdown", "html")


@click.command(
    short_help="Two programs compared, noise told apart",
    epilog="Example: hwx2py diff mul_macos12.hwx mul_macos14.hwx --ignore noise",
)
@click.argument("first", metavar="A")
@click.argument("second", metavar="B")
@click.option("--format", "form", type=click.Choice(FORMATS), default="text", show_default=True, help="How to show it.")
@click.option("-o", "--output", metavar="FILE", help="Write it there instead of to stdout.")
@click.option(
    "--ignore",
    type=click.Choice(["noise"]),
    help="Disregard what does not compute: masks, cycle counts, BAR numbers, absent writes of held values ...",
)
@run_option
def command(first: str, second: str, form: str, output: str | None, ignore: str | None, run: bool) -> int:
    """Compares two programs, each an .hwx, an .anec or a generated script.

    Exit code 0: no difference; 1: differences; 2: an error.
    """
    from .. import diff

    programs = load_program(first, run=run), load_program(second, run=run)
    if output:
        check_output(output, [first, second])
    found = diff.compare(*programs)
    verdict = _verdict(found, programs)
    shown = found.without_noise() if ignore else found
    text = _rendered(form, shown, verdict, programs)
    if output:
        write_output(output, [text.encode()], [first, second])
    else:
        click.echo(text, nl=False)
    return 0 if shown.is_empty else 1


def _verdict(found, programs: tuple["Program", "Program"]) -> str:
    """Whether the two compute the same; also whether what is left is what the cleaning passes remove."""
    from .. import diff, passes

    if found.computes_same:
        return found.verdict()
    chosen = passes.chosen(clean=True)
    cleaned = [passes.run(program, chosen)[0] for program in programs]
    if not diff.compare(*cleaned).computes_same:
        return found.verdict()
    names = ", ".join(known.name for known in chosen)
    return (
        "The two compute the same if state that their tasks do not use is disregarded: apart from noise they differ "
        f"only in what --clean removes ({names})."
    )


def _rendered(form: str, shown, verdict: str, programs: tuple["Program", "Program"]) -> str:
    if form == "json":
        import json

        return json.dumps(_data(shown) | {"verdict": verdict}, indent=2) + "\n"
    if form == "html":
        from .. import report

        return report.html(shown, verdict, programs)
    from ..diff import text

    lines = text.as_markdown(shown, verdict) if form == "markdown" else text.as_text(shown, verdict)
    return "\n".join(map(legible, lines)) + "\n"


def _data(shown) -> dict:
    levels = {name: [change._asdict() for change in changes] for name, changes in shown.levels.items()}
    tasks = [
        task._asdict() | {"changes": [c._asdict() | {"fields": [f._asdict() for f in c.fields]} for c in task.changes]}
        for task in shown.tasks
    ]
    return {
        "a": shown.a,
        "b": shown.b,
        **levels,
        "tasks": tasks,
        "notes": list(shown.notes),
        "computes_same": shown.computes_same,
        "same": shown.is_empty,
    }
