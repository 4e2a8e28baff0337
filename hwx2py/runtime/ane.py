"""The Linux driver of the engine: its device node, its calls, and a run."""

import ctypes
import fcntl
import glob
import mmap
import os
import struct
import sys

import numpy as np

BO_INIT, SUBMIT, VERSION = 0xC0186441, 0xC0986443, 0xC0406400
NETWORK_ID = 0x40  # that the driver waits for
UNWRITTEN = b"\xfd"  # twice a float16 NaN, which the engine never writes


class Ane:
    """The engine behind the Linux driver."""

    def __init__(self, path):
        self.file = os.open(path or find_device(), os.O_RDWR)

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


def no_driver(path):
    """Stands in for the device where no driver is known for the chip."""
    raise OSError(
        f"no driver is known for its chip; try `hwx2py emulate {sys.argv[0]}`"
    )


def run(device, program, tensors, inputs, fill=None):
    """Runs what `build` gives once: {input: array} in, {output: array} out."""
    buffers, tasks, aliases = program
    handles, arrays = [0] * 32, {}
    text, *rest = buffers[0]
    stamped, first_bytes = bytearray(text), 4 * len(tasks[0][1])
    if any(words[0] & 0xFFFF != number for number, (_, words) in enumerate(tasks)):
        print("tasks: numbered from 0 for the driver", file=sys.stderr)
    for number, (offset, _) in enumerate(tasks):
        struct.pack_into("<HB", stamped, offset, number, NETWORK_ID)
    for tensor in tensors:
        content = UNWRITTEN * tensor.size_bytes * (tensor.role == "output")
        handles[tensor.bar], memory = device.allocate(tensor.size_bytes, [content])
        if tensor.role == "scratch":
            continue
        array = np.ndarray(tensor.shape, tensor.dtype, memory, 0, tensor.strides)
        arrays[tensor.name] = array
        if tensor.role == "input":
            array[...] = inputs[tensor.name]
        elif fill is not None:
            array[...] = fill
    for bar, pieces in (buffers | {0: [stamped, *(rest or [b"\0"])]}).items():
        handles[bar], _ = device.allocate(sum(map(len, pieces)), pieces)
    for bar, tensor_bar in aliases.items():
        handles[bar] = handles[tensor_bar]
    bootstrap, _ = device.allocate(first_bytes, [stamped[tasks[0][0] :][:first_bytes]])
    sizes = sum(map(len, buffers[0][:2])), len(tasks), first_bytes
    device.call("SUBMIT", SUBMIT, "<Q2I32I2I", *sizes, *handles, bootstrap, 0)
    return {t.name: arrays[t.name].copy() for t in tensors if t.role == "output"}
