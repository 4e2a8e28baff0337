"""What the virtual ANE finds wrong, one fault a test, each made by editing a generated script as a person would."""

import pytest
from conftest import loaded

from hwx2py import emit


@pytest.fixture
def edited(tmp_path, cli):
    """Edits an example's script and runs it; returns how it ended."""

    def run(name: str, *changes: tuple[str, str], arguments: tuple[str, ...] = ()):
        text = emit.emit(loaded(name)).text
        for old, new in changes:
            assert old in text, old
            text = text.replace(old, new)
        path = tmp_path / "edited.py"
        path.write_text(text)
        return cli("emulate", path, *arguments)

    return run


def faults(done) -> list[str]:
    return [line for line in done.err.splitlines() if line.startswith("fault ")]


def test_without_edits_there_is_none(edited):
    for name in ("mul", "conv", "chain"):
        done = edited(name)
        assert (done.code, done.err) == (0, "")


def test_dma_outside_the_declared_bytes(edited):
    """Past the tensor but on its page: garbage, which the chip survives; the result is still printed."""
    done = edited("mul", ('Tensor("b", "input", 5, (1, 4, 2, 16), (512, 128, 64, 2), "float16", 512)',
                          'Tensor("b", "input", 5, (1, 2, 2, 16), (256, 128, 64, 2), "float16", 256)'))  # fmt: skip
    assert done.code == 3
    assert "output[0] = 6.0" in done.out
    assert faults(done) == [
        "fault outside-tensor: task 0: TileDMASrc.Src2BaseAddr: b at byte 0x100: read up to byte 0x1e0, b has 0x100"
    ]


def test_dma_outside_the_buffer_hangs(edited):
    done = edited("mul", ("TileDMASrc.Src2BaseAddr(Addr=0x0)", "TileDMASrc.Src2BaseAddr(Addr=0x100000)"))
    assert done.code == 3
    assert "output[0]" not in done.out
    assert "fault outside-tensor: task 0: TileDMASrc.Src2BaseAddr: b at byte 0x100000" in done.err
    assert "edited.py: the engine did not finish: SUBMIT timed out" in done.err


def test_result_outside_the_declared_bytes(edited):
    done = edited("mul", ("TileDMADst.BaseAddr(Addr=0x0)", "TileDMADst.BaseAddr(Addr=0x40)"))
    assert done.code == 3
    assert any(f.startswith("fault outside-tensor: task 0: TileDMADst.BaseAddr: y at byte 0x200") for f in faults(done))
    assert any(f.startswith("fault output-partly-written: y at byte 0x0: 16 of 128") for f in faults(done))


def test_bar_without_a_buffer(edited):
    done = edited("mul", ('RBase1="b"', "RBase1=9"))
    assert done.code == 3
    assert "fault unbound-bar: task 0: Header.RBase1: BAR 9, of source 2, has no buffer" in done.err


def test_bar_that_is_not_enabled(edited):
    done = edited("mul", (", RBE1=1", ""))
    assert done.code == 3
    assert "fault unbound-bar: task 0: Header.RBase1: the BAR of source 2 is not enabled" in done.err


def test_wrong_directions(edited):
    """The buffers bound as tools of old do it: the result goes over an input. All of it is told, not only the first."""
    done = edited("mul", ('RBase0="a"', 'RBase0="y"'), ('WBase="y"', 'WBase="b"'), arguments=("--fill=0",))
    assert (done.code, "output[0] = 0.0" in done.out) == (3, True)
    assert faults(done) == [
        "fault wrong-direction: task 0: TileDMASrc.Src1BaseAddr: y: output y is read",
        "fault wrong-direction: task 0: TileDMADst.BaseAddr: b: input b is written",
        "fault output-not-written: y: no task wrote it",
    ]


def test_input_that_is_not_set(edited):
    done = edited("mul", ('if tensor.role == "input":', 'if tensor.name == "b":'))
    assert done.code == 3
    assert faults(done) == [
        "fault unwritten: task 0: TileDMASrc.Src1BaseAddr: a at byte 0x0: read, but nobody wrote it"
    ]


def test_coefficients_that_are_missing(edited):
    done = edited("conv", ("CONST = [", "CONST = [] or []\nUNUSED = ["))
    assert done.code == 3
    assert "fault outside-tensor: task 0: KernelDMASrc.CoeffBaseAddr[0]: const at byte 0x0" in done.err


