"""Folders of programs into tables: what is to be done, and doing it part by part."""

import hashlib
import os
import stat
from collections.abc import Iterator, Sequence
from itertools import islice
from typing import NamedTuple

from ..errors import HwxError, UsageError
from ..formats import PROGRAM_SUFFIXES, SCRIPT_SUFFIX, programs_in
from ..names import legible
from ..tables import PartFiles, Store
from ..tables.writers import BATCH_ROWS
from ..version import VERSION
from .rows import FIELDS, PROGRAMS, TABLES, TASKS, TENSORS, UNREADABLE, FieldRow, UnreadableRow, digest, rows_of

#: A part holds this many files, or fewer if together they reach this many bytes.
PART_FILES = 64
PART_BYTES = 1 << 24


class PartJob(NamedTuple):
    """A part to be made: where, its name, the files whose rows it gets, and by which version of hwx2py."""

    store: Store
    part: str
    files: tuple[str, ...]
    version: str


class PartDone(NamedTuple):
    """A part that was made: how much it holds, and the files that are not programs."""

    files: int
    programs: int
    tasks: int
    fields: int
    unreadable: tuple[UnreadableRow, ...]


class Plan(NamedTuple):
    """What is to be done for a table.

    Attributes:
        store: the tables.
        jobs: the parts to be made.
        files: how many files they have together.
        standing: how many programs stand already.
        unreadable: the files that stand as unreadable already.
    """

    store: Store
    jobs: tuple[PartJob, ...]
    files: int
    standing: int
    unreadable: tuple[UnreadableRow, ...]


class _File(NamedTuple):
    path: str
    size_bytes: int


def plan(paths: Sequence[str], folder: str, format: str = "parquet", *, scripts: bool = False) -> Plan:
    """Looks for programs, and for what the table has of them already; rows of files that changed are taken out.

    Args:
        paths: folders, which are searched with all that lies in them, and files.
        folder: where the tables are, or are to be.
        format: "parquet" or "jsonl".
        scripts: whether `.py` files are programs too.

    Returns:
        What is to be done; nothing where every program stands.

    Raises:
        UsageError: there are no programs, or the folder cannot hold the tables.
    """
    files = _find(paths, (*PROGRAM_SUFFIXES, SCRIPT_SUFFIX) if scripts else PROGRAM_SUFFIXES)
    if not files:
        raise UsageError(
            f"no programs ({', '.join(PROGRAM_SUFFIXES)}) here", file=", ".join(paths), hint="name another folder"
        )
    store = Store(folder, format, TABLES)
    store.prepare()
    standing, unreadable = _standing(store, {legible(file.path): file.path for file in files}, paths)
    done = standing | {row.file for row in unreadable}
    missing = [file for file in files if legible(file.path) not in done]
    jobs = tuple(PartJob(store, _part_name(chunk), chunk, VERSION) for chunk in _chunks(missing))
    return Plan(store, jobs, len(missing), len(standing), tuple(unreadable))


def make_part(job: PartJob) -> PartDone:
    """Reads the files of a part, one at a time, and writes their rows.

    Args:
        job: the part.

    Returns:
        What it holds.

    Raises:
        UsageError: it cannot be written, or another version of hwx2py was asked for it.
    """
    if job.version != VERSION:
        raise UsageError(
            f"a worker has hwx2py {VERSION}, not {job.version}", hint="install the same version everywhere"
        )
    tasks = fields = 0
    unreadable = []
    with job.store.writing(job.part) as files:
        for path in job.files:
            try:
                extract = rows_of(path)
            except HwxError as error:
                error.file = ""
                unreadable.append(UnreadableRow(legible(path), digest(path), VERSION, legible(str(error))))
                continue
            fields += _write_batches(files, extract.fields)
            tasks += len(extract.tasks)
            files.write(TASKS.name, extract.tasks)
            files.write(TENSORS.name, extract.tensors)
            files.write(PROGRAMS.name, [extract.program])
        files.write(UNREADABLE.name, unreadable)
    return PartDone(len(job.files), len(job.files) - len(unreadable), tasks, fields, tuple(unreadable))


