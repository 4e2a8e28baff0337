"""Elementwise operations of two tensors of one shape: one task of the planar engine."""

import enum

from ...program.l2 import (
    BANKS_BYTES,
    Aliases,
    Tile,
    base_behind,
    patch_of_pairs,
    planar_rows,
)
from ..engines import Kind, cycles, planar
from ..evidence import evidence
from ..surface import Surface
from ..task import TaskPlan, fields
from .parts import in_parts, tile_of


class Binary(enum.Enum):
    """What two sources are combined to: fields of PE.Cfg."""

    ADD = fields(OpMode="Add", SecSrc="+Source2")
    SUB = fields(OpMode="Add", SecSrc="-Source2")
    MUL = fields(OpMode="Mul", SecSrc="+Source2")
    MAX = fields(OpMode="Max", SecSrc="+Source2")
    MIN = fields(OpMode="Min", SecSrc="+Source2")


@in_parts("c")
def binary(operation: Binary, x: Surface, y: Surface, z: Surface, *, relu: bool = False) -> list[TaskPlan]:
    """Combines x and y into z, with a clamp at zero behind it if `relu`.

    Args:
        operation: what to do.
        x: the first source.
        y: the second, of the same shape.
        z: the result.
        relu: clamp at zero.

    Returns:
        One task: 7 of 7 records, 8 of 8 further tasks of published tables.
    """
    n, c, h, w = x.shape
    what = operation.name.lower()
    known = evidence(what, x.shape, *(["relu"] if relu else []))
    draft = planar(what, known, Kind.TWO, (c, h, w), patch_of_pairs(h, w), groups=n)
    draft.put("Common.Cfg", Source2Dma=1)
    draft.read(x)
    draft.read_second(y)
    draft.write(z)
    channel, depth, row = planar_rows(c, w)
    height = tile_of(h, 3 * row, BANKS_BYTES)
    draft.put("Common.TileCfg", TileHeight=height)
    first = Tile(0, channel, row, depth, depth)
    second = first._replace(base_bytes=base_behind(0, height * row))
    draft.source_tile("DmaRead", first, Aliases.ALL, second_by_dma=True)
    draft.second_tile(second)
    draft.result_tile("DmaWrite", Tile(second.base_bytes + height * row), Aliases.ALL)
    draft.put("PE.Cfg", **operation.value, ReluEn=int(relu))
    draft.cycles = cycles((x, y), (z,))
    return [draft.plan()]
