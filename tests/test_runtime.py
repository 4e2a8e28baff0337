"""What scripts carry and the library calls: registers, records, layout, inputs and verdicts, one by one."""

import ctypes
import errno
import os
import struct

import builders
import numpy as np
import pytest
from builders import half

from hwx2py.program.streams import STREAMS, Pending
from hwx2py.registers import by_name, compose, kinds
from hwx2py.runtime import ane, command_line, stream_linked, stream_records, text
from hwx2py.runtime.register import LINK, RECORD, Register, Write, every
from hwx2py.runtime.tensor import Tensor


class Block:
    """Registers get their names from where they stand."""

    Some = Register(0x40, 2, Low=(5, 0), Stride=(31, 6, kinds.BYTES.coding))


REGISTER = Block.Some
ENUM = Register(0x44, Mode=(3, 2, {"Add": 0, "Max": 2}), Scale=(31, 16, kinds.FP16.coding))
X = Tensor("x", "input", 4, (1, 2, 1, 4), (16, 8, 8, 2), "float16", 16)


@pytest.fixture(autouse=True)
def _as_in_a_script():
    """Infinity and NaN are told in results, not in warnings."""
    with np.errstate(all="ignore"):
        yield


def test_fields_take_the_place_of_the_words_bits():
    assert REGISTER(0xFFFFFFFF, Low=3).word == 0xFFFFFFC3
    assert REGISTER(0xFFF, Stride=0x40).word == 0x7F
    assert ENUM(0xF, Mode="Max", Scale=1.0).word == 0x3C00000B
    assert ENUM(Scale=-0.0).word == 0x80000000
    assert ENUM(Scale=0.0).word == 0
    assert REGISTER[1](7).register.address == 0x44
    assert [write.register.address for write in every(REGISTER[:], Low=1)] == [0x40, 0x44]
    assert REGISTER[1].name == "Block.Some[1]"
    with pytest.raises(ValueError, match=r"Block.Some\[0\] and others: not all of one array"):
        every([REGISTER[0], ENUM], Low=1)


@pytest.mark.parametrize(
    ("register", "fields", "words"),
    [
        (REGISTER, {"Low": 64}, "Low=64 does not fit bits 5:0"),
        (REGISTER, {"Low": -1}, "Low=-1 does not fit bits 5:0"),
        (REGISTER, {"Low": 1.0}, "Low=1.0 does not fit bits 5:0"),
        (REGISTER, {"Stride": 0x41}, "a multiple of 0x40"),
        (REGISTER, {"Stride": 1 << 32}, "does not fit bits 31:6"),
        (REGISTER, {"Other": 1}, r"has no field Other \(fields: Low, Stride\)"),
        (ENUM, {"Mode": "Min"}, r"Mode='Min' does not fit bits 3:2 \(Add, Max\)"),
        (ENUM, {"word": 1 << 32}, "does not fit bits 31:0"),
        (ENUM, {"word": -1}, "does not fit bits 31:0"),
    ],
)
def test_values_that_do_not_fit_are_errors(register, fields, words):
    with pytest.raises(ValueError, match=words):
        register(**fields)


def test_the_library_says_the_same_of_a_mistake():
    row = by_name("H13").register("Common.Cin")
    with pytest.raises(Exception, match=r"Cin: Cin=1048576 does not fit bits 16:0"):
        compose(row, Cin=1 << 20)


def record(*addresses: int, form: int = 0) -> list[Write]:
    head = [Write(Register(RECORD), form, 0)] if form else []
    return head + [Write(Register(address), address + 1, 0) for address in addresses]


def test_linked_records_are_registers_in_a_row():
    assert stream_linked.encode_record(record(0x40, 0x44)) == [1 << 26 | 0x40, 0x41, 0x45]
    for wrong in ((0x40, 0x48), (0x44, 0x40), tuple(range(0, 4 * 65, 4)), (1 << 26,)):
        with pytest.raises(ValueError, match="not up to 64 registers in a row"):
            stream_linked.encode_record(record(*wrong))


@pytest.mark.parametrize(
    ("addresses", "form", "head"),
    [
        ((0x40,), 0, 16),
        ((0x40, 0x44), 0, 1 << 15 | 16),
        ((0x40, 0x48), 0, 1 << 31 | 2 << 15 | 16),
        ((0x40, 0x80), 0, 1 << 31 | 1 << 30 | 16),
        ((0x40, 0x44), 1 << 31, 1 << 31 | 1 << 15 | 16),
        ((0x40, 0x44), 1 << 29 | 7 << 23, 1 << 29 | 7 << 23 | 1 << 15 | 16),
    ],
)
def test_form_of_a_record_follows_from_its_registers_unless_it_is_given(addresses, form, head):
    assert stream_records.encode_record(record(*addresses, form=form))[0] == head


