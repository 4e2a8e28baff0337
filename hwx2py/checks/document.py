"""The rules as a page for people."""

from .rule import LEVELS
from .run import RULES

HEAD = """# What `hwx2py check` looks for

`hwx2py check PROGRAM..` prints a line for each finding, `FILE: LEVEL: RULE: where: what; what to do`, and ends with 1
where one of them is an error. An error will not run, or is certainly wrong; a warning may be meant, or depends on the
driver; notes change nothing, and are shown with `-v` and `--json`. Files whose declared sizes are wrong are read as
their records say, so that the rest of the rules can be asked, too.

This page is what `hwx2py check --rules` prints.
"""


def markdown() -> str:
    """The page: a table of the rules, by level."""
    lines = [HEAD]
    for level in LEVELS:
        lines += [f"## {level.capitalize()}s", "", "| rule | what | what to do | known from |", "|---|---|---|---|"]
        rows = [(rule.name, rule.what, rule.what_to_do, rule.evidence) for rule in RULES if rule.level == level]
        lines += [f"| {' | '.join([f'`{name}`', *map(_cell, cells)])} |" for name, *cells in dict.fromkeys(rows)]
        lines.append("")
    return "\n".join(lines)


def _cell(text: str) -> str:
    """A template as a table shows it: values in italics."""
    plain = text.replace(":#x}", "}").replace("|", "\\|")
    return plain.replace("{", "*").replace("}", "*")
