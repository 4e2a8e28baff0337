"""`hwx2py check`."""

from collections import Counter
from typing import TYPE_CHECKING

import click

from ..errors import HwxError
from ..names import legible
from .files import check_input
from .options import arch_option, raw_option

if TYPE_CHECKING:
    from ..check import Finding
    from ..formats import File

ERRORS, UNREADABLE = 1, 2


def _print_rules(context: click.Context, _: click.Parameter, is_asked: bool) -> None:
    if is_asked:
        from ..check.document import markdown

        click.echo(markdown(), nl=False)
        context.exit()


@click.command(epilog="Example: hwx2py check mul.anec")
@click.argument("paths", metavar="PROGRAM..", nargs=-1, required=True)
@click.option("--json", "as_json", is_flag=True, help="The same as JSON, notes included.")
@click.option("-v", "--verbose", is_flag=True, help="Show notes, too: what is odd and changes nothing.")
@click.option(
    "--rules", is_flag=True, is_eager=True, expose_value=False, callback=_print_rules, help="List the rules, and end."
)
@arch_option
@raw_option
def command(paths: tuple[str, ...], as_json: bool, verbose: bool, arch: str | None, raw: str | None) -> int:
    """Says what will give -110, 0.0 or garbage: a line for each finding.

    A line is FILE: LEVEL: RULE: where: what; what to do. Exit code: 0 where there is no error, 1 where there is one, 2
    where a file cannot be read.
    """
    from .. import check
    from ..registers import by_name

    code, entries = 0, []
    for path in paths:
        try:
            check_input(path)
            subject = check.open_subject(path, by_name(arch) if arch else None, by_name(raw) if raw else None)
        except HwxError as error:
            click.echo(f"hwx2py: {legible(str(error.in_file(path)))}", err=True)
            entries.append({"file": path, "readable": False, "findings": []})
            code = UNREADABLE
            continue
        findings = check.findings(subject)
        if any(finding.level == check.ERROR for finding in findings):
            code = code or ERRORS
        entries.append({"file": path, "readable": True, "findings": [finding._asdict() for finding in findings]})
        if not as_json:
            _show(path, findings, verbose)
    if as_json:
        import json

        click.echo(json.dumps({"files": entries}, indent=2))
    return code


def _show(path: str, findings: "list[Finding]", verbose: bool) -> None:
    """Findings on standard output; how many there are on standard error."""
    from ..check import LEVELS, NOTE

    for finding in findings:
        if verbose or finding.level != NOTE:
            click.echo(legible(f"{path}: {finding}"))
    counts = Counter(finding.level for finding in findings)
    words = [f"{counts[level]} {level}{'' if counts[level] == 1 else 's'}" for level in LEVELS if counts[level]]
    hint = " (-v shows them)" if counts[NOTE] and not verbose else ""
    click.echo(legible(f"{path}: {', '.join(words) or 'nothing found'}{hint}"), err=True)


def tell_errors(file: "File", path: str) -> None:
    """Says in a line on standard error that `check` finds errors in a file that is used for something else.

    Args:
        file: what was loaded.
        path: its name.
    """
    from .. import check

    count = check.count_errors(file)
    if count:
        click.echo(legible(f"note: hwx2py check finds {count} error{'' if count == 1 else 's'} in {path}"), err=True)
