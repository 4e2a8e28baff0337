"""A program as numbers to paste: a Python list of its words, and a C header with all that a driver's client needs.

`--raw` reads both back: in the header only the lines of the task stream begin with a number.
"""

import struct
from collections.abc import Iterator

from ..errors import UnsupportedError
from ..program.kernels import fold_kernels
from ..program.program import Program
from ..version import VERSION

#: The driver that waits for a network id.
SUBMIT_ABI = "ABI 1"

#: Words on a line.
ROW_WORDS = 8

#: Bytes of coefficients on a line, and the most that go into a header.
ROW_BYTES = 24
MOST_COEFFICIENT_BYTES = 1 << 24


def as_list(program: Program, task: int | None = None) -> Iterator[str]:
    """The words of the task stream, or of one task, as a list of Python.

    Args:
        program: the program.
        task: index of the one task, or None for the whole stream.
    """
    yield "["
    yield from (f"    {row}" for row in _rows(_bytes(program, task)))
    yield "]"


def as_header(program: Program) -> Iterator[str]:
    """A C header: the task stream, where its tasks are, the coefficients, and the buffers by BAR.

    Args:
        program: the program.

    Raises:
        UnsupportedError: its coefficients are too many for a text.
    """
    program = fold_kernels(program)
    if len(program.const) > MOST_COEFFICIENT_BYTES:
        limit = f"{MOST_COEFFICIENT_BYTES:#x}"
        raise UnsupportedError(
            f"{len(program.const):#x} bytes of coefficients are more than a C header takes ({limit})",
            hint="`hwx2py anec` writes a file that a program can read",
        )
    return _header(program)


def _header(program: Program) -> Iterator[str]:
    text = _bytes(program)
    yield from _about(program)
    yield ""
    yield "#include <stdint.h>"
    yield ""
    first = program.tasks[0]
    for name, value in (
        ("ANE_TSK_SIZE", len(text)),
        ("ANE_TD_COUNT", len(program.tasks)),
        ("ANE_TD_SIZE", first.size_bytes),
        ("ANE_CONST_OFFSET", program.const_offset),
        ("ANE_CONST_SIZE", len(program.const)),
    ):
        yield f"#define {name} {value:#x}"
    yield ""
    yield "/* The task stream, the first bytes of the command buffer. */"
    yield f"static const uint32_t ane_text[{len(text) // 4}] = {{"
    yield from (f"    {row}" for row in _rows(text))
    yield "};"
    yield ""
    yield "/* Where each task is in it, in bytes. */"
    yield f"static const struct {{ uint32_t offset, size; }} ane_tasks[{len(program.tasks)}] = {{"
    yield from (f"    {{{task.offset:#x}, {task.size_bytes:#x}}}," for task in program.tasks)
    yield "};"
    yield ""
    yield from _coefficients(program.const)
    yield "/* The other buffers; shape N C H W, strides in bytes. Scratch memory has neither. */"
    yield "static const struct {"
    yield "    const char *name, *role;"
    yield "    uint32_t bar, size, shape[4], strides[4];"
    yield f"}} ane_buffers[{len(program.buffers)}] = {{"
    for tensor in program.tensors:
        shape, strides = (", ".join(map(str, numbers)) for numbers in (tensor.shape, tensor.strides))
        yield (
            f'    {{{_literal(tensor.name)}, "{tensor.role}", {tensor.bar}, {tensor.size_bytes:#x}, '
            f"{{{shape}}}, {{{strides}}}}},"
        )
    if scratch := program.scratch:
        yield f'    {{{_literal(scratch.name)}, "scratch", {scratch.bar}, {scratch.size_bytes:#x}, {{0}}, {{0}}}},'
    yield "};"


def _about(program: Program) -> Iterator[str]:
    """What the header is of, and how it is read back; no line begins with a number."""
    yield f"/* A program for {program.arch.name}, written by hwx2py {VERSION}. */"
    yield "/* The command buffer is ane_text, and ane_const from ANE_CONST_OFFSET on; buffers go by their BARs. */"
    if program.arch.machine.driver == SUBMIT_ABI:
        yield "/* The Linux driver waits for the network id of the first task: write 0x40 into byte 2 of every task. */"


def _coefficients(const: memoryview) -> Iterator[str]:
    if not const:
        return
    yield "/* The coefficients, ANE_CONST_SIZE bytes and the zero that C puts behind a string. */"
    yield "static const unsigned char ane_const[] ="
    rows = [bytes(const[start : start + ROW_BYTES]) for start in range(0, len(const), ROW_BYTES)]
    for number, row in enumerate(rows, 1):
        escapes = "".join(f"\\x{byte:02x}" for byte in row)
        yield f'    "{escapes}"' + (";" if number == len(rows) else "")
    yield ""


def _literal(name: str) -> str:
    """A name as a string of C: what is not plain ASCII as octal escapes, which end after three digits."""
    plain = "".join(
        chr(byte) if 32 <= byte < 127 and byte not in b'"\\?' else f"\\{byte:03o}"
        for byte in name.encode("utf-8", "surrogatepass")
    )
    return f'"{plain}"'


def _bytes(program: Program, task: int | None = None) -> bytes:
    text = program.text.to_bytes()
    return text if task is None else text[program.tasks[task].offset : program.tasks[task].end]


def _rows(data: bytes) -> Iterator[str]:
    words = struct.unpack(f"<{len(data) // 4}I", data)
    for start in range(0, len(words), ROW_WORDS):
        yield " ".join(f"{word:#010x}," for word in words[start : start + ROW_WORDS])
