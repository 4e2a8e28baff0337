"""Another program in an `.anec`: what the program does not say keeps the file's bytes."""

from ...errors import UnsupportedError
from ...program.program import Program
from ...units import round_up
from . import header
from .header import Anec
from .read import CONST_ALIGNMENT_BYTES


def replace(anec: Anec, old: Program, new: Program) -> list[bytes | memoryview]:
    """The file with another program in it, as pieces to write one after another.

    Args:
        anec: the file.
        old: the program that it holds.
        new: the program that it shall hold, with the same tensors.

    Raises:
        UnsupportedError: the file has no place for the program.
    """
    if new.arch.name != old.arch.name:
        raise UnsupportedError(f"the program is for {new.arch.name}, the file for {old.arch.name}")
    if (sorted(new.tensors), new.scratch) != (sorted(old.tensors), old.scratch) or new.aliases or new.kernels:
        raise UnsupportedError(
            "the program has other tensors or BARs than the file", hint="write a new file: leave out --onto"
        )
    text = new.text.to_bytes()
    if len(text) == old.text.size_bytes:
        padding = bytes(anec.content[len(text) : old.const_offset])
    else:
        padding = bytes(round_up(len(text), CONST_ALIGNMENT_BYTES[new.arch.name]) - len(text))
    rest = anec.content[old.const_offset + len(old.const) :]
    first_task = new.tasks[0].size_bytes
    return header.write(
        anec._replace(
            task_bytes=anec.task_bytes if first_task == old.tasks[0].size_bytes else first_task,
            task_count=len(new.tasks),
            text_bytes=len(text),
            coefficient_bytes=len(new.const),
            content=memoryview(b"".join([text, padding, new.const, rest])),
        )
    )
