"""Tasks put together into a program: ids, BARs, places of buffers and coefficients, and the header words by role."""

import functools
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from ..errors import UnsupportedError
from ..program import build
from ..program.l2 import log2_up
from ..program.network import padded_tensor, scratch
from ..program.program import SCRATCH_BAR, Origin, Program, natural_const_offset
from ..program.streams import Pending
from ..registers import by_name
from ..registers.architecture import Architecture
from ..units import round_up
from .constants import ALIGNMENT_BYTES, Constants
from .draft import ARCH_NAME, Draft
from .surface import Surface
from .task import Coefficients, Evidence, Fetch, RuntimeKernel, Source, Store, TaskPlan

FIRST_BAR = 4
CONSTANTS_BAR = 1
#: Highest number of a BAR: the selectors of the header have five bits.
LAST_BAR = 31
#: Scratch comes in pages (records).
SCRATCH_PAGE_BYTES = 0x4000
NEURAL_CHANNELS = 16

#: Order of the blocks in a task (records; one record a run of consecutive registers).
BLOCK_ORDER = ("KernelDMASrc", "Common", "TileDMASrc", "L2", "PE", "NE", "TileDMADst")
#: Left out where a task fetches no coefficients.
ONLY_WITH_KERNEL = ("KernelDMASrc.CoeffBaseAddr", "KernelDMASrc.CoeffBfrSize")

#: Events that are logged, and logged when debugging (noise), by place in the program.
EVERY_LOG, FIRST_LOG, LAST_LOG = 0x400, 0x8, 0x22
END_DEBUG_LOG, LAST_DEBUG_LOG = 0x68, 0x2


class TensorRow(NamedTuple):
    """An input or output of the program.

    Attributes:
        name: its name.
        role: "input" or "output".
        shape: N, C, H, W.
        dtype: "float16" or "uint8".
    """

    name: str
    role: str
    shape: tuple[int, int, int, int]
    dtype: str = "float16"


class Linked(NamedTuple):
    """A program, and what came of its plans.

    Attributes:
        program: the program.
        plans: its tasks, in order.
        bars: buffer -> BAR.
        places: buffer -> bytes from the start of scratch or of the constants; 0 for tensors.
        scratch_bytes: size of the scratch memory.
    """

    program: Program
    plans: tuple[TaskPlan, ...]
    bars: Mapping[str, int]
    places: Mapping[str, int]
    scratch_bytes: int


def link(
    plans: Sequence[TaskPlan],
    tensors: Sequence[TensorRow],
    *,
    scratch_places: Mapping[str, int] | None = None,
    constants: Mapping[str, bytes] | None = None,
    placed: Constants | None = None,
    name: str = "network",
) -> Linked:
    """A program of tasks, in the order in which they are given.

    Args:
        plans: the tasks.
        tensors: inputs, then outputs, in the order in which they are bound.
        scratch_places: where intermediates lie in scratch, bytes; None puts one behind the other.
        constants: buffers of constants that tile DMA reads, besides those that the plans bring along.
        placed: what is in its place already; what is not is added to it.
        name: of the program.

    Returns:
        The program with the places of its buffers.

    Raises:
        UnsupportedError: more tensors than there are BARs, or no task.
    """
    if not plans:
        raise UnsupportedError("the network has no operation that the engine would do")
    placed = Constants() if placed is None else placed
    layout = _Layout(plans, tensors, scratch_places, constants or {}, placed)
    arch = by_name(ARCH_NAME)
    drafts = [_draft(arch, layout, plans, index) for index in range(len(plans))]
    text = build.lay_out(arch, drafts)
    rows = [padded_tensor(row.name, row.role, layout.bars[row.name], row.shape, row.dtype) for row in tensors]
    program = Program(
        arch, text, tuple(rows), placed.content(), natural_const_offset(text.size_bytes),
        origin=Origin(name, "built"),
        scratch=scratch(layout.scratch_bytes) if layout.scratch_bytes else None,
    )  # fmt: skip
    return Linked(program, tuple(plans), layout.bars, layout.places, layout.scratch_bytes)


def _ends(plans: Sequence[TaskPlan], index: int) -> bool:
    """Whether a run of tasks ends with this one."""
    plan = plans[index]
    return plan.ends_segment or plan.store is Store.CONTEXT or index == len(plans) - 1


