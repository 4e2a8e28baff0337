"""Operators with a window that moves over rows and columns of N, C, H, W; pads are top, left, bottom, right."""

from dataclasses import dataclass

from .operator import Shape, ShapeMismatch


@dataclass(frozen=True, slots=True)
class Pads:
    """Rows and columns of zeros around a plane; negative ones cut off."""

    top: int = 0
    left: int = 0
    bottom: int = 0
    right: int = 0


@dataclass(frozen=True, slots=True)
class Conv:
    """Convolution of x with constant weights (Cout, Cin / groups, Kh, Kw) and, if there is one, a bias (Cout,).

    Attributes:
        strides: of rows and columns.
        pads: zeros around the planes.
        dilations: distance of the taps, of rows and columns.
        groups: parts of the channels that are convolved apart.
        exchanged: the result has C and W exchanged: N, W, H, C.
    """

    strides: tuple[int, int] = (1, 1)
    pads: Pads = Pads()
    dilations: tuple[int, int] = (1, 1)
    groups: int = 1
    exchanged: bool = False

    def result_shape(self, *shapes: Shape) -> Shape:
        """N, Cout, and the places that the window takes."""
        x, weights = shapes[0], shapes[1]
        if len(x) != 4 or len(weights) != 4:
            raise ShapeMismatch(f"a convolution of {x} with weights {weights}; both have four axes")
        if self.groups < 1 or weights[1] * self.groups != x[1] or weights[0] % self.groups:
            raise ShapeMismatch(f"{x[1]} channels, weights {weights} and {self.groups} groups do not fit")
        if len(shapes) > 2 and shapes[2] != (weights[0],):
            raise ShapeMismatch(f"a bias of shape {shapes[2]} for {weights[0]} channels")
        pads = self.pads
        size = [x[2] + pads.top + pads.bottom, x[3] + pads.left + pads.right]
        places = [
            (length - (kernel - 1) * dilation - 1) // stride + 1
            for length, kernel, dilation, stride in zip(size, weights[2:], self.dilations, self.strides)
        ]
        if min(places) < 1 or min(*self.strides, *self.dilations) < 1:
            raise ShapeMismatch(f"a kernel of {weights[2]} x {weights[3]} has no place on {size[0]} x {size[1]}")
        return (x[0], *places[::-1], weights[0]) if self.exchanged else (x[0], weights[0], *places)


@dataclass(frozen=True, slots=True)
class ConvTranspose:
    """Transposed convolution with weights (Cin, Cout / groups, Kh, Kw) and a bias (Cout,), constant.

    Attributes:
        strides: of rows and columns.
        pads: rows and columns cut off the full result.
        dilations: distance of the taps.
        groups: parts of the channels that are convolved apart.
        output_padding: further rows and columns at the bottom and right.
    """

    strides: tuple[int, int] = (1, 1)
    pads: Pads = Pads()
    dilations: tuple[int, int] = (1, 1)
    groups: int = 1
    output_padding: tuple[int, int] = (0, 0)

    def result_shape(self, *shapes: Shape) -> Shape:
        """N, Cout, and the size that convolves back to that of x."""
        x, weights = shapes[0], shapes[1]
        if len(x) != 4 or len(weights) != 4:
            raise ShapeMismatch(f"a transposed convolution of {x} with weights {weights}; both have four axes")
        if weights[0] != x[1] or self.groups < 1 or x[1] % self.groups:
            raise ShapeMismatch(f"{x[1]} channels, weights {weights} and {self.groups} groups do not fit")
        cut = (self.pads.top + self.pads.bottom, self.pads.left + self.pads.right)
        size = [
            (length - 1) * stride + (kernel - 1) * dilation + 1 + more - less
            for length, stride, kernel, dilation, more, less in zip(
                x[2:], self.strides, weights[2:], self.dilations, self.output_padding, cut
            )
        ]
        if min(size) < 1:
            raise ShapeMismatch(f"a transposed convolution of {x} with pads {self.pads} leaves nothing")
        return (x[0], weights[1] * self.groups, *size)


@dataclass(frozen=True, slots=True)
class Pool:
    """The largest element of a window, or the mean.

    Attributes:
        largest: the largest element, else the mean.
        kernel: rows and columns of the window.
        strides: of rows and columns.
        pads: places around the planes, which no maximum counts.
        rounds_up: a window that only begins inside counts, too.
        counts_pads: a mean divides by the places of the whole window, padding included.
        exchanged: source and result have C and W exchanged: N, W, H, C.
    """

    largest: bool
    kernel: tuple[int, int]
    strides: tuple[int, int] = (1, 1)
    pads: Pads = Pads()
    rounds_up: bool = False
    counts_pads: bool = False
    exchanged: bool = False

    def result_shape(self, *shapes: Shape) -> Shape:
        """N, C, and the places that the window takes."""
        x = shapes[0]
        if len(x) != 4:
            raise ShapeMismatch(f"pooling of {x}; four axes are needed")
        if self.exchanged:
            x = (x[0], x[3], x[2], x[1])
        before, after = (self.pads.top, self.pads.left), (self.pads.bottom, self.pads.right)
        places = []
        for length, kernel, stride, first, last in zip(x[2:], self.kernel, self.strides, before, after):
            free = length + first + last - kernel
            count = (-(-free // stride) if self.rounds_up else free // stride) + 1
            # A window that would begin in the padding behind the plane does not count.
            if self.rounds_up and (count - 1) * stride >= length + first:
                count -= 1
            places.append(count)
        if min(places) < 1 or min(*self.strides, *self.kernel) < 1:
            raise ShapeMismatch(f"a window of {self.kernel[0]} x {self.kernel[1]} has no place on {x[2]} x {x[3]}")
        return (x[0], *places[::-1], x[1]) if self.exchanged else (x[0], x[1], *places)
