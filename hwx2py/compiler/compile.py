"""A network compiled into one program: read, put into canonical form, lowered, scheduled, linked, reported."""

import functools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from ..errors import UnsupportedError
from ..program.program import Program
from ..registers import by_name
from .canonical import canonical
from .chain import Chained, chained
from .draft import ARCH_NAME
from .generations import Generations, port, rules
from .graph import Graph, Origin
from .habits import USUAL
from .link import Linked, link
from .lower import Lowered, OperationTasks, lower
from .onnx_reader import ReadOptions, read
from .precise import precise as made_precise
from .ranges import Beyond, provable
from .refusal import Part, refused
from .scaling import ScaledOperations, Scaling
from .schedule import live_ranges, places
from .task import PORTED, Source, TaskPlan
from .tile_heights import lower_tiles
from .tune import Tuner, Tuning


@dataclass(frozen=True, slots=True)
class CompiledNetwork:
    """A network as a program.

    Attributes:
        program: the program; it has a note for each task, which says where its words come from.
        plans: its tasks as they were before they were linked.
        operations: the tasks of each operation.
        scratch_bytes: size of the scratch memory.
        beyond: operations that leave float16 for some input.
        runs: tasks of several forms that are one run, because intermediates stay in L2 between them.
        unchained: the same network with all intermediates in scratch; None where none of them stays in L2.
        tuning: which alternatives were tried; None where none were.
        caution: what a user should know of programs for this architecture; empty where there is nothing.
        scaling: the operations that store multiples of their results, so that samples stay inside float16.
    """

    program: Program
    plans: tuple[TaskPlan, ...]
    operations: tuple[OperationTasks, ...]
    scratch_bytes: int
    beyond: tuple[Beyond, ...] = ()
    runs: tuple[range, ...] = ()
    unchained: "CompiledNetwork | None" = None
    tuning: Tuning | None = None
    caution: str = ""
    scaling: ScaledOperations | None = None


#: Runs samples, and gives the operations that leave float16 with them.
Leaving = Callable[[CompiledNetwork], Sequence[Beyond]]
#: Rounds of scaling: each finds what leaves float16 next, and networks in which samples do so have few such places.
MOST_ROUNDS = 24


def compile_network(
    source: Any,
    arch: str = "H13",
    *,
    shapes: Mapping[str, Sequence[int]] | None = None,
    fixed: Mapping[str, Any] | None = None,
    starts: Sequence[str] = (),
    ends: Sequence[str] = (),
    precise: bool = False,
    name: str = "network",
    chain: bool = True,
    fuse: bool = True,
    tuner: Tuner | None = None,
    leaving: Leaving | None = None,
) -> CompiledNetwork:
    """Compiles a network.

    Args:
        source: a `Graph`, the path of an ONNX model, or an onnx.ModelProto.
        arch: the architecture.
        shapes: input -> its shape, for a model whose shapes are open.
        fixed: input -> the constant that takes its place.
        starts: tensors that become inputs, instead of what comes before them.
        ends: tensors that become outputs, instead of what comes after them.
        precise: functions that tables decide take more tasks, with a smaller error.
        name: of the program.
        chain: whether intermediates stay in L2 from task to task where that is possible.
        fuse: put operations together where one task does several; without, each has tasks of its own.
        tuner: looks for alternatives that cost less; None takes the usual ones.
        leaving: runs samples: what leaves float16 with them is scaled by powers of two; None scales nothing.

    Raises:
        ArchitectureError: no words are known for the architecture.
        UnsupportedError: operations that cannot be compiled, or scaled, each by name.
        UsageError: the model cannot be read, or options do not fit it.
    """
    target = by_name(arch).name
    generations = None if target == ARCH_NAME else rules(ARCH_NAME, target)
    network, parts_of = _graph(source, ReadOptions(shapes or {}, fixed or {}, starts, ends))
    habits = USUAL if generations is None else generations.habits
    scaling = None
    if leaving is not None:
        scaling = _scaled(network, leaving, fuse=fuse, precise=precise)
        network = scaling.current.graph
    graph = _simplified(network, fuse=fuse, precise=precise)
    lowered = lower(graph, habits)
    if lowered.refusals:
        stuck = {refusal.origin.name for refusal in lowered.refusals}
        raise refused(lowered.refusals, parts_of(stuck))
    beyond = tuple(provable(network))
    del network, parts_of
    if tuner is None:
        del graph  # with its weights, which the tasks have packed
    compiled = _linked(lowered, name, chain)
    if tuner is not None:
        compiled = _tuned(compiled, lower(graph, habits, tuner), name, chain, tuner)
    compiled = replace(compiled, beyond=beyond, scaling=None if scaling is None else scaling.operations)
    return compiled if generations is None else _ported(compiled, generations)


