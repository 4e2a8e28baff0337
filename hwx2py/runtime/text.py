"""From tasks to the bytes of buffer 0: layout, links, coefficients."""

import base64
import hashlib
import mmap
import os
import struct
import sys

from .register import LINK, encode


def words_of(task, encode_record):
    """A task's words, and its links that were not given: [(index, register, field)]."""
    header, *records = task
    words = [write.word for write in header]
    for record in records:
        words += encode_record(record)
    return words, [
        (index, write.register, name)
        for index, write in enumerate(header)
        for name, (msb, lsb, *kind) in write.register.fields.items()
        if kind == [LINK] and not write.given & ((2 << msb) - (1 << lsb))
    ]


def lay_out(tasks, encode_record, alignment, end=0, places=None):
    """The text of tasks in a row from `end` on, or in places, and (offset, words)."""
    made, placed = {}, []
    for number, task in enumerate(tasks):
        key = repr(task)
        words, links = made[key] = made.get(key) or words_of(task(), encode_record)
        offset = (places or {}).get(number, -(-end // alignment) * alignment)
        if offset < end or offset % 4:
            raise ValueError(f"task {number} cannot begin at {offset:#x}")
        placed.append((offset, list(words), links))
        end = offset + 4 * len(words)
    text, following, last = bytearray(end), 0, 0
    for number, (offset, words, links) in reversed([*enumerate(placed)]):
        values = {"TID": number, "NextPointer": following, "NextSize": last}
        values["TaskSize"] = len(words)
        for index, register, name in links:
            field = register.fields[name]
            words[index] |= encode(register.name, name, values[name], *field)
        struct.pack_into(f"<{len(words)}I", text, offset, *words)
        following, last = offset, len(words) - 1
    return text, [(offset, words) for offset, words, _ in placed]


def framed(text, frame=b"", size=0, stray=()):
    """The text with what does not follow from its tasks.

    These are the bytes of a frame before the tasks, the size where the text does not
    end with its last task, and (offset, bytes) of what else lies outside of tasks.
    """
    text = text.ljust(size, b"\0")
    for offset, piece in [(0, frame), *stray]:
        text[offset : offset + len(piece)] = piece
    return text


def followed(text, pieces, offset=None):
    """The text with coefficients behind it, at the next multiple of 64 or an offset."""
    offset = offset or -(-len(text) // 64) * 64
    return [text, bytes(offset - len(text)), *pieces]


def inline(text, size):
    """Coefficients out of a literal, which may be edited, but not in size."""
    data = base64.b85decode(text.replace("\n", ""))
    if len(data) != size:
        raise ValueError(f"{len(data)} bytes of coefficients, not {size}")
    return memoryview(data)


def beside(script, size, sha256):
    """Coefficients out of the file beside the script, which may be edited too."""
    path = os.path.splitext(script)[0] + ".coeff.bin"
    with open(path, "rb") as file:
        data = memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))
    if len(data) != size:
        raise OSError(f"{path}: {len(data)} bytes of coefficients, not {size}")
    if hashlib.sha256(data).hexdigest() != sha256:
        print(f"{path}: edited since the conversion", file=sys.stderr)
    return data
