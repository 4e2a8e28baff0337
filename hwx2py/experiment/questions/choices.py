"""Questions about own choices of `compile`: tasks, or rows of tasks, that no program of Apple's compiler has."""

from collections.abc import Callable, Sequence

import numpy as np

from ...compiler.graph import Graph, Value
from ...program.program import Program
from ..model import FILL, Case, Hypothesis, Question, Risk, stopped_after
from ..predictions import away, engine, gives, hangs, of_outputs, stepped
from ..programs import SMALL, Shape, half, network, spread, tuned, word

FIRST_PART = "the first part only"
RIGHT = "yes"


def _row(name: str, text: str, known: str, where: str, make: Callable[[], Case], *others: Hypothesis) -> Question:
    return Question(name, text, known, where, lambda: [make()], (engine(RIGHT), *others), Risk.GARBAGE)


def _first_part(last_task: int, change: str) -> Hypothesis:
    return Hypothesis(FIRST_PART, stopped_after(last_task), change)


def _zeros_from(axis: int, first: int) -> Hypothesis:
    """What later parts leave in scratch memory are the zeros that it began with."""

    def change(found: np.ndarray, case: Case) -> np.ndarray:
        places = np.arange(found.shape[axis]) < first
        return np.where(places.reshape([-1 if number == axis else 1 for number in range(4)]), found, 0)

    return Hypothesis(FIRST_PART, of_outputs(change), "the form: refuse what L2 does not hold")


def _ramp(program: Program) -> Case:
    return Case("ramp", program, {tensor.name: "ramp" for tensor in program.inputs})


# One task after another


def _chain(in_l2: bool = False) -> Case:
    program = network("chain", ("a", SMALL), ("b", SMALL), build=lambda g, a, b: g.mul(g.add(a, b), a), chain=in_l2)
    return Case("chain", program, {"a": spread(SMALL, 50), "b": spread(SMALL, 51)})


CHAIN = _row(
    "chain-scratch",
    "Does a task wait for what the task before it left in scratch memory?",
    "own choice of low risk: forms are chained through BAR 3, as programs of 2023 are",
    "hwx2py/compiler/link.py",
    _chain,
    Hypothesis("it reads too early", gives(lambda a, b: 0 * a), "`link`: wait bits of header word 6"),
    Hypothesis(
        "it reads the program's input",
        gives(lambda a, b: a * a),
        "`link`: where scratch memory begins, and its BAR",
    ),
)

CHAIN_IN_L2 = _row(
    "chain-l2",
    "Does a task wait for what the task before it left in L2, if the two are of different forms?",
    "own choice of low risk: tensors stay in L2 inside Apple's forms",
    "hwx2py/compiler/chain.py",
    lambda: _chain(in_l2=True),
    Hypothesis("it reads zeros", gives(lambda a, b: 0 * a), "`chained`: no runs of several forms"),
    Hypothesis("it reads source 1 of the first task", gives(lambda a, b: a * a), "`chained`: places in L2"),
    Hypothesis("it reads source 2 of the first task", gives(lambda a, b: b * a), "`chained`: places in L2"),
)

#: A long chain: each task adds the input once more.
LINKS = 12


def _long_chain(in_l2: bool = False) -> Case:
    def build(g: Graph, x: Value) -> Value:
        y = x
        for _ in range(LINKS):
            y = g.add(y, x)
        return y

    return Case("chain", network("links", ("x", SMALL), build=build, chain=in_l2), {"x": spread(SMALL, 52)})


def _added(x: np.ndarray, late: int) -> np.ndarray:
    """The chain when the task with a number reads zeros."""
    y = x
    for number in range(LINKS):
        y = away((0 * y if number == late else y) + x)
    return y


LONG_CHAIN = _row(
    "chain-long",
    f"Do all {LINKS} tasks of a chain wait for each other?",
    "own choice of low risk",
    "hwx2py/compiler/link.py",
    _long_chain,
    Hypothesis("the second does not", gives(lambda x: _added(x, 1)), "`link`: wait bits of header word 6"),
    Hypothesis("the last does not", gives(lambda x: _added(x, LINKS - 1)), "`link`: wait bits of the last task"),
)

