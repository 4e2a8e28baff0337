"""Reads a task of the planar engine."""

import struct

from ..registers.enums import PE_COMBINE, PE_FUNCTION, PE_REDUCE, Value
from ..registers.kinds import FP32
from . import operand_reader
from .look import Look
from .operand import Dma, Shape
from .operand_reader import FLOAT16
from .planar import Planar
from .understood import ALWAYS, BLOCKS, PLANAR, PLANAR_BLOCKS

#: Common.Cfg.TaskType by name.
ONE, TWO, GAIN_OFFSET = "ElementwiseOneSource", "ElementwiseTwoSources", "GainOffset"
REDUCE_ONE, REDUCE_TWO = "ReduceOneSource", "ReduceTwoSources"
TWO_SOURCES, REDUCTIONS = (TWO, GAIN_OFFSET, REDUCE_TWO), (REDUCE_ONE, REDUCE_TWO)

#: PE.Cfg.SecSrc.
PLUS, MINUS = 2, 3

AXES = {"C": "channels", "D": "depth", "H": "height", "W": "width"}


def planar(look: Look) -> Planar:
    """The operation of a planar task; what is not understood is in its `unknowns`."""
    look.check(ALWAYS)
    look.check(PLANAR)
    kind = str(look.value("Common.TaskType", TWO))
    if kind not in (ONE, *TWO_SOURCES, *REDUCTIONS):
        look.refuse("Common.TaskType", "it was never seen in a planar task")
    shape = Shape(*(look.size(f"Common.{name}") for name in ("NumGroups", "Cout", "Dout", "Hout", "Wout")))
    first_stretch, second_stretch = _broadcast(look, "Src1"), _broadcast(look, "Src2")
    _check_sizes(look, shape, first_stretch)
    first = operand_reader.source_1(
        look, _squeezed(shape, first_stretch), bool(look.number("Common.Src1Transpose")), first_stretch
    )
    second = None
    if kind in TWO_SOURCES:
        second_shape = _squeezed(shape, second_stretch)
        if kind == GAIN_OFFSET:
            second_shape = second_shape._replace(depth=1, height=2, width=1)
        exchanged = bool(look.number("Common.Src2Transpose"))
        second = operand_reader.source_2(look, second_shape, exchanged, second_stretch)
    combine, signs = _combine(look, kind), look.number("PE.SecSrc")
    reduce = _row(look, "PE.PoolMode", PE_REDUCE) if kind in REDUCTIONS else None
    if reduce is None and look.number("PE.PoolMode"):
        look.refuse("PE.PoolMode", "the task does not reduce")
    result_shape = shape._replace(depth=1, height=1, width=1) if kind in REDUCTIONS else shape
    result = operand_reader.result(look, result_shape, bool(look.number("Common.OutputTranspose")))
    if any(operand and operand.element is not FLOAT16 for operand in (second, result)):
        look.refuse("Common.ChCfg", "the planar engine was seen to compute and to store float16 only")
    function = _row(look, "PE.NLMode", PE_FUNCTION)
    epsilon = _half(look, "PE.Epsilon")
    if epsilon and (function is None or function.name != "Rsqrt"):
        look.refuse("PE.Epsilon", "it was seen with the reciprocal square root only")
    condition = look.value("PE.Cond", "None")
    if condition not in ("None", "Abs"):
        look.refuse("PE.Cond", "conditions were never seen")
    numbers = {
        name: _half(look, field)
        for name, field in (("prescale", "PE.PreScale.PreScale"), ("scale", "PE.Scale"), ("bias", "PE.Bias"))
    }
    final_scale = float(look.value("PE.FinalScale.FinalScale", 1.0))
    operand_reader.check_tiles(look, first)
    if isinstance(first.where, Dma) and not operand_reader.is_fetched(look):
        look.refuse("TileDMASrc.Src1DMAConfig", "source 1 waits for a DMA that is off")
    negate_first, relu = bool(look.number("PE.FirstSrc")), bool(look.number("PE.ReluEn"))
    look.check_rest((*BLOCKS, *PLANAR_BLOCKS))
    return Planar(
        kind=kind,
        first=first,
        second=second,
        combine=combine,
        negate_first=negate_first,
        negate_second=signs == MINUS,
        **numbers,
        relu=relu,
        magnitude=condition == "Abs",
        reduce=reduce,
        final_scale=final_scale,
        function=function if function and function.function else None,
        epsilon=epsilon,
        result=result,
        zeros=tuple(look.zeros),
        unknowns=tuple(look.unknowns),
        fields=frozenset(look.fields),
    )


def _broadcast(look: Look, source: str) -> str:
    return "".join(axis for axis in AXES if look.number(f"Common.{source}Broadcast{axis}"))


def _squeezed(shape: Shape, broadcast: str) -> Shape:
    return shape._replace(**{AXES[axis]: 1 for axis in broadcast})


def _check_sizes(look: Look, shape: Shape, broadcast: str) -> None:
    """The input's sizes are the output's along every axis that is not broadcast: reductions say so, too."""
    for axis, name in (("C", "Cin"), ("D", "Din"), ("H", "Hin"), ("W", "Win")):
        wanted = getattr(shape, AXES[axis])
        if look.size(f"Common.{name}", wanted) != wanted and axis not in broadcast:
            look.refuse(f"Common.{name}", f"it differs from the output's {AXES[axis]}, {wanted}")


def _combine(look: Look, kind: str) -> Value | None:
    combine = _row(look, "PE.OpMode", PE_COMBINE)
    signs = look.number("PE.SecSrc")
    if kind in TWO_SOURCES:
        if signs not in (PLUS, MINUS):
            look.refuse("PE.SecSrc", "the task has two sources")
        if kind == GAIN_OFFSET and combine and combine.name != "Add":
            look.refuse("PE.OpMode", "gain and offset were seen with Add only")
        return combine
    if combine and combine.name == "SumSquares":
        return combine
    if combine and combine.name != "Add":
        look.refuse("PE.OpMode", "with one source only Add and SumSquares were seen")
    if signs:
        look.refuse("PE.SecSrc", "the task has one source")
    return None


def _row(look: Look, field: str, values: tuple[Value, ...]) -> Value | None:
    number = look.number(field)
    row = next((value for value in values if value.number == number), None)
    if row is None:
        look.refuse(field, "its meaning is not known")
    return row


def _half(look: Look, field: str) -> float:
    """A factor or summand; on H15 and later a float32, of which only values are settled that float16 has as well."""
    neutral = 1.0 if field.endswith("cale") else 0.0
    value = float(look.value(field, neutral))
    if look.has(field) and look.arch.place(field).field.kind is FP32 and not _fits_half(value):
        look.refuse(field, "values that float16 does not have were never seen")
    return value


def _fits_half(value: float) -> bool:
    try:
        return bool(struct.unpack("<e", struct.pack("<e", value))[0] == value)
    except OverflowError:
        return False
