"""Options that several commands share."""

from collections.abc import Callable
from typing import TYPE_CHECKING

import click

from ..errors import UsageError
from ..names import legible

if TYPE_CHECKING:
    from ..program.model import Program

arch_option = click.option(
    "--arch", metavar="NAME", help="Read the file as this architecture instead of the one it names (for experiments)."
)

run_option = click.option("--run", is_flag=True, help="Execute a script, confined, instead of parsing it.")


def pass_options(function: Callable) -> Callable:
    """--clean, --pass and --skip."""
    function = click.option("--skip", multiple=True, metavar="NAME", help="Leave out this pass.")(function)
    function = click.option("--pass", "only", multiple=True, metavar="NAME", help="Run this pass.")(function)
    return click.option("--clean", is_flag=True, help="Run the default passes (see `hwx2py passes`).")(function)


def apply_passes(
    program: "Program", *, clean: bool, only: tuple[str, ...], skip: tuple[str, ...]
) -> tuple["Program", list[str]]:
    """Runs the passes that the options ask for.

    Returns:
        The program, and the lines of the report: for a script's header, and for `show`.
    """
    if not (clean or only or skip):
        return program, []
    from .. import passes

    if not (clean or only):
        passes.chosen(clean, only, skip)
        raise UsageError("--skip leaves a pass out of --clean", hint="add --clean")
    program, outcomes = passes.run(program, passes.chosen(clean, only, skip))
    return program, passes.report(outcomes, program)


def show(report: list[str]) -> None:
    """The report on standard error; commands show it when they are done, so that an error stays alone."""
    for line in report:
        click.echo(legible(line), err=True)
