"""Alerts as OCSF Detection Findings."""

from __future__ import annotations

import json
from typing import Any

from bindwatch.adapters.duckdb import DuckDBStore
from bindwatch.model.finding import State
from bindwatch.pipeline import Form, announce_due, begin_audit, deliver, finish_audit
from sample_findings import Subscribers, at, shown_by_entry


def told() -> list[dict[str, Any]]:
    """What subscribers hear of a finding that opens, ends and comes back, and of a baseline."""
    subscribers = Subscribers()
    with DuckDBStore() as store:
        for minutes, state in ((0, State.OPEN), (70, State.RESOLVED), (140, State.OPEN)):
            deliver([shown_by_entry(minutes, state=state)], store)
            announce_due(store, subscribers, at(minutes + 1), form=Form.OCSF)
        run = begin_audit(store, scope="//x", as_of=at(150), now=at(150))
        finish_audit(run, store, now=at(151))
        announce_due(store, subscribers, at(152), form=Form.OCSF)
    assert [message.attributes["format"] for message in subscribers.heard] == ["ocsf"] * 3 + ["bindwatch"]
    return [json.loads(message.data) for message in subscribers.heard]


def test_a_finding_is_created_closed_and_updated_under_one_uid() -> None:
    opened, resolved, reopened, baseline = told()
    assert [each["type_uid"] for each in (opened, resolved, reopened)] == [200401, 200403, 200402]
    assert [each["status_id"] for each in (opened, resolved, reopened)] == [1, 4, 1]
    assert len({each["finding_info"]["uid"] for each in (opened, resolved, reopened)}) == 1
    assert baseline["kind"] == "baseline"


def test_the_fields_that_every_detection_finding_must_have() -> None:
    opened = told()[0]
    for name in (
        "activity_id",
        "category_uid",
        "class_uid",
        "time",
        "type_uid",
        "severity_id",
        "metadata",
        "finding_info",
    ):
        assert name in opened
    assert opened["metadata"]["product"]["vendor_name"]
    assert opened["metadata"]["version"] == "1.8.0"
    assert opened["severity_id"] == 4
    assert opened["time"] == int(at(1).timestamp() * 1000)
    assert opened["finding_info"]["first_seen_time"] == int(at(0).timestamp() * 1000)
    assert opened["finding_info"]["attacks"] == [{"technique": {"uid": "T1098.003"}}]
    assert opened["resources"][0]["uid"] == "//cloudresourcemanager.googleapis.com/projects/shop"
    assert "gcloud x" in opened["remediation"]["desc"]
    assert opened["cloud"] == {"provider": "GCP", "account": {"uid": "shop"}}
