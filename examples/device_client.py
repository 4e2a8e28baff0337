"""A client of the ANE's driver in a few lines: who the driver is, a buffer, and a look at its memory."""

import fcntl
import mmap
import os
import struct

BO_INIT = 0xC0186441
PAGE_BYTES = 0x4000

node = os.open("/dev/accel/accel0", os.O_RDWR)
buffer = bytearray(struct.pack("<2I2Q", 0, 0, 0x100, 0))
fcntl.ioctl(node, BO_INIT, buffer)
handle, _, size_bytes, offset = struct.unpack("<2I2Q", buffer)
memory = mmap.mmap(node, PAGE_BYTES, offset=offset)
memory[:2] = b"\x00\x42"
print(f"buffer {handle}: {size_bytes} bytes at {offset:#x}, which begin with {memory[:2].hex()}")
