"""A whole graph lowered: node by node, each by the function for its operator, results in outputs or scratch."""

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import NamedTuple

from ...errors import HwxError, UnsupportedError
from .. import operators
from ..builder import Builder
from ..constants import Constants
from ..graph import Graph, Node, Origin, Value
from ..habits import USUAL, Habits
from ..link import TensorRow
from ..operators.operator import Operator, Shape
from ..refusal import Refusal
from ..surface import four_axes
from ..task import TaskPlan
from ..tune import Tuner
from ..view import View
from . import arithmetic, gates, layout, moves, pooling, products, reductions, spatial, truths

Lowering = Callable[[Builder, Node, list[View]], View]

#: Operator -> what lowers it.
LOWERINGS: Mapping[type[Operator], Lowering] = {
    operators.Binary: arithmetic.binary,
    operators.Gated: gates.gated,
    operators.Unary: arithmetic.unary,
    operators.Linear: arithmetic.linear,
    operators.Lookup: arithmetic.lookup,
    operators.Power: arithmetic.power,
    operators.Clip: arithmetic.clip,
    operators.PRelu: arithmetic.prelu,
    operators.Sign: arithmetic.sign,
    operators.Affine: arithmetic.affine,
    operators.Conv: spatial.convolution,
    operators.ConvTranspose: spatial.transposed_convolution,
    operators.Pool: pooling.pool,
    operators.Reduce: reductions.reduce,
    operators.Softmax: reductions.softmax,
    operators.Standardize: reductions.standardize,
    operators.MatMul: products.matmul,
    operators.Attend: products.attend,
    operators.Attention: products.whole_attention,
    operators.Reshape: layout.reshape,
    operators.Transpose: layout.transpose,
    operators.Concat: layout.concat,
    operators.Slice: layout.take,
    operators.Select: layout.select,
    operators.Expand: layout.expand,
    operators.Mix: layout.mix,
    operators.DepthToSpace: layout.depth_to_space,
    operators.SpaceToDepth: layout.space_to_depth,
}


class OperationTasks(NamedTuple):
    """The tasks that an operation became.

    Attributes:
        origin: the operation.
        operator: what it does in the graph.
        tasks: their indices; none where strides say it all.
        fused: other operations that its tasks do as well.
    """

    origin: Origin
    operator: Operator
    tasks: range
    fused: tuple[Origin, ...] = ()


@dataclass(frozen=True, slots=True)
class Lowered:
    """A lowered graph.

    Attributes:
        plans: its tasks.
        tensors: its inputs and outputs.
        constants: buffer -> bytes.
        placed: coefficients and tables of the tasks.
        operations: the tasks of each operation.
        refusals: operations that could not be lowered; the plans are useless where there are any.
    """

    plans: list[TaskPlan]
    tensors: list[TensorRow]
    constants: dict[str, bytes]
    placed: Constants
    operations: list[OperationTasks]
    refusals: list[Refusal]


def lower(graph: Graph, habits: Habits = USUAL, tuner: Tuner | None = None) -> Lowered:
    """Lowers a graph.

    Args:
        graph: the network.
        habits: of the generation that is compiled for.
        tuner: picks among alternatives; None takes the usual ones.

    Raises:
        UnsupportedError: the graph has no outputs, or its inputs are not used.
    """
    if not graph.outputs:
        raise UnsupportedError("the network has no output", hint="name one with g.output(name, tensor)")
    bound = frozenset((*(value.name for value in graph.inputs), *graph.outputs))
    builder = Builder(bound=bound, habits=habits, tuner=tuner)
    rows = [(value.name, "input", value) for value in graph.inputs]
    rows += [(name, "output", value) for name, value in graph.outputs.items()]
    dtypes = {True: "uint8", False: "float16"}
    tensors = [
        TensorRow(name, role, four_axes(value.shape), dtypes[value in graph.truths]) for name, role, value in rows
    ]
    views: dict[Value, View] = {value: _bound(value.name, value.shape) for value in graph.inputs}
    targets = _targets(graph, builder)
    operations, refusals = [], []
    for node in graph.nodes:
        first = len(builder.plans)
        builder.wanted = targets.get(node.output)
        if tuner is not None:
            tuner.operation = str(node.origin)
        try:
            if graph.truths.intersection(node.inputs):
                views[node.output] = truths.lowered(builder, graph, node)
            else:
                views[node.output] = _lowered(builder, node, views)
        except HwxError as error:
            refusals.append(Refusal(node.origin, tuple(value.shape for value in node.inputs), error.what))
            views[node.output] = builder.scratch(node.output.shape)
        operations.append(OperationTasks(node.origin, node.operator, range(first, len(builder.plans)), node.fused))
    builder.wanted = None
    if not refusals:
        _outputs(builder, graph, views, operations)
    return Lowered(builder.plans, tensors, builder.constants, builder.placed, operations, refusals)


