"""The register tables: sound in themselves, named alike on every architecture, and true to the sources.

The last part compares with the task streams and tables that lie in `shared` beside the repository; it is skipped
where there is none.
"""

import importlib
import itertools
import json
from array import array
from collections.abc import Iterator
from pathlib import Path

import pytest

from hwx2py.errors import RegisterError
from hwx2py.program.streams import STREAMS, Pending
from hwx2py.program.task import Task
from hwx2py.registers import Architecture, Block, Field, by_name, every
from hwx2py.registers.derive import carry, edit, redo, row, shift, span
from hwx2py.registers.h13 import COMMON
from hwx2py.registers.kinds import FP16, FP32

LEVELS = ("low", "medium", "high")
WIDTHS = {FP16: 16, FP32: 32}

SHARED = Path(__file__).parents[1].parent / "shared"
needs_shared = pytest.mark.skipif(
    not SHARED.is_dir(), reason="no folder `shared` with the sources beside the repository"
)


def blocks_of(arch: Architecture) -> list[Block]:
    """Every block that the architecture's module has, those without an address included."""
    module = importlib.import_module(f"hwx2py.registers.{arch.name.lower()}")
    return [*arch.all_blocks(), *getattr(module, "UNPLACED_BLOCKS", ())]


def fields_of(arch: Architecture) -> Iterator[tuple[str, Field]]:
    """`Block.Register.Field` and the row."""
    for block in blocks_of(arch):
        for register in block.registers:
            for field in register.fields:
                yield f"{block.name}.{register.name}.{field.name}", field


ARCHITECTURES = [pytest.param(arch, id=arch.name) for arch in every()]


def repeated(names: list) -> set:
    """What occurs more than once."""
    return {name for name in names if names.count(name) > 1}


@pytest.mark.parametrize("arch", ARCHITECTURES)
class TestBlock:
    """What holds for every block, whatever the chip."""

    def test_fields_do_not_overlap(self, arch):
        for block in blocks_of(arch):
            for register in block.registers:
                taken = 0
                for field in register.fields:
                    assert 0 <= field.lsb <= field.msb <= 31, f"{block.name}.{register.name}.{field.name}"
                    assert not taken & field.mask, f"{block.name}.{register.name}.{field.name} overlaps another field"
                    taken |= field.mask

    def test_no_two_registers_share_an_address(self, arch):
        for block in blocks_of(arch):
            offsets = [register.offset + 4 * i for register in block.registers for i in range(register.count)]
            assert not repeated(offsets), block.name

    def test_names_are_unique(self, arch):
        for block in blocks_of(arch):
            assert not repeated([register.name for register in block.registers]), block.name
            for register in block.registers:
                assert not repeated([field.name for field in register.fields]), f"{block.name}.{register.name}"

    def test_registers_lie_in_the_block(self, arch):
        for block in blocks_of(arch):
            for register in block.registers:
                assert register.offset % 4 == 0, f"{block.name}.{register.name}"
                assert 0 <= register.offset <= 4 * (block.words - register.count), f"{block.name}.{register.name}"

    def test_every_row_says_what_it_means(self, arch):
        for block in blocks_of(arch):
            assert block.meaning, block.name
            for register in block.registers:
                assert register.meaning, f"{block.name}.{register.name}"
                assert register.confidence in LEVELS, f"{block.name}.{register.name}"
                for field in register.fields:
                    assert field.meaning, f"{block.name}.{register.name}.{field.name}"
                    assert field.source, f"{block.name}.{register.name}.{field.name}"
                    assert field.confidence in ("", *LEVELS), f"{block.name}.{register.name}.{field.name}"

    def test_kinds_fit(self, arch):
        for block in blocks_of(arch):
            for register in block.registers:
                for field in register.fields:
                    width = field.msb - field.lsb + 1
                    assert width == WIDTHS.get(field.kind, width), f"{block.name}.{register.name}.{field.name}"

    def test_enumerations_fit(self, arch):
        for block in blocks_of(arch):
            for register in block.registers:
                for field in register.fields:
                    names = dict(field.enum or {})
                    assert not repeated(list(names.values())), f"{block.name}.{register.name}.{field.name}"
                    for number in names:
                        assert field.number(field.encode(number)) == number, (
                            f"{block.name}.{register.name}.{field.name}"
                        )


