"""Tasks of the planar engine for any shape: arithmetic on one and two tensors, broadcasts, copies, reductions."""

from collections.abc import Iterable, Iterator
from dataclasses import replace

from ...errors import UnsupportedError
from ...program.l2 import PLANAR_COLUMNS_BYTES, SIZE_BYTES
from ..builder import LARGEST_HALF, Builder
from ..forms import activation, elementwise
from ..forms import broadcast as broadcasts
from ..forms import scale as scales
from ..forms.elementwise import NOTHING, After
from ..forms.parts import passes_whole
from ..surface import Surface
from ..task import TaskPlan, own
from ..view import View, four_axes
from .bands import MOST_ROWS, bands

BANDS = own("bands of rows, or of parts of rows, that fit L2 and the registers")
#: Columns of a task where there are more than registers hold: the most that Apple's compilers take up to A15
#: (published), and a multiple of 32, which is where rows may be cut.
COLUMNS_OF_A_PART = 16384


def cuts(
    views: tuple[View, ...], tensors: int, most_columns_bytes: int = PLANAR_COLUMNS_BYTES
) -> list[tuple[Surface, ...]]:
    """Surfaces of four-axis views of one shape, in bands of which so many fit L2."""
    found = []
    for parts in parts_of_rows(views):
        _, c, h, w = parts[-1].lengths
        for planes, rows in bands(c, h, w, tensors, most_columns_bytes):
            found.append(tuple(
                view.part(1, planes.start, len(planes)).part(2, rows.start, len(rows)).surface() for view in parts
            ))  # fmt: skip
    return found


def _tiled(views: tuple[View, ...]) -> list[tuple[Surface, ...]]:
    """The views as they are where one task goes through them in tiles; else nothing."""
    _, c, h, w = views[-1].lengths
    is_one = max(c, h, w) <= MOST_ROWS and passes_whole(c, h, w, len(views))
    return [tuple(view.surface() for view in views)] if is_one else []


def passing(x: View, z: View) -> list[tuple[Surface, ...]]:
    """A source and a result of the neural engines, in bands that L2 holds; whole where rows pass in parts.

    Args:
        x: the source.
        z: the result.
    """
    _, c, h, w = z.lengths
    part = activation.part_bytes(w)
    if part and max(c, h, w) <= MOST_ROWS and 2 * c * part <= SIZE_BYTES:
        return [(x.surface(), z.surface())]
    return cuts((x, z), 2, SIZE_BYTES)


def parts_of_rows(views: tuple[View, ...]) -> Iterator[tuple[View, ...]]:
    """Views in parts of their columns that registers hold; all of them where they do.

    Args:
        views: of the same length along the last axis, or of 1, which stays.
    """
    width = views[-1].lengths[-1]
    step = width if width <= MOST_ROWS else COLUMNS_OF_A_PART
    for first in range(0, width, step):
        count = min(step, width - first)
        yield tuple(view if view.lengths[-1] == 1 < width else _columns(view, first, count) for view in views)


def _columns(view: View, first: int, count: int) -> View:
    part = view.columns(first, count)
    assert part is not None, "parts begin at multiples of 64 bytes"
    return part


def _added(b: Builder, plans: Iterable[TaskPlan], parts: int) -> None:
    """Adds the tasks of a form; those of one band of several say so."""
    b.add([replace(plan, evidence=BANDS) for plan in plans] if parts > 1 else plans)


def pair(b: Builder, operation: elementwise.Binary, x: View, y: View, z: View, after: After = NOTHING) -> View:
    """Combines two tensors of one shape into z."""
    for one, two, result in four_axes(x, y, z):
        parts = _tiled((one, two, result)) or cuts((one, two, result), 3)
        for first, second, target in parts:
            _added(b, elementwise.binary(operation, first, second, target, after=after), len(parts))
    return z


def single(
    b: Builder, x: View, z: View, *, scale: float = 1.0, bias: float = 0.0, relu: bool = False, magnitude: bool = False
) -> View:
    """Scale * x + bias, then a clamp at zero or the magnitude, into z; a copy if nothing is asked for."""
    if max(abs(scale), abs(bias)) > LARGEST_HALF:
        raise UnsupportedError(f"the number {max(scale, bias, key=abs):g} is beyond float16 (65504 at most)")
    for one, result in four_axes(x, z):
        parts = _tiled((one, result)) or cuts((one, result), 2)
        for source, target in parts:
            plans = scales.scaled(source, target, scale=scale, bias=bias, absolute=magnitude, relu=relu)
            _added(b, plans, len(parts))
    return z


def broadcast(b: Builder, operation: elementwise.Binary, x: View, y: View, z: View, after: After = NOTHING) -> View:
    """Combines x, of the shape of z, with y, which has length 1 along some of the last three axes, into z."""
    for one, small, result in four_axes(x, y, z):
        _, c, h, w = result.lengths
        if small.lengths[0] > 1 and small.lengths != result.lengths:
            for number in range(small.lengths[0]):
                first, second, target = (view.part(0, number, 1) for view in (one, small, result))
                broadcast(b, operation, first, second, target, after)
            continue
        if w > MOST_ROWS:
            for first, second, target in parts_of_rows((one, small, result)):
                broadcast(b, operation, first, second, target, after)
            continue
        parts = list(bands(c, h, w, 3 if small.lengths[1:] == result.lengths[1:] else 4))
        for planes, rows in parts:
            source, target = (
                view.part(1, planes.start, len(planes)).part(2, rows.start, len(rows)) for view in (one, result)
            )
            part = small if small.lengths[1] == 1 else small.part(1, planes.start, len(planes))
            part = part if small.lengths[2] == 1 else part.part(2, rows.start, len(rows))
            if part.lengths == target.lengths:
                pair(b, operation, source, part, target, after)
                continue
            surfaces = (source.surface(), part.surface(), target.surface())
            _added(b, broadcasts.broadcast(operation, *surfaces, after=after), len(parts))
    return z


def clamped(b: Builder, x: View, z: View) -> View:
    """The larger of x and 0, as compiler 9.509 does it: on the neural engines."""
    for one, result in four_axes(x, z):
        parts = passing(one, result)
        for source, target in parts:
            _added(b, activation.relu(source, target), len(parts))
    return z
