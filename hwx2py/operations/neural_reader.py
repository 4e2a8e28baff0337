"""Reads a task of the neural engines."""

from ..registers.enums import NE_LAST, NE_OPERATION, Value
from . import operand_reader
from .look import Look
from .neural import Channel, ChannelRegisters, Convolution, Kernel, Neural, Table, Window
from .operand import Dma, Shape
from .understood import ALWAYS, BLOCKS, CHANNELS, KERNEL, NEURAL, NEURAL_BLOCKS

CONVOLUTION, CHANNEL_SUM, PRODUCT, MAXIMUM, BYPASS = 0, 8, 10, 11, 12
LOOKUP = "LUT"
#: A summand below half a step of the accumulator's grid, 2^-16, cannot be seen in a sum.
INVISIBLE = 2.0**-17


def neural(look: Look) -> Neural:
    """The operation of a task of the neural engines; what is not understood is in its `unknowns`."""
    look.check(ALWAYS)
    look.check(NEURAL)
    engines = _engines(look)
    mode = _mode(look)
    number = mode.number if mode else BYPASS
    last = next((value for value in NE_LAST if value.number == look.number("NE.NonlinearMode")), None)
    if last is None:
        look.refuse("NE.NonlinearMode", "its meaning is not known")
    window = _window(look, number == CONVOLUTION)
    groups, channels = look.size("Common.NumGroups"), look.size("Common.Cin")
    outputs = look.size("Common.Cout")
    shape = Shape(groups, channels, *(look.size(f"Common.{name}") for name in ("Din", "Hin", "Win")))
    unicast = look.number("Common.UnicastCin") if look.number("Common.UnicastEn") else None
    if number == BYPASS and channels > outputs:
        # An M1 passed one channel through although Cin said 64.
        shape = shape._replace(channels=outputs)
    _check_channels(look, number, shape.channels, outputs, unicast)
    source = operand_reader.source_1(look, shape, False)
    stored = Shape(groups, outputs, *(look.size(f"Common.{name}") for name in ("Dout", "Hout", "Wout")))
    result_shape = stored._replace(width=stored.width * window.columns) if window.columns > 1 else stored
    _check_shapes(look, number, shape, stored)
    result = operand_reader.result(look, result_shape, bool(look.number("Common.OutTrans")))
    if number == CONVOLUTION or (last and last.name == LOOKUP):
        look.check(CHANNELS)
    kernel = _kernel(look, engines, last) if number == CONVOLUTION else None
    if kernel is not None:
        _check_packing(look, kernel, window, shape, unicast)
    table = _table(look, engines) if last and last.name == LOOKUP else None
    _check_formats(look, number, source.element.size_bytes, result.element.size_bytes)
    acc_bias = float(look.value("NE.AccBias.AccBias"))
    if number not in (CONVOLUTION, CHANNEL_SUM) and abs(acc_bias) >= INVISIBLE:
        look.refuse("NE.AccBias.AccBias", "it was seen with convolutions and sums over channels only")
    post_scale = float(look.value("NE.PostScale.PostScale", 1.0))
    operand_reader.check_tiles(look, source)
    if isinstance(source.where, Dma) and not operand_reader.is_fetched(look):
        look.refuse("TileDMASrc.Src1DMAConfig", "source 1 waits for a DMA that is off")
    look.check_rest((*BLOCKS, *NEURAL_BLOCKS))
    task = Neural(
        engines=engines,
        source=source,
        mode=mode,
        window=window,
        outputs=outputs,
        unicast=unicast,
        acc_bias=acc_bias,
        post_scale=post_scale,
        last=last if last and last.function else None,
        kernel=kernel,
        table=table,
        result=result,
        zeros=tuple(look.zeros),
        patched=any(look.number(f"Common.{name}") for name in ("PatchWidth", "PatchHeight")),
        unknowns=tuple(look.unknowns),
        fields=frozenset(look.fields),
    )
    return task if kernel is None else Convolution(*task)


def _engines(look: Look) -> int:
    """Neural engines that work: the header has 1 + log2 of them, Common.Cfg log2."""
    announced, active = look.number("Header.ENE"), look.number("Common.ActiveNE")
    if announced != active + 1:
        look.refuse("Common.ActiveNE", f"Header.ENE = {announced} stands for one less")
    if look.number("Common.TaskType"):
        look.refuse("Common.TaskType", "the header gives the task to the neural engines")
    if 1 << active > look.arch.machine.engines:
        look.refuse("Common.ActiveNE", f"the chip has {look.arch.machine.engines} engines")
        return look.arch.machine.engines
    return 1 << active


