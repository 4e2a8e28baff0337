"""A chain of task descriptors as its records say it is, whatever header and NextSize announce (H11 to H13)."""

from typing import NamedTuple

from ..program.task import words_of
from ..registers import Architecture

#: A write of 0 to register 0: what the engine makes of zeros inside a task. No task has an input of no size.
RECORD_WORDS = 2
MOST_TASKS = 65536


class Link(NamedTuple):
    """A task of the chain.

    Attributes:
        offset: where it begins, bytes from the start of the text.
        announced_bytes: the size that the task before, or the container, announces; None where nothing does.
        size_bytes: where its records end.
        has_dtid: whether it is read with a DTID word.
        flags_dtid: whether header word 6 announces one.
    """

    offset: int
    announced_bytes: int | None
    size_bytes: int
    has_dtid: bool
    flags_dtid: bool

    @property
    def end(self) -> int:
        """Byte offset just behind its records."""
        return self.offset + self.size_bytes


class Chain(NamedTuple):
    """The tasks that NextPointer links.

    Attributes:
        links: the tasks in order.
        problem: why the chain cannot be followed further; empty where it ends with a task that names no next one.
    """

    links: tuple[Link, ...]
    problem: str = ""


def follow(text: memoryview, arch: Architecture, first_task_bytes: int | None, text_bytes: int) -> Chain:
    """Follows a chain.

    Args:
        text: the text, and what lies behind it.
        arch: an architecture whose stream is linked.
        first_task_bytes: the announced size of the first task; None where nothing announces it.
        text_bytes: the announced size of the text.
    """
    words = words_of(text[: len(text) // 4 * 4])
    pointer, next_size = arch.place("Header.NextPointer"), arch.place("Header.NextSize")
    links: list[Link] = []
    offset, announced = 0, first_task_bytes
    while True:
        if offset % 4 or offset // 4 + arch.header_words >= len(words):
            return Chain(tuple(links), f"NextPointer {offset:#x} leads out of the text ({4 * len(words):#x} bytes)")
        start = offset // 4
        following = pointer.number(words[start + pointer.address // 4])
        link = _measure(words, arch, offset, announced, following or text_bytes)
        if link is None:
            return Chain(tuple(links), f"the records of the task at {offset:#x} do not parse")
        links.append(link)
        if not following:
            return Chain(tuple(links))
        if following <= offset or len(links) > MOST_TASKS:
            return Chain(tuple(links), f"NextPointer {following:#x} leads back")
        announced = 4 * next_size.number(words[start + next_size.address // 4]) + 4
        offset = following


def _measure(words: memoryview, arch: Architecture, offset: int, announced: int | None, end: int) -> Link | None:
    flag_word, flag_bit = arch.dtid_flag
    flagged = bool(words[offset // 4 + flag_word] >> flag_bit & 1)
    for has_dtid in (flagged, not flagged):
        first = offset // 4 + arch.header_words + has_dtid
        limit = (offset + announced) // 4 if announced else 0
        index = _records_end(words, arch, first, limit, end // 4)
        if index is not None:
            return Link(offset, announced, 4 * index - offset, has_dtid, flagged)
    return None


def _records_end(words: memoryview, arch: Architecture, index: int, announced: int, limit: int) -> int | None:
    """Where the records end, as an index of a word; None where they do not parse.

    They end at zeros, at the limit, or where it was announced if no record can follow there.
    """
    limit = min(limit, len(words))
    fits = False
    while index < limit and any(words[index : index + RECORD_WORDS]):
        fits = fits or index == announced
        address, count = words[index] & 0x3FFFFFF, (words[index] >> 26) + 1
        if index + 1 + count > limit and limit < len(words) and not fits:
            limit = len(words)
        if address % 4 or not _in_a_block(arch, address) or index + 1 + count > limit:
            return announced if fits else None
        index += count + 1
    return index


def _in_a_block(arch: Architecture, address: int) -> bool:
    return any(block.base <= address < block.base + 4 * block.words for block in arch.blocks)
