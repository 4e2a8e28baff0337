"""What goes wrong while a program runs, as data: collected, not raised, as far as the chip would survive it."""

from typing import NamedTuple

from ..errors import UnsupportedError


class Fault(NamedTuple):
    """Something that real hardware turns into a hang or into garbage.

    Attributes:
        kind: a short name that stays the same from version to version.
        task: index of the task; None where none is at fault.
        register: the register that leads there; empty where none does.
        tensor: the buffer; empty where none is concerned.
        offset: byte offset in that buffer; None where none is concerned.
        what: the fault, in words.
    """

    kind: str
    task: int | None
    register: str
    tensor: str
    offset: int | None
    what: str

    def __str__(self) -> str:
        place = [f"task {self.task}"] if self.task is not None else []
        place += [self.register] if self.register else []
        place += (
            [self.tensor + (f" at byte {self.offset:#x}" if self.offset is not None else "")] if self.tensor else []
        )
        return f"fault {self.kind}: {': '.join([*place, self.what])}"


class Hang(Exception):
    """The engine cannot go on; the fault is in the list already. The driver's SUBMIT times out."""


class NotImplementedTask(UnsupportedError):
    """A task that asks for something that is not known well enough to be computed: an error, never a guess."""

    def __init__(self, task: int, register: str, value: object, why: str):
        shown = f"{value:#x}" if isinstance(value, int) and value > 9 else str(value)
        super().__init__(
            f"{register} = {shown} is not implemented: {why}",
            where=f"task {task}",
            hint="`hwx2py dump` shows the task",
        )


class Faults:
    """The faults of a run, each told once."""

    def __init__(self) -> None:
        self.found: list[Fault] = []
        #: Index of the task that runs; None between tasks.
        self.task: int | None = None

    def add(self, kind: str, what: str, register: str = "", tensor: str = "", offset: int | None = None) -> None:
        """Notes a fault of the task that runs."""
        fault = Fault(kind, self.task, register, tensor, offset, what)
        if fault not in self.found:
            self.found.append(fault)

    def hang(self, kind: str, what: str, register: str = "", tensor: str = "", offset: int | None = None) -> Hang:
        """Notes a fault that the engine does not survive; the caller raises what this returns."""
        self.add(kind, what, register, tensor, offset)
        return Hang(what)
