"""A program as one HTML file that one can walk in: no network, a picture of any size, and all that is known of it."""

from .arrays import Recorder
from .data import Extra
from .render import page

__all__ = ["Extra", "Recorder", "page"]
