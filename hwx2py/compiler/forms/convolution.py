"""Convolutions: one task of the neural engines for each MiB of coefficients and each batch element."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

from ... import packing
from ...errors import UnsupportedError
from ...packing import Halves
from ...program.l2 import (
    NEURAL_COLUMNS_BYTES,
    SIZE_BYTES,
    Aliases,
    Tile,
    channel_bytes,
    log2_up,
    neural_row_bytes,
    planar_row_bytes,
    rows_log2,
    tile_height,
)
from ..coefficients import kernel
from ..draft import Draft
from ..engines import cycles, engines_for, neural
from ..evidence import evidence
from ..surface import HALF_BYTES, Shape, Surface
from ..task import Evidence, Store, TaskPlan, own
from .parts import TooLargeError

#: The largest kernel and padding: fields of five bits.
MOST_WINDOW = 31
#: Coefficients of a task (9.509 splits what is larger: products of 1024 by 1024 at 375 rows).
MOST_COEFFICIENT_BYTES = 1 << 20
#: Bytes of a plane of coefficients beyond which ShPref and ShMin are set too (records of convolutions).
LARGE_PLANE_BYTES = 0x4000
#: Results up to this height and width are "small" (records).
SMALL = 8

#: Lanes of kernels that skip zeros: the order of their bytes is known by digest for 4, published for 8.
ZERO_SKIPPING_LANES = (4, 8)

KNOWN_LANES = own("4 or 8 lanes, for which the packing of kernels that skip zeros is known", "middle")
FEWER_LANES = own("fewer lanes than compiler 9.509 takes, which cost less by estimate", "middle")
NARROW = own("channels that are no multiple of 16 lanes: fewer lanes, so that no plane is left over", "middle")
KEPT = own("a convolution whose result stays in L2 for the task behind it, as what passes through does")
EXCHANGED = own("a convolution whose result is stored with C and W exchanged, as products with constants are")
SPLIT = own("more than 1 MiB of coefficients: a task for each part of the output channels")


@dataclass(frozen=True, slots=True)
class Window:
    """The window of a convolution.

    Attributes:
        height, width: of the kernel.
        stride: of rows and columns.
        top, left: padding; what is needed below and right follows from the size of the result.
    """

    height: int = 1
    width: int = 1
    stride: int = 1
    top: int = 0
    left: int = 0


def convolution(
    x: Surface, z: Surface, weights: Halves, bias: Halves | None = None, *, window: Window = Window(),
    groups: int = 1, relu: bool = False, table: bytes = b"", scale: float = 1.0, exchange: bool = False,
    lanes: int | None = None,
) -> list[TaskPlan]:  # fmt: skip
    """Convolves.

    Args:
        x: the source.
        z: the result, of the size that window and padding give; C and W are exchanged in it if `exchange`.
        weights: float16 in the order output channel, input channel of its group, kernel row, kernel column.
        bias: float16, one for each output channel; None without.
        window: kernel, stride and padding. A stride of 2 is only for 1 x 1 kernels.
        groups: 1, or as many as there are channels (depthwise), or a number between them.
        relu: clamp at zero behind it.
        table: a lookup table behind it, 128 bytes.
        scale: factor on the sums, a float16.
        exchange: the result is stored with C and W exchanged, for one batch element and one group, or depthwise.
        lanes: output channels of a plane of coefficients, for a dense kernel; None: as compiler 9.509 has them.

    Returns:
        A task for each batch element and each MiB of coefficients (records: 8 of 8; 45 of 45 further tasks).

    Raises:
        UnsupportedError: the window does not fit the registers, or L2 does not hold the rows of a window.
    """
    if max(window.height, window.width, window.top, window.left) > MOST_WINDOW:
        raise UnsupportedError(f"kernels and padding have at most {MOST_WINDOW} rows and columns")
    outputs = z.shape.w if exchange else z.shape.c
    kernel_form = _Kernel(x.shape.c, outputs, groups, window, bias is not None, bool(table), lanes)
    if exchange and (x.shape.n > 1 or (groups > 1 and not kernel_form.depthwise)):
        raise UnsupportedError("a result is stored exchanged for one batch element and one group")
    weights, biases = memoryview(weights).cast("B"), None if bias is None else memoryview(bias).cast("B")
    plans = []
    for number in range(x.shape.n):
        source, result = x.batches(number, 1), z.batches(number, 1)
        parts = list(kernel_form.parts())
        if exchange and len(parts) > 1:
            raise TooLargeError("several tasks do not store one result exchanged")
        for first, count in parts:
            part = slice(first * kernel_form.weight_bytes, (first + count) * kernel_form.weight_bytes)
            part_bias = None if biases is None else biases[first * HALF_BYTES : (first + count) * HALF_BYTES]
            own_source = source.planes(first, count) if kernel_form.depthwise else source
            own_result = result if exchange else result.planes(first, count)
            task = _Task(kernel_form, own_source, own_result, relu, scale, count < outputs, exchange)
            plans.append(task.draft(weights[part], part_bias, table).plan())
    return plans


def fewer_lanes(outputs: int, result: Shape) -> list[int]:
    """Numbers of lanes, below those of compiler 9.509's rule, of which no plane is left over.

    Args:
        outputs: output channels.
        result: shape of the result.
    """
    usual = packing.lanes_for(outputs, result.h, result.w)
    whole = packing.form.MOST_ENGINES
    return [1 << n for n in range(usual.bit_length() - 1) if outputs % (whole << n) == 0]


def column_into_l2(
    x: Surface, outputs: int, weights: Halves, bias: Halves | None, place: Tile, source_base: int, *,
    relu: bool = False, table: bytes = b"",
) -> Draft:  # fmt: skip
    """Convolves a column of channels 1 x 1; the result stays in L2, as the first task of a run.

    Args:
        x: 1 x C x 1 x 1.
        outputs: channels of the result.
        weights: float16 in the order output channel, input channel.
        bias: float16, one for each output channel; None without.
        place: where the result stays.
        source_base: where the source lies in L2.
        relu: clamp at zero behind it.
        table: a lookup table behind it, 128 bytes.

    Returns:
        A task: a convolution of this shape with the places of a pass-through into L2.

    Raises:
        TooLargeError: more than 1 MiB of coefficients.
    """
    kernel_form = _Kernel(x.shape.c, outputs, 1, Window(), bias is not None, bool(table))
    if len(list(kernel_form.parts())) > 1:
        raise TooLargeError("more than 1 MiB of coefficients")
    result = Surface.dense("", (1, outputs, 1, 1))
    return _Task(kernel_form, x, result, relu, 1.0, kept=place, base=source_base).draft(weights, bias, table)


@dataclass(frozen=True, slots=True)
class _Kernel:
    """What all tasks of a convolution share."""

    inputs: int
    outputs: int
    groups: int
    window: Window
    with_bias: bool
    with_table: bool
    lanes: int | None = None

    @property
    def depthwise(self) -> bool:
        return self.groups > 1 and self.groups == self.inputs == self.outputs

    @property
    def reads(self) -> int:
        """Input channels that an output channel reads."""
        return self.inputs // self.groups

    @property
    def weight_bytes(self) -> int:
        """Bytes of the weights of an output channel."""
        return HALF_BYTES * self.reads * self.window.height * self.window.width

    def form(self, outputs: int, height: int, width: int) -> packing.Form:
        """How the kernel of some of the output channels is stored, for a result of this height and width."""
        window = self.window
        lanes = 1
        if window.stride == 2:
            lanes = ZERO_SKIPPING_LANES[outputs >= packing.form.MOST_ENGINES * ZERO_SKIPPING_LANES[1]]
        elif self.groups == 1:
            lanes = packing.lanes_for(outputs, height, width)
        groups = 1 if self.depthwise else self.groups
        form = packing.Form(
            outputs=outputs // groups, inputs=self.reads, height=window.height, width=window.width,
            engines=packing.engines_for(outputs), lanes=lanes, groups=groups, bias_row=self.with_bias,
            depthwise=self.depthwise, table_in_front=self.with_table,
            zero_skipping=window.stride == 2,
        )  # fmt: skip
        is_dense = self.groups == 1 and window.stride == 1
        if self.lanes is not None:
            form = replace(form, lanes=self.lanes)
            if not packing.is_settled(form):
                raise UnsupportedError(f"the order of {outputs} channels in {self.lanes} lanes is not known")
            return form
        if is_dense and not (self._is_sure(outputs, lanes) and packing.is_settled(form)):
            form = replace(form, lanes=packing.lanes_that_divide(outputs, height, width))
        return form

    def _is_sure(self, outputs: int, lanes: int) -> bool:
        """Whether 9.509's rule for lanes leaves whole rounds, or the rest in one round of a power of two."""
        rest, odd = divmod(outputs % (packing.form.MOST_ENGINES * lanes), packing.form.MOST_ENGINES)
        return outputs < packing.form.MOST_ENGINES or (not odd and rest & (rest - 1) == 0)

    def parts(self) -> Iterator[tuple[int, int]]:
        """First and number of the output channels of each task."""
        if self.groups > 1 and not self.depthwise:
            yield 0, self.outputs
            return
        most = max(16, MOST_COEFFICIENT_BYTES // self.weight_bytes)
        if most < self.outputs:
            most = 1 << most.bit_length() - 1
        for first in range(0, self.outputs, most):
            yield first, min(most, self.outputs - first)


@dataclass(frozen=True, slots=True)
class _Task:
    """One task of a convolution."""

    kernel: _Kernel
    x: Surface
    z: Surface
    relu: bool
    scale: float
    is_part: bool = False
    exchange: bool = False
    kept: Tile | None = None
    base: int = 0

    def draft(self, weights: Halves, bias: Halves | None, table: bytes) -> Draft:
        window, groups = self.kernel.window, 1 if self.kernel.depthwise else self.kernel.groups
        _, inputs, height, width = self.x.shape
        _, outputs, out_height, out_width = self.z.shape
        if self.exchange:
            outputs, out_width = out_width, outputs
        form = self.kernel.form(outputs, out_height, out_width)
        source, result = (inputs // groups, height, width), (outputs // groups, out_height, out_width)
        small = max(out_height, out_width) <= SMALL and groups == 1
        sharing = 4 if small else rows_log2(out_height, HALF_BYTES * out_width)
        at_least = sharing if small or self._plane_bytes(form) > LARGE_PLANE_BYTES else 0
        draft = neural(
            self._what(), self._evidence(form), source, out=result, engines=engines_for(outputs), copy=False,
            rows_log2=sharing, prefer_log2=at_least, least_log2=at_least, small=small, relu=self.relu,
            table=bool(table), exchange=self.exchange,
        )  # fmt: skip
        draft.put(
            "Common.ConvCfg", Kw=window.width, Kh=window.height, OCGSize=log2_up(form.lanes), Sx=window.stride,
            Sy=window.stride, Px=window.left, Py=window.top,
        )  # fmt: skip
        if self.kernel.depthwise:
            draft.put("Common.GroupConvCfg", UnicastEn=1, UnicastCin=1)
        else:
            draft.put("Common.GroupConvCfg", NumGroups=groups)
        draft.put("NE.MACCfg", BiasMode=int(bias is not None))
        draft.put("NE.KernelCfg", SparseFmt=int(form.zero_skipping))
        draft.put("NE.PostScale", PostScale=self.scale)
        draft.read(self.x.strided(group_bytes=self.x.plane_bytes * source[0]) if groups > 1 else self.x)
        if self.exchange:
            draft.write(self.z, Store.WHOLE)
        elif self.kept is None:
            draft.write(self.z.strided(group_bytes=self.z.plane_bytes * result[0]) if groups > 1 else self.z)
        self._place(draft, source, result, sharing)
        draft.kernel = kernel(form, weights, bias, table or None)
        draft.cycles = cycles((self.x,), () if self.kept else (self.z,), draft.kernel.size_bytes)
        return draft

    def _plane_bytes(self, form: packing.Form) -> int:
        return form.weights * form.lanes * HALF_BYTES

    def _place(self, draft: Draft, source: tuple[int, int, int], result: tuple[int, int, int], sharing: int) -> None:
        """The tiles in L2, and the height of a tile."""
        channels, height, width = source
        window = self.kernel.window
        channel = channel_bytes(width)
        row_of_results = result[0] * channel_bytes(result[2])
        if self.exchange:
            row_of_results = exchanged_row = planar_row_bytes(result[2], channel_bytes(result[0]))
        row = neural_row_bytes(channels, channel, sharing, window.stride)
        if (window.height * row + row_of_results) > SIZE_BYTES:  # columns pass through in parts of 128
            if self.exchange:
                raise TooLargeError("a result that L2 does not hold is not stored exchanged")
            channel = NEURAL_COLUMNS_BYTES
            row, row_of_results = channels * channel, result[0] * channel
        halo = window.height - window.stride
        rows = height if height * row + result[1] * row_of_results <= SIZE_BYTES else 0
        tile = result[1]
        if not rows and self.exchange:
            raise TooLargeError("a result that L2 does not hold is not stored exchanged")
        if not rows:
            most = (SIZE_BYTES - halo * row) // (window.stride * row + row_of_results)
            if most < 1:
                raise UnsupportedError(f"{window.height} rows of {channels} channels of {width} do not fit L2")
            tile = tile_height(result[1], most)
            if window.height == 1 and 1 << sharing <= most:
                tile = min(tile, 1 << sharing)
            rows = min(height, tile * window.stride + halo)
        draft.put("Common.TileCfg", TileHeight=tile)
        depth = channels * channel
        draft.source_tile("DmaRead", Tile(self.base, channel, row, depth, depth), Aliases.ALL)
        if self.kept is not None:
            draft.result_tile("L2Write", self.kept, Aliases.ALL)
            return
        if self.exchange:
            channel = channel_bytes(result[0])
            depth = result[2] * channel
            tile_of_result = Tile(rows * row, channel, exchanged_row, depth, depth)
            draft.result_tile("DmaWrite", tile_of_result, Aliases.ALL, tiled=False)
            return
        draft.result_tile("DmaWrite", Tile(rows * row), Aliases.ALL)

    def _what(self) -> str:
        window = self.kernel.window
        kind = "depthwise convolution" if self.kernel.depthwise else "convolution"
        return f"{kind} {window.height} x {window.width}" + ", C and W exchanged" * self.exchange

    def _evidence(self, form: packing.Form) -> Evidence:
        if self.kernel.lanes is not None:
            return FEWER_LANES
        if self.is_part:
            return SPLIT
        if self.exchange:
            return EXCHANGED
        if self.kept is not None:
            return KEPT
        usual = packing.lanes_for(form.channels, self.z.shape.h, self.z.shape.w)
        is_dense = form.groups == 1 and not form.depthwise and form.channels >= 16
        if form.zero_skipping and form.lanes != usual:
            return KNOWN_LANES
        if is_dense and (form.lanes != usual or form.channels % 16):
            return NARROW
        window, kernel_form = self.kernel.window, self.kernel
        return evidence(
            "convolution", self.x.shape, form.channels, window.height, window.width, window.stride, kernel_form.groups,
            *["bias"] * kernel_form.with_bias, *["relu"] * self.relu, *["table"] * kernel_form.with_table,
            *["scale"] * (self.scale != 1),
        )  # fmt: skip
