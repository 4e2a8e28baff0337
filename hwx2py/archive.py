"""Archives of arrays, `.npz`, whose names are data. A script's process uses it too, so it imports nothing of hwx2py."""

import io
import re
import zipfile
from collections.abc import Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np

_PARENT = re.compile(r"(?<![^/\\])\.\.(?![^/\\])")


def as_npz(arrays: Mapping[str, "np.ndarray"]) -> bytes:
    """Arrays as the content of an `.npz` file, by name.

    The names may be any: `np.savez` would take some for its own arguments, and a program that unpacks archives would
    take some for places outside of its folder, so `..` becomes `%2e%2e`, and a zero byte `%00`.
    """
    import numpy as np

    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as file:
        for name, array in arrays.items():
            with file.open(f"{member_name(name)}.npy", "w", force_zip64=True) as member:
                np.lib.format.write_array(member, np.asanyarray(array), allow_pickle=False)
    return stream.getvalue()


def member_name(name: str) -> str:
    """What an array is called in an archive."""
    return _PARENT.sub("%2e%2e", name).replace("\0", "%00")


def array_name(member: str) -> str:
    """The name that an array of an archive had before `member_name`."""
    return member.replace("%2e%2e", "..").replace("%00", "\0")
