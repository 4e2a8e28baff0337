"""Every register that every task writes, by name and field, as data."""

from collections.abc import Collection, Iterator, Sequence
from typing import Any

from ..errors import RegisterError
from ..operations.reader import Reader
from ..operations.wording import Names, sentence
from ..program.program import Program
from ..program.register_file import walk
from ..registers import Architecture
from ..registers.architecture import BarField, Location
from . import registers as listing


def tasks(program: Program, only: int | None = None, wanted: Sequence[str] = ()) -> Iterator[dict[str, Any]]:
    """The tasks in order, ready for JSON.

    Args:
        program: the program.
        only: index of the one task to list, or None for all.
        wanted: the registers to list, as `hwx2py registers` takes them (a block, a register, `PixelOffset[2]`, a field,
            an address); all where it is empty.

    Raises:
        RegisterError: the architecture has nothing of a wanted name.
    """
    chosen = {name for text in wanted for name in _resolved(program.arch, text)}
    return _tasks(program, only, chosen)


def _resolved(arch: Architecture, text: str) -> Iterator[str]:
    """Names of the registers that a name stands for: `Block.Register`, with `[2]` where one element is wanted."""
    entries = listing.select(arch, text)
    if text.lower().startswith("0x"):
        yield arch.locate(int(text, 16) & ~3).name
        return
    _, bracket, element = text.partition("[")
    for entry in entries:
        if bracket and element not in {f"{index}]" for index in range(entry.register.count)}:
            raise RegisterError(f"{arch.name} has no {text}: {entry.name} has {entry.register.count}")
        yield entry.name + bracket + element


def _is_chosen(location: Location, chosen: Collection[str]) -> bool:
    return not chosen or location.name in chosen or location.name.partition("[")[0] in chosen


def _tasks(program: Program, only: int | None, chosen: Collection[str]) -> Iterator[dict[str, Any]]:
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
                _header_word(location, task.words[word], program.arch.bar_fields, names) | {"offset": 4 * word}
                for word in range(task.header_words)
                if _is_chosen(location := program.arch.header_location(word), chosen)
            ],
            "writes": [
                _word(location, write.value)
                | {"address": write.address}
                | ({} if write.slot is None else {"slot": names.get(write.slot, write.slot)})
                for write in task.writes()
                if _is_chosen(location := program.arch.locate(write.address), chosen)
            ],
        }


def _header_word(location: Location, word: int, bars: Sequence[BarField], names: dict[int, str]) -> dict[str, Any]:
    """A header word; fields that select a BAR in use come with the buffer's name."""
    selected = {
        bar.field.name: names[bar.field.number(word)]
        for bar in bars
        if 4 * bar.word == location.register.offset and bar.enable.number(word) and bar.field.number(word) in names
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
