"""Runs a script in a process of its own, confined, whose device node is played by the emulator on a socket.

Started by `script_process` as a plain file; of hwx2py it imports only `confinement` and `archive`. The device's file
descriptor is the sparse file of the device memory, so mmap is the real one; ioctl and the opening of device nodes are
played.

Messages to the emulator: a kind (one byte), a number, a length, then that many bytes. Kinds: `i` an ioctl, answered
with errno, length and bytes; `e` the script's last word about an error, not answered; `p` what its `build()` gives, as
JSON, and `d` the bytes that belong to it, where it is asked for that.
"""

import contextlib
import ctypes
import glob
import importlib
import json
import os
import runpy
import socket
import struct
import sys
import traceback
from collections.abc import Callable
from typing import Any, NoReturn

NODE = "/dev/accel/accel0"
HARMLESS = ("/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom", "/dev/tty", "/dev/fd", "/dev/std")
REQUEST = struct.Struct("<cIQ")
ANSWER = struct.Struct("<iQ")
VERSION = 0xC0406400
VERSION_STRUCT = struct.Struct("<3i4x6Q")
DRIVER = (b"ane", b"20260101", b"virtual ANE of hwx2py")

#: Calls whose structure points to tables: number -> (place of the pointer, place of the count, bytes of a row). The
#: tables go behind the structure.
TABLES = {
    0xC0206444: ((0, 16, 24), (8, 20, 24)),  # PROG_LOAD
    0xC0206446: ((24, 16, 32),),  # EXEC
    0xC0186447: ((0, 8, 1),),  # PROG_LOOKUP
}
#: A longer table is left out, as one that cannot be read; the driver says what is wrong with it.
MOST_TABLE_BYTES = 1 << 16


#: In place of a script's own arguments: hand over what `build()` gives.
BUILD = "--hand-over-build"

#: Modules that generated scripts use, with libraries from outside of Python's folders: loaded before those are shut.
LOADED_BEFORE = ("bz2", "ctypes", "decimal", "hashlib", "lzma", "random", "uuid", "zlib", "numpy")


def main() -> None:
    """The argument is JSON; `script_process` says what is in it."""
    order = json.loads(sys.argv[1])
    _confine(order)
    link = socket.socket(fileno=order["link"])
    script = order["script"]
    sys.argv = [script, *order["arguments"]]
    sys.path.insert(0, os.path.dirname(os.path.abspath(script)))
    _play(link, order["memory"], order["own_memory"])
    try:
        if sys.argv[1:] == [BUILD]:
            _hand_over(link, runpy.run_path(script, run_name="script"))
        else:
            runpy.run_path(script, run_name="__main__")
    except SystemExit:
        raise
    except BaseException as error:
        _end(link, f"{_place(error, script)}{type(error).__name__}: {error}")


def _confine(order: dict[str, Any]) -> None:
    """Ties this process to its parent, and shuts it in unless it is trusted."""
    sys.path += [folder for folder in order["search_path"] if folder not in sys.path]
    sys.path.insert(0, order["package_folder"])
    from hwx2py import archive
    from hwx2py.confinement import confine, process

    del sys.path[0]
    process.die_with(order["parent"])
    order["own_memory"] = os.open("/proc/self/mem", os.O_RDONLY)
    for name in LOADED_BEFORE:
        with contextlib.suppress(ImportError):  # what is not installed, a script says when it asks for it
            importlib.import_module(name)
    if "numpy" in sys.modules:
        _save_by_name(sys.modules["numpy"], archive.as_npz)
    if order["limits"]:
        confine.confine(order["readable"], process.Limits(*order["limits"]))


def _save_by_name(numpy: Any, as_npz: Callable[[dict[str, Any]], bytes]) -> None:
    """Has `numpy.savez` take names for its own arguments no more: outputs may be called `file`."""
    plain = numpy.savez

    def savez(*place: Any, **arrays: Any) -> None:
        if hasattr(place[0], "write"):
            place[0].write(as_npz(arrays))
        else:
            plain(*place, **arrays)

    numpy.savez = savez


def _hand_over(link: socket.socket, names: dict[str, Any]) -> None:
    """Sends what a script's tables and its `build()` say; pieces may be NumPy arrays too."""
    made, tasks, aliases = names["build"]()
    buffers = {bar: [memoryview(piece).cast("B") for piece in pieces] for bar, pieces in made.items()}
    told = {
        "arch": names["ARCH"],
        "tensors": [list(tensor) for tensor in names["TENSORS"]],
        "bars": names["BARS"],
        "aliases": list(aliases.items()),
        "tasks": [[offset, len(words)] for offset, words in tasks],
        "buffers": [[bar, [len(piece) for piece in pieces]] for bar, pieces in buffers.items()],
    }
    text = json.dumps(told).encode()
    link.sendall(REQUEST.pack(b"p", 0, len(text)) + text)
    pieces: list[bytes | memoryview] = [struct.pack(f"<{len(words)}I", *words) for _, words in tasks]
    pieces += [piece for some in buffers.values() for piece in some]
    link.sendall(REQUEST.pack(b"d", 0, sum(len(piece) for piece in pieces)))
    for piece in pieces:
        link.sendall(piece)


