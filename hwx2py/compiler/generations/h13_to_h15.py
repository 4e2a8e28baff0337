"""H13 to H15 (M1 to M3), as rows: those to H14, and what differs from them.

Seven decoded programs of compiler 9.509 confirm them; of convolutions, softmax, norms and tensors in scratch there are
none for H15. No program that follows from these rows was run on an M3.
"""

from collections.abc import Callable

from ...operations import Dma, InL2, Planar
from ...operations.operand_reader import DMA
from ...operations.places import L2_MEMORY, reads, writes
from ...registers import by_name
from ..engines import CYCLES_A_PLANE
from ..habits import Habits, Sharing
from . import values
from .h13_to_h14 import DROPPED, EXTRA, H13_LOG_EVENT, MOVED, RULES, kernel_bar, start_words, table_bar
from .rule import Base, Dropped, Generations, Moved, Refused, Rule, Subject, Use, Writing
from .values import always

STREAMS = "in all decoded H15 streams"
INFERRED = "inferred from decoded H15 streams, which have no such task"
CAUTION = (
    "not run on an M3: these words follow from decoded programs of single operations, and the virtual ANE executes them"
)

#: Events that the last task logs besides.
LAST_LOG = 0x3000000
#: The slot of the words that configure tile DMA, which the loader fills up.
CONFIG_SLOT = 4
#: ExeCycles: bytes of memory in a unit.
BYTES_A_CYCLE = 51200
#: What its field holds.
MOST_CYCLES = 0xFFFF
#: PE.Cfg.Cond of a magnitude.
MAGNITUDE = 7
ALIASES = ("AliasConvSrc", "AliasConvRslt", "AliasPlanarSrc", "AliasPlanarRslt")
#: What the last task writes to the cache's registers.
CACHE = {
    "Control.Enable": 1, "Control.EarlyTerm": 1, "Pre0.BandwidthLimit": 160, "Pre0.TelemetryAgeOut": 10,
    "EarlyTermArg34.Arg4": 127, "Backoff.Enable": 1, "Backoff.Min": 7, "Backoff.Max": 1, "Backoff.Scale": 32,
}  # fmt: skip
SIEVE = 0xE0


def _alias(name: str) -> Callable[[Subject, int], int]:
    """Source 2 shares places as source 1 does, where that comes by DMA; else it says nothing."""
    return lambda task, index: task.registers.get(f"L2.SourceCfg.{name}") if task.is_fetched(1) else 0


def _second_type(task: Subject, index: int) -> int:
    return DMA if task.is_fetched(2) else 0


def _second_format(task: Subject, index: int) -> int:
    return int(task.is_fetched(2) and task.operation.inputs[1].element.size_bytes == 2)


def _magnitude(task: Subject, index: int) -> int:
    operation = task.operation
    return MAGNITUDE if isinstance(operation, Planar) and operation.magnitude else 0


def _cycles(task: Subject, index: int) -> int | None:
    """The estimate: bytes of memory, or planes read, whichever takes longer; that of H13 where nothing is moved."""
    operation = task.operation
    spans = [span for span in (*reads(operation), *writes(operation)) if span.memory != L2_MEMORY]
    moved = sum(span.end - span.start for span in spans) + sum(chunk.size_bytes for chunk in task.coefficients.chunks)
    fetched = [operand for operand in operation.inputs if isinstance(operand.where, Dma)]
    planes = sum(operand.shape.groups * operand.shape.channels for operand in fetched)
    least = int(max(moved / BYTES_A_CYCLE, CYCLES_A_PLANE * planes))
    return min(least, MOST_CYCLES) if spans else None


def _is_chained(task: Subject) -> bool:
    """Whether a tensor is handed on tile by tile."""
    places = (task.operation.result.l2, *(operand.where for operand in task.operation.inputs))
    return any(isinstance(place, InL2) and place.chained for place in places)


