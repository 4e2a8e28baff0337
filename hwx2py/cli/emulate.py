"""`hwx2py emulate`."""

import click

from ..names import legible
from .check import tell_errors
from .files import check_input, check_output, load_file, write_output

FAULTY = 3


class _Emulate(click.Command):
    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """A file may follow --trace, or not; it is told from the program by its suffix."""
        follower = [*args[1:], ""]
        bare = [arg == "--trace" and not after.endswith(".json") for arg, after in zip(args, follower)]
        return super().parse_args(ctx, ["--trace=-" if alone else arg for arg, alone in zip(args, bare)])


@click.command(cls=_Emulate, epilog="Example: hwx2py emulate mul.py --input image=3 --input image2=2")
@click.argument("path", metavar="SCRIPT.py|INPUT")
@click.option(
    "--input", "inputs", metavar="NAME=VALUE|NAME=FILE.npy", multiple=True, help="An input (default: 3, 2, 1, 1 ..)."
)
@click.option("--save", metavar="FILE.npz", help="Write the outputs, by name, in their shapes.")
@click.option("--fill", metavar="VALUE", type=float, help="What outputs hold before the run (default: a pattern).")
@click.option("--golden", metavar="FILE.npz", help="Compare the outputs: PASS or FAIL.")
@click.option("--atol", metavar="X", type=float, help="Largest difference for --golden.")
@click.option("--trace", metavar="[FILE.json]", help="A line for each task; with a file, the same as JSON in it.")
def command(path: str, trace: str | None, **options: object) -> int:
    """Runs a generated script, or an .hwx or .anec file, on a virtual ANE.

    It follows the registers and BARs that it is given. Faults that the chip would survive do not stop the run: they
    follow the results, and the exit code is 3.
    """
    from .. import emulate
    from ..errors import HwxError, UsageError
    from ..formats import SCRIPT_SUFFIX

    check_input(path)
    arguments = _arguments(**options)
    read = [path, str(options["golden"] or ""), *(option.partition("=")[2] for option in options["inputs"])]
    for target in (options["save"], trace):
        if target and target != "-":
            check_output(target, read)
    file = None
    try:
        if path.endswith(SCRIPT_SUFFIX):
            from ..formats import map_file, script

            outline = script.outline(bytes(map_file(path)))
            emulate.check_runs(outline.arch)
            table = emulate.rows(outline.tensors, outline.kernels, outline.aliases)
            result = emulate.run_script(path, outline, table, arguments)
        else:
            file = load_file(path)
            result = emulate.run_program(file.program, arguments)
    except HwxError as error:
        raise error.in_file(path) from error.__cause__
    if trace == "-":
        click.echo("\n".join(map(legible, emulate.as_lines(result.steps, result.names))))
    elif trace:
        import json

        write_output(trace, [json.dumps(emulate.as_data(result.steps, result.names), indent=2).encode()], [path])
    for fault in result.faults:
        click.echo(legible(str(fault)), err=True)
    if result.error:
        error = UsageError(result.error, file=path)
        if not result.faults:
            raise error
        click.echo(legible(f"hwx2py: {error}"), err=True)
    if file:
        tell_errors(file, path)
    return FAULTY if result.faults else result.code


def _arguments(inputs: tuple[str, ...], **values: object) -> list[str]:
    """The options as a script's command line."""
    pairs = [("input", value) for value in inputs] + list(values.items())
    return [f"--{name}={value}" for name, value in pairs if value is not None]
