"""What an entry of the Logging API tells: which sink it is about, and how two filters compare."""

from typing import Final

from bindwatch.inventory.hierarchy import LogSink
from bindwatch.model.log_entry import LogEntry
from bindwatch.rule import Context
from bindwatch.rules.weight import scope_flags

_CONFIG: Final = "google.logging.v2.ConfigServiceV2."
# What an exclusion or a narrower filter must not touch: words that only audit entries have in them.
_AUDIT_WORDS: Final = (
    "cloudaudit",
    "protopayload",
    "iamcredentials",
    "setiampolicy",
    "k8s.io",
    "iam.googleapis.com",
    "sts.googleapis.com",
)


def config(*names: str) -> tuple[str, ...]:
    """The full names of methods of the configuration service."""
    return tuple(_CONFIG + name for name in names)


def last(name: str) -> str:
    """The last word of a resource name."""
    return name.rpartition("/")[2]


def location_flags(name: str) -> tuple[str, ...]:
    """`--location=L` for the name of a log bucket; empty where it has none."""
    words = name.split("/")
    return (f"--location={words[words.index('locations') + 1]}",) if "locations" in words[:-1] else ()


def known_sink(entry: LogEntry, context: Context) -> LogSink | None:
    """The sink as the inventory last saw it."""
    if context.inventory is None:
        return None
    name = entry.raw_resource_name
    return next((sink for sink in context.inventory.all(LogSink) if sink.name.endswith(name)), None) if name else None


def sink_update(entry: LogEntry, *flags: str) -> tuple[str, ...]:
    """The command that changes the sink of the entry."""
    name = entry.raw_resource_name
    return ("gcloud", "logging", "sinks", "update", last(name), *flags, *scope_flags(name))


def touches_audit_logs(text: str) -> bool:
    """Whether a filter can match audit entries: it names them, or matches by nothing but severity, or matches all."""
    lowered = text.lower()
    return not lowered.strip(" *\"'") or any(word in lowered for word in _AUDIT_WORDS) or "severity" in lowered


def short(text: str) -> str:
    """A filter on one line, cut where it is long."""
    joined = " ".join(text.split())
    return joined if len(joined) <= 160 else joined[:157] + "..."


def lets_more_through(narrow: str | None, wide: str) -> bool:
    """Whether a filter surely matches all that another one does, as far as their texts tell. None matches unknown."""
    if narrow is None:
        return False
    if not wide.strip():
        return True
    asked, offered = set(_parts(wide, "AND")), set(_parts(narrow, "AND"))
    if asked <= offered and narrow.strip():
        return True
    return bool(narrow.strip()) and set(_parts(narrow, "OR")) <= set(_parts(wide, "OR"))


def _parts(text: str, word: str) -> list[str]:
    """The parts of a filter between AND or OR, outside of parentheses and quotes; one where the other word binds."""
    depth, quoted, start, parts = 0, False, 0, []
    other = f" {'OR' if word == 'AND' else 'AND'} "
    text = " ".join(text.split())
    at = 0
    while at < len(text):
        char = text[at]
        if char == '"' and text[at - 1 : at] != "\\":
            quoted = not quoted
        elif not quoted and char in "()":
            depth += 1 if char == "(" else -1
        elif not quoted and depth == 0 and text.startswith(other, at):
            return [_bare(text)]
        elif not quoted and depth == 0 and text.startswith(f" {word} ", at):
            parts.append(text[start:at])
            start = at = at + len(word) + 2
            continue
        at += 1
    return [_bare(part) for part in (*parts, text[start:])]


def _bare(text: str) -> str:
    text = text.strip()
    while text.startswith("(") and text.endswith(")") and _closes_at_end(text):
        text = text[1:-1].strip()
    return text


def _closes_at_end(text: str) -> bool:
    depth = 0
    for at, char in enumerate(text):
        depth += (char == "(") - (char == ")")
        if depth == 0:
            return at == len(text) - 1
    return False