class _Layout:
    """BARs and places of all buffers and coefficients."""

    def __init__(
        self, plans: Sequence[TaskPlan], tensors: Sequence[TensorRow], scratch_places: Mapping[str, int] | None,
        constants: Mapping[str, bytes], placed: Constants,
    ):  # fmt: skip
        self.bars: dict[str, int] = {}
        self.places: dict[str, int] = {}
        for number, name in enumerate(sorted(row.name for row in tensors), FIRST_BAR):
            self.bars[name], self.places[name] = number, 0
        if max(self.bars.values(), default=0) > LAST_BAR:
            raise UnsupportedError(
                f"{len(self.bars)} inputs and outputs, and a task can name {LAST_BAR - FIRST_BAR + 1} buffers",
                hint="compile a part of the network (--from, --until)",
            )
        self.kernels: list[int] = []
        for plan in plans:
            for name, data in (*plan.constants.items(), *constants.items()):
                if name not in self.bars:
                    self.bars[name], self.places[name] = CONSTANTS_BAR, placed.put(data)
            kernel = plan.kernel
            self.kernels.append(placed.kept(kernel).place or 0 if isinstance(kernel, Coefficients) else 0)
        self.scratch_bytes = 0
        self._scratch(plans, scratch_places)

    def _scratch(self, plans: Sequence[TaskPlan], places: Mapping[str, int] | None) -> None:
        sizes: dict[str, int] = {}
        for surface in _surfaces(plans):
            if surface.buffer not in self.bars:
                sizes[surface.buffer] = max(sizes.get(surface.buffer, 0), surface.end_bytes)
        end = 0
        for name, size in sizes.items():
            place = end if places is None else places[name]
            self.bars[name], self.places[name] = SCRATCH_BAR, place
            end = max(end, round_up(place + size, ALIGNMENT_BYTES))
        self.scratch_bytes = round_up(end, SCRATCH_PAGE_BYTES)


def _surfaces(plans: Iterable[TaskPlan]) -> Iterable[Surface]:
    for plan in plans:
        yield from (surface for surface in (plan.source, plan.source2, plan.result) if surface is not None)


def _draft(arch: Architecture, layout: _Layout, plans: Sequence[TaskPlan], index: int) -> build.Draft:
    plan = plans[index]
    words = _placed(layout, plan, layout.kernels[index])
    with_kernel = plan.kernel is not None
    items = [
        _pending(address, words[name])
        for name, address, kernel_only in _stream_order(arch.name)
        if with_kernel or not kernel_only
    ]
    writer = _kernel_writer(plans, index)
    header = _header(layout, plans, index, writer)
    return build.Draft(build.header(arch, header, writer), items, arch.layout_fields)


#: Most tasks write the same words to most registers.
_pending = functools.lru_cache(1 << 14)(Pending)


@functools.cache
def _stream_order(arch_name: str) -> tuple[tuple[str, int, bool], ...]:
    """Every register as a task's stream has them: name, address, and whether it is there only with a kernel."""
    blocks = {block.name: block for block in by_name(arch_name).blocks}
    return tuple(
        (
            f"{name}.{row.name}" + (f"[{index}]" if row.count > 1 else ""),
            blocks[name].base + row.offset + 4 * index,
            f"{name}.{row.name}" in ONLY_WITH_KERNEL,
        )
        for name in BLOCK_ORDER
        for row in blocks[name].registers
        for index in range(row.count)
    )


def _placed(layout: _Layout, plan: TaskPlan, kernel_base: int) -> Mapping[str, int]:
    """The registers with bases of buffers, cache hints by place, and the channels of the kernel DMA."""
    draft = Draft(plan.what, plan.evidence)
    draft.words = dict(plan.registers)
    if plan.source is not None:
        _fetched(draft, "Src1", plan.source, plan.fetch, layout)
    if plan.source2 is not None:
        _fetched(draft, "Src2", plan.source2, plan.fetch2, layout)
        draft.put("TileDMASrc.Src2DMAConfig", En=0)  # records: L2.SourceCfg.Source2Dma says that it is fetched
    if plan.result is not None:
        in_scratch = layout.bars[plan.result.buffer] == SCRATCH_BAR
        store = Store.SCRATCH if plan.store is Store.TENSOR and in_scratch else plan.store
        draft.put("TileDMADst.DMAConfig", **store.value)
        if store is not Store.CONTEXT:
            draft.put("TileDMADst.BaseAddr", Addr=layout.places[plan.result.buffer] + plan.result.base_bytes)
    if plan.kernel is not None:
        _channels(draft, layout, plan.kernel, kernel_base)
    return draft.words


