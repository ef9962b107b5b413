"""From verdicts to the store, and from the store to subscribers. Pure of clouds; time is passed in."""

from bindwatch.pipeline.alert import Form
from bindwatch.pipeline.announce import Announcement, announce_all, announce_due
from bindwatch.pipeline.canary import Canary
from bindwatch.pipeline.deliver import Delivery, deliver
from bindwatch.pipeline.ports import (
    AlertMessage,
    AlertPublisher,
    DeadLetters,
    DueAlert,
    EntryTopic,
    FindingStore,
    Json,
    Published,
    Reminders,
    Row,
    Rows,
    StandingFinding,
    Table,
)
from bindwatch.pipeline.reconcile import (
    AuditRun,
    Reconciliation,
    Unresolved,
    begin_audit,
    finish_audit,
    reconcile,
)
from bindwatch.pipeline.snapshots import Past, in_order, telling_no_change, with_previous
from bindwatch.pipeline.triage import Mute, close, mute, unmute
from bindwatch.pipeline.windows import Swept, record, roll_up_habits, sweep_windows

__all__ = [
    "AlertMessage",
    "AlertPublisher",
    "Announcement",
    "AuditRun",
    "Canary",
    "DeadLetters",
    "Delivery",
    "DueAlert",
    "EntryTopic",
    "FindingStore",
    "Form",
    "Json",
    "Mute",
    "Past",
    "Published",
    "Reconciliation",
    "Reminders",
    "Row",
    "Rows",
    "StandingFinding",
    "Swept",
    "Table",
    "Unresolved",
    "announce_all",
    "announce_due",
    "begin_audit",
    "close",
    "deliver",
    "finish_audit",
    "in_order",
    "mute",
    "reconcile",
    "record",
    "roll_up_habits",
    "sweep_windows",
    "telling_no_change",
    "unmute",
    "with_previous",
]
