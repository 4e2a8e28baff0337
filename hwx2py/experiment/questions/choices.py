"""Questions about own choices of `compile`: moved elements, windows, tiles, that no program of Apple's compiler has."""

from collections.abc import Callable

import numpy as np

from ..predictions import gives, of_outputs, stepped
from ..programs import Shape, network, spread, tuned, word
from ..question import FILL, Case, Hypothesis
from .of_compile import FIRST_PART, matrix_product, row


def _exchange() -> Case:
    program = network("exchange", ("x", (1, 16, 4, 8)), build=lambda g, x: g.transpose(x, (0, 3, 2, 1)))
    return Case("transpose", program, {"x": spread((1, 16, 4, 8), 55)})


EXCHANGE = row(
    "choice-exchange",
    "Does a pass-through exchange channels and columns?",
    "own choice of low risk: transposes of 2023 ran so",
    "hwx2py/compiler/generic/neural.py",
    _exchange,
    Hypothesis(
        "it does not",
        gives(lambda x: np.pad(x[:, :8], ((0, 0), (0, 0), (0, 0), (0, 8)))),
        "`neural.exchange`: the exchange bits",
    ),
)

REPEATED_SHAPES: tuple[Shape, Shape] = ((1, 4, 8, 32), (1, 1, 1, 32))


def _repeated() -> Case:
    a, b = REPEATED_SHAPES
    program = network("repeated", ("a", a), ("b", b), build=lambda g, a, b: g.add(a, b))
    return Case("sum", program, {"a": spread(a, 71), "b": spread(b, 72)})


def _first_row(a: np.ndarray, b: np.ndarray, channels: int) -> np.ndarray:
    found = a.copy()
    found[:, :channels, :1] += b
    return found


REPEATED = row(
    "choice-repeated",
    "Do steps of 0 repeat a row of the second source of a planar task for all rows and channels?",
    "own choice of low risk: a step of 0 repeats a first source in published tables",
    "hwx2py/compiler/forms/elementwise.py",
    _repeated,
    Hypothesis(
        "for the first row of each channel only, the others get zeros",
        gives(lambda a, b: _first_row(a, b, a.shape[1])),
        "`arithmetic.combined`: repeat along rows by the planar engine's flags",
    ),
    Hypothesis(
        "for the first row only, the others get zeros",
        gives(lambda a, b: _first_row(a, b, 1)),
        "`arithmetic.combined`: repeat by the planar engine's flags",
    ),
)

ROWS: Shape = (1, 1, 32, 16)
COLUMN_WEIGHTS = spread((1, 1, 16, 16), 69)[0, 0]


def _as_columns() -> Case:
    program = network("columns", ("x", ROWS), build=lambda g, x: g.transpose(g.matmul(x, COLUMN_WEIGHTS), (0, 1, 3, 2)))
    return Case("product", program, {"x": spread(ROWS, 70)})


AS_COLUMNS = row(
    "choice-product-columns",
    "Does a product whose rows stay columns, without the exchange behind it, give the right values?",
    "own choice of low risk",
    "hwx2py/compiler/forms/product.py",
    _as_columns,
    Hypothesis(
        "its rows are stored as rows",
        gives(lambda x: matrix_product(x, COLUMN_WEIGHTS.astype(np.float64)[None, None]).reshape(1, 1, 16, 32)),
        "`product`: the exchange bits",
    ),
)

#: Rows and columns that windows step over.
IMAGE: Shape = (1, 16, 8, 16)


def _max_pool() -> Case:
    program = network("pool", ("x", IMAGE), build=lambda g, x: g.max_pool(x, 2, 2))
    return Case("pool", program, {"x": spread(IMAGE, 56)})


def _windows(x: np.ndarray, rows: int, columns: int) -> np.ndarray:
    """The 2 x 2 windows of half the size at some steps: (4, 1, C, H / 2, W / 2)."""
    height, width = x.shape[2] // 2, x.shape[3] // 2
    return np.stack(
        [
            x[:, :, top : top + rows * height : rows, left : left + columns * width : columns][:, :, :height, :width]
            for top in (0, 1)
            for left in (0, 1)
        ]
    )


def _steps(combine: Callable[[np.ndarray], np.ndarray]) -> tuple[Hypothesis, ...]:
    rows = (("rows are not stepped over", 1, 2), ("columns are not stepped over", 2, 1))
    change = "`lower.spatial`: no doubled strides"
    return tuple(Hypothesis(name, gives(lambda x, r=r, c=c: combine(_windows(x, r, c))), change) for name, r, c in rows)


MAX_POOL = row(
    "choice-max-pool",
    "Does a maximum pooling made of exchanges and maxima of views give the right values?",
    "own choice of low risk: no record of a pooling on H13",
    "hwx2py/compiler/lower/spatial.py",
    _max_pool,
    *_steps(lambda windows: windows.max(axis=0)),
)


def _average_pool() -> Case:
    program = network("pool", ("x", IMAGE), build=lambda g, x: g.average_pool(x, 2, 2))
    return Case("pool", program, {"x": spread(IMAGE, 57)})


AVERAGE_POOL = row(
    "choice-average-pool",
    "Does an average pooling made of a depthwise convolution and views give the right values?",
    "own choice of low risk: no record of a pooling on H13",
    "hwx2py/compiler/lower/spatial.py",
    _average_pool,
    *_steps(lambda windows: stepped(windows / 4).sum(axis=0)),
)

KERNEL = spread((16, 16, 2, 2), 58, 0.25)


def _strided() -> Case:
    program = network("strided", ("x", IMAGE), build=lambda g, x: g.conv(x, KERNEL, stride=2))
    return Case("convolution", program, {"x": spread(IMAGE, 59)})


def _convolved(windows: np.ndarray) -> np.ndarray:
    taps = KERNEL.astype(np.float64).reshape(16, 16, 4)
    each = stepped(taps.transpose(2, 0, 1)[:, :, :, None, None] * windows[:, 0][:, None])
    return each.sum(axis=(0, 2))[None]


STRIDED = row(
    "choice-stride-2",
    "Does a convolution at stride 2 made of one at stride 1 and views give the right values?",
    "own choice of low risk: Apple's compiler skips zeros there",
    "hwx2py/compiler/lower/spatial.py",
    _strided,
    *_steps(_convolved),
)

TALL_IMAGE: Shape = (1, 16, 64, 16)


def _lower_tiles() -> Case:
    program = tuned(
        "tiles",
        ("a", TALL_IMAGE),
        ("b", TALL_IMAGE),
        build=lambda g, a, b: g.relu(g.add(a, b)),
        least="Common.TileCfg.TileHeight",
    )
    return Case("tiles", program, {"a": spread(TALL_IMAGE, 71), "b": spread(TALL_IMAGE, 72)})


def _first_tile(found: np.ndarray, case: Case) -> np.ndarray:
    kept = found.copy()
    kept[:, :, word(case.program, "Common.TileCfg") :] = np.float16(FILL).view(np.uint16)
    return kept


LOWER_TILES = row(
    "choice-lower-tiles",
    "Does a task with tiles of fewer rows than fit L2 give the right values?",
    "own choice of low risk, which only `compile --tune` makes",
    "hwx2py/compiler/tile_heights.py",
    _lower_tiles,
    Hypothesis(FIRST_PART, of_outputs(_first_tile), "`lower_tiles`: whole tiles only"),
)

QUESTIONS = (
    EXCHANGE,
    REPEATED,
    AS_COLUMNS,
    MAX_POOL,
    AVERAGE_POOL,
    STRIDED,
    LOWER_TILES,
)
