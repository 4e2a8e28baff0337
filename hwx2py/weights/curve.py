"""A lookup table as a picture: the curve that the engine computes, and the samples on it."""

from html import escape

import numpy as np

from ..emulator import lut
from ..operations.tables import CENTRED, DIRECT, ENDS_AT_ZERO, SAMPLES, Curve

WIDTH, HEIGHT, MARGIN = 640, 400, 48
POINTS = 513
#: Half of the range that is drawn where the table sets no bounds.
USUAL = 8.0
#: Place of the argument 0 among the samples, for tables whose samples stand side by side over the argument.
ORIGINS = {DIRECT: 0, CENTRED: 16, ENDS_AT_ZERO: 32}


def drawn(title: str, curve: Curve) -> str:
    """An SVG document.

    Args:
        title: what stands above it.
        curve: the table.
    """
    low, high = _range(curve)
    x = np.linspace(low, high, POINTS)
    y = lut.evaluate(curve, x)
    x, y = x[np.isfinite(y)], y[np.isfinite(y)]
    bottom, top = (float(y.min()), float(y.max())) if y.size else (0.0, 1.0)
    if bottom == top:
        bottom, top = bottom - 1.0, top + 1.0
    frame = _Frame(low, high, bottom, top)
    line = " ".join(f"{frame.x(one):.2f},{frame.y(two):.2f}" for one, two in zip(x.tolist(), y.tolist()))
    dots = "".join(
        f'<circle cx="{frame.x(one):.2f}" cy="{frame.y(two):.2f}" r="2.5"/>'
        for one, two in _samples(curve)
        if low <= one <= high and bottom <= two <= top
    )
    labels = "".join(
        f'<text x="{place_x:.0f}" y="{place_y:.0f}" text-anchor="{anchor}">{value:g}</text>'
        for place_x, place_y, anchor, value in frame.labels()
    )
    axes = frame.axes()
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" font-family="sans-serif" '
        f'font-size="12"><title>{escape(title)}</title><rect width="{WIDTH}" height="{HEIGHT}" fill="#fff"/>'
        f'<text x="{MARGIN}" y="{MARGIN / 2:.0f}" font-size="14">{escape(title)}</text>'
        f'<g stroke="#b0b7c0" fill="none">{axes}</g><g fill="#57606a">{labels}</g>'
        f'<polyline points="{line}" fill="none" stroke="#1f4e8c" stroke-width="1.5"/>'
        f'<g fill="#8a4b08">{dots}</g></svg>\n'
    )


class _Frame:
    """Where numbers lie on the picture."""

    def __init__(self, low: float, high: float, bottom: float, top: float):
        self.low, self.high, self.bottom, self.top = low, high, bottom, top

    def x(self, value: float) -> float:
        return MARGIN + (value - self.low) / (self.high - self.low) * (WIDTH - 2 * MARGIN)

    def y(self, value: float) -> float:
        return HEIGHT - MARGIN - (value - self.bottom) / (self.top - self.bottom) * (HEIGHT - 2 * MARGIN)

    def axes(self) -> str:
        """The frame, and the lines of 0 inside it."""
        lines = f'<rect x="{MARGIN}" y="{MARGIN}" width="{WIDTH - 2 * MARGIN}" height="{HEIGHT - 2 * MARGIN}"/>'
        if self.low < 0 < self.high:
            lines += f'<path d="M{self.x(0):.2f} {MARGIN}V{HEIGHT - MARGIN}"/>'
        if self.bottom < 0 < self.top:
            lines += f'<path d="M{MARGIN} {self.y(0):.2f}H{WIDTH - MARGIN}"/>'
        return lines

    def labels(self) -> list[tuple[float, float, str, float]]:
        """x, y, anchor and number of the labels at the ends of both axes."""
        under, left = HEIGHT - MARGIN + 16, MARGIN - 4
        return [
            (MARGIN, under, "start", self.low),
            (WIDTH - MARGIN, under, "end", self.high),
            (left, HEIGHT - MARGIN, "end", self.bottom),
            (left, MARGIN + 10, "end", self.top),
        ]


def _samples(curve: Curve) -> list[tuple[float, float]]:
    """Argument and value of the samples that stand side by side over the argument."""
    origin = ORIGINS.get(curve.place)
    if origin is None or abs(curve.shift) > 14:
        return []
    return [((index - origin) / 2.0**curve.shift, curve.samples[index]) for index in range(SAMPLES)]


def _range(curve: Curve) -> tuple[float, float]:
    """The arguments that are drawn: the samples and a bit more, inside the table's limits where those are near."""
    arguments = [argument for argument, _ in _samples(curve)]
    low, high = (min(arguments), max(arguments)) if arguments else (-USUAL, USUAL)
    if curve.symmetry:
        low = -high
    room = (high - low) / 8
    low, high = low - room, high + room
    inside = [limit for limit in (curve.low, curve.high) if np.isfinite(limit) and abs(limit) <= 4 * max(-low, high)]
    return min([low, *inside]), max([high, *inside])
