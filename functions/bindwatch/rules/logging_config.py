"""Rules for log buckets, views and settings: how long entries are kept, and who may read them."""

from collections.abc import Iterator
from typing import Final

from bindwatch.model.change import Run, remedy
from bindwatch.model.finding import Category, Severity
from bindwatch.model.log_entry import LogEntry
from bindwatch.model.update_mask import mask_of
from bindwatch.rule import Context, Match, Rule, log_rule
from bindwatch.rules import log_sinks
from bindwatch.rules.logging_entry import config, last, location_flags, short
from bindwatch.rules.methods import LOGGING, activity
from bindwatch.rules.object_state import UNKNOWN_BEFORE
from bindwatch.rules.weight import is_second_half, scope_flags, weighed


@log_rule(
    "log-bucket-deleted",
    Severity.HIGH,
    Category.THREAT,
    methods=activity(LOGGING, *config("DeleteBucket")),
    techniques=["T1562.008", "T1070"],
    equivalents=[
        "panther:GCP.Log.Bucket.Or.Sink.Deleted",
        "elastic:defense_evasion_gcp_logging_bucket_deletion",
        "csa:3.01",
    ],
)
def log_bucket_deleted(entry: LogEntry, context: Context) -> Iterator[Match]:
    """A log bucket was deleted.

    ## Why it matters
    With the bucket goes the history in it. For seven days it can be restored; after that nobody can tell what happened.

    ## What to do
    Restore the bucket, then find out who wanted it gone and what its entries show.

    ## Known false positives
    A bucket made by mistake, or one of a project that is being taken down.

    ## Blind spots
    The sinks that fed the bucket stay and drop their entries silently.
    """
    name = entry.raw_resource_name or entry.request.text("name")
    where = location_flags(name)
    undelete = ("gcloud", "logging", "buckets", "undelete", last(name), *where, *scope_flags(name))
    yield Match(
        subject=f"log bucket {last(name)}",
        title=f"The log bucket {last(name)} was deleted by {entry.caller_name}",
        severity=weighed(Severity.HIGH, entry, context),
        remediation=remedy("Restore the bucket within seven days", Run(undelete)) if where else None,
    )


@log_rule(
    "log-bucket-weakened",
    Severity.MEDIUM,
    Category.THREAT,
    methods=activity(LOGGING, *config("UpdateBucket", "UpdateBucketAsync")),
    techniques=["T1562.008"],
    equivalents=[
        "panther:GCP.Logging.Settings.Modified",
        "stratus:gcp.defense-evasion.reduce-sink-log-retention",
        "csa:3.01",
    ],
)
def log_bucket_weakened(entry: LogEntry, context: Context) -> Iterator[Match]:
    """A log bucket was made to forget sooner, or to hide less.

    ## Why it matters
    Entries older than the retention are deleted, those already stored included. Thirty days is less than most intruders
    stay; Data Access entries have no other copy.

    ## What to do
    Set the retention back, and lock the bucket so that it cannot be shortened again.

    ## Known false positives
    A first setting that lengthens the retention from the default of thirty days: where the old value is not known,
    values below a year weigh less the nearer they are to it.

    ## Blind spots
    The old value is not in the entry; it is known where an earlier entry set it.
    """
    if is_second_half(entry):
        return
    mask, bucket = mask_of(entry.request), entry.request.document("bucket")
    name = entry.raw_resource_name or entry.request.text("name")
    days, old = bucket.number("retentionDays"), int((entry.before or {}).get("days", 0))
    if mask.writes("retentionDays", bucket) and days is not None and (days < old if old else days < 365):
        severity = Severity.HIGH if days < 30 else Severity.MEDIUM if days < 90 or old >= 365 else Severity.LOW
        update = ("gcloud", "logging", "buckets", "update", last(name))
        yield Match(
            subject=f"log bucket {last(name)}: retention",
            title=f"The log bucket {last(name)} now keeps entries for {days} days",
            severity=weighed(severity, entry, context),
            notes=(f"Before: {old} days",) if old else (UNKNOWN_BEFORE,),
            remediation=remedy(
                f"Keep entries for {old} days, as before" if old else "Keep entries for a year",
                Run((*update, f"--retention-days={old or 365}", *location_flags(name), *scope_flags(name))),
                risk="Storage beyond thirty days is billed",
            ),
        )
    if mask and mask.writes("restrictedFields", bucket) and not bucket.texts("restrictedFields"):
        yield Match(
            subject=f"log bucket {last(name)}: restricted fields",
            title=f"No field of the log bucket {last(name)} is restricted any more",
            severity=weighed(Severity.LOW, entry, context),
        )


