"""The page of forms and records, as Markdown."""

from collections.abc import Iterator

from ..curves import KNOWN
from ..evidence import RECORDS
from ..l2_seen import NAMES, SEEN
from .table import FORMS

HEAD = """# Forms: what tasks `compile` makes operations of

A form is a function from surfaces and parameters to tasks, whose words follow from shapes by rule. Words are those of
Apple's compiler 9.509 (macOS 26) where a record proves them; other compilers write others. A form refuses shapes
outside its condition by name, and `compile` then puts the operation together from others. Each task says where its
words come from: "words as compiler 9.509 writes them" for a recorded shape, "by rule, no record of this shape", or
"own choice", with the reason.

This page is made from the rows of `hwx2py/compiler/forms/table.py`, `evidence.py`, `curves.py` and `l2_seen.py`.
"""
TABLES = """
## Lookup tables

Of functions for which a program with a compiler's own table was read, that table is used. Others are made by `compile`,
with 33 samples on the curve.
"""
PROVED = """
## Records

Decoded programs that the forms give word for word, with the shape of the first source and what else decides.
"""
L2 = """
## Operands in L2

Tasks that `compile` lets read from L2 what another form left there, or leave it there: of these kinds, and no others.
"""


def as_markdown() -> Iterator[str]:
    """The lines of the page."""
    yield HEAD
    yield "| family | makes | takes | tasks | words known from |"
    yield "|---|---|---|---|---|"
    for form in FORMS:
        yield f"| {form.family} | {form.name} | {form.condition} | {form.tasks} | {form.evidence} |"
    yield TABLES
    yield "| function | samples per unit, log2 | read in |"
    yield "|---|---|---|"
    for row in KNOWN:
        yield f"| {row.name} | {row.curve.shift} | {row.source} |"
    yield PROVED
    yield "| record | form | shape | further |"
    yield "|---|---|---|---|"
    for record in RECORDS:
        further = ", ".join(map(str, record.detail))
        yield f"| `{record.name}` | {record.form} | {' x '.join(map(str, record.shape))} | {further} |"
    yield L2
    yield "| what the task does | operand in L2 | seen in |"
    yield "|---|---|---|"
    for seen in SEEN:
        yield f"| {seen.work.value} | {NAMES[seen.operand]} | {seen.where} |"
