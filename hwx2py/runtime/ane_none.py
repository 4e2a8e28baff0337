"""Takes the device's place where no Linux driver is known for the chip."""

import sys


def no_driver(*_):
    """Refuses to be opened."""
    emulate = f"`hwx2py emulate {sys.argv[0]}`"
    raise OSError(f"no driver is known for its chip; try {emulate}")
