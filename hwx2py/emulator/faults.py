"""What goes wrong while a program runs, as data: collected, not raised, as far as the chip would survive it."""

from typing import NamedTuple

from ..errors import UnsupportedError


class Kind(NamedTuple):
    """A kind of fault.

    Attributes:
        name: a short name that stays the same from version to version.
        stops: the job cannot go on: the engine hangs, or the driver would wait for ever.
        sentence: what it is, for the table in the documentation.
        wedges: the device refuses everything from then on, until it is reset.
    """

    name: str
    stops: bool
    sentence: str
    wedges: bool = False


OUTSIDE_TENSOR = Kind("outside-tensor", False, "DMA beyond the bytes of a tensor, but inside its last page")
OUTSIDE_SCRATCH = Kind("outside-scratch", False, "DMA beyond the scratch memory that the program declares")
OUTSIDE_MEMORY = Kind("outside-memory", True, "DMA beyond a buffer's last page")
OUTSIDE_L2 = Kind("outside-l2", True, "an address beyond L2")
UNBOUND_BAR = Kind("unbound-bar", True, "a BAR that nothing is bound to, or whose enable bit is off")
WRONG_DIRECTION = Kind("wrong-direction", False, "an output is read, an input or coefficients are written")
WRONG_ELEMENT = Kind("wrong-element", False, "a task takes a tensor's elements to have another size than its type says")
UNWRITTEN = Kind("unwritten", False, "a read of memory, or of L2, that was never written")
EMPTY_CHAIN = Kind("empty-chain", True, "a task waits for a chained tensor that no task before it handed on")
WRITTEN_TWICE = Kind("written-twice", False, "two tasks write the same bytes of an output")
OUTPUT_NOT_WRITTEN = Kind("output-not-written", False, "after the job: no task wrote an output")
OUTPUT_PARTLY_WRITTEN = Kind(
    "output-partly-written", False, "after the job: some elements of an output were not written"
)
DMA_DISABLED = Kind("dma-disabled", True, "a DMA that a task waits for is off")
SHORT_COEFFICIENTS = Kind("short-coefficients", True, "kernel DMA fetches fewer bytes than the task computes with")
KERNEL_DMA_LARGER = Kind(
    "kernel-dma-larger", True, "kernel DMA fetches more than the task consumes: hangs, and wedged an M1 Max", True
)
CUT_STREAM = Kind("cut-stream", True, "a record ends behind its task: a wrong td_size or NextSize")
REGISTER_ZERO = Kind("register-zero", True, "a write of 0 to register 0, as zeros behind a task are decoded")
ZERO_DIMENSION = Kind("zero-dimension", True, "a size, a group count, a tile height or a step of 0")
SMALL_STRIDE = Kind("small-stride", True, "a source whose channels in L2 lie closer together than its rows are long")
PATCHED = Kind("patched", True, "a patch, which is for the planar engine, on a task of the neural engines")
MISSING_TASKS = Kind("missing-tasks", True, "td_count is larger than the chain is long")
DROPPED_TASKS = Kind("dropped-tasks", False, "td_count is smaller than the chain is long: the rest does not run")
BOOTSTRAP = Kind("bootstrap", True, "the copy of the first task lacks the network id that the queue waits for")
COMPLETION = Kind(
    "completion",
    False,
    "the last task lacks the network id or task id whose event the newer driver waits for; older ones see it idle",
)

#: Every kind, in the order of the documentation.
KINDS = (
    OUTSIDE_TENSOR,
    OUTSIDE_SCRATCH,
    OUTSIDE_MEMORY,
    OUTSIDE_L2,
    UNBOUND_BAR,
    WRONG_DIRECTION,
    WRONG_ELEMENT,
    UNWRITTEN,
    EMPTY_CHAIN,
    WRITTEN_TWICE,
    OUTPUT_NOT_WRITTEN,
    OUTPUT_PARTLY_WRITTEN,
    DMA_DISABLED,
    SHORT_COEFFICIENTS,
    KERNEL_DMA_LARGER,
    CUT_STREAM,
    REGISTER_ZERO,
    ZERO_DIMENSION,
    SMALL_STRIDE,
    PATCHED,
    MISSING_TASKS,
    DROPPED_TASKS,
    BOOTSTRAP,
    COMPLETION,
)


class Fault(NamedTuple):
    """Something that real hardware turns into a hang or into garbage.

    Attributes:
        kind: its kind.
        task: index of the task; None where none is at fault.
        register: the register that leads there; empty where none does.
        tensor: the buffer; empty where none is concerned.
        offset: byte offset in that buffer; None where none is concerned.
        what: the fault, in words.
    """

    kind: Kind
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
        return f"fault {self.kind.name}: {': '.join([*place, self.what])}"


class Hang(Exception):
    """The engine cannot go on; the fault is in the list already. The driver's SUBMIT times out."""

    def __init__(self, fault: Fault):
        super().__init__(fault.what)
        self.fault = fault


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
    """The faults of a run, each once."""

    def __init__(self) -> None:
        self._found: dict[Fault, None] = {}
        #: Index of the task that runs; None between tasks.
        self.task: int | None = None

    @property
    def found(self) -> list[Fault]:
        """The faults in the order in which they were found."""
        return list(self._found)

    def add(self, kind: Kind, what: str, register: str = "", tensor: str = "", offset: int | None = None) -> Fault:
        """Notes a fault of the task that runs."""
        fault = Fault(kind, self.task, register, tensor, offset, what)
        self._found.setdefault(fault)
        return fault

    def hang(self, kind: Kind, what: str, register: str = "", tensor: str = "", offset: int | None = None) -> Hang:
        """Notes a fault that the engine does not survive; the caller raises what this returns."""
        return Hang(self.add(kind, what, register, tensor, offset))
