"""The Linux driver of the engine: its device node, its calls, its buffers."""

import ctypes
import glob
import mmap
import os
import struct
import sys

try:
    import fcntl
except ImportError:  # Windows: a run without an engine does not get there
    fcntl = None

BO_INIT, VERSION = 0xC0186441, 0xC0406400
SUBMIT, NETWORK_ID = 0xC0986443, 0x40  # the driver waits for this id
UNWRITTEN = b"\xfd"  # twice a float16 NaN, which the engine never writes


class Ane:
    """The engine behind the Linux driver."""

    def __init__(self, chosen):
        self.file = os.open(chosen.device or find_device(), os.O_RDWR)

    def call(self, name, number, layout, *values):
        """A call of the driver; returns its structure as it comes back."""
        request = bytearray(struct.pack(layout, *values))
        try:
            fcntl.ioctl(self.file, number, request)
        except OSError as error:
            raise type(error)(f"{name}: {error.strerror}") from error
        return struct.unpack(layout, request)

    def allocate(self, size, pieces=()):
        """A buffer of this size and content: its handle and its memory."""
        handle, *_, offset = self.call("BO_INIT", BO_INIT, "<2I2Q", 0, 0, size, 0)
        memory = mmap.mmap(self.file, size, offset=offset)
        for piece in pieces:
            memory.write(piece)
        return handle, memory


def find_device():
    """The path of the accel node whose driver is called ane."""
    problem = "no ANE here"
    for path in sorted(glob.glob("/dev/accel/accel*")):
        name = ctypes.create_string_buffer(64)
        request = struct.pack("<3i4x6Q", 0, 0, 0, 63, ctypes.addressof(name), *[0] * 4)
        try:  # a node that may not be opened does not hide the next one
            fcntl.ioctl(os.open(path, os.O_RDWR), VERSION, bytearray(request))
        except OSError as error:
            problem = f"{path}: {error.strerror}"
        if name.value == b"ane":
            return path
    raise OSError(f"{problem}; `hwx2py emulate {sys.argv[0]}` runs it without one")
