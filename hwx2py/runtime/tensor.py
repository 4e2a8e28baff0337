"""The buffers of a program."""

from collections import namedtuple

# A buffer: its BAR stands for it in the tasks; shape N, C, H, W; strides in bytes.
Tensor = namedtuple("Tensor", "name role bar shape strides dtype size_bytes")
