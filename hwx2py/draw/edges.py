"""From a program to its picture's data: every task a box, every way that data takes an edge."""

from collections.abc import Hashable
from typing import NamedTuple, cast

from ..operations import InL2, Names, Operand, Operation, Planar, operations
from ..operations.aspects import aspects, kind
from ..operations.places import L2_MEMORY, Span, Writers, coefficient_span, reads, writes
from ..operations.wording import action, buffer_name, engine, shapes
from ..program.program import Program, Tensor
from .fold import folded, stands_alone
from .picture import COEFFICIENTS, INPUT, L2, OUTPUT, SCRATCH, TASK, TENSOR, UNKNOWN, Box, Edge, End, Graph, Terminal

#: As many bytes as any buffer has.
EVERYTHING = 1 << 64


def graph(program: Program, *, whole: bool = False) -> Graph:
    """The picture of a program.

    Producers are found by following what the tasks write, in order: buffers by BAR and L2 by address. Data whose
    producer is not found comes from `?`. Long programs are folded to about 60 boxes, unless they are wanted whole.

    Args:
        program: any program; nothing of it is run.
        whole: give every task a box, however many there are.
    """
    tracing = _Tracing(program)
    names = Names.of(program)
    boxes, kinds = [], []
    for index, operation in enumerate(operations(program)):
        span = coefficient_span(operation)
        box = _box(index, operation, buffer_name(cast(int | None, span.memory), names) if span else "")
        if whole or stands_alone(index, len(program.tasks)):
            box = box._replace(action=action(operation, names), shapes=shapes(operation))
        boxes.append(box)
        kinds.append(kind(aspects(operation, names)))
        for source, operand in zip(reads(operation), operation.inputs):
            tracing.take(source, End(TASK, index), _label(operand, names))
        if span and span.memory not in tracing.constants:
            tracing.take(span, End(TASK, index), box.coefficients, COEFFICIENTS)
        for written in writes(operation):
            tracing.writers.put(written, End(TASK, index))
    for index, tensor in enumerate(program.outputs):
        tracing.take(Span(tensor.bar, 0, EVERYTHING), End(OUTPUT, index), tensor.name)
    unfolded = Graph(
        name=program.origin.name,
        arch=program.arch.name,
        inputs=tuple(tracing.inputs),
        outputs=tuple(_terminal(tensor) for tensor in program.outputs),
        boxes=tuple(boxes),
        edges=tuple(dict.fromkeys(tracing.edges)),
        tasks=len(boxes),
    )
    return unfolded if whole else folded(unfolded, kinds)


def _terminal(tensor: Tensor) -> Terminal:
    return Terminal(tensor.name, tensor.role, tensor.shape)


def _box(index: int, operation: Operation, coefficients: str) -> Box:
    """A task without words for what it does: those of a folded one are never shown."""
    return Box(index, index, engine(operation), isinstance(operation, Planar), "", "", coefficients)


def _label(operand: Operand, names: Names) -> str:
    """The buffer or the place in L2 that a source comes from."""
    if isinstance(operand.where, InL2):
        return f"L2[{operand.where.base_bytes:#x}]"
    return buffer_name(operand.where.bar if operand.where.enabled else None, names)


class _Constants(NamedTuple):
    """Constants as a producer, before anything reads them as data."""

    name: str


class _Tracing:
    """Edges as they are found, task after task."""

    def __init__(self, program: Program):
        self.writers = Writers()
        self.edges: list[Edge] = []
        self.inputs = [_terminal(tensor) for tensor in program.inputs]
        self._kinds: dict[Hashable, str] = {L2_MEMORY: L2}
        constants = {**program.arch.fixed_bars, **{kernel.bar: kernel.name for kernel in program.kernels}}
        bound = {buffer.bar for buffer in program.buffers}
        self.constants = constants.keys() - bound
        for bar, name in constants.items():
            self._begin(bar, _Constants(name))
        for index, tensor in enumerate(program.inputs):
            self._begin(tensor.bar, End(INPUT, index))
        for tensor in program.outputs:
            self._kinds[tensor.bar] = TENSOR

    def _begin(self, bar: int, producer: object) -> None:
        self._kinds[bar] = TENSOR
        self.writers.put(Span(bar, 0, EVERYTHING), producer)

    def take(self, span: Span, target: End, label: str, kind: str = "") -> None:
        """Edges from the writer of the span to its reader.

        Args:
            span: what is read.
            target: who reads it.
            label: what the edge carries, in words.
            kind: of the edge; that of the memory where left out.
        """
        kind = kind or self._kinds.get(span.memory, SCRATCH)
        producers = self.writers.of(span) or [End(UNKNOWN)]
        self.edges += [Edge(self._end(producer), target, label, kind) for producer in producers]

    def _end(self, producer: End | _Constants) -> End:
        if isinstance(producer, End):
            return producer
        terminal = Terminal(producer.name, "constants", None)
        if terminal not in self.inputs:
            self.inputs.append(terminal)
        return End(INPUT, self.inputs.index(terminal))
