#!/usr/bin/env python3
"""The template of a generated script, with a program of its own: y = a + b on 32 values."""

import argparse
import base64
import contextlib
import ctypes
import fcntl
import glob
import hashlib
import mmap
import os
import struct
import sys
import traceback
import zipfile
from typing import NamedTuple

import numpy as np

ARCH = "H13"


class Tensor(NamedTuple):
    """A buffer of the program."""

    name: str
    role: str  # input, output or scratch
    bar: int  # the BAR that stands for it in the tasks: handles[bar] of SUBMIT
    shape: tuple | None  # N, C, H, W in elements
    strides: tuple | None  # of N, C, H, W in bytes
    dtype: str | None
    size: int  # bytes


class Kernel(NamedTuple):
    """Coefficients in a buffer of their own."""

    name: str
    bar: int
    parts: list  # as CONST


# fmt: off
TENSORS = [
    Tensor("a", "input",  4, (1, 1, 1, 32), (64, 64, 64, 2), "float16", 64),
    Tensor("b", "input",  5, (1, 1, 1, 32), (64, 64, 64, 2), "float16", 64),
    Tensor("y", "output", 6, (1, 1, 1, 32), (64, 64, 64, 2), "float16", 64),
]


def task_0():
    """y = a + b; planar engine, 1 x 1 x 32."""
    return [
        Header.W0(EON=1),
        Header.W1(NextSize=AUTO),
        Header.W2(0),
        Header.W3(0),
        Header.W4(0),
        Header.W5(0),
        Header.W6(SrcLoc=1, DstLoc=1),
        Header.W7(NextPointer=AUTO),
        Header.W8(RBase0="a", RBE0=1, RBase1="b", RBE1=1, WBase="y", WBE=1),
        Header.W9(0),
        Common.InDim(Win=32, Hin=1),
    ]


def tasks():
    """The tasks, in the order in which the engine runs them."""
    return [
        task_0(),
    ]


# fmt: on


# Coefficients: runs of zeros by their length, the rest out of the data blob below.
# fmt: off
CONST = [("zeros", 0x40)]
KERNELS = []
DATA_BYTES, DATA_SHA256 = 0, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
DATA = ""

# The text where the tasks do not say it: bytes before the first task, size, where CONST begins, bytes between tasks.
FRAME = ""
TEXT_SIZE = None
CONST_OFFSET = None
STRAY = []
# fmt: on

# What follows is the same for every program of this architecture: how registers are written, how tasks are laid out,
# the driver's calls, and the command line.

AUTO = "auto"  # a header field that follows from where the tasks lie
BYTES, FP16, FP32, BAR, LAYOUT = "bytes", "fp16", "fp32", "bar", "layout"


class Write(NamedTuple):
    """A register write, or a word of the task's header."""

    register: "Register"
    word: int
    auto: tuple = ()  # the fields that the layout will fill
    slot: int | None = None  # the BAR slot that a base address is relative to


class Burst(NamedTuple):
    """The header word of a record that is grouped unlike the compiler's habit: the writes behind it belong to it."""

    word: int


class At(NamedTuple):
    """A task at an offset of its own choice."""

    offset: int
    task: list


