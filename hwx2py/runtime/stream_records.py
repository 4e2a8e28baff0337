"""The task stream of H14 and later: descriptors of records that name their own size."""

from .register import RECORD

TASK_ALIGNMENT = 16  # bytes
SCATTER = 1 << 31


def encode_record(record):
    """A record's words: its header word, then the values.

    It writes consecutive registers (dense), or one and those that a mask picks out of
    the next 16 (scatter), and may begin with bits of its header word.
    """
    form = 0
    if record[0].register.address == RECORD:
        form, record = record[0].word, record[1:]
    numbers = [write.register.address // 4 for write in record]
    first, count = numbers[0], len(numbers)
    distances = [number - first - 1 for number in numbers[1:]]
    if not form & SCATTER and distances == list(range(count - 1)):
        head, fits = count - 1 << 15 | first, count <= 64
    else:
        fits = distances == sorted(set(distances)) and set(distances) <= set(range(16))
        head = SCATTER | sum(1 << bit for bit in distances if fits) << 15 | first
    if not fits or not 0 <= first < 1 << 15:
        name = record[0].register.name
        raise ValueError(f"from {name} on: {count} registers do not fit a record")
    return [form | head, *(write.word for write in record)]
