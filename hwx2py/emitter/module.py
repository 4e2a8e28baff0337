"""The whole script: a skeleton with the program, its registers, and what it needs of the runtime."""

import ast
import base64
import functools
import gc
import hashlib
import itertools
import re
import warnings
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from ..errors import EmitError
from ..marks import UNSIGNED, signed
from ..program.program import Program, natural_const_offset, script_row
from ..registers.kinds import definition
from ..runtime import stream_linked, stream_records
from . import skeleton
from .data import INLINE_BYTES, Coefficients, Part, split
from .paste import Runtime, names_in
from .tables import RECORD_CLASS, Tables
from .tasks import TaskWriter
from .text import docstring, literal, string, wrapped

#: The runtime's modules in the order in which a script has them; stream and driver are the architecture's.
MODULES = ("tensor", "register", "stream", "text", "ane", "driver", "command_line")


class Driver(NamedTuple):
    """How a script reaches the engine.

    Attributes:
        module: the runtime's module that has the device.
        device: what opens it, and takes the parsed options.
        run: what runs a program on it.
        how: what the header says that a run on it takes; empty where there is none.
    """

    module: str
    device: str
    run: str
    how: str


#: By the driver's interface, as `Machine.driver` names it.
DRIVERS = {
    "ABI 1": Driver("ane_submit", "Ane", "run", "Linux, driver ane"),
    "ABI 2": Driver("ane_exec", "SlotAne", "run", "Linux, driver ane; needs --section"),
    "": Driver("ane_none", "no_driver", "no_driver", ""),
}

#: Where tasks may begin: multiples of so many bytes, by the encoding of the stream.
ALIGNMENTS = {"linked": stream_linked.TASK_ALIGNMENT, "records": stream_records.TASK_ALIGNMENT}

#: What the program and its registers may name of the runtime.
OWN_NAMES = ("Tensor", "partial", "every", "zeros", "Register", "RECORD", "LINK")


class Script(NamedTuple):
    """A generated script.

    Attributes:
        text: its source.
        sidecar: pieces of the coefficient file that belongs beside it, in order; None where the source has them.
    """

    text: str
    sidecar: list[memoryview] | None


def emit(program: Program, report: Sequence[str] = (), *, inline: bool = False) -> Script:
    """Writes a program as a script.

    Args:
        program: what to write.
        report: lines for the script's header, such as what the passes changed.
        inline: keep coefficients of any size in the source.

    Raises:
        EmitError: the script would not compile.
    """
    # The garbage collector finds nothing in growing trees, but looks for it all the time.
    collecting = gc.isenabled()
    gc.disable()
    try:
        return _emit(program, report, inline)
    finally:
        if collecting:
            gc.enable()


def _emit(program: Program, report: Sequence[str], inline: bool) -> Script:
    coefficients = split(program)
    beside = coefficients.data_bytes > INLINE_BYTES and not inline
    writer = TaskWriter(program)
    own = "\n".join(_program(program, writer, coefficients, beside))
    tables = Tables(program.arch, writer.written()).lines()
    if writer.has_record_words:
        tables += ["", *RECORD_CLASS.splitlines()]
    title = "\n".join(docstring("\n".join(header(program, report, writer))))
    module = skeleton.read("script.py")
    module = skeleton.assigned(module, {"": title, "ARCH": string(program.arch.name)})
    module = skeleton.with_body(module, "build", list(_build(program, writer, coefficients, beside)))
    driver = DRIVERS[program.arch.machine.driver]
    module = skeleton.renamed(module, {"DEVICE": driver.device, "RUN": driver.run})
    laid_out = _pasted(_laid_out(skeleton.marked(module).code), program, own + "\n".join(["", *tables]))
    text = signed(laid_out.replace("PROGRAM = ...", own, 1).replace("TABLES = ...", "\n".join(tables), 1))
    _check(text)
    return Script(text, coefficients.data() if beside else None)


def _pasted(code: str, program: Program, text: str) -> str:
    """A skeleton's code with its marks replaced by imports and by the runtime that the code and the program reach."""
    own = {"stream": f"stream_{program.arch.stream}", "driver": DRIVERS[program.arch.machine.driver].module}
    modules = [own.get(name, name) for name in MODULES]
    runtime = Runtime(modules)
    imports = {"NamedTuple": "from typing import NamedTuple", "partial": "from functools import partial"}
    runtime.imports |= imports
    codings = program.arch.codings
    for name, coding in codings.items():
        runtime.define("register", name, definition(coding))
    used = {name for name in (*OWN_NAMES, *codings) if re.search(rf"\b{name}[(),]", text)}
    reached = runtime.reached(names_in(code) | used)
    lines: list[str] = []
    for pasted, group in itertools.groupby(code.splitlines(), lambda line: line.startswith(skeleton.PASTE)):
        if pasted:
            names = [line.removeprefix(skeleton.PASTE) for line in group]
            lines += runtime.source([modules[MODULES.index(name)] for name in names], reached)
        else:
            for line in group:
                lines += runtime.import_lines(reached) if line == skeleton.IMPORTS else [line]
    return "\n".join(lines) + "\n"


