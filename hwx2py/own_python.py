"""Starting Python again: with the same packages, and without the folder that one stands in.

`python -c` and `python -m` look for modules in the current folder first, and so would every process that is started
with them: a file `click.py` beside some programs would run.
"""

import contextlib
import os
import sys
from collections.abc import Iterator, Sequence

#: The folder that holds this package.
PACKAGE_FOLDER = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))

#: What a script's process keeps of the environment: languages, and where the loader finds libraries.
KEPT = ("LANG", "LC_ALL", "LC_CTYPE", "LD_LIBRARY_PATH")
#: One thread for each library that would start more: threads that run already cannot be confined.
ONE_THREAD = dict.fromkeys(("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"), "1")

#: The exit code of a process that met an error nobody expected; Python's own is 1, which is a command's too.
CRASHED = 70

_BOOT = f"""
import json, sys
order = json.loads(sys.argv.pop(1))
sys.path[:] = order["path"]
try:
    from hwx2py.confinement.process import die_with
    die_with(order["parent"])
    from hwx2py.cli import main
    main()
except Exception as error:
    print(f"{{type(error).__name__}}: {{error}}", file=sys.stderr)
    sys.exit({CRASHED})
"""


def search_path() -> list[str]:
    """Where this process finds packages, without the current folder; the one that holds hwx2py comes last."""
    here = os.path.realpath(os.curdir)
    folders = [entry for entry in sys.path if entry and os.path.realpath(entry) not in (here, PACKAGE_FOLDER)]
    return [*map(os.path.abspath, folders), PACKAGE_FOLDER]


def command_line(arguments: Sequence[str]) -> list[str]:
    """The command that runs hwx2py in a process that ends with this one.

    Args:
        arguments: of hwx2py.

    Returns:
        The command; it writes UTF-8, and ends with `CRASHED` for an error that nobody expected.
    """
    import json

    order = json.dumps({"path": search_path(), "parent": os.getpid()})
    return [sys.executable, "-I", "-X", "utf8", "-c", _BOOT, order, *arguments]


def clean_environment() -> dict[str, str]:
    """The environment of a process that runs what somebody else wrote."""
    return {name: os.environ[name] for name in KEPT if name in os.environ} | ONE_THREAD


@contextlib.contextmanager
def safe_path() -> Iterator[None]:
    """While it holds, processes of `multiprocessing` do not look for modules in the current folder."""
    name = "PYTHONSAFEPATH"
    before = os.environ.get(name)
    os.environ[name] = "1"
    try:
        yield
    finally:
        if before is None:
            del os.environ[name]
        else:
            os.environ[name] = before
