"""The words of all tasks, small: a table of registers once, and for each task what differs from an earlier one."""

import math
from collections.abc import Iterator
from typing import Any, NamedTuple

from ..names import legible
from ..program.program import Program
from ..program.task import Task
from ..registers.architecture import Field, Location
from ..registers.kinds import BAR


class Texts:
    """Texts that many rows share, each once."""

    def __init__(self) -> None:
        self._numbers: dict[str, int] = {"": 0}

    def number(self, text: str) -> int:
        """The number of a text."""
        return self._numbers.setdefault(text, len(self._numbers))

    def as_data(self) -> list[str]:
        """All texts by number."""
        return [legible(text) for text in self._numbers]


class _Floats(NamedTuple):
    """A field of numbers that a browser has no type for: they are decoded here, each once.

    Attributes:
        index: which field of its register.
        field: its row.
        known: its bits -> the number; text where JSON has none.
    """

    index: int  # type: ignore[assignment] # hides tuple's method
    field: Field
    known: dict[int, float | int | str]

    def note(self, word: int) -> None:
        """Keeps the number that a word holds."""
        bits = (word & self.field.mask) >> self.field.lsb
        if bits not in self.known:
            number = self.field.decode(word)
            is_plain = isinstance(number, str) or math.isfinite(number)
            self.known[bits] = number if is_plain else str(number)


class Words:
    """Takes tasks in turn, and keeps the tables that they share.

    A form is a sequence of registers that tasks write. The words of the first task of a form are given whole, those of
    the next ones as the places and words that differ from the task before them of that form.

    Args:
        program: whose tasks they are.
        texts: where meanings, sources and other shared texts go.
    """

    def __init__(self, program: Program, texts: Texts):
        self._arch, self.texts = program.arch, texts
        self._blocks: dict[str, tuple[int, str]] = {}
        self._rows: dict[tuple[bool, int], int] = {}
        self._registers: list[dict[str, Any]] = []
        self._floats: list[list[_Floats]] = []
        self._forms: dict[tuple[tuple[int, int | None], ...], int] = {}
        self._latest: list[list[int]] = []

    def take(self, task: Task) -> dict[str, Any]:
        """The words of a task: its form, and `words`, or `changed` words."""
        arch = self._arch
        header = [(self._row(arch.header_location(index), True), None) for index in range(task.header_words)]
        written = list(task.writes())
        form = (*header, *((self._row(arch.locate(write.address), False), write.slot) for write in written))
        words = [*task.words[: task.header_words], *(write.value for write in written)]
        for (row, _), word in zip(form, words):
            for floats in self._floats[row]:
                floats.note(word)
        number = self._forms.setdefault(form, len(self._forms))
        if number == len(self._latest):
            self._latest.append(words)
            return {"form": number, "words": words}
        changed = [
            item for place, (a, b) in enumerate(zip(self._latest[number], words)) if a != b for item in (place, b)
        ]
        self._latest[number] = words
        return {"form": number, "changed": changed}

    def as_data(self) -> dict[str, Any]:
        """The tables that the tasks refer to, ready for JSON."""
        for register, several in zip(self._registers, self._floats):
            for floats in several:
                register["fields"][floats.index]["floats"] = {str(bits): n for bits, n in sorted(floats.known.items())}
        return {
            "blocks": [{"name": name, "meaning": text} for name, (_, text) in self._blocks.items()],
            "registers": self._registers,
            "forms": [
                {"registers": [row for row, _ in form], "slots": _slots(slot for _, slot in form)}
                for form in self._forms
            ],
        }

    def _row(self, location: Location, in_header: bool) -> int:
        key = in_header, location.address
        if key not in self._rows:
            self._rows[key] = len(self._registers)
            self._registers.append(self._register(location, in_header))
            fields = enumerate(location.register.fields)
            self._floats.append([_Floats(n, field, {}) for n, field in fields if field.kind.is_float])
        return self._rows[key]

    def _register(self, location: Location, in_header: bool) -> dict[str, Any]:
        block, register = location.block, location.register
        number, _ = self._blocks.setdefault(block.name, (len(self._blocks), block.meaning))
        return {
            "block": number,
            "name": location.name.partition(".")[2],
            "address": location.address,
            "header": in_header,
            "meaning": self.texts.number(register.meaning),
            "confidence": register.confidence,
            "rest": ~register.named_mask & 0xFFFFFFFF,
            "fields": [self._field(field, register.confidence) for field in register.fields],
        }

    def _field(self, field: Field, confidence: str) -> dict[str, Any]:
        coding = field.kind.coding
        data: dict[str, Any] = {
            "name": field.name,
            "msb": field.msb,
            "lsb": field.lsb,
            "shift": 0 if coding.whole else field.lsb,
            "add": int(coding.less),
            "hex": field.kind.is_hex,
            "meaning": self.texts.number(field.meaning),
            "source": self.texts.number(field.source),
            "confidence": field.confidence or confidence,
        }
        if field.enum:
            data["names"] = {str(number): name for number, name in field.enum.items()}
        if field.kind is BAR:
            data["bar"] = field.enable
        return data


def _slots(slots: Iterator[int | None]) -> dict[str, int]:
    """Place in a form -> the BAR slot that the write names."""
    return {str(place): slot for place, slot in enumerate(slots) if slot is not None}