#: Layouts that are kept: programs differ in few ways in how they are built.
MOST_LAYOUTS = 64


def _laid_out(text: str) -> str:
    """A skeleton as black lays it out: its docstring, and the rest, which many programs have alike.

    The runtime is not in it yet, most of a script and most of black's time: its modules are laid out already.
    """
    docstring_end = ast.parse(text).body[0].end_lineno or 0
    lines = text.splitlines(keepends=True)
    return f"{_by_black(''.join(lines[:docstring_end]))}\n{_by_black(''.join(lines[docstring_end:]))}"


@functools.lru_cache(MOST_LAYOUTS)
def _by_black(text: str) -> str:
    import black

    return black.format_str(text, mode=black.Mode())


def _check(text: str) -> None:
    """Refuses a script that Python would not take, or would warn about."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        try:
            compile(text, "script", "exec", dont_inherit=True)
        except (SyntaxError, SyntaxWarning) as error:
            raise EmitError(f"the script would not compile: {error}") from error


def header(program: Program, report: Sequence[str], writer: TaskWriter) -> Iterator[str]:
    """The script's docstring: what it is, how to run and edit it, what it was made from."""
    origin = program.origin
    stem = origin.name.rpartition(".")[0] or origin.name or "program"
    last = len(program.tasks) - 1
    what = f"{writer.sentence(last)}{f'; the last of {last + 1} tasks' if last else ''}"
    yield f"{stem}: {what}. A register program of the Apple Neural Engine."
    yield ""
    width = max(24, len(stem) + 20)
    driver, options = DRIVERS[program.arch.machine.driver], "--dry-run: only build it; --help: the rest"
    if driver.how:
        yield f"    {f'python {stem}.py':<{width}} run it on the engine ({driver.how}); {options}"
    if program.arch.machine.executes:
        yield f"    {f'hwx2py emulate {stem}.py':<{width}} run it on a virtual engine"
    else:
        yield f"    {f'python {stem}.py --dry-run':<{width}} only build the command buffer; --help: the rest"
    yield ""
    yield "Made to be edited. A line writes one register: fields by name, bits without a name as a number, the rest 0."
    yield "A list is a record of the task's stream. Links between tasks, sizes and ids are filled in unless given."
    yield ""
    yield f"Chip:     {program.arch.name}, {', '.join(program.arch.chips)}"
    made = f"Source:   {origin.name}, {len(origin.data)} bytes, sha256 {origin.sha256()}"
    yield next((line for line in origin.lineage if line.startswith("Source:")), made)
    yield f"Compiler: {origin.compiler or 'not named in the file'}"
    yield UNSIGNED
    yield from (f"Note:     {note}" for note in origin.notes)
    yield from (line for line in origin.lineage if not line.startswith("Source:"))
    yield from (line for line in report if not line.startswith(" ") and ": 0 words" not in line)
    yield ""


def _program(program: Program, writer: TaskWriter, coefficients: Coefficients, beside: bool) -> Iterator[str]:
    """The program as data: tensors, tasks, coefficients, and what does not follow from them."""
    yield "TENSORS = ["
    for buffer in program.buffers:
        yield from wrapped("Tensor(", [literal(value) for value in script_row(buffer)], "),", 4)
    yield "]"
    bars = {name: bar for bar, name in program.arch.fixed_bars.items()}
    bars |= {kernel.name: kernel.bar for kernel in program.kernels}
    pairs = [f"{string(name)}: {bar}" for name, bar in bars.items()]
    *more, last = wrapped("BARS = {", pairs, "}")
    tail = " | {tensor.name: tensor.bar for tensor in TENSORS}"
    yield from more
    yield last + tail
    if program.aliases:
        yield from wrapped("ALIASES = {", [f"{bar}: BARS[{string(name)}]" for bar, name in program.aliases], "}")
    yield from writer.functions()
    yield ""
    yield ""
    yield from writer.table()
    yield from _layout(program, writer)
    yield from _data(coefficients, beside)
    yield from _coefficients(coefficients)