def _write_batches(files: PartFiles, rows: Iterator[FieldRow]) -> int:
    count = 0
    while batch := list(islice(rows, BATCH_ROWS)):
        files.write(FIELDS.name, batch)
        count += len(batch)
    return count


def _find(paths: Sequence[str], suffixes: tuple[str, ...]) -> list[_File]:
    """The programs in folders, and files that are named themselves, by path; each once."""
    sizes = {}
    for path in paths:
        if not os.path.exists(path):
            raise UsageError("no such file or folder", file=path)
        for name in programs_in(path, suffixes) if os.path.isdir(path) else [path]:
            size = _size_of(name)
            if size is not None:
                sizes[_plain(name)] = size
    return [_File(path, sizes[path]) for path in sorted(sizes)]


def _plain(path: str) -> str:
    """A path as the tables have it, however it was given: from the current folder on if it is there."""
    here, full = os.getcwd(), os.path.abspath(path)
    return os.path.relpath(full, here) if os.path.join(full, "").startswith(os.path.join(here, "")) else full


def _size_of(path: str) -> int | None:
    """The size of a file, 0 for a folder that cannot be searched; None for what else is not a file, such as a pipe."""
    try:
        status = os.stat(path)
    except OSError:
        return None
    if stat.S_ISDIR(status.st_mode):
        return 0
    return status.st_size if stat.S_ISREG(status.st_mode) else None


def _standing(store: Store, paths: dict[str, str], roots: Sequence[str]) -> tuple[set[str], list[UnreadableRow]]:
    """Files whose rows stand, and those that stand as unreadable, as they are now and for this version.

    Args:
        store: the tables; rows of files that are not like that any more are taken out.
        paths: the column `file` of what was found -> its path.
        roots: the folders and files that were looked through; rows of files that were in them and are gone go too.
    """
    folders = [_plain(root) for root in roots]
    within = tuple("" if folder == os.curdir else legible(os.path.join(folder, "")) for folder in folders)
    standing, unreadable = set(), []
    for part in store.parts():
        programs = list(store.read(PROGRAMS.name, part, ["file", "sha256", "version"]))
        failures = [UnreadableRow(**row) for row in store.read(UNREADABLE.name, part)]
        stale = set()
        for row in (*programs, *(failure._asdict() for failure in failures)):
            path = paths.get(row["file"])
            if path is None:
                # a folder stands here where it could not be searched
                gone = not os.path.lexists(row["file"]) or os.path.isdir(row["file"])
                gone = gone and row["file"].startswith(within)
                stale |= {row["file"]} if gone else set()
            elif row["version"] != VERSION or row["sha256"] != digest(path):
                stale.add(row["file"])
        if stale:
            kept = {row["file"] for row in programs} | {failure.file for failure in failures}
            if kept == stale:
                store.remove(part)
            else:
                store.without(part, "file", stale)
        standing |= {row["file"] for row in programs if row["file"] in paths} - stale
        unreadable += [failure for failure in failures if failure.file in paths and failure.file not in stale]
    return standing, unreadable


def _chunks(files: Sequence[_File]) -> Iterator[tuple[str, ...]]:
    chunk: list[str] = []
    size = 0
    for file in files:
        if chunk and (len(chunk) == PART_FILES or size + file.size_bytes > PART_BYTES):
            yield tuple(chunk)
            chunk, size = [], 0
        chunk.append(file.path)
        size += file.size_bytes
    if chunk:
        yield tuple(chunk)


def _part_name(files: Sequence[str]) -> str:
    """A name that follows from the files alone, so that a part that is made again replaces itself."""
    text = "\0".join([VERSION, *map(legible, files)])
    return f"part-{hashlib.sha256(text.encode()).hexdigest()[:16]}"
