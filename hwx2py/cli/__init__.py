"""The command line: argument parsing, printing and exit codes, and nothing that other code would want to call.

Commands live in modules of their own, which are imported when they are asked for; what a command needs beyond click
is imported when it runs.
"""

import atexit
import gc
import importlib
import os
import signal
import sys
from typing import TYPE_CHECKING

#: Objects between looks for garbage cycles: a command makes few of those, and looks while modules load cost a tenth.
GARBAGE = 50_000
gc.set_threshold(GARBAGE)  # here, because click is the first to load

import click  # noqa: E402
from click_default_group import DefaultGroup  # noqa: E402

from ..errors import HwxError  # noqa: E402
from ..names import one_line  # noqa: E402
from ..version import VERSION, commit  # noqa: E402
from . import standard  # noqa: E402

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

#: Commands in the order in which the help shows them, with a line each; a command is a module of this package with an
#: object `command`. The help is made from this table, so that it imports none of them.
COMMANDS = {
    "convert": "An .hwx, .anec or script as a Python script",
    "info": "Container, tensors with BARs, a line for each task",
    "check": "What will go wrong on the chip",
    "dump": "Every register of every task, by field",
    "registers": "The register table of an architecture",
    "cost": "Bytes, operations and time of every task",
    "diff": "Two programs compared, noise separated",
    "graph": "The program as a picture",
    "clean": "A cleaned program, back in its container",
    "anec": "A file that libane runs (H13, H14)",
    "compile": "A network (ONNX) as one program, without a Mac",
    "assemble": "A script as an .hwx or .anec",
    "emulate": "Run on a virtual ANE (H13 to H18)",
    "weights": "Weights out as arrays, and others in",
    "device": "Any program with a virtual ANE at /dev/accel/accel0",
    "bisect": "The register differences that make a program fail",
    "corpus": "Every register field of many programs, as tables",
    "sweep": "Emulations over a grid of register values",
    "experiment": "Questions to a real chip, and what its report says",
    "passes": "The cleaning passes and their reasons",
    "archs": "The architectures and what works",
    "doctor": "What this machine can run",
    "net-options": "Options for compiling again on macOS",
}


#: Signals that end the command as Ctrl-C does: what it has started ends too, and no half file is left.
ENDINGS = [getattr(signal, name) for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name)]


def _interrupt(*_: object) -> None:
    raise KeyboardInterrupt


class _Closed(Exception):
    """stdout was closed early, as by `| head`; click would end with 1, which means a difference."""


class _Commands(DefaultGroup):  # type: ignore[misc] # click_default_group says no types
    def invoke(self, ctx: click.Context) -> object:
        try:
            code = super().invoke(ctx)
            sys.stdout.flush()
        except BrokenPipeError as error:
            raise _Closed from error
        return code

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """What follows a first `--` are files: click would take it away, and then take `-x.hwx` for options."""
        given = [self.default_cmd_name, *args] if args[:1] == ["--"] else args
        parsed: list[str] = super().parse_args(ctx, given)
        return parsed

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, name: str) -> click.Command:
        if name not in COMMANDS:
            ctx.arg0 = name  # type: ignore[attr-defined] # where DefaultGroup looks
            name = self.default_cmd_name
        command: click.Command = importlib.import_module(f".{name.replace('-', '_')}", __package__).command
        return command

    def shell_complete(self, ctx: click.Context, incomplete: str) -> "list[CompletionItem]":
        """Commands, and files for the default one."""
        from click.shell_completion import CompletionItem

        return [*super().shell_complete(ctx, incomplete), CompletionItem(incomplete, type="file")]

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


def _tell_version(context: click.Context, _: click.Parameter, wanted: bool) -> None:
    if wanted:
        checked_out = commit()
        click.echo(f"hwx2py, version {VERSION}" + (f", commit {checked_out}" if checked_out else ""))
        context.exit()


@click.group(
    cls=_Commands,
    default="convert",
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="`hwx2py FILE ...` is `hwx2py convert FILE ...`. Each command has --help with an example.",
)
@click.option(
    "-V",
    "--version",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=_tell_version,
    help="Show the version, in a checkout with its commit, and exit.",
)
def group() -> None:
    """Compiled Apple Neural Engine programs (.hwx) as readable Python, and a virtual engine that runs them."""


def main(args: list[str] | None = None) -> None:
    """Runs the command line and ends the process: 0 done, 1 a difference or a failed check, 2 an error, 3 faults."""
    atexit.register(gc.freeze)  # what is left goes with the process: no look for cycles in it
    if not standard.prepare():
        sys.exit(_complain(standard.CLOSED))
    for ending in ENDINGS:
        if signal.getsignal(ending) is signal.SIG_DFL:
            signal.signal(ending, _interrupt)
    try:
        code = group.main(args, prog_name="hwx2py", standalone_mode=False)
    except HwxError as error:
        code = _complain(str(error))
    except click.exceptions.NoArgsIsHelpError as error:
        error.show()
        code = 2
    except click.ClickException as error:
        code = _complain(error.format_message())
    except (click.Abort, KeyboardInterrupt):
        code = _complain("interrupted")
    except _Closed:
        _drop_output()
        code = 0
    except OSError as error:
        _drop_output()
        code = _complain(f"{error.filename or 'standard output'}: {error.strerror}")
    except MemoryError:
        code = _complain("there is not enough memory")
    sys.exit(code if isinstance(code, int) else 0)


def _drop_output() -> None:
    """What is left to print goes nowhere, so that the interpreter does not stumble over it again while it ends."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)


def _complain(message: str) -> int:
    print(f"hwx2py: {one_line(message)}", file=sys.stderr)
    return 2
