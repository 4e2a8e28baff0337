"""What a task does, in a sentence: read off its registers, the same for every architecture.

Works from field names, which mean the same on all of them. A value that was never written and has no known start is
taken as the neutral one (scale 1, bias 0): this is for people, nothing computes from it.
"""

from collections.abc import Mapping
from typing import NamedTuple

from .register_file import RegisterFile, buffer_of

#: Source types of L2 whose data comes by tile DMA.
DMA_SOURCE_TYPES = (1, 2)


class Operation(NamedTuple):
    """A task in words.

    Attributes:
        engine: "planar engine" or "16 neural engines".
        action: what is computed, such as "image * image2".
        sources: names of what is read: buffers, or places in L2.
        result: name of where the result goes.
        coefficients: the buffer that coefficients come from; empty where there are none.
        shapes: "64 x 8 x 8", or "64 x 8 x 8 -> 64 x 1 x 1" (C x H x W).
    """

    engine: str
    action: str
    sources: tuple[str, ...]
    result: str
    coefficients: str
    shapes: str

    @property
    def sentence(self) -> str:
        """All of it on one line."""
        coefficients = f", coefficients from {self.coefficients}" if self.coefficients else ""
        return f"{self.result} = {self.action}; {self.engine}, {self.shapes}{coefficients}"


def operation(registers: RegisterFile, names: Mapping[int, str]) -> Operation:
    """Describes the task that a register file belongs to.

    Args:
        registers: the register file while the task runs.
        names: BAR (slot) -> name.
    """
    planar = is_planar(registers)
    sources = _sources(registers, names, planar)
    action = _planar_action(registers, sources) if planar else _neural_action(registers, sources[0])
    swapped = registers.get("Common.OutputTranspose") if planar else registers.get("Common.OutTrans")
    return Operation(
        engine="planar engine" if planar else _engines(registers),
        action=action + (", C and W swapped" if swapped else ""),
        sources=sources,
        result=_result(registers, names),
        coefficients=_coefficients(registers, names),
        shapes=_shapes(registers),
    )


def is_planar(registers: RegisterFile) -> bool:
    """Whether the planar engine runs the task (header ENE = 0), not the neural engines."""
    return registers.header("ENE") == 0


def _engines(registers: RegisterFile) -> str:
    count = 1 << registers.get("Common.ActiveNE")
    return f"{count} neural engine{'s' if count > 1 else ''}"


def two_sources(registers: RegisterFile) -> bool:
    """Whether a planar task has a second source."""
    return registers.get("Common.TaskType") in (3, 4, 6, 8)


def _sources(registers: RegisterFile, names: Mapping[int, str], planar: bool) -> tuple[str, ...]:
    by_dma = registers.get("L2.SourceCfg.SourceType") in DMA_SOURCE_TYPES
    first = _place(registers, names, by_dma, "source1", "L2.SourceBase")
    if not (planar and two_sources(registers)):
        return (first,)
    if registers.arch.field("L2.Source2Dma"):
        by_dma = bool(registers.get("L2.Source2Dma"))
    else:
        by_dma = registers.get("L2.Source2Cfg.SourceType") in DMA_SOURCE_TYPES
    return first, _place(registers, names, by_dma, "source2", "L2.Source2Base")


def _place(registers: RegisterFile, names: Mapping[int, str], by_dma: bool, use: str, l2_register: str) -> str:
    if by_dma:
        number = buffer_of(registers, use)
        return "an unbound buffer" if number is None else names.get(number, f"BAR {number}")
    return f"L2[{registers.word(l2_register) or 0:#x}]"


def _result(registers: RegisterFile, names: Mapping[int, str]) -> str:
    stored = registers.get("TileDMADst.En")
    return _place(registers, names, bool(stored), "result", "L2.ResultBase")


def _coefficients(registers: RegisterFile, names: Mapping[int, str]) -> str:
    if not registers.get("KernelDMASrc.MasterEnable"):
        return ""
    number = buffer_of(registers, "kernel")
    return "an unbound buffer" if number is None else names.get(number, f"BAR {number}")


