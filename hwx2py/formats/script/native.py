"""The runtime's functions and classes that scripts carry, as the evaluator takes them: called, not read.

A script's own text of one of them has to be the runtime's, or the script means something else.
"""

import ast
import functools
import importlib.resources
from collections.abc import Callable, Mapping
from typing import Any

from ...runtime import register, stream_linked, stream_records, text
from ...runtime.tensor import Tensor
from . import evaluate
from .evaluate import MORE, Evaluator, Function, shown

STREAM_MODULES = {"linked": stream_linked, "records": stream_records}

#: A text that is larger, or of more words than this and the bytes of the script, is no program's.
MOST_TEXT = 1 << 27
MOST_WORDS = 1 << 22

#: No record has more registers.
MOST_ZEROS = 64

#: How a register packs floats.
PACKINGS = (None, "<e", "<f")

#: What of the runtime decides about a program's words.
DECIDING = {
    "tensor": ("Tensor",),
    "register": ("Coding", "PLAIN", "LINK", "RECORD", "Write", "Register", "encode", "every", "zeros"),
    "text": ("words_of", "lay_out", "framed", "followed", "inline", "beside"),
    "stream_linked": ("TASK_ALIGNMENT", "encode_record"),
    "stream_records": ("TASK_ALIGNMENT", "SCATTER", "encode_record"),
}


def dumped(node: ast.stmt) -> str:
    """What a definition says, without its docstrings and places."""
    for part in ast.walk(node):
        if isinstance(part, (ast.FunctionDef, ast.ClassDef)):
            match part.body:
                case [ast.Expr(value=ast.Constant(value=str())), *others] if others:
                    part.body = others
    return ast.dump(node)


@functools.cache
def definitions(stream: str) -> Mapping[str, str]:
    """Name -> what the runtime's definition of it says, of all that decide about words.

    Args:
        stream: how the architecture writes its tasks.
    """
    found = {}
    for module in ("tensor", "register", "text", f"stream_{stream}"):
        source = importlib.resources.files("hwx2py.runtime").joinpath(f"{module}.py").read_text(encoding="utf-8")
        for statement in ast.parse(source).body:
            said = None
            for name in defined(statement):
                if name in DECIDING[module]:
                    said = said or dumped(statement)
                    found[name] = said
    return found


def defined(statement: ast.stmt) -> list[str]:
    """The names that a statement of a module defines; none where it is of another kind."""
    match statement:
        case ast.FunctionDef(name=name) | ast.ClassDef(name=name):
            return [name]
        case ast.Assign(targets=[ast.Name(id=name)]):
            return [name]
        case ast.Assign(targets=[ast.Tuple(elts=targets)]):
            return [target.id for target in targets if isinstance(target, ast.Name)]
    return []


@functools.cache
def imported() -> frozenset[str]:
    """The imports that scripts have, each as a line of Python."""
    lines = {"from functools import partial", "from typing import NamedTuple"}
    for file in importlib.resources.files("hwx2py.runtime").iterdir():
        if not file.name.endswith(".py"):
            continue
        for statement in ast.parse(file.read_text(encoding="utf-8")).body:
            match statement:
                case ast.Import(names=aliases):
                    lines |= {ast.unparse(ast.Import([alias])) for alias in aliases}
                case ast.ImportFrom(level=0, names=aliases, module=module):
                    lines |= {ast.unparse(ast.ImportFrom(module, [alias], 0)) for alias in aliases}
    return frozenset(lines)


@functools.cache
def imported_names() -> frozenset[str]:
    """The names that imports of scripts give: of modules, and of what is in them."""
    return frozenset(line.split()[-1] for line in imported())


def values(stream: str, evaluator: Evaluator, source_bytes: int) -> Mapping[str, Any]:
    """Name -> what the evaluator takes for it.

    Args:
        stream: how the architecture writes its tasks.
        evaluator: evaluates the script.
        source_bytes: the script's size.
    """
    module = STREAM_MODULES[stream]
    found: dict[str, Any] = {name: getattr(register, name) for name in ("PLAIN", "LINK", "RECORD")}
    found |= {name: evaluate.Opaque(name) for name in ("Write", "encode", "words_of", "SCATTER")}
    return found | {
        "Tensor": _tensor,
        "Coding": _coding,
        "Register": evaluate.register_of,
        "every": _every,
        "zeros": _zeros,
        "lay_out": functools.partial(_lay_out, evaluator, module.encode_record, MOST_WORDS + source_bytes),
        "framed": _framed,
        "followed": _followed,
        "inline": _inline,
        "beside": _beside,
        "encode_record": module.encode_record,
        "TASK_ALIGNMENT": module.TASK_ALIGNMENT,
    }


def _tensor(*cells: Any, **named: Any) -> Tensor:
    return Tensor(*cells, **named)


def _coding(name: Any, whole: Any = False, less: Any = 0, packing: Any = None) -> register.Coding:
    """The runtime's `Coding`, for a name, a number, and the packing of a float."""
    if not isinstance(name, str) or not isinstance(less, int) or packing not in PACKINGS:
        raise ValueError("a Coding has a name, a flag, a number, and the packing of a float")
    return register.Coding(name, bool(whole), less, packing)


