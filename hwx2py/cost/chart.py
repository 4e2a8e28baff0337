"""Live ranges as a picture: tasks from left to right, addresses from bottom to top."""

from collections.abc import Sequence
from html import escape

from .count import CostReport
from .ranges import Range

LEFT, TOP, GAP, WIDTH, HEIGHT = 90, 40, 70, 800, 240
WRITTEN, FOREIGN = "#4878a8", "#c07838"


def svg(report: CostReport, title: str) -> str:
    """Draws the live ranges of L2 and of the scratch memory.

    Args:
        report: what `cost` gives.
        title: the heading.

    Returns:
        The text of an SVG file; each rectangle has its numbers as a tooltip.
    """
    panels = [("L2", report.l2), ("scratch", report.scratch)]
    height = TOP + len(panels) * (HEIGHT + GAP)
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{LEFT + WIDTH + 20}" height="{height}" '
        'font-family="sans-serif" font-size="12">',
        f'<rect width="{LEFT + WIDTH + 20}" height="{height}" fill="white"/>',
        f'<text x="{LEFT}" y="20" font-size="15">{escape(title)}</text>',
    ]
    for number, (name, ranges) in enumerate(panels):
        lines += _panel(name, ranges, max(len(report.tasks), 1), TOP + number * (HEIGHT + GAP))
    return "\n".join([*lines, "</svg>", ""])


def _panel(name: str, ranges: Sequence[Range], tasks: int, top: int) -> list[str]:
    most = max((part.end for part in ranges), default=0)
    bottom = top + HEIGHT
    lines = [
        f'<text x="8" y="{top + 14}">{name}</text>',
        f'<rect x="{LEFT}" y="{top}" width="{WIDTH}" height="{HEIGHT}" fill="none" stroke="#888"/>',
        f'<text x="{LEFT - 6}" y="{bottom}" text-anchor="end">0x0</text>',
        f'<text x="{LEFT}" y="{bottom + 16}">task 0</text>',
        f'<text x="{LEFT + WIDTH}" y="{bottom + 16}" text-anchor="end">task {tasks - 1}</text>',
    ]
    if not most:
        return [*lines, f'<text x="{LEFT + 12}" y="{top + 24}" fill="#666">not used</text>']
    lines.append(f'<text x="{LEFT - 6}" y="{top + 12}" text-anchor="end">{most:#x}</text>')
    for part in ranges:
        left, right = (LEFT + WIDTH * task / tasks for task in (part.first_task, part.last_task + 1))
        low, high = (bottom - HEIGHT * address / most for address in (part.start, part.end))
        color = WRITTEN if part.is_written else FOREIGN
        tasks_text = f"tasks {part.first_task} to {part.last_task}"
        lines.append(
            f'<rect x="{left:.1f}" y="{high:.1f}" width="{right - left:.1f}" height="{max(low - high, 1):.1f}" '
            f'fill="{color}" fill-opacity="0.55" stroke="{color}"><title>{part.start:#x} to {part.end:#x}, '
            f"{tasks_text}</title></rect>"
        )
    return lines
