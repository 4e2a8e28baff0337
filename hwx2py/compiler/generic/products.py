"""Convolutions at stride 1 and products of two tensors, cut into tasks of at most 1 MiB of coefficients."""

import numpy as np

from ... import packing
from ...errors import UnsupportedError
from ...units import round_up
from ..builder import Builder
from ..engines import Kind, cycles, engines_for, neural, planar
from ..l2 import Aliases, Tile, channel_bytes, log2_up, planar_row_bytes, rows_log2
from ..operators.spatial import Pads
from ..surface import Surface
from ..task import Coefficients, RuntimeKernel, TaskPlan, own
from ..view import View
from .bands import TILES_BYTES
from .neural import whole_source
from .planar import recorded_patch

#: Coefficients of a task, and its output channels (records: at most these).
MOST_COEFFICIENT_BYTES = 1 << 20
MOST_OUTPUTS = 512
#: Sizes of kernels and paddings have five bits.
MOST_KERNEL = 31
#: Output channels up to which the engines take one each.
ENGINES = 16
#: Rows of a kernel that a task writes: side by side, and in all.
MOST_LANES = 8

CONVOLUTION = own("a convolution at stride 1 of a shape that no record has")
NARROW = own("output channels that are no multiple of 16, in narrower planes of coefficients", "middle")
NO_PADS = Pads()
WRITTEN = own("rows of a tensor stored as coefficients by a task that is not the program's first", "middle")


def convolve(
    b: Builder, x: View, weights: np.ndarray, bias: np.ndarray | None, z: View, pads: Pads = NO_PADS,
    depthwise: bool = False, relu: bool = False,
) -> View:  # fmt: skip
    """Convolution at stride 1 of a view C, H, W.

    Args:
        b: where the tasks go.
        x: the source.
        weights: float16, (Cout, Cin, Kh, Kw), Cin 1 if depthwise.
        bias: float16, (Cout,), or None.
        z: the result.
        pads: zeros around the planes; those at the bottom and right follow from the size of z.
        depthwise: every channel by itself.
        relu: a clamp at zero comes last.

    Raises:
        UnsupportedError: a kernel or padding of more than 31, or a row that does not fit L2.
    """
    outputs, inputs, height, width = weights.shape
    if max(height, width, pads.top, pads.left) > MOST_KERNEL:
        raise UnsupportedError(
            f"a kernel of {height} x {width} with padding {pads.top}, {pads.left}; fields have five bits"
        )
    for part in _parts(outputs, inputs * height * width, depthwise):
        count = len(part)
        source = x.part(0, part.start, count) if depthwise else x
        kernel = weights[part.start : part.stop]
        offsets = None if bias is None else bias[part.start : part.stop]
        target = z.part(0, part.start, count)
        for band, rows, top in _bands(source, target, height, pads.top):
            b.add([_convolution(band, rows, kernel, offsets, Pads(top, pads.left), depthwise, relu)])
    return z


