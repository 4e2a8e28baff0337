"""Files that hold no program: what they are, and where a program is to be had instead."""

import os
from collections.abc import Iterator
from itertools import islice
from typing import NamedTuple

from ..errors import ContainerError, UsageError
from ..output import STANDARD

GIVE = "give an .hwx or .anec file, or a script that hwx2py made"
COMPILED = "Apple's compiler makes an .hwx of it on a Mac; or export the network as ONNX for `hwx2py compile`"
RAW = "if it is a task stream, name its architecture with --raw"

COMPILE = "`hwx2py compile FILE.onnx -o NET.py` makes a program of it"
EXPORT = "export the network as ONNX, and `hwx2py compile` makes a program of it"

UNPACKED = "if there is an .hwx in it, unpack it and give that"

#: How much of a file is looked at, and how many of the files in an archive.
HEAD_BYTES = 4096
MOST_MEMBERS = 1000

#: How many programs of an archive a message names.
NAMED = 3


class Kind(NamedTuple):
    """Files that begin alike.

    Attributes:
        start: their first bytes.
        what: what they are.
        hint: what to do next.
        offset: where these bytes are.
    """

    start: bytes
    what: str
    hint: str = GIVE
    offset: int = 0

    def fits(self, head: bytes) -> bool:
        """Whether a file with this head is one."""
        text = head.lstrip()
        if head.startswith(self.start, self.offset):
            return True
        return _is_printable(self.start) and text.startswith(self.start) and _is_printable(text)


#: Source: the formats' own specifications.
KINDS = (
    Kind(b"\x89PNG\r\n\x1a\n", "a PNG picture"),
    Kind(b"\xff\xd8\xff", "a JPEG picture"),
    Kind(b"%PDF-", "a PDF document"),
    Kind(
        b"version https://git-lfs.github.com/spec/", "a Git LFS pointer, not the file itself", "`git lfs pull` gets it"
    ),
    Kind(b"TFL3", "a TensorFlow Lite model", EXPORT, offset=4),
    Kind(b"\x80\x02", "a Python pickle, such as PyTorch writes", EXPORT),
    Kind(b"\x1f\x8b", "a gzip file", "unpack it with gunzip first"),
    Kind(b"BZh", "a bzip2 file", "unpack it with bunzip2 first"),
    Kind(b"\xfd7zXZ\0", "an xz file", "unpack it with unxz first"),
    Kind(b"\x28\xb5\x2f\xfd", "a zstd file", "unpack it with unzstd first"),
    Kind(b"\x7fELF", "an ELF binary", "that is a program for Linux, not for the Neural Engine; " + GIVE),
    Kind(b"\xce\xfa\xed\xfe", "a macOS binary (Mach-O, 32 bits)"),
    Kind(b"\xca\xfe\xba\xbe", "a universal macOS binary, or a Java class"),
    Kind(b"\x93NUMPY", "a NumPy array", "give the program, and the array with `emulate --input`"),
    Kind(b"\x89HDF\r\n\x1a\n", "an HDF5 file"),
    Kind(b"PAR1", "a Parquet table"),
    Kind(b"bplist00", "a binary property list"),
    Kind(b"<?xml", "an XML text"),
    Kind(b"<!DOCTYPE", "an HTML page"),
    Kind(b"<svg", "an SVG picture"),
    Kind(b"program(", "a Core ML program in text form (MIL)", COMPILED),
    Kind(b"{", "a JSON text"),
    Kind(b"[{", "a JSON text"),
)

#: cputypes of Mach-O binaries for other processors (source: Apple's machine.h).
CPU_TYPES = {7: "x86", 0x01000007: "x86-64", 12: "ARM", 0x0100000C: "arm64", 0x0200000C: "arm64_32", 18: "PowerPC"}

#: Folders that are one thing to a person, by suffix.
FOLDERS = {
    ".mlmodelc": ("a compiled Core ML model", COMPILED),
    ".mlpackage": ("a Core ML model", COMPILED),
    ".bundle": ("a macOS bundle", GIVE),
}


def folder(path: str) -> UsageError:
    """The error for a folder where a file is asked for, to raise."""
    what, hint = FOLDERS.get(os.path.splitext(path.rstrip(os.sep))[1].lower(), ("a directory, not a file", GIVE))
    return UsageError(f"is {what}", file=path, hint=hint)


def not_a_network(path: str, programs: tuple[str, ...]) -> UsageError:
    """The error for what `compile` was given and is not a network in ONNX, to raise.

    Args:
        path: the file or folder.
        programs: ends of the names of programs, in lower case.
    """
    name, hint = path.lower(), EXPORT
    if os.path.isdir(path):
        what = f"is {FOLDERS.get(os.path.splitext(name.rstrip(os.sep))[1], ('a directory', ''))[0]}"
        return UsageError(f"{what}, not an ONNX model", file=path, hint=hint)
    with open(path, "rb") as file:
        head = file.read(HEAD_BYTES)
    known = next((kind for kind in KINDS if kind.fits(head)), None)
    kind = known.what if known else ""
    if known and GIVE not in known.hint and known.hint != COMPILED:  # such as: unpack it first
        hint = known.hint
    if name.endswith(programs):
        kind, hint = "a program already", "`hwx2py info` shows it; --port makes it one for another architecture"
    elif head.startswith(b"PK\x03\x04"):
        kind = "a zip archive, such as PyTorch writes"
    elif _is_safetensors(head):
        kind = "weights (safetensors)"
    elif not kind and head and _is_printable(head):
        kind = "a text"
    what = f"is {kind}, not an ONNX model" if kind else "not an ONNX model, or a damaged one"
    return UsageError(what, file=path, hint=hint)


