"""`hwx2py archs`."""

import click


@click.command(epilog="Example: hwx2py archs")
def command() -> None:
    """Lists the architectures: cpusubtype, form of the task stream, what works, confidence, chips.

    `hwx2py info` says what the register table of a file's architecture was checked against.
    """
    from ..registers import SUBTYPES, by_name

    for subtype in SUBTYPES:
        if not subtype.has_table:
            about = f"descriptor version {subtype.descriptor_version}, no register table"
            click.echo(f"{subtype.name}  cpusubtype {subtype.number:<2}  {about}")
            continue
        arch = by_name(subtype.names[-1])
        works = ["decode", "encode", "script", *(["run", "emulate"] if arch.runs else [])]
        table = f"{arch.confidence} confidence" if arch.blocks else "low confidence, block addresses unknown"
        click.echo(
            f"{subtype.name}  cpusubtype {subtype.number:<2}  {arch.stream:<7}  {', '.join(works)} ({table}): "
            f"{', '.join(arch.chips)}"
        )
