"""Text for a terminal: colors where they are wanted, and no control character that came from a log."""

import os
import shutil
import sys
import textwrap
from functools import lru_cache

from bindwatch.model.finding import Severity
from bindwatch.model.hostile_text import printable as printable

_COLORS = {
    Severity.CRITICAL: "1;37;41",
    Severity.HIGH: "1;31",
    Severity.MEDIUM: "33",
    Severity.LOW: "36",
    Severity.INFO: "2",
}


class Paint:
    """Colors text, or leaves it alone where colors are not wanted."""

    def __init__(self, *, color: bool) -> None:
        self._on = color and not os.environ.get("NO_COLOR") and sys.stdout.isatty()

    def severity(self, severity: Severity, text: str) -> str:
        """The text in the color of a severity."""
        return self._paint(_COLORS[severity], text)

    def faint(self, text: str) -> str:
        """The text, less loud."""
        return self._paint("2", text)

    def strong(self, text: str) -> str:
        """The text, louder."""
        return self._paint("1", text)

    def _paint(self, code: str, text: str) -> str:
        return f"\x1b[{code}m{text}\x1b[0m" if self._on else text


@lru_cache(maxsize=1)
def width() -> int:
    """How wide the terminal is when it is first asked; 100 where there is none."""
    return max(60, min(shutil.get_terminal_size((100, 24)).columns, 140))


def height() -> int:
    """How many lines the terminal shows at once."""
    return shutil.get_terminal_size((100, 24)).lines


def wrapped(text: str, indent: str) -> str:
    """The text in lines that fit the terminal, each after `indent`."""
    return _filled(text, indent, width())


@lru_cache(maxsize=1024)  # findings of one rule share their explanation and most of their notes
def _filled(text: str, indent: str, columns: int) -> str:
    return textwrap.fill(
        printable(text),
        columns,
        initial_indent=indent,
        subsequent_indent=indent,
        break_long_words=False,
        break_on_hyphens=False,
    )
