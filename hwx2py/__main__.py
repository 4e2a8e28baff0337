"""`python -m hwx2py`."""

import sys

from .own_python import search_path

# `-m` puts the current folder first, and whatever lies there is not what hwx2py means by `import click`.
sys.path[:] = search_path()

from .cli import main  # noqa: E402

main()
