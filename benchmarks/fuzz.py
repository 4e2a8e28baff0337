"""Feeds the readers damaged files, led by coverage (atheris): `python benchmarks/fuzz.py hwx|anec|raw|hexdump|script`.

Every file goes through a command as a user would give it. A finding is anything but a result or one line of error:
an exception, text that a terminal would act on, a file in another place than asked for, or seconds of work for a small
file. Each kind of finding is written once, with its traceback, and the search goes on; it ends where memory runs out.
What is found is kept as a test in tests/test_fuzz.py; needs `pip install atheris`.
"""

import argparse
import contextlib
import hashlib
import io
import os
import pathlib
import random
import re
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Iterator
from typing import NamedTuple

import atheris

ROOT = pathlib.Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

with atheris.instrument_imports(include=["hwx2py"]):
    from hwx2py import emitter, formats
    from hwx2py.cli import main
    from hwx2py.formats.anec.write import write
    from hwx2py.program.bars import bound_order, renumber

EXAMPLES = sorted((ROOT / "examples").glob("*.hwx"))
SLOW_SECONDS = 5.0

#: Values at which sizes and offsets tip over.
EXTREMES = (0, 1, 0x7FFF_FFFF, 0x8000_0000, 0xFFFF_FFF0, 0xFFFF_FFFF, 1 << 32, (1 << 63) - 1, 1 << 63, (1 << 64) - 1)
#: Names that quote, break lines, climb folders, or tell a terminal what to do.
EVIL_NAMES = (b"'", b'"', b"\n", b"../x", b"/", b"\x1b[2J", b"\0", b"\\", b"%s", b"<b>", "\u202e".encode(), b"{0}")
NUMBER = re.compile(rb"\b(?:0x[0-9A-Fa-f_]+|[0-9]+)\b")
TEXT = re.compile(rb"[\x20-\x7e]{4,}")

#: Commands that read a file; `o` stands for the folder to write into.
COMMANDS = (
    ("info",),
    ("info", "--json"),
    ("dump",),
    ("check", "-v"),
    ("cost",),
    ("graph", "-o", "o/o.svg"),
    ("clean", "-o", "o/o.hwx"),
    ("anec", "-o", "o/o.anec"),
    ("weights", "-o", "o/weights"),
    ("convert", "-o", "o/o.py"),
    ("emulate",),
)
#: Those that take bare task streams.
RAW_COMMANDS = tuple(command for command in COMMANDS if command[0] in ("info", "dump", "check", "cost", "convert"))


class Reader(NamedTuple):
    """What is fuzzed.

    Attributes:
        suffix: of the files.
        seeds: gives the files to begin with.
        commands: that they are given to.
    """

    suffix: str
    seeds: Callable[[], Iterator[bytes]]
    commands: tuple[tuple[str, ...], ...] = COMMANDS


def _programs() -> Iterator[formats.File]:
    return (formats.load(str(path)) for path in EXAMPLES)


def _anecs() -> Iterator[bytes]:
    for file in _programs():
        if file.program.arch.name == "H13":
            pieces = write(renumber(file.program, bound_order(file.program)), 0x1000)
            yield b"".join(bytes(piece) for piece in pieces)


def _streams() -> Iterator[bytes]:
    return (bytes(file.program.text.to_bytes()) for file in _programs() if file.program.arch.name == "H13")


def _dumps() -> Iterator[bytes]:
    for stream in _streams():
        words = [f"{int.from_bytes(stream[i : i + 4], 'little'):08x}" for i in range(0, len(stream), 4)]
        rows = [words[i : i + 4] for i in range(0, len(words), 4)]
        yield "\n".join(f"{16 * i:08x}: {' '.join(row)}" for i, row in enumerate(rows)).encode()
        yield stream.hex(" ", -2).encode()


READERS = {
    "hwx": Reader(".hwx", lambda: (path.read_bytes() for path in EXAMPLES)),
    "anec": Reader(".anec", _anecs),
    "raw": Reader(".bin", _streams, tuple((*command, "--raw", "h13") for command in RAW_COMMANDS)),
    "hexdump": Reader(".txt", _dumps, tuple((*command, "--raw", "h13") for command in RAW_COMMANDS)),
    "script": Reader(".py", lambda: (emitter.emit(file.program).text.encode() for file in _programs())),
}


def mutated(data: bytes, most_bytes: int, seed: int) -> bytes:
    """The file with an extreme number, an evil name, two pieces swapped, or what libFuzzer makes of it.

    Args:
        data: a command's number in the first byte, then the file.
        most_bytes: that the result may have.
        seed: of the choice.
    """
    choice = random.Random(seed)
    changed = bytearray(data)
    for _ in range(choice.randint(1, 3)):
        kind = choice.randrange(6)
        if kind == 0:
            changed[0] = choice.randrange(256)
        elif kind == 1 and len(changed) > 16:
            size_bytes = choice.choice((4, 8))
            live = [i for i in range(1, len(changed) - size_bytes, 4) if any(changed[i : i + 4])] or [1]
            value = choice.choice(EXTREMES) + choice.choice((-1, 0, 0, 1, 0x40))
            place = choice.choice(live)
            changed[place : place + size_bytes] = (value % (1 << 8 * size_bytes)).to_bytes(size_bytes, "little")
        elif kind == 2 and (texts := list(TEXT.finditer(changed, 1))):
            text, name = choice.choice(texts), choice.choice(EVIL_NAMES)
            place = choice.randrange(text.start(), max(text.start() + 1, text.end() - len(name)))
            changed[place : place + len(name)] = name
        elif kind == 3 and (numbers := list(NUMBER.finditer(changed, 1))):
            number = choice.choice(numbers)
            changed[number.start() : number.end()] = str(choice.choice(EXTREMES)).encode()
        elif kind == 4 and len(changed) > 80:
            first, second = (choice.randrange(1, len(changed) - 64) for _ in range(2))
            changed[first : first + 64] = changed[second : second + 64]
        else:
            changed = bytearray(atheris.Mutate(bytes(changed), most_bytes))
    return bytes(changed[:most_bytes])


