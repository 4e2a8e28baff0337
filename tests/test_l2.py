"""What passes from task to task through L2: places, strides, and what was never put there."""

from typing import Any

import builders
import numpy as np
import pytest
from builders import half, network, planar, rounded, select, tensor

from hwx2py.emulator.faults import NotImplementedTask
from hwx2py.program.program import Program, Tensor

SHAPE = (3, 4, 5)
CHANNEL, ROW, GROUP = 0x60, 0x10, 0x200


def at(which: str, base: int = 0x40, channel: int = CHANNEL, row: int = ROW, group: int = GROUP) -> dict[str, Any]:
    """Where L2.Source, L2.Source2 or L2.Result lies."""
    return {
        f"L2.{which}Base": {"Addr": base},
        f"L2.{which}ChannelStride": {"Stride": channel},
        f"L2.{which}RowStride": {"Stride": row},
        f"L2.{which}GroupStride": {"Stride": group},
    }


def add(a: Tensor, b: Tensor, y: Tensor, **registers: Any) -> tuple[dict, dict]:
    """A task: y = a + b, with registers changed."""
    return {"W8": select(a, b, y)}, planar(a, b, y, "Add") | registers


def copy(x: Tensor, y: Tensor, kind: str = "DmaRead", **registers: Any) -> tuple[dict, dict]:
    """A task: y = x, with registers changed."""
    one = {
        "Common.Cfg": {"TaskType": "ElementwiseOneSource"},
        "L2.SourceCfg": {"SourceType": kind, "DMAFmt": "16b", "DMAInterleave": 1},
        "PE.Cfg": 0,
    }
    return {"W8": select(x, None, y)}, planar(x, x, y, "Add") | one | registers


def result(kind: int) -> dict[str, Any]:
    """L2.ResultCfg and the result's DMA."""
    return {
        "L2.ResultCfg": {"ResultType": kind, "DMAFmt": "16b", "DMAInterleave": 1},
        "TileDMADst.DMAConfig": {"En": int(kind != 0)},
    }


def tensors(shape: tuple[int, int, int] = SHAPE) -> list[Tensor]:
    return [
        tensor(name, role, bar, *shape)
        for name, role, bar in (("a", "input", 4), ("b", "input", 5), ("y", "output", 6), ("z", "output", 7))
    ]


def test_result_that_stays_is_the_next_tasks_source():
    a, b, y, _ = tensors()
    tasks = [add(a, b, y, **result(0), **at("Result")), copy(y, y, "L2Read", **at("Source"))]
    one, two = half(1, *a.shape), half(2, *b.shape)
    assert np.array_equal(builders.run(network(tasks, (a, b, y)), a=one, b=two)["y"], rounded(one.astype(float) + two))


def test_result_that_stays_and_is_stored_is_in_both_places():
    a, b, y, z = tensors()
    tasks = [add(a, b, y, **result(1), **at("Result")), copy(y, z, "L2Read", **at("Source"))]
    one, two = half(1, *a.shape), half(2, *b.shape)
    found = builders.run(network(tasks, (a, b, y, z)), a=one, b=two)
    assert np.array_equal(found["y"], rounded(one.astype(float) + two))
    assert np.array_equal(found["z"], rounded(one.astype(float) + two))


def test_second_source_out_of_l2():
    a, b, y, z = tensors()
    mixed = {"L2.SourceCfg": {"SourceType": "DmaRead", "DMAFmt": "16b", "DMAInterleave": 1, "Source2Dma": 0}}
    tasks = [copy(a, y, **result(1), **at("Result")), add(b, a, z, **mixed, **at("Source2"))]
    one, two = half(1, *a.shape), half(2, *b.shape)
    assert np.array_equal(
        builders.run(network(tasks, (a, b, y, z)), a=one, b=two)["z"], rounded(one.astype(float) + two)
    )


def kept(kind: str) -> Program:
    """y = x, then z = x out of L2, where `kind` says how the first task reads x."""
    x, _, y, z = tensors()
    return network([copy(x, y, kind, **at("Source")), copy(x, z, "L2Read", **at("Source"))], (x, y, z))


def test_source_that_is_kept_serves_a_later_task():
    x = half(3, 1, *SHAPE)
    assert np.array_equal(builders.run(kept("DmaReadKeep"), a=x)["z"], x)


def test_source_that_is_not_kept_is_not_in_l2():
    _, faults = builders.run_with_faults(kept("DmaRead"))
    assert [(fault.kind.name, fault.task, fault.register, fault.offset) for fault in faults] == [
        ("unwritten", 1, "L2.SourceBase", 0x40)
    ]


def test_transposed_source_is_kept_as_it_was_stored():
    channels, height, width = SHAPE
    turned = (width, height, channels)
    x, y, z = tensor("x", "input", 4, *turned), tensor("y", "output", 6, *SHAPE), tensor("z", "output", 7, *turned)
    sizes = builders.make.sizes(*SHAPE) | {"Common.PECfg": {"Src1Transpose": 1}}
    tasks = [
        copy(x, y, "DmaReadKeep", **sizes, **at("Source")),
        copy(x, z, "L2Read", **at("Source"), **{"Common.PECfg": 0}),
    ]
    values = half(4, *x.shape)
    found = builders.run(network(tasks, (x, y, z)), x=values)
    assert np.array_equal(found["y"], values.swapaxes(1, 3))
    assert np.array_equal(found["z"], values)


