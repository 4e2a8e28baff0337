"""One source times a number plus another, its absolute value, its square: one task of the planar engine."""

from ...program.l2 import Aliases, Tile, channel_bytes, patch_of_one, planar_row_bytes, planar_rows
from ..engines import Kind, cycles, planar
from ..evidence import evidence
from ..surface import Surface
from ..task import TaskPlan
from .parts import HIGH_PATCH, in_parts, tile_of, tile_of_rows


@in_parts("c")
def scaled(
    x: Surface, z: Surface, *, scale: float = 1.0, bias: float = 0.0, absolute: bool = False, relu: bool = False
) -> list[TaskPlan]:
    """Stores x * scale + bias, rounded once.

    Args:
        x: the source.
        z: the result.
        scale: a float16.
        bias: a float16.
        absolute: the absolute value of x.
        relu: clamp at zero behind it.

    Returns:
        One task: records of abs and of add with a scalar constant, 3 of 3 further tasks; scale and bias in one task
        occur in records of softmax (a scale behind a difference).
    """
    n, c, h, w = x.shape
    what = "abs" if absolute else "scale and bias"
    tile = tile_of_rows(c, h, w, 2)
    patch = HIGH_PATCH if tile else patch_of_one(h, w)
    draft = planar(what, evidence(what, x.shape), Kind.ONE, (c, h, w), patch, groups=n)
    draft.read(x)
    draft.write(z)
    channel, depth, row = planar_rows(c, w)
    height = tile or tile_of(h, 2 * row)
    draft.put("Common.TileCfg", TileHeight=height)
    draft.source_tile("DmaRead", Tile(0, channel, row, depth, depth), Aliases.ALL)
    draft.result_tile("DmaWrite", Tile(height * row), Aliases.ALL)
    draft.put("PE.BiasScale", Bias=bias, Scale=scale)
    draft.put("PE.Cfg", Cond="Abs" if absolute else "None", ReluEn=int(relu))
    draft.cycles = cycles((x,), (z,))
    return [draft.plan()]


@in_parts("c")
def from_bools(x: Surface, z: Surface) -> list[TaskPlan]:
    """Stores bools, a byte each, as 0.0 and 1.0.

    Args:
        x: the source, one byte an element.
        z: the result, fp16.

    Returns:
        One task: formats as in decoded programs, places by the rule of other tasks of one source.
    """
    n, c, h, w = x.shape
    draft = planar(
        "bools to fp16", evidence("bools to fp16", x.shape), Kind.ONE, (c, h, w), patch_of_one(h, w), groups=n
    )
    draft.put("Common.ChCfg", InFmt="UInt8")
    draft.read(x)
    draft.write(z)
    channel, wide = channel_bytes(w, x.element_bytes), channel_bytes(w)
    row, depth = planar_row_bytes(c, channel), c * channel
    height = tile_of(h, row + c * wide)
    draft.put("Common.TileCfg", TileHeight=height)
    source = Tile(0, channel, row, depth, depth)
    draft.source_tile("DmaRead", source, Aliases.ALL, element_bytes=x.element_bytes)
    draft.result_tile("DmaWrite", Tile(height * row), Aliases.ALL)
    draft.cycles = cycles((x,), (z,))
    return [draft.plan()]
