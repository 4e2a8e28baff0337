"""The M2 family's driver as a contract: PROG_LOAD, PROC_CREATE and EXEC in place of SUBMIT (ABI 2).

Source: the out-of-tree driver's ioctls and limits (docs/emulator.md). Inferred: 64 bits for sizes and addresses in the
tables, and that buffers are made and freed as on H13. What the sections and roles are numbered is chosen, as scripts
have it; a section that is neither text nor coefficients is the firmware's, and changes nothing here.
"""

import errno
import functools
import struct
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from ..errors import StreamError
from ..program.task import Task
from ..runtime import ane_exec as abi
from . import faults as kinds
from .access import Bar
from .child import TABLES
from .driver import BO_FREE, BO_INIT, Call, Driver, check_outputs
from .faults import Hang

PROG_LOOKUP = 0xC0186447

PROG_LOAD_STRUCT = struct.Struct("<2Q4I")
PROC_CREATE_STRUCT = struct.Struct("<2I")
EXEC_STRUCT = struct.Struct("<6IQ")
PROG_LOOKUP_STRUCT = struct.Struct("<Q4I")

#: Limits of the driver.
MOST_SECTIONS, MOST_IO, DIGEST_BYTES = 16, 64, 32
PRIORITIES = range(2, 8)


class _Section(NamedTuple):
    """A row of PROG_LOAD's first table."""

    number: int
    handle: int
    size: int
    offset: int


class _Generic(NamedTuple):
    """A row of PROG_LOAD's second table."""

    slot: int
    handle: int
    role: int
    pad: int
    size: int


class _Io(NamedTuple):
    """A row of EXEC's table."""

    slot: int
    handle: int
    role: int
    flags: int
    address: int
    size: int


class _Loaded(NamedTuple):
    """A program that was loaded: its text, and what stands behind slots in every run."""

    text: Bar
    bars: Mapping[int, Bar]


