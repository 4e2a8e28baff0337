"""What decides where the weights of a kernel lie, and what compilers choose where a network leaves it open."""

from dataclasses import dataclass

from ..operations import Convolution, Neural

#: Engines of every chip that is known.
MOST_ENGINES = 16
#: Largest number of output channels that lie side by side, and the height and width up to which it is chosen.
MOST_LANES, MOST_LANES_SMALL, SMALL = 16, 32, 8

#: Registers that the reader of operations names where it knows no packing.
PACKING_REGISTERS = ("Common.Ox", "NE.KernelFmt", "NE.SparseFmt")


@dataclass(frozen=True, slots=True)
class Form:
    """Shape of a kernel, and how it is stored.

    Attributes:
        outputs: output channels of a group.
        inputs: input channels that an output channel reads.
        height, width: of the kernel.
        engines: neural engines that work.
        lanes: output channels of a plane that is full (2 to the power of OCGSize).
        groups: groups of the convolution.
        bias_row: a row of biases precedes the weights of a plane.
        depthwise: every output channel reads input channels of its own (UnicastEn).
        table_in_front: a lookup table precedes the planes of every chunk (H13).
        columns: output columns that are computed side by side (Ox).
        zero_skipping: only weights other than 0 are stored.
        round_stride_bytes: from one round of planes to the next, for kernels that a task made (H14); else 0.
        group_stride_bytes: from the kernel of a group to that of the next; 0 where they follow each other.
    """

    outputs: int
    inputs: int
    height: int = 1
    width: int = 1
    engines: int = MOST_ENGINES
    lanes: int = 1
    groups: int = 1
    bias_row: bool = False
    depthwise: bool = False
    table_in_front: bool = False
    columns: int = 1
    zero_skipping: bool = False
    round_stride_bytes: int = 0
    group_stride_bytes: int = 0

    @property
    def channels(self) -> int:
        """Output channels of all groups."""
        return self.groups * self.outputs

    @property
    def weights(self) -> int:
        """Weights of an output channel."""
        return self.inputs * self.height * self.width

    @property
    def rows(self) -> int:
        """Bias and weights of an output channel."""
        return self.bias_row + self.weights


def form_of(task: Convolution) -> Form:
    """The form of the kernel that a task convolves with."""
    kernel, window = task.kernel, task.window
    return Form(
        outputs=task.outputs,
        inputs=task.source.shape.channels if task.unicast is None else task.unicast,
        height=window.height,
        width=window.width,
        engines=task.engines,
        lanes=kernel.lanes,
        groups=task.source.shape.groups,
        bias_row=kernel.bias_row,
        depthwise=task.unicast is not None,
        table_in_front=kernel.table_in_front,
        columns=window.columns,
        zero_skipping=kernel.zero_skipping,
        round_stride_bytes=kernel.round_stride_bytes,
        group_stride_bytes=kernel.group_stride_bytes,
    )


def is_understood(task: Neural) -> bool:
    """Whether the order of the bytes of a task's kernel is known: the reader of operations says so."""
    return all(unknown.register not in PACKING_REGISTERS for unknown in task.unknowns)


def engines_for(channels: int) -> int:
    """How many neural engines compilers let work: a power of two, at most 16 (compilers 4.2.1 and 9.509, every file).

    Args:
        channels: output channels of all groups.
    """
    return min(MOST_ENGINES, 1 << max(channels - 1, 0).bit_length())


def lanes_for(channels: int, height: int, width: int) -> int:
    """Lanes that Apple's compiler chooses for a dense kernel.

    The largest power of two that leaves a plane for each of 16 engines: at most 32 where height and width are at most
    8, at most 16 elsewhere; 1 below 32 channels. Read in decoded programs of compilers 4.2.1 and 9.509, by digest for
    4, 8 and 16 lanes.

    Args:
        channels: output channels.
        height: of the result.
        width: of the result.
    """
    most = MOST_LANES_SMALL if max(height, width) <= SMALL else MOST_LANES
    return min(most, _power_below(channels // MOST_ENGINES))


def lanes_that_divide(channels: int, height: int, width: int) -> int:
    """Lanes that leave no channels over for narrower planes: then the sizes of the chunks tell the layout.

    Our own choice for sizes that no program has; 1 where nothing larger divides.

    Args:
        channels: output channels.
        height: of the result.
        width: of the result.
    """
    share, rest = divmod(channels, MOST_ENGINES)
    return 1 if rest or not share else min(lanes_for(channels, height, width), share & -share)


def _power_below(number: int) -> int:
    """The largest power of two that is not larger, at least 1."""
    return 1 << max(number.bit_length() - 1, 0)