@pytest.mark.parametrize("arch", ARCHITECTURES)
class TestArchitecture:
    """What holds for every architecture."""

    def test_blocks_do_not_overlap(self, arch):
        spans = sorted((block.base, block.base + 4 * block.words) for block in arch.blocks)
        assert all(one[1] <= two[0] for one, two in itertools.pairwise(spans))
        assert not repeated([block.name for block in arch.all_blocks()])

    def test_header_rows_are_contiguous_and_end_with_dtid(self, arch):
        registers = arch.header.registers
        assert [register.offset for register in registers] == list(range(0, 4 * len(registers), 4))
        assert [register.name for register in registers] == [*(f"W{i}" for i in range(arch.header_words)), "DTID"]
        assert arch.header.words == len(registers)

    def test_dtid_flag_is_the_field_tde(self, arch):
        word, bit = arch.dtid_flag
        place = arch.place("Header.TDE")
        assert (place.address, place.field.lsb, place.field.msb) == (4 * word, bit, bit)

    def test_noise_is_masks_and_costs_only(self, arch):
        noise = {field.name for register in arch.header.registers for field in register.fields if field.is_noise}
        assert noise <= {"ExeCycles", "LogEvents", "DebugLogEvents", "DebugExceptions", "NextPriority"}
        assert {"ExeCycles", "LogEvents", "DebugLogEvents"} <= noise

    def test_identity(self, arch):
        assert arch.stream in STREAMS
        assert arch.confidence in LEVELS
        assert arch.chips
        assert arch.evidence
        assert (arch.machine.driver == "ABI 1") == (arch.name == "H13")
        assert arch.program_kind == (4 if arch.stream == "records" else 1)
        assert arch.carries_state == (arch.stream == "linked")

    def test_rows_of_the_machine_name_registers(self, arch):
        machine = arch.machine
        assert not (arch.carries_state and machine.start)
        assert not repeated([start.register for start in machine.start])
        for fact in machine.start:
            assert arch.find_register(fact.register), fact.register
            assert fact.evidence, fact.register
        assert all(fact.evidence for fact in (*machine.rates, *machine.submits))
        assert all(0 < rate.least_tflops <= rate.most_tflops for rate in machine.rates)
        assert bool(machine.cycles_per_block) == bool(machine.cycles_evidence)

    def test_a_value_that_means_the_same_has_one_name(self, arch):
        theirs = {name: field.enum for name, field in fields_of(by_name("H13")) if field.enum}
        if arch.name > "H14":
            del theirs["PE.Cfg.Cond"]  # one bit for Abs there; since H15 three bits, of which 7 is Abs
        for name, field in fields_of(arch):
            for number, meaning in (field.enum or {}).items():
                assert theirs.get(name, {}).get(number, meaning) == meaning, name


