"""The points of a sweep: emulated, and written as rows part by part."""

import hashlib
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from .. import formats
from ..errors import HwxError, UsageError
from ..names import legible
from ..program.program import Program
from ..tables import Column, Store, Table
from ..version import VERSION
from .grid import Axis, axis_of, count_points, point, varied

if TYPE_CHECKING:
    import numpy as np

#: Points of a part.
PART_POINTS = 64


class Source(NamedTuple):
    """What is emulated, as text that every process understands.

    Attributes:
        path: the program.
        sha256: its digest.
        vary: the axes, as `axis_of` takes them.
        inputs: NAME=VALUE, NAME=FILE.npy, NAME=random[:SEED] or NAME=ramp.
        inputs_sha256: digest of the arrays that they gave when the sweep began.
    """

    path: str
    sha256: str
    vary: tuple[str, ...]
    inputs: tuple[str, ...]
    inputs_sha256: str


class PartJob(NamedTuple):
    """A part of a sweep.

    Attributes:
        store: the table.
        part: its name.
        source: what is emulated.
        points: which of its points.
    """

    store: Store
    part: str
    source: Source
    points: range


class PointsDone(NamedTuple):
    """A part that was made: how many points, how many with faults, how many refused."""

    points: int
    faulty: int
    refused: int


class Sweep(NamedTuple):
    """What is to be done.

    Attributes:
        store: the table.
        jobs: the parts to be made.
        points: how many points they have together.
        standing: how many points stand already.
        unconfirmed: the architecture, where no hardware run has confirmed what the virtual ANE gives for it.
    """

    store: Store
    jobs: tuple[PartJob, ...]
    points: int
    standing: int
    unconfirmed: str | None


class Outcome(NamedTuple):
    """What an emulation gave.

    Attributes:
        outputs: arrays by name; none where the engine stopped, or the program was refused.
        faults: what real hardware would turn into a hang or garbage, in words; none where it was refused.
        refusal: why the virtual ANE does not run it; None where it did.
    """

    outputs: Mapping[str, "np.ndarray"]
    faults: tuple[str, ...]
    refusal: str | None


def plan(path: str, vary: Sequence[str], folder: str, format: str = "parquet", inputs: Sequence[str] = ()) -> Sweep:
    """Says what a sweep has to do; what stands already is not done again.

    Args:
        path: the program.
        vary: what is varied, as `axis_of` takes it.
        folder: where the table is, or is to be.
        format: "parquet" or "jsonl".
        inputs: NAME=VALUE, NAME=FILE.npy, NAME=random[:SEED] or NAME=ramp; other inputs are as scripts have them.

    Returns:
        The parts to be made.

    Raises:
        HwxError: the program cannot be read, an axis makes no sense, or the folder holds something else.
    """
    from ..emulator.inputs import input_arrays

    program = formats.load(path).program
    try:
        axes = [axis_of(text, program) for text in vary]
    except HwxError as error:
        raise error.in_file(path) from error.__cause__
    arrays = input_arrays(program.tensors, inputs)
    if doubled := next((axis.name for n, axis in enumerate(axes) if axis.name in {a.name for a in axes[:n]}), None):
        raise UsageError(f"{doubled} is varied twice", hint="give its values in one --vary")
    count = count_points(axes)
    store = Store(folder, format, (_table(program, axes),))
    store.prepare()
    source = Source(path, program.origin.sha256(), tuple(vary), tuple(inputs), _digest(arrays))
    jobs = []
    for first in range(0, count, PART_POINTS):
        points = range(first, min(first + PART_POINTS, count))
        jobs.append(PartJob(store, _part_name(source, points), source, points))
    standing = set(store.parts())
    if standing - {job.part for job in jobs}:
        raise UsageError("holds another sweep", file=folder, hint="give another -o")
    missing = tuple(job for job in jobs if job.part not in standing)
    left = sum(len(job.points) for job in missing)
    unconfirmed = None if program.arch.machine.confirmed else program.arch.name
    return Sweep(store, missing, left, count - left, unconfirmed)


