"""Questions about the plan of a task: tile heights, patches, places and strides in L2."""

from collections.abc import Callable, Mapping

import numpy as np

from ...program.program import Program
from ..predictions import Formula, engine, gives, hangs
from ..programs import Shape, edited, network, spread, word
from ..question import FILL, Case, Hypothesis, Outcome, Predict, Question, Risk
from .planar import two_sources

WHERE = "hwx2py/checks/plan_rules.py"
RULES = "hwx2py/program/l2.py"
NO_EFFECT = "no"
X: Shape = (1, 4, 16, 16)
HEIGHT = X[2]


def _relu() -> Program:
    return network("relu", ("x", X), build=lambda g, x: g.relu(x))


def _pair() -> Mapping[str, np.ndarray]:
    return {"a": spread(X, 70), "b": spread(X, 71)}


def _first_rows(formula: Formula, rows: int) -> Formula:
    def kept(**inputs: np.ndarray) -> np.ndarray:
        found = formula(**inputs).copy()
        found[:, :, rows:] = FILL
        return found

    return kept


# Tile heights

HEIGHTS = (1, 4, 5, 32)


def _heights() -> list[Case]:
    cases = []
    for height in HEIGHTS:
        tile = {"Common.TileCfg": {"TileHeight": height}}
        cases.append(Case(f"planar-{height}", edited(two_sources("add", X), tile), _pair()))
        cases.append(Case(f"neural-{height}", edited(_relu(), tile), {"x": spread(X, 72)}))
    return cases


def _of_tiles(rows_of: Callable[[int], int]) -> Predict:
    """Only some rows are written, by the tile's height."""

    def predict(case: Case) -> Outcome:
        rows = rows_of(int(case.name.rpartition("-")[2]))
        if case.name.startswith("planar"):
            return gives(_first_rows(lambda a, b: a + b, rows))(case)
        return gives(_first_rows(lambda x: np.maximum(x, 0), rows))(case)

    return predict


TILES = Question(
    "plan-tile-height",
    "Does the height of a tile change the result?",
    "0 hung an M1; compilers write the whole height, a divisor of it, or a power of two",
    WHERE,
    _heights,
    (
        engine(NO_EFFECT),
        Hypothesis(
            "only the first tile is written",
            _of_tiles(lambda rows: rows),
            "the engine: one tile, and a rule of `check`",
        ),
        Hypothesis(
            "only whole tiles are written",
            _of_tiles(lambda rows: HEIGHT - HEIGHT % rows),
            "the engine: whole tiles, and a rule of `check` for heights that do not divide",
        ),
    ),
    Risk.HANG,
    frozenset(["plan-tile-height"]),
)

# Patches

PATCHES = ((7, 2), (7, 1), (4, 6), (9, 6))


def _patch(width: int, height: int) -> Question:
    def cases() -> list[Case]:
        registers = {"Common.PatchCfg": {"PatchWidth": width, "PatchHeight": height}}
        return [Case("add", edited(two_sources("add", X), registers), _pair())]

    return Question(
        f"plan-patch-{width}x{height}",
        f"Does a planar task run with a patch of 2^{width} columns and 2^{height} rows, which no known program has?",
        "inferred from a patch on a task of the neural engines, which hung an M1; compile avoids such patches",
        "hwx2py/program/known_plans.py",
        cases,
        (
            engine("yes"),
            hangs("a fault of the engine for patches that are not known"),
            Hypothesis(
                "only the first row is written",
                gives(_first_rows(lambda a, b: a + b, 1)),
                "the engine: patches that are not known are no good",
            ),
        ),
        Risk.HANG,
        frozenset(["plan-patch"]),
    )


# Places in L2


def _overlapping_sources() -> list[Case]:
    program = two_sources("add", X)
    base = word(program, "L2.SourceBase")
    return [Case("add", edited(program, {"L2.Source2Base": base}), _pair())]


SOURCES = Question(
    "plan-overlap-sources",
    "What does a planar task read when both sources have the same place in L2?",
    "inferred: compilers never let tiles overlap; the virtual ANE takes what DMA brings",
    WHERE,
    _overlapping_sources,
    (
        engine("both, no harm"),
        Hypothesis("source 2 twice", gives(lambda a, b: b + b), "the engine: keep tiles in L2, source 2 last"),
        Hypothesis("source 1 twice", gives(lambda a, b: a + a), "the engine: keep tiles in L2, source 1 last"),
    ),
    Risk.HANG,
    frozenset(["plan-overlap"]),
)


