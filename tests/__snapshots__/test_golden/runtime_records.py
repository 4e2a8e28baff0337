# How a value stands in its bits: a multiple of 1 << lsb, less by a number, a packed float.
Coding = namedtuple("Coding", "name whole less packing", defaults=(False, 0, None))
PLAIN, LINK = Coding(""), Coding("LINK")  # a LINK is filled in unless given
RECORD = -4  # in place of an address: a record's own header word
Write = namedtuple("Write", "register word given")  # given: its bits that were set


class Register:
    """A register, or several in a row: called with values for its fields, it makes a `Write`."""

    # A field is a bit, (msb, lsb), or (msb, lsb, a Coding or the names of its values).
    def __init__(self, address, count=1, **bits):
        self.address, self.name = address, f"register {address:#x}"
        self.fields = {k: (f, f) if isinstance(f, int) else f for k, f in bits.items()}
        self.elements = []
        self.elements = [copy.copy(self) for _ in range(count)] if count > 1 else []
        for index, register in enumerate(self.elements):
            register.address += 4 * index

    def __set_name__(self, block, name):
        self.name = f"{block.__name__}.{name}"
        for index, register in enumerate(self.elements):
            register.name = f"{self.name}[{index}]"

    def __getitem__(self, index):
        return self.elements[index]

    def __call__(self, word=0, **values):
        """Takes bits without a name, then fields; what is left out is 0."""
        if 0 in values.values():  # -0.0 is another word, and a cache cannot tell
            return self._write.__wrapped__(self, word, **values)
        return self._write(word, **values)

    @functools.lru_cache(1 << 13, typed=True)  # tasks share most of their lines
    def _write(self, word, **values):
        given = word = encode(self.name, "word", word, 31, 0) if word != 0 else 0
        for name, value in values.items():
            if name not in self.fields:
                names = ", ".join(self.fields) or "none"
                raise ValueError(f"{self.name} has no field {name} (fields: {names})")
            msb, lsb, *_ = field = self.fields[name]
            mask = (2 << msb) - (1 << lsb)
            word = word & ~mask | encode(self.name, name, value, *field)
            given |= mask
        return Write(self, word, given)


def encode(owner, name, value, msb, lsb, kind=PLAIN):
    """A field's bits in place; the names are for the message."""
    bits, coding = value, kind
    if isinstance(kind, dict):
        bits, coding = kind.get(value, value), PLAIN
    elif coding.packing:
        bits = int.from_bytes(struct.pack(coding.packing, value), "little")
    if isinstance(bits, int):
        bits = bits - coding.less << (0 if coding.whole else lsb)
        if 0 <= bits < 2 << msb and not bits % (1 << lsb):
            return bits
    hint = f" (bytes, a multiple of {1 << lsb:#x})" if coding.whole else ""
    hint = f" ({', '.join(kind)})" if isinstance(kind, dict) else hint
    raise ValueError(f"{owner}: {name}={value!r} does not fit bits {msb}:{lsb}{hint}")


@functools.lru_cache
def zeros(first, last):
    """Writes 0 to every register from the first to the last."""
    addresses = range(first.address, last.address + 4, 4)
    return tuple(Write(Register(address), 0, 0) for address in addresses)


BYTES = Coding("BYTES", whole=True)

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


def words_of(task, encode_record):
    """A task's words, and its links that were not given: [(index, register, field)]."""
    header, *records = task
    words = [write.word for write in header]
    for record in records:
        words += encode_record(record)
    return words, [
        (index, write.register, name)
        for index, write in enumerate(header)
        for name, (msb, lsb, *kind) in write.register.fields.items()
        if kind == [LINK] and not write.given & ((2 << msb) - (1 << lsb))
    ]


