"""A bare task stream, in binary or as hex text: tasks only, nothing binds their buffers."""

import re
from collections.abc import Sequence

from ..errors import StreamError, UsageError
from ..program.program import ELEMENT_BYTES, SCRATCH, Origin, Program, Scratch, Tensor, natural_const_offset
from ..program.streams import STREAMS, Text
from ..registers import Architecture
from ..units import round_up
from .file import ProgramFile
from .hexdump import is_hex_text, readings

UNBOUND = (
    "a bare task stream names no buffers: fill in a Tensor(name, role, BAR, shape, strides, dtype, bytes) in TENSORS "
    "for each BAR that the tasks select, or convert with --tensor NAME=ROLE:BAR:NxCxHxW"
)
GIVEN = "a bare task stream; its tensors are those that --tensor gave"

_TENSOR = re.compile(r"(?P<name>.+)=(?P<role>input|output|scratch):(?P<bar>\d{1,2}):(?P<shape>\d{1,9}(x\d{1,9}){3})")
#: Rows of tensors begin at multiples of this.
ROW_BYTES = 64
#: A buffer that is larger does not fit the engine's address space.
MOST_BYTES = 0xE0000000


def buffer(option: str) -> Tensor | Scratch:
    """A buffer as `--tensor` describes it: float16, rows at multiples of 64 bytes, as Apple's compilers lay them out.

    Args:
        option: NAME=ROLE:BAR:NxCxHxW.

    Raises:
        UsageError: it is something else.
    """
    match = _TENSOR.fullmatch(option)
    sizes = [int(size) for size in match["shape"].split("x")] if match else [0]
    if match is None or 0 in sizes:
        hint = "such as --tensor x=input:4:1x3x32x32; roles are input, output and scratch"
        raise UsageError(f"--tensor {option}: not NAME=ROLE:BAR:NxCxHxW", hint=hint)
    batch, channels, height, width = sizes
    row = round_up(ELEMENT_BYTES["float16"] * width, ROW_BYTES)
    strides = channels * height * row, height * row, row, ELEMENT_BYTES["float16"]
    if batch * strides[0] > MOST_BYTES:
        raise UsageError(f"--tensor {option}: {batch * strides[0]} bytes are more than the engine addresses")
    if match["role"] == SCRATCH:
        return Scratch(int(match["bar"]), batch * strides[0], match["name"])
    shape = batch, channels, height, width
    return Tensor(match["name"], match["role"], int(match["bar"]), shape, strides, "float16", batch * strides[0])


def _buffers(options: Sequence[str], arch: Architecture) -> list[Tensor | Scratch]:
    """All of them, each with a name and a BAR of its own."""
    found = [buffer(option) for option in options]
    for place, one in enumerate(found):
        if one.bar in arch.fixed_bars:
            raise UsageError(f"--tensor {one.name}: BAR {one.bar} is {arch.fixed_bars[one.bar]}")
        if any(one.bar == other.bar or one.name == other.name for other in found[:place]):
            raise UsageError(f"--tensor {one.name}: its name or its BAR is given twice")
    if sum(isinstance(one, Scratch) for one in found) > 1:
        raise UsageError("--tensor gives scratch memory twice, and there is one")
    return found


def load_raw(data: memoryview, name: str, arch: Architecture, tensors: Sequence[str] = ()) -> ProgramFile:
    """The program of a bare task stream.

    Args:
        data: the stream's bytes, or a text of hex numbers as `dmesg`, `hexdump -C`, `xxd` and `od` print them.
        name: the file's name, for provenance.
        arch: the architecture, which a bare stream does not name.
        tensors: its buffers, as NAME=ROLE:BAR:NxCxHxW.

    Returns:
        A program with these tensors and without coefficients, and no container.

    Raises:
        StreamError: it does not parse.
        UsageError: a tensor is not described as it must be.
    """
    buffers = _buffers(tensors, arch)
    if not len(data):
        raise StreamError("the stream is empty", hint="give the bytes of a task descriptor, or their hex text")
    text, notes = _decoded_hex(data, arch) if is_hex_text(data) else (_decoded(data, arch), [])
    return ProgramFile(
        Program(
            arch=arch,
            text=text,
            tensors=tuple(one for one in buffers if isinstance(one, Tensor)),
            scratch=next((one for one in buffers if isinstance(one, Scratch)), None),
            const=memoryview(b""),
            const_offset=natural_const_offset(text.size_bytes),
            origin=Origin(name, "raw", data, notes=(GIVEN if buffers else UNBOUND, *notes)),
        )
    )


def _decoded(data: memoryview, arch: Architecture) -> Text:
    return STREAMS[arch.stream].decode_bare(data, arch)


def _decoded_hex(data: memoryview, arch: Architecture) -> tuple[Text, list[str]]:
    """The reading of a hex text that parses, and the one with the fewest unknown registers where several do."""
    texts: list[tuple[int, str, Text]] = []
    first_error: StreamError | None = None
    for reading in readings(bytes(data)):
        try:
            text = _decoded(memoryview(reading.data), arch)
        except StreamError as error:
            first_error = first_error or error
            continue
        strange = sum(not arch.has_row(address) for task in text.tasks for address in task.addresses())
        texts.append((strange, reading.what, text))
    if not texts:
        raise first_error or StreamError("the text has no hex numbers", hint="give a hex dump of the task stream")
    _, what, text = min(texts, key=lambda reading: reading[0])
    return text, [f"a hex text, read as {what}"]
