"""Every architecture with a register table: programs that our own encoder writes go through every command.

For H11 and H19 this is all that is tested, as nothing real of them is at hand; the others have `test_shared.py` too.
"""

import hashlib

import builders
import make
import numpy as np
import pytest
from builders import tensor
from conftest import example, one_line

from hwx2py import emitter, formats
from hwx2py.formats.hwx.create import create
from hwx2py.program.build import Draft, header, lay_out
from hwx2py.program.streams import Pending
from hwx2py.registers import Architecture, every

FRAME = (1).to_bytes(4, "little") + bytes(12)


#: A BAR for each tensor that no architecture reserves.
BARS = (("a", "input", 6), ("b", "input", 7), ("y", "output", 8))


def writes(arch: Architecture, seed: int) -> list[Pending]:
    """A write with random bits to every register of the tables, and to one address without a name."""
    random = np.random.default_rng(seed)
    addresses = [
        block.base + register.offset + 4 * i
        for block in arch.blocks
        for register in block.registers
        for i in range(register.count)
    ]
    if not addresses:  # H11: the blocks' addresses are unknown
        addresses = list(range(0, 0x200, 4))
    found = [Pending(address, int(random.integers(1 << 32)), None) for address in addresses]
    free = next(address for address in range(0, 1 << 20, 4) if address not in set(addresses))
    return [*found, Pending(free, 0x12345678, None)]


def program(arch: Architecture):
    """Two tasks, the second with a DTID word."""
    tensors = tuple(tensor(name, role, bar, 2, 3, 8) for name, role, bar in BARS)
    linked = arch.stream == "linked"
    follows = frozenset({"NextSize", "NextPointer"} if linked else {"TaskSize"})
    flagged = {
        register.name: {"TDE": 1} for register in arch.header.registers for f in register.fields if f.name == "TDE"
    }
    drafts = [
        Draft(header(arch, {"W0": 1}), writes(arch, 1), follows),
        Draft(header(arch, {"W0": 2} | flagged, dtid=0xABCD if flagged else None), writes(arch, 2), follows),
    ]
    text = lay_out(arch, drafts, b"" if linked else FRAME)
    return make.program(text, tensors, bytes(range(1, 65)), arch)


@pytest.fixture(params=every(), ids=lambda arch: arch.name)
def arch(request):
    return request.param


@pytest.fixture
def path(arch, tmp_path):
    file = tmp_path / "in.hwx"
    file.write_bytes(b"".join(bytes(piece) for piece in create(program(arch), "test")))
    return file


def test_container_and_stream_come_back(arch, path):
    made, found = program(arch), formats.load(str(path)).program
    assert found.arch is arch
    assert found.text.to_bytes() == made.text.to_bytes()
    assert [task.words for task in found.tasks] == [task.words for task in made.tasks]
    assert [list(task.writes()) for task in found.tasks] == [list(task.writes()) for task in made.tasks]


def test_script_builds_the_files_bytes(arch, path, tmp_path, cli, script):
    assert cli(path, "-o", tmp_path / "s.py").code == 0
    done = script(tmp_path / "s.py", "--dry-run", "--write-command", tmp_path / "c.bin")
    made = program(arch)
    command = made.text.to_bytes().ljust(made.const_offset, b"\0") + bytes(made.const)
    assert (done.code, (tmp_path / "c.bin").read_bytes()) == (0, command)
    assert hashlib.sha256(command).hexdigest() in done.out


def test_script_goes_back_into_its_container(path, tmp_path, cli):
    done = cli(path, "-o", tmp_path / "s.py")
    assert done.code == 0, done.err
    assert cli("assemble", tmp_path / "s.py", "--onto", path, "-o", tmp_path / "o.hwx").code == 0
    assert (tmp_path / "o.hwx").read_bytes() == path.read_bytes()
    assert cli("diff", tmp_path / "s.py", path).code == 0


def test_script_without_an_engine_names_the_next_step(arch, path, tmp_path, cli, script):
    cli(path, "-o", tmp_path / "s.py")
    on_device = script(tmp_path / "s.py")
    assert (on_device.code, len(on_device.err.splitlines())) == (2, 1)
    assert "hwx2py emulate " in on_device.err
    assert ("no driver is known" in on_device.err) is not bool(arch.machine.driver)


