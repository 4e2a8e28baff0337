"""Many programs as tables: a row for each register field, each task, each tensor, each program.

The tables are for DuckDB, pandas or Spark; docs/corpus.md has the columns and queries.
"""

from .build import PartDone, Plan, make_part, plan
from .rows import FIELDS, PROGRAMS, TABLES, TASKS, TENSORS, UNREADABLE, Extract, rows_of

__all__ = [
    "FIELDS",
    "PROGRAMS",
    "TABLES",
    "TASKS",
    "TENSORS",
    "UNREADABLE",
    "Extract",
    "PartDone",
    "Plan",
    "make_part",
    "plan",
    "rows_of",
]
