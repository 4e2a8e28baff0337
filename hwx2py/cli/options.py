"""Options that several commands share."""

from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

import click

from ..errors import UsageError
from ..names import legible

if TYPE_CHECKING:
    from ..program.program import Program

arch_option = click.option(
    "--arch", metavar="NAME", help="Read the file as this architecture instead of the one it names (for experiments)."
)

raw_option = click.option(
    "--raw", metavar="ARCH", help="The file is a bare task stream of this architecture, in binary or as hex text."
)
run_option = click.option("--run", is_flag=True, help="Execute a script, confined, instead of parsing it.")
force_option = click.option(
    "--force", is_flag=True, help="Write over a file that hwx2py did not write, or that was edited since."
)


def pass_options(function: Callable[..., object]) -> Callable[..., object]:
    """--clean, --pass and --skip."""
    function = click.option("--skip", multiple=True, metavar="NAME", help="Leave out this pass.")(function)
    function = click.option("--pass", "only", multiple=True, metavar="NAME", help="Run this pass.")(function)
    return click.option("--clean", is_flag=True, help="Run the default passes (see `hwx2py passes`).")(function)


class Cleaned(NamedTuple):
    """A program after the passes.

    Attributes:
        program: what they made of it.
        summary: a line for each pass that changed or left something, for a script's header.
        report: every word that they changed or left, for `show`.
    """

    program: "Program"
    summary: list[str]
    report: list[str]


def apply_passes(program: "Program", *, clean: bool, only: tuple[str, ...], skip: tuple[str, ...]) -> Cleaned:
    """Runs the passes that the options ask for.

    Args:
        program: the program; it is not changed.
        clean: run the default passes.
        only: names of further ones.
        skip: names of those to leave out.

    Raises:
        UsageError: a name is unknown, or a pass is left out of none.
    """
    if not (clean or only or skip):
        return Cleaned(program, [], [])
    from .. import passes

    if not (clean or only):
        passes.chosen(clean, only, skip)
        raise UsageError("--skip leaves a pass out of --clean", hint="add --clean")
    program, outcomes = passes.run(program, passes.chosen(clean, only, skip))
    return Cleaned(program, passes.summary(outcomes), passes.report(outcomes, program))


def show(report: list[str]) -> None:
    """The report on standard error; commands show it when they are done, so that an error stays alone."""
    for line in report:
        click.echo(legible(line), err=True)
