"""The Linux ANE driver as a contract: buffers, SUBMIT, and everything that it refuses.

Source: the out-of-tree driver's ioctls (type 'd'), whose numbers, structures and checks are in docs/emulator.md, with
the limits and the completion of its newer, lifecycle version.
"""

import errno
import struct
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from ..errors import StreamError
from ..operations import Shape, Strides
from ..program.program import Buffer as ProgramBuffer
from ..program.program import Tensor
from ..program.streams import STREAMS
from ..program.task import Task, words_of
from ..registers import Architecture, by_name
from ..units import round_up
from . import faults as kinds
from .access import Bar
from .engine import Engine, Step
from .faults import Faults, Hang
from .memory import Buffer, Memory
from .numbers import Numbers
from .strided import Layout

BO_INIT, BO_FREE, SUBMIT = 0xC0186441, 0xC0086442, 0xC0986443

BO_INIT_STRUCT = struct.Struct("<2I2Q")
BO_FREE_STRUCT = struct.Struct("<2I")
SUBMIT_STRUCT = struct.Struct("<Q2I32I2I")

#: The network id that the driver's queue expects in the bootstrap copy of the first task, and in the event of the last.
NETWORK_ID = 0x40
#: Limits of the newer driver.
MOST_TASKS, MOST_TASK_BYTES = 0xFFFF, 0x40000


#: A call: its structure, and what does it with the structure and the structure's values.
Call = tuple[struct.Struct, Callable[..., tuple[int, bytes]]]


class Elements(NamedTuple):
    """Where the elements of a tensor lie in its buffer, and how many there are."""

    layout: Layout
    shape: Shape

    @property
    def end(self) -> int:
        """The byte behind the last element."""
        return self.layout.span(self.shape)[1]


class TensorRow(NamedTuple):
    """What is known of the buffer behind a BAR: for names in faults, and to know whether an output is complete.

    Attributes:
        name: the tensor's name.
        role: input, output, scratch or coefficients.
        elements: where its elements lie; None where it has no elements of its own.
        size_bytes: its declared size; 0 where nothing says.
    """

    name: str
    role: str
    elements: Elements | None = None
    size_bytes: int = 0

    @property
    def element_bytes(self) -> int:
        """Size of an element; 0 where it has none."""
        return self.elements.layout.element if self.elements else 0


def tensor_row(buffer: ProgramBuffer) -> TensorRow:
    """What a program's own table says of a buffer; the batch of a tensor counts as groups."""
    elements = None
    if isinstance(buffer, Tensor) and min(buffer.shape) > 0:
        size = np.dtype(buffer.dtype).itemsize
        batch, channel, row, element = buffer.strides
        if element == size:
            groups, channels, height, width = buffer.shape
            layout = Layout(0, Strides(batch, channel, 0, row), 1, size)
            elements = Elements(layout, Shape(groups, channels, 1, height, width))
    return TensorRow(buffer.name, buffer.role, elements, buffer.size_bytes)


def rows(
    buffers: Sequence[ProgramBuffer], kernels: Mapping[int, str], aliases: Sequence[tuple[int, str]] = ()
) -> dict[int, TensorRow]:
    """What is known of the buffers behind the BARs of a program.

    Args:
        buffers: inputs, outputs and scratch.
        kernels: BAR -> name of coefficients in segments of their own.
        aliases: (BAR, tensor name) of further BARs.
    """
    known = {bar: TensorRow(name, "coefficients") for bar, name in kernels.items()}
    known.update((buffer.bar, tensor_row(buffer)) for buffer in buffers)
    of_name = {buffer.name: known[buffer.bar] for buffer in buffers}
    known.update((bar, of_name[name]) for bar, name in aliases if name in of_name)
    return known


class _Job(NamedTuple):
    """What SUBMIT asks for: the BARs, the buffer with the copy of the first task, td_size and td_count."""

    bars: Mapping[int, Bar]
    bootstrap: Bar
    first_bytes: int
    task_count: int


