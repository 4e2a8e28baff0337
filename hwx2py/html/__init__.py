"""A comparison as one HTML file that stands alone: no network, no fonts, readable without scripts."""

from .render import environment, html, policy

__all__ = ["environment", "html", "policy"]