class Findings:
    """Kinds of findings, each written once."""

    def __init__(self, folder: pathlib.Path):
        self.folder = folder
        self.kinds: set[str] = set()
        folder.mkdir(parents=True, exist_ok=True)

    def add(self, kind: str, story: str, data: bytes, suffix: str) -> None:
        """Writes a finding, unless its kind is known: the file, and what happened."""
        if kind in self.kinds:
            return
        self.kinds.add(kind)
        name = hashlib.sha256(kind.encode()).hexdigest()[:12]
        (self.folder / f"{name}{suffix}").write_bytes(data)
        (self.folder / f"{name}.told").write_text(story, errors="backslashreplace")
        print(f"finding {name}: {kind}", file=sys.__stderr__, flush=True)


def _kind(error: BaseException) -> str:
    """An exception's type and the place in hwx2py that raised it."""
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if "hwx2py" in frame.filename]
    place = f"{frames[-1].filename.rpartition('hwx2py/')[2]}:{frames[-1].lineno}" if frames else "?"
    return f"{type(error).__name__} at {place}: {str(error)[:60]!r}"


def give(reader: Reader, data: bytes, findings: Findings) -> None:
    """Gives a file to a command and judges how that ends.

    Args:
        reader: what kind of file it is.
        data: the command's number in the first byte, then the file.
        findings: where what is wrong goes.
    """
    if not data:
        return
    command = reader.commands[data[0] % len(reader.commands)]
    with tempfile.TemporaryDirectory(prefix="fuzz-") as folder:
        inside = os.path.join(folder, "inside")
        os.makedirs(os.path.join(inside, "o"))
        path = os.path.join(inside, f"odd{reader.suffix}")
        pathlib.Path(path).write_bytes(data[1:])
        arguments = [command[0], path]
        arguments += [part.replace("o/", f"{inside}/o/", 1) if part.startswith("o/") else part for part in command[1:]]
        outs = [io.TextIOWrapper(io.BytesIO(), "utf-8", "surrogateescape") for _ in range(2)]
        start = time.perf_counter()
        code: object = None
        story = f"{' '.join(command)}\n"
        try:
            with contextlib.redirect_stdout(outs[0]), contextlib.redirect_stderr(outs[1]):
                main(arguments)
        except SystemExit as end:
            code = end.code
        except BaseException as error:
            findings.add(_kind(error), story + traceback.format_exc(), data[1:], reader.suffix)
            return
        seconds = time.perf_counter() - start
        for out in outs:
            out.flush()
        texts = [out.buffer.getvalue().decode("utf-8", "surrogateescape") for out in outs]
        for problem in _problems(code, texts, folder, seconds):
            findings.add(f"{command[0]}: {problem}", story + "\n".join(texts), data[1:], reader.suffix)


def _problems(code: object, texts: list[str], folder: str, seconds: float) -> Iterator[str]:
    """What is wrong with how a command ended."""
    if code not in (0, 1, 2, 3):
        yield f"exit code {code}"
    lines = texts[1].splitlines()
    if code == 2 and not (lines and lines[-1].startswith(("hwx2py: ", "odd.py: "))):
        yield "an error that is not told as one"
    if code == 2 and len(lines) > 3:
        yield "an error of many lines"
    odd = {char for text in texts for char in text if not char.isprintable() and char not in "\n"}
    if odd:
        yield f"characters {sorted(odd)!r} reach the terminal"
    if os.listdir(folder) != ["inside"] or len(os.listdir(os.path.join(folder, "inside"))) != 2:
        yield "a file in another place than asked for"
    if any(name.startswith(".") for name in os.listdir(os.path.join(folder, "inside", "o"))):
        yield "a half file is left"
    if seconds > SLOW_SECONDS:
        yield "slow"


def run() -> None:
    """Reads the arguments and fuzzes until the time is over."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("reader", choices=READERS)
    parser.add_argument("--seconds", type=int, default=120)
    parser.add_argument("--seeds", type=pathlib.Path, help="a folder with more files to begin with")
    parser.add_argument("--findings", type=pathlib.Path, default=pathlib.Path("out/findings"))
    options = parser.parse_args()
    reader, findings = READERS[options.reader], Findings(options.findings)
    more = sorted(options.seeds.rglob(f"*{reader.suffix}")) if options.seeds else []
    with tempfile.TemporaryDirectory(prefix="corpus-") as corpus:
        for number, data in enumerate((*reader.seeds(), *(path.read_bytes() for path in more))):
            for place in range(len(reader.commands)):
                pathlib.Path(corpus, f"{number}-{place}").write_bytes(bytes([place]) + data)
        flags = ["-max_len=70000", f"-max_total_time={options.seconds}", "-timeout=60", "-rss_limit_mb=4096"]
        atheris.Setup(
            ["fuzz", corpus, *flags, f"-artifact_prefix={options.findings}/"],
            lambda data: give(reader, data, findings),
            custom_mutator=mutated,
        )
        atheris.Fuzz()


if __name__ == "__main__":
    run()
