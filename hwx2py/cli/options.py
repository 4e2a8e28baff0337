"""Options that several commands share."""

import enum
import os
from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

import click

from ..errors import UsageError
from ..names import legible

if TYPE_CHECKING:
    from ..program.program import Program

#: A file's name, which shells complete; what is wrong with it says whoever opens it.
FILE = click.Path(readable=False)

#: What the name of a page ends in.
PAGE = ".html"

arch_option = click.option(
    "--arch", metavar="NAME", help="Read the file as this architecture instead of the one it names (for experiments)."
)


class Raw(NamedTuple):
    """A bare task stream, as the command line describes it.

    Attributes:
        arch: name of its architecture.
        tensors: what `--tensor` says of its buffers.
    """

    arch: str
    tensors: tuple[str, ...]


_TENSORS = "hwx2py.tensors"


def _note_tensors(context: click.Context, _: click.Parameter, value: tuple[str, ...]) -> None:
    context.meta[_TENSORS] = value


def _as_raw(context: click.Context, _: click.Parameter, value: str | None) -> Raw | None:
    tensors = context.meta[_TENSORS]
    if tensors and value is None:
        raise UsageError("--tensor describes a buffer of a bare task stream", hint="add --raw ARCH")
    return None if value is None else Raw(value, tensors)


def raw_option(function: Callable[..., object]) -> Callable[..., object]:
    """--raw and --tensor; the command takes them as `raw`, a `Raw` or None."""
    function = click.option(
        "--tensor",
        metavar="NAME=ROLE:BAR:NxCxHxW",
        multiple=True,
        is_eager=True,
        expose_value=False,
        callback=_note_tensors,
        help="With --raw: a buffer, float16; ROLE is input, output or scratch.",
    )(function)
    what = "The file is a bare task stream of this architecture: binary, hex text, or a Python list of words."
    return click.option("--raw", metavar="ARCH", callback=_as_raw, help=what)(function)


def no_raw_option(why: str) -> Callable[[Callable[..., object]], Callable[..., object]]:
    """--raw in a command that cannot take a bare task stream, and says so.

    Args:
        why: the reason, and what to do instead.
    """

    def refuse(_: click.Context, __: click.Parameter, value: str | None) -> None:
        if value is not None:
            raise UsageError(f"--raw is not for this command: {why}", hint=f"`hwx2py STREAM --raw {value} -o X.py`")

    return click.option("--raw", metavar="ARCH", hidden=True, expose_value=False, callback=refuse)


class Run(enum.Enum):
    """Whether a script is executed, and how."""

    NO = "parsed"
    CONFINED = "executed, confined"
    TRUSTED = "executed, unconfined"


_TRUST = "hwx2py.trust"


def _note_trust(context: click.Context, _: click.Parameter, value: bool) -> None:
    context.meta[_TRUST] = value


def _how_to_run(context: click.Context, _: click.Parameter, value: bool) -> Run:
    return (Run.TRUSTED if context.meta[_TRUST] else Run.CONFINED) if value else Run.NO


def run_option(function: Callable[..., object]) -> Callable[..., object]:
    """--run and --trust; the command takes them as `run`, a `Run`."""
    trust = "With --run: execute it unconfined, with all your rights."
    function = click.option(
        "--trust", is_flag=True, is_eager=True, expose_value=False, callback=_note_trust, help=trust
    )(function)
    how = "Execute a script, confined, instead of parsing it."
    return click.option("--run", is_flag=True, callback=_how_to_run, help=how)(function)


trust_option = click.option("--trust", is_flag=True, help="Run a script unconfined, with all your rights.")
force_option = click.option(
    "--force", is_flag=True, help="Write over a file that hwx2py did not write, or that was edited since."
)


#: The passes, for the help, which imports none of them; a test compares them with the table.
PASS_NAMES = "kernel-dma, neural-engine, source-residue, noise"


def pass_options(function: Callable[..., object]) -> Callable[..., object]:
    """--clean, --pass and --skip."""
    function = click.option("--skip", multiple=True, metavar="NAME", help="Leave out this pass.")(function)
    function = click.option("--pass", "only", multiple=True, metavar="NAME", help=f"Run this pass: {PASS_NAMES}.")(
        function
    )
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
    """Prints the report on standard error; commands do it last, so that a failing command prints only its error."""
    for line in report:
        click.echo(legible(line), err=True)


def table_options(function: Callable[..., object]) -> Callable[..., object]:
    """The options of commands that fill a table: its format, and who makes its parts."""
    for option in (
        click.option("--scheduler", metavar="ADDRESS", help="Use the workers of this Dask scheduler."),
        click.option(
            "--jobs",
            metavar="N",
            type=click.IntRange(1),
            default=lambda: os.cpu_count() or 1,
            help="Processes (default: one for each processor).",
        ),
        click.option("--format", type=click.Choice(["parquet", "jsonl"]), default="parquet", show_default=True),
    ):
        function = option(function)
    return function
