"""Files without a name, through which a run hands over what it prints and saves."""

import os

#: How much of what a script prints is kept.
MOST_PRINTED_BYTES = 1 << 22


class Files:
    """The files of one run: standard output and error of a script's process, and the archive of outputs."""

    def __init__(self) -> None:
        self.printed, self.complained, self.saved = (os.memfd_create("script", os.MFD_CLOEXEC) for _ in range(3))

    def __enter__(self) -> "Files":
        return self

    def __exit__(self, *_: object) -> None:
        for file in (self.printed, self.complained, self.saved):
            os.close(file)

    @staticmethod
    def path(file: int) -> str:
        """A name under which a process that has one of them opens it."""
        return f"/proc/self/fd/{file}"

    @staticmethod
    def content(file: int) -> bytes:
        """What was written to one of them."""
        with open(file, "rb", closefd=False) as stream:
            stream.seek(0)
            return stream.read()

    @staticmethod
    def text(file: int) -> str:
        """The beginning of what was written, as text; bytes that are none become escapes."""
        data = os.pread(file, MOST_PRINTED_BYTES + 1, 0)
        more = "\n(it printed more, which is left out)" if len(data) > MOST_PRINTED_BYTES else ""
        return data[:MOST_PRINTED_BYTES].decode(errors="backslashreplace") + more
