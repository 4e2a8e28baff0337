"""Any program against the virtual ANE: clients in Python and in C, and what the driver answers them."""

import json
import shutil
import struct
import subprocess
import sys
import textwrap
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest
from builders import MANY_SUBMITS
from conftest import example, loaded, one_line

from hwx2py import emitter
from hwx2py.device import host
from hwx2py.device.notification import program as filter_program
from hwx2py.emulator import driver as contract
from hwx2py.emulator.driver import Driver

pytestmark = pytest.mark.skipif(host.find_here() is None, reason="the virtual device node needs Linux")

NODE = "/dev/accel/accel0"


def under_device(*command: object, options: tuple[str, ...] = (), **more: object) -> subprocess.CompletedProcess:
    """Runs a command with the virtual node."""
    line = [sys.executable, "-m", "hwx2py", "device", *options, "--", *map(str, command)]
    return subprocess.run(line, capture_output=True, text=True, check=False, timeout=60, **more)


def python(source: str, *arguments: object, options: tuple[str, ...] = ()) -> subprocess.CompletedProcess:
    """Runs Python lines with the virtual node."""
    return under_device(sys.executable, "-c", textwrap.dedent(source), *arguments, options=options)


class TestNode:
    """What the node looks like."""

    def test_it_is_listed_and_has_a_state(self):
        done = python(
            """
            import os, stat
            print(os.listdir("/dev/accel"), os.path.exists("/dev/accel/../accel/accel0"))
            print(os.access("/dev/accel/accel0", os.R_OK | os.W_OK))
            status = os.stat("/dev/accel/accel0")
            print(stat.S_ISCHR(status.st_mode), os.major(status.st_rdev), stat.S_ISDIR(os.stat("/dev/accel").st_mode))
            folder = os.open("/dev/accel", os.O_RDONLY)
            node = os.open("accel0", os.O_RDWR, dir_fd=folder)
            print(stat.S_ISCHR(os.fstat(node).st_mode), stat.S_ISCHR(os.stat("accel0", dir_fd=folder).st_mode))
            """
        )
        assert done.stdout.splitlines() == ["['accel0'] True", "True", "True 261 True", "True True"], done.stderr

    def test_other_files_are_the_commands_own(self, tmp_path):
        done = under_device("sh", "-c", 'echo kept > own; cat own; ls; readlink "$0"', "/proc/self/exe", cwd=tmp_path)
        assert done.stdout.splitlines()[:2] == ["kept", "own"]
        assert (tmp_path / "own").read_text() == "kept\n"

    def test_a_folder_is_no_node_and_nothing_is_made_over_it(self):
        done = python(
            """
            import os
            for flags in (os.O_DIRECTORY, os.O_CREAT | os.O_EXCL):
                try:
                    os.open("/dev/accel/accel0", flags)
                except OSError as error:
                    print(error.errno)
            try:
                os.readlink("/dev/accel/accel0")
            except OSError as error:
                print(error.errno)
            """
        )
        assert done.stdout.split() == ["20", "17", "22"]


class TestScripts:
    """A generated script under the device."""

    @pytest.mark.parametrize("name", ["mul", "conv"])
    def test_it_gives_what_emulate_gives(self, cli, tmp_path, name):
        script = tmp_path / f"{name}.py"
        script.write_text(emitter.emit(loaded(name), inline=True).text)
        saved = tmp_path / "device.npz"
        done = under_device(sys.executable, script, "--save", saved)
        assert done.returncode == 0, done.stderr
        assert cli("emulate", script, "--save", tmp_path / "emulate.npz").code == 0
        with np.load(saved) as ours, np.load(tmp_path / "emulate.npz") as theirs:
            assert ours.files == theirs.files
            assert all(ours[name].tobytes() == theirs[name].tobytes() for name in ours.files)

    def test_faults_are_named_and_change_the_exit_code(self, tmp_path):
        script = tmp_path / "mul.py"
        text = emitter.emit(loaded("mul")).text
        script.write_text(text.replace('WBase="y"', 'WBase="a"'))
        assert 'WBase="a"' in script.read_text()
        known = ("--program", str(example("mul")))
        done = under_device("sh", "-c", f"{sys.executable} {script}; exit 0", options=known)
        assert done.returncode == 3
        assert "fault wrong-direction: task 0" in done.stderr
        assert "fault output-not-written: y" in done.stderr
        done = under_device("sh", "-c", f"{sys.executable} {script}; exit 7")
        assert done.returncode == 7
        assert "fault" not in done.stderr.replace("fault output", "")  # nothing names the buffers' roles

    def test_trace_and_values(self, tmp_path):
        script, trace = tmp_path / "mul.py", tmp_path / "trace.json"
        script.write_text(emitter.emit(loaded("mul")).text)
        options = ("--program", str(example("mul")), "--trace", str(trace), "--values")
        done = under_device(sys.executable, script, options=options)
        assert done.returncode == 0, done.stderr
        assert len(json.loads(trace.read_text())) == 1
        assert "task 0" in done.stdout


