"""`hwx2py passes`."""

import textwrap

import click


@click.command(epilog="Example: hwx2py passes")
def command() -> None:
    """Lists the cleaning passes: what each changes, and why that is right."""
    from ..passes import PASSES

    for cleaning in PASSES:
        default = "in --clean" if cleaning.default else "asked for with --pass"
        scope = f", {', '.join(cleaning.architectures)} only" if cleaning.architectures else ""
        click.echo(f"{cleaning.name}  ({default}{scope})")
        click.echo(textwrap.fill(cleaning.changes, 100, initial_indent="    ", subsequent_indent="    "))
        click.echo(textwrap.fill(f"Why: {cleaning.reason}", 100, initial_indent="    ", subsequent_indent="    "))