def lay_out(tasks, encode_record, alignment, end=0, places=None):
    """The text of tasks in a row from `end` on, or in places, and (offset, words)."""
    made, placed = {}, []
    for number, task in enumerate(tasks):
        key = repr(task)
        words, links = made[key] = made.get(key) or words_of(task(), encode_record)
        offset = (places or {}).get(number, -(-end // alignment) * alignment)
        if offset < end or offset % 4:
            raise ValueError(f"task {number} cannot begin at {offset:#x}")
        placed.append((offset, list(words), links))
        end = offset + 4 * len(words)
    text, following, last = bytearray(end), 0, 0
    for number, (offset, words, links) in reversed([*enumerate(placed)]):
        values = {"TID": number, "NextPointer": following, "NextSize": last}
        values["TaskSize"] = len(words)
        for index, register, name in links:
            field = register.fields[name]
            words[index] |= encode(register.name, name, values[name], *field)
        struct.pack_into(f"<{len(words)}I", text, offset, *words)
        following, last = offset, len(words) - 1
    return text, [(offset, words) for offset, words, _ in placed]


def framed(text, frame=b"", size=0, stray=()):
    """The text with what does not follow from its tasks.

    These are the bytes of a frame before the tasks, the size where the text does not
    end with its last task, and (offset, bytes) of what else lies outside of tasks.
    """
    text = text.ljust(size, b"\0")
    for offset, piece in [(0, frame), *stray]:
        text[offset : offset + len(piece)] = piece
    return text


UNWRITTEN = b"\xfd"  # twice a float16 NaN, which the engine never writes


def no_driver(*_):
    """Refuses to be opened."""
    emulate = f"`hwx2py emulate {sys.argv[0]}`"
    raise OSError(f"no driver is known for its chip; try {emulate}")


def options(about, tensors, device, arguments=None):
    """The command line, parsed; some options are the device's."""
    rows = [f"{t.name} {t.dtype} {t.shape}" for t in tensors if t.role == "input"]
    inputs = f"inputs (default: 3, 2, 1, 1 ..): {', '.join(rows)}"
    parser = argparse.ArgumentParser(description=about, epilog=inputs)
    add = parser.add_argument
    add("--device", metavar="PATH", help="accel node (default: the one called ane)")
    what = "NAME=VALUE|FILE.npy|random[:SEED]|ramp"
    add("--input", metavar=what, action="append", default=[], help="an input's values")
    add("--fill", type=float, help="what outputs hold before the run")
    add("--save", metavar="FILE.npz", help="write the outputs, by name")
    add("--force", action="store_true", help="write over files that exist")
    add("--golden", metavar="FILE.npz", help="compare the outputs: PASS or FAIL")
    add("--atol", type=float, default=0.0, help="largest difference for --golden")
    add("--dry-run", action="store_true", help="build only, touch no device")
    add("--write-command", metavar="FILE", help="write buffer 0, touch no device")
    for name, takes, what in getattr(device, "OPTIONS", ()):
        add(name, metavar=takes, action="append", default=[], help=what)
    return parser.parse_args(arguments)


def default_inputs(tensors):
    """The first input filled with 3, the second with 2, further ones with 1."""
    inputs = [tensor for tensor in tensors if tensor.role == "input"]
    values = [3, 2] + [1] * len(inputs)
    return {t.name: np.full(t.shape, v, t.dtype) for t, v in zip(inputs, values)}


def read_inputs(tensors, chosen):
    """The default inputs, or in their place those of the command line."""
    inputs = default_inputs(tensors)
    given = dict(option.partition("=")[::2] for option in chosen)
    for name in [name for name in inputs if name not in given]:
        print(f"input {name!r}: filled with {inputs[name].flat[0]}")
    for name, value in given.items():
        if name not in inputs:
            raise OSError(f"no input is called {name!r} (inputs: {', '.join(inputs)})")
        try:
            inputs[name] = input_array(value, inputs[name], name)
        except (KeyError, TypeError, ValueError, OSError) as error:
            raise OSError(f"--input {name}={value}: {error}") from error
    return inputs


def input_array(value, like, name=""):
    """A number, a file, `random[:SEED]` or `ramp`, in the shape and type of an array."""
    kind, _, seed = value.partition(":")
    if kind == "random":  # normally distributed, and different for every name and seed
        random = np.random.default_rng([int(seed or 0), *name.encode()])
        array = random.standard_normal(like.shape)
    elif value == "ramp":
        array = (np.arange(like.size) % 257 - 128).reshape(like.shape) / 8
    elif value.endswith(".npy"):
        array = load(value)[""]
    else:
        array = np.full(like.shape, float(value))
    if kind in ("random", "ramp") and like.dtype.kind != "f":  # eighths of it
        low, high = np.iinfo(like.dtype).min, np.iinfo(like.dtype).max
        array = np.clip(np.rint(8 * array) + (low + high + 1) // 2, low, high)
    cast = array.astype(like.dtype)
    test = np.isinf if cast.dtype.kind == "f" else np.array  # floats are rounded
    if array.shape != like.shape or (test(cast) != test(array)).any():
        given = f"{array.dtype} {array.shape}"
        raise ValueError(f"{given} does not fit {like.dtype} {like.shape}")
    return cast


def load(path):
    """The arrays of an .npz by name, or that of an .npy as ""."""
    try:
        content = np.load(path)
        arrays = {"": content} if isinstance(content, np.ndarray) else content
        return {k.replace("%2e%2e", ".."): np.asarray(arrays[k]) for k in arrays}
    except (OSError, ValueError, EOFError, zipfile.BadZipFile) as error:
        raise OSError(f"{path}: {error}") from error


def write(path, pieces, force):
    """Writes a file whole or not at all, and over an existing one only with --force."""
    place, there = os.path.realpath(path), os.path.exists(path)
    if there and not os.path.isfile(place):  # a device, or a descriptor
        with open(path, "wb") as file:
            file.writelines(pieces)
        return
    if there and not force:
        raise OSError(f"{path} exists; --force writes over it")
    mine, here = f".hwx2py-{os.getpid()}-", os.path.dirname(place)
    with tempfile.TemporaryDirectory(prefix=mine, dir=here) as folder:
        with open(os.path.join(folder, "new"), "wb") as file:
            file.writelines(pieces)
        os.replace(file.name, place)


def report(outputs, fill):
    """Prints the outputs; returns how many were not written, as far as it shows."""
    incomplete = 0
    for name, array in outputs.items():
        low, high, mean = (f(array.astype("f8")) for f in (np.min, np.max, np.mean))
        values = "" if low == high else f", {low:g} to {high:g}, mean {mean:g}"
        name = repr(name)[1:-1]  # on one line, whatever is in it
        print(f"{name}: {array.dtype} {array.shape}{values}")
        pattern = np.frombuffer(UNWRITTEN * array.itemsize, f"u{array.itemsize}")
        missing = 0 if fill else np.sum(array.view(pattern.dtype) == pattern)
        if missing == array.size or (missing and array.dtype.kind == "f"):
            print(f"{name}: {missing} of {array.size} not written", file=sys.stderr)
            incomplete += 1
    print(f"output[0] = {next(iter(outputs.values())).flat[0]}")
    return incomplete


def verdict(got, want, tolerance):
    """PASS, or FAIL with how many elements differ, and which does most."""
    if want is None or want.shape != got.shape:
        return f"FAIL: the golden file has {getattr(want, 'shape', 'no such array')}"
    got, want = got.astype("f8"), want.astype("f8")
    same = (got == want) | (np.isnan(got) & np.isnan(want))
    apart = np.where(same, 0, abs(got - want))
    wrong, worst = np.sum(~(apart <= tolerance)), np.argmax(apart)
    most = f"{apart.flat[worst]:g} at {[*map(int, np.unravel_index(worst, got.shape))]}"
    return f"FAIL: {wrong} of {apart.size}, most by {most}" if wrong else "PASS"


def execute(chosen, tensors, build, open_device, run):
    """Does what the options ask for; returns the exit code."""
    if chosen.dry_run or chosen.write_command:
        buffers, tasks, _ = build()
        digest = hashlib.sha256()
        for piece in buffers[0]:
            digest.update(piece)
        if chosen.write_command:
            write(chosen.write_command, buffers[0], chosen.force)
        sizes = f"{sum(map(len, buffers[0]))} bytes, tasks: {len(tasks)}"
        print(f"command buffer: {sizes}, sha256 {digest.hexdigest()}")
        return 0
    if np is None:
        raise OSError("running needs Linux and NumPy: python -m pip install numpy")
    np.seterr(all="ignore")
    device = open_device(chosen)
    golden = load(chosen.golden) if chosen.golden else {}
    inputs = read_inputs(tensors, chosen.input)
    outputs = run(device, build(), tensors, inputs, chosen.fill)
    failed = report(outputs, chosen.fill is not None)
    if chosen.save:
        np.savez(archive := io.BytesIO(), **outputs)
        write(chosen.save, [archive.getvalue()], chosen.force)
    for name in outputs if chosen.golden else []:
        result = verdict(outputs[name], golden.get(name), chosen.atol)
        failed += result != "PASS"
        print(f"{repr(name)[1:-1]}: {result}")
    return min(failed, 1)


def main(about, tensors, build, device, run):
    """The script's command line; its functions are called when they are needed."""
    try:
        return execute(options(about, tensors, device), tensors, build, device, run)
    except OSError as error:
        print(f"{os.path.basename(sys.argv[0])}: {error}", file=sys.stderr)
        return 2