@log_rule(
    "log-reading-widened",
    Severity.LOW,
    Category.THREAT,
    methods=activity(LOGGING, *config("CreateView", "UpdateView", "CreateLink")),
    techniques=["T1530"],
    equivalents=["panther:GCP.Logging.Settings.Modified", "csa:3.01"],
)
def log_reading_widened(entry: LogEntry, context: Context) -> Iterator[Match]:
    """A view of a log bucket or its BigQuery link was created or changed.

    ## Why it matters
    A view decides which entries its readers see; a linked dataset shows all of a bucket to whoever may read the
    dataset, Data Access entries included.

    ## What to do
    Check the filter of the view and who may read it.

    ## Known false positives
    Setting up Log Analytics for the first time.

    ## Blind spots
    Who may read a view is granted in IAM, which other rules judge.
    """
    if is_second_half(entry):
        return
    is_link = entry.method.endswith("Link")
    name = last(entry.raw_resource_name) or entry.request.text("viewId") or entry.request.text("linkId")
    what = "dataset link" if is_link else "log view"
    text = entry.request.text("view.filter")
    yield Match(
        subject=f"{what} {name}",
        title=f"The {what} {name} shows " + (f"entries that match {short(text)}" if text else "a whole log bucket"),
        severity=weighed(Severity.LOW, entry, context),
    )


@log_rule(
    "logging-settings-changed",
    Severity.MEDIUM,
    Category.THREAT,
    methods=activity(LOGGING, *config("UpdateSettings", "UpdateCmekSettings")),
    techniques=["T1562.008"],
    equivalents=["panther:GCP.Logging.Settings.Modified", "csa:3.01"],
)
def logging_settings_changed(entry: LogEntry, context: Context) -> Iterator[Match]:
    """The logging settings of an organization, folder or project were changed.

    ## Why it matters
    These settings decide for everything below: whether new projects keep their Data Access logs at all, where logs are
    stored, and with which key. Revoke the key and the logs cannot be read.

    ## What to do
    Compare with what was intended; set `disableDefaultSink` back to false.

    ## Known false positives
    Choosing the storage region of a new organization.

    ## Blind spots
    The entry does not tell the settings before.
    """
    settings = entry.request.document("settings")
    disabled = bool(settings.flag("disableDefaultSink"))
    scope = entry.raw_resource_name.removesuffix("/settings").removesuffix("/cmekSettings")
    flags = scope_flags(scope)
    yield Match(
        subject=f"logging settings of {scope or entry.scope}",
        title="New projects no longer keep their logs: the _Default sink is off"
        if disabled
        else f"The logging settings of {scope or entry.scope} were changed by {entry.caller_name}",
        severity=weighed(Severity.HIGH if disabled else Severity.LOW, entry, context),
        remediation=remedy(
            "Keep the _Default sink of new projects",
            Run(("gcloud", "logging", "settings", "update", "--no-disable-default-sink", *flags)),
        )
        if disabled
        else None,
    )


@log_rule(
    "log-deleted",
    Severity.HIGH,
    Category.THREAT,
    methods=activity(LOGGING, "google.logging.v2.LoggingServiceV2.DeleteLog"),
    techniques=["T1070"],
    equivalents=["csa:3.01"],
)
def log_deleted(entry: LogEntry, context: Context) -> Iterator[Match]:
    """All entries of a log were deleted.

    ## Why it matters
    Deleting a log removes its entries from the buckets of the project: the plainest way to cover a track.

    ## What to do
    Read the log from wherever a sink copied it, and look at what the caller did before.

    ## Known false positives
    Test logs that an application wrote.

    ## Blind spots
    Admin Activity entries cannot be deleted; the attempt shows as a failed call.
    """
    name = entry.request.text("logName") or entry.raw_resource_name
    is_audit = "cloudaudit" in name
    yield Match(
        subject=f"log {last(name)}",
        title=f"The entries of the log {last(name)} were deleted by {entry.caller_name}",
        severity=weighed(Severity.HIGH if is_audit else Severity.MEDIUM, entry, context),
    )


