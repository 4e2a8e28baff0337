"""Rules about what a task's registers say: values that hang the engine, and those that change nothing."""

from collections.abc import Iterator

from ..operations import Dma, Neural
from ..operations.stage_rows import short_strides
from .rule import ERROR, NOTE, Place, Rule, Scope
from .subject import TaskView

M1_HANG = "run on an M1: it hangs"
INFERRED = "inferred from the sizes of which 0 was run on an M1"

#: Sizes of which 0 hangs an M1, and those for which that is inferred.
HANGS_AT_ZERO = ("Common.InDepth.Din", "Common.OutDepth.Dout", "Common.NumGroups", "Common.TileHeight")
INFERRED_AT_ZERO = ("Common.Win", "Common.Hin", "Common.Cin", "Common.Wout", "Common.Hout", "Common.Cout")
#: Fields of H13's NE.KernelCfg that later chips ignore, and their bits.
H13_KERNEL_BITS = {"KeepKernel": 12, "UsePrevKernel": 14}
#: Fields that say how large the elements of a result are in memory.
RESULT_FORMAT = ("TileDMADst.Fmt.MemFmt", "TileDMADst.Fmt.Truncate")
#: Bits that switch a tile DMA on: bit 0, and bit 1 as well, as edits on an M1 showed.
ENABLING_BITS = 3
#: Common.Cfg.TaskType of the neural engines.
NEURAL_KIND = 0
WINDOW = ("Common.Kw", "Common.Kh", "Common.Sx", "Common.Sy")
CONVOLUTION = "Conv"

STAYS, STAYS_AND_STORED, STORED = 0, 1, 2


def zero_dimension(view: TaskView) -> Iterator[Place]:
    """A size of 0."""
    for name in (*HANGS_AT_ZERO, *INFERRED_AT_ZERO):
        if view.registers.number(name) == 0:
            yield Place({}, view.index, view.registers.arch.place(name).name)


def window(view: TaskView) -> Iterator[Place]:
    """A convolution whose window or step is 0."""
    operation = view.operation
    if not (isinstance(operation, Neural) and operation.mode and operation.mode.name == CONVOLUTION):
        return
    for name in WINDOW:
        if view.registers.number(name) == 0:
            yield Place({}, view.index, view.registers.arch.place(name).name)


def small_stride(view: TaskView) -> Iterator[Place]:
    """A source in L2 whose channels lie closer together than its rows are long."""
    for short in short_strides(view.operation):
        values = {"stride": short.stride_bytes, "row": short.row_bytes}
        yield Place(values, view.index, short.register)


def table_missing(view: TaskView) -> Iterator[Place]:
    """The last step is a table, and none is fetched."""
    table = view.operation.table if isinstance(view.operation, Neural) else None
    if table and not table.enabled:
        yield Place({}, view.index, "NE.MACCfg.NonlinearMode")


def no_destination(view: TaskView) -> Iterator[Place]:
    """L2 says that the result is stored and the DMA that it is not, or the reverse."""
    kind, stored = view.registers.number("L2.ResultCfg.ResultType"), view.operation.result.memory is not None
    if kind in (STAYS_AND_STORED, STORED) and not stored:
        yield Place({"what": f"ResultType {kind} waits for a DMA that is off", "next": "TileDMADst.DMAConfig.En to 1"},
                    view.index, "L2.ResultCfg")  # fmt: skip
    elif kind == STAYS and stored:
        yield Place({"what": "the DMA waits for a result that stays in L2", "next": "ResultType to DmaWrite"},
                    view.index, "L2.ResultCfg")  # fmt: skip


def no_source(view: TaskView) -> Iterator[Place]:
    """Source 1 comes by a DMA that is off. Of source 2 the bit is 0 in every program."""
    word = view.registers.word("TileDMASrc.Src1DMAConfig")
    if isinstance(view.operation.inputs[0].where, Dma) and word is not None and not word & ENABLING_BITS:
        yield Place({}, view.index, "TileDMASrc.Src1DMAConfig")


def task_kind(view: TaskView) -> Iterator[Place]:
    """The header gives a task to an engine that does not do what Common.Cfg says."""
    kind, engine = view.registers.number("Common.TaskType"), view.registers.header("ENE")
    if kind is not None and (kind == NEURAL_KIND) != (engine > 0):
        name = view.registers.label("Common.TaskType")
        words = "the neural engines" if engine else "the planar engine"
        yield Place({"kind": name, "engine": words}, view.index, "Common.Cfg.TaskType")


def result_format(view: TaskView) -> Iterator[Place]:
    """The DMA stores elements of another format than the engine makes; known of H13, which was edited."""
    for unknown in view.operation.unknowns if view.registers.arch.carries_state else ():
        if unknown.register in RESULT_FORMAT:
            values = {"value": unknown.value, "element": view.operation.result.element.name}
            yield Place(values, view.index, unknown.register)


def idle_words(view: TaskView) -> Iterator[Place]:
    """Words that compilers leave in registers of an engine that does not work."""
    if isinstance(view.operation, Neural):
        return
    for place in view.registers.arch.idle_rows:
        idle = place.register.idle
        if idle and view.registers.word_at(place.address) == idle.word:
            yield Place({"word": idle.word}, view.index, place.name)


