"""What tasks hand on to each other through L2 and memory, followed without numbers: who wrote what is read.

The virtual ANE finds the same while it computes; this needs no inputs, and takes the same time for every task.
"""

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from .coefficients import fetches
from .neural import Neural
from .places import L2_MEMORY, Span, Writers
from .planar import Planar
from .regions import Grid, Marks, Region
from .tiles import Tile, Way
from .transfer import Transfer

INPUT, OUTPUT, SCRATCH = "input", "output", "scratch"
#: Roles of the buffers that tasks may read and write; a buffer without a role may be both.
READ_ROLES, WRITTEN_ROLES = (INPUT, SCRATCH, "coefficients", ""), (OUTPUT, SCRATCH, "")
#: Coefficients are fetched in units of this many bytes, padding included.
CHUNK_BYTES = 64


class Kind(NamedTuple):
    """A kind of problem: a name, which a fault of the virtual ANE has where it finds the same, and a sentence."""

    name: str
    what: str


WRONG_DIRECTION = Kind("wrong-direction", "it {verb} {role} {name}")
UNWRITTEN = Kind("unwritten", "it reads {name} at {offset:#x}, and no task before it wrote that")
UNWRITTEN_L2 = Kind("unwritten", "it reads L2 at {offset:#x}, and no task before it put anything there")
OVERWRITTEN = Kind("plan-overwritten", "it reads L2 at {offset:#x}, where {use} of task {writer} passed through")
OTHER_STRIDES = Kind("plan-strides", "it reads in steps of {steps} what task {writer} put into L2 in steps of {own}")
EMPTY_CHAIN = Kind("empty-chain", "it takes {use} at {offset:#x} from the task before, which hands nothing on there")
LOST_CHAIN = Kind("lost-chain", "it hands its result on at {offset:#x}, and the next task does not take it")
WRITTEN_TWICE = Kind("written-twice", "it writes {name} at {offset:#x}, where task {writer} wrote")
NOT_WRITTEN = Kind("output-not-written", "no task writes {name}")
PARTLY_WRITTEN = Kind("output-partly-written", "no task writes {name} at {offset:#x}")
NO_WAIT = Kind("plan-dependency", "it reads what task {writer} stored in {name}, and waits for no task")
KERNEL_WRITER = Kind("kernel-writer", "{waits}, and {wrote}")
CHAIN_OVERLAP = Kind(
    "plan-overlap", "{use} lies on {other} of task {writer}, beside which it runs: {start:#x} to {end:#x}"
)

#: Every kind.
KINDS = (WRONG_DIRECTION, UNWRITTEN, UNWRITTEN_L2, OVERWRITTEN, OTHER_STRIDES, EMPTY_CHAIN, LOST_CHAIN, WRITTEN_TWICE,
         NOT_WRITTEN, PARTLY_WRITTEN, NO_WAIT, KERNEL_WRITER, CHAIN_OVERLAP)  # fmt: skip


class Problem(NamedTuple):
    """Something that goes wrong between tasks.

    Attributes:
        kind: what.
        task: index of the task; None where it is the whole program.
        register: the register, or the tensor.
        values: what the kind's sentence names.
    """

    kind: Kind
    task: int | None
    register: str
    values: Mapping[str, Any]


class Memory(NamedTuple):
    """What stands behind a BAR.

    Attributes:
        name: of the tensor.
        role: "input", "output", "scratch", "coefficients", or "" where nothing says.
        size_bytes: its bytes.
        whole: the steps of all its elements, and the bytes of an innermost run; None where it has no shape.
    """

    name: str
    role: str
    size_bytes: int
    axes: tuple[Any, ...] = ()
    run_bytes: int = 0


class _InL2(NamedTuple):
    """Who put something into L2.

    Attributes:
        task: index of the task.
        tile: what it put there.
        region: its bytes.
        among_others: whether bytes of earlier tasks lie between its own, as parts of one tensor do.
    """

    task: int
    tile: Tile
    region: Region
    among_others: bool


