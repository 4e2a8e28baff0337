"""The candidate property list for compiling again."""

import plistlib
import re

import pytest
from conftest import ROOT, example, loaded, one_line

from hwx2py import net_options

PAGE = (ROOT / "docs" / "net_options.md").read_text()
FLAGS = ("-t h13", "--fl2-cache-mode=resident", "-i ./net.plist", "-o ./model.hwx", "-g")


def test_candidate_without_a_program(cli):
    done = cli("net-options")
    assert done.code == 0
    assert plistlib.loads(done.out.encode()) == net_options.CANDIDATE
    assert done.err == f"note: {net_options.NOTE}\n"


def test_flags_go_in_except_those_that_name_files():
    found = plistlib.loads(net_options.write(FLAGS))
    assert found == net_options.CANDIDATE | {"ModuleCompilationFlags": ["-t h13", "--fl2-cache-mode=resident", "-g"]}


def test_the_file_says_that_it_is_a_hypothesis():
    comment = re.search(rb"<!-- (.*) -->", net_options.write())
    assert comment
    assert b"unverified hypothesis" in comment[1]
    assert b"--" not in comment[1]


def test_a_file_is_written_and_told(cli, tmp_path):
    done = cli("net-options", example("mul"), "-o", tmp_path / "net_options.plist")
    assert done.code == 0
    assert done.err.startswith(f"wrote {tmp_path / 'net_options.plist'}: 6 options\n")
    found = plistlib.loads((tmp_path / "net_options.plist").read_bytes())
    assert found == net_options.options(loaded("mul").origin.flags)


def test_a_program_without_flags_is_told(cli, tmp_path):
    cli("anec", example("mul"), "-o", tmp_path / "mul.anec")
    done = cli("net-options", tmp_path / "mul.anec")
    assert "names no compiler flags" in done.err
    assert plistlib.loads(done.out.encode()) == net_options.CANDIDATE


@pytest.mark.parametrize("path", ["missing.hwx", ROOT / "README.md"])
def test_what_is_no_program_is_told(cli, path):
    done = cli("net-options", path)
    assert (done.code, done.out) == (2, "")
    assert one_line(done.err)


def test_keys_and_values_of_the_page_are_those_of_the_code():
    for key, value in net_options.CANDIDATE.items():
        assert re.search(rf"^\| `{key}` \| `?{re.escape(str(value))}`? \|", PAGE, re.MULTILINE), key
    assert f"| `{net_options.FLAGS_KEY}` |" in PAGE


def test_the_experiment_has_five_steps():
    assert re.findall(r"^(\d)\. ", PAGE, re.MULTILINE) == ["1", "2", "3", "4", "5"]
