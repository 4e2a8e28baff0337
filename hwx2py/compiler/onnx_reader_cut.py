"""Parts of an ONNX graph: `--from` and `--until`, and which cuts leave out what does not compile."""

from collections.abc import Callable, Sequence
from typing import Any

from ..errors import UsageError
from .refusal import Part

#: Tensors that a suggested cut may name; one that needs more helps nobody.
MOST_ENDS = 6


def cut(model: Any, starts: Sequence[str], ends: Sequence[str]) -> None:
    """Keeps what leads from some tensors to others.

    Args:
        model: the model, which is changed.
        starts: tensors that become inputs; none keeps the model's own.
        ends: tensors that become outputs; none keeps the model's own.

    Raises:
        UsageError: a tensor is unknown, or is no result of a node.
    """
    from onnx import shape_inference

    graph = model.graph
    made = {name for node in graph.node for name in node.output if name}
    inputs = {value.name for value in graph.input}
    for name in (*starts, *ends):
        if name not in made and name not in inputs:
            import difflib

            near = difflib.get_close_matches(name, [*made, *inputs], 2)
            hint = f"did you mean {' or '.join(near)}?" if near else "name a result of an operation"
            raise UsageError(f"the network has no tensor {name}", hint=hint)
    inferred = shape_inference.infer_shapes(model, data_prop=True).graph
    described = {value.name: value for value in (*inferred.value_info, *inferred.input, *inferred.output)}
    begins = {name for name in starts if name not in inputs}
    kept, needed = [], set(ends) or {value.name for value in graph.output}
    for node in reversed(graph.node):
        results = needed.intersection(node.output) - begins
        if results:
            kept.append(type(node).FromString(node.SerializeToString()))
            needed.update(node.input)
    kept.reverse()
    del graph.node[:]
    graph.node.extend(kept)
    _replace(
        graph.input,
        [value for value in graph.input if value.name in needed],
        [described[n] for n in starts if n in begins],
    )
    if ends:
        _replace(graph.output, [], [described[name] for name in ends if name in described])
    del graph.value_info[:]


def _replace(field: Any, kept: Sequence[Any], more: Sequence[Any]) -> None:
    copies = [type(value).FromString(value.SerializeToString()) for value in (*kept, *more)]
    del field[:]
    field.extend(copies)


def largest_parts(graph: Any, stuck: set[str], name_of: Callable[[Any], str]) -> list[Part]:
    """What a network has before its operations that do not compile, and what it has behind them.

    Args:
        graph: the folded graph.
        stuck: names of the operations that do not compile.
        name_of: how a node is named there.

    Returns:
        The parts, the largest first.
    """
    nodes = list(graph.node)
    after: set[str] = set()
    depends = []
    for node in nodes:
        bad = name_of(node) in stuck or bool(after.intersection(node.input))
        depends.append(bad)
        if bad:
            after.update(node.output)
    before: set[str] = set()
    leads = [False] * len(nodes)
    for index in reversed(range(len(nodes))):
        node = nodes[index]
        leads[index] = name_of(node) in stuck or bool(before.intersection(node.output))
        if leads[index]:
            before.update(node.input)
    outputs = [value.name for value in graph.output]
    first = [node for node, bad in zip(nodes, depends) if not bad]
    last = [node for node, bad in zip(nodes, leads) if not bad]
    found = []
    if first:
        made = [name for node in first for name in node.output]
        read = {name for node, bad in zip(nodes, depends) if bad for name in node.input}
        found.append(Part(len(first), (), tuple(name for name in made if name in read or name in outputs)))
    if last:
        inside = {name for node in last for name in node.output}
        given = {name for node, bad in zip(nodes, leads) if bad for name in node.output}
        starts = dict.fromkeys(name for node in last for name in node.input if name in given)
        ends = tuple(name for name in outputs if name in inside) if len(outputs) > 1 else ()
        found.append(Part(len(last), tuple(starts), ends))
    usable = [part for part in found if 0 < len(part.starts) + len(part.ends) <= MOST_ENDS]
    return sorted(usable, key=lambda part: -part.operations)
