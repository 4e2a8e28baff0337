"""The list of passes, and running some of them."""

from collections.abc import Sequence

from ..errors import UsageError
from ..program.program import Program
from .edits import Kept, Outcome, Pass, WordEdit, apply
from .idle import kernel_dma, neural_engine, noise, source_residue

PASSES = (
    Pass(
        "kernel-dma",
        True,
        "configurations, bases and sizes of all KernelDMASrc channels to 0 in planar tasks that enable none",
        "bit 0 of a configuration enables its channel: 0x80 is a disabled one, and the planar engine fetches none",
        ("H13",),
        kernel_dma,
    ),
    Pass(
        "neural-engine",
        True,
        "NE.KernelCfg 0x80 and NE.MACCfg 0x00100000 to 0 in the same tasks",
        "the neural engines do not run; other values (KeepKernel, UsePrevKernel) are left alone and reported",
        ("H13",),
        neural_engine,
    ),
    Pass(
        "source-residue",
        True,
        "TileDMASrc 0x13840 from 0x100 to 0 in the same tasks",
        "0 in every planar task of the compilers before 7.6",
        ("H13",),
        source_residue,
    ),
    Pass(
        "noise",
        False,
        "log and debug masks, cycle counts and task priorities in the headers to 0",
        "they do not take part in computing",
        (),
        noise,
    ),
)


def chosen(clean: bool, only: Sequence[str] = (), skip: Sequence[str] = ()) -> list[Pass]:
    """The passes that a command line asks for, in table order.

    Args:
        clean: the default ones.
        only: names of further ones.
        skip: names of those to leave out.

    Raises:
        UsageError: a name is unknown, or is both asked for and left out.
    """
    names = [cleaning.name for cleaning in PASSES]
    if unknown := next((name for name in (*only, *skip) if name not in names), None):
        raise UsageError(f"no pass is called {unknown}", hint=f"there are: {', '.join(names)}")
    if both := next((name for name in only if name in skip), None):
        raise UsageError(f"--pass {both} and --skip {both} contradict each other", hint="leave one of them out")
    wanted = {cleaning.name for cleaning in PASSES if clean and cleaning.default} | {*only}
    return [cleaning for cleaning in PASSES if cleaning.name in wanted - {*skip}]


def run(program: Program, passes: Sequence[Pass]) -> tuple[Program, list[Outcome]]:
    """Runs passes one after another.

    Args:
        program: the program; it is not changed.
        passes: the passes in order.

    Returns:
        The program after the last one, and what each did.
    """
    outcomes = []
    for cleaning in passes:
        applies = cleaning.applies_to(program)
        found = list(cleaning.find(program)) if applies else []
        edits = tuple(entry for entry in found if isinstance(entry, WordEdit))
        kept = tuple(entry for entry in found if isinstance(entry, Kept))
        program = apply(program, edits)
        outcomes.append(Outcome(cleaning, applies, edits, kept))
    return program, outcomes
