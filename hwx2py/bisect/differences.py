"""What differs between two programs, each difference something that can be applied by itself.

Both programs are brought into one layout first: one that writes every register which either of them writes. A register
that one of them leaves out holds there what it inherits.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

from ..errors import UnsupportedError, UsageError
from ..program.bars import renumber
from ..program.build import Draft, lay_out
from ..program.program import Buffer, Program, script_row
from ..program.register_file import walk
from ..program.streams import Pending
from ..program.task import Task
from ..registers.architecture import Architecture, Location
from ..registers.kinds import LAYOUT


class Difference(NamedTuple):
    """A register that differs, or coefficients that do.

    Attributes:
        task: index of the task; None for coefficients.
        register: `Block.Register`, or the name of the coefficients' buffer.
        good, bad: its words, or digests of the coefficients.
        what: the fields that differ, in words.
    """

    task: int | None
    register: str
    good: int | str
    bad: int | str
    what: str = ""

    def as_data(self) -> dict[str, object]:
        """The difference, ready for JSON."""
        return {"task": self.task, "register": self.register, "good": self.good, "bad": self.bad}

    def __str__(self) -> str:
        if self.task is None:
            return f"{self.register}: other coefficients"
        fields = f", {self.what}" if self.what else ""
        return f"task {self.task}: {self.register} {self.good:#x} -> {self.bad:#x}{fields}"


class _Edit(NamedTuple):
    """A word of a task in the common layout, and what a difference makes of it."""

    task: int
    index: int  # type: ignore[assignment] # hides tuple's method
    word: int


class Plan(NamedTuple):
    """Two programs in one layout.

    Attributes:
        base: the good program in the common layout.
        bad: the bad program, for its coefficients.
        differences: what differs, in the order of the tasks.
        edits: what each difference changes; None for coefficients.
        layout: "good" where the layout is the good program's own, "both" where it was made for the two.
    """

    base: Program
    bad: Program
    differences: tuple[Difference, ...]
    edits: tuple[_Edit | None, ...]
    layout: str

    def apply(self, chosen: Iterable[int]) -> Program:
        """The good program with some of the differences.

        Args:
            chosen: indices of differences.
        """
        words: dict[int, dict[int, int]] = {}
        program = self.base
        for number in chosen:
            edit = self.edits[number]
            if edit is None:
                program = _with_coefficients(program, self.bad, self.differences[number].register)
            else:
                words.setdefault(edit.task, {})[edit.index] = edit.word
        if not words:
            return program
        tasks = list(program.tasks)
        for index, changes in words.items():
            tasks[index] = tasks[index].with_words(changes)
        return program.with_tasks(tasks)


def plan(good: Program, bad: Program) -> Plan:
    """The differences of two programs.

    Args:
        good: the program that works.
        bad: the one that does not.

    Raises:
        UsageError: the programs are too unlike to be compared task by task.
        UnsupportedError: they differ in something other than registers.
    """
    _check_alike(good, bad)
    bad = _with_bars_of(bad, good)
    sides = [list(_snapshots(program)) for program in (good, bad)]
    own = all(set(b.written) <= set(g.written) and b.slots == g.slots for g, b in zip(*sides))
    base = good if own else _common(good, sides)
    differences: list[Difference] = []
    edits: list[_Edit | None] = []
    for index, (task, one, two) in enumerate(zip(base.tasks, *sides)):
        for difference, edit in _differing(good.arch, index, task, one, two):
            differences.append(difference)
            edits.append(edit)
    for difference in _coefficients(good, bad):
        differences.append(difference)
        edits.append(None)
    return Plan(base, bad, tuple(differences), tuple(edits), "good" if own else "both")


class _Snapshot(NamedTuple):
    """A task with the registers that it writes, and those that it sees.

    Attributes:
        task: its descriptor.
        written: byte address -> word of what it writes, in order.
        slots: byte address -> the slot that the write's record names.
        seen: byte address -> word of all registers.
    """

    task: Task
    written: dict[int, int]
    slots: dict[int, int]
    seen: Mapping[int, int]


def _snapshots(program: Program) -> Iterator[_Snapshot]:
    for registers in walk(program.arch, program.tasks):
        writes = list(registers.task.writes())
        yield _Snapshot(
            registers.task,
            {write.address: write.value for write in writes},
            {write.address: write.slot for write in writes if write.slot is not None},
            registers.words(),
        )


def _check_alike(good: Program, bad: Program) -> None:
    if good.arch.name != bad.arch.name:
        raise UsageError(
            f"the programs are for {good.arch.name} and {bad.arch.name}", hint="`hwx2py diff` compares them"
        )
    if len(good.tasks) != len(bad.tasks):
        counts = f"{len(good.tasks)} and {len(bad.tasks)} tasks"
        raise UsageError(f"the programs have {counts}: they cannot be mixed", hint="`hwx2py diff` compares them")
    if len(good.buffers) != len(bad.buffers):
        raise UsageError("the programs have different tensors", hint="`hwx2py diff` shows which")
    for one, two in _paired(good, bad):
        if script_row(one)._replace(bar=0, name="") != script_row(two)._replace(bar=0, name=""):
            raise UsageError(f"tensors {one.name} and {two.name} differ", hint="`hwx2py diff` shows how")
    for index, (task, other) in enumerate(zip(good.tasks, bad.tasks)):
        if task.header_words != other.header_words:
            raise UnsupportedError("only one of the two has a DTID word", where=f"task {index}")


def _with_bars_of(bad: Program, good: Program) -> Program:
    """The bad program with the good one's names and BAR numbers."""
    pairs = _paired(good, bad)
    numbers = {two.bar: one.bar for one, two in pairs}
    differ = any(old != new for old, new in numbers.items())
    if differ and not bad.arch.bar_fields:
        raise UnsupportedError("the programs give their tensors other slots", hint="`hwx2py diff` shows which")
    moved = renumber(bad, numbers) if differ else bad
    names = {two.name: one.name for one, two in pairs}
    scratch = moved.scratch and moved.scratch._replace(name=names[moved.scratch.name])
    return moved._replace(tensors=tuple(t._replace(name=names[t.name]) for t in moved.tensors), scratch=scratch)


