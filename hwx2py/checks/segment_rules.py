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


def _flag(view: TaskView, field: str, before: bool = False) -> bool | None:
    """A bit of the header, of the task or of the one before it; None where the architecture has none."""
    place = view.subject.header_places.get(field)
    if place is None:
        return None
    task = view.subject.program.tasks[view.index - 1] if before else view.registers.task
    return bool(task.words[place.address // 4] & place.mask)


def end_of_network(view: TaskView) -> Iterator[Place]:
    """A task that says that it is the last and is not, or the other way round."""
    for field in ("EON", "LastTask"):
        last, says = _is_last(view), _flag(view, field)
        if says is not None and says != last and not view.subject.is_cut:
            words = "is the last, and its header does not say so" if last else "says that it is the last, and is not"
            place = view.subject.header_places[field].name
            yield Place({"says": words, "field": field, "wanted": int(last)}, view.index, place)


def later_task(view: TaskView) -> Iterator[Place]:
    """LNID, which all tasks but the first have."""
    yield from _all_but(view, "LNID", _is_first(view))


def selectors(view: TaskView) -> Iterator[Place]:
    """TBE, which all tasks but the last have."""
    yield from _all_but(view, "TBE", _is_last(view))


def _all_but(view: TaskView, field: str, is_one: bool) -> Iterator[Place]:
    number = _flag(view, field)
    if number is not None and number == is_one and not view.subject.is_cut:
        values = {"number": int(number), "wanted": int(not is_one)}
        yield Place(values, view.index, view.subject.header_places[field].name)


def segments(view: TaskView) -> Iterator[Place]:
    """Bits of header word 6 that say where a run of tasks begins and ends."""
    begins, ends = _flag(view, "SPL"), bool(_flag(view, "TSE"))
    if begins is None:
        return
    first, last, cut = _is_first(view), _is_last(view), view.subject.is_cut
    if not (cut and first):
        wanted = first or bool(_flag(view, "TSE", before=True))
        if begins != wanted:
            reason = "it is the first task" if first else "the task before ends a run" if wanted else "no run ended"
            yield _bit(view, "SPL", wanted, reason)
        taken = not first and bool(_flag(view, "DPC", before=True))
        if _flag(view, "SPC") != taken:
            reason = "the task before has DPC" if taken else "the task before has no DPC"
            yield _bit(view, "SPC", taken, reason)
    if last and not cut and not ends:
        yield _bit(view, "TSE", True, "it is the last task")
    if _flag(view, "TSR") != ends:
        yield _bit(view, "TSR", ends, f"TSE is {int(ends)}")
    if _flag(view, "DPC") and not ends:
        yield _bit(view, "TSE", True, "DPC is 1")
    if _flag(view, "DPC") and last and not cut:
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
