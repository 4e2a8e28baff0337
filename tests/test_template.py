"""The parts of a script that are the same in all of them, called one by one."""

import builders
import numpy as np
import pytest
from builders import half
from hwx2py.templates import records, script
from test_streams import GROUPS

from hwx2py.program.streams import STREAMS, Pending

REGISTER = script.Register(0x40, Low=(5, 0), Stride=(31, 6, script.BYTES), count=2)
ENUM = script.Register(0x44, Mode=(3, 2, {"Add": 0, "Max": 2}), Scale=(31, 16, script.FP16))


def test_fields_take_the_place_of_the_words_bits():
    assert REGISTER(0xFFFFFFFF, Low=3).word == 0xFFFFFFC3
    assert REGISTER(0xFFF, Stride=0x40).word == 0x7F
    assert ENUM(0xF, Mode="Max", Scale=1.0).word == 0x3C00000B
    assert REGISTER[1](7).register.address == 0x44


@pytest.mark.parametrize(
    ("register", "fields", "words"),
    [
        (REGISTER, {"Low": 64}, "does not fit bits 5:0"),
        (REGISTER, {"Low": -1}, "does not fit bits 5:0"),
        (REGISTER, {"Stride": 0x41}, "no multiple of 0x40"),
        (REGISTER, {"Stride": 1 << 32}, "does not fit bits 31:6"),
        (REGISTER, {"Other": 1}, "has no field Other"),
        (ENUM, {"Mode": "Min"}, "has no value 'Min'"),
        (ENUM, {"Scale": 1e9}, "does not fit fp16"),
        (ENUM, {"word": 1 << 32}, "does not fit 32 bits"),
        (ENUM, {"word": -1}, "does not fit 32 bits"),
    ],
)
def test_values_that_do_not_fit_are_errors(register, fields, words):
    with pytest.raises(ValueError, match=words):
        register(**fields)


def test_only_the_registers_of_an_array_have_an_index():
    with pytest.raises(ValueError, match="has 2 registers, not one at 2"):
        REGISTER[2]


def test_parts_take_data_in_order():
    pieces, rest = script.expand([("zeros", 3), ("data", 2), ("zeros", 1), ("data", 1)], b"abcdef")
    assert pieces == [b"\0\0\0", b"ab", b"\0", b"c"]
    assert rest == b"def"


def test_elements_must_lie_in_the_declared_bytes():
    row = script.Tensor("x", "input", 4, (1, 2, 1, 4), (64, 64, 64, 2), "float16", 72)
    assert script.elements(row, bytearray(72)).shape == (1, 2, 1, 4)
    for size in (71, 70, 8):
        with pytest.raises(ValueError, match=f"tensor x does not fit its {size} bytes"):
            script.elements(row._replace(size=size), bytearray(72))


def test_sentinels_are_counted_in_floats_and_told_of_whole_integers():
    halves = np.full(8, 0xFDFD, np.uint16).view(np.float16)
    assert script.untouched(halves) == 8
    halves[3] = 1
    assert script.untouched(halves) == 7
    small = np.full(8, 0xFD, np.uint8)
    assert script.untouched(small) == 8
    small[3] = 1
    assert script.untouched(small) == 0


@pytest.mark.parametrize(
    ("got", "want", "tolerance", "passes"),
    [
        (1.5, 1.0, 0.5, True),
        (1.5, 1.0, 0.25, False),
        (np.inf, np.inf, 0.0, True),
        (np.inf, -np.inf, 0.0, False),
        (np.nan, np.nan, 0.0, True),
        (np.nan, 0.0, 9.0, False),
    ],
)
def test_golden_takes_what_is_near_enough(tmp_path, capsys, got, want, tolerance, passes):
    np.savez(tmp_path / "g.npz", y=np.full((1, 2), want, np.float16))
    found = script.compare({"y": np.full((1, 2), got, np.float16)}, script.read_golden(tmp_path / "g.npz"), tolerance)
    assert found is passes
    assert capsys.readouterr().out == ("y: PASS\n" if passes else "y: FAIL: 2 of 2 elements differ\n")


