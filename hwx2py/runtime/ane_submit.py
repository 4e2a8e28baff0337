"""A run on H13: SUBMIT, which binds buffers to BARs (ABI 1)."""

import struct
import sys

import numpy as np

from .ane import NETWORK_ID, SUBMIT, UNWRITTEN


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
        array = np.ndarray(tensor.shape or 0, tensor.dtype, memory, 0, tensor.strides)
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
