"""Questions about the order of coefficients where no record of Apple's compiler tells it."""

import functools
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from ... import packing
from ...operations import Convolution, operations
from ...operations.tables import TABLE_BYTES
from ...packing import Layout
from ...program.program import Program
from ..predictions import bits, engine, gives, of_outputs, stepped
from ..programs import Shape, network, spread, tuned
from ..question import FILL, Case, Hypothesis, Question, Risk

WHERE = "hwx2py/compiler/forms/convolution.py"
INPUTS, ENGINES = 16, 16
X: Shape = (1, INPUTS, 4, 4)
MATRIX: Shape = (1, 1, 8, INPUTS)
AS_PACKED = "as they are packed"


class Kernel(NamedTuple):
    """A kernel as a task fetches it.

    Attributes:
        layout: where its weights lie.
        chunks: the bytes of each engine.
    """

    layout: Layout
    chunks: tuple[bytes, ...]


def kernel_of(program: Program) -> Kernel:
    """The kernel of the last task of a program."""
    task = list(operations(program))[-1]
    if not isinstance(task, Convolution):
        raise TypeError("not a convolution")
    starts = [task.kernel.base_bytes + channel.base_bytes for channel in task.kernel.channels]
    chunks = [
        bytes(program.const[start : start + channel.size_bytes * channel.enabled])
        for start, channel in zip(starts, task.kernel.channels)
    ]
    return Kernel(packing.layout_of(task), tuple(chunks))


def _in_engine_order(program: Program) -> list[int]:
    """The channels of a kernel, engine after engine."""
    planes = sorted(kernel_of(program).layout.planes, key=lambda plane: (plane.engine, plane.offset_bytes))
    return [channel for plane in planes for channel in range(plane.first, plane.first + plane.channels)]


def _read_with(kernel: Kernel, lanes: int, outputs: int) -> np.ndarray:
    """The weights that planes of another width would find in the same chunks: (outputs, inputs)."""
    front = TABLE_BYTES if kernel.layout.form.table_in_front else 0
    weights = np.zeros((outputs, INPUTS))
    for number, first in enumerate(range(0, outputs, lanes)):
        turn, engine_number = divmod(number, ENGINES)
        halves = np.frombuffer(kernel.chunks[engine_number][front:], np.float16).astype(np.float64)
        plane = halves[turn * lanes * INPUTS :][: lanes * INPUTS]
        plane = np.pad(plane, (0, lanes * INPUTS - len(plane))).reshape(INPUTS, lanes)
        count = min(lanes, outputs - first)
        weights[first : first + count] = plane.T[:count]
    return weights


def _multiplied(weights: np.ndarray, x: np.ndarray) -> np.ndarray:
    each = stepped(weights[:, :, None, None] * x[0][None])
    found: np.ndarray = each.sum(axis=1)[None]
    return found


def _convolution(outputs: int) -> Program:
    weights = spread((outputs, INPUTS, 1, 1), 40)
    return network("convolution", ("x", X), build=lambda g, x: g.conv(x, weights))


def _doubled(outputs: int) -> Hypothesis:
    def formula(x: np.ndarray) -> np.ndarray:
        kernel = kernel_of(_convolution(outputs))
        return _multiplied(_read_with(kernel, 2 * kernel.layout.form.lanes, outputs), x)

    return Hypothesis("in planes twice as wide", gives(formula), "`lanes_that_divide`: twice the lanes")


def _one_engine_after_the_other(axis: int) -> Hypothesis:
    def permuted(found: np.ndarray, case: Case) -> np.ndarray:
        return np.take(found, _in_engine_order(case.program), axis)

    return Hypothesis("engine after engine", of_outputs(permuted), "`planes._laid_out`: planes engine after engine")


def _whole_rounds_only(axis: int) -> Hypothesis:
    def kept(found: np.ndarray, case: Case) -> np.ndarray:
        form = kernel_of(case.program).layout.form
        whole = form.channels - form.channels % (form.lanes * ENGINES)
        places = np.arange(found.shape[axis]) < whole
        shape = [-1 if number == axis else 1 for number in range(4)]
        return np.where(places.reshape(shape), found, bits(FILL))

    change = "`convolution.parts`: a task of its own for the channels that fill no round"
    return Hypothesis("whole rounds only, the rest is not written", of_outputs(kept), change)


