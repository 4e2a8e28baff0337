"""Files that hold no program are called what they are, in one line with a next step."""

import struct
import tarfile
import zipfile

import pytest
from conftest import one_line

from hwx2py.errors import ArchitectureError
from hwx2py.registers import by_name

FILES = {
    "picture.png": (b"\x89PNG\r\n\x1a\n" + bytes(40), "a PNG picture"),
    "model.zip": (b"PK\x03\x04" + bytes(40), "a zip archive"),
    "model.hwx.gz": (b"\x1f\x8b\x08" + bytes(40), "gunzip"),
    "program": (b"\x7fELF" + bytes(60), "an ELF binary"),
    "tool": (struct.pack("<2I", 0xFEEDFACF, 0x0100000C) + bytes(24), "a macOS binary for arm64"),
    "fat": (b"\xca\xfe\xba\xbe" + bytes(40), "a universal macOS binary"),
    "odd.hwx": (struct.pack("<2I", 0xBEEFFACE, 0x99) + bytes(24), "unknown cputype 0x99"),
    "data.json": (b'  {"a": 1}', "a JSON text"),
    "notes.txt": ("Gr\u00fc\u00dfe\n".encode(), "this is a text"),
    "model.mil": (b"program(1.0)\n[buildInfo]", "a Core ML program in text form"),
    "model.mlmodel": (b"\x08\x04\x12\x10\x0a\x05image", "a Core ML model"),
    "net.plist": (b"<?xml version='1.0'?>", "an XML text"),
    "array.npy": (b"\x93NUMPY\x01\0", "a NumPy array"),
    "words.txt": (b"00680000 00000001\n", "a text of hex digits"),
    "net.onnx": (b"\x08\x08\x12\x07pytorch:", "a network in ONNX"),
    "net": (b"\x08\x0a\x3a\x99\x01" + bytes(40), "hwx2py compile"),
    "net.tflite": (b"\x1c\0\0\0TFL3" + bytes(40), "a TensorFlow Lite model"),
    "weights.safetensors": (b'\x40\0\0\0\0\0\0\0{"w":{}}' + bytes(40), "weights (safetensors)"),
    "weights.pkl": (b"\x80\x02}q\x00." + bytes(40), "a Python pickle"),
    "pointer.hwx": (b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 12\n", "`git lfs pull`"),
    "tar.hwx": (bytes(257) + b"ustar\x0000" + bytes(300), "a tar archive"),
    "empty": (b"", "the file is empty"),
    "noise": (b"\x01\x02\x03\xff" * 9, "begins with 010203ff"),
}


@pytest.mark.parametrize("name", FILES)
def test_file_is_called_what_it_is(cli, tmp_path, name):
    data, words = FILES[name]
    (tmp_path / name).write_bytes(data)
    done = cli("info", tmp_path / name)
    assert (done.code, done.out, one_line(done.err)) == (2, "", True)
    assert words in done.err
    assert "; " in done.err


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("m.mlmodelc", "is a compiled Core ML model"),
        ("m.mlpackage", "is a Core ML model"),
        ("d", "is a folder without programs"),
    ],
)
def test_folder_is_called_what_it_is(cli, tmp_path, name, words):
    (tmp_path / name).mkdir()
    done = cli("info", tmp_path / name)
    assert (done.code, one_line(done.err), words in done.err) == (2, True, True)


def test_archives_say_which_programs_are_in_them(cli, tmp_path):
    names = ["a/mul.hwx", "b.anec", "notes.txt", "c.ane", "d.HWX"]
    with zipfile.ZipFile(tmp_path / "some.zip", "w") as archive:
        for name in names:
            archive.writestr(name, "x")
    with tarfile.open(tmp_path / "some.tar", "w") as archive:
        for name in names:
            archive.addfile(tarfile.TarInfo(name))
    with zipfile.ZipFile(tmp_path / "net.pt", "w") as archive:
        archive.writestr("net/data.pkl", "x")
    for name, words in (
        ("some.zip", "programs in it (a/mul.hwx, b.anec, c.ane, ...); unpack it first (`unzip`)"),
        ("some.tar", "programs in it (a/mul.hwx, b.anec, c.ane, ...); unpack it first (`tar -xf`)"),
        ("net.pt", "a model of PyTorch"),
    ):
        done = cli("info", tmp_path / name)
        assert (done.code, one_line(done.err), words in done.err) == (2, True, True), done.err


def test_chips_name_architectures():
    for chip, arch in (("M1", "H13"), ("m2 max", "H14"), ("M2Pro", "H14"), ("T8103", "H13"), ("A19 Pro", "H18")):
        assert by_name(chip).name == arch, chip
    for name in ("M11", "M0", ""):
        with pytest.raises(ArchitectureError):
            by_name(name)
