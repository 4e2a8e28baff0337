"""`hwx2py weights`."""

import os
from typing import TYPE_CHECKING

import click

from ..errors import HwxError, UsageError
from ..names import legible
from ..output import Output, write_outputs
from .files import check_input, check_output, load_file, tell_written
from .options import FILE, Raw, Run, arch_option, force_option, raw_option, run_option, show

if TYPE_CHECKING:
    from ..formats import ProgramFile
    from ..program.program import Program
    from ..weights import Found

MANIFEST = "manifest.json"


@click.command(epilog="Example: hwx2py weights conv.hwx --set conv.weight=new.npy --into new.hwx")
@click.argument("path", metavar="PROGRAM", type=FILE)
@click.option("-o", "--output", metavar="DIR", type=FILE, help="Folder for a .npy of each array and manifest.json.")
@click.option("--svg", is_flag=True, help="Draw lookup tables too.")
@click.option("--set", "changes", metavar="NAME=FILE.npy", multiple=True, help="Other values for an array.")
@click.option("--round", "rounds", is_flag=True, help="Round the values of --set to float16, and say what was lost.")
@click.option("--into", metavar="OUT", help="The changed program: an .hwx, .anec or script, by its name.")
@click.option("--json", "as_json", is_flag=True, help="The manifest on standard output.")
@arch_option
@raw_option
@run_option
@force_option
def command(
    path: str,
    output: str | None,
    svg: bool,
    changes: tuple[str, ...],
    rounds: bool,
    into: str | None,
    as_json: bool,
    arch: str | None,
    raw: Raw | None,
    run: Run,
    force: bool,
) -> None:
    """Takes the weights out of a program as arrays of the network's own shapes, or puts others in.

    Convolutions are O, I, H, W, products K, N, also where several tasks compute parts of them; biases, scales,
    constants, and lookup tables follow: 33 samples, and limits, values outside, lines, shift and mode. Without -o and
    --set they are listed.
    """
    from .. import weights

    if bool(changes) != bool(into):
        raise UsageError("--set and --into belong together", hint="--set NAME=FILE.npy --into OUT")
    if rounds and not changes:
        raise UsageError("--round rounds the values of --set", hint="add --set NAME=FILE.npy --into OUT")
    if svg and not output:
        raise UsageError("--svg draws into the folder that -o names", hint="add -o DIR")
    check_input(path)
    file = load_file(path, arch, raw, run)
    try:
        found = weights.find(file.program)
        if output:
            _write_out(output, path, file.program, found, svg, force)
        if into:
            _write_into(into, path, file, changes, rounds, force)
    except HwxError as error:
        raise error.in_file(path) from error.__cause__
    for note in found.notes:
        click.echo(legible(f"note: {note}"), err=True)
    if as_json:
        import json

        click.echo(json.dumps(weights.manifest(found.arrays, {}), indent=2))
    elif not output and not into:
        _list(found)


def _list(found: "Found") -> None:
    for array in found.arrays:
        size = " x ".join(map(str, array.shape))
        tasks = ", ".join(map(str, array.tasks))
        fixed = f"; cannot be set: {array.fixed}" if array.fixed else ""
        curve = f" ({array.about['curve']})" if array.about.get("curve") else ""
        click.echo(
            legible(
                f"{array.name}: {array.kind}{curve}, {array.dtype} {size}, in {array.buffer}, "
                f"task{'' if len(array.tasks) == 1 else 's'} {tasks}{fixed}"
            )
        )
    if not found.arrays:
        click.echo("no arrays: the program has no coefficients that are understood")


def _write_out(folder: str, path: str, program: "Program", found: "Found", svg: bool, force: bool) -> None:
    """One .npy for each array, pictures of tables, and the manifest last."""
    import json

    from .. import weights
    from ..emulator.arrays import as_npy

    _prepare(folder)
    files = {array.name: f"{array.name}.npy" for array in found.arrays}
    outputs = []
    for array in found.arrays:
        data = as_npy(weights.values(program, array))
        outputs.append(Output(os.path.join(folder, files[array.name]), [data]))
        if svg and array.kind == "table":
            from ..weights.curve import drawn

            picture = drawn(array.name, weights.table_of(program, array))
            outputs.append(Output(os.path.join(folder, f"{array.name}.svg"), [picture.encode()]))
    text = json.dumps(weights.manifest(found.arrays, files), indent=2) + "\n"
    outputs.append(Output(os.path.join(folder, MANIFEST), [text.encode()]))
    write_outputs(outputs, [path], force=force)
    count = len(found.arrays)
    click.echo(legible(f"wrote {folder}: {count} array{'' if count == 1 else 's'}, {MANIFEST}"), err=True)


def _prepare(folder: str) -> None:
    """Makes the folder; one that holds other things is refused."""
    try:
        os.makedirs(folder, exist_ok=True)
        foreign = os.listdir(folder) and not os.path.exists(os.path.join(folder, MANIFEST))
    except OSError as error:
        raise UsageError(f"is not a folder that can be written to: {error.strerror}", file=folder) from error
    if foreign:
        raise UsageError(f"holds files already, and no {MANIFEST} of hwx2py's", file=folder, hint="give another -o")


def _write_into(
    target: str, path: str, file: "ProgramFile", changes: tuple[str, ...], rounds: bool, force: bool
) -> None:
    from .. import weights
    from ..emulator.arrays import read_npy
    from ..interface import Program, save

    read = [path, *(change.partition("=")[2] for change in changes)]
    check_output(target, read)
    program = file.program
    notes: list[str] = []
    for change in changes:
        name, separator, source = change.partition("=")
        if not separator:
            raise UsageError(f"--set {change}: an array and a file are wanted", hint="--set NAME=FILE.npy")
        values = read_npy(source)
        if rounds:
            values, lost = weights.rounded(values)
            if lost:
                notes.append(f"{name}: {lost}")
        program = weights.replace(program, weights.find(program).arrays, name, values)
    save(Program(program, file), target, force=force)
    show(notes)
    tell_written(target, program)