#: Meanings that H13 and all later architectures have, by H13's names.
SHARED_NAMES = """
    Header.TID Header.ExeCycles Header.LogEvents Header.Exceptions Header.TDE Header.TSR Header.ENE Header.DTID
    Common.Win Common.Hin Common.Din Common.Cin Common.Wout Common.Hout Common.Dout Common.Cout
    Common.ChCfg.InFmt Common.ChCfg.Src2InFmt Common.ChCfg.OutFmt Common.NumGroups Common.OCGSize
    Common.ConvCfg.Kw Common.ConvCfg.Kh Common.ConvCfg.Sx Common.ConvCfg.Sy Common.ConvCfg.Px Common.ConvCfg.Py
    Common.ConvCfg.Ox Common.ConvCfg.Oy Common.ConvCfg3d.Kd Common.UnicastEn Common.UnicastCin Common.ElemMultMode
    Common.TileCfg.TileHeight Common.PatchCfg.PatchWidth Common.PatchCfg.PatchHeight
    Common.PECfg.Src1BroadcastC Common.PECfg.Src2BroadcastW Common.PECfg.Src2Transpose Common.PECfg.OutputTranspose
    Common.Cfg.TaskType Common.Cfg.ActiveNE Common.Cfg.SmallSourceMode Common.Cfg.OutTrans Common.Cfg.ShPref
    Common.TaskInfo.NID Common.DPE.Category
    L2.L2Cfg.InputReLU L2.L2Cfg.PaddingMode L2.SourceCfg.SourceType L2.SourceCfg.Dependent L2.SourceCfg.DMAFmt
    L2.SourceCfg.DMAInterleave L2.SourceCfg.AliasPlanarSrc L2.SourceBase.Addr L2.SourceChannelStride.Stride
    L2.SourceRowStride.Stride L2.Source2Base.Addr L2.Source2GroupStride.Stride L2.ResultCfg.ResultType
    L2.ResultCfg.L2BfrMode L2.ResultBase.Addr L2.ResultChannelStride.Stride L2.ResultRowStride.Stride
    PE.Cfg.OpMode PE.Cfg.PoolMode PE.Cfg.Cond PE.Cfg.NLMode PE.FirstSrc PE.SecSrc
    PE.Bias PE.Scale PE.Epsilon PE.PreScale PE.FinalScale
    NE.KernelCfg.KernelFmt NE.KernelCfg.PalettizedBits NE.KernelCfg.AlignmentFmt NE.MACCfg.OpMode
    NE.MACCfg.KernelMode NE.MACCfg.BiasMode NE.MACCfg.MatrixBiasEn NE.MACCfg.BinaryPoint NE.MACCfg.PostScaleMode
    NE.NonlinearMode NE.MatrixVectorBias NE.AccBias NE.PostScale
    TileDMASrc.Src1DMAConfig.En TileDMASrc.Src1DMAConfig.CacheHint TileDMASrc.Src1BaseAddr.Addr
    TileDMASrc.Src1RowStride.Stride TileDMASrc.Src1PlaneStride.Stride TileDMASrc.Src1DepthStride.Stride
    TileDMASrc.Src1GroupStride.Stride TileDMASrc.Src2DMAConfig.En TileDMASrc.Src2BaseAddr.Addr
    TileDMASrc.Src2RowStride.Stride
    TileDMADst.DMAConfig.En TileDMADst.DMAConfig.CacheHint TileDMADst.DMAConfig.L2BfrMode TileDMADst.BaseAddr.Addr
    TileDMADst.RowStride.Stride TileDMADst.PlaneStride.Stride TileDMADst.GroupStride.Stride
    KernelDMASrc.MasterConfig.MasterEnable KernelDMASrc.CoeffDMAConfig.En KernelDMASrc.CoeffDMAConfig.CacheHint
    KernelDMASrc.CoeffBaseAddr.Addr KernelDMASrc.CoeffBfrSize.MemBfrSize KernelDMASrc.NonLinearLutDMAConfig.En
    KernelDMASrc.NonLinearLutBfrSize.MemBfrSize
"""

#: Meanings that the later ones share, as far as H18 (whose Fmt words nobody can read yet).
FORMAT_NAMES = """
    TileDMASrc.Src1Fmt.FmtMode TileDMASrc.Src1Fmt.MemFmt TileDMASrc.Src1Fmt.Interleave TileDMASrc.Src2Fmt.Truncate
    TileDMADst.Fmt.MemFmt TileDMADst.Fmt.ZeroPadFirst TileDMADst.Fmt.Interleave
"""


@pytest.mark.parametrize("arch", [param for param in ARCHITECTURES if param.id != "H11"])
def test_h13_names_are_reused(arch):
    missing = [name for name in SHARED_NAMES.split() if arch.find_place(name) is None]
    assert not missing
    if arch.name not in ("H18", "H19"):
        assert not [name for name in FORMAT_NAMES.split() if arch.find_place(name) is None]