def test_info_and_dump_take_it(arch, path, cli):
    info = cli("info", path)
    assert f"{arch.confidence} confidence" in info.out
    dump = cli("dump", path)
    assert dump.code == 0
    for register in (register for block in arch.blocks for register in block.registers):
        assert register.name in dump.out
    assert "0x12345678" in dump.out


def test_anec_is_for_h13_and_h14(arch, path, tmp_path, cli):
    if arch.name in ("H13", "H14"):
        return
    done = cli("anec", path, "-o", tmp_path / "o.anec")
    assert (done.code, one_line(done.err)) == (2, True)
    assert f"this program is for {arch.name}" in done.err


def with_subtype(number: int) -> bytes:
    data = bytearray(example("mul").read_bytes())
    data[8:12] = number.to_bytes(4, "little")
    return bytes(data)


def test_unknown_architecture_is_named(cli, tmp_path):
    (tmp_path / "odd.hwx").write_bytes(with_subtype(77))
    done = cli("info", tmp_path / "odd.hwx")
    assert (done.code, one_line(done.err)) == (2, True)
    assert "cpusubtype 77" in done.err
    assert "unknown cpusubtype 77" in done.err


def test_architecture_that_is_known_by_name_only(cli, tmp_path):
    (tmp_path / "odd.hwx").write_bytes(with_subtype(3))
    done = cli("info", tmp_path / "odd.hwx")
    assert (done.code, one_line(done.err)) == (2, True)
    assert "H12" in done.err


def test_override_is_said_in_every_output(cli, tmp_path):
    (tmp_path / "odd.hwx").write_bytes(with_subtype(77))
    info = cli("info", tmp_path / "odd.hwx", "--arch", "h13")
    assert info.code == 0
    assert "read as H13; the header says cpusubtype 77" in info.out
    done = cli(tmp_path / "odd.hwx", "--arch", "H13", "-o", tmp_path / "s.py")
    assert done.code == 0
    assert "Note:     read as H13; the header says cpusubtype 77" in (tmp_path / "s.py").read_text()


@pytest.mark.parametrize(("name", "word"), [("mul", 10), ("add16", 0)], ids=["record of a list", "size of a record"])
def test_stream_that_does_not_parse_is_refused_with_task_and_offset(cli, tmp_path, name, word):
    """All bits of a count are set, so that it reaches behind the task or the text."""
    data, task = bytearray(example(name).read_bytes()), formats.load(str(example(name))).program.tasks[0]
    place = data.index(bytes(task.words)) + 4 * word
    data[place : place + 4] = b"\xff\xff\xff\xff"
    (tmp_path / "odd.hwx").write_bytes(data)
    done = cli("info", tmp_path / "odd.hwx")
    assert (done.code, one_line(done.err)) == (2, True)
    assert f"task 0, text offset {task.offset + 4 * word:#x}: " in done.err


def test_same_network_reads_alike_on_two_generations(cli, tmp_path):
    """Fields that mean the same have the same name: what both scripts write to a name in common has its fields."""
    import re

    lines = []
    for source in (builders.elementwise("Add", (4, 1, 32)), make.add16()):
        file = tmp_path / f"{source.arch.name}.hwx"
        file.write_bytes(b"".join(bytes(piece) for piece in create(source, "test")))
        lines.append(cli(file, "-o", "-").out)
    for shared in ('TaskType="ElementwiseTwoSources"', "Cin=4", "Wout=32", 'SourceType="DmaRead"'):
        assert all(re.search(rf"\b{re.escape(shared)}", text) for text in lines), shared


@pytest.mark.parametrize("arch", [one for one in every() if any(r.alone for b in one.blocks for r in b.registers)],
                         ids=lambda arch: arch.name)  # fmt: skip
def test_registers_with_a_record_of_their_own_need_no_other(arch, tmp_path):
    addresses = [
        block.base + register.offset + 4 * index
        for block in arch.blocks
        if any(register.alone for register in block.registers)
        for register in block.registers
        for index in range(register.count)
    ]
    items = [Pending(address, 1, None, arch.writes_alone(address, None)) for address in addresses]
    text = lay_out(arch, [Draft(header(arch, {}), items, frozenset({"TaskSize"}))], FRAME)
    made = make.program(text, tuple(tensor(name, role, bar, 2, 3, 8) for name, role, bar in BARS), arch=arch)
    source = emitter.emit(made).text
    assert "Record(0x" not in source
    (tmp_path / "s.py").write_text(source)
    assert formats.load(str(tmp_path / "s.py")).program.text.to_bytes() == text.to_bytes()
