"""Rules about coefficients: what is fetched, what is consumed, and what the bytes are."""

from collections.abc import Iterator

from ..operations import Neural, Planar
from ..operations.tables import TABLE_BYTES
from .rule import ERROR, WARNING, Place, Rule, Scope
from .subject import Fetch, TaskView, constant_kernel

#: A Core ML weight file: a header of 64 bytes that begins with 1 and 2, then records that begin with this word.
BLOB_START = (1).to_bytes(4, "little") + (2).to_bytes(4, "little")
BLOB_RECORD = 0xDEADBEEF.to_bytes(4, "little")
BLOB_HEADER_BYTES = 64


def kernel_larger(view: TaskView) -> Iterator[Place]:
    """An engine fetches more than it consumes."""
    return (place for place in _misfits(view) if place.values["fetched"] > place.values["used"])


def kernel_smaller(view: TaskView) -> Iterator[Place]:
    """An engine fetches less than it consumes."""
    return (place for place in _misfits(view) if place.values["fetched"] < place.values["used"])


def _misfits(view: TaskView) -> Iterator[Place]:
    """Fetches of constants of another size than the task reads; in a bare stream, which binds nothing, of any BAR."""
    operation, constants = view.operation, view.subject.constants
    if isinstance(operation, Planar):
        return
    kernel, part = operation.kernel, operation.kernel or operation.table
    if part is None or not part.enabled or part.bar is None or (kernel and kernel.from_task is not None):
        return
    if part.bar not in constants and not view.subject.is_cut:
        return
    from .. import packing  # most programs that are checked fetch nothing

    for misfit in packing.misfits(operation, constants.get(part.bar, memoryview(b""))):
        if misfit.size_bytes and misfit.needed_bytes:
            values = {"what": misfit.what, "fetched": misfit.size_bytes, "used": misfit.needed_bytes}
            yield Place(values, view.index, misfit.register)


def kernel_outside(view: TaskView) -> Iterator[Place]:
    """Coefficients that reach behind the end of the constants."""
    for fetch in view.fetched:
        size = len(view.subject.constants[fetch.bar])
        if fetch.register.startswith("KernelDMASrc") and fetch.base_bytes + fetch.size_bytes > size:
            values = {"what": fetch.what, "end": fetch.base_bytes + fetch.size_bytes, "size": size}
            yield Place(values, view.index, fetch.register)


def _bytes(view: TaskView, fetch: Fetch) -> memoryview:
    return view.subject.constants[fetch.bar][fetch.base_bytes : fetch.base_bytes + fetch.size_bytes]


def zero_coefficients(view: TaskView) -> Iterator[Place]:
    """Every byte of a kernel is 0."""
    kernel = constant_kernel(view)
    found = [fetch for fetch in view.fetched if fetch.what.startswith("the kernel")] if kernel else []
    table = TABLE_BYTES if kernel and kernel.table_in_front else 0
    pieces = [_bytes(view, fetch)[table:] for fetch in found]
    if pieces and not any(_is_set(piece) for piece in pieces) and all(len(piece) for piece in pieces):
        yield Place({"size": sum(map(len, pieces))}, view.index)


def _is_set(piece: memoryview) -> bool:
    """Whether a byte is not 0; compares blocks, since kernels may have many megabytes."""
    zeros = memoryview(bytes(4096))
    blocks = (piece[start : start + len(zeros)] for start in range(0, len(piece), len(zeros)))
    return any(block != zeros[: len(block)] for block in blocks)


def zero_table(view: TaskView) -> Iterator[Place]:
    """The 128 bytes that are read as a table are 0."""
    table = view.operation.table if isinstance(view.operation, Neural) else None
    if table and table.enabled and table.bar in view.subject.constants:
        piece = view.subject.constants[table.bar][table.base_bytes : table.base_bytes + TABLE_BYTES]
        if not any(piece):
            yield Place({"base": table.base_bytes}, view.index, table.register)


def blob_constant(view: TaskView) -> Iterator[Place]:
    """What a task takes for constants begins with the headers of a Core ML weight file."""
    for fetch in view.fetched:
        piece = view.subject.constants[fetch.bar][fetch.base_bytes :]
        record = piece[BLOB_HEADER_BYTES : BLOB_HEADER_BYTES + len(BLOB_RECORD)] == BLOB_RECORD
        if record or (piece[: len(BLOB_START)] == BLOB_START and _is_header(bytes(piece[:BLOB_HEADER_BYTES]))):
            yield Place({"what": fetch.what}, view.index, fetch.register)
            return


def _is_header(data: bytes) -> bool:
    """Whether these are the whole header of a weight file, and nothing but its start is set."""
    return len(data) == BLOB_HEADER_BYTES and not any(data[len(BLOB_START) :])


RULES = (
    Rule("kernel-dma-larger", ERROR, "run on an M1 Max: -110, and the engine wedges",
         "for {what} {fetched:#x} bytes are fetched, the task uses {used:#x}", "set the size to {used:#x}",
         kernel_larger, Scope.COEFFICIENTS),
    Rule("kernel-dma-smaller", ERROR, "the packing of dense kernels, rebuilt to the compiler's own digests",
         "for {what} {fetched:#x} bytes are fetched, the task uses {used:#x}", "set the size to {used:#x}",
         kernel_smaller, Scope.COEFFICIENTS),
    Rule("kernel-outside", ERROR, "holds in every real file and decoded program",
         "{what} ends at {end:#x}, the coefficients have {size:#x} bytes", "correct base or size", kernel_outside,
         Scope.COEFFICIENTS),
    Rule("zero-coefficients", WARNING, "a real gemm.hwx",
         "all {size:#x} bytes of the kernel are 0: so is the result, but for a bias",
         "compile with the weights, or put them in with `hwx2py weights`", zero_coefficients, Scope.COEFFICIENTS),
    Rule("blob-constant", ERROR, "run on an M1: wrong values",
         "{what} begins with the headers of a Core ML weight file: the numbers follow 0x80 further on",
         "compile again with the payload, not the file, as the constant", blob_constant, Scope.COEFFICIENTS),
    Rule("zero-table", ERROR, "a published softmin.anec whose tsk_size is wrong",
         "the table at {base:#x} of the coefficients is 128 bytes of 0", "look at tsk_size: BAR 1 follows from it",
         zero_table, Scope.COEFFICIENTS),
)  # fmt: skip