def test_coefficients_without_a_bar(edited):
    done = edited("conv", ('KBase0="const", KBE0=1', "0"))
    assert done.code == 3
    assert "fault unbound-bar: task 0: Header.KBase0: the BAR of the coefficients is not enabled" in done.err


def test_coefficient_fetch_that_is_off(edited):
    done = edited("conv", ("KernelDMASrc.MasterConfig(MasterEnable=1)", "KernelDMASrc.MasterConfig(0)"))
    assert done.code == 3
    assert "fault dma-disabled: task 0: KernelDMASrc.MasterConfig" in done.err


def test_engine_whose_channel_is_off(edited):
    done = edited("conv", ("CoeffDMAConfig[2](En=1, CacheHint=2)", "CoeffDMAConfig[2](CacheHint=2)"))
    assert done.code == 3
    assert "fault dma-disabled: task 0: KernelDMASrc.CoeffDMAConfig[2]: engine 2 needs coefficients" in done.err


def test_two_tasks_that_write_the_same_bytes(edited):
    done = edited("mul", ("    task_0,", "    task_0,\n    task_0,"))
    assert done.code == 3
    assert faults(done) == [
        "fault written-twice: task 1: TileDMADst.BaseAddr: y at byte 0x0: an earlier task wrote some of the same bytes"
    ]


def test_two_tasks_that_overlap(edited):
    """The offset is that of the first byte that both write: the second task leaves out the first two channels."""
    again = "    lambda: [*task_0(), [TileDMADst.BaseAddr(Addr=0x100)]],"
    done = edited("mul", ("    task_0,", f"    task_0,\n{again} #"))
    assert done.code == 3
    assert any("fault written-twice: task 1: TileDMADst.BaseAddr: y at byte 0x100: " in f for f in faults(done))


def test_output_that_is_partly_written(edited):
    done = edited("mul", ("Common.Cout(Cout=4)", "Common.Cout(Cout=3)"), ("Common.Cin(Cin=4)", "Common.Cin(Cin=3)"))
    assert done.code == 3
    assert faults(done) == ["fault output-partly-written: y at byte 0x180: 32 of 128 elements were not written"]
    assert "y: 32 of 128 elements not written" in done.err


def test_task_size_that_cuts_a_write(edited):
    done = edited("mul", ("4 * len(placed[0][1]),", "4 * len(placed[0][1]) - 8,"))
    assert done.code == 3
    assert "fault cut-stream: task 0: the write of 62 registers from 0x1f800 runs past" in done.err
    assert "edited.py: the engine did not finish: SUBMIT timed out" in done.err


def test_task_size_of_no_whole_number_of_words(edited):
    done = edited("mul", ("4 * len(placed[0][1]),", "4 * len(placed[0][1]) - 2,"))
    assert done.code == 3
    assert "fault outside-tensor: td_size: bootstrap at byte 0x0: a task of 626 bytes" in done.err


def test_task_size_that_reads_over_the_end(edited):
    """Zeros behind the task decode as writes of 0 to register 0: the input's size."""
    done = edited("mul", ("4 * len(placed[0][1]),", "4 * len(placed[0][1]) + 8,"))
    assert done.code == 3
    assert "fault zero-dimension: task 0: Common.InDim: Win is 0" in done.err


def test_zero_dimension(edited):
    done = edited("mul", ("Common.Cout(Cout=4)", "Common.Cout(0)"))
    assert done.code == 3
    assert "fault zero-dimension: task 0: Common.Cout: Cout is 0" in done.err


def test_fewer_tasks_than_there_are(edited):
    done = edited("chain", ("4 * len(placed[0][1]), len(placed)", "4 * len(placed[0][1]), 1"))
    assert done.code == 3
    assert "fault dropped-tasks: Header.NextPointer: td_count is 1, but the chain goes on" in done.err
    assert "fault output-not-written: y" in done.err


def test_more_tasks_than_there_are(edited):
    done = edited("chain", ("4 * len(placed[0][1]), len(placed)", "4 * len(placed[0][1]), 3"))
    assert done.code == 3
    assert "fault missing-tasks: task 1: Header.NextPointer: td_count is 3, but the chain ends here" in done.err
    assert "output[0]" not in done.out


def test_bootstrap_without_the_queues_network_id(edited):
    done = edited("mul", ("first_task[2] = BOOTSTRAP_NID", "first_task[2] = 0"))
    assert done.code == 3
    assert "fault bootstrap: task 0: Header.NID: NID is 0x0" in done.err


