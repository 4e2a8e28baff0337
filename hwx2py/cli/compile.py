"""`hwx2py compile`."""

import os
import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

from ..errors import HwxError, UsageError
from .files import STANDARD, check_output, content_at, tell, tell_written, write_output
from .options import FILE, PAGE, force_option

if TYPE_CHECKING:
    from ..compiler.tune import Tuning
    from ..interface import Compiled
    from ..program.program import Program

_SHAPE = re.compile(r"[0-9]+([x,][0-9]+)*")


@click.command(
    short_help="A network (ONNX) as one program, without a Mac",
    epilog="Example: hwx2py compile digits.onnx -o digits.py --report digits.json",
)
@click.argument("model", metavar="MODEL.onnx|PROGRAM", type=FILE)
@click.option(
    "-o", "--output", metavar="OUT", type=FILE, required=True, help="Program to write: .py, .anec (.ane), or else .hwx."
)
@click.option("--shape", "shapes", multiple=True, metavar="NAME=1x3x48x48", help="The shape of an input.")
@click.option(
    "--fix", "fixed", multiple=True, metavar="NAME=VALUE", help="Make an input a constant: a number or a FILE.npy."
)
@click.option("--from", "starts", multiple=True, metavar="TENSOR", help="Begin here: TENSOR becomes an input.")
@click.option("--until", "ends", multiple=True, metavar="TENSOR", help="End here: TENSOR becomes an output.")
@click.option(
    "--precise", is_flag=True, help="Sigmoid, tanh, exp and what is made of them: more tasks, a smaller error."
)
@click.option(
    "--calibrate",
    "samples",
    metavar="FILE.npz",
    type=FILE,
    help="Run samples first: what leaves float16, by operation.",
)
@click.option(
    "--scale",
    is_flag=True,
    help="With --calibrate: store what leaves float16 times a power of two, undone in what follows.",
)
@click.option("--no-chain", is_flag=True, help="Keep every intermediate in scratch memory, none in L2: the same bits.")
@click.option(
    "--tune", is_flag=True, help="Try alternatives of the forms, and take what costs least by `cost`, the only judge."
)
@click.option(
    "--tune-seconds", type=click.FloatRange(min=0), metavar="N", help="How long to try (60); then the best so far."
)
@click.option("--tune-table", metavar="FILE.csv", type=FILE, help="Write what --tune tried, a row for each.")
@click.option(
    "--report",
    metavar="FILE.json|FILE.html",
    type=FILE,
    help="Write what became of each operation; as .html, a page of the program that names the node of each task.",
)
@click.option("--arch", metavar="NAME", default="H13", show_default=True, help="The architecture: H13, H14 or H15.")
@click.option(
    "--port", "is_program", is_flag=True, help="PROGRAM is one for another architecture: make it one for --arch."
)
@force_option
def command(
    model: str, output: str, shapes: Sequence[str], fixed: Sequence[str], starts: Sequence[str], ends: Sequence[str],
    precise: bool, samples: str | None, scale: bool, no_chain: bool, tune: bool, tune_seconds: float | None,
    tune_table: str | None, report: str | None, arch: str, is_program: bool, force: bool,
) -> None:  # fmt: skip
    """Compiles a network in ONNX, of fp32 or fp16, into one program that runs all its operations.

    Shapes have to be fixed, in the model or with --shape. What is constant is folded. Operations that the engine
    cannot do are all named before anything is written, with the --from and --until that leave them out. None of the
    programs was run on hardware yet: they are tested on the virtual ANE, and --report says for every task whether its
    words are those of Apple's compiler, follow from a rule, or are our own choice.

    An operation whose numbers leave float16 whatever the input is named in a note. --calibrate takes samples, an array
    for each input by name, or several along a further axis in front; it runs them on the virtual ANE before anything
    is written and names the operations that leave float16 with them, and the power of two that keeps them inside.
    --scale applies these: weights and biases, operands and limits are multiplied, and what follows undoes it, so that
    the results are the same but for numbers that become tiny on the way. Where nothing can undo it, the operation is
    named and nothing is written.

    With --port, a program for one architecture becomes one for another that computes the same bits. What has no
    place there is named by task, register, value and reason, and nothing is written.
    """
    from ..interface import compile as compiled

    if output == STANDARD:
        raise UsageError("a program goes into a file", hint="give -o OUT.py, OUT.hwx or OUT.anec")
    if not tune and (tune_table or tune_seconds is not None):
        raise UsageError("nothing is tuned", hint="add --tune, or leave out --tune-table and --tune-seconds")
    if scale and not samples:
        raise UsageError("--scale: nothing says what leaves float16", hint="add --calibrate FILE.npz with samples")
    targets = [output, *filter(None, (report, tune_table))]
    for target in targets:
        check_output(target, [model, *(other for other in targets if other is not target)])
    if is_program:
        if shapes or fixed or starts or ends or precise or samples or scale or no_chain or tune or report:
            raise UsageError(
                "--port takes a program as it is",
                hint="leave out --shape, --fix, --from, --until, --precise, --calibrate, --scale, --no-chain, --tune, "
                "--report",
            )
        _port(model, output, arch, force)
        return
    try:
        result = compiled(
            model, arch, shapes=dict(map(_shape, shapes)), fixed=dict(map(_fixed, fixed)), starts=starts, ends=ends,
            chain=not no_chain, precise=precise, tune=tune, tune_seconds=tune_seconds,
            calibrate=None if samples is None else _samples(samples), scale=scale,
        )  # fmt: skip
    except HwxError as error:
        raise error.in_file(model) from error.__cause__
    _write(result.program.content, output, model, force)
    if report:
        write_output(report, [_reported(result, report).encode()], [model, output], force=force)
        tell(f"wrote {report}: {len(result.report.operations)} operations")
    if result.report.tuning is not None:
        _tell_tuning(result.report.tuning, tune_table, [model, output, *([report] if report else [])], force)
    _warn(result)


