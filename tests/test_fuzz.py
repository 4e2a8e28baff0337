"""Broken input of any kind: a clean result, or one line and exit code 2; never a traceback, never half a file."""

import functools
import itertools
import math
import tempfile
from pathlib import Path

import pytest
from conftest import EXAMPLE_NAMES, H13_EXAMPLES, example, loaded, one_line
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hwx2py import emitter
from hwx2py.formats.anec import header
from hwx2py.formats.anec.write import write
from hwx2py.operations.tables import PLACES, Curve, Line, name_of
from hwx2py.program.bars import bound_order, renumber

fuzz = settings(
    max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
flips = st.lists(st.tuples(st.floats(0, 1, exclude_max=True), st.integers(1, 255)), max_size=4)
cuts = st.floats(0, 1)
JUNK = st.text("()[]{},=\"'#x019Aa\n -+*", max_size=6)


@functools.cache
def chain_script() -> str:
    return emitter.emit(loaded("chain")).text


@functools.cache
def live(data: bytes) -> list[int]:
    """Places of the bytes that are not 0, and of the zeros right behind them."""
    return [i for i, byte in enumerate(data) if byte or (i and data[i - 1])]


def damaged(data: bytes, changes, cut: float) -> bytes:
    """`changes`: (where among the live bytes, what is flipped there); `cut`: how much is kept."""
    places, found = live(data), bytearray(data)
    for where, bits in changes:
        found[places[int(where * len(places))]] ^= bits
    return bytes(found[: int(cut * len(found))])


#: What a damaged file is given to, and the output that must not be left behind.
COMMANDS = {
    "convert": ("-o", "o.py"),
    "info": ("--json",),
    "dump": (),
    "graph": ("-o", "o.svg"),
    "clean": ("-o", "o.hwx"),
    "anec": ("-o", "o.anec"),
}
commands = st.sampled_from(list(COMMANDS))


def check(cli, command: str, data: bytes, suffix: str) -> None:
    """The command takes the file, or says what is wrong with it."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"odd{suffix}"
        path.write_bytes(data)
        done = cli(command, path, *(option.replace("o.", f"{folder}/o.") for option in COMMANDS[command]))
        if done.code:
            assert done.code == 2, done
            assert one_line(done.err), done
            assert [left.name for left in Path(folder).iterdir()] == [path.name]


@pytest.mark.parametrize("name", EXAMPLE_NAMES)
@fuzz
@given(command=commands, changes=flips, cut=st.just(1.0))
def test_flipped_bytes(cli, command, name, changes, cut):
    check(cli, command, damaged(example(name).read_bytes(), changes, cut), ".hwx")


@fuzz
@given(command=commands, cut=cuts, name=st.sampled_from(EXAMPLE_NAMES))
def test_cut_files(cli, command, cut, name):
    check(cli, command, damaged(example(name).read_bytes(), [], cut), ".hwx")


@functools.cache
def conv_anec() -> bytes:
    program = loaded("conv")
    return b"".join(bytes(piece) for piece in write(renumber(program, bound_order(program)), 0x1000))


@fuzz
@given(command=commands, changes=flips, cut=cuts | st.just(1.0))
def test_anec_files(cli, command, changes, cut):
    check(cli, command, damaged(conv_anec(), changes, cut), ".anec")


def with_shape(data: bytes, buffer: int, **sizes: int) -> bytes:
    """An `.anec` whose header gives a buffer other sizes."""
    anec = header.unpack(memoryview(data))
    shapes = list(anec.shapes)
    shapes[buffer] = shapes[buffer]._replace(**sizes)
    return b"".join(header.write(anec._replace(shapes=tuple(shapes))))


@pytest.mark.parametrize("sizes", [{"height": 1 << 31}, {"width": 0xFFFF_FFF0}, {"width": 1 << 63}])
@pytest.mark.parametrize("command", ["info", "emulate"])
def test_anec_tensors_beyond_their_planes(cli, tmp_path, command, sizes):
    path = tmp_path / "odd.anec"
    path.write_bytes(with_shape(conv_anec(), header.FIRST_TENSOR, **sizes))
    done = cli(command, path)
    assert done.code == 2
    assert one_line(done.err)
    assert "but its planes have" in done.err


@pytest.mark.parametrize("command", ["info", "emulate"])
def test_script_tensors_beyond_their_bytes(cli, tmp_path, command):
    path = tmp_path / "odd.py"
    path.write_text(
        chain_script().replace('Tensor("y", "output", 4, (1, ', 'Tensor("y", "output", 5, (18446744073709551615, ')
    )
    assert "18446744073709551615" in path.read_text()
    done = cli(command, path)
    assert done.code == 2
    assert "reach" in done.err


def test_check_repairs_no_size_that_no_header_holds(cli, tmp_path):
    path = tmp_path / "odd.anec"
    path.write_bytes(with_shape(conv_anec(), header.FIRST_TENSOR, plane_bytes=1 << 62))
    done = cli("check", path)
    assert done.code == 2
    assert one_line(done.err)


def test_check_repairs_no_text_that_reaches_beyond_the_file(cli, tmp_path):
    """The first task is whole, and the content ends with it: nothing is left for coefficients, whose size is a sum."""
    anec = header.unpack(memoryview(conv_anec()))
    path = tmp_path / "odd.anec"
    cut = anec._replace(content=anec.content[: anec.task_bytes])
    path.write_bytes(b"".join(header.write(cut)))
    done = cli("check", path)
    assert done.code == 2
    assert one_line(done.err)


def test_tables_of_any_shift_have_a_name_or_none():
    shifts = (-32768, -1100, -40, -16, 24, 63, 65, 1100, 32767)
    for place, shift, sample in itertools.product(PLACES, shifts, (0.0, -1.0, math.inf, math.nan)):
        curve = Curve(-1.0, 1.0, 0.0, 0.0, (sample,) * 33, Line(1.0, 0.0), Line(1.0, 0.0), shift, place, 0)
        assert isinstance(name_of(curve), str), (place, shift, sample)


@fuzz
@given(
    command=commands,
    where=st.floats(0, 1, exclude_max=True),
    junk=JUNK,
    drop=st.integers(0, 30),
)
def test_edited_scripts(cli, command, where, junk, drop):
    text = chain_script()
    place = int(where * len(text))
    check(cli, command, (text[:place] + junk + text[place + drop :]).encode(), ".py")


@pytest.mark.parametrize("name", H13_EXAMPLES)
@fuzz
@given(changes=flips)
def test_emulator_runs_refuses_or_finds_faults(cli, name, changes):
    """Damage inside the task stream reaches the virtual ANE; whatever it is, the run ends in an orderly way."""
    data = example(name).read_bytes()
    start = data.index(bytes(loaded(name).text.to_bytes()[:64]))
    size = loaded(name).text.size_bytes
    inside = bytearray(data)
    for where, bits in changes:
        inside[start + int(where * size)] ^= bits
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "odd.hwx"
        path.write_bytes(inside)
        done = cli("emulate", path)
    lines = done.err.splitlines()
    assert done.code in (0, 2, 3), done
    known = (f"hwx2py: {path}: ", "fault ", "y: ", "tasks: ", "note: hwx2py check finds ", f"warning: {path}: ")
    assert all(line.startswith(known) for line in lines), done.err