def test_source_dma_that_is_off(edited):
    done = edited("mul", ("Src1DMAConfig(En=1)", "Src1DMAConfig(0)"))
    assert done.code == 3
    assert "fault dma-disabled: task 0: TileDMASrc.Src1DMAConfig" in done.err


def test_l2_that_no_task_filled(edited):
    done = edited("mul", ('L2.SourceCfg(SourceType="DmaRead"', 'L2.SourceCfg(SourceType="L2Read"'))
    assert done.code == 3
    assert "fault unwritten: task 0: L2.SourceBase: L2 at byte 0x0: read, but no task put it there" in done.err


def test_l2_has_an_end(edited):
    done = edited(
        "mul",
        ('L2.SourceCfg(SourceType="DmaRead"', 'L2.SourceCfg(SourceType="L2Read"'),
        ("L2.SourceBase(Addr=0x0)", "L2.SourceBase(Addr=0x1ffff0)"),
    )
    assert done.code == 3
    assert "fault outside-l2: task 0: L2.SourceBase: L2: reaches" in done.err


def test_table_that_is_too_short(edited):
    done = edited("chain", ("CoeffBfrSize[0](MemBfrSize=0x80)", "CoeffBfrSize[0](MemBfrSize=0x40)"))
    assert done.code == 3
    assert "fault short-coefficients: task 1: KernelDMASrc.CoeffBfrSize[0]: 64 bytes are fetched" in done.err


def test_mode_that_is_not_known(edited):
    """No fault but an error: nothing can be said about the result."""
    done = edited("mul", ('PE.Cfg(OpMode="Mul"', "PE.Cfg(OpMode=5"))
    assert (done.code, len(done.err.splitlines())) == (2, 1)
    assert "task 0: PE.OpMode = 5 is not implemented" in done.err


def test_elements_of_another_size_than_the_tensor_says(edited):
    done = edited("mul", ('Tensor("b", "input", 5, (1, 4, 2, 16), (512, 128, 64, 2), "float16", 512)',
                          'Tensor("b", "input", 5, (1, 4, 2, 16), (512, 128, 64, 4), "float32", 512)'))  # fmt: skip
    assert done.code == 3
    assert faults(done) == [
        "fault wrong-element: task 0: TileDMASrc.Src2BaseAddr: b: the task's elements have 2 bytes, those of b have 4"
    ]


@pytest.mark.parametrize(("name", "value"), [("Sx", 1), ("Sy", 1), ("Kw", 3), ("Kh", 3)])
def test_window_of_zero(edited, name, value):
    done = edited("conv", (f"{name}={value}", f"{name}=0"))
    assert done.code == 3
    assert f"fault zero-dimension: task 0: Common.ConvCfg: {name} is 0" in done.err


def test_more_engines_than_there_are(edited):
    done = edited("conv", ("ENE=3", "ENE=6"), ("ActiveNE=2", "ActiveNE=5"))
    assert (done.code, len(done.err.splitlines())) == (2, 1)
    assert "Header.ENE = 6 is not implemented: the engine has 16" in done.err


def test_bits_that_are_known_to_change_nothing(edited):
    """Seen in a real program (atan2), and without a name in any source."""
    done = edited("mul", ("TileDMADst.DMAConfig(", "TileDMADst.DMAConfig(0x440000, "))
    assert (done.code, "output[0] = 6.0" in done.out) == (0, True)


def test_write_to_an_address_that_no_register_has(edited):
    done = edited("mul", ("class Common:", "class Odd:\n    Reg = Register(0x30000)\n\n\nclass Common:"),
                  ("        Common.InDim(", "        Odd.Reg(7),\n        Common.InDim("))  # fmt: skip
    assert (done.code, len(done.err.splitlines())) == (2, 1)
    assert "task 0: the register at 0x30000 = 7 is not implemented: no register is known there" in done.err


def test_faults_are_told_for_an_hwx_too(cli, tmp_path):
    from hwx2py.formats import new_hwx

    program = loaded("mul")
    task = program.tasks[0]
    swapped = program.with_tasks([task.with_words({8: task.words[8] ^ (4 ^ 6)})])
    path = tmp_path / "swapped.hwx"
    path.write_bytes(b"".join(new_hwx.write(swapped, "test")))
    done = cli("emulate", path)
    assert done.code == 3
    assert "fault wrong-direction: task 0: TileDMASrc.Src1BaseAddr: y: output y is read" in done.err
