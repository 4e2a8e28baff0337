"""The task stream of H11 to H13: descriptors that name where the next one lies."""

TASK_ALIGNMENT = 256  # bytes


def encode_record(record):
    """A record's words: its header word, then values of consecutive registers."""
    addresses = [write.register.address for write in record]
    first, count = addresses[0], len(addresses)
    consecutive = addresses == list(range(first, first + 4 * count, 4))
    if not consecutive or count > 64 or not 0 <= first < 1 << 26:
        raise ValueError(f"{record[0].register.name}: not up to 64 registers in a row")
    return [(count - 1) << 26 | first, *(write.word for write in record)]
