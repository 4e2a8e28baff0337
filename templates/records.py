"""What a script for H14 and later has in place of the template's parts: its task stream consists of records."""

TASK_ALIGNMENT = 16  # bytes
ADDRESS_END = 1 << 17  # a record's header has room for the registers below
SINGLE_SLOTS = [4]  # slots whose records write one register each


def header_count(header):
    """How many values follow a record's header word."""
    if header >> 31:
        return (header >> 15 & 0xFFFF).bit_count() + 1
    return (header >> 15 & 0x3F) + 1


def group(writes):
    """(header word, number of writes) of each record, as Apple's compiler groups them.

    A record writes consecutive registers, or those that a mask picks out of the next 16. The fewest records are taken;
    among equals a run of consecutive registers goes first.
    """
    start = 0
    for end in range(1, len(writes) + 1):
        if end == len(writes) or not joins(writes[end - 1], writes[end]):
            yield from group_block(writes[start:end])
            start = end


def joins(one, two):
    """Whether two writes in a row may share a record."""
    first, second = one.register, two.register
    if (
        first.alone
        or second.alone
        or one.slot != two.slot
        or one.slot in SINGLE_SLOTS
        or second.address <= first.address
    ):
        return False
    if one.slot is not None:
        return second.address == first.address + 4
    return first.address >> 10 == second.address >> 10


def group_block(writes):
    """The records of ascending writes to one block."""
    words = [write.register.address // 4 for write in writes]
    if writes[0].slot is not None:
        for start in range(0, len(words), 64):
            count = min(64, len(words) - start)
            header = 1 << 29 | writes[0].slot << 23 | (count - 1) << 15 | words[start]
            yield header, count
        return

    # For each start, from the last one back: (records from there on, end of the first one, whether it is masked).
    best = [(0, len(words), False)] * (len(words) + 1)
    for start in reversed(range(len(words))):
        run = start + 1
        while (
            run < len(words) and words[run] == words[run - 1] + 1 and run - start < 64
        ):
            run += 1
        reach = start + 1
        while reach < len(words) and words[reach] <= words[start] + 16:
            reach += 1
        dense, masked = best[run][0] + 1, best[reach][0] + 1
        dense_wins = dense < masked or (dense == masked and run > start + 1)
        if dense_wins or reach == start + 1:
            best[start] = dense, run, False
        else:
            best[start] = masked, reach, True
    start = 0
    while start < len(words):
        _, end, is_masked = best[start]
        header = (end - start - 1) << 15 | words[start]
        if is_masked:
            mask = sum(
                1 << (word - words[start] - 1) for word in words[start + 1 : end]
            )
            header = 1 << 31 | mask << 15 | words[start]
        yield header, end - start
        start = end
