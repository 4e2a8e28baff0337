"""Fresh containers: any program goes in, and every reader finds it again."""

import builders
import pytest
from conftest import EXAMPLE_NAMES, loaded, one_line
from make import tensor

from hwx2py import emitter, formats
from hwx2py.errors import ContainerError, UnsupportedError
from hwx2py.formats.hwx import structs
from hwx2py.formats.hwx.create import create
from hwx2py.formats.hwx.image import Binding
from hwx2py.formats.hwx.parse import parse
from hwx2py.formats.hwx.read import load
from hwx2py.program.program import KernelSegment, Program, Tensor


def joined(pieces) -> bytes:
    return b"".join(pieces)


def again(program: Program) -> Program:
    return load(memoryview(joined(create(program, "test"))), "x.hwx").program


@pytest.mark.parametrize("name", EXAMPLE_NAMES)
def test_script_alone_makes_a_container(cli, tmp_path, name):
    script, out = tmp_path / "s.py", tmp_path / "new.hwx"
    script.write_text(emitter.emit(loaded(name)).text)
    done = cli("assemble", script, "-o", out)
    assert (done.code, done.err.startswith(f"wrote {out}: ")) == (0, True)
    assert cli("diff", script, out, "--ignore", "noise").code == 0
    assert cli("info", out).code == cli(out, "-o", tmp_path / "again.py").code == 0
    assert formats.load(str(out)).program.text == loaded(name).text


def test_suffix_asks_for_an_anec(cli, tmp_path):
    script, out = tmp_path / "s.py", tmp_path / "new.anec"
    script.write_text(emitter.emit(loaded("mul")).text)
    done = cli("assemble", script, "-o", out)
    assert (done.code, "BAR order: bar 4 = y (output), 5 = a, 6 = b" in done.err) == (0, True)
    assert "output[0] = 6.0" in cli("emulate", out).out
    script.write_text(emitter.emit(loaded("add16")).text)
    done = cli("assemble", script, "-o", tmp_path / "other.anec")
    assert (done.code, one_line(done.err), (tmp_path / "other.anec").exists()) == (2, True, False)


def test_script_of_an_anec_goes_back_and_into_a_container(cli, tmp_path):
    anec, script, back, out = (tmp_path / name for name in ("c.anec", "c.py", "back.anec", "new.hwx"))
    cli("anec", builders_file(tmp_path, loaded("conv")), "-o", anec)
    assert cli(anec, "-o", script).code == 0
    assert cli("assemble", script, "--onto", anec, "-o", back).code == 0
    assert back.read_bytes() == anec.read_bytes()
    assert cli("assemble", script, "-o", out).code == 0
    assert cli("diff", out, anec, "--ignore", "noise").code == 0


def builders_file(folder, program: Program):
    path = folder / "program.hwx"
    path.write_bytes(joined(create(program, "test")))
    return path


def test_binding_counts_one_batch_element_and_the_tensor_all():
    x = Tensor("x", "input", 4, (3, 2, 3, 32), (0x200, 192, 64, 2), "float16", 2 * 0x200 + 384)
    program = loaded("mul")._replace(tensors=(x, *loaded("mul").tensors[1:]))
    image = parse(memoryview(joined(create(program, "test"))))
    assert next(image.values(Binding)).fields.total_bytes == 384
    assert again(program).tensors[0] == x


def test_bytes_of_bool_rows_are_what_the_file_says():
    x = Tensor("x", "input", 4, (1, 1, 375, 375), (144000, 144000, 384, 1), "uint8", 144000)
    program = loaded("mul")._replace(tensors=(x, *loaded("mul").tensors[1:]))
    assert again(program).tensors[0] == x


def test_scratch_is_as_large_as_its_section(cli, tmp_path):
    data = bytearray(joined(create(loaded("chain"), "test")))
    place = next(c.offset for c in parse(memoryview(bytes(data))).commands if getattr(c.value, "kind", 0) == 1)
    word = place + structs.PROGRAM_LAYOUTS[1].scratch_bytes
    size = int.from_bytes(data[word : word + 4], "little")
    for said, size_bytes in ((size // 2, size), (0, size), (4 * size, 4 * size)):
        data[word : word + 4] = said.to_bytes(4, "little")
        program = load(memoryview(bytes(data)), "x.hwx").program
        assert program.scratch.size_bytes == size_bytes
        notes = [note for note in program.origin.notes if "scratch" in note]
        assert len(notes) == (1 if said else 0)


def test_added_buffers_and_kernel_segments_come_back():
    program = loaded("conv")
    extra = tensor("extra", "input", 11, 7, 5, 3)
    kernel = KernelSegment("__KERN_3", 12, memoryview(bytes(range(100))))
    grown = program._replace(tensors=(*program.tensors, extra), kernels=(kernel,))
    read = again(grown)
    assert read.tensors == grown.tensors
    assert [(k.name, k.bar, bytes(k.data)) for k in read.kernels] == [("__KERN_3", 12, bytes(range(100)))]


def mul_with(**fields) -> Program:
    first, *rest = loaded("mul").tensors
    return loaded("mul")._replace(tensors=(first._replace(**fields), *rest))


REFUSED = {
    "no tensors": (lambda: loaded("mul")._replace(tensors=()), "no inputs and outputs"),
    "a reserved BAR": (lambda: mul_with(bar=2), "tensor a is BAR 2"),
    "a BAR too high": (lambda: mul_with(bar=32), "tensor a is BAR 32"),
    "too large": (lambda: mul_with(size_bytes=1 << 33), "more than an engine addresses"),
    "batches outside": (lambda: mul_with(shape=(9, 1, 1, 1)), "does not lie in its"),
    "a NUL": (lambda: mul_with(name="a\0b"), "has a NUL"),
    "a kernel's name": (
        lambda: loaded("mul")._replace(kernels=(KernelSegment("odd", 9, memoryview(b"x")),)), "is named __KERN_n",
    ),
}  # fmt: skip


@pytest.mark.parametrize("what", REFUSED)
def test_what_no_reader_would_find_again_is_refused(what):
    make, words = REFUSED[what]
    with pytest.raises(UnsupportedError, match=words):
        create(make(), "test")


def test_programs_of_the_builders_go_in():
    program = builders.elementwise("Max", (2, 3, 4))
    assert again(program).tensors == program.tensors


def test_buffers_beyond_what_the_engine_addresses_are_refused():
    data = bytearray(joined(create(loaded("chain"), "test")))
    for section in parse(memoryview(bytes(data))).sections():
        if section.name == ("__DATA", "__bss"):
            row = structs.SECTION.pack(*section.fields)
            huge = structs.SECTION.pack(*section.fields._replace(size_bytes=(1 << 64) - 1))
            data = bytearray(bytes(data).replace(row, huge))
    with pytest.raises(ContainerError, match="more than the engine can address"):
        load(memoryview(bytes(data)), "x.hwx")
