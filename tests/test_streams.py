"""Task streams: decoded and encoded to the same bytes whatever is written; broken ones refused with their place."""

from array import array

import pytest
from conftest import EXAMPLE_NAMES, loaded
from hypothesis import given
from hypothesis import strategies as st

from hwx2py.errors import RegisterError, StreamError
from hwx2py.program.build import Draft, complete, header, lay_out, write
from hwx2py.program.register_file import walk
from hwx2py.program.streams import STREAMS, Pending
from hwx2py.registers import by_name

H13, H16 = by_name("H13"), by_name("H16")
FRAME = (1).to_bytes(4, "little") + bytes(12)

words = st.integers(0, 0xFFFFFFFF)
h13_writes = st.lists(st.builds(Pending, st.integers(0, 0x7FFF).map(lambda n: 4 * n), words, st.none()), max_size=150)
slots = st.none() | st.integers(0, 31)
h16_writes = st.lists(st.builds(Pending, st.integers(0, 0x7FFF).map(lambda n: 4 * n), words, slots), max_size=150)


def as_pairs(task) -> list[tuple]:
    return [(write.address, write.value, write.slot) for write in task.writes()]


@pytest.mark.parametrize("name", EXAMPLE_NAMES)
def test_examples_encode_to_the_bytes_they_were_decoded_from(name):
    program = loaded(name)
    again = STREAMS[program.arch.stream].decode(
        memoryview(program.text.to_bytes()), program.arch, len(program.tasks[0].words), len(program.tasks)
    )
    assert again.to_bytes() == program.text.to_bytes()
    assert [task.words for task in again.tasks] == [task.words for task in program.tasks]


@given(h13_writes)
def test_any_linked_writes_come_back(writes):
    text = lay_out(H13, [Draft(header(H13, {}), writes, frozenset({"NextSize", "NextPointer"}))])
    decoded = STREAMS["linked"].decode(memoryview(text.to_bytes()), H13, len(text.tasks[0].words), 1)
    assert as_pairs(decoded.tasks[0]) == [(w.address, w.value, w.slot) for w in writes]
    assert decoded.to_bytes() == text.to_bytes()


@given(h16_writes)
def test_any_record_writes_come_back(writes):
    text = lay_out(H16, [Draft(header(H16, {}), writes, frozenset({"TaskSize"}))], FRAME)
    decoded = STREAMS["records"].decode(memoryview(text.to_bytes()), H16, None, 1)
    assert as_pairs(decoded.tasks[0]) == [(w.address, w.value, w.slot) for w in writes]
    assert decoded.to_bytes() == text.to_bytes()


@given(h16_writes)
def test_grouping_needs_no_more_records_than_one_for_each_write(writes):
    groups = list(STREAMS["records"].records(writes))
    assert sum(count for _, count in groups) == len(writes)
    assert len(groups) <= len(writes)


def test_dtid_word_stands_behind_the_header():
    draft = complete(H13, {"W6": {"TDE": 1}}, {"Common.InDim": {"Win": 3}}, dtid=7)
    task = lay_out(H13, [draft]).tasks[0]
    assert task.header_words == 11
    assert task.words[10] == 7
    assert next(task.writes()).value == 3


@pytest.mark.parametrize(
    ("arch", "links", "frame"), [(H13, {"NextSize", "NextPointer"}, b""), (H16, {"TaskSize"}, FRAME)]
)
def test_tasks_share_records_where_all_record_headers_are_the_same(arch, links, frame):
    def draft(*addresses):
        return Draft(header(arch, {}), [Pending(address, address + 1) for address in addresses], frozenset(links))

    # The second has the first's size and first record, and another second record; the last has all of them.
    drafts = [draft(0, 0x1000, 0x2000), draft(0, 0x1000, 0x2004), draft(0, 0x1000), draft(0, 0x1000, 0x2004)]
    text = lay_out(arch, drafts, frame)
    tasks = STREAMS[arch.stream].decode(memoryview(text.to_bytes()), arch, len(text.tasks[0].words), len(drafts)).tasks
    assert [as_pairs(task) for task in tasks] == [[(w.address, w.value, None) for w in each.items] for each in drafts]
    assert tasks[3].records is tasks[1].records
    assert tasks[0].records != tasks[1].records


def test_registers_keep_their_values_from_task_to_task_on_h13_only():
    first = Draft(header(H13, {}), [write(H13, "Common.Cin", Cin=5)], frozenset({"NextSize", "NextPointer"}))
    second = Draft(header(H13, {}), [write(H13, "Common.Cout", Cout=6)], frozenset({"NextSize", "NextPointer"}))
    seen = [(r.number("Common.Cin"), r.number("Common.Cout")) for r in walk(H13, lay_out(H13, [first, second]).tasks)]
    assert seen == [(5, None), (5, 6)]
    drafts = [Draft(header(H16, {}), [write(H16, "Common.Cin", Cin=5)], frozenset({"TaskSize"})) for _ in range(2)]
    drafts[1] = drafts[1]._replace(items=[write(H16, "Common.Cout", Cout=6)])
    seen = [(r.number("Common.Cin"), r.number("Common.Cout")) for r in walk(H16, lay_out(H16, drafts, FRAME).tasks)]
    assert seen == [(5, 0x10), (0x10, 6)]


