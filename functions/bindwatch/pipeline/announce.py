"""Announcing: the store is the outbox, and nothing else publishes."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from bindwatch.pipeline.alert import Form, alert_message
from bindwatch.pipeline.ports import AlertMessage, AlertPublisher, DueAlert, FindingStore, Reminders, Row, Table
from bindwatch.pipeline.rows import timestamp

_SENDING: Final = "SENDING"
_SENT: Final = "SENT"


@dataclass(frozen=True, slots=True)
class Announcement:
    """What was announced, and what the publisher refused and the next call will try again."""

    sent: tuple[AlertMessage, ...] = ()
    refused: tuple[tuple[AlertMessage, str], ...] = ()


def announce_due(
    store: FindingStore,
    publisher: AlertPublisher,
    now: datetime,
    *,
    at_most: int = 500,
    form: Form = Form.BINDWATCH,
    reminders: Reminders | None = None,
) -> Announcement:
    """Publish what is due, then mark it as told; with `reminders`, also of what is open still.

    At least once: what fails after the publishing is published again with the same `alert_id`. Whether something is
    due, the view `alerts_due` decides: mutes, grace, baseline and flapping are its business. A change that is undone
    before anyone was told is never announced.
    """
    due = store.alerts_due(now, at_most=at_most, reminders=reminders)
    if not due:
        return Announcement()
    messages = [alert_message(alert, announced_at=now, form=form) for alert in due]
    # Written before publishing: should the marking below fail, an ending is still told to whom the opening was.
    store.append({Table.ALERT_EVENTS: [_told(alert, _SENDING, now) for alert in due]})
    outcomes = publisher.publish(messages)
    sent: list[Row] = []
    taken: list[AlertMessage] = []
    refused: list[tuple[AlertMessage, str]] = []
    for alert, message, outcome in zip(due, messages, outcomes, strict=True):
        if outcome.error:
            refused.append((message, outcome.error))
        else:
            taken.append(message)
            sent.append(_told(alert, _SENT, now, outcome.message_id))
    if sent:
        store.append({Table.ALERT_EVENTS: sent})
    return Announcement(tuple(taken), tuple(refused))


def _told(alert: DueAlert, phase: str, now: datetime, message_id: str = "") -> Row:
    finding_id = alert.finding.get("finding_id")
    return {
        "alert_id": alert.alert_id,
        "phase": phase,
        "recorded_at": timestamp(now),
        "kind": alert.kind,
        "finding_id": finding_id if isinstance(finding_id, str) else "",
        "scope": alert.scope,
        "state": alert.state,
        "severity_level": alert.severity_level,
        "message_id": message_id,
    }


def announce_all(
    store: FindingStore,
    publisher: AlertPublisher,
    now: datetime,
    *,
    at_most: int = 500,
    form: Form = Form.BINDWATCH,
    reminders: Reminders | None = None,
) -> Announcement:
    """Announce page by page until nothing is due, or the publisher refuses something."""
    sent: list[AlertMessage] = []
    while (page := announce_due(store, publisher, now, at_most=at_most, form=form, reminders=reminders)).sent:
        sent += page.sent
        if page.refused:
            break
    return Announcement(tuple(sent), page.refused)
