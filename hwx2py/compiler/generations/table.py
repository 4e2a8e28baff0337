"""Between which generations there are rules."""

from .h13_to_h14 import H13_TO_H14

ROWS = (H13_TO_H14,)
