"""Sizes in whole units."""

#: The largest number that a 32-bit word holds.
U32_MAX = 0xFFFFFFFF


def whole(size: int, unit: int) -> int:
    """How many units it takes to hold a size."""
    return -(-size // unit)


def round_up(size: int, unit: int) -> int:
    """The next multiple of a unit."""
    return -(-size // unit) * unit
