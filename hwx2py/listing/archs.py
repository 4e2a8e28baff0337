"""What works for each architecture, and what that is known from, out of the rows."""

from typing import Any, NamedTuple

from ..program.streams import STREAMS
from ..registers import Architecture


class Support(NamedTuple):
    """What works for an architecture.

    Attributes:
        arch: its name.
        cpusubtype: the number in the container's header.
        chips: the chips that carry it.
        stream: the encoding of its task stream.
        decode: whether programs are decoded, and re-encoded to the byte.
        encode: whether programs are written from registers.
        script: whether programs become scripts.
        virtual_ane: whether the virtual ANE runs it.
        confirmed: the runs on hardware that confirm its results; empty where there are none.
        agrees: published figures that its numbers agree with; empty where there are none.
        driver: the interface of the Linux driver; empty where there is none.
        anec: whether an `.anec` can hold its programs.
        confidence: of the register table.
        evidence: what the register table was checked against.
    """

    arch: str
    cpusubtype: int
    chips: tuple[str, ...]
    stream: str
    decode: bool
    encode: bool
    script: bool
    virtual_ane: bool
    confirmed: str
    agrees: str
    driver: str
    anec: bool
    confidence: str
    evidence: str

    def as_data(self) -> dict[str, Any]:
        """The same for JSON."""
        return {**self._asdict(), "chips": list(self.chips)}


def support(arch: Architecture) -> Support:
    """What works for an architecture: whatever comes in a known stream is decoded and encoded, and becomes a script.

    Args:
        arch: the architecture.
    """
    machine = arch.machine
    return Support(
        arch=arch.name,
        cpusubtype=arch.cpusubtype,
        chips=arch.chips,
        stream=arch.stream,
        decode=arch.stream in STREAMS,
        encode=arch.stream in STREAMS,
        script=arch.stream in STREAMS,
        virtual_ane=machine.executes,
        confirmed=machine.confirmed,
        agrees=machine.agrees,
        driver=machine.driver,
        anec=machine.anec,
        confidence=arch.confidence,
        evidence=arch.evidence,
    )


HEADINGS = ("", "chips", "decode", "encode", "script", "virtual ANE", "driver", ".anec")


def cells(row: Support) -> tuple[str, ...]:
    """A row of the table, as text."""
    known = ", confirmed" if row.confirmed else ", numbers confirmed" if row.agrees else ""
    runs = f"yes{known}" if row.virtual_ane else "no"
    flags = ["yes" if flag else "no" for flag in (row.decode, row.encode, row.script)]
    return (row.arch, ", ".join(row.chips), *flags, runs, row.driver or "none", "yes" if row.anec else "no")


def evidence(row: Support) -> list[str]:
    """What the entries of a row are known from, a line each."""
    lines = [f"registers, {row.confidence} confidence: {row.evidence}"]
    if row.virtual_ane:
        lines.append(f"virtual ANE: {row.confirmed or 'no run on hardware confirms its results'}")
    if row.agrees:
        lines.append(f"numbers: they agree with what was published: {row.agrees}")
    return lines


def markdown(rows: list[Support]) -> str:
    """The table as the README has it, with the evidence below."""
    lines = [f"| {' | '.join(HEADINGS)} |", "|---" * len(HEADINGS) + "|"]
    lines += [f"| {' | '.join(cells(row))} |" for row in rows]
    lines += ["", *(f"- {row.arch} {'; '.join(evidence(row))}" for row in rows)]
    return "\n".join(lines)