def test_stray_bytes_between_tasks_are_kept():
    follows = frozenset({"NextSize", "NextPointer"})
    text = lay_out(H13, [Draft(header(H13, {}), [write(H13, "Common.Cin", Cin=1)], follows) for _ in range(2)])
    data = bytearray(text.to_bytes())
    data[0x80:0x84] = b"odd!"
    decoded = STREAMS["linked"].decode(memoryview(bytes(data)), H13, len(text.tasks[0].words), 2)
    assert decoded.stray == ((0x80, b"odd!"),)
    assert decoded.to_bytes() == bytes(data)


def two_tasks() -> tuple[bytearray, int]:
    """A chain of two tasks, and the words of the first."""
    follows = frozenset({"NextSize", "NextPointer"})
    draft = Draft(header(H13, {}), [write(H13, "Common.Cin", Cin=1), write(H13, "Common.Cout", Cout=1)], follows)
    text = lay_out(H13, [draft, draft])
    return bytearray(text.to_bytes()), len(text.tasks[0].words)


BROKEN = {
    "points back": (
        lambda d: d.__setitem__(slice(0x11C, 0x120), (0x4).to_bytes(4, "little")),
        "task 1, text offset 0x11c: NextPointer 0x4 leads back",
    ),
    "points outside": (
        lambda d: d.__setitem__(slice(0x1C, 0x20), (0x4000).to_bytes(4, "little")),
        "task 1, text offset 0x4000: 13 words at 0x4000 lie outside the text",
    ),
    "write past the end": (
        lambda d: d.__setitem__(slice(0x28, 0x2C), (0x1000000C | 63 << 26).to_bytes(4, "little")),
        "task 0, text offset 0x28: the write of 64 registers",
    ),
    "no register address": (
        lambda d: d.__setitem__(slice(0x28, 0x2C), (0x0400000D).to_bytes(4, "little")),
        "task 0, text offset 0x28: write to 0xd, which is not a register address",
    ),
}


@pytest.mark.parametrize("how", BROKEN)
def test_broken_chains_are_refused_with_task_and_offset(how):
    data, size = two_tasks()
    breaking, words = BROKEN[how]
    breaking(data)
    with pytest.raises(StreamError) as error:
        STREAMS["linked"].decode(memoryview(bytes(data)), H13, size, 2)
    assert str(error.value).startswith(words)


def test_count_of_tasks_must_agree():
    data, size = two_tasks()
    with pytest.raises(StreamError, match="the chain has 2 tasks, the program says 3"):
        STREAMS["linked"].decode(memoryview(bytes(data)), H13, size, 3)


def test_record_text_needs_its_frame_and_sizes_that_fit():
    text = lay_out(H16, [Draft(header(H16, {}), [write(H16, "Common.Cin", Cin=3)], frozenset({"TaskSize"}))], FRAME)
    decode = STREAMS["records"].decode
    with pytest.raises(StreamError, match="opening frame"):
        decode(memoryview(text.to_bytes()[16:]), H16, None, 1)
    broken = bytearray(text.to_bytes())
    broken[0x12] = 99
    with pytest.raises(StreamError, match="task 0, text offset 0x10: task size 99 words"):
        decode(memoryview(bytes(broken)), H16, None, 1)


def test_text_of_odd_size_is_refused():
    with pytest.raises(StreamError, match="not a whole number of words"):
        STREAMS["linked"].decode(memoryview(b"\0" * 41), H13, 10, 1)


def test_task_with_words_changed_shares_nothing():
    task = loaded("mul").tasks[0]
    changed = task.with_words({2: 0xABC})
    assert changed.words[2] == 0xABC
    assert task.words[2] != 0xABC
    assert array("I", changed.words)[3:] == array("I", task.words)[3:]


def test_builders_refuse_what_does_not_exist():
    with pytest.raises(RegisterError, match=r"no register Common\.Nothing"):
        write(H13, "Common.Nothing")
    with pytest.raises(RegisterError, match="no header word W77"):
        header(H13, {"W77": 1})
    with pytest.raises(RegisterError, match=r"no register NE.Foo"):
        complete(H13, {}, {"NE.Foo": 1})
    with pytest.raises(RegisterError, match="Win=40000 does not fit bits 14:0"):
        write(H13, "Common.InDim", Win=40000)
    with pytest.raises(RegisterError, match="a multiple of 0x40"):
        write(H13, "TileDMASrc.Src1RowStride", Stride=65)
    with pytest.raises(RegisterError, match="InFmt='Float99' does not fit bits 1:0"):
        write(H13, "Common.ChCfg", InFmt="Float99")


