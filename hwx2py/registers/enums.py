"""Enumerations of register fields that generations share, each stated once.

A value of an engine's operation is a row: its number, the name that register tables give it, how a sentence says it,
and the name of the function in `emulate.arithmetic` that computes it.
"""

from collections.abc import Iterable
from typing import NamedTuple


class Value(NamedTuple):
    """A value of a field that says what an engine computes.

    Attributes:
        number: the field's bits.
        name: the register table's name.
        sentence: how a sentence says it; {0} and {1} are the operands, {sign} the sign of the second one;
            empty where the sentence depends on more than the value.
        function: name of the function that computes it; empty where there is nothing to compute.
    """

    number: int
    name: str
    sentence: str = ""
    function: str = ""


def names(values: Iterable[Value]) -> dict[int, str]:
    """The enumeration of a field: number -> name."""
    return {value.number: value.name for value in values}


#: Element formats of Common.ChCfg and NE.KernelCfg.
FORMAT = {0: "UInt8", 1: "Int8", 2: "Float16"}

#: Common.Cfg.TaskType: which engine works, and on what.
TASK_TYPE = {
    0: "NE",
    1: "PoolOneSource",
    2: "ElementwiseOneSource",
    3: "ElementwiseTwoSources",
    4: "GainOffset",
    5: "ReduceOneSource",
    6: "ReduceTwoSources",
    8: "PoolTwoSources",
}

#: L2.SourceCfg.SourceType, L2.ResultCfg.ResultType: by DMA or out of L2; a chain hands a tensor on tile by tile.
SOURCE_TYPE = {0: "L2Read", 1: "DmaReadKeep", 2: "DmaRead", 3: "L2ChainRead"}
RESULT_TYPE = {0: "L2Write", 1: "L2WriteAndDma", 2: "DmaWrite", 3: "L2ChainWrite"}

L2_FORMAT = {0: "8b", 1: "16b", 3: "32b"}
MEMORY_FORMAT = {0: "8b", 2: "16b"}

#: PE.Cfg.OpMode: how the planar engine combines two sources; a single source passes, or is squared.
PE_COMBINE = (
    Value(0, "Add", "{0} {sign} {1}", "add"),
    Value(1, "Mul", "{0} * {1}", "multiply"),
    Value(2, "Max", "max({0}, {1})", "maximum"),
    Value(3, "Min", "min({0}, {1})", "minimum"),
    Value(4, "SumSquares", "({0} {sign} {1})^2", "sum_squares"),
)

#: PE.Cfg.PoolMode: how a reduction combines.
PE_REDUCE = (
    Value(0, "Sum", "sum", "sum"),
    Value(2, "Max", "max", "max"),
    Value(3, "Min", "min", "min"),
)

#: PE.Cfg.NLMode: the last step of the planar engine; {epsilon} is added under the root.
PE_FUNCTION = (
    Value(0, "None", "{0}"),
    Value(1, "Reciprocal", "1 / {0}", "reciprocal"),
    Value(2, "Rsqrt", "1 / sqrt({0}{epsilon})", "reciprocal_root"),
)

FIRST_SRC = {0: "+Source1", 1: "-Source1"}
SECOND_SRC = {0: "None", 2: "+Source2", 3: "-Source2"}

#: NE.MACCfg.OpMode and KernelMode (8 in the number): what the neural engines compute.
NE_OPERATION = (
    Value(0, "Conv", function="convolution"),
    Value(8, "ChannelSum", function="channel_sum"),
    Value(10, "ElementwiseMult", function="channel_product"),
    Value(11, "CrossChannelMax", function="channel_maximum"),
    Value(12, "Bypass", function="identity"),
)
NE_OP_MODE = {0: "Conv", 2: "ElementwiseMult", 3: "CrossChannelMax", 4: "Bypass"}
KERNEL_MODE = {0: "Kernel", 1: "Unity"}

#: NE.MACCfg.NonlinearMode.
NE_LAST = (
    Value(0, "None", "{0}"),
    Value(1, "ReLU", "relu({0})", "relu"),
    Value(2, "LUT", "table({0})", "table"),
)

#: PE.Cfg.Cond of H13 and H14 (one bit), and of H15 and later (three).
CONDITION = {0: "None", 1: "Abs"}
CONDITION_WIDE = {
    0: "None",
    1: "Less",
    2: "Greater",
    3: "NotEqual",
    4: "Equal",
    5: "LessEqual",
    6: "GreaterEqual",
    7: "Abs",
}
