"""Rules about buffers: BARs, tensors, scratch, and what tile DMA touches in them."""

import math
from collections import Counter
from collections.abc import Iterable, Iterator

from ..formats.anec.header import FIRST_TENSOR, TILE_BYTES, Anec
from ..formats.hwx.image import Image, ProgramCommand
from ..operations import Neural
from ..operations.transfer import Transfer
from ..program import bars
from ..program.program import CONST_BAR, ELEMENT_BYTES, SCRATCH_BAR, TEXT_BAR, Tensor
from ..units import round_up, whole
from .geometry import is_turned, merged, stray_address, tensor_axes
from .rule import ERROR, NOTE, WARNING, Place, Rule, Scope
from .subject import ANEC_ALIGNMENT_BYTES, Subject, TaskView

FILES = "holds in every real file and decoded program"
M1_DART = "run on an M1: the memory controller (DART) faults"
M1_ZERO = "run on an M1: 0.0, since the engine reads and writes other buffers"
DRIVER = "source of the Linux driver"

BARS, MOST_BUFFERS = 32, 512
#: A published converter counted tiles in these units.
WRONG_TILE_BYTES = 512


def _binds(subject: Subject) -> bool:
    """Bare streams and containers without a program command bind nothing."""
    return bool(subject.program.buffers)


def unbound_bar(view: TaskView) -> Iterator[Place]:
    """A task uses a BAR that nothing is bound to, or none at all."""
    if not _binds(view.subject):
        return
    names = view.subject.program.buffer_names()
    for transfer in view.transfers:
        dma = transfer.dma
        if not dma.enabled:
            what = f"it {transfer.verb} {dma.use} by DMA and enables no BAR for it"
        elif dma.bar not in names and dma.bar != SCRATCH_BAR:
            what = f"it {transfer.verb} BAR {dma.bar}, and nothing is bound there"
        else:
            continue
        yield Place({"what": what}, view.index, dma.bar_register)
    kernel = view.operation.kernel if isinstance(view.operation, Neural) else None
    if kernel and kernel.enabled and kernel.bar not in names and kernel.bar != SCRATCH_BAR:
        yield Place({"what": f"its coefficients lie in BAR {kernel.bar}, and nothing is bound there"}, view.index)


def bar_to_text(view: TaskView) -> Iterator[Place]:
    """A task writes into the text or the coefficients, or reads the text."""
    coefficients = {TEXT_BAR, CONST_BAR, *(kernel.bar for kernel in view.subject.program.kernels)}
    for transfer in view.transfers:
        if not transfer.dma.enabled or not view.subject.program.buffers:
            continue
        if transfer.dma.bar == TEXT_BAR or (transfer.writes and transfer.dma.bar in coefficients):
            name = view.subject.program.buffer_names().get(transfer.dma.bar, "")
            values = {"verb": transfer.verb, "use": transfer.dma.use, "bar": transfer.dma.bar, "name": name}
            yield Place(values, view.index, transfer.dma.bar_register)


def _scratch_end(subject: Subject) -> int:
    return max((transfer.end for transfer in subject.moved if _in_scratch(transfer)), default=0)


def _in_scratch(transfer: Transfer) -> bool:
    return transfer.dma.enabled and transfer.dma.bar == SCRATCH_BAR


