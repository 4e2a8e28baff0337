"""The experiment that settles why elementwise programs of macOS 14 and later return 0.0 with tools of old.

Two explanations are about: the tools bind buffers in the old order (output, then inputs), which is not what these
tasks' headers select; or the kernel-DMA and neural-engine state that newer compilers leave in the task spoils it. Five
scripts, alike but for one thing each, tell them apart.
"""

from typing import NamedTuple

import libcst as cst

from . import emit, passes
from .emit import template
from .emit.nodes import Item, assign, listing, literal, sequence, string
from .errors import UnsupportedError
from .program.bars import bound_order, renumber, with_bindings
from .program.describe import is_planar, two_sources
from .program.model import Program
from .program.register_file import walk

RUNNER = "run_all.py"


class Variant(NamedTuple):
    """A script of the experiment: its name, what it is, the program, and what each explanation predicts."""

    script: str
    what: str
    program: Program
    predictions: dict[str, float]


def check(program: Program) -> None:
    """Refuses a program about which the experiment would tell nothing.

    Raises:
        UnsupportedError: with the reason.
    """
    registers = list(walk(program.arch, program.tasks))
    if program.arch.machine.driver != "ABI 1":
        raise UnsupportedError(f"the driver runs H13 programs, this one is for {program.arch.name}")
    if len(registers) != 1 or not is_planar(registers[0]) or not two_sources(registers[0]):
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
    files = {variant.script: emit.emit(variant.program, [f"Experiment: {variant.what}."]).text for variant in found}
    return files | {RUNNER: _runner(found)}


def _runner(found: list[Variant]) -> str:
    program = found[-1].program
    rows = [sequence([variant.script, variant.what, _predictions(variant.predictions)]) for variant in found]
    parts = {
        "PROGRAM": [assign("PROGRAM", literal(program.origin.name))],
        "OUTPUT": [assign("OUTPUT", literal(program.outputs[0].name))],
        "VARIANTS": [assign("VARIANTS", listing([Item(row, 0) for row in rows], "", 0))],
    }
    module = template.read(RUNNER)
    return module.with_changes(body=template.replaced(module.body, parts)).code


def _predictions(values: dict[str, float]) -> cst.Dict:
    return cst.Dict([cst.DictElement(cst.SimpleString(string(name)), literal(value)) for name, value in values.items()])
