"""The M2 family's driver: PROG_LOAD, PROC_CREATE and EXEC, their refusals, and scripts that call them."""

import contextlib
import errno
import io
import os
import struct

import builders
import numpy as np
import pytest
from conftest import SHARED
from doors import Node

from hwx2py import emitter, formats
from hwx2py.emulator import child, direct, rows, run_script, session
from hwx2py.emulator.driver import BO_FREE, BO_INIT, SUBMIT, SUBMIT_STRUCT, Driver
from hwx2py.emulator.driver_exec import (
    EXEC_STRUCT,
    PROC_CREATE_STRUCT,
    PROG_LOAD_STRUCT,
    PROG_LOOKUP,
    PROG_LOOKUP_STRUCT,
    SlotDriver,
)
from hwx2py.emulator.faults import NotImplementedTask
from hwx2py.emulator.inputs import input_arrays
from hwx2py.formats import script
from hwx2py.program.program import script_row
from hwx2py.runtime import ane_exec
from hwx2py.runtime.ane_exec import EXEC, GENERIC, IO, PROC_CREATE, PROG_LOAD, SECTION


@pytest.fixture
def driver():
    driver = SlotDriver({})
    with contextlib.closing(driver.memory):
        yield driver


@pytest.fixture(scope="module")
def node():
    """A client under `hwx2py device`."""
    with contextlib.closing(Node("H14")) as client:
        yield client


@pytest.fixture(params=["model", "node"])
def door(request):
    """The driver, by either door: what both must answer alike."""
    return request.getfixturevalue("driver") if request.param == "model" else request.getfixturevalue("node").open()


def allocate(driver: Driver, size: int) -> int:
    code, answer = driver.ioctl(BO_INIT, struct.pack("<2I2Q", 0, 0, size, 0))
    assert code == 0
    return struct.unpack("<2I2Q", answer)[0]


def load(driver: Driver, sections, generics=(), pad: int = 0) -> tuple[int, int]:
    """PROG_LOAD: errno or 0, and the program's number."""
    tables = b"".join(struct.pack(SECTION, *row) for row in sections)
    tables += b"".join(struct.pack(GENERIC, *row) for row in generics)
    request = PROG_LOAD_STRUCT.pack(1, 1, len(sections), len(generics), 0, pad)
    code, answer = driver.ioctl(PROG_LOAD, request + tables)
    return code, PROG_LOAD_STRUCT.unpack(answer)[4]


def loaded_add(driver: Driver) -> tuple[int, int, dict[int, int]]:
    """The numbers of an addition and its process, and the handles of its buffers by slot."""
    program = builders.add14()
    text = program.text.to_bytes()
    command = allocate(driver, len(text))
    driver.memory.buffers[command].data[: len(text)] = np.frombuffer(text, np.uint8)
    code, number = load(driver, [(0, command, len(text), 0)])
    assert code == 0
    code, answer = driver.ioctl(PROC_CREATE, PROC_CREATE_STRUCT.pack(number, 0))
    assert code == 0
    handles = {tensor.bar: allocate(driver, tensor.size_bytes) for tensor in program.buffers}
    return number, PROC_CREATE_STRUCT.unpack(answer)[1], handles


def execute(driver: Driver, program: int, process: int, table, priority: int = 4, pad: int = 0) -> int:
    """EXEC: errno or 0."""
    request = EXEC_STRUCT.pack(program, process, priority, 1000, len(table), pad, 1)
    return driver.ioctl(EXEC, request + b"".join(struct.pack(IO, *row) for row in table))[0]


def io_table(handles: dict[int, int]) -> list[tuple[int, ...]]:
    return [(slot, handle, 0, 0, 0, 256) for slot, handle in handles.items()]


def test_structures_have_the_sizes_that_the_numbers_name():
    structures = {PROG_LOAD: PROG_LOAD_STRUCT, PROC_CREATE: PROC_CREATE_STRUCT, EXEC: EXEC_STRUCT,
                  PROG_LOOKUP: PROG_LOOKUP_STRUCT}  # fmt: skip
    for number, structure in structures.items():
        assert number >> 16 & 0x3FFF == structure.size


def with_tables(number: int, request: bytes) -> bytes:
    with open("/proc/self/mem", "rb", buffering=0) as own_memory:
        return child.with_tables(number, request, lambda size, place: os.pread(own_memory.fileno(), size, place))


