"""Long programs made short: runs of consecutive tasks as one box."""

from collections.abc import Hashable, Sequence

from .picture import L2, TASK, Box, Edge, End, Graph

#: Boxes that a picture may have; tasks at the start and at the end that are never folded; what a run has at least.
MOST_BOXES, EDGE_TASKS, LEAST_RUN = 60, 10, 8

#: Ways between two boxes that are still shown one by one where one of them is a run.
FEW = 2


def stands_alone(index: int, count: int) -> bool:
    """Whether every task of a program of this size has a box of its own."""
    return count <= MOST_BOXES or index < EDGE_TASKS or index >= count - EDGE_TASKS - LEAST_RUN


def folded(graph: Graph, kinds: Sequence[Hashable]) -> Graph:
    """The graph with at most `MOST_BOXES` boxes: first and last tasks one by one, runs of equal length between them.

    Args:
        graph: with a box for each task.
        kinds: what each task does, the same for tasks of a kind.
    """
    count = len(graph.boxes)
    if count <= MOST_BOXES:
        return graph
    middle = range(EDGE_TASKS, count - EDGE_TASKS)
    length = max(LEAST_RUN, -(-len(middle) // (MOST_BOXES - 2 * EDGE_TASKS)))
    runs = [range(index, index + 1) for index in range(EDGE_TASKS)]
    runs += [range(start, min(start + length, middle.stop)) for start in range(middle.start, middle.stop, length)]
    runs += [range(index, index + 1) for index in range(middle.stop, count)]
    home = {index: number for number, run in enumerate(runs) for index in run}
    boxes = tuple(_run(graph.boxes[run.start : run.stop], kinds[run.start : run.stop]) for run in runs)
    moved = [edge._replace(source=_moved(edge.source, home), target=_moved(edge.target, home)) for edge in graph.edges]
    outer = dict.fromkeys(edge for edge in moved if edge.source != edge.target)
    return graph._replace(boxes=boxes, edges=tuple(_bundled(outer, boxes)))


def _moved(end: End, home: dict[int, int]) -> End:
    return end._replace(index=home[end.index]) if end.kind == TASK else end


def _run(boxes: Sequence[Box], kinds: Sequence[Hashable]) -> Box:
    if len(boxes) == 1:
        return boxes[0]
    engines = {box.planar for box in boxes}
    planar = engines.pop() if len(engines) == 1 else None
    engine = {True: "planar engine", False: "neural engines", None: "planar and neural"}[planar]
    different = len(set(kinds))
    action = f"{len(boxes)} tasks, {different} kind{'s' if different > 1 else ''}"
    names = dict.fromkeys(box.coefficients for box in boxes if box.coefficients)
    return Box(boxes[0].first, boxes[-1].last, engine, planar, action, "", ", ".join(names))


def _bundled(edges: Sequence[Edge] | dict[Edge, None], boxes: Sequence[Box]) -> list[Edge]:
    """Edges with those that run between the same two boxes, of which one is a run, bundled where they are many."""
    bundles: dict[tuple[End, End, str], list[Edge]] = {}
    for edge in edges:
        bundles.setdefault((edge.source, edge.target, edge.kind), []).append(edge)
    found = []
    for (source, target, kind), bundle in bundles.items():
        ends = [boxes[end.index] for end in (source, target) if end.kind == TASK]
        if len(bundle) > FEW and any(box.first != box.last for box in ends):
            what = "places in L2" if kind == L2 else "buffers"
            bundle = [Edge(source, target, f"{len(bundle)} {what}", kind)]
        found += bundle
    return found