class Register:
    """A register: calling it with values for its fields makes a `Write`.

    A field is (msb, lsb) or (msb, lsb, kind). Kinds: BYTES (the value is bytes, a multiple of 2**lsb), FP16 and FP32 (a
    number), BAR (a number or a buffer's name), LAYOUT (may be AUTO), or the names of its values. The first argument
    is the word to start from: bits without a name, or the whole register.
    """

    def __init__(self, address, count=1, header=False, alone=False, **fields):
        self.address, self.count, self.header, self.alone, self.fields = (
            address,
            count,
            header,
            alone,
            fields,
        )
        self.name = f"register {address:#x}"

    def __set_name__(self, owner, name):
        self.name = f"{owner.__name__}.{name}"

    def __getitem__(self, index):
        """One of `count` registers in a row."""
        if not 0 <= index < self.count:
            raise ValueError(
                f"{self.name} has {self.count} registers, not one at {index}"
            )
        one = Register(
            self.address + 4 * index,
            header=self.header,
            alone=self.alone,
            **self.fields,
        )
        one.name = f"{self.name}[{index}]"
        return one

    def __call__(self, word=0, *, slot=None, **values):
        """The write of this register."""
        if not 0 <= word < 1 << 32:
            raise ValueError(f"{self.name}: {word:#x} does not fit 32 bits")
        auto = tuple(name for name, value in values.items() if value is AUTO)
        for name, value in values.items():
            if name not in self.fields:
                raise ValueError(
                    f"{self.name} has no field {name}; it has {', '.join(self.fields) or 'none'}"
                )
            msb, lsb, *kind = self.fields[name]
            mask = (1 << msb + 1) - (1 << lsb)
            bits = (
                0
                if value is AUTO
                else self._bits(name, value, lsb, kind[0] if kind else None)
            )
            if bits & ~mask:
                raise ValueError(
                    f"{self.name}: {name}={value!r} does not fit bits {msb}:{lsb}"
                )
            word = word & ~mask | bits
        return Write(
            self, word, auto, buffers()[slot] if isinstance(slot, str) else slot
        )

    def _bits(self, name, value, lsb, kind):
        if isinstance(kind, dict):
            value = kind.get(value, value)
        elif kind == BAR:
            value = buffers().get(value, value)
        elif kind in (FP16, FP32):
            try:
                value = int.from_bytes(
                    struct.pack("<e" if kind == FP16 else "<f", value), "little"
                )
            except (OverflowError, struct.error) as error:
                raise ValueError(
                    f"{self.name}: {name}={value!r} does not fit {kind}"
                ) from error
        if not isinstance(value, int):
            raise ValueError(f"{self.name}: {name} has no value {value!r}")
        if kind == BYTES:
            if value % (1 << lsb):
                raise ValueError(
                    f"{self.name}: {name}={value:#x} is no multiple of {1 << lsb:#x} bytes"
                )
            return value
        return value << lsb


# fmt: off
class Header:
    W0 = Register(0x00, header=True, TID=(15, 0), EON=(25, 25))
    W1 = Register(0x04, header=True, NextSize=(24, 16, LAYOUT))
    W2 = Register(0x08, header=True)
    W3 = Register(0x0c, header=True)
    W4 = Register(0x10, header=True)
    W5 = Register(0x14, header=True)
    W6 = Register(0x18, header=True, SrcLoc=(28, 28), DstLoc=(29, 29))
    W7 = Register(0x1c, header=True, NextPointer=(31, 0, LAYOUT))
    W8 = Register(0x20, header=True, RBase0=(4, 0, BAR), RBE0=(5, 5), RBase1=(10, 6, BAR), RBE1=(11, 11),
                  WBase=(16, 12, BAR), WBE=(17, 17))
    W9 = Register(0x24, header=True)


class Common:
    InDim = Register(0x00000, Win=(14, 0), Hin=(30, 16))


FIXED_BARS = {"text": 0, "const": 1}
# BAR -> name: further BARs that stand for a tensor.
ALIASES = {}
# fmt: on


def buffers():
    """Buffer name -> the BAR that stands for it."""
    return FIXED_BARS | {row.name: row.bar for row in (*TENSORS, *KERNELS)}


class Command(NamedTuple):
    """Buffer 0, what the driver is told about it, and the contents of KERNELS."""

    data: bytes  # text, padding, coefficients
    text_bytes: int  # tsk_size: the coefficients follow at the next multiple of 16
    first_task_bytes: int  # td_size
    task_count: int  # td_count
    kernels: list


TASK_ALIGNMENT = 256  # bytes
ADDRESS_END = 1 << 26  # a record's header has room for the registers below


def header_count(header):
    """How many values follow a record's header word."""
    return (header >> 26) + 1


def group(writes):
    """(header word, number of writes) of each record: one for each run of consecutive registers."""
    start = 0
    for end in range(1, len(writes) + 1):
        goes_on = end < len(writes) and end - start < 64
        if (
            not goes_on
            or writes[end].register.address != writes[end - 1].register.address + 4
        ):
            yield (end - start - 1) << 26 | writes[start].register.address, end - start
            start = end


