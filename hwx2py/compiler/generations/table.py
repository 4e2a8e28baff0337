"""Between which generations there are rules."""

from .h13_to_h14 import H13_TO_H14
from .h13_to_h15 import H13_TO_H15
from .h14_to_h13 import H14_TO_H13

ROWS = (H13_TO_H14, H13_TO_H15, H14_TO_H13)
