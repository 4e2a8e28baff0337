"""Operators that move elements, and those that mix the places of one axis."""

import math
from dataclasses import dataclass

from .operator import Shape, ShapeMismatch, broadcast, checked_axis, replaced


@dataclass(frozen=True, slots=True)
class Reshape:
    """The same elements in the same order, in another shape."""

    shape: Shape

    def result_shape(self, *shapes: Shape) -> Shape:
        """The shape asked for."""
        if math.prod(self.shape) != math.prod(shapes[0]) or min(self.shape, default=1) < 1:
            raise ShapeMismatch(f"{shapes[0]} reshaped as {self.shape}")
        return self.shape


@dataclass(frozen=True, slots=True)
class Transpose:
    """Axes in another order: axis i of the result is axis order[i] of x."""

    order: tuple[int, ...]

    def result_shape(self, *shapes: Shape) -> Shape:
        """The lengths in the new order."""
        if sorted(self.order) != list(range(len(shapes[0]))):
            raise ShapeMismatch(f"axes {self.order} of a tensor of shape {shapes[0]}")
        return tuple(shapes[0][axis] for axis in self.order)


@dataclass(frozen=True, slots=True)
class Concat:
    """Tensors one behind the other along an axis."""

    axis: int

    def result_shape(self, *shapes: Shape) -> Shape:
        """The lengths of the axis added up."""
        axis = checked_axis(self.axis, len(shapes[0]))
        length = sum(shape[axis] if axis < len(shape) else 0 for shape in shapes)
        for shape in shapes:
            if replaced(shape, axis, 0) != replaced(shapes[0], axis, 0):
                raise ShapeMismatch(f"shapes {shapes[0]} and {shape} joined along axis {axis}")
        return replaced(shapes[0], axis, length)


@dataclass(frozen=True, slots=True)
class Slice:
    """Every `step`th place of an axis, `count` of them from `start` on; a negative step goes backwards."""

    axis: int
    start: int
    count: int
    step: int = 1

    def result_shape(self, *shapes: Shape) -> Shape:
        """The axis with `count` places."""
        axis = checked_axis(self.axis, len(shapes[0]))
        length, last = shapes[0][axis], self.start + (self.count - 1) * self.step
        if self.count < 1 or not (0 <= self.start < length and 0 <= last < length):
            raise ShapeMismatch(f"{self.count} places from {self.start} of axis {axis} of {shapes[0]}")
        return replaced(shapes[0], axis, self.count)


@dataclass(frozen=True, slots=True)
class Select:
    """Places of an axis by number, in any order and any number of times; -1 gives zeros."""

    axis: int
    places: tuple[int, ...]

    def result_shape(self, *shapes: Shape) -> Shape:
        """The axis with as many places as are named."""
        axis = checked_axis(self.axis, len(shapes[0]))
        if not self.places or min(self.places) < -1 or max(self.places) >= shapes[0][axis]:
            raise ShapeMismatch(f"places outside axis {axis} of {shapes[0]}")
        return replaced(shapes[0], axis, len(self.places))


@dataclass(frozen=True, slots=True)
class Expand:
    """A tensor repeated along axes of length 1."""

    shape: Shape

    def result_shape(self, *shapes: Shape) -> Shape:
        """The broadcast of the shapes."""
        return broadcast(shapes[0], self.shape)


@dataclass(frozen=True, slots=True)
class Mix:
    """A constant matrix (M, L) times x along an axis of length L: linear interpolation, for example."""

    axis: int

    def result_shape(self, *shapes: Shape) -> Shape:
        """The axis with M places."""
        axis = checked_axis(self.axis, len(shapes[0]))
        if len(shapes[1]) != 2 or shapes[1][1] != shapes[0][axis]:
            raise ShapeMismatch(f"a matrix of shape {shapes[1]} along axis {axis} of {shapes[0]}")
        return replaced(shapes[0], axis, shapes[1][0])


@dataclass(frozen=True, slots=True)
class DepthToSpace:
    """Channels moved into blocks of rows and columns.

    Attributes:
        block: rows and columns of a block.
        block_first: the place in the block is the slow part of the channel (ONNX's DCR), else the fast one (CRD).
    """

    block: int
    block_first: bool = True

    def result_shape(self, *shapes: Shape) -> Shape:
        """Fewer channels, larger planes."""
        if len(shapes[0]) != 4 or self.block < 1 or shapes[0][1] % self.block**2:
            raise ShapeMismatch(f"blocks of {self.block} x {self.block} out of the channels of {shapes[0]}")
        batch, channels, height, width = shapes[0]
        return (batch, channels // self.block**2, height * self.block, width * self.block)


@dataclass(frozen=True, slots=True)
class SpaceToDepth:
    """Blocks of rows and columns moved into channels; the place in the block is the slow part."""

    block: int

    def result_shape(self, *shapes: Shape) -> Shape:
        """More channels, smaller planes."""
        if len(shapes[0]) != 4 or self.block < 1 or shapes[0][2] % self.block or shapes[0][3] % self.block:
            raise ShapeMismatch(f"blocks of {self.block} x {self.block} out of the planes of {shapes[0]}")
        batch, channels, height, width = shapes[0]
        return (batch, channels * self.block**2, height // self.block, width // self.block)