def test_the_child_knows_the_tables_of_the_calls():
    row_bytes = [struct.calcsize(layout) for layout in (SECTION, GENERIC, IO)]
    (load_sections, load_generics), (exec_io,) = child.TABLES[PROG_LOAD], child.TABLES[EXEC]
    assert [row[2] for row in (load_sections, load_generics, exec_io)] == row_bytes


def test_tables_are_read_from_the_memory_that_a_structure_points_to():
    table = ane_exec.Table(SECTION, [(0, 7, 8, 9), (1, 2, 3, 4)])
    request = PROG_LOAD_STRUCT.pack(table.address, 0, 2, 0, 0, 0)
    expected = struct.pack(SECTION, 0, 7, 8, 9) + struct.pack(SECTION, 1, 2, 3, 4)
    assert with_tables(PROG_LOAD, request) == request + expected


@pytest.mark.parametrize("address", [0, 0xFFFFFFFFFFFFFFFF])
def test_a_pointer_to_nowhere_is_a_fault(driver, address):
    request = PROG_LOAD_STRUCT.pack(address, 0, 1, 0, 0, 0)
    assert driver.ioctl(PROG_LOAD, with_tables(PROG_LOAD, request))[0] == errno.EFAULT


def test_the_addition_runs(driver):
    program, process, handles = loaded_add(driver)
    for slot, value in ((4, 1.5), (5, 2.0)):
        driver.memory.buffers[handles[slot]].data.view(np.float16)[:] = value
    assert execute(driver, program, process, io_table(handles)) == 0
    assert driver.memory.buffers[handles[6]].data.view(np.float16)[0] == 3.5
    assert not driver.faults.found


def test_sections_refused(door):
    handle = allocate(door, 64)
    good = (0, handle, 64, 0)
    refused = {
        "none": [],
        "17 of them": [good, *((number, handle, 64, 0) for number in range(1, 17))],
        "unknown handle": [(0, 99, 64, 0)],
        "behind its buffer": [(0, handle, 64, 0x4000)],
        "twice the same": [good, good],
        "no text": [(1, handle, 64, 0)],
    }
    for what, sections in refused.items():
        assert load(door, sections)[0] == errno.EINVAL, what
    assert load(door, [good], pad=1)[0] == errno.EINVAL
    assert load(door, [good], [(3, 99, 2, 0, 64)])[0] == errno.EINVAL
    assert load(door, [good], [(3, handle, 2, 1, 64)])[0] == errno.EINVAL
    assert load(door, [good, *((number, handle, 64, 0) for number in range(1, 16))])[0] == 0


def test_a_process_needs_a_program(door):
    assert door.ioctl(PROC_CREATE, PROC_CREATE_STRUCT.pack(1, 0))[0] == errno.EINVAL


@pytest.mark.parametrize(
    "changed",
    [{"priority": 1}, {"priority": 8}, {"pad": 1}, {"program": 9}, {"process": 9}],
    ids=lambda changed: "-".join(changed),
)
def test_runs_refused(driver, changed):
    program, process, handles = loaded_add(driver)
    values = {"program": program, "process": process, "table": io_table(handles)} | changed
    assert execute(driver, **values) == errno.EINVAL
    assert not driver.engine.steps


@pytest.mark.parametrize("count", [0, 65])
def test_runs_with_too_few_or_too_many_buffers_are_refused(driver, count):
    program, process, handles = loaded_add(driver)
    assert execute(driver, program, process, [(4, handles[4], 0, 0, 0, 64)] * count) == errno.EINVAL


def test_a_run_with_an_unknown_buffer_is_refused(driver):
    program, process, handles = loaded_add(driver)
    assert execute(driver, program, process, io_table(handles | {6: 99})) == errno.EINVAL


def test_a_slot_that_nothing_is_bound_to_hangs(driver):
    program, process, handles = loaded_add(driver)
    driver.memory.buffers[handles[4]].data[:] = 1
    del handles[5]
    assert execute(driver, program, process, io_table(handles)) == errno.ETIMEDOUT
    assert [fault.kind.name for fault in driver.faults.found] == ["unbound-bar"]


def test_a_text_that_does_not_parse_hangs(driver):
    program, process, handles = loaded_add(driver)
    loaded = driver.programs[program].text
    loaded.buffer.data[18:20] = 0xFF
    assert execute(driver, program, process, io_table(handles)) == errno.ETIMEDOUT
    assert driver.faults.found[0].kind.name == "cut-stream"


