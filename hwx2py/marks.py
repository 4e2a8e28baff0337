"""How hwx2py knows a file that it wrote, and whether somebody has changed it since.

A script carries a digest of its other lines in its header, which survives copies and version control. Other files get
an extended attribute with the digest of their content, where the file system has attributes; an edit in place leaves
it wrong, and an editor that replaces the file drops it. Without either a file counts as somebody else's.
"""

import contextlib
import enum
import os
import re

#: The line of a script's header; its digits are the start of the sha256 of all other lines.
LINE = "Digest:   {digits} of the other lines; hwx2py does not write over a script that was edited (--force does)"
UNSIGNED = LINE.format(digits="0" * 16)
_SIGNATURE = re.compile(rb"^Digest:   ([0-9a-f]{16}) .*\n", re.MULTILINE)

#: Where the line stands at the latest.
HEAD_BYTES = 1 << 16

#: The extended attribute of other files; Linux keeps `user.` for users' own attributes.
ATTRIBUTE = "user.hwx2py.sha256"


class Origin(enum.Enum):
    """Whose a file is."""

    OURS = "written by hwx2py, and as it was written"
    EDITED = "was edited since hwx2py wrote it"
    FOREIGN = "exists, and hwx2py did not write it"


def signed(text: str) -> str:
    """A script with the digest of its other lines in its header.

    Args:
        text: the script; its header has the line `UNSIGNED`.
    """
    digits = _digest_beside(text.encode(), UNSIGNED.encode() + b"\n")
    return text.replace(UNSIGNED, LINE.format(digits=digits), 1)


def is_signed(source: bytes) -> bool:
    """Whether a script is as hwx2py wrote it.

    Args:
        source: its bytes.
    """
    signature = _SIGNATURE.search(source, 0, HEAD_BYTES)
    return signature is not None and _digest_beside(source, signature[0]) == signature[1].decode()


def _digest_beside(source: bytes, line: bytes) -> str:
    """The first digits of the sha256 of a text without the first occurrence of a line."""
    import hashlib

    return hashlib.sha256(source.replace(line, b"", 1)).hexdigest()[:16]


def origin(path: str) -> Origin:
    """Whose the file at a path is.

    Args:
        path: a file that exists.

    Raises:
        OSError: it cannot be read.
    """
    with open(path, "rb") as file:
        head = file.read(HEAD_BYTES)
        if _SIGNATURE.search(head):
            return Origin.OURS if is_signed(head + file.read()) else Origin.EDITED
    written = _attribute(path)
    if written is None:
        return Origin.FOREIGN
    return Origin.OURS if written == _sha256(path) else Origin.EDITED


def is_named_by(path: str, owner: str) -> bool:
    """Whether a script still has the lines whose sha256 it carries.

    Args:
        path: the file, such as a script's coefficients.
        owner: the script.

    Raises:
        OSError: one of them cannot be read.
    """
    if not os.path.isfile(owner):
        return False
    with open(owner, "rb") as file:
        source = file.read()
    return is_signed(source) and f'"{_sha256(path)}"'.encode() in source


def remember(path: str) -> None:
    """Notes that a file was written by hwx2py, as it is now; where there are no attributes, nothing is noted."""
    if hasattr(os, "setxattr"):
        with contextlib.suppress(OSError):
            os.setxattr(path, ATTRIBUTE, _sha256(path).encode())


def _attribute(path: str) -> str | None:
    if not hasattr(os, "getxattr"):
        return None
    try:
        return os.getxattr(path, ATTRIBUTE).decode("ascii", "replace")
    except OSError:  # there is none, or the file system has none
        return None


def _sha256(path: str) -> str:
    import hashlib

    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