@log_rule(
    "logging-alarm-removed",
    Severity.LOW,
    Category.THREAT,
    methods=(
        *activity(LOGGING, "google.logging.v2.MetricsServiceV2.DeleteLogMetric"),
        *activity(LOGGING, "google.logging.v2.MetricsServiceV2.UpdateLogMetric"),
        *activity("monitoring.googleapis.com", "google.monitoring.v3.AlertPolicyService.DeleteAlertPolicy"),
        *activity(
            "monitoring.googleapis.com", "google.monitoring.v3.NotificationChannelService.DeleteNotificationChannel"
        ),
    ),
    techniques=["T1562.008", "T1562.001"],
    equivalents=["csa:3.01"],
)
def logging_alarm_removed(entry: LogEntry, context: Context) -> Iterator[Match]:
    """A log metric, an alert policy or a notification channel was removed or changed.

    ## Why it matters
    Many organizations watch IAM and logging changes with log metrics and alert policies; without them nobody is told.

    ## What to do
    Check what the metric or policy watched, and restore it from code.

    ## Known false positives
    Teams tidying their own dashboards: hence the low weight.

    ## Blind spots
    A policy can also be muted by a snooze.
    """
    if entry.method.endswith("UpdateLogMetric") and not entry.request.flag("metric.disabled"):
        return
    name = last(entry.raw_resource_name or entry.request.text("metricName") or entry.request.text("name"))
    yield Match(
        subject=f"{entry.method.rpartition('.')[2]} {name}",
        title=f"{name} no longer raises an alarm: {entry.method.rpartition('.')[2]} by {entry.caller_name}",
        severity=weighed(Severity.LOW, entry, context),
    )


@log_rule(
    "logging-configuration-changed",
    Severity.INFO,
    Category.THREAT,
    methods=activity(
        LOGGING,
        *config("Update*"),
        "google.logging.v2.MetricsServiceV2.Update*",
    ),
    techniques=["T1562.008"],
    equivalents=[
        "panther:GCP.Logging.Settings.Modified",
        "panther:GCP.Logging.Sink.Modified",
        "csa:3.01",
        "falco:GCP logging sink modified",
        "elastic:exfiltration_gcp_logging_sink_modification",
    ],
)
def logging_configuration_changed(entry: LogEntry, context: Context) -> Iterator[Match]:
    """The logging configuration was changed in a way no other rule weighs.

    ## Why it matters
    A record of every change to what is logged, so that a gap found later can be explained.

    ## What to do
    Nothing, unless other findings point at the same caller or time.

    ## Known false positives
    All of them are ordinary work until something else says otherwise: hence INFO.

    ## Blind spots
    None beyond those of Admin Activity logs.
    """
    yield from _unweighed(entry, context)


@log_rule(
    "logging-configuration-made",
    Severity.INFO,
    Category.THREAT,
    methods=activity(
        LOGGING,
        *config("Create*", "Delete*", "Undelete*", "CopyLogEntries"),
        *(f"google.logging.v2.MetricsServiceV2.{verb}*" for verb in ("Create", "Delete")),
    ),
    techniques=["T1562.008"],
    equivalents=["csa:3.01"],
)
def logging_configuration_made(entry: LogEntry, context: Context) -> Iterator[Match]:
    """A sink, bucket, view, link, exclusion or metric came or went in a way no other rule weighs.

    ## Why it matters
    A record of everything that decides what is logged, so that a gap found later can be explained.

    ## What to do
    Nothing, unless other findings point at the same caller or time.

    ## Known false positives
    All of them are ordinary work until something else says otherwise: hence INFO.

    ## Blind spots
    None beyond those of Admin Activity logs.
    """
    yield from _unweighed(entry, context)


def _unweighed(entry: LogEntry, context: Context) -> Iterator[Match]:
    if is_second_half(entry) or any(_judges(rule, entry, context) for rule in _WEIGHING):
        return
    verb = entry.method.rpartition(".")[2]
    name = last(entry.raw_resource_name)
    yield Match(
        subject=f"{verb} {name}", title=f"{verb} of {name or 'the logging configuration'} by {entry.caller_name}"
    )


def _judges(rule: Rule[LogEntry], entry: LogEntry, context: Context) -> bool:
    if not any(method.matches(entry.service, entry.method) for method in rule.methods):
        return False
    return next(iter(rule.check(entry, context)), None) is not None


_WEIGHING: Final = (
    *log_sinks.RULES,
    log_bucket_deleted,
    log_bucket_weakened,
    log_reading_widened,
    logging_settings_changed,
    logging_alarm_removed,
)
RULES: Final = (*_WEIGHING, log_deleted, logging_configuration_changed, logging_configuration_made)
