"""The driver's contract: buffers, SUBMIT, all its refusals, and what it waits for."""

import contextlib
import errno
import struct

import builders
import numpy as np
import pytest
from builders import elementwise, submitted
from conftest import loaded
from doors import Node

from hwx2py.emulator.driver import BO_FREE, BO_INIT, SUBMIT, SUBMIT_STRUCT, Driver, rows
from hwx2py.registers import compose


@pytest.fixture
def driver():
    return Driver({})


@pytest.fixture(scope="module")
def node():
    """A client under `hwx2py device`."""
    with contextlib.closing(Node("H13")) as client:
        yield client


@pytest.fixture(params=["model", "node"])
def door(request):
    """The driver, by either door: what both must answer alike."""
    return Driver({}) if request.param == "model" else request.getfixturevalue("node").open()


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


def test_buffers_are_freed_once(door):
    handle = allocate(door, 100)
    assert door.ioctl(BO_FREE, struct.pack("<2I", handle, 1))[0] == errno.EINVAL
    assert door.ioctl(BO_FREE, struct.pack("<2I", handle, 0))[0] == 0
    assert door.ioctl(BO_FREE, struct.pack("<2I", handle, 0))[0] == errno.EINVAL


@pytest.mark.parametrize("fields", [(0, 1, 100, 0), (0, 0, 0, 0)])
def test_bad_buffers_are_refused(door, fields):
    assert door.ioctl(BO_INIT, struct.pack("<2I2Q", *fields))[0] == errno.EINVAL


def test_address_space_has_an_end_and_then_stays_used_up(door):
    request = struct.pack("<2I2Q", 0, 0, 0xE0000000, 0)
    assert door.ioctl(BO_INIT, request)[0] == errno.ENOSPC
    assert door.ioctl(BO_INIT, struct.pack("<2I2Q", 0, 0, 64, 0))[0] == errno.EEXIST


def test_the_whole_address_space_can_be_asked_for(door):
    assert allocate(door, 0xE0000000 - 0x4000)
    assert door.ioctl(BO_INIT, struct.pack("<2I2Q", 0, 0, 1, 0))[0] == errno.ENOSPC


def test_host_writes_are_known_by_the_page(driver):
    buffer = driver.memory.buffers[allocate(driver, 0x8000)]
    buffer.data[0x1000] = 1
    driver.memory.note_host_writes(())
    assert buffer.host.tolist() == [False, True] + 6 * [False]
    assert driver.memory.is_host_written(buffer, 0x1000, 0x2000)
    assert not driver.memory.is_host_written(buffer, 0x1000, 0x2001)
    assert not driver.memory.is_host_written(buffer, 0xFFF, 0x2000)


def test_engine_writes_are_known_by_the_byte(driver):
    buffer = driver.memory.buffers[allocate(driver, 0x4000)]
    buffer.data[0] = 1
    driver.memory.note_host_writes(())
    buffer.mark()[0x1000:0x1004] = True
    assert driver.memory.unwritten(buffer, np.arange(0x1004)) is None
    assert driver.memory.unwritten(buffer, np.array([0x2000, 0x1004, 0x3000, 0])) == 0x1004


def test_unknown_calls_and_sizes_are_refused(door):
    assert door.ioctl(0xC0206400, bytes(32))[0] == errno.ENOTTY
    assert door.ioctl(SUBMIT, bytes(8))[0] == errno.EINVAL


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
    "more tasks than an event can name": {"td_count": 0x10000},
    "a task of no whole number of words": {"td_size": 0x272},
    "a task larger than the queue takes": {"td_size": 0x40004},
    "a task larger than the bootstrap buffer": {"td_size": 0x4004},
}


@pytest.mark.parametrize("what", REFUSALS)
def test_submit_refuses(door, what):
    command, bootstrap = allocate(door, 0x1000), allocate(door, 0x274)
    fields = {"tsk_size": 0x280, "td_count": 1, "td_size": 0x274, "btsp": bootstrap, "pad": 0, 0: command}
    fields |= REFUSALS[what]
    handles = [fields.get(number, 0) for number in range(32)]
    sizes = fields["tsk_size"], fields["td_count"], fields["td_size"]
    request = SUBMIT_STRUCT.pack(*sizes, *handles, fields["btsp"], fields["pad"])
    assert door.ioctl(SUBMIT, request)[0] == errno.EINVAL
    if isinstance(door, Driver):
        assert not door.faults.found


