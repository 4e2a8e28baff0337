"""What an architecture is beside its registers: memory, engines, numbers, start values, and what hardware ignores.

Every row says how it is known.
"""

from typing import NamedTuple

#: Bytes of memory for which a compiler counts a whole number of cycles.
BLOCK_BYTES = 102_400


class Start(NamedTuple):
    """The word that a register holds where a task does not write it.

    Attributes:
        register: `Block.Register`; for an array, each of its registers.
        word: the value.
        evidence: how it is known.
    """

    register: str
    word: int
    evidence: str


class Rate(NamedTuple):
    """How fast the neural engines of a chip work at most.

    Attributes:
        chip: its name.
        what: is computed.
        least_tflops: the lowest peak that was measured, 10**12 operations a second; a multiply-accumulate is two.
        most_tflops: the highest.
        evidence: how it is known.
    """

    chip: str
    what: str
    least_tflops: float
    most_tflops: float
    evidence: str


class Submit(NamedTuple):
    """What a submit takes, whatever it computes.

    Attributes:
        chip: its name.
        system: the operating system.
        us: microseconds.
        evidence: how it is known.
    """

    chip: str
    system: str
    us: int
    evidence: str


class Machine(NamedTuple):
    """A chip generation as something that runs tasks.

    Attributes:
        engines: neural engines.
        l2_bytes: size of the buffer memory between DMA and engines.
        l2_evidence: how that is known.
        numbers: the arithmetic of its engines, a name that `emulate.numbers` knows.
        confirmed: the hardware runs that confirm results; empty where none does.
        agrees: published figures of its chips that the virtual ANE's numbers agree with; empty where there are none.
        executes: whether the virtual ANE runs it.
        driver: the interface of the Linux driver: "ABI 1", "ABI 2", or "" where there is none.
        anec: whether an `.anec` file can hold its programs.
        start: the start image, for architectures that do not carry register values from task to task.
        binary_point: NE.MACCfg.BinaryPoint of float16 tasks.
        cycles_per_block: what the compiler's estimate, ExeCycles, counts for `BLOCK_BYTES` of memory; 0 where nothing
            tells.
        cycles_evidence: how that is known.
        rates: how fast its chips were measured to be.
        submits: what a submit was measured to take.
        plain_formats: words of the tile DMA's format registers that stand for float16 without interleave,
            where the fields of those registers are not known.
    """

    engines: int = 16
    l2_bytes: int = 1 << 21
    l2_evidence: str = "chosen: L2 addresses have 17 bits of 16 bytes"
    numbers: str = "chip"
    confirmed: str = ""
    agrees: str = ""
    executes: bool = False
    driver: str = ""
    anec: bool = False
    start: tuple[Start, ...] = ()
    binary_point: int = 28
    cycles_per_block: int = 0
    cycles_evidence: str = ""
    rates: tuple[Rate, ...] = ()
    submits: tuple[Submit, ...] = ()
    plain_formats: tuple[int, ...] = ()