def records(items):
    """The stream of a task: the writes as records, grouped by habit or as a Burst says."""
    words, start = [], 0
    while start < len(items):
        end = start + 1
        if isinstance(items[start], Burst):
            start, count = end, header_count(items[start].word)
            end = start + count
            groups = [(items[start - 1].word, count)]
        else:
            while end < len(items) and not isinstance(items[end], Burst):
                end += 1
            groups = list(group(items[start:end]))
        writes = items[start:end]
        if not all(isinstance(item, Write) for item in writes) or end > len(items):
            raise ValueError(f"a Burst needs {end - start} writes behind it")
        for write in writes:
            if write.register.address >= ADDRESS_END or (write.slot or 0) > 31:
                raise ValueError(f"{write.register.name} does not fit a record")
        for header, count in groups:
            words += [header, *(write.word for write in items[start : start + count])]
            start += count
    return words


def lay_out(task_list):
    """Every task's offset and words: one behind the other, with the header fields that follow from that."""
    placed, end = [], len(FRAME) // 2
    if not task_list:
        raise ValueError("tasks() gives no task")
    for task in task_list:
        natural = -(-end // TASK_ALIGNMENT) * TASK_ALIGNMENT
        offset, items = task if isinstance(task, At) else (natural, task)
        header = [
            item for item in items if isinstance(item, Write) and item.register.header
        ]
        words = [item.word for item in header] + records(items[len(header) :])
        if offset % 4:
            raise ValueError(f"task {len(placed)} at {offset:#x} begins on no word")
        if offset < end:
            raise ValueError(
                f"task {len(placed)} at {offset:#x} overlaps what ends at {end:#x}"
            )
        end = offset + 4 * len(words)
        placed.append((offset, header, words))
    followers = [*placed[1:], (0, [], [0])]
    for (_, header, words), (offset, _, follower) in zip(placed, followers):
        values = {
            "NextPointer": offset,
            "NextSize": len(follower) - 1,
            "TaskSize": len(words),
        }
        for index, write in enumerate(header):
            for name in write.auto:
                words[index] |= values[name] << write.register.fields[name][1]
    return [(offset, words) for offset, _, words in placed]


def expand(parts, data):
    """The pieces that a list of parts stands for, and what is left of the data."""
    pieces = []
    for kind, size in parts:
        pieces.append(bytes(size) if kind == "zeros" else data[:size])
        data = data if kind == "zeros" else data[size:]
    return pieces, data


def sidecar():
    """The file with coefficients that are too large for the script."""
    return os.path.splitext(__file__)[0] + ".coeff.bin"


def coefficients():
    """The pieces of CONST, and of each row of KERNELS."""
    if DATA is None:
        try:
            with open(sidecar(), "rb") as file:
                data = file.read()
        except FileNotFoundError:
            name = os.path.basename(sidecar())
            raise ValueError(f"{name}, the coefficients, must lie beside it") from None
    else:
        data = base64.b85decode(DATA.replace("\n", ""))
    if len(data) != DATA_BYTES or hashlib.sha256(data).hexdigest() != DATA_SHA256:
        raise ValueError(
            f"the coefficients are not those that the script was made with ({len(data)} bytes)"
        )
    const, rest = expand(CONST, memoryview(data))
    kernels = []
    for kernel in KERNELS:
        pieces, rest = expand(kernel.parts, rest)
        kernels.append(b"".join(pieces))
    return const, kernels


def build():
    """Assembles the program."""
    taken = {bar: name for name, bar in FIXED_BARS.items()} | ALIASES
    for row in (*TENSORS, *KERNELS):
        if row.bar in taken:
            raise ValueError(f"BAR {row.bar} is both {taken[row.bar]} and {row.name}")
        taken[row.bar] = row.name
    placed = lay_out(tasks())
    text = bytearray.fromhex(FRAME)
    text.extend(bytes(max(0, (TEXT_SIZE or 0) - len(text))))
    for offset, words in placed:
        end = offset + 4 * len(words)
        text.extend(bytes(max(0, end - len(text))))
        text[offset:end] = struct.pack(f"<{len(words)}I", *words)
    for offset, piece in STRAY:
        text[offset : offset + len(piece) // 2] = bytes.fromhex(piece)
    const, kernels = coefficients()
    start = CONST_OFFSET or -(-len(text) // 64) * 64
    if start < len(text):
        raise ValueError(
            f"the text ({len(text):#x} bytes) reaches into the coefficients at {start:#x}"
        )
    if const:
        text.extend(bytes(start - len(text)))
    return Command(
        b"".join([text, *const]), len(text), 4 * len(placed[0][1]), len(placed), kernels
    )


def command_buffer():
    """Text, zero padding and coefficients: buffer 0, without page padding."""
    return build().data


BO_INIT, BO_FREE, SUBMIT, VERSION = 0xC0186441, 0xC0086442, 0xC0986443, 0xC0406400
BOOTSTRAP_NID = 0x40


class Ane:
    """The engine behind the Linux driver's DRM accel node."""

    def __init__(self, path):
        self.file = os.open(path, os.O_RDWR)
        self.handles, self.mappings = [], []

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for memory in self.mappings:
            with contextlib.suppress(BufferError):
                memory.close()
        for handle in self.handles:
            self.call("BO_FREE", BO_FREE, "<2I", handle, 0)
        os.close(self.file)

    def call(self, name, number, layout, *values):
        """An ioctl; returns its structure as it comes back."""
        request = bytearray(struct.pack(layout, *values))
        try:
            fcntl.ioctl(self.file, number, request)
        except OSError as error:
            raise OSError(error.errno, f"{name}: {error.strerror}") from None
        return struct.unpack(layout, request)

    def allocate(self, size):
        """A buffer of this many bytes: its handle and its memory."""
        handle, _, _, offset = self.call("BO_INIT", BO_INIT, "<2I2Q", 0, 0, size, 0)
        self.handles.append(handle)
        memory = mmap.mmap(
            self.file,
            size,
            mmap.MAP_SHARED,
            mmap.PROT_READ | mmap.PROT_WRITE,
            offset=offset,
        )
        self.mappings.append(memory)
        return handle, memory

    def submit(self, command, handles, bootstrap):
        """Runs the tasks and waits for them."""
        sizes = command.text_bytes, command.task_count, command.first_task_bytes
        self.call("SUBMIT", SUBMIT, "<Q2I32I2I", *sizes, *handles, bootstrap, 0)


def driver_name(path):
    """The name that the driver behind a DRM node gives itself."""
    name = ctypes.create_string_buffer(64)
    request = bytearray(
        struct.pack("<3i4xQQQQQQ", 0, 0, 0, 63, ctypes.addressof(name), 0, 0, 0, 0)
    )
    file = os.open(path, os.O_RDWR)
    try:
        fcntl.ioctl(file, VERSION, request)
    finally:
        os.close(file)
    return name.value.decode("ascii", "replace")


def find_device():
    """The accel node whose driver is called "ane"; the numbers of the nodes mean nothing."""
    for path in sorted(glob.glob("/dev/accel/accel*")):
        with contextlib.suppress(OSError):
            if driver_name(path) == "ane":
                return path
    script = os.path.basename(sys.argv[0])
    return stop(
        f"no ANE here (no DRM accel node is called ane); `hwx2py emulate {script}` runs it without one"
    )


def run(inputs, fill, device):
    """Runs the program once.

    Args:
        inputs: {input name: array in its tensor's shape and dtype}.
        fill: what the outputs hold before the run; None for a pattern that no result has.
        device: path of the accel node, or None to look for it.

    Returns:
        {output name: array}
    """
    command = build()
    for tensor in TENSORS:
        if tensor.bar >= 32 or tensor.size < 1:
            raise ValueError(f"the driver has no buffer for tensor {tensor.name}")
    for bar in (*ALIASES, *(kernel.bar for kernel in KERNELS)):
        if bar >= 32:
            raise ValueError(f"the driver has no handle for BAR {bar}")
    with Ane(device or find_device()) as ane:
        handles, memories = [0] * 32, {}
        handles[0], memory = ane.allocate(
            max(len(command.data), command.text_bytes + 1)
        )
        memory[: len(command.data)] = command.data
        for tensor in TENSORS:
            handles[tensor.bar], memories[tensor.name] = ane.allocate(tensor.size)
        for bar, name in ALIASES.items():
            handles[bar] = handles[buffers()[name]]
        for kernel, content in zip(KERNELS, command.kernels):
            handles[kernel.bar], memory = ane.allocate(len(content))
            memory[:] = content
        first_task = bytearray(command.data[: command.first_task_bytes])
        first_task[2] = BOOTSTRAP_NID
        bootstrap, memory = ane.allocate(len(first_task))
        memory[:] = bytes(first_task)
        for tensor in TENSORS:
            if tensor.role == "input":
                elements(tensor, memories[tensor.name])[...] = inputs[tensor.name]
            elif tensor.role == "output" and fill is None:
                memories[tensor.name][:] = bytes([SENTINEL]) * tensor.size
            elif tensor.role == "output":
                elements(tensor, memories[tensor.name])[...] = fill
        ane.submit(command, handles, bootstrap)
        outputs = [tensor for tensor in TENSORS if tensor.role == "output"]
        return {
            tensor.name: elements(tensor, memories[tensor.name]).copy()
            for tensor in outputs
        }


SENTINEL = 0xFD  # as float16 a NaN, which the engine never writes


def elements(tensor, memory):
    """A tensor's elements in its buffer, as an array that shares the memory."""
    check_size(tensor)
    return np.ndarray(tensor.shape, tensor.dtype, memory, 0, tensor.strides)


def check_size(tensor):
    """Refuses a tensor whose elements do not lie in its bytes."""
    last = sum(
        (size - 1) * stride for size, stride in zip(tensor.shape, tensor.strides)
    )
    room = tensor.size - np.dtype(tensor.dtype).itemsize
    if min(tensor.shape) < 1 or not 0 <= last <= room:
        raise ValueError(f"tensor {tensor.name} does not fit its {tensor.size} bytes")


def untouched(array):
    """How many elements still hold the sentinel; of integers only a whole tensor counts."""
    pattern = np.frombuffer(bytes([SENTINEL]) * array.itemsize, f"u{array.itemsize}")[0]
    count = int(np.count_nonzero(array.view(f"u{array.itemsize}") == pattern))
    return count if array.dtype.kind == "f" or count == array.size else 0


def stop(message):
    """Ends the script over something that the user can mend."""
    print(f"{os.path.basename(sys.argv[0])}: {message}", file=sys.stderr)
    sys.exit(2)


def default_inputs():
    """The first input filled with 3, the second with 2, further ones with 1."""
    for tensor in TENSORS:
        if tensor.shape is not None:
            check_size(tensor)
    rows = [tensor for tensor in TENSORS if tensor.role == "input"]
    return {
        row.name: np.full(row.shape, value, row.dtype)
        for row, value in zip(rows, [3, 2] + [1] * len(rows))
    }


BAD_FILE = OSError, ValueError, EOFError, zipfile.BadZipFile


def read_inputs(options):
    """The default inputs with those of the command line (NAME=VALUE or NAME=FILE.npy) put over them."""
    inputs = default_inputs()
    for option in options:
        name, equals, value = option.partition("=")
        if not equals or name not in inputs:
            stop(
                f"--input {option}: no input is called {name!r} (inputs: {', '.join(inputs)})"
            )
        try:
            array = (
                np.load(value)
                if value.endswith(".npy")
                else np.full(inputs[name].shape, float(value))
            )
        except BAD_FILE as error:
            stop(f"--input {option}: {reason(error) or 'no number and no .npy file'}")
        if array.shape != inputs[name].shape:
            stop(
                f"--input {option}: shape {array.shape}, but {name} has {inputs[name].shape}"
            )
        inputs[name] = fitting(array, inputs[name].dtype, f"--input {option}")
    return inputs


def fitting(array, dtype, option):
    """The array in another type, which must hold its values; floats are rounded."""
    if array.dtype.kind not in "biuf":
        stop(f"{option}: {array.dtype} values are no numbers of the engine's")
    with np.errstate(all="ignore"):
        cast = array.astype(dtype)
    kept = cast == array
    if cast.dtype.kind == "f":
        kept = np.isfinite(cast) | ~np.isfinite(array)
    if not kept.all():
        stop(f"{option}: {dtype} does not hold {array[~kept].flat[0]}")
    return cast


def check_files(options):
    """Refuses to write over what the run reads."""
    read = [__file__, sidecar(), options.golden or ""]
    read += [option.partition("=")[2] for option in options.input]
    targets = [path for path in (options.save, options.write_command) if path]
    for target in filter(os.path.exists, targets):
        if any(os.path.samefile(target, path) for path in filter(os.path.exists, read)):
            stop(f"{target} would be written over, but it is read")


def read_golden(path):
    """The arrays of an .npz, by name."""
    try:
        golden = np.load(path)
        if isinstance(golden, np.ndarray):
            stop(f"--golden {path}: holds an array without a name; give an .npz")
        with golden:
            return dict(golden)
    except BAD_FILE as error:
        return stop(f"--golden {path}: {reason(error) or 'no .npz file'}")


def reason(error):
    """Why a file cannot be opened; empty where something is wrong with what is in it."""
    return (error.strerror or "") if isinstance(error, OSError) else ""


def compare(outputs, golden, tolerance):
    """Prints PASS or FAIL for every output against an array of its name; returns whether all pass."""
    passed = True
    for name, array in outputs.items():
        if name not in golden or golden[name].shape != array.shape:
            verdict = "FAIL: the file has no array of this name and shape"
        else:
            want, got = golden[name].astype("f8"), array.astype("f8")
            with np.errstate(invalid="ignore"):
                near = (
                    (np.abs(got - want) <= tolerance)
                    | (got == want)
                    | (np.isnan(got) & np.isnan(want))
                )
            worst = int(np.count_nonzero(~near))
            verdict = (
                f"FAIL: {worst} of {near.size} elements differ" if worst else "PASS"
            )
        passed = passed and verdict == "PASS"
        print(f"{name}: {verdict}")
    return passed


def report(outputs, fill):
    """Prints the outputs; returns whether all of them were written."""
    written = True
    for index, (name, array) in enumerate(outputs.items()):
        print(f"{name}: {array.dtype} {array.shape}")
        missing = untouched(array) if fill is None else 0
        if missing:
            written = False
            part = (
                "not written"
                if missing == array.size
                else f"{missing} of {array.size} elements not written"
            )
            print(f"{name}: {part}", file=sys.stderr)
        if index == 0 and missing != array.size:
            print(f"output[0] = {array.flat[0]}")
    return written


def arguments(argv):
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--device",
        metavar="PATH",
        help="accel node (default: the one whose driver is called ane)",
    )
    parser.add_argument(
        "--input",
        metavar="NAME=VALUE|NAME=FILE.npy",
        action="append",
        default=[],
        help="an input",
    )
    parser.add_argument(
        "--save", metavar="FILE.npz", help="write the outputs, by name, in their shapes"
    )
    parser.add_argument(
        "--golden",
        metavar="FILE.npz",
        help="compare the outputs: PASS or FAIL (exit 1)",
    )
    parser.add_argument(
        "--atol",
        metavar="X",
        type=float,
        default=0.0,
        help="largest difference for --golden",
    )
    parser.add_argument(
        "--fill", metavar="VALUE", type=float, help="what outputs hold before the run"
    )
    parser.add_argument(
        "--dry-run",
        action="store_true",
        help="build the command buffer and touch no device",
    )
    parser.add_argument(
        "--write-command",
        metavar="FILE",
        help="write buffer 0 to a file and touch no device",
    )
    return parser.parse_args(argv)


def main(argv=None):
    """Runs the program, or builds it only."""
    options = arguments(argv)
    check_files(options)
    try:
        if options.dry_run or options.write_command:
            command = build()
            if options.write_command:
                with open(options.write_command, "wb") as file:
                    file.write(command.data)
            digest = hashlib.sha256(command.data).hexdigest()
            sizes = f"{command.task_count} tasks, first task {command.first_task_bytes}, text {command.text_bytes}"
            print(
                f"command buffer: {len(command.data)} bytes ({sizes}), sha256 {digest}"
            )
            return 0
        inputs = read_inputs(options.input)
        golden = read_golden(options.golden) if options.golden else {}
        if options.fill is not None:
            for tensor in TENSORS:
                if tensor.role == "output":
                    fitting(np.array(options.fill), np.dtype(tensor.dtype), "--fill")
        outputs = run(inputs, options.fill, options.device)
        written = report(outputs, options.fill)
        if options.save:
            with open(options.save, "wb") as file:
                np.savez(file, **outputs)
        passed = not options.golden or compare(outputs, golden, options.atol)
        return 0 if written and passed else 1
    except TimeoutError:
        return stop("the engine did not finish: SUBMIT timed out")
    except BAD_FILE as error:
        lines = [
            frame.lineno
            for frame in traceback.extract_tb(error.__traceback__)
            if frame.name.startswith("task_")
        ]
        return stop("".join(f"line {line}: " for line in lines[-1:]) + str(error))


if __name__ == "__main__":
    sys.exit(main())
