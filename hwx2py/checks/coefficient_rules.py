"""Rules about coefficients: what is fetched, what is consumed, and what the bytes are."""

from collections.abc import Iterator
from typing import NamedTuple

from ..operations import Kernel, Neural
from ..units import round_up, whole
from .rule import ERROR, WARNING, Place, Rule, Scope
from .subject import TaskView

TABLE_BYTES, CHUNK_BYTES, HALF_BYTES = 128, 64, 2
CONST_BAR = 1
#: A Core ML weight file: a header of 64 bytes that begins with 1 and 2, then records that begin with this word.
BLOB_START = (1).to_bytes(4, "little") + (2).to_bytes(4, "little")
BLOB_RECORD = 0xDEADBEEF.to_bytes(4, "little")
BLOB_HEADER_BYTES = 64


class Fetch(NamedTuple):
    """Bytes of coefficients that a task fetches: what for, and where they lie."""

    what: str
    register: str
    bar: int
    base_bytes: int
    size_bytes: int


def _kernel(view: TaskView) -> Kernel | None:
    """The kernel of constants that a task convolves with."""
    kernel = view.operation.kernel if isinstance(view.operation, Neural) else None
    constant = kernel and kernel.enabled and kernel.from_task is None and kernel.bar in view.subject.constants
    return kernel if constant else None


def _fetches(view: TaskView) -> Iterator[Fetch]:
    """What a task fetches of the constants, by kernel DMA and by tile DMA."""
    constants = view.subject.constants
    if kernel := _kernel(view):
        for channel in kernel.channels:
            if channel.enabled:
                name = f"KernelDMASrc.CoeffBaseAddr[{channel.engine}]"
                base = kernel.base_bytes + channel.base_bytes
                yield Fetch(f"the kernel of engine {channel.engine}", name, kernel.bar, base, channel.size_bytes)
    table = view.operation.table if isinstance(view.operation, Neural) else None
    if table and table.enabled and table.bar in constants:
        yield Fetch("the table", table.register, table.bar, table.base_bytes, TABLE_BYTES)
    for transfer in view.transfers:
        dma = transfer.dma
        if dma.enabled and dma.bar in constants:
            size = transfer.end - dma.base_bytes
            yield Fetch(dma.use, dma.register, dma.bar, dma.base_bytes, size)


def _consumed(view: TaskView, kernel: Kernel) -> list[int] | None:
    """Bytes that each engine's part of a convolution reads; None for packings whose size is not settled."""
    operation = view.operation
    if not isinstance(operation, Neural):
        return None
    window, shape = operation.window, operation.source.shape
    if window.columns > 1 or kernel.zero_skipping or shape.groups > 1 or kernel.group_stride_bytes:
        return None
    channels = shape.channels if operation.unicast is None else operation.unicast
    rows = kernel.bias_row + channels * window.height * window.width
    plane = rows * kernel.lanes * HALF_BYTES
    planes = whole(operation.outputs, kernel.lanes)
    table = TABLE_BYTES if kernel.table_in_front else 0
    each = (whole(max(planes - engine, 0), operation.engines) for engine in range(operation.engines))
    return [round_up(table + count * plane, CHUNK_BYTES) if count else 0 for count in each]


def kernel_larger(view: TaskView) -> Iterator[Place]:
    """An engine fetches more than it consumes."""
    for place in _compared(view):
        if place.values["fetched"] > place.values["used"]:
            yield place


def kernel_smaller(view: TaskView) -> Iterator[Place]:
    """An engine fetches less than it consumes."""
    for place in _compared(view):
        if place.values["fetched"] < place.values["used"]:
            yield place


def _compared(view: TaskView) -> Iterator[Place]:
    kernel = _kernel(view)
    consumed = _consumed(view, kernel) if kernel else None
    for channel, used in zip(kernel.channels if kernel else (), consumed or ()):
        if channel.enabled and used:
            values = {"engine": channel.engine, "fetched": channel.size_bytes, "used": used}
            yield Place(values, view.index, f"KernelDMASrc.CoeffBfrSize[{channel.engine}]")


