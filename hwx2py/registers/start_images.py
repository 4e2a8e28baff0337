"""The words that registers of H14 and later hold where a task does not write them.

Every task starts from the same image, and compilers leave a register out where it would equal the image. So a value
is known where it is never written although tasks of its block need it (omitted), where the H13 program of the same
network writes it (twin), or where only this value makes recorded networks come out right (executed). A register without
a row is open: compilers write it whatever its value.
"""

from .machine import Start

OMITTED = "never written with this value, and left out by the tasks that need it"
TWIN = "the H13 programs of the same networks write it in every case"
EXECUTED = "left out, and another value breaks recorded networks"
BASE = "written by every recorded task that uses it; left out exactly where nothing is fetched or stored"
INFERRED = "inferred: off is what fits every recorded network"
STRIDE = "strides along a dimension of extent 1 and of a broadcast dimension are left out; 0 never changes a result"


def _strides(*names: str) -> tuple[Start, ...]:
    return tuple(Start(name, 0, STRIDE) for name in names)


_L2_STRIDES = _strides(
    *(
        f"L2.{operand}{axis}Stride"
        for operand in ("Source", "Source2", "Result")
        for axis in ("Channel", "Row", "Depth", "Group")
    )
)
_TILE_STRIDES = _strides(
    *(f"TileDMASrc.{source}{axis}Stride" for source in ("Src1", "Src2") for axis in ("Row", "Plane", "Depth", "Group")),
    *(f"TileDMADst.{axis}Stride" for axis in ("Row", "Plane", "Depth", "Group")),
)

_SHAPES = (
    Start("Common.InDepth", 1, TWIN),
    Start("Common.OutDepth", 1, TWIN),
    Start("Common.ChCfg", 0x2A, f"all float16; {TWIN}"),
    Start("Common.Cin", 0x10, f"{OMITTED}: exactly the tasks with 16 channels"),
    Start("Common.Cout", 0x10, f"{OMITTED}: exactly the tasks with 16 channels"),
    Start("Common.ConvCfg", 0x5000A041, f"1 x 1, steps 1, no padding; {TWIN}"),
    Start("Common.ConvCfg3d", 0x2041, TWIN),
    Start("Common.PatchCfg", 0, TWIN),
    Start("Common.PECfg", 0, EXECUTED),
    Start("Common.DPE", 0, TWIN),
)

_GROUPS_PACKED = (
    Start("Common.GroupConvCfg", 0x10001, f"one group, unicast off; {TWIN}"),
    Start("Common.OCGSize", 3, f"planes of 8 lanes; {EXECUTED}: the sizes of their chunks need it"),
)

_L2 = (
    Start("L2.L2Cfg", 0, EXECUTED),
    Start("L2.SourceBase", 0, EXECUTED),
    Start("L2.Source2Base", 0, EXECUTED),
    Start("L2.ResultBase", 0, EXECUTED),
    Start("L2.ResultCfg", 0x100, f"stays in L2; {EXECUTED}; that its interleave is 1 is inferred"),
    *_L2_STRIDES,
)

_PE_CFG = Start("PE.Cfg", 0, f"Add, one source, no function; {EXECUTED}")
_PE_FINAL = Start("PE.FinalScale", 0x3F800000, f"1.0; {EXECUTED}")
_PE_HALF = (
    _PE_CFG,
    Start("PE.BiasScale", 0x3C000000, f"Scale 1.0, Bias 0; {EXECUTED}"),
    Start("PE.PreScale", 0x3C000000, f"PreScale 1.0, Epsilon 0; {EXECUTED}"),
    _PE_FINAL,
)
_PE_SINGLE = (
    _PE_CFG,
    Start("PE.Bias", 0, EXECUTED),
    Start("PE.Scale", 0x3F800000, f"1.0; {EXECUTED}"),
    Start("PE.PreScale", 0x3F800000, f"1.0; {EXECUTED}"),
    Start("PE.Epsilon", 0, "inferred from H14, where it shares a word with PreScale"),
    _PE_FINAL,
)