def _layout(program: Program, writer: TaskWriter) -> Iterator[str]:
    """What of the text does not follow from its tasks."""
    text = program.text
    end = max((task.end for task in program.tasks), default=len(text.frame))
    if writer.places:
        pairs = [f"{number}: {offset:#x}" for number, offset in writer.places.items()]
        yield from wrapped("PLACES = {", pairs, "}")
    if text.frame:
        yield f'FRAME = bytes.fromhex("{text.frame.hex()}")'
    if text.size_bytes != end:
        yield f"TEXT_BYTES = {text.size_bytes:#x}"
    if text.stray:
        yield "STRAY = ["
        for offset, piece in text.stray:
            rows = [piece[start : start + 24].hex(" ") for start in range(0, len(piece), 24)]
            for number, row in enumerate(rows):
                yield f'    ({offset + 24 * number:#x}, bytes.fromhex("{row}")),'
        yield "]"
    if len(program.const) and program.const_offset != natural_const_offset(text.size_bytes):
        yield f"CONST_OFFSET = {program.const_offset:#x}"


def _data(coefficients: Coefficients, beside: bool) -> Iterator[str]:
    """Coefficients that are more than zeros: as a literal, or in a file beside the script."""
    pieces = coefficients.data()
    if beside:
        digest = hashlib.sha256()
        for piece in pieces:
            digest.update(piece)
        yield f"DATA_BYTES = {coefficients.data_bytes:#x}"
        yield f'DATA_SHA256 = "{digest.hexdigest()}"'
    elif pieces:
        text = base64.b85encode(b"".join(pieces)).decode("ascii")
        yield f"DATA_BYTES = {coefficients.data_bytes:#x}"
        yield 'DATA = """'
        yield from (text[start : start + 100] for start in range(0, len(text), 100))
        yield '"""'


def _pieces(parts: Sequence[Part], position: int = 0) -> list[str]:
    """Parts as Python: a number of zeros, or a slice of the data that begins at a position."""
    pieces = []
    for part in parts:
        if part.kind == "zeros":
            pieces.append(f"bytes({part.size:#x})")
        else:
            pieces.append(f"data[{position:#x}:{position + part.size:#x}]")
            position += part.size
    return pieces


def _coefficients(coefficients: Coefficients) -> Iterator[str]:
    """The function that gives the pieces of each buffer; without data they stand where they are used."""
    if not coefficients.data_bytes:
        return
    yield from ("", "", "def coefficients(data):", '    """The pieces of each buffer of coefficients."""')
    yield "    return {"
    position = 0
    for name, parts in coefficients.parts.items():
        yield from wrapped(f"{string(name)}: [", _pieces(parts, position), "],", 8)
        position += sum(part.size for part in parts if part.kind == "data")
    yield from ("    }", "", "")


def _build(program: Program, writer: TaskWriter, coefficients: Coefficients, beside: bool) -> Iterator[str]:
    """The statements that assemble the program."""
    alignment = ALIGNMENTS[program.arch.stream]
    text, arguments = program.text, ["TASKS", "encode_record", f"alignment={alignment}"]
    if text.frame:
        arguments.append("end=len(FRAME)")
    if writer.places:
        arguments.append("places=PLACES")
    yield f"text, tasks = lay_out({', '.join(arguments)})\n"
    extra = []
    if text.frame:
        extra.append("frame=FRAME")
    if text.size_bytes != max((task.end for task in program.tasks), default=len(text.frame)):
        extra.append("size=TEXT_BYTES")
    if text.stray:
        extra.append("stray=STRAY")
    if extra:
        yield f"text = framed(text, {', '.join(extra)})\n"
    pieces = {name: f"[{', '.join(_pieces(parts))}]" for name, parts in coefficients.parts.items()}
    if coefficients.data_bytes:
        data = "beside(__file__, DATA_BYTES, DATA_SHA256)" if beside else "inline(DATA, DATA_BYTES)"
        yield f"pieces = coefficients({data})\n"
        pieces = {name: f"pieces[{string(name)}]" for name in coefficients.parts}
    offset = ", CONST_OFFSET" if program.const_offset != natural_const_offset(text.size_bytes) else ""
    buffers = [f"0: followed(text, {pieces['const']}{offset})" if "const" in pieces else "0: [text]"]
    buffers += [f"{kernel.bar}: {pieces[kernel.name]}" for kernel in program.kernels]
    yield f"return {{{', '.join(buffers)}}}, tasks, {'ALIASES' if program.aliases else '{}'}\n"
