"""`hwx2py passes`."""

import textwrap

import click


@click.command(epilog="Example: hwx2py passes")
def command() -> None:
    """Lists the cleaning passes: what each changes, and why that is right."""
    from ..passes import PASSES

    for known in PASSES:
        default = "in --clean" if known.default else "asked for with --pass"
        scope = f", {', '.join(known.architectures)} only" if known.architectures else ""
        click.echo(f"{known.name}  ({default}{scope})")
        click.echo(textwrap.fill(known.changes, 100, initial_indent="    ", subsequent_indent="    "))
        click.echo(textwrap.fill(f"Why: {known.reason}", 100, initial_indent="    ", subsequent_indent="    "))
