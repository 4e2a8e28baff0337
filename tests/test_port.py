"""Programs of one generation as programs of another: words of decoded H14 programs, equal bits, refusals by name."""

import tracemalloc

import builders
import numpy as np
import pytest
from compiled import built, surface
from conftest import SHARED, example, one_line
from test_compiler_words import CASES, OTHER_TABLE, TABLE, Case, digest_of, one, two, words_by_name, zeros

import hwx2py
from hwx2py import checks, delta, formats
from hwx2py.compiler.compile import compile_network
from hwx2py.compiler.forms import (
    activation,
    broadcast,
    convolution,
    elementwise,
    inputs_product,
    power,
    product,
    reduction,
    scale,
)
from hwx2py.compiler.forms.convolution import Window
from hwx2py.compiler.forms.elementwise import Binary
from hwx2py.compiler.forms.product import Tail
from hwx2py.compiler.forms.reduction import Reduce
from hwx2py.compiler.generations import port, rules
from hwx2py.compiler.generations.table import ROWS
from hwx2py.compiler.graph import Graph
from hwx2py.compiler.tables import table
from hwx2py.emulator import direct
from hwx2py.errors import ArchitectureError, UnsupportedError
from hwx2py.operations import operations
from hwx2py.program.program import Program
from hwx2py.registers import by_name

RECORD_FOLDER = SHARED / "hwx" / "oracle-h14"
needs_records = pytest.mark.skipif(
    not RECORD_FOLDER.exists(), reason="the decoded programs are not beside the repository"
)
COLUMN, LINE = (1, 64, 1, 1), (1, 512, 1, 1)
LATER = {name: rules("H13", name).habits for name in ("H14", "H15")}


def few_rows(digest: str, arch: str) -> Case:
    """The product of a row by 256 x 512."""
    shapes = (1, 1, 1, 256), (1, 1, 1, 512)
    return one(digest, *shapes, product.product, zeros(256 * 512), y_name="product", habits=LATER[arch])


#: Records of compiler 9.509 for H14 that come out whole: sha256 of the text, its first 16 digits, and the H13 tasks.
H14_CASES = {
    "binary_add_1x64x1x1": two(
        "28d61c2ab1fd41d6", COLUMN, lambda x, z, y: elementwise.binary(Binary.ADD, x, z, y)
    ),
    "binary_add_c64_constant_blob": CASES["binary_add_c64_constant_blob"]._replace(digest="255254193c9d0213"),
    "binary_maximum_1x3x224x224": two(
        "2c4307227c540af2", (1, 3, 224, 224), lambda x, z, y: elementwise.binary(Binary.MAX, x, z, y)
    ),
    "binary_mul_1x64x8x8": two(
        "6b61035621436d01", (1, 64, 8, 8), lambda x, z, y: elementwise.binary(Binary.MUL, x, z, y)
    ),
    "binary_pow_1x64x1x1": two(
        "276f2b5d7ea48fb6", COLUMN, lambda x, z, y: power.power(x, z, y, TABLE, OTHER_TABLE)
    ),
    "conv_k3_c64_n64_s8_bias0": CASES["conv_k3_c64_n64_s8_bias0"]._replace(digest="5188700cdf02323b"),
    "env_mm_r3rr_m512_k64_n512_tx0_ty1_b1": Case(
        "d9348734baeaea23", {"x": (1, 1, 512, 64), "w": (1, 1, 512, 64)}, {"product": (1, 1, 512, 512)},
        lambda x, w, y: inputs_product.product(x, w, y, transposed_w=True, habits=LATER["H14"]),
    ),
    "matmul_m1_k256_n512_ty1": few_rows("c7fb74685260fb17", "H14"),
    "reduce_mean_axes_1": Case(
        "bf6f6fd3ee567321", {"x": (1, 64, 8, 8)}, {"y": (1, 1, 8, 8)},
        lambda x, y: reduction.over_c(Reduce.MEAN, x, y, habits=LATER["H14"]),
    ),
    "softmax_1x512x1x1": CASES["softmax_1x512x1x1"]._replace(digest="e9e1b184d2a2fd73"),
    "unary_gelu_c64": Case(
        "3946587b16f0dbb2", {"x": COLUMN}, {"y": COLUMN}, lambda x, y: activation.table("gelu", TABLE, x, y)
    ),
    "unary_relu_c512": one("b1cf7e4c22e3afbe", LINE, LINE, activation.relu),
}  # fmt: skip
EXAMPLES = ("add", "attention", "chain", "conv", "matmul", "max", "mul", "relu", "sigmoid", "softmax")


