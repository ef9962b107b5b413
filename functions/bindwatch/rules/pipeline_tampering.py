"""Rules for what carries and keeps exported logs and alerts: archive buckets, topics and subscriptions."""

from collections.abc import Iterator
from typing import Final

from bindwatch.inventory.hierarchy import LogSink
from bindwatch.model.document import Document
from bindwatch.model.finding import Category, Confidence, Severity
from bindwatch.model.log_entry import LogEntry
from bindwatch.rule import Context, Match, log_rule
from bindwatch.rules.methods import activity
from bindwatch.rules.weight import weighed

_STORAGE: Final = "storage.googleapis.com"
_PUBSUB: Final = "pubsub.googleapis.com"
# Names people give to what carries audit logs; with an inventory of the sinks, their destinations decide instead.
_NAMED_FOR_LOGS: Final = ("audit", "log", "siem", "sink", "bindwatch", "security")


def _carries_logs(destination: str, context: Context) -> bool | None:
    """Whether a sink of the inventory sends there; None without an inventory of sinks."""
    if context.inventory is None or not (sinks := context.inventory.all(LogSink)):
        return None
    return any(sink.destination.endswith(destination) for sink in sinks)


def _weight(destination: str, name: str, context: Context) -> tuple[Severity, Confidence]:
    """How much a change of what may carry logs weighs, and how sure it is that it carries them."""
    carries = _carries_logs(destination, context)
    if carries is True:
        return Severity.HIGH, Confidence.HIGH
    if carries is None and any(word in name.lower() for word in _NAMED_FOR_LOGS):
        return Severity.MEDIUM, Confidence.LOW
    return Severity.INFO, Confidence.MEDIUM


@log_rule(
    "log-archive-changed",
    Severity.MEDIUM,
    Category.THREAT,
    methods=activity(_STORAGE, "storage.buckets.update", "storage.buckets.patch", "storage.buckets.delete"),
    techniques=["T1562.008", "T1485"],
    equivalents=[
        "panther:GCP.Cloud.Storage.Buckets.Modified.Or.Deleted",
        "elastic:defense_evasion_gcp_storage_bucket_configuration_modified",
        "stratus:gcp.defense-evasion.reduce-sink-log-retention",
    ],
)
def log_archive_changed(entry: LogEntry, context: Context) -> Iterator[Match]:
    """A bucket was deleted, or made to forget sooner; it may be one that a sink sends logs to.

    ## Why it matters
    Logs that were exported to be kept for years can be made to expire after a day, with no trace in the sink.

    ## What to do
    Set retention and lifecycle back, and lock the retention policy of archive buckets.

    ## Known false positives
    Buckets that hold no logs: with an inventory that shows the sinks those are INFO, without one the name decides.

    ## Blind spots
    Older clients write no request into the entry; such an update could be anything and weighs INFO at most.
    """
    name = entry.resource_labels.get("bucket_name", "") or entry.raw_resource_name.rpartition("/")[2]
    severity, confidence = _weight(f"storage.googleapis.com/{name}", name, context)
    deleted = entry.method.endswith("delete")
    what = "was deleted" if deleted else _shortened(entry.request.document("metadata") or entry.request)
    if not what:
        what, severity = "was changed", Severity.INFO
    yield Match(
        subject=f"bucket {name}: {what}",
        title=f"The bucket {name} {what} by {entry.caller_name}",
        severity=weighed(severity, entry, context),
        confidence=confidence,
    )


def _shortened(bucket: Document) -> str:
    for rule in bucket.documents("lifecycle.rule"):
        age = rule.number("condition.age")
        if rule.text("action.type").lower() == "delete" and (age is None or age < 365):
            return f"was made to delete objects after {age} days" if age is not None else "was made to delete objects"
    if bucket.has("retentionPolicy"):
        period = bucket.number("retentionPolicy.retentionPeriod")
        if period is None:
            return "lost its retention policy"
        if period < 365 * 86400:
            return f"was made to keep objects for {period // 86400} days only"
    if bucket.has("versioning") and not bucket.flag("versioning.enabled"):
        return "was made to forget old versions"
    return ""


@log_rule(
    "alert-pipeline-changed",
    Severity.LOW,
    Category.THREAT,
    methods=activity(
        _PUBSUB,
        "google.pubsub.v1.Publisher.DeleteTopic",
        "google.pubsub.v1.Publisher.UpdateTopic",
        "google.pubsub.v1.Publisher.DetachSubscription",
        "google.pubsub.v1.Subscriber.DeleteSubscription",
        "google.pubsub.v1.Subscriber.UpdateSubscription",
        "google.pubsub.v1.Subscriber.ModifyPushConfig",
        "google.pubsub.v1.Subscriber.Seek",
    ),
    techniques=["T1562", "T1489"],
    equivalents=[
        "elastic:defense_evasion_gcp_pub_sub_subscription_deletion",
        "elastic:defense_evasion_gcp_pub_sub_topic_deletion",
        "falco:GCP Pub/Sub topic deleted",
        "falco:GCP Pub/Sub subscription modified",
        "falco:GCP Pub/Sub subscription deleted",
    ],
)
def alert_pipeline_changed(entry: LogEntry, context: Context) -> Iterator[Match]:
    """A Pub/Sub topic or subscription was deleted or changed; it may be one that carries logs or alerts.

    ## Why it matters
    Entries and alerts travel over Pub/Sub. A subscription that is deleted, pointed elsewhere or moved past what is
    waiting loses them silently.

    ## What to do
    Create it again from code. What was lost meanwhile is read back from the log buckets with `bindwatch replay`.

    ## Known false positives
    Topics that carry no logs: with an inventory that shows the sinks those are INFO, without one the name decides.

    ## Blind spots
    A filter cannot be changed on a subscription; one that is deleted and made again with a filter shows as both.
    """
    labels = entry.resource_labels
    name = (labels.get("topic_id") or labels.get("subscription_id") or entry.raw_resource_name).rpartition("/")[2]
    verb = entry.method.rpartition(".")[2]
    severity, confidence = _weight(f"topics/{name}", name, context)
    if not verb.startswith("Delete"):
        severity = min(severity, Severity.LOW) if severity is Severity.INFO else min(severity, Severity.MEDIUM)
    yield Match(
        subject=f"{verb} {name}",
        title=f"{verb} of {name} by {entry.caller_name}",
        severity=weighed(max(severity, Severity.LOW) if verb.startswith("Delete") else severity, entry, context),
        confidence=confidence,
    )


RULES: Final = (log_archive_changed, alert_pipeline_changed)
