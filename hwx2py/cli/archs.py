"""`hwx2py archs`."""

from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from ..registers import Architecture

HEADINGS = ("", "cpusubtype", "stream", "decode", "encode", "script", "virtual ANE", "driver", ".anec", "chips")


@click.command(epilog="Example: hwx2py archs")
@click.option("--json", "as_json", is_flag=True, help="The same as JSON.")
def command(as_json: bool) -> None:
    """Lists the architectures: what works for each, and what that is known from.

    "confirmed" under the virtual ANE: runs on hardware that others recorded gave the same results.
    """
    from ..registers import SUBTYPES, by_name

    tables = [by_name(subtype.names[-1]) for subtype in SUBTYPES if subtype.has_table]
    rest = [subtype for subtype in SUBTYPES if not subtype.has_table]
    if as_json:
        import json

        click.echo(json.dumps([_data(arch) for arch in tables], indent=2))
        return
    rows = [HEADINGS, *(_row(arch) for arch in tables)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(HEADINGS))]
    for row in rows:
        click.echo("  ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip())
    click.echo("\nevidence")
    for arch in tables:
        for line in _evidence(arch):
            click.echo(f"  {arch.name}  {line}")
    click.echo("\nknown by name only, no register table")
    for subtype in rest:
        click.echo(f"  cpusubtype {subtype.number:<2}  {subtype.name}, descriptor version {subtype.descriptor_version}")


def _row(arch: "Architecture") -> tuple[str, ...]:
    machine = arch.machine
    runs = "no" if not machine.executes else "confirmed" if machine.confirmed else "yes"
    table = "yes" if arch.confidence != "low" else "yes (low)"
    return (
        arch.name,
        str(arch.cpusubtype),
        arch.stream,
        table,
        table,
        table,
        runs,
        machine.driver or "none",
        "yes" if machine.anec else "no",
        ", ".join(arch.chips),
    )


def _evidence(arch: "Architecture") -> list[str]:
    machine = arch.machine
    lines = [f"registers, {arch.confidence} confidence: {arch.evidence}"]
    if machine.executes:
        lines.append(f"virtual ANE: {machine.confirmed or 'no run on hardware confirms its results'}")
    return lines


def _data(arch: "Architecture") -> dict:
    machine = arch.machine
    return {
        "arch": arch.name,
        "cpusubtype": arch.cpusubtype,
        "chips": list(arch.chips),
        "stream": arch.stream,
        "decode": True,
        "encode": True,
        "script": True,
        "virtual_ane": machine.executes,
        "confirmed": machine.confirmed or None,
        "driver": machine.driver or None,
        "anec": machine.anec,
        "confidence": arch.confidence,
        "evidence": arch.evidence,
    }
