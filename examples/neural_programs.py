"""Programs of the neural engines: relu, sigmoid, a convolution, and the product of two matrices."""

import numpy as np
from h13_tasks import (
    CONSTANTS,
    H13,
    MAC,
    PASS_THROUGH,
    channels,
    lookup,
    lookup_table,
    neural,
    planar_of_one,
    select,
    stored_as_kernel,
    tensor,
)

from hwx2py import packing
from hwx2py.packing import Form
from hwx2py.program.network import TaskRegisters, network, scratch
from hwx2py.program.program import Program, Tensor

LANES_LOG2, ENGINES_LOG2 = 2, 1
LANES, ENGINES = 1 << LANES_LOG2, 1 << ENGINES_LOG2
#: Header word 8 has the engines as log2 plus 1: 0 is the planar engine.
ONE_ENGINE = {"ENE": 1}


def relu() -> Program:
    """x, or 0 where it is negative."""
    x, y = tensor("x", "input", 4, 4, 4, 16), tensor("y", "output", 5, 4, 4, 16)
    words = {"W8": select(x, None, y) | ONE_ENGINE}
    registers = neural(x, y, 0) | {"NE.MACCfg": PASS_THROUGH | {"NonlinearMode": "ReLU"}}
    return network(H13, [TaskRegisters(words, registers)], (x, y))


def sigmoid_table() -> bytes:
    """1 / (1 + exp(-x)) from -8 to 8 in steps of a half; 0 and 1 outside."""
    places = np.linspace(-8, 8, 33)
    return lookup_table(1 / (1 + np.exp(-places)), 1, 1, (-8, 8), (0, 1))


def sigmoid() -> Program:
    """A table looked up for x."""
    x, y = tensor("x", "input", 4, 4, 4, 16), tensor("y", "output", 5, 4, 4, 16)
    words = {"W8": select(x, None, y) | ONE_ENGINE, "W9": CONSTANTS}
    return network(H13, [TaskRegisters(words, neural(x, y, 0) | lookup())], (x, y), sigmoid_table())


def conv_weights() -> tuple[np.ndarray, np.ndarray]:
    """Weights (8, 2, 3, 3) and biases (8,) of the convolution, float16."""
    weights = (np.arange(8 * 2 * 9).reshape(8, 2, 3, 3) % 7 - 3).astype(np.float16) / np.float16(4)
    return weights, np.arange(8, dtype=np.float16) / np.float16(2) - np.float16(1)


def conv() -> Program:
    """Convolution of x, plus bias, at least 0: 2 channels in, 8 out, planes of 2 channels on four engines."""
    x, y = tensor("x", "input", 4, 2, 6, 8), tensor("y", "output", 5, 8, 6, 8)
    weights, bias = conv_weights()
    form = Form(outputs=8, inputs=2, height=3, width=3, engines=4, lanes=2, bias_row=True)
    packed = packing.pack(packing.layout(form), weights.data, bias.data)
    registers = neural(x, y, 2) | {
        "Common.ConvCfg": {"Kw": 3, "Kh": 3, "OCGSize": 1, "Sx": 1, "Sy": 1, "Px": 1, "Py": 1, "Ox": 1, "Oy": 1},
        "NE.MACCfg": MAC | {"OpMode": "Conv", "BiasMode": 1, "NonlinearMode": "ReLU"},
        **channels([chunk.size_bytes for chunk in packed.chunks]),
    }
    words = {"W8": select(x, None, y) | {"ENE": 3}, "W9": CONSTANTS}
    return network(H13, [TaskRegisters(words, registers)], (x, y), packed.data)


def product(kernel_channels: dict, kernel_bar: int, second: Tensor, result: Tensor) -> TaskRegisters:
    """A product of matrices, the first of which was stored as coefficients.

    Args:
        kernel_channels: the kernel DMA, as `stored_as_kernel` gives it.
        kernel_bar: the BAR where the first matrix lies.
        second: 1, K, 1, N.
        result: 1, M, 1, N; M is LANES * ENGINES.
    """
    registers = neural(second, result, ENGINES_LOG2) | kernel_channels
    registers["Common.ConvCfg"] = {"Kw": 1, "Kh": 1, "Sx": 1, "Sy": 1, "OCGSize": LANES_LOG2, "Ox": 1, "Oy": 1}
    registers["NE.MACCfg"] = MAC | {"OpMode": "Conv"}
    selected = select(second, None, result) | {"ENE": ENGINES_LOG2 + 1}
    return TaskRegisters({"W8": selected, "W9": {"KBase0": kernel_bar, "KBE0": 1}}, registers)


def matmul() -> Program:
    """Product of a (8 x 4) and b (4 x 16): a becomes coefficients in scratch, which the product then fetches."""
    a, b, y = tensor("a", "input", 5, 8, 1, 4), tensor("b", "input", 6, 4, 1, 16), tensor("y", "output", 4, 8, 1, 16)
    memory = scratch(ENGINES * 64)
    store, fetch = stored_as_kernel(a, LANES, ENGINES)
    copy = TaskRegisters({"W8": select(a, None, memory)}, planar_of_one(a, a) | store)
    return network(H13, [copy, product(fetch, memory.bar, b, y)], (a, b, y, memory))