#: The same for H15.
H15_CASES = {
    "binary_add_1x64x1x1": H14_CASES["binary_add_1x64x1x1"]._replace(digest="b5404cf939467a0c"),
    "binary_maximum_1x3x224x224": H14_CASES["binary_maximum_1x3x224x224"]._replace(digest="8a8c3a3b1940c69d"),
    "binary_mul_c64_constant_scalar": one("7660d49e903ab75c", COLUMN, COLUMN, scale.scaled, scale=0.5),
    "binary_pow_1x64x1x1": H14_CASES["binary_pow_1x64x1x1"]._replace(digest="0553ea91c02bd598"),
    "matmul_m1_k256_n512_ty1": few_rows("9c8ee02876df4e3d", "H15"),
    "unary_gelu_c64": H14_CASES["unary_gelu_c64"]._replace(digest="8b7ede9489994cbe"),
    "unary_relu_c512": H14_CASES["unary_relu_c512"]._replace(digest="6a3506e03a394272"),
}
WHOLE = [("H14", name, case) for name, case in H14_CASES.items()]
WHOLE += [("H15", name, case) for name, case in H15_CASES.items()]
whole = pytest.mark.parametrize(("arch", "name", "case"), WHOLE, ids=[f"{arch}-{name}" for arch, name, _ in WHOLE])


def bits(program: Program, seed: int = 1) -> dict[str, bytes]:
    """The outputs of a run, after `check` found nothing."""
    random = np.random.default_rng(seed)
    inputs = {tensor.name: random.uniform(0.1, 2, tensor.shape).astype(np.float16) for tensor in program.inputs}
    found = [finding for finding in checks.findings(checks.Subject(program)) if finding.level in ("error", "warning")]
    assert not found, found[0]
    outcome = direct.run(program, inputs)
    assert not outcome.faults, str(outcome.faults[0])
    return {name: array.tobytes() for name, array in outcome.outputs.items()}


def halves(*shape: int) -> bytes:
    """Weights."""
    return builders.half(7, *shape, scale=0.1).tobytes()


def with_table() -> Program:
    """A convolution with a lookup table behind it: the kernel of every engine has a copy in front on H13."""
    shape = (1, 32, 4, 8)
    x, y = surface("x", *shape), surface("y", *shape)
    plans = convolution.convolution(x, y, halves(32, 32, 1, 1), window=Window(1, 1), table=table("tanh").data)
    return built(plans, {"x": shape}, {"y": shape})


@whole
def test_words_are_those_that_the_compiler_writes_for_a_later_generation(arch, name, case):
    assert digest_of(port(case.program(), arch).text.to_bytes()) == case.digest


@needs_records
@whole
def test_words_are_those_of_the_file_for_a_later_generation(arch, name, case):
    program = port(case.program(), arch)
    record = formats.load(str(SHARED / "hwx" / f"oracle-{arch.lower()}" / f"{name}.hwx")).program
    assert words_by_name(program) == words_by_name(record)
    assert program.text.to_bytes() == record.text.to_bytes()


@pytest.mark.parametrize("name", sorted({*EXAMPLES} - {"attention", "matmul"}))
def test_an_example_gives_the_same_bits_on_h15(name):
    program = formats.load(str(example(name))).program
    there = port(program, "H15")
    assert bits(there) == bits(program)
    assert {tensor.bar for tensor in there.tensors} == {tensor.bar + 2 for tensor in program.tensors}
    assert delta.compare(program, there).are_counterparts