def test_h11_has_names_but_no_addresses():
    h11 = by_name("H11")
    assert not h11.blocks
    names = {name for name, _ in fields_of(h11)}
    theirs = {name for name, _ in fields_of(by_name("H13"))}
    assert {"Common.InDim.Win", "NE.MACCfg.OpMode", "TileDMASrc.Src1RowStride.Stride"} <= names & theirs


class TestDerive:
    """The helpers that make one generation's rows out of another's."""

    def test_redo_replaces_adds_and_drops(self):
        wide = row(COMMON, "InDepth")._replace(offset=0x40)
        block = redo(COMMON, wide, wide._replace(name="New", offset=0x44), drop=("Cin",), words=18)
        assert row(block, "InDepth").offset == 0x40
        assert block.registers[-1].name == "New"
        assert len(block.registers) == len(COMMON.registers)
        assert block.words == 18

    def test_redo_and_carry_refuse_unknown_names(self):
        with pytest.raises(KeyError):
            redo(COMMON, drop=("Nothing",))
        with pytest.raises(KeyError, match="Nothing"):
            carry(COMMON, "a source", "low", "Nothing")

    def test_edit_keeps_fields_in_order(self):
        fields = edit(row(COMMON, "Cfg"), Field("New", 1, 0, "m", "s"), drop=("ShMin", "Unk0", "Source2Dma")).fields
        assert [field.name for field in fields][:2] == ["New", "SmallSourceMode"]
        assert "ShMin" not in {field.name for field in fields}

    def test_span_and_shift(self):
        moved = shift(span(COMMON, "Cin", "OutDim"), 8)
        assert [(register.name, register.offset) for register in moved] == [("Cin", 20), ("Cout", 24), ("OutDim", 28)]

    def test_carry_caps_what_no_stream_confirms(self):
        block = carry(COMMON, "notes", "medium", "Cfg", "streams")
        assert (row(block, "InDim").confidence, row(block, "InDim").fields[0].source) == ("medium", "notes")
        assert (row(block, "Cfg").confidence, row(block, "Cfg").fields[0].source) == ("high", "streams")


# ---------------------------------------------------------------------------------------------------------------
# Against the sources

#: Bits that streams set and no field names, by the register they lie in.
UNNAMED_BITS = {
    # 0x3211 for fp16 (0xf0003211 in the result's): H17's positions do not fit, and two words prove no others.
    ("h18", "TileDMASrc.Src1Fmt"): 0x3211,
    ("h18", "TileDMASrc.Src2Fmt"): 0x3211,
    ("h18", "TileDMADst.Fmt"): 0xF0003211,
}

#: A stream of the M6 (target h18g) lies among those of H18 and is none: its NE block lies one word further on.
NOT_H18 = "m6_"

GENERATIONS = ("h13", "h14", "h15", "h16", "h17", "h18")


def tasks_of(generation: str) -> Iterator[tuple[str, Task, list[int]]]:
    """Name, descriptor and record headers of every task that the decoded streams of a generation have."""
    arch = by_name(generation)
    stream = STREAMS[arch.stream]
    for path in sorted((SHARED / "hwx" / f"oracle-{generation}").glob("*.json")):
        for index, source in enumerate(json.loads(path.read_text())["tasks"]):
            words = [*source["header"], *filter(None, [source["extended"]])]
            for record in source["records"]:
                words += [record["header"], *record["words"]]
            place = f"{path.stem}, task {index}"
            data = memoryview(array("I", (int(word, 16) for word in words)))
            headers = [int(record["header"], 16) for record in source["records"]]
            yield place, stream.task(data, 0, arch, place), headers


def writes_of(task: Task) -> list[Pending]:
    """The task's register writes in stream order."""
    return [
        Pending(address, task.words[record.index + 1 + i], record.slot)
        for record in task.records
        for i, address in enumerate(record.addresses())
    ]


