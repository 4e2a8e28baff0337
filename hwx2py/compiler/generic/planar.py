"""Tasks of the planar engine for any shape: arithmetic on one and two tensors, broadcasts, copies, reductions."""

from ...errors import UnsupportedError
from ..builder import LARGEST_HALF, Builder
from ..engines import Kind, cycles, neural, planar
from ..forms import elementwise
from ..l2 import (
    Aliases,
    Patch,
    Tile,
    base_behind,
    channel_bytes,
    log2_up,
    neural_row_bytes,
    planar_row_bytes,
    rows_log2,
)
from ..surface import Surface
from ..task import TaskPlan, own
from ..view import View, three_axes
from .bands import bands

#: Patches of tasks that read by DMA, as records have them: log2 of height and width (h13-compile, section 7).
RECORDED_PATCHES = frozenset(
    Patch(high, wide)
    for wide, heights in ((4, range(6)), (5, range(2, 5)), (6, (0,)), (8, (0,)), (9, (0, 5)))
    for high in heights
)


BANDS = own("rows in bands that fit L2")
BROADCAST = own("broadcast along other axes than records have")
REDUCTION = own("reduction of a plane that no record has")


def recorded_patch(height: int, width: int) -> Patch:
    """The patch of 512 elements where a record has it, else one that a record has and that is no larger.

    A patch that was never seen hung an M1.
    """
    wide = min(max(log2_up(width), 4), 9)
    usual = Patch(min(log2_up(height), 9 - wide) if wide < 8 else 0, wide)
    if usual in RECORDED_PATCHES:
        return usual
    return Patch(min(log2_up(height), 5), 4)


def pair(b: Builder, operation: elementwise.Binary, x: View, y: View, z: View, relu: bool = False) -> View:
    """Combines two tensors of one shape into z."""
    for one, two, result in three_axes(x, y, z):
        for cut in _cuts((one, two, result), 3):
            plans = elementwise.binary(operation, *cut, relu=relu, evidence=BANDS)
            _, _, height, width = cut[0].shape
            b.add(_with_patch(plan, height, width) for plan in plans)
    return z


def _with_patch(plan: TaskPlan, height: int, width: int) -> TaskPlan:
    from dataclasses import replace

    patch = recorded_patch(height, width)
    return replace(plan, registers={**plan.registers, "Common.PatchCfg": patch.height_log2 << 4 | patch.width_log2})


def _cuts(views: tuple[View, ...], tensors: int) -> list[tuple[Surface, ...]]:
    """Surfaces of three-axis views of one shape, in bands."""
    lengths = views[-1].lengths
    return [
        tuple(view.part(0, planes.start, len(planes)).part(1, rows.start, len(rows)).surface() for view in views)
        for planes, rows in bands(lengths[0], lengths[1], lengths[2], tensors)
    ]


def single(
    b: Builder, x: View, z: View, *, scale: float = 1.0, bias: float = 0.0, relu: bool = False, magnitude: bool = False
) -> View:
    """Scale * x + bias, then a clamp at zero or the magnitude, into z; a copy if nothing is asked for."""
    what = "copy" if (scale, bias, relu, magnitude) == (1.0, 0.0, False, False) else "abs" if magnitude else "scale"
    if max(abs(scale), abs(bias)) > LARGEST_HALF:
        raise UnsupportedError(f"the number {max(scale, bias, key=abs):g} is beyond float16 (65504 at most)")
    for one, result in three_axes(x, z):
        for source, target in _cuts((one, result), 2):
            _, c, h, w = source.shape
            draft = planar(what, BANDS, Kind.ONE, (c, h, w), recorded_patch(h, w))
            draft.read(source)
            draft.write(target)
            channel = channel_bytes(w)
            row, depth = planar_row_bytes(c, channel), c * channel
            draft.source_tile("DmaRead", Tile(0, channel, row, depth, depth), Aliases.ALL)
            draft.result_tile("DmaWrite", Tile(h * row), Aliases.ALL)
            draft.put("PE.BiasScale", Bias=bias, Scale=scale)
            draft.put("PE.Cfg", ReluEn=int(relu), Cond="Abs" if magnitude else "None")
            draft.cycles = cycles((source,), (target,))
            b.add([draft.plan()])
    return z


