"""The exception tree: everything that hwx2py says about bad input, in one place.

An error carries where it happened and what to do next; only the command line turns it into text
(`hwx2py: FILE: where: what; next step`) and only there it ends a process.
"""


class HwxError(Exception):
    """Something that a user can understand and act on.

    Args:
        what: the fault, without a full stop.
        where: the place inside the file, such as "task 3 at 0x900" or "line 12".
        file: the file's name as the user gave it; loaders add it with `in_file`.
        hint: what to do next.
    """

    def __init__(self, what: str, *, where: str = "", file: str = "", hint: str = ""):
        super().__init__(what)
        self.what, self.where, self.file, self.hint = what, where, file, hint

    def in_file(self, file: str) -> "HwxError":
        """Names the file, where no inner layer did, and returns the same error to raise."""
        self.file = self.file or file
        return self

    def __str__(self) -> str:
        text = ": ".join(part for part in (self.file, self.where, self.what) if part)
        return f"{text}; {self.hint}" if self.hint else text


class ContainerError(HwxError):
    """The file around the program is broken: Mach-O layout, load commands, `.anec` header."""


class StreamError(HwxError):
    """The task stream does not parse under its architecture's rules."""


class RegisterError(HwxError):
    """A register or field that does not exist, or a value that does not fit it."""


class ArchitectureError(HwxError):
    """An architecture that is unknown, or known by name only."""


class UnsupportedError(HwxError):
    """Valid input that this part of hwx2py does not handle, said by name."""


class ScriptError(HwxError):
    """A generated script that cannot be read back, or that misbehaves while it runs."""


class EmitError(HwxError):
    """A script that could not be written."""


class UsageError(HwxError):
    """Arguments that contradict each other or the file, and outputs that cannot be written."""
