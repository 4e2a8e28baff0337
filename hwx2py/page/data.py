"""Everything that the page of a program shows, as data: the script in the page only lays it out."""

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from .. import checks, cost, draw
from ..cost import CostReport, Range
from ..formats import ProgramFile
from ..names import legible
from ..program.program import SCRATCH_BAR, Program, Scratch, Tensor
from . import arrays
from .tasks import COSTS, L2, Layouts, tasks
from .words import Texts, Words

if TYPE_CHECKING:
    from ..compiler.report import Report


class Extra(NamedTuple):
    """What is known of a program beside its file.

    Attributes:
        report: of the compiler, where it was compiled just now.
        values: task -> figures of what it wrote, as `arrays.Recorder` has them; None where it was not run.
        ran: how it was run, a line each: its inputs, and faults.
    """

    report: "Report | None" = None
    values: Mapping[int, Any] | None = None
    ran: Sequence[str] = ()


#: Nothing is known beside the file.
NOTHING = Extra()


def page_data(file: ProgramFile, extra: Extra = NOTHING) -> dict[str, Any]:
    """What the page shows, ready for JSON.

    Args:
        file: the program, and its container for `check`.
        extra: what is known beside it.
    """
    program, texts = file.program, Texts()
    words, layouts, costs = Words(program, texts), Layouts(), cost.cost(program)
    picture = draw.graph(program, whole=True)
    rows = list(tasks(program, costs, words, layouts))
    for index, note in enumerate(program.task_notes):
        rows[index]["words_from"] = texts.number(note)
    for index, figures in (extra.values or {}).items():
        rows[index]["values"] = figures
    data = {
        "name": legible(program.origin.name),
        "arch": program.arch.name,
        "facts": [[what, legible(value)] for what, value in _facts(program, costs)],
        "notes": [legible(note) for note in program.origin.notes],
        "tasks": rows,
        "layouts": layouts.rows,
        "costs": list(COSTS),
        "keeps_registers": program.arch.carries_state,
        **words.as_data(),
        "buffers": list(_buffers(program)),
        **_picture(picture),
        "findings": [_finding(finding) for finding in checks.check(file)],
        "coefficients": arrays.coefficients(program),
        "basis": [legible(line) for line in costs.basis],
        "memory": _memory(program, costs),
        "has_values": extra.values is not None,
        "ran": [legible(line) for line in extra.ran],
        "nodes": [] if extra.report is None else list(_nodes(extra.report)),
    }
    return data | {"texts": texts.as_data()}


def _facts(program: Program, costs: CostReport) -> Iterable[tuple[str, str]]:
    origin, arch = program.origin, program.arch
    yield "Format", f".{origin.form}" if origin.form in ("hwx", "anec") else origin.form
    yield "Architecture", f"{arch.name} ({', '.join(arch.chips)})"
    yield "Compiler", origin.compiler or "not named in the file"
    yield "Tasks", f"{len(program.tasks):,}"
    moved = sum(task.read_bytes + task.written_bytes + task.coefficient_bytes for task in costs.tasks)
    yield "Moved", f"{moved:,} bytes"
    yield "Multiply-accumulates", f"{costs.total('macs'):,}"
    yield "At least", f"{costs.total('estimate_us'):,.4g} us (an estimate, not measured)"
    yield "Coefficients", f"{len(program.const) + sum(len(kernel.data) for kernel in program.kernels):,} bytes"


def _buffers(program: Program) -> Iterable[dict[str, Any]]:
    """What tasks read and write: tensors, scratch, coefficients, and L2."""
    aliases: dict[str, list[int]] = {}
    for bar, name in program.aliases:
        aliases.setdefault(name, []).append(bar)
    for buffer in program.buffers:
        row: dict[str, Any] = {"name": legible(buffer.name), "role": buffer.role, "size": buffer.size_bytes}
        row["bars"] = [buffer.bar, *aliases.get(buffer.name, ())]
        if isinstance(buffer, Tensor):
            row |= {"shape": list(buffer.shape), "strides": list(buffer.strides), "dtype": buffer.dtype}
        yield row
    bound = {buffer.bar for buffer in program.buffers}
    for bar, name in program.arch.fixed_bars.items():
        if bar not in bound and name == "const" and len(program.const):
            yield {"name": name, "role": "coefficients", "size": len(program.const), "bars": [bar]}
    for kernel in program.kernels:
        if kernel.bar not in bound:
            row = {"name": legible(kernel.name), "role": "coefficients", "size": len(kernel.data)}
            yield row | {"bars": [kernel.bar]}
    yield {"name": L2, "role": "memory of the engine", "size": program.arch.machine.l2_bytes, "bars": [L2]}


def _picture(picture: draw.Graph) -> dict[str, Any]:
    """Who hands which data to whom: ends are a kind and an index, as in `draw`."""
    return {
        "inputs": [_terminal(terminal) for terminal in picture.inputs],
        "outputs": [_terminal(terminal) for terminal in picture.outputs],
        "edges": [
            [edge.source.kind, edge.source.index, edge.target.kind, edge.target.index, legible(edge.label), edge.kind]
            for edge in picture.edges
        ],
    }


def _terminal(terminal: draw.Terminal) -> dict[str, Any]:
    return {"name": legible(terminal.name), "role": terminal.role, "shape": list(terminal.shape or ())}


def _finding(finding: checks.Finding) -> dict[str, Any]:
    texts = {name: legible(getattr(finding, name)) for name in ("rule", "level", "where", "what", "what_to_do")}
    return texts | {"tasks": runs(finding.tasks)}


def runs(numbers: Iterable[int]) -> list[list[int]]:
    """Numbers as runs from a first to a last one."""
    found: list[list[int]] = []
    for number in sorted(set(numbers)):
        if found and number == found[-1][1] + 1:
            found[-1][1] = number
        else:
            found.append([number, number])
    return found


def _memory(program: Program, costs: CostReport) -> list[dict[str, Any]]:
    """L2 and scratch over time."""
    scratch = next((buffer.size_bytes for buffer in program.buffers if isinstance(buffer, Scratch)), 0)
    return [
        {"name": L2, "bar": L2, "size": program.arch.machine.l2_bytes, "ranges": _ranges(costs.l2)},
        {"name": "scratch", "bar": SCRATCH_BAR, "size": scratch, "ranges": _ranges(costs.scratch)},
    ]


def _ranges(ranges: Iterable[Range]) -> list[list[int]]:
    return [[part.start, part.end, part.first_task, part.last_task, int(part.is_written)] for part in ranges]


def _nodes(report: "Report") -> Iterable[dict[str, Any]]:
    """The nodes of the model, each with its tasks."""
    for operation in report.operations:
        yield {
            "type": legible(operation.kind),
            "name": legible(operation.name),
            "tasks": runs(operation.tasks),
            "forms": [legible(form) for form in operation.forms],
            "evidence": [legible(text) for text in operation.evidence],
            "fused": [legible(name) for name in operation.fused],
        }
