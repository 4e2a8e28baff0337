"""From a program to a standalone Python script: a skeleton that libcst fills, and black lays out."""

from .module import Script, emit

__all__ = ["Script", "emit"]
