"""Reading the fields of a user's file: every problem is kept with its file, line and field, none ends the reading."""

import re
import tomllib
from collections.abc import Callable, Collection, Mapping
from datetime import UTC, date, datetime
from typing import Any, Final, TypeVar

from bindwatch.customization.toml_lines import Path, lines_of
from bindwatch.errors import ConfigError

T = TypeVar("T")
D = TypeVar("D")
_AT_LINE: Final = re.compile(r"\s*\(at line (\d+), column (\d+)\)|\s*\(at end of document\)")


class Source:
    """One file that is read, and the problems found in it so far."""

    def __init__(self, file: str, text: str) -> None:
        self.file = file
        self.problems: list[str] = []
        self._lines = lines_of(text)
        try:
            self.values: Mapping[str, Any] = tomllib.loads(text)
        except tomllib.TOMLDecodeError as error:
            self.values = {}
            found = _AT_LINE.search(str(error))
            line = int(found[1]) if found and found[1] else max(1, len(text.splitlines()))
            self.problems.append(f"{file}:{line}: not TOML: {_AT_LINE.sub('', str(error))}")

    def root(self) -> "Fields":
        """The fields of the file itself."""
        return Fields(self, self.values, ())

    def line(self, path: Path) -> int:
        """The line of a field, or of the table it should be in."""
        while path not in self._lines:
            path = path[:-1]
        return self._lines[path]

    def problem(self, path: Path, text: str) -> None:
        """Keep a problem."""
        words = f"{self.file}:{self.line(path)}: {_words(path)}{': ' if path else ''}{text}"
        if words not in self.problems:
            self.problems.append(words)

    def check(self) -> None:
        """Raise ConfigError with everything that is wrong with the file; nothing where all is well."""
        if self.problems:
            raise ConfigError(self.in_order())

    def in_order(self) -> list[str]:
        """The problems, from the first line to the last."""
        return sorted(self.problems, key=lambda problem: int(problem[len(self.file) + 1 :].partition(":")[0]))


class Fields:
    """The fields of one table. What has the wrong type is a problem, and reads as absent."""

    def __init__(self, source: Source, values: Mapping[str, Any], path: Path) -> None:
        self._source = source
        self._values = values
        self._path = path
        self._asked: set[str] = set()

    @property
    def line(self) -> int:
        """The line of the table."""
        return self._source.line(self._path)

    def line_of(self, name: str) -> int:
        """The line of a field."""
        return self._source.line((*self._path, name))

    def problem(self, name: str, text: str) -> None:
        """Keep a problem of one field ('' for the table itself)."""
        self._source.problem((*self._path, name) if name else self._path, text)

    def _get(self, name: str, kind: type[T], expected: str) -> T | None:
        self._asked.add(name)
        value = self._values.get(name)
        if value is None:
            return None
        if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
            self.problem(name, f"expected {expected}, found {_kind(value)}")
            return None
        return value

    def text(self, name: str, default: str = "", *, required: bool = False) -> str:
        """A string."""
        value = self._get(name, str, "a string")
        if required and not (value or "").strip() and not isinstance(self._values.get(name), (int, list, dict)):
            self.problem(name, "missing" if value is None else "must not be empty")
        return default if value is None else value

    def any(self, name: str) -> object:
        """The value, of whatever type; None where there is none."""
        self._asked.add(name)
        return self._values.get(name)

    def choice(self, name: str, choices: Mapping[str, T], default: D, *, required: bool = False) -> T | D:
        """One of some words."""
        value = self.text(name, required=required)
        if not value:
            return default
        key = next((known for known in choices if known.lower() == value.lower()), None)
        if key is None:
            self.problem(name, f"expected one of {', '.join(choices)}, found {value!r}")
            return default
        return choices[key]

    def flag(self, name: str) -> bool | None:
        """True or false; None where it is not said."""
        return self._get(name, bool, "true or false")

    def whole(self, name: str, *, least: int = 1) -> int | None:
        """A whole number."""
        value = self._get(name, int, "a whole number")
        if value is not None and value < least:
            self.problem(name, f"expected {least} or more, found {value}")
            return None
        return value

    def texts(self, name: str) -> tuple[str, ...]:
        """A list of strings."""
        values = self._get(name, list, "a list of strings")
        if values is None:
            return ()
        wrong = [item for item in values if not isinstance(item, str) or not item.strip()]
        if wrong:
            self.problem(name, f"expected a list of strings, one is {_kind(wrong[0])}")
        return tuple(item.strip() for item in values if isinstance(item, str) and item.strip())

    def files(self, name: str) -> tuple[str, ...]:
        """The path of a file, or a list of them."""
        if isinstance(self._values.get(name), str):
            path = self.text(name).strip()
            return (path,) if path else ()
        return self.texts(name)

    def moment(self, name: str, *, required: bool = False) -> datetime | None:
        """A date (its midnight, UTC) or a time with its zone."""
        self._asked.add(name)
        value = self._values.get(name)
        if isinstance(value, str):
            try:
                value = datetime.fromisoformat(value) if len(value) > 10 else date.fromisoformat(value)
            except ValueError:
                self.problem(name, f"expected a date (2027-03-31), found {value!r}")
                return None
        if value is None:
            if required:
                self.problem(name, "missing")
            return None
        if isinstance(value, datetime):
            return value.astimezone(UTC) if value.tzinfo else value.replace(tzinfo=UTC)
        if isinstance(value, date):
            return datetime(value.year, value.month, value.day, tzinfo=UTC)
        self.problem(name, f"expected a date (2027-03-31), found {_kind(value)}")
        return None

    def table(self, name: str) -> "Fields":
        """A table; empty where there is none."""
        return Fields(self._source, self._get(name, dict, "a table") or {}, (*self._path, name))

    def tables(self, name: str) -> list["Fields"]:
        """The tables of an array of tables."""
        values = self._get(name, list, f"tables, each headed [[{name}]]") or []
        found = []
        for number, value in enumerate(values):
            if isinstance(value, dict):
                found.append(Fields(self._source, value, (*self._path, name, number)))
            else:
                self.problem(name, f"expected tables, each headed [[{name}]]")
        return found

    def each(self, read: Callable[["Fields", str], T | None]) -> dict[str, T]:
        """Every field of the table, by a reader of one; for tables whose keys are the user's own."""
        found: dict[str, T] = {}
        for name in self._values:
            value = read(self, name)
            if value is not None:
                found[name] = value
        return found

    def done(self) -> None:
        """Report the fields that nobody asked for: most are misspelt."""
        for name in self._values:
            if name not in self._asked:
                self.problem(name, f"no such field{near(name, self._asked)}")


def near(name: str, known: Collection[str]) -> str:
    """`; did you mean …?`, or nothing."""
    from difflib import get_close_matches

    found = get_close_matches(name, sorted(known), n=1)
    return f"; did you mean {found[0]}?" if found else ""


def _words(path: Path) -> str:
    words = ""
    for part in path:
        words += f"[{part + 1}]" if isinstance(part, int) else f".{part}" if words else part
    return words


def _kind(value: object) -> str:
    match value:
        case bool():
            return str(value).lower()
        case str():
            return repr(value)
        case int() | float():
            return f"the number {value}"
        case list():
            return "a list"
        case dict():
            return "a table"
        case _:
            return f"{value}"
