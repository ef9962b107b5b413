"""Every command that a fix can print is one that gcloud takes, for every kind of resource; nothing is run."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
from collections.abc import Iterator
from typing import Any

import pytest
from msgspec import to_builtins

import gcloud
from bindwatch.model.binding_command import TARGETS
from bindwatch.model.change import AddBinding, RemoveBinding
from bindwatch.model.cloud_change import EndLogExemption, LogDataAccess
from bindwatch.model.policy import Condition
from rules.case import Case, all_cases, judge

NAMES = {
    "p": "shop-prod", "f": "201000000001", "o": "123456789012", "l": "europe-west4", "r": "europe-west4",
    "z": "europe-west4-a", "e": "ci@shop-prod.iam.gserviceaccount.com", "b": "shop-orders", "k": "281480000001",
    "a": "default",
}  # fmt: skip
CONDITION = Condition("request.time < timestamp('2027-01-01T00:00:00Z') && true", "until, spring", "a: b, c")
MEMBERS = (
    "user:eve@example.com",
    "allUsers",
    "deleted:serviceAccount:old@shop-prod.iam.gserviceaccount.com?uid=123",
    "principal://iam.googleapis.com/projects/1/locations/global/workloadIdentityPools/p.svc.id.goog/subject/ns/a/sa/b",
)


def resources() -> Iterator[str]:
    """A resource of every kind that gcloud can change the policy of."""
    for target in TARGETS:
        yield re.sub(r"\{(\w+)\}", lambda match: NAMES.get(match[1], f"a-{match[1]}"), target.template).replace(
            "\\", ""
        )


@pytest.mark.parametrize("resource", list(resources()), ids=lambda name: name[2:])
def test_gcloud_takes_the_commands_of_a_binding(resource: str) -> None:
    for member in MEMBERS[1:3]:
        for condition in (None, CONDITION):
            change = RemoveBinding(resource, "roles/viewer", member, condition)
            assert change.command().startswith("gcloud ")
            assert gcloud.refused(change.command()) == ""
            assert gcloud.refused(AddBinding(resource, "roles/viewer", member, condition).command()) == ""


def test_a_command_that_gcloud_does_not_know_is_told_from_one_it_does() -> None:
    assert "PROJECT_ID" in gcloud.refused(
        "gcloud projects add-iam-policy-binding --role=roles/viewer --member=allUsers"
    )
    assert "--condition" in gcloud.refused(
        "gcloud pubsub topics add-iam-policy-binding t --condition=None --role=a --member=b"
    )
    assert gcloud.refused("gcloud storage buckets rewrite gs://b")
    assert gcloud.refused("bq add-iam-policy-binding --condition=None d.t")


def test_a_dataset_is_closed_by_a_statement_and_a_table_by_bq() -> None:
    dataset, table = "//bigquery.googleapis.com/projects/shop-prod/datasets/orders", "/tables/y2026"
    closing = RemoveBinding(dataset, "roles/bigquery.dataViewer", "allUsers")
    assert shlex.split(closing.command())[-1] == (
        'REVOKE `roles/bigquery.dataViewer` ON SCHEMA `shop-prod`.`orders` FROM "specialGroup:allUsers"'
    )
    undo = closing.undo()
    assert undo is not None
    assert shlex.split(undo.command())[-1].startswith(
        "GRANT `roles/bigquery.dataViewer` ON SCHEMA `shop-prod`.`orders` TO"
    )
    assert gcloud.refused(closing.command()) == ""
    of_table = RemoveBinding(dataset + table, "roles/bigquery.dataViewer", "user:eve@example.com").command()
    assert of_table.endswith("--table shop-prod:orders.y2026")
    assert gcloud.refused(of_table) == ""


@pytest.mark.parametrize(
    ("resource", "member", "condition"),
    [
        ("//bigquery.googleapis.com/projects/p/datasets/d/tables/t", "user:eve@example.com", CONDITION),
        ("//bigquery.googleapis.com/projects/p/datasets/d", MEMBERS[3], None),
        ("//bigquery.googleapis.com/projects/p/datasets/d", 'user:eve"@example.com', None),
        ("//example.googleapis.com/projects/p/things/t", "allUsers", None),
    ],
)
def test_where_no_tool_can_do_it_the_line_says_so(resource: str, member: str, condition: Condition | None) -> None:
    command = RemoveBinding(resource, "roles/viewer", member, condition).command()
    assert command.startswith("# by hand, in the allow policy of ")
    assert (condition is None) == (" where " not in command)


def test_a_binding_with_a_condition_goes_by_the_whole_policy_where_gcloud_has_no_flag_for_it() -> None:
    topic = "//pubsub.googleapis.com/projects/shop-prod/topics/orders"
    command = RemoveBinding(topic, "roles/pubsub.editor", "user:eve@example.com", CONDITION).command()
    read, edit, write = gcloud.simple_commands(command)
    assert read[:4] == ["gcloud", "pubsub", "topics", "get-iam-policy"]
    assert json.dumps(CONDITION.expression) in edit[1]
    assert write == ["gcloud", "pubsub", "topics", "set-iam-policy", "orders", "policy.json", "--project=shop-prod"]


def edited(command: str, policy: dict[str, Any]) -> Any:
    """What the jq of a command makes of a policy."""
    assert gcloud.refused(command) == ""
    _, jq, _ = gcloud.simple_commands(command)
    run = subprocess.run(jq, input=json.dumps(policy), capture_output=True, text=True, check=True)
    return json.loads(run.stdout)


def test_a_policy_that_is_edited_as_a_whole_keeps_everything_else() -> None:
    topic, role, condition = "//pubsub.googleapis.com/projects/p/topics/t", "roles/pubsub.editor", CONDITION
    plain = {"role": role, "members": ["user:eve@example.com"]}
    conditional = {"role": role, "members": ["user:eve@example.com"], "condition": to_builtins(condition)}
    both = {"bindings": [plain, conditional], "etag": "BwX="}
    removal = RemoveBinding(topic, role, "user:eve@example.com", condition)
    assert edited(removal.command(), both) == {"bindings": [plain], "etag": "BwX="}
    undo = removal.undo()
    assert undo is not None
    assert edited(undo.command(), {"bindings": [plain]}) == {"bindings": [plain, conditional], "version": 3}
    assert edited(undo.command(), {"etag": "ACAB"}) == {"etag": "ACAB", "bindings": [conditional], "version": 3}
    zone = "//dns.googleapis.com/projects/p/managedZones/z"
    assert edited(RemoveBinding(zone, role, "user:eve@example.com").command(), both)["bindings"] == [conditional]


def test_audit_logs_are_switched_on_and_exemptions_end() -> None:
    project = "//cloudresourcemanager.googleapis.com/projects/shop-prod"
    exempt = {"logType": "ADMIN_READ", "exemptedMembers": ["user:eve@example.com", "user:ada@example.com"]}
    reads = {"logType": "DATA_READ"}
    other = {"service": "storage.googleapis.com", "auditLogConfigs": [reads]}
    on = LogDataAccess(project, "iam.googleapis.com", ("ADMIN_READ", "DATA_WRITE")).command()
    now = {"service": "iam.googleapis.com", "auditLogConfigs": [{"logType": "ADMIN_READ"}, {"logType": "DATA_WRITE"}]}
    assert edited(on, {"bindings": []}) == {"bindings": [], "auditConfigs": [now]}
    before = {"auditConfigs": [{"service": "iam.googleapis.com", "auditLogConfigs": [exempt, reads]}, other]}
    after = edited(on, before)["auditConfigs"]
    assert after == [other, {**now, "auditLogConfigs": [reads, *now["auditLogConfigs"]]}]
    ended = edited(EndLogExemption(project, "iam.googleapis.com", "user:eve@example.com").command(), before)
    assert ended["auditConfigs"][0]["auditLogConfigs"] == [
        {**exempt, "exemptedMembers": ["user:ada@example.com"]},
        reads,
    ]


@pytest.mark.parametrize("case", [case for case in all_cases() if case.fires], ids=str)
def test_the_commands_of_a_finding_are_taken(case: Case) -> None:
    for verdict in judge(case)[1]:
        for finding in verdict.findings:
            if finding.remediation is not None:
                for command in (*finding.remediation.commands, *finding.remediation.undo):
                    assert gcloud.refused(command) == "", finding.rule_id
