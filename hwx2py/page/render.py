"""From a program to the file: the template, the style, the script and the data put together."""

import functools
import json
from typing import Any

from .. import draw, html
from ..formats import ProgramFile
from .data import NOTHING, Extra, page_data

#: The parts of the script, in order; they share one scope.
SCRIPTS = ("decode.js", "elements.js", "arrays.js", "registers.js", "details.js", "picture.js", "memory.js",
           "search.js", "start.js")  # fmt: skip

#: What could end the element that holds the data, or begin another one inside, as escapes that JSON has.
_ESCAPES = {ord("<"): "\\u003c", ord(">"): "\\u003e", ord("&"): "\\u0026", 0x2028: "\\u2028", 0x2029: "\\u2029"}


def page(file: ProgramFile, extra: Extra = NOTHING, made_by: str = "hwx2py graph") -> str:
    """A program as an HTML document that one can walk in.

    Args:
        file: the program, and its container for `check`.
        extra: what is known beside it: the compiler's report, values of a run.
        made_by: the command, for the line above the title.

    Returns:
        The document. It loads nothing: style, script and data are inside.
    """
    # Markup marks what is markup already; everything else is escaped by the template.
    from markupsafe import Markup

    data = page_data(file, extra)
    style, script = Markup(_part("page.css")), Markup(_script())
    return html.environment("hwx2py.page").get_template("page.html.j2").render(
        data=data,
        subtitle=_subtitle(data),
        made_by=made_by,
        json=Markup(as_json(data)),
        picture=Markup(draw.svg(draw.graph(file.program))),
        style=style,
        script=script,
        policy=html.policy(script),
    )  # fmt: skip


def as_json(data: Any) -> str:
    """Data as JSON that may stand in a script element: no name in it ends the element."""
    return json.dumps(data, separators=(",", ":"), allow_nan=False, ensure_ascii=False).translate(_ESCAPES)


def _subtitle(data: dict[str, Any]) -> str:
    facts = dict(data["facts"])
    count = len(data["tasks"])
    return f"{facts['Architecture']}, {count:,} task{'' if count == 1 else 's'}, compiler: {facts['Compiler']}"


@functools.cache
def _part(name: str) -> str:
    from importlib import resources

    return resources.files("hwx2py.page").joinpath(name).read_text(encoding="utf-8")


@functools.cache
def _script() -> str:
    parts = "\n".join(_part(name) for name in SCRIPTS)
    return f'(() => {{\n"use strict";\n{parts}}})();\n'