def test_kernels_that_a_task_made_are_refused_on_h15():
    with pytest.raises(UnsupportedError, match=r"task 1: Header.TDE = 0x1: no decoded H15 program has a kernel"):
        port(formats.load(str(example("attention"))).program, "H15")


def test_tasks_that_are_chained_tile_by_tile_are_refused_on_h15():
    program = CASES["softmax_1x512x1x1"].program()
    first, *others = program.tasks
    address = program.arch.address("L2.ResultCfg")
    (index,) = (write.index for write in first.writes() if write.address == address)
    chained = program.with_tasks([first.with_words({index: first.words[index] | 3}), *others])
    with pytest.raises(UnsupportedError, match=r"task 0: L2.ResultCfg.ResultType = L2ChainWrite: no decoded H15"):
        port(chained, "H15")


def test_a_clamp_of_the_planar_engine_has_no_place_on_h15():
    with pytest.raises(UnsupportedError, match=r"task 0: PE.Cfg.ReluEn = 0x1: H15 has no such field"):
        port(CASES["chain_add_relu_c512"].program(), "H15")
    magnitude = port(CASES["unary_abs_c256"].program(), "H15")
    assert bits(magnitude) == bits(CASES["unary_abs_c256"].program())


@pytest.mark.parametrize("name", EXAMPLES)
def test_an_example_gives_the_same_bits_there_and_back(name):
    program = formats.load(str(example(name))).program
    there = port(program, "H14")
    back = port(there, "H13")
    assert there.arch.name == "H14"
    assert bits(there) == bits(program)
    assert bits(back) == bits(program)
    for one_way, other in ((program, there), (there, back), (back, there)):
        report = delta.compare(one_way, other)
        assert report.are_counterparts, report.verdict()


def test_a_table_goes_into_a_channel_of_its_own_and_back_in_front_of_every_chunk():
    program = with_table()
    there = port(program, "H14")
    (task,) = operations(there)
    assert task.kernel.channels[0].size_bytes == 32 * 2 * task.kernel.lanes
    assert not task.kernel.table_in_front
    data = table("tanh").data
    assert bytes(there.const[task.table.base_bytes : task.table.base_bytes + 128]) == data
    assert bytes(there.const).count(data) == 1
    assert bytes(program.const).count(data) == 16
    assert bits(there) == bits(program)
    back = port(there, "H13")
    assert bits(back) == bits(program)
    (task,) = operations(back)
    chunk = task.kernel.channels[3]
    assert bytes(back.const[chunk.base_bytes : chunk.base_bytes + 128]) == data


def table_then_constants(bias: bytes) -> Program:
    """A lookup table, then a constant for each channel, which lies behind the table's 16 places."""
    x, m, y = (surface(name, *COLUMN) for name in "xmy")
    plans = activation.table("tanh", table("tanh").data, x, m) + broadcast.channel_constants(m, y, bias, None)
    return built(plans, {"x": COLUMN}, {"y": COLUMN})


def test_constants_behind_a_table_move_with_it():
    program = table_then_constants(halves(64))
    there = port(program, "H14")
    assert len(program.const) - len(there.const) == 15 * 128
    assert bits(there) == bits(program)


def test_zeros_behind_a_table_that_a_task_reads_stay():
    x, m, n, y = (surface(name, *COLUMN) for name in "xmny")
    plans = activation.table("tanh", table("tanh").data, x, m) + broadcast.channel_constants(m, n, halves(64), None)
    plans += broadcast.channel_constants(n, y, bytes(128), None)
    program = built(plans, {"x": COLUMN}, {"y": COLUMN})
    *first, task, last = program.tasks
    address = program.arch.address("TileDMASrc.Src1BaseAddr")
    (index,) = (write.index for write in task.writes() if write.address == address)
    assert task.words[index] > 0x800
    moved = program.with_tasks([*first, task.with_words({index: 0x80}), last])
    assert len(port(moved, "H14").const) == len(program.const)
    assert bits(port(moved, "H14")) == bits(moved)


