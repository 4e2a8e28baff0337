"""How long tasks take at least, as far as anybody measured: the compiler's estimate, and the peaks of chips."""

from collections.abc import Iterable
from typing import NamedTuple

from ..operations import Neural, Planar
from ..operations.transfer import Transfer
from ..registers import Architecture
from ..registers.machine import BLOCK_BYTES, Rate
from ..registers.speeds import PRODUCTS, WINDOWS
from ..units import whole

#: A task is bound by memory where moving its bytes takes this part of its estimate.
MEMORY_BOUND = 0.9
#: What a plane of the source adds to the compiler's estimate (compiler 9.509, with its bytes the larger of the two).
CYCLES_PER_PLANE = 0.00444
OPERATIONS_PER_MAC = 2
PER_TFLOPS_US = 1e6


class Cycles(NamedTuple):
    """The compiler's estimate of a task, by its formula.

    Attributes:
        memory: what the bytes give.
        planes: what the planes of the source give.
    """

    memory: float
    planes: float

    @property
    def whole(self) -> int:
        """ExeCycles: the larger one, cut off."""
        return int(max(self))


class ChipTime(NamedTuple):
    """What a chip was measured to take at least for the multiply-accumulates of a program.

    Attributes:
        chip: its name.
        least_us: at its highest measured peak.
        most_us: at its lowest.
        rates: the peaks, in words, with their source.
        submit: what a submit takes besides, in words; empty where nobody measured it.
    """

    chip: str
    least_us: float
    most_us: float
    rates: str
    submit: str


def cycles(
    arch: Architecture, operation: Planar | Neural, moved: Iterable[Transfer], coefficients: int
) -> Cycles | None:
    """The compiler's estimate by its formula; None where nothing tells how many bytes it counts as one.

    Args:
        arch: the architecture.
        operation: what the task does.
        moved: what it moves by tile DMA.
        coefficients: the bytes of its coefficients.
    """
    per_block = arch.machine.cycles_per_block
    if not per_block:
        return None
    shape = operation.inputs[0].shape
    size = coefficients + sum(transfer.rows_bytes for transfer in moved if transfer.dma.enabled)
    return Cycles(size * per_block / BLOCK_BYTES, CYCLES_PER_PLANE * shape.groups * shape.channels * shape.depth)


def work_of(operation: Planar | Neural) -> str:
    """What kind of work the multiply-accumulates of a task are, by the name that rates have."""
    window = operation.window if isinstance(operation, Neural) else None
    return WINDOWS if window and (window.height, window.width) == (3, 3) else PRODUCTS


def idle_factor(arch: Architecture, operation: Planar | Neural) -> float:
    """How much longer a task takes at least because not all engines have the same number of output channels.

    Each plane of coefficients, and so each output channel, is one engine's, in turn (read in files, by digest), and the
    peaks were measured with all engines at work. That the engine with most channels decides is inferred. Lanes do not
    matter for it: they decide how many channels an engine has side by side, not how many it has.

    Args:
        arch: the architecture.
        operation: what the task does.
    """
    if not isinstance(operation, Neural) or operation.kernel is None or operation.outputs * operation.engines <= 0:
        return 1.0
    channels = operation.outputs * operation.source.shape.groups
    return max(1.0, whole(channels, operation.engines) * arch.machine.engines / channels)


def engines_us(arch: Architecture, macs: int, work: str, idle: float = 1.0) -> float | None:
    """How long the engines take at the highest peak of the generation's chips; None where nobody measured such work.

    Args:
        arch: the architecture.
        macs: multiply-accumulates.
        work: what kind of work they are.
        idle: how much longer it takes because some engines have less to do than others.
    """
    if not macs:
        return 0.0
    peaks = [rate.most_tflops for rate in arch.machine.rates if rate.what == work]
    return idle * OPERATIONS_PER_MAC * macs / (max(peaks) * PER_TFLOPS_US) if peaks else None


def chips(arch: Architecture, macs: dict[str, int]) -> tuple[ChipTime, ...]:
    """What each chip of a generation takes, where all that a program computes was measured on it.

    Args:
        arch: the architecture.
        macs: multiply-accumulates by kind of work.
    """
    machine, found = arch.machine, []
    for chip in dict.fromkeys([rate.chip for rate in machine.rates] + [submit.chip for submit in machine.submits]):
        rates = [rate for rate in machine.rates if rate.chip == chip and macs.get(rate.what)]
        if len(rates) < sum(map(bool, macs.values())):
            continue
        found.append(
            ChipTime(
                chip,
                sum(_us(macs, rate, rate.most_tflops) for rate in rates),
                sum(_us(macs, rate, rate.least_tflops) for rate in rates),
                "; ".join(map(_in_words, rates)),
                ", ".join(
                    f"{submit.us} us under {submit.system} ({submit.evidence})"
                    for submit in machine.submits
                    if submit.chip == chip
                ),
            )
        )
    return tuple(found)


def _us(macs: dict[str, int], rate: Rate, tflops: float) -> float:
    return OPERATIONS_PER_MAC * macs[rate.what] / (tflops * PER_TFLOPS_US)


def _in_words(rate: Rate) -> str:
    same = rate.least_tflops == rate.most_tflops
    peak = f"{rate.most_tflops:g}" if same else f"{rate.least_tflops:g} to {rate.most_tflops:g}"
    return f"{rate.what} at {peak} TFLOPS ({rate.evidence})"
