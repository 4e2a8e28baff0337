"""A comparison as one HTML file that stands alone: no network, no fonts, readable without scripts."""

from .render import html

__all__ = ["html"]
