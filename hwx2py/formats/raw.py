"""A bare task stream, in binary or as hex text: tasks only, nothing binds their buffers."""

from ..errors import StreamError
from ..program.program import Origin, Program, natural_const_offset
from ..program.streams import STREAMS, Text
from ..registers import Architecture
from .file import ProgramFile
from .hexdump import is_hex_text, readings

NOTE = "a bare task stream binds no tensors: BARs have no names"


def load_raw(data: memoryview, name: str, arch: Architecture) -> ProgramFile:
    """The program of a bare task stream.

    Args:
        data: the stream's bytes, or a text of hex numbers as `dmesg`, `hexdump -C`, `xxd` and `od` print them.
        name: the file's name, for provenance.
        arch: the architecture, which a bare stream does not name.

    Returns:
        A program without tensors and coefficients, and no container.

    Raises:
        StreamError: it does not parse.
    """
    if not len(data):
        raise StreamError("the stream is empty", hint="give the bytes of a task descriptor, or their hex text")
    text, notes = _decoded_hex(data, arch) if is_hex_text(data) else (_decoded(data, arch), [])
    return ProgramFile(
        Program(
            arch=arch,
            text=text,
            tensors=(),
            const=memoryview(b""),
            const_offset=natural_const_offset(text.size_bytes),
            origin=Origin(name, "raw", data, notes=(NOTE, *notes)),
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
