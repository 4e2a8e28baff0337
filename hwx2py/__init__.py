"""hwx2py: compiled Apple Neural Engine programs as readable Python, and a virtual engine that runs them."""

__version__ = "0.1.0"
