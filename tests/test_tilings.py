"""Large pictures: a task for all of it, in the tiles that programs of Apple's compiler of 2023 have."""

import numpy as np
import pytest
from compiled import surface
from conftest import SHARED
from test_compiler_words import words_by_name

import hwx2py
from hwx2py import formats
from hwx2py.compiler import operators
from hwx2py.compiler.compile import compile_network
from hwx2py.compiler.forms import activation
from hwx2py.compiler.forms.parts import tile_of_rows
from hwx2py.compiler.graph import Graph
from hwx2py.compiler.operators.arithmetic import Combine
from hwx2py.emulator.numbers import CHIP

FOLDER = SHARED / "hwx" / "eiln"
PICTURE = (1, 1, 2560, 1600)
#: What the programs of 2023 do in a task.
TASKS = {
    "add": lambda g, x, y: g.add(x, y),
    "max": lambda g, x, y: g.apply(operators.Binary(Combine.MAX), x, y),
    "min": lambda g, x, y: g.apply(operators.Binary(Combine.MIN), x, y),
    "abs": lambda g, x: g.unary("abs", x),
    "relu": lambda g, x: g.relu(x),
    "tanh": lambda g, x: g.unary("tanh", x),
}
#: Shapes, tiles and places; Common.Cfg has a bit of that compiler, which 9.509 does not write.
PLACES = ("Common.InDim", "Common.OutDim", "Common.TileCfg", "Common.PatchCfg", "L2.", "TileDMASrc.Src", "TileDMADst.")
BIT_OF_2023 = 0x4000000


def program_of(name: str, shape: tuple[int, ...]):
    """The program of an operation, with the names of 2023."""
    build, graph = TASKS[name], Graph()
    count = build.__code__.co_argcount - 1
    inputs = [graph.input(f"bar{5 + number}", shape) for number in range(count)]
    graph.output("bar4", build(graph, *inputs))
    return compile_network(graph).program


@pytest.mark.skipif(not FOLDER.exists(), reason="the programs of 2023 are not beside the repository")
@pytest.mark.parametrize("name", TASKS)
def test_a_picture_passes_in_the_tiles_of_2023(name):
    (words,) = words_by_name(program_of(name, PICTURE))
    (known,) = words_by_name(formats.load(str(FOLDER / f"{name}.anec")).program)
    same = [register for register in known if register.startswith(PLACES)]
    assert {register: words.get(register, hex(0)) for register in same} == {one: known[one] for one in same}
    assert int(words["Common.Cfg"], 16) == int(known["Common.Cfg"], 16) & ~BIT_OF_2023
    assert len(same) > 40


def test_tiles_of_32_rows_are_for_wide_pictures_that_l2_does_not_hold():
    assert tile_of_rows(1, 2560, 1600, 3) == 32
    assert tile_of_rows(3, 2560, 1600, 2) == 32
    assert tile_of_rows(1, 2560, 512, 3) is None  # one part of 512 columns
    assert tile_of_rows(1, 600, 1600, 3) is None  # fits
    assert tile_of_rows(64, 2560, 1600, 3) is None  # 32 rows do not


@pytest.mark.parametrize(("width", "bytes_of_a_part"), [(128, 0), (256, 256), (1600, 128), (1632, 0), (192, 128)])
def test_long_rows_pass_in_parts_that_leave_none_over(width, bytes_of_a_part):
    assert activation.part_bytes(width) == bytes_of_a_part


@pytest.mark.parametrize("shape", [(1, 1, 700, 1600), (1, 3, 300, 832), (2, 2, 350, 640)])
@pytest.mark.parametrize("name", ["add", "max", "relu", "abs"])
def test_values_of_a_picture_in_tiles(name, shape):
    program = program_of(name, shape)
    assert len(program.tasks) == 1
    assert not [finding for finding in hwx2py.check(hwx2py.Program(program)) if finding.level in ("error", "warning")]
    random = np.random.default_rng(1)
    inputs = {row.name: random.normal(size=shape).astype(np.float16) for row in program.inputs}
    done = hwx2py.emulate(hwx2py.Program(program), inputs)
    assert not done.faults
    x, y = (array.astype(np.float64) for array in (*inputs.values(), *inputs.values())[:2])
    wanted = {"add": x + y, "max": np.maximum(x, y), "relu": np.maximum(x, 0), "abs": np.abs(x)}[name]
    np.testing.assert_array_equal(done.outputs["bar4"], CHIP.rounded(wanted))


def test_a_form_alone_takes_a_picture_too():
    x, y = surface("x", *PICTURE), surface("y", *PICTURE)
    (plan,) = activation.relu(x, y)
    assert plan.registers["Common.TileCfg"] == PICTURE[2]
    assert plan.registers["L2.SourceChannelStride"] == 0x80
