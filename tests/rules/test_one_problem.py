"""One problem is one finding, whichever way it is seen: made, undone, standing; in this spelling or that."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest

from bindwatch.engine import Engine
from bindwatch.model.finding import Finding, State
from bindwatch.model.log_entry import LogEntry, from_dict
from bindwatch.rule import Rule
from bindwatch.rules import INVENTORY_RULES, LOG_RULES
from rules.case import CASES, Case, all_cases, context_of, inventory_of, judge

NUMBER, PROJECT = "123456789012", "shop-prod"
HOME = {
    "name": f"//cloudresourcemanager.googleapis.com/projects/{NUMBER}",
    "assetType": "cloudresourcemanager.googleapis.com/Project",
    "resource": {"data": {"projectId": PROJECT, "projectNumber": NUMBER}},
    "ancestors": [f"projects/{NUMBER}"],
}


def load(rule_id: str, story: str) -> Any:
    document = json.loads((CASES / rule_id / f"{story}.json").read_text())
    return document["entries"][0] if "entries" in document else document


def found(entry: Any, rule_id: str) -> Finding:
    verdict = Engine(context_of({}), LOG_RULES).judge_entry(from_dict(entry))
    (finding,) = [finding for finding in verdict.findings if finding.rule_id == rule_id]
    return finding


@pytest.mark.parametrize(
    ("rule_id", "made", "undone"),
    [
        ("public-member", "fires-bucket-readable-by-all", "fires-resolved-when-removed"),
        ("privileged-role", "fires-owner", "fires-resolved-when-removed"),
        ("user-managed-key", "fires-created-by-hand", "fires-resolved-when-deleted"),
        ("provider-without-condition", "fires-github-for-everybody", "fires-resolved-when-set"),
    ],
)
def test_the_entry_that_undoes_a_problem_resolves_the_same_finding(rule_id: str, made: str, undone: str) -> None:
    opened, resolved = found(load(rule_id, made), rule_id), found(load(rule_id, undone), rule_id)
    assert (opened.state, resolved.state) == (State.OPEN, State.RESOLVED)
    assert opened.finding_id == resolved.finding_id


def test_a_pod_in_either_spelling_is_one_broken_workload() -> None:
    rule_id = "workload-identity-broken"
    legacy = found(load(rule_id, "fires-refused-and-only-the-log-at-hand"), rule_id)
    direct = found(load(rule_id, "fires-direct-spelling-is-the-same-finding"), rule_id)
    assert legacy.finding_id == direct.finding_id


def standing(documents: list[Any], rule_id: str) -> Finding:
    inventory = inventory_of([HOME, *documents])
    verdict = Engine(context_of({}), LOG_RULES, INVENTORY_RULES).judge_inventory(inventory)
    (finding,) = [finding for finding in verdict.findings if finding.rule_id == rule_id]
    return finding


def test_a_key_is_one_finding_when_made_and_when_it_stands() -> None:
    entry = load("user-managed-key", "fires-created-by-hand")
    key = entry["entries"][0] if "entries" in entry else entry
    response = key["protoPayload"]["response"]
    asset = {
        "name": f"//iam.googleapis.com/{response['name']}",
        "assetType": "iam.googleapis.com/ServiceAccountKey",
        "resource": {"data": {"name": response["name"], "keyType": "USER_MANAGED", "keyOrigin": "GOOGLE_PROVIDED"}},
        "ancestors": [f"projects/{NUMBER}"],
    }
    assert found(key, "user-managed-key").finding_id == standing([asset], "user-managed-key").finding_id


def test_an_open_provider_is_one_finding_when_made_and_when_it_stands() -> None:
    entry = load("provider-without-condition", "fires-github-for-everybody")
    pool = f"projects/{NUMBER}/locations/global/workloadIdentityPools/delivery"
    asset = {
        "name": f"//iam.googleapis.com/{pool}/providers/github",
        "assetType": "iam.googleapis.com/WorkloadIdentityPoolProvider",
        "resource": {
            "data": {
                "name": f"{pool}/providers/github",
                "state": "ACTIVE",
                "oidc": {"issuerUri": "https://token.actions.githubusercontent.com"},
            }
        },
        "ancestors": [f"projects/{NUMBER}"],
    }
    seen = standing([asset], "provider-without-condition")
    assert found(entry, "provider-without-condition").finding_id == seen.finding_id


@pytest.mark.parametrize(
    ("rule_id", "story", "name", "asset_type"),
    [
        ("public-member", "fires-bucket-readable-by-all", "//storage.googleapis.com/shop-invoices", "storage/Bucket"),
        ("privileged-role", "fires-owner", HOME["name"], "cloudresourcemanager/Project"),
        ("external-member", "fires-private-account", HOME["name"], "cloudresourcemanager/Project"),
        ("impersonation-role-on-project", "fires-token-creator", HOME["name"], "cloudresourcemanager/Project"),
        (
            "impersonation-role-on-service-account",
            "fires-token-creator-for-a-person",
            f"//iam.googleapis.com/projects/{NUMBER}/serviceAccounts/deployer@{PROJECT}.iam.gserviceaccount.com",
            "iam/ServiceAccount",
        ),
        (
            "workload-pool-wide-grant",
            "fires-whole-pool-on-an-account",
            f"//iam.googleapis.com/projects/{NUMBER}/serviceAccounts/deployer@{PROJECT}.iam.gserviceaccount.com",
            "iam/ServiceAccount",
        ),
    ],
)
def test_a_grant_is_one_finding_when_made_and_when_it_stands(
    rule_id: str, story: str, name: str, asset_type: str
) -> None:
    entry = load(rule_id, story)
    (delta,) = entry["protoPayload"]["serviceData"]["policyDelta"]["bindingDeltas"]
    policy = {"bindings": [{"role": delta["role"], "members": [delta["member"]]}], "etag": "BwYAbCdEfGh="}
    asset = {
        "name": name,
        "assetType": asset_type.replace("/", ".googleapis.com/"),
        "iamPolicy": policy,
        "ancestors": [f"projects/{NUMBER}"],
    }
    made, stands = found(entry, rule_id), standing([asset], rule_id)
    assert made.finding_id == stands.finding_id
    assert made.severity == stands.severity


@pytest.mark.parametrize("case", [case for case in all_cases() if case.fires], ids=str)
def test_the_same_entry_later_is_the_same_problem(case: Case) -> None:
    """Rules do not read the time of an entry, so a repetition can be absorbed."""
    document = json.loads(case.path.read_text())
    if not isinstance(document, dict) or "inventory" in document:
        return
    entries = document.get("entries", [document])
    context = context_of(document.get("context", {}))
    later = copy.deepcopy(entries)
    for entry in later:
        entry |= {"timestamp": "2031-01-01T00:00:00Z", "receiveTimestamp": "2031-01-01T00:00:01Z", "insertId": "later"}
    engine = Engine(context, LOG_RULES)
    first, second = (
        [finding.finding_id for entry in each for finding in engine.judge_entry(from_dict(entry)).findings]
        for each in (entries, later)
    )
    assert first == second


MEMBERS_OUTSIDE = ["user:eve@example.org", "principal://goog/subject/eve@example.org", "group:all@example.org"]


@pytest.mark.parametrize("member", MEMBERS_OUTSIDE)
def test_a_grant_says_the_same_whatever_was_judged_before(member: str) -> None:
    """Granted by a machine it is plain; that it is remembered as plain must not hide what a person grants."""
    rule_id, engine = "external-member", Engine(context_of({}), LOG_RULES)

    def granted_by(granter: str) -> list[str]:
        entry = {
            "logName": "projects/shop/logs/cloudaudit.googleapis.com%2Factivity",
            "insertId": granter,
            "resource": {"type": "project", "labels": {"project_id": "shop"}},
            "protoPayload": {
                "serviceName": "cloudresourcemanager.googleapis.com",
                "methodName": "SetIamPolicy",
                "resourceName": "projects/shop",
                "authenticationInfo": {"principalEmail": granter},
                "serviceData": {
                    "policyDelta": {"bindingDeltas": [{"action": "ADD", "role": "roles/browser", "member": member}]}
                },
            },
        }
        return [finding.rule_id for finding in engine.judge_entry(from_dict(entry)).findings]

    alone = granted_by("ada@example.com")
    assert rule_id in alone
    assert rule_id not in granted_by("deployer@shop.iam.gserviceaccount.com")
    assert granted_by("ada@example.com") == alone


@pytest.mark.parametrize("case", all_cases(), ids=str)
def test_judging_twice_gives_the_same_and_order_does_not_matter(case: Case) -> None:
    _, verdicts, _ = judge(case)
    _, again, _ = judge(case)
    assert verdicts == again


def test_the_order_of_the_rules_does_not_matter() -> None:
    forward, backward = (Engine(context_of({}), rules) for rules in (LOG_RULES, tuple(reversed(LOG_RULES))))
    for case in all_cases():
        document = json.loads(case.path.read_text())
        for value in document if isinstance(document, list) else document.get("entries", [document]):
            if "protoPayload" in value:
                left, right = (engine.judge_entry(from_dict(value)).findings for engine in (forward, backward))
                assert sorted(left, key=key_of) == sorted(right, key=key_of)


def key_of(finding: Finding) -> str:
    return f"{finding.rule_id} {finding.finding_id} {finding.state}"


def test_a_rule_that_reads_any_method_needs_no_more_than_who_and_where() -> None:
    """What the engine remembers of a quiet entry must hold for the next one of the same caller in the same place."""
    readers: list[Rule[LogEntry]] = [rule for rule in LOG_RULES if rule.reads_any_method]
    assert readers
    for rule in readers:
        for path in (CASES / rule.id).glob("*.json"):
            document = json.loads(path.read_text())
            if not isinstance(document, dict) or "inventory" in document:
                continue
            context = context_of(document.get("context", {}))
            for entry in document.get("entries", [document]):
                if from_dict(entry).failed:
                    continue
                other = copy.deepcopy(entry)
                other["protoPayload"] |= {"methodName": "example.Other", "resourceName": "elsewhere", "request": {}}
                left, right = (
                    [match.subject for match in rule.check(from_dict(value), context)] for value in (entry, other)
                )
                assert left == right, f"{rule.id} read more than who and where"


def test_a_condition_is_judged_by_the_folder_that_it_names_whatever_was_judged_before() -> None:
    """Of another folder it leaves nothing; that this is remembered must not hide what it leaves of its own."""
    engine = Engine(context_of({}), LOG_RULES)

    def granted_on(folder: str) -> list[str]:
        delta = {"action": "ADD", "role": "roles/resourcemanager.folderAdmin", "member": "user:eve@example.com"}
        condition = {"expression": 'resource.name == "folders/1"', "title": "one"}
        entry = {
            "logName": f"folders/{folder}/logs/cloudaudit.googleapis.com%2Factivity",
            "insertId": folder,
            "resource": {"type": "folder", "labels": {"folder_id": folder}},
            "protoPayload": {
                "serviceName": "cloudresourcemanager.googleapis.com",
                "methodName": "SetIamPolicy",
                "resourceName": f"folders/{folder}",
                "authenticationInfo": {"principalEmail": "ada@example.com"},
                "serviceData": {"policyDelta": {"bindingDeltas": [delta | {"condition": condition}]}},
            },
        }
        return [finding.rule_id for finding in engine.judge_entry(from_dict(entry)).findings]

    assert "privileged-role" not in granted_on("2")
    assert "privileged-role" in granted_on("1")
