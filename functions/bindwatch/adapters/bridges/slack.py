"""Slack: an incoming webhook, and messages in Block Kit.

Limits: 50 blocks, 150 characters of a header, 3,000 of a section, 10 fields of 2,000; and about 13,000 characters in
all, which is not documented. Source: docs.slack.dev, Block Kit reference (read 2026); slackapi/bolt-js issue 2509.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from bindwatch.adapters.bridges.wording import (
    Labels,
    commands_within,
    console_link,
    encoded,
    explanation,
    facts,
    fitted,
    fix,
    headline,
    headline_of_many,
    in_order,
    line,
    shrunk,
    units,
)
from bindwatch.pipeline.announced import Announced

_MOST_BLOCKS: Final = 50
_MOST_IN_ALL: Final = 12_000
_HEADER: Final = 150
_SECTION: Final = 2900
_FIELD: Final = 300
_LISTED: Final = 40


def message(alerts: Sequence[Announced], labels: Labels) -> dict[str, Any]:
    """The body of a post. Text from logs is plain text in it, which Slack does not look for markup in."""
    return shrunk(lambda room: _message(alerts, labels, room), _fits, most=_SECTION)


def _message(alerts: Sequence[Announced], labels: Labels, room: int) -> dict[str, Any]:
    if len(alerts) == 1:
        (alert,) = alerts
        title, blocks = headline(alert), list(_blocks(alert, labels, room))
    else:
        title, blocks = headline_of_many(alerts), list(_list(alerts, room))
    header = {"type": "header", "text": _plain(title, _HEADER)}
    return {
        "text": fitted(title, _SECTION, _escaped),  # for notifications, and where blocks are not shown
        "blocks": [header, *blocks][:_MOST_BLOCKS],
        "unfurl_links": False,
        "unfurl_media": False,
    }


def _fits(made: Mapping[str, Any]) -> bool:
    return units(encoded(made["blocks"]).decode()) <= _MOST_IN_ALL


def _blocks(alert: Announced, labels: Labels, room: int) -> Iterator[dict[str, Any]]:
    if text := explanation(alert):
        yield _section(text, room)
    if fields := [_plain(f"{name}: {value}", min(_FIELD, room)) for name, value in facts(alert, labels)]:
        yield {"type": "section", "fields": fields[:10]}
    summary, commands = fix(alert)
    if summary:
        yield _section(f"Fix: {summary}", room)
    if commands:
        # A run of backquotes would end the block.
        code = _escaped(commands_within(commands, room // 2).replace("```", "'''"))
        if units(code) <= _SECTION:
            text = f"```\n{code}\n```"
            yield {"type": "section", "text": {"type": "mrkdwn", "text": text, "verbatim": True}}
    yield {"type": "context", "elements": list(_context(alert))}


def _context(alert: Announced) -> Iterator[dict[str, Any]]:
    if alert.rule_id:
        yield _plain(f"{alert.rule_id} · finding {alert.finding_id}", _FIELD)
    else:
        yield _plain(f"alert {alert.alert_id}", _FIELD)
    if link := console_link(alert):
        yield {"type": "mrkdwn", "text": f"<{link.replace('&', '&amp;')}|Logs Explorer>", "verbatim": True}


def _list(alerts: Sequence[Announced], room: int) -> Iterator[dict[str, Any]]:
    shown = in_order(alerts)[: max(1, min(_LISTED, room // 10))]
    for alert in shown:
        about = f"{headline(alert)}\n{line(alert.project) or 'no project'} · finding {line(alert.finding_id)}"
        yield _section(about, min(_FIELD, room))
    if rest := len(alerts) - len(shown):
        yield {"type": "context", "elements": [_plain(f"and {rest} more: they are in BigQuery", _FIELD)]}


def _section(text: str, room: int) -> dict[str, Any]:
    return {"type": "section", "text": _plain(text, room)}


def _plain(text: str, most: int) -> dict[str, Any]:
    return {"type": "plain_text", "text": fitted(text, most, _escaped), "emoji": False}


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