@pytest.fixture(scope="module")
def client(tmp_path_factory) -> Path:
    """A client in C, linked statically where the system's libraries allow it."""
    compiler = shutil.which("cc")
    if compiler is None:
        pytest.skip("no C compiler")
    path = tmp_path_factory.mktemp("client") / "client"
    source = Path(__file__).with_name("device_client.c")
    for linked in (["-static"], []):
        command = [compiler, *linked, "-O1", "-o", str(path), str(source)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode == 0:
            return path
    pytest.skip(f"the C compiler cannot build the client: {done.stderr[-200:]}")


class TestClientInC:
    """A program that knows nothing of Python."""

    @pytest.fixture
    def model(self, cli, tmp_path) -> Path:
        path = tmp_path / "mul.anec"
        assert cli("anec", example("mul"), "-o", path, "--content-offset", "0x1000").code == 0
        return path

    def test_it_sends_runs_and_reads(self, client, model):
        done = under_device(client, model, "0x1000", "3", "2")
        assert (done.returncode, done.stdout.split()) == (0, ["6"]), done.stderr

    def test_two_at_once_and_children(self, client, model):
        line = f"{client} {model} 0x1000 3 2 & {client} {model} 0x1000 5 4 & wait"
        done = under_device("sh", "-c", line)
        assert sorted(done.stdout.split()) == ["20", "6"], done.stderr

    def test_its_exit_code_is_kept(self, client, model):
        assert under_device(client, model, "0x1000", "3", "2", "9").returncode == 9

    def test_wrong_content_is_answered_as_the_driver_does(self, client, model):
        done = under_device(client, model, "0x6a8", "3", "2")
        assert done.returncode == 1
        assert "SUBMIT: Connection timed out" in done.stderr


SUBMITS = 300


def test_many_submits_of_one_client(tmp_path):
    """How long they take is measured in `benchmarks/`."""
    path = tmp_path / "mul.py"
    path.write_text(emitter.emit(loaded("mul")).text)
    done = python(MANY_SUBMITS, path, SUBMITS)
    assert done.returncode == 0, done.stderr
    count, _ = done.stdout.split()
    assert count == str(SUBMITS)


def test_a_client_that_is_killed_leaves_the_others_alone():
    done = python(
        """
        import os, signal, struct, fcntl, subprocess, sys
        loop = "import os, fcntl, struct\\nnode = os.open('/dev/accel/accel0', os.O_RDWR)\\nprint('x', flush=True)\\n"
        loop += "while True: fcntl.ioctl(node, 0xC0186441, bytearray(struct.pack('<2I2Q', 0, 0, 64, 0)))"
        other = subprocess.Popen([sys.executable, "-c", loop], stdout=subprocess.PIPE)
        other.stdout.read(1)
        other.kill()
        other.wait()
        node = os.open("/dev/accel/accel0", os.O_RDWR)
        data = bytearray(struct.pack("<2I2Q", 0, 0, 64, 0))
        fcntl.ioctl(node, 0xC0186441, data)
        print(struct.unpack("<2I2Q", data))
        """
    )
    assert done.stdout.strip() == str((1, 0, 64, 0x4000)), done.stderr


#: Calls as a client may make them, in order: number, and the structure in hex. Most are refused.
CALLS = [
    (contract.BO_INIT, struct.pack("<2I2Q", 0, 0, 0x100, 0)),
    (contract.BO_INIT, struct.pack("<2I2Q", 0, 0, 0x5000, 0)),
    (contract.BO_INIT, struct.pack("<2I2Q", 0, 1, 0x100, 0)),
    (contract.BO_INIT, struct.pack("<2I2Q", 0, 0, 0, 0)),
    (contract.BO_INIT, struct.pack("<2I2Q", 0, 0, 1 << 40, 0)),
    (contract.BO_FREE, struct.pack("<2I", 9, 0)),
    (contract.BO_FREE, struct.pack("<2I", 1, 1)),
    (contract.BO_FREE, struct.pack("<2I", 2, 0)),
    (contract.BO_FREE, struct.pack("<2I", 2, 0)),
    (contract.SUBMIT, bytes(0x98)),
    (contract.SUBMIT, struct.pack("<Q2I32I2I", 0x80, 1, 0x80, *(1, 0, *[0] * 30), 1, 0)),
    (contract.SUBMIT, struct.pack("<Q2I32I2I", 0x80, 1, 0x81, *(1, 0, *[0] * 30), 1, 0)),
    (contract.SUBMIT, struct.pack("<Q2I32I2I", 0x80, 1, 0x80, *(1, 1, *[0] * 30), 1, 0)),
    (0xC0086499, bytes(8)),
    (0xC0046441, bytes(4)),
]


def test_both_doors_answer_alike():
    """The driver's contract: what a process is told under the device is what the model of the driver says."""
    calls = [(number, data.hex()) for number, data in CALLS]
    done = python(
        """
        import fcntl, json, os, sys
        node, told = os.open("/dev/accel/accel0", os.O_RDWR), []
        for number, text in json.loads(sys.argv[1]):
            data, code = bytearray.fromhex(text), 0
            try:
                fcntl.ioctl(node, number, data)
            except OSError as error:
                code = error.errno
            told.append([code, data.hex()])
        print(json.dumps(told))
        """,
        json.dumps(calls),
    )
    device = Driver({})
    with closing(device.memory):
        expected = [device.ioctl(number, data) for number, data in CALLS]
    # An ioctl that fails copies nothing back.
    unchanged = [data if code else back for (code, back), (_, data) in zip(expected, CALLS)]
    assert json.loads(done.stdout) == [[code, data.hex()] for (code, _), data in zip(expected, unchanged)], done.stderr


def test_bad_addresses_are_the_callers_fault():
    done = python(
        """
        import ctypes, os
        libc = ctypes.CDLL(None, use_errno=True)
        node = os.open("/dev/accel/accel0", os.O_RDWR)
        for place in (8, 1 << 46):
            print(libc.ioctl(node, ctypes.c_ulong(0xC0186441), ctypes.c_void_p(place)), ctypes.get_errno())
        print(libc.open(ctypes.c_void_p(8), 0), ctypes.get_errno())
        """
    )
    assert done.stdout.splitlines() == ["-1 14", "-1 14", "-1 14"], done.stderr


class TestBadInput:
    """What cannot be run is said in a line."""

    def test_no_such_command(self, cli):
        done = cli("device", "--", "no-such-command-anywhere")
        assert done.code == 2
        assert one_line(done.err)
        assert "no such command" in done.err

    def test_no_command(self, cli):
        assert cli("device").code == 2

    def test_a_file_that_is_not_executable_code(self, tmp_path):
        path = tmp_path / "odd"
        path.write_bytes(b"\x7fELF\x02junk")
        path.chmod(0o755)
        done = under_device(path)
        assert done.returncode == 2
        assert one_line(done.stderr)
        assert "cannot be started" in done.stderr

    @pytest.mark.parametrize(
        ("data", "mode", "words"),
        [(b"\x7fELF\x01", 0o755, "has 32 bits"), (b"#!/bin/sh\n", 0o4755, "set-uid")],
        ids=["32 bits", "set-uid"],
    )
    def test_commands_that_the_node_cannot_be_shown_to(self, cli, tmp_path, data, mode, words):
        path = tmp_path / "odd"
        path.write_bytes(data)
        path.chmod(mode)
        done = cli("device", "--", path)
        assert done.code == 2
        assert words in done.err

    def test_a_listener_inside_a_listener(self):
        done = under_device(sys.executable, "-m", "hwx2py", "device", "--", "true")
        assert done.returncode == 2
        assert "already runs under a listener" in done.stderr

    def test_generations_without_a_driver(self, cli):
        done = cli("device", "--arch", "H16", "--", "true")
        assert done.code == 2
        assert "no Linux driver" in done.err


@pytest.mark.parametrize("machine", host.HOSTS, ids=[row.machine.name for row in host.HOSTS])
def test_the_filter_notifies_of_what_it_should(machine):
    """The filter's instructions, run by hand for every call and for others."""

    def verdict(number: int, argument: int, audit: int) -> int:
        words = {0: number, 4: audit, 24: argument}
        lines, at, value = [*struct.iter_unpack("<HBBI", filter_program(machine))], 0, 0
        while True:
            code, if_true, if_false, operand = lines[at]
            at += 1
            if code == 0x20:
                value = words[operand]
            elif code == 0x54:
                value &= operand
            elif code == 0x15:
                at += if_true if value == operand else if_false
            else:
                return operand

    for number, name in machine.calls.items():
        notified = verdict(number, contract.SUBMIT, machine.machine.audit)
        assert notified == 0x7FC00000, name
        assert verdict(number, contract.SUBMIT, 3) == 0x7FFF0000
        assert verdict(number, 0x5401, machine.machine.audit) == (0x7FFF0000 if name == "ioctl" else notified)
    assert verdict(1000, 0, machine.machine.audit) == 0x7FFF0000