def _shapes(registers: RegisterFile) -> str:
    def shape(channels: str, height: str, width: str) -> str:
        sizes = (registers.number(f"Common.{name}") for name in (channels, height, width))
        return " x ".join("?" if size is None else str(size) for size in sizes)

    one, two = shape("Cin", "Hin", "Win"), shape("Cout", "Hout", "Wout")
    groups = registers.get("Common.NumGroups", 1)
    text = one if one == two else f"{one} -> {two}"
    return f"{groups} groups of {text}" if groups > 1 else text


_PLANAR = {"Add": "{0} {sign} {1}", "Mul": "{0} * {1}", "Max": "max({0}, {1})", "Min": "min({0}, {1})",
           "SumSquares": "({0} {sign} {1})^2"}  # fmt: skip


def _planar_action(registers: RegisterFile, sources: tuple[str, ...]) -> str:
    kind = registers.get("Common.TaskType")
    first = f"-{sources[0]}" if registers.get("PE.FirstSrc") else sources[0]
    text = first
    if len(sources) == 2:
        operator = registers.label("PE.OpMode") or "Add"
        sign = "-" if registers.get("PE.SecSrc") == 3 else "+"
        pattern = _PLANAR.get(str(operator), f"op{operator}({{0}}, {{1}})")
        text = pattern.format(first, sources[1], sign=sign)
        if kind == 4:
            text = f"({first} {sign} {sources[1]}[0]) * {sources[1]}[1]"
    text = _scaled(text, registers.label("PE.Scale"), registers.label("PE.Bias"))
    if registers.get("PE.ReluEn"):
        text = f"relu({text})"
    if registers.label("PE.Cond") == "Abs":
        text = f"abs({text})"
    if kind in (5, 6):
        how = registers.label("PE.PoolMode")
        text = f"{'maximum' if how == 'Max' else 'sum'} over H and W of {text}"
    text = _scaled(text, registers.label("PE.FinalScale"), None)
    match registers.label("PE.NLMode"):
        case "Reciprocal":
            text = f"1 / ({text})"
        case "Rsqrt":
            text = f"1 / sqrt({text} + {registers.label('PE.Epsilon') or 0:g})"
    if kind in (1, 8):
        return f"pooling of {text}"
    return f"copy of {text}" if text == sources[0] else text


def _scaled(text: str, scale: object, bias: object) -> str:
    if isinstance(scale, float) and scale != 1.0:
        text = f"({text}) * {scale:g}"
    if isinstance(bias, float) and bias != 0.0:
        text = f"{text} + {bias:g}"
    return text


def _neural_action(registers: RegisterFile, source: str) -> str:
    mode, unity = registers.label("NE.OpMode"), registers.get("NE.KernelMode")
    channels = registers.get("Common.UnicastCin", 1)
    if mode == "Bypass":
        text = source
    elif mode == "ElementwiseMult":
        text = f"product over {channels} channels of {source}"
    elif mode == "CrossChannelMax":
        text = f"maximum over {channels} channels of {source}"
    elif unity:
        text = f"{source} + {registers.label('NE.AccBias') or 0:g}"
    else:
        text = _convolution(registers, source)
    scale = registers.label("NE.PostScale.PostScale")
    text = _scaled(text, scale, None)
    match registers.label("NE.NonlinearMode"):
        case "ReLU":
            return f"relu({text})"
        case "LUT":
            return f"table({text})"
    return f"copy of {text}" if text == source else text


def _convolution(registers: RegisterFile, source: str) -> str:
    kernel = f"{registers.get('Common.Kh', 1)} x {registers.get('Common.Kw', 1)}"
    depthwise = registers.get("Common.UnicastEn") and registers.get("Common.UnicastCin") == 1
    parts = [f"{kernel} {'depthwise ' if depthwise else ''}convolution of {source}"]
    strides = registers.get("Common.Sy", 1), registers.get("Common.Sx", 1)
    if strides != (1, 1):
        parts.append("stride {} x {}".format(*strides))
    if registers.get("NE.BiasMode"):
        parts.append("plus bias")
    return ", ".join(parts)
