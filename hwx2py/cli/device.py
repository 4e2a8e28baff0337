"""`hwx2py device`."""

from typing import TYPE_CHECKING

import click

from ..errors import UsageError
from ..names import legible
from .files import check_output, load_file, write_output
from .options import FILE, force_option

if TYPE_CHECKING:
    from ..device import Device
    from ..operations import Names

FAULTY, NOT_MODELLED = 3, 2


@click.command(
    context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False},
    epilog="Example: hwx2py device -- ./client model.anec",
)
@click.option("--arch", metavar="ARCH", help="The chip's generation (default: that of --program, or H13).")
@click.option("--program", metavar="FILE", help="The program that the command runs: faults then name its tensors.")
@click.option("--trace", metavar="FILE.json|-", type=FILE, help="What ran, as JSON in a file, or as lines.")
@click.option("--values", is_flag=True, help="Smallest, largest, mean and first elements of what every task wrote.")
@click.option(
    "--numbers",
    type=click.Choice(["chip", "wide"]),
    default="chip",
    show_default=True,
    help="The chip's arithmetic, or float64 sums and one rounding.",
)
@force_option
@click.argument("command_line", metavar="COMMAND ARG..", nargs=-1, required=True, type=click.UNPROCESSED)
def command(
    command_line: tuple[str, ...],
    arch: str | None,
    program: str | None,
    trace: str | None,
    values: bool,
    numbers: str,
    force: bool,
) -> int:
    """Runs any program with a virtual ANE at /dev/accel/accel0.

    COMMAND and its children, in any language, open the node, make the driver's calls and map its memory; the virtual
    ANE answers, refusals included. Their other files, sockets and terminal are their own: this is not a sandbox. At the
    end the faults follow; the exit code is the command's, or 3 if that was 0 and there were faults. Linux only.
    """
    from .. import device as virtual
    from ..emulator import POLICIES
    from ..emulator.driver import rows
    from ..emulator.session import check_runs
    from ..emulator.values import Recorder
    from ..operations import Names
    from ..registers import by_name

    if trace and trace != "-":
        check_output(trace, [program or ""])
    known = load_file(program).program if program else None
    chosen = by_name(arch) if arch else known.arch if known else by_name("H13")
    if known and known.arch != chosen:
        raise UsageError(f"it is for {known.arch.name}, not for {chosen.name}", file=program or "")
    check_runs(chosen)
    if not chosen.machine.driver:
        raise UsageError(f"{chosen.name} has no Linux driver", hint="H13 and H14 have one; see `hwx2py archs`")
    recorder = Recorder(keep=False) if values or trace else None
    table = rows(known.buffers, {kernel.bar: kernel.name for kernel in known.kernels}, known.aliases) if known else {}
    played = virtual.Device(chosen, table, POLICIES[numbers], recorder)
    try:
        code = virtual.run(command_line, played)
    finally:
        played.close()
    if recorder and values:
        click.echo("\n".join(legible(str(value)) for value in recorder.values))
    names = Names.of(known) if known else Names({}, {}, {})
    if trace:
        _trace(trace, played, names, force)
    return _tell(played, code)


def _tell(played: "Device", code: int) -> int:
    """The faults, and the tasks that were refused; returns the exit code."""
    for fault in played.faults:
        click.echo(legible(str(fault)), err=True)
    for refusal in played.refusals:
        click.echo(legible(f"hwx2py: {refusal}"), err=True)
    if code:
        return code
    return NOT_MODELLED if played.refusals else FAULTY if played.faults else 0


def _trace(target: str, played: "Device", names: "Names", force: bool) -> None:
    """What ran, as lines or as JSON in a file."""
    from .. import emulator

    if target == "-":
        click.echo("\n".join(map(legible, emulator.as_lines(played.steps, names))))
        return
    import json

    write_output(target, [json.dumps(emulator.as_data(played.steps, names), indent=2).encode()], [], force=force)
