"""A task before it is linked: registers by name, the buffers that it reads and writes, where its words come from."""

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import NamedTuple

from .surface import Surface


def fields(**values: int | str) -> Mapping[str, int | str]:
    """Fields of a register, by name."""
    return MappingProxyType(values)


class Source(enum.Enum):
    """Where the words of a task come from."""

    RECORD = "words as compiler 9.509 writes them"
    RULE = "by rule, no record of this shape"
    PORTED = "H13's words by the rules for another generation"
    OWN = "own choice"


class Evidence(NamedTuple):
    """How the words of a task are known.

    Attributes:
        source: a record, a rule, rules from one generation to another, or our own choice.
        reason: of an own choice: what it is, and why.
        risk: of an own choice: "low" or "middle" on hardware.
        kept: which operands stay in L2 from form to form, and where tasks of that kind were seen with them there.
    """

    source: Source
    reason: str = ""
    risk: str = ""
    kept: str = ""

    def __str__(self) -> str:
        text = f"{self.source.value}: {self.reason}" if self.reason else self.source.value
        return f"{text} ({self.kept})" if self.kept else text


RECORD = Evidence(Source.RECORD)
RULE = Evidence(Source.RULE)
PORTED = Evidence(Source.PORTED)


def own(reason: str, risk: str = "low") -> Evidence:
    """An own choice.

    Args:
        reason: what it is, and why.
        risk: "low" or "middle".
    """
    return Evidence(Source.OWN, reason, risk)


class Fetch(enum.Enum):
    """Cache hints of a source, by what it is used for (9.509's words; no effect on values seen)."""

    #: A tensor that is read once: a program's input or constant; the linker takes `SCRATCH` where it lies there.
    TENSOR = fields(En=1, CacheHint=2, CacheHintReuse=14, CacheHintNoReuse=12)
    #: A tensor that an earlier task left in scratch.
    SCRATCH = fields(En=1, CacheHint=4, CacheHintReuse=14, CacheHintNoReuse=4, DependencyMode=1)
    #: The first of several reads of a tensor.
    AGAIN = fields(En=1, CacheHint=14, CacheHintReuse=14, CacheHintNoReuse=14)
    #: The last of several reads.
    LAST = fields(En=1, CacheHint=12, CacheHintReuse=14, CacheHintNoReuse=12)
    #: Taken over in L2 from the task before by a change of context; not fetched.
    CONTEXT = fields(En=0, CacheHint=2, CacheHintReuse=2, CacheHintNoReuse=2, DependencyMode=1)


class Store(enum.Enum):
    """Configuration of a result's DMA, by what it is used for (9.509's words; no effect on values seen)."""

    #: A program's output; the linker takes `SCRATCH` where it lies there.
    TENSOR = fields(En=1, CacheHint=3, L2BfrMode=1)
    #: A tensor that a later task reads from scratch.
    SCRATCH = fields(En=1, CacheHint=15, L2BfrMode=1)
    #: A result that is not tiled: copies with an exchange, results with C and W exchanged.
    WHOLE = fields(En=1, CacheHint=3)
    #: A softmax that becomes a kernel (published tables of attention); two bits of it have no other use.
    SOFTMAX_KERNEL = fields(En=1, CacheHint=15, L2BfrMode=1, Unk19=1, Unk24=1)
    #: Handed on in L2 by a change of context; not stored.
    CONTEXT = fields(En=0, CacheHint=3)


@dataclass(frozen=True, slots=True)
class Coefficients:
    """What kernel DMA fetches for the engines out of the constants (BAR 1).

    Attributes:
        data: the chunks of the engines, one after another, each a multiple of 64 bytes; empty where they are in place.
        sizes_bytes: by channel, what it fetches; 0 for a channel that is off.
        shared: every channel fetches the same bytes (lookup tables).
        reserved_bytes: what they take up among the constants; 0 for their own size.
        zero_skipping: the chunks leave zeros out.
        place: where they begin among the constants, bytes; None while they are not there yet.
    """

    data: bytes
    sizes_bytes: tuple[int, ...]
    shared: bool = False
    reserved_bytes: int = 0
    zero_skipping: bool = False
    place: int | None = None

    @property
    def size_bytes(self) -> int:
        """Bytes of all chunks."""
        return self.sizes_bytes[0] if self.shared else sum(self.sizes_bytes)


@dataclass(frozen=True, slots=True)
class RuntimeKernel:
    """Coefficients that lie in a buffer: rows that an earlier task stored as a kernel, or an input tensor.

    Attributes:
        buffer: the buffer.
        base_bytes: where the first engine's chunk begins.
        step_bytes: from engine to engine.
        size_bytes: of a chunk.
        engines: how many channels are enabled.
        rounds: how often each of them fetches, the next round behind the whole one before; 1 on H13.
    """

    buffer: str
    base_bytes: int
    step_bytes: int
    size_bytes: int
    engines: int = 16
    rounds: int = 1

    @property
    def round_bytes(self) -> int:
        """From round to round."""
        return self.step_bytes * self.engines

    @property
    def end_bytes(self) -> int:
        """Just behind the last chunk, from the start of the buffer."""
        last = self.step_bytes * (self.engines * self.rounds - 1)
        return self.base_bytes + last + self.size_bytes

    def overlaps(self, start_bytes: int, end_bytes: int) -> bool:
        """Whether an engine's chunk has bytes of the buffer from `start_bytes` to `end_bytes`.

        Args:
            start_bytes: the first byte, from the start of the buffer.
            end_bytes: behind the last byte.
        """
        chunks = (self.base_bytes + engine * self.step_bytes for engine in range(self.engines))
        return any(chunk < end_bytes and start_bytes < chunk + self.size_bytes for chunk in chunks)


class Events(enum.IntEnum):
    """Events that are logged when debugging, by kind of task (9.509; noise)."""

    COPY = 0
    ROOT = 0xFFD800
    USUAL = 0xFFF800


@dataclass(frozen=True, slots=True)
class TaskPlan:
    """A task without id, place and BARs.

    Attributes:
        what: what it does, in a few words.
        evidence: where its words come from.
        registers: `Block.Register`, or `Block.Register[i]`, -> word. Cache hints, bases of buffers and coefficients are
            filled in by the linker.
        engines: neural engines that work; 0 for the planar engine.
        source: what source 1 comes from; None where it lies in L2.
        source2: what source 2 comes from; None where it lies in L2, or there is none.
        result: where the result goes; None where it stays in L2.
        fetch, fetch2, store: how.
        kernel: coefficients; None without.
        constants: buffers of constants that its sources lie in, by name.
        keeps_kernel: its kernel stays for a later task, so it may not be aborted.
        ends_segment: it is the last of a run of tasks that are chained by L2.
        events: events logged when debugging.
        cycles: the estimate that compilers write.
    """

    what: str
    evidence: Evidence
    registers: Mapping[str, int]
    engines: int = 0
    source: Surface | None = None
    source2: Surface | None = None
    result: Surface | None = None
    fetch: Fetch = Fetch.TENSOR
    fetch2: Fetch = Fetch.TENSOR
    store: Store = Store.TENSOR
    kernel: Coefficients | RuntimeKernel | None = None
    constants: Mapping[str, bytes] = field(default_factory=dict)
    keeps_kernel: bool = False
    ends_segment: bool = False
    events: Events = Events.USUAL
    cycles: int = 0


def closed(plans: list[TaskPlan]) -> list[TaskPlan]:
    """The tasks of a form, the last of which ends its run, so that another form may follow.

    Args:
        plans: the form's tasks.
    """
    return [*plans[:-1], replace(plans[-1], ends_segment=True)] if plans else []
