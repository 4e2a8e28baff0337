"""What kernel DMA fetches for a task, compared with what the task reads of it.

An engine that fetches more than it reads hangs, and is stuck until it is reset (measured on an M1 Max: 0xff000 for
0x8000 bytes); one that fetches less waits for the rest (inferred).
"""

from collections.abc import Iterator, Sequence

from ..operations import Channel, Convolution, Kernel, Neural
from ..operations.coefficients import fetches
from ..operations.tables import TABLE_BYTES
from . import zero_skipping
from .form import form_of, is_understood
from .planes import Layout, layouts


class Misfit(Exception):
    """A fetch whose size does not go with what is read of it.

    Attributes:
        what: is fetched: "engine 3", or "table".
        register: the one that holds the size.
        size_bytes: what is fetched.
        needed_bytes: what is read, padded; None where that is not known.
    """

    def __init__(self, what: str, register: str, size_bytes: int, needed_bytes: int | None):
        super().__init__(f"{size_bytes} bytes are fetched, {needed_bytes} are needed")
        self.what, self.register, self.size_bytes, self.needed_bytes = what, register, size_bytes, needed_bytes


def layout_of(task: Convolution) -> Layout:
    """The layout of a kernel with which the sizes of a task's fetches go; not for zero-skipping kernels.

    Args:
        task: the convolution.

    Raises:
        Misfit: no layout that is known goes with the sizes, or several do.
    """
    kernel = task.kernel
    tried = [(candidate, list(_misfits(kernel, candidate.chunk_bytes))) for candidate in layouts(form_of(task))]
    fitting = [candidate for candidate, found in tried if not found]
    if any(other.planes != fitting[0].planes for other in fitting):
        raise unknown(kernel.channels[0])
    if fitting:
        return fitting[0]
    misfit = tried[0][1][0]
    raise misfit if len(tried) == 1 else Misfit(misfit.what, misfit.register, misfit.size_bytes, None)


def unknown(channel: Channel) -> Misfit:
    """The misfit of a channel of which it is not known what it needs."""
    return Misfit(f"engine {channel.engine}", channel.registers.size, channel.size_bytes, None)


def misfits(task: Neural, data: memoryview) -> tuple[Misfit, ...]:
    """The fetches of a task that have another size than the task reads; none where that is not known.

    Args:
        task: the task.
        data: the content of the BAR of its coefficients, in which the sizes of zero-skipping kernels are found.

    Returns:
        The misfits. Where several layouts are known and none fits, those of the most likely one.
    """
    tables = tuple(table_misfits(task))
    if not isinstance(task, Convolution) or not is_understood(task):
        return tables
    form = form_of(task)
    if 0 in (form.inputs, form.channels, form.weights):
        return tables
    if form.zero_skipping:
        return tables + _without_zeros(task, data)
    tried = [tuple(_misfits(task.kernel, candidate.chunk_bytes)) for candidate in layouts(form)]
    return tables if () in tried else tables + tried[0]


def table_misfits(task: Neural) -> Iterator[Misfit]:
    """The fetches of a lookup table alone that have another size than a table."""
    for fetch in fetches(task):
        if fetch.is_table and fetch.size_bytes != TABLE_BYTES:
            yield Misfit(fetch.what, fetch.size_register, fetch.size_bytes, TABLE_BYTES)


def _without_zeros(task: Convolution, data: memoryview) -> tuple[Misfit, ...]:
    """The misfits of a kernel without its zeros."""
    kernel, form, needed = task.kernel, form_of(task), []
    for channel in kernel.channels:
        start = kernel.base_bytes + channel.base_bytes
        try:
            places = zero_skipping.places(form, channel.engine, data[start : start + channel.size_bytes])
        except zero_skipping.Unreadable:
            return ()
        needed.append(places.used_bytes if places.rows else 0)
    return tuple(_misfits(kernel, needed))


def _misfits(kernel: Kernel, chunk_bytes: Sequence[int]) -> Iterator[Misfit]:
    """The chunks whose sizes do not go with those that are needed."""
    for channel, needed in zip(kernel.channels, chunk_bytes):
        if not needed and channel.enabled and kernel.table_in_front:
            needed = TABLE_BYTES  # every engine that works gets a table
        if (channel.enabled or needed) and channel.size_bytes != needed:
            yield Misfit(f"engine {channel.engine}", channel.registers.size, channel.size_bytes, needed)