class SlotDriver(Driver):
    """The driver of chips whose programs are loaded before they run, with an engine behind it.

    Rows are by slot.
    """

    ARCH = "H14"

    @functools.cached_property
    def programs(self) -> dict[int, _Loaded]:
        """Programs by the number that PROG_LOAD gave."""
        return {}

    @functools.cached_property
    def processes(self) -> dict[int, int]:
        """The program of each number that PROC_CREATE gave."""
        return {}

    def ioctl(self, number: int, data: bytes) -> tuple[int, bytes]:
        """See `Driver.ioctl`; the tables that a structure points to follow it, as `child.with_tables` puts them."""
        if number not in TABLES:
            return super().ioctl(number, data)
        packing, call = self._calls()[number]
        if len(data) < packing.size:
            return errno.EINVAL, data
        own = data[: packing.size]
        return call(own, data[packing.size :], *packing.unpack(own))

    def _calls(self) -> dict[int, Call]:
        calls = super()._calls()
        return {
            BO_INIT: calls[BO_INIT],
            BO_FREE: calls[BO_FREE],
            abi.PROG_LOAD: (PROG_LOAD_STRUCT, self._prog_load),
            abi.PROC_CREATE: (PROC_CREATE_STRUCT, self._proc_create),
            abi.EXEC: (EXEC_STRUCT, self._exec),
            PROG_LOOKUP: (PROG_LOOKUP_STRUCT, self._prog_lookup),
        }

    def _prog_load(self, own: bytes, tables: bytes, *values: int) -> tuple[int, bytes]:
        """Pointers to sections and generics, their counts, the program's number, pad."""
        *pointers, section_count, generic_count, _, pad = values
        if self.wedged:
            return errno.ENODEV, own
        if pad or not 0 < section_count <= MOST_SECTIONS:
            return errno.EINVAL, own
        end = section_count * struct.calcsize(abi.SECTION)
        if len(tables) != end + generic_count * struct.calcsize(abi.GENERIC):
            return errno.EFAULT, own
        sections = [_Section(*row) for row in struct.iter_unpack(abi.SECTION, tables[:end])]
        generics = [_Generic(*row) for row in struct.iter_unpack(abi.GENERIC, tables[end:])]
        program = self._loaded(sections, generics)
        if program is None:
            return errno.EINVAL, own
        number = len(self.programs) + 1
        self.programs[number] = program
        return 0, PROG_LOAD_STRUCT.pack(*pointers, section_count, generic_count, number, 0)

    def _loaded(self, sections: Sequence[_Section], generics: Sequence[_Generic]) -> _Loaded | None:
        """What is loaded; None where the tables are refused."""
        buffers = self.memory.buffers
        handles = [*(section.handle for section in sections), *(row.handle for row in generics)]
        if any(handle not in buffers for handle in handles) or any(row.pad for row in generics):
            return None
        if any(section.offset + section.size > buffers[section.handle].room for section in sections):
            return None
        places = {row.number: row for row in sections}
        if len(places) < len(sections) or abi.TEXT_SECTION not in places:
            return None
        text = places[abi.TEXT_SECTION]
        bars = {row.slot: self.bar(row.slot, buffers[row.handle]) for row in generics}
        if const := places.get(abi.CONST_SECTION):
            bars[1] = Bar("const", "coefficients", buffers[const.handle], const.offset, const.size)
        return _Loaded(Bar("text", "text", buffers[text.handle], text.offset, text.size), bars)

    def _proc_create(self, own: bytes, program: int, _: int) -> tuple[int, bytes]:
        if self.wedged:
            return errno.ENODEV, own
        if program not in self.programs:
            return errno.EINVAL, own
        number = len(self.processes) + 1
        self.processes[number] = program
        return 0, PROC_CREATE_STRUCT.pack(program, number)

    def _exec(self, own: bytes, tables: bytes, *values: int) -> tuple[int, bytes]:
        """Numbers of program and process, priority, timeout, count of buffers, pad, pointer to their table."""
        program, process, priority, _, count, pad, _ = values
        if self.wedged:
            return errno.ECANCELED, own
        if pad or priority not in PRIORITIES or not 0 < count <= MOST_IO or self.processes.get(process) != program:
            return errno.EINVAL, own
        if len(tables) != count * struct.calcsize(abi.IO):
            return errno.EFAULT, own
        buffers = [_Io(*row) for row in struct.iter_unpack(abi.IO, tables)]
        if program not in self.programs or any(row.handle not in self.memory.buffers for row in buffers):
            return errno.EINVAL, own
        own_bars = {row.slot: self.bar(row.slot, self.memory.buffers[row.handle]) for row in buffers}
        return self._run(self.programs[program], own_bars), own

    def _run(self, loaded: _Loaded, own: Mapping[int, Bar]) -> int:
        """Runs a loaded program's tasks on the buffers of a run; returns the errno, or 0."""
        bars = dict(loaded.bars) | dict(own)
        try:
            self.engine.run(self._tasks_of(loaded.text), bars)
        except Hang as hang:
            self.wedged = hang.fault.kind.wedges
            return errno.ETIMEDOUT
        finally:
            self.faults.task = None
            if not self.engine.ended_early:
                check_outputs(self.rows.values(), bars, self.faults)
        return 0

    def _tasks_of(self, text: Bar) -> Sequence[Task]:
        try:
            data = memoryview(text.buffer.data[text.start : text.start + text.size].tobytes())
            return self.stream.decode_bare(data, self.arch).tasks
        except StreamError as error:
            raise self.faults.hang(kinds.CUT_STREAM, f"{error.where}: {error.what}") from error

    def _prog_lookup(self, own: bytes, tables: bytes, *values: int) -> tuple[int, bytes]:
        """Pointer to a digest, its length, pad, whether it was found, the program's number; nothing ever is found."""
        pointer, length, pad, *_ = values
        if pad or length != DIGEST_BYTES:
            return errno.EINVAL, own
        if len(tables) != length:
            return errno.EFAULT, own
        return 0, PROG_LOOKUP_STRUCT.pack(pointer, length, 0, 0, 0)
