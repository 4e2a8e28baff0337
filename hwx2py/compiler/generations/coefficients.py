"""Where coefficients lie in a ported program.

Dense kernels and lookup tables have the same bytes on all generations (constants of the same networks have the same
sha256). What differs is where a table lies that goes with a kernel: on H13 in front of every engine's chunk, since H14
once, in a channel of its own. Such chunks are taken apart or put together; everything else stays where it is.
"""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from ...operations import Dma, Kernel, Operation, Planar, Table
from ...operations.coefficients import fetches
from ...operations.places import reads
from ...operations.tables import TABLE_BYTES
from ...program.program import CONST_BAR, Program
from ...units import round_up

ALIGNMENT_BYTES = 64
COMPARED_BYTES = 1 << 20


class Chunk(NamedTuple):
    """What an engine's channel fetches: bytes from the start of the buffer; a size of 0 is a channel that is off."""

    base_bytes: int
    size_bytes: int


class Coefficients(NamedTuple):
    """Coefficients of a task in the new program.

    Attributes:
        bar: the buffer that they lie in.
        chunks: by engine; without a kernel none.
        table: the lookup table that is fetched by itself; None where there is none, or it stands in front of chunks.
    """

    bar: int | None
    chunks: tuple[Chunk, ...] = ()
    table: Chunk | None = None

    @property
    def is_fetched(self) -> bool:
        """Whether kernel DMA fetches anything."""
        return bool(self.chunks or self.table)

    @property
    def base_bytes(self) -> int:
        """Where the first chunk begins."""
        return min((chunk.base_bytes for chunk in self.chunks if chunk.size_bytes), default=0)


NOTHING = Coefficients(None)


class Misplaced(Exception):
    """Coefficients that cannot be arranged.

    Args:
        task: the number of the task.
        register: the register that the reason is about.
        value: what it holds.
        why: the reason.
    """

    def __init__(self, task: int, register: str, value: object, why: str):
        super().__init__(why)
        self.task, self.register, self.value, self.why = task, register, value, why


#: Bytes one behind the other: mostly views of the old constants, so that kernels are copied once, into the new ones.
_Pieces = tuple[memoryview, ...]


class _Cut(NamedTuple):
    """Bytes of the constants that others take the place of."""

    start: int
    end: int
    pieces: _Pieces

    @property
    def grown_bytes(self) -> int:
        """By how much what follows moves up."""
        return _size_bytes(self.pieces) - (self.end - self.start)


class Arranged(NamedTuple):
    """The constants of the new program.

    Attributes:
        data: their bytes.
        by_task: coefficients of each task.
        cuts: what was replaced in place, in order.
    """

    data: memoryview
    by_task: tuple[Coefficients, ...]
    cuts: tuple[_Cut, ...]

    def place(self, bar: int | None, base_bytes: int) -> int:
        """Where something lies that lay at an address of a buffer."""
        return base_bytes + (_shift(self.cuts, base_bytes) if bar == CONST_BAR else 0)


def _shift(cuts: Sequence[_Cut], base_bytes: int) -> int:
    return sum(cut.grown_bytes for cut in cuts if cut.end <= base_bytes)


def _size_bytes(pieces: _Pieces) -> int:
    return sum(map(len, pieces))


