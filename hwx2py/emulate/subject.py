"""What can be run on the virtual ANE, whichever kind of file it is: a program out of its container, or a script."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

from ..formats import File, map_file, script
from ..operations import Names
from ..program.model import Tensor
from . import session
from .driver import rows
from .settings import Settings


class Subject(NamedTuple):
    """Something to run.

    Attributes:
        tensors: its buffers.
        names: how they are called.
        run: runs it, with a script's command line.
        file: its program and container; None for a script, which is run as it is and not read.
    """

    tensors: Sequence[Tensor]
    names: Names
    run: Callable[[Sequence[str], Settings], session.Result]
    file: File | None

    @classmethod
    def of_file(cls, file: File) -> "Subject":
        """A program out of an `.hwx` or `.anec`.

        Args:
            file: as `formats.load` gives it.
        """
        program = file.program
        names = Names.of(program)
        return cls(
            program.tensors, names, lambda arguments, settings: session.run_program(program, arguments, settings), file
        )

    @classmethod
    def of_script(cls, path: str) -> "Subject":
        """A script, which runs in a process of its own.

        Args:
            path: the script; its tables are parsed, to know what its buffers are.

        Raises:
            HwxError: the tables cannot be read, or the virtual ANE does not run the architecture.
        """
        outline = script.outline(bytes(map_file(path)))
        session.check_runs(outline.arch)
        table = rows(outline.tensors, outline.kernels, outline.aliases)
        tensors = {tensor.bar: tensor for tensor in outline.tensors}
        named = {tensor.name: tensor for tensor in outline.tensors}
        tensors |= {bar: named[name] for bar, name in outline.aliases if name in named}
        buffers = dict(outline.arch.fixed_bars) | dict(outline.kernels)
        buffers |= {bar: tensor.name for bar, tensor in tensors.items()}
        return cls(
            outline.tensors,
            Names(buffers, tensors, {}),
            lambda arguments, settings: session.run_script(path, table, arguments, settings),
            None,
        )