def _parts(outputs: int, weights: int, depthwise: bool) -> list[range]:
    """Ranges of output channels, a task for each; multiples of 16 that powers of two divide come first."""
    if depthwise:
        return [range(first, min(outputs, first + MOST_OUTPUTS)) for first in range(0, outputs, MOST_OUTPUTS)]
    most = max(16, min(MOST_OUTPUTS, MOST_COEFFICIENT_BYTES // (2 * weights)) // 16 * 16)
    parts, first = [], 0
    while first < outputs:
        count = min(outputs - first, most)
        if count >= 16:
            count -= count % (1 << (count // 16).bit_length() - 1)
        parts.append(range(first, first + count))
        first += count
    return parts


def _bands(x: View, z: View, kernel: int, top: int) -> list[tuple[Surface, Surface, int]]:
    """Source rows, result rows and the padding above, for bands that fit L2."""
    c, h, w = x.lengths
    outputs, height, width = z.lengths
    row = c * channel_bytes(w) + outputs * channel_bytes(width) + 0x80
    most = TILES_BYTES // row - kernel
    if most < 1:
        raise UnsupportedError(f"a row of {c} channels and {w} columns, {kernel} of which have to fit L2")
    found = []
    for first in range(0, height, most):
        last = min(height, first + most)
        begin = min(max(0, first - top), h - 1)
        end = max(begin + 1, min(h, last - top + kernel - 1))
        found.append(
            (x.part(1, begin, end - begin).surface(), z.part(1, first, last - first).surface(), max(0, top - first))
        )
    return found


def _convolution(
    x: Surface, z: Surface, weights: np.ndarray, bias: np.ndarray | None, pads: Pads, depthwise: bool, relu: bool
) -> TaskPlan:
    _, c, h, w = x.shape
    _, outputs, height, width = z.shape
    engines = engines_for(outputs)
    lanes = 1 if depthwise else packing.lanes_that_divide(outputs, height, width)
    form = packing.Form(
        outputs, weights.shape[1], weights.shape[2], weights.shape[3], engines=engines, lanes=lanes,
        bias_row=bias is not None, depthwise=depthwise,
    )  # fmt: skip
    small = max(height, width) <= 8 and not depthwise
    together = 4 if small else rows_log2(height, 2 * width)
    plane_bytes = 2 * form.weights * lanes
    shared = small or plane_bytes > 0x4000
    narrow = not depthwise and outputs % ENGINES and outputs > ENGINES
    draft = neural(
        f"convolution {weights.shape[2]} x {weights.shape[3]}", NARROW if narrow else CONVOLUTION, (c, h, w),
        out=(outputs, height, width), engines=engines, rows_log2=together, small=small, copy=False, relu=relu,
        prefer_log2=together if shared else 0, least_log2=together if shared else 0,
    )  # fmt: skip
    if depthwise:
        draft.put("Common.GroupConvCfg", UnicastEn=1, UnicastCin=1)
    draft.put(
        "Common.ConvCfg", Kw=weights.shape[3], Kh=weights.shape[2], OCGSize=log2_up(lanes), Px=pads.left, Py=pads.top
    )
    draft.put("Common.TileCfg", TileHeight=height)
    draft.put("NE.MACCfg", BiasMode=int(bias is not None))
    size = whole_source(draft, x, together)
    draft.write(z)
    draft.result_tile("DmaWrite", Tile(size), Aliases.ALL)
    data = np.ascontiguousarray(weights, np.float16)
    offsets = None if bias is None else np.ascontiguousarray(bias, np.float16).data
    packed = packing.pack(packing.layout(form), data.data, offsets, None)
    draft.kernel = Coefficients(_chunks(packed), engines=sum(1 for chunk in packed.chunks if chunk.size_bytes))
    draft.cycles = cycles((x,), (z,), len(packed.data))
    return draft.plan()


def _chunks(packed: packing.Coefficients) -> tuple[bytes, ...]:
    return tuple(
        bytes(packed.data[chunk.base_bytes : chunk.base_bytes + chunk.size_bytes])
        for chunk in packed.chunks
        if chunk.size_bytes
    )


def product(b: Builder, x: View, y: View, z: View) -> View:
    """Z = x y, for x of M channels of one row of K, y of K channels of one row of N, z of M channels of one row of N.

    Rows of x become coefficients in scratch, as many at a time as a power of two.
    """
    m, _, k = x.lengths
    n = y.lengths[2]
    if k * channel_bytes(n) + MOST_LANES * ENGINES * max(channel_bytes(n), channel_bytes(k)) > TILES_BYTES:
        raise UnsupportedError(f"a product of {k} rows of {n} columns, more than L2 holds")
    first = 0
    while first < m:
        engines = min(ENGINES, 1 << (m - first).bit_length() - 1)
        lanes = min(MOST_LANES, 1 << ((m - first) // engines).bit_length() - 1)
        rows = engines * lanes
        step = round_up(2 * lanes * k, 64)
        kernel = b.scratch((step * engines // 2,))
        b.add([_stored(x.part(0, first, rows).surface(), kernel.buffer, lanes, step, engines)])
        b.add([_product(y.surface(), z.part(0, first, rows).surface(), kernel.buffer, lanes, step, engines)])
        first += rows
    return z


def _stored(x: Surface, kernel: str, lanes: int, step: int, engines: int) -> TaskPlan:
    """Rows stored `lanes` at a time side by side, which is how a plane of coefficients lies."""
    _, rows, _, k = x.shape
    target = Surface(kernel, x.shape, 0, step, step, step * engines, step * engines)
    draft = planar("rows as coefficients", WRITTEN, Kind.ONE, (rows, 1, k), recorded_patch(1, k))
    draft.read(x)
    draft.write(target, lanes=lanes)
    channel = channel_bytes(k)
    row, depth = planar_row_bytes(rows, channel), rows * channel
    draft.source_tile("DmaRead", Tile(0, channel, row, depth, depth), Aliases.ALL)
    draft.result_tile("DmaWrite", Tile(row), Aliases.ALL, lanes=lanes)
    draft.cycles = cycles((x,), (x,))
    return draft.plan()


def _product(y: Surface, z: Surface, kernel: str, lanes: int, step: int, engines: int) -> TaskPlan:
    _, k, _, n = y.shape
    rows = z.shape.c
    small = n <= 8
    together = 4 if small else 0
    draft = neural(
        "product", WRITTEN, (k, 1, n), out=(rows, 1, n), engines=engines, rows_log2=together, small=small, copy=False,
        prefer_log2=together, least_log2=together,
    )  # fmt: skip
    draft.put("Common.ConvCfg", OCGSize=log2_up(lanes))
    size = whole_source(draft, y, together)
    draft.write(z)
    draft.result_tile("DmaWrite", Tile(size), Aliases.ALL)
    draft.kernel = RuntimeKernel(kernel, 0, step, step, engines)
    draft.cycles = cycles((y,), (z,), step * engines)
    return draft.plan()
