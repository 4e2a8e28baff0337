"""Rules of `.anec` files: buffers where libane binds them, coefficients moved, H14 told from H13, headers that lie."""

import json
import struct

import builders
import numpy as np
import pytest
from conftest import loaded
from make import H13, select, tensor

import hwx2py
from hwx2py.errors import ContainerError, UnsupportedError
from hwx2py.formats import replace
from hwx2py.formats.anec import header
from hwx2py.formats.anec.read import load
from hwx2py.formats.anec.write import arrange, write
from hwx2py.formats.hwx.create import create
from hwx2py.formats.hwx.read import load as load_hwx
from hwx2py.program.bars import renumber
from hwx2py.program.build import Draft, lay_out
from hwx2py.program.build import header as header_words
from hwx2py.program.build import write as register
from hwx2py.program.program import KernelSegment, Program, Scratch, Tensor
from hwx2py.registers import by_name


def joined(pieces) -> bytes:
    return b"".join(pieces)


def again(program: Program) -> Program:
    """A program as it comes back from an .anec."""
    return load(memoryview(joined(write(arrange(program).program, 0x1000))), "x.anec").program


def with_kernel(name: str = "conv") -> Program:
    """An example with its coefficients in a segment of their own."""
    program = loaded(name)
    bar = 1 + max(tensor.bar for tensor in program.tensors)
    place = program.arch.place("Header.KBase0")
    index = place.address // 4
    tasks = [
        task.with_words({index: task.words[index] & ~place.mask | place.field.encode(bar)}) for task in program.tasks
    ]
    kernel = KernelSegment("__KERN_0", bar, program.const)
    return program.with_tasks(tasks)._replace(const=memoryview(bytes(16)), kernels=(kernel,))


def bases(program: Program, task: int = 0) -> list[int]:
    address = program.arch.address("KernelDMASrc.CoeffBaseAddr")
    return [write.value for write in program.tasks[task].writes() if address <= write.address < address + 64]


def test_segments_of_coefficients_go_behind_those_of_the_text():
    program = with_kernel()
    arranged = arrange(program)
    assert arranged.program.kernels == ()
    assert bytes(arranged.program.const) == bytes(64) + bytes(program.kernels[0].data)
    assert any("now in BAR 1" in note for note in arranged.notes)
    moved, kept = bases(arranged.program), bases(program)
    enabled = [after - before for before, after in zip(kept, moved) if before != after]
    assert set(enabled) == {64}
    assert len(enabled) == 1 << 4 or len(enabled) >= 1


def test_moved_coefficients_compute_the_same():
    inputs = {t.name: builders.half(3, *t.shape) for t in loaded("conv").inputs}
    expected = builders.run(loaded("conv"), **inputs)["y"]
    (result,) = builders.run(again(with_kernel()), bar5=next(iter(inputs.values()))).values()
    assert np.array_equal(result, expected)


def test_segment_that_a_surface_reaches_cannot_be_moved():
    program = with_kernel()
    place = H13.place("Header.RBase0")
    index = place.address // 4
    bar = program.kernels[0].bar
    (task,) = program.tasks
    changed = task.with_words({index: task.words[index] & ~place.mask | place.field.encode(bar)})
    with pytest.raises(UnsupportedError, match=rf"task 0: RBase0 selects BAR {bar}, a segment of coefficients"):
        arrange(program.with_tasks([changed]))


def test_channel_that_is_taken_over_from_another_bar_cannot_be_moved():
    first = builders.kernel_registers([64])
    a, y = tensor("a", "input", 4, 1, 1, 8), tensor("y", "output", 5, 1, 1, 8)
    follows = frozenset({"NextSize", "NextPointer"})

    def words(bar: int) -> dict:
        return {"W8": select(a, None, y), "W9": {"KBase0": bar, "KBE0": 1}}

    items = [
        register(H13, "KernelDMASrc.CoeffDMAConfig", **first["KernelDMASrc.CoeffDMAConfig[0]"]),
        register(H13, "KernelDMASrc.CoeffBaseAddr", **first["KernelDMASrc.CoeffBaseAddr[0]"]),
    ]
    drafts = [Draft(header_words(H13, words(1)), items, follows), Draft(header_words(H13, words(6)), [], follows)]
    kernel = KernelSegment("__KERN_0", 6, memoryview(bytes(64)))
    program = builders.make.program(lay_out(H13, drafts), (a, y), bytes(64))._replace(kernels=(kernel,))
    with pytest.raises(UnsupportedError, match=r"task 1: KernelDMASrc.CoeffBaseAddr\[0\] is taken over"):
        arrange(program)