def test_coefficients_begin_behind_the_rounded_text(driver):
    command = allocate(driver, 0x1000)
    bars = driver._bars([command, *31 * [0]], 0x271)
    assert [(bar.name, bar.start, bar.size) for bar in bars.values()] == [("text", 0, 0x271), ("const", 0x280, 0xD80)]


def test_tensor_with_room_between_its_elements_is_not_looked_at_as_a_whole():
    tensor = loaded("mul").tensors[0]
    wide = tensor._replace(name="w", bar=9, shape=(1, 1, 2, 1), strides=(128, 128, 64, 64))
    known = rows([tensor, wide], {20: "__KERN_0"})
    assert known[4].elements.layout.strides.row == 64
    assert (known[9].name, known[9].elements) == ("w", None)
    assert (known[20].name, known[20].role) == ("__KERN_0", "coefficients")


def test_structures_have_the_sizes_that_the_numbers_name():
    assert [number >> 16 & 0x3FFF for number in (BO_INIT, BO_FREE, SUBMIT)] == [24, 8, 152]
    assert SUBMIT_STRUCT.size == 152


def kinds(driver: Driver) -> list[str]:
    return [fault.kind.name for fault in driver.faults.found]


def test_a_job_runs_and_outputs_are_looked_at():
    code, driver = submitted(elementwise())
    assert (code, kinds(driver)) == (0, [])
    assert [step.task for step in driver.engine.steps] == [0]


def test_task_size_that_cuts_a_write_hangs():
    code, driver = submitted(elementwise(), first_bytes=-8)
    assert (code, kinds(driver)[0]) == (errno.ETIMEDOUT, "cut-stream")
    assert not driver.wedged


def test_zeros_behind_a_task_hang():
    """They are decoded as a write of 0 to register 0, as measured with 0x200 for a task of 0x1f8 bytes."""
    code, driver = submitted(elementwise(), first_bytes=8)
    assert code == errno.ETIMEDOUT
    assert str(driver.faults.found[0]).startswith("fault register-zero: task 0: Common.InDim: ")


def test_chain_that_is_shorter_or_longer_than_told():
    code, driver = submitted(elementwise(), count=2)
    assert (code, kinds(driver)[0]) == (errno.ETIMEDOUT, "missing-tasks")
    twice = builders.complete_again(elementwise(), 2)
    code, driver = submitted(twice, count=1)
    assert (code, kinds(driver)) == (0, ["dropped-tasks"])


def test_first_task_needs_the_queues_network_id():
    code, driver = submitted(elementwise(), network=None)
    assert (code, kinds(driver)[0]) == (errno.ETIMEDOUT, "bootstrap")


@pytest.mark.parametrize(("ids", "what"), [({"TID": 7}, "id is 7"), ({"TID": 1, "NID": 3}, "NID is 0x3")])
def test_completion_goes_by_the_last_tasks_ids(ids, what):
    program = builders.complete_again(elementwise(), 2)
    first, last = program.tasks
    word = compose(builders.H13.register("Header.W0"), **({"NID": 0x40} | ids))
    program = program.with_tasks([builders.stamped(first, 0), last.with_words({0: word})])
    code, driver = submitted(program, network=None)
    (fault,) = [fault for fault in driver.faults.found if fault.kind.name == "completion"]
    assert code == 0
    assert what in fault.what


def test_a_wedge_lasts():
    """Kernel DMA that fetches more than the task consumes, as measured on an M1 Max."""
    x, y = builders.tensor("x", "input", 4, 5, 1, 1), builders.tensor("y", "output", 5, 3, 1, 1)
    registers = builders.neural(x, y, 0) | builders.kernel_registers([0x400])
    registers["NE.MACCfg"] = {"BinaryPoint": 28, "ArgOutputSelect": 1}
    words = {"W8": builders.select(x, None, y) | {"ENE": 1}, "W9": {"KBase0": 1, "KBE0": 1}}
    code, driver = submitted(builders.network([(words, registers)], (x, y), bytes(0x400)))
    assert (code, kinds(driver)[0]) == (errno.ETIMEDOUT, "kernel-dma-larger")
    assert driver.ioctl(SUBMIT, bytes(SUBMIT_STRUCT.size))[0] == errno.ECANCELED
    assert driver.ioctl(BO_INIT, struct.pack("<2I2Q", 0, 0, 64, 0))[0] == errno.ENODEV
    assert driver.ioctl(BO_FREE, struct.pack("<2I", 1, 0))[0] == errno.ENODEV
