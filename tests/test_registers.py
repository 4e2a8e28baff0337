"""The register table as `registers` shows it."""

import json

import pytest
from conftest import ROOT, one_line

from hwx2py.errors import RegisterError
from hwx2py.listing import archs, registers
from hwx2py.registers import by_name, every


@pytest.mark.parametrize(
    ("name", "wanted"),
    [
        ("PE", ["PE.Cfg", "PE.BiasScale", "PE.PreScale", "PE.FinalScale"]),
        ("pe.cfg", ["PE.Cfg"]),
        ("OpMode", ["PE.Cfg", "NE.MACCfg"]),
        ("PE.OpMode", ["PE.Cfg"]),
        ("PE.Cfg.OpMode", ["PE.Cfg"]),
        ("0x8800", ["PE.Cfg"]),
        ("0x1f84c", ["KernelDMASrc.CoeffBaseAddr"]),
        ("CoeffBaseAddr[3]", ["KernelDMASrc.CoeffBaseAddr"]),
        ("ENE", ["Header.W8"]),
        ("W8", ["Header.W8"]),
    ],
)
def test_names(name, wanted):
    assert [entry.name for entry in registers.select(by_name("H13"), name)] == wanted


def test_a_field_comes_alone():
    (entry,) = registers.select(by_name("H13"), "PE.OpMode")
    assert [field.name for field in entry.fields] == ["OpMode"]


def test_a_name_of_the_source_is_found():
    (entry,) = registers.select(by_name("H16"), "MacCfg")[:1]
    assert entry.register.also == "MacCfg"


@pytest.mark.parametrize(
    ("name", "near"), [("opmod", "OpMode"), ("SourceChanelStride", "SourceChannelStride"), ("zzzz", "give a block")]
)
def test_an_unknown_name_suggests_near_ones(name, near):
    with pytest.raises(RegisterError, match=near):
        registers.select(by_name("H13"), name)


@pytest.mark.parametrize("name", ["0xfffff0", "0xzz"])
def test_an_address_without_a_register(name):
    with pytest.raises(RegisterError):
        registers.select(by_name("H13"), name)


def test_an_address_that_no_source_names_has_its_place():
    (entry,) = registers.select(by_name("H13"), "0x13840")
    assert entry.name == "TileDMASrc.Unk13840"


@pytest.mark.parametrize("arch", every(), ids=lambda arch: arch.name)
def test_every_row_is_shown(arch):
    entries = registers.select(arch)
    rows = [register for block in arch.all_blocks() for register in block.registers]
    assert [entry.register for entry in entries] == rows
    text = "\n".join(registers.as_text(arch, entries))
    assert all(field.meaning in text for register in rows for field in register.fields)


def register_data(arch: str, name: str) -> dict:
    return registers.as_data(by_name(arch), registers.select(by_name(arch), name))["registers"][0]


def test_what_the_machine_knows_is_shown():
    assert register_data("H14", "PE.FinalScale")["start"]["word"] == 0x3F800000
    assert register_data("H13", "PE.FinalScale")["start"] is None
    (ignored,) = register_data("H13", "L2.L2Cfg")["ignored"]
    assert ignored["mask"] == 0x100
    assert "M1" in ignored["evidence"]
    (idle,) = register_data("H13", "NE.MACCfg")["idle"]
    assert idle["word"] == 0x100000


def test_fields_say_values_units_and_sources():
    (field,) = register_data("H13", "PE.OpMode")["fields"]
    assert (field["msb"], field["lsb"], field["values"]["1"]) == (4, 2, "Mul")
    assert field["source"]
    assert field["confidence"] == "high"
    units = {
        name: register_data("H13", name)["fields"][0]["unit"] for name in ("Win", "SourceBase", "TID", "TileHeight")
    }
    assert units == {"Win": "elements", "SourceBase": "bytes", "TID": None, "TileHeight": None}


@pytest.mark.parametrize(
    ("arch", "name", "oldest"),
    [
        ("H13", "PE.Cfg", None),
        ("H14", "PE.Cfg", "H13"),
        ("H15", "Common.Cin", "H13"),
        ("H14", "Common.OCGSize", None),
        ("H15", "Common.OCGSize", "H14"),
    ],
)
def test_rows_say_from_where_they_are_carried(arch, name, oldest):
    assert register_data(arch, name)["carried_from"] == oldest


def test_the_m6_has_its_neural_block_a_word_further_on():
    for arch, place in (("H18", 0x4904), ("H19", 0x4908)):
        assert by_name(arch).address("NE.MACCfg") == place
    assert by_name("H19").address("NE.PostScale") == 0x4914
    assert by_name("H19").address("NE.RcasConfig") == 0x4918


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("ENE", "0 is the planar engine"),
        ("OCGSize", "log2 of the lanes"),
        ("Ox", "2 halves Wout"),
        ("ArgOutputSelect", "0 and 1 give the same"),
        ("SPL", "a run of tasks begins"),
        ("PatchWidth", "planar engine"),
        ("PE.PreScale.PreScale", "factor on source 1"),
        ("ResultType", "L2ChainWrite"),
    ],
)
def test_riddles_are_answered(cli, name, words):
    assert words in cli("registers", "h13", name).out


def test_command(cli):
    done = cli("registers", "h16", "0x4904", "--json")
    assert done.code == 0
    data = json.loads(done.out)
    assert data["arch"] == "H16"
    assert data["registers"][0]["register"] == "NE.MACCfg"
    text = cli("registers", "H13", "PE.OpMode").out
    assert "OpMode: operation; 0 Add, 1 Mul, 2 Max, 3 Min, 4 SumSquares" in text


@pytest.mark.parametrize("arguments", [["h99"], ["h12"], ["h13", "nothing"]])
def test_errors_are_a_line(cli, arguments):
    done = cli("registers", *arguments)
    assert done.code == 2
    assert one_line(done.err)


def test_archs_come_from_the_rows(cli):
    data = {row["arch"]: row for row in json.loads(cli("archs", "--json").out)}
    assert {name for name, row in data.items() if row["virtual_ane"]} == {
        arch.name for arch in every() if arch.machine.executes
    }
    assert data["H13"]["driver"] == "ABI 1"
    assert data["H13"]["confirmed"]
    assert not data["H15"]["confirmed"]
    text = cli("archs").out
    assert all(arch.evidence in text for arch in every())
    assert "no run on hardware confirms its results" in text


def test_readme_has_the_table(cli):
    assert archs.markdown([archs.support(arch) for arch in every()]) in (ROOT / "README.md").read_text()
    assert cli("archs", "--markdown").out.strip() in (ROOT / "README.md").read_text()
