"""What a task has to do with coefficients, and which bytes of them it fetches."""

from collections.abc import Iterator
from typing import NamedTuple

from ..program.register_file import RegisterFile
from .neural import Neural
from .planar import Planar


class ChannelRegisters(NamedTuple):
    """A channel of kernel DMA: `Block.Register` of its configuration, base address and size."""

    config: str
    base: str
    size: str


#: The channels that H13 has: one for the weights of each engine, and four more.
CHANNELS = tuple(
    ChannelRegisters(*(f"KernelDMASrc.{channel}{part}" for part in ("DMAConfig", "BaseAddr", "BfrSize")))
    for channel in ("Coeff", "Bias", "PostScale", "PaletteLut", "NonLinearLut")
)
BANKS = ("KBE0", "KBE1", "KBE2", "KBE3")


class Fetch(NamedTuple):
    """Coefficients that a task fetches.

    Attributes:
        bar: the BAR (slot) that they lie in; None where the task names none.
        what: "engine 3", or "table".
        start_bytes: from the start of the BAR.
        size_bytes: how many bytes.
    """

    bar: int | None
    what: str
    start_bytes: int
    size_bytes: int


def fetches(operation: Planar | Neural) -> Iterator[Fetch]:
    """The coefficients that a task fetches, one after another.

    Args:
        operation: what the task does; a planar one fetches nothing.
    """
    if isinstance(operation, Planar):
        return
    kernel, table = operation.kernel, operation.table
    if kernel and kernel.enabled:
        for channel in kernel.channels:
            if channel.enabled:
                start_bytes = kernel.base_bytes + channel.base_bytes
                yield Fetch(kernel.bar, f"engine {channel.engine}", start_bytes, channel.size_bytes)
    if table and table.enabled and not (kernel and kernel.table_in_front):
        yield Fetch(table.bar, "table", table.base_bytes, table.size_bytes)


def use_of_coefficients(registers: RegisterFile) -> str:
    """What a task has to do with coefficients, in words; empty where it has nothing to do with them.

    A channel that is not enabled (bit 0 of its configuration) fetches nothing, whatever else is written to it.
    """
    if any(registers.header(bank) for bank in BANKS):
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
