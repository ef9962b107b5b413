"""A broken workload ends when it gets what it was refused: in files, in the store, late and out of order alike."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from bindwatch.adapters.duckdb import DuckDBStore
from bindwatch.cli.progress import Progress
from bindwatch.cli.scan import scan
from bindwatch.engine import Engine
from bindwatch.model.log_entry import from_dict
from bindwatch.pipeline import Delivery, deliver, sweep_windows
from bindwatch.rule import Context
from bindwatch.rules import LOG_RULES, WINDOW_RULES
from bindwatch.tally import Standing
from sample_findings import NOON, at, written

LEGACY = "serviceAccount:shop-prod.svc.id.goog[shop/cart]"
DIRECT = (
    "principal://iam.googleapis.com/projects/123456789012/locations/global/workloadIdentityPools/"
    "shop-prod.svc.id.goog/subject/ns/shop/sa/cart"
)
CART = "cart@shop-prod.iam.gserviceaccount.com"
TOKEN, ID_TOKEN = "iam.serviceAccounts.getAccessToken", "iam.serviceAccounts.getOpenIdToken"


@pytest.fixture
def store() -> Iterator[DuckDBStore]:
    with DuckDBStore() as opened:
        yield opened


def mint(minutes: float, *, works: bool, who: str = LEGACY, account: str = CART, permission: str = TOKEN) -> Any:
    return {
        "logName": "projects/shop-prod/logs/cloudaudit.googleapis.com%2Fdata_access",
        "insertId": f"{minutes}{works}{who}{account}{permission}",
        "timestamp": written(at(minutes)),
        "severity": "INFO" if works else "ERROR",
        "resource": {"type": "service_account", "labels": {"project_id": "shop-prod", "email_id": account}},
        "protoPayload": {
            "serviceName": "iamcredentials.googleapis.com",
            "methodName": "GenerateAccessToken" if permission == TOKEN else "GenerateIdToken",
            "resourceName": "projects/-/serviceAccounts/100000000000000000001",
            "status": {} if works else {"code": 7, "message": "PERMISSION_DENIED"},
            "authenticationInfo": {"principalSubject": who, "serviceAccountDelegationInfo": [{}]},
            "authorizationInfo": [{"permission": permission} | ({"granted": True} if works else {})],
            "requestMetadata": {
                "callerIp": "gce-internal-ip",
                "callerSuppliedUserAgent": "google-api-go-client/0.5 gke-metadata-server,gzip(gfe)",
            },
        },
    }


def call(minutes: float, *, works: bool, permission: str = "secretmanager.versions.access", version: int = 1) -> Any:
    """The pod, as the account it became, asks for a secret."""
    entry = mint(minutes, works=works)
    entry["resource"] = {"type": "audited_resource", "labels": {"project_id": "shop-prod"}}
    entry["insertId"] += permission
    entry["protoPayload"] |= {
        "serviceName": "secretmanager.googleapis.com",
        "methodName": "google.cloud.secretmanager.v1.SecretManagerService.AccessSecretVersion",
        "resourceName": f"projects/123456789012/secrets/card-key/versions/{version}",
        "authenticationInfo": {
            "principalEmail": CART,
            "serviceAccountDelegationInfo": [{"principalSubject": LEGACY}],
        },
        "authorizationInfo": [{"permission": permission} | ({"granted": True} if works else {})],
    }
    return entry


STORIES: dict[str, tuple[list[Any], int]] = {
    "still-refused": ([mint(0, works=False), mint(60, works=False)], 1),
    "works-again": ([mint(0, works=False), mint(5, works=False), mint(60, works=True)], 0),
    "worked-before": ([mint(-60, works=True), mint(0, works=False)], 1),
    "broke-again": ([mint(0, works=False), mint(10, works=True), mint(20, works=False)], 1),
    "the-other-spelling-works": ([mint(0, works=False), mint(9, works=True, who=DIRECT)], 0),
    "another-workload-works": (
        [mint(0, works=False), mint(9, works=True, who="serviceAccount:shop-prod.svc.id.goog[shop/pay]")],
        1,
    ),
    "another-account-works": (
        [mint(0, works=False), mint(9, works=True, account="pay@shop-prod.iam.gserviceaccount.com")],
        1,
    ),
    "another-permission-works": ([mint(0, works=False), mint(9, works=True, permission=ID_TOKEN)], 1),
    "the-call-works-again": ([call(0, works=False), call(9, works=True, version=2)], 0),
    "only-another-call-works": (
        [call(0, works=False), call(9, works=True, permission="secretmanager.versions.get")],
        1,
    ),
}


def scanned(entries: list[Any], tmp_path: Path, store: DuckDBStore | None = None) -> list[Standing]:
    file = tmp_path / "log.ndjson"
    file.write_text("".join(json.dumps(entry) + "\n" for entry in entries))
    outcome = scan((str(file),), Context(as_of=at(600)), Progress(io.StringIO(), quiet=True), store)
    assert outcome.is_complete
    return [row for row in outcome.tally.standing() if row.finding.rule_id == "workload-identity-broken"]


@pytest.mark.parametrize("backwards", [False, True], ids=["in-order", "newest-first"])
@pytest.mark.parametrize("story", STORIES)
def test_a_scan_of_files_tells_what_is_still_broken(story: str, backwards: bool, tmp_path: Path) -> None:
    entries, standing = STORIES[story]
    found = scanned(entries[::-1] if backwards else entries, tmp_path)
    assert len(found) == standing
    if standing:
        refusals = sum("code" in entry["protoPayload"]["status"] for entry in entries)
        assert found[0].count == refusals, "one finding with a count"


@pytest.mark.parametrize("backwards", [False, True], ids=["in-order", "newest-first"])
@pytest.mark.parametrize("story", STORIES)
def test_a_scan_with_a_store_says_the_same(story: str, backwards: bool, tmp_path: Path, store: DuckDBStore) -> None:
    entries, standing = STORIES[story]
    found = scanned(entries[::-1] if backwards else entries, tmp_path, store)
    stored = store.find(now=NOON, rule_id="workload-identity-broken")
    assert len(found) == len(stored) == standing


def receive(store: DuckDBStore, minutes: float, *entries: Any) -> str:
    """Entries that arrive at that minute, then a sweep; and how the finding stands after it."""
    engine = Engine(Context(), LOG_RULES)
    parsed = [from_dict(entry) for entry in entries]
    deliver([Delivery(entry, engine.judge_entry(entry), at(minutes)) for entry in parsed], store)
    rules = [rule for rule in WINDOW_RULES if rule.id == "workload-identity-broken"]
    verdict = sweep_windows(store, rules, Context(), at(minutes) + timedelta(seconds=1))
    assert verdict.failures == ()
    found = store.find(now=NOON, rule_id="workload-identity-broken", state="")
    return str(found[0]["state"]) if found else "none"


def test_the_store_closes_and_reopens_by_the_time_of_events(store: DuckDBStore) -> None:
    assert receive(store, 1, mint(1, works=False)) == "OPEN"
    assert receive(store, 12, mint(12, works=True)) == "RESOLVED"
    assert receive(store, 13, mint(5, works=False)) == "RESOLVED", "it came late, and happened before it worked"
    assert receive(store, 14) == "RESOLVED"
    assert receive(store, 20, mint(20, works=False)) == "OPEN"
    assert receive(store, 21, mint(15, works=True)) == "OPEN", "it came late, and happened before the last refusal"
    assert receive(store, 30, mint(30, works=True)) == "RESOLVED"
    (finding,) = store.find(now=NOON, rule_id="workload-identity-broken", state="")
    assert finding["count"] == 3, "three refusals, one finding"


def test_a_refusal_that_comes_after_the_success_it_preceded_does_not_stay_open(store: DuckDBStore) -> None:
    assert receive(store, 12, mint(12, works=True)) == "none"
    assert receive(store, 13, mint(5, works=False)) == "RESOLVED"


def test_a_scan_of_files_tells_of_an_account_that_is_made_and_given_owner(tmp_path: Path) -> None:
    def admin(minutes: float, service: str, method: str, kind: str, **payload: Any) -> Any:
        return {
            "logName": "projects/shop-prod/logs/cloudaudit.googleapis.com%2Factivity",
            "insertId": f"{method}{minutes}",
            "timestamp": written(at(minutes)),
            "severity": "NOTICE",
            "resource": {"type": kind, "labels": {"project_id": "shop-prod"} | payload.pop("labels", {})},
            "protoPayload": {
                "serviceName": service,
                "methodName": method,
                "resourceName": "projects/shop-prod",
                "authenticationInfo": {"principalEmail": "eve@example.com"},
                **payload,
            },
        }

    delta = {"bindingDeltas": [{"action": "ADD", "role": "roles/owner", "member": f"serviceAccount:{CART}"}]}
    entries = [
        admin(5, "cloudresourcemanager.googleapis.com", "SetIamPolicy", "project", serviceData={"policyDelta": delta}),
        admin(
            1,
            "iam.googleapis.com",
            "google.iam.admin.v1.CreateServiceAccount",
            "service_account",
            labels={"email_id": CART},
            response={"email": CART},
        ),
    ]
    file = tmp_path / "log.ndjson"
    file.write_text("".join(json.dumps(entry) + "\n" for entry in entries))
    outcome = scan((str(file),), Context(as_of=at(600)), Progress(io.StringIO(), quiet=True))
    (story,) = [row.finding for row in outcome.tally.standing() if row.finding.rule_id == "new-account-empowered"]
    assert story.title == f"{CART} was made by eve@example.com and 4 minutes later held roles/owner"
