"""What a generated script needs to run; the library imports it, scripts carry its text.

Standard library and NumPy only. The emitter pastes the definitions that a program
reaches, so each name is in one module only; a script has one of the two streams.
"""
