"""`hwx2py check`."""

from typing import TYPE_CHECKING

import click

from ..errors import HwxError
from ..names import legible
from .options import arch_option, raw_option

if TYPE_CHECKING:
    from ..check import Finding

ERRORS, UNREADABLE = 1, 2


@click.command(epilog="Example: hwx2py check mul.anec")
@click.argument("paths", metavar="PROGRAM..", nargs=-1, required=True)
@click.option("--json", "as_json", is_flag=True, help="The same as JSON, notes included.")
@click.option("-v", "--verbose", is_flag=True, help="Show notes, too: what is odd and changes nothing.")
@arch_option
@raw_option
def command(paths: tuple[str, ...], as_json: bool, verbose: bool, arch: str | None, raw: str | None) -> int:
    """Says what will give -110, 0.0 or garbage: a line for each finding.

    A line is FILE: LEVEL: RULE: where: what; what to do. Exit code: 0 where there is no error, 1 where there is one, 2
    where a file cannot be read. docs/checks.md has the rules with their evidence.
    """
    from .. import check
    from ..registers import by_name
    from .files import check_input

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
        entries.append({"file": path, "readable": True, "findings": [_data(finding) for finding in findings]})
        if not as_json:
            _show(path, [finding for finding in findings if verbose or finding.level != check.NOTE])
    if as_json:
        import json

        click.echo(json.dumps({"files": entries}, indent=2))
    return code


def _show(path: str, findings: "list[Finding]") -> None:
    for finding in findings:
        click.echo(legible(f"{path}: {finding}"))


def _data(finding: "Finding") -> dict:
    return finding._asdict()
