"""From a comparison to the file: the template, the style and the script put together."""

import base64
import functools
import hashlib
from typing import TYPE_CHECKING

from .. import draw
from ..delta import Comparison
from ..names import legible
from ..program.program import Program
from .view import MOST_TASKS, Page, page

if TYPE_CHECKING:
    import jinja2


def html(comparison: Comparison, verdict: str, programs: tuple[Program, Program]) -> str:
    """A comparison as an HTML document.

    Args:
        comparison: what differs; with or without noise.
        verdict: whether the two compute the same, in a sentence.
        programs: the two programs, for what they are and for their pictures.

    Returns:
        The document. It loads nothing: styles, script and pictures are inside.
    """
    # Markup marks what is markup already; everything else is escaped by the template.
    from markupsafe import Markup

    environment = _environment()
    style, script = (Markup(environment.get_template(name).render()) for name in ("page.css.j2", "page.js.j2"))
    found = page(comparison, verdict, programs)
    pictures = tuple(Markup(_picture(program, found, side)) for side, program in enumerate(programs))
    return environment.get_template("page.html.j2").render(
        page=found,
        pictures=pictures,
        style=style,
        script=script,
        policy=_policy(script),
        most_tasks=MOST_TASKS,
    )


@functools.cache
def _environment() -> "jinja2.Environment":
    """The templates of this package. Names from files may be any text: all of them are escaped, everywhere."""
    import jinja2

    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("hwx2py.html", ""),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters["legible"] = legible
    return environment


def _policy(script: str) -> str:
    """What the page may do: nothing but show itself and run its one script."""
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode("ascii")
    return (
        f"default-src 'none'; style-src 'unsafe-inline'; script-src 'sha256-{digest}'; base-uri 'none'; "
        "form-action 'none'"
    )


def _picture(program: Program, found: Page, side: int) -> str:
    return draw.svg(draw.graph(program), found.marks[side])
