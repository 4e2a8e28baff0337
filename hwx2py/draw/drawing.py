"""A picture as SVG, to stand alone or inside of HTML: no scripts, no fonts, no ids, nothing loaded."""

from collections.abc import Iterator, Mapping
from xml.sax.saxutils import escape, quoteattr

from ..names import legible
from .layout import ARRIVING, BOX_WIDTH, LABELS, LINE, PADDING, Layout, Node, Trunk, Way, arrange
from .picture import COEFFICIENTS, INPUT, L2, NOBODY, OUTPUT, SCRATCH, TASK, TENSOR, UNKNOWN, Box, Edge, Graph
from .text import columns, shorten
from .theme import STYLE

#: Widths of a column of monospaced text at the sizes that the style sets, with room for wide fonts.
COLUMN, SMALL_COLUMN = 7.4, 6.8
LEGEND_HEIGHT, LEGEND_STEP = 30, 96

LINES = {
    TENSOR: ("hwx-tensor", "tensor"),
    SCRATCH: ("hwx-scratch", "scratch"),
    L2: ("hwx-l2", "L2"),
    COEFFICIENTS: ("hwx-kernel", "coefficients"),
}


def svg(graph: Graph, marks: Mapping[int, str] | None = None) -> str:
    """The graph as an SVG element with its own style, in light and dark.

    Args:
        graph: what `draw.graph` made of a program.
        marks: words to put beside the titles of tasks, by index, such as "changed".
    """
    return "\n".join(_lines(graph, marks or {})) + "\n"


def _lines(graph: Graph, marks: Mapping[int, str]) -> Iterator[str]:
    layout = arrange(graph)
    kinds = [kind for kind in LINES if any(edge.kind == kind for edge in graph.edges)]
    legend = LEGEND_HEIGHT if len(kinds) > 1 else 0
    width, height = round(layout.width), round(layout.height + legend)
    title = legible(f"{graph.name}, {graph.arch}: {_counted(graph.tasks, 'task')}".removeprefix(", "))
    yield (
        f'<svg xmlns="http://www.w3.org/2000/svg" class="hwx-graph" role="img" width="{width}" height="{height}" '
        f'viewBox="0 0 {width} {height}" aria-label={quoteattr(title)}>'
    )
    yield f"<title>{escape(title)}</title>"
    yield f"<desc>{escape(_description(graph))}</desc>"
    yield f"<style>{STYLE}</style>"
    yield f'<rect class="hwx-paper" width="{width}" height="{height}"/>'
    for trunk in layout.trunks:
        yield _trunk(graph, trunk)
    for way in layout.ways:
        yield from _way(graph, way)
    for node in layout.nodes:
        yield from _box(node, graph.boxes[node.end.index], marks) if node.end.kind == TASK else _pill(graph, node)
    if legend:
        yield from _legend(kinds, layout)
    yield "</svg>"


def _counted(count: int, what: str) -> str:
    return f"{count} {what}{'' if count == 1 else 's'}"


def _description(graph: Graph) -> str:
    """The picture in words, for who does not see it."""
    parts = [f"inputs: {', '.join(terminal.name for terminal in graph.inputs) or 'none'}"]
    for box in graph.boxes:
        shapes = f", {box.shapes}" if box.shapes else ""
        coefficients = f", coefficients from {box.coefficients}" if box.coefficients else ""
        parts.append(f"{box.title}: {box.action}; {box.engine}{shapes}{coefficients}")
    parts += [f"{graph.named(edge.source)} to {graph.named(edge.target)}: {edge.label}" for edge in graph.edges]
    parts.append(f"outputs: {', '.join(terminal.name for terminal in graph.outputs) or 'none'}")
    return legible(". ".join(parts) + ".")


def _edge_title(graph: Graph, edges: list[Edge]) -> str:
    texts = [f"{graph.named(edge.source)} → {graph.named(edge.target)}: {edge.label}" for edge in edges]
    return f"<title>{escape(legible('; '.join(texts)))}</title>"