def scratch_too_small(subject: Subject) -> Iterator[Place]:
    """Tasks reach behind the end of the scratch memory."""
    scratch, end = subject.buffers.get(SCRATCH_BAR), _scratch_end(subject)
    if scratch is None or end <= scratch.size_bytes:
        return
    worst = max((transfer for transfer in subject.moved if _in_scratch(transfer)), key=lambda moved: moved.end)
    task = subject.moved[worst][0]
    size = round_up(end, TILE_BYTES)
    yield Place({"needed": size, "declared": scratch.size_bytes, "tiles": size // TILE_BYTES}, task, "scratch")


def scratch_bar(subject: Subject) -> Iterator[Place]:
    """A task uses scratch memory, and the file declares none."""
    if not _binds(subject) or SCRATCH_BAR in subject.program.buffer_names():
        return
    for transfer, tasks in subject.moved.items():
        if _in_scratch(transfer):
            needed = round_up(_scratch_end(subject), TILE_BYTES)
            yield from (Place({"needed": needed}, task, transfer.dma.bar_register) for task in tasks)


def scratch_disagrees(subject: Subject) -> Iterator[Place]:
    """The program command and the section differ in the size of the scratch memory."""
    if not isinstance(subject.container, Image):
        return
    section = subject.container.section("__DATA", "__bss")
    command = next(subject.container.values(ProgramCommand), None)
    if section is None or command is None or command.scratch_bytes == section.fields.size_bytes:
        return
    values = {
        "word": command.scratch_bytes,
        "place": command.layout.scratch_bytes,
        "section": section.fields.size_bytes,
    }
    yield Place(values, None, "program command")


def positional_anec(subject: Subject) -> Iterator[Place]:
    """An `.anec` whose tasks store into an input, or never into an output."""
    anec = subject.container
    if not isinstance(anec, Anec) or subject.program.arch.stream != "linked":
        return
    written = (transfer.dma for transfer in subject.moved if transfer.writes and transfer.dma.enabled)
    stored = {dma.bar for dma in written if dma.bar is not None}
    outputs = {tensor.bar for tensor in subject.program.outputs}
    wrong = sorted(stored & {tensor.bar for tensor in subject.program.inputs}) or sorted(
        outputs - stored if len(subject.program.tasks) <= (subject.most_tasks or len(subject.program.tasks)) else ()
    )
    if wrong and outputs:
        others = ", ".join(map(str, sorted(stored - {SCRATCH_BAR}))) or "none"
        last = FIRST_TENSOR + len(outputs) - 1
        bound = str(FIRST_TENSOR) if last == FIRST_TENSOR else f"{FIRST_TENSOR} to {last}"
        yield Place({"written": others, "bound": bound}, None, "header")


def positional_hwx(subject: Subject) -> Iterator[Place]:
    """A program whose BARs are not in the order in which libane binds buffers."""
    if not isinstance(subject.container, Image) or subject.program.arch.machine.driver != "ABI 1":
        return
    order = bars.bound_order(subject.program)
    if any(old != new for old, new in order.items()):
        outputs = ", ".join(str(tensor.bar) for tensor in subject.program.outputs)
        wanted = ", ".join(str(order[tensor.bar]) for tensor in subject.program.outputs)
        yield Place({"outputs": outputs, "wanted": wanted}, None, "BAR table")


def tensor_strides(subject: Subject) -> Iterator[Place]:
    """A task walks a tensor with other strides than the tensor has, or steps between its elements."""
    for transfer, tasks in subject.moved.items():
        tensor = _shaped(subject, transfer)
        if tensor is None or transfer.end > tensor.size_bytes:
            continue
        whole_tensor = transfer.count == math.prod(tensor.shape) and not transfer.dma.base_bytes
        others = whole_tensor and merged(transfer.axes) != merged(tensor_axes(tensor))
        if others or stray_address(transfer, tensor) is not None:
            yield from _steps(transfer, tensor, tasks)


def tensor_turned(subject: Subject) -> Iterator[Place]:
    """A task walks all of a tensor with axes of equal length exchanged, which is how a transpose is written."""
    for transfer, tasks in subject.moved.items():
        tensor = _shaped(subject, transfer)
        if tensor is None or transfer.end > tensor.size_bytes or not is_turned(transfer, tensor):
            continue
        if merged(transfer.axes) == merged(tensor_axes(tensor)):
            yield from _steps(transfer, tensor, tasks)


def _steps(transfer: Transfer, tensor: Tensor, tasks: Iterable[int]) -> Iterator[Place]:
    steps = ", ".join(str(axis.stride) for axis in transfer.axes) or "one element"
    own = ", ".join(map(str, tensor.strides))
    values = {"verb": transfer.verb, "steps": steps, "own": own, "name": tensor.name}
    yield from (Place(values, task, transfer.dma.register) for task in tasks)


def _shaped(subject: Subject, transfer: Transfer) -> Tensor | None:
    bar = transfer.dma.bar if transfer.dma.enabled else None
    buffer = None if bar is None else subject.buffers.get(bar)
    return buffer if isinstance(buffer, Tensor) else None


def outside_tensor(subject: Subject) -> Iterator[Place]:
    """A task reaches behind the end of a tensor or of the coefficients."""
    for transfer, tasks in subject.moved.items():
        size, name = _extent(subject, transfer)
        if size is not None and transfer.end > size:
            values = {"verb": transfer.verb, "over": transfer.end - size, "name": name, "size": size}
            yield from (Place(values, task, transfer.dma.register) for task in tasks)


def _extent(subject: Subject, transfer: Transfer) -> tuple[int | None, str]:
    if tensor := _shaped(subject, transfer):
        return tensor.size_bytes, tensor.name
    if transfer.dma.enabled and transfer.dma.bar in subject.constants and _binds(subject):
        return len(subject.constants[transfer.dma.bar]), "the coefficients"
    return None, ""


def element_size(subject: Subject) -> Iterator[Place]:
    """A task takes the elements of a tensor for larger or smaller than they are."""
    for transfer, tasks in subject.moved.items():
        tensor = _shaped(subject, transfer)
        if tensor and ELEMENT_BYTES[tensor.dtype] != transfer.element.size_bytes:
            values = {"verb": transfer.verb, "bytes": transfer.element.size_bytes, "name": tensor.name,
                      "dtype": tensor.dtype}  # fmt: skip
            yield from (Place(values, task, transfer.dma.register) for task in tasks)


def element_stride(subject: Subject) -> Iterator[Place]:
    """A tensor whose elements overlap."""
    for tensor in subject.program.tensors:
        if tensor.shape[3] > 1 and tensor.strides[3] < ELEMENT_BYTES[tensor.dtype]:
            yield Place({"stride": tensor.strides[3], "dtype": tensor.dtype}, None, f"tensor {tensor.name}")


def batch(subject: Subject) -> Iterator[Place]:
    """A tensor with a batch."""
    for tensor in subject.program.tensors:
        if tensor.shape[0] > 1:
            yield Place({"batch": tensor.shape[0], "size": tensor.size_bytes}, None, f"tensor {tensor.name}")


def tiles_count(subject: Subject) -> Iterator[Place]:
    """The tiles of a buffer in an `.anec` do not hold it, or count in other units."""
    anec = subject.container
    if not isinstance(anec, Anec):
        return
    for buffer, tiles in enumerate(anec.tiles):
        shape = anec.shapes[buffer]
        size = shape.batch * shape.channels * shape.plane_bytes
        needed = whole(size, TILE_BYTES)
        if size and (tiles < needed or (tiles != needed and tiles == whole(size, WRONG_TILE_BYTES))):
            yield Place({"tiles": tiles, "size": size, "needed": needed}, None, f"header, tiles[{buffer}]")
    needed = whole(len(anec.content), TILE_BYTES)
    if anec.tiles[0] < needed and subject.program.arch.stream == "linked":
        values = {"tiles": anec.tiles[0], "size": len(anec.content), "needed": needed}
        yield Place(values, None, "header, tiles[0]")


def krn_size(subject: Subject) -> Iterator[Place]:
    """The declared size of the coefficients of an `.anec` is not that of what lies behind the text."""
    anec = subject.container
    if not isinstance(anec, Anec) or not subject.chain or subject.chain.problem:
        return
    ends = (subject.chain.links[-1].end, anec.text_bytes)
    behind, behind_declared = (len(anec.content) - round_up(end, ANEC_ALIGNMENT_BYTES) for end in ends)
    if anec.coefficient_bytes not in (behind, behind_declared):
        yield Place({"declared": anec.coefficient_bytes, "behind": behind}, None, "header")


def buffer_limit(subject: Subject) -> Iterator[Place]:
    """More buffers than the driver takes, or two in one BAR."""
    buffers = subject.program.buffers
    for bar, count in Counter(buffer.bar for buffer in buffers).items():
        if count > 1:
            yield Place({"what": f"BAR {bar} stands for {count} buffers"}, None, "BAR table")
        if bar >= BARS:
            yield Place({"what": f"BAR {bar}: tasks can name {BARS}"}, None, "BAR table")
    if len(buffers) > MOST_BUFFERS:
        yield Place({"what": f"{len(buffers)} buffers, at most {MOST_BUFFERS}"}, None, "BAR table")


def same_buffer(subject: Subject) -> Iterator[Place]:
    """One tensor behind several BARs."""
    of_name = {buffer.name: buffer.bar for buffer in subject.program.buffers}
    for bar, name in subject.program.aliases:
        yield Place({"name": name, "bar": of_name.get(name), "further": bar}, None, "BAR table")


def unaligned_base(view: TaskView) -> Iterator[Place]:
    """A base address with bits below its unit, which the engine ignores."""
    for place in view.subject.base_places:
        word, unit = view.registers.word_at(place.address), 1 << place.field.lsb
        if word and word % unit:
            yield Place({"word": word, "unit": unit, "used": word - word % unit}, view.index, place.register)


def kern_segment(subject: Subject) -> Iterator[Place]:
    """Coefficients in a segment of their own, on a chip whose driver binds one buffer of them."""
    if subject.program.arch.machine.driver == "ABI 1":
        for kernel in subject.program.kernels:
            yield Place({"bar": kernel.bar}, None, kernel.name)


RULES = (
    Rule("unbound-bar", ERROR, M1_DART, "{what}", "bind a buffer to it, or select the BAR of a tensor", unbound_bar,
         Scope.FORM),
    Rule("bar-to-text", ERROR, "rule of the firmware: a BAR is never that of text or coefficients",
         "it {verb} {use} in BAR {bar} ({name})", "select the BAR of a tensor", bar_to_text, Scope.FORM),
    Rule("scratch-too-small", ERROR, "run on an M1: garbage without an error; atan2",
         "the tasks need {needed:#x} bytes of scratch, the file says {declared:#x}",
         "make it larger: in an .anec tiles[3] = {tiles}", scratch_too_small),
    Rule("scratch-bar", ERROR, M1_DART, "it uses scratch memory (BAR 3), and none is declared",
         "declare {needed:#x} bytes of it", scratch_bar),
    Rule("scratch-disagrees", WARNING, "a real atan2.hwx: its word is too small, the section is right",
         "the word at +{place:#x} says {word:#x} bytes of scratch, the section __DATA,__bss has {section:#x}",
         "go by the section (hwx2py does)", scratch_disagrees),
    Rule("positional-binding", ERROR, M1_ZERO,
         "the tasks write BAR {written}, libane binds the outputs to BAR {bound}",
         "make the file from the .hwx with `hwx2py anec`, which renumbers", positional_anec),
    Rule("positional-binding", NOTE, M1_ZERO,
         "the outputs are BAR {outputs}; tools that bind outputs first take BAR {wanted}, and get 0.0",
         "bind by this table as the script does, or renumber with `hwx2py anec`", positional_hwx),
    Rule("tensor-strides", ERROR, "run on an M1: wrong values",
         "it {verb} {name} in steps of {steps}, the tensor has {own}", "give both the same strides", tensor_strides),
    Rule("tensor-turned", NOTE, "inferred: a transpose of the same bytes, which runs on the virtual ANE",
         "it {verb} {name} in steps of {steps}, the tensor has {own}: axes of equal length are exchanged",
         "nothing, if it is meant as a transpose; else give both the same strides", tensor_turned),
    Rule("outside-tensor", ERROR, FILES, "it {verb} {over:#x} bytes past the end of {name} ({size:#x} bytes)",
         "correct base, strides or sizes", outside_tensor),
    Rule("element-size", ERROR, FILES, "it {verb} {name} in elements of {bytes} bytes, the tensor has {dtype}",
         "give both the same element format", element_size),
    Rule("element-size", ERROR, FILES, "elements of {dtype} lie {stride} bytes apart",
         "correct the element type or the stride", element_stride),
    Rule("batch", NOTE, "decoded programs: the container counts one element's bytes",
         "{batch} elements: the container's total is that of one, the buffer has {size:#x} bytes", "nothing", batch),
    Rule("tiles-count", ERROR, "run on an M1; a published converter counted in units of 512 bytes",
         "{tiles} tiles of 0x4000 bytes for {size:#x} bytes", "set it to {needed}", tiles_count),
    Rule("krn-size", ERROR, FILES, "krn_size is {declared:#x}, {behind:#x} bytes lie behind the text",
         "set krn_size to {behind:#x}", krn_size),
    Rule("buffer-limit", ERROR, DRIVER, "{what}", "give every buffer a BAR below 32 of its own", buffer_limit),
    Rule("same-buffer", NOTE, "a real atan2.hwx does so with its inputs",
         "{name} is BAR {bar} and BAR {further}", "bind the one buffer to both", same_buffer),
    Rule("unaligned-base", WARNING, "edited on an M1: the low bits are ignored",
         "{word:#x} is not a multiple of {unit}: the engine takes {used:#x}",
         "set it to {used:#x}, or to what was meant",
         unaligned_base, Scope.TASK),
    Rule("kern-segment", WARNING, "libane binds one buffer of coefficients, behind the text",
         "coefficients in a segment of their own (BAR {bar})", "make the .anec with `hwx2py anec`, which moves them",
         kern_segment),
)  # fmt: skip
