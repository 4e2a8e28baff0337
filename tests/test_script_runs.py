"""Generated scripts as programs: their options, and what they say."""

import hashlib

import numpy as np
import pytest
from conftest import loaded

from hwx2py import emitter
from hwx2py.emulator import child


@pytest.fixture
def mul(tmp_path):
    path = tmp_path / "mul.py"
    path.write_text(emitter.emit(loaded("mul")).text)
    return path


def test_dry_run_tells_sizes_and_digest(mul, script):
    done = script(mul, "--dry-run", "--write-command", mul.parent / "c.bin")
    digest = hashlib.sha256((mul.parent / "c.bin").read_bytes()).hexdigest()
    assert done.code == 0
    assert f"sha256 {digest}" in done.out
    assert "tasks: 1, sha256" in done.out


def test_device_that_is_not_there(mul, script):
    done = script(mul, "--device", "/nonexistent/accel")
    assert (done.code, len(done.err.splitlines())) == (2, 1)
    assert "/nonexistent/accel" in done.err


@pytest.mark.parametrize(
    ("option", "words"),
    [
        ("--input=q=1", "no input is called 'q'"),
        ("--input=a", "expected a number, FILE.npy, random[:SEED] or ramp"),
        ("--input=a=x", "expected a number, FILE.npy, random[:SEED] or ramp"),
        ("--input=a=random:-1", "expected a number, FILE.npy, random[:SEED] or ramp"),
        ("--input=a=random:x", "expected a number, FILE.npy, random[:SEED] or ramp"),
        ("--input=a=nothing.npy", "nothing.npy: no such file"),
        ("--golden=nothing.npz", "nothing.npz: no such file"),
    ],
)
def test_wrong_inputs_are_told_in_a_line(cli, mul, option, words):
    done = cli("emulate", mul, option)
    assert (done.code, len(done.err.splitlines())) == (2, 1)
    assert words in done.err


def test_input_of_another_shape(cli, mul):
    np.save(mul.parent / "x.npy", np.zeros((1, 2)))
    done = cli("emulate", mul, f"--input=a={mul.parent / 'x.npy'}")
    assert done.code == 2
    assert "float64 (1, 2) does not fit float16 (1, 4, 2, 16)" in done.err


@pytest.mark.parametrize("wrong", ["x", 1j, np.datetime64("2020-01-01")])
def test_arrays_that_are_not_numbers_are_refused_in_a_line(cli, mul, wrong):
    like, golden = mul.parent / "x.npy", mul.parent / "x.npz"
    np.save(like, np.full((1, 4, 2, 16), wrong))
    np.savez(golden, y=np.full((1, 4, 2, 16), wrong))
    for option in (f"--golden={golden}", f"--input=a={like}"):
        done = cli("emulate", mul, option)
        assert (done.code, len(done.err.splitlines())) == (2, 1)
        assert "which are not numbers" in done.err


def test_golden_passes_and_fails(cli, mul):
    golden = mul.parent / "golden.npz"
    assert cli("emulate", mul, "--save", golden).code == 0
    assert "y: PASS" in cli("emulate", mul, "--golden", golden).out
    done = cli("emulate", mul, "--golden", golden, "--input", "a=3.5")
    assert (done.code, "y: FAIL: 128 of 128, most by 1 at [0, 0, 0, 0]" in done.out) == (1, True)
    assert "y: PASS" in cli("emulate", mul, "--golden", golden, "--input", "a=3.5", "--atol", "1").out


def test_fill_and_sentinel(cli, mul):
    """An output that nobody writes is told, unless its filling was asked for."""
    text = mul.read_text()
    mul.write_text(text.replace('WBase="y"', 'WBase="b"'))
    done = cli("emulate", mul)
    assert done.code == 3
    assert "y: 128 of 128 not written" in done.err
    done = cli("emulate", mul, "--fill", "0")
    assert "output[0] = 0.0" in done.out


def test_script_alone_ends_with_1_where_an_output_is_not_written(mul, monkeypatch):
    """The exit code of the script itself, without the emulator's."""
    from hwx2py.emulator import rows, run_script
    from hwx2py.formats import load, map_file, script

    mul.write_text(mul.read_text().replace('WBase="y"', 'WBase="b"'))
    outline = script.outline(bytes(map_file(str(mul))))
    assert load(str(mul)).program.tensors == outline.tensors
    assert run_script(str(mul), outline, rows(outline.buffers, outline.kernels), []).code == 1


def test_mistake_is_a_traceback_that_shows_the_line(mul, script):
    mul.write_text(mul.read_text().replace("Common.Cin(Cin=4)", "Common.Cin(Cin=1 << 20)"))
    done = script(mul, "--dry-run")
    assert done.code == 1
    assert "Common.Cin(Cin=1 << 20)," in done.err
    assert done.err.splitlines()[-1] == "ValueError: Common.Cin: Cin=1048576 does not fit bits 16:0"


def test_two_buffers_behind_a_bar_are_a_mistake(cli, mul):
    mul.write_text(mul.read_text().replace('Tensor("b", "input", 5', 'Tensor("b", "input", 4'))
    done = cli("emulate", mul)
    assert (done.code, len(done.err.splitlines())) == (2, 1)
    assert "BAR 4 is both a and b" in done.err


def test_defaults_are_said(cli, mul):
    assert "input 'a': filled with 3.0\ninput 'b': filled with 2.0\n" in cli("emulate", mul).out
    assert "input 'a'" not in cli("emulate", mul, "--input", "a=1").out


def test_outputs_are_summed_up(cli, mul):
    out = cli("emulate", mul, "--input", "a=ramp", "--input", "b=1").out
    assert "y: float16 (1, 4, 2, 16), -16 to -0.125, mean -8.0625" in out


def test_struct_of_the_version_call_is_the_kernels():
    assert child.VERSION_STRUCT.size == 64
