"""Tests that a program can fail: other outputs on the virtual ANE, or a command that is given a file."""

import shlex
import subprocess
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np

from ..emulator import direct
from ..emulator.faults import NotImplementedTask
from ..errors import UsageError
from ..program.program import Program

#: Where shells put "not executable" and "not found" among exit codes.
_NO_COMMAND = (126, 127)


class OnVirtualAne:
    """Fails where a program's outputs are not the expected ones, or where the engine hangs.

    A program that asks for something that is not implemented does not count as failing.

    Args:
        inputs: input tensor -> array.
        expected: output tensor -> array.
        tolerance: largest difference that does not count.
    """

    def __init__(self, inputs: Mapping[str, np.ndarray], expected: Mapping[str, np.ndarray], tolerance: float = 0.0):
        self.inputs, self.expected, self.tolerance = inputs, expected, tolerance

    @classmethod
    def like(cls, program: Program, inputs: Mapping[str, np.ndarray]) -> "OnVirtualAne":
        """The test that a program itself passes.

        Raises:
            NotImplementedTask: the program asks for something that is not implemented.
            UsageError: it hangs.
        """
        outcome = direct.run(program, inputs)
        if outcome.hung:
            raise UsageError(f"the good program hangs: {outcome.faults[-1]}")
        return cls(inputs, outcome.outputs)

    def __call__(self, program: Program) -> bool:
        """Whether a program fails."""
        try:
            outcome = direct.run(program, self.inputs)
        except NotImplementedTask:
            return False
        if outcome.hung:
            return True
        return any(self._differs(name, array) for name, array in outcome.outputs.items())

    def _differs(self, name: str, array: np.ndarray) -> bool:
        if name not in self.expected or self.expected[name].shape != array.shape:
            shapes = f"{name} of shape {array.shape}"
            raise UsageError(f"the golden file has no array {shapes}", hint="save one with `hwx2py emulate --save`")
        one, two = array.astype(np.float64), self.expected[name].astype(np.float64)
        with np.errstate(invalid="ignore"):
            same = (one == two) | (np.isnan(one) & np.isnan(two)) | (np.abs(one - two) <= self.tolerance)
        return not same.all()


class Command:
    """Fails where a command that is given the program as a file ends with another exit code than 0.

    Args:
        command: its words as a shell has them; `{}` stands for the file, which else comes last.
        suffix: of the file, such as ".hwx".
        save: writes a program into a file.
    """

    def __init__(self, command: str, suffix: str, save: Callable[[Program, str], None]):
        try:
            self.words = shlex.split(command)
        except ValueError as error:
            raise UsageError(f"--test {command}: {error}") from error
        if not self.words:
            raise UsageError("--test wants a command")
        self.suffix, self.save = suffix, save

    def __call__(self, program: Program) -> bool:
        """Whether a program fails."""
        with tempfile.TemporaryDirectory(prefix="hwx2py-") as folder:
            path = str(Path(folder) / f"candidate{self.suffix}")
            self.save(program, path)
            words = [word.replace("{}", path) for word in self.words]
            if words == self.words:
                words.append(path)
            try:
                done = subprocess.run(words, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, check=False)
            except OSError as error:
                raise UsageError(f"--test: {words[0]} cannot be run: {error.strerror}") from error
        if done.returncode in _NO_COMMAND:
            what = f"{words[0]} ended with {done.returncode}, as shells do for commands that they do not find"
            raise UsageError(f"--test: {what}")
        return done.returncode != 0
