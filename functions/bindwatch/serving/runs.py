"""What the scheduler starts: the audit of a scope, and the sweep of each minute."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Self

from bindwatch.adapters.customization_mutes import keep_mutes
from bindwatch.adapters.google_apis import GoogleApis
from bindwatch.adapters.sql_store import SqlStore
from bindwatch.errors import BackendError
from bindwatch.model.finding import Severity
from bindwatch.pipeline import AlertPublisher, Canary, Reminders, Swept, announce_all, roll_up_habits, sweep_windows
from bindwatch.rules import WINDOW_RULES
from bindwatch.serving.audit import Auditor, AuditResult
from bindwatch.serving.log_lines import Log
from bindwatch.serving.wiring import customization_of, make_context, make_engine, open_alerts, open_entries, open_store
from bindwatch.settings import Settings


@dataclass(frozen=True, slots=True)
class Parts:
    """What an instance makes once and uses for every call."""

    store: SqlStore
    alerts: AlertPublisher
    canary: Canary | None = None

    @classmethod
    def of(cls, settings: Settings) -> Self:
        """The parts that the settings name; the exceptions of the settings file are the store's mutes from then on."""
        store = open_store(settings)
        if settings.settings_file:
            keep_mutes(store, customization_of(settings).settings.exemptions, now=datetime.now(UTC))
        entries = open_entries(settings)
        return cls(store, open_alerts(settings), Canary(store, entries) if entries else None)


def run_audit(settings: Settings, scope: str, log: Log, *, parts: Parts, apis: GoogleApis | None = None) -> AuditResult:
    """Audit a scope, and announce what is due when it is finished."""
    auditor = Auditor(
        apis or GoogleApis(),
        parts.store,
        lambda catalogue, inventory: make_engine(settings, catalogue=catalogue, inventory=inventory),
        customization_of(settings).settings.team_of,
    )
    result = auditor.audit(scope, log, seconds=60.0 * settings.audit_minutes)
    if result.is_finished:
        announce_all(parts.store, parts.alerts, datetime.now(UTC))
    return result


def run_sweep(settings: Settings, parts: Parts, log: Log, *, now: datetime | None = None) -> dict[str, int]:
    """Send the canary where it is time, run the window rules over the last two hours, roll up the habits once an hour,
    and announce what is due, with the reminders that the settings ask for.

    Raises BackendError where the store could not be asked, after announcing what was due before.
    """
    now = now or datetime.now(UTC)
    if parts.canary is not None:
        try:
            parts.canary.send_if_due(now)
        except BackendError as refusal:
            log.warning("the canary could not be sent; it will be missed", error=str(refusal))
    chosen = customization_of(settings).window_rules(WINDOW_RULES)
    rules = [rule for rule in chosen if rule.id not in settings.disabled_rules]
    verdict, unasked = Swept(), None
    try:
        verdict = sweep_windows(parts.store, rules, make_context(settings), now)
    except BackendError as refusal:  # what is due for announcing must not wait for the windows
        unasked = refusal
    if verdict.apart:
        log.error("the window rules were asked apart; a sweep so costs many times as much", problem=verdict.apart[:500])
    for failure in verdict.failures:
        log.error("a rule failed", rule_id=failure.rule_id, problem=failure.error[:500])
    if unasked is None and now.minute == 0:
        roll_up_habits(parts.store, now)
    reminders = None
    if settings.remind_days:
        reminders = Reminders(settings.remind_days, Severity[settings.remind_severity])
    told = announce_all(parts.store, parts.alerts, now, reminders=reminders)
    for message, error in told.refused:
        log.warning("an alert was not taken; it stays due", alert_id=message.alert_id, error=error)
    if unasked is not None:
        raise unasked
    return {
        "findings": len(verdict.findings),
        "failures": len(verdict.failures),
        "announced": len(told.sent),
        "refused": len(told.refused),
    }
