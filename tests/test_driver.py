"""The driver's contract: buffers, SUBMIT and all its refusals; and scripts that misbehave."""

import errno
import os
import struct

import numpy as np
import pytest
from conftest import loaded

from hwx2py import emit
from hwx2py.emulate import session
from hwx2py.emulate.driver import BO_FREE, BO_INIT, SUBMIT, SUBMIT_STRUCT, Driver


@pytest.fixture
def driver():
    return Driver({})


def allocate(driver: Driver, size: int) -> int:
    code, answer = driver.ioctl(BO_INIT, struct.pack("<2I2Q", 0, 0, size, 0))
    assert code == 0
    return struct.unpack("<2I2Q", answer)[0]


def test_buffers_have_handles_offsets_and_whole_pages(driver):
    code, answer = driver.ioctl(BO_INIT, struct.pack("<2I2Q", 0, 0, 100, 0))
    handle, pad, size, offset = struct.unpack("<2I2Q", answer)
    assert (code, pad, size) == (0, 0, 100)
    assert handle > 0
    assert offset % 0x4000 == 0
    assert driver.memory.buffers[handle].room == 0x4000
    assert driver.ioctl(BO_FREE, struct.pack("<2I", handle, 0))[0] == 0
    assert driver.ioctl(BO_FREE, struct.pack("<2I", handle, 0))[0] == errno.EINVAL


@pytest.mark.parametrize("fields", [(0, 1, 100, 0), (0, 0, 0, 0)])
def test_bad_buffers_are_refused(driver, fields):
    assert driver.ioctl(BO_INIT, struct.pack("<2I2Q", *fields))[0] == errno.EINVAL


def test_address_space_has_an_end(driver):
    assert driver.ioctl(BO_INIT, struct.pack("<2I2Q", 0, 0, 0xE0000000, 0))[0] == errno.ENOMEM


def test_the_whole_address_space_can_be_asked_for(driver):
    assert allocate(driver, 0xE0000000 - 0x4000)
    assert driver.ioctl(BO_INIT, struct.pack("<2I2Q", 0, 0, 1, 0))[0] == errno.ENOMEM


def test_host_writes_are_known_by_the_page(driver):
    buffer = driver.memory.buffers[allocate(driver, 0x8000)]
    buffer.data[0x1000] = 1
    driver.memory.note_host_writes()
    assert buffer.host.tolist() == [False, True] + 6 * [False]
    assert driver.memory.is_host_written(buffer, 0x1000, 0x2000)
    assert not driver.memory.is_host_written(buffer, 0x1000, 0x2001)
    assert not driver.memory.is_host_written(buffer, 0xFFF, 0x2000)


def test_engine_writes_are_known_by_the_byte(driver):
    buffer = driver.memory.buffers[allocate(driver, 0x4000)]
    buffer.data[0] = 1
    driver.memory.note_host_writes()
    buffer.mark()[0x1000:0x1004] = True
    assert driver.memory.unwritten(buffer, np.arange(0x1004)) is None
    assert driver.memory.unwritten(buffer, np.array([0x2000, 0x1004, 0x3000, 0])) == 0x1004


def test_unknown_calls_and_sizes_are_refused(driver):
    assert driver.ioctl(0xC0206400, bytes(32))[0] == errno.ENOTTY
    assert driver.ioctl(SUBMIT, bytes(8))[0] == errno.EINVAL


REFUSALS = {
    "pad": {"pad": 1},
    "no text": {"tsk_size": 0},
    "no tasks": {"td_count": 0},
    "no task size": {"td_size": 0},
    "no command buffer": {0: 0},
    "a handle for BAR 1": {1: 1},
    "no bootstrap": {"btsp": 0},
    "unknown handle": {5: 99},
    "unknown bootstrap": {"btsp": 99},
    "text as large as its buffer": {"tsk_size": 0x4000},
}


@pytest.mark.parametrize("what", REFUSALS)
def test_submit_refuses(driver, what):
    command, bootstrap = allocate(driver, 0x1000), allocate(driver, 0x274)
    fields = {"tsk_size": 0x280, "td_count": 1, "td_size": 0x274, "btsp": bootstrap, "pad": 0, 0: command}
    fields |= REFUSALS[what]
    handles = [fields.get(number, 0) for number in range(32)]
    sizes = fields["tsk_size"], fields["td_count"], fields["td_size"]
    request = SUBMIT_STRUCT.pack(*sizes, *handles, fields["btsp"], fields["pad"])
    assert driver.ioctl(SUBMIT, request)[0] == errno.EINVAL
    assert not driver.faults.found


def test_coefficients_begin_behind_the_rounded_text(driver):
    command, bootstrap = allocate(driver, 0x1000), allocate(driver, 0x274)
    job = driver._job([command, *31 * [0]], driver.memory.buffers[bootstrap], 0x271, 0x274, 1)
    assert [(bar.name, bar.start, bar.size) for bar in job.bars.values()] == [
        ("text", 0, 0x271),
        ("const", 0x280, 0xD80),
    ]


def test_tensor_with_room_between_its_elements_is_not_looked_at_as_a_whole():
    tensor = loaded("mul").tensors[0]
    wide = tensor._replace(name="w", bar=9, shape=(1, 1, 2, 1), strides=(128, 128, 64, 64))
    rows = session.rows([tensor, wide], {20: "__KERN_0"})
    assert rows[4].layout.row == 64
    assert (rows[9].name, rows[9].layout, rows[9].shape) == ("w", None, None)
    assert (rows[20].name, rows[20].role) == ("__KERN_0", "coefficients")


