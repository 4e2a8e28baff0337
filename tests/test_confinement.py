"""Confined scripts: what they cannot do, what they still can, and what their children, and hwx2py's, take along."""

import errno
import os
import re
import signal
import struct
import subprocess
import sys
import time
from pathlib import Path

import pytest
from conftest import ROOT, example, loaded
from probes import PROBES, as_markdown, script_lines

from hwx2py import emitter
from hwx2py.confinement import confine, seccomp, syscalls
from hwx2py.confinement.seccomp import ALLOW, KILL, NOTIFY, Has, Is, Rule, errno_action

pytestmark = pytest.mark.skipif(bool(confine.missing()), reason=confine.missing() or "confining works here")

#: hwx2py as an installed command runs: without the current folder.
COMMAND = (sys.executable, "-P", "-c", "from hwx2py.cli import main; main()")


def with_code(code: str, name: str = "mul") -> str:
    """A script with something put before its last two lines."""
    text = emitter.emit(loaded(name)).text
    place = text.rindex('if __name__ == "__main__":')
    return text[:place] + code + "\n\n\n" + text[place:]


@pytest.fixture
def run(tmp_path, cli, monkeypatch):
    def run(code: str, *arguments: object):
        monkeypatch.chdir(tmp_path)
        tmp_path.joinpath("odd.py").write_text(with_code(code))
        return cli("emulate", "odd.py", *arguments)

    return run


def test_no_probe_gets_through(run, tmp_path):
    done = run(script_lines())
    assert "did it" not in done.out
    assert [f"refused: {probe.what}" in done.out for probe in PROBES] == [True] * len(PROBES)
    assert (done.code, "output[0] = 6.0" in done.out, os.listdir(tmp_path)) == (0, True, ["odd.py"])


def test_probes_are_right_about_what_they_try(run):
    """Most of them do work in a script that is trusted."""
    harmless = [probe for probe in PROBES if "/etc/" in probe.code or "socket" in probe.code or "/dev/" in probe.code]
    code = "import_ = __import__\n" + "\n".join(probe.code for probe in harmless)
    done = run(code, "--trust")
    assert (done.code, len(harmless)) == (0, 4)


def test_documents_list_the_probes():
    assert as_markdown() in (ROOT / "docs" / "scripts.md").read_text()


def test_limits_are_set(run):
    kinds = "(r.RLIMIT_AS, r.RLIMIT_CPU, r.RLIMIT_FSIZE)"
    done = run(f"import resource as r\nprint([r.getrlimit(kind)[0] > 0 for kind in {kinds}])")
    assert "[True, True, True]" in done.out


def test_environment_is_clean(run, monkeypatch):
    monkeypatch.setenv("MY_TOKEN", "secret")
    monkeypatch.setenv("PYTHONSTARTUP", "x.py")
    assert "MY_TOKEN" not in run("print(sorted(os.environ))").out


def test_script_reads_its_folder_and_the_inputs_that_are_named(run, tmp_path, tmp_path_factory):
    import numpy as np

    other = tmp_path_factory.mktemp("other")
    np.save(other / "a.npy", np.full((1, 4, 2, 16), 5, np.float16))
    np.save(other / "b.npy", np.full((1, 4, 2, 16), 5, np.float16))
    tmp_path.joinpath("table.txt").write_text("mine")
    done = run("print(open('table.txt').read())", "--input", f"a={other / 'a.npy'}")
    assert (done.code, "mine" in done.out, "output[0] = 10.0" in done.out) == (0, True, True)
    done = run(f"open({str(other / 'b.npy')!r})", "--input", f"a={other / 'a.npy'}")
    assert (done.code, "PermissionError" in done.err) == (2, True)


def test_modules_of_python_can_be_imported(run):
    assert run("import csv, unittest, numpy.linalg, concurrent.futures, hashlib, decimal, numpy.random, lzma").code == 0


def test_archive_comes_through_a_descriptor(run, tmp_path):
    import numpy as np

    assert run("pass", "--save", "o.npz").code == 0
    assert np.load(tmp_path / "o.npz")["y"].flat[0] == 6


