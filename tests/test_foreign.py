"""Files that hold no program are called what they are, in one line with a next step."""

import struct

import pytest
from conftest import one_line

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