def _trunk(graph: Graph, trunk: Trunk) -> str:
    """A lane from its producer to where the last way into a consumer begins."""
    css, _ = LINES[trunk.net.kind]
    path = f"{_curve(*trunk.start, trunk.x, trunk.turned)} V{_n(trunk.end)}"
    return f'<path class="hwx-edge {css}" d="{path}">{_edge_title(graph, trunk.net.edges)}</path>'


def _way(graph: Graph, way: Way) -> Iterator[str]:
    """The last part of an edge, with its arrow and its label."""
    net, bottom = way.net, way.target.y
    css, _ = LINES[net.kind]
    title = _edge_title(graph, [edge for edge in net.edges if edge.target == way.target.end])
    turned = min(way.start[1] + ARRIVING, bottom - LABELS) if way.target in net.far else bottom - LABELS
    path = f"{_curve(*way.start, way.port, turned)} V{_n(bottom - 6)}"
    yield f'<path class="hwx-edge {css}" d="{path}">{title}</path>'
    yield f'<path class="hwx-head" d="M{_n(way.port - 4)} {_n(bottom - 8)}h8l-4 8z"/>'
    if way.target in net.near and _says_so(graph, way):
        return
    label = shorten(legible(net.label), int((way.room - 9) / SMALL_COLUMN))
    if label:
        yield f'<text class="hwx-label" x="{_n(way.port + 7)}" y="{_n(bottom - 9)}">{escape(label)}{title}</text>'


def _says_so(graph: Graph, way: Way) -> bool:
    """Whether one of the two ends, right beside each other, bears the label as its own name."""
    source, target = way.net.source.end, way.target.end
    names = [graph.inputs[source.index].name] if source.kind == INPUT else []
    names += [graph.outputs[target.index].name] if target.kind == OUTPUT else []
    return way.net.label in names


def _curve(x1: float, y1: float, x2: float, y2: float) -> str:
    """Down from one place to another, leaving and arriving upright."""
    if abs(x1 - x2) < 0.5:
        return f"M{_n(x1)} {_n(y1)}V{_n(y2)}"
    half = (y1 + y2) / 2
    return f"M{_n(x1)} {_n(y1)}C{_n(x1)} {_n(half)} {_n(x2)} {_n(half)} {_n(x2)} {_n(y2)}"


def _n(number: float) -> str:
    return f"{number:.1f}".removesuffix(".0")


def _box(node: Node, box: Box, marks: Mapping[int, str]) -> Iterator[str]:
    """A task: what it is, what it does, on what, with which coefficients."""
    css = {True: "hwx-planar", False: "hwx-neural", None: "hwx-mixed"}[box.planar]
    whole = f"{box.title}, {box.engine}: {box.action}" + (f"; {box.shapes}" if box.shapes else "")
    yield f'<g class="hwx-task {css}"><title>{escape(legible(whole))}</title>'
    yield from _outline(node, box)
    left, right, y = node.x + PADDING + 4, node.x + node.width - PADDING, node.y + PADDING + 9
    yield f'<text class="hwx-name" x="{_n(left)}" y="{_n(y)}">{escape(_marked(box, marks))}</text>'
    yield f'<text class="hwx-engine" x="{_n(right)}" y="{_n(y)}">{escape(box.engine)}</text>'
    for line in _lines_of(node, box, marks):
        y += LINE
        yield f'<text class="hwx-action" x="{_n(left)}" y="{_n(y)}">{escape(line)}</text>'
    if box.shapes:
        y += LINE
        text = shorten(box.shapes, int((BOX_WIDTH - 2 * PADDING) / SMALL_COLUMN))
        yield f'<text class="hwx-shapes" x="{_n(left)}" y="{_n(y)}">{escape(text)}</text>'
    if box.coefficients:
        yield from _badge(left, y + 8, box.coefficients)
    yield "</g>"


