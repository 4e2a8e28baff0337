"""From a program to its picture's data: every task a box, every way that data takes an edge."""

from typing import NamedTuple

from ..program.describe import Operation, is_planar, operation
from ..program.model import Program, Tensor
from ..program.register_file import walk
from .fold import folded
from .model import COEFFICIENTS, INPUT, L2, OUTPUT, SCRATCH, TASK, TENSOR, UNKNOWN, Box, Edge, End, Graph, Terminal
from .places import L2_MEMORY, Span, Writers, coefficients, reads, writes

#: As many bytes as any buffer has.
EVERYTHING = 1 << 64


def graph(program: Program) -> Graph:
    """The picture of a program.

    Producers are found by following what the tasks write, in order: buffers by BAR and L2 by address. Data whose
    producer is not found comes from `?`. Long programs are folded to about 60 boxes.

    Args:
        program: any program; nothing of it is run.
    """
    tracing = _Tracing(program)
    names = program.buffer_names()
    boxes, kinds = [], []
    for index, registers in enumerate(walk(program.arch, program.tasks)):
        described = operation(registers, names)
        boxes.append(_box(index, described, is_planar(registers)))
        kinds.append(_kind(described))
        # Names may be any text, even that of another buffer; numbers tell buffers apart.
        numbered = operation(registers, {})
        for span, label in zip(reads(registers, numbered), described.sources):
            tracing.take(span, End(TASK, index), label)
        if numbered.coefficients and numbered.coefficients not in tracing.constants:
            tracing.take(coefficients(registers, numbered), End(TASK, index), described.coefficients, COEFFICIENTS)
        for span in writes(registers, numbered):
            tracing.writers.put(span, End(TASK, index))
    for index, tensor in enumerate(program.outputs):
        tracing.take(Span(_key(tensor.bar), 0, EVERYTHING), End(OUTPUT, index), tensor.name)
    whole = Graph(
        name=program.origin.name,
        arch=program.arch.name,
        inputs=tuple(tracing.inputs),
        outputs=tuple(_terminal(tensor) for tensor in program.outputs),
        boxes=tuple(boxes),
        edges=tuple(dict.fromkeys(tracing.edges)),
        tasks=len(boxes),
    )
    return folded(whole, kinds)


def _key(bar: int) -> str:
    """A buffer as `operation` calls it when it knows no names."""
    return f"BAR {bar}"


def _terminal(tensor: Tensor) -> Terminal:
    return Terminal(tensor.name, tensor.role, tensor.shape)


def _box(index: int, described: Operation, planar: bool) -> Box:
    return Box(index, index, described.engine, planar, described.action, described.shapes, described.coefficients)


def _kind(described: Operation) -> str:
    """What the task does, whatever it reads: the same for all tasks of a kind."""
    action = described.action
    for source in sorted(described.sources, key=len, reverse=True):
        action = action.replace(source, "_") if source else action
    return action


class _Constants(NamedTuple):
    """Constants as a producer, before anything reads them as data."""

    name: str


class _Tracing:
    """Edges as they are found, task after task."""

    def __init__(self, program: Program):
        self.writers = Writers()
        self.edges: list[Edge] = []
        self.inputs = [_terminal(tensor) for tensor in program.inputs]
        self._kinds = {L2_MEMORY: L2}
        constants = {**program.arch.fixed_bars, **{kernel.bar: kernel.name for kernel in program.kernels}}
        tensors = {tensor.bar for tensor in program.tensors}
        self.constants = {_key(bar) for bar in constants if bar not in tensors}
        for bar, name in constants.items():
            self._begin(bar, _Constants(name))
        for index, tensor in enumerate(program.inputs):
            self._begin(tensor.bar, End(INPUT, index))
        for tensor in program.outputs:
            self._kinds[_key(tensor.bar)] = TENSOR

    def _begin(self, bar: int, producer: object) -> None:
        self._kinds[_key(bar)] = TENSOR
        self.writers.put(Span(_key(bar), 0, EVERYTHING), producer)

    def take(self, span: Span, target: End, label: str, kind: str = "") -> None:
        """Edges from whoever wrote the span to who reads it."""
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