def test_what_is_printed_cannot_steer_a_terminal(run):
    done = run("print('\\x1b[2J')\nimport sys; sys.stdout.flush(); sys.stdout.buffer.write(b'\\xff\\n')")
    assert done.code == 0
    assert "\x1b" not in done.out + done.err
    assert "it printed: \\x1b[2J" in done.err


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("print('output[0] = 42.0', flush=True)\nos._exit(0)", "nothing ran on the virtual ANE"),
        ("sys.exit('crashed')", "it ended with exit code 1 (it said: crashed)"),
        ("sys.exit(3)", "it ended with exit code 3"),
    ],
)
def test_script_that_ran_nothing_gives_no_result(run, code, words):
    done = run(code)
    assert (done.code, done.out, words in done.err, len(done.err.splitlines())) == (2, "", True, 1)


def test_own_exit_code_is_no_result_either(run):
    done = run("import atexit\natexit.register(os._exit, 3)")
    assert (done.code, "it ended with exit code 3" in done.err) == (2, True)


def test_printing_without_end_ends(run):
    done = run("while True:\n    print('x' * 1000000)")
    assert done.code == 2
    assert len(done.err) < 500


# Without the kernel's help.


def without(call: str, *arguments: object) -> subprocess.CompletedProcess:
    """hwx2py where the kernel does not know a call."""
    code = (
        "import sys\n"
        "from hwx2py.confinement import process, seccomp, syscalls\n"
        "process.give_up_privileges()\n"
        f"rules = [seccomp.Rule({call!r}, seccomp.errno_action(38))]\n"
        "seccomp.install(seccomp.program(rules, seccomp.ALLOW, syscalls.machine()))\n"
        "from hwx2py.cli import main\n"
        "main()\n"
    )
    command = [sys.executable, "-c", code, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.mark.parametrize(("call", "words"), [("landlock_create_ruleset", "Landlock"), ("seccomp", "seccomp")])
def test_a_kernel_that_cannot_confine_wants_trust(tmp_path, call, words):
    path = tmp_path / "mul.py"
    path.write_text(emitter.emit(loaded("mul")).text)
    done = without(call, "emulate", path)
    assert (done.returncode, done.stdout, len(done.stderr.splitlines())) == (2, "", 1)
    assert "it would run unconfined" in done.stderr
    assert words in done.stderr
    assert done.stderr.endswith("; --trust runs it like that\n")


def test_trust_runs_it_all_the_same(tmp_path):
    path = tmp_path / "mul.py"
    path.write_text(emitter.emit(loaded("mul")).text)
    done = without("landlock_create_ruleset", "emulate", path, "--trust")
    assert (done.returncode, "output[0] = 6.0" in done.stdout) == (0, True)


# The filters.


def decided(program: bytes, call: int, *arguments: int, audit: int = 0xC000003E) -> int:
    """What the kernel would do with a call: the packet filter, interpreted."""
    data = struct.pack("<IIQ6Q", call, audit, 0, *arguments, *[0] * (6 - len(arguments)))
    code = list(struct.iter_unpack("<HBBI", program))
    place = register = 0
    while True:
        operation, if_true, if_false, value = code[place]
        place += 1
        match operation:
            case 0x20:
                (register,) = struct.unpack_from("<I", data, value)
            case 0x54:
                register &= value
            case 0x15:
                place += if_true if register == value else if_false
            case 0x06:
                return value


def test_filter_takes_the_first_rule_that_fits():
    x86, arm = syscalls.MACHINES
    rules = [
        Rule("kill", ALLOW, [Is(0, 7)]),
        Rule("prlimit64", ALLOW, [Is(0, 0), Is(2, 1 << 32, wide=True)]),
        Rule("clone", NOTIFY, [Has(0, 0x10100)]),
        Rule("open", ALLOW),
        Rule("kill", errno_action(errno.EPERM)),
    ]
    program = seccomp.program(rules, errno_action(errno.ENOSYS), x86)
    refused, unknown = 0x50000 | errno.EPERM, 0x50000 | errno.ENOSYS
    assert decided(program, 62, 7) == ALLOW
    assert decided(program, 62, 7 | 1 << 32) == ALLOW
    assert decided(program, 62, 8) == refused
    assert decided(program, 302, 0, 0, 1 << 32) == ALLOW
    assert decided(program, 302, 0, 0, 1 << 32 | 1) == unknown
    assert decided(program, 302, 0, 0, 0) == unknown
    assert decided(program, 302, 1, 0, 1 << 32) == unknown
    assert decided(program, 56, 0x110100) == NOTIFY
    assert decided(program, 56, 0x10000) == unknown
    assert decided(program, 2) == ALLOW
    assert decided(program, 62 | 1 << 30) == unknown
    assert decided(program, 2, audit=0x40000003) == KILL
    other = seccomp.program(rules, KILL, arm)
    assert decided(other, 129, 8, audit=arm.audit) == refused
    assert decided(other, 2, audit=arm.audit) == KILL


def test_calls_have_one_number_each():
    for name in ("x86_64", "aarch64"):
        numbers = [getattr(row, name) for row in syscalls.SYSTEM_CALLS if getattr(row, name) is not None]
        assert len(set(numbers)) == len(numbers)
    assert all(row.x86_64 is not None for row in syscalls.SYSTEM_CALLS)


HEADER = Path("/usr/include/x86_64-linux-gnu/asm/unistd_64.h")
GENERIC_HEADER = Path("/usr/include/asm-generic/unistd.h")


@pytest.mark.skipif(not HEADER.exists(), reason="the kernel's headers are not installed here")
def test_calls_have_the_numbers_of_the_kernels_headers():
    known = dict(re.findall(r"#define __NR_(\w+) (\d+)", HEADER.read_text()))
    rows = syscalls.SYSTEM_CALLS
    assert [row for row in rows if int(known.get(row.name, row.x86_64)) != row.x86_64] == []
    generic = dict(re.findall(r"#define __NR(?:3264)?_(\w+) (\d+)", GENERIC_HEADER.read_text()))
    numbers = {row.name: row.aarch64 for row in rows if row.aarch64 is not None and row.name in generic}
    assert numbers == {name: int(generic[name]) for name in numbers}


# What else starts processes.


@pytest.mark.parametrize("sent", [signal.SIGTERM, signal.SIGKILL])
def test_nothing_outlives_hwx2py(tmp_path, sent):
    tmp_path.joinpath("spin.py").write_text(with_code("print('x')\nwhile True:\n    pass"))
    tool = subprocess.Popen([*COMMAND, "emulate", "spin.py"], cwd=tmp_path, stderr=subprocess.DEVNULL)
    child = wait_for(lambda: children_of(tool.pid))[0]
    wait_for(lambda: b"spin.py" in Path(f"/proc/{child}/cmdline").read_bytes())
    tool.send_signal(sent)
    assert tool.wait(10) == (2 if sent == signal.SIGTERM else -signal.SIGKILL)
    wait_for(lambda: not os.path.exists(f"/proc/{child}") or " Z " in Path(f"/proc/{child}/stat").read_text())


def children_of(process: int) -> list[str]:
    return Path(f"/proc/{process}/task/{process}/children").read_text().split()


def wait_for(condition):
    end = time.monotonic() + 10
    while not (found := condition()):
        assert time.monotonic() < end
        time.sleep(0.02)
    return found


def test_no_process_takes_code_from_the_current_folder(tmp_path):
    for name in ("a", "b"):
        tmp_path.joinpath(f"{name}.hwx").write_bytes(example("mul").read_bytes())
    for name in ("click", "pickle", "numpy", "json", "ctypes", "hwx2py", "runpy", "socket"):
        tmp_path.joinpath(f"{name}.py").write_text(f"open('ran_{name}', 'w')\n")
    launcher = tmp_path / "bin" / "hwx2py"  # as pip installs it
    launcher.parent.mkdir()
    launcher.write_text("from hwx2py.cli import main\n\nif __name__ == '__main__':\n    main()\n")
    programs = ("a.hwx", "b.hwx")
    commands = (["emulate", *programs], ["convert", *programs, "-o", "o", "--jobs", "2"])
    for arguments in commands:
        command = [sys.executable, str(launcher), *arguments]
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
    assert list(tmp_path.glob("ran_*")) == []


def test_module_run_by_name_does_not_either(tmp_path):
    tmp_path.joinpath("click.py").write_text("open('ran', 'w')\n")
    command = [sys.executable, "-m", "hwx2py", "archs"]
    assert subprocess.run(command, cwd=tmp_path, capture_output=True, check=False).returncode == 0
    assert not tmp_path.joinpath("ran").exists()
