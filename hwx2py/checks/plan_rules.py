"""Rules about the plan of a task: where its tiles lie in L2, how far apart their rows are, patch, height, sharing.

A plan changes no result, so the virtual ANE does not look at most of it; on a chip a wrong one hangs, or gives garbage.
What hung an M1, and what must go wrong, is an error. What no known program has is a warning.
"""

import itertools
from collections.abc import Iterator

from ..operations import Dma, InL2, Neural
from ..operations.regions import Grid
from ..operations.tiles import RESULT, Tile, Way
from ..program.known_plans import LEAST_PATCH_WIDTH_LOG2, SHARING, Engine, holds_result, is_known_patch
from .rule import ERROR, WARNING, Place, Rule, Scope
from .subject import TaskView

M1_HANG = "run on an M1: it hangs"
TILES = "holds in all tasks of real files and decoded programs"
SEEN = "all tasks of real files, decoded programs and published tables"

FIXED = (Way.PASSES, Way.STAYS)
ALIASES = ("AliasConvSrc", "AliasConvRslt", "AliasPlanarSrc", "AliasPlanarRslt")
PLACES = {"source 1": "Source", "source 2": "Source2", RESULT: "Result"}


def _engine(view: TaskView) -> Engine:
    return Engine.NEURAL if isinstance(view.operation, Neural) else Engine.PLANAR


def plan_overlap(view: TaskView) -> Iterator[Place]:
    """Two operands of a task lie on the same bytes of L2."""
    yield from _overlaps(view, False)


def row_overlap(view: TaskView) -> Iterator[Place]:
    """The same, of a result and a source of one row each."""
    yield from _overlaps(view, True)


def _overlaps(view: TaskView, rows: bool) -> Iterator[Place]:
    for one, two in itertools.combinations(view.tiles, 2):
        single = two.use == RESULT and not one.axes and not two.axes
        if single == rows and one.overlaps(two) and _collide(view, one, two):
            start, end = max(one.base_bytes, two.base_bytes), min(one.end, two.end)
            values = {"use": two.use, "other": one.use, "start": start, "end": end}
            yield Place(values, view.index, two.register)


def _collide(view: TaskView, one: Tile, two: Tile) -> bool:
    if one.way is Way.READ and two.way is Way.READ:
        return False
    if one.way is Way.READ and two.way is Way.STAYS and one.base_bytes == two.base_bytes and one.axes == two.axes:
        return False  # the result takes the place of its source, element by element
    grid = Grid.of(view.registers.arch.machine.l2_bytes)
    first, second = (grid.region(tile.base_bytes, tile.axes, tile.run_bytes) for tile in (one, two))
    return first is None or second is None or first.overlaps(second)


def plan_beyond(view: TaskView) -> Iterator[Place]:
    """An operand reaches behind the end of L2."""
    size = view.registers.arch.machine.l2_bytes
    for tile in view.tiles:
        if tile.end > size:
            yield Place({"use": tile.use, "end": tile.end, "size": size}, view.index, tile.register)


def plan_rows(view: TaskView) -> Iterator[Place]:
    """Rows in L2 that lie closer together than their channels are long."""
    for tile in view.tiles:
        if tile.way not in FIXED or not tile.laid_out or tile.height < 2:
            continue
        channels = tile.channels * tile.strides.channel if tile.channels > 1 else tile.run_bytes
        if tile.strides.row < channels and not (tile.use == RESULT and _is_nested(tile)):
            values = {"use": tile.use, "stride": tile.strides.row, "row": channels}
            yield Place(values, view.index, f"L2.{PLACES[tile.use]}RowStride")


def _is_nested(tile: Tile) -> bool:
    """Whether no two elements share a byte, in whatever order the axes are: results may be stored exchanged."""
    reach = tile.run_bytes
    for stride, extent in sorted(tile.axes):
        if stride < reach:
            return False
        reach = stride * (extent - 1) + reach
    return True


def result_channels(view: TaskView) -> Iterator[Place]:
    """A result in L2 whose channels lie closer together than its rows are long."""
    result = view.tiles[-1]
    if result.way not in FIXED or not result.laid_out or result.channels < 2:
        return
    if not holds_result(_engine(view), result.strides.channel, result.row_bytes):
        values = {"stride": result.strides.channel, "row": result.row_bytes}
        yield Place(values, view.index, "L2.ResultChannelStride")


def _patch(view: TaskView) -> tuple[int, int]:
    return view.registers.get("Common.PatchWidth"), view.registers.get("Common.PatchHeight")


def patch_of_neural(view: TaskView) -> Iterator[Place]:
    """A patch on a task of the neural engines."""
    if isinstance(view.operation, Neural) and any(patch := _patch(view)):
        yield Place({"patch": f"{patch[0]}x{patch[1]}"}, view.index, "Common.PatchCfg")


def patch_unknown(view: TaskView) -> Iterator[Place]:
    """A patch that no known task of the planar engine has."""
    if isinstance(view.operation, Neural):
        return
    width, height = _patch(view)
    row = max(operand.shape.width for operand in view.operation.inputs)
    widest = max(LEAST_PATCH_WIDTH_LOG2, (max(row, view.operation.result.shape.width) - 1).bit_length())
    if not is_known_patch(width, height):
        yield Place({"what": f"no known program has patch {width}x{height}"}, view.index, "Common.PatchCfg")
    elif width > widest:
        what = f"no known program has patch {width}x{height} on rows of {row} elements"
        yield Place({"what": what}, view.index, "Common.PatchCfg")