def test_a_value_that_has_too_many_bits_is_refused_by_field():
    there = port(CASES["conv_k3_c64_n64_s8_bias0"].program(), "H14")
    (task,) = there.tasks
    address = there.arch.address("Common.ConvCfg")
    (index,) = (write.index for write in task.writes() if write.address == address)
    wide = there.with_tasks([task.with_words({index: task.words[index] & ~0x3F | 40})])
    with pytest.raises(UnsupportedError, match=r"task 0: Common.ConvCfg.Kw = 0x28: H13 has no such value"):
        port(wide, "H13")


def test_the_engines_that_work_fetch_a_table_and_no_others():
    program = CASES["floor_r_1x64x1x1"].program()
    names = [f"KernelDMASrc.{part}[{engine}]" for part in ("CoeffDMAConfig", "CoeffBfrSize") for engine in range(16)]

    def channels(one: Program) -> list[dict[str, str | None]]:
        return [{name: words.get(name) for name in names} for words in words_by_name(one)]

    back = port(port(program, "H14"), "H13")
    assert channels(back) == channels(program)
    assert len({words["KernelDMASrc.CoeffDMAConfig[1]"] for words in channels(back)}) == 2


def test_a_network_compiles_for_h14_and_says_that_no_chip_ran_it():
    graph = Graph()
    x = graph.input("x", (1, 8, 6, 6))
    weights, narrow = builders.half(1, 16, 8, 3, 3, scale=0.1), builders.half(2, 16, 16, 1, 1, scale=0.1)
    y = graph.relu(graph.conv(x, weights, pads=1))
    graph.output("y", graph.softmax(graph.conv(y, narrow, stride=2), 1))
    first, second = compile_network(graph), compile_network(graph, "h14")
    assert second.program.arch.name == "H14"
    assert "M2" in second.caution
    assert not first.caution
    assert {note.partition(":")[0] for note in second.program.task_notes} <= {
        "H13's words by the rules for another generation", "own choice",
    }  # fmt: skip
    assert any(
        task.kernel and task.kernel.zero_skipping for task in operations(first.program) if hasattr(task, "kernel")
    )
    before, after = (direct.run(p, {"x": builders.half(5, 1, 8, 6, 6)}) for p in (first.program, second.program))
    assert not after.faults
    assert np.allclose(before.outputs["y"].astype(float), after.outputs["y"].astype(float), atol=2e-3)
    bits(second.program)


def test_kernels_that_leave_zeros_out_are_refused_by_task_register_value_and_reason():
    x, y = surface("x", 1, 64, 16, 16), surface("y", 1, 64, 8, 8)
    plans = convolution.convolution(x, y, halves(64, 64, 1, 1), window=Window(1, 1, 2))
    program = built(plans, {"x": (1, 64, 16, 16)}, {"y": (1, 64, 8, 8)})
    with pytest.raises(UnsupportedError, match=r"task 0: NE.KernelCfg.SparseFmt = 0x1: .*order of the bytes"):
        port(program, "H14")


def test_what_the_readers_do_not_understand_is_refused():
    program = builders.elementwise("Add", Common_PECfg=0x800)
    with pytest.raises(UnsupportedError, match=r"task 0: Common.PECfg = 0x800: not understood"):
        port(program, "H14")