class _Handed(NamedTuple):
    """What a task hands on to the next one, tile by tile."""

    task: int
    base_bytes: int
    register: str
    tiles: tuple[Tile, ...]


class Flow:
    """Follows tasks in the order in which they run.

    Args:
        l2_bytes: size of L2.
        buffers: BAR -> what stands behind it.
    """

    def __init__(self, l2_bytes: int, buffers: Mapping[int, Memory]):
        self._buffers = buffers
        self._l2_grid = Grid.of(l2_bytes)
        self._marks: dict[str, Marks] = {}
        self._chunks: dict[str, Marks] = {}
        self._writers = Writers()
        self._waited = -1
        self.restart()

    def restart(self) -> None:
        """A new run of tasks begins: nothing is in L2."""
        self._kept, self._passed = Marks(self._l2_grid), Marks(self._l2_grid)
        self._keeps = False
        self._l2_writers = Writers()
        self._handed: _Handed | None = None

    def follow(
        self,
        index: int,
        operation: Planar | Neural,
        moved: tuple[Transfer, ...],
        tiles: tuple[Tile, ...],
        waits: bool = True,
    ) -> Iterator[Problem]:
        """What goes wrong with a task, as far as the tasks before it decide that.

        Args:
            index: its index.
            operation: what it does.
            moved: what it moves by tile DMA.
            tiles: what it has in L2.
            waits: whether the DMA of its sources waits for the tasks before it.
        """
        if waits:
            self._waited = index
        yield from self._read_l2(index, tiles)
        yield from self._read_memory(index, operation, moved)
        for tile in tiles:
            self._put_l2(index, tile)
        for transfer in moved:
            if transfer.writes:
                yield from self._write_memory(index, transfer)

    def finish(self) -> Iterator[Problem]:
        """What is missing after the last task."""
        for buffer in dict.fromkeys(self._buffers.values()):
            if buffer.role != OUTPUT or not buffer.run_bytes:
                continue
            grid = Grid.of(buffer.size_bytes)
            whole = grid.region(0, buffer.axes, buffer.run_bytes)
            if whole is None:
                continue
            marks = self._marks.get(buffer.name)
            missing = marks.missing(whole) if marks else whole
            if missing.count() == whole.count():
                yield Problem(NOT_WRITTEN, None, f"tensor {buffer.name}", {"name": buffer.name})
            elif missing.bits:
                values = {"name": buffer.name, "offset": missing.first() * grid.unit_bytes}
                yield Problem(PARTLY_WRITTEN, None, f"tensor {buffer.name}", values)

    # L2

    def _read_l2(self, index: int, tiles: tuple[Tile, ...]) -> Iterator[Problem]:
        handed, self._handed = self._handed, None
        for tile in tiles:
            if tile.way is Way.READ:
                yield from self._read_tile(index, tile)
            elif tile.way is Way.CHAIN_READ:
                if handed is None or handed.base_bytes != tile.base_bytes:
                    values = {"use": tile.use, "offset": tile.base_bytes}
                    yield Problem(EMPTY_CHAIN, index, tile.register, values)
                else:
                    yield from _beside(index, tiles, handed)
                    handed = None
            elif tile.way is Way.CHAIN_WRITE:
                self._handed = _Handed(index, tile.base_bytes, tile.register, tiles)
        if handed is not None:
            yield Problem(LOST_CHAIN, handed.task, handed.register, {"offset": handed.base_bytes})

    def _read_tile(self, index: int, tile: Tile) -> Iterator[Problem]:
        region = self._l2_grid.region(tile.base_bytes, tile.axes, tile.run_bytes)
        if region is None:
            return
        missing = self._kept.missing(region)
        writers: list[_InL2] = self._l2_writers.of(Span(L2_MEMORY, tile.base_bytes, tile.end))
        if missing.bits:
            passed = self._passed.marked(missing)
            first = (passed if passed.bits else missing).first() * self._l2_grid.unit_bytes
            if passed.bits:
                there = self._l2_writers.of(Span(L2_MEMORY, first, first + 1))
                by = there[-1] if there else writers[-1]
                values = {"offset": first, "use": by.tile.use, "writer": by.task}
                yield Problem(OVERWRITTEN, index, tile.register, values)
            else:
                yield Problem(UNWRITTEN_L2, index, tile.register, {"offset": first})
        elif len(writers) == 1 and not writers[0].among_others and not _is_view(tile, writers[0].tile):
            values = {"steps": _steps(tile), "writer": writers[0].task, "own": _steps(writers[0].tile)}
            yield Problem(OTHER_STRIDES, index, tile.register, values)

    def _put_l2(self, index: int, tile: Tile) -> None:
        if tile.way is Way.READ or tile.way is Way.CHAIN_READ or (tile.way is not Way.STAYS and not self._keeps):
            return
        self._keeps = True
        region = self._l2_grid.region(tile.base_bytes, tile.axes, tile.run_bytes)
        if region is None:
            return
        there, gone = (self._kept, self._passed) if tile.way is Way.STAYS else (self._passed, self._kept)
        there.put(region)
        gone.clear(region)
        span = Span(L2_MEMORY, tile.base_bytes, tile.end)
        before: list[_InL2] = self._l2_writers.of(span)
        among_others = any(not region.overlaps(other.region) for other in before)
        self._l2_writers.put(span, _InL2(index, tile, region, among_others))

    # Memory

    def _buffer(self, bar: int | None) -> Memory | None:
        return None if bar is None else self._buffers.get(bar)

    def _read_memory(self, index: int, operation: Planar | Neural, moved: tuple[Transfer, ...]) -> Iterator[Problem]:
        for transfer in moved:
            buffer = self._buffer(transfer.dma.bar) if transfer.dma.enabled and not transfer.writes else None
            if buffer is None:
                continue
            if buffer.role not in READ_ROLES:
                values = {"verb": "reads", "role": buffer.role, "name": buffer.name}
                yield Problem(WRONG_DIRECTION, index, transfer.dma.bar_register, values)
            elif buffer.role == SCRATCH:
                yield from self._read_scratch(index, transfer, buffer)
        if isinstance(operation, Neural) and operation.kernel:
            yield from self._read_kernel(index, operation)

    def _read_scratch(self, index: int, transfer: Transfer, buffer: Memory) -> Iterator[Problem]:
        grid = Grid.of(buffer.size_bytes)
        region = grid.region(transfer.dma.base_bytes, transfer.axes, transfer.element.size_bytes)
        if region is None:
            return
        missing = self._marks_of(self._marks, buffer, grid).missing(region)
        if missing.bits:
            values = {"name": buffer.name, "offset": missing.first() * grid.unit_bytes}
            yield Problem(UNWRITTEN, index, transfer.dma.register, values)
        writers: list[int] = self._writers.of(Span(buffer.name, transfer.dma.base_bytes, transfer.end))
        if writers and max(writers) >= self._waited:
            values = {"writer": max(writers), "name": buffer.name}
            yield Problem(NO_WAIT, index, "TileDMASrc.Src1DMAConfig", values)

    def _read_kernel(self, index: int, operation: Neural) -> Iterator[Problem]:
        kernel = operation.kernel
        buffer = self._buffer(kernel.bar) if kernel and kernel.enabled else None
        if kernel is None or buffer is None or buffer.role not in (SCRATCH, OUTPUT):
            if kernel is not None and kernel.from_task is not None and buffer is not None:
                says = {"waits": f"it waits for task {kernel.from_task}", "wrote": f"its kernel lies in {buffer.name}"}
                yield Problem(KERNEL_WRITER, index, "Header.DTID", says)
            return
        grid = Grid.of(buffer.size_bytes, CHUNK_BYTES)
        marks = self._marks_of(self._chunks, buffer, grid)
        writers: set[int] = set()
        for fetch in fetches(operation):
            region = grid.region(fetch.start_bytes, (), max(fetch.size_bytes, 1))
            missing = marks.missing(region) if region else None
            if missing and missing.bits:
                values = {"name": buffer.name, "offset": missing.first() * grid.unit_bytes}
                yield Problem(UNWRITTEN, index, "KernelDMASrc.CoeffBaseAddr", values)
                return
            span = Span(buffer.name, fetch.start_bytes, fetch.start_bytes + max(fetch.size_bytes, 1))
            writers.update(self._writers.of(span))
        if writers and max(writers) != kernel.from_task:
            waits = "it waits for no task" if kernel.from_task is None else f"it waits for task {kernel.from_task}"
            values = {"waits": waits, "wrote": f"the kernel is written by task {max(writers)}"}
            yield Problem(KERNEL_WRITER, index, "Header.DTID", values)

    def _write_memory(self, index: int, transfer: Transfer) -> Iterator[Problem]:
        dma = transfer.dma
        buffer = self._buffer(dma.bar) if dma.enabled else None
        if buffer is None:
            return
        if buffer.role not in WRITTEN_ROLES:
            values = {"verb": "writes", "role": buffer.role, "name": buffer.name}
            yield Problem(WRONG_DIRECTION, index, dma.bar_register, values)
            return
        span = Span(buffer.name, dma.base_bytes, transfer.end)
        grid = Grid.of(buffer.size_bytes)
        region = grid.region(dma.base_bytes, transfer.axes, transfer.element.size_bytes)
        if region is not None:
            marks = self._marks_of(self._marks, buffer, grid)
            twice = marks.marked(region) if buffer.role == OUTPUT else Region(0, 0)
            if twice.bits:
                first = twice.first() * grid.unit_bytes
                writers = self._writers.of(Span(buffer.name, first, first + 1))
                twofold = {"name": buffer.name, "offset": first, "writer": writers[-1] if writers else index}
                yield Problem(WRITTEN_TWICE, index, dma.register, twofold)
            marks.put(region)
        self._writers.put(span, index)
        if buffer.role == SCRATCH:
            chunks = Grid.of(buffer.size_bytes, CHUNK_BYTES)
            region = chunks.region(dma.base_bytes, transfer.axes, transfer.element.size_bytes)
            if region is not None:
                self._marks_of(self._chunks, buffer, chunks).put(region)

    def _marks_of(self, marks: dict[str, Marks], buffer: Memory, grid: Grid) -> Marks:
        found = marks.get(buffer.name)
        if found is None:
            found = marks[buffer.name] = Marks(grid)
        return found


def _beside(index: int, tiles: tuple[Tile, ...], handed: _Handed) -> Iterator[Problem]:
    """Overlaps between the tiles of two tasks that run at the same time."""
    for tile in tiles:
        for other in handed.tiles:
            chained = tile.way is Way.CHAIN_READ or other.way is Way.CHAIN_WRITE
            if chained or (tile.way is Way.READ and other.way is Way.READ) or not tile.overlaps(other):
                continue
            start = max(tile.base_bytes, other.base_bytes)
            values = {"use": tile.use, "other": other.use, "writer": handed.task, "start": start}
            yield Problem(CHAIN_OVERLAP, index, tile.register, values)


def _is_view(read: Tile, written: Tile) -> bool:
    """Whether what is read can be rows, columns or channels of what was written."""
    known = [axis.stride for axis in written.axes if axis.stride]
    for stride, extent in read.axes:
        inside = stride * (extent - 1) < written.run_bytes
        if not inside and not any(stride % own == 0 for own in known):
            return False
    return True


def _steps(tile: Tile) -> str:
    return ", ".join(f"{axis.stride:#x}" for axis in tile.axes) or "one row"