def broadcast(b: Builder, operation: elementwise.Binary, x: View, y: View, z: View) -> View:
    """Combines x, of the shape of z, with y, which has length 1 along some of the last three axes, into z."""
    for one, small, result in three_axes(x, y, z):
        c, h, w = result.lengths
        same = small.lengths == result.lengths
        for planes, rows in bands(c, h, w, 3 if same else 4):
            source, target = (
                view.part(0, planes.start, len(planes)).part(1, rows.start, len(rows)) for view in (one, result)
            )
            part = small if small.lengths[0] == 1 else small.part(0, planes.start, len(planes))
            part = part if small.lengths[1] == 1 else part.part(1, rows.start, len(rows))
            if part.lengths == target.lengths:
                pair(b, operation, source, part, target)
            else:
                b.add(_broadcast(operation, source.surface(), part.surface(), target.surface()))
    return z


def _broadcast(operation: elementwise.Binary, x: Surface, y: Surface, z: Surface) -> list[TaskPlan]:
    """The small operand goes into L2 by a pass-through of the neural engines, then the planar engine combines."""
    _, c, h, w = x.shape
    _, small_c, small_h, small_w = y.shape
    small_channel = channel_bytes(small_w)
    small_row = small_c * small_channel
    together = rows_log2(small_h, 2 * small_w)
    source_row = neural_row_bytes(small_c, small_channel, together) if small_h > 1 else small_row
    size = small_h * small_row
    copy = neural(f"{y.buffer} into L2", BROADCAST, (small_c, small_h, small_w), rows_log2=together)
    copy.read(y)
    copy.source_tile("DmaRead", Tile(size, small_channel, source_row, small_row, small_row), Aliases.ALL)
    copy.result_tile("L2Write", Tile(0, small_channel, small_row, small_row, small_row), Aliases.ALL)
    copy.cycles = cycles((y,))
    draft = planar(operation.name.lower(), BROADCAST, Kind.TWO, (c, h, w), recorded_patch(h, w))
    draft.put("Common.Cfg", Source2Dma=0)
    longer = {"Src2BroadcastW": small_w != w, "Src2BroadcastH": small_h != h, "Src2BroadcastC": small_c != c}
    draft.put("Common.PECfg", **{name: int(flag) for name, flag in longer.items()})
    draft.read(x)
    draft.write(z)
    channel = channel_bytes(w)
    row, depth = planar_row_bytes(c, channel), c * channel
    base = base_behind(0, size)
    draft.source_tile("DmaRead", Tile(base, channel, row, depth, depth), Aliases.ALL)
    draft.second_tile(Tile(0, small_channel, small_row, small_row, small_row))
    draft.result_tile("DmaWrite", Tile(base + h * row), Aliases.ALL)
    draft.put("PE.Cfg", **operation.value)
    draft.cycles = cycles((x,), (z,))
    return [copy.plan(), draft.plan()]


def reduce_planes(b: Builder, kind: str, x: View, z: View, *, squares: bool = False) -> View:
    """Rows and columns of every channel of a three-axis view combined into one element.

    Args:
        b: where the tasks go.
        kind: "sum", "mean", "max" or "min".
        x: C, H, W.
        z: C, 1, 1.
        squares: squares are added up.
    """
    c, h, w = x.lengths
    for planes, rows in bands(c, h, w, 1):
        if len(rows) != h:
            raise UnsupportedError(f"a reduction of {h} x {w} elements, more than L2 holds")
        source = x.part(0, planes.start, len(planes)).surface()
        target = z.part(0, planes.start, len(planes)).surface()
        b.add([_reduction(kind, source, target, squares)])
    return z


_REDUCTIONS = {"sum": ("Sum", 0), "mean": ("Sum", 0), "max": ("Max", 4), "min": ("Min", 0xC)}


def _reduction(kind: str, x: Surface, z: Surface, squares: bool) -> TaskPlan:
    _, c, h, w = x.shape
    mode, padding = _REDUCTIONS[kind]
    draft = planar(f"{kind} of planes", REDUCTION, Kind.REDUCE, (c, h, w), recorded_patch(h, w))
    draft.put("Common.OutDim", Wout=w, Hout=h)
    draft.read(x)
    draft.write(z)
    channel = channel_bytes(w)
    row, depth = planar_row_bytes(c, channel), c * channel
    draft.put_raw("L2.L2Cfg", 0xF, padding)
    draft.source_tile("DmaRead", Tile(0, channel, row, depth, depth), Aliases.ALL)
    draft.result_tile("DmaWrite", Tile(h * row), Aliases.ALL)
    draft.put("PE.Cfg", PoolMode=mode, **({"OpMode": "SumSquares"} if squares else {}))
    if kind == "mean":
        draft.put("PE.FinalScale", FinalScale=1.0 / (h * w))
    draft.cycles = cycles((x,), (z,))
    return draft.plan()
