"""A task while a form writes it: registers and fields by name, operands by what they are."""

import functools
from typing import Any, NamedTuple

from ..errors import RegisterError, UnsupportedError
from ..program.l2 import Aliases, Tile
from ..registers import by_name
from ..registers.architecture import Architecture
from .blank import blank
from .surface import Surface
from .task import Coefficients, Events, Evidence, Fetch, RuntimeKernel, Store, TaskPlan

#: The architecture that the forms write words for.
ARCH_NAME = "H13"

_STEPS = (("Row", "row_bytes"), ("Plane", "plane_bytes"), ("Depth", "depth_bytes"), ("Group", "group_bytes"))


class _Layout(NamedTuple):
    """Fields of the format registers for a size of element."""

    source: dict[str, int | str]
    source2: dict[str, int | str]
    result: dict[str, int | str]
    l2: str


#: Bytes of an element -> how tile DMA and L2 are told (records of both kinds).
_LAYOUTS = {
    2: _Layout(
        {"FmtMode": 1, "Truncate": 3, "MemFmt": "16b", "Interleave": 1},
        {"Truncate": 3, "MemFmt": "16b"},
        {"FmtMode": 1, "Truncate": 3, "MemFmt": "16b", "ZeroPadLast": 1, "ZeroPadFirst": 1, "Interleave": 1},
        "16b",
    ),
    1: _Layout({"Interleave": 1}, {}, {"ZeroPadLast": 1, "ZeroPadFirst": 1, "Interleave": 1}, "8b"),
}


@functools.cache
def _architecture() -> Architecture:
    return by_name(ARCH_NAME)


@functools.cache
def _blank() -> dict[str, int]:
    return blank(_architecture())


@functools.cache
def _fields(register: str) -> dict[str, Any]:
    row = _architecture().register(register.split("[")[0])
    if row is None:
        raise RegisterError(f"{ARCH_NAME} has no register {register}")
    return {field.name: field for field in row.fields}


@functools.lru_cache(maxsize=1 << 16)
def _bits(register: str, name: str, value: int | float | str) -> tuple[int, int]:
    """Mask of a field, and a value's bits in place."""
    field = _fields(register).get(name)
    if field is None:
        raise RegisterError(f"{register} has no field {name}")
    counted = COUNTED.get(f"{register}.{name}")
    if counted and isinstance(value, int) and value > (most := field.mask >> field.lsb):
        raise UnsupportedError(f"{value} {counted} in a task: {register}.{name} holds {most} at most")
    return field.mask, field.encode(value)


#: Fields that count something of a tensor or kernel, and what a user calls that.
COUNTED = {
    "Common.InDim.Win": "columns of a source",
    "Common.InDim.Hin": "rows of a source",
    "Common.OutDim.Wout": "columns of a result",
    "Common.OutDim.Hout": "rows of a result",
    "Common.Cin.Cin": "input channels",
    "Common.Cout.Cout": "output channels",
    "Common.InDepth.Din": "slices of a source",
    "Common.OutDepth.Dout": "slices of a result",
    "Common.GroupConvCfg.NumGroups": "groups",
    "Common.GroupConvCfg.UnicastCin": "channels of a group",
    "Common.ConvCfg.Kw": "columns of a kernel",
    "Common.ConvCfg.Kh": "rows of a kernel",
    "Common.ConvCfg.Px": "columns of padding",
    "Common.ConvCfg.Py": "rows of padding",
    "Common.TileCfg.TileHeight": "rows of a tile",
}


