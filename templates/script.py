#!/usr/bin/env python3
"""The skeleton of a script: the emitter fills in each `...`, and pastes what is imported from hwx2py."""

from functools import partial
from typing import NamedTuple

try:
    import fcntl
    import numpy as np
except ImportError:  # only running needs them
    fcntl = np = None

from hwx2py.runtime.tensor import Tensor

ARCH = ...
# fmt: off
PROGRAM = ...
# fmt: on


# How a register is written, and the registers that the program writes.
from hwx2py.runtime.register import Register

# fmt: off
TABLES = ...
# fmt: on


# How tasks are laid out and run: the same for every program.
from hwx2py.runtime.stream import encode_record
from hwx2py.runtime.text import lay_out
from hwx2py.runtime.ane import Ane
from hwx2py.runtime.driver import DEVICE, RUN
from hwx2py.runtime.command_line import main


def build():
    """{BAR: pieces}, [(offset, words)] of the tasks, and {BAR: BAR} of further BARs."""
    ...


def command_buffer():
    """Buffer 0: the tasks, and the coefficients behind them."""
    return b"".join(build()[0][0])


if __name__ == "__main__":
    sys.exit(main((__doc__ or ARCH).splitlines()[0], TENSORS, build, DEVICE, RUN))
