"""Elementwise operations of two tensors of one shape: one task of the planar engine."""

import enum
from typing import NamedTuple

from ...program.l2 import (
    BANKS_BYTES,
    Aliases,
    Tile,
    base_behind,
    patch_of_pairs,
    planar_rows,
)
from ..draft import Draft
from ..engines import Kind, cycles, planar
from ..evidence import evidence
from ..surface import Surface
from ..task import TaskPlan, fields, own
from .parts import HIGH_PATCH, in_parts, tile_of, tile_of_rows


class Binary(enum.Enum):
    """What two sources are combined to: fields of PE.Cfg."""

    ADD = fields(OpMode="Add", SecSrc="+Source2")
    SUB = fields(OpMode="Add", SecSrc="-Source2")
    MUL = fields(OpMode="Mul", SecSrc="+Source2")
    MAX = fields(OpMode="Max", SecSrc="+Source2")
    MIN = fields(OpMode="Min", SecSrc="+Source2")


class After(NamedTuple):
    """What follows an operation in the same task of the planar engine, in this order.

    Attributes:
        scale: a factor, a float16 (records of softmax have one behind a difference).
        bias: a number that is added, a float16.
        relu: a clamp at zero.
    """

    scale: float = 1.0
    bias: float = 0.0
    relu: bool = False

    @property
    def detail(self) -> list[object]:
        """What tells a task that has them from one that has none."""
        scaled = (self.scale, self.bias) != (1.0, 0.0)
        return [*["relu"] * self.relu, *[(self.scale, self.bias)] * scaled]

    def put(self, draft: Draft) -> None:
        """Sets the fields of a task."""
        draft.put("PE.BiasScale", Bias=self.bias, Scale=self.scale)
        draft.put("PE.Cfg", ReluEn=int(self.relu))


NOTHING = After()


REPEATED = own("a second source that is repeated by steps of 0, as first sources are")


def _is_repeated(x: Surface) -> bool:
    """Whether steps of 0 repeat a tensor along N, C or H."""
    steps = (x.group_bytes, x.plane_bytes, x.row_bytes)
    return any(count > 1 and not step for count, step in zip(x.shape[:3], steps))


@in_parts("c")
def binary(operation: Binary, x: Surface, y: Surface, z: Surface, *, after: After = NOTHING) -> list[TaskPlan]:
    """Combines x and y into z.

    Args:
        operation: what to do.
        x: the first source.
        y: the second, of the same shape.
        z: the result.
        after: what follows.

    Returns:
        One task: 7 of 7 records, 8 of 8 further tasks of published tables.
    """
    n, c, h, w = x.shape
    what = operation.name.lower()
    known = REPEATED if _is_repeated(y) else evidence(what, x.shape, *after.detail)
    tile = tile_of_rows(c, h, w, 3)
    patch = HIGH_PATCH if tile else patch_of_pairs(h, w)
    draft = planar(what, known, Kind.TWO, (c, h, w), patch, groups=n)
    draft.put("Common.Cfg", Source2Dma=1)
    draft.read(x)
    draft.read_second(y)
    draft.write(z)
    channel, depth, row = planar_rows(c, w)
    height = tile or tile_of(h, 3 * row, BANKS_BYTES)
    draft.put("Common.TileCfg", TileHeight=height)
    first = Tile(0, channel, row, depth, depth)
    second = first._replace(base_bytes=base_behind(0, height * row))
    draft.source_tile("DmaRead", first, Aliases.ALL, second_by_dma=True)
    draft.second_tile(second)
    draft.result_tile("DmaWrite", Tile(second.base_bytes + height * row), Aliases.ALL)
    draft.put("PE.Cfg", **operation.value)
    after.put(draft)
    draft.cycles = cycles((x, y), (z,))
    return [draft.plan()]
