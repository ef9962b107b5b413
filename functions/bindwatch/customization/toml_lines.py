"""Where each field of a TOML file stands: the parser of the standard library keeps no lines."""

import re
from collections.abc import Iterator
from typing import Final

Path = tuple[str | int, ...]

_KEY: Final = r"""(?:[A-Za-z0-9_-]+|"(?:[^"\\]|\\.)*"|'[^']*')"""
_KEYS: Final = rf"{_KEY}(?:\s*\.\s*{_KEY})*"
_TABLES: Final = re.compile(rf"\s*\[\[\s*({_KEYS})\s*\]\]")
_TABLE: Final = re.compile(rf"\s*\[\s*({_KEYS})\s*\]")
_FIELD: Final = re.compile(rf"\s*({_KEYS})\s*=")
_ONE_KEY: Final = re.compile(_KEY)
_DELIMITERS: Final = ('"""', "'''", '"', "'")


def lines_of(text: str) -> dict[Path, int]:
    """The line of every table and field, the n-th element of an array of tables as `(name, n)`, from 0."""
    found: dict[Path, int] = {(): 1}
    counts: dict[Path, int] = {}
    table: Path = ()
    for number, line in _logical_lines(text):
        if match := _TABLES.match(line):
            keys = _split(match[1])
            parent = _resolved(keys[:-1], counts)
            array = (*parent, keys[-1])
            counts[array] = counts.get(array, -1) + 1
            table = (*array, counts[array])
            found.setdefault(array, number)
            found[table] = number
        elif match := _TABLE.match(line):
            table = _resolved(_split(match[1]), counts)
            found[table] = number
        elif match := _FIELD.match(line):
            keys = _split(match[1])
            for length in range(1, len(keys) + 1):
                found.setdefault((*table, *keys[:length]), number)
    return found


def _split(keys: str) -> list[str]:
    return [key[1:-1] if key[0] in "\"'" else key for key in _ONE_KEY.findall(keys)]


def _resolved(keys: list[str], counts: dict[Path, int]) -> Path:
    path: Path = ()
    for key in keys:
        path = (*path, key)
        if path in counts:
            path = (*path, counts[path])
    return path


def _logical_lines(text: str) -> Iterator[tuple[int, str]]:
    """The lines on which a statement begins, with their numbers: not those inside of strings and arrays."""
    string, depth = "", 0
    for number, line in enumerate(text.splitlines(), 1):
        begins = not string and not depth
        if begins:
            yield number, line
        is_header = begins and line.lstrip().startswith("[")
        if not is_header:
            string, depth = _after(line, string, depth)


def _after(line: str, string: str, depth: int) -> tuple[str, int]:
    """Which multi-line string, and how many brackets, are open at the end of the line."""
    at = 0
    while at < len(line):
        if string:
            if string[0] == '"' and line[at] == "\\":
                at += 2
                continue
            if line.startswith(string, at):
                at += len(string)
                string = ""
                continue
            at += 1
            continue
        if line[at] == "#":
            break
        for delimiter in _DELIMITERS:
            if line.startswith(delimiter, at):
                string = delimiter
                at += len(delimiter) - 1
                break
        else:
            depth += (line[at] in "[{") - (line[at] in "]}")
        at += 1
    return (string if len(string) == 3 else ""), max(depth, 0)
