"""A run on the M2 family: PROG_LOAD, PROC_CREATE, and EXEC, which binds buffers to slots (ABI 2)."""

import ctypes
import struct
import sys

import numpy as np

from .ane import UNWRITTEN, Ane

PROG_LOAD, PROC_CREATE, EXEC = 0xC0206444, 0xC0086445, 0xC0206446

# The rows of the tables that calls point to. Inferred, and never run on hardware: that
# sizes and addresses have 64 bits, and the numbers of sections and roles.
SECTION = "<2I2Q"  # id, handle, size, offset
GENERIC = "<4IQ"  # slot, handle, role, pad, size: buffers that stay with a program
IO = "<4I2Q"  # slot, handle, role, flags, address, size: buffers of a run
TEXT_SECTION, CONST_SECTION = 0, 1
ROLES = {"input": 0, "output": 1, "scratch": 2, "coefficients": 3}
PRIORITY, TIMEOUT_MS = 4, 1000  # the driver takes priorities from 2 to 7


class Table:
    """Rows in memory, for a call that points to them."""

    def __init__(self, layout, rows):
        packed = b"".join(struct.pack(layout, *row) for row in rows)
        self.memory, self.count = ctypes.create_string_buffer(packed), len(rows)
        self.address = ctypes.addressof(self.memory)


class SlotAne(Ane):
    """The engine of the M2 family behind the Linux driver."""

    OPTIONS = (("--section", "ID=FILE", "a further section that the firmware needs"),)

    def __init__(self, chosen):
        super().__init__(chosen)
        self.sections = [self.section(option) for option in chosen.section]

    def section(self, option):
        """A section out of a file: id, handle, size, offset."""
        number, _, path = option.partition("=")
        if not number.isdecimal() or int(number) <= CONST_SECTION:
            raise OSError(f"--section {option}: ID is a number above {CONST_SECTION}")
        with open(path, "rb") as file:
            content = file.read()
        return int(number), self.allocate(len(content), [content])[0], len(content), 0

    def load(self, sections, kept):
        """The number that the driver gives to a program."""
        tables = Table(SECTION, sections), Table(GENERIC, kept)
        values = [table.address for table in tables] + [table.count for table in tables]
        try:
            answer = self.call("PROG_LOAD", PROG_LOAD, "<2Q4I", *values, 0, 0)
        except OSError as error:
            need = "the firmware's sections are not public: --section ID=FILE adds them"
            emulate = f"`hwx2py emulate {sys.argv[0]}` does without"
            raise OSError(f"{error}; {need}, {emulate}") from error
        return answer[4]


def run(device, program, tensors, inputs, fill=None):
    """Runs what `build` gives once: {input: array} in, {output: array} out."""
    buffers, _, aliases = program
    handles, arrays, kept, own = {}, {}, [], []
    for tensor in tensors:
        size = tensor.size_bytes
        content = UNWRITTEN * size * (tensor.role == "output")
        handles[tensor.bar], memory = device.allocate(size, [content])
        row = handles[tensor.bar], ROLES[tensor.role]
        if tensor.role == "scratch":
            kept.append((tensor.bar, *row, 0, size))
            continue
        slots = [tensor.bar, *(slot for slot in aliases if aliases[slot] == tensor.bar)]
        own += [(slot, *row, 0, 0, size) for slot in slots]
        array = np.ndarray(tensor.shape, tensor.dtype, memory, 0, tensor.strides)
        arrays[tensor.name] = array
        if tensor.role == "input":
            array[...] = inputs[tensor.name]
        elif fill is not None:
            array[...] = fill
    for slot, pieces in [item for item in buffers.items() if item[0]]:
        size = sum(map(len, pieces))
        handle, _ = device.allocate(size, pieces)
        kept.append((slot, handle, ROLES["coefficients"], 0, size))
    text, *rest = buffers[0]
    framed = bytearray(text)
    struct.pack_into("<I", framed, 4, 0)  # as the driver wants the opening frame
    command, _ = device.allocate(sum(map(len, buffers[0])), [framed, *rest])
    sections = [(TEXT_SECTION, command, len(text), 0), *device.sections]
    if rest:
        place = sum(map(len, rest[1:])), len(text) + len(rest[0])
        sections.append((CONST_SECTION, command, *place))
    loaded = device.load(sections, kept)
    _, process = device.call("PROC_CREATE", PROC_CREATE, "<2I", loaded, 0)
    table = Table(IO, own)
    values = loaded, process, PRIORITY, TIMEOUT_MS, table.count, 0, table.address
    device.call("EXEC", EXEC, "<6IQ", *values)
    return {t.name: arrays[t.name].copy() for t in tensors if t.role == "output"}
