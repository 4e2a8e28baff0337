"""A line about what is going on, on a terminal, for work that takes longer than a second."""

import contextlib
import sys
import threading
from collections.abc import Callable, Iterator
from types import TracebackType

#: Columns of a drawn bar.
BAR_COLUMNS = 30


class Progress:
    """Shows the current stage on standard error once a second has passed; says nothing in a pipe."""

    def __init__(self) -> None:
        self._shown = threading.Event()
        self._text = ""
        self._timer = threading.Timer(1.0, self._show) if sys.stderr.isatty() else None

    def __enter__(self) -> "Progress":
        if self._timer:
            self._timer.daemon = True
            self._timer.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._timer:
            self._timer.cancel()
        self.pause()

    def stage(self, text: str) -> None:
        """Says what begins now."""
        self._text = f"hwx2py: {text} ..."
        if self._shown.is_set():
            self._show()

    def count(self, done: int, total: int) -> None:
        """Draws a bar: how many files of how many are done."""
        filled = BAR_COLUMNS * done // total
        self._text = f"[{'#' * filled}{'-' * (BAR_COLUMNS - filled)}] {done}/{total} files"
        if self._shown.is_set():
            self._show()

    def pause(self) -> None:
        """Takes the line away, so that something else can be printed; the next stage shows it again."""
        if self._shown.is_set():
            print("\r\x1b[K", end="", file=sys.stderr, flush=True)

    def _show(self) -> None:
        self._shown.set()
        print(f"\r\x1b[K{self._text}", end="", file=sys.stderr, flush=True)


@contextlib.contextmanager
def bar(length: int, what: str) -> Iterator[Callable[[int], object]]:
    """A progress bar on standard error, on a terminal.

    Args:
        length: how many there are.
        what: of what, such as "programs".

    Yields:
        What is to be called with how many more are done.
    """
    import click

    if not sys.stderr.isatty() or not length:
        yield lambda count: None
        return
    with click.progressbar(length=length, label=what, file=sys.stderr, show_pos=True) as shown:
        yield shown.update