class Draft:
    """A task that is being written; `plan` gives the finished one.

    Args:
        what: what it does, in a few words.
        evidence: where its words come from.
        engines: neural engines that work; 0 for the planar engine.
    """

    def __init__(self, what: str, evidence: Evidence, engines: int = 0):
        self.what, self.evidence, self.engines = what, evidence, engines
        self.words = dict(_blank())
        self.source: Surface | None = None
        self.source2: Surface | None = None
        self.result: Surface | None = None
        self.fetch = self.fetch2 = Fetch.TENSOR
        self.store = Store.TENSOR
        self.kernel: Coefficients | RuntimeKernel | None = None
        self.constants: dict[str, bytes] = {}
        self.keeps_kernel = self.ends_segment = False
        self.events = Events.USUAL
        self.cycles = 0

    def put(self, register: str, /, **fields: int | float | str) -> None:
        """Sets fields of a register, and leaves its other fields alone.

        Args:
            register: `Block.Register` or `Block.Register[i]`.
            fields: values as the register table takes them: bytes, numbers or names.

        Raises:
            RegisterError: no such register or field, or a value that does not fit.
        """
        word = self._word(register)
        for name, value in fields.items():
            mask, bits = _bits(register, name, value)
            word = word & ~mask | bits
        self.words[register] = word

    def _word(self, register: str) -> int:
        if register not in self.words:
            raise RegisterError(f"{ARCH_NAME} has no register {register}")
        return self.words[register]

    def sizes(
        self, channels: int, height: int, width: int, out: tuple[int, int, int] | None = None, depth: int = 1
    ) -> None:
        """Sizes of source and result; the result's are the source's unless `out` has its channels, height and width."""
        result = out or (channels, height, width)
        self.put("Common.InDim", Win=width, Hin=height)
        self.put("Common.OutDim", Wout=result[2], Hout=result[1])
        self.put("Common.Cin", Cin=channels)
        self.put("Common.Cout", Cout=result[0])
        if depth != 1:
            self.put("Common.InDepth", Din=depth)
            self.put("Common.OutDepth", Dout=depth)

    # --- operands -----------------------------------------------------------------------------------------------------
    def read(self, surface: Surface, fetch: Fetch = Fetch.TENSOR) -> None:
        """Source 1 comes by tile DMA; with `Fetch.CONTEXT` it was left in L2 by the task before."""
        self.source, self.fetch = surface, fetch
        self.put("TileDMASrc.Src1Fmt", **{"Interleave": 0} | _LAYOUTS[surface.element_bytes].source)
        for step, name in _STEPS:
            self.put(f"TileDMASrc.Src1{step}Stride", Stride=getattr(surface, name))

    def read_second(self, surface: Surface, fetch: Fetch = Fetch.TENSOR) -> None:
        """Source 2 comes by tile DMA."""
        self.source2, self.fetch2 = surface, fetch
        self.put("TileDMASrc.Src2Fmt", **_LAYOUTS[surface.element_bytes].source2)
        for step, name in _STEPS:
            self.put(f"TileDMASrc.Src2{step}Stride", Stride=getattr(surface, name))

    def write(self, surface: Surface, store: Store = Store.TENSOR, lanes: int = 0) -> None:
        """The result goes to memory.

        Args:
            surface: where.
            store: how.
            lanes: rows that are stored side by side, where the result becomes a kernel; 0 for a tensor.
        """
        self.result, self.store = surface, store
        layout = _LAYOUTS[surface.element_bytes].result
        self.put("TileDMADst.Fmt", **layout | ({"Interleave": lanes} if lanes else {}))
        for step, name in _STEPS:
            self.put(f"TileDMADst.{step}Stride", Stride=getattr(surface, name))

    def source_tile(
        self, kind: str, tile: Tile, aliases: Aliases = Aliases.NONE, dependent: int = 0, dma: bool | None = None,
        element_bytes: int = 2, second_by_dma: bool = False,
    ) -> None:  # fmt: skip
        """Where source 1 lies in L2.

        Args:
            kind: "L2Read", "DmaRead", "DmaReadKeep" or "L2ChainRead".
            tile: its place.
            aliases: what else lies there.
            dependent: how it waits for the task before.
            dma: whether a tensor comes by DMA, so that its format is told; None goes by `kind`.
            element_bytes: of that tensor.
            second_by_dma: source 2 comes by DMA.
        """
        by_dma = kind.startswith("Dma") if dma is None else dma
        self.put(
            "L2.SourceCfg", SourceType=kind, Dependent=dependent, DMAInterleave=1, Source2Dma=int(second_by_dma),
            DMAFmt=_LAYOUTS[element_bytes].l2 if by_dma else 0, **aliases.fields(),
        )  # fmt: skip
        self._place("Source", tile)

    def second_tile(self, tile: Tile) -> None:
        """Where source 2 lies in L2."""
        self._place("Source2", tile)

    def result_tile(
        self, kind: str, tile: Tile, aliases: Aliases = Aliases.NONE, *, tiled: bool | None = None,
        element_bytes: int = 2, lanes: int = 1,
    ) -> None:  # fmt: skip
        """Where the result lies in L2.

        Args:
            kind: "L2Write", "DmaWrite", "L2WriteAndDma" or "L2ChainWrite".
            tile: its place; only the base where it is stored tile by tile.
            aliases: what else lies there.
            tiled: it is stored tile by tile through a buffer; None: where it goes to memory.
            element_bytes: of a tensor that is stored.
            lanes: rows that are stored side by side, where it becomes a kernel.
        """
        buffered = kind == "DmaWrite" if tiled is None else tiled
        self.put(
            "L2.ResultCfg", ResultType=kind, L2BfrMode=int(buffered), DMAInterleave=lanes,
            DMAFmt=_LAYOUTS[element_bytes].l2, **aliases.fields(),
        )  # fmt: skip
        self._place("Result", tile)

    def _place(self, operand: str, tile: Tile) -> None:
        self.put(f"L2.{operand}Base", Addr=tile.base_bytes)
        self.put(f"L2.{operand}ChannelStride", Stride=tile.channel_bytes)
        self.put(f"L2.{operand}RowStride", Stride=tile.row_bytes)
        self.put(f"L2.{operand}DepthStride", Stride=tile.depth_bytes)
        self.put(f"L2.{operand}GroupStride", Stride=tile.group_bytes)

    def plan(self) -> TaskPlan:
        """The finished task."""
        return TaskPlan(
            self.what, self.evidence, self.words, self.engines, self.source, self.source2, self.result, self.fetch,
            self.fetch2, self.store, self.kernel, self.constants, self.keeps_kernel, self.ends_segment, self.events,
            self.cycles,
        )  # fmt: skip