def _paired(good: Program, bad: Program) -> list[tuple[Buffer, Buffer]]:
    """(good buffer, bad buffer) that belong together: by name, else by role in binding order."""
    known = {buffer.name: buffer for buffer in bad.buffers}
    if known.keys() == {buffer.name for buffer in good.buffers}:
        return [(buffer, known[buffer.name]) for buffer in good.buffers]
    return list(zip(*(sorted(program.buffers, key=lambda buffer: buffer.role) for program in (good, bad))))


def _common(good: Program, sides: Sequence[Sequence[_Snapshot]]) -> Program:
    """The good program in a layout that writes what either side writes."""
    arch = good.arch
    drafts = []
    for index, (one, two) in enumerate(zip(*sides)):
        items = []
        for address in [*one.written, *(address for address in two.written if address not in one.written)]:
            slots = {side.slots[address] for side in (one, two) if address in side.slots}
            if len(slots) > 1:
                name = arch.locate(address).name
                raise UnsupportedError(f"{name} is relative to slots {sorted(slots)}", where=f"task {index}")
            slot = next(iter(slots), None)
            items.append(Pending(address, one.seen.get(address, 0), slot, arch.writes_alone(address, slot)))
        header = one.task.words[: one.task.header_words].tolist()
        drafts.append(Draft(header, items, arch.layout_fields))
    text = lay_out(arch, drafts, good.text.frame)
    return good._replace(text=text, relocated=())


def _differing(
    arch: Architecture, index: int, task: Task, one: _Snapshot, two: _Snapshot
) -> Iterator[tuple[Difference, _Edit]]:
    """What differs in one task, with the word of the common layout."""
    for place in range(task.header_words):
        location = arch.header_location(place)
        fixed = sum(field.mask for field in location.register.fields if field.kind is LAYOUT)
        words = [side.task.words[place] & ~fixed for side in (one, two)]
        if words[0] != words[1]:
            kept = task.words[place] & fixed
            yield _difference(index, location, *words), _Edit(index, place, words[1] | kept)
    for write in task.writes():
        words = [side.seen.get(write.address, 0) for side in (one, two)]
        if words[0] != words[1]:
            location = arch.locate(write.address)
            yield _difference(index, location, *words), _Edit(index, write.index, words[1])


def _difference(index: int, location: Location, good: int, bad: int) -> Difference:
    fields = [
        f"{field.name} {field.decode(good)} -> {field.decode(bad)}"
        for field in location.register.fields
        if (good ^ bad) & field.mask
    ]
    return Difference(index, location.name, good, bad, ", ".join(fields))


def _coefficients(good: Program, bad: Program) -> Iterator[Difference]:
    pairs = [("const", good.const, bad.const)]
    others = {kernel.name: kernel.data for kernel in bad.kernels}
    if others.keys() != {kernel.name for kernel in good.kernels}:
        raise UnsupportedError("the programs have other kernel segments")
    pairs += [(kernel.name, kernel.data, others[kernel.name]) for kernel in good.kernels]
    for name, one, two in pairs:
        if one != two:
            yield Difference(None, name, _digest(one), _digest(two))


def _digest(data: bytes | memoryview) -> str:
    import hashlib

    return "sha256:" + hashlib.sha256(data).hexdigest()


def _with_coefficients(program: Program, bad: Program, name: str) -> Program:
    if name == "const":
        return program._replace(const=bad.const)
    data = {kernel.name: kernel.data for kernel in bad.kernels}
    kernels = (k._replace(data=data[name]) if k.name == name else k for k in program.kernels)
    return program._replace(kernels=tuple(kernels))
