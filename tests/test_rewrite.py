"""Programs written back: clean, assemble, anec."""

import re

import builders
import pytest
from conftest import EXAMPLE_NAMES, example, loaded, one_line
from test_container import read, with_command

from hwx2py import emitter, formats
from hwx2py.errors import ContainerError, UnsupportedError
from hwx2py.formats.anec import header as anec_container
from hwx2py.formats.anec.read import load as load_anec
from hwx2py.formats.anec.write import arrange, write
from hwx2py.formats.hwx import image
from hwx2py.formats.hwx import read as hwx_reader
from hwx2py.formats.hwx import structs as layout
from hwx2py.formats.hwx.create import create
from hwx2py.formats.hwx.parse import parse
from hwx2py.formats.hwx.replace import replace
from hwx2py.program.bars import bound_order, renumber, with_bindings
from hwx2py.program.build import complete, lay_out
from hwx2py.program.program import KernelSegment, Program


def put(new: Program, old: Program):
    """The container of a program's file with another program in it."""
    return replace(parse(old.origin.data), old, new)


def program_of(data: bytes) -> Program:
    """The program in the bytes of an .hwx."""
    return hwx_reader.load(memoryview(data), "x.hwx").program


def joined(pieces) -> bytes:
    return b"".join(pieces)


@pytest.mark.parametrize("name", EXAMPLE_NAMES)
def test_unedited_script_gives_back_its_container(cli, tmp_path, name):
    script, out = tmp_path / "s.py", tmp_path / "out.hwx"
    script.write_text(emitter.emit(loaded(name)).text)
    done = cli("assemble", script, "--onto", example(name), "-o", out)
    assert (done.code, done.err.splitlines()[1:]) == (0, [])
    assert out.read_bytes() == example(name).read_bytes()


def assembled(cli, tmp_path, name: str, *changes: tuple[str, str]):
    """An example with its script edited, assembled onto it: (outcome, path of the result)."""
    text = emitter.emit(loaded(name)).text
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    script, out = tmp_path / "s.py", tmp_path / "out.hwx"
    script.write_text(text)
    return cli("assemble", script, "--onto", example(name), "-o", out), out


def test_edited_word_changes_nothing_else(cli, tmp_path):
    _, out = assembled(cli, tmp_path, "mul", ("Common.TileCfg(TileHeight=2)", "Common.TileCfg(TileHeight=9)"))
    old, new = example("mul").read_bytes(), out.read_bytes()
    assert len(old) == len(new)
    assert [index for index, (a, b) in enumerate(zip(old, new, strict=True)) if a != b] == [
        old.index(bytes(loaded("mul").text.to_bytes())) + 4 * place_of(loaded("mul"), "Common.TileCfg")
    ]


def place_of(program: Program, register: str) -> int:
    address = program.arch.address(register)
    return next(write.index for write in program.tasks[0].writes() if write.address == address)


@pytest.mark.parametrize("copies", [1, 2, 40])
def test_text_that_grows_moves_what_lies_behind_it(cli, tmp_path, copies):
    """Coefficients, section sizes, the program command, symbols; with enough of it the segment's pages too."""
    name = "conv"
    line = "    task_0,"
    done, out = assembled(cli, tmp_path, name, (line, f"{line}\n" * copies + line))
    assert (done.code, done.err.splitlines()[1:]) == (0, [])
    program = formats.load(str(out)).program
    assert len(program.tasks) == copies + 1
    assert bytes(program.const) == bytes(loaded(name).const)
    assert program.tensors == loaded(name).tensors
    done = cli("emulate", out)
    assert "output[0] = 0.0" in done.out
    grown = parse(memoryview(out.read_bytes()))
    assert joined(image.write(grown)) == out.read_bytes()
    text, const = grown.section("__TEXT", "__text").fields, grown.section("__TEXT", "__const").fields
    assert const.address - text.address == const.file_offset - text.file_offset == program.const_offset
    command = next(grown.values(image.ProgramCommand))
    assert command.bars()[1] == const.address
    assert command.task_count == copies + 1
    segment = next(s for s in grown.values(image.Segment) if s.name == "__TEXT").fields
    assert segment.file_bytes >= program.const_offset + len(program.const)


