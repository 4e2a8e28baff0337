"""What the columns of a table are."""

import types
import typing
from collections.abc import Sequence
from typing import Any, NamedTuple

#: Python's type of a column's values -> the name of its kind. Every value may also be None.
KINDS = {str: "text", int: "integer", float: "number", Sequence[str]: "texts", Sequence[int]: "integers"}


class Column(NamedTuple):
    """A column: its name, and the kind of its values, one of `KINDS`."""

    name: str
    kind: str


class Table(NamedTuple):
    """A table: the name of its folder, and its columns."""

    name: str
    columns: tuple[Column, ...]

    @property
    def column_names(self) -> list[str]:
        """The columns' names, in order."""
        return [column.name for column in self.columns]


def table_of(name: str, row_type: type) -> Table:
    """Makes a table whose rows are values of a named tuple.

    Args:
        name: the table's name.
        row_type: a NamedTuple; the annotations of its fields are the columns' kinds.

    Returns:
        The table.
    """
    hints = typing.get_type_hints(row_type)
    return Table(name, tuple(Column(column, KINDS[_present(hint)]) for column, hint in hints.items()))


def _present(hint: Any) -> Any:
    """The type of a value that is there: `str` for `str | None`."""
    if isinstance(hint, types.UnionType):
        return next(part for part in typing.get_args(hint) if part is not types.NoneType)
    return hint
