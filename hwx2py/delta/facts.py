"""Everything of two programs but their tasks, compared: compiler, container, tensors, and what cannot be compared."""

from ..program.program import Buffer, Program, Tensor, script_row
from .comparison import BARS, IDENTITY, LAYOUT, Change


def identity(a: Program, b: Program) -> list[Change]:
    """Architecture, compiler and flags."""
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


def container(a: Program, b: Program) -> list[Change]:
    """Sections, addresses and sizes, as far as both have them."""
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


def tensors(a: Program, b: Program) -> list[Change]:
    """Tensors, matched by name; a mere renumbering of BARs is one change."""
    one, two = ({buffer.name: buffer for buffer in program.buffers} for program in (a, b))
    found = []
    for name in dict.fromkeys([*one, *two]):
        if name not in one or name not in two:
            found.append(Change(f"tensor {name}", _brief(one.get(name)), _brief(two.get(name))))
            continue
        for fact in ("role", "shape", "strides", "dtype", "size_bytes"):
            values = [getattr(script_row(side[name]), fact) for side in (one, two)]
            if values[0] != values[1]:
                found.append(Change(f"tensor {name}: {fact}", *values))
    moved = [name for name in one if name in two and one[name].bar != two[name].bar]
    if moved:
        old, new = (", ".join(f"{name} {side[name].bar}" for name in moved) for side in (one, two))
        found.append(Change("BARs", old, new, BARS))
    return found


def _brief(buffer: Buffer | None) -> str | None:
    if buffer is None:
        return None
    size = " x ".join(map(str, buffer.shape)) if isinstance(buffer, Tensor) else f"{buffer.size_bytes} bytes"
    return f"{buffer.role} {size}, BAR {buffer.bar}"


def notes(a: Program, b: Program) -> list[str]:
    """What could not be compared, and why."""
    lines = [f"{program.origin.name}: {note}" for program in (a, b) for note in program.origin.notes]
    for fact in ("compiler", "flags"):
        known = [bool(getattr(program.origin, fact)) for program in (a, b)]
        if known[0] != known[1]:
            lines.append(f"{(a, b)[known[0]].origin.name} does not say the {fact}: not compared")
    if bool(a.origin.sections) != bool(b.origin.sections):
        lacking = b if a.origin.sections else a
        lines.append(f"{lacking.origin.name} has no container: sections and addresses are not compared")
    if a.arch.name != b.arch.name:
        lines.append(
            f"{a.arch.name} and {b.arch.name} differ: tasks are compared by what they do; fields by name, where both "
            "have one and its value is known; headers, BARs and absent writes are not compared"
        )
    return lines
