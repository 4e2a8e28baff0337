"""A picture as data: boxes, what enters and leaves, and edges between them."""

from typing import NamedTuple

#: Where an edge can begin and end.
INPUT, TASK, OUTPUT, UNKNOWN = "input", "task", "output", "unknown"

#: What an edge runs through: a tensor or constants, scratch memory (any buffer that is not a tensor), or L2; or
#: coefficients that a task wrote.
TENSOR, SCRATCH, L2, COEFFICIENTS = "tensor", "scratch", "L2", "coefficients"

#: What stands for a producer that is not to be found.
NOBODY = "?"


class Box(NamedTuple):
    """A task, or a run of consecutive tasks folded into one.

    Attributes:
        first, last: indexes of the tasks.
        engine: "planar engine", "16 neural engines"; both kinds where a run has both.
        planar: whether the planar engine runs it; None where a run has both kinds.
        action: what is computed; of a run, how many tasks it has and of how many kinds.
        shapes: what it works on; empty for a run.
        coefficients: names of the buffers that coefficients come from, with commas; empty where there are none.
    """

    first: int
    last: int
    engine: str
    planar: bool | None
    action: str
    shapes: str
    coefficients: str

    @property
    def title(self) -> str:
        """`task 3` or `tasks 10..250`."""
        return f"task {self.first}" if self.first == self.last else f"tasks {self.first}..{self.last}"


class Terminal(NamedTuple):
    """What enters or leaves: a tensor, or constants that a task reads as data (role "constants")."""

    name: str
    role: str
    shape: tuple[int, ...] | None


class End(NamedTuple):
    """One end of an edge: an input, a box or an output by its index, or unknown."""

    kind: str
    index: int = 0  # type: ignore[assignment] # hides tuple's method


class Edge(NamedTuple):
    """Data on its way.

    Attributes:
        source: who produced it.
        target: who takes it.
        label: the tensor, buffer or place in L2 that carries it.
        kind: TENSOR, SCRATCH, L2 or COEFFICIENTS.
    """

    source: End
    target: End
    label: str
    kind: str


class Graph(NamedTuple):
    """A program as boxes and edges, in the order in which the engine runs it.

    Attributes:
        name: of the program's file.
        arch: the architecture's name.
        inputs: input tensors, then constants that are read as data.
        outputs: output tensors.
        boxes: the tasks.
        edges: who hands what to whom, by consumer.
        tasks: how many tasks the program has.
    """

    name: str
    arch: str
    inputs: tuple[Terminal, ...]
    outputs: tuple[Terminal, ...]
    boxes: tuple[Box, ...]
    edges: tuple[Edge, ...]
    tasks: int

    def named(self, end: End) -> str:
        """An end in words: `input x`, `task 3`, `?`."""
        if end.kind == TASK:
            return self.boxes[end.index].title
        if end.kind == UNKNOWN:
            return NOBODY
        terminal = (self.inputs if end.kind == INPUT else self.outputs)[end.index]
        return f"{terminal.role} {terminal.name}"
