"""A browser for tests of pages: Debian's Chromium, driven by Playwright; where there is none, the tests are skipped."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

#: What the browser is called, in the order in which it is looked for.
NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


def executable() -> str:
    """The browser; skips the test where there is none."""
    found = next(filter(None, map(shutil.which, NAMES)), None)
    if found is None:
        pytest.skip("no Chromium here (apt-get install chromium): pages are not tried in a browser")
    return found


@contextmanager
def browser() -> Iterator[Any]:
    """A browser without a window; skips the test where there is none."""
    reason = "no Playwright here (pip install hwx2py[browser]): pages are not tried in a browser"
    playwright = pytest.importorskip("playwright.sync_api", reason=reason)
    path = executable()
    with playwright.sync_playwright() as driver:
        # A container's root has no sandbox; the pages are our own and load nothing.
        running = driver.chromium.launch(executable_path=path, args=["--no-sandbox"])
        try:
            yield running
        finally:
            running.close()


class Visit:
    """A page that is open in a tab, with everything that went wrong in it.

    Args:
        running: the browser.
        path: the page's file.
        place: what follows the file's name, such as "#task-1".
        width, height: of the window.
        scheme: "light" or "dark".
    """

    def __init__(
        self, running: Any, path: Path, place: str = "", width: int = 1400, height: int = 900, scheme: str = "light"
    ) -> None:
        self.page = running.new_page(viewport={"width": width, "height": height}, color_scheme=scheme)
        self.page.set_default_timeout(5000)
        self.troubles: list[str] = []
        self.asked: list[str] = []
        self.page.on("console", lambda message: self.troubles.append(f"console: {message.text}"))
        self.page.on("pageerror", lambda error: self.troubles.append(f"error: {error}"))
        self.page.on("dialog", self._refuse)
        self.page.on("request", lambda request: self.asked.append(request.url))
        self.page.goto(path.as_uri() + place)

    def _refuse(self, dialog: Any) -> None:
        self.troubles.append(f"dialog: {dialog.message}")
        dialog.dismiss()

    def text(self, selector: str) -> str:
        """All text inside of the first element that the selector names."""
        return " ".join(self.page.inner_text(selector).split())

    def texts(self, selector: str) -> list[str]:
        """The texts of all elements that the selector names."""
        return [" ".join(text.split()) for text in self.page.locator(selector).all_inner_texts()]
