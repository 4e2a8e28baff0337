"""How many threads the BLAS behind NumPy's products of matrices works with now.

Threads share a product out, and the pieces may run through kernels that form sums in another way: OpenBLAS's for
Nehalem add one by one with one thread where they do not with two. A program may change the number at any time.
"""

import ctypes
import functools
import sys
from collections.abc import Callable

#: NumPy's module with the product of matrices, by NumPy's versions: it is linked to the BLAS.
_MODULES = ("numpy._core._multiarray_umath", "numpy.core._multiarray_umath")
#: What OpenBLAS calls the function in NumPy's wheels, and where others build it.
_NAMES = (
    "scipy_openblas_get_num_threads64_",
    "scipy_openblas_get_num_threads",
    "openblas_get_num_threads64_",
    "openblas_get_num_threads",
)


def count() -> int | None:
    """The number of threads; None where the BLAS does not say, and may change it unseen."""
    ask = _question()
    return None if ask is None else ask()


@functools.cache
def _question() -> Callable[[], int] | None:
    for module in _MODULES:
        path = getattr(sys.modules.get(module), "__file__", None)
        if path is None:
            continue
        try:
            library = ctypes.CDLL(path)  # loaded already; names are looked for in what it is linked to as well
        except OSError:
            return None
        for name in _NAMES:
            if hasattr(library, name):
                found: Callable[[], int] = getattr(library, name)
                return found
    return None
