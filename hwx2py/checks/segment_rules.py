"""Rules about the headers of tasks that follow each other: which is first and last, and where runs begin and end."""

from collections.abc import Iterator

from ..operations import Dma
from .rule import ERROR, WARNING, Place, Rule, Scope
from .subject import TaskView

SEEN = "holds in all tasks of real files and decoded programs"
INFERRED = f"{SEEN}; what an engine does without it is inferred"


def _is_first(view: TaskView) -> bool:
    return view.index in view.subject.first_tasks


def _is_last(view: TaskView) -> bool:
    return view.index in view.subject.last_tasks


def _before(view: TaskView, field: str) -> int:
    """A field of the header of the task before."""
    place, task = view.registers.arch.place(f"Header.{field}"), view.subject.program.tasks[view.index - 1]
    return place.number(task.words[place.address // 4])


def end_of_network(view: TaskView) -> Iterator[Place]:
    """A task that says that it is the last and is not, or the other way round."""
    for field in ("EON", "LastTask"):
        place = view.registers.arch.find_place(f"Header.{field}")
        if place is None or view.subject.is_cut:
            continue
        last = _is_last(view)
        if view.registers.header(field) != last:
            says = "is the last, and its header does not say so" if last else "says that it is the last, and is not"
            yield Place({"says": says, "field": field, "wanted": int(last)}, view.index, place.name)


def later_task(view: TaskView) -> Iterator[Place]:
    """LNID, which all tasks but the first have."""
    place = view.registers.arch.find_place("Header.LNID")
    if place is not None and not view.subject.is_cut and view.registers.header("LNID") == _is_first(view):
        wanted = int(not _is_first(view))
        yield Place({"number": 1 - wanted, "wanted": wanted}, view.index, place.name)


def selectors(view: TaskView) -> Iterator[Place]:
    """TBE, which all tasks but the last have."""
    place = view.registers.arch.find_place("Header.TBE")
    if place is not None and not view.subject.is_cut and view.registers.header("TBE") == _is_last(view):
        wanted = int(not _is_last(view))
        yield Place({"number": 1 - wanted, "wanted": wanted}, view.index, place.name)


def segments(view: TaskView) -> Iterator[Place]:
    """Bits of header word 6 that say where a run of tasks begins and ends."""
    registers = view.registers
    if registers.arch.find_place("Header.SPL") is None:
        return
    begins, ends = bool(registers.header("SPL")), bool(registers.header("TSE"))
    first, last, cut = _is_first(view), _is_last(view), view.subject.is_cut
    if not (cut and first):
        wanted = first or bool(_before(view, "TSE"))
        if begins != wanted:
            reason = "it is the first task" if first else "the task before ends a run" if wanted else "no run ended"
            yield _bit(view, "SPL", wanted, reason)
        taken = not first and bool(_before(view, "DPC"))
        if bool(registers.header("SPC")) != taken:
            reason = "the task before has DPC" if taken else "the task before has no DPC"
            yield _bit(view, "SPC", taken, reason)
    if last and not cut and not ends:
        yield _bit(view, "TSE", True, "it is the last task")
    if bool(registers.header("TSR")) != ends:
        yield _bit(view, "TSR", ends, f"TSE is {int(ends)}")
    if registers.header("DPC") and not ends:
        yield _bit(view, "TSE", True, "DPC is 1")
    if registers.header("DPC") and last and not cut:
        yield _bit(view, "DPC", False, "it is the last task")


def locations(view: TaskView) -> Iterator[Place]:
    """Bits of header word 6 that say which operands lie in memory."""
    registers = view.registers
    if registers.arch.find_place("Header.SrcLoc") is None:
        return
    fetched = any(isinstance(operand.where, Dma) for operand in view.operation.inputs)
    for field, wanted, what in (
        ("SrcLoc", fetched, "a source comes by DMA" if fetched else "no source comes by DMA"),
        ("DstLoc", view.operation.result.memory is not None,
         "the result is stored" if view.operation.result.memory else "the result is not stored"),
    ):  # fmt: skip
        if bool(registers.header(field)) != wanted:
            yield _bit(view, field, wanted, what)


def _bit(view: TaskView, field: str, wanted: bool, reason: str) -> Place:
    values = {"field": field, "number": int(not wanted), "reason": reason, "wanted": int(wanted)}
    return Place(values, view.index, f"Header.W6.{field}")


RULES = (
    Rule("end-of-network", ERROR, INFERRED, "the task {says}", "set {field} to {wanted}", end_of_network, Scope.TASK),
    Rule("later-task", WARNING, SEEN, "LNID is {number}: all tasks but the first have it", "set it to {wanted}",
         later_task, Scope.TASK),
    Rule("plan-selectors", WARNING, SEEN, "TBE is {number}: all tasks but the last have it", "set it to {wanted}",
         selectors, Scope.TASK),
    Rule("plan-segment", WARNING, SEEN, "{field} is {number}, and {reason}", "set it to {wanted}", segments,
         Scope.TASK),
    Rule("plan-location", WARNING, SEEN, "{field} is {number}, and {reason}", "set it to {wanted}", locations,
         Scope.FORM),
)  # fmt: skip
