"""`hwx2py archs`."""

import click


@click.command(epilog="Example: hwx2py archs")
def command() -> None:
    """Lists the architectures: cpusubtype, form of the task stream, what works, confidence, chips.

    `hwx2py info` says what the register table of a file's architecture was checked against.
    """
    from ..registers import NAME_ONLY, SUBTYPES, by_name

    for number, name in SUBTYPES.items():
        if name in NAME_ONLY:
            click.echo(f"{name}  cpusubtype {number:<2}  known by name only")
            continue
        arch = by_name(name)
        works = ["decode", "encode", "script", *(["run", "emulate"] if arch.runs else [])]
        table = f"{arch.confidence} confidence" if arch.blocks else "low confidence, block addresses unknown"
        click.echo(
            f"{name}  cpusubtype {number:<2}  {arch.stream:<7}  {', '.join(works)} ({table}): {', '.join(arch.chips)}"
        )