def test_lookup_finds_nothing(door):
    request = PROG_LOOKUP_STRUCT.pack(1, 32, 0, 7, 7)
    code, answer = door.ioctl(PROG_LOOKUP, request + bytes(32))
    assert (code, PROG_LOOKUP_STRUCT.unpack(answer)[3:]) == (0, (0, 0))
    assert door.ioctl(PROG_LOOKUP, PROG_LOOKUP_STRUCT.pack(1, 20, 0, 0, 0) + bytes(20))[0] == errno.EINVAL
    assert door.ioctl(PROG_LOOKUP, PROG_LOOKUP_STRUCT.pack(1, 32, 1, 0, 0) + bytes(32))[0] == errno.EINVAL


def test_each_driver_refuses_the_calls_of_the_other(door):
    assert door.ioctl(SUBMIT, bytes(SUBMIT_STRUCT.size))[0] == errno.ENOTTY
    for number in (PROG_LOAD, PROC_CREATE, EXEC, PROG_LOOKUP):
        assert Driver({}).ioctl(number, bytes(number >> 16 & 0x3FFF))[0] == errno.ENOTTY


def test_a_wedge_lasts(driver):
    program, process, handles = loaded_add(driver)
    driver.wedged = True
    assert execute(driver, program, process, io_table(handles)) == errno.ECANCELED
    assert load(driver, [(0, 1, 64, 0)])[0] == errno.ENODEV
    assert driver.ioctl(BO_FREE, struct.pack("<2I", 1, 0))[0] == errno.ENODEV


def outputs_of_script(program, folder) -> dict[str, np.ndarray]:
    """What a program's script gives in a process of its own."""
    path = folder / "s.py"
    path.write_text(emitter.emit(program, inline=True).text)
    outline = script.outline(path.read_bytes())
    table = rows(outline.buffers, outline.kernels, outline.aliases)
    inputs = [f"--input={tensor.name}=random:{number}" for number, tensor in enumerate(program.inputs)]
    result = run_script(str(path), outline, table, inputs, save=True)
    assert (result.code, result.faults) == (0, [])
    return dict(np.load(io.BytesIO(result.saved)))


def check_script(program, folder) -> None:
    """A script and the tasks below the driver give the same bytes."""
    options = [f"{tensor.name}=random:{number}" for number, tensor in enumerate(program.inputs)]
    inputs = input_arrays(program.tensors, options)
    expected, outputs = direct.run(program, inputs).outputs, outputs_of_script(program, folder)
    assert expected.keys() == outputs.keys()
    for name, values in expected.items():
        assert values.tobytes() == outputs[name].tobytes()


def test_script_calls_the_driver_itself(tmp_path):
    program = builders.add14()
    text = emitter.emit(program).text
    assert ("PROG_LOAD" in text, "SUBMIT" in text) == (True, False)
    check_script(program, tmp_path)


H14_FILES = sorted((SHARED / "hwx" / "oracle-h14").glob("*.hwx"))


@pytest.mark.skipif(not H14_FILES, reason="no folder `shared` with decoded programs beside the repository")
@pytest.mark.parametrize("path", H14_FILES, ids=lambda path: path.stem)
def test_records_give_the_bytes_of_a_direct_run(path, tmp_path):
    program = formats.load(str(path)).program
    try:
        builders.through_driver(program)
    except NotImplementedTask:
        pytest.skip("the engine refuses it: see the tests of kernels")
    check_script(program, tmp_path)


def test_sections_come_out_of_files(tmp_path):
    """One that the firmware needs is loaded too, and changes nothing here."""
    program, path = builders.add14(), tmp_path / "s.py"
    path.write_text(emitter.emit(program).text)
    tmp_path.joinpath("port.bin").write_bytes(b"ports")
    outline = script.outline(path.read_bytes())
    table = rows(outline.buffers, outline.kernels, outline.aliases)
    assert run_script(str(path), outline, table, [f"--section=2={tmp_path / 'port.bin'}"]).code == 0
    assert run_script(str(path), outline, table, ["--section=0=port.bin"]).code == 2


def test_a_driver_that_wants_more_is_told_in_a_line():
    """The real one may; what it needs is not public."""
    program = builders.add14()
    built, inputs = session.built(program), input_arrays(program.tensors, [])
    with session.prepared(program) as device:
        device.sections = [(0, 0, 0, 0)]
        with pytest.raises(OSError, match="Invalid argument") as refusal:
            ane_exec.run(device, built, [script_row(buffer) for buffer in program.buffers], inputs)
    assert str(refusal.value).startswith(
        "PROG_LOAD: Invalid argument; the firmware's sections are not public: --section"
    )
    assert "`hwx2py emulate " in str(refusal.value)