def test_segments_of_generations_with_slots_are_refused_by_name():
    kernel = KernelSegment("__KERN_0", 9, memoryview(bytes(64)))
    program = h14_program()._replace(kernels=(kernel,))
    with pytest.raises(UnsupportedError, match=r"\(__KERN_0\) cannot be moved: how H14 selects them"):
        arrange(program)


def test_scratch_goes_to_bar_3():
    program = renumber(loaded("chain"), {3: 9})
    assert program.scratch == Scratch(9, loaded("chain").scratch.size_bytes)
    arranged = arrange(program)
    assert "scratch: BAR 9 is now 3" in arranged.notes
    assert arranged.program.text == arrange(loaded("chain")).program.text
    with pytest.raises(UnsupportedError, match="the scratch memory is BAR 9, libane binds it to BAR 3"):
        write(program, 0x1000)


def test_scratch_of_another_bar_is_found_in_a_container():
    program = renumber(loaded("chain"), {3: 9})
    read = load_hwx(memoryview(joined(create(program, "test"))), "x.hwx").program
    assert read.scratch == program.scratch


def test_order_is_always_told(cli, tmp_path):
    cli("anec", builders_file(tmp_path, loaded("mul")), "-o", tmp_path / "a.anec")
    done = cli("anec", tmp_path / "a.anec", "-o", tmp_path / "b.anec")
    assert "BAR order: bar 4 = bar4 (output), 5 = bar5, 6 = bar6" in done.err.splitlines()
    assert (tmp_path / "a.anec").read_bytes() == (tmp_path / "b.anec").read_bytes()


def builders_file(folder, program: Program):
    path = folder / "program.hwx"
    path.write_bytes(joined(create(program, "test")))
    return path


def changed(program: Program, **fields) -> memoryview:
    """An .anec of a program with other header fields."""
    file = header.read(memoryview(joined(write(arrange(program).program, 0x1000))))
    return memoryview(joined(header.write(file._replace(**fields))))


def test_header_that_overstates_the_first_task_is_told():
    size = loaded("mul").tasks[0].size_bytes
    file = load(changed(loaded("mul"), task_bytes=size + 124), "x.anec")
    assert file.program.tasks[0].size_bytes == size
    assert f"the first task has {size + 124:#x} bytes, its records end at {size:#x}" in file.program.origin.notes[-1]
    assert file.container.task_bytes == size + 124


def test_header_that_counts_other_tasks_is_told():
    file = load(changed(loaded("chain"), task_count=1), "x.anec")
    assert len(file.program.tasks) == 2
    assert file.program.origin.notes[-1] == "the header counts 1 tasks, the stream holds 2"


@pytest.mark.parametrize(
    ("name", "more", "code", "fault"),
    [
        ("mul", {}, 0, ""),
        ("mul", {"task_bytes": 4}, 3, "fault cut-stream: task 0"),
        ("mul", {"task_bytes": 8}, 3, "fault register-zero: task 0"),
        ("chain", {"task_count": -1}, 3, "fault dropped-tasks"),
        ("chain", {"task_count": 1}, 3, "fault missing-tasks"),
    ],
)
def test_emulate_follows_the_header(cli, tmp_path, name, more, code, fault):
    program = loaded(name)
    good = header.read(changed(program))
    wrong = {field: getattr(good, field) + number for field, number in more.items()}
    path = tmp_path / "x.anec"
    path.write_bytes(changed(program, **wrong))
    done = cli("emulate", path)
    assert done.code == code
    assert fault in done.err
    told = json.loads(cli("info", path, "--json").out)["header"]
    assert (told["td_size"], told["td_count"]) == good._replace(**wrong)[:2]
    assert (told["content_offset"], told["tiles"]["0"]) == (good.content_offset, good.tiles[0])
    assert f"td_size {told['td_size']:#x}, tsk_size" in cli("info", path).out


