"""Broken input of any kind: a clean result, or one line and exit code 2; never a traceback, never half a file."""

import functools
import tempfile
from pathlib import Path

import pytest
from conftest import EXAMPLE_NAMES, H13_EXAMPLES, example, loaded, one_line
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hwx2py import emitter
from hwx2py.formats.anec.write import write
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


@fuzz
@given(command=commands, changes=flips, cut=cuts | st.just(1.0))
def test_anec_files(cli, command, changes, cut):
    program = loaded("conv")
    data = b"".join(bytes(piece) for piece in write(renumber(program, bound_order(program)), 0x1000))
    check(cli, command, damaged(data, changes, cut), ".anec")


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
    known = (f"hwx2py: {path}: ", "fault ", "y: ", "tasks: ", "note: hwx2py check finds ")
    assert all(line.startswith(known) for line in lines), done.err
