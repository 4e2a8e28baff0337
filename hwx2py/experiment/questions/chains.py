"""Questions about tasks that wait for what others leave in scratch memory, in L2, or as a kernel."""

import numpy as np

from ...compiler.graph import Graph, Value
from ..predictions import away, gives, stepped
from ..programs import SMALL, Shape, network, spread
from ..question import Case, Hypothesis
from .of_compile import matrix_product, row


def _chain(in_l2: bool = False) -> Case:
    program = network("chain", ("a", SMALL), ("b", SMALL), build=lambda g, a, b: g.mul(g.add(a, b), a), chain=in_l2)
    return Case("chain", program, {"a": spread(SMALL, 50), "b": spread(SMALL, 51)})


CHAIN = row(
    "chain-scratch",
    "Does a task wait for what the task before it left in scratch memory?",
    "own choice of low risk: forms are chained through BAR 3, as programs of 2023 are",
    "hwx2py/compiler/link.py",
    _chain,
    Hypothesis("it reads too early", gives(lambda a, b: 0 * a), "`link`: wait bits of header word 6"),
    Hypothesis(
        "it reads the program's input",
        gives(lambda a, b: a * a),
        "`link`: where scratch memory begins, and its BAR",
    ),
)

CHAIN_IN_L2 = row(
    "chain-l2",
    "Does a task wait for what the task before it left in L2, if the two are of different forms?",
    "own choice of low risk: tensors stay in L2 inside Apple's forms",
    "hwx2py/compiler/chain.py",
    lambda: _chain(in_l2=True),
    Hypothesis("it reads zeros", gives(lambda a, b: 0 * a), "`chained`: no runs of several forms"),
    Hypothesis("it reads source 1 of the first task", gives(lambda a, b: a * a), "`chained`: places in L2"),
    Hypothesis("it reads source 2 of the first task", gives(lambda a, b: b * a), "`chained`: places in L2"),
)

#: A long chain: each task adds the input once more.
LINKS = 12


def _long_chain(in_l2: bool = False) -> Case:
    def build(g: Graph, x: Value) -> Value:
        y = x
        for _ in range(LINKS):
            y = g.add(y, x)
        return y

    return Case("chain", network("links", ("x", SMALL), build=build, chain=in_l2), {"x": spread(SMALL, 52)})


def _added(x: np.ndarray, late: int) -> np.ndarray:
    """The chain when the task with a number reads zeros."""
    y = x
    for number in range(LINKS):
        y = away((0 * y if number == late else y) + x)
    return y


LONG_CHAIN = row(
    "chain-long",
    f"Do all {LINKS} tasks of a chain wait for each other?",
    "own choice of low risk",
    "hwx2py/compiler/link.py",
    _long_chain,
    Hypothesis("the second does not", gives(lambda x: _added(x, 1)), "`link`: wait bits of header word 6"),
    Hypothesis("the last does not", gives(lambda x: _added(x, LINKS - 1)), "`link`: wait bits of the last task"),
)

LONG_CHAIN_IN_L2 = row(
    "chain-l2-long",
    f"Do all {LINKS} tasks of a chain in L2 wait for each other?",
    "own choice of low risk; the longest known run of tasks in L2 has 8",
    "hwx2py/compiler/chain.py",
    lambda: _long_chain(in_l2=True),
    Hypothesis("the second does not", gives(lambda x: _added(x, 1)), "`chained`: no runs of several forms"),
    Hypothesis("the ninth does not", gives(lambda x: _added(x, 8)), "`MOST_TASKS`: fewer in a run"),
)

MATRICES: tuple[Shape, Shape] = ((1, 1, 32, 16), (1, 1, 16, 16))


def _late_kernel() -> Case:
    program = network("late", ("a", MATRICES[0]), ("b", MATRICES[1]), build=lambda g, a, b: g.matmul(g.add(a, 1.0), b))
    return Case("product", program, {"a": spread(MATRICES[0], 53), "b": spread(MATRICES[1], 54)})


KERNEL_WRITER = row(
    "chain-kernel",
    "Does a task wait for the kernel of the task that its header word 10 names, if that is not the first one?",
    "own choice of middle risk; attention's task 8 has such a word",
    "hwx2py/compiler/forms/inputs_product.py",
    _late_kernel,
    Hypothesis(
        "it fetches zeros", gives(lambda a, b: np.zeros((1, 1, 32, 16))), "`link`: word 10, and bit 24 of word 6"
    ),
    Hypothesis(
        "it fetches what the first task wrote there",
        gives(lambda a, b: matrix_product(a, b)),
        "`link`: word 10 names the first task",
    ),
)

GATED: tuple[Shape, Shape] = ((1, 16, 4, 8), (1, 16, 1, 1))
GATE_WEIGHTS = spread((16, 16, 1, 1), 64)


def _gate() -> Case:
    program = network(
        "gate",
        ("x", GATED[0]),
        ("c", GATED[1]),
        build=lambda g, x, c: g.mul(x, g.sigmoid(g.conv(c, GATE_WEIGHTS))),
    )
    return Case("gate", program, {"x": spread(GATED[0], 65), "c": spread(GATED[1], 66)})


GATE = row(
    "chain-gate",
    "Does a planar task wait for what a convolution left in L2 for it?",
    "own choice of low risk: pass-through tasks leave their results there",
    "hwx2py/compiler/forms/gate.py",
    _gate,
    Hypothesis("it reads zeros", gives(lambda x, c: 0 * x), "`gate.gated`: the numbers through scratch memory"),
    Hypothesis(
        "it reads what the convolution read",
        gives(lambda x, c: x * c),
        "`gate.gated`: places in L2 that do not touch",
    ),
)

PAIRS: tuple[Shape, Shape] = ((1, 4, 32, 16), (1, 4, 16, 16))


def _several() -> Case:
    program = network("several", ("a", PAIRS[0]), ("b", PAIRS[1]), build=lambda g, a, b: g.matmul(a, b))
    return Case("products", program, {"a": spread(PAIRS[0], 67), "b": spread(PAIRS[1], 68)})


def _products(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    each = stepped(a[:, :, :, :, None] * b[:, :, None])
    return each.sum(axis=3)


SEVERAL = row(
    "chain-several-kernels",
    "May one task store the kernels of several products, of which each fetches its own?",
    "own choice of middle risk; published tables of attention have it",
    "hwx2py/compiler/forms/inputs_products.py",
    _several,
    Hypothesis(
        "all fetch the first one",
        gives(lambda a, b: _products(np.broadcast_to(a[:, :1], a.shape), b)),
        "`inputs_products.products`: the kernel's base of later products",
    ),
    Hypothesis(
        "all but the first fetch zeros",
        gives(lambda a, b: _products(a * (np.arange(4) == 0).reshape(1, 4, 1, 1), b)),
        "`inputs_products.products`: word 10 of later products",
    ),
)

QUESTIONS = (
    CHAIN,
    LONG_CHAIN,
    CHAIN_IN_L2,
    LONG_CHAIN_IN_L2,
    KERNEL_WRITER,
    GATE,
    SEVERAL,
)
