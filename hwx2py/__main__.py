"""`python -m hwx2py`."""

from .cli import main

main()
