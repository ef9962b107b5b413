"""Google Chat: an incoming webhook, and cards (version 2).

Limits: 32,000 bytes a message, 100 widgets a card. Source: developers.google.com/workspace/chat, Message and Card
(read 2026).
"""

from collections.abc import Iterator, Mapping, Sequence
from html import escape
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
    happened,
    headline,
    headline_of_many,
    in_order,
    line,
    shrunk,
)
from bindwatch.pipeline.announced import Announced
from bindwatch.pipeline.rows import digest

_MOST_BYTES: Final = 30_000
_TEXT: Final = 4000
_LISTED: Final = 60
_JOINER: Final = "\u2060"


def message(alerts: Sequence[Announced], labels: Labels) -> dict[str, Any]:
    """The body of a post. Text from logs stands in the cards alone, escaped: there is no `text` that could mention."""
    return shrunk(lambda room: _message(alerts, labels, room), _fits, most=_TEXT)


def parameters(alerts: Sequence[Announced]) -> dict[str, str]:
    """What goes into the address: the thread of a finding, and a request id, by which a repetition is known."""
    found = {"requestId": digest(*sorted(alert.alert_id for alert in alerts))}
    if len(alerts) == 1:
        found["threadKey"] = alerts[0].finding_id[:4000]
        found["messageReplyOption"] = "REPLY_MESSAGE_FALLBACK_TO_NEW_THREAD"
    return found


def _message(alerts: Sequence[Announced], labels: Labels, room: int) -> dict[str, Any]:
    if len(alerts) == 1:
        (alert,) = alerts
        title, spoken = f"{happened(alert)}, {alert.severity.name}", headline(alert)
        sections = list(_sections(alert, labels, room))
    else:
        title = spoken = headline_of_many(alerts)
        sections = [{"widgets": list(_list(alerts, room))}]
    header = {"title": fitted(title, 200), "subtitle": "bindwatch"}
    card = {"cardId": alerts[0].alert_id, "card": {"header": header, "sections": sections}}
    # `<users/all>` in a text is a mention; here it would only be shown, and is broken all the same.
    return {"cardsV2": [card], "fallbackText": fitted(spoken.replace("<", "<" + _JOINER), 500)}


def _fits(made: Mapping[str, Any]) -> bool:
    return len(encoded(made)) <= _MOST_BYTES


def _sections(alert: Announced, labels: Labels, room: int) -> Iterator[dict[str, Any]]:
    widgets = [_paragraph(line(alert.title), room)]
    if text := explanation(alert):
        widgets.append(_paragraph(text, room))
    widgets += [_decorated(name, value, min(500, room)) for name, value in facts(alert, labels)]
    if alert.finding is not None:
        widgets.append(_decorated("Finding", f"{line(alert.rule_id)} {line(alert.finding_id)}", 500))
    yield {"widgets": widgets}
    summary, commands = fix(alert)
    if summary or commands:
        text = "\n".join(part for part in (summary, commands_within(commands, room)) if part)
        yield {"header": "Fix", "widgets": [_paragraph(text, room)]}
    if link := console_link(alert):
        button = {"text": "Logs Explorer", "onClick": {"openLink": {"url": link}}}
        yield {"widgets": [{"buttonList": {"buttons": [button]}}]}


def _list(alerts: Sequence[Announced], room: int) -> Iterator[dict[str, Any]]:
    shown = in_order(alerts)[: max(1, min(_LISTED, room // 10))]
    for alert in shown:
        yield _decorated(line(alert.project) or "no project", headline(alert), min(400, room))
    if rest := len(alerts) - len(shown):
        yield _paragraph(f"and {rest} more: they are in BigQuery", 200)


def _paragraph(text: str, most: int) -> dict[str, Any]:
    return {"textParagraph": {"text": fitted(text, most, _escaped)}}


def _decorated(label: str, text: str, most: int) -> dict[str, Any]:
    found = {"topLabel": fitted(label, 100, _escaped), "text": fitted(text, most, _escaped), "wrapText": True}
    return {"decoratedText": found}


def _escaped(text: str) -> str:
    return escape(text, quote=True).replace("\n", "<br>")