def _mode(look: Look) -> Value | None:
    number = look.number("NE.MACCfg.OpMode") | look.number("NE.MACCfg.KernelMode") << 3
    mode = next((value for value in NE_OPERATION if value.number == number), None)
    if mode is None:
        look.refuse("NE.MACCfg.OpMode", f"with KernelMode {look.registers.label('NE.KernelMode')} it was never seen")
    return mode


def _window(look: Look, convolves: bool) -> Window:
    numbers = [look.size(f"Common.{name}") for name in ("Kh", "Kw", "Sy", "Sx")]
    padding = [look.number(f"Common.{name}") for name in ("Py", "Px")]
    side_by_side = [look.number(f"Common.{name}", 1) for name in ("Oy", "Ox")]
    if not convolves and (any(number != 1 for number in numbers) or any(padding)):
        look.refuse("Common.ConvCfg", "the task does not convolve, but has a window")
    if side_by_side[0] != 1:
        look.refuse("Common.Oy", "it is 1 in every program; its meaning is open")
    if side_by_side[1] not in ((1, 2) if convolves else (1,)):
        look.refuse("Common.Ox", "only one or two columns side by side were seen, two in convolutions only")
    if convolves and any(padding) and look.number("L2.L2Cfg.PaddingMode") not in (0, 1):
        look.refuse("L2.L2Cfg.PaddingMode", "convolutions were seen with zeros around the input only")
    height, width, step_y, step_x = numbers
    if side_by_side[1] > 1 and step_x % side_by_side[1]:
        look.refuse("Common.Sx", f"{side_by_side[1]} columns side by side do not share a step of {step_x}")
    return Window(height, width, step_y, step_x // (side_by_side[1] or 1), *padding, *side_by_side)


def _check_channels(look: Look, mode: int, channels: int, outputs: int, unicast: int | None) -> None:
    if mode == BYPASS and channels != outputs:
        look.refuse("Common.Cout", f"{channels} channels are passed through")
    if mode == CHANNEL_SUM and unicast is not None and unicast * outputs != channels:
        look.refuse("Common.UnicastCin", f"{outputs} outputs of that many channels do not make {channels}")
    if mode == PRODUCT and unicast is not None and unicast != 2:
        look.refuse("Common.UnicastCin", "products of two channels were seen only")
    if mode == MAXIMUM and unicast == 1:
        look.refuse("Common.UnicastCin", "the largest of one channel came out as 0 on an M1, which is not understood")
    if mode in (PRODUCT, MAXIMUM):
        if unicast is None:
            look.refuse("Common.UnicastEn", "the operation works on unicast channels")
        elif unicast * outputs != channels:
            look.refuse("Common.UnicastCin", f"{outputs} outputs of that many channels do not make {channels}")
        if look.number("Common.OCGSize"):
            look.refuse("Common.OCGSize", "over channels it was seen with planes of one channel only")
        look.number("Common.ElemMultMode")


def _check_shapes(look: Look, mode: int, shape: Shape, stored: Shape) -> None:
    """A task that does not convolve keeps height and width."""
    if shape.depth != 1 or stored.depth != 1:
        look.refuse("Common.InDepth", "depth was never seen in the neural engines")
    if mode == CONVOLUTION:
        return
    for axis, name in (("height", "Hout"), ("width", "Wout")):
        if getattr(shape, axis) != getattr(stored, axis):
            look.refuse(f"Common.{name}", f"the input has {getattr(shape, axis)}, and the task does not convolve")


def _check_formats(look: Look, mode: int, source_bytes: int, result_bytes: int) -> None:
    """8-bit elements are moved, or go through a table; their arithmetic is not understood."""
    point = look.number("NE.BinaryPoint")
    if source_bytes == 2 and result_bytes == 2:
        # An M1 gave 0 for a maximum over channels whose binary point was 0.
        if mode != BYPASS and point != look.arch.machine.binary_point:
            look.refuse("NE.BinaryPoint", f"{look.arch.machine.binary_point} stands for float16")
    elif mode != BYPASS:
        look.refuse("Common.ChCfg", "arithmetic of the neural engines on 8-bit elements is not understood")


def _bar(look: Look, base_register: str) -> tuple[int | None, bool]:
    """The BAR of a coefficient stream, and whether the task enables it."""
    if look.has("Header.KBase0"):
        return look.number("Header.KBase0"), look.is_enabled("KBase0")
    slot = look.registers.slot(base_register)
    return slot, slot is not None


def _channels(look: Look, engines: int) -> tuple[Channel, ...]:
    name = "KernelDMASrc.Coeff"
    configs, bases, sizes = (look.words(f"{name}{part}", engines) for part in ("DMAConfig", "BaseAddr", "BfrSize"))
    enable = look.arch.place(f"{name}DMAConfig.En")
    base = look.arch.place(f"{name}BaseAddr.Addr")
    size = look.arch.place(f"{name}BfrSize.MemBfrSize")
    return tuple(
        Channel(
            engine,
            bool(enable.number(configs[engine])),
            base.number(bases[engine]),
            size.number(sizes[engine]),
            ChannelRegisters(*(f"{name}{part}[{engine}]" for part in ("DMAConfig", "BaseAddr", "BfrSize"))),
        )
        for engine in range(engines)
    )


def _kernel(look: Look, engines: int, last: Value | None) -> Kernel:
    look.check(KERNEL)
    if look.value("NE.KernelFmt", "Float16") != "Float16":
        look.refuse("NE.KernelFmt", "only float16 weights are understood")
    own_base = look.has("KernelDMASrc.CoeffBase.Addr")
    bar, enabled = _bar(look, "KernelDMASrc.CoeffBase")
    if look.number("NE.SparseFmt") != look.number("KernelDMASrc.KernelSparseFmt"):
        look.refuse("NE.SparseFmt", "the kernel DMA says otherwise")
    from_task = None
    if look.number("Header.TDE"):
        from_task = look.number("Header.DTID.DTID")
    return Kernel(
        bar=bar,
        enabled=enabled and bool(look.number("KernelDMASrc.MasterEnable")),
        base_bytes=look.number("KernelDMASrc.CoeffBase.Addr") if own_base else 0,
        channels=_channels(look, engines),
        lanes=1 << look.number("Common.OCGSize"),
        bias_row=bool(look.number("NE.BiasMode")),
        zero_skipping=bool(look.number("NE.SparseFmt")),
        format="Float16",
        from_task=from_task,
        round_stride_bytes=look.number("KernelDMASrc.KernelOCGStride.Stride"),
        group_stride_bytes=look.number("KernelDMASrc.KernelGroupStride.Stride"),
        table_in_front=not own_base and last is not None and last.name == LOOKUP,
        register="KernelDMASrc.CoeffBase" if own_base else "Header.KBase0",
    )


def _check_packing(look: Look, kernel: Kernel, window: Window, shape: Shape, unicast: int | None) -> None:
    """The forms of a kernel whose bytes are known."""
    one_row = window.height == 1 and unicast == 1
    if window.columns > 1 and not kernel.zero_skipping and not one_row:
        look.refuse("Common.Ox", "the order of weights is known for depthwise kernels of one row only")
    if not kernel.zero_skipping:
        return
    if look.has("KernelDMASrc.CoeffBase.Addr"):
        look.refuse("NE.SparseFmt", "the order of the bytes of kernels without zeros is known for H13 only")
    if (window.height, window.width) != (1, 1) or shape.groups > 1 or unicast is not None:
        look.refuse("NE.SparseFmt", "without zeros only kernels of 1 x 1 that read every channel are understood")


def _table(look: Look, engines: int) -> Table:
    """The lookup table: in a channel of its own since H14, else in front of every working engine's coefficients."""
    if look.has("KernelDMASrc.NonLinearLutBase.Addr"):
        register = "KernelDMASrc.NonLinearLutBase"
        slot = look.registers.slot(register)
        return Table(
            bar=slot,
            enabled=slot is not None and bool(look.number("KernelDMASrc.NonLinearLutDMAConfig.En")),
            base_bytes=look.number(f"{register}.Addr"),
            size_bytes=look.number("KernelDMASrc.NonLinearLutBfrSize.MemBfrSize"),
            register=register,
            size_register="KernelDMASrc.NonLinearLutBfrSize",
        )
    bar, enabled = _bar(look, "")
    channels = _channels(look, engines)
    channel = channels[0]
    return Table(
        bar=bar,
        enabled=enabled and channel.enabled and bool(look.number("KernelDMASrc.MasterEnable")),
        base_bytes=channel.base_bytes,
        size_bytes=channel.size_bytes,
        register=channel.registers.base,
        size_register=channel.registers.size,
        channels=channels,
    )