@needs_shared
@pytest.mark.parametrize("generation", GENERATIONS)
class TestStreams:
    """Real task streams: every word has a row, every set bit a field."""

    def test_every_address_has_a_row(self, generation):
        arch = by_name(generation)
        rows = {
            block.base + register.offset + 4 * i
            for block in arch.blocks
            for register in block.registers
            for i in range(register.count)
        }
        written = {
            write.address
            for place, task, _ in tasks_of(generation)
            if not place.startswith(NOT_H18)
            for write in writes_of(task)
        }
        assert written
        assert not {hex(address) for address in written - rows}

    def test_every_set_bit_has_a_field(self, generation):
        arch = by_name(generation)
        unnamed: dict[str, int] = {}
        for place, task, _ in tasks_of(generation):
            if place.startswith(NOT_H18):
                continue
            header = [(arch.header_location(i), word) for i, word in enumerate(task.words[: arch.header_words])]
            for location, value in [*header, *((arch.locate(write.address), write.value) for write in writes_of(task))]:
                if bits := value & ~location.register.named_mask:
                    name = f"{location.block.name}.{location.register.name}"
                    unnamed[name] = unnamed.get(name, 0) | bits
        unnamed = {name: bits for name, bits in unnamed.items() if ".Unk" not in name}
        assert unnamed == {name: bits for (where, name), bits in UNNAMED_BITS.items() if where == generation}

    def test_header_rows_fit(self, generation):
        arch = by_name(generation)
        for place, task, headers in tasks_of(generation):
            assert len(task.records) == len(headers), place
            assert task.header_words == len(task.words) - sum(record.count + 1 for record in task.records), place
            if arch.stream == "records":
                assert arch.place("Header.TaskSize").number(task.words[0]) == len(task.words), place

    def test_records_regroup(self, generation):
        arch = by_name(generation)
        stream = STREAMS[arch.stream]
        for place, task, headers in tasks_of(generation):
            writes = [write._replace(alone=arch.writes_alone(write.address, write.slot)) for write in writes_of(task)]
            assert [header for header, _ in stream.records(writes)] == headers, place


ALL = ("H11", "H13", "H14", "H15", "H16", "H17", "H18", "H19")
FROM_H15, FROM_H16, FROM_H17, FROM_H18 = ALL[3:], ALL[4:], ALL[5:], ALL[6:]