def test_text_that_shrinks(cli, tmp_path):
    line = next(line for line in emitter.emit(loaded("conv")).text.splitlines() if "Common.DPE(" in line)
    done, out = assembled(cli, tmp_path, "conv", (line + "\n", ""))
    assert (done.code, done.err.splitlines()[1:]) == (0, [])
    assert "output[0] = 0.0" in cli("emulate", out).out
    assert formats.load(str(out)).program.text.size_bytes == loaded("conv").text.size_bytes - 4


def test_text_before_other_segments_pushes_them(tmp_path):
    """In older files the text comes first: tensors, symbols and regions behind it move in memory."""
    program = loaded("conv")
    data = bytearray(example("conv").read_bytes())
    low, high = 0x30000000, 0x30000000 + 0x8000
    moved = {address: address + 0x8000 for address in (low, low + 0x4000)}  # x and y go behind the text
    moved[high] = low
    moved[high + program.const_offset] = low + program.const_offset
    found = read(bytes(data))
    for command in found.commands:
        place = command.offset
        if isinstance(command.value, image.Segment) and command.value.sections:
            fields = command.value.fields
            moved_segment = fields._replace(vm_address=moved[fields.vm_address])
            rows = [
                layout.SECTION.pack(*section.fields._replace(address=moved[section.fields.address]))
                for section in command.value.sections
            ]
            body = layout.SEGMENT.pack(*moved_segment) + b"".join(rows)
            data[place + 8 : place + 8 + len(body)] = body
        elif isinstance(command.value, image.Region):
            data[place + 0x10 : place + 0x18] = moved[command.value.address].to_bytes(8, "little")
        elif isinstance(command.value, image.ProgramCommand):
            for bar, address in command.value.bars().items():
                data[place + 0x10 + 8 * bar : place + 0x18 + 8 * bar] = moved[address].to_bytes(8, "little")
            data[place + 0x810 : place + 0x818] = low.to_bytes(8, "little")
    old = program_of(bytes(data))
    new = builders.complete_again(old, 60)
    result = joined(put(new, old))
    again = program_of(result)
    assert len(again.tasks) == 60
    assert again.tensors == old.tensors
    assert bytes(again.const) == bytes(old.const)
    regions = hwx_reader.region_addresses(parse(memoryview(result)))
    assert min(regions.values()) >= low + new.const_offset + len(old.const)


@pytest.fixture
def shared_buffer():
    """y = a * a, where the second a is selected by a BAR of its own."""
    program = loaded("mul")
    task = program.tasks[0]
    squared = program.with_tasks([task.with_words({8: task.words[8] ^ (5 ^ 9) << 6})])
    return program_of(joined(create(squared._replace(aliases=((9, "a"),)), "test")))


def test_further_bars_of_a_tensor_are_kept_everywhere(shared_buffer, cli, tmp_path):
    path, script, clean, ane = (tmp_path / name for name in ("square.hwx", "s.py", "c.hwx", "s.anec"))
    path.write_bytes(shared_buffer.origin.data)
    assert shared_buffer.aliases == ((9, "a"),)
    assert "BAR 4, 9" in cli("info", path).out
    assert "y = a * a" in cli("info", path).out
    cli("convert", path, "-o", script)
    assert 'RBase0="a", RBE0=1, RBase1=9, RBE1=1' in script.read_text()
    assert '"""y = a * a; planar engine' in script.read_text()
    assert formats.load(str(script)).program.aliases == ((9, "a"),)
    cli("clean", path, "-o", clean)
    cli("anec", path, "-o", ane)
    for made in (path, script, clean):
        assert "output[0] = 9.0" in cli("emulate", made).out
    assert "output[0] = 9.0" in cli("emulate", ane, "--input", "bar5=3").out
    assert cli("assemble", script, "--onto", path, "-o", tmp_path / "again.hwx").code == 0
    assert (tmp_path / "again.hwx").read_bytes() == path.read_bytes()
    text = script.read_text().replace('ALIASES = {9: BARS["a"]}', "ALIASES = {}")
    script.write_text(text)
    assert "unbound-bar" in cli("emulate", script).err
    assert "ALIASES" in cli("assemble", script, "--onto", path, "-o", tmp_path / "again.hwx").err


