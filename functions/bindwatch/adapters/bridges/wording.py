"""Alerts in words that fit any destination: short enough, and with nothing in them that a log could make act."""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import groupby
from typing import Any, Final, TypeVar

from bindwatch.model.hostile_text import printable
from bindwatch.pipeline.announced import Announced

T = TypeVar("T")

_HAPPENED: Final = {
    "opened": "New",
    "reopened": "Back",
    "escalated": "Worse",
    "resolved": "Resolved",
    "closed": "Closed",
    "reminder": "Still open",
    "baseline": "First audit",
}
_JOINER: Final = "\u2060"  # invisible, and no program takes what is around it for one word
_LINK: Final = re.compile(r"(?i)\b(https?:)(?=//)")
_MENTION: Final = re.compile(r"(?i)@(?=(?:here|channel|everyone|all|group)\b)")
_CONSOLE: Final = re.compile(r"https://console\.cloud\.google\.com/[\w\-./?=&%;:,+~!*'()@]*")

Labels = Mapping[str, Mapping[str, str]]
"""The labels of projects, by project."""


def happened(alert: Announced) -> str:
    """What happened, in a word or two."""
    return _HAPPENED.get(alert.reason, "New" if not alert.is_over else "Ended")


def headline(alert: Announced) -> str:
    """One line: what happened, how bad it is, what it is."""
    return line(f"{happened(alert)}, {alert.severity.name}: {alert.title}")


def headline_of_many(alerts: Sequence[Announced]) -> str:
    """One line about several alerts: how many of which rule, the worst first."""
    worst = max(alert.severity for alert in alerts)
    counted = ", ".join(f"{len(list(same))} {name.lower()}" for name, same in groupby(sorted(map(happened, alerts))))
    rules = sorted({alert.rule_id for alert in alerts if alert.rule_id})
    about = rules[0] if len(rules) == 1 else f"{len(rules)} rules"
    return line(f"{len(alerts)} alerts, worst {worst.name}, of {about}: {counted}")


def in_order(alerts: Iterable[Announced]) -> list[Announced]:
    """The worst first; what began before what ended."""
    return sorted(alerts, key=lambda alert: (-alert.severity, alert.is_over, alert.title, alert.alert_id))


def facts(alert: Announced, labels: Labels) -> Iterator[tuple[str, str]]:
    """What a person looks for first, as pairs of name and value; those that are known."""
    if (finding := alert.finding) is None:
        return
    own = ", ".join(f"{name}={value}" for name, value in sorted(labels.get(finding.project, {}).items()))
    known = (
        ("Project", finding.project),
        ("Labels", own),
        ("Resource", finding.resource_name),
        ("Principal", finding.principal),
        ("Cause", finding.cause),
        ("Seen", f"{finding.last_seen} ({finding.count} times)" if finding.count > 1 else finding.last_seen),
        ("Ended by", finding.state_by if alert.is_over else ""),
        ("Reason", finding.state_reason if alert.is_over else ""),
    )
    for name, value in known:
        if value:
            yield name, line(value)


def explanation(alert: Announced) -> str:
    """Why it matters, in some lines."""
    return prose(alert.finding.explanation) if alert.finding else ""


def fix(alert: Announced) -> tuple[str, list[str]]:
    """What to do, and the commands to paste; nothing where it is over."""
    if alert.finding is None or alert.finding.remediation is None or alert.is_over:
        return "", []
    found = alert.finding.remediation
    # Commands are pasted: nothing invisible is put into them, and what is invisible in them is spelled out.
    return prose(found.summary), [
        "\n".join(map(printable, command.splitlines())) for command in found.commands if command
    ]


def console_link(alert: Announced) -> str:
    """A link to the entry that shows it, in Google's console; empty where there is none, or it leads elsewhere."""
    sources = alert.finding.evidence if alert.finding else ()
    return next((source.url for source in sources if _CONSOLE.fullmatch(source.url) and len(source.url) < 2500), "")


def line(text: str) -> str:
    """Text from a log on one line, with nothing hidden in it, and no link or mention."""
    return _inert(printable(" ".join(text.split("\n"))))


def prose(text: str) -> str:
    """Text of several lines, in the same way."""
    return "\n".join(_inert(printable(part)) for part in text.splitlines())


def _inert(text: str) -> str:
    return _MENTION.sub("@" + _JOINER, _LINK.sub(lambda found: found[1] + _JOINER, text))


def units(text: str) -> int:
    """How long a text is as most services count it: in UTF-16, where some characters count twice."""
    return len(text) if text.isascii() else len(text.encode("utf-16-le", "surrogatepass")) // 2


def fitted(text: str, most: int, escape: Callable[[str], str] = str) -> str:
    """The text escaped (character by character), cut so that it has at most so many units when it is."""
    whole = escape(text)
    if units(whole) <= most:
        return whole
    kept: list[str] = []
    left = most - 1
    for char in text:
        piece = escape(char)
        left -= units(piece)
        if left < 0:
            break
        kept.append(piece)
    return "".join(kept) + "…"


def commands_within(commands: Sequence[str], most: int) -> str:
    """Whole commands, one a line, as many as there is room for: half a command must not be pasted."""
    kept: list[str] = []
    for number, command in enumerate(commands):
        rest = len(commands) - number
        if units("\n".join([*kept, command])) > most - 80:
            kept.append(f"# {rest} more: bindwatch show, or the field remediation of the finding")
            break
        kept.append(command)
    return "\n".join(kept)


def shrunk(build: Callable[[int], T], fits: Callable[[T], bool], *, most: int) -> T:
    """The largest of ever smaller messages that fits: `build` is given how many units a long text may have."""
    room = most
    while not fits(made := build(room)) and room > 50:
        room //= 2
    return made


def encoded(value: Any) -> bytes:
    """JSON in UTF-8; half a surrogate pair from a hostile log would fail the request."""
    import json

    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")
