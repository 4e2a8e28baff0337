"""Forms of tensors that L2 does not hold: the same form for parts of the channels or rows."""

import functools
from collections.abc import Callable
from dataclasses import replace
from typing import ParamSpec

from ...errors import UnsupportedError
from ...program.l2 import (
    BANKS_BYTES,
    PLANAR_COLUMNS_BYTES,
    SIZE_BYTES,
    Patch,
    channel_bytes,
    planar_rows,
    tile_height,
)
from ..surface import Surface
from ..task import TaskPlan, closed, own

P = ParamSpec("P")

#: Columns and rows of a patch of the planar engine, log2, where wide rows pass in tiles, and the rows of a tile.
HIGH_PATCH = Patch(5, 9)
TILE_OF_ROWS = 1 << HIGH_PATCH.height_log2

IN_PARTS = own("parts of the channels or rows, each of which L2 holds")


class TooLargeError(UnsupportedError):
    """L2 does not hold what a form keeps there; a part of it may fit."""


def tile_of(height: int, row_bytes: int, taken_bytes: int = 0) -> int:
    """Rows of a tile, as many as L2 holds beside what else is there.

    Args:
        height: rows of the tensor.
        row_bytes: of a row of all tiles of the task together.
        taken_bytes: what else lies in L2.

    Raises:
        TooLargeError: not even one row fits.
    """
    most = (SIZE_BYTES - taken_bytes) // row_bytes
    if most < 1:
        raise TooLargeError(f"a row of {row_bytes} bytes does not fit L2")
    return tile_height(height, most)


def passes_whole(channels: int, height: int, width: int, tensors: int) -> bool:
    """Whether one planar task goes through tensors of wide rows, however many they are.

    Args:
        channels: of the tensors.
        height: of the tensors.
        width: of the tensors.
        tensors: sources and results of the task.
    """
    _, _, row = planar_rows(channels, width)
    tile = min(height, TILE_OF_ROWS)
    return channel_bytes(width) > PLANAR_COLUMNS_BYTES and tensors * tile * row + BANKS_BYTES <= SIZE_BYTES


def tile_of_rows(channels: int, height: int, width: int, tensors: int) -> int | None:
    """Rows of a tile of a planar task with wide rows of which L2 does not hold all: those of the highest patch.

    In programs of 2023 tensors of 2560 rows and 1600 columns pass in tiles of 32 rows, 512 columns at a time.

    Args:
        channels: of the tensors.
        height: of the tensors.
        width: of the tensors.
        tensors: sources and results of the task.

    Returns:
        None where rows are shorter, L2 holds all of them, or not even such tiles.
    """
    _, _, row = planar_rows(channels, width)
    fits = tensors * height * row + BANKS_BYTES <= SIZE_BYTES
    return None if fits or not passes_whole(channels, height, width, tensors) else TILE_OF_ROWS


def in_parts(axes: str) -> Callable[[Callable[P, list[TaskPlan]]], Callable[P, list[TaskPlan]]]:
    """A form that is made of parts where the whole is too large.

    Args:
        axes: dimensions that may be split, "c" and "h": all surfaces of the form have them, and no result depends on
            several elements along them.

    Returns:
        A decorator for a form whose surfaces are positional arguments.
    """

    def decorate(form: Callable[P, list[TaskPlan]]) -> Callable[P, list[TaskPlan]]:
        @functools.wraps(form)
        def whole_or_parts(*args: P.args, **kwargs: P.kwargs) -> list[TaskPlan]:
            try:
                return form(*args, **kwargs)
            except TooLargeError:
                surface = next(arg for arg in args if isinstance(arg, Surface))
                axis = max(axes, key=lambda name: getattr(surface.shape, name))
                count = getattr(surface.shape, axis)
                if count == 1:
                    raise
            half = count // 2
            plans: list[TaskPlan] = []
            for first, size in ((0, half), (half, count - half)):
                part = [_part(arg, axis, first, size) for arg in args]
                made = whole_or_parts(*part, **kwargs)  # type: ignore[arg-type] # surfaces in place of surfaces
                plans += made if first else closed(made)
            return [replace(plan, evidence=IN_PARTS) for plan in plans]

        return whole_or_parts

    return decorate


def _part(argument: object, axis: str, first: int, count: int) -> object:
    if not isinstance(argument, Surface):
        return argument
    return argument.planes(first, count) if axis == "c" else argument.rows(first, count)