LONG_CHAIN_IN_L2 = _row(
    "chain-l2-long",
    f"Do all {LINKS} tasks of a chain in L2 wait for each other?",
    "own choice of low risk; the longest known run of tasks in L2 has 8",
    "hwx2py/compiler/chain.py",
    lambda: _long_chain(in_l2=True),
    Hypothesis("the second does not", gives(lambda x: _added(x, 1)), "`chained`: no runs of several forms"),
    Hypothesis("the ninth does not", gives(lambda x: _added(x, 8)), "`MOST_TASKS`: fewer in a run"),
)

MATRICES: tuple[Shape, Shape] = ((1, 1, 32, 16), (1, 1, 16, 16))


def _late_kernel() -> Case:
    program = network("late", ("a", MATRICES[0]), ("b", MATRICES[1]), build=lambda g, a, b: g.matmul(g.add(a, 1.0), b))
    return Case("product", program, {"a": spread(MATRICES[0], 53), "b": spread(MATRICES[1], 54)})


def _matrix_product(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    return stepped(a[0, 0][:, :, None] * b[0, 0][None]).sum(axis=1)[None, None]


KERNEL_WRITER = _row(
    "chain-kernel",
    "Does a task wait for the kernel of the task that its header word 10 names, if that is not the first one?",
    "own choice of middle risk; attention's task 8 has such a word",
    "hwx2py/compiler/forms/inputs_product.py",
    _late_kernel,
    Hypothesis(
        "it fetches zeros", gives(lambda a, b: np.zeros((1, 1, 32, 16))), "`link`: word 10, and bit 24 of word 6"
    ),
    Hypothesis(
        "it fetches what the first task wrote there",
        gives(lambda a, b: _matrix_product(a, b)),
        "`link`: word 10 names the first task",
    ),
)

GATED: tuple[Shape, Shape] = ((1, 16, 4, 8), (1, 16, 1, 1))
GATE_WEIGHTS = spread((16, 16, 1, 1), 64)


def _gate() -> Case:
    program = network(
        "gate",
        ("x", GATED[0]),
        ("c", GATED[1]),
        build=lambda g, x, c: g.mul(x, g.sigmoid(g.conv(c, GATE_WEIGHTS))),
    )
    return Case("gate", program, {"x": spread(GATED[0], 65), "c": spread(GATED[1], 66)})


GATE = _row(
    "chain-gate",
    "Does a planar task wait for what a convolution left in L2 for it?",
    "own choice of low risk: pass-through tasks leave their results there",
    "hwx2py/compiler/forms/gate.py",
    _gate,
    Hypothesis("it reads zeros", gives(lambda x, c: 0 * x), "`gate.gated`: the numbers through scratch memory"),
    Hypothesis(
        "it reads what the convolution read",
        gives(lambda x, c: x * c),
        "`gate.gated`: places in L2 that do not touch",
    ),
)

PAIRS: tuple[Shape, Shape] = ((1, 4, 32, 16), (1, 4, 16, 16))


def _several() -> Case:
    program = network("several", ("a", PAIRS[0]), ("b", PAIRS[1]), build=lambda g, a, b: g.matmul(a, b))
    return Case("products", program, {"a": spread(PAIRS[0], 67), "b": spread(PAIRS[1], 68)})


def _products(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    each = stepped(a[:, :, :, :, None] * b[:, :, None])
    return each.sum(axis=3)


SEVERAL = _row(
    "chain-several-kernels",
    "May one task store the kernels of several products, of which each fetches its own?",
    "own choice of middle risk; published tables of attention have it",
    "hwx2py/compiler/forms/inputs_products.py",
    _several,
    Hypothesis(
        "all fetch the first one",
        gives(lambda a, b: _products(np.broadcast_to(a[:, :1], a.shape), b)),
        "`inputs_products.products`: the kernel's base of later products",
    ),
    Hypothesis(
        "all but the first fetch zeros",
        gives(lambda a, b: _products(a * (np.arange(4) == 0).reshape(1, 4, 1, 1), b)),
        "`inputs_products.products`: word 10 of later products",
    ),
)

# Elements that move


def _exchange() -> Case:
    program = network("exchange", ("x", (1, 16, 4, 8)), build=lambda g, x: g.transpose(x, (0, 3, 2, 1)))
    return Case("transpose", program, {"x": spread((1, 16, 4, 8), 55)})


EXCHANGE = _row(
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

ROWS: Shape = (1, 1, 32, 16)
COLUMN_WEIGHTS = spread((1, 1, 16, 16), 69)[0, 0]


def _as_columns() -> Case:
    program = network("columns", ("x", ROWS), build=lambda g, x: g.transpose(g.matmul(x, COLUMN_WEIGHTS), (0, 1, 3, 2)))
    return Case("product", program, {"x": spread(ROWS, 70)})


AS_COLUMNS = _row(
    "choice-product-columns",
    "Does a product whose rows stay columns, without the exchange behind it, give the right values?",
    "own choice of low risk",
    "hwx2py/compiler/forms/product.py",
    _as_columns,
    Hypothesis(
        "its rows are stored as rows",
        gives(lambda x: _matrix_product(x, COLUMN_WEIGHTS.astype(np.float64)[None, None]).reshape(1, 1, 16, 32)),
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


MAX_POOL = _row(
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


AVERAGE_POOL = _row(
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


STRIDED = _row(
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


LOWER_TILES = _row(
    "choice-lower-tiles",
    "Does a task with tiles of fewer rows than fit L2 give the right values?",
    "own choice of low risk, which only `compile --tune` makes",
    "hwx2py/compiler/tile_heights.py",
    _lower_tiles,
    Hypothesis(FIRST_PART, of_outputs(_first_tile), "`lower_tiles`: whole tiles only"),
)

# Tensors that L2 does not hold


def _bands() -> Case:
    return _ramp(network("bands", ("a", (1, 64, 64, 64)), ("b", (1, 64, 1, 1)), build=lambda g, a, b: g.sub(a, b)))


BANDS = _row(
    "choice-bands",
    "Do bands of rows, each of which fits L2, give the right values?",
    "own choice of low risk",
    "hwx2py/compiler/generic/planar.py",
    _bands,
    _first_part(1, "`planar.cuts`: refuse what L2 does not hold"),
)


def _parts() -> Case:
    shape: Shape = (1, 4, 400, 800)
    return _ramp(network("parts", ("x", shape), build=lambda g, x: g.slice(g.standardize(x, (2, 3)), 3, 0, 16)))


PARTS = _row(
    "choice-parts",
    "Does a norm made of parts of the channels give the right values?",
    "own choice of low risk; softmax beyond L2 is split over channels by programs of 2023",
    "hwx2py/compiler/forms/parts.py",
    _parts,
    _zeros_from(1, 2),
)


def _norm_rows() -> Case:
    shape: Shape = (1, 1, 1100, 600)
    return _ramp(network("rows", ("x", shape), build=lambda g, x: g.slice(g.standardize(x, (3,)), 3, 0, 16)))


NORM_ROWS = _row(
    "choice-norm-rows",
    "Does a norm of rows made of parts of the rows give the right values?",
    "own choice of low risk",
    "hwx2py/compiler/forms/norm.py",
    _norm_rows,
    _zeros_from(2, 1008),
)

#: Twice the first columns.
TALL = half(np.eye(1024, 16) * 2)


def _product_rows() -> Case:
    return _ramp(network("rows", ("x", (1, 1, 1100, 1024)), build=lambda g, x: g.matmul(x, TALL)))


PRODUCT_ROWS = _row(
    "choice-product-rows",
    "Does a product that takes its rows in parts give the right values?",
    "own choice of low risk",
    "hwx2py/compiler/forms/product.py",
    _product_rows,
    _first_part(1, "`product`: refuse rows that L2 does not hold exchanged"),
)

WIDE_OUTPUTS, WIDE_INPUTS = 576, 1024


def _split() -> Case:
    weights = half(np.roll(np.eye(WIDE_OUTPUTS, WIDE_INPUTS), 7, axis=1))[:, :, None, None]
    return _ramp(network("split", ("x", (1, WIDE_INPUTS, 1, 1)), build=lambda g, x: g.conv(x, weights)))


SPLIT = _row(
    "choice-split",
    "Does a convolution whose output channels are split over two tasks give the right values?",
    "own choice of low risk; a product of 1024 by 1024 has a record",
    "hwx2py/compiler/forms/convolution.py",
    _split,
    _first_part(0, "`convolution.parts`: one task"),
    Hypothesis(
        "the second task begins at channel 0 again",
        lambda case: gives(lambda x: _restarted(x, case))(case),
        "`convolution`: the result's base of later tasks",
    ),
)


def _restarted(x: np.ndarray, case: Case) -> np.ndarray:
    """The second part's channels on top of the first's, and nothing in their place."""
    first = 512
    found = x[:, 7 : 7 + WIDE_OUTPUTS].copy()
    found[:, : WIDE_OUTPUTS - first] = found[:, first:]
    found[:, first:] = FILL
    return found


def _kept() -> Case:
    shapes: Sequence[Shape] = ((1, 1, 48, 64), (1, 1, 64, 200))
    program = network("kept", ("a", shapes[0]), ("b", shapes[1]), build=lambda g, a, b: g.matmul(a, b))
    return Case("product", program, {"a": spread(shapes[0], 60), "b": spread(shapes[1], 61)})


def _columns_again(found: np.ndarray, case: Case) -> np.ndarray:
    again = found.copy()
    again[..., 128:] = found[..., : found.shape[3] - 128]
    return again


KEPT = _row(
    "choice-kept-columns",
    "May more than 128 columns stay in L2 for several products?",
    "own choice of low risk: compiler 9.509 passes columns through in parts of 128",
    "hwx2py/compiler/forms/inputs_product.py",
    _kept,
    Hypothesis(
        "columns from 128 on are the first ones again",
        of_outputs(_columns_again),
        "`_picture`: parts of 128 columns",
    ),
)


def _inputs_parts() -> Case:
    shapes: Sequence[Shape] = ((1, 1, 24, 16), (1, 1, 16, 16))
    program = network("parts", ("a", shapes[0]), ("b", shapes[1]), build=lambda g, a, b: g.matmul(a, b))
    return Case("product", program, {"a": spread(shapes[0], 62), "b": spread(shapes[1], 63)})


INPUTS_PARTS = _row(
    "choice-kernel-rows",
    "Does a product of two tensors with a number of rows that 16 does not divide give the right values?",
    "own choice of low risk: parts, each with lanes of its own",
    "hwx2py/compiler/forms/inputs_product.py",
    _inputs_parts,
    _first_part(0, "`inputs_product`: pad the rows in scratch memory"),
)


def _patched() -> Case:
    return _ramp(network("patched", ("x", (1, 1, 400, 64)), build=lambda g, x: g.softmax(x, 2)))


PATCH = Question(
    "choice-patch",
    "Does a task with a known patch, where the compiler's rule gives one that none has, give the right values?",
    "own choice of low risk; a patch on a task of the neural engines hung an M1",
    "hwx2py/compiler/patches.py",
    lambda: [_patched()],
    (engine(RIGHT), hangs("`patches`: the patch that the rule gives")),
    Risk.HANG,
)

QUESTIONS = (
    CHAIN,
    LONG_CHAIN,
    CHAIN_IN_L2,
    LONG_CHAIN_IN_L2,
    KERNEL_WRITER,
    GATE,
    SEVERAL,
    EXCHANGE,
    AS_COLUMNS,
    MAX_POOL,
    AVERAGE_POOL,
    STRIDED,
    LOWER_TILES,
    BANDS,
    PARTS,
    NORM_ROWS,
    PRODUCT_ROWS,
    SPLIT,
    KEPT,
    INPUTS_PARTS,
    PATCH,
)