def arrange(
    program: Program, operations: Sequence[Operation], table_in_front: bool, like: memoryview | None = None
) -> Arranged:
    """Gives the coefficients of all tasks their places.

    Args:
        program: the program that is ported.
        operations: what its tasks do.
        table_in_front: whether the new program wants a table in front of each engine's chunk.
        like: constants that are used where they are the same bytes, instead of a copy.

    Raises:
        Misplaced: with the first thing that cannot be arranged; tasks that are not affected are not looked at.
    """
    joints = {number: _Joint(program, number, task) for number, task in enumerate(operations) if _is_joint(task)}
    claims = _claims(operations, joints)
    cuts = {} if table_in_front else _gaps(program.const, operations, claims)
    added: dict[bytes, None] = {}
    pieces = {number: joint.rebuilt(table_in_front) for number, joint in joints.items()}
    for number, joint in joints.items():
        span, rebuilt = joint.span, pieces[number]
        alone = joint.is_whole and not any(start < span[1] and span[0] < end for start, end in claims - {span})
        known = cuts.get(span)
        if alone and (known is None or known.pieces == rebuilt):
            cuts[span] = _Cut(*span, rebuilt)
        else:
            added[b"".join(rebuilt)] = None
    ordered = tuple(sorted(cuts.values()))
    data, extra = _spliced(program.const, ordered, added, like)
    arranged = Arranged(data, (), ordered)
    found = []
    for number, task in enumerate(operations):
        joint_here = joints.get(number)
        if joint_here is None:
            found.append(_moved(_as_it_lies(task), arranged))
            continue
        rebuilt, span = pieces[number], joint_here.span
        in_place = span in cuts and cuts[span].pieces == rebuilt
        start = arranged.place(CONST_BAR, span[0]) if in_place else extra[b"".join(rebuilt)]
        found.append(joint_here.placed(table_in_front, start))
    return arranged._replace(by_task=tuple(found))


def _spliced(
    const: memoryview, cuts: Sequence[_Cut], added: Iterable[bytes], like: memoryview | None
) -> tuple[memoryview, dict[bytes, int]]:
    """The constants with some parts replaced and others added, and where those begin."""
    extra: dict[bytes, int] = {}
    if not cuts and not added:
        return const, extra
    pieces: list[memoryview | bytes] = []
    position = 0
    for cut in cuts:
        pieces += (const[position : cut.start], *cut.pieces)
        position = cut.end
    pieces.append(const[position:])
    size = sum(map(len, pieces))
    for piece in added:
        extra[piece] = round_up(size, ALIGNMENT_BYTES)
        pieces += (bytes(extra[piece] - size), piece)
        size = extra[piece] + len(piece)
    if like is not None and _is_made_of(like, pieces):
        return like, extra
    return memoryview(b"".join(pieces)), extra


def _is_made_of(whole: memoryview, pieces: Iterable[memoryview | bytes]) -> bool:
    """Whether bytes are these pieces; at most `COMPARED_BYTES` are copied at a time, since views compare slowly."""
    position = 0
    for piece in pieces:
        for at in range(0, len(piece), COMPARED_BYTES):
            part = bytes(piece[at : at + COMPARED_BYTES])
            if bytes(whole[position : position + len(part)]) != part:
                return False
            position += len(part)
    return position == len(whole)


def _gaps(
    const: memoryview, operations: Sequence[Operation], claims: Iterable[tuple[int, int]]
) -> dict[tuple[int, int], _Cut]:
    """The zeros behind tables, which H13 keeps free for a copy for each engine; H14 has none (decoded programs)."""
    starts = {start for start, _ in claims} | {len(const)}
    found = {}
    for task in operations:
        if isinstance(task, Planar) or task.table is None or task.kernel is not None or task.table.bar != CONST_BAR:
            continue
        start = task.table.base_bytes + TABLE_BYTES
        end = task.table.base_bytes + TABLE_BYTES * task.engines
        alone = not any(low < end and start < high for low, high in claims)
        if start < end and end in starts and alone and not any(const[start:end]):
            found[start, end] = _Cut(start, end, ())
    return found


def _is_joint(task: Operation) -> bool:
    """Whether a task has both a kernel and a table."""
    return not isinstance(task, Planar) and task.kernel is not None and task.table is not None


def _as_it_lies(task: Operation) -> Coefficients:
    if isinstance(task, Planar):
        return NOTHING
    kernel, table = task.kernel, task.table
    if kernel is not None:
        return Coefficients(kernel.bar, _chunks(kernel))
    if table is not None:
        return Coefficients(table.bar, (), Chunk(table.base_bytes, TABLE_BYTES))
    return NOTHING


