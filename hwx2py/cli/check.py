"""`hwx2py check`."""

import functools
from collections import Counter
from typing import TYPE_CHECKING, Any, NamedTuple

import click

from ..names import legible
from . import batch
from .files import check_input
from .options import Raw, arch_option, raw_option

if TYPE_CHECKING:
    from ..checks import Finding
    from ..formats import ProgramFile

ERRORS = 1


class Question(NamedTuple):
    """What is asked: the form of the answer, and how to read."""

    as_json: bool
    verbose: bool
    arch: str | None
    raw: Raw | None


def _unreadable(path: str, error: str) -> dict[str, Any]:
    return {"file": path, "readable": False, "error": error, "findings": []}


#: The JSON document: an object, of which the files are a list.
FILES = batch.Document('{"files": [', "]}", _unreadable)


def _print_rules(context: click.Context, _: click.Parameter, is_asked: bool) -> None:
    if is_asked:
        from ..checks.run import markdown

        click.echo(markdown(), nl=False)
        context.exit()


@batch.command(epilog="Example: hwx2py check mul.anec", metavar="PROGRAM..")
@click.option("--json", "as_json", is_flag=True, help="The same as JSON, notes included: {files: [..]}.")
@click.option("-v", "--verbose", is_flag=True, help="Show notes, too: what is odd and changes nothing.")
@click.option(
    "--rules", is_flag=True, is_eager=True, expose_value=False, callback=_print_rules, help="List the rules, and end."
)
@arch_option
@raw_option
def command(
    paths: tuple[str, ...], as_json: bool, verbose: bool, arch: str | None, raw: Raw | None, jobs: int | None
) -> int:
    """Says what will give -110, 0.0 or garbage: a line for each finding.

    A line is FILE: LEVEL: RULE: where: what; what to do. A folder stands for all programs in it. Exit code: 0 where
    there is no error, 1 where there is one, 2 where a file cannot be read.
    """
    given = batch.inputs(paths)
    question = Question(as_json, verbose, arch, raw)
    if as_json:  # the document has an entry for the only file too, should it be unreadable
        given = given._replace(several=True)
    work = functools.partial(examine, question=question)
    return batch.run(given, work, jobs=jobs, document=FILES if as_json else None)


def examine(item: batch.Input, question: Question) -> batch.FileResult:
    """Checks a file.

    Args:
        item: the file.
        question: what is asked.

    Returns:
        Its findings for standard output, how many there are for standard error.

    Raises:
        HwxError: it cannot be read.
    """
    from .. import checks
    from ..checks.lenient import open_subject
    from ..registers import by_name

    arch, raw = by_name(question.arch) if question.arch else None, question.raw
    check_input(item.path)
    stream = (by_name(raw.arch), raw.tensors) if raw else (None, ())
    subject = open_subject(item.path, arch, *stream)
    findings = checks.findings(subject)
    code = ERRORS if any(finding.level == checks.ERROR for finding in findings) else 0
    if question.as_json:
        import json

        entry = {"file": item.path, "readable": True, "findings": [finding._asdict() for finding in findings]}
        return batch.FileResult(json.dumps(entry), code=code)
    text, notes = _shown(item.path, findings, question.verbose)
    if names := checks.left_out(subject):
        what = "coefficients" if subject.program.buffers else "tensors and coefficients"
        notes = (f"{item.path}: a bare stream without {what}; left out: {', '.join(names)}", *notes)
    return batch.FileResult(text, notes, code)


def _shown(path: str, findings: "list[Finding]", verbose: bool) -> tuple[str, tuple[str, ...]]:
    """The findings as text, and a note about how many there are."""
    from ..checks import LEVELS, NOTE

    lines = [legible(f"{path}: {finding}") for finding in findings if verbose or finding.level != NOTE]
    counts = Counter(finding.level for finding in findings)
    words = [f"{counts[level]} {level}{'' if counts[level] == 1 else 's'}" for level in LEVELS if counts[level]]
    hint = " (-v shows them)" if counts[NOTE] and not verbose else ""
    return "\n".join(lines), (f"{path}: {', '.join(words) or 'nothing found'}{hint}",)


def errors_note(file: "ProgramFile", path: str) -> tuple[str, ...]:
    """The line that `check` finds errors in a file that is used for something else, if it does.

    Args:
        file: what was loaded.
        path: its name.
    """
    from .. import checks

    count = checks.count_errors(file)
    return (f"note: hwx2py check finds {count} error{'' if count == 1 else 's'} in {path}",) if count else ()


def tell_errors(file: "ProgramFile", path: str) -> None:
    """Says on standard error what `errors_note` gives."""
    for note in errors_note(file, path):
        click.echo(legible(note), err=True)