_NE = (
    Start("NE.KernelCfg", 0x82, f"float16, dense; {TWIN}"),
    Start("NE.AccBias", 0, TWIN),
    Start("NE.MatrixVectorBias", 0, TWIN),
)

_TILE_DMA = (
    Start("TileDMASrc.Src1DMAConfig", 0, "off; left out exactly where the source lies in L2"),
    Start("TileDMASrc.Src2DMAConfig", 0, "off; left out exactly where there is no source 2 in memory"),
    Start("TileDMADst.DMAConfig", 0, f"off; {EXECUTED}"),
    Start("TileDMASrc.Src1BaseAddr", 0, BASE),
    Start("TileDMASrc.Src2BaseAddr", 0, BASE),
    Start("TileDMADst.BaseAddr", 0, BASE),
    Start("TileDMASrc.Src1Fmt", 0, INFERRED),
    Start("TileDMASrc.Src2Fmt", 0, INFERRED),
    Start("TileDMADst.Fmt", 0, INFERRED),
    *_TILE_STRIDES,
)

_KERNEL_DMA = (
    Start("KernelDMASrc.MasterConfig", 0, f"no fetch; {TWIN}"),
    Start("KernelDMASrc.CoeffBase", 0, BASE),
    Start("KernelDMASrc.CoeffDMAConfig", 0, f"off; {EXECUTED}"),
    Start("KernelDMASrc.CoeffBaseAddr", 0, f"{EXECUTED}: that of engine 0 is never written"),
    Start("KernelDMASrc.CoeffBfrSize", 0x40, f"{OMITTED}: where bases are 0x40 apart and a plane has 16 bytes"),
    Start("KernelDMASrc.KernelGroupStride", 0, INFERRED),
    Start("KernelDMASrc.KernelOCGStride", 0, INFERRED),
    Start("KernelDMASrc.NonLinearLutDMAConfig", 0, f"off; {EXECUTED}"),
    Start("KernelDMASrc.NonLinearLutBfrSize", 0, INFERRED),
    Start("KernelDMASrc.NonLinearLutBase", 0, BASE),
)
_EXTRA_CHANNELS = tuple(
    Start(f"KernelDMASrc.{name}DMAConfig", 0, INFERRED) for name in ("Bias", "PostScale", "PaletteLut")
)

_SOURCE_2_L2 = Start("L2.Source2Cfg", 0x100, f"out of L2; {EXECUTED}; that its interleave is 1 is inferred")
_WIDTHS = (
    Start("Common.InWidth", 0x100, f"{OMITTED}: exactly where the width is 256"),
    Start("Common.OutWidth", 0x100, f"{OMITTED}: exactly where the width is 256"),
)
_GROUPS_APART = (
    Start("Common.NumGroups", 1, EXECUTED),
    Start("Common.UnicastCfg", 0, f"unicast off; {EXECUTED}; UnicastCin is 0 or 1, which is the same"),
    Start("Common.NECfg", 3, f"planes of 8 lanes; {EXECUTED}: the sizes of their chunks need it"),
)

H14 = (*_SHAPES, *_GROUPS_PACKED, *_L2, *_PE_HALF, *_NE, *_TILE_DMA, *_KERNEL_DMA, *_EXTRA_CHANNELS)
H15 = (*_SHAPES, *_GROUPS_PACKED, *_L2, _SOURCE_2_L2, *_PE_SINGLE, *_NE, *_TILE_DMA, *_KERNEL_DMA, *_EXTRA_CHANNELS)
H16 = (
    *_SHAPES,
    *_WIDTHS,
    *_GROUPS_APART,
    *_L2,
    _SOURCE_2_L2,
    *_PE_SINGLE,
    *_NE,
    *_TILE_DMA,
    *_KERNEL_DMA,
    *_EXTRA_CHANNELS,
)
_CH_CFG_WIDE = Start("Common.ChCfg", 0x92, "all float16, as on H16; inferred for its wider fields")
#: H18's formats have three bits each, and its extra coefficient channels have no known place.
H18 = (_CH_CFG_WIDE, *(start for start in H16 if start.register != "Common.ChCfg" and start not in _EXTRA_CHANNELS))
