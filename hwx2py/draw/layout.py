"""Where everything goes: tasks one below the other, inputs above them, outputs below.

Data for the very next row takes the gap between the two. Data that skips rows leaves the gap below its producer for a
lane beside the boxes, runs down there, and comes back in the gap above its consumer, so that nothing crosses a box.
Lanes of inputs are on the left, those of tasks on the right; what comes from one producer by one name shares a lane.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import NamedTuple

from ..names import legible
from .picture import INPUT, OUTPUT, TASK, UNKNOWN, Box, Edge, End, Graph
from .text import wrapped

BOX_WIDTH, PADDING = 340, 14
PILL_WIDTH, PILL_HEIGHT, PILL_GAP = 176, 40, 14
LANE, FIRST_LANE, MARGIN = 14, 20, 16
#: Heights: of a line of text, and of a gap's parts: where lanes begin, where they end, and the labels above a box.
LINE, LEAVING, ARRIVING, LABELS, SHORTEST = 17, 28, 28, 24, 44
#: Columns of monospaced text in a box, and lines that an action may take.
ACTION_COLUMNS, ACTION_LINES = 42, 3


@dataclass(eq=False)
class Node:
    """A box or terminal and its place; `lines` is a box's action as it is written."""

    end: End
    row: int
    width: float
    height: float
    lines: tuple[str, ...] = ()
    x: float = 0
    y: float = 0

    @property
    def middle(self) -> float:
        """Where its middle is, from the left."""
        return self.x + self.width / 2

    @property
    def bottom(self) -> float:
        """Where it ends."""
        return self.y + self.height


@dataclass(eq=False)
class Net:
    """All edges that carry one thing from one producer; with `far` nodes it has a lane, counted outwards."""

    source: Node
    label: str
    kind: str
    edges: list[Edge] = field(default_factory=list)
    near: list[Node] = field(default_factory=list)
    far: list[Node] = field(default_factory=list)
    left: bool = False
    lane: int = 0

    @property
    def rows(self) -> tuple[int, int]:
        """The rows that its lane runs along."""
        return self.source.row, max(node.row for node in self.far)


class Way(NamedTuple):
    """A net's way into a consumer: from where in the gap above it, to where on its upper edge.

    Attributes:
        net: what arrives.
        target: where.
        start: x and y where the way into the gap begins: at the producer or at the lane.
        port: x on the consumer's upper edge.
        room: pixels right of the port that a label may take.
    """

    net: Net
    target: Node
    start: tuple[float, float]
    port: float
    room: float


class Trunk(NamedTuple):
    """A net's lane: from its producer's lower edge out to x, and down to y."""

    net: Net
    start: tuple[float, float]
    turned: float
    x: float
    end: float


class Layout(NamedTuple):
    """All places; the picture is `width` by `height`."""

    width: float
    height: float
    nodes: tuple[Node, ...]
    trunks: tuple[Trunk, ...]
    ways: tuple[Way, ...]


def arrange(graph: Graph) -> Layout:
    """Gives everything its place."""
    nodes = {node.end: node for node in _nodes(graph)}
    nets = _nets(graph, nodes)
    _choose_lanes(nets)
    rows: dict[int, list[Node]] = {}
    for node in nodes.values():
        rows.setdefault(node.row, []).append(node)
    for row in (0, len(graph.boxes) + 1):
        _sort(rows.get(row, []), nets)
    left = FIRST_LANE + LANE * _lanes(nets, True)
    right = FIRST_LANE + LANE * _lanes(nets, False)
    widest = max((_row_width(row) for row in rows.values()), default=BOX_WIDTH)
    before = max(left, (widest - BOX_WIDTH) / 2)
    middle = MARGIN + before + BOX_WIDTH / 2
    height = _place(rows, nets, middle)
    lanes = _Lanes(middle)
    departures = _departures(nodes.values(), nets, lanes)
    trunks = tuple(_trunk(net, departures, lanes) for net in nets if net.far)
    ways = tuple(way for node in nodes.values() for way in _ways(node, nets, departures, lanes))
    width = middle + BOX_WIDTH / 2 + max(right, (widest - BOX_WIDTH) / 2) + MARGIN
    return Layout(width, height, tuple(nodes.values()), trunks, ways)


def _nodes(graph: Graph) -> Iterable[Node]:
    for index in range(len(graph.inputs)):
        yield Node(End(INPUT, index), 0, PILL_WIDTH, PILL_HEIGHT)
    if any(edge.source.kind == UNKNOWN for edge in graph.edges):
        yield Node(End(UNKNOWN), 0, PILL_HEIGHT, PILL_HEIGHT)
    for index, box in enumerate(graph.boxes):
        lines = tuple(wrapped(legible(box.action), ACTION_COLUMNS, ACTION_LINES))
        yield Node(End(TASK, index), index + 1, BOX_WIDTH, _box_height(box, lines), lines)
    for index in range(len(graph.outputs)):
        yield Node(End(OUTPUT, index), len(graph.boxes) + 1, PILL_WIDTH, PILL_HEIGHT)


