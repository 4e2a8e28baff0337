"""Tables that are larger than memory: columns, part files on disk, and the workers that fill them.

Nothing here knows what a program is: the corpus and the sweep say what the rows are.
"""

from .columns import Column, Table, table_of
from .store import PartFiles, Store, locked
from .workers import each, make_parts

__all__ = ["Column", "PartFiles", "Store", "Table", "each", "locked", "make_parts", "table_of"]
