"""The `.hwx` container: a Mach-O-like file around the task stream, the coefficients and the tensors' descriptions."""

from .structs import MAGICS


def looks_like_hwx(data: memoryview) -> bool:
    """Whether a file begins like the container."""
    return int.from_bytes(data[:4], "little") in MAGICS
