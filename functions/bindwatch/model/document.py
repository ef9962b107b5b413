"""A JSON object out of a log entry or an asset, read by path without ever raising."""

import re
from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any, Final

# Longer numerals are no int64, and Python refuses to read very long ones.
_INTEGER = re.compile(r"-?[0-9]{1,20}")


class Document:
    """A read-only view of one JSON object whose fields are asked for by dotted path.

    Google writes the same field as `privateKeyType` or `private_key_type` depending on the service, and real entries
    hold a string where an object belongs; so both spellings are tried, and a field of another type reads as absent.
    """

    __slots__ = ("_value",)

    def __init__(self, value: object = None) -> None:
        self._value: Mapping[str, Any] = value if isinstance(value, dict) else {}

    def __bool__(self) -> bool:
        return bool(self._value)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Document) and self._value == other._value

    def __hash__(self) -> int:
        return hash(tuple(sorted(self._value)))

    def __repr__(self) -> str:
        return f"Document({', '.join(sorted(self._value))})"

    def _at(self, path: str) -> Any:
        value: Any = self._value
        for name, other in _names(path):
            if not isinstance(value, dict):
                return None
            value = value[name] if name in value else value.get(other)
        return value

    def has(self, path: str) -> bool:
        """Whether the field is there at all, empty or not (a null counts as absent)."""
        return self._at(path) is not None

    def text(self, path: str) -> str:
        """The string at `path`; a number reads as its digits; else ''."""
        value = self._at(path)
        if isinstance(value, str):
            return value
        if isinstance(value, int) and not isinstance(value, bool):
            return str(value)
        return ""

    def flag(self, path: str) -> bool | None:
        """The boolean at `path`, None where there is none: absent is not false."""
        value = self._at(path)
        if isinstance(value, bool):
            return value
        if isinstance(value, str) and value.lower() in ("true", "false"):
            return value.lower() == "true"
        return None

    def number(self, path: str) -> int | None:
        """The integer at `path`; proto3 JSON writes int64 as a string, which counts too."""
        value = self._at(path)
        if isinstance(value, bool):
            return None
        if isinstance(value, int):
            return value
        if isinstance(value, str) and _INTEGER.fullmatch(value):
            return int(value)
        return None

    def texts(self, path: str) -> tuple[str, ...]:
        """The strings of the list at `path`; one string reads as a list of one."""
        value = self._at(path)
        if isinstance(value, str):
            return (value,) if value else ()
        if isinstance(value, list):
            return tuple(item for item in value if isinstance(item, str))
        return ()

    def documents(self, path: str) -> tuple["Document", ...]:
        """The objects of the list at `path`; one object reads as a list of one."""
        value = self._at(path)
        if isinstance(value, dict):
            return (Document(value),)
        if isinstance(value, list):
            return tuple(Document(item) for item in value if isinstance(item, dict))
        return ()

    def document(self, path: str) -> "Document":
        """The object at `path`, empty where there is none."""
        return Document(self._at(path))

    def pairs(self, path: str = "") -> Iterator[tuple[str, str]]:
        """The (key, string) pairs of the map at `path`, in their order: labels, annotations, attribute mappings."""
        value = self._at(path) if path else self._value
        if isinstance(value, dict):
            yield from ((key, item) for key, item in value.items() if isinstance(item, str))

    def keys(self, path: str = "") -> tuple[str, ...]:
        """The names of the fields of the object at `path`."""
        value = self._at(path) if path else self._value
        return tuple(value) if isinstance(value, dict) else ()

    def walk_texts(self) -> Iterator[str]:
        """Every string anywhere inside, for a search that knows no path."""
        stack: list[Any] = [self._value]
        while stack:
            value = stack.pop()
            if isinstance(value, str):
                yield value
            elif isinstance(value, dict):
                stack.extend(value.values())
            elif isinstance(value, list):
                stack.extend(value)


@lru_cache(maxsize=4096)
def _names(path: str) -> tuple[tuple[str, str], ...]:
    """The names of a path, each with its other spelling; paths are literals in rules, so they are few."""
    return tuple((name, _other_case(name)) for name in path.split("."))


def _other_case(name: str) -> str:
    if "_" in name:
        head, *rest = name.split("_")
        return head + "".join(part.capitalize() for part in rest)
    return "".join(f"_{char.lower()}" if char.isupper() else char for char in name)


EMPTY: Final = Document()
