"""Runs tasks of the neural engines.

The result is last step ((sum + bias) * PostScale), where the sum comes out of a convolution, of sums, products or
maxima over channels, or is the input as it is, and the last step is nothing, ReLU or a lookup table.
"""

from collections.abc import Callable

import numpy as np

from ..operations import Convolution, Neural, Table
from ..operations.tables import Curve, parse
from ..packing.fetched import table_misfits
from . import convolution, lut
from . import faults as kinds
from . import numbers as arithmetic_of
from .access import Access
from .arithmetic import multiply, pieces
from .numbers import Numbers
from .products import Lanes

#: The function of a mode that computes nothing.
IDENTITY = "identity"


def run(task: Neural, access: Access, numbers: Numbers) -> np.ndarray:
    """Computes a task's result.

    Args:
        task: what to compute.
        access: its way to its operands.
        numbers: the arithmetic.

    Returns:
        Bits, uint8 or uint16, (groups, channels, depth, height, width).

    Raises:
        Hang: an operand cannot be fetched.
        NotImplementedTask: the kernel, or a value, is not understood.
    """
    if task.mode is None:
        raise access.refuse("NE.MACCfg.OpMode", None, "it is not known what it computes")
    bits = access.fetch(task.source)
    function = task.mode.function
    if function == IDENTITY and _only_moves(task):
        return bits
    last = _LastStep(task, access, numbers)
    with np.errstate(all="ignore"):
        if isinstance(task, Convolution):
            weights = convolution.fetch_weights(task, access)
            return last(convolution.run(task, _load_single(task, bits)[:, :, 0], weights, numbers))
        if function != IDENTITY:
            return last(MODES[function](task, bits, numbers))
        result = np.empty(bits.shape, np.dtype(f"u{task.result.element.size_bytes}"))
        for place in pieces(bits.shape):
            result[place] = last(load(task, bits[place]))
        return result


def _only_moves(task: Neural) -> bool:
    """Whether 8-bit elements pass as they are."""
    return (
        task.source.element.size_bytes == 1
        and task.source.element == task.result.element
        and task.last is None
        and task.post_scale == 1.0
        and not task.source.relu
    )


def load(task: Neural, bits: np.ndarray) -> np.ndarray:
    """The source's elements as float64."""
    values = arithmetic_of.load(bits, task.source.element)
    return np.maximum(values, 0.0) if task.source.relu else values


def _load_single(task: Neural, bits: np.ndarray) -> np.ndarray:
    """The source's elements as float32."""
    values = arithmetic_of.load_single(bits, task.source.element)
    return np.maximum(values, np.float32(0.0)) if task.source.relu else values


class _LastStep:
    """PostScale, last step and rounding of a task's sums."""

    def __init__(self, task: Neural, access: Access, numbers: Numbers):
        self.task, self.access, self.numbers = task, access, numbers
        self.post_scale = np.inf if np.isnan(task.post_scale) else task.post_scale
        self.table = fetch_table(task, task.table, access) if task.table is not None else None
        halves = task.result.element.dtype == "float16" and numbers.rounds_before_table
        much = halves and self.table is not None and lut.is_used_much(self.table, numbers, task.result.shape.count)
        self.curve = lut.every_value(self.table, numbers) if self.table is not None and much else None

    def __call__(self, sums: np.ndarray) -> np.ndarray:
        """Element bits of sums, float64 of any shape."""
        values = multiply(sums, self.post_scale) if self.post_scale != 1.0 else sums
        if self.task.last is not None and self.task.last.function == "relu":
            return self._stored(np.maximum(values, 0.0))
        if self.table is None:
            return self._stored(values)
        if self.curve is not None:
            found: np.ndarray = self.curve.take(self.numbers.store(values))
            return found
        # By way of the bits, as every value of a table has it: what is beyond float16 is infinite.
        halves = self.numbers.rounds_before_table
        argument = arithmetic_of.load(self.numbers.store(values), lut.HALF) if halves else values
        return self._stored(lut.evaluate(self.table, argument, self.numbers))

    def _stored(self, values: np.ndarray) -> np.ndarray:
        element = self.task.result.element
        if element.dtype == "float16":
            return self.numbers.store(values)
        whole = values.astype(element.dtype)
        lost = np.flatnonzero(whole != values)
        if lost.size:
            value = float(values.ravel()[lost[0]])
            raise self.access.refuse("the result", value, f"how it becomes {element.name} is not known")
        return whole.view(np.uint8)


def fetch_table(task: Neural, table: Table, access: Access) -> Curve:
    """The lookup table of a task.

    Raises:
        Hang: it is not fetched, or its size is not that of a table.
        NotImplementedTask: its mode is not known.
    """
    if not table.enabled:
        what = "the task waits for a lookup table, but its fetch is off"
        raise access.faults.hang(kinds.DMA_DISABLED, what, table.register)
    if misfit := next(table_misfits(task), None):
        raise access.misfit(misfit)
    bar = access.bar(table.bar, table.enabled, table.register, "the lookup table")
    found = parse(access.read_bytes(bar, table.base_bytes, lut.TABLE_BYTES, table.register).tobytes())
    if not found.is_known:
        raise access.refuse(f"{table.register}: mode of the lookup table", found.mode, "it was never seen")
    return found


def _channel_sum(task: Neural, bits: np.ndarray, numbers: Numbers) -> np.ndarray:
    values = numbers.on_grid(load(task, bits))
    sums = _by_output(task, values).sum(axis=2) + task.acc_bias
    return np.broadcast_to(numbers.limited(sums), (sums.shape[0], task.outputs, *sums.shape[2:]))


def _channel_product(task: Neural, bits: np.ndarray, numbers: Numbers) -> np.ndarray:
    values = _by_output(task, load(task, bits))
    lanes = Lanes((*values.shape[:2], *values.shape[3:]), numbers)
    lanes.add(values[:, :, 0], values[:, :, 1])
    return numbers.limited(lanes.sums)


def _channel_maximum(task: Neural, bits: np.ndarray, numbers: Numbers) -> np.ndarray:
    found: np.ndarray = _by_output(task, load(task, bits)).max(axis=2)
    return found


def _by_output(task: Neural, values: np.ndarray) -> np.ndarray:
    """The input as (groups, output channels, channels of each, depth, height, width)."""
    if task.unicast is None:
        return values[:, None]
    return values.reshape(values.shape[0], task.outputs, task.unicast, *values.shape[2:])


#: What the engines compute without coefficients, by the function of the mode's row; pass-through is `run`'s own.
MODES: dict[str, Callable[[Neural, np.ndarray, Numbers], np.ndarray]] = {
    "channel_sum": _channel_sum,
    "channel_product": _channel_product,
    "channel_maximum": _channel_maximum,
}
