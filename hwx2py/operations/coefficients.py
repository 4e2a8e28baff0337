"""What a task has to do with coefficients, and which bytes of them it fetches."""

from collections.abc import Iterator
from typing import NamedTuple

from ..program.register_file import RegisterFile
from ..units import whole
from .neural import Channel, ChannelRegisters, Kernel, Neural
from .planar import Planar

#: The channels that H13 has: one for the weights of each engine, and four more.
CHANNELS = tuple(
    ChannelRegisters(*(f"KernelDMASrc.{channel}{part}" for part in ("DMAConfig", "BaseAddr", "BfrSize")))
    for channel in ("Coeff", "Bias", "PostScale", "PaletteLut", "NonLinearLut")
)
#: What a fetch of a lookup table is called.
TABLE = "table"
#: How the header's fields are called that select BARs of coefficients.
BANK = "KBase"


class Fetch(NamedTuple):
    """Coefficients that kernel DMA fetches for a task.

    Attributes:
        bar: the BAR (slot) that they lie in; None where the task names none.
        what: "engine 3", or "table".
        start_bytes: from the start of the BAR.
        size_bytes: how many bytes.
        times: how often; what a task made comes in rounds, a plane for each engine, and by group.
        register: the one that holds the base.
        size_register: the one that holds the size.
        is_table: whether a lookup table is all there is.
    """

    bar: int | None
    what: str
    start_bytes: int
    size_bytes: int
    times: int
    register: str
    size_register: str
    is_table: bool

    @property
    def end_bytes(self) -> int:
        """Just behind what is fetched at first."""
        return self.start_bytes + self.size_bytes


def fetches(operation: Planar | Neural) -> Iterator[Fetch]:
    """The coefficients that a task fetches, one after another.

    Args:
        operation: what the task does; a planar one fetches nothing.
    """
    if isinstance(operation, Planar):
        return
    kernel, table = operation.kernel, operation.table
    if kernel and kernel.enabled:
        times = _times(operation, kernel)
        for channel in kernel.channels:
            if channel.enabled:
                yield _fetch(kernel.bar, f"engine {channel.engine}", kernel.base_bytes, channel, times)
    if table and table.enabled and not (kernel and kernel.table_in_front):
        copies = [channel for channel in table.channels if channel.enabled]
        for channel in copies:
            yield _fetch(table.bar, TABLE, 0, channel, 1)
        if not copies:
            base, size = table.register, table.size_register
            yield Fetch(table.bar, TABLE, table.base_bytes, table.size_bytes, 1, base, size, True)


def _fetch(bar: int | None, what: str, base_bytes: int, channel: Channel, times: int) -> Fetch:
    start, registers = base_bytes + channel.base_bytes, channel.registers
    return Fetch(bar, what, start, channel.size_bytes, times, registers.base, registers.size, what == TABLE)


def _times(operation: Neural, kernel: Kernel) -> int:
    """How often the channels of a kernel fetch."""
    rounds = whole(operation.outputs, kernel.lanes * operation.engines) if kernel.round_stride_bytes else 1
    return rounds * (operation.source.shape.groups if kernel.group_stride_bytes else 1)


def table_starts(operation: Neural) -> tuple[int, ...]:
    """Where the lookup table of a task lies in its BAR, and where its copies for other engines do.

    Args:
        operation: a task that has a table.
    """
    table = operation.table
    if table is None:
        return ()
    copies = (channel.base_bytes for channel in table.channels if channel.enabled)
    return tuple(dict.fromkeys([table.base_bytes, *copies]))


def use_of_coefficients(registers: RegisterFile) -> str:
    """What a task has to do with coefficients, in words; empty where it has nothing to do with them.

    A channel that is not enabled (bit 0 of its configuration) fetches nothing, whatever else is written to it.
    """
    if any(registers.header(bar.enable.name) for bar in registers.arch.bar_fields if bar.field.name.startswith(BANK)):
        return "the header names a coefficient BAR"
    if any(record.slot is not None and registers.arch.locate(record.address).block.name == "KernelDMASrc"
           for record in registers.task.records):  # fmt: skip
        return "a record names a coefficient buffer"
    if registers.get("KernelDMASrc.MasterEnable"):
        return "coefficients are fetched"
    for channel in CHANNELS:
        place = registers.arch.find_place(f"{channel.config}.En")
        if place is None:
            continue
        count = registers.arch.register(channel.config).count
        if any(place.number(registers.word(channel.config, index) or 0) for index in range(count)):
            return f"a channel of {channel.config.partition('.')[2]} is enabled"
    return ""
