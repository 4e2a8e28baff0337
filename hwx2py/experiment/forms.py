"""Programs whose time is of interest: the smallest one, and the forms of `compile`, each large enough to be seen."""

import functools
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from ..compiler.graph import Graph, Value
from ..program.program import Program
from .programs import Shape, half, network

IMAGE: Shape = (1, 64, 64, 64)
MATRIX: Shape = (1, 1, 512, 512)
SQUARE: Shape = (1, 1, 256, 256)


class Form(NamedTuple):
    """A program to time.

    Attributes:
        name: its name in the kit.
        what: it computes.
        shapes: of its inputs.
        build: gives its output.
    """

    name: str
    what: str
    shapes: tuple[Shape, ...]
    build: Callable[..., Value]

    def program(self) -> Program:
        """The program."""
        inputs = [("ab"[number], shape) for number, shape in enumerate(self.shapes)]
        return network(self.name, *inputs, build=self.build, chain=True)


@functools.cache
def _weights(*shape: int) -> np.ndarray:
    """Weights of one number: only their count takes time, and a script keeps them in one line."""
    return half(np.full(shape, 0.5))


def _links(count: int) -> Callable[[Graph, Value], Value]:
    def build(g: Graph, a: Value) -> Value:
        y = a
        for _ in range(count):
            y = g.add(y, a)
        return y

    return build


#: What the first one takes is what a submit takes.
SUBMIT = Form("submit", "a sum of 64 elements", ((1, 1, 1, 64),), _links(1))
#: The same sum this often in one submit: what a further task takes.
TASKS = 64
CHAIN = Form(f"tasks-{TASKS}", f"{TASKS} sums of 64 elements, one after another", ((1, 1, 1, 64),), _links(TASKS))
FORMS = (
    SUBMIT,
    CHAIN,
    Form("add", "a sum of images", (IMAGE, IMAGE), lambda g, a, b: g.add(a, b)),
    Form("scale", "an image times a number, plus a number", (IMAGE,), lambda g, a: g.linear(a, 1.5, 0.25)),
    Form("relu", "ReLU of an image", (IMAGE,), lambda g, a: g.relu(a)),
    Form("table", "a sigmoid of an image", (IMAGE,), lambda g, a: g.sigmoid(a)),
    Form("reduction", "a mean of each plane", (IMAGE,), lambda g, a: g.reduce("mean", a, (2, 3))),
    Form("transpose", "channels and columns exchanged", (IMAGE,), lambda g, a: g.transpose(a, (0, 3, 2, 1))),
    Form("convolution-1", "a 1 x 1 convolution", (IMAGE,), lambda g, a: g.conv(a, _weights(64, 64, 1, 1))),
    Form("convolution-3", "a 3 x 3 convolution", (IMAGE,), lambda g, a: g.conv(a, _weights(64, 64, 3, 3), pads=1)),
    Form("depthwise-3", "a 3 x 3 depthwise convolution", (IMAGE,),
         lambda g, a: g.conv(a, _weights(64, 1, 3, 3), pads=1, groups=64)),
    Form("product", "a product with a constant", (MATRIX,), lambda g, a: g.matmul(a, _weights(512, 512))),
    Form("product-2", "a product of two matrices", (SQUARE, SQUARE), lambda g, a, b: g.matmul(a, b)),
    Form("softmax", "softmax of rows", (MATRIX,), lambda g, a: g.softmax(a, 3)),
    Form("norm", "norm of rows", (MATRIX,), lambda g, a: g.standardize(a, (3,))),
    Form("max-pool", "a 2 x 2 maximum pooling", (IMAGE,), lambda g, a: g.max_pool(a, 2, 2)),
)  # fmt: skip
