"""The two doors to the driver: its model in this process, and the node that `hwx2py device` shows to a client."""

import json
import struct
import subprocess
import sys
import textwrap

import pytest

from hwx2py.device import host
from hwx2py.emulator import child

#: A client that makes the calls it is asked for: lines of JSON in, lines of JSON out.
CLIENT = """
import ctypes, fcntl, json, os, struct, sys
node, kept = -1, []
for line in sys.stdin:
    asked = json.loads(line)
    if asked == "open":
        if node >= 0:
            os.close(node)
        node = os.open("/dev/accel/accel0", os.O_RDWR)
        print(json.dumps(node >= 0), flush=True)
        continue
    number, text, tables = asked
    data, code = bytearray.fromhex(text), 0
    for offset, table in tables:
        buffer = ctypes.create_string_buffer(bytes.fromhex(table), len(table) // 2 or 1)
        kept[:] = [*kept[-7:], buffer]
        struct.pack_into("<Q", data, offset, ctypes.addressof(buffer))
    try:
        fcntl.ioctl(node, number, data)
    except OSError as error:
        code = error.errno
    print(json.dumps([code, data.hex()]), flush=True)
"""


class Node:
    """The node, through a client that runs under `hwx2py device`; it answers `ioctl` as the model does.

    Args:
        arch: the chip's generation.
    """

    def __init__(self, arch: str):
        if host.find_here() is None:
            pytest.skip("the virtual device node needs Linux")
        command = [sys.executable, "-m", "hwx2py", "device", "--arch", arch, "--"]
        client = [sys.executable, "-c", textwrap.dedent(CLIENT)]
        self.process = subprocess.Popen([*command, *client], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def open(self) -> "Node":
        """Opens the node anew, with no buffers."""
        assert self._ask("open") is True
        return self

    def ioctl(self, number: int, data: bytes) -> tuple[int, bytes]:
        """Makes a call: errno or 0, and the structure as it comes back.

        Args:
            number: of the call.
            data: its structure, and behind it the tables that its pointers point to.
        """
        size = number >> 16 & 0x3FFF
        if number not in child.TABLES:
            size = max(size, len(data))
        rest, tables = data[size:], []
        for pointer, count, row_bytes in child.TABLES.get(number, ()):
            length = struct.unpack_from("<I", data, count)[0] * row_bytes
            tables.append((pointer, rest[:length].hex()))
            rest = rest[length:]
        code, text = self._ask((number, data[:size].ljust(size, b"\0").hex(), tables))
        return code, bytes.fromhex(text)

    def _ask(self, what: object) -> object:
        print(json.dumps(what), file=self.process.stdin, flush=True)
        return json.loads(self.process.stdout.readline())

    def close(self) -> None:
        """Ends the client."""
        self.process.stdin.close()
        self.process.wait(20)
        self.process.stdout.close()
