"""Tables as folders of part files, each of them whole.

A part is a file of the same name in the folder of every table: `fields/part-K.parquet`, `tasks/part-K.parquet`. Files
are written under another name and renamed when they are complete; that of the last table comes last and says that the
part is whole, so that a run that is killed can be taken up again.
"""

import contextlib
import os
import uuid
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple

from .. import host
from ..errors import UsageError
from .columns import Table
from .writers import BATCH_ROWS, FORMATS, Format, Part

#: Of files that are being written; no pattern such as `*.parquet` takes them for parts.
PARTIAL_SUFFIX = ".partial"


class Store(NamedTuple):
    """Where tables lie.

    Attributes:
        folder: the folder that holds a folder for each table.
        format: a key of `FORMATS`.
        tables: the tables; a part is whole when the last of them has it.
    """

    folder: str
    format: str
    tables: tuple[Table, ...]

    @property
    def form(self) -> Format:
        """How parts are written."""
        return FORMATS[self.format]

    def prepare(self) -> None:
        """Makes the folders, and removes what a killed run left unfinished.

        Raises:
            UsageError: the folder holds other things, or tables in another format, or cannot be written.
        """
        self.form.check()
        try:
            self._refuse_others()
            for table in self.tables:
                (Path(self.folder) / table.name).mkdir(parents=True, exist_ok=True)
            self.remove_unfinished()
        except OSError as error:
            raise self.unwritable(error) from error

    def _refuse_others(self) -> None:
        folder = Path(self.folder)
        if not folder.exists():
            return
        if not folder.is_dir():
            raise UsageError("is a file; tables are a folder", file=self.folder, hint="give another -o")
        names = {table.name for table in self.tables}
        if stranger := next((path.name for path in sorted(folder.iterdir()) if path.name not in names), None):
            raise UsageError(
                f"holds {stranger}, which is not a table of this command", file=self.folder, hint="give another -o"
            )
        for name, form in FORMATS.items():
            if name != self.format and any(folder.glob(f"*/*{form.suffix}")):
                raise UsageError(
                    f"holds tables in another format, {name}", file=self.folder, hint=f"give --format {name}"
                )

    def remove_unfinished(self) -> None:
        """Removes the files of parts that are not whole: what killed runs and dead workers left."""
        whole = set(self.parts())
        for table in self.tables:
            for path in (Path(self.folder) / table.name).iterdir():
                unfinished = path.suffix == self.form.suffix and path.stem not in whole
                if unfinished or path.suffix == PARTIAL_SUFFIX:
                    path.unlink()

    def parts(self) -> list[str]:
        """Names of the parts that are whole."""
        last = Path(self.folder) / self.tables[-1].name
        return sorted(path.stem for path in last.glob(f"*{self.form.suffix}"))

    def path(self, table: str, part: str) -> str:
        """The file of a part."""
        return os.path.join(self.folder, table, part + self.form.suffix)

    def read(self, table: str, part: str, columns: Sequence[str] | None = None) -> Iterator[dict[str, Any]]:
        """The rows of a part, as dictionaries of these columns, or of all."""
        return self.form.read(self.path(table, part), columns)

    def without(self, part: str, column: str, values: Collection[str]) -> None:
        """Takes the rows that have one of these values in a column, which every table has, out of a part."""
        with self.writing(part) as files:
            for table in self.tables:
                batch = []
                for row in self.read(table.name, part):
                    if row[column] not in values:
                        batch.append(tuple(row[name] for name in table.column_names))
                    if len(batch) >= BATCH_ROWS:
                        files.write(table.name, batch)
                        batch = []
                files.write(table.name, batch)

    def remove(self, part: str) -> None:
        """Removes a part; the file that says that it is whole goes first."""
        for table in reversed(self.tables):
            with contextlib.suppress(FileNotFoundError):
                os.unlink(self.path(table.name, part))

    def writing(self, part: str) -> "PartFiles":
        """Begins a part; its files get their names when the `with` block ends without an error."""
        return PartFiles(self, part)

    def unwritable(self, error: OSError) -> UsageError:
        """The error for a folder that takes no file."""
        reason = os.strerror(error.errno) if error.errno else str(error)
        return UsageError(f"cannot be written: {reason}", file=self.folder)


@contextlib.contextmanager
def locked(folder: str) -> Iterator[None]:
    """Keeps a folder of tables to one run: a second one waits, and then goes on with what stands.

    Each removes what is unfinished, and would remove what the other one is writing.

    Args:
        folder: the folder; it is made, and removed again where nothing was put into it.
    """
    with contextlib.suppress(OSError):  # what cannot be made, the store tells when it prepares
        os.makedirs(folder, exist_ok=True)
    if not os.path.isdir(folder) or not os.supports_dir_fd:  # Windows opens no folders
        yield
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        host.lock(handle)
        yield
    finally:
        os.close(handle)
        with contextlib.suppress(OSError):
            os.rmdir(folder)


class PartFiles:
    """The files of a part while they are written.

    Args:
        store: where the tables lie.
        part: the part's name.
    """

    def __init__(self, store: Store, part: str):
        self._store, self._part = store, part
        # Two workers may write the same part where a cluster takes one of them for dead.
        self._suffix = f".{uuid.uuid4().hex}{PARTIAL_SUFFIX}"
        self._files: dict[str, Part] = {}

    def __enter__(self) -> "PartFiles":
        try:
            for table in self._store.tables:
                self._files[table.name] = self._store.form.create(self._temporary(table.name), table)
        except OSError as error:
            self._discard()
            raise self._store.unwritable(error) from error
        return self

    def write(self, table: str, rows: Sequence[Sequence[Any]]) -> None:
        """Appends rows to a table."""
        self._files[table].write(rows)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is not None:
            self._discard()
            if isinstance(error, OSError):
                raise self._store.unwritable(error) from error
            return
        try:
            for file in self._files.values():
                file.close()
            for table in self._store.tables:
                os.replace(self._temporary(table.name), self._store.path(table.name, self._part))
        except OSError as problem:
            self._discard()
            raise self._store.unwritable(problem) from problem

    def _temporary(self, table: str) -> str:
        return os.path.join(self._store.folder, table, f".{self._part}{self._suffix}")

    def _discard(self) -> None:
        for file in self._files.values():
            file.abandon()
        for table in self._store.tables:
            with contextlib.suppress(OSError):
                os.unlink(self._temporary(table.name))
