"""Whether a task stream is one of the generation that its container names."""

from ...errors import HwxError, StreamError
from ...program.streams import STREAMS, Text
from ...registers import Architecture, every


def check_likeness(text: Text, data: memoryview, arch: Architecture) -> None:
    """Refuses a stream whose registers are those of another generation.

    A stream may parse under another generation's rules by accident. It is refused only if most of its writes meet no
    register of the named architecture, and every write meets one of another.

    Args:
        text: the stream, decoded as the container names it.
        data: its bytes.
        arch: the architecture that the container names.

    Raises:
        StreamError: the stream is of another generation.
    """
    if not arch.blocks or not text.tasks:
        return
    task = text.tasks[0]
    strange = [write for write in task.writes() if not arch.has_row(write.address)]
    if 2 * len(strange) <= sum(record.count for record in task.records):
        return
    if hint := generation_hint(data, arch):
        raise StreamError(
            f"{strange[0].address:#x} is not a register of {arch.name}",
            where=f"task 0, text offset {task.offset + 4 * strange[0].index:#x}",
            hint=hint,
        )


def generation_hint(data: memoryview, arch: Architecture) -> str:
    """What to do about a stream that does not parse: the generation whose rules it follows, if there is one."""
    for other in every():
        if other is not arch and other.blocks and _explains(other, data):
            return f"the stream is one of {other.name}: read it with --arch {other.name}"
    return ""


def _explains(arch: Architecture, data: memoryview) -> bool:
    """Whether a stream parses as an architecture's, and writes nothing but its registers."""
    try:
        tasks = STREAMS[arch.stream].decode_bare(data, arch).tasks
    except HwxError:
        return False
    addresses = list(tasks[0].addresses())
    return bool(addresses) and all(arch.has_row(address) for address in addresses)
