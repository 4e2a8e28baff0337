"""Programs of several tasks: two through scratch memory, softmax through L2, and attention."""

import numpy as np
from h13_tasks import (
    CONSTANTS,
    H13,
    InL2,
    Place,
    lookup,
    lookup_table,
    neural,
    planar,
    planar_of_one,
    select,
    stored_as_kernel,
    tensor,
)
from neural_programs import ENGINES, LANES, ONE_ENGINE, product

from hwx2py.program.network import TaskRegisters, network, scratch
from hwx2py.program.program import Program, Tensor

#: log2(e) as float16 has it; compilers put it into the scale of a softmax.
LOG2_E = 1.4423828125
#: The table that has 2 to the power of its argument: a whole part, and a fraction that is looked up.
POWER_MODE, POWER_SHIFT = 0x0A, 5


def square_table() -> bytes:
    """A lookup table: straight lines between the squares of -2, -1.875 .. 2, and 4 outside."""
    return lookup_table(np.linspace(-2, 2, 33) ** 2, 3, 1, (-2, 2), (4, 4))


def chain() -> Program:
    """Sum of a and b into scratch, then looked up in a table."""
    a, b = tensor("a", "input", 5, 2, 1, 32), tensor("b", "input", 6, 2, 1, 32)
    y, between = tensor("y", "output", 4, 2, 1, 32), tensor("scratch", "scratch", 3, 2, 1, 32)
    tasks = [
        TaskRegisters({"W8": select(a, b, between)}, planar(a, b, between, "Add")),
        TaskRegisters(
            {"W8": select(between, None, y) | ONE_ENGINE, "W9": CONSTANTS},
            neural(between, y, 0) | lookup(),
        ),
    ]
    return network(H13, tasks, (a, b, y, scratch(between.size_bytes)), square_table())


def power_table() -> bytes:
    """Powers of 2: 33 samples of 2^f for the fraction f of the argument."""
    return lookup_table(np.exp2(np.arange(33) / 32), POWER_SHIFT, POWER_MODE, (-np.inf, np.inf), (0, np.inf))


def softmax_tasks(x: Place, y: Tensor, scale: float, store: dict | None = None) -> list[TaskRegisters]:
    """Five tasks: y = exp(x * scale / log2 e) over its sum along W; what lies between stays in L2.

    Args:
        x: 1, C, 1, W.
        y: the result, of the same shape.
        scale: factor of the exponent of 2.
        store: how the result is stored, if not as y is.
    """
    shape = x.shape
    a_column = (1, shape[1], 1, 1)
    largest, powers = InL2(0x0000, a_column), InL2(0x4000, shape)
    exponent, inverse = InL2(0x2000, shape), InL2(0x0800, a_column)
    along = {"Common.PECfg": {"Src2BroadcastW": 1}}
    reduce_to = planar_of_one(x, largest, "ReduceOneSource") | {"PE.Cfg": {"PoolMode": "Max"}}
    differ = planar(x, largest, exponent, "Add") | along
    differ |= {"PE.Cfg": {"OpMode": "Add", "SecSrc": "-Source2"}, "PE.BiasScale": {"Scale": scale}}
    add_up = planar_of_one(powers, inverse, "ReduceOneSource") | {"PE.Cfg": {"NLMode": "Reciprocal"}}
    normalise = planar(powers, inverse, y, "Mul") | along | (store or {})
    return [
        TaskRegisters({"W8": select(x, None, None)}, reduce_to),
        TaskRegisters({"W8": select(x, None, None)}, differ),
        TaskRegisters({"W8": ONE_ENGINE, "W9": CONSTANTS}, neural(exponent, powers, 0) | lookup()),
        TaskRegisters({}, add_up),
        TaskRegisters({"W8": select(None, None, y)}, normalise),
    ]


def softmax() -> Program:
    """Softmax of x along W, a row of 32 for each of 4 channels."""
    x, y = tensor("x", "input", 5, 4, 1, 32), tensor("y", "output", 4, 4, 1, 32)
    return network(H13, softmax_tasks(x, y, LOG2_E), (x, y), power_table())


def attention() -> Program:
    """Attention of 8 queries to 16 keys of 4 numbers each: softmax(q k / 2) v, in eight tasks.

    q is 8 rows; k has a key in each column, v a value in each row. Both products take their first matrix as
    coefficients out of scratch memory, where a task before them put it.
    """
    queries, keys, size = 8, 16, 4
    q, k = tensor("q", "input", 5, queries, 1, size), tensor("k", "input", 6, size, 1, keys)
    v, y = tensor("v", "input", 7, keys, 1, size), tensor("y", "output", 4, queries, 1, size)
    scores_bytes = 0x400
    scores = InL2(0x6000, (1, queries, 1, keys))
    memory = scratch(scores_bytes)
    shares = tensor("scratch", "scratch", memory.bar, queries, 1, keys)
    store_q, fetch_q = stored_as_kernel(q, LANES, ENGINES)
    store_shares, fetch_shares = stored_as_kernel(shares, LANES, ENGINES, base_bytes=0x100)
    tasks = [
        TaskRegisters({"W8": select(q, None, memory)}, planar_of_one(q, q) | store_q),
        product(fetch_q, memory.bar, k, scores),
        *softmax_tasks(scores, shares, LOG2_E / np.sqrt(size), store_shares),
        product(fetch_shares, memory.bar, v, y),
    ]
    return network(H13, tasks, (q, k, v, y, memory), power_table())