def test_engine_decodes_what_follows_the_first_task_in_the_content(cli, tmp_path):
    """td_size reaches into the coefficients, whose second word reads as the header of a record of 64 registers."""
    program = loaded("mul")
    const = struct.pack("<2I", 0, 63 << 26 | 0x13800) + bytes(64)
    size = -(-program.text.size_bytes // 16) * 16 + 8
    path = tmp_path / "x.anec"
    path.write_bytes(changed(program._replace(const=memoryview(const)), task_bytes=size))
    assert "the write of 64 registers from 0x13800 runs past the task's" in cli("emulate", path).err


def test_text_size_that_goes_beyond_the_tasks_is_kept():
    program = loaded("conv")
    anec = header.read(memoryview(joined(write(arrange(program).program, 0x1000))))
    more = anec._replace(text_bytes=anec.text_bytes + 0x20, coefficient_bytes=anec.coefficient_bytes - 0x40)
    file = load(memoryview(joined(header.write(more))), "x.anec")
    assert file.program.text.size_bytes == program.text.size_bytes + 0x20
    assert joined(replace(file, file.program)) == joined(header.write(more))


@pytest.mark.parametrize(
    ("fields", "words"),
    [({"task_bytes": 42}, "whole number of words"), ({"text_bytes": 1 << 60}, "exceed the content")],
)
def test_header_that_cannot_be_is_refused(fields, words):
    with pytest.raises(ContainerError, match=words):
        load(changed(loaded("mul"), **fields), "x.anec")


def h14_program() -> Program:
    """A task of H14 that adds two tensors; the result has the slot between theirs."""
    h14 = by_name("H14")
    bases = (("TileDMASrc.Src1BaseAddr", 4), ("TileDMASrc.Src2BaseAddr", 6), ("TileDMADst.BaseAddr", 5))
    items = [register(h14, "Common.Cin", Cin=2), register(h14, "Common.Cout", Cout=2)]
    items += [register(h14, name, slot=slot) for name, slot in bases]
    text = lay_out(h14, [Draft(header_words(h14, {}), items, frozenset({"TaskSize"}))], bytes(16))
    tensors = tuple(
        tensor(f"bar{bar}", role, bar, 2, 3, 32) for bar, role in ((4, "input"), (5, "output"), (6, "input"))
    )
    return builders.make.program(text, tensors, bytes(range(64)), h14)


def test_streams_of_h14_come_back():
    program = h14_program()
    data = joined(write(arrange(program).program, 0x1000))
    file = header.read(memoryview(data))
    assert (file.inputs, file.outputs) == (2, 1)
    read = load(memoryview(data), "x.anec").program
    assert read.arch.name == "H14"
    assert read.text == program.text
    assert (read.const_offset, bytes(read.const)) == (-(-program.text.size_bytes // 64) * 64, bytes(program.const))
    assert {t.bar: t.role for t in read.tensors} == {4: "input", 5: "output", 6: "input"}


def test_generations_without_a_form_are_refused():
    with pytest.raises(UnsupportedError, match=r"\.anec is for H13 and H14, this program is for H16"):
        arrange(loaded("add16"))


def test_batches_whose_stride_the_header_cannot_say_are_refused():
    x = Tensor("x", "input", 5, (2, 2, 3, 32), (512, 192, 64, 2), "float16", 1024)
    y = tensor("y", "output", 4, 2, 3, 32)
    program = loaded("mul")._replace(tensors=(x, y))
    with pytest.raises(UnsupportedError, match="its batch elements lie 0x200 bytes apart"):
        write(program, 0x1000)
    fitting = x._replace(strides=(384, 192, 64, 2), size_bytes=768)
    file = load(memoryview(joined(write(program._replace(tensors=(fitting, y)), 0x1000))), "x.anec")
    assert file.program.inputs == (fitting._replace(name="bar5"),)


def test_python_follows_the_header_of_a_file(tmp_path):
    path = tmp_path / "x.anec"
    right = header.read(changed(loaded("mul"))).task_bytes
    for more, fault in ((0, ""), (4, "cut-stream")):
        path.write_bytes(changed(loaded("mul"), task_bytes=right + more))
        file = hwx2py.load(str(path))
        result = hwx2py.emulate(file, {tensor.name: 2.0 for tensor in file.program.inputs})
        assert result.hung == bool(fault)
        assert [found.kind.name for found in result.faults][:1] == ([fault] if fault else [])
        assert [array.flat[0] for array in result.outputs.values()] == ([] if fault else [4.0])
