"""Runnable scripts that the emitter fills: every top-level name that belongs to a program is replaced by name."""