def macho(cputype: int) -> ContainerError:
    """The error for a Mach-O file of another processor, to raise."""
    name = CPU_TYPES.get(cputype)
    what = f"this is a macOS binary for {name}" if name else f"unknown cputype {cputype:#x}, the ANE's is 0x80"
    return ContainerError(what, where="header", hint=GIVE)


def refuse(data: memoryview, path: str, suffixes: tuple[str, ...] = ()) -> ContainerError:
    """The error for a file that holds no program, to raise.

    Args:
        data: the file's bytes.
        path: its name, whose suffix tells Core ML's protocol buffers.
        suffixes: ends of the names of programs that are looked for in archives, in lower case.
    """
    head = bytes(data[:HEAD_BYTES])
    if not head:
        return ContainerError("the file is empty", hint=GIVE)
    if archive := _archive(head, path, suffixes):
        return archive
    if kind := next((kind for kind in KINDS if kind.fits(head)), None):
        return ContainerError(f"this is {kind.what}, which holds no program", hint=kind.hint)
    if path.lower().endswith(".mlmodel"):
        return ContainerError("this is a Core ML model, which holds no program yet", hint=COMPILED)
    if path.lower().endswith(".onnx") or _is_onnx(head):
        return ContainerError("this is a network in ONNX, which holds no program yet", hint=COMPILE)
    if _is_safetensors(head):
        return ContainerError("these are weights (safetensors), which hold no program", hint=EXPORT)
    if _is_printable(head):
        if _is_hex(head):
            return ContainerError("this is a text of hex digits", hint=RAW)
        return ContainerError("this is a text, which holds no program", hint=GIVE + "; a script's name ends in .py")
    return ContainerError(f"not an .hwx file (it begins with {head[:4].hex()})", where="header", hint=f"{GIVE}; {RAW}")


def _archive(head: bytes, path: str, suffixes: tuple[str, ...]) -> ContainerError | None:
    """The error for a zip or tar archive, with the programs in it; None for other files."""
    if head.startswith(b"PK\x03\x04"):
        what, unpack, names = "a zip archive", "unzip", _zipped(path)
    elif head[257:262] == b"ustar":
        what, unpack, names = "a tar archive", "tar -xf", _tarred(path)
    else:
        return None
    found = list(islice(names, MOST_MEMBERS)) if path != STANDARD else []
    if any(name.endswith("/data.pkl") for name in found):
        return ContainerError("these are weights or a model of PyTorch, which hold no program", hint=EXPORT)
    programs = [name for name in found if name.lower().endswith(suffixes)]
    if not programs:
        return ContainerError(f"this is {what}, which holds no program", hint=UNPACKED)
    more = ", ..." if len(programs) > NAMED or len(found) == MOST_MEMBERS else ""
    programs_named = ", ".join(programs[:NAMED]) + more
    return ContainerError(
        f"this is {what} with programs in it ({programs_named})", hint=f"unpack it first (`{unpack}`)"
    )


def _zipped(path: str) -> Iterator[str]:
    """Names of the files in a zip archive; none where it is damaged, or comes from standard input."""
    import zipfile

    try:
        with zipfile.ZipFile(path) as archive:
            yield from archive.namelist()
    except (OSError, zipfile.BadZipFile):
        return


def _tarred(path: str) -> Iterator[str]:
    """Names of the files in a tar archive; those before the damage where it is damaged."""
    import tarfile

    try:
        with tarfile.open(path, "r:") as archive:
            for member in archive:
                yield member.name
    except (OSError, tarfile.TarError):
        return


def _is_onnx(head: bytes) -> bool:
    """Whether bytes begin as a ModelProto of ONNX does: an IR version, then the name of what wrote it, or the graph."""
    return len(head) > 2 and head[0] == 0x08 and head[1] < 0x20 and head[2] in (0x12, 0x1A, 0x3A, 0x42)


def _is_safetensors(head: bytes) -> bool:
    """Whether bytes begin with the length of a JSON text, and that text."""
    return head[8:10] in (b'{"', b"{}") and 2 <= int.from_bytes(head[:8], "little") < 1 << 32


def _is_printable(data: bytes) -> bool:
    """Whether bytes are UTF-8 text; the last character may be cut."""
    try:
        text = data.decode()
    except UnicodeDecodeError as error:
        if error.start < len(data) - 3 or error.reason != "unexpected end of data":
            return False
        text = data[: error.start].decode()
    return all(char.isprintable() or char in "\t\r\n\f" for char in text)


def _is_hex(data: bytes) -> bool:
    """Whether a third of a text's words are hex numbers, as `hexdump` and `dmesg` print them."""
    words = data.replace(b"0x", b"").replace(b":", b" ").split()
    numbers = [word for word in words if len(word) > 1 and not word.strip(b"0123456789abcdefABCDEF,")]
    return 3 * len(numbers) >= len(words)
