"""A virtual device node for any program: the command finds the ANE at /dev/accel/accel0, and the virtual ANE answers.

`host` describes the machine's system calls, `notification` is the kernel's interface, `caller` reads and writes a
process that waits, `node` knows what the node looks like, `clients` keeps what stands behind it, `serve` runs it all.
"""

from .clients import Device
from .serve import run

__all__ = ["Device", "run"]