def test_structures_have_the_sizes_that_the_numbers_name():
    assert [number >> 16 & 0x3FFF for number in (BO_INIT, BO_FREE, SUBMIT)] == [24, 8, 152]
    assert SUBMIT_STRUCT.size == 152


@pytest.fixture
def run(tmp_path, cli):
    """Runs an example's script with something put before its last two lines."""

    def run(code: str, name: str = "mul"):
        text = emit.emit(loaded(name)).text
        place = text.rindex('if __name__ == "__main__":')
        path = tmp_path / "odd.py"
        path.write_text(text[:place] + code + "\n\n\n" + text[place:])
        return cli("emulate", path)

    return run


def one_line(done, *words: str) -> bool:
    return done.code == 2 and len(done.err.splitlines()) == 1 and all(word in done.err for word in words)


def test_script_that_raises(run):
    assert one_line(run("raise RuntimeError('no luck')"), "odd.py: line ", "RuntimeError: no luck")


def test_script_that_is_no_python(tmp_path, cli):
    path = tmp_path / "odd.py"
    path.write_text(emit.emit(loaded("mul")).text + "\n(")
    assert one_line(cli("emulate", path), "odd.py: line ", "not Python")


def test_script_that_is_none_of_ours(tmp_path, cli):
    path = tmp_path / "odd.py"
    path.write_text("print('hello')\n")
    assert one_line(cli("emulate", path), "not a script that hwx2py made")


def test_script_that_opens_another_device(run):
    assert one_line(run("open('/dev/dri/card0')"), "opens /dev/dri/card0, which is not the ANE")
    assert one_line(run("os.open('/dev/accel/accel7', os.O_RDWR)"), "opens /dev/accel/accel7")


def test_script_that_calls_for_ever(run, monkeypatch):
    monkeypatch.setattr(session, "MOST_CALLS", 50)
    loop = "ane = Ane(find_device())\nwhile True:\n    ane.allocate(64)"
    assert one_line(run(loop), "made 50 calls to the device and was stopped")


def test_script_that_does_nothing_for_ever(run, monkeypatch):
    monkeypatch.setattr(session, "PATIENCE_SECONDS", 1.0)
    assert one_line(run("while True:\n    pass"), "did nothing for 1 seconds and was stopped")


def test_script_cannot_change_the_emulator(run):
    """It has a process of its own; what it does there stays there."""
    done = run("import builtins\nimport numpy\n\nnumpy.square = None\nbuiltins.len = None if False else len")
    assert (done.code, "output[0] = 6.0" in done.out) == (0, True)


def test_script_that_ends_in_the_middle_of_a_call(run):
    done = run("ane = Ane(find_device())\nane.allocate(64)\nos._exit(7)")
    assert done.code == 7


def test_script_that_crashes(run):
    assert one_line(run("os.kill(os.getpid(), 11)"), "ended by signal SIGSEGV")


def test_script_that_hangs_up_and_goes_on(run, monkeypatch):
    monkeypatch.setattr(session, "PATIENCE_SECONDS", 4.0)
    assert one_line(run("os.closerange(3, 99)\nwhile True:\n    pass"), "did not end for 4 seconds and was stopped")


def test_trace_names_engine_operation_shapes_tensors_and_bytes(cli, tmp_path):
    import json

    from conftest import example

    done = cli("emulate", example("chain"), "--trace")
    assert done.out.splitlines()[-2:] == [
        "task 0: scratch = a + b; planar engine, 2 x 1 x 32; read a 128 bytes, read b 128 bytes, "
        "write scratch 128 bytes",
        "task 1: y = table(scratch); 1 neural engine, 2 x 1 x 32, coefficients from const; read scratch 128 bytes, "
        "read const 128 bytes, write y 128 bytes",
    ]
    cli("emulate", example("chain"), "--trace", tmp_path / "t.json")
    data = json.loads((tmp_path / "t.json").read_text())
    assert [step["result"] for step in data] == ["scratch", "y"]
    assert data[1]["read"] == [{"name": "scratch", "bytes": 128}, {"name": "const", "bytes": 128}]


@pytest.mark.parametrize("place", [0, 1])
def test_trace_needs_no_file(cli, place):
    from conftest import example

    arguments = ["emulate", example("mul")]
    arguments.insert(1 + place, "--trace")
    done = cli(*arguments)
    assert (done.code, "y = a * b" in done.out) == (0, True)


def test_runs_leave_no_file_open():
    before = len(os.listdir("/proc/self/fd"))
    for _ in range(3):
        session.outputs_of(loaded("mul"))
    assert len(os.listdir("/proc/self/fd")) <= before


def test_trace_adds_up_what_one_task_reads_twice():
    import builders

    from hwx2py.emulate import as_lines

    program = builders.elementwise()
    task = program.tasks[0]
    program = program.with_tasks([task.with_words({8: task.words[8] ^ (5 ^ 4) << 6})])
    _, driver = session.run(program, session.default_inputs(program))
    (line,) = as_lines(driver.engine.steps)
    assert line.endswith("read a 240 bytes, write y 120 bytes")


@pytest.mark.parametrize("name", ["mul", "conv", "chain"])
def test_script_and_file_give_the_same(cli, tmp_path, name):
    import numpy as np
    from conftest import example

    path = tmp_path / "s.py"
    path.write_text(emit.emit(loaded(name)).text)
    results = []
    for target in (path, example(name)):
        assert cli("emulate", target, "--save", tmp_path / "o.npz").code == 0
        with np.load(tmp_path / "o.npz") as saved:
            results.append(saved["y"])
    assert np.array_equal(*results)