def kernel_outside(view: TaskView) -> Iterator[Place]:
    """Coefficients that reach behind the end of the constants."""
    for fetch in _fetches(view):
        size = len(view.subject.constants[fetch.bar])
        if fetch.register.startswith("KernelDMASrc") and fetch.base_bytes + fetch.size_bytes > size:
            values = {"what": fetch.what, "end": fetch.base_bytes + fetch.size_bytes, "size": size}
            yield Place(values, view.index, fetch.register)


def _bytes(view: TaskView, fetch: Fetch) -> memoryview:
    return view.subject.constants[fetch.bar][fetch.base_bytes : fetch.base_bytes + fetch.size_bytes]


def zero_coefficients(view: TaskView) -> Iterator[Place]:
    """Every byte of a kernel is 0."""
    kernel = _kernel(view)
    fetches = [fetch for fetch in _fetches(view) if fetch.what.startswith("the kernel")] if kernel else []
    table = TABLE_BYTES if kernel and kernel.table_in_front else 0
    pieces = [_bytes(view, fetch)[table:] for fetch in fetches]
    if pieces and not any(_is_set(piece) for piece in pieces) and all(len(piece) for piece in pieces):
        yield Place({"size": sum(map(len, pieces))}, view.index)


def _is_set(piece: memoryview) -> bool:
    """Whether a byte is not 0; compares blocks, since kernels may have many megabytes."""
    zeros = memoryview(bytes(4096))
    blocks = (piece[start : start + len(zeros)] for start in range(0, len(piece), len(zeros)))
    return any(block != zeros[: len(block)] for block in blocks)


def zero_table(view: TaskView) -> Iterator[Place]:
    """The 128 bytes that are read as a table are 0."""
    for fetch in _fetches(view):
        if fetch.what == "the table" and not any(_bytes(view, fetch)):
            yield Place({"base": fetch.base_bytes}, view.index, fetch.register)


def blob_constant(view: TaskView) -> Iterator[Place]:
    """What a task takes for constants begins with the headers of a Core ML weight file."""
    for fetch in _fetches(view):
        piece = view.subject.constants[fetch.bar][fetch.base_bytes :]
        header = bytes(piece[:BLOB_HEADER_BYTES])
        record = bytes(piece[BLOB_HEADER_BYTES : BLOB_HEADER_BYTES + len(BLOB_RECORD)])
        only_header = header.startswith(BLOB_START) and not any(header[len(BLOB_START) :])
        if record == BLOB_RECORD or (only_header and len(header) == BLOB_HEADER_BYTES):
            yield Place({"what": fetch.what}, view.index, fetch.register)
            return


RULES = (
    Rule("kernel-dma-larger", ERROR, "run on an M1 Max: -110, and the engine wedges",
         "engine {engine} fetches {fetched:#x} bytes, the convolution uses {used:#x}", "set the size to {used:#x}",
         kernel_larger, Scope.FORM),
    Rule("kernel-dma-smaller", ERROR, "the packing of dense kernels, rebuilt to the compiler's own digests",
         "engine {engine} fetches {fetched:#x} bytes, the convolution uses {used:#x}", "set the size to {used:#x}",
         kernel_smaller, Scope.FORM),
    Rule("kernel-outside", ERROR, "holds in every real file and decoded program",
         "{what} ends at {end:#x}, the coefficients have {size:#x} bytes", "correct base or size", kernel_outside,
         Scope.TASK),
    Rule("zero-coefficients", WARNING, "a real gemm.hwx",
         "all {size:#x} bytes of the kernel are 0: so is the result, but for a bias",
         "compile with the weights, or put them in with `hwx2py weights`", zero_coefficients, Scope.TASK),
    Rule("blob-constant", ERROR, "run on an M1: wrong values",
         "{what} begins with the headers of a Core ML weight file: the numbers follow 0x80 further on",
         "compile again with the payload, not the file, as the constant", blob_constant, Scope.TASK),
    Rule("zero-table", ERROR, "a published softmin.anec whose tsk_size is wrong",
         "the table at {base:#x} of the coefficients is 128 bytes of 0", "look at tsk_size: BAR 1 follows from it",
         zero_table, Scope.TASK),
)  # fmt: skip
