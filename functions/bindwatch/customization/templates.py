"""Texts of custom rules: `{caller}` and the like are replaced by what the entry says; nothing else ever happens."""

import re
import shlex
from collections.abc import Mapping
from typing import Any, Final

from bindwatch.customization.entry_fields import BODIES, FIELDS, GRANT_FIELDS
from bindwatch.customization.fields import near
from bindwatch.model.log_entry import LogEntry
from bindwatch.rule import Context

_PLACE: Final = re.compile(r"\{\s*([A-Za-z_][\w.]*)\s*\}")
_LONGEST: Final = 300
_MOST: Final = 10


def problem_of(template: str, *, has_item: bool) -> str:
    """What is wrong with a template; '' for nothing."""
    for name in _PLACE.findall(template):
        head, _, rest = name.partition(".")
        if head == "grant" and has_item:
            if rest not in GRANT_FIELDS:
                return f"{{{name}}}: a grant has no field {rest!r}{near(rest, GRANT_FIELDS)}"
        elif head == "grant":
            return f"{{{name}}}: needs each = 'grants'"
        elif head in BODIES:
            if not rest:
                return f"{{{name}}}: needs a path, as in {{{head}.name}}"
        elif rest or head not in FIELDS:
            return f"{{{name}}}: no such field{near(head, FIELDS)}"
    return ""


def filled(
    template: str, entry: LogEntry, context: Context, item: Mapping[str, Any] | None = None, *, quoted: bool = False
) -> str:
    """The template with what the entry says, shortened; `quoted` for a shell."""

    def value(match: re.Match[str]) -> str:
        head, _, rest = match[1].partition(".")
        if head == "grant" and item is not None:
            found: Any = item[rest]
        elif head in BODIES:
            document = BODIES[head](entry)
            found = document.text(rest) or list(document.texts(rest))
        else:
            found = FIELDS[head].read(entry, context)
        text = _short(_words(found))
        return shlex.quote(text) if quoted else text

    return _PLACE.sub(value, template)


def _words(value: Any) -> str:
    match value:
        case bool():
            return "true" if value else "false"
        case list():
            texts = [item if isinstance(item, str) else _words(item) for item in value[:_MOST]]
            return ", ".join(texts) + (f" and {len(value) - _MOST} more" if len(value) > _MOST else "")
        case dict():
            return " ".join(f"{item}" for key, item in value.items() if key in ("role", "member", "action", "service"))
        case _:
            return str(value)


def _short(text: str) -> str:
    return text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…"
