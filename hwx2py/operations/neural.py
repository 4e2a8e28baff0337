"""What a task of the neural engines does.

    s = convolution + bias row, or sum, product or maximum over channels, or the input as it is; then + AccBias
    y = last step (s * PostScale): nothing, clamped at 0, or a lookup table

Known by running decoded programs of compiler 9.509 and real programs of 2023 against what they compute, and from
registers that were edited on an M1.
"""

from typing import NamedTuple

from ..registers.enums import Value
from .operand import Operand, Result, Unknown


class Window(NamedTuple):
    """The window of a convolution, in elements.

    Attributes:
        height, width: of the kernel.
        step_y, step_x: from one output to the next (Sx is that times the columns).
        pad_y, pad_x: zeros above and left of the input.
        rows, columns: outputs that are computed side by side (Oy, Ox); with two columns Wout is half the width of the
            result, and a kernel slot holds two lanes of one tap more.
    """

    height: int
    width: int
    step_y: int
    step_x: int
    pad_y: int
    pad_x: int
    rows: int
    columns: int


class ChannelRegisters(NamedTuple):
    """Names of a coefficient channel's registers: configuration, base and size."""

    config: str
    base: str
    size: str


class Channel(NamedTuple):
    """A neural engine's share of the coefficients.

    Attributes:
        engine: its number.
        enabled: whether its DMA channel fetches.
        base_bytes: from the start of the coefficients' BAR (H14 and later: from the kernel's base).
        size_bytes: what is fetched.
        registers: names of the registers that hold enable bit, base and size, for faults and links.
    """

    engine: int
    enabled: bool
    base_bytes: int
    size_bytes: int
    registers: ChannelRegisters


class Kernel(NamedTuple):
    """Coefficients of a task, as kernel DMA fetches them.

    Attributes:
        bar: the BAR (slot) that they lie in; None where the task names none.
        enabled: False where the task's header does not enable that BAR, or the fetch as a whole is off.
        base_bytes: where the kernel begins in the BAR; 0 on H13, where every channel has its own base.
        channels: one for each engine that works.
        lanes: output channels of a plane.
        bias_row: a row of biases precedes the weights of a plane.
        zero_skipping: only weights other than 0 are stored.
        format: of a weight, by name.
        from_task: the task whose result is this kernel (DTID), or None.
        round_stride_bytes: from one round of planes to the next, for kernels that a task made; 0 elsewhere.
        group_stride_bytes: from the kernel of a group to that of the next; 0 where they follow each other.
        table_in_front: a lookup table precedes the planes of every chunk (H13).
        register: the register that selects the BAR.
    """

    bar: int | None
    enabled: bool
    base_bytes: int
    channels: tuple[Channel, ...]
    lanes: int
    bias_row: bool
    zero_skipping: bool
    format: str
    from_task: int | None
    round_stride_bytes: int
    group_stride_bytes: int
    table_in_front: bool
    register: str


class Table(NamedTuple):
    """A lookup table of 128 bytes.

    Attributes:
        bar: the BAR (slot) that it lies in; None where the task names none.
        enabled: whether it is fetched.
        base_bytes: from the start of the BAR.
        size_bytes: what is fetched.
        register: the base register, for faults and links.
        size_register: the one that holds the size.
        channels: those that fetch it, each engine a copy in front of its coefficients (H13); empty where it has a
            channel of its own.
    """

    bar: int | None
    enabled: bool
    base_bytes: int
    size_bytes: int
    register: str
    size_register: str
    channels: tuple[Channel, ...] = ()


class Neural(NamedTuple):
    """A task of the neural engines.

    Attributes:
        engines: how many work.
        source: the input; its groups are those of the convolution, or the batch.
        mode: what is computed.
        window: of a convolution.
        outputs: output channels of a group.
        unicast: input channels that an output channel reads, where it reads only its own; else None.
        acc_bias: added to every sum.
        post_scale: factor on the sums.
        last: the last step; None where there is none.
        kernel: the coefficients of a `Convolution`; None in other tasks.
        table: the lookup table of the last step.
        result: where it goes.
        zeros: names of the fields of sizes that hold 0: the engine hangs.
        patched: a patch is set, which is for the planar engine: the engines hang (PatchCfg 4, edited on an M1).
        unknowns: what the reader did not understand; empty for a task that can be executed.
        fields: names of the fields that decide what the task does, `Block.Register.Field`.
    """

    engines: int
    source: Operand
    mode: Value | None
    window: Window
    outputs: int
    unicast: int | None
    acc_bias: float
    post_scale: float
    last: Value | None
    kernel: Kernel | None
    table: Table | None
    result: Result
    zeros: tuple[str, ...] = ()
    patched: bool = False
    unknowns: tuple[Unknown, ...] = ()
    fields: frozenset[str] = frozenset()

    @property
    def inputs(self) -> tuple[Operand, ...]:
        """The sources in order."""
        return (self.source,)


class Convolution(Neural):
    """A task that multiplies with coefficients: it has a kernel."""

    __slots__ = ()

    kernel: Kernel