def test_groups_have_a_stride_of_their_own():
    x, y = tensor("x", "input", 4, 6, 4, 5), tensor("y", "output", 6, 6, 4, 5)
    groups = {
        "Common.Cin": {"Cin": 3},
        "Common.Cout": {"Cout": 3},
        "Common.GroupConvCfg": {"NumGroups": 2, "UnicastCin": 1},
        "TileDMASrc.Src1GroupStride": {"Stride": 3 * x.strides[1]},
        "TileDMADst.GroupStride": {"Stride": 3 * y.strides[1]},
    }
    tasks = [
        copy(x, y, **groups, **result(0), **at("Result", group=0x400)),
        copy(x, y, "L2Read", **groups, **at("Source", group=0x400)),
    ]
    values = half(5, *x.shape)
    assert np.array_equal(builders.run(network(tasks, (x, y)), x=values)["y"], values)


@pytest.mark.parametrize(("which", "stride"), [("row", {"row": 0x20}), ("channel", {"channel": 0x200})])
def test_other_strides_find_what_nobody_put_there(which, stride):
    a, b, y, _ = tensors()
    tasks = [add(a, b, y, **result(0), **at("Result")), copy(y, y, "L2Read", **at("Source", **stride))]
    _, faults = builders.run_with_faults(network(tasks, (a, b, y)))
    expected = 0x40 + {"row": 0x40, "channel": 0x200}[which]
    assert [(fault.kind.name, fault.task, fault.offset) for fault in faults] == [("unwritten", 1, expected)]


def test_last_bytes_of_l2_can_be_used():
    x, y = tensor("x", "input", 4, 1, 1, 8), tensor("y", "output", 6, 1, 1, 8)
    end = 0x1FFFF0
    tasks = [copy(x, y, **result(0), **at("Result", end)), copy(x, y, "L2Read", **at("Source", end))]
    values = half(6, *x.shape)
    assert np.array_equal(builders.run(network(tasks, (x, y)), x=values)["y"], values)


def test_interleaved_result_in_l2_is_refused():
    x, _, y, _ = tensors()
    many = {"L2.ResultCfg": {"ResultType": 1, "DMAFmt": "16b", "DMAInterleave": 4}}
    program = network([copy(x, y, **at("Result"), **many)], (x, y))
    with pytest.raises(NotImplementedTask, match=r"L2\.ResultCfg\.DMAInterleave = 4"):
        builders.run(program)


@pytest.mark.parametrize(("kind", "enable"), [(0, 1), (1, 0), (2, 0), (3, 1)])
def test_result_type_and_result_dma_must_agree(kind, enable):
    x, _, y, _ = tensors()
    registers = result(kind) | {"TileDMADst.DMAConfig": {"En": enable}}
    with pytest.raises(NotImplementedTask, match=r"L2\.ResultCfg\.ResultType = "):
        builders.run(network([copy(x, y, **registers, **at("Result"))], (x, y)))


CHAIN = {"L2.ResultCfg": {"ResultType": 3, "DMAFmt": "16b", "DMAInterleave": 1}, "TileDMADst.DMAConfig": 0}


def test_chained_tensor_is_handed_on_whole():
    """The strides are those of a tile: a row would not fit between its neighbours."""
    a, b, y, _ = tensors((2, 3, 40))
    narrow = {"channel": 0x20, "row": 0x20}
    tasks = [
        add(a, b, y, **CHAIN, **at("Result", 0x2000, **narrow)),
        copy(y, y, "L2ChainRead", **at("Source", 0x2000, **narrow)),
    ]
    one, two = half(7, *a.shape), half(8, *b.shape)
    expected = rounded(one.astype(float) + two)
    assert np.array_equal(builders.run(network(tasks, (a, b, y)), a=one, b=two)["y"], expected)


def test_chain_that_no_task_began_stops_the_engine():
    x, _, y, _ = tensors()
    faults = builders.faults_of_hang(network([copy(x, y, "L2ChainRead", **at("Source"))], (x, y)))
    assert str(faults[0]) == (
        "fault empty-chain: task 0: L2.SourceBase: L2 at byte 0x40: no task before it handed a tensor on at 0x40"
    )


def test_chained_tensor_is_read_once():
    x, _, y, z = tensors()
    tasks = [copy(x, y, **CHAIN, **at("Result")), *(copy(x, t, "L2ChainRead", **at("Source")) for t in (y, z))]
    faults = builders.faults_of_hang(network(tasks, (x, y, z)))
    assert [(fault.kind.name, fault.task) for fault in faults][:1] == [("empty-chain", 2)]


def test_source_that_is_wider_than_its_place_is_not_kept():
    x, _, y, z = tensors((1, 3, 600))
    narrow = at("Source", channel=0x40, row=0x40)
    tasks = [copy(x, y, "DmaReadKeep", **narrow), copy(x, z, "L2Read", **narrow)]
    outputs, faults = builders.run_with_faults(network(tasks, (x, y, z)), a=half(9, *x.shape))
    assert [fault.kind.name for fault in faults] == ["unwritten"]
    assert outputs["y"].any()
