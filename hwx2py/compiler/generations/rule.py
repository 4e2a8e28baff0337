"""What the rules from one generation to another are made of.

A field of the target takes the value of the source's field of the same name, unless a row says otherwise: that it is
called otherwise (`Moved`), that it follows from what the task does (`Rule`), or that the target does not need it
(`Dropped`). What holds a value and has neither is refused by name.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

from ...operations import InL2, Operand, Operation, Planar
from ...program.program import Program
from ...program.register_file import RegisterFile
from ..habits import Habits
from .coefficients import Arranged, Coefficients


class Bars(NamedTuple):
    """Numbers of buffers in the new program.

    Attributes:
        first: the first number that a tensor can have in the old one.
        up: by how much those of tensors are higher in the new one.
    """

    first: int
    up: int

    def of(self, number: int) -> int:
        """The new number of a buffer."""
        return number + self.up if number >= self.first else number


class Subject(NamedTuple):
    """A task of the program that is ported.

    Attributes:
        program: the program.
        operations: what its tasks do.
        number: which of them it is.
        registers: the register file while it runs.
        arranged: the constants of the new program.
        lives_on: whether a later task reads from L2 what lies there after this one.
        begins: whether no task reads from L2 what lay there before this one.
        kernel_for_next: the next task fetches a kernel that an earlier task wrote.
        bars: the numbers of buffers in the new program.
    """

    program: Program
    operations: Sequence[Operation]
    number: int
    registers: RegisterFile
    arranged: Arranged
    lives_on: bool = False
    begins: bool = True
    kernel_for_next: bool = False
    bars: Bars = Bars(0, 0)

    def bar(self, number: int | None) -> int | None:
        """A buffer's number in the new program."""
        return None if number is None else self.bars.of(number)

    @property
    def operation(self) -> Operation:
        """What the task does."""
        return self.operations[self.number]

    @property
    def coefficients(self) -> Coefficients:
        """Where its coefficients lie in the new program."""
        return self.arranged.by_task[self.number]

    @property
    def is_planar(self) -> bool:
        """Whether the planar engine works."""
        return isinstance(self.operation, Planar)

    @property
    def is_last(self) -> bool:
        """Whether it is the last task."""
        return self.number == len(self.operations) - 1

    @property
    def fetches(self) -> bool:
        """Whether kernel DMA fetches something for it."""
        return self.coefficients.is_fetched

    def source(self, number: int) -> Operand | None:
        """Source 1 or 2; None where it has none."""
        inputs = self.operation.inputs
        return inputs[number - 1] if number <= len(inputs) else None

    def is_fetched(self, number: int) -> bool:
        """Whether source 1 or 2 comes by tile DMA."""
        source = self.source(number)
        return source is not None and not isinstance(source.where, InL2)


class Moved(NamedTuple):
    """A field that the two generations call differently.

    Attributes:
        one: `Block.Register.Field` of the first.
        two: that of the second.
        source: how it is known.
    """

    one: str
    two: str
    source: str


class Rule(NamedTuple):
    """A field of the target that follows from what the task does.

    Attributes:
        field: `Block.Register.Field`, or a header field.
        value: the number that it holds, from the task and the index in an array; None: the source's field of that name.
        source: how it is known.
    """

    field: str
    value: Callable[[Subject, int], int | None]
    source: str


class Dropped(NamedTuple):
    """A field of the source that the target does without.

    Attributes:
        field: `Block.Register.Field`.
        source: why, and how it is known.
        when: in which tasks; None for all.
    """

    field: str
    source: str
    when: Callable[[Subject], bool] | None = None


class Refused(NamedTuple):
    """Tasks that the target is not known to do.

    Attributes:
        when: which.
        register: what a message names.
        why: the reason.
    """

    when: Callable[[Subject], bool]
    register: str
    why: str


class Use(NamedTuple):
    """Registers that only some tasks use.

    Attributes:
        prefix: what `Block.Register` begins with; the first row that fits counts.
        when: in which tasks.
    """

    prefix: str
    when: Callable[[Subject], bool]


class Base(NamedTuple):
    """An address that stands in a record of its own, which names the buffer (H14 and later).

    Attributes:
        registers: the registers of the address.
        bar: the buffer, or None where the task does not use the address.
        alone: each register has a record of its own.
    """

    registers: tuple[str, ...]
    bar: Callable[[Subject], int | None]


class Writing(NamedTuple):
    """How a generation's tasks are written.

    Attributes:
        blocks: their order.
        at_first: register -> word of a task that uses nothing.
        sparse: only words that differ from those are written.
        always: registers that are written whatever they hold.
        only_with_kernel: registers that only tasks with coefficients write; the others of a dense task always are.
        bases: addresses behind everything else.
        filler: a register and the word that is written there so that no task ends on a multiple of 64 bytes.
        opening: what the text begins with.
        table_in_front: lookup tables stand in front of each engine's coefficients, not in a channel of their own.
    """

    blocks: tuple[str, ...]
    at_first: Callable[[], dict[str, int]]
    sparse: bool
    always: frozenset[str] = frozenset()
    only_with_kernel: tuple[str, ...] = ()
    bases: tuple[Base, ...] = ()
    filler: tuple[str, int] | None = None
    opening: bytes = b""
    table_in_front: bool = False


class Generations(NamedTuple):
    """The rules from one generation to another.

    Attributes:
        source: the architecture of the programs that are ported.
        target: the architecture that they are ported to.
        rules: fields of the target that follow from the task.
        moved: fields with another name: the source's first.
        dropped: fields of the source that the target does without.
        uses: registers that only some tasks use.
        writing: how the target's tasks are written.
        caution: what a user should know of the new program.
        habits: how its compilers make some operations.
        refused: tasks that the target is not known to do.
    """

    source: str
    target: str
    rules: tuple[Rule, ...]
    moved: tuple[Moved, ...]
    dropped: tuple[Dropped, ...]
    uses: tuple[Use, ...]
    writing: Writing
    caution: str
    habits: Habits
    refused: tuple[Refused, ...] = ()


class Obstacle(NamedTuple):
    """Something that has no place in the other generation.

    Attributes:
        task: its number.
        register: `Block.Register.Field`, or what else it is about.
        value: what it holds.
        why: the reason.
    """

    task: int
    register: str
    value: object
    why: str

    def __str__(self) -> str:
        shown = f"{self.value:#x}" if isinstance(self.value, int) else str(self.value)
        return f"task {self.task}: {self.register} = {shown}: {self.why}"