def _end(link: socket.socket, message: str) -> NoReturn:
    """Hands the last word to the emulator and ends the process at once, whatever the script would still do."""
    text = message.encode()
    link.sendall(REQUEST.pack(b"e", 0, len(text)) + text)
    sys.stdout.flush()
    os._exit(2)


#: Ends the part of a script that says what the program is; the encoder and the command line follow.
PROGRAM_END = b"# fmt: on"


def _place(error: BaseException, script: str) -> str:
    """The line to look at: the innermost one of the script's own program, not of the encoder that found the mistake."""
    frames = traceback.extract_tb(error.__traceback__)
    lines = [frame.lineno for frame in frames if frame.filename == script and frame.lineno is not None]
    with open(script, "rb") as file:
        end = next((number for number, line in enumerate(file, 1) if line.rstrip() == PROGRAM_END), 0)
    lines = [line for line in lines if line < end] or lines
    if isinstance(error, SyntaxError) and error.lineno:
        lines.append(error.lineno)
    return f"line {lines[-1]}: " if lines else ""


def _play(link: socket.socket, memory: int, own_memory: int) -> None:
    """Replaces os.open, os.close, fcntl.ioctl and glob.glob with the virtual device's."""
    import fcntl

    nodes: set[int] = set()
    real_open, real_ioctl, real_glob, real_close = os.open, fcntl.ioctl, glob.glob, os.close

    def played_open(path: Any, flags: int, mode: int = 0o777, *, dir_fd: int | None = None) -> int:
        if os.fspath(path) != NODE:
            return real_open(path, flags, mode, dir_fd=dir_fd)
        node = os.dup(memory)
        nodes.add(node)
        return node

    def played_close(fd: int) -> None:
        nodes.discard(fd)
        real_close(fd)

    def played_glob(pattern: Any, *more: Any, **named: Any) -> list[Any]:
        found = real_glob(pattern, *more, **named)
        return [NODE] if str(pattern).startswith("/dev/accel/") else found

    def played_ioctl(node: Any, number: int, data: Any = 0, mutate: bool = True) -> Any:
        if not isinstance(node, int) or node not in nodes:
            return real_ioctl(node, number, data, mutate)
        if not isinstance(data, (bytes, bytearray, memoryview)):
            raise TypeError("the virtual ANE takes the structure of an ioctl as bytes")
        call = with_tables(number, bytes(data), lambda size, place: os.pread(own_memory, size, place))
        code, answer = (0, version(call, _write)) if number == VERSION else _ask(link, number, call)
        if code:
            raise OSError(code, os.strerror(code))
        if isinstance(data, bytes):
            return answer
        data[:] = answer
        return 0

    def watch(event: str, arguments: tuple[Any, ...]) -> None:
        if event != "open" or not isinstance(arguments[0], (str, bytes)):
            return
        path = os.fsdecode(arguments[0])
        if path.startswith("/dev/") and not path.startswith((*HARMLESS, NODE)):
            _end(link, f"opens {path}, which is not the ANE")

    os.open, os.close, fcntl.ioctl = played_open, played_close, played_ioctl
    glob.glob = played_glob  # type: ignore[assignment] # one signature for text and for bytes
    sys.addaudithook(watch)


def with_tables(number: int, data: bytes, read: Callable[[int, int], bytes]) -> bytes:
    """A call's structure with the tables that it points to behind it; `read` gives a size of bytes from a place on."""
    pieces = [data]
    for pointer, count, row_bytes in TABLES.get(number, ()):
        size = int.from_bytes(data[count : count + 4], "little") * row_bytes
        place = int.from_bytes(data[pointer : pointer + 8], "little")
        with contextlib.suppress(OSError, OverflowError):
            pieces.append(read(size if size <= MOST_TABLE_BYTES else 0, place))
    return b"".join(pieces)


def _write(place: int, data: bytes) -> None:
    ctypes.memmove(place, data, len(data))


def _ask(link: socket.socket, number: int, data: bytes) -> tuple[int, bytes]:
    link.sendall(REQUEST.pack(b"i", number, len(data)) + data)
    code, size = ANSWER.unpack(_receive(link, ANSWER.size))
    return code, _receive(link, size)


def _receive(link: socket.socket, size: int) -> bytes:
    data = bytearray()
    while len(data) < size:
        piece = link.recv(size - len(data))
        if not piece:
            os._exit(2)  # the emulator has gone
        data += piece
    return bytes(data)


def version(data: bytes, write: Callable[[int, bytes], object]) -> bytes:
    """DRM_IOCTL_VERSION: fills the caller's buffers, as the kernel does; `write` puts bytes into its memory."""
    _, _, _, *places = VERSION_STRUCT.unpack(data)
    filled: list[int] = []
    for room, pointer, text in zip(places[::2], places[1::2], DRIVER):
        if pointer and room:
            write(pointer, text[:room])
        filled += [len(text), pointer]
    return VERSION_STRUCT.pack(1, 0, 0, *filled)


if __name__ == "__main__":
    main()