def _moved(coefficients: Coefficients, arranged: Arranged) -> Coefficients:
    bar, chunks, table = coefficients

    def moved(chunk: Chunk) -> Chunk:
        return chunk._replace(base_bytes=arranged.place(bar, chunk.base_bytes))

    return Coefficients(bar, tuple(map(moved, chunks)), None if table is None else moved(table))


def _chunks(kernel: Kernel) -> tuple[Chunk, ...]:
    return tuple(
        Chunk(kernel.base_bytes + channel.base_bytes, channel.size_bytes) if channel.enabled else Chunk(0, 0)
        for channel in kernel.channels
    )


def _claims(operations: Sequence[Operation], joints: dict[int, "_Joint"]) -> set[tuple[int, int]]:
    """Parts of the constants that tasks use, first byte and end; a kernel with its table is one part."""
    found = {joint.span for joint in joints.values()}
    for number, task in enumerate(operations):
        if number not in joints:
            found |= {(fetch.start_bytes, fetch.end_bytes) for fetch in fetches(task) if fetch.bar == CONST_BAR}
        for operand, span in zip(task.inputs, reads(task)):
            if isinstance(operand.where, Dma) and span.memory == CONST_BAR:
                found.add((span.start, span.end))
    return found


class _Joint:
    """A kernel with a lookup table.

    Args:
        program: the program that is ported.
        number: of the task.
        task: a task with both.
    """

    def __init__(self, program: Program, number: int, task: Operation):
        if isinstance(task, Planar) or task.kernel is None or task.table is None:
            raise TypeError("the task lacks a kernel or a table")
        self.kernel: Kernel = task.kernel
        self.table: Table = task.table
        self.data = program.const
        if self.kernel.bar != CONST_BAR or self.table.bar != CONST_BAR:
            raise Misplaced(
                number, self.kernel.register, self.kernel.bar, "a kernel with a lookup table lies outside the constants"
            )
        chunks = [chunk for chunk in _chunks(self.kernel) if chunk.size_bytes]
        ends = [chunk.base_bytes + chunk.size_bytes for chunk in chunks]
        if not chunks or max(ends) > len(self.data):
            raise Misplaced(number, self.kernel.register, self.kernel.bar, "its coefficients do not lie in the file")
        self._span = min(chunk.base_bytes for chunk in chunks), max(ends)
        self.is_whole = sum(chunk.size_bytes for chunk in chunks) == self._span[1] - self._span[0]
        if not self.kernel.table_in_front:
            self._table = bytes(self.data[self.table.base_bytes : self.table.base_bytes + TABLE_BYTES])
            return
        tables = {bytes(self.data[chunk.base_bytes : chunk.base_bytes + TABLE_BYTES]) for chunk in chunks}
        if len(tables) != 1:
            raise Misplaced(number, self.kernel.register, self.kernel.bar, "the engines have different lookup tables")
        (self._table,) = tables

    @property
    def span(self) -> tuple[int, int]:
        """First byte and end of the kernel."""
        return self._span

    def _planes(self) -> list[memoryview]:
        """By engine, its planes without a table; empty for a channel that is off."""
        front = TABLE_BYTES if self.kernel.table_in_front else 0
        return [
            self.data[chunk.base_bytes + front : chunk.base_bytes + chunk.size_bytes] for chunk in _chunks(self.kernel)
        ]

    def rebuilt(self, table_in_front: bool) -> _Pieces:
        """The bytes in the new program."""
        table, planes = memoryview(self._table), self._planes()
        if table_in_front:
            return tuple(piece for plane in planes if plane for piece in (table, plane))
        return table, *planes

    def placed(self, table_in_front: bool, start: int) -> Coefficients:
        """The channels in the new program, whose bytes begin at a place of the constants."""
        front = TABLE_BYTES if table_in_front else 0
        at = start + TABLE_BYTES - front
        chunks = []
        for plane in self._planes():
            chunks.append(Chunk(at, front + len(plane)) if plane else Chunk(0, 0))
            at += front + len(plane) if plane else 0
        return Coefficients(CONST_BAR, tuple(chunks), None if table_in_front else Chunk(start, TABLE_BYTES))
