"""What stands behind the node: a driver for every opening of it, on one device."""

import os
from collections.abc import Callable, Mapping, Sequence

import numpy as np

from ..emulator.driver import Driver, TensorRow
from ..emulator.engine import Step
from ..emulator.faults import Fault
from ..emulator.numbers import Numbers
from ..emulator.session import DRIVERS
from ..errors import HwxError
from ..registers import Architecture
from .caller import Identity, identity

#: Openings that are kept before a look for those that no process holds any more.
FEW_OPENINGS = 16


class Device:
    """A virtual ANE with any number of clients: each opening has buffers of its own, the engine is one.

    Args:
        arch: the chip's generation.
        rows: BAR number -> what stands there by a program's own table; empty where no program is known.
        numbers: the arithmetic; the machine's own if left out.
        on_result: called with every step and the bits of its result, if given.
    """

    def __init__(
        self,
        arch: Architecture,
        rows: Mapping[int, TensorRow],
        numbers: Numbers | None = None,
        on_result: Callable[[Step, np.ndarray], None] | None = None,
    ):
        self.arch = arch
        self._rows = rows
        self._numbers = numbers
        self._on_result = on_result
        self._drivers: dict[Identity, Driver] = {}
        self._wedged = False
        self._faults: dict[Fault, None] = {}
        #: Tasks that the virtual ANE refused to run, in order.
        self.refusals: list[HwxError] = []
        #: Steps of all jobs, in order.
        self.steps: list[Step] = []

    @property
    def faults(self) -> Sequence[Fault]:
        """The faults of all clients, each once."""
        return list(self._faults)

    def open(self) -> int:
        """Opens the node: the descriptor of the client's memory, which stands for the node in it."""
        if len(self._drivers) >= FEW_OPENINGS:
            self._forget_closed()
        driver = DRIVERS[self.arch.stream](self._rows, self.arch, self._numbers, self._on_result)
        self._drivers[identity(os.fstat(driver.memory.file))] = driver
        return driver.memory.file

    def is_node(self, file: Identity | None) -> bool:
        """Whether a file is an opening of the node."""
        return file in self._drivers

    def ioctl(self, file: Identity, number: int, data: bytes) -> tuple[int, bytes]:
        """A client's call: (errno or 0, the structure as it comes back)."""
        driver = self._drivers[file]
        driver.wedged = self._wedged
        before = len(driver.engine.steps)
        try:
            with np.errstate(all="ignore"):
                return driver.ioctl(number, data)
        except HwxError as refusal:
            self.refusals.append(refusal)
            return NOT_MODELLED, data
        finally:
            self._wedged = driver.wedged
            self._faults.update(dict.fromkeys(driver.faults.found))
            self.steps += driver.engine.steps[before:]

    def close(self) -> None:
        """Gives all memory back."""
        for driver in self._drivers.values():
            driver.memory.close()
        self._drivers.clear()

    def _forget_closed(self) -> None:
        """Gives back the memory of openings that no process holds."""
        held = set()
        for pid in filter(str.isdigit, os.listdir("/proc")):
            held |= _held(f"/proc/{pid}/fd", own=int(pid) == os.getpid())
        for file in [file for file in self._drivers if file not in held]:
            self._drivers.pop(file).memory.close()


#: What a client gets for a task that the virtual ANE does not model: the driver has no such answer, so that a client
#: cannot take it for one of the driver's.
NOT_MODELLED = 95  # EOPNOTSUPP


def _held(folder: str, own: bool) -> set[Identity]:
    """What the descriptors in a folder of /proc stand for; nothing for a process that is gone or not ours to see."""
    found: set[Identity] = set()
    if own:
        return found
    try:
        names = os.listdir(folder)
    except OSError:
        return found
    for name in names:
        try:
            found.add(identity(os.stat(f"{folder}/{name}")))
        except OSError:  # closed between the two looks
            continue
    return found
