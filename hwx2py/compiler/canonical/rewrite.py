"""Applies rules to the nodes of a graph until none applies."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from ..graph import Graph, Node, Origin, Value
from ..precise import precise as made_precise
from .activations import ACTIVATIONS
from .attention import ATTENTION
from .blocks import blocks_of_a_convolution
from .columns import COLUMNS, row_of_a_convolution
from .constants import CONSTANTS
from .exchanges import EXCHANGES
from .gains import GAINS
from .gates import GATES
from .matrices import MATRICES
from .mirrored import mirrored_columns
from .neutral import NEUTRALS
from .norms import NORMS
from .padding import PADDING
from .products import PRODUCTS
from .slopes import SLOPES
from .sums import sum_of_products
from .view import Nodes

#: Rounds through the graph; each makes it smaller, and real networks settle within five.
MOST_ROUNDS = 12

#: A rule looks at a node and what leads to it; it gives a node with the same result, or None where it does not apply.
#: In front of that node it may give others: new ones, or ones in place of those with the same results.
Rule = Callable[[Node, Nodes], Node | tuple[Node, ...] | None]

#: Patterns of several nodes are recognised before their pieces go into other nodes.
PATTERNS: Sequence[Rule] = (*ACTIVATIONS, *NORMS)
#: What follows, in this order.
STAGES: Sequence[Sequence[Rule]] = (
    (*NEUTRALS, *CONSTANTS, *GAINS, sum_of_products, *PRODUCTS, *COLUMNS, *PADDING, mirrored_columns),
    (row_of_a_convolution, blocks_of_a_convolution, *EXCHANGES),
    (*SLOPES, *GATES, *MATRICES, *ATTENTION),
)  # fmt: skip


def canonical(graph: Graph, precise: bool = False) -> Graph:
    """The graph in canonical form.

    Args:
        graph: a network; it is not changed.
        precise: several steps in place of functions that a table alone is too coarse for.

    Returns:
        A graph with the same inputs and outputs.
    """
    nodes = _settled(graph, graph.nodes, PATTERNS)
    if precise:
        nodes = made_precise(nodes)
    for rules in STAGES:
        nodes = _settled(graph, nodes, rules)
    return Graph(list(graph.inputs), dict(graph.outputs), nodes, truths=set(graph.truths))


def _settled(graph: Graph, nodes: Sequence[Node], rules: Sequence[Rule]) -> list[Node]:
    """The nodes after as many rounds of rules as change anything."""
    nodes = list(nodes)
    for _ in range(MOST_ROUNDS):
        before = tuple(map(id, nodes))
        nodes = _needed(graph, _round(graph, nodes, rules))
        if tuple(map(id, nodes)) == before:
            break
    return nodes


def _round(graph: Graph, nodes: Sequence[Node], rules: Sequence[Rule]) -> list[Node]:
    seen = Nodes(nodes, set(graph.outputs.values()), graph.truths)
    result: dict[Value, Node] = {}
    for old in nodes:
        node = seen.maker(old.output) or old
        for rule in rules:
            found = rule(node, seen)
            if found is None:
                continue
            *others, last = found if isinstance(found, tuple) else (found,)
            for other in others:
                seen.put(other)
                result[other.output] = other
            node = _noted(node, last)
            seen.put(node)
        result[node.output] = node
    return _in_order(result)


def _in_order(made: Mapping[Value, Node]) -> list[Node]:
    """Nodes in an order in which they can run, and otherwise as they are: rules may put a node before what it needs."""
    ordered: dict[Value, Node] = {}
    waiting = list(made.values())[::-1]
    while waiting:
        node = waiting.pop()
        if node.output in ordered:
            continue
        missing = [made[value] for value in node.inputs if value in made and value not in ordered]
        if missing:
            waiting += [node, *missing]
        else:
            ordered[node.output] = node
    return list(ordered.values())


def _noted(old: Node, new: Node) -> Node:
    """The new node, which knows the operations that it does besides its own."""
    origins: dict[Origin, None] = dict.fromkeys((*new.fused, old.origin, *old.fused))
    main = new.origin
    return replace(new, output=old.output, fused=tuple(origin for origin in origins if origin != main))


def _needed(graph: Graph, nodes: Sequence[Node]) -> list[Node]:
    """The nodes that outputs depend on."""
    wanted: set[Value] = set(graph.outputs.values())
    kept = []
    for node in reversed(nodes):
        if node.output in wanted:
            kept.append(node)
            wanted.update(node.inputs)
    return kept[::-1]