def test_rounds_of_a_kernel_that_a_task_made_have_no_place_on_h13():
    shapes = {"x": (1, 1, 64, 64), "w": (1, 1, 64, 64)}
    surfaces = [surface(name, *shape) for name, shape in shapes.items()]
    plans = inputs_product.product(*surfaces, surface("y", 1, 1, 64, 64))
    there = port(built(plans, shapes, {"y": (1, 1, 64, 64)}), "H14")
    assert bits(port(there, "H13")) == bits(there)
    task = there.tasks[1]
    place = there.arch.address("Common.OCGSize")
    index = next((write.index for write in task.writes() if write.address == place), None)
    assert index is not None
    several = there.with_tasks([there.tasks[0], task.with_words({index: 1})])
    with pytest.raises(UnsupportedError, match=r"task 1: KernelDMASrc.KernelOCGStride.Stride = 0x2000: H13 has no"):
        port(several, "H13")


def test_generations_without_rules_are_refused_by_name():
    program = formats.load(str(example("add"))).program
    with pytest.raises(ArchitectureError, match="no rules are known from H13 to H16; there are rules from H13 to H14"):
        port(program, "H16")
    with pytest.raises(ArchitectureError, match="for H13 already"):
        port(program, "h13")


@pytest.mark.parametrize("rows", ROWS, ids=lambda rows: f"{rows.source} to {rows.target}")
def test_every_row_names_a_field_and_says_how_it_is_known(rows):
    source, target = by_name(rows.source), by_name(rows.target)
    assert all(target.find_place(rule.field) and rule.source for rule in rows.rules)
    assert all(source.find_place(row.field) and row.source for row in rows.dropped)
    assert all(source.find_place(row.one) and target.find_place(row.two) and row.source for row in rows.moved)
    names = [rule.field for rule in rows.rules]
    assert len(names) == len(set(names))