def test_bars_of_nothing_known_are_noted(cli, tmp_path):
    data = bytearray(example("mul").read_bytes())
    command = next(read(bytes(data)).values(image.ProgramCommand))
    start = bytes(data).index(bytes(command.raw)) + layout.THREAD_STATE
    data[start + 8 * 20 : start + 8 * 21] = (command.bars()[4] + 0x40).to_bytes(8, "little")
    (tmp_path / "odd.hwx").write_bytes(data)
    assert f"BAR 20 at {command.bars()[4] + 0x40:#x} is not a tensor" in cli("info", tmp_path / "odd.hwx").out
    data[start + 8 * 40 : start + 8 * 41] = command.bars()[4].to_bytes(8, "little")
    (tmp_path / "odd.hwx").write_bytes(data)
    assert "BAR 40 is a, but no task can name it" in cli("info", tmp_path / "odd.hwx").out
    assert "output[0] = 6.0" in cli("emulate", tmp_path / "odd.hwx").out


def test_a_second_program_command_may_bind_fewer_buffers():
    """Found by fuzzing."""
    file = formats.load(str(example("chain")))
    command = next(one for one in file.container.commands if isinstance(one.value, image.ProgramCommand))
    raw, scratch = bytearray(command.raw), file.program.scratch.bar
    raw[layout.THREAD_STATE + 8 * scratch : layout.THREAD_STATE + 8 * (scratch + 1)] = bytes(8)
    fewer = command._replace(raw=bytes(raw), value=command.value._replace(raw=bytes(raw)))
    several = file.container._replace(commands=(*file.container.commands, fewer))
    assert bytes(raw) in b"".join(replace(several, file.program, file.program))


def test_container_that_could_not_be_read_is_not_written(cli, tmp_path):
    text = emitter.emit(loaded("chain")).text
    for old, new, words in (
        ("Header.W7()", "Header.W7(NextPointer=0x40)", "leads back"),
        ("Header.W1()", "Header.W1(NextSize=3)", "a task descriptor has at least"),
    ):
        (tmp_path / "s.py").write_text(text.replace(old, new, 1))
        done = cli("assemble", tmp_path / "s.py", "--onto", example("chain"), "-o", tmp_path / "o.hwx")
        assert done.code == 2
        assert one_line(done.err)
        assert f"{tmp_path / 'o.hwx'}: " in done.err
        assert words in done.err
        assert sorted(path.name for path in tmp_path.iterdir()) == ["s.py"]


def test_report_of_a_failed_clean_is_not_told(cli, tmp_path, monkeypatch):
    from hwx2py import formats as module

    def fail(*_):
        raise UnsupportedError("no way")

    monkeypatch.setattr(module, "replace", fail)
    done = cli("clean", example("mul"), "-o", tmp_path / "o.hwx", "--pass", "noise")
    assert (done.code, one_line(done.err), "no way" in done.err) == (2, True, True)


def test_relocations_and_symbols_move_with_the_coefficients(tmp_path):
    program = loaded("conv")
    data = example("conv").read_bytes()
    base = 4 * place_of(program, "KernelDMASrc.CoeffBaseAddr")
    count, size = int.from_bytes(data[16:20], "little"), int.from_bytes(data[20:24], "little")
    assert count
    table = layout.HEADER.size + size + 0x200
    rows = b"".join(layout.RELOCATION.pack(base + 4 * engine, 0x05000002) for engine in range(4))
    row = data.index(b"__text\0")
    data = data[: row + 0x38] + table.to_bytes(4, "little") + (4).to_bytes(4, "little") + data[row + 0x40 :]
    data = data[:table] + rows + data[table + len(rows) :]
    symbol = layout.SYMBOL.pack(0, 0x0F, 2, 2, next(parse(memoryview(data)).values(image.ProgramCommand)).bars()[1])
    place = table + 0x100
    command = layout.COMMAND.pack(layout.LC_SYMTAB, 24) + layout.SYMTAB.pack(place, 1, place + 16, 2)
    data = with_command(data, command)
    data = data[:place] + symbol + b"K\0" + data[place + 18 :]
    old = program_of(data)
    assert old.relocated == [base + 4 * engine for engine in range(4)]
    longer = builders.complete_again(old, 3)
    result = parse(memoryview(joined(put(longer, old))))
    section = result.section("__TEXT", "__text")
    offsets = [relocation.offset for relocation in section.relocations()]
    assert offsets == [task.offset + base + 4 * engine for task in longer.tasks for engine in range(4)]
    (moved,) = next(result.values(image.Symtab)).symbols()
    assert moved.fields.value == result.section("__TEXT", "__const").fields.address


