"""What a change did, where the log shows only what there is afterwards: compared with an audit or an earlier entry."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from bindwatch.adapters.duckdb import DuckDBStore
from bindwatch.cli.progress import Progress
from bindwatch.cli.scan import scan
from bindwatch.engine import Engine, Verdict
from bindwatch.inventory import Inventory, InventoryBuilder, Origin
from bindwatch.inventory.reading import read_inventory_document
from bindwatch.model.finding import Finding, Severity
from bindwatch.model.log_entry import from_dict
from bindwatch.pipeline import Delivery, begin_audit, deliver, reconcile, with_previous
from bindwatch.rule import Context
from bindwatch.rules import LOG_RULES
from bindwatch.rules.object_state import UNKNOWN_BEFORE
from sample_findings import at, written

ROLE = "projects/shop-prod/roles/deployer"
DENY = "policies/cloudresourcemanager.googleapis.com%2Fprojects%2Fshop-prod/denypolicies/no-keys"
SINK = "projects/shop-prod/sinks/security"
BOUNDARY = "organizations/123456789012/locations/global/principalAccessBoundaryPolicies/ours"
BINDING = "organizations/123456789012/locations/global/policyBindings/ours-to-all"
EXCLUSION = "projects/shop-prod/exclusions/noise"
BUCKET = "projects/shop-prod/locations/global/buckets/audit"


def entry(minutes: float, method: str, name: str, request: Mapping[str, Any], **payload: Any) -> dict[str, Any]:
    service = "logging.googleapis.com" if method.startswith("google.logging") else "iam.googleapis.com"
    return {
        "logName": "projects/shop-prod/logs/cloudaudit.googleapis.com%2Factivity",
        "insertId": f"e{minutes}",
        "timestamp": written(at(minutes)),
        "severity": "NOTICE",
        "resource": {"type": "audited_resource", "labels": {"project_id": "shop-prod"}},
        "protoPayload": {
            "serviceName": service,
            "methodName": method,
            "resourceName": name,
            "authenticationInfo": {"principalEmail": "ada@example.com"},
            "request": request,
            **payload,
        },
    }


def role(minutes: float, *permissions: str, **payload: Any) -> dict[str, Any]:
    """A role as iam.googleapis.com writes it: snake case."""
    request = {"name": ROLE, "role": {"included_permissions": list(permissions)}, "update_mask": "included_permissions"}
    return entry(minutes, "google.iam.admin.v1.UpdateRole", ROLE, request, **payload)


def rule_of(**fields: Any) -> dict[str, Any]:
    rule = {
        "deniedPrincipals": ["principalSet://goog/public:all"],
        "exceptionPrincipals": ["principalSet://goog/group/keepers@example.com"],
        "deniedPermissions": ["iam.googleapis.com/serviceAccountKeys.create", "iam.googleapis.com/roles.update"],
    }
    return {"denyRule": rule | fields}


def deny(minutes: float, *rules: dict[str, Any], verb: str = "Update") -> dict[str, Any]:
    policy = {"name": DENY, "rules": list(rules), "etag": "x"}
    request = {"@type": f"type.googleapis.com/google.iam.v2.{verb}PolicyRequest", "policy": policy}
    return entry(minutes, f"google.iam.v2.Policies.{verb}Policy", DENY, request)


def boundary(minutes: float, *resources: str) -> dict[str, Any]:
    policy = {"name": BOUNDARY, "details": {"rules": [{"resources": list(resources), "effect": "ALLOW"}]}}
    method = "google.iam.v3.PrincipalAccessBoundaryPolicies.UpdatePrincipalAccessBoundaryPolicy"
    return entry(minutes, method, BOUNDARY, {"principalAccessBoundaryPolicy": policy, "updateMask": "details.rules"})


def binding(minutes: float, expression: str) -> dict[str, Any]:
    body = {"name": BINDING, "condition": {"expression": expression}}
    method = "google.iam.v3.PolicyBindings.UpdatePolicyBinding"
    return entry(minutes, method, BINDING, {"policyBinding": body, "updateMask": "condition"})


AUDITED = 'logName:"cloudaudit.googleapis.com" AND severity>=NOTICE'
WHOLE_SINK: dict[str, Any] = {
    "name": "security",
    "destination": "pubsub.googleapis.com/projects/shop-sec/topics/entries",
    "filter": AUDITED,
    "includeChildren": True,
    "exclusions": [{"name": "debug", "filter": "severity<=DEBUG"}],
}


def sink(minutes: float, mask: str, **fields: Any) -> dict[str, Any]:
    request = {"sinkName": SINK, "sink": WHOLE_SINK | fields, "updateMask": mask}
    return entry(minutes, "google.logging.v2.ConfigServiceV2.UpdateSink", SINK, request)


def sink_created(minutes: float) -> dict[str, Any]:
    request = {"parent": "projects/shop-prod", "sink": WHOLE_SINK}
    return entry(minutes, "google.logging.v2.ConfigServiceV2.CreateSink", SINK, request)


def exclusion(minutes: float, text: str, mask: str = "filter", *, disabled: bool = False) -> dict[str, Any]:
    body = {"name": "noise", "filter": text, "disabled": disabled}
    request = {"name": EXCLUSION, "exclusion": body, "updateMask": mask}
    return entry(minutes, "google.logging.v2.ConfigServiceV2.UpdateExclusion", EXCLUSION, request)


def bucket(minutes: float, days: int) -> dict[str, Any]:
    request = {"name": BUCKET, "bucket": {"retentionDays": days}, "updateMask": "retention_days"}
    return entry(minutes, "google.logging.v2.ConfigServiceV2.UpdateBucket", BUCKET, request)


@dataclass(frozen=True)
class Story:
    """What was there, what came, and what is to be said of it: the weight and a part of the notes; None for nothing."""

    rule: str
    before: dict[str, Any]
    after: dict[str, Any]
    severity: Severity | None = None
    says: str = ""


GAINED, DENIED, BOUNDED = "custom-role-gained-danger", "deny-policy-weakened", "access-boundary-weakened"
SUNK, EXCLUDED, FORGOT = "log-sink-weakened", "log-exclusion-created", "log-bucket-weakened"
GET, MINT, ACT_AS = "storage.objects.get", "iam.serviceAccounts.getAccessToken", "iam.serviceAccounts.actAs"
ORG = "//cloudresourcemanager.googleapis.com/organizations/9"
PROJECT = "//cloudresourcemanager.googleapis.com/projects/a"
EVE = "principal://goog/subject/eve@example.com"
HIGH, MEDIUM = Severity.HIGH, Severity.MEDIUM
BALANCER = 'resource.type="http_load_balancer"'
BY_DELTA = {"serviceData": {"permissionDelta": {"addedPermissions": [MINT]}}}

STORIES: dict[str, Story] = {
    "role-gains-minting": Story(GAINED, role(1, GET), role(9, GET, MINT), HIGH, MINT),
    "role-completes-a-pair": Story(GAINED, role(1, ACT_AS), role(9, ACT_AS, "run.services.create"), MEDIUM, "run."),
    "role-had-it-all-along": Story(GAINED, role(1, GET, MINT), role(9, GET, MINT, "storage.objects.list")),
    "role-loses-it": Story(GAINED, role(1, GET, MINT), role(9, GET)),
    "role-by-its-own-delta": Story(GAINED, role(1, GET, MINT), role(9, GET, MINT, **BY_DELTA), HIGH, MINT),
    "deny-rule-removed": Story(DENIED, deny(1, rule_of()), deny(9, rule_of(deniedPermissions=[])), HIGH, "no longer"),
    "deny-without-rules": Story(DENIED, deny(1, rule_of()), deny(9), HIGH, "no longer denies"),
    "deny-fewer-permissions": Story(
        DENIED,
        deny(1, rule_of()),
        deny(9, rule_of(deniedPermissions=["iam.googleapis.com/roles.update"])),
        HIGH,
        "no longer denies iam.googleapis.com/serviceAccountKeys.create",
    ),
    "deny-fewer-principals": Story(
        DENIED,
        deny(1, rule_of()),
        deny(9, rule_of(deniedPrincipals=[EVE])),
        HIGH,
    ),
    "deny-excepts-one-more": Story(
        DENIED,
        deny(1, rule_of()),
        deny(
            9,
            rule_of(
                exceptionPrincipals=[
                    EVE,
                    "principalSet://goog/group/keepers@example.com",
                ]
            ),
        ),
        MEDIUM,
        f"It now excepts {EVE}",
    ),
    "deny-only-sometimes": Story(
        DENIED,
        deny(1, rule_of()),
        deny(9, rule_of(denialCondition={"expression": "resource.matchTag('1/env', 'prod')"})),
        HIGH,
        "It denies only where",
    ),
    "deny-split-in-two": Story(
        DENIED,
        deny(1, rule_of()),
        deny(
            9,
            rule_of(deniedPermissions=["iam.googleapis.com/roles.*"]),
            rule_of(deniedPermissions=["iam.googleapis.com/serviceAccountKeys.create"], exceptionPrincipals=[]),
        ),
    ),
    "deny-keeps-an-old-exception": Story(
        DENIED, deny(1, rule_of()), deny(9, rule_of(), rule_of(deniedPermissions=["iam.googleapis.com/roles.create"]))
    ),
    "boundary-reaches-an-organization": Story(BOUNDED, boundary(1, PROJECT), boundary(9, PROJECT, ORG), HIGH, ORG),
    "boundary-had-it": Story(BOUNDED, boundary(1, PROJECT, ORG), boundary(9, ORG)),
    "boundary-binds-fewer": Story(BOUNDED, binding(1, ""), binding(9, "principal.type == 'x'"), MEDIUM, "always"),
    "boundary-binds-more": Story(BOUNDED, binding(1, "principal.type == 'x'"), binding(9, "")),
    "sink-filters-more": Story(
        SUNK, sink_created(1), sink(9, "filter", filter=f'{AUDITED} AND NOT protoPayload.methodName="SignBlob"'), HIGH
    ),
    "sink-filter-is-another": Story(SUNK, sink_created(1), sink(9, "filter", filter=BALANCER), MEDIUM, "cloudaudit"),
    "sink-lets-more-through": Story(SUNK, sink_created(1), sink(9, "filter", filter=f"({AUDITED}) OR {BALANCER}")),
    "sink-drops-a-condition": Story(
        SUNK, sink_created(1), sink(9, "filter", filter='logName:"cloudaudit.googleapis.com"')
    ),
    "sink-redirected": Story(
        SUNK,
        sink_created(1),
        sink(9, "destination", destination="storage.googleapis.com/strangers"),
        MEDIUM,
        "pubsub.googleapis.com/projects/shop-sec/topics/entries",
    ),
    "sink-destination-named-again": Story(SUNK, sink_created(1), sink(9, "destination,filter")),
    "sink-disabled": Story(SUNK, sink_created(1), sink(9, "disabled", disabled=True), HIGH, "it was on"),
    "sink-was-off-already": Story(SUNK, sink(1, "disabled", disabled=True), sink(9, "disabled", disabled=True)),
    "sink-leaves-out-mints": Story(
        SUNK,
        sink_created(1),
        sink(
            9,
            "exclusions",
            exclusions=[*WHOLE_SINK["exclusions"], {"name": "m", "filter": 'protoPayload.methodName:"Token"'}],
        ),
        HIGH,
    ),
    "sink-keeps-its-exclusion": Story(SUNK, sink_created(1), sink(9, "exclusions")),
    "sink-forgets-children": Story(SUNK, sink_created(1), sink(9, "include_children", includeChildren=False), HIGH),
    "exclusion-leaves-out-more": Story(
        EXCLUDED, exclusion(1, BALANCER), exclusion(9, f'{BALANCER} OR logName:"cloudaudit"'), HIGH, BALANCER
    ),
    "exclusion-leaves-out-less": Story(
        EXCLUDED, exclusion(1, BALANCER), exclusion(9, f"{BALANCER} AND severity<=INFO")
    ),
    "exclusion-described": Story(EXCLUDED, exclusion(1, BALANCER), exclusion(9, "", "description")),
    "exclusion-switched-on": Story(
        EXCLUDED,
        exclusion(1, BALANCER, "filter,disabled", disabled=True),
        exclusion(9, "", "disabled"),
        MEDIUM,
        "disabled",
    ),
    "bucket-forgets-sooner": Story(FORGOT, bucket(1, 400), bucket(9, 90), MEDIUM, "400"),
    "bucket-keeps-longer": Story(FORGOT, bucket(1, 30), bucket(9, 90)),
}


@pytest.fixture
def store() -> Iterator[DuckDBStore]:
    with DuckDBStore() as opened:
        yield opened


def check(story: Story, found: list[Finding]) -> None:
    """The findings of the later entry are those of the story."""
    found = [item for item in found if item.rule_id == story.rule and item.observed_at == written(at(9))]
    assert [item.severity for item in found] == ([] if story.severity is None else [story.severity])
    for item in found:
        assert story.says in " ".join(item.notes)
        assert UNKNOWN_BEFORE not in item.notes


@pytest.mark.parametrize("story", STORIES.values(), ids=STORIES)
def test_a_store_compares_with_the_entry_before(story: Story, store: DuckDBStore) -> None:
    engine = Engine(Context(), LOG_RULES)
    found: list[Finding] = []
    for value in (story.before, story.after):
        compared = with_previous(from_dict(value), store)
        verdict = engine.judge_entry(compared)
        deliver([Delivery(compared, verdict, at(10))], store)
        found += verdict.findings
    check(story, found)


def scanned(values: list[Any], tmp_path: Path, inventory: list[Any] | None = None) -> list[Finding]:
    (tmp_path / "log.ndjson").write_text("".join(json.dumps(value) + "\n" for value in values))
    if inventory is not None:
        (tmp_path / "inventory.json").write_text(json.dumps(inventory))
    outcome = scan((str(tmp_path),), Context(as_of=at(600)), Progress(io.StringIO(), quiet=True))
    assert outcome.is_complete
    return [row.finding for row in outcome.tally.standing()]


@pytest.mark.parametrize("name", ["role-gains-minting", "role-had-it-all-along", "deny-fewer-permissions"])
def test_a_scan_compares_whatever_the_order(name: str, tmp_path: Path) -> None:
    story = STORIES[name]
    check(story, scanned([story.after, story.before], tmp_path))


def test_a_scan_compares_entries_that_lost_the_name_of_their_api(tmp_path: Path) -> None:
    story = STORIES["role-gains-minting"]
    values = json.loads(json.dumps([story.after, story.before]))
    for value in values:
        del value["protoPayload"]["serviceName"]
    check(story, scanned(values, tmp_path))


ASSETS: dict[str, dict[str, Any]] = {
    GAINED: {
        "name": f"//iam.googleapis.com/{ROLE}",
        "assetType": "iam.googleapis.com/Role",
        "resource": {"data": {"name": ROLE, "includedPermissions": [GET]}},
    },
    DENIED: {
        "name": f"//iam.googleapis.com/{DENY}",
        "assetType": "iam.googleapis.com/Policy",
        "resource": {"data": {"name": DENY, "rules": [rule_of()]}},
    },
    BOUNDED: {
        "name": f"//iam.googleapis.com/{BOUNDARY}",
        "assetType": "iam.googleapis.com/PrincipalAccessBoundaryPolicy",
        "resource": {"data": {"name": BOUNDARY, "details": {"rules": [{"resources": [PROJECT], "effect": "ALLOW"}]}}},
    },
    SUNK: {
        "name": f"//logging.googleapis.com/{SINK}",
        "assetType": "logging.googleapis.com/LogSink",
        "resource": {"data": WHOLE_SINK},
    },
}
AUDITS = {
    "role-gains-minting": GAINED,
    "deny-excepts-one-more": DENIED,
    "deny-keeps-an-old-exception": DENIED,
    "boundary-reaches-an-organization": BOUNDED,
    "sink-filters-more": SUNK,
    "sink-keeps-its-exclusion": SUNK,
    "sink-redirected": SUNK,
}


def inventory_of(document: dict[str, Any]) -> Inventory:
    builder = InventoryBuilder()
    assert read_inventory_document(document, builder, origin=Origin("export.json", 1))
    return builder.build()


@pytest.mark.parametrize("name", AUDITS)
def test_a_store_compares_with_the_last_audit(name: str, store: DuckDBStore) -> None:
    story, seen = STORIES[name], inventory_of(ASSETS[AUDITS[name]])
    for minutes in (0, 3):
        run = begin_audit(store, scope="", as_of=at(minutes), now=at(minutes))
        reconcile(run, seen, Verdict(), (), store, now=at(minutes))
    assert len(store.known_states(None)) == 1
    check(story, list(Engine(Context(), LOG_RULES).judge_entry(with_previous(from_dict(story.after), store)).findings))


@pytest.mark.parametrize("name", sorted(set(AUDITS) - {"sink-keeps-its-exclusion"}))
def test_a_scan_compares_with_the_inventory(name: str, tmp_path: Path) -> None:
    story = STORIES[name]
    check(story, scanned([story.after], tmp_path, [ASSETS[AUDITS[name]]]))


def test_an_inventory_that_was_taken_afterwards_excuses_nothing(tmp_path: Path) -> None:
    after = ASSETS[GAINED] | {"resource": {"data": {"name": ROLE, "includedPermissions": [GET, MINT]}}}
    (found,) = [item for item in scanned([role(9, GET, MINT)], tmp_path, [after]) if item.rule_id == GAINED]
    assert UNKNOWN_BEFORE in found.notes


UNKNOWN = {
    "role": (GAINED, role(9, GET, MINT)),
    "deny": (DENIED, deny(9, rule_of())),
    "boundary": (BOUNDED, boundary(9, ORG)),
    "sink": (SUNK, sink(9, "filter")),
    "exclusion": (EXCLUDED, exclusion(9, BALANCER)),
    "bucket": (FORGOT, bucket(9, 30)),
}


@pytest.mark.parametrize("kind", UNKNOWN)
def test_where_nothing_is_known_the_request_is_judged_and_the_finding_says_so(kind: str, tmp_path: Path) -> None:
    rule_id, value = UNKNOWN[kind]
    (found,) = [item for item in scanned([value], tmp_path) if item.rule_id == rule_id]
    assert UNKNOWN_BEFORE in found.notes
