"""Twins about logs and perimeters."""

from __future__ import annotations

from collections.abc import Iterator

from rules.twins.entries import DENIED, ORGANIZATION, PERSON, PIPELINE, Twin, entry


def twins() -> Iterator[Twin]:
    """Every twin of this file."""
    yield from _of_logs()
    yield from _of_perimeters()


def _of_logs() -> Iterator[Twin]:
    logging, config = "logging.googleapis.com", "google.logging.v2.ConfigServiceV2."
    gone, sinks, settings = (
        "GCP.Log.Bucket.Or.Sink.Deleted",
        "GCP.Logging.Sink.Modified",
        "GCP.Logging.Settings.Modified",
    )
    for rule_id, verbs in (
        (gone, {"DeleteSink": True, "DeleteBucket": True, "CreateSink": False, "GetBucket": False}),
        (sinks, {"UpdateSink": True, "CreateSink": False, "DeleteSink": False, "ListSinks": False}),
        (
            settings,
            {
                "UpdateSettings": True, "UpdateCmekSettings": True, "UpdateSink": True, "UpdateBucket": True,
                "UpdateView": True, "UpdateExclusion": True, "ListBuckets": False, "GetSettings": False,
                "CreateSink": False, "DeleteView": False,
            },
        ),
    ):  # fmt: skip
        for verb, expected in verbs.items():
            for who in (PERSON, PIPELINE):
                yield Twin(rule_id, f"{verb} by {who}", expected, entry(logging, config + verb, who))
    sink, bucket = "projects/shop-prod/sinks/audit", "projects/shop-prod/locations/global/buckets/audit"
    excluding = {"exclusions": [{"name": "all", "filter": "*"}]}
    for rule_id, story, expected, method, name, request in (
        (gone, "sink shown", True, "DeleteSink", sink, {"sinkName": sink}),
        (gone, "bucket shown", True, "DeleteBucket", bucket, {"name": bucket}),
        (gone, "sink updated", False, "UpdateSink", sink, {"sink": {"description": "x"}, "updateMask": "description"}),
        (sinks, "excluding", True, "UpdateSink", sink, {"sink": excluding, "updateMask": "exclusions"}),
        (sinks, "described", True, "UpdateSink", sink, {"sink": {"description": "x"}, "updateMask": "description"}),
        (sinks, "without a mask", True, "UpdateSink", sink, {"sink": {"destination": "pubsub.googleapis.com/x"}}),
        (sinks, "disabled", True, "UpdateSink", sink, {"sink": {"disabled": True}, "updateMask": "disabled"}),
        (settings, "filter", True, "UpdateSink", sink, {"sink": {}, "updateMask": "filter"}),
        (settings, "kept a day", True, "UpdateBucket", bucket, {"bucket": {"retentionDays": 1}}),
        (settings, "described", True, "UpdateBucket", bucket, {"bucket": {"description": "x"}}),
        (settings, "bucket made", False, "CreateBucket", bucket, {"bucketId": "audit"}),
        (settings, "sink deleted", False, "DeleteSink", sink, {"sinkName": sink}),
        (settings, "sink read", False, "GetSink", sink, {"sinkName": sink}),
    ):
        call = entry(logging, config + method, resourceName=name, request=request, status={}, kind="logging_sink")
        yield Twin(rule_id, f"{method}: {story}", expected, call)
    above = entry(logging, config + "DeleteSink", resourceName="organizations/123456789012/sinks/a", **ORGANIZATION)
    yield Twin(gone, "sink of the organization", True, above)
    metric = entry(logging, "google.logging.v2.MetricsServiceV2.UpdateLogMetric", resourceName="projects/p/metrics/iam")
    yield Twin(settings, "metric", True, metric)
    other = entry("storage.googleapis.com", "storage.buckets.update", resourceName="projects/_/buckets/audit")
    yield Twin(settings, "of another API", False, other)


def _of_perimeters() -> Iterator[Twin]:
    violated = {"@type": "type.googleapis.com/google.rpc.PreconditionFailure"}
    perimeter = "GCP.Access.Attempts.Violating.VPC.Service.Controls"
    for story, expected, kind, code in (
        ("perimeter", True, "VPC_SERVICE_CONTROLS", 7),
        ("organization policy", False, "constraints/compute.vmExternalIpAccess", 9),
    ):
        status = {"code": code, "message": "no", "details": [violated | {"violations": [{"type": kind}]}]}
        for who in ({}, PIPELINE):
            refused = entry("storage.googleapis.com", "google.storage.objects.get", who, status=status)
            yield Twin(perimeter, f"{story} {who}", expected, refused)
    yield Twin(perimeter, "plain refusal", False, entry("storage.googleapis.com", "storage.objects.get", status=DENIED))
    of_policies = "projects/shop-prod/logs/cloudaudit.googleapis.com%2Fpolicy"
    kept_out = [violated | {"violations": [{"type": "VPC_SERVICE_CONTROLS", "description": "Xq"}]}]
    told = {"@type": "type.googleapis.com/google.cloud.audit.VpcServiceControlAuditMetadata"}
    ingress = told | {"violationReason": "NO_MATCHING_ACCESS_LEVEL", "ingressViolations": [{}]}
    egress = told | {"violationReason": "RESOURCES_NOT_IN_SAME_SERVICE_PERIMETER", "egressViolations": [{}]}
    another = [violated | {"violations": [{"type": "OTHER_CONTROL_VIOLATION"}]}]
    for story, expected, details, metadata in (
        ("on the way in", True, kept_out, ingress),
        ("on the way out", True, kept_out, egress),
        ("without its metadata", True, kept_out, {}),
        ("other controls too", True, [*another, *kept_out], ingress),
        ("other controls only", False, another, {}),
        ("would have been", False, None, ingress | {"dryRun": True}),
    ):
        status = {} if details is None else {"code": 7, "message": "prohibited", "details": details}
        method = "google.storage.objects.get"
        call = entry("storage.googleapis.com", method, status=status, metadata=metadata, log=of_policies)
        yield Twin(perimeter, story, expected, call)
