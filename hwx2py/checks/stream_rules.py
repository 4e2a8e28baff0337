"""Rules about tasks in their stream: sizes, counts, places, identities."""

from collections.abc import Iterator
from typing import NamedTuple

from ..formats.anec.header import Anec
from ..formats.hwx.image import Image
from ..units import round_up
from .rule import ERROR, NOTE, WARNING, Place, Rule, Scope
from .subject import ANEC_ALIGNMENT_BYTES, Subject, TaskView

M1_RUN = "run on an M1: the submit times out (-110)"
M1_HANG = "run on an M1: it hangs"
DRIVER = "source of the Linux driver"
FILES = "holds in every real file and decoded program"

#: What the driver and the firmware take at most.
MOST_TASKS, MOST_TD_COUNT, MOST_TD_BYTES = 65536, 0xFFFF, 0x40000
#: The network id that completion is signalled with; compilers write 0.
DRIVER_NID = 0x40


class _FirstTask(NamedTuple):
    """How long the first task is declared to be, and how long its records are, in bytes."""

    declared: int
    size: int


def _first_task(subject: Subject) -> _FirstTask | None:
    links = subject.chain.links if subject.chain else ()
    announced = links[0].announced_bytes if links else None
    return None if announced is None else _FirstTask(announced, links[0].size_bytes)


def td_size_cuts(subject: Subject) -> Iterator[Place]:
    """The declared size of the first task ends before its records do."""
    first = _first_task(subject)
    if first and first.declared < first.size:
        yield Place(first._asdict(), 0)


def td_size_overruns(subject: Subject) -> Iterator[Place]:
    """The declared size of the first task reaches behind its records."""
    first = _first_task(subject)
    if first and first.declared > first.size:
        yield Place(first._asdict(), 0)


def trailing_zeros(view: TaskView) -> Iterator[Place]:
    """Zeros inside the size of a task."""
    task = view.registers.task
    zeros = [
        record for record in task.records if not any(task.words[record.index : record.index + 2]) and record.count == 1
    ]
    if zeros and view.registers.arch.stream == "linked":
        yield Place({"offset": 4 * zeros[0].index, "size": 4 * zeros[0].index}, view.index)


def trailing_zeros_announced(subject: Subject) -> Iterator[Place]:
    """Zeros inside the size that NextSize announces, where loading went by the records instead."""
    stated, found = subject.declared, subject.chain
    if stated is None or found is None:
        return
    for number, link in enumerate(found.links):
        task = subject.program.tasks[number] if number < len(subject.program.tasks) else None
        if task is None or link.announced_bytes is None or link.announced_bytes <= link.size_bytes:
            continue
        extra = stated.text[link.end : link.offset + link.announced_bytes]
        if task.size_bytes == link.size_bytes and len(extra) and not any(extra):
            yield Place({"offset": link.size_bytes, "size": link.size_bytes}, number)


def tsk_size(subject: Subject) -> Iterator[Place]:
    """The declared size of the text of an `.anec` is not where its last task ends, and coefficients are used."""
    yield from _tsk_size(subject, True)


def tsk_size_unused(subject: Subject) -> Iterator[Place]:
    """The same, where no task uses coefficients."""
    yield from _tsk_size(subject, False)


def _tsk_size(subject: Subject, matters: bool) -> Iterator[Place]:
    anec = subject.container
    if not isinstance(anec, Anec) or not subject.chain or subject.chain.problem:
        return
    end, stated = subject.chain.links[-1].end, anec.text_bytes
    if stated == end or matters != (stated < end or subject.uses_coefficients):
        return
    place = round_up(stated, ANEC_ALIGNMENT_BYTES)
    content = anec.content[place:]
    there = "nothing is there" if not len(content) else "all bytes there are 0" if not any(content) else ""
    right = round_up(end, ANEC_ALIGNMENT_BYTES)
    there = there or f"the coefficients lie at {right:#x}"
    yield Place({"declared": stated, "end": end, "place": place, "there": there}, None, "header")