def ignored_bits(view: TaskView) -> Iterator[Place]:
    """Bits that hardware ignores."""
    for place in view.registers.arch.ignored_rows:
        for ignored in place.register.ignored:
            bits = (view.registers.word_at(place.address) or 0) & ignored.mask
            if bits:
                yield Place({"bits": bits, "evidence": ignored.evidence}, view.index, place.name)


def start_image(view: TaskView) -> Iterator[Place]:
    """A register of the start image that is written with its own value."""
    arch = view.registers.arch
    if arch.carries_state:
        return
    for write in view.registers.task.writes():
        if arch.start_image.get(write.address) == write.value and write.slot is None:
            yield Place({"word": write.value}, view.index, arch.locate(write.address).name)


def inherits(view: TaskView) -> Iterator[Place]:
    """A task that needs a register which only a task before it writes."""
    arch = view.registers.arch
    if arch.carries_state:
        return
    for unknown in view.operation.unknowns:
        if unknown.value == "nothing" and _written_before(view, unknown.register):
            yield Place({}, view.index, unknown.register)


def _written_before(view: TaskView, name: str) -> bool:
    arch = view.registers.arch
    place = arch.find_place(name)
    address = place.address if place else arch.address(name.partition("[")[0])
    return any(address in task.addresses() for task in view.subject.program.tasks[: view.index])


def feature(view: TaskView) -> Iterator[Place]:
    """Bits of H13's kernel configuration that do nothing on later chips, whose tables do not name them."""
    if view.registers.arch.carries_state or not isinstance(view.operation, Neural):
        return
    word = view.registers.word("NE.KernelCfg") or 0
    for name, bit in H13_KERNEL_BITS.items():
        if word >> bit & 1:
            yield Place({"name": name, "bit": bit}, view.index, "NE.KernelCfg")


def not_understood(view: TaskView) -> Iterator[Place]:
    """What the reader of operations does not understand, on chips that the virtual ANE runs."""
    if not view.registers.arch.machine.executes:
        return
    for unknown in view.operation.unknowns:
        yield Place({"value": unknown.value, "why": unknown.why}, view.index, unknown.register)


RULES = (
    Rule("zero-dimension", ERROR, f"{M1_HANG} (depths, groups, tile); {INFERRED}",
         "it is 0: the engine hangs", "set it to 1 or to the tensor's size", zero_dimension, Scope.FORM),
    Rule("window", ERROR, "inferred: windows and steps count from 1",
         "it is 0 in a convolution", "set it to 1 or more", window, Scope.FORM),
    Rule("small-stride", ERROR, M1_HANG,
         "a channel stride of {stride:#x} for rows of {row:#x} bytes", "set it to at least {row:#x}",
         small_stride, Scope.FORM),
    Rule("table-missing", ERROR, M1_HANG,
         "the last step is a table, and no coefficient DMA fetches one",
         "enable the fetch (KernelDMASrc) and the coefficients' BAR, or set NonlinearMode to None", table_missing,
         Scope.FORM),
    Rule("no-destination", ERROR, M1_HANG, "{what}", "set {next}", no_destination, Scope.FORM),
    Rule("no-source", ERROR, M1_HANG, "source 1 comes by a DMA that is off", "set bit 0 (En)", no_source, Scope.FORM),
    Rule("task-kind", ERROR, M1_HANG, "the header selects {engine}, but TaskType is {kind}",
         "correct TaskType, or ENE in the header", task_kind, Scope.FORM),
    Rule("result-format", ERROR, M1_HANG, "{value} does not go with results of {element}",
         "set the format that every program has: MemFmt 2 and Truncate 3 for float16, 0 and 0 for 8 bits",
         result_format, Scope.FORM),
    Rule("idle-words", NOTE, "run on an M1: they change nothing, and are not the cause of 0.0",
         "{word:#x} in an engine that does not work", "nothing; `clean` takes it out", idle_words, Scope.FORM),
    Rule("ignored-bits", NOTE, "edited on an M1: 60 of 77 edits changed nothing",
         "bits {bits:#x} change nothing ({evidence})", "nothing", ignored_bits, Scope.FORM),
    Rule("h14-start-image", NOTE, "compilers never write a start value; a sign of an edit by hand",
         "{word:#x} is the register's start value", "leave the write out", start_image, Scope.TASK),
    Rule("h14-inherits", ERROR, "executed: nothing is inherited from H14 on",
         "only a task before this one writes it, and its start value is not known", "write it in this task",
         inherits, Scope.TASK),
    Rule("feature", NOTE, "public notes: without effect on H14 and H15, gone from H16 on",
         "bit {bit}, which is {name} on H13, does nothing on this chip", "set it to 0", feature, Scope.FORM),
    Rule("not-understood", NOTE, "no program that could be checked has it",
         "{value} is not understood: {why}", "`emulate` refuses it", not_understood, Scope.FORM),
)  # fmt: skip
