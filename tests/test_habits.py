"""What compilers of later generations do otherwise in some forms: words, numbers of tasks, and equal bits."""

import builders
import numpy as np
import pytest
from compiled import built, surface

from hwx2py import checks
from hwx2py.compiler.compile import compile_network
from hwx2py.compiler.forms import inputs_product, inputs_products, product, reduction
from hwx2py.compiler.forms.reduction import Reduce
from hwx2py.compiler.generations import port, rules
from hwx2py.compiler.graph import Graph
from hwx2py.compiler.task import RuntimeKernel, TaskPlan
from hwx2py.emulator import direct
from hwx2py.operations import operations
from hwx2py.program.program import Program

LATER = rules("H13", "H14").habits


def result(program: Program, inputs: dict[str, np.ndarray]) -> bytes:
    """The output of a run, after `check` found nothing."""
    found = [finding for finding in checks.findings(checks.Subject(program)) if finding.level in ("error", "warning")]
    assert not found, found[0]
    outcome = direct.run(program, inputs)
    assert not outcome.faults, str(outcome.faults[0])
    return outcome.outputs["y"].tobytes()


def both(usual: list[TaskPlan], later: list[TaskPlan], shapes: dict, shape) -> tuple[Program, Program]:
    """A program for H13, and one for H14, which give the same bits."""
    programs = built(usual, shapes, {"y": shape}), port(built(later, shapes, {"y": shape}), "H14")
    inputs = {name: builders.half(number, *size) for number, (name, size) in enumerate(shapes.items())}
    assert result(programs[0], inputs) == result(programs[1], inputs)
    return programs


@pytest.mark.parametrize(
    ("rows", "inner", "columns", "transposed", "tasks"),
    [(256, 32, 100, False, 2), (384, 16, 40, True, 3), (640, 16, 72, False, 3), (64, 32, 64, False, 2)],
)
def test_a_task_fetches_a_kernel_in_up_to_four_rounds(rows, inner, columns, transposed, tasks):
    shapes = {"x": (1, 1, rows, inner), "w": (1, 1, columns, inner) if transposed else (1, 1, inner, columns)}
    shape = (1, 1, rows, columns)
    x, w = (surface(name, *size) for name, size in shapes.items())
    usual, later = (
        inputs_product.product(x, w, surface("y", *shape), transposed_w=transposed, **options)
        for options in ({}, {"habits": LATER})
    )
    _, program = both(usual, later, shapes, shape)
    assert len(program.tasks) == tasks
    rounds = [plan.kernel.rounds for plan in later if isinstance(plan.kernel, RuntimeKernel)]
    assert sum(rounds) == max(1, rows // 128)
    steps = [task.kernel.round_stride_bytes for task in operations(program) if getattr(task, "kernel", None)]
    assert steps == [plan.kernel.round_bytes for plan in later if isinstance(plan.kernel, RuntimeKernel)]


def test_pairs_of_matrices_take_one_product_each():
    shapes = {"x": (1, 2, 256, 16), "w": (1, 2, 16, 40)}
    shape = (1, 2, 256, 40)
    surfaces = [surface(name, *size) for name, size in {**shapes, "y": shape}.items()]
    usual, later = inputs_products.products(*surfaces), inputs_products.products(*surfaces, habits=LATER)
    both(usual, later, shapes, shape)
    assert (len(usual), len(later)) == (5, 3)


def test_scratch_holds_all_rounds_of_a_kernel():
    kernel = RuntimeKernel("k", 0x100, 0x400, 0x400, 16, 4)
    assert (kernel.round_bytes, kernel.end_bytes) == (0x4000, 0x100 + 4 * 0x4000)


#: Channels, height, width, and the words of Common.Cfg and GroupConvCfg and the step from row to row in L2: of the mean
#: of H14 and H16, of the copy in a maximum over 64 channels of H16 (where Cfg has no bit 0), of both by rule.
EXCHANGES = [
    (64, 8, 8, 0x30242201, 0x44001, 0x420),
    (64, 32, 16, 0x30232201, 0x44001, 0x830),
    (512, 2, 64, 0x30211101, 0x84001, 0x10000),
    (16, 4, 16, 0x10220001, 0x14001, 0x200),
]


@pytest.mark.parametrize(("channels", "height", "width", "config", "groups", "row"), EXCHANGES)
def test_each_engine_takes_several_channels_of_an_exchanging_copy(channels, height, width, config, groups, row):
    shapes, shape = {"x": (1, channels, height, width)}, (1, 1, height, width)
    x, y = surface("x", *shapes["x"]), surface("y", *shape)
    usual, later = reduction.over_c(Reduce.SUM, x, y), reduction.over_c(Reduce.SUM, x, y, habits=LATER)
    both(usual, later, shapes, shape)
    words = later[0].registers
    names = ("Common.Cfg", "Common.GroupConvCfg", "L2.SourceRowStride")
    assert [words[name] for name in names] == [config, groups, row]


@pytest.mark.parametrize(("rows", "sharing"), [(1, 0x10200005), (8, 0x10200005), (64, 0x10200001)])
def test_rows_of_a_small_product_are_not_shared(rows, sharing):
    shapes, shape = {"x": (1, 1, rows, 64)}, (1, 1, rows, 64)
    weights = builders.half(3, 64, 64, scale=0.1).tobytes()
    x, y = surface("x", *shapes["x"]), surface("y", *shape)
    usual, later = product.product(x, y, weights), product.product(x, y, weights, habits=LATER)
    both(usual, later, shapes, shape)
    assert later[1].registers["Common.Cfg"] == sharing


def test_a_network_is_compiled_with_the_habits_of_its_generation():
    graph = Graph()
    x, w = graph.input("x", (1, 1, 256, 16)), graph.input("w", (1, 1, 16, 32))
    graph.output("y", graph.matmul(x, w))
    programs = [compile_network(graph, arch).program for arch in ("H13", "H14")]
    assert [len(program.tasks) for program in programs] == [3, 2]
    inputs = {"x": builders.half(1, 1, 1, 256, 16), "w": builders.half(2, 1, 1, 16, 32)}
    assert result(programs[0], inputs) == result(programs[1], inputs)