def _box_height(box: Box, lines: tuple[str, ...]) -> float:
    count = 1 + len(lines) + bool(box.shapes) + bool(box.coefficients)
    return 2 * PADDING + LINE * count + (6 if box.coefficients else 0) - 3


def _nets(graph: Graph, nodes: dict[End, Node]) -> list[Net]:
    nets: dict[tuple[object, ...], Net] = {}
    for edge in graph.edges:
        source, target = nodes[edge.source], nodes[edge.target]
        key = edge.source, edge.label, edge.kind
        net = nets.setdefault(key, Net(source, edge.label, edge.kind, left=edge.source.kind != TASK))
        net.edges.append(edge)
        (net.near if target.row == source.row + 1 else net.far).append(target)
    return list(nets.values())


def _choose_lanes(nets: list[Net]) -> None:
    """Short ways inside, long ones outside; a lane is used again further down."""
    taken: dict[tuple[bool, int], list[tuple[int, int]]] = {}
    for net in sorted((net for net in nets if net.far), key=lambda net: (net.rows[1] - net.rows[0], net.rows)):
        lane = 0
        while any(start < net.rows[1] and net.rows[0] < end for start, end in taken.get((net.left, lane), ())):
            lane += 1
        taken.setdefault((net.left, lane), []).append(net.rows)
        net.lane = lane


def _lanes(nets: list[Net], left: bool) -> int:
    return max((net.lane + 1 for net in nets if net.far and net.left == left), default=0)


def _sort(row: list[Node], nets: list[Net]) -> None:
    """Terminals in their row: what lanes go to or come from is in the order of these lanes, on their side."""
    leaving = {net.source: -net.lane - 1 for net in nets if net.far and not net.near}
    arriving = {node: net.lane + 1 for net in nets if net.far for node in net.far}
    row.sort(key=lambda node: leaving.get(node, 0) + arriving.get(node, 0))


def _row_width(row: list[Node]) -> float:
    return sum(node.width for node in row) + PILL_GAP * (len(row) - 1)


def _place(rows: dict[int, list[Node]], nets: list[Net], middle: float) -> float:
    """Sets x and y of all nodes; returns the picture's height."""
    leaving = {net.source.row for net in nets if net.far}
    arriving = {node.row for net in nets for node in net.far}
    y = float(MARGIN)
    last = None
    for number in sorted(rows):
        if last is not None:
            parts = LEAVING * (last in leaving) + ARRIVING * (number in arriving) + LABELS
            y += max(parts, SHORTEST)
        x = middle - _row_width(rows[number]) / 2
        for node in rows[number]:
            node.x, node.y = x, y
            x += node.width + PILL_GAP
        y += max(node.height for node in rows[number])
        last = number
    return y + MARGIN


class _Lanes(NamedTuple):
    """Where lanes are."""

    middle: float

    def x(self, net: Net) -> float:
        """The lane of a net."""
        away = BOX_WIDTH / 2 + FIRST_LANE + LANE * net.lane
        return self.middle - away if net.left else self.middle + away


def _spread(node: Node, count: int) -> list[float]:
    return [node.x + node.width * (index + 1) / (count + 1) for index in range(count)]


def _departures(nodes: Iterable[Node], nets: list[Net], lanes: _Lanes) -> dict[tuple[Net, Node | None], float]:
    """Where nets leave their producers: (net, consumer or None for the lane) -> x.

    A terminal is one thing and has one port in its middle.
    """
    found: dict[tuple[Net, Node | None], float] = {}
    leaving: dict[Node, list[tuple[float, Net, Node | None]]] = {}
    for net in nets:
        ports = leaving.setdefault(net.source, [])
        ports += [(node.middle, net, node) for node in net.near]
        ports += [(lanes.x(net), net, None)] if net.far else []
    for node in nodes:
        # Sorting keeps the order of what goes the same way, so ways to the next box do not cross.
        ports = sorted(leaving.get(node, []), key=lambda port: port[0])
        places = _spread(node, len(ports)) if node.end.kind == TASK else [node.middle] * len(ports)
        found.update({(net, target): x for (_, net, target), x in zip(ports, places)})
    return found


def _trunk(net: Net, departures: dict[tuple[Net, Node | None], float], lanes: _Lanes) -> Trunk:
    start = departures[net, None], net.source.bottom
    end = max(node.y for node in net.far) - LABELS - ARRIVING
    return Trunk(net, start, net.source.bottom + LEAVING, lanes.x(net), end)


def _ways(node: Node, nets: list[Net], departures: dict[tuple[Net, Node | None], float], lanes: _Lanes) -> list[Way]:
    """What arrives at a node, from left to right."""
    arriving = [(net, (departures[net, node], net.source.bottom)) for net in nets if node in net.near]
    arriving += [(net, (lanes.x(net), node.y - LABELS - ARRIVING)) for net in nets if node in net.far]
    arriving.sort(key=lambda way: way[1][0])
    room = node.width / (len(arriving) + 1)
    return [Way(net, node, start, port, room) for (net, start), port in zip(arriving, _spread(node, len(arriving)))]
