"""What tasks do, as typed values: the only code that knows what a register means.

`read` turns the register file of a task into a `Planar` or a `Neural`; sentences, pictures, diffs, passes, checks and
the virtual ANE work on those.
"""

from .neural import Channel, ChannelRegisters, Convolution, Kernel, Neural, Table, Window
from .operand import Dma, Element, InL2, Operand, Result, Shape, Strides, Unknown
from .planar import Planar
from .reader import operations, read
from .wording import Names, narrated, sentence, sentences

Operation = Planar | Neural

__all__ = [
    "Channel",
    "ChannelRegisters",
    "Convolution",
    "Dma",
    "Element",
    "InL2",
    "Kernel",
    "Names",
    "Neural",
    "Operand",
    "Operation",
    "Planar",
    "Result",
    "Shape",
    "Strides",
    "Table",
    "Unknown",
    "Window",
    "narrated",
    "operations",
    "read",
    "sentence",
    "sentences",
]
