"""A picture in the language of Graphviz."""

from collections.abc import Iterator

from ..names import legible
from .picture import COEFFICIENTS, INPUT, L2, NOBODY, OUTPUT, SCRATCH, TASK, UNKNOWN, Box, End, Graph, Terminal

_LINES = {L2: "dashed", SCRATCH: "bold", COEFFICIENTS: "dotted"}


def dot(graph: Graph) -> str:
    """The graph for `dot -Tsvg`.

    Args:
        graph: what `draw.graph` made of a program.
    """
    return "\n".join(_lines(graph)) + "\n"


def _lines(graph: Graph) -> Iterator[str]:
    yield f"digraph {_quoted(graph.name)} {{"
    yield f"  label={_quoted(f'{graph.name}, {graph.arch}')};"
    yield '  node [shape=box, fontname="monospace", fontsize=11];'
    yield '  edge [fontname="monospace", fontsize=10];'
    for kind, terminals in ((INPUT, graph.inputs), (OUTPUT, graph.outputs)):
        for index, terminal in enumerate(terminals):
            yield f"  {_node(End(kind, index))} [shape=oval, label={_terminal(terminal)}];"
    for index, box in enumerate(graph.boxes):
        yield f"  {_node(End(TASK, index))} [{_style(box)}, label={_box(box)}];"
    if any(edge.source.kind == UNKNOWN for edge in graph.edges):
        yield f"  {_node(End(UNKNOWN))} [shape=oval, style=dotted, label={_quoted(NOBODY)}];"
    for edge in graph.edges:
        style = f", style={_LINES[edge.kind]}" if edge.kind in _LINES else ""
        yield f"  {_node(edge.source)} -> {_node(edge.target)} [label={_quoted(edge.label)}{style}];"
    yield "}"


def _node(end: End) -> str:
    return f"{end.kind}{end.index}"


def _style(box: Box) -> str:
    """The planar engine has round corners; a run of tasks has a double border."""
    styles = ["rounded"] if box.planar else []
    text = f'style="{",".join(styles)}"' if styles else 'style="solid"'
    return f"{text}, peripheries={1 if box.first == box.last else 2}"


def _terminal(terminal: Terminal) -> str:
    shape = " x ".join(map(str, terminal.shape)) if terminal.shape else ""
    return _quoted(terminal.name, terminal.role, shape)


def _box(box: Box) -> str:
    coefficients = f"coefficients: {box.coefficients}" if box.coefficients else ""
    return _quoted(f"{box.title}, {box.engine}", box.action, box.shapes, coefficients)


def _quoted(*lines: str) -> str:
    """A quoted string of Graphviz. Labels there are not plain text: backslashes and entities have a meaning."""
    escaped = (legible(line).replace("\\", "\\\\").replace("&", "&amp;").replace('"', '\\"') for line in lines if line)
    return '"' + "\\n".join(escaped) + '"'