def test_edited_bars_go_into_the_bar_table(cli, tmp_path):
    done, out = assembled(
        cli, tmp_path, "mul", ('Tensor("a", "input", 4', 'Tensor("a", "input", 6'), ('"output", 6', '"output", 4')
    )
    assert (done.code, done.err.splitlines()[1:]) == (0, [])
    assert {tensor.name: tensor.bar for tensor in formats.load(str(out)).program.tensors} == {"a": 6, "b": 5, "y": 4}
    assert "output[0] = 6.0" in cli("emulate", out).out


def test_edited_tensors_do_not_fit_the_container(cli, tmp_path):
    done, out = assembled(cli, tmp_path, "mul", ('Tensor("a", "input", 4, (1, 4', 'Tensor("a", "input", 4, (1, 3'))
    assert done.code == 2
    assert "tensor a has another size or layout" in done.err
    assert not out.exists()


def test_other_architecture_does_not_fit_the_container(cli, tmp_path):
    script = tmp_path / "s.py"
    script.write_text(emitter.emit(loaded("add16")).text)
    done = cli("assemble", script, "--onto", example("mul"), "-o", tmp_path / "o.hwx")
    assert (done.code, "for H16, the container for H13" in done.err) == (2, True)


def rewritten(data: bytes, tasks: int) -> tuple[Program, Program, bytes]:
    """A container with its tasks several times over: the old program, the new one, and the container's bytes."""
    old = program_of(data)
    new = builders.complete_again(old, tasks)
    return old, new, joined(put(new, old))


@pytest.mark.parametrize("tasks", [2, 30])
def test_segment_right_behind_full_coefficients_moves_by_whole_pages(tasks):
    program = loaded("conv")
    const = bytes(range(251)) * 70
    const = const[: 0x4000 - program.const_offset]
    kernel = KernelSegment("__KERN_0", 20, memoryview(bytes(range(200, 0, -1)) * 100))
    data = joined(create(program._replace(const=memoryview(const), kernels=(kernel,)), "test"))
    _, new, result = rewritten(data, tasks)
    again = program_of(result)
    assert again.text.to_bytes() == new.text.to_bytes()
    assert bytes(again.const) == const
    assert again.kernels == (kernel,)
    text, last = (s.fields for s in read(result).values(image.Segment) if s.name in ("__TEXT", "__KERN_0"))
    assert text.file_bytes == text.vm_bytes >= new.const_offset + len(const)
    assert text.file_offset + text.file_bytes == last.file_offset
    assert text.vm_address + text.vm_bytes == last.vm_address
    assert len(result) >= last.file_offset + last.file_bytes


@pytest.mark.parametrize("name", ["mul", "conv"])
def test_text_behind_a_segment_that_grows_moves_in_memory(name):
    """Coefficients of their own lie before the text in memory, and behind it in the file."""
    kernel = KernelSegment("__KERN_0", 20, memoryview(bytes(range(100)) * 5))
    program = loaded(name)._replace(kernels=(kernel,))
    data = joined(create(program, "test"))
    bars = next(read(data).values(image.ProgramCommand)).bars()
    room = bars[20] - bars[0]
    moved = {bars[20]: bars[0]} | {bars[bar]: bars[bar] + room for bar in (0, 1) if bar in bars}
    packed = {old.to_bytes(8, "little"): new.to_bytes(8, "little") for old, new in moved.items()}
    end = layout.HEADER.size + read(data).header.commands_bytes
    head = re.sub(b"|".join(map(re.escape, packed)), lambda found: packed[found[0]], data[:end])
    old = program_of(head + data[end:])
    assert (old.kernels, old.text) == (program.kernels, program.text)
    larger = kernel._replace(data=memoryview(bytes(range(1, 200)) * 100))
    result = joined(put(old._replace(kernels=(larger,)), old))
    command = next(read(result).values(image.ProgramCommand))
    assert command.text_address == command.bars()[0] == bars[0] + room + 0x4000
    again = program_of(result)
    assert (again.kernels, again.text, again.const) == ((larger,), program.text, program.const)