@pytest.mark.parametrize("addresses", [(0x40, 0x84), (0x44, 0x40), (0x40, 0x40), (1 << 17,), range(0, 4 * 65, 4)])
def test_what_fits_no_record_is_refused(addresses):
    with pytest.raises(ValueError, match="do not fit a record"):
        stream_records.encode_record(record(*addresses))


def as_write(pending: Pending) -> Write:
    return Write(Register(pending.address), pending.value, 0)


def test_both_ways_to_a_record_agree():
    """What the compiler's rule groups is what the encoder makes of the groups."""
    writes = [Pending(4 * number, number) for number in (*range(3, 140), 150, 151, 153, 170)]
    for name, encoder in (("linked", stream_linked), ("records", stream_records)):
        start = 0
        for head, count in STREAMS[name].records(writes):
            assert encoder.encode_record([as_write(w) for w in writes[start : start + count]])[0] == head
            start += count
        assert start == len(writes)


class Header:
    """A header with every link."""

    W0 = Register(0, TID=(15, 0, LINK), TaskSize=(26, 16, LINK))
    W1 = Register(4, NextPointer=(31, 0, LINK))
    W2 = Register(8, NextSize=(15, 0, LINK), Other=(31, 16))


def first():
    return [[Header.W0(), Header.W1(), Header.W2(Other=5)], record(0x40)]


def second():
    return [[Header.W0(TID=7), Header.W1(0x30), Header.W2()], record(0x40)]


def test_links_are_filled_in_unless_they_are_given():
    made, placed = text.lay_out([first, second, first], stream_linked.encode_record, 32)
    assert [offset for offset, _ in placed] == [0, 32, 64]
    assert [words[:3] for _, words in placed] == [
        [5 << 16, 32, 5 << 16 | 4],
        [5 << 16 | 7, 0x30, 4],
        [5 << 16 | 2, 0, 5 << 16],
    ]
    assert len(made) == 64 + 4 * 5
    assert made[32:36] == (5 << 16 | 7).to_bytes(4, "little")


@pytest.mark.parametrize("place", [0, 4, 16, 21])
def test_tasks_do_not_overlap_and_begin_on_words(place):
    with pytest.raises(ValueError, match=f"task 1 cannot begin at {place:#x}"):
        text.lay_out([first, second], stream_linked.encode_record, 32, places={1: place})


def test_text_that_does_not_follow_from_its_tasks():
    made = text.framed(bytearray(b"....task"), frame=b"head", size=12, stray=[(9, b"x")])
    assert made == b"headtask\0x\0\0"


def test_coefficients_follow_at_the_next_multiple_of_64():
    assert list(map(len, text.followed(bytearray(65), [b"abc"]))) == [65, 63, 3]
    assert list(map(len, text.followed(bytearray(65), [b"abc"], 80))) == [65, 15, 3]


def test_coefficients_may_be_edited_but_not_in_size(tmp_path, capsys):
    import hashlib

    path = tmp_path / "s.coeff.bin"
    path.write_bytes(b"abc")
    digest = hashlib.sha256(b"abc").hexdigest()
    assert bytes(text.beside(str(tmp_path / "s.py"), 3, digest)) == b"abc"
    assert capsys.readouterr().err == ""
    path.write_bytes(b"abd")
    assert bytes(text.beside(str(tmp_path / "s.py"), 3, digest)) == b"abd"
    assert "edited since the conversion" in capsys.readouterr().err
    with pytest.raises(OSError, match="3 bytes of coefficients, not 4"):
        text.beside(str(tmp_path / "s.py"), 4, digest)
    with pytest.raises(ValueError, match="1 bytes of coefficients, not 2"):
        text.inline("VE", 2)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("2.5", np.full((1, 2, 1, 4), 2.5)),
        ("ramp", (np.arange(8).reshape(1, 2, 1, 4) - 128) / 8),
    ],
)
def test_inputs_by_value(value, expected):
    assert np.array_equal(command_line.read_inputs([X], [f"x={value}"])["x"], expected)


def test_a_ramp_is_signed_and_repeats_after_257_elements():
    ramp = command_line.input_array("ramp", np.zeros((1, 2, 300), "f2")).ravel()
    assert ramp.dtype == np.float16
    assert [*ramp[[0, 1, 128, 256, 257, 599]]] == [-16.0, -15.875, 0.0, 16.0, -16.0, ((599 % 257) - 128) / 8]


