"""A log of the tests of a bisection, from which an interrupted one goes on."""

import json
from collections.abc import Iterable

from ..errors import UsageError


class Log:
    """Lines of JSON: what is bisected, then the outcome of every test.

    Args:
        path: the file; empty keeps the outcomes in memory only.
        subject: what is bisected; a file about something else is refused.

    Raises:
        UsageError: the file is about something else, or cannot be read or written.
    """

    def __init__(self, path: str, subject: dict[str, object]):
        self._path = path
        self._outcomes: dict[tuple[int, ...], bool] = {}
        if path and not self._read(subject):
            self._append(subject)

    def outcome(self, chosen: Iterable[int]) -> bool | None:
        """Whether the test failed with these differences; None where it was not made yet."""
        return self._outcomes.get(tuple(sorted(chosen)))

    def add(self, chosen: Iterable[int], failed: bool) -> None:
        """Notes an outcome."""
        key = tuple(sorted(chosen))
        self._outcomes[key] = failed
        if self._path:
            self._append({"differences": list(key), "fails": failed})

    @property
    def tests(self) -> int:
        """How many outcomes are known."""
        return len(self._outcomes)

    def _read(self, subject: dict[str, object]) -> bool:
        """Takes over what the file holds; False if there is no file."""
        try:
            with open(self._path, encoding="utf-8") as file:
                text = file.read()
        except FileNotFoundError:
            return False
        except (OSError, UnicodeDecodeError) as error:
            raise UsageError(f"cannot be read: {error}", file=self._path) from error
        if not text:  # it was begun, and nothing was written
            return False
        whole = text[: text.rfind("\n") + 1].splitlines()
        if not whole:
            raise UsageError("is not the log of a bisection", file=self._path, hint="give another --log")
        try:
            first, *rows = map(json.loads, whole)
            outcomes = {tuple(row["differences"]): bool(row["fails"]) for row in rows}
        except (ValueError, KeyError, TypeError) as error:
            raise UsageError("is not the log of a bisection", file=self._path, hint="give another --log") from error
        if first != subject:
            what = "belongs to a bisection of other programs, or with another test"
            raise UsageError(what, file=self._path, hint="give another --log, or remove it")
        self._outcomes.update(outcomes)
        if len(text) > text.rfind("\n") + 1:
            self._rewrite(whole)
        return True

    def _rewrite(self, lines: list[str]) -> None:
        """Drops a last line that was cut off."""
        from ..output import write_output

        write_output(self._path, ["".join(f"{line}\n" for line in lines).encode()], force=True)

    def _append(self, row: dict[str, object]) -> None:
        try:
            with open(self._path, "a", encoding="utf-8") as file:
                file.write(json.dumps(row) + "\n")
        except OSError as error:
            raise UsageError(f"cannot be written: {error.strerror}", file=self._path) from error
