"""Lists from outside, as their publishers write them: an item a line, or a CSV; comments and headings left out."""

import ipaddress
import re
from collections.abc import Iterator
from typing import Final

from bindwatch.model.outside import AddressList, Network

_COMMENT: Final = re.compile(r"\s*(?:#|;|//).*")
_FIELDS: Final = re.compile(r"[,;\t ]+")
_KEY: Final = re.compile(r"(?:^|/keys/)([0-9a-f]{16,64})$")


def read_addresses(text: str, file: str) -> tuple[AddressList, list[str]]:
    """The networks of a list, and the lines that hold none, as problems with file and line."""
    networks: list[tuple[Network, str]] = []
    problems: list[str] = []
    name = file.replace("\\", "/").rpartition("/")[2]
    for number, fields in _lines(text):
        found = next((network for item in fields if (network := _network(item)) is not None), None)
        if found is not None:
            networks.append((found, f"{found} in {name}"))
        elif not (number == 1 and _is_heading(fields)):
            problems.append(f"{file}:{number}: expected an address or a network, found {fields[0]!r}")
    return AddressList(networks), problems


def read_keys(text: str, file: str) -> tuple[frozenset[str], list[str]]:
    """The ids of the keys of a list, and the lines that hold none."""
    keys: set[str] = set()
    problems: list[str] = []
    for number, fields in _lines(text):
        found = next((match[1] for item in fields if (match := _KEY.search(item.lower()))), None)
        if found is not None:
            keys.add(found)
        elif not (number == 1 and _is_heading(fields)):
            problems.append(f"{file}:{number}: expected the id or the name of a key, found {fields[0]!r}")
    return frozenset(keys), problems


def _lines(text: str) -> Iterator[tuple[int, list[str]]]:
    for number, line in enumerate(text.lstrip("\ufeff").splitlines(), 1):
        bare = _COMMENT.sub("", line) if "//" not in line or "/keys/" not in line else line.partition("#")[0]
        if fields := [item.strip("\"' ") for item in _FIELDS.split(bare) if item.strip("\"' ")]:
            yield number, fields


def _is_heading(fields: list[str]) -> bool:
    return not any(character.isdigit() for character in fields[0])


def _network(text: str) -> Network | None:
    try:
        return ipaddress.ip_network(text, strict=False)
    except ValueError:
        return None
