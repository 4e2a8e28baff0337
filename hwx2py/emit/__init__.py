"""From a program to a standalone Python script: libcst over a template that is itself a runnable script."""

from .script import Script, emit

__all__ = ["Script", "emit"]
