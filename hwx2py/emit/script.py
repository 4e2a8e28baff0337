"""The whole script: the template with its own program replaced, by name, by the one at hand."""

import base64
import gc
import hashlib
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import libcst as cst

from .. import __version__
from ..program.model import Program, Tensor, natural_const_offset
from . import coefficients, template
from .coefficients import INLINE_BYTES, Coefficients, Part
from .nodes import Hex, Item, Value, assign, call, docstring, expression, listing, literal, sequence
from .registers import block_classes
from .tasks import TaskWriter, _item


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
    """
    # The garbage collector finds nothing in a growing tree, but looks for it all the time.
    collecting = gc.isenabled()
    gc.disable()
    try:
        return _emit(program, report, inline)
    finally:
        if collecting:
            gc.enable()


def _emit(program: Program, report: Sequence[str], inline: bool) -> Script:
    split = coefficients.of(program)
    beside = split.data_bytes > INLINE_BYTES and not inline
    writer = TaskWriter(program)
    parts: dict[str, list[cst.CSTNode]] = {
        "": [expression(docstring(header(program, report)))],
        "ARCH": [assign("ARCH", literal(program.arch.name))],
        "TENSORS": [assign("TENSORS", _tensors(program.tensors))],
        "task_0": writer.functions(),
        "tasks": [],
        **_coefficients(program, split, beside),
        **_layout(program),
        "Header": block_classes(program.arch, writer.unnamed_registers()),
        "Common": [],
        "FIXED_BARS": [assign("FIXED_BARS", _bars((name, bar) for bar, name in program.arch.fixed_bars.items()))],
        "ALIASES": [assign("ALIASES", _bars(program.aliases))],
        "SINGLE_SLOTS": [assign("SINGLE_SLOTS", sequence(program.arch.single_slots, cst.List))],
    }
    module = template.module(program.arch.stream, program.arch.machine.driver == "ABI 1")
    text = module.with_changes(body=template.replaced(module.body, parts)).code
    return Script(text, split.data() if beside else None)


RUN_LINES = (
    "    python SCRIPT               run it on the engine (Linux, the accel node of the driver called ane)",
    "    hwx2py emulate SCRIPT       run it on a virtual engine",
)


def header(program: Program, report: Sequence[str]) -> str:
    """The script's docstring: what it is, what it was made from, how to run it."""
    origin = program.origin
    stem = origin.name.rpartition(".")[0] or origin.name
    lines = [
        f"{stem or 'A program'}: a register program for the Apple Neural Engine {program.arch.name}.",
        "",
        f"Chips: {', '.join(program.arch.chips)}.",
        "",
        *(RUN_LINES if program.arch.machine.driver == "ABI 1" else ()),
        "    python SCRIPT --dry-run     build the command buffer, touch no device",
        "    python SCRIPT --help        inputs, golden files, saving",
        "",
        f"Made by hwx2py {__version__} from {origin.name}, {len(origin.data)} bytes, sha256",
        f"{origin.sha256()}.",
        f"Compiler: {origin.compiler or 'not named in the file'}.",
        *(f"Note: {note}." for note in origin.notes),
        *report,
        "",
        "The values are meant to be edited. A line writes a register: fields by name, those that are left out are 0;",
        "a first argument without a name holds bits that no field names. AUTO follows from where the tasks lie.",
        "Buffers are named as in TENSORS, whose BAR is what the tasks select and what the driver is told.",
        "",
    ]
    return "\n".join(lines)


def _tensors(tensors: Sequence[Tensor]) -> cst.List:
    rows = [
        _item(
            "Tensor",
            [
                ("", tensor.name),
                ("", tensor.role),
                ("", tensor.bar),
                ("", _optional(tensor.shape)),
                ("", _optional(tensor.strides)),
                ("", literal(tensor.dtype)),
                ("", tensor.size_bytes),
            ],
        )
        for tensor in tensors
    ]
    return listing(rows, "", 0)


def _optional(values: Sequence[int] | None) -> cst.BaseExpression:
    return literal(None) if values is None else sequence(values)


def _bars(pairs: Iterable[tuple[int | str, int | str]]) -> cst.Dict:
    return cst.Dict([cst.DictElement(literal(key), literal(value)) for key, value in pairs])


def _parts(parts: Sequence[Part]) -> cst.List:
    return listing([Item(sequence([part.kind, Hex(part.size)]), 0) for part in parts], "", 0)


def _coefficients(program: Program, split: Coefficients, beside: bool) -> dict[str, list[cst.CSTNode]]:
    pieces = split.data()
    digest = hashlib.sha256()
    for piece in pieces:
        digest.update(piece)
    kernels = [
        Item(call("Kernel", [("", kernel.name), ("", kernel.bar), ("", _parts(parts))]), 0)
        for kernel, parts in zip(program.kernels, split.kernels)
    ]
    sizes = sequence([split.data_bytes, digest.hexdigest()])
    names = cst.Tuple([cst.Element(cst.Name("DATA_BYTES")), cst.Element(cst.Name("DATA_SHA256"))], lpar=[], rpar=[])
    both = cst.SimpleStatementLine([cst.Assign([cst.AssignTarget(names)], sizes.with_changes(lpar=[], rpar=[]))])
    return {
        "CONST": [assign("CONST", _parts(split.const))],
        "KERNELS": [assign("KERNELS", listing(kernels, "", 0))],
        "DATA_BYTES": [both],
        "DATA": [assign("DATA", literal(None) if beside else _blob(pieces))],
    }


def _blob(pieces: Sequence[memoryview]) -> cst.SimpleString:
    text = base64.b85encode(b"".join(pieces)).decode("ascii")
    if not text:
        return cst.SimpleString('""')
    lines = "\n".join(text[start : start + 100] for start in range(0, len(text), 100))
    return cst.SimpleString(f'"""\n{lines}\n"""')


def _layout(program: Program) -> dict[str, list[cst.CSTNode]]:
    """FRAME, TEXT_SIZE, CONST_OFFSET and STRAY: None and empty where they are what the layout gives."""
    tasks, text = program.tasks, program.text
    end = max((task.end for task in tasks), default=len(text.frame))
    natural = natural_const_offset(text.size_bytes)
    values: dict[str, Value] = {
        "FRAME": text.frame.hex(),
        "TEXT_SIZE": literal(None) if text.size_bytes == end else Hex(text.size_bytes),
        "CONST_OFFSET": literal(None) if program.const_offset == natural else Hex(program.const_offset),
        "STRAY": sequence([sequence([Hex(offset), piece.hex()]) for offset, piece in text.stray], cst.List),
    }
    return {name: [assign(name, literal(value))] for name, value in values.items()}