def with_tables_at_the_end(data: bytes, infos: tuple[int, ...]) -> bytes:
    """The file with relocations of the text and a symbol table behind all segments."""
    program = program_of(data)
    base = 4 * place_of(program, "KernelDMASrc.CoeffBaseAddr")
    const = next(read(data).values(image.ProgramCommand)).bars()[1]
    rows = b"".join(layout.RELOCATION.pack(base + 4 * n, info) for n, info in enumerate(infos))
    symbols = layout.SYMBOL.pack(1, 0x0F, 2, 2, const) + layout.SYMBOL.pack(3, 0x20, 0, 0x10, const)
    table = len(data)
    strings = table + len(symbols)
    place = strings + 8
    symtab = layout.SYMTAB.pack(table, 2, strings, 5)
    data = with_command(data, layout.COMMAND.pack(layout.LC_SYMTAB, 24) + symtab)
    row = data.index(b"__text\0")
    place_and_count = place.to_bytes(4, "little") + len(infos).to_bytes(4, "little")
    return data[: row + 0x38] + place_and_count + data[row + 0x40 :] + symbols + b"\0K\0T\0\0\0\0" + rows


@pytest.mark.parametrize("tasks", [2, 60])
def test_tables_behind_the_segments_move_with_what_grows(tasks):
    data = with_tables_at_the_end(example("conv").read_bytes(), (0x05000002,) * 4)
    old, new, result = rewritten(data, tasks)
    found = read(result)
    const = found.section("__TEXT", "__const").fields
    symbols = [(symbol.name, symbol.fields.value) for symbol in next(found.values(image.Symtab)).symbols()]
    assert symbols == [("K", const.address), ("T", const.address - (new.const_offset - old.const_offset))]
    again = program_of(result)
    assert len(again.relocated) == 4 * tasks
    assert bytes(again.const) == bytes(old.const)


def test_relocations_keep_their_kinds_where_the_tasks_keep_their_places():
    data = with_tables_at_the_end(example("conv").read_bytes(), (0x05000002, 0x06000002, 0x07000003, 0x05000004))
    old = program_of(data)
    assert joined(put(old, old)) == data
    with pytest.raises(UnsupportedError, match="not all of one kind"):
        rewritten(data, 2)


def test_bytes_of_no_section_stay_or_stop_a_change_of_size():
    data = bytearray(example("conv").read_bytes())
    data[0x3FF0:0x3FF4] = b"junk"
    old = program_of(bytes(data))
    assert joined(put(old, old)) == bytes(data)
    with pytest.raises(ContainerError, match="stand in the way"):
        rewritten(bytes(data), 2)


def test_bar_that_a_tensor_leaves_is_empty(cli, tmp_path):
    _, out = assembled(cli, tmp_path, "mul", ('"output", 6', '"output", 9'))
    before, after = (
        next(formats.load(str(p)).container.values(image.ProgramCommand)).bars() for p in (example("mul"), out)
    )
    assert after == {9 if bar == 6 else bar: address for bar, address in before.items()}


def test_bar_of_the_coefficients_follows_the_text_even_where_there_are_none(cli, tmp_path):
    line = "    task_0,"
    _, out = assembled(cli, tmp_path, "mul", (line, f"{line}\n{line}\n{line}"))
    bars = next(formats.load(str(out)).container.values(image.ProgramCommand)).bars()
    assert bars[1] - bars[0] == formats.load(str(out)).program.const_offset


def test_words_of_the_text_follow_in_a_command_that_has_them(cli, tmp_path):
    line = "    task_0,"
    _, out = assembled(cli, tmp_path, "add16", (line, f"{line}\n{line}\n{line}"))
    command = next(formats.load(str(out)).container.values(image.ProgramCommand))
    assert (command.task_count, 4 * command.text_words) == (3, formats.load(str(out)).program.text.size_bytes)