def test_golden_of_another_shape_or_name_fails(tmp_path, capsys):
    np.savez(tmp_path / "g.npz", y=np.zeros((2, 2), np.float16))
    assert not script.compare({"y": np.zeros((1, 4), np.float16)}, script.read_golden(tmp_path / "g.npz"), 0.0)
    assert not script.compare({"z": np.zeros((2, 2), np.float16)}, script.read_golden(tmp_path / "g.npz"), 0.0)
    assert capsys.readouterr().out.count("no array of this name and shape") == 2


def test_input_file_of_the_same_size_but_another_shape_is_refused(tmp_path, capsys):
    np.save(tmp_path / "x.npy", np.zeros((1, 1, 32, 1)))
    with pytest.raises(SystemExit):
        script.read_inputs([f"a={tmp_path / 'x.npy'}"])
    assert "shape (1, 1, 32, 1), but a has (1, 1, 1, 32)" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("dtype", "given", "words"),
    [
        ("uint8", 300.0, "does not hold 300.0"),
        ("uint8", -1.0, "does not hold -1.0"),
        ("int8", 1.5, "does not hold 1.5"),
        ("uint8", np.nan, "does not hold nan"),
        ("float16", 1e6, "does not hold 1000000.0"),
        ("float16", 1j, "complex128 values are no numbers"),
    ],
)
def test_values_that_a_type_does_not_hold_are_refused(capsys, dtype, given, words):
    with pytest.raises(SystemExit) as end:
        script.fitting(np.array([1, given]), np.dtype(dtype), "--input x=...")
    assert end.value.code == 2
    assert words in capsys.readouterr().err


@pytest.mark.parametrize(
    ("dtype", "given", "held"), [("uint8", [255.0, 0], [255, 0]), ("float16", [np.inf, 0.1], [np.inf, 0.09998])]
)
def test_values_that_a_type_holds_are_rounded_only_as_floats(dtype, given, held):
    assert np.allclose(script.fitting(np.array(given), np.dtype(dtype), ""), held, rtol=1e-4)


def test_fill_must_fit_the_outputs(capsys):
    with pytest.raises(SystemExit):
        script.main(["--fill=1e9"])
    assert "--fill: float16 does not hold 1000000000.0" in capsys.readouterr().err


@pytest.mark.parametrize("option", ["--save", "--write-command"])
def test_nothing_that_is_read_is_written_over(tmp_path, capsys, option):
    path = tmp_path / "x.npy"
    np.save(path, np.zeros((1, 1, 1, 32)))
    before = path.read_bytes()
    for arguments in ([f"--input=a={path}"], [f"--golden={path}"]):
        with pytest.raises(SystemExit) as end:
            script.main([*arguments, f"{option}={path}"])
        assert (end.value.code, path.read_bytes()) == (2, before)
        assert "would be written over, but it is read" in capsys.readouterr().err


def test_golden_must_be_there_and_have_names(tmp_path, capsys):
    np.save(tmp_path / "x.npy", np.zeros(3))
    (tmp_path / "odd.npz").write_text("golden")
    for name, words in (
        ("x.npy", "holds an array without a name; give an .npz"),
        ("odd.npz", "no .npz file"),
        ("none.npz", "No such file or directory"),
    ):
        with pytest.raises(SystemExit):
            script.main([f"--golden={tmp_path / name}"])
        assert capsys.readouterr().err.endswith(f": --golden {tmp_path / name}: {words}\n")


def test_errors_of_a_task_name_its_line(monkeypatch, capsys):
    def task_0():
        return [script.Header.W0(EON=9)]

    monkeypatch.setattr(script, "task_0", task_0)
    with pytest.raises(SystemExit):
        script.main(["--dry-run"])
    line = task_0.__code__.co_firstlineno + 1
    assert f": line {line}: Header.W0: EON=9 does not fit bits 25:25" in capsys.readouterr().err


def test_buffers_that_the_driver_has_not_are_refused(monkeypatch):
    a, b, y = script.TENSORS
    for extra in (b._replace(name="c", bar=32), b._replace(name="c", bar=9, size=0)):
        monkeypatch.setattr(script, "TENSORS", [a, b, y, extra])
        with pytest.raises(ValueError, match="the driver has no buffer for tensor c"):
            script.run({}, None, None)
    monkeypatch.setattr(script, "TENSORS", [a, b._replace(bar=4), y])
    with pytest.raises(ValueError, match="BAR 4 is both a and b"):
        script.build()


