"""The pass over what does not take part in computing: log and debug masks, cycle counts, priorities."""

from collections.abc import Iterator

from ..program.program import Program
from .edits import Kept, WordEdit


def noise(program: Program) -> Iterator[WordEdit | Kept]:
    """Header fields whose rows bear on time or on nothing."""
    masks = [
        (register.offset // 4, register.name, sum(field.mask for field in register.fields if field.is_noise))
        for register in program.arch.header.registers
    ]
    for number, task in enumerate(program.tasks):
        for index, name, mask in masks:
            if index < task.header_words and task.words[index] & mask:
                old = task.words[index]
                yield WordEdit(number, index, f"{program.arch.header.name}.{name}", old, old & ~mask)
