"""A headless Chromium of this machine, driven by Playwright, and what it says of a page."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from playwright.sync_api import Browser, Page, Request, sync_playwright

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
HOW_TO_GET_ONE = "no Chromium on the path: apt-get install chromium, or set BINDWATCH_CHROMIUM to one"
OPTIONS = (
    "--headless",
    "--no-sandbox",  # it opens nothing but the pages of this repository
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
)


def find_chromium() -> str | None:
    """The Chromium to use: BINDWATCH_CHROMIUM, else the first on the path."""
    given = os.environ.get("BINDWATCH_CHROMIUM")
    return given or next((found for name in NAMES if (found := shutil.which(name))), None)


@contextmanager
def chromium(executable: str) -> Iterator[Browser]:
    """A browser with a fresh profile, closed at the end."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=executable, args=list(OPTIONS))
        try:
            yield browser
        finally:
            browser.close()


@dataclass
class Heard:
    """What a page did besides showing itself."""

    complaints: list[str] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)
    dialogs: list[str] = field(default_factory=list)


def listen(page: Page) -> Heard:
    """Note what the console, the network and dialogs of a page say from now on."""
    heard = Heard()

    def dismissed(dialog: Any) -> None:
        heard.dialogs.append(dialog.message)
        dialog.dismiss()

    def requested(request: Request) -> None:
        heard.requests.append(request.url)

    page.on("console", lambda message: heard.complaints.append(message.text) if message.type != "log" else None)
    page.on("pageerror", lambda error: heard.complaints.append(str(error)))
    page.on("dialog", dismissed)
    page.on("request", requested)
    return heard