def _scaled(network: Graph, leaving: Leaving, *, fuse: bool, precise: bool) -> Scaling:
    """The scaling with which samples stay inside float16; operations that do not compile are left to the caller.

    Raises:
        UnsupportedError: nothing carries the factor of an operation to what follows.
    """
    scaling = Scaling(network)
    for _ in range(MOST_ROUNDS):
        lowered = lower(_simplified(scaling.current.graph, fuse=fuse, precise=precise))
        if lowered.refusals:
            return scaling
        found = leaving(_linked(lowered, "samples", False))
        if not found:
            return scaling
        fused: dict[Origin, list[Origin]] = {}
        for item in lowered.operations:
            fused.setdefault(item.origin, []).extend(item.fused)
        scaling.more(found, fused)
    raise UnsupportedError(
        f"after {MOST_ROUNDS} rounds of scaling there are still operations that leave float16",
        hint="leave out --scale: --calibrate alone names the first ones",
    )


def _simplified(graph: Graph, *, fuse: bool, precise: bool) -> Graph:
    """The graph as it is lowered."""
    if fuse:
        return canonical(graph, precise)
    return replace(graph, nodes=made_precise(graph.nodes)) if precise else graph


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


def _linked(lowered: Lowered, name: str, chain: bool) -> CompiledNetwork:
    apart = _assembled(lowered, name, Chained(lowered.plans, []))
    usual = _as_network(lowered, apart)
    if not chain:
        return usual
    together = chained(lowered.plans, _bound(lowered))
    if not together.runs:
        return usual
    done = _as_network(lowered, _assembled(lowered, name, together))
    return replace(done, runs=tuple(together.runs), unchained=usual)


def _bound(lowered: Lowered) -> set[str]:
    """Names of the buffers that are no intermediates."""
    return {row.name for row in lowered.tensors} | set(lowered.constants)


def _tuned(usual: CompiledNetwork, lowered: Lowered, name: str, chain: bool, tuner: Tuner) -> CompiledNetwork:
    """The cheapest of the usual program and those with other forms, with lower tiles, with and without runs."""
    tuner.operation = ""
    ways: dict[str, Callable[[], CompiledNetwork]] = {"usual forms and tiles": lambda: usual}
    ways["chosen forms, all intermediates in scratch"] = functools.partial(_variant, lowered, name, False)
    for divisor in TILE_DIVISORS if chain else ():
        tiles = f"tiles of 1 / {divisor} of the rows" if divisor > 1 else "usual tiles"
        label = f"chosen forms, intermediates in L2, {tiles}"
        ways[label] = functools.partial(_variant, lowered, name, True, divisor)
    best, tuning = tuner.pick_program(ways)
    return replace(best, tuning=tuning)


#: By what --tune divides the rows of tiles.
TILE_DIVISORS = (1, 2, 4)


def _variant(lowered: Lowered, name: str, chain: bool, divisor: int = 1) -> CompiledNetwork:
    """The program with tiles of fewer rows where no operand stays in L2."""
    if divisor > 1:
        together = _linked(lowered, name, chain)
        streams = [
            task
            for task, (old, new) in enumerate(zip(lowered.plans, together.plans))
            if (old.source, old.source2, old.result) == (new.source, new.source2, new.result)
        ]
        lowered = replace(lowered, plans=lower_tiles(lowered.plans, streams, divisor))
    return _linked(lowered, name, chain)


def _assembled(lowered: Lowered, name: str, tasks: Chained) -> Linked:
    """The program of some tasks, with their intermediates in their places."""
    ranges = live_ranges(tasks.plans, _bound(lowered), tasks.runs)
    return link(
        tasks.plans, lowered.tensors, scratch_places=places(ranges), constants=lowered.constants,
        placed=lowered.placed, name=name,
    )  # fmt: skip


def _as_network(lowered: Lowered, linked: Linked) -> CompiledNetwork:
    program = linked.program._replace(task_notes=tuple(str(plan.evidence) for plan in linked.plans))
    return CompiledNetwork(program, linked.plans, tuple(lowered.operations), linked.scratch_bytes)


def _ported(compiled: CompiledNetwork, generations: Generations) -> CompiledNetwork:
    """The same for another architecture."""
    apart = compiled.unchained and _ported(compiled.unchained, generations)
    ported = port(compiled.program, generations.target, apart.program.const if apart else None)
    plans = tuple(
        plan if plan.evidence.source is Source.OWN else replace(plan, evidence=PORTED) for plan in compiled.plans
    )
    program = ported._replace(task_notes=tuple(str(plan.evidence) for plan in plans))
    return replace(compiled, program=program, plans=plans, caution=generations.caution, unchained=apart)