def _tell_tuning(tuning: "Tuning", table: str | None, others: Sequence[str], force: bool) -> None:
    """What --tune gained, and the table of what it tried."""
    from ..compiler.tune import JUDGE

    before, after = tuning.before, tuning.after
    rest = "" if tuning.is_complete else "; the time ran out before all was tried"
    tell(
        f"tuned: {before.estimate_us:.1f} us and {before.moved_bytes} bytes before, {after.estimate_us:.1f} us and "
        f"{after.moved_bytes} bytes after, {tuning.changed} of {len(tuning.choices)} choices changed{rest}"
    )
    tell(f"note: judged by {JUDGE}")
    if table:
        write_output(table, [tuning.as_csv().encode()], others, force=force)
        tell(f"wrote {table}: {len(tuning.trials)} alternatives")


def _reported(result: "Compiled", target: str) -> str:
    """The report as the name of its file asks for it."""
    if target.lower().endswith(PAGE):
        from .. import page
        from ..formats import ProgramFile

        file = ProgramFile(result.program.content, None)
        return page.page(file, page.Extra(report=result.report), "hwx2py compile")
    import json

    return json.dumps(result.report.as_data(), indent=2) + "\n"


def _port(path: str, output: str, arch: str, force: bool) -> None:
    """A program for another architecture."""
    from .. import formats
    from ..compiler.generations import port, rules

    try:
        program = formats.load(path).program
        ported = port(program, arch)
    except HwxError as error:
        raise error.in_file(path) from error.__cause__
    _write(ported, output, path, force)
    tell(f"note: {rules(program.arch.name, ported.arch.name).caution}")


def _shape(text: str) -> tuple[str, tuple[int, ...]]:
    name, equals, shape = text.rpartition("=")
    if not equals or not _SHAPE.fullmatch(shape):
        raise UsageError(f"--shape {text}: expected NAME=1x3x48x48")
    return name, tuple(int(length) for length in re.split("[x,]", shape))


def _samples(path: str) -> dict[str, Any]:
    from ..emulator.arrays import read_npz

    return read_npz(path)


def _fixed(text: str) -> tuple[str, Any]:
    from ..emulator.arrays import read_npy

    name, equals, value = text.partition("=")
    if not equals or not value:
        raise UsageError(f"--fix {text}: expected NAME=VALUE or NAME=FILE.npy")
    if value.endswith(".npy"):
        return name, read_npy(value)
    try:
        return name, float(value) if not value.lstrip("-").isdigit() else int(value)
    except ValueError:
        raise UsageError(f"--fix {text}: neither a number nor a FILE.npy") from None


def _write(program: "Program", output: str, model: str, force: bool) -> None:
    from .. import formats

    detail = ""
    if output.endswith(formats.SCRIPT_SUFFIX):
        from .. import emitter
        from ..output import Output, write_outputs

        script = emitter.emit(program)
        sidecar = os.path.splitext(output)[0] + formats.SIDECAR_SUFFIX
        beside = [] if script.sidecar is None else [Output(sidecar, script.sidecar, owner=output)]
        changed = write_outputs([*beside, Output(output, [script.text.encode()])], [model], force=force)
        tell_written(output, program, changed)
        return
    if output.endswith(formats.ANEC_SUFFIXES):
        from ..formats.anec.header import CONTENT_OFFSETS
        from ..formats.anec.write import arrange, write

        pieces, detail = write(arrange(program).program, CONTENT_OFFSETS[0]), content_at(CONTENT_OFFSETS[0])
    else:
        from ..formats.hwx.create import create
        from ..version import VERSION

        pieces = create(program, f"hwx2py v{VERSION}, compile")
    changed = write_output(output, pieces, [model], verify=formats.load, force=force)
    tell_written(output, program, changed, detail)


#: Kinds of fusing that a note names; the report has all.
MOST_FUSIONS = 6


def _warn(result: "Compiled") -> None:
    """What was put into what, what leaves float16, own choices of middle risk, and what to know of the architecture."""
    fusions = result.report.fusions
    if fusions:
        more = f", {len(fusions) - MOST_FUSIONS} more kinds" if len(fusions) > MOST_FUSIONS else ""
        tell(f"note: fused: {', '.join(map(str, fusions[:MOST_FUSIONS]))}{more}")
    if result.caution:
        tell(f"note: {result.caution}")
    if result.report.scaling is not None:
        for cause in result.report.scaling.causes:
            tell(f"note: scaled: {cause}")
        if rounded := result.report.scaling.rounded:
            tell(f"note: scaled: {rounded} constants are so small after it that float16 has fewer bits for them")
    for beyond in result.report.beyond:
        tell(f"note: {beyond}")
    for choice in result.report.choices:
        count = len(choice.tasks)
        tell(f"note: own choice of middle risk in {count} task{'' if count == 1 else 's'}: {choice.reason}")
