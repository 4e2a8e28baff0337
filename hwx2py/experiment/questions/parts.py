"""Questions about tensors that L2 does not hold, and products that `compile` makes in parts."""

from collections.abc import Sequence

import numpy as np

from ..predictions import engine, gives, hangs, of_outputs
from ..programs import Shape, half, network, spread
from ..question import FILL, Case, Hypothesis, Question, Risk
from .of_compile import RIGHT, first_part, ramp, row, zeros_from


def _bands() -> Case:
    return ramp(network("bands", ("a", (1, 64, 64, 64)), ("b", (1, 64, 1, 1)), build=lambda g, a, b: g.sub(a, b)))


BANDS = row(
    "choice-bands",
    "Do bands of rows, each of which fits L2, give the right values?",
    "own choice of low risk",
    "hwx2py/compiler/generic/planar.py",
    _bands,
    first_part(1, "`planar.cuts`: refuse what L2 does not hold"),
)


def _parts() -> Case:
    shape: Shape = (1, 4, 400, 800)
    return ramp(network("parts", ("x", shape), build=lambda g, x: g.slice(g.standardize(x, (2, 3)), 3, 0, 16)))


PARTS = row(
    "choice-parts",
    "Does a norm made of parts of the channels give the right values?",
    "own choice of low risk; softmax beyond L2 is split over channels by programs of 2023",
    "hwx2py/compiler/forms/parts.py",
    _parts,
    zeros_from(1, 2),
)


def _norm_rows() -> Case:
    shape: Shape = (1, 1, 1100, 600)
    return ramp(network("rows", ("x", shape), build=lambda g, x: g.slice(g.standardize(x, (3,)), 3, 0, 16)))


NORM_ROWS = row(
    "choice-norm-rows",
    "Does a norm of rows made of parts of the rows give the right values?",
    "own choice of low risk",
    "hwx2py/compiler/forms/norm.py",
    _norm_rows,
    zeros_from(2, 1008),
)

#: Twice the first columns.
TALL = half(np.eye(1024, 16) * 2)


def _product_rows() -> Case:
    return ramp(network("rows", ("x", (1, 1, 1100, 1024)), build=lambda g, x: g.matmul(x, TALL)))


PRODUCT_ROWS = row(
    "choice-product-rows",
    "Does a product that takes its rows in parts give the right values?",
    "own choice of low risk",
    "hwx2py/compiler/forms/product.py",
    _product_rows,
    first_part(1, "`product`: refuse rows that L2 does not hold exchanged"),
)

WIDE_OUTPUTS, WIDE_INPUTS = 576, 1024


def _split() -> Case:
    weights = half(np.roll(np.eye(WIDE_OUTPUTS, WIDE_INPUTS), 7, axis=1))[:, :, None, None]
    return ramp(network("split", ("x", (1, WIDE_INPUTS, 1, 1)), build=lambda g, x: g.conv(x, weights)))


SPLIT = row(
    "choice-split",
    "Does a convolution whose output channels are split over two tasks give the right values?",
    "own choice of low risk; a product of 1024 by 1024 has a record",
    "hwx2py/compiler/forms/convolution.py",
    _split,
    first_part(0, "`convolution.parts`: one task"),
    Hypothesis(
        "the second task begins at channel 0 again",
        lambda case: gives(lambda x: _restarted(x, case))(case),
        "`convolution`: the result's base of later tasks",
    ),
)


def _restarted(x: np.ndarray, case: Case) -> np.ndarray:
    """The second part's channels on top of the first's, and nothing in their place."""
    first = 512
    found = x[:, 7 : 7 + WIDE_OUTPUTS].copy()
    found[:, : WIDE_OUTPUTS - first] = found[:, first:]
    found[:, first:] = FILL
    return found


def _kept() -> Case:
    shapes: Sequence[Shape] = ((1, 1, 48, 64), (1, 1, 64, 200))
    program = network("kept", ("a", shapes[0]), ("b", shapes[1]), build=lambda g, a, b: g.matmul(a, b))
    return Case("product", program, {"a": spread(shapes[0], 60), "b": spread(shapes[1], 61)})


def _columns_again(found: np.ndarray, case: Case) -> np.ndarray:
    again = found.copy()
    again[..., 128:] = found[..., : found.shape[3] - 128]
    return again


KEPT = row(
    "choice-kept-columns",
    "May more than 128 columns stay in L2 for several products?",
    "own choice of low risk: compiler 9.509 passes columns through in parts of 128",
    "hwx2py/compiler/forms/inputs_product.py",
    _kept,
    Hypothesis(
        "columns from 128 on are the first ones again",
        of_outputs(_columns_again),
        "`_picture`: parts of 128 columns",
    ),
)


def _inputs_parts() -> Case:
    shapes: Sequence[Shape] = ((1, 1, 24, 16), (1, 1, 16, 16))
    program = network("parts", ("a", shapes[0]), ("b", shapes[1]), build=lambda g, a, b: g.matmul(a, b))
    return Case("product", program, {"a": spread(shapes[0], 62), "b": spread(shapes[1], 63)})


INPUTS_PARTS = row(
    "choice-kernel-rows",
    "Does a product of two tensors with a number of rows that 16 does not divide give the right values?",
    "own choice of low risk: parts, each with lanes of its own",
    "hwx2py/compiler/forms/inputs_product.py",
    _inputs_parts,
    first_part(0, "`inputs_product`: pad the rows in scratch memory"),
)


def _patched() -> Case:
    return ramp(network("patched", ("x", (1, 1, 400, 64)), build=lambda g, x: g.softmax(x, 2)))


PATCH = Question(
    "choice-patch",
    "Does a task with a known patch, where the compiler's rule gives one that none has, give the right values?",
    "own choice of low risk; a patch on a task of the neural engines hung an M1",
    "hwx2py/compiler/engines.py",
    lambda: [_patched()],
    (engine(RIGHT), hangs("`patches`: the patch that the rule gives")),
    Risk.HANG,
)

QUESTIONS = (
    BANDS,
    PARTS,
    NORM_ROWS,
    PRODUCT_ROWS,
    SPLIT,
    KEPT,
    INPUTS_PARTS,
    PATCH,
)
