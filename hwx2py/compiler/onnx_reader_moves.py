"""Operations of ONNX that move elements, in a graph: shapes, cuts, joins, padding, resizing."""

import math
from collections.abc import Callable

import numpy as np

from ..errors import UnsupportedError
from .graph import Value
from .onnx_reader_view import Comparison, NodeView, Operand
from .operators import DepthToSpace, SpaceToDepth
from .operators.operator import checked_axis

#: Sizes have 15 bits.
MOST_PLACES = 32767
#: From this operator set on `Resize` says where its places lie; before it they are the result's divided by the scale.
FIRST_OF_COORDINATES = 11


def _pass(n: NodeView) -> Operand:
    return n.operands[0] if isinstance(n.operands[0], Comparison) else n.tensor()


def _dropout(n: NodeView) -> Operand:
    if n.has(2) and bool(n.constant(2, "the training mode").all()):
        raise UnsupportedError("a dropout in training")
    return _pass(n)


def _cast(n: NodeView) -> Operand:
    match n.attribute("to"):
        case 1 | 10 | 11:  # float32, float16, float64
            pass
        case 16:
            raise UnsupportedError("a conversion to bfloat16, whose rounding the engine does not do")
        case _:
            raise UnsupportedError("a conversion to whole numbers at run time")
    x = n.tensor()
    return n.graph.unary("from_truths", x) if x in n.graph.truths else x


def _reshape(n: NodeView) -> Operand:
    x = n.tensor()
    target = [int(length) for length in n.constant(1, "the shape").ravel()]
    if not n.attribute("allowzero", 0):
        if any(length == 0 and index >= len(x.shape) for index, length in enumerate(target)):
            raise UnsupportedError(f"shape {target} copies an axis that {x.shape} does not have")
        target = [x.shape[index] if length == 0 else length for index, length in enumerate(target)]
    return n.graph.reshape(x, target)


def _flatten(n: NodeView) -> Operand:
    x = n.tensor()
    axis = int(n.attribute("axis", 1))
    axis = axis + len(x.shape) if axis < 0 else axis
    return n.graph.reshape(x, (math.prod(x.shape[:axis]), math.prod(x.shape[axis:])))


def _squeeze(n: NodeView) -> Operand:
    x = n.tensor()
    axes = n.integers("axes", 1)
    if axes is None:
        kept = [length for length in x.shape if length != 1]
    else:
        dropped = {checked_axis(axis, len(x.shape)) for axis in axes}
        kept = [length for axis, length in enumerate(x.shape) if axis not in dropped]
    return n.graph.reshape(x, kept)


def _unsqueeze(n: NodeView) -> Operand:
    x = n.tensor()
    axes = n.integers("axes", 1) or []
    rank = len(x.shape) + len(axes)
    added = {checked_axis(axis, rank) for axis in axes}
    if len(added) < len(axes):
        raise UnsupportedError(f"axes {axes} name an axis twice")
    lengths = iter(x.shape)
    return n.graph.reshape(x, [1 if axis in added else next(lengths) for axis in range(rank)])


def _transpose(n: NodeView) -> Operand:
    x = n.tensor()
    return n.graph.transpose(x, n.attribute("perm", list(range(len(x.shape)))[::-1]))


def _concat(n: NodeView) -> Operand:
    parts = [n.tensor(index) for index in range(len(n.operands))]
    axis = n.axis(n.attribute("axis", 1))
    if len(parts) == 1:
        return parts[0]
    return n.graph.concat(parts, axis)


def _slice(n: NodeView) -> Operand:
    x = n.tensor()
    starts, ends = n.integers("starts", 1) or [], n.integers("ends", 2) or []
    axes = n.integers("axes", 3) or list(range(len(starts)))
    steps = n.integers("steps", 4) or [1] * len(starts)
    for start, end, axis, step in zip(starts, ends, axes, steps):
        axis = checked_axis(axis, len(x.shape))
        length = x.shape[axis]
        # ONNX clamps what is beyond the ends; an end below -length going backwards means: to the front.
        stop = None if step < 0 and end < -length else end
        places = range(length)[slice(start, stop, step)]
        if not places:
            raise UnsupportedError(f"a cut of axis {axis} that leaves nothing")
        if len(places) < length or step != 1:
            x = n.graph.slice(x, axis, start, stop, step)
    return x


