"""The engine: runs tasks, one after another, as their registers say.

A door below the driver: tasks and buffers are enough, without an ioctl.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import NamedTuple

import numpy as np

from ..operations import Neural, Operation, Planar
from ..operations.reader import Reader
from ..operations.stage_rows import short_strides
from ..program.program import SCRATCH
from ..program.register_file import RegisterFile
from ..program.task import Record, Task
from ..registers import Architecture
from . import faults as kinds
from . import neural, planar
from .access import L2, Access, Bar, Move
from .faults import Faults, NotImplementedTask
from .memory import Memory
from .numbers import POLICIES, Numbers

#: 2 GiB while they are computed with; chosen.
MOST_ELEMENTS = 1 << 28


class Step(NamedTuple):
    """A task that ran.

    Attributes:
        task: its index.
        operation: what it did.
        moves: the bytes that it moved.
    """

    task: int
    operation: Operation
    moves: tuple[Move, ...]


#: Roles of buffers that the host does not fill; "" is one that no table knows.
NOT_GIVEN = ("output", SCRATCH, "")


#: Forms of tasks that are remembered from run to run.
MOST_FORMS = 1 << 11
_READERS: dict[str, Reader] = {}


def _reader(arch: Architecture) -> Reader:
    """A reader of tasks that knows those of earlier runs: most runs in a process are of the same program."""
    known = _READERS.get(arch.name)
    if known is None or known.arch is not arch or known.forms > MOST_FORMS:
        known = _READERS[arch.name] = Reader(arch)
    return known


class Engine:
    """An engine with its L2 and register file, which keep what they hold from job to job.

    Args:
        arch: the chip's generation.
        memory: device memory.
        faults: where faults go.
        numbers: the arithmetic; the machine's own if left out.
        on_result: called with every step and the bits of its result, if given.
        stop_after: index of the last task to run; all run if left out.
    """

    def __init__(
        self,
        arch: Architecture,
        memory: Memory,
        faults: Faults,
        numbers: Numbers | None = None,
        on_result: Callable[[Step, np.ndarray], None] | None = None,
        stop_after: int | None = None,
    ):
        self.arch, self.memory, self.faults = arch, memory, faults
        self.machine = arch.machine
        self.numbers = numbers or POLICIES[self.machine.numbers]
        self.on_result = on_result
        self.stop_after = stop_after
        #: Whether a run ended with `stop_after`: what later tasks write is then not missing.
        self.ended_early = False
        self.l2 = L2(self.machine.l2_bytes)
        self.steps: list[Step] = []
        self._reader = _reader(arch)
        #: The register file: byte address -> word.
        self._values = dict(arch.start_image)
        self._known_runs: set[tuple[int, int, int | None]] = set()

    def run(self, tasks: Iterable[Task], bars: Mapping[int, Bar]) -> None:
        """Runs tasks.

        Args:
            tasks: in order; each is asked for when the one before it has ended.
            bars: BAR (slot) number -> what stands behind it.

        Raises:
            Hang: the engine stopped; the fault says why.
            NotImplementedTask: a task asks for something that is not implemented.
        """
        given = {bar.buffer.handle for bar in bars.values() if bar.role not in NOT_GIVEN}
        self.memory.note_host_writes(given)
        for index, task in enumerate(tasks):
            self.faults.task = index
            self.execute(index, self._read(index, task), bars)
            if index == self.stop_after:
                self.ended_early = True
                break
        self.faults.task = None

    def execute(self, index: int, operation: Operation, bars: Mapping[int, Bar]) -> np.ndarray:
        """Runs one operation.

        Args:
            index: the task's index, for faults.
            operation: what to do.
            bars: BAR (slot) number -> what stands behind it.

        Returns:
            The bits of the result, uint8 or uint16, (groups, channels, depth, height, width), before they are stored.

        Raises:
            Hang: the engine stopped; the fault says why.
            NotImplementedTask: the operation is not implemented.
        """
        self._check(index, operation)
        access = Access(index, bars, self.memory, self.l2, self.faults)
        runner = planar if isinstance(operation, Planar) else neural
        bits: np.ndarray = runner.run(operation, access, self.numbers)
        access.put(operation.result, bits)
        step = Step(index, operation, tuple(access.moves))
        self.steps.append(step)
        if self.on_result is not None:
            self.on_result(step, bits)
        return bits

    def _read(self, index: int, task: Task) -> Operation:
        """What a task does, after the tasks that ran before it."""
        if not self.arch.carries_state:
            self._values = dict(self.arch.start_image)
        for record in task.records:
            words = task.words[record.index + 1 : record.index + 1 + record.count]
            self._check_rows(index, record, words)
            self._values.update(zip(record.addresses(), words))
        return self._reader.read(RegisterFile(self.arch, task, self._values))

    def _check_rows(self, index: int, record: Record, words: memoryview) -> None:
        """Refuses writes to addresses at which no register is known."""
        run = record.address, record.count, record.mask
        if run in self._known_runs:
            return
        for address, word in zip(record.addresses(), words):
            if not self.arch.has_row(address):
                raise NotImplementedTask(index, f"the register at {address:#x}", word, "no register is known there")
        self._known_runs.add(run)

    def _check(self, index: int, operation: Operation) -> None:
        """What makes hardware hang, then what is not understood, then what is too large."""
        if operation.zeros:
            register, _, field = operation.zeros[0].rpartition(".")
            raise self.faults.hang(kinds.ZERO_DIMENSION, f"{field} is 0", register)
        if operation.unknowns:
            raise NotImplementedTask(index, *operation.unknowns[0])
        if isinstance(operation, Neural) and operation.patched:
            raise self.faults.hang(kinds.PATCHED, "a task of the neural engines has a patch", "Common.PatchCfg")
        for short in short_strides(operation):
            what = f"{short.stride_bytes:#x} for rows of {short.row_bytes:#x} bytes"
            raise self.faults.hang(kinds.SMALL_STRIDE, what, short.register)
        shapes = [operand.shape for operand in operation.inputs] + [operation.result.shape]
        largest = max(shapes, key=lambda shape: shape.count)
        if largest.count > MOST_ELEMENTS:
            size = " x ".join(map(str, largest))
            raise NotImplementedTask(index, "the shape", size, f"at most {MOST_ELEMENTS} elements can be held")
