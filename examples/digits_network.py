"""Trains the example network and writes it as ONNX, with a picture to try it on: `python examples/digits_network.py`.

A classifier of digits drawn 5 x 7 on a plane of 12 x 12: a convolution with drawn weights, pooling, and a product whose
weights are the least-squares solution over drawn pictures. Needs the package onnx.
"""

import pathlib

import numpy as np
from onnx import TensorProto, helper, numpy_helper, save

FOLDER = pathlib.Path(__file__).parent
SIDE, FEATURES, CLASSES = 12, 32, 10
#: Rows of five bits for each digit.
FONT = (
    (14, 17, 19, 21, 25, 17, 14), (4, 12, 4, 4, 4, 4, 14), (14, 17, 1, 6, 8, 16, 31), (14, 17, 1, 6, 1, 17, 14),
    (2, 6, 10, 18, 31, 2, 2), (31, 16, 30, 1, 1, 17, 14), (7, 8, 16, 30, 17, 17, 14), (31, 1, 2, 4, 8, 8, 8),
    (14, 17, 17, 14, 17, 17, 14), (14, 17, 17, 15, 1, 2, 12),
)  # fmt: skip


def picture(digit: int, rng: np.random.Generator, noise: float = 0.15) -> np.ndarray:
    """A digit somewhere on a plane, with noise: (12, 12), exact in float16."""
    glyph = np.array([[int(bit) for bit in f"{row:05b}"] for row in FONT[digit]], np.float64)
    plane = rng.normal(0, noise, (SIDE, SIDE))
    top, left = rng.integers(1, SIDE - 7), rng.integers(1, SIDE - 5)
    plane[top : top + 7, left : left + 5] += glyph
    return plane.astype(np.float16).astype(np.float64)


def features(pictures: np.ndarray, kernel: np.ndarray) -> np.ndarray:
    """relu(convolution 5 x 5), and the largest of every 2 x 2: (pictures, 32 * 4 * 4)."""
    windows = np.lib.stride_tricks.sliding_window_view(pictures, (5, 5), (1, 2))
    maps = np.maximum(np.einsum("nhwij,oij->nohw", windows, kernel[:, 0]), 0)
    return maps.reshape(len(maps), FEATURES, 4, 2, 4, 2).max((3, 5)).reshape(len(maps), -1)


def network() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Kernel, weights and bias, each exact in float16."""
    rng = np.random.default_rng(1)
    kernel = rng.normal(0, 0.3, (FEATURES, 1, 5, 5)).astype(np.float16).astype(np.float64)
    digits = np.arange(4000) % CLASSES
    seen = features(np.stack([picture(digit, rng) for digit in digits]), kernel)
    known = np.concatenate([seen, np.ones((len(seen), 1))], 1)
    solved = np.linalg.solve(known.T @ known + 2.0 * np.eye(known.shape[1]), known.T @ np.eye(CLASSES)[digits])
    weights = (8 * solved).astype(np.float16).astype(np.float64)
    return kernel, weights[:-1], weights[-1]


def model() -> object:
    """The network as an onnx.ModelProto."""
    kernel, weights, bias = network()
    constants = {"kernel": kernel, "weights": weights, "bias": bias}
    nodes = [
        helper.make_node("Conv", ["image", "kernel"], ["edges"], name="edges", kernel_shape=[5, 5]),
        helper.make_node("Relu", ["edges"], ["kept"], name="kept"),
        helper.make_node("MaxPool", ["kept"], ["pooled"], name="pooled", kernel_shape=[2, 2], strides=[2, 2]),
        helper.make_node("Flatten", ["pooled"], ["row"], name="row"),
        helper.make_node("Gemm", ["row", "weights", "bias"], ["scores"], name="scores"),
        helper.make_node("Softmax", ["scores"], ["digit"], name="digit"),
    ]
    graph = helper.make_graph(
        nodes, "digits", [helper.make_tensor_value_info("image", TensorProto.FLOAT, (1, 1, SIDE, SIDE))],
        [helper.make_tensor_value_info("digit", TensorProto.FLOAT, (1, CLASSES))],
        [numpy_helper.from_array(array.astype(np.float32), name) for name, array in constants.items()],
    )  # fmt: skip
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)


def main() -> None:
    """Writes the network, and a picture of a 7."""
    save(model(), FOLDER / "digits.onnx")
    np.save(FOLDER / "seven.npy", picture(7, np.random.default_rng(7)).astype(np.float16)[None, None])


if __name__ == "__main__":
    main()
