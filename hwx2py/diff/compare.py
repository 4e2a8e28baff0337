"""The whole comparison, level by level."""

from collections.abc import Sequence

from ..program.describe import Operation, operation
from ..program.model import Program, Tensor
from ..program.register_file import walk
from . import coefficients
from .align import Pair, align
from .model import BARS, IDENTITY, LAYOUT, Change, Report, TaskDifference
from .registers import Side, compare_across, compare_tasks


def compare(a: Program, b: Program) -> Report:
    """Compares two programs."""
    a, b, renamed = _named_alike(a, b)
    operations = [_operations(program) for program in (a, b)]
    pairs = align(*operations)
    return Report(
        a=a.origin.name,
        b=b.origin.name,
        identity=tuple(_identity(a, b)),
        container=tuple(_container(a, b)),
        tensors=tuple(_tensors(a, b)),
        tasks=tuple(_tasks(a, b, pairs, operations)),
        coefficients=coefficients.compare(a, b),
        notes=(*renamed, *_notes(a, b)),
    )


def _named_alike(a: Program, b: Program) -> tuple[Program, Program, tuple[str, ...]]:
    """Names for the tensors of a side that has none: those of the other side's with the same role and BAR order."""
    if _is_nameless(a) == _is_nameless(b):
        return a, b, ()
    nameless, named = (a, b) if _is_nameless(a) else (b, a)
    names = {}
    for role in ("input", "output"):
        sides = [sorted((t for t in side.tensors if t.role == role), key=_bar) for side in (nameless, named)]
        if len(sides[0]) != len(sides[1]):
            return a, b, ()
        names.update((one.name, two.name) for one, two in zip(*sides))
    tensors = tuple(tensor._replace(name=names.get(tensor.name, tensor.name)) for tensor in nameless.tensors)
    note = f"{nameless.origin.name} names no tensors: " + ", ".join(f"{x} is taken for {y}" for x, y in names.items())
    nameless = nameless._replace(tensors=tensors)
    return (nameless, named, (note,)) if _is_nameless(a) else (named, nameless, (note,))


def _bar(tensor: Tensor) -> int:
    return tensor.bar


def _is_nameless(program: Program) -> bool:
    return all(tensor.name == f"bar{tensor.bar}" for tensor in program.tensors if tensor.shape)


def _operations(program: Program) -> list[Operation]:
    names = program.buffer_names()
    return [operation(registers, names) for registers in walk(program.arch, program.tasks)]


def _identity(a: Program, b: Program) -> list[Change]:
    found = []
    if a.arch.name != b.arch.name:
        found.append(Change("architecture", a.arch.name, b.arch.name))
    compilers = a.origin.compiler, b.origin.compiler
    if all(compilers) and compilers[0] != compilers[1]:
        found.append(Change("compiler", *compilers, IDENTITY))
    one, two = (dict.fromkeys(program.origin.flags) for program in (a, b))
    lone = [" ".join(flag for flag in side if flag not in other) for side, other in ((one, two), (two, one))]
    if one and two and any(lone):
        found.append(Change("flags", lone[0] or None, lone[1] or None, IDENTITY))
    return found


def _container(a: Program, b: Program) -> list[Change]:
    facts = [_facts(program) for program in (a, b)]
    names = dict.fromkeys([*facts[0], *facts[1]])
    return [
        Change(name, facts[0].get(name), facts[1].get(name), LAYOUT)
        for name in names
        if facts[0].get(name) != facts[1].get(name)
        and all(name in side or program.origin.sections for side, program in zip(facts, (a, b)))
    ]


def _facts(program: Program) -> dict[str, str]:
    """What is known of a container, by name."""
    facts = {"text size": f"{program.text.size_bytes:#x}", "coefficients at": f"{program.const_offset:#x}"}
    for section in program.origin.sections:
        name, count = f"section {section.name}", 2
        while name in facts:
            name, count = f"section {section.name} ({count})", count + 1
        facts[name] = f"{section.size_bytes:#x} bytes at {section.address:#x}"
    return facts


def _tensors(a: Program, b: Program) -> list[Change]:
    one, two = ({tensor.name: tensor for tensor in program.tensors} for program in (a, b))
    found = []
    for name in dict.fromkeys([*one, *two]):
        if name not in one or name not in two:
            found.append(Change(f"tensor {name}", *(_brief(side.get(name)) for side in (one, two))))
            continue
        for fact in ("role", "shape", "strides", "dtype", "size_bytes"):
            values = getattr(one[name], fact), getattr(two[name], fact)
            if values[0] != values[1]:
                found.append(Change(f"tensor {name}: {fact}", *values))
    moved = [name for name in one if name in two and one[name].bar != two[name].bar]
    if moved:
        texts = (", ".join(f"{name} {side[name].bar}" for name in moved) for side in (one, two))
        found.append(Change("BARs", *texts, BARS))
    return found


def _brief(tensor: Tensor | None) -> str | None:
    if tensor is None:
        return None
    size = " x ".join(map(str, tensor.shape)) if tensor.shape else f"{tensor.size_bytes} bytes"
    return f"{tensor.role} {size}, BAR {tensor.bar}"


def _tasks(
    a: Program, b: Program, pairs: Sequence[Pair], operations: Sequence[Sequence[Operation]]
) -> list[TaskDifference]:
    compare_two = compare_tasks if a.arch.name == b.arch.name else compare_across
    names = a.buffer_names(), b.buffer_names()
    walks = walk(a.arch, a.tasks), walk(b.arch, b.tasks)
    found = []
    for one, two in pairs:
        sides = [
            None if index is None else Side(next(registers), index, known)
            for index, registers, known in zip((one, two), walks, names)
        ]
        does = ["" if index is None else side[index].sentence for index, side in zip((one, two), operations)]
        changes = compare_two(*sides) if None not in sides else ()
        if changes or None in sides:
            found.append(TaskDifference(one, two, *does, changes))
    return found


def _notes(a: Program, b: Program) -> list[str]:
    notes = [f"{program.origin.name}: {note}" for program in (a, b) for note in program.origin.notes]
    for fact in ("compiler", "flags"):
        known = [bool(getattr(program.origin, fact)) for program in (a, b)]
        if known[0] != known[1]:
            notes.append(f"{(a, b)[known[0]].origin.name} does not say the {fact}: not compared")
    if bool(a.origin.sections) != bool(b.origin.sections):
        lacking = b if a.origin.sections else a
        notes.append(f"{lacking.origin.name} has no container: sections and addresses are not compared")
    if a.arch.name != b.arch.name:
        both = len([name for name in a.arch.short_fields() if b.arch.field(name)])
        notes.append(
            f"{a.arch.name} and {b.arch.name} differ: compared by field name, as far as both have one and wrote it "
            f"({both} of {len(a.arch.short_fields())} fields); headers, BARs and absent writes are not compared"
        )
    return notes
