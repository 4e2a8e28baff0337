"""Questions about sizes of 0 beside those that hung an M1, and about what wedged an M1 Max."""

from collections.abc import Callable, Mapping
from typing import NamedTuple

import numpy as np

from ...program.program import Program
from ..predictions import Formula, engine, gives, hangs, stepped, unwritten
from ..programs import SMALL, edited, spread, word
from ..question import Case, Hypothesis, Question, Risk
from .neural import X, one_to_one, pass_through
from .planar import two_sources

WHERE = "hwx2py/registers/h13.py"
HANGS = "it hangs"


class Base(NamedTuple):
    """A program that a size of 0 is put into: what makes it, what it computes, its inputs."""

    make: Callable[[], Program]
    formula: Formula
    inputs: Mapping[str, np.ndarray]


RELU = Base(pass_through, lambda x: np.maximum(x, 0), {"x": spread(X, 80)})
CONVOLUTION = Base(lambda: one_to_one(1.0), lambda x: stepped(x), {"x": spread(X, 81)})
ADD = Base(lambda: two_sources("add"), lambda a, b: a + b, {"a": spread(SMALL, 82), "b": spread(SMALL, 83)})


class Zero(NamedTuple):
    """A field that is set to 0.

    Attributes:
        name: of the question.
        what: the field is, and in which task.
        base: the program.
        register: the register.
        field: the field.
        is_hang: the virtual ANE takes it for a hang.
        finding: rules of `check` that it breaks.
    """

    name: str
    what: str
    base: Base
    register: str
    field: str
    is_hang: bool = True
    finding: tuple[str, ...] = ("zero-dimension",)


RESULT = ("zero-dimension", "output-partly-written")
WINDOW = ("window",)
ZEROS = (
    Zero("zero-width", "the width of a neural task's source", RELU, "Common.InDim", "Win"),
    Zero("zero-height", "the height of a neural task's source", RELU, "Common.InDim", "Hin"),
    Zero("zero-result-width", "the width of a neural task's result", RELU, "Common.OutDim", "Wout", True, RESULT),
    Zero("zero-result-height", "the height of a neural task's result", RELU, "Common.OutDim", "Hout", True, RESULT),
    Zero("zero-channels", "the channels of a neural task's source", RELU, "Common.Cin", "Cin"),
    Zero("zero-result-channels", "the channels of a neural task's result", RELU, "Common.Cout", "Cout", True, RESULT),
    Zero("zero-unicast", "the channels of a unicast sum", RELU, "Common.GroupConvCfg", "UnicastCin", False, ()),
    Zero("zero-kernel", "the width of a convolution's kernel", CONVOLUTION, "Common.ConvCfg", "Kw", True, WINDOW),
    Zero("zero-step", "the step of a convolution", CONVOLUTION, "Common.ConvCfg", "Sx", True, WINDOW),
    Zero("zero-planar-width", "the width of a planar task's source", ADD, "Common.InDim", "Win"),
    Zero("zero-planar-groups", "the number of groups of a planar task", ADD, "Common.GroupConvCfg", "NumGroups"),
    Zero("zero-planar-kernel", "the width of a planar task's kernel", ADD, "Common.ConvCfg", "Kw", False, ()),
    Zero("zero-planar-step", "the step of a planar task", ADD, "Common.ConvCfg", "Sx", False, ()),
)


def _zero(row: Zero) -> Question:
    def cases() -> list[Case]:
        return [Case("zero", edited(row.base.make(), {row.register: {row.field: 0}}), row.base.inputs)]

    change = f"the row of {row.register}.{row.field}, and `Operation.zeros`"
    runs = Hypothesis("it has no effect", gives(row.base.formula), f"{change}: not a zero that hangs")
    hanging = hangs(f"{change}: a zero that hangs")
    return Question(
        row.name,
        f"What happens if {row.what} is 0 ({row.register}.{row.field})?",
        "inferred from zeros in InDepth, OutDepth, TileCfg and GroupConvCfg, which hung an M1; ConvCfg3d did not",
        WHERE,
        cases,
        (
            *((engine(HANGS), runs) if row.is_hang else (engine("it has no effect"), hanging)),
            Hypothesis("nothing is written", unwritten, f"{change}: the task does nothing"),
        ),
        Risk.HANG,
        frozenset(row.finding),
    )


def _larger() -> list[Case]:
    program = one_to_one(1.0)
    size = word(program, "KernelDMASrc.CoeffBfrSize[0]")
    return [Case("larger", edited(program, {"KernelDMASrc.CoeffBfrSize[0]": 2 * size}), CONVOLUTION.inputs)]


LARGER = Question(
    "kernel-dma-larger",
    "Does kernel DMA that fetches more than the task consumes hang, and is the device usable afterwards?",
    "0xff000 for 0x8000 bytes an engine hung and wedged an M1 Max; twice 64 bytes is not known",
    "hwx2py/packing/fetched.py",
    _larger,
    (
        engine(HANGS),
        Hypothesis(
            "it has no effect", gives(CONVOLUTION.formula), "`misfits`: a fetch that is larger is no fault up to a size"
        ),
    ),
    Risk.WEDGE,
    frozenset({"kernel-dma-larger"}),
)

QUESTIONS = (*map(_zero, ZEROS), LARGER)