#: Where our rows leave the positions of the JSON tables: architectures, `Block.offset`, what goes, what comes
#: ((msb, lsb) pairs; None for "no row there", "*" for "whatever we have"), why.
CORRECTIONS = [
    (("H13",), "TileDMASrc.30 34 40 44 48 4c 60 64 68 6c", None, [], "written, named by no source"),
    (("H13",), "KernelDMASrc.4", None, [], "written, named by no source"),
    (("H13",), "Common.34", [], [(0, 0), (1, 1)], "follow from where the sources lie, without exception"),
    (("H14", "H15"), "Common.38", [], [(0, 0), (1, 1)], "follow from where the sources lie, without exception"),
    (FROM_H16, "Common.3c", [], [(0, 0), (1, 1)], "follow from where the sources lie, without exception"),
    (("H13",), "TileDMADst.0", [], [(18, 18), (19, 19), (22, 22), (23, 23), (24, 24)], "set in real files"),
    (("H13",), "L2.4", [], [(26, 26)], "set in a published program"),
    (("H14",), "TileDMADst.0", [], [(27, 27), (30, 30)], "set in a decoded program"),
    (("H19",), "NE.4 8 c 10 14 18 1c", [], "*", "the stream of an M6 has the block a word further on"),
    (("H19",), "NE.2c", [(7, 0)], None, "the stream of an M6 has the block a word further on"),
    (("H19",), "NE.20 30", None, "*", "the stream of an M6 has the block a word further on"),
    (("H14",), "KernelDMASrc.0", [], [(9, 9)], "set together with the enable"),
    (("H15",), "Header.8", [(23, 0)], [(25, 0)], "bits 24 and 25 are used"),
    (("H15",), "Header.1c", [], [(3, 3)], "last task"),
    (FROM_H16, "Header.8", [(23, 0)], [(26, 0)], "bit 26 is used"),
    (FROM_H16, "Header.18", [(23, 0)], [], "always 0; the field moved to the next word"),
    (FROM_H16, "Common.30", [], [(15, 15)], "ElemMultMode: set in pow's multiply"),
    (("H16",), "Common.4c", [(31, 0)], [(20, 20)], "one bit that marks NE tasks"),
    (FROM_H17, "Common.4c", [(31, 0)], [(21, 21)], "one bit that marks NE tasks"),
    (FROM_H16, "Common.50", [(31, 0)], [(3, 0)], "as on H15"),
    (("H15",), "L2.4", [], [(20, 20), (22, 22)], "set in streams"),
    (
        ("H15",),
        "L2.8 c 10 14 18 1c 20 24 28 2c 30 34 38 3c 40 44 48",
        None,
        "*",
        "H14's layout with a second source config, as streams write it",
    ),
    (FROM_H16, "L2.48", [], [(20, 20), (22, 22)], "set in streams"),
    (FROM_H17, "PE.0", [(18, 16), (21, 19)], [(16, 16), (19, 18)], "a subtraction sets bits 19:18, as on H13"),
    (FROM_H15, "PE.4 8 c 10 14", [(18, 0)], [(31, 0)], "whole fp32 words"),
    (("H15",), "NE.0", [], [(16, 16)], "set with a lookup table"),
    (("H18",), "NE.4", [], [(27, 27)], "set in streams"),
    (("H15",), "TileDMASrc.0", [], [(23, 16), (27, 24), (29, 28)], "as on H16"),
    (
        ("H15",),
        "TileDMASrc.4 8 c 10 14 18 1c 20 24 28 2c 30 34 38 3c 40 44 48 4c 50 54 58 5c 60 64 68 6c",
        None,
        "*",
        "H16's layout, as streams write it",
    ),
    (("H16", "H17"), "TileDMASrc.0 4", [(7, 5)], [(7, 4)], "cache hint 2 is 0x20"),
    (("H16", "H17"), "TileDMASrc.8 c", [(7, 0)], [(3, 0), (7, 4)], "H14's pair of hints"),
    (FROM_H18, "TileDMASrc.0 4", [], [(7, 4)], "cache hint"),
    (FROM_H18, "TileDMASrc.8 c", None, [(3, 0), (7, 4)], "H14's pair of hints"),
    (FROM_H18, "TileDMASrc.10 14 70 74", None, [], "written; positions unknown"),
    (FROM_H15, "TileDMADst.0", [], [(7, 4), (24, 24)], "cache hint and buffer mode"),
    (FROM_H18, "TileDMADst.8 40", None, [], "written; positions unknown"),
    (("H15",), "KernelDMASrc.0", [], [(4, 4), (5, 5), (7, 7), (9, 9), (31, 16)], "as on H16"),
    (FROM_H16, "KernelDMASrc.0", [], [(7, 7), (9, 9), (31, 16)], "last task, enable's companion, index plus one"),
    (("H15",), "KernelDMASrc.4", None, [(27, 0)], "as on H16"),
    (("H15",), "KernelDMASrc.18 1c", None, [(31, 6)], "as on H16"),
    (FROM_H15, "KernelDMASrc.10 14", None, [(31, 0)], "64-bit base of the coefficients"),
    (("H15", "H16", "H17"), "KernelDMASrc.e8 ec f8 fc 108 10c 118 11c", None, [(31, 0)], "64-bit bases"),
    (FROM_H18, "KernelDMASrc.e0 f0 100 110", [(0, 0), (7, 4), (15, 8), (23, 16)], None, "the channels moved"),
    (FROM_H18, "KernelDMASrc.e4 f4 104 114", [(31, 6)], None, "the channels moved"),
    (FROM_H18, "KernelDMASrc.12c", None, [(0, 0), (7, 4), (15, 8), (23, 16)], "lookup tables, as a stream has them"),
    (FROM_H18, "KernelDMASrc.130", None, [(31, 6)], "lookup tables, as a stream has them"),
    (FROM_H18, "KernelDMASrc.138 13c", None, [(31, 0)], "lookup tables, as a stream has them"),
    (FROM_H15, "CacheDMA.8", [], [(23, 16)], "index of the task"),
]


Places = dict[tuple[str, int], set[tuple[int, int]] | None]