def sharing(view: TaskView) -> Iterator[Place]:
    """Fields of Common.Cfg that hold what no known task of the engine has."""
    engine = _engine(view)
    for row in SHARING:
        number = view.registers.number(f"Common.Cfg.{row.field}") if row.engine is engine else None
        if number is not None and number > row.largest:
            what = f"no known task of {engine.value} has {row.field} {number}"
            yield Place({"what": what, "largest": row.largest}, view.index, f"Common.Cfg.{row.field}")
    preferred, most = view.registers.get("Common.Cfg.ShPref"), view.registers.get("Common.Cfg.ShMax")
    if engine is Engine.NEURAL and preferred > most:
        what = f"no known program has ShPref {preferred} above ShMax {most}"
        yield Place({"what": what, "largest": most}, view.index, "Common.Cfg.ShPref")


def engines_differ(view: TaskView) -> Iterator[Place]:
    """The header and Common.Cfg name different numbers of neural engines."""
    active, engines = view.registers.number("Common.Cfg.ActiveNE"), view.registers.header("ENE")
    if active is not None and engines and active != engines - 1:
        yield Place({"engines": engines, "active": active}, view.index, "Common.Cfg.ActiveNE")


def tile_height(view: TaskView) -> Iterator[Place]:
    """A tile height that is neither a divisor of the rows nor a power of two."""
    tile, height = view.registers.get("Common.TileHeight"), view.registers.get("Common.Hout")
    if not tile or not height:
        return
    if tile > height or (height % tile and tile & (tile - 1)):
        yield Place({"tile": tile, "height": height}, view.index, "Common.TileCfg")


def source_bits(view: TaskView) -> Iterator[Place]:
    """Bits 0 and 1 of Common.Cfg do not say where the sources come from. Since H15 L2.Source2Cfg says that."""
    if view.registers.arch.find_place("L2.Source2Cfg.SourceType"):
        return
    inputs = [operand.where for operand in view.operation.inputs]
    second = len(inputs) > 1 and isinstance(inputs[1], Dma)
    for field, wanted in (("Source2Dma", second), ("Unk0", not (second and isinstance(inputs[0], InL2)))):
        number = view.registers.number(f"Common.Cfg.{field}")
        if number is not None and number != wanted:
            place = view.registers.arch.place(f"Common.Cfg.{field}").field
            values = {"bit": place.lsb, "number": number, "wanted": int(wanted)}
            yield Place(values, view.index, "Common.Cfg")


def aliases_of_first(view: TaskView) -> Iterator[Place]:
    """Alias bits that the first task of a program has."""
    if view.index in view.subject.first_tasks and not view.subject.is_cut:
        yield from _aliases(view, ALIASES, "the first task of a program")


def aliases_of_run(view: TaskView) -> Iterator[Place]:
    """Alias bits that a task has which begins a run of tasks."""
    if view.registers.header("SPL") and not view.registers.header("SPC"):
        yield from _aliases(view, ALIASES[:2], "a task that begins a run")


def _aliases(view: TaskView, wanted: tuple[str, ...], task: str) -> Iterator[Place]:
    for register in ("L2.SourceCfg", "L2.ResultCfg"):
        missing = [name for name in wanted if view.registers.number(f"{register}.{name}") == 0]
        if missing:
            yield Place({"missing": ", ".join(missing), "task": task}, view.index, register)


RULES = (
    Rule("plan-overlap", ERROR, TILES, "{use} lies on {other} in L2: {start:#x} to {end:#x}",
         "put it behind, and behind all else that the task has in L2", plan_overlap, Scope.TASK),
    Rule("plan-overlap", WARNING, f"{TILES}; one row each ran on an M1, source and result at 0xa0",
         "{use} lies on {other} in L2: {start:#x} to {end:#x}",
         "put it behind, and behind all else that the task has in L2", row_overlap, Scope.TASK),
    Rule("plan-beyond-l2", ERROR, TILES, "{use} ends at {end:#x} of L2, which has {size:#x} bytes",
         "move it, or make the tile lower (Common.TileCfg)", plan_beyond, Scope.TASK),
    Rule("plan-row-stride", ERROR, TILES,
         "rows of {use} lie {stride:#x} bytes apart in L2, and their channels take {row:#x}",
         "set it to at least the bytes of all channels", plan_rows, Scope.FORM),
    Rule("plan-channel-stride", ERROR, TILES,
         "channels of the result lie {stride:#x} bytes apart in L2, and a row has {row:#x}",
         "set it to at least {row:#x}", result_channels, Scope.FORM),
    Rule("plan-patch", ERROR, M1_HANG, "patch {patch} on a task of the neural engines", "set it to 0",
         patch_of_neural, Scope.FORM),
    Rule("plan-patch", WARNING, SEEN, "{what}", "take one that is known: docs/h13.md has the rule", patch_unknown,
         Scope.FORM),
    Rule("plan-sharing", WARNING, SEEN, "{what}", "set it to at most {largest}", sharing, Scope.FORM),
    Rule("plan-engines", WARNING, SEEN, "the header has ENE {engines}, which is log2 of the engines plus 1, and "
         "ActiveNE is {active}", "give both the same number of engines", engines_differ, Scope.FORM),
    Rule("plan-tile-height", WARNING, SEEN,
         "no known program has tiles of {tile} rows for {height}", "take a divisor of {height}, or a power of two",
         tile_height, Scope.FORM),
    Rule("plan-sources", WARNING, SEEN, "bit {bit} is {number}, and the sources say {wanted}", "set it to {wanted}",
         source_bits, Scope.FORM),
    Rule("plan-alias", WARNING, SEEN, "{missing} not set: {task} has them", "set them, which is the safe choice",
         aliases_of_first, Scope.TASK),
    Rule("plan-alias", WARNING, SEEN, "{missing} not set: {task} has them", "set them, which is the safe choice",
         aliases_of_run, Scope.FORM),
)  # fmt: skip