def test_fillers_keep_tasks_off_multiples_of_64_bytes():
    ends = set()
    for case in H14_CASES.values():
        program = port(case.program(), "H14")
        ends |= {-(-task.end // 16) * 16 % 64 for task in program.tasks}
    assert 0 not in ends
    assert len(ends) > 1


def test_other_coefficients_are_another_program():
    shape = (1, 32, 4, 8)
    x, y = surface("x", *shape), surface("y", *shape)

    def program(weights: bytes) -> Program:
        return built(convolution.convolution(x, y, weights, window=Window(1, 1)), {"x": shape}, {"y": shape})

    weights = halves(32, 32, 1, 1)
    other = port(program(bytes([weights[0] ^ 1]) + weights[1:]), "H14")
    report = delta.compare(program(weights), other)
    assert not report.are_counterparts
    assert report.verdict() == "The operations are equal; the coefficients are not (H13, H14)."


def test_the_command_ports_a_program_and_diff_says_that_it_is_the_same(cli, tmp_path):
    path = tmp_path / "softmax.hwx"
    done = cli("compile", "--port", example("softmax"), "--arch", "H14", "-o", path)
    assert done.code == 0
    assert "not run on an M2" in done.err
    found = cli("diff", example("softmax"), path)
    assert found.code == 0
    assert "The two are the same program, for H13 and for H14" in found.out
    assert cli("check", path).code == 0


def test_the_command_writes_nothing_where_something_has_no_place(cli, tmp_path):
    path = tmp_path / "add.hwx"
    for options in (["--arch", "H16"], ["--arch", "H13"], ["--arch", "H14", "--until", "y"]):
        done = cli("compile", "--port", example("add"), "-o", path, *options)
        assert done.code == 2
        assert one_line(done.err), done.err
        assert not path.exists()


def test_python_ports_a_program():
    ported = hwx2py.port(hwx2py.load(example("relu")), "H14")
    assert ported.arch == "H14"


def test_products_with_a_table_are_ported_at_once():
    x, y = surface("x", 1, 1, 64, 64), surface("y", 1, 1, 64, 64)
    plans = product.product(x, y, halves(64, 64), Tail(table=table("tanh").data))
    program = built(plans, {"x": (1, 1, 64, 64)}, {"y": (1, 1, 64, 64)})
    assert bits(port(program, "H14")) == bits(program)


def test_a_view_whose_step_is_0_stays_one_there_and_back():
    shape = (1, 4, 4, 8)
    x, z, y = (surface(name, *shape) for name in "xzy")
    plans = elementwise.binary(Binary.ADD, x.strided(row_bytes=0), z, y)
    program = built(plans, {"x": shape, "z": shape}, {"y": shape})
    inputs = {"x": builders.half(1, *shape), "z": builders.half(2, *shape)}
    there = port(program, "H14")
    results = [direct.run(one, inputs).outputs["y"].tobytes() for one in (program, there, port(there, "H13"))]
    assert results == [results[0]] * 3


FILES = [path for folder in ("real", "oracle-h13", "oracle-h14") for path in (SHARED / "hwx" / folder).glob("*.hwx")]
#: Files that have no counterpart, and the field that says why.
WITHOUT_COUNTERPART = {
    "oracle-h13/encoder_conv_c16_n16_k9x9_s1_g16_bias0_same": "NE.KernelCfg.SparseFmt",
    "oracle-h13/env_conv_k1_c64_n64_s16_st2_g1_bias0": "NE.KernelCfg.SparseFmt",
    "oracle-h14/env_conv_k1_c64_n64_s16_st2_g1_bias0": "NE.KernelCfg.SparseFmt",
    "oracle-h14/env_mm_r3rr_m512_k64_n512_tx0_ty1_b1": "KernelDMASrc.KernelOCGStride.Stride",
}


@pytest.mark.skipif(not FILES, reason="real files and decoded programs are not beside the repository")
@pytest.mark.parametrize("path", FILES, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_files_give_the_same_bits_on_the_other_generation(path):
    program = formats.load(str(path)).program
    target = {"H13": "H14", "H14": "H13"}[program.arch.name]
    if field := WITHOUT_COUNTERPART.get(f"{path.parent.name}/{path.stem}"):
        with pytest.raises(UnsupportedError, match=field):
            port(program, target)
        return
    ported = port(program, target)
    assert delta.compare(program, ported).are_counterparts
    if path.stem == "encoder_linear_m375_k1024_n640_bias1":  # seconds
        return
    random = np.random.default_rng(1)
    inputs = {
        tensor.name: random.uniform(0.1, 2, tensor.shape).astype(tensor.dtype) for tensor in program.inputs
    }  # fmt: skip
    before, after = direct.run(program, inputs), direct.run(ported, inputs)
    assert not after.faults
    for name, array in before.outputs.items():
        assert array.tobytes() == after.outputs[name].tobytes()


def large_products():
    """A network whose products have a table each, which H13 keeps in front of every engine's kernel."""
    graph, draw = Graph(), np.random.default_rng(0)
    x = graph.input("x", (1, 16, 512))
    for _ in range(2):
        matrix = (draw.standard_normal((512, 512)) / 16).astype(np.float16)
        x = graph.gelu(graph.matmul(graph.softmax(x), matrix))
    graph.output("y", x)
    return graph


def test_kernels_are_copied_once_when_their_tables_move():
    program = compile_network(large_products()).program
    port(program, "H14")  # what is read only once is in memory from here on
    tracemalloc.start()
    try:
        ported = port(program, "H14")
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert 2 * 512 * 512 * 2 < len(ported.const) < len(program.const)
    assert peak < 1.5 * len(ported.const)


def test_chained_and_unchained_programs_share_their_constants():
    done = compile_network(large_products(), "H14")
    assert done.runs
    assert done.unchained is not None
    assert done.program.const.obj is done.unchained.program.const.obj


def test_constants_of_another_program_are_used_only_where_they_are_the_same_bytes():
    program = compile_network(large_products()).program
    alone = port(program, "H14").const
    for place in (0, len(alone) // 2, len(alone) - 1):
        other = bytearray(alone)
        other[place] ^= 1
        found = port(program, "H14", memoryview(other)).const
        assert found.obj is not other
        assert found == alone
    for other in (bytes(alone) + bytes(64), bytes(alone)[:-64]):
        assert port(program, "H14", memoryview(other)).const == alone
