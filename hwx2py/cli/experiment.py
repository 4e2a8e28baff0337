"""`hwx2py experiment`."""

import os
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import click

from ..errors import HwxError, UsageError
from ..names import legible
from ..output import Output, write_outputs
from .files import check_output, load_program, tell, write_output
from .options import FILE, force_option, no_raw_option
from .progress import bar

if TYPE_CHECKING:
    from ..experiment.question import Question

DISAGREES = 1


@click.command(
    short_help="Questions to a real chip, and what its report says",
    epilog="Example: hwx2py experiment --kit kit && hwx2py device -- python kit/run_all.py --yes",
)
@click.argument("path", metavar="[INPUT]", type=FILE, required=False)
@click.option("-o", "--output", metavar="DIR", type=FILE, help="Folder for the scripts about the 0.0 of INPUT.")
@click.option(
    "--kit", metavar="DIR", type=FILE, help="Write every open question about the chip, as a folder to run there."
)
@click.option("--only", metavar="NAME", multiple=True, help="With --kit: questions that begin so (repeatable).")
@click.option("--read", "report", metavar="report.json", type=FILE, help="Say what the report of a kit means.")
@click.option("--vectors", metavar="FILE.json", type=FILE, help="With --read: write its answers as test vectors.")
@no_raw_option("the experiment is about how a file binds its buffers, which a stream does not say")
@force_option
def command(
    path: str | None,
    output: str | None,
    kit: str | None,
    only: tuple[str, ...],
    report: str | None,
    vectors: str | None,
    force: bool,
) -> int:
    """Asks a real chip what is not known yet, and reads its answers.

    --kit DIR writes a folder that needs Python and NumPy only: run_all.py in it goes from harmless programs to risky
    ones, and writes report.json. --read says which hypothesis the answers fit, whether the virtual ANE agrees (else
    exit code 1), and what to change. INPUT, an elementwise program of macOS 14 or later, with -o DIR gives the five
    scripts that settle why it returns 0.0.
    """
    ways = [path is not None, kit is not None, report is not None]
    if sum(ways) != 1:
        raise UsageError("give one of INPUT with -o DIR, --kit DIR and --read report.json")
    for option, given, way in (("-o", output, path), ("--only", only, kit), ("--vectors", vectors, report)):
        if given and way is None:
            raise UsageError(f"{option} does not go with this", hint="see `hwx2py experiment --help`")
    if kit is not None:
        _write_kit(kit, only, force)
    elif report is not None:
        return _read(report, vectors, force)
    elif path is not None and output:
        _write_zero(path, output, force)
    else:
        raise UsageError("-o DIR is missing: the folder for the scripts")
    return 0


def _write_zero(path: str, output: str, force: bool) -> None:
    from ..emulator import direct
    from ..emulator.inputs import input_arrays
    from ..experiment import zero

    program = load_program(path)
    try:
        zero.check(program)
        outputs = direct.run(program, input_arrays(program.tensors, [])).outputs
        right = float(outputs[program.outputs[0].name].flat[0])
        files = zero.scripts(zero.variants(program, right))
    except HwxError as error:
        raise error.in_file(path) from error.__cause__
    _make_folder(output)
    scripts = [Output(os.path.join(output, name), [text.encode()]) for name, text in files.items()]
    write_outputs(scripts, [path], force=force)
    tell(f"wrote {output}: {len(files) - 1} scripts and {zero.RUNNER}")


def _write_kit(folder: str, only: Sequence[str], force: bool) -> None:
    from ..experiment import forms, kit
    from ..experiment.questions import QUESTIONS

    questions = [question for question in QUESTIONS if question.name.startswith(tuple(only) or ("",))]
    for name in only:
        if not any(question.name.startswith(name) for question in questions):
            raise UsageError(f"no question begins with {name!r}", hint="docs/experiments.md lists them")
    for part in ("", kit.SCRIPTS, kit.INPUTS):
        _make_folder(os.path.join(folder, part))
    timed = () if only else forms.FORMS
    with bar(sum(len(question.cases) for question in questions) + len(timed), "scripts") as done:
        files = kit.files(questions, timed, done)
    owners = {file.path: os.path.join(folder, file.owner) if file.owner else "" for file in files}
    write_outputs(
        [Output(os.path.join(folder, file.path), [file.data], owner=owners[file.path]) for file in files], force=force
    )
    tell(f"wrote {folder}: {_counted(questions)}; run {kit.RUNNER} in it on the machine that is asked")


def _counted(questions: "Iterable[Question]") -> str:
    rows = list(questions)
    programs = sum(len(question.cases) for question in rows)
    hypotheses = sum(len(question.hypotheses) for question in rows)
    return f"{len(rows)} questions, {hypotheses} hypotheses, {programs} programs"


def _read(path: str, vectors: str | None, force: bool) -> int:
    from ..experiment import forms, reading, report
    from ..experiment.questions import QUESTIONS

    if vectors:
        check_output(vectors, [path])
    found = report.read(path)
    try:
        verdicts = reading.verdicts(found, QUESTIONS)
        lines = [*reading.as_lines(found, verdicts), *reading.time_lines(found, reading.compared(found, forms.FORMS))]
    except HwxError as error:
        raise error.in_file(path) from error.__cause__
    click.echo("\n".join(map(legible, lines)))
    if vectors:
        _write_vectors(vectors, path, force)
    return 0 if all(verdict.agrees for verdict in verdicts) else DISAGREES


def _write_vectors(target: str, path: str, force: bool) -> None:
    import json

    from ..experiment import report, vectors
    from ..experiment.questions import QUESTIONS

    rows = vectors.vectors(report.read(path), QUESTIONS)
    write_output(target, [(json.dumps(rows, indent=1) + "\n").encode()], [path], force=force)
    tell(f"wrote {target}: {len(rows['cases'])} vectors")


def _make_folder(path: str) -> None:
    try:
        os.makedirs(path, exist_ok=True)
    except OSError as error:
        raise UsageError(f"cannot be made: {error.strerror}", file=path) from error