def at_words(*numbers: int, slot: int | None = None) -> list[Pending]:
    return [Pending(4 * number, 0, slot) for number in numbers]


SCATTER = 1 << 31
GROUPS = {
    "a run": (at_words(16, 17, 18), [(2 << 15 | 16, 3)]),
    "a run of 65": (at_words(*range(65)), [(63 << 15, 64), (64, 1)]),
    "neighbours within 16": (at_words(0, 2, 16), [(SCATTER | (1 << 1 | 1 << 15) << 15, 3)]),
    "further than 16": (at_words(0, 17), [(0, 1), (17, 1)]),
    "a run before its neighbours": (at_words(0, 1, 20, 21), [(1 << 15, 2), (1 << 15 | 20, 2)]),
    "a single one with its neighbour": (at_words(0, 16, 17), [(SCATTER | 1 << 30, 2), (17, 1)]),
    "another block": (at_words(0xFF, 0x100), [(0xFF, 1), (0x100, 1)]),
    "another slot": (at_words(8, slot=6) + at_words(9, slot=7), [(0x20000008 | 6 << 23, 1), (0x20000009 | 7 << 23, 1)]),
    "a slot": (at_words(8, 9, 11, slot=31), [(0x20000008 | 31 << 23 | 1 << 15, 2), (0x2000000B | 31 << 23, 1)]),
    "a slot with a run of 65": (
        at_words(*range(65), slot=6),
        [(0x20000000 | 6 << 23 | 63 << 15, 64), (0x20000000 | 6 << 23 | 64, 1)],
    ),
    "a slot and none": (at_words(8) + at_words(9, slot=6), [(8, 1), (0x20000009 | 6 << 23, 1)]),
    "backwards": (at_words(5, 4), [(5, 1), (4, 1)]),
    "alone behind another": ([*at_words(4), Pending(20, 0, None, True), *at_words(6)], [(4, 1), (5, 1), (6, 1)]),
}


@pytest.mark.parametrize("what", GROUPS)
def test_records_are_grouped_as_the_compiler_does(what):
    writes, expected = GROUPS[what]
    assert list(STREAMS["records"].records(writes)) == expected


@pytest.mark.parametrize(("arch", "end", "frame"), [(H13, 1 << 26, b""), (H16, 1 << 17, FRAME)])
def test_what_has_no_room_in_a_record_is_refused(arch, end, frame):
    lay_out(arch, [Draft(header(arch, {}), [Pending(end - 4, 7)])], frame)
    with pytest.raises(StreamError, match=r"in a row|do not fit a record"):
        lay_out(arch, [Draft(header(arch, {}), [Pending(end, 7)])], frame)


@pytest.mark.parametrize(
    ("writes", "expected"),
    [
        (at_words(4, 5, 6), [(2 << 26 | 16, 3)]),
        (at_words(*range(65)), [(63 << 26, 64), (256, 1)]),
        (at_words(4, 6), [(16, 1), (24, 1)]),
        (at_words(5, 4), [(20, 1), (16, 1)]),
    ],
)
def test_linked_records_are_runs_of_at_most_64(writes, expected):
    assert list(STREAMS["linked"].records(writes)) == expected


@pytest.mark.parametrize(
    ("pointer", "words"), [(0x104, "NextPointer 0x104 leads back"), (0x13A, "words at 0x13a lie outside the text")]
)
def test_pointer_into_the_own_task_or_between_words_is_refused(pointer, words):
    data, size = two_tasks()
    data[0x11C:0x120] = pointer.to_bytes(4, "little")
    data.extend(bytes(0x100))
    with pytest.raises(StreamError, match=words):
        STREAMS["linked"].decode(memoryview(bytes(data)), H13, size, 2)


def test_write_that_ends_one_word_behind_its_task_is_refused():
    data, size = two_tasks()
    data[0x28:0x2C] = (2 << 26 | 0x3C).to_bytes(4, "little")
    with pytest.raises(StreamError, match=r"task 0, text offset 0x28: the write of 3 registers"):
        STREAMS["linked"].decode(memoryview(bytes(data)), H13, size, 2)


@pytest.mark.parametrize("at", [0, 4, 0x34])
def test_tasks_that_overlap_are_refused(at):
    draft = Draft(header(H13, {}), at_words(1, 3), frozenset({"NextSize", "NextPointer"}))
    assert lay_out(H13, [draft, draft._replace(at=0x38)]).tasks[1].offset == 0x38
    with pytest.raises(StreamError, match="task 1 cannot begin at"):
        lay_out(H13, [draft, draft._replace(at=at)])


def test_task_at_the_start_overlaps_the_frame():
    draft = Draft(header(H16, {}), at_words(1), frozenset({"TaskSize"}), 0)
    with pytest.raises(StreamError, match="task 0 cannot begin at 0x0"):
        lay_out(H16, [draft], FRAME)
