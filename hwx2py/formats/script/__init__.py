"""Generated scripts as programs again: they are parsed and evaluated here, never executed."""

from .read import Built, Outline, load, outline, outline_of, program_of

__all__ = ["Built", "Outline", "load", "outline", "outline_of", "program_of"]