def _fetched(draft: Draft, source: str, surface: Surface, fetch: Fetch, layout: _Layout) -> None:
    in_scratch = layout.bars[surface.buffer] == SCRATCH_BAR
    hints = Fetch.SCRATCH if fetch is Fetch.TENSOR and in_scratch else fetch
    draft.put(f"TileDMASrc.{source}DMAConfig", **hints.value)
    if in_scratch:
        draft.put(f"TileDMASrc.{source}DMAConfig", DependencyMode=1)
    if fetch is not Fetch.CONTEXT:
        draft.put(f"TileDMASrc.{source}BaseAddr", Addr=layout.places[surface.buffer] + surface.base_bytes)


def _channels(draft: Draft, layout: _Layout, kernel: Coefficients | RuntimeKernel, base: int) -> None:
    sparse = isinstance(kernel, Coefficients) and kernel.zero_skipping
    draft.put("KernelDMASrc.MasterConfig", MasterEnable=1, KernelSparseFmt=int(sparse))
    at = base
    for channel in range(NEURAL_CHANNELS):
        size, place = 0, 0
        if isinstance(kernel, Coefficients):
            size = kernel.sizes_bytes[channel] if channel < len(kernel.sizes_bytes) else 0
            place = at if size else 0
            at += 0 if kernel.shared else size
        elif channel < kernel.engines:
            size = kernel.size_bytes
            place = layout.places[kernel.buffer] + kernel.base_bytes + channel * kernel.step_bytes
        draft.put(f"KernelDMASrc.CoeffDMAConfig[{channel}]", En=int(size > 0))
        draft.put(f"KernelDMASrc.CoeffBaseAddr[{channel}]", Addr=place)
        draft.put(f"KernelDMASrc.CoeffBfrSize[{channel}]", MemBfrSize=size or ALIGNMENT_BYTES)


def _kernel_writer(plans: Sequence[TaskPlan], index: int) -> int | None:
    """The last task that wrote some of the kernel which this one fetches; None where no task did.

    Several tasks may have written other kernels into the same buffer.
    """
    kernel = plans[index].kernel
    if not isinstance(kernel, RuntimeKernel):
        return None
    writers = (
        number
        for number in reversed(range(index))
        if (result := plans[number].result) is not None
        and result.buffer == kernel.buffer
        and kernel.overlaps(result.base_bytes, result.end_bytes)
    )
    return next(writers, None)


def _header(layout: _Layout, plans: Sequence[TaskPlan], index: int, writer: int | None) -> dict[str, dict[str, int]]:
    plan, last = plans[index], index == len(plans) - 1
    begins, ends = index == 0 or _ends(plans, index - 1), _ends(plans, index)
    source, result = plan.source, plan.result
    context_in, context_out = plan.fetch is Fetch.CONTEXT, plan.store is Store.CONTEXT
    edge = index == 0 or last
    fetched = (source is not None and not context_in) or plan.source2 is not None
    return {
        "W0": {"TID": index, "LNID": int(index > 0), "EON": int(last)},
        "W1": {"ExeCycles": min(plan.cycles, 0xFFFF)},
        "W2": {"LogEvents": EVERY_LOG | FIRST_LOG * (index == 0) | LAST_LOG * last},
        "W4": {"DebugLogEvents": plan.events | END_DEBUG_LOG * edge | LAST_DEBUG_LOG * last},
        "W6": {
            "DisallowAbort": int(plan.keeps_kernel), "SPL": int(begins), "TSR": int(ends), "TSE": int(ends),
            "SPC": int(context_in), "DPC": int(context_out), "TDE": int(writer is not None), "SrcLoc": int(fetched),
            "DstLoc": int(result is not None and not context_out),
        },
        "W8": {
            **_selector("RBase0", "RBE0", layout, source),
            **_selector("RBase1", "RBE1", layout, plan.source2),
            **_selector("WBase", "WBE", layout, result),
            "TBE": int(not last),
            "ENE": log2_up(plan.engines) + 1 if plan.engines else 0,
        },
        "W9": {"KBase0": _kernel_bar(layout, plan), "KBE0": int(plan.kernel is not None)},
    }  # fmt: skip


def _selector(base: str, enable: str, layout: _Layout, surface: Surface | None) -> dict[str, int]:
    return {} if surface is None else {base: layout.bars[surface.buffer], enable: 1}


def _kernel_bar(layout: _Layout, plan: TaskPlan) -> int:
    if plan.kernel is None:
        return 0
    return layout.bars[plan.kernel.buffer] if isinstance(plan.kernel, RuntimeKernel) else CONSTANTS_BAR


def weakest(plans: Iterable[TaskPlan]) -> Evidence:
    """The weakest evidence among tasks: an own choice before a rule, a rule before a record."""
    order = list(Source)
    return max((plan.evidence for plan in plans), key=lambda evidence: (order.index(evidence.source), evidence.risk))
