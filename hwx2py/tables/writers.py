"""A part of a table in a file: Parquet, or a line of JSON for each row."""

import contextlib
import json
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, Protocol

from ..errors import UsageError
from .columns import Table

if TYPE_CHECKING:
    import pyarrow

#: Rows that are held before they are written; a row group of a Parquet file.
BATCH_ROWS = 1 << 15


class Part(Protocol):
    """A file that takes rows."""

    def write(self, rows: Sequence[Sequence[Any]]) -> None:
        """Appends rows, each with its values in the order of the columns."""

    def close(self) -> None:
        """Writes what is left, and ends the file."""

    def abandon(self) -> None:
        """Ends the file without writing anything more, which leaves it incomplete."""


class Format(Protocol):
    """How the parts of a table are written and read again."""

    suffix: str

    def check(self) -> None:
        """Raises where a library that it needs is missing."""

    def create(self, path: str, table: Table) -> Part:
        """Begins a file."""

    def read(self, path: str, columns: Sequence[str] | None = None) -> Iterator[dict[str, Any]]:
        """The rows of a file, as dictionaries of these columns, or of all."""


class _ParquetPart:
    def __init__(self, path: str, table: Table):
        import pyarrow
        import pyarrow.parquet

        self._pyarrow = pyarrow
        self._schema = _schema(table)
        self._writer = pyarrow.parquet.ParquetWriter(path, self._schema, compression="zstd")
        self._pending: list[Sequence[Any]] = []

    def write(self, rows: Sequence[Sequence[Any]]) -> None:
        """Appends rows; they are written when there are enough for a row group."""
        self._pending.extend(rows)
        if len(self._pending) >= BATCH_ROWS:
            self._flush()

    def close(self) -> None:
        """Writes what is left, and the footer."""
        if self._pending:
            self._flush()
        self._writer.close()

    def abandon(self) -> None:
        """Ends the file as it is."""
        # The writer's destructor would write a footer.
        self._writer.is_open = False

    def _flush(self) -> None:
        arrays = [
            self._pyarrow.array(values, type=column.type) for values, column in zip(zip(*self._pending), self._schema)
        ]
        self._writer.write_table(self._pyarrow.Table.from_arrays(arrays, schema=self._schema))
        self._pending = []


def _schema(table: Table) -> "pyarrow.Schema":
    import pyarrow

    types = {
        "text": pyarrow.string(),
        "integer": pyarrow.int64(),
        "number": pyarrow.float64(),
        "texts": pyarrow.list_(pyarrow.string()),
        "integers": pyarrow.list_(pyarrow.int64()),
    }
    return pyarrow.schema([(column.name, types[column.kind]) for column in table.columns])


class Parquet:
    """Parquet, through pyarrow."""

    suffix = ".parquet"

    def check(self) -> None:
        """Asks for pyarrow.

        Raises:
            UsageError: it is not installed.
        """
        import importlib.util

        if importlib.util.find_spec("pyarrow") is None:
            raise UsageError(
                "Parquet needs pyarrow, which is not installed",
                hint="`pip install 'hwx2py[corpus]'`, or --format jsonl",
            )

    def create(self, path: str, table: Table) -> Part:
        """Begins a file."""
        return _ParquetPart(path, table)

    def read(self, path: str, columns: Sequence[str] | None = None) -> Iterator[dict[str, Any]]:
        """The rows of a file.

        Raises:
            UsageError: the file is not a Parquet file, or lacks one of the columns.
        """
        import pyarrow
        import pyarrow.parquet

        try:
            with pyarrow.parquet.ParquetFile(path) as file:
                for batch in file.iter_batches(columns=columns and list(columns)):
                    yield from batch.to_pylist()
        except pyarrow.ArrowInvalid as error:
            raise _damaged(path) from error


class _JsonLinesPart:
    def __init__(self, path: str, table: Table):
        self._names = table.column_names
        self._file = open(path, "w", encoding="utf-8")  # noqa: SIM115 - closed by `close`

    def write(self, rows: Sequence[Sequence[Any]]) -> None:
        """Appends a line for each row."""
        self._file.writelines(_lines(dict(zip(self._names, row)) for row in rows))

    def close(self) -> None:
        """Writes what is left, and ends the file."""
        self._file.close()

    def abandon(self) -> None:
        """Ends the file as it is."""
        with contextlib.suppress(OSError):
            self._file.close()


def _lines(rows: Iterable[dict[str, Any]]) -> Iterator[str]:
    encode = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode
    for row in rows:
        yield encode(row) + "\n"


class JsonLines:
    """A JSON object on a line for each row."""

    suffix = ".jsonl"

    def check(self) -> None:
        """Needs nothing."""

    def create(self, path: str, table: Table) -> Part:
        """Begins a file."""
        return _JsonLinesPart(path, table)

    def read(self, path: str, columns: Sequence[str] | None = None) -> Iterator[dict[str, Any]]:
        """The rows of a file.

        Raises:
            UsageError: a line is not a JSON object, or lacks one of the columns.
        """
        try:
            with open(path, encoding="utf-8") as file:
                for line in file:
                    row = json.loads(line)
                    yield row if columns is None else {name: row[name] for name in columns}
        except (ValueError, KeyError, TypeError) as error:
            raise _damaged(path) from error


def _damaged(path: str) -> UsageError:
    return UsageError("is not part of a table that hwx2py wrote, or is damaged", file=path, hint="delete it")


#: What `--format` takes.
FORMATS: dict[str, Format] = {"parquet": Parquet(), "jsonl": JsonLines()}