def _split(n: NodeView) -> tuple[Operand, ...]:
    x = n.tensor()
    axis = n.axis(n.attribute("axis", 0))
    sizes = n.integers("split", 1)
    if sizes is None:
        count = int(n.attribute("num_outputs", n.results))
        if "num_outputs" not in n.attributes and x.shape[axis] % count:
            raise UnsupportedError(f"an axis of {x.shape[axis]} in {count} equal parts")
        each = -(-x.shape[axis] // count)
        sizes = [min(each, x.shape[axis] - index * each) for index in range(count)]
    if len(sizes) != n.results:
        raise UnsupportedError(f"{len(sizes)} parts for {n.results} results")
    if sum(sizes) != x.shape[axis] or min(sizes) < 1:
        raise UnsupportedError(f"parts of {sizes} of an axis of {x.shape[axis]}")
    parts, start = [], 0
    for size in sizes:
        parts.append(n.graph.slice(x, axis, start, start + size) if size < x.shape[axis] else x)
        start += size
    return tuple(parts)


def _gather(n: NodeView) -> Operand:
    x = n.tensor()
    indices = n.constant(1, "the indices")
    axis = n.axis(n.attribute("axis", 0))
    length = x.shape[axis]
    if indices.size == 0 or indices.max() >= length or indices.min() < -length:
        raise UnsupportedError(f"indices outside an axis of {length}")
    places = [int(index) % length for index in indices.ravel()]
    y = n.graph.select(x, axis, places)
    return n.graph.reshape(y, (*x.shape[:axis], *indices.shape, *x.shape[axis + 1 :]))


def _pad(n: NodeView) -> Operand:
    x = n.tensor()
    rank = len(x.shape)
    mode = n.attribute("mode", "constant")
    amounts = n.integers("pads", 1) or []
    axes = n.integers("axes", 3) or list(range(rank))
    value = n.number("value", 2, 0.0)
    if mode not in ("constant", "reflect", "edge", "wrap"):
        raise UnsupportedError(f"padding of mode {mode!r}")
    for number, axis in enumerate(axes):
        axis = checked_axis(axis, rank)
        before, after = amounts[number], amounts[number + len(axes)]
        if not before and not after:
            continue
        _check_length(x.shape[axis] + max(0, before) + max(0, after))
        places = np.arange(x.shape[axis])[max(0, -before) : x.shape[axis] - max(0, -after)]
        width = (max(0, before), max(0, after))
        if mode != "constant":
            x = n.graph.select(x, axis, np.pad(places, width, mode))
        elif value == 0:
            x = n.graph.select(x, axis, np.pad(places, width, constant_values=-1))
        else:
            x = _pad_with(n, x, axis, places, width, value)
    return x


def _pad_with(n: NodeView, x: Value, axis: int, places: np.ndarray, width: tuple[int, int], value: float) -> Value:
    """Padding with a number other than 0: constants in front and behind."""
    if len(places) < x.shape[axis]:
        x = n.graph.select(x, axis, places)
    parts: list[Value] = [x]
    shapes = [(*x.shape[:axis], amount, *x.shape[axis + 1 :]) for amount in width]
    if width[0]:
        parts.insert(0, n.graph.constant(np.full(shapes[0], value)))
    if width[1]:
        parts.append(n.graph.constant(np.full(shapes[1], value)))
    return n.graph.concat(parts, axis) if len(parts) > 1 else x


def _check_length(length: int) -> None:
    """Refuses an axis that no register holds, before its places are listed."""
    if length > MOST_PLACES:
        raise UnsupportedError(f"an axis of {length} places; registers hold {MOST_PLACES} at most")


def _expand(n: NodeView) -> Operand:
    return n.graph.expand(n.tensor(), n.constant(1, "the shape").ravel())


def _tile(n: NodeView) -> Operand:
    x = n.tensor()
    counts = [int(count) for count in n.constant(1, "the repeats").ravel()]
    if min(counts, default=1) < 1:
        raise UnsupportedError(f"repeats {counts} leave nothing")
    for axis, count in enumerate(counts):
        if count > 1 and x.shape[axis] == 1:
            x = n.graph.expand(x, (*x.shape[:axis], count, *x.shape[axis + 1 :]))
        elif count > 1:
            _check_length(x.shape[axis] * count)
            x = n.graph.select(x, axis, list(range(x.shape[axis])) * count)
    return x


def _resize(n: NodeView) -> Operand:
    """Nearest places by copies, linear ones by a matrix along each axis."""
    x = n.tensor()
    mode = n.attribute("mode", "nearest")
    if n.attribute("antialias", 0):
        raise UnsupportedError("resizing with antialiasing")
    usual = "half_pixel" if n.opset >= FIRST_OF_COORDINATES else "asymmetric"
    where = n.attribute("coordinate_transformation_mode", usual)
    axes = list(n.attribute("axes", range(len(x.shape))))
    scales, sizes = _sizes(n, [x.shape[axis] for axis in axes])
    for axis, scale, size in zip(axes, scales, sizes):
        length = x.shape[axis]
        if size == length and scale == 1.0:
            continue
        _check_length(size)
        source = _coordinates(where, length, size, scale)
        if mode == "nearest":
            x = n.graph.select(x, axis, _nearest(n, source, length, scale))
        elif mode == "linear":
            x = n.graph.mix(x, axis, _linear_matrix(source, length))
        else:
            raise UnsupportedError(f"resizing of mode {mode!r}")
    return x


def _sizes(n: NodeView, lengths: list[int]) -> tuple[list[float], list[int]]:
    """Scale and size of every axis that is resized."""
    if n.has(3):
        sizes = [int(size) for size in n.constant(3, "the sizes").ravel()]
        if n.attribute("keep_aspect_ratio_policy", "stretch") != "stretch":
            raise UnsupportedError("resizing that keeps the aspect ratio")
        return [size / length for size, length in zip(sizes, lengths)], sizes
    index = 2 if n.kind == "Resize" and n.opset >= 11 else 1
    if "scales" in n.attributes:
        scales = [float(scale) for scale in n.attributes["scales"]]
    else:
        scales = [float(scale) for scale in n.constant(index, "the scales").ravel()]
    if len(scales) != len(lengths):
        raise UnsupportedError(f"{len(scales)} scales for {len(lengths)} axes")
    return scales, [max(1, math.floor(length * scale)) for length, scale in zip(lengths, scales)]


def _coordinates(where: str, length: int, size: int, scale: float) -> np.ndarray:
    """The place in the source of every place in the result, in float32 as in ONNX Runtime, since places are rounded."""
    places, step = np.arange(size, dtype=np.float32), np.float32(scale)
    half = np.float32(0.5)
    match where:
        case "half_pixel":
            return (places + half) / step - half
        case "pytorch_half_pixel":
            return (places + half) / step - half if size > 1 else np.zeros(1, np.float32)
        case "half_pixel_symmetric":
            shift = np.float32(length) * half * (1 - np.float32(size) / (step * np.float32(length)))
            return shift + (places + half) / step - half
        case "asymmetric":
            return places / step
        case "align_corners":
            return places * np.float32(length - 1) / np.float32(size - 1) if size > 1 else np.zeros(1, np.float32)
    raise UnsupportedError(f"resizing with coordinates {where!r}")


def _nearest(n: NodeView, source: np.ndarray, length: int, scale: float) -> list[int]:
    # Older operator sets name no rounding; ONNX Runtime and the tests of ONNX take the next place when it shrinks.
    oldest = "floor" if scale >= 1 else "ceil"
    usual = "round_prefer_floor" if n.opset >= FIRST_OF_COORDINATES else oldest
    match rounding := n.attribute("nearest_mode", usual):
        case "floor":
            places = np.floor(source)
        case "ceil":
            places = np.ceil(source)
        case "round_prefer_floor":
            places = np.ceil(source - 0.5)
        case "round_prefer_ceil":
            places = np.floor(source + 0.5)
        case _:
            raise UnsupportedError(f"nearest places by {rounding!r}")
    return [int(place) for place in np.clip(places, 0, length - 1)]


def _linear_matrix(source: np.ndarray, length: int) -> np.ndarray:
    inside = np.clip(source, 0, length - 1)
    low = np.floor(inside).astype(int)
    high = np.minimum(low + 1, length - 1)
    matrix = np.zeros((len(source), length))
    rows = np.arange(len(source))
    np.add.at(matrix, (rows, low), 1 - (inside - low))
    np.add.at(matrix, (rows, high), inside - low)
    return matrix


def _depth_to_space(n: NodeView) -> Operand:
    mode = n.attribute("mode", "DCR")
    return n.graph.apply(DepthToSpace(n.attribute("blocksize"), mode == "DCR"), n.tensor())


def _space_to_depth(n: NodeView) -> Operand:
    return n.graph.apply(SpaceToDepth(n.attribute("blocksize")), n.tensor())


#: ONNX operation -> what reads it.
MOVES: dict[str, Callable[[NodeView], "Operand | tuple[Operand, ...]"]] = {
    "Identity": _pass,
    "Dropout": _dropout,
    "Cast": _cast,
    "Reshape": _reshape,
    "Flatten": _flatten,
    "Squeeze": _squeeze,
    "Unsqueeze": _unsqueeze,
    "Transpose": _transpose,
    "Concat": _concat,
    "Slice": _slice,
    "Split": _split,
    "Gather": _gather,
    "Pad": _pad,
    "Expand": _expand,
    "Tile": _tile,
    "Resize": _resize,
    "Upsample": _resize,
    "DepthToSpace": _depth_to_space,
    "SpaceToDepth": _space_to_depth,
}
