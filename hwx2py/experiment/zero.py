"""The experiment that settles why elementwise programs of macOS 14 and later return 0.0 with older tools.

Two explanations are about: the tools bind buffers in the old order (output, then inputs), which is not what these
tasks' headers select; or the kernel-DMA and neural-engine state that newer compilers leave in the task spoils it. Five
scripts, alike but for one thing each, tell them apart.
"""

from typing import NamedTuple

from .. import emitter, passes
from ..emitter import skeleton
from ..emitter.text import literal, wrapped
from ..errors import UnsupportedError
from ..operations import Planar, operations
from ..program.bars import bound_order, renumber, with_bindings
from ..program.program import Program

RUNNER = "run_all.py"


class Variant(NamedTuple):
    """A script of the experiment: its name, what it is, the program, and what each explanation predicts."""

    script: str
    what: str
    program: Program
    predictions: dict[str, float]

    @property
    def name(self) -> str:
        """The script's name without its ending, in the words of a case."""
        return self.script.removesuffix(".py").replace("_", "-")


def check(program: Program) -> None:
    """Refuses a program about which the experiment would tell nothing.

    Raises:
        UnsupportedError: with the reason.
    """
    tasks = list(operations(program))
    if program.arch.machine.driver != "ABI 1":
        raise UnsupportedError(f"the driver runs H13 programs, this one is for {program.arch.name}")
    if len(tasks) != 1 or not isinstance(tasks[0], Planar) or tasks[0].second is None:
        raise UnsupportedError("the experiment is about one elementwise task with two sources")
    hint = "take a file of macOS 14 or later"
    if all(old == new for old, new in bound_order(program).items()):
        raise UnsupportedError("its BARs are in the old order already, so binding in that order is right", hint=hint)
    _, outcomes = passes.run(program, passes.chosen(clean=True))
    if not any(outcome.edits for outcome in outcomes):
        raise UnsupportedError("no state that the passes remove is in it", hint=hint)


def variants(program: Program, right: float) -> list[Variant]:
    """The five programs.

    Args:
        program: one that `check` let pass.
        right: its first output element, if all is well.
    """
    order = bound_order(program)
    fixed = {tensor.name: order[tensor.bar] for tensor in (*program.inputs, *program.outputs)}
    cleaned, _ = passes.run(program, passes.chosen(clean=True))
    renumbered, both = renumber(program, order), renumber(cleaned, order)
    rows = (
        ("raw_fixed.py", "untouched, buffers bound in the old order", with_bindings(program, fixed), False, False),
        ("cleaned_fixed.py", "cleaned, buffers bound in the old order", with_bindings(cleaned, fixed), False, True),
        ("renumbered_fixed.py", "BARs renumbered to the old order", renumbered, True, False),
        ("cleaned_renumbered.py", "cleaned and renumbered", both, True, True),
        ("right_binding.py", "untouched, buffers bound as the file says", program, True, False),
    )
    return [
        Variant(script, what, variant, {"buffers": right if bound else 0.0, "state": right if clean else 0.0})
        for script, what, variant, bound, clean in rows
    ]


def scripts(found: list[Variant]) -> dict[str, str]:
    """File name -> source of each variant's script, and of the runner."""
    files = {variant.script: emitter.emit(variant.program, [f"Experiment: {variant.what}."]).text for variant in found}
    return files | {RUNNER: _runner(found)}


def _runner(found: list[Variant]) -> str:
    program = found[-1].program
    rows = [row for variant in found for row in wrapped("(", _row(variant), "),", 4)]
    values = {"PROGRAM": literal(program.origin.name), "OUTPUT": literal(program.outputs[0].name)}
    values["VARIANTS"] = "\n".join(["[", *rows, "]"])
    return skeleton.assigned(skeleton.read(RUNNER), values).code


def _row(variant: Variant) -> list[str]:
    predictions = ", ".join(f"{literal(name)}: {value!r}" for name, value in variant.predictions.items())
    return [literal(variant.script), literal(variant.what), f"{{{predictions}}}"]