def task_count(subject: Subject) -> Iterator[Place]:
    """The declared number of tasks is not that of the chain."""
    stated, found = subject.declared, subject.chain
    if stated and found and not found.problem and stated.task_count != len(found.links):
        count, chained = stated.task_count, len(found.links)
        fate = "those behind would not run" if count < chained else "the driver waits for tasks that never run"
        yield Place({"declared": count, "chained": chained, "fate": fate}, None, "header")


def task_offset(subject: Subject) -> Iterator[Place]:
    """The size that a task announces for the next is not the next one's, or the chain breaks."""
    for number, link in enumerate(subject.chain.links if subject.chain else ()):
        if number and link.announced_bytes != link.size_bytes:
            values = {"what": f"it announces {link.announced_bytes:#x} bytes for the next task, whose records have "
                              f"{link.size_bytes:#x}", "next": f"NextSize to {link.size_bytes // 4 - 1}"}  # fmt: skip
            yield Place(values, number - 1, "Header.W1.NextSize")
    if subject.chain and subject.chain.problem:
        values = {"what": subject.chain.problem, "next": "NextPointer to the byte offset of the next task, or to 0"}
        yield Place(values, max(len(subject.chain.links) - 1, 0), "Header.W7.NextPointer")


def header_size(subject: Subject) -> Iterator[Place]:
    """Header word 6 announces a DTID word that is not there, or the other way round."""
    for number, link in enumerate(subject.chain.links if subject.chain else ()):
        if link.has_dtid != link.flags_dtid:
            missing, extra = "announces a DTID word, which is not there", "announces no DTID word, but one is there"
            says = missing if link.flags_dtid else extra
            yield Place({"says": says, "bit": int(link.has_dtid)}, number, "Header.W6.TDE")


def dtid(view: TaskView) -> Iterator[Place]:
    """The DTID word names no task before this one."""
    number = view.registers.header("DTID")
    if view.registers.header("TDE") and number >= len(view.subject.program.tasks):
        says = f"announces a DTID word, which names task {number:#x} of {len(view.subject.program.tasks)}"
        yield Place({"says": says, "bit": 0}, view.index, "Header.TDE")


def task_ids(view: TaskView) -> Iterator[Place]:
    """Task ids count from 0; in a text of several streams, in each of them."""
    streams = view.subject.program.text.streams
    first = max((stream.first_task for stream in streams if stream.first_task <= view.index), default=0)
    if view.registers.header("TID") != view.index - first and _counts_ids(view.subject):
        yield Place({"id": view.registers.header("TID"), "wanted": view.index - first}, view.index, "Header.W0.TID")


def _counts_ids(subject: Subject) -> bool:
    """Bare streams may be cut out of longer ones, so that their first task is any."""
    return subject.program.origin.form != "raw"


def nid_differs(subject: Subject) -> Iterator[Place]:
    """Tasks of an `.anec` with other network ids than the driver waits for, and not the compiler's 0 throughout."""
    yield from _nids(subject, False)


def nid_zero(subject: Subject) -> Iterator[Place]:
    """Tasks of an `.anec` with the compiler's network id, 0."""
    yield from _nids(subject, True)


