"""Canonical form: patterns of a graph replaced by fewer operations that mean the same, until none is left."""

from .rewrite import canonical

__all__ = ["canonical"]
