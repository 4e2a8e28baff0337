"""What the node looks like from outside: its path, its folder, and what stat says of it."""

import os
import stat
import struct

from .host import Host

FOLDER, NAME = "/dev/accel", "accel0"
NODE = f"{FOLDER}/{NAME}"
#: The major number of the kernel's accel nodes.
ACCEL_MAJOR = 261
#: Inodes of the node and of its folder: any that are not 0.
INODES = {NODE: 2, FOLDER: 1}

#: `struct statx` up to the device numbers: mask, block size, attributes, links, user, group, mode, pad, inode, size,
#: blocks, attributes mask, four times (16 bytes each), major and minor of the device that the file is, and of the one
#: that it lies on.
STATX = struct.Struct("<IIQIIIH2xQQQQ64xIIII")
STATX_BYTES = 256
STATX_BASIC = 0x7FF
BLOCK_BYTES = 4096


def _mode(path: str) -> int:
    return stat.S_IFCHR | 0o666 if path == NODE else stat.S_IFDIR | 0o755


def _minor(path: str) -> tuple[int, int]:
    """Major and minor number of the device that a path is."""
    return (ACCEL_MAJOR, 0) if path == NODE else (0, 0)


def as_stat(path: str, host: Host) -> bytes:
    """`struct stat` of the node or of its folder, as the machine lays it out."""
    values = {
        "dev": 5,
        "ino": INODES[path],
        "nlink": 1 if path == NODE else 2,
        "mode": _mode(path),
        "uid": 0,
        "gid": 0,
        "rdev": os.makedev(*_minor(path)),
    }
    return host.stat.pack(*(values[name] for name in host.stat_order)).ljust(host.stat_bytes, b"\0")


def as_statx(path: str) -> bytes:
    """`struct statx` of the node or of its folder."""
    links = 1 if path == NODE else 2
    head = (STATX_BASIC, BLOCK_BYTES, 0, links, 0, 0, _mode(path), INODES[path], 0, 0, 0)
    return STATX.pack(*head, *_minor(path), 0, 5).ljust(STATX_BYTES, b"\0")
