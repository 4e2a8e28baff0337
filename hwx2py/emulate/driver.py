"""The Linux ANE driver as a contract: buffers, SUBMIT, and everything that it refuses.

Source: the out-of-tree driver's ioctls (type 'd'), whose numbers, structures and checks are in docs/emulator.md.
"""

import errno
import struct
from collections.abc import Mapping
from typing import NamedTuple

from ..units import round_up
from .context import Bar
from .engine import Engine, Job
from .faults import Faults, Hang
from .memory import Buffer, Memory
from .surface import Layout, Shape

BO_INIT, BO_FREE, SUBMIT = 0xC0186441, 0xC0086442, 0xC0986443

BO_INIT_STRUCT = struct.Struct("<2I2Q")
BO_FREE_STRUCT = struct.Struct("<2I")
SUBMIT_STRUCT = struct.Struct("<Q2I32I2I")


class TensorRow(NamedTuple):
    """What is known of the buffer behind a BAR: for names in faults, and to know whether an output is complete.

    Attributes:
        name: the tensor's name.
        role: input, output, scratch or coefficients.
        layout, shape: where its elements lie; None where it has no elements of its own.
    """

    name: str
    role: str
    layout: Layout | None = None
    shape: Shape | None = None


class Driver:
    """The driver with an engine behind it.

    Args:
        rows: BAR number -> what stands there by the program's own table.
    """

    def __init__(self, rows: Mapping[int, TensorRow]):
        self.rows = rows
        self.faults = Faults()
        self.memory = Memory()
        self.engine = Engine(self.memory, self.faults)

    def ioctl(self, number: int, data: bytes) -> tuple[int, bytes]:
        """An ioctl with a structure: (errno or 0, the structure as it comes back).

        Raises:
            NotImplementedTask: SUBMIT met a task that is not implemented.
        """
        calls = {
            BO_INIT: (BO_INIT_STRUCT, self._bo_init),
            BO_FREE: (BO_FREE_STRUCT, self._bo_free),
            SUBMIT: (SUBMIT_STRUCT, self._submit),
        }
        if number not in calls:
            return errno.ENOTTY, data
        packing, call = calls[number]
        if len(data) != packing.size:
            return errno.EINVAL, data
        return call(data, *packing.unpack(data))

    def _bo_init(self, data: bytes, handle: int, pad: int, size: int, offset: int) -> tuple[int, bytes]:
        if pad or not size:
            return errno.EINVAL, data
        buffer = self.memory.allocate(size)
        if buffer is None:
            return errno.ENOMEM, data
        return 0, BO_INIT_STRUCT.pack(buffer.handle, 0, size, buffer.offset)

    def _bo_free(self, data: bytes, handle: int, pad: int) -> tuple[int, bytes]:
        if pad or not self.memory.free(handle):
            return errno.EINVAL, data
        return 0, data

    def _submit(self, data: bytes, task_bytes: int, count: int, first: int, *rest: int) -> tuple[int, bytes]:
        """tsk_size, td_count, td_size, then handles, bootstrap handle, pad."""
        *handles, bootstrap, pad = rest
        buffers = self.memory.buffers
        if pad or not task_bytes or not count or not first or not handles[0] or handles[1] or not bootstrap:
            return errno.EINVAL, data
        if any(handle and handle not in buffers for handle in (*handles, bootstrap)):
            return errno.EINVAL, data
        if task_bytes >= buffers[handles[0]].room:
            return errno.EINVAL, data
        job = self._job(handles, buffers[bootstrap], task_bytes, first, count)
        try:
            self.engine.run(job)
        except Hang:
            return errno.ETIMEDOUT, data
        finally:
            shapes = {row.name: (row.layout, row.shape) for row in self.rows.values() if row.shape}
            self.engine.check_outputs(job.bars, shapes)
        return 0, data

    def _job(self, handles: list[int], bootstrap: Buffer, task_bytes: int, first: int, count: int) -> Job:
        buffers = self.memory.buffers
        command = buffers[handles[0]]
        start = round_up(task_bytes, 16)
        bars = {
            0: Bar("text", "text", command, 0, task_bytes),
            1: Bar("const", "coefficients", command, start, max(0, command.size - start)),
        }
        for number, handle in enumerate(handles[2:], 2):
            if handle:
                row = self.rows.get(number, TensorRow(f"BAR {number}", ""))
                element = row.layout.element if row.layout else 0
                bars[number] = Bar(row.name, row.role, buffers[handle], 0, buffers[handle].size, element)
        return Job(bars, Bar("bootstrap", "text", bootstrap, 0, bootstrap.size), first, count)
