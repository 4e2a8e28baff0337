"""A task's words as a draft that can be laid out: which registers are written, in which order, and the filler."""

from collections.abc import Iterator, Sequence

from ...program import build
from ...program.streams import STREAMS, Pending
from ...registers import by_name
from ...units import round_up
from .rule import Subject, Writing
from .translate import Words

#: Tasks do not end on multiples of this where there is a filler.
UNWANTED_END_BYTES = 64
WORD_BYTES = 4


class Writer:
    """Writes the tasks of a program one after another.

    Args:
        arch_name: the architecture that they are for.
        writing: how it wants them.
    """

    def __init__(self, arch_name: str, writing: Writing):
        self.arch, self.writing = by_name(arch_name), writing
        self.stream = STREAMS[self.arch.stream]
        self._at = len(writing.opening)
        self._at_first = writing.at_first()
        self._in_bases = frozenset(name for base in writing.bases for name in base.registers)
        self._rows = [place for block in writing.blocks for place in self.arch.rows_of(block)]

    def draft(self, words: Words, task: Subject, kernel_writer: int | None) -> build.Draft:
        """A task as it is written behind the ones before.

        Args:
            words: its words.
            task: the task of the source.
            kernel_writer: the task that wrote its kernel, for the header's further word; None without.
        """
        header = build.header(self.arch, words.header, kernel_writer)
        items = [*self._items(words, task.fetches)]
        tail = [*self._bases(words, task)]
        if self.writing.filler is not None:
            items += self._fillers(len(header), items, tail)
        draft = build.Draft(header, [*items, *tail], self.arch.layout_fields)
        self._at = round_up(self._end(len(header), draft.items), self.stream.alignment)
        return draft

    def _items(self, words: Words, fetches: bool) -> Iterator[Pending]:
        for place in self._rows:
            if place.name in self._in_bases or (not fetches and place.name in self.writing.only_with_kernel):
                continue
            for index in range(place.register.count):
                name = f"{place.name}[{index}]" if place.register.count > 1 else place.name
                word = words.registers.get(name)
                if self.writing.sparse and (
                    word is None or (word == self._at_first[name] and name not in self.writing.always)
                ):
                    continue
                yield Pending(place.address + WORD_BYTES * index, self._at_first[name] if word is None else word)

    def _bases(self, words: Words, task: Subject) -> Iterator[Pending]:
        for base in self.writing.bases:
            bar = base.bar(task)
            if bar is not None:
                for name in base.registers:
                    yield build.write(self.arch, name, words.registers.get(name, 0), slot=bar)

    def _fillers(self, header_words: int, items: list[Pending], tail: list[Pending]) -> list[Pending]:
        """As few as keep the end of the task, rounded up to where the next one may begin, off such a multiple."""
        assert self.writing.filler is not None
        name, word = self.writing.filler
        found: list[Pending] = []
        while self._is_unwanted(self._end(header_words, [*items, *found, *tail])):
            found.append(build.write(self.arch, name, word))
        return found

    def _is_unwanted(self, end: int) -> bool:
        return round_up(end, self.stream.alignment) % UNWANTED_END_BYTES == 0

    def _end(self, header_words: int, items: Sequence[Pending]) -> int:
        """Where a task of these writes ends, bytes from the start of the text."""
        records = sum(1 for _ in self.stream.records(items))
        return self._at + WORD_BYTES * (header_words + records + len(items))