def _overlapping_result() -> list[Case]:
    program = two_sources("add", X)
    row = word(program, "L2.SourceRowStride")
    return [Case("add", edited(program, {"L2.ResultBase": word(program, "L2.SourceBase") + row}), _pair())]


def _row_by_row(a: np.ndarray, b: np.ndarray, rows: int) -> np.ndarray:
    """Sums of which each is written over the row of source 1 that comes some rows later."""
    source = a.copy()
    found = np.empty_like(a)
    for row in range(HEIGHT):
        found[:, :, row] = (source[:, :, row] + b[:, :, row]).astype(np.float16)
        if row + rows < HEIGHT:
            source[:, :, row + rows] = found[:, :, row]
    return found


RESULT = Question(
    "plan-overlap-result",
    "What happens when the result's place in L2 is that of a source's next row?",
    "inferred: compilers never let tiles overlap; the virtual ANE takes what DMA brings",
    WHERE,
    _overlapping_result,
    (
        engine("no harm"),
        Hypothesis(
            "each row is written over the next row of source 1",
            gives(lambda a, b: _row_by_row(a, b, 1)),
            "the engine: keep tiles in L2, and write rows as they are computed",
        ),
        hangs("the engine: a fault for tiles that overlap"),
    ),
    Risk.HANG,
    frozenset(["plan-overlap"]),
)

#: Known programs use less than this of L2.
MEBIBYTE = 1 << 20


def _far_apart() -> list[Case]:
    return [Case("add", edited(two_sources("add", X), {"L2.Source2Base": {"Addr": MEBIBYTE}}), _pair())]


SIZE = Question(
    "plan-l2-size",
    "Does L2 have more than 1 MiB?",
    "chosen: 2 MiB, as addresses have 17 bits of 16 bytes; the highest byte of a known program is 0xd3700",
    "hwx2py/registers/machine.py",
    _far_apart,
    (
        engine("yes"),
        Hypothesis(
            "no, addresses wrap after 1 MiB", gives(lambda a, b: b + b), "`Machine.l2_bytes`: 1 << 20, and wrap around"
        ),
        hangs("`Machine.l2_bytes`: 1 << 20"),
    ),
    Risk.HANG,
)

# Strides in L2


def _narrow_channels() -> list[Case]:
    registers = {"L2.SourceChannelStride": {"Stride": X[3] * 2}}
    row = {"L2.SourceRowStride": {"Stride": X[1] * X[3] * 2}}
    return [Case("relu", edited(_relu(), registers | row), {"x": spread(X, 73)})]


CHANNELS = Question(
    "plan-narrow-channels",
    "May channels and rows of a neural task's source lie in L2 without any gap?",
    "compilers add 16 or 48 bytes, so that rows fall into other banks; a stride below the row hung an M1",
    RULES,
    _narrow_channels,
    (engine("yes"), hangs("`small-stride`: a gap is needed")),
    Risk.HANG,
)


def _close_rows() -> list[Case]:
    program = two_sources("add", X)
    stride = {"Stride": X[1] * X[3] * 2 // 2}
    return [Case("add", edited(program, {"L2.SourceRowStride": stride}), _pair())]


def _shared_rows(a: np.ndarray) -> np.ndarray:
    """What source 1 holds when rows lie half of their size apart, and were stored one after another."""
    channels, half_row = X[1], X[1] // 2
    found = a.copy()
    # The upper half of the channels of a row is where the lower half of those of the next row is.
    found[:, half_row:, :-1] = a[:, : channels - half_row, 1:]
    return found


ROWS = Question(
    "plan-close-rows",
    "What does a planar task read when the rows of its source overlap in L2?",
    "inferred: in known programs a row holds its channels; the virtual ANE takes what DMA brings",
    WHERE,
    _close_rows,
    (
        engine("no harm"),
        Hypothesis(
            "the row that was stored last",
            gives(lambda a, b: _shared_rows(a) + b),
            "the engine: keep tiles in L2, rows one after another",
        ),
        hangs("`small-stride`: rows too"),
    ),
    Risk.HANG,
    frozenset(["plan-row-stride"]),
)

QUESTIONS = (TILES, *(_patch(*size) for size in PATCHES), SOURCES, RESULT, SIZE, CHANNELS, ROWS)
