"""What an architecture is beside its registers: memory, engines, numbers, start values, and what hardware ignores.

Every row says how it is known.
"""

from typing import NamedTuple


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


class Ignored(NamedTuple):
    """Bits that change nothing on hardware.

    Attributes:
        register: `Block.Register`.
        mask: the bits.
        evidence: how it is known.
    """

    register: str
    mask: int
    evidence: str


class Idle(NamedTuple):
    """A word that newer compilers leave in a register of an engine that does not work, and that changes nothing.

    Attributes:
        register: `Block.Register`.
        word: the value.
        evidence: how it is known.
    """

    register: str
    word: int
    evidence: str


class Machine(NamedTuple):
    """A chip generation as something that runs tasks.

    Attributes:
        engines: neural engines.
        l2_bytes: size of the buffer memory between DMA and engines.
        l2_evidence: how that is known.
        numbers: the arithmetic of its engines, a name that `emulate.numbers` knows.
        confirmed: the hardware runs that confirm results; empty where none does.
        executes: whether the virtual ANE runs it.
        driver: the interface of the Linux driver: "ABI 1", "ABI 2", or "" where there is none.
        anec: whether an `.anec` file can hold its programs.
        start: the start image, for architectures that do not carry register values from task to task.
        ignored: bits that hardware was seen to ignore.
        idle: words that newer compilers leave in registers of an idle engine.
        binary_point: NE.MACCfg.BinaryPoint of float16 tasks.
        dram_bytes_per_us: memory bandwidth in bytes per microsecond, as the compiler's own estimates have it; 0 where
            nothing tells.
        dram_evidence: how that is known.
        plain_formats: words of the tile DMA's format registers that stand for float16 without interleave,
            where the fields of those registers are not known.
    """

    engines: int = 16
    l2_bytes: int = 1 << 21
    l2_evidence: str = "chosen: L2 addresses have 17 bits of 16 bytes"
    numbers: str = "chip"
    confirmed: str = ""
    executes: bool = False
    driver: str = ""
    anec: bool = False
    start: tuple[Start, ...] = ()
    ignored: tuple[Ignored, ...] = ()
    idle: tuple[Idle, ...] = ()
    binary_point: int = 28
    dram_bytes_per_us: int = 0
    dram_evidence: str = ""
    plain_formats: tuple[int, ...] = ()
