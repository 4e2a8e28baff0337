"""A network compiled into one program: read, put into canonical form, lowered, scheduled, linked, reported."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..errors import ArchitectureError, UnsupportedError
from ..program.program import Program
from .canonical import canonical
from .graph import Graph
from .link import link
from .lower import Lowered, OperationTasks, lower
from .onnx_reader import ReadOptions, read
from .refusal import Part, refused
from .schedule import live_ranges, places
from .task import TaskPlan

#: Architectures that programs are written for.
ARCHITECTURES = ("H13",)


@dataclass(frozen=True, slots=True)
class CompiledNetwork:
    """A network as a program.

    Attributes:
        program: the program; it has a note for each task, which says where its words come from.
        plans: its tasks as they were before they were linked.
        operations: the tasks of each operation.
        scratch_bytes: size of the scratch memory.
    """

    program: Program
    plans: tuple[TaskPlan, ...]
    operations: tuple[OperationTasks, ...]
    scratch_bytes: int


def compile_network(
    source: Any,
    arch: str = "H13",
    *,
    shapes: Mapping[str, Sequence[int]] | None = None,
    fixed: Mapping[str, Any] | None = None,
    starts: Sequence[str] = (),
    ends: Sequence[str] = (),
    name: str = "network",
    fuse: bool = True,
) -> CompiledNetwork:
    """Compiles a network.

    Args:
        source: a `Graph`, the path of an ONNX model, or an onnx.ModelProto.
        arch: the architecture.
        shapes: input -> its shape, for a model whose shapes are open.
        fixed: input -> the constant that takes its place.
        starts: tensors that become inputs, instead of what comes before them.
        ends: tensors that become outputs, instead of what comes after them.
        name: of the program.
        fuse: put operations together where one task does several; without, each has tasks of its own.

    Raises:
        UnsupportedError: operations that cannot be compiled, each by name.
        UsageError: the model cannot be read, or options do not fit it.
    """
    if arch not in ARCHITECTURES:
        known = ", ".join(ARCHITECTURES)
        raise ArchitectureError(f"no forms are known for {arch}", hint=f"compile writes programs for {known}")
    network, parts_of = _graph(source, ReadOptions(shapes or {}, fixed or {}, starts, ends))
    lowered = lower(canonical(network) if fuse else network)
    if lowered.refusals:
        stuck = {refusal.origin.name for refusal in lowered.refusals}
        raise refused(lowered.refusals, parts_of(stuck))
    return _linked(lowered, name)


def _graph(source: Any, options: ReadOptions) -> tuple[Graph, Any]:
    if isinstance(source, Graph):
        if any(options):
            raise UnsupportedError("a Graph has fixed shapes and ends", hint="leave out shapes, constants and cuts")
        return source, _no_parts
    network = read(source, options)
    return network.graph, network.parts


def _no_parts(stuck: set[str]) -> list[Part]:
    """A graph that a caller put together is cut by the caller."""
    return []


def _linked(lowered: Lowered, name: str) -> CompiledNetwork:
    plans = lowered.plans
    bound = {row.name for row in lowered.tensors} | set(lowered.constants)
    ranges = live_ranges(plans, bound)
    linked = link(plans, lowered.tensors, scratch_places=places(ranges), constants=lowered.constants, name=name)
    program = linked.program._replace(task_notes=tuple(str(plan.evidence) for plan in plans))
    return CompiledNetwork(program, tuple(plans), tuple(lowered.operations), linked.scratch_bytes)
