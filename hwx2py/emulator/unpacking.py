"""Weights out of the planes that engines fetch; `packing.planes` says where they lie."""

import functools
from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np

from ..packing import NOTHING, Layout, Plane


class Run(NamedTuple):
    """Planes of an engine of the same form, at the same distance from each other, in their chunk and in their channels.

    Attributes:
        planes: how many there are.
        first: the first one.
        step_bytes: from one to the next in the chunk.
        step_channels: from the first channel of one to that of the next.
    """

    planes: int
    first: Plane
    step_bytes: int
    step_channels: int


def unpacked(layout: Layout, read: Callable[[Run, int], np.ndarray]) -> np.ndarray:
    """The rows of a kernel, biases first: (output channels of all groups, rows of the form) uint16.

    Args:
        layout: where everything lies; not for zero-skipping kernels.
        read: gives the bytes of the planes of a run, (planes, bytes) uint8, for it and the bytes of a plane.
    """
    form = layout.form
    rows = np.zeros((form.channels, form.rows), np.uint16)
    slots = np.array(layout.slots, np.intp)
    stored = slots != NOTHING
    of_channel, of_row = rows.strides
    for run in _runs(layout):
        first = run.first
        data = read(run, layout.plane_bytes(first)).view(np.uint16)
        size = run.planes, first.channels, form.rows
        strides = run.step_channels * of_channel, of_channel, of_row
        target = np.ndarray(size, np.uint16, rows, first.first * of_channel, strides)
        if layout.slots:
            target[:, 0, slots[stored]] = data[:, stored]
            continue
        planes = data.reshape(run.planes, form.rows, first.lanes)[:, :, : first.channels]
        target[...] = planes.swapaxes(1, 2)
    return rows


@functools.lru_cache(maxsize=256)
def _runs(layout: Layout) -> tuple[Run, ...]:
    """The planes of a layout, in few runs."""
    alike: dict[tuple[int, int, int], list[Plane]] = {}
    for plane in layout.planes:
        alike.setdefault((plane.engine, plane.lanes, plane.channels), []).append(plane)
    return tuple(run for planes in alike.values() for run in _in_step(planes))


def _in_step(planes: list[Plane]) -> Iterator[Run]:
    begin = 0
    while begin < len(planes):
        end, step = begin + 1, (0, 0)
        while end < len(planes):
            one, other = planes[end - 1 : end + 1]
            found = other.offset_bytes - one.offset_bytes, other.first - one.first
            if end > begin + 1 and found != step:
                break
            end, step = end + 1, found
        yield Run(end - begin, planes[begin], *step)
        begin = end