def test_only_the_declared_size_of_a_tensor_differs():
    program = loaded("mul")
    other = program._replace(tensors=(program.tensors[0]._replace(size_bytes=0x400), *program.tensors[1:]))
    with pytest.raises(UnsupportedError, match="tensor a has another size or layout"):
        put(other, program)


def test_disabled_bar_fields_keep_their_numbers():
    program = loaded("mul")
    task = program.tasks[0]
    unused = program.with_tasks([task.with_words({8: task.words[8] & ~(1 << 11)})])
    word = renumber(unused, bound_order(unused)).tasks[0].words[8]
    assert [word & 0x1F, word >> 6 & 0x1F, word >> 12 & 0x1F] == [5, 5, 4]


class TestClean:
    """`hwx2py clean`."""

    def test_same_size_programs_change_only_their_words(self, cli, tmp_path):
        done = cli("clean", example("mul"), "-o", tmp_path / "c.hwx")
        assert done.code == 0
        old, new = example("mul").read_bytes(), (tmp_path / "c.hwx").read_bytes()
        changed = [index // 4 for index, (a, b) in enumerate(zip(old, new, strict=True)) if a != b]
        assert len(set(changed)) == 19  # 16 channels, KernelCfg, MACCfg, 0x13840
        assert "output[0] = 6.0" in cli("emulate", tmp_path / "c.hwx").out

    def test_counts_of_log_events_follow_the_masks(self, cli, tmp_path):
        program = loaded("mul")
        noisy = program.with_tasks([program.tasks[0].with_words({2: 0x42A, 4: 0xFFF})])
        path = tmp_path / "noisy.hwx"
        path.write_bytes(joined(create(noisy, "test")))
        cli("clean", path, "--pass", "noise", "-o", tmp_path / "c.hwx")
        commands = [
            next(formats.load(str(p)).container.values(image.ProgramCommand)) for p in (path, tmp_path / "c.hwx")
        ]
        counts = [[int.from_bytes(c.raw[n : n + 4], "little") for n in (0x850, 0x858)] for c in commands]
        assert counts == [[12, 4], [0, 0]]

    def test_anec_is_cleaned_in_place(self, cli, tmp_path):
        path = tmp_path / "m.anec"
        program = renumber(loaded("mul"), bound_order(loaded("mul")))
        path.write_bytes(joined(write(program, 0x1000)))
        done = cli("clean", path, "-o", tmp_path / "o.hwx")
        assert (done.code, done.err.splitlines()[-1]) == (0, f"wrote {tmp_path / 'o.hwx'}: 1 task, 3 tensors")


class TestAnec:
    """`hwx2py anec`."""

    @pytest.mark.parametrize("offset", ["0x1000", "0x800"])
    def test_bars_are_renumbered_and_that_is_said(self, cli, tmp_path, offset):
        path = tmp_path / "m.anec"
        done = cli("anec", example("mul"), "-o", path, "--content-offset", offset)
        assert done.err.splitlines() == [
            "y: BAR 6 is now 4", "a: BAR 4 is now 5", "b: BAR 5 is now 6",
            "BAR order: bar 4 = y (output), 5 = a, 6 = b", f"wrote {path}: 1 task, 3 tensors, content at {offset}",
        ]  # fmt: skip
        program = formats.load(str(path)).program
        assert [(tensor.name, tensor.role) for tensor in program.tensors] == [
            ("bar4", "output"), ("bar5", "input"), ("bar6", "input"),
        ]  # fmt: skip
        assert anec_container.read(memoryview(path.read_bytes())).content_offset == int(offset, 16)
        assert "output[0] = 6.0" in cli("emulate", path).out
        assert "names no tensors" in cli("info", path).out

    def test_content_begins_where_libane_reads_it(self, cli, tmp_path):
        old, new = tmp_path / "old.anec", tmp_path / "new.anec"
        cli("anec", example("mul"), "-o", old, "--content-offset", "0x1000")
        done = cli("anec", example("mul"), "-o", new)
        assert done.err.endswith("content at 0x800\n")
        (script := tmp_path / "mul.py").write_text(cli("convert", example("mul"), "-o", "-").out)
        assembled = tmp_path / "assembled.anec"
        assert cli("assemble", script, "-o", assembled).err.endswith("content at 0x800\n")
        header = anec_container.HEADER.size
        content = old.read_bytes()[0x1000:]
        for path in (new, assembled):
            data = path.read_bytes()
            assert data[:header] == old.read_bytes()[:header]
            assert not any(data[header:0x800])
            assert data[0x800:] == content

    def test_coefficient_bars_are_renumbered_too(self, cli, tmp_path):
        done = cli("anec", example("chain"), "-o", tmp_path / "c.anec")
        assert done.code == 0
        program = formats.load(str(tmp_path / "c.anec")).program
        assert [task.words[9] for task in program.tasks] == [task.words[9] for task in loaded("chain").tasks]
        assert "output[0] = 4.0" in cli("emulate", tmp_path / "c.anec").out

    def test_a_file_in_order_keeps_its_text(self, cli, tmp_path):
        told = cli("anec", example("chain"), "-o", tmp_path / "c.anec").err.splitlines()
        assert told[0].startswith("BAR order: bar 4 = y (output), 5 = ")
        assert len(told) == 2
        content = anec_container.read(memoryview((tmp_path / "c.anec").read_bytes())).content
        assert bytes(content).startswith(loaded("chain").text.to_bytes())

    def test_header_says_what_libane_allocates(self):
        program = renumber(loaded("chain"), bound_order(loaded("chain")))
        drafts = [complete(builders.H13, {}, {}), complete(builders.H13, {"W6": {"TDE": 1}}, {}, dtid=3)]
        program = program._replace(text=lay_out(builders.H13, drafts))
        text = program.text.to_bytes()
        const = memoryview(bytes(0x4000 - len(text) % 0x4000 + 1))
        found = anec_container.read(memoryview(joined(write(program._replace(const=const), 0x1000))))
        assert (found.task_bytes, found.task_count) == (program.tasks[0].size_bytes, 2)
        assert (found.text_bytes, found.coefficient_bytes) == (len(text), len(const))
        assert (found.inputs, found.outputs) == (2, 1)
        assert found.tiles == (2, 0, 0, 1, 1, 1, 1) + (0,) * 25
        assert found.shapes[4] == (1, 2, 1, 32, 64, 64)

    def test_planes_and_rows_come_back(self):
        program = builders.elementwise()
        program = renumber(program, bound_order(program))
        again = load_anec(memoryview(joined(write(program, 0x800))), "x.anec").program
        known = {tensor.bar: tensor for tensor in program.tensors}
        for one in again.tensors:
            assert one == known[one.bar]._replace(name=one.name)

    def test_coefficients_follow_at_the_next_multiple_of_16(self):
        program = renumber(loaded("conv"), bound_order(loaded("conv")))
        again = load_anec(memoryview(joined(write(program, 0x1000))), "x.anec").program
        assert again.const_offset == -(-program.text.size_bytes // 16) * 16
        assert bytes(again.const) == bytes(program.const)

    def test_what_libane_cannot_do_is_refused(self):
        program = loaded("mul")
        with pytest.raises(UnsupportedError, match="this program is for H16"):
            arrange(loaded("add16"))
        strange = program.tensors[0]._replace(dtype="int8")
        with pytest.raises(UnsupportedError, match="tensor a is int8"):
            write(program._replace(tensors=(strange, *program.tensors[1:])), 0x1000)
        many = tuple(program.tensors[0]._replace(name=f"t{n}", bar=4 + n) for n in range(29))
        with pytest.raises(UnsupportedError, match="29 inputs and outputs"):
            write(program._replace(tensors=many), 0x1000)

    def test_bars_that_would_change_their_meaning_are_refused(self):
        program = with_bindings(loaded("mul"), {"a": 14, "b": 15, "y": 16})
        with pytest.raises(UnsupportedError, match="RBase0 selects BAR 4, which no tensor uses now"):
            renumber(program, bound_order(program))
