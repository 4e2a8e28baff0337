"""Sizes in whole units."""


def whole(size: int, unit: int) -> int:
    """How many units it takes to hold a size."""
    return -(-size // unit)


def round_up(size: int, unit: int) -> int:
    """The next multiple of a unit."""
    return -(-size // unit) * unit