def test_bars_without_a_handle_are_refused(monkeypatch):
    for name, value in (("ALIASES", {32: "a"}), ("KERNELS", [script.Kernel("k", 32, [])])):
        monkeypatch.setattr(script, name, value)
        with pytest.raises(ValueError, match="the driver has no handle for BAR 32"):
            script.run({}, None, None)
        monkeypatch.undo()


def test_inputs_are_not_made_for_tensors_that_do_not_fit(monkeypatch):
    a, b, y = script.TENSORS
    monkeypatch.setattr(script, "TENSORS", [a, b._replace(shape=(1, 1, 1 << 31, 32)), y])
    with pytest.raises(ValueError, match="tensor b does not fit its 64 bytes"):
        script.default_inputs()


def test_coefficients_that_are_missing_are_named(monkeypatch, tmp_path):
    monkeypatch.setattr(script, "DATA", None)
    monkeypatch.setattr(script, "__file__", str(tmp_path / "big.py"))
    with pytest.raises(ValueError, match=r"big\.coeff\.bin, the coefficients, must lie beside it"):
        script.coefficients()


def test_tasks_must_be_there(monkeypatch):
    monkeypatch.setattr(script, "tasks", list)
    with pytest.raises(ValueError, match="gives no task"):
        script.build()


@pytest.mark.parametrize(("write", "fits"), [((1 << 26) - 4, True), (1 << 26, False)])
def test_registers_out_of_reach_are_refused(write, fits):
    items = [script.Register(write)(7)]
    if fits:
        assert len(script.records(items)) == 2
    else:
        with pytest.raises(ValueError, match="does not fit a record"):
            script.records(items)


def test_stray_bytes_and_places_are_in_the_command(monkeypatch):
    plain = script.build()
    monkeypatch.setattr(script, "STRAY", [(0x38, "6f646421")])
    monkeypatch.setattr(script, "TEXT_SIZE", 0x3C)
    monkeypatch.setattr(script, "CONST_OFFSET", 0x100)
    command = script.build()
    assert command.data[:0x30] == plain.data[:0x30]
    assert command.data[0x38:0x3C] == b"odd!"
    assert (len(command.data), command.text_bytes) == (0x140, 0x100)
    monkeypatch.setattr(script, "CONST_OFFSET", 0x38)
    with pytest.raises(ValueError, match="reaches into the coefficients at 0x38"):
        script.build()


def test_tasks_that_overlap_are_an_error():
    task = script.task_0()
    size = 4 * len(script.lay_out([task])[0][1])
    assert [offset for offset, _ in script.lay_out([task, script.At(size, task)])] == [0, size]
    with pytest.raises(ValueError, match=r"task 1 at .* overlaps what ends at"):
        script.lay_out([task, script.At(size - 4, task)])


def test_text_may_fill_its_pages():
    """The driver takes a command buffer only where a byte is left behind the text."""
    program = builders.elementwise()
    program = program._replace(text=program.text._replace(size_bytes=0x4000), const_offset=0x4000)
    a, b = half(1, 1, 3, 4, 5), half(2, 1, 3, 4, 5)
    assert np.array_equal(builders.run(program, a=a, b=b)["y"], a + b)


def as_write(pending: Pending) -> script.Write:
    return script.Write(script.Register(pending.address, alone=pending.alone), pending.value, (), pending.slot)


@pytest.mark.parametrize("what", GROUPS)
def test_records_are_grouped_as_in_the_library(what):
    writes, expected = GROUPS[what]
    assert list(records.group([as_write(write) for write in writes])) == expected


def test_linked_records_are_grouped_as_in_the_library():
    writes = [Pending(4 * number, number) for number in (*range(3, 140), 150, 151, 149)]
    assert list(script.group([as_write(write) for write in writes])) == list(STREAMS["linked"].records(writes))


def test_slots_of_single_writes_have_a_record_each():
    writes = [script.Write(script.Register(4 * number), 0, (), 4) for number in (8, 9)]
    assert list(records.group(writes)) == [(1 << 29 | 4 << 23 | 8, 1), (1 << 29 | 4 << 23 | 9, 1)]
