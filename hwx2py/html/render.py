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

    templates = environment("hwx2py.html")
    style, script = (Markup(templates.get_template(name).render()) for name in ("page.css.j2", "page.js.j2"))
    found = page(comparison, verdict, programs)
    pictures = tuple(Markup(_picture(program, found, side)) for side, program in enumerate(programs))
    return templates.get_template("page.html.j2").render(
        page=found,
        pictures=pictures,
        style=style,
        script=script,
        policy=policy(script),
        most_tasks=MOST_TASKS,
    )


@functools.cache
def environment(package: str) -> "jinja2.Environment":
    """The templates of a package. Names from files may be any text: all of them are escaped, everywhere.

    Args:
        package: its name.
    """
    import jinja2

    templates = jinja2.Environment(
        loader=jinja2.PackageLoader(package, ""),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    templates.filters["legible"] = legible
    return templates


def policy(script: str) -> str:
    """What a page may do: nothing but show itself and run its one script.

    Args:
        script: the script's text.
    """
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode("ascii")
    return (
        f"default-src 'none'; style-src 'unsafe-inline'; script-src 'sha256-{digest}'; base-uri 'none'; "
        "form-action 'none'"
    )


def _picture(program: Program, found: Page, side: int) -> str:
    return draw.svg(draw.graph(program), found.marks[side])
