"""Generated scripts: kept as they were reviewed, byte-exact, deterministic, in black's style, and readable back."""

import subprocess
import sys
import warnings

import builders
import pytest
from conftest import EXAMPLE_NAMES, H13_EXAMPLES, ROOT, loaded
from syrupy.extensions.single_file import SingleFileSnapshotExtension, WriteMode

from hwx2py import emitter, formats, passes


class ScriptExtension(SingleFileSnapshotExtension):
    """Snapshots as real Python files."""

    file_extension = "py"
    _write_mode = WriteMode.TEXT

    @classmethod
    def get_snapshot_name(cls, *, test_location, index=0):
        """The example's name, and nothing of the test's."""
        return str(index)


@pytest.fixture
def golden(snapshot):
    return snapshot.use_extension(ScriptExtension)


def cleaned(name: str) -> str:
    program, outcomes = passes.run(loaded(name), passes.chosen(clean=True))
    return emitter.emit(program, passes.report(outcomes, program)).text


def parts(text: str) -> tuple[str, str]:
    """A script's program with its registers, and what it has of the runtime."""
    head, _, rest = text.partition("# How a register is written, and the registers that the program writes.\n")
    calls, fence, rest = rest.partition("# fmt: off\n")
    tables, _, run = rest.partition("# How tasks are laid out and run: the same for every program.\n")
    run, build, tail = run.partition("def build():\n")
    assert fence
    assert build
    return head + fence + tables + build + tail, calls + run


@pytest.mark.parametrize("name", EXAMPLE_NAMES)
def test_program_is_as_reviewed(name, golden):
    assert parts(emitter.emit(loaded(name)).text)[0] == golden(name=name)


def test_cleaned_program_is_as_reviewed(golden):
    assert parts(cleaned("mul"))[0] == golden(name="mul_cleaned")


@pytest.mark.parametrize(("name", "stream"), [("chain", "linked"), ("add16", "records")])
def test_runtime_is_as_reviewed(name, stream, golden):
    assert parts(emitter.emit(loaded(name)).text)[1] == golden(name=f"runtime_{stream}")


def test_cleaned_script_is_short():
    """The budget: all of it, the program before its registers, and no line that a screen would wrap."""
    text = cleaned("mul")
    lines = text.splitlines()
    assert len(lines) <= 640
    assert len(text.partition("# How a register is written")[0].splitlines()) <= 150
    assert max(map(len, lines)) <= 120


def test_only_what_the_program_reaches_is_in_it():
    text = emitter.emit(loaded("mul")).text
    for name in ("def framed", "def inline", "def beside", "def no_driver", "SCATTER", "partial"):
        assert name not in text
    text = emitter.emit(loaded("add16")).text
    for name in ("class Ane", "def run", "SUBMIT", "PROG_LOAD"):
        assert name not in text


@pytest.mark.parametrize("program", [*map(loaded, EXAMPLE_NAMES), builders.add14()], ids=[*EXAMPLE_NAMES, "add14"])
def test_every_name_in_it_is_defined(program, tmp_path):
    """What is pasted is found by name; one that was missed would show at run time only."""
    (tmp_path / "script.py").write_text(emitter.emit(program).text)
    ruff = [sys.executable, "-m", "ruff", "check", "--isolated", "--no-cache", "--select=F821,F401,F811", str(tmp_path)]
    done = subprocess.run(ruff, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("name", EXAMPLE_NAMES)
def test_two_conversions_are_equal(name):
    assert emitter.emit(loaded(name)) == emitter.emit(loaded(name))


@pytest.mark.parametrize("name", EXAMPLE_NAMES)
def test_black_changes_nothing(name, tmp_path):
    path = tmp_path / "script.py"
    path.write_text(emitter.emit(loaded(name)).text)
    black = [sys.executable, "-m", "black", "--check", "--quiet", str(path)]
    assert subprocess.run(black, check=False).returncode == 0


def test_black_changes_nothing_in_the_runtime():
    black = [sys.executable, "-m", "black", "--check", "--quiet", str(ROOT / "hwx2py" / "runtime")]
    assert subprocess.run(black, check=False).returncode == 0


@pytest.mark.parametrize("name", EXAMPLE_NAMES)
def test_compiles_without_a_warning(name):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        compile(emitter.emit(loaded(name)).text, name, "exec")


def contents(name: str) -> bytes:
    """Text, zero padding and coefficients of an example, straight from its bytes."""
    program = loaded(name)
    text = program.text.to_bytes()
    return text + bytes(program.const_offset - len(text)) + bytes(program.const) if program.const else text


@pytest.mark.parametrize("name", EXAMPLE_NAMES)
def test_script_writes_the_files_bytes(name, tmp_path, script):
    path = tmp_path / "script.py"
    path.write_text(emitter.emit(loaded(name)).text)
    done = script(path, "--write-command", tmp_path / "command.bin")
    assert done.code == 0, done.err
    assert (tmp_path / "command.bin").read_bytes() == contents(name)


@pytest.mark.parametrize("name", EXAMPLE_NAMES)
def test_script_reads_back_as_the_same_program(name, tmp_path):
    program = loaded(name)
    path = tmp_path / "script.py"
    path.write_text(emitter.emit(program).text)
    again = formats.load(str(path)).program
    assert again.text.to_bytes() == program.text.to_bytes()
    assert again.tensors == program.tensors
    assert bytes(again.const) == bytes(program.const)
    assert again.const_offset == program.const_offset
    assert again.origin.compiler == program.origin.compiler


@pytest.mark.parametrize("name", EXAMPLE_NAMES)
def test_importing_runs_nothing_and_offers_the_program(name, tmp_path):
    (tmp_path / "script.py").write_text(emitter.emit(loaded(name)).text)
    check = "import script; assert script.TENSORS and script.TASKS[0](); print(len(script.command_buffer()))"
    done = subprocess.run([sys.executable, "-c", check], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert int(done.stdout) == len(contents(name))


@pytest.mark.parametrize("name", H13_EXAMPLES)
def test_without_a_device_it_says_what_to_do(name, tmp_path, script):
    path = tmp_path / "script.py"
    path.write_text(emitter.emit(loaded(name)).text)
    done = script(path)
    assert (done.code, done.out) == (2, "")
    assert len(done.err.splitlines()) == 1
    assert f"hwx2py emulate {path}" in done.err


def test_lines_that_mean_the_same_are_the_same():
    """Of two programs that differ in one field only that line differs, and the provenance."""
    program = loaded("mul")
    task = program.tasks[0]
    other = program.with_tasks([task.with_words({2: 0x42A})])
    lines = [set(emitter.emit(one).text.splitlines()) for one in (program, other)]
    changed = {line.split("#")[0].strip() for line in lines[1] - lines[0] if not line.startswith("Digest: ")}
    assert changed == {"Header.W2(LogEvents=0x42a),"}