def _targets(graph: Graph, builder: Builder) -> dict[Value, View]:
    """Where results go that are outputs and nothing else, since no task may read an output, or parts of a join.

    What a reshape by strides alone makes one of goes there too.
    """
    uses = Counter(value for node in graph.nodes for value in dict.fromkeys(node.inputs))
    names: dict[Value, list[str]] = {}
    for name, value in graph.outputs.items():
        names.setdefault(value, []).append(name)
    targets = {value: _bound(own[0], value.shape) for value, own in names.items() if len(own) == 1 and not uses[value]}
    makers = {node.output: node for node in graph.nodes if uses[node.output] == 1}
    for node in reversed(graph.nodes):
        if isinstance(node.operator, operators.Concat):
            targets |= _parts_of_a_join(graph, node, builder, targets, uses)
        if not isinstance(node.operator, operators.Reshape | operators.Transpose):
            continue
        (x,) = node.inputs
        if uses[x] > 1 or x in graph.outputs.values():
            continue
        target = targets.get(node.output)
        if isinstance(node.operator, operators.Transpose):
            before = None if target is None else _before_transpose(target, node.operator.order)
        else:
            before = None if target is None else target.in_axes(x.shape or (1,))
            if before is None and _joins_columns(x.shape, node.output.shape):
                target = target or builder.scratch(node.output.shape)
                before = target.split(x.shape)
            elif target is None and _needs_order(node, makers):
                target = builder.scratch(node.output.shape)
                before = target.in_axes(x.shape)
            if before is not None and target is not None:
                targets[node.output] = target
        if before is not None:
            targets[x] = before
    for value in graph.inputs:
        targets.pop(value, None)
    return targets


def _before_transpose(target: View, order: tuple[int, ...]) -> View | None:
    """Where the source of a transpose lies so that its result lies where it should; None where columns move."""
    if order[-1] != len(order) - 1:
        return None
    return target.ordered([order.index(axis) for axis in range(len(order))])


#: Operations whose tasks write wherever their result is wanted.
_WRITERS = operators.Conv | operators.MatMul | operators.Attend | operators.Binary | operators.Unary


def _needs_order(reshape: Node, makers: Mapping[Value, Node]) -> bool:
    """Whether a reshape takes a copy unless the operation before a transpose writes its result in the new order."""
    moved = makers.get(reshape.inputs[0])
    if moved is None or not isinstance(moved.operator, operators.Transpose):
        return False
    order, source = moved.operator.order, makers.get(moved.inputs[0])
    if source is None or not isinstance(source.operator, _WRITERS) or order[-1] != len(order) - 1:
        return False
    whole = View.dense("", source.output.shape).ordered(order)
    return whole.in_axes(reshape.output.shape or (1,)) is None and reshape.output.shape[-1:] == whole.lengths[-1:]


def _joins_columns(old: Shape, new: Shape) -> bool:
    """Whether a reshape makes one row of several: the last two axes become one."""
    return len(old) > 1 and old[-2] > 1 and new[-1:] == (old[-2] * old[-1],)


def _parts_of_a_join(
    graph: Graph, node: Node, builder: Builder, targets: dict[Value, View], uses: Counter[Value]
) -> dict[Value, View]:
    """Where the operands of a join go, and where its result goes; no task may read what lies in an output."""
    operator = node.operator
    assert isinstance(operator, operators.Concat)
    outputs = set(graph.outputs.values())
    z = targets.get(node.output)
    is_output = z is not None and z.buffer in builder.bound
    movable = [
        value.array is None and node.inputs.count(value) == 1 and value not in outputs
        and value not in graph.inputs and (uses[value] == 1 or not is_output)
        for value in node.inputs
    ]  # fmt: skip
    if not any(movable):
        return {}
    z = z or builder.scratch(node.output.shape)
    places = moves.places_of_parts([value.shape[operator.axis] for value in node.inputs], operator.axis, z)
    if places is None:
        return {}
    parts = {value: place for value, place, is_movable in zip(node.inputs, places, movable) if is_movable}
    return parts | {node.output: z}


def _lowered(builder: Builder, node: Node, views: dict[Value, View]) -> View:
    operands = [views[value] if value.array is None else _NO_VIEW for value in node.inputs]
    y = LOWERINGS[type(node.operator)](builder, node, operands)
    shape = node.output.shape or (1,)
    return y if y.lengths == shape else replace(y, lengths=shape)


#: Takes the place of a constant operand, which a lowering reads from its node.
_NO_VIEW = View("", 0, (1,), ())


def _outputs(builder: Builder, graph: Graph, views: dict[Value, View], operations: list[OperationTasks]) -> None:
    """Copies to the outputs what does not lie there yet."""
    for name, value in graph.outputs.items():
        target = _bound(name, value.shape)
        if views[value].buffer != name:
            first = len(builder.plans)
            moves.copy(builder, views[value], target)
            kind = Origin("Output", name)
            operations.append(OperationTasks(kind, operators.Linear(), range(first, len(builder.plans))))


def _bound(name: str, shape: Shape) -> View:
    return View.dense(name, shape)