def table(arch_name: str) -> dict:
    """The JSON table of an architecture."""
    return json.loads((SHARED / "reference" / "registers" / f"{arch_name.lower()}.json").read_text())


def source_rows(arch_name: str) -> Iterator[tuple[tuple[str, int], str, int, dict[tuple[int, int], str]]]:
    """Place, register name, count and fields (position -> name) of every row of the JSON table, header included."""
    source = table(arch_name)
    header: dict[int, dict[tuple[int, int], str]] = {}
    for field in source["task_header"]["fields"]:
        position = (field["lsb"] + field["width"] - 1, field["lsb"])
        header.setdefault(field["word"], {})[position] = field["name"]
    for word, fields in header.items():
        yield ("Header", 4 * word), "", 1, fields
    for block in source["blocks"]:
        for register in block["registers"]:
            fields = {(field["lsb"] + field["width"] - 1, field["lsb"]): field["name"] for field in register["fields"]}
            yield (block["name"], int(register["offset"], 16)), register["name"], register.get("count", 1), fields


def corrections(arch_name: str) -> Iterator[tuple[tuple[str, int], list | None, list | str | None]]:
    """Place, what goes and what comes of every correction for an architecture."""
    for names, places, goes, comes, _ in CORRECTIONS:
        if arch_name in names:
            block, _, offsets = places.partition(".")
            for offset in offsets.split():
                yield (block, int(offset, 16)), goes, comes


@needs_shared
@pytest.mark.parametrize("arch", ARCHITECTURES)
class TestSourceTables:
    """The JSON tables, row by row."""

    def test_positions_are_the_sources_but_for_the_corrections(self, arch):
        expected: Places = {place: set(fields) for place, _, _, fields in source_rows(arch.name)}
        ours: Places = {
            (block.name, register.offset): {(field.msb, field.lsb) for field in register.fields}
            for block in blocks_of(arch)
            for register in block.registers
        }
        for place, goes, comes in corrections(arch.name):
            assert (place in expected) == (goes is not None), f"{place}: what the correction replaces"
            assert set(goes or ()) <= expected.get(place, set()), f"{place}: what the correction replaces"
            if comes is None:
                assert expected.pop(place) == set(goes), place
            else:
                left = expected.get(place, set()) - set(goes or ())
                expected[place] = ours.get(place) if comes == "*" else left | set(comes)
        assert ours == expected

    def test_names_are_h13s_or_say_the_sources_name(self, arch):
        rows = {(block.name, register.offset): register for block in blocks_of(arch) for register in block.registers}
        moved = {place for place, goes, comes in corrections(arch.name) if goes == [] and comes == "*"}
        for place, name, count, fields in source_rows(arch.name):
            if place not in rows or place in moved:
                continue
            register = rows[place]
            assert register.count == count, place
            assert name in (register.name, register.also, ""), place
            for field in register.fields:
                if theirs := fields.get((field.msb, field.lsb)):
                    assert theirs in (field.name, field.also), f"{place}: {field.name}"

    def test_blocks_lie_where_the_source_has_them(self, arch):
        source = table(arch.name)
        ours = {block.name: (block.base, block.words) for block in blocks_of(arch)[1:]}
        theirs = {
            block["name"]: (int(block["base"] or "0", 16), block["words"]) for block in table(arch.name)["blocks"]
        }
        assert ours == theirs
        assert arch.cpusubtype == source["cpusubtype"]


def test_registers_behind_a_block_are_not_the_blocks():
    h13 = by_name("H13")
    for block in h13.blocks:
        behind = block.base + 4 * block.words
        assert h13.locate(behind - 4).block.name == block.name
        assert h13.locate(behind).block.name != block.name


def test_a_name_that_an_architecture_lacks_is_refused_or_not_found():
    h13 = by_name("H13")
    for find in (h13.find_place, h13.find_register, h13.find_address):
        assert find("PE.Nothing") is None
    for get in (h13.place, h13.register, h13.address):
        with pytest.raises(RegisterError, match=r"^H13 has no (field|register) PE\.Nothing$"):
            get("PE.Nothing")
