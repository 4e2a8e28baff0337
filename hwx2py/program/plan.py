"""The plan of tasks that are written by hand: places in L2, strides, patches, runs of tasks; filled in from the shapes.

What is given stays as it is. The rules are those by which compiler 9.509 plans (`l2`); where several words are known to
do, the one is taken that the first task of every program has.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from ..errors import RegisterError
from ..registers.architecture import Architecture, compose
from ..units import round_up, whole
from . import l2
from .program import SCRATCH_BAR

FROM_L2, DMA_KEEP, DMA, CHAIN_READ = 0, 1, 2, 3
STAYS, STAYS_AND_STORED, STORED, CHAIN_WRITE = 0, 1, 2, 3
#: Common.Cfg.TaskType of planar tasks with two sources: elementwise, gain and offset, reduction of two.
TWO_SOURCES, GAIN_OFFSET = (3, 4, 6), 4
#: NE.MACCfg.OpMode of a convolution.
CONVOLUTION = 0
#: Outputs up to this side share rows as far as they can (all records of small convolutions).
SMALL_SIDE, MOST_ROWS_LOG2 = 8, 4
#: Cache hints by what is fetched or stored, as compiler 9.509 writes them (no effect on values seen).
TENSOR_HINTS = {"CacheHint": 2, "CacheHintReuse": 14, "CacheHintNoReuse": 12}
SCRATCH_HINTS = {"CacheHint": 4, "CacheHintReuse": 14, "CacheHintNoReuse": 4}
RESULT_HINTS, RESULT_SCRATCH_HINTS = {"CacheHint": 3}, {"CacheHint": 15}

Fields = Mapping[str, Any]
Words = Mapping[str, Fields | int]


class Size(NamedTuple):
    """Elements of an operand as it is stored, and bytes of each."""

    groups: int
    channels: int
    depth: int
    height: int
    width: int
    element_bytes: int

    @property
    def row_bytes(self) -> int:
        """Bytes of a row of one channel."""
        return self.width * self.element_bytes

    def exchanged(self) -> "Size":
        """With channels and columns exchanged."""
        return self._replace(channels=self.width, width=self.channels)


@dataclass(slots=True)
class TaskDraft:
    """A task while its plan is filled in.

    Attributes:
        arch: the architecture.
        header: header word -> fields, or the whole word.
        registers: `Block.Register` -> fields, or the whole word.
        dtid: the task that writes its kernel; None for none.
    """

    arch: Architecture
    header: dict[str, Fields | int]
    registers: dict[str, Fields | int]
    dtid: int | None = None

    def number(self, name: str) -> int:
        """`Block.Register.Field` as it is now; 0 where nothing is given, or there is no such field."""
        place = self.arch.find_place(name)
        if place is None:
            return 0
        if place.in_header:
            row = self.arch.header.registers[place.address // 4]
            given = self.header.get(row.name, 0)
        else:
            row, given = self.arch.register(place.register), self.registers.get(place.register, 0)
        return place.number(given if isinstance(given, int) else compose(row, **given))

    def is_given(self, *names: str) -> bool:
        """Whether one of some registers is given."""
        return any(name in self.registers for name in names)

    def put(self, register: str, **fields: Any) -> None:
        """Fills fields of a register in that are not given; of a word that is given as a whole none are."""
        row = self.arch.find_register(register)
        given = self.registers.get(register, {})
        if row is None or isinstance(given, int):
            return
        there = {row_field.name for row_field in row.fields}
        self.registers[register] = {name: value for name, value in fields.items() if name in there} | dict(given)

    def put_header(self, word: str, **fields: int) -> None:
        """The same of a header word."""
        row = next((row for row in self.arch.header.registers if row.name == word), None)
        given = self.header.get(word, {})
        if row is None or isinstance(given, int):
            return
        there = {row_field.name for row_field in row.fields}
        self.header[word] = {name: value for name, value in fields.items() if name in there} | dict(given)

    # What the task is

    @property
    def is_neural(self) -> bool:
        """Whether the neural engines do it."""
        return self.number("Header.ENE") > 0

    @property
    def kind(self) -> int:
        """Common.Cfg.TaskType."""
        return self.number("Common.Cfg.TaskType")

    @property
    def has_second(self) -> bool:
        """Whether there is a source 2."""
        return not self.is_neural and self.kind in TWO_SOURCES

    @property
    def source_type(self) -> int:
        """L2.SourceCfg.SourceType."""
        return self.number("L2.SourceCfg.SourceType")

    @property
    def second_by_dma(self) -> bool:
        """Whether source 2 comes by tile DMA."""
        return self.has_second and bool(self.number("L2.SourceCfg.Source2Dma"))

    @property
    def result_type(self) -> int:
        """L2.ResultCfg.ResultType."""
        return self.number("L2.ResultCfg.ResultType")

    @property
    def is_stored(self) -> bool:
        """Whether the result goes to memory."""
        return self.result_type in (STAYS_AND_STORED, STORED)

    @property
    def passes(self) -> bool:
        """Whether an operand passes through L2."""
        return self.source_type == DMA or self.second_by_dma or self.result_type == STORED

    def source_size(self, number: int) -> Size:
        """Sizes of source 1 or 2 as it is stored."""
        groups = max(self.number("Common.GroupConvCfg.NumGroups"), 1)
        element_bytes = self._element_bytes("InFmt" if number == 1 else "Src2InFmt")
        size = Size(groups, *self._sizes("Cin", "Din", "Hin", "Win"), element_bytes)
        if number == 2 and self.kind == GAIN_OFFSET:
            size = size._replace(depth=1, height=2, width=1)
        if self.is_neural:
            return size
        axes = {"C": "channels", "D": "depth", "H": "height", "W": "width"}
        single = {axes[axis]: 1 for axis in axes if self.number(f"Common.PECfg.Src{number}Broadcast{axis}")}
        size = size._replace(**single)
        return size.exchanged() if self.number(f"Common.PECfg.Src{number}Transpose") else size

    def result_size(self) -> Size:
        """Sizes of the result as it is stored."""
        groups = max(self.number("Common.GroupConvCfg.NumGroups"), 1)
        size = Size(groups, *self._sizes("Cout", "Dout", "Hout", "Wout"), self._element_bytes("OutFmt"))
        if not self.is_neural and self.kind >= 5:
            size = size._replace(depth=1, height=1, width=1)
        exchanged = self.number("Common.Cfg.OutTrans" if self.is_neural else "Common.PECfg.OutputTranspose")
        return size.exchanged() if exchanged else size

    def _sizes(self, channels: str, depth: str, height: str, width: str) -> tuple[int, int, int, int]:
        """Four sizes by the names of their fields; 1 where nothing is given."""
        found = [max(self.number(f"Common.{name}"), 1) for name in (channels, depth, height, width)]
        return found[0], found[1], found[2], found[3]

    def _element_bytes(self, name: str) -> int:
        return 2 if self.number(f"Common.ChCfg.{name}") == 2 else 1


def fill_in(drafts: Sequence[TaskDraft]) -> None:
    """Fills the plans of tasks in that run one after another.

    Args:
        drafts: the tasks, in order; changed in place.

    Raises:
        RegisterError: a value does not fit, or a tile does not fit L2.
    """
    kept = [_kept(draft) for draft in drafts]
    taken = sorted({place for places in kept for place in (*places.read, *places.written)})
    for draft in drafts:
        if draft.arch.find_register("L2.SourceBase") and draft.arch.find_register("Common.PatchCfg"):
            if draft.passes:
                _place(draft, taken)
            draft.put("Common.TileCfg", TileHeight=max(draft.number("Common.OutDim.Hout"), 1))
            _engine(draft)
            _dma(draft)
    _headers(drafts, _ends(kept))


class _Kept(NamedTuple):
    """Places in L2, first byte and end, that a task reads or writes for others."""

    read: list[tuple[int, int]]
    written: list[tuple[int, int]]


def _kept(draft: TaskDraft) -> _Kept:
    read, written = [], []
    if draft.source_type in (FROM_L2, CHAIN_READ):
        read.append(_span(draft, "Source", draft.source_size(1)))
    if draft.source_type == DMA_KEEP:
        written.append(_span(draft, "Source", draft.source_size(1)))
    if draft.has_second and not draft.second_by_dma:
        read.append(_span(draft, "Source2", draft.source_size(2)))
    if draft.result_type != STORED:
        written.append(_span(draft, "Result", draft.result_size()))
    return _Kept(read, written)


def _span(draft: TaskDraft, operand: str, size: Size) -> tuple[int, int]:
    base = draft.number(f"L2.{operand}Base.Addr")
    steps = (("Group", size.groups), ("Channel", size.channels), ("Depth", size.depth), ("Row", size.height))
    reach = sum((extent - 1) * draft.number(f"L2.{operand}{axis}Stride.Stride") for axis, extent in steps)
    return base, base + reach + size.row_bytes


def _ends(kept: Sequence[_Kept]) -> list[bool]:
    """Whether a run of tasks may end behind each: where nothing in L2 is read later that was written before."""
    ends = [True] * len(kept)
    for reader, places in enumerate(kept):
        for place in places.read:
            for number in range(_written_by(kept, reader, place), reader):
                ends[number] = False
    return ends


def _written_by(kept: Sequence[_Kept], reader: int, place: tuple[int, int]) -> int:
    """The earliest of the tasks whose results a task reads at a place: one, or several that fill it together."""
    start, end = place
    earliest = reader
    for number in reversed(range(reader)):
        for one in kept[number].written:
            if l2.overlap((start, end), one):
                earliest = number
                start, end = (one[1], end) if one[0] <= start else (start, one[0])
        if start >= end:
            break
    return earliest


def _place(draft: TaskDraft, taken: Sequence[tuple[int, int]]) -> None:
    """Places and strides of what passes through L2: behind all that stays there, or between it."""
    rows = draft.number("Common.TileCfg.TileHeight")
    height = max(draft.number("Common.OutDim.Hout"), 1)
    found = _free(draft, rows or height, taken)
    if not rows:
        rows = height
        while rows > 1 and found[-1].end > l2.SIZE_BYTES:
            rows = 1 << (rows - 1).bit_length() - 1
            found = _free(draft, rows, taken)
        draft.put("Common.TileCfg", TileHeight=rows)
    if found[-1].end > l2.SIZE_BYTES:
        raise RegisterError(
            f"tiles of {rows} rows end at {found[-1].end:#x} of L2, which has {l2.SIZE_BYTES:#x} bytes",
            hint="give a lower TileHeight, or places in L2",
        )
    for operand, _, tile in found:
        names = {"Base": "Addr"} | {f"{axis}Stride": "Stride" for axis in ("Channel", "Row", "Depth", "Group")}
        if draft.is_given(*(f"L2.{operand}{name}" for name in names)):
            continue
        for (name, row_field), value in zip(names.items(), tile):
            draft.put(f"L2.{operand}{name}", **{row_field: value})


def _free(draft: TaskDraft, rows: int, taken: Sequence[tuple[int, int]]) -> list["_Placed"]:
    """What passes through L2, where nothing else lies; at its start where there is no room for it."""
    starts = [round_up(end, l2.UNIT_BYTES) for _, end in reversed(taken)] + [0]
    for start in [max(starts), *starts]:
        found = _laid_out(draft, rows, start)
        end = found[-1].end
        if end <= l2.SIZE_BYTES and not any(l2.overlap((start, end), place) for place in taken):
            return found
    return _laid_out(draft, rows, 0)


class _Placed(NamedTuple):
    """An operand that passes through L2, the byte behind it, and its place; without a name where there is none."""

    operand: str
    end: int
    tile: l2.Tile


def _laid_out(draft: TaskDraft, rows: int, start: int) -> list[_Placed]:
    """What passes through L2, one operand behind the other."""
    found: list[_Placed] = []
    at = start
    for number, operand in ((1, "Source"), (2, "Source2")):
        by_dma = draft.source_type == DMA if number == 1 else draft.second_by_dma
        if by_dma:
            size = draft.source_size(number)
            tile = _source_tile(draft, size, at)
            end = at + _source_rows(draft, size, rows) * tile.row_bytes
            found.append(_Placed(operand, end, tile))
            at = l2.base_behind(at, end - at)
    if draft.result_type == STORED:
        size = draft.result_size()
        base = found[-1].end if found else start
        channel = min(l2.channel_bytes(size.width, size.element_bytes), l2.PLANAR_COLUMNS_BYTES)
        found.append(_Placed("Result", base + rows * size.channels * channel, l2.Tile(base)))
    return found


def _source_rows(draft: TaskDraft, size: Size, rows: int) -> int:
    if draft.is_neural:
        rows = rows * max(draft.number("Common.ConvCfg.Sy"), 1) + max(draft.number("Common.ConvCfg.Kh"), 1) - 1
    return min(rows, size.height)


def _source_tile(draft: TaskDraft, size: Size, base: int) -> l2.Tile:
    part = l2.NEURAL_COLUMNS_BYTES if draft.is_neural else l2.PLANAR_COLUMNS_BYTES
    channel = min(l2.channel_bytes(size.width, size.element_bytes), part)
    plane = size.channels * channel
    if size.depth > 1:
        return l2.Tile(base, channel, size.depth * plane, plane, size.depth * plane)
    if draft.is_neural:
        stride = max(draft.number("Common.ConvCfg.Sy"), 1)
        row = l2.neural_row_bytes(size.channels, channel, _rows_log2(draft), stride) if size.height > 1 else plane
    else:
        row = l2.planar_row_bytes(size.channels, channel)
    return l2.Tile(base, channel, row, plane, plane)


def _is_small(draft: TaskDraft) -> bool:
    sides = draft.number("Common.OutDim.Hout"), draft.number("Common.OutDim.Wout")
    convolves = draft.number("NE.MACCfg.OpMode") == CONVOLUTION
    return convolves and max(sides) <= SMALL_SIDE and draft.number("Common.GroupConvCfg.NumGroups") <= 1


def _rows_log2(draft: TaskDraft) -> int:
    if _is_small(draft):
        return MOST_ROWS_LOG2
    size = draft.result_size()
    return l2.rows_log2(max(draft.number("Common.OutDim.Hout"), 1), size.row_bytes)


def _engine(draft: TaskDraft) -> None:
    """Patch and kind of the task, and how the engines share rows."""
    if draft.is_neural:
        small = {"SmallSourceMode": 1, "ShPref": MOST_ROWS_LOG2, "ShMin": MOST_ROWS_LOG2} if _is_small(draft) else {}
        draft.put("Common.Cfg", Unk0=1, ShMax=_rows_log2(draft), ActiveNE=draft.number("Header.ENE") - 1, **small)
    else:
        height, width = max(draft.number("Common.InDim.Hin"), 1), max(draft.number("Common.InDim.Win"), 1)
        rule = l2.patch_of_pairs if draft.second_by_dma else l2.patch_of_two if draft.has_second else l2.patch_of_one
        patch = l2.known_patch(rule(height, width))
        draft.put("Common.PatchCfg", PatchWidth=patch.width_log2, PatchHeight=patch.height_log2)
        second = draft.second_by_dma
        draft.put("Common.Cfg", Unk0=int(not (second and draft.source_type == FROM_L2)), Source2Dma=int(second))
    aliases = l2.Aliases.ALL.fields()
    draft.put("L2.SourceCfg", **aliases)
    draft.put("L2.ResultCfg", **aliases, **({"L2BfrMode": 1} if draft.result_type == STORED else {}))


def _dma(draft: TaskDraft) -> None:
    """Cache hints, and that what a task reads from scratch is there."""
    bars = (draft.number("Header.RBase0"), draft.number("Header.RBase1"))
    by_dma = (draft.source_type in (DMA_KEEP, DMA), draft.second_by_dma)
    waits = any(fetched and bar == SCRATCH_BAR for fetched, bar in zip(by_dma, bars))
    for number, (fetched, bar) in enumerate(zip(by_dma, bars), 1):
        hints = SCRATCH_HINTS if bar == SCRATCH_BAR else TENSOR_HINTS
        if fetched:
            draft.put(f"TileDMASrc.Src{number}DMAConfig", **hints, DependencyMode=int(waits and number == 1))
    if waits and not by_dma[0]:
        draft.put("TileDMASrc.Src2DMAConfig", DependencyMode=1)
    if draft.is_stored:
        hints = RESULT_SCRATCH_HINTS if draft.number("Header.WBase") == SCRATCH_BAR else RESULT_HINTS
        buffered = draft.result_type == STORED and draft.number("L2.ResultCfg.L2BfrMode")
        draft.put("TileDMADst.DMAConfig", **hints, L2BfrMode=int(buffered))


def _headers(drafts: Sequence[TaskDraft], ends: Sequence[bool]) -> None:
    """Identity, runs of tasks, places of operands, and the task that writes a kernel."""
    last = len(drafts) - 1
    for number, draft in enumerate(drafts):
        begins, end = number == 0 or ends[number - 1], ends[number] or number == last
        fetched = draft.source_type in (DMA_KEEP, DMA) or draft.second_by_dma
        writer = _kernel_writer(drafts, number)
        draft.put_header("W0", TID=number, LNID=int(number > 0), EON=int(number == last))
        draft.put_header("W6", SPL=int(begins), TSR=int(end), TSE=int(end), SrcLoc=int(fetched),
                         DstLoc=int(draft.is_stored), TDE=int(writer is not None))  # fmt: skip
        draft.put_header("W8", TBE=int(number != last))
        if draft.number("Header.TDE"):
            draft.dtid = writer if writer is not None else 0


def _kernel_writer(drafts: Sequence[TaskDraft], number: int) -> int | None:
    """The last task before that stored what a task fetches as its kernel from scratch; None where none did."""
    draft = drafts[number]
    if not (draft.is_neural and draft.number("Header.KBE0") and draft.number("Header.KBase0") == SCRATCH_BAR):
        return None
    first = draft.registers.get("KernelDMASrc.CoeffBaseAddr[0]", 0)
    address = first if isinstance(first, int) else int(first.get("Addr", 0))
    for earlier in reversed(range(number)):
        if drafts[earlier].is_stored and drafts[earlier].number("Header.WBase") == SCRATCH_BAR:
            base, end = _stored_span(drafts[earlier])
            if base <= address < end:
                return earlier
    return None


def _stored_span(draft: TaskDraft) -> tuple[int, int]:
    """First byte and end of what a task stores."""
    size, base = draft.result_size(), draft.number("TileDMADst.BaseAddr.Addr")
    interleave = max(draft.number("TileDMADst.Fmt.Interleave"), 1)
    steps = (("Plane", whole(size.channels, interleave)), ("Row", size.height), ("Depth", size.depth),
             ("Group", size.groups))  # fmt: skip
    reach = sum((extent - 1) * draft.number(f"TileDMADst.{axis}Stride.Stride") for axis, extent in steps)
    return base, base + reach + size.row_bytes * min(interleave, size.channels)