def make_part(job: PartJob) -> PointsDone:
    """Emulates the points of a part, one after another, and writes their rows.

    Args:
        job: the part.

    Returns:
        What came of it.

    Raises:
        HwxError: the program is not the one any more that the sweep began with, or the part cannot be written.
    """
    from ..emulator.inputs import input_arrays

    source, table = job.source, job.store.tables[0]
    program = formats.load(source.path).program
    if program.origin.sha256() != source.sha256:
        raise UsageError("was changed during the sweep", file=source.path, hint="run it again with another -o")
    axes = [axis_of(text, program) for text in source.vary]
    inputs = input_arrays(program.tensors, source.inputs)
    if _digest(inputs) != source.inputs_sha256:
        raise UsageError("its inputs were changed during the sweep", file=source.path, hint="run it with another -o")
    rows, faulty, refused = [], 0, 0
    for number in job.points:
        values = point(axes, number)
        outcome = emulate(varied(program, axes, values), inputs)
        faulty += bool(outcome.faults)
        refused += outcome.refusal is not None
        rows.append(_row(table, number, axes, values, outcome))
    with job.store.writing(job.part) as files:
        files.write(table.name, rows)
    return PointsDone(len(job.points), faulty, refused)


def emulate(program: Program, inputs: "Mapping[str, np.ndarray]") -> Outcome:
    """Runs a program on the virtual ANE.

    Args:
        program: what to run.
        inputs: an array for each input, by name, in its tensor's shape and dtype.

    Returns:
        What it gave.
    """
    from ..emulator import check_runs, direct

    try:
        check_runs(program.arch)
        result = direct.run(program, inputs)
    except HwxError as error:
        return Outcome({}, (), legible(str(error)))
    return Outcome(result.outputs, tuple(legible(str(fault)) for fault in result.faults), None)


def _table(program: Program, axes: Sequence[Axis]) -> Table:
    outputs = [legible(tensor.name) for tensor in program.outputs]
    return Table(
        "points",
        (
            Column("point", "integer"),
            *(axis.column for axis in axes),
            *(Column(f"{name}.{suffix}", kind) for name in outputs for suffix, kind in STATISTICS.items()),
            Column("faults", "texts"),
            Column("refusal", "text"),
        ),
    )


#: Columns of an output, behind its name and a dot. The numbers are those of the finite elements, None without any.
STATISTICS = {"sha256": "text", "smallest": "number", "largest": "number", "mean": "number", "not_finite": "integer"}


def _row(
    table: Table, number: int, axes: Sequence[Axis], values: Sequence[int | float | str], outcome: Outcome
) -> tuple[Any, ...]:
    cells: dict[str, Any] = {"point": number, "faults": outcome.faults, "refusal": outcome.refusal}
    cells |= {axis.name: axis.shown(value) for axis, value in zip(axes, values)}
    for name, array in outcome.outputs.items():
        cells |= {f"{legible(name)}.{suffix}": value for suffix, value in statistics(array).items()}
    return tuple(cells.get(column.name) for column in table.columns)


def statistics(array: "np.ndarray") -> dict[str, str | float | int | None]:
    """The digest of an output and what its elements are like, by the names of `STATISTICS`.

    Args:
        array: any shape and dtype.

    Returns:
        The digest is that of the elements in order, C-contiguous, little-endian.
    """
    import numpy as np

    wide = array.astype(np.float64)
    finite = wide[np.isfinite(wide)]
    empty = finite.size == 0
    return {
        "sha256": hashlib.sha256(array.tobytes()).hexdigest(),
        "smallest": None if empty else float(np.min(finite)),
        "largest": None if empty else float(np.max(finite)),
        "mean": None if empty else float(finite.mean()),
        "not_finite": int(wide.size - finite.size),
    }


def _digest(arrays: "Mapping[str, np.ndarray]") -> str:
    """A digest of inputs, names included."""
    digest = hashlib.sha256()
    for name, array in sorted(arrays.items()):
        digest.update(f"{name}\0{array.dtype}{array.shape}".encode(errors="surrogateescape"))
        digest.update(array.tobytes())
    return digest.hexdigest()


def _part_name(source: Source, points: range) -> str:
    """A name that follows from what the part holds."""
    text = "\0".join([VERSION, source.sha256, *source.vary, "", *source.inputs, source.inputs_sha256, str(points.stop)])
    return f"part-{points.start:07}-{hashlib.sha256(text.encode(errors='surrogateescape')).hexdigest()[:16]}"