def _every(registers: Any, word: Any = 0, **values: Any) -> Any:
    """The runtime's function, for registers and plain values."""
    if not isinstance(registers, (list, tuple)) or not registers:
        raise ValueError("every() takes registers of an array")
    if not all(isinstance(one, register.Register) for one in registers):
        raise ValueError("every() takes registers of an array")
    for value in (word, *values.values()):
        if not evaluate.is_plain(value):
            raise ValueError(f"{registers[0].name}: {shown(value)} does not fit a register")
    return register.every(registers, word, **values)


def _zeros(first: Any, last: Any) -> Any:
    """The runtime's function, for as many registers as a record can have."""
    if not isinstance(first, register.Register) or not isinstance(last, register.Register):
        raise TypeError("zeros() takes the first register and the last")
    if last.address - first.address > 4 * MOST_ZEROS:
        raise ValueError(f"zeros from {first.name} to {last.name}: more registers than a record can have")
    return register.zeros(first, last)


class _Made:
    """A task that has been called already; it goes by the same name as others that give the same."""

    def __init__(self, name: str, records: Any):
        self.name, self.records = name, records

    def __repr__(self) -> str:
        return self.name

    def __call__(self) -> Any:
        return self.records


def _lay_out(
    evaluator: Evaluator,
    own_encoder: Callable[..., Any],
    most_words: int,
    tasks: Any,
    encode_record: Any,
    alignment: Any,
    end: Any = 0,
    places: Any = None,
) -> Any:
    """The runtime's function, for a text of a size that can be."""
    if encode_record is not own_encoder:
        raise TypeError(f"another encode_record: {MORE}")
    if not isinstance(alignment, int) or not 4 <= alignment <= 1 << 20:
        raise ValueError(f"tasks cannot begin at multiples of {shown(alignment)} bytes")
    if places is not None and not isinstance(places, dict):
        raise TypeError("places of tasks are not a table")
    if any(not isinstance(place, int) or not 0 <= place <= MOST_TEXT for place in (end, *(places or {}).values())):
        raise ValueError("a task lies beyond what the engine addresses")
    if not isinstance(tasks, (list, tuple)):
        raise TypeError(f"TASKS is not a list: {MORE}")
    if not tasks:
        raise ValueError("there is no task in TASKS")
    made: dict[str, _Made] = {}
    listed, words_left = [], most_words
    for number, task in enumerate(tasks):
        if not isinstance(task, Function):
            raise TypeError(f"task {number} of TASKS is not a function of the script: {MORE}")
        name = repr(task)
        if name not in made:
            made[name] = _Made(name, task())
        listed.append(made[name])
        words_left -= _words(number, made[name].records)
        if words_left < 0 or (number + 1) * alignment > MOST_TEXT:
            raise ValueError(f"{len(tasks)} tasks of this size take too long to read; --run executes the script")
    done, placed = text.lay_out(listed, encode_record, alignment, end, places)
    return done, placed


def _words(number: int, records: Any) -> int:
    """How many words a task has, at least."""
    good = isinstance(records, (list, tuple)) and records and all(isinstance(row, (list, tuple)) for row in records)
    if not good:
        raise TypeError(f"task {number} does not return a list of records")
    for row in records:
        if wrong := next((write for write in row if not isinstance(write, register.Write)), None):
            raise TypeError(f"task {number}: {shown(wrong)} in a record is not a register that is written")
        if not row and row is not records[0]:
            raise ValueError(f"task {number} has an empty record")
    return sum(map(len, records))


def _framed(made: Any, frame: Any = b"", size: Any = 0, stray: Any = ()) -> Any:
    """The runtime's function, for a text of a size that can be."""
    if not isinstance(made, bytearray) or not isinstance(frame, bytes) or not isinstance(stray, (list, tuple)):
        raise TypeError("a frame is not the bytes around a text")
    for row in stray:
        if not isinstance(row, tuple) or len(row) != 2 or not isinstance(row[0], int) or not isinstance(row[1], bytes):
            raise TypeError(f"{shown(row)} is not (offset, bytes)")
    if not isinstance(size, int) or any(
        not 0 <= place <= len(made) + MOST_TEXT for place in (size, *(row[0] for row in stray))
    ):
        raise ValueError("the text reaches beyond what the engine addresses")
    return text.framed(made, frame, size, stray)


def _followed(made: Any, pieces: Any, offset: Any = None) -> Any:
    """The runtime's function, for pieces that are bytes, and an offset that can be."""
    if not isinstance(made, bytearray) or not isinstance(pieces, (list, tuple)):
        raise TypeError("coefficients are not a list of pieces behind a text")
    if wrong := next((piece for piece in pieces if not isinstance(piece, (bytes, memoryview))), None):
        raise TypeError(f"{shown(wrong)} in the coefficients is not bytes")
    if offset is not None and (not isinstance(offset, int) or not len(made) <= offset <= MOST_TEXT):
        raise ValueError(f"coefficients cannot begin at {shown(offset)} behind a text of {len(made)} bytes")
    return text.followed(made, pieces, offset)


def _inline(literal: Any, size: Any) -> Any:
    """The runtime's function, for a text and a size."""
    if not isinstance(literal, str) or not isinstance(size, int):
        raise TypeError("coefficients are not a text in base 85 and its size in bytes")
    return text.inline(literal, size)


def _beside(script: Any, size: Any, sha256: Any) -> Any:
    """The runtime's function, for a path, a size and a digest."""
    if not isinstance(script, str) or not isinstance(size, int) or not isinstance(sha256, str):
        raise TypeError("coefficients beside a script have a size in bytes and a sha256")
    return text.beside(script, size, sha256)