def test_random_inputs_are_normally_distributed_and_differ_by_name_and_seed():
    like = np.zeros((1, 8, 16, 32), "f2")
    options = [(value, name) for value in ("random", "random:1", "random:12") for name in ("a", "b", "ab")]
    arrays = [command_line.input_array(value, like, name) for value, name in options]
    for option, array in zip(options, arrays):
        assert (array.shape, array.dtype) == (like.shape, like.dtype), option
        assert array.astype("f8").mean() == pytest.approx(0, abs=0.06), option
        assert array.astype("f8").std() == pytest.approx(1, abs=0.05), option
        assert np.mean(abs(array) < 1) == pytest.approx(0.683, abs=0.03), option
    assert len({array.tobytes() for array in arrays}) == len(options)
    assert np.array_equal(command_line.input_array("random:0", like, "a"), arrays[0])


@pytest.mark.parametrize(("dtype", "middle"), [("uint8", 128), ("int8", 0)])
def test_integer_inputs_are_eighths_about_the_middle_of_their_type(dtype, middle):
    like = np.zeros((1, 2, 600), dtype)
    for kind in ("random", "ramp"):
        wide = 8 * command_line.input_array(kind, np.zeros(like.shape), "x") + middle
        narrow = command_line.input_array(kind, like, "x")
        assert narrow.dtype == like.dtype
        assert np.array_equal(narrow, np.clip(np.rint(wide), np.iinfo(dtype).min, np.iinfo(dtype).max))


@pytest.mark.parametrize(
    ("dtype", "given"),
    [("uint8", 300.0), ("uint8", -1.0), ("int8", 1.5), ("uint8", np.nan), ("float16", 1e6)],
)
def test_values_that_a_type_does_not_hold_are_refused(tmp_path, dtype, given):
    np.save(tmp_path / "x.npy", np.full((1, 2), given))
    with pytest.raises(ValueError, match=f"does not fit {dtype}"):
        command_line.input_array(str(tmp_path / "x.npy"), np.zeros((1, 2), dtype))


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
def test_verdict_takes_what_is_near_enough(got, want, tolerance, passes):
    got, want = (np.full((1, 2), value, np.float16) for value in (got, want))
    said = command_line.verdict(got, want, tolerance)
    assert (said == "PASS") is passes
    assert passes or said.startswith("FAIL: 2 of 2, most by ")


def test_verdict_names_the_place():
    got = np.zeros((2, 3))
    got[1, 2], got[0, 1] = 4, 1
    assert command_line.verdict(got, np.zeros((2, 3)), 0.5) == "FAIL: 2 of 6, most by 4 at [1, 2]"
    assert command_line.verdict(got, np.zeros((3, 2)), 0.5) == "FAIL: the golden file has (3, 2)"
    assert command_line.verdict(got, None, 0.5) == "FAIL: the golden file has no such array"


def test_sentinels_are_counted_in_floats_and_told_of_whole_integers(capsys):
    halves = np.full(8, 0xFDFD, np.uint16).view(np.float16)
    halves[3] = 1
    small = np.full(8, 0xFD, np.uint8)
    assert command_line.report({"a": halves, "b": small}, False) == 2
    assert capsys.readouterr().err == "a: 7 of 8 not written\nb: 8 of 8 not written\n"
    small[3] = 1
    assert command_line.report({"b": small}, False) == 0
    assert command_line.report({"a": halves}, True) == 0


def test_tasks_with_other_ids_run_and_it_is_said(capfd):
    """The driver wants ids from 0 on, and its network id in every task."""
    program = builders.elementwise()
    task = program.tasks[0]
    other = program.with_tasks([task.with_words({0: task.words[0] | 5})])
    a, b = half(1, 3, 4, 5), half(2, 3, 4, 5)
    inputs = {"a": a.astype(np.float16), "b": b.astype(np.float16)}
    inputs = {name: array.reshape(1, 3, 4, 5) for name, array in inputs.items()}
    outputs, expected = (builders.through_driver(each, inputs).outputs for each in (other, program))
    assert np.array_equal(outputs["y"], expected["y"])
    assert "tasks: numbered from 0 for the driver" in capfd.readouterr().err


def test_a_node_that_may_not_be_opened_hides_no_other(monkeypatch):
    """Another accelerator's node that is closed to this user is passed over; without an engine it is what is told."""
    nodes = {"/dev/accel/accel0": None, "/dev/accel/accel1": b"ane"}

    def opened(path, flags):
        if nodes[path] is None:
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
        return list(nodes).index(path)

    def answered(node, number, request):
        address = struct.unpack_from("<Q", request, 24)[0]
        ctypes.memmove(address, nodes[list(nodes)[node]], 3)

    monkeypatch.setattr(ane.glob, "glob", lambda pattern: list(nodes))
    monkeypatch.setattr(ane.os, "open", opened)
    monkeypatch.setattr(ane.fcntl, "ioctl", answered)
    assert ane.find_device() == "/dev/accel/accel1"
    del nodes["/dev/accel/accel1"]
    with pytest.raises(OSError, match=r"^/dev/accel/accel0: Permission denied; "):
        ane.find_device()
