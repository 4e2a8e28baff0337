"""A candidate `net_options.plist` for compiling a network again on macOS.

A hypothesis: names and values were reported by others, and no known file was compiled with them. docs/net_options.md
has the experiment that would decide.
"""

from collections.abc import Sequence

#: What the file says of itself: plistlib keeps no comments, so this goes in behind it.
NOTE = (
    "Written by hwx2py. An unverified hypothesis: no known program was compiled with these options. "
    "docs/net_options.md has the experiment that would decide."
)

#: Reported for networks that the public converters compile; what each does is not known.
CANDIDATE = {
    "ane_compiler_batch": 1,
    "anec_flags": "SpatialSplitGenericDAG",
    "compress_sparse": 1,
    "export_method": "Photon-v0.12.1",
    "per_network_configuration": 1,
}

FLAGS_KEY = "ModuleCompilationFlags"

#: Flags that name the files of the run that made the program.
FILE_FLAGS = ("-i", "-o")


def options(flags: Sequence[str] = ()) -> dict[str, object]:
    """The options as data.

    Args:
        flags: a program's own compiler flags; those that name its input and output are left out.

    Returns:
        Key -> value, as `plistlib` takes it.
    """
    kept = [flag for flag in flags if flag.split(" ", 1)[0] not in FILE_FLAGS]
    return CANDIDATE | ({FLAGS_KEY: kept} if kept else {})


def write(flags: Sequence[str] = ()) -> bytes:
    """The property list as XML, with `NOTE` as a comment.

    Args:
        flags: see `options`.

    Returns:
        The bytes of the file.
    """
    import plistlib

    head, tag, body = plistlib.dumps(options(flags)).partition(b"<plist")
    return b"".join([head, b"<!-- ", NOTE.encode(), b" -->\n", tag, body])
