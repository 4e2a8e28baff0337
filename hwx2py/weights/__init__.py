"""Weights of a program as logical arrays: out of the layouts that engines want, and back into them."""

from .change import replace, rounded
from .finding import Found, find
from .logical import LogicalArray, Places, content, table_of, values
from .manifest_rows import manifest

__all__ = ["Found", "LogicalArray", "Places", "content", "find", "manifest", "replace", "rounded", "table_of", "values"]
