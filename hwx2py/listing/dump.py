"""Every register that every task writes, by name and field, as data."""

import itertools
from collections.abc import Iterator
from typing import Any

from ..operations.read import Reader
from ..operations.sentence import Names, sentence
from ..program.model import Program
from ..program.register_file import walk
from ..registers.model import Location


def tasks(program: Program, only: int | None = None) -> Iterator[dict[str, Any]]:
    """The tasks in order, ready for JSON.

    Args:
        program: the program.
        only: index of the one task to list, or None for all.
    """
    names, reader, sentence_names = program.buffer_names(), Reader(program.arch), Names.of(program)
    for index, registers in enumerate(walk(program.arch, program.tasks)):
        if only not in (None, index):
            continue
        task = registers.task
        yield {
            "index": index,
            "offset": task.offset,
            "size_bytes": task.size_bytes,
            "does": sentence(reader.read(registers), sentence_names),
            "header": [
                _header_word(program.arch.header_location(word), task.words[word], names)
                for word in range(task.header_words)
            ],
            "writes": [
                _word(program.arch.locate(write.address), write.value)
                | {"address": write.address}
                | ({} if write.slot is None else {"slot": names.get(write.slot, write.slot)})
                for write in task.writes()
            ],
        }


def _header_word(location: Location, word: int, names: dict[int, str]) -> dict[str, Any]:
    """A header word; fields that select a BAR in use come with the buffer's name."""
    rows = location.register.fields
    selected = {
        row.name: names[row.number(word)]
        for row, enable in itertools.pairwise(rows)
        if row.kind == "bar" and enable.number(word) and row.number(word) in names
    }
    entry = _word(location, word)
    return entry | {"buffers": selected} if selected else entry


def _word(location: Location, word: int) -> dict[str, Any]:
    unnamed = word & ~location.register.named_mask
    entry = {
        "register": location.name,
        "value": word,
        "fields": {field.name: field.decode(word) for field in location.register.fields},
        "meaning": location.register.meaning,
    }
    return entry | {"unnamed_bits": unnamed} if unnamed else entry