class Driver:
    """The driver with an engine behind it.

    Args:
        rows: BAR number -> what stands there by the program's own table.
        arch: the chip's generation; that of `ARCH` if left out.
        numbers: the arithmetic; the machine's own if left out.
        on_result: called with every step and the bits of its result, if given.
        stop_after: index of the last task to run; all run if left out.
    """

    #: The generation that the driver was written for.
    ARCH = "H13"

    def __init__(
        self,
        rows: Mapping[int, TensorRow],
        arch: Architecture | None = None,
        numbers: Numbers | None = None,
        on_result: Callable[[Step, np.ndarray], None] | None = None,
        stop_after: int | None = None,
    ):
        self.rows = rows
        self.arch = arch or by_name(self.ARCH)
        self.stream = STREAMS[self.arch.stream]
        self.faults = Faults()
        self.memory = Memory()
        self.engine = Engine(self.arch, self.memory, self.faults, numbers, on_result, stop_after)
        #: Whether a hang has left the device unusable.
        self.wedged = False

    def ioctl(self, number: int, data: bytes) -> tuple[int, bytes]:
        """An ioctl with a structure: (errno or 0, the structure as it comes back).

        Raises:
            NotImplementedTask: SUBMIT met a task that is not implemented.
        """
        calls = self._calls()
        if number not in calls:
            return errno.ENOTTY, data
        packing, call = calls[number]
        if len(data) != packing.size:
            return errno.EINVAL, data
        return call(data, *packing.unpack(data))

    def _calls(self) -> dict[int, Call]:
        return {
            BO_INIT: (BO_INIT_STRUCT, self._bo_init),
            BO_FREE: (BO_FREE_STRUCT, self._bo_free),
            SUBMIT: (SUBMIT_STRUCT, self._submit),
        }

    def _bo_init(self, data: bytes, handle: int, pad: int, size: int, offset: int) -> tuple[int, bytes]:
        if self.wedged:
            return errno.ENODEV, data
        if pad or not size:
            return errno.EINVAL, data
        buffer = self.memory.allocate(size)
        if buffer is None:
            code = errno.EEXIST if self.memory.exhausted else errno.ENOSPC
            self.memory.exhausted = True
            return code, data
        return 0, BO_INIT_STRUCT.pack(buffer.handle, 0, size, buffer.offset)

    def _bo_free(self, data: bytes, handle: int, pad: int) -> tuple[int, bytes]:
        if self.wedged:
            return errno.ENODEV, data
        if pad or not self.memory.free(handle):
            return errno.EINVAL, data
        return 0, data

    def _submit(self, data: bytes, text_bytes: int, count: int, first_bytes: int, *rest: int) -> tuple[int, bytes]:
        """tsk_size, td_count, td_size, then handles, bootstrap handle, pad."""
        *handles, bootstrap, pad = rest
        if self.wedged:
            return errno.ECANCELED, data
        buffers = self.memory.buffers
        if pad or not text_bytes or not count or not first_bytes or not handles[0] or handles[1] or not bootstrap:
            return errno.EINVAL, data
        if any(handle and handle not in buffers for handle in (*handles, bootstrap)):
            return errno.EINVAL, data
        if text_bytes >= buffers[handles[0]].room or count > MOST_TASKS:
            return errno.EINVAL, data
        if first_bytes % 4 or first_bytes > min(MOST_TASK_BYTES, buffers[bootstrap].room):
            return errno.EINVAL, data
        first = buffers[bootstrap]
        job = _Job(self._bars(handles, text_bytes), Bar("bootstrap", "text", first, 0, first.size), first_bytes, count)
        try:
            self.engine.run(self._tasks(job), job.bars)
        except Hang as hang:
            self.wedged = hang.fault.kind.wedges
            return errno.ETIMEDOUT, data
        finally:
            self.faults.task = None
            if not self.engine.ended_early:
                check_outputs(self.rows.values(), job.bars, self.faults)
        return 0, data

    def _bars(self, handles: list[int], text_bytes: int) -> dict[int, Bar]:
        buffers = self.memory.buffers
        command = buffers[handles[0]]
        start = round_up(text_bytes, 16)
        bars = {
            0: Bar("text", "text", command, 0, text_bytes),
            1: Bar("const", "coefficients", command, start, max(0, command.size - start)),
        }
        for number, handle in enumerate(handles[2:], 2):
            if handle:
                bars[number] = self.bar(number, buffers[handle])
        return bars

    def bar(self, number: int, buffer: Buffer) -> Bar:
        """A buffer behind a BAR (slot), with what the program's own table says of it."""
        row = self.rows.get(number, TensorRow(f"BAR {number}", ""))
        size = min(buffer.size, row.size_bytes) if row.role == "scratch" and row.size_bytes else buffer.size
        return Bar(row.name, row.role, buffer, 0, size, row.element_bytes)

    def _tasks(self, job: _Job) -> Iterator[Task]:
        """The tasks of a job, as the queue fetches them: the first from the bootstrap buffer, others from the text."""
        words = self._fetch(job.bootstrap, 0, job.first_bytes, "td_size")
        text = words_of(job.bars[0].buffer.data.data)
        offset = 0
        for index in range(job.task_count):
            self.faults.task = index
            task = self._decode(words, offset, index, job)
            last = index + 1 == job.task_count
            if last:
                self._check_completion(task, job)
            yield task
            following = self.stream.follow(task, text, self.arch)
            if last or following is None:
                break
            offset = following.offset
            words = self._fetch(job.bars[0], offset, following.size_bytes, "Header.NextSize")
        chain = "Header.NextPointer"
        if not last:
            what = f"td_count is {job.task_count}, but the chain ends here"
            raise self.faults.hang(kinds.MISSING_TASKS, what, chain)
        if following is not None:
            self.faults.task = None
            what = f"td_count is {job.task_count}, but the chain goes on"
            self.faults.add(kinds.DROPPED_TASKS, what, chain)

    def _fetch(self, bar: Bar, offset: int, size: int, register: str) -> memoryview:
        if bar.start + offset + size > bar.buffer.room or size % 4:
            what = f"a task of {size} bytes is fetched from there"
            raise self.faults.hang(kinds.OUTSIDE_MEMORY, what, register, bar.name, offset)
        start = bar.start + offset
        return words_of(bar.buffer.data[start : start + size].tobytes())

    def _decode(self, words: memoryview, offset: int, index: int, job: _Job) -> Task:
        try:
            task = self.stream.task(words, offset, self.arch, f"task {index}")
        except StreamError as error:
            what = f"{error.what} (td_size {job.first_bytes})" if index == 0 else error.what
            raise self.faults.hang(kinds.CUT_STREAM, what) from error
        for record in task.records:
            if record.address == 0 and task.words[record.index + 1] == 0:
                what = f"{4 * record.index:#x} bytes into the task: zeros behind its last record?"
                raise self.faults.hang(kinds.REGISTER_ZERO, what, self.arch.locate(0).name)
        if index == 0 and (number := self._header(task, "NID")) != NETWORK_ID:
            what = f"NID is {number:#x}, the queue waits for {NETWORK_ID:#x}"
            raise self.faults.hang(kinds.BOOTSTRAP, what, "Header.NID")
        return task

    def _check_completion(self, task: Task, job: _Job) -> None:
        """Whether the event comes that the newer driver waits for: the last task's, by network id and task id."""
        network, number = self._header(task, "NID"), self._header(task, "TID")
        if network != NETWORK_ID:
            what = f"the last task's NID is {network:#x}; the newer driver waits for {NETWORK_ID:#x}"
            self.faults.add(kinds.COMPLETION, what, "Header.NID")
        elif number != job.task_count - 1:
            what = f"the last task's id is {number}; the newer driver waits for {job.task_count - 1}"
            self.faults.add(kinds.COMPLETION, what, "Header.TID")

    def _header(self, task: Task, field: str) -> int:
        place = self.arch.place(f"Header.W0.{field}")
        return place.number(task.words[place.address // 4])


def check_outputs(tensors: Iterable[TensorRow], bars: Mapping[int, Bar], faults: Faults) -> None:
    """Notes outputs that are not, or only partly, written.

    Args:
        tensors: what is known of the tensors.
        bars: BAR number -> what stands behind it.
        faults: where faults go.
    """
    known = {row.name: row.elements for row in tensors}
    for bar in bars.values():
        elements = known.get(bar.name)
        if bar.role != "output" or elements is None or elements.end > bar.buffer.room:
            continue
        if bar.buffer.written is None:
            faults.add(kinds.OUTPUT_NOT_WRITTEN, "no task wrote it", tensor=bar.name)
        elif not elements.layout.marked(bar.buffer.written, elements.shape):
            missing = elements.layout.unmarked(bar.buffer.written, elements.shape)
            count = f"{len(missing)} of {elements.shape.count} elements were not written"
            faults.add(kinds.OUTPUT_PARTLY_WRITTEN, count, tensor=bar.name, offset=int(missing.min()))