_KNOWN = "own choice of middle risk: one channel a plane, so that no plane is left over; 768 = 512 + 256 has a record"


def _dense(outputs: int) -> Question:
    more = () if outputs <= ENGINES else (_one_engine_after_the_other(1), _whole_rounds_only(1))
    return Question(
        f"lanes-{outputs}",
        f"In which order does a convolution of {outputs} output channels read its weights?",
        _KNOWN if outputs > ENGINES else "by rule: one channel an engine, as compiler 4.2.1 has it; no record of 9.509",
        WHERE,
        functools.partial(lambda count: [Case("convolution", _convolution(count), {"x": spread(X, 41)})], outputs),
        (engine(AS_PACKED), _doubled(outputs), *more),
        Risk.GARBAGE,
    )


FEWER = 64


def _fewer() -> list[Case]:
    weights = spread((FEWER, INPUTS, 1, 1), 47)
    program = tuned("fewer", ("x", X), build=lambda g, x: g.conv(x, weights), least="Common.ConvCfg.OCGSize")
    return [Case("convolution", program, {"x": spread(X, 48)})]


FEWER_LANES = Question(
    "lanes-fewer-64",
    "In which order does a convolution read its weights that has fewer lanes than Apple's compiler takes?",
    "own choice of middle risk, which only `compile --tune` makes",
    WHERE,
    _fewer,
    (
        engine(AS_PACKED),
        Hypothesis(
            "in planes of 4 lanes, as Apple's compiler has them",
            gives(lambda x: _multiplied(_read_with(kernel_of(_fewer()[0].program), 4, FEWER), x)),
            "`convolution`: no other lanes than `lanes_for`",
        ),
        _one_engine_after_the_other(1),
    ),
    Risk.GARBAGE,
)


def _product() -> list[Case]:
    weights = spread((1, 1, INPUTS, 40), 42)[0, 0]
    return [Case("product", network("product", ("x", MATRIX), build=lambda g, x: g.matmul(x, weights)),
                 {"x": spread(MATRIX, 43)})]  # fmt: skip


PRODUCT = Question(
    "lanes-product-40",
    "In which order does a product with 40 columns read its weights?",
    "own choice of middle risk: one column a plane, so that no plane is left over",
    "hwx2py/compiler/forms/product.py",
    _product,
    (engine(AS_PACKED), _one_engine_after_the_other(3), _whole_rounds_only(3)),
    Risk.GARBAGE,
)

# Kernels without their zeros


def _sparse_weights(outputs: int) -> np.ndarray:
    weights = spread((outputs, INPUTS, 1, 1), 44)
    weights[np.random.default_rng(45).random(weights.shape) < 0.4] = 0
    return weights


def _strided(outputs: int) -> list[Case]:
    weights = _sparse_weights(outputs)
    program = network("strided", ("x", X), build=lambda g, x: g.conv(x, weights, stride=2))
    return [Case("convolution", program, {"x": spread(X, 46)})]


def _lanes_reversed(lanes: int) -> Callable[[np.ndarray, Case], np.ndarray]:
    return lambda found, case: found.reshape(1, -1, lanes, 2, 2)[:, :, ::-1].reshape(found.shape)


def _sparse(outputs: int, lanes: int, known: str) -> Question:
    weights = _sparse_weights(outputs)[:, :, 0, 0].astype(np.float64)
    return Question(
        f"lanes-sparse-{outputs}",
        f"In which order does a kernel of {outputs} channels without its zeros name them?",
        known,
        "hwx2py/packing/zero_skipping.py",
        lambda: _strided(outputs),
        (
            engine("the lowest bit is the first lane"),
            Hypothesis(
                "the lowest bit is the last lane",
                of_outputs(_lanes_reversed(lanes)),
                "`zero_skipping.places`: lanes from the last to the first",
            ),
            Hypothesis(
                "in order, but at stride 1",
                gives(lambda x: _multiplied(weights, x[:, :, :2, :2])),
                "`lower.spatial`: no stride of 2 in a task",
            ),
        ),
        Risk.GARBAGE,
    )


QUESTIONS = (
    *map(_dense, (8, 24, 40, 200)),
    FEWER_LANES,
    PRODUCT,
    _sparse(16, 4, "own choice of middle risk: 4 lanes, whose order is known by digest"),
    _sparse(256, 8, "own choice of middle risk: 8 lanes, whose order was published"),
)
