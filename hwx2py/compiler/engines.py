"""Tasks of the two kinds of engine before their operands are placed, and the estimates that compilers write."""

import enum
from collections.abc import Iterable
from dataclasses import replace

from ..program.known_plans import LEAST_PATCH_WIDTH_LOG2, is_known_patch
from ..program.l2 import Patch, log2_up
from .draft import Draft
from .surface import Surface
from .task import Evidence, TaskPlan, own

#: Neural engines of the chip.
NEURAL_ENGINES = 16
#: ExeCycles: bytes of DRAM in a unit, and units for a plane that comes by DMA (9.509, read off the records).
BYTES_A_CYCLE = 34133.33
CYCLES_A_PLANE = 0.00444


def engines_for(channels: int) -> int:
    """How many neural engines work on a number of channels: a power of two, at most all."""
    return min(NEURAL_ENGINES, 1 << log2_up(channels))


def cycles_of_bytes(size: float) -> int:
    """The estimate for moving bytes."""
    return int(size / BYTES_A_CYCLE)


def cycles(sources: Iterable[Surface], results: Iterable[Surface] = (), more_bytes: int = 0) -> int:
    """The estimate for a task: bytes moved, or planes read, whichever takes longer."""
    sources = tuple(sources)
    moved = sum(surface.size_bytes for surface in (*sources, *results)) + more_bytes
    return int(max(moved / BYTES_A_CYCLE, CYCLES_A_PLANE * sum(s.shape.n * s.shape.c for s in sources)))


#: Of patches that are as narrow as possible, known programs have this height and all below, log2.
MOST_KNOWN_HEIGHT_LOG2 = 5
KNOWN_PATCH = own("a patch that known programs have, where the rule gives one that none has")


def narrowest_patch(height: int) -> Patch:
    """The narrowest patch for a height: one that known programs have, since an unknown one hung an M1."""
    return Patch(min(log2_up(height), MOST_KNOWN_HEIGHT_LOG2), LEAST_PATCH_WIDTH_LOG2)


class Kind(enum.Enum):
    """Common.Cfg.TaskType of the planar engine."""

    ONE = "ElementwiseOneSource"
    TWO = "ElementwiseTwoSources"
    GAIN_OFFSET = "GainOffset"
    REDUCE = "ReduceOneSource"
    REDUCE_TWO = "ReduceTwoSources"


def planar(
    what: str, evidence: Evidence, kind: Kind, size: tuple[int, int, int], patch: Patch, *, groups: int = 1,
    two_formats: bool | None = None, depth: int = 1,
) -> Draft:  # fmt: skip
    """A task of the planar engine: scales of 1, no bias, one group.

    Args:
        what: what it does.
        evidence: where its words come from.
        kind: the kind of task.
        size: channels, height and width.
        patch: the patch that it works on, by rule; one that no known program has is replaced, as a wrong one hangs.
        groups: NumGroups.
        two_formats: whether the format of source 2 is told; None: where there are two sources.
        depth: depth slices.
    """
    draft = Draft(what, evidence)
    if not is_known_patch(patch.width_log2, patch.height_log2):
        patch = narrowest_patch(size[1])
        draft.evidence = KNOWN_PATCH
    draft.sizes(*size, depth=depth)
    draft.put("Common.Cfg", Unk0=1, TaskType=kind.value)
    draft.put("Common.GroupConvCfg", NumGroups=groups)
    draft.put("Common.TileCfg", TileHeight=size[1])
    draft.put("Common.PatchCfg", PatchWidth=patch.width_log2, PatchHeight=patch.height_log2)
    if two_formats if two_formats is not None else kind in (Kind.TWO, Kind.GAIN_OFFSET, Kind.REDUCE_TWO):
        draft.put("Common.ChCfg", Src2InFmt="Float16")
    draft.put("PE.BiasScale", Bias=0.0, Scale=1.0)
    draft.put("PE.PreScale", PreScale=1.0)
    draft.put("PE.FinalScale", FinalScale=1.0)
    return draft


def neural(
    what: str, evidence: Evidence, size: tuple[int, int, int], *, out: tuple[int, int, int] | None = None,
    engines: int | None = None, rows_log2: int = 0, prefer_log2: int = 0, least_log2: int = 0, small: bool = False,
    exchange: bool = False, copy: bool = True, table: bool = False, relu: bool = False,
) -> Draft:  # fmt: skip
    """A task of the neural engines: fp16, scale 1, one group.

    Args:
        what: what it does.
        evidence: where its words come from.
        size: channels, height and width of the source.
        out: those of the result, where they differ.
        engines: that work; None: as many as there are result channels, at most 16.
        rows_log2: log2 of the rows that they work on at a time (ShMax).
        prefer_log2: the same as ShPref.
        least_log2: the same as ShMin.
        small: SmallSourceMode.
        exchange: the result is stored with C and W exchanged.
        copy: each channel passes on its own (unicast, Bypass); else a convolution 1 x 1.
        table: a lookup table comes last.
        relu: a clamp at zero comes last.
    """
    result = out or size
    working = engines_for(result[0]) if engines is None else engines
    draft = Draft(what, evidence, working)
    draft.sizes(*size, out=out)
    draft.put("Common.TaskInfo", NID=1)
    draft.put(
        "Common.Cfg", Unk0=1, SmallSourceMode=int(small), ShPref=prefer_log2, ShMin=least_log2, ShMax=rows_log2,
        ActiveNE=log2_up(working), OutTrans=int(exchange),
    )  # fmt: skip
    draft.put("Common.TileCfg", TileHeight=size[1])
    draft.put("NE.KernelCfg", KernelFmt="Float16")
    draft.put("NE.MACCfg", BinaryPoint=28, NonlinearMode="LUT" if table else "ReLU" if relu else "None")
    draft.put("NE.PostScale", PostScale=1.0)
    if copy:
        draft.put("Common.GroupConvCfg", UnicastEn=1, UnicastCin=1)
        draft.put("NE.MACCfg", OpMode="Bypass", KernelMode="Unity")
    return draft


def with_known_patch(plan: TaskPlan) -> TaskPlan:
    """The task, with the narrowest patch where its own was never seen, or is wider than its rows.

    Args:
        plan: a task of any engine; those of the neural engines have no patch.
    """
    if plan.engines:
        return plan
    word = plan.registers["Common.PatchCfg"]
    high, wide = word >> 4, word & 0xF
    sizes = (plan.registers["Common.InDim"], plan.registers["Common.OutDim"])
    widest = max(LEAST_PATCH_WIDTH_LOG2, *(log2_up(size & 0x7FFF) for size in sizes))
    if is_known_patch(wide, high) and wide <= widest:
        return plan
    patch = narrowest_patch(max(size >> 16 for size in sizes))
    registers = {**plan.registers, "Common.PatchCfg": patch.height_log2 << 4 | patch.width_log2}
    return replace(plan, registers=registers, evidence=KNOWN_PATCH)
