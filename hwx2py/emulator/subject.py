"""What can be run on the virtual ANE, whichever kind of file it is: a program out of its container, or a script."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from ..formats import ProgramFile, load, map_file, script
from ..formats.anec.header import Anec
from ..program.program import Program, Tensor
from ..registers import Architecture
from .driver import rows
from .numbers import Numbers
from .script_process import CONFINED, Access, run_script
from .session import Announced, OnResult, Result, check_runs, check_shows, run_program


class Request(NamedTuple):
    """What is asked of a run.

    Attributes:
        arguments: a generated script's command line.
        access: what a script may do beside running.
        save: keep the archive of the outputs.
        stop_after: index of the last task to run; None for all.
    """

    arguments: Sequence[str]
    access: Access = CONFINED
    save: bool = False
    stop_after: int | None = None


def announced_by(container: object) -> Announced | None:
    """What a container tells the driver in place of the program's own sizes: an `.anec`'s header; None for others."""
    if not isinstance(container, Anec):
        return None
    return Announced(container.text_bytes, container.task_count, container.task_bytes)


@dataclass(frozen=True, slots=True)
class ProgramSubject:
    """A program out of an `.hwx` or `.anec`.

    Attributes:
        file: as `formats.load` gives it.
    """

    file: ProgramFile

    @property
    def arch(self) -> Architecture:
        """The chip's generation."""
        return self.file.program.arch

    @property
    def tensors(self) -> Sequence[Tensor]:
        """Its inputs and outputs."""
        return self.file.program.tensors

    def program(self) -> Program:
        """The program."""
        return self.file.program

    def run(self, request: Request, numbers: Numbers | None, on_result: OnResult | None) -> Result:
        """See `session.run_program`."""
        check_shows(self.tensors)
        announced = announced_by(self.file.container)
        return run_program(
            self.file.program, request.arguments, numbers, on_result, request.stop_after, announced, request.save
        )


@dataclass(frozen=True, slots=True)
class ScriptSubject:
    """A script, which runs unchanged in a process of its own.

    Attributes:
        path: the script.
        outline: what its tables say.
    """

    path: str
    outline: script.Outline

    @classmethod
    def of(cls, path: str) -> "ScriptSubject":
        """A script whose tables are parsed, to know what its buffers are.

        Args:
            path: the script.

        Raises:
            HwxError: the tables cannot be read, or the virtual ANE does not run the architecture.
        """
        outline = script.outline(bytes(map_file(path)))
        check_runs(outline.arch)
        return cls(path, outline)

    @property
    def arch(self) -> Architecture:
        """The chip's generation."""
        return self.outline.arch

    @property
    def tensors(self) -> Sequence[Tensor]:
        """Its inputs and outputs."""
        return self.outline.tensors

    def program(self) -> Program:
        """What it builds, as far as that can be read without running it.

        Raises:
            ScriptError: it has to be run.
        """
        return load(self.path).program

    def run(self, request: Request, numbers: Numbers | None, on_result: OnResult | None) -> Result:
        """See `script_process.run_script`."""
        check_shows(self.tensors)
        outline = self.outline
        return run_script(
            self.path,
            outline,
            rows(outline.buffers, outline.kernels, outline.aliases),
            request.arguments,
            numbers,
            on_result,
            request.stop_after,
            access=request.access,
            save=request.save,
        )


Subject = ProgramSubject | ScriptSubject
