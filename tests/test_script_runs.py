"""Generated scripts as programs: their options, and what they say."""

import hashlib

import numpy as np
import pytest
from conftest import loaded

from hwx2py import emit
from hwx2py.emulate import child


@pytest.fixture
def mul(tmp_path):
    path = tmp_path / "mul.py"
    path.write_text(emit.emit(loaded("mul")).text)
    return path


def test_dry_run_tells_sizes_and_digest(mul, script):
    done = script(mul, "--dry-run", "--write-command", mul.parent / "c.bin")
    digest = hashlib.sha256((mul.parent / "c.bin").read_bytes()).hexdigest()
    assert done.code == 0
    assert f"sha256 {digest}" in done.out
    assert "1 tasks" in done.out


def test_device_that_is_not_there(mul, script):
    done = script(mul, "--device", "/nonexistent/accel")
    assert (done.code, len(done.err.splitlines())) == (2, 1)
    assert "/nonexistent/accel" in done.err


@pytest.mark.parametrize(
    ("option", "words"),
    [
        ("--input=q=1", "no input is called 'q'"),
        ("--input=a", "no input is called"),
        ("--input=a=x", "no number and no .npy file"),
        ("--input=a=nothing.npy", "No such file"),
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
    assert "shape (1, 2), but a has (1, 4, 2, 16)" in done.err


def test_golden_passes_and_fails(cli, mul):
    golden = mul.parent / "golden.npz"
    assert cli("emulate", mul, "--save", golden).code == 0
    assert "y: PASS" in cli("emulate", mul, "--golden", golden).out
    done = cli("emulate", mul, "--golden", golden, "--input", "a=3.5")
    assert (done.code, "y: FAIL: 128 of 128 elements differ" in done.out) == (1, True)
    assert "y: PASS" in cli("emulate", mul, "--golden", golden, "--input", "a=3.5", "--atol", "1").out


def test_fill_and_sentinel(cli, mul):
    """An output that nobody writes is told, unless its filling was asked for."""
    text = mul.read_text()
    mul.write_text(text.replace('WBase="y"', 'WBase="b"'))
    done = cli("emulate", mul)
    assert done.code == 3
    assert "y: not written" in done.err
    assert "output[0]" not in done.out
    done = cli("emulate", mul, "--fill", "0")
    assert "output[0] = 0.0" in done.out


def test_script_alone_ends_with_1_where_an_output_is_not_written(mul, monkeypatch):
    """The exit code of the script itself, without the emulator's."""
    from hwx2py.emulate import rows, run_script
    from hwx2py.formats import load, map_file, script

    mul.write_text(mul.read_text().replace('WBase="y"', 'WBase="b"'))
    outline = script.outline(bytes(map_file(str(mul))))
    assert load(str(mul)).program.tensors == outline.tensors
    assert run_script(str(mul), rows(outline.tensors, outline.kernels), []).code == 1


def test_bad_values_are_told_with_register_and_field(mul, script):
    mul.write_text(mul.read_text().replace("Common.Cin(Cin=4)", "Common.Cin(Cin=1 << 20)"))
    done = script(mul, "--dry-run")
    assert (done.code, len(done.err.splitlines())) == (2, 1)
    assert "Common.Cin: Cin=1048576 does not fit bits 16:0" in done.err


def test_struct_of_the_version_call_is_the_kernels():
    assert child.VERSION_STRUCT.size == 64