def _nids(subject: Subject, compilers: bool) -> Iterator[Place]:
    tasks, field = subject.program.tasks, subject.program.arch.find_place("Header.NID")
    if not isinstance(subject.container, Anec) or field is None or len(tasks) < 2:
        return
    numbers = [field.number(task.words[field.address // 4]) for task in tasks]
    if any(numbers) == compilers:
        return
    for number, nid in enumerate(numbers):
        if nid != DRIVER_NID and number:
            yield Place({"nid": nid}, number, "Header.W0.NID")


def too_many(subject: Subject) -> Iterator[Place]:
    """More tasks, or larger ones, than the driver and the firmware take."""
    tasks = len(subject.program.tasks)
    if tasks > MOST_TASKS:
        yield Place({"what": f"{tasks} tasks, at most {MOST_TASKS} in an operation"}, None, "text")
    stated = subject.declared
    if stated is None or subject.program.arch.stream != "linked":
        return
    if stated.task_count > MOST_TD_COUNT:
        yield Place({"what": f"td_count {stated.task_count}, at most {MOST_TD_COUNT}"}, None, "header")
    size = stated.first_task_bytes
    if size is not None and (not 0 < size <= MOST_TD_BYTES or size % 4):
        yield Place({"what": f"td_size {size:#x}, a multiple of 4 from 4 to {MOST_TD_BYTES:#x}"}, None, "header")


def not_h13_anec(subject: Subject) -> Iterator[Place]:
    """An `.anec` with a task stream of H14."""
    if isinstance(subject.container, Anec) and subject.program.arch.stream == "records":
        yield Place({"arch": subject.program.arch.name}, None, "text")


def no_program_command(subject: Subject) -> Iterator[Place]:
    """A container that binds nothing."""
    if isinstance(subject.container, Image) and subject.declared is None:
        yield Place({}, None, "load commands")


RULES = (
    Rule("td-size-cuts", ERROR, M1_RUN,
         "td_size is {declared:#x}, but the records of the first task end at {size:#x}: the rest is not fetched",
         "set td_size to {size:#x}", td_size_cuts),
    Rule("td-size-overruns", ERROR, M1_RUN,
         "td_size is {declared:#x}, but the first task ends at {size:#x}: what follows is decoded as registers",
         "set td_size to {size:#x}", td_size_overruns),
    Rule("trailing-zeros", ERROR, M1_HANG,
         "zeros at {offset:#x} of the task write 0 to Common.InDim",
         "shorten the task to {size:#x} bytes", trailing_zeros, Scope.TASK),
    Rule("trailing-zeros", ERROR, M1_HANG,
         "zeros at {offset:#x} of the task write 0 to Common.InDim",
         "shorten the task to {size:#x} bytes", trailing_zeros_announced),
    Rule("tsk-size", ERROR, "a published softmin.anec; measured on an M1: BAR 1 is BAR 0 + tsk_size rounded up to 16",
         "tsk_size is {declared:#x}, but the last task ends at {end:#x}: BAR 1 would point at {place:#x}, {there}",
         "set tsk_size to {end:#x}", tsk_size),
    Rule("tsk-size", WARNING, "as above; no task uses coefficients",
         "tsk_size is {declared:#x}, but the last task ends at {end:#x}",
         "set tsk_size to {end:#x}", tsk_size_unused),
    Rule("task-count", ERROR, "run on an M1: a task was dropped without a word",
         "td_count is {declared}, the chain has {chained} tasks: {fate}",
         "set td_count to {chained}", task_count),
    Rule("task-offset", ERROR, FILES, "{what}", "set {next}", task_offset),
    Rule("header-size", ERROR, FILES, "header word 6 {says}", "set bit 24 (TDE) of word 6 to {bit}", header_size),
    Rule("header-size", ERROR, FILES, "header word 6 {says}", "set bit 24 (TDE) of word 6 to {bit}", dtid, Scope.FORM),
    Rule("task-ids", ERROR, f"{DRIVER}: completion is an event with the last task's id",
         "the task has id {id}: newer drivers wait for another and time out", "set TID to {wanted}", task_ids,
         Scope.TASK),
    Rule("nid", WARNING, f"{DRIVER}: completion is an event with network id 0x40",
         "the task has network id {nid:#x}, newer drivers wait for 0x40",
         "set NID to 0x40 in every task (a script does so)", nid_differs),
    Rule("nid", NOTE, f"{DRIVER}; compilers write 0, and older drivers do not look",
         "the task has network id {nid:#x}, newer drivers wait for 0x40",
         "set NID to 0x40 in every task (a script does so)", nid_zero),
    Rule("too-many", ERROR, f"{DRIVER}, and of the firmware: EINVAL", "{what}", "split the program", too_many),
    Rule("not-h13-anec", WARNING, "a published file; libane's header does not name the chip",
         "the task stream is one of {arch}: read as H13 it is nonsense",
         "run it on that chip only; an M1 needs the program compiled for h13", not_h13_anec),
    Rule("no-program-command", NOTE, "real containers of compiler target h18g",
         "there is no program command: no tensor is bound to a BAR", "rules about buffers are left out",
         no_program_command),
)  # fmt: skip
