"""What the line of a script that writes a register says of it, for the task that it belongs to."""

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from ..registers.architecture import Architecture, Field, Location
from .idle import NEURAL_ONLY, PLANAR_ONLY, Unread
from .neural import Neural
from .planar import Planar

#: Registers that only source 2 uses, by how their names begin.
SECOND_SOURCE = ("TileDMASrc.Src2", "L2.Source2")
#: Blocks that only a task with coefficients or a lookup table uses.
COEFFICIENTS = ("KernelDMASrc",)
#: Fields that say how many neural engines work: the logarithm of the number, and how much the field adds to it.
ENGINES = {"ENE": 1, "ActiveNE": 0}

#: How the register table speaks of two sources, and how that reads where there is one.
ONE_SOURCE = (("source 1", "the source"), ("the sources come", "the source comes"), ("the sources", "the source"))

#: What ends the first words of an evidence, which say how it was come by.
_REST = re.compile(r"[:;].*")


class Remarks(NamedTuple):
    """Remarks on the registers that a task writes, or that several tasks of one form write.

    Attributes:
        arch: the architecture.
        engines: the engines that compute: "planar", "neural".
        sources: the most sources that a task has.
        has_coefficients: whether a task fetches coefficients or a lookup table.
        unread: addresses of the registers that no task reads.
        inherited: addresses of those that a later task reads.
    """

    arch: Architecture
    engines: frozenset[str]
    sources: int
    has_coefficients: bool
    unread: frozenset[int]
    inherited: frozenset[int]

    @classmethod
    def of(cls, arch: Architecture, tasks: Iterable[tuple[Planar | Neural, Unread]]) -> "Remarks":
        """Remarks that are true of each of some tasks.

        Args:
            arch: the architecture.
            tasks: what each does, and what it does not read.
        """
        engines, sources, has_coefficients = set(), 0, False
        unread, inherited = set(), set()
        for operation, registers in tasks:
            engines.add("neural" if isinstance(operation, Neural) else "planar")
            sources = max(sources, len(operation.inputs))
            has_coefficients |= isinstance(operation, Neural) and bool(operation.kernel or operation.table)
            unread.add(registers.addresses)
            inherited.add(registers.inherited)
        common = frozenset.intersection(*unread)
        return cls(arch, frozenset(engines), sources, has_coefficients, common, frozenset().union(*inherited))

    def on(self, location: Location, given: Sequence[Field], word: int, unnamed: int, is_array: bool) -> str:
        """What there is to say of a register that the task writes.

        Args:
            location: the register.
            given: the fields that the line gives a value.
            word: what is written, without the fields that vary from task to task.
            unnamed: the bits that the line gives as a number.
            is_array: whether the line writes several registers of an array.
        """
        name = f"{location.block.name}.{location.register.name}"
        if why := self._unused(name, location.address):
            parts = [why]
        else:
            meaning = self.in_task(location.register.meaning) if location.register.fields else ""
            if not is_array:
                meaning = meaning.replace("an engine's", f"engine {location.index}'s")
            parts = [*_choices(meaning, location, given), *_engines(given, word)]
        return "; ".join(filter(None, [*parts, *_unnamed(location, unnamed)]))

    def in_task(self, meaning: str) -> str:
        """A meaning out of the register table, for a task of this many sources."""
        if self.sources != 1:
            return meaning
        for words, of_one in ONE_SOURCE:
            meaning = meaning.replace(words, of_one)
        return meaning

    def _unused(self, name: str, address: int) -> str:
        """Why the task has no use for a register; empty where it has one, or another task has."""
        block = name.partition(".")[0]
        if address in self.inherited:
            return ""
        if name.startswith(SECOND_SOURCE) and self.sources == 1:
            return "not used: there is one source"
        if not self.arch.carries_state:
            return ""  # H14 and later: what an idle engine's registers do there is inferred from H13 only
        if address in self.unread and self.engines == {"planar"} and block in NEURAL_ONLY:
            return "not used: the planar engine computes"
        if address in self.unread and self.engines == {"neural"} and block in PLANAR_ONLY:
            return "not used: the neural engines compute"
        if self.engines == {"neural"} and not self.has_coefficients and block in COEFFICIENTS:
            return "not used: there are no coefficients"
        return ""


def _unnamed(location: Location, rest: int) -> Iterator[str]:
    """What is known of bits that are given as a number."""
    for row in location.register.ignored:
        if rest & row.mask:
            yield f"{rest & row.mask:#x}: ignored ({_REST.sub('', row.evidence)})"
            rest &= ~row.mask
    for field in location.register.fields:
        if rest & field.mask:
            yield f"{rest & field.mask:#x}: {field.name} is {field.decode(rest)}"
            rest &= ~field.mask
    if rest:
        known = "a bit without a name" if location.register.fields else location.register.meaning
        yield f"{rest:#x}: {known}"


def _choices(meaning: str, location: Location, given: Sequence[Field]) -> Iterator[str]:
    """What a register means, and the values that its enumerations have; the one that it is about comes first."""
    fields = [field for field in given if field.enum]
    about = location.register.meaning
    lead = max(fields, key=lambda field: (field.meaning == about, len(field.enum or {})), default=None)
    if lead is None or lead.enum is None:
        yield meaning
        return
    yield f"{meaning}: {' '.join(lead.enum.values())}"
    told = [lead.enum]
    for field in fields:
        if field.enum and field.enum not in told:
            told.append(field.enum)
            yield f"{field.name}: {' '.join(field.enum.values())}"


def _engines(given: Sequence[Field], word: int) -> Iterator[str]:
    """How many neural engines a field says that work."""
    for field in given:
        number = field.number(word)
        if field.name in ENGINES and number:
            engines = 1 << number >> ENGINES[field.name]
            yield f"{engines} engine{'s' if engines > 1 else ''}"