OWN = (
    Rule("Header.W1.ExeCycles", _cycles, "read in two decoded H15 programs, whose sizes leave 50,176 to 52,736 bytes"),
    Rule("Header.W2.LogEvents",
         lambda task, _: task.registers.header("LogEvents") & ~H13_LOG_EVENT | (LAST_LOG if task.is_last else 0),
         STREAMS),
    Rule("Header.W6.LiveOuts", lambda task, _: int(not task.is_last), STREAMS),
    Rule("Header.W7.LastTask", lambda task, _: int(task.is_last), STREAMS),
    *(Rule(f"Common.Cfg.{name}", always(0), STREAMS) for name in ("Unk0", "Source2Dma")),
    Rule("L2.Source2Cfg.SourceType", _second_type, STREAMS),
    Rule("L2.Source2Cfg.DMAFmt", _second_format, STREAMS),
    Rule("L2.Source2Cfg.DMAInterleave", always(1), STREAMS),
    *(Rule(f"L2.Source2Cfg.{name}", _alias(name), f"{STREAMS}; of a source 2 out of L2: {INFERRED}")
      for name in ALIASES),
    Rule("PE.Cfg.Cond", _magnitude, "read in decoded programs of H15 and H16"),
    Rule("TileDMASrc.Src2DMAConfig.En", always(1), STREAMS),
    *(Rule(f"KernelDMASrc.{name}DMAConfig.UserTag", always(0), STREAMS) for name in EXTRA),
    *(Rule(f"{name}DMAConfig.DataSetId", always(0), STREAMS)
      for name in ("TileDMASrc.Src1", "TileDMASrc.Src2", "TileDMADst.", "KernelDMASrc.Coeff")),
    *(Rule(f"CacheDMA.{name}", always(value), STREAMS) for name, value in CACHE.items()),
    Rule("CacheDMA.Pre1.Sieve1", lambda task, _: SIEVE if task.number else 0, STREAMS),
    Rule("CacheDMA.Pre1.UserTag", lambda task, _: task.number & 0xFF, STREAMS),
)  # fmt: skip
LONE = ("KernelDMASrc.NonLinearLutBaseAddr.Addr", *(
    f"KernelDMASrc.{name}BaseAddr.Addr" for name in EXTRA
))  # fmt: skip
_OWN_FIELDS = frozenset(rule.field for rule in OWN)
#: The rules of H14 but for those that differ, and for registers that H15 lacks.
LIKE_H14 = tuple(rule for rule in RULES if rule.field not in _OWN_FIELDS and rule.field not in LONE)


def _slot(needed: Callable[[Subject], bool]) -> Callable[[Subject], int | None]:
    return lambda task: CONFIG_SLOT if needed(task) else None


WRITING = Writing(
    blocks=("KernelDMASrc", "Common", "TileDMASrc", "L2", "PE", "NE", "TileDMADst", "CacheDMA"),
    at_first=lambda: start_words(by_name("H15")),
    sparse=True,
    always=frozenset((
        "Common.InDim", "Common.OutDim", "Common.TileCfg", "Common.Cfg", "Common.TaskInfo", "L2.SourceCfg",
        "NE.MACCfg", "NE.PostScale", "CacheDMA.Dsid",
    )),
    bases=(
        Base(("KernelDMASrc.CoeffBase", "KernelDMASrc.CoeffBaseHi"), kernel_bar),
        Base(("KernelDMASrc.NonLinearLutBase", "KernelDMASrc.NonLinearLutBaseHi"), table_bar),
        Base(("TileDMASrc.Src1BaseAddr", "TileDMASrc.Src1BaseAddrHi"), values.bar_of_source(1)),
        Base(("TileDMASrc.Src2BaseAddr", "TileDMASrc.Src2BaseAddrHi"), values.bar_of_source(2)),
        Base(("TileDMADst.BaseAddr", "TileDMADst.BaseAddrHi"), values.bar_of_result),
        Base(("TileDMASrc.Src1DMAConfig",), _slot(lambda task: task.is_fetched(1))),
        Base(("TileDMASrc.Src2DMAConfig",), _slot(lambda task: task.is_fetched(2))),
        Base(("TileDMADst.DMAConfig",), _slot(values.is_stored)),
    ),
    opening=b"".join(word.to_bytes(4, "little") for word in (1, 0, 0, 0)),
)  # fmt: skip

#: The product of 1 x 256 by 256 x 512 has these words on H15, H16 and H17.
HABITS = Habits(skips_zeros=False, few_rows=Sharing(0, 0))

H13_TO_H15 = Generations(
    "H13",
    "H15",
    (*OWN, *LIKE_H14),
    tuple(Moved(row.one, row.two, row.source) for row in MOVED if "Unk" not in row.two),
    (
        *DROPPED,
        Dropped("L2.SourceCfg.Source2Dma", "it is L2.Source2Cfg there"),
        Dropped("PE.Cfg.Cond", "computed"),
    ),
    (Use("CacheDMA.", lambda task: task.is_last), *values.on_planar_tasks()),
    WRITING,
    CAUTION,
    HABITS,
    refused=(
        Refused(values.kernel_was_made, "Header.TDE", "no decoded H15 program has a kernel that a task made"),
        Refused(_is_chained, "L2.ResultCfg.ResultType", "no decoded H15 program chains tasks tile by tile"),
    ),
)
