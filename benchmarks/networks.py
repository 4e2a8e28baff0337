"""Networks of the size of well-known ones, with drawn weights: `python benchmarks/networks.py NAME [emulate]`.

Prints, as JSON, the tasks, the seconds to compile (and to emulate), bytes of weights, bytes of live tensors.
"""

import json
import sys
import time

import numpy as np

import hwx2py


class Drawn:
    """A graph whose weights are drawn."""

    def __init__(self) -> None:
        self.graph, self.weights_bytes = hwx2py.Graph(), 0
        self._random = np.random.default_rng(0)

    def weights(self, *shape: int) -> np.ndarray:
        """Weights that keep the size of what they are multiplied by."""
        inputs = int(np.prod(shape[1:])) if len(shape) == 4 else shape[0]
        self.weights_bytes += 2 * int(np.prod(shape))
        return (self._random.standard_normal(shape, np.float32) / np.sqrt(inputs)).astype(np.float16)

    def conv(self, x, outputs: int, kernel: int, stride: int = 1, groups: int = 1, relu: bool = True):
        """A convolution with a bias that keeps the size of planes, and a clamp."""
        weights = self.weights(outputs, x.shape[1] // groups, kernel, kernel)
        bias = np.zeros(outputs, np.float16)
        y = self.graph.conv(x, weights, bias, stride=stride, pads=kernel // 2, groups=groups)
        return self.graph.relu(y) if relu else y

    def product(self, x, outputs: int):
        """A product with constants, and a bias."""
        return self.graph.matmul(x, self.weights(x.shape[-1], outputs), np.zeros(outputs, np.float16))

    def block(self, x, heads: int):
        """A block of a transformer: x of 1 x S x D."""
        g, (_, length, width) = self.graph, x.shape
        each = width // heads
        normed = g.layer_norm(x, np.ones(width), np.zeros(width))
        q, k, v = (
            g.transpose(g.reshape(self.product(normed, width), (1, length, heads, each)), (0, 2, 1, 3))
            for _ in range(3)
        )
        scores = g.linear(g.matmul(q, g.transpose(k, (0, 1, 3, 2))), each**-0.5)
        mixed = g.transpose(g.matmul(g.softmax(scores), v), (0, 2, 1, 3))
        x = g.add(x, self.product(g.reshape(mixed, (1, length, width)), width))
        normed = g.layer_norm(x, np.ones(width), np.zeros(width))
        return g.add(x, self.product(g.gelu(self.product(normed, 4 * width)), width))


def resnet50() -> Drawn:
    """Of the size of ResNet-50: 3 x 224 x 224, 25 million weights."""
    d = Drawn()
    g = d.graph
    x = g.max_pool(d.conv(g.input("image", (1, 3, 224, 224)), 64, 7, 2), 3, 2, 1)
    for width, count, first in ((64, 3, 1), (128, 4, 2), (256, 6, 2), (512, 3, 2)):
        for number in range(count):
            stride = first if number == 0 else 1
            y = d.conv(d.conv(d.conv(x, width, 1), width, 3, stride), 4 * width, 1, relu=False)
            skip = d.conv(x, 4 * width, 1, stride, relu=False) if number == 0 else x
            x = g.relu(g.add(y, skip))
    g.output("scores", d.product(g.reshape(g.reduce("mean", x, (2, 3)), (1, 2048)), 1000))
    return d


def vit_base() -> Drawn:
    """Of the size of ViT-base: 196 patches and a class of 768, 12 blocks, 86 million weights."""
    d = Drawn()
    g = d.graph
    x = g.input("patches", (1, 197, 768))
    for _ in range(12):
        x = d.block(x, 12)
    g.output("scores", d.product(g.slice(g.layer_norm(x, np.ones(768), np.zeros(768)), 1, 0, 1), 1000))
    return d


def whisper_tiny() -> Drawn:
    """Of the size of Whisper-tiny's encoder: 80 x 3000 in, 1500 x 384 out, 4 blocks."""
    d = Drawn()
    g = d.graph
    x = g.input("mel", (1, 80, 1, 3000))
    for stride in (1, 2):
        weights = d.weights(384, x.shape[1], 1, 3)
        x = g.gelu(g.conv(x, weights, np.zeros(384, np.float16), stride=(1, stride), pads=(0, 1, 0, 1)))
    x = g.transpose(g.reshape(x, (1, 384, 1500)), (0, 2, 1))
    x = g.add(x, d.weights(1500, 384).reshape(1, 1500, 384))
    for _ in range(4):
        x = d.block(x, 6)
    g.output("states", g.layer_norm(x, np.ones(384), np.zeros(384)))
    return d


def detector() -> Drawn:
    """A detector of 521 operations at 800 x 608: depthwise and pointwise convolutions, gates of channels."""
    d = Drawn()
    g = d.graph
    x = d.conv(g.input("image", (1, 3, 608, 800)), 8, 3, 2)
    for width, stride, count in ((16, 2, 4), (24, 2, 10), (48, 2, 20), (96, 2, 18)):
        for number in range(count):
            y = d.conv(x, width, 1)
            y = d.conv(y, width, 3, stride if number == 0 else 1, groups=width)
            gate = d.conv(g.reduce("mean", y, (2, 3)), width, 1, relu=False)
            y = g.mul(y, g.unary("hard_sigmoid", gate, 1 / 6, 0.5))
            x = g.add(x, y) if number else y
    g.output("map", g.sigmoid(d.conv(x, 1, 1, relu=False)))
    return d


NETWORKS = {"resnet50": resnet50, "vit_base": vit_base, "whisper_tiny": whisper_tiny, "detector": detector}


def main(name: str, then: str = "") -> None:
    """Compiles a network, and emulates it where that is asked for."""
    drawn = NETWORKS[name]()
    begin = time.perf_counter()
    compiled = hwx2py.compile(drawn.graph)
    found = {
        "operations": len(drawn.graph.nodes),
        "tasks": len(compiled.program.tasks),
        "compile_s": time.perf_counter() - begin,
        "weights_bytes": drawn.weights_bytes,
        "scratch_bytes": compiled.report.scratch_bytes,
    }
    if then == "emulate":
        tensors = [tensor for tensor in compiled.program.tensors if tensor.role in ("input", "output")]
        found["tensors_bytes"] = found["scratch_bytes"] + sum(2 * int(np.prod(tensor.shape)) for tensor in tensors)
        inputs = {tensor.name: 0.5 for tensor in tensors if tensor.role == "input"}
        begin = time.perf_counter()
        hwx2py.emulate(compiled.program, inputs)
        found["emulate_s"] = time.perf_counter() - begin
    print(json.dumps(found))


if __name__ == "__main__":
    main(*sys.argv[1:])