def _outline(node: Node, box: Box) -> Iterator[str]:
    """The planar engine's boxes are round with a dotted edge, the neural engines' angular with a solid one."""
    radius = {True: 14, False: 2, None: 6}[box.planar]
    x, y, width, height = (_n(value) for value in (node.x, node.y, node.width, node.height))
    if box.first != box.last:
        for away in (6, 3):
            yield (
                f'<rect class="hwx-box" x="{_n(node.x + away)}" y="{_n(node.y + away)}" width="{width}" '
                f'height="{height}" rx="{radius}"/>'
            )
    yield f'<rect class="hwx-box" x="{x}" y="{y}" width="{width}" height="{height}" rx="{radius}"/>'
    bar = node.x + 7
    top, bottom = _n(node.y + PADDING - 2), _n(node.bottom - PADDING + 2)
    yield f'<path class="hwx-bar" d="M{_n(bar)} {top}V{bottom}"/>'


def _marked(box: Box, marks: Mapping[int, str]) -> str:
    """A task's title with its mark."""
    single = box.first == box.last and box.first in marks
    return f"{box.title} · {marks[box.first]}" if single else box.title


def _lines_of(node: Node, box: Box, marks: Mapping[int, str]) -> list[str]:
    """What a box does; a run also says how many of its tasks bear a mark."""
    count = sum(index in marks for index in range(box.first, box.last + 1))
    if box.first == box.last or not count:
        return list(node.lines)
    return [f"{', '.join(node.lines)}, {count} marked"]


def _badge(x: float, y: float, name: str) -> Iterator[str]:
    """Coefficients: a marked label with the name of their buffer."""
    text = shorten(legible(f"coefficients {name}"), int((BOX_WIDTH - 2 * PADDING - 30) / SMALL_COLUMN))
    width = columns(text) * SMALL_COLUMN + 26
    yield f"<g><title>{escape(legible(f'coefficients from {name}'))}</title>"
    yield f'<rect class="hwx-badge" x="{_n(x)}" y="{_n(y)}" width="{_n(width)}" height="19" rx="9.5"/>'
    yield f'<path class="hwx-diamond" d="M{_n(x + 11)} {_n(y + 5.5)}l4 4-4 4-4-4z"/>'
    yield f'<text class="hwx-kernels" x="{_n(x + 19)}" y="{_n(y + 13.5)}">{escape(text)}</text></g>'


def _pill(graph: Graph, node: Node) -> Iterator[str]:
    """What enters or leaves, or the unknown producer."""
    middle, radius = _n(node.middle), _n(node.height / 2)
    place = f'x="{_n(node.x)}" y="{_n(node.y)}" width="{_n(node.width)}" height="{_n(node.height)}" rx="{radius}"'
    if node.end.kind == UNKNOWN:
        yield f'<g class="hwx-pill hwx-unknown"><title>its producer is unknown</title><rect {place}/>'
        yield f'<text class="hwx-tensor-name" x="{middle}" y="{_n(node.y + 25)}">{NOBODY}</text></g>'
        return
    terminal = (graph.inputs if node.end.kind == INPUT else graph.outputs)[node.end.index]
    shape = " x ".join(map(str, terminal.shape or ()))
    about = f"{terminal.role} {shape}".strip()
    name = shorten(legible(terminal.name), int((node.width - 24) / COLUMN))
    about_short = shorten(about, int((node.width - 20) / 6))
    yield f'<g class="hwx-pill"><title>{escape(legible(f"{about}: {terminal.name}"))}</title><rect {place}/>'
    yield f'<text class="hwx-tensor-name" x="{middle}" y="{_n(node.y + 17)}">{escape(name)}</text>'
    yield f'<text class="hwx-about" x="{middle}" y="{_n(node.y + 31)}">{escape(about_short)}</text></g>'


def _legend(kinds: list[str], layout: Layout) -> Iterator[str]:
    """What the kinds of line stand for."""
    y = layout.height + 6
    x = max((layout.width - LEGEND_STEP * len(kinds)) / 2, 8)
    for kind in kinds:
        css, name = LINES[kind]
        yield f'<path class="hwx-edge {css}" d="M{_n(x)} {_n(y)}h30"/>'
        yield f'<text class="hwx-legend" x="{_n(x + 36)}" y="{_n(y + 4)}">{name}</text>'
        x += LEGEND_STEP
