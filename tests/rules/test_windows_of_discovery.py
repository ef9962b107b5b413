"""The window rules for looking around and clearing up: what they tell, and the near misses they do not."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from bindwatch.adapters.duckdb import DuckDBStore
from bindwatch.engine import Verdict
from bindwatch.model.finding import Finding, Severity
from bindwatch.model.log_entry import LogEntry, from_dict
from bindwatch.pipeline import Delivery, deliver, roll_up_habits, sweep_windows
from bindwatch.rule import Context
from bindwatch.rules import WINDOW_RULES
from sample_findings import NOON, at, written

EVE = "eve@example.com"
CART = "cart@shop.iam.gserviceaccount.com"
KEY = f"//iam.googleapis.com/projects/shop/serviceAccounts/{CART}/keys/0a1b"


@pytest.fixture
def store() -> Iterator[DuckDBStore]:
    with DuckDBStore() as opened:
        yield opened


def call(
    minutes: float,
    service: str,
    method: str,
    name: str = "projects/shop",
    *,
    caller: str = EVE,
    code: int = 0,
    log: str = "activity",
    address: str = "198.51.100.9",
    agent: str = "curl/8",
    key: str = "",
    target: str = "",
    cluster: str = "",
    **more: Any,
) -> LogEntry:
    labels = {"project_id": "shop"} | ({"email_id": target} if target else {})
    labels |= {"cluster_name": cluster, "location": "europe-west1"} if cluster else {}
    kind = "k8s_cluster" if cluster else "service_account" if target else "audited_resource"
    return from_dict(
        {
            "logName": f"projects/shop/logs/cloudaudit.googleapis.com%2F{log}",
            "insertId": f"{caller}{method}{name}{minutes}{address}{code}",
            "timestamp": written(at(minutes)),
            "severity": "ERROR" if code else "NOTICE",
            "resource": {"type": kind, "labels": labels},
            "protoPayload": {
                "serviceName": service,
                "methodName": method,
                "resourceName": name,
                "status": {"code": code} if code else {},
                "authenticationInfo": {"principalEmail": caller} | ({"serviceAccountKeyName": key} if key else {}),
                "requestMetadata": {"callerIp": address, "callerSuppliedUserAgent": agent},
            },
            **more,
        }
    )


def keep(store: DuckDBStore, *entries: LogEntry) -> None:
    deliver([Delivery(entry, Verdict(), entry.time or NOON) for entry in entries], store)


def sweep(store: DuckDBStore, rule_id: str, minutes: float = 50, **context: Any) -> list[Finding]:
    rules = [rule for rule in WINDOW_RULES if rule.id == rule_id]
    assert rules
    verdict = sweep_windows(store, rules, Context(**context), at(minutes))
    assert verdict.failures == ()
    return list(verdict.findings)


IAM = "iam.googleapis.com"
ADMIN = "google.iam.admin.v1."


def policy_reads(count: int, **more: Any) -> list[LogEntry]:
    return [
        call(n, IAM, ADMIN + "GetIAMPolicy", f"projects/-/serviceAccounts/{n}", log="data_access", **more)
        for n in range(count)
    ]


def test_eight_accounts_looked_through_are_enumeration(store: DuckDBStore) -> None:
    keep(store, *policy_reads(9))
    (finding,) = sweep(store, "identity-enumeration")
    assert finding.severity is Severity.LOW
    assert finding.title == "eve@example.com looked through 9 accounts, keys and policies within an hour"


def test_late_and_out_of_order_entries_make_the_same_story_once(store: DuckDBStore) -> None:
    entries = policy_reads(9)
    keep(store, *reversed(entries[:5]))
    assert sweep(store, "identity-enumeration") == []
    keep(store, *entries[5:], *entries)
    (first,) = sweep(store, "identity-enumeration", 70)
    (again,) = sweep(store, "identity-enumeration", 90)
    assert (first.finding_id, first.event_key) == (again.finding_id, again.event_key)
    assert "9 accounts" in again.title


def test_the_same_account_read_again_is_no_enumeration(store: DuckDBStore) -> None:
    keep(
        store,
        *(call(n, IAM, ADMIN + "GetIAMPolicy", "projects/-/serviceAccounts/1", log="data_access") for n in range(30)),
    )
    assert sweep(store, "identity-enumeration") == []


def test_named_automation_enumerates_as_info(store: DuckDBStore) -> None:
    keep(store, *policy_reads(9, caller=CART))
    (finding,) = sweep(store, "identity-enumeration", automation=(CART,))
    assert finding.severity is Severity.INFO


USAGE = "serviceusage.googleapis.com"


def disabled(count: int, **more: Any) -> list[LogEntry]:
    method = "google.api.serviceusage.v1.ServiceUsage.DisableService"
    return [call(n, USAGE, method, f"projects/1/services/s{n}.googleapis.com", **more) for n in range(count)]


def test_six_apis_disabled_are_told_five_are_not(store: DuckDBStore) -> None:
    keep(store, *disabled(5))
    assert sweep(store, "apis-disabled-in-bulk") == []
    keep(store, *disabled(6))
    (finding,) = sweep(store, "apis-disabled-in-bulk")
    assert finding.severity is Severity.HIGH


def test_closing_entries_and_refusals_do_not_count(store: DuckDBStore) -> None:
    keep(store, *disabled(4), *disabled(8, operation={"id": "o", "last": True}), *disabled(8, code=7))
    assert sweep(store, "apis-disabled-in-bulk") == []


def test_two_hmac_keys_deleted_are_told(store: DuckDBStore) -> None:
    storage = "storage.googleapis.com"
    keep(store, call(1, storage, "storage.hmacKeys.delete", "projects/shop/hmacKeys/A"))
    assert sweep(store, "hmac-keys-deleted-in-bulk") == []
    keep(store, call(2, storage, "storage.hmacKeys.delete", "projects/shop/hmacKeys/B"))
    (finding,) = sweep(store, "hmac-keys-deleted-in-bulk")
    assert "2 HMAC keys" in finding.title


def key_use(*addresses: str) -> list[LogEntry]:
    return [
        call(
            n, "storage.googleapis.com", "storage.objects.get", caller=CART, key=KEY, address=address, log="data_access"
        )
        for n, address in enumerate(addresses)
    ]


def test_a_key_in_three_networks_is_copied(store: DuckDBStore) -> None:
    keep(store, *key_use("198.51.100.1", "203.0.113.7", "192.0.2.9"))
    (finding,) = sweep(store, "key-used-from-many-networks")
    assert finding.resource_name == KEY
    assert CART in finding.title


def test_a_key_in_one_network_and_inside_is_not(store: DuckDBStore) -> None:
    keep(store, *key_use("198.51.100.1", "198.51.7.2", "10.0.0.4", "172.20.0.1", "gce-internal-ip", "2001:db8::1"))
    assert sweep(store, "key-used-from-many-networks") == []


def secrets(count: int, **more: Any) -> list[LogEntry]:
    return [
        call(
            n,
            "k8s.io",
            "io.k8s.core.v1.secrets.get",
            f"core/v1/namespaces/shop/secrets/s{n}",
            log="data_access",
            cluster="prod-1",
            **more,
        )
        for n in range(count)
    ]


@pytest.mark.parametrize(
    ("caller", "severity"), [(EVE, Severity.MEDIUM), ("system:serviceaccount:shop:cart", Severity.LOW)]
)
def test_ten_secrets_are_collected(store: DuckDBStore, caller: str, severity: Severity) -> None:
    keep(store, *secrets(11, caller=caller))
    (finding,) = sweep(store, "kubernetes-secrets-enumerated")
    assert finding.severity is severity


@pytest.mark.parametrize(
    "caller",
    ["system:kube-controller-manager", "system:serviceaccount:kube-system:endpoint-controller", "system:node:n1"],
)
def test_the_cluster_itself_reads_all_secrets(store: DuckDBStore, caller: str) -> None:
    keep(store, *secrets(20, caller=caller))
    assert sweep(store, "kubernetes-secrets-enumerated") == []


def test_ten_refusals_of_a_cluster_are_a_burst(store: DuckDBStore) -> None:
    keep(store, *secrets(12, code=7))
    (finding,) = sweep(store, "kubernetes-denial-burst")
    assert "12 different things" in finding.title


def test_one_thing_refused_again_and_again_is_no_burst(store: DuckDBStore) -> None:
    refused = [
        call(n, "k8s.io", "io.k8s.core.v1.pods.list", "core/v1/namespaces/shop/pods", code=7, cluster="prod-1")
        for n in range(30)
    ]
    keep(store, *refused, *secrets(20, code=7, caller="system:kube-scheduler"))
    assert sweep(store, "kubernetes-denial-burst") == []


@pytest.mark.parametrize(
    ("caller", "stories"), [("system:serviceaccount:shop:cart", 1), ("system:node:n1", 1), (EVE, 0)]
)
def test_a_workload_that_asks_what_it_may_do(store: DuckDBStore, caller: str, stories: int) -> None:
    reviews = "io.k8s.authorization.v1.selfsubjectaccessreviews.create"
    path = "authorization.k8s.io/v1/selfsubjectaccessreviews"
    keep(store, *(call(n, "k8s.io", reviews, path, caller=caller, cluster="prod-1") for n in range(6)))
    assert len(sweep(store, "kubernetes-permissions-asked")) == stories


def failures(callers: list[str], address: str = "203.0.113.8") -> list[LogEntry]:
    method = "google.login.LoginService.loginFailure"
    return [
        call(n, "login.googleapis.com", method, "organizations/1", caller=caller, address=address, log="data_access")
        for n, caller in enumerate(callers)
    ]


def test_five_failures_of_one_person(store: DuckDBStore) -> None:
    keep(store, *failures([EVE] * 4))
    assert sweep(store, "sign-in-failures") == []
    keep(store, *failures([EVE] * 6))
    (finding,) = sweep(store, "sign-in-failures")
    assert finding.principal == EVE
    assert sweep(store, "sign-in-failures-from-one-address") == []


def test_five_people_from_one_address(store: DuckDBStore) -> None:
    keep(store, *failures([f"user{n}@example.com" for n in range(5)]))
    (finding,) = sweep(store, "sign-in-failures-from-one-address")
    assert finding.title == "5 people failed to sign in from 203.0.113.8 within an hour"
    assert sweep(store, "sign-in-failures") == []


CRM = "cloudresourcemanager.googleapis.com"
BIND = "google.cloud.resourcemanager.v3.TagBindings.CreateTagBinding"


def test_a_tag_and_then_a_policy_is_a_sequence(store: DuckDBStore) -> None:
    keep(store, call(1, CRM, BIND), call(9, CRM, "SetIamPolicy"))
    (finding,) = sweep(store, "tag-bound-then-used")
    assert "SetIamPolicy" in finding.title


@pytest.mark.parametrize(
    "entries",
    [
        (call(9, CRM, BIND), call(1, CRM, "SetIamPolicy")),
        (call(1, CRM, BIND), call(9, CRM, "SetIamPolicy", caller="ada@example.com")),
        (call(-61, CRM, BIND), call(9, CRM, "SetIamPolicy")),
        (call(1, CRM, BIND), call(9, CRM, "SetIamPolicy", code=7)),
    ],
    ids=["policy-first", "somebody-else", "long-after", "refused"],
)
def test_what_is_no_sequence(store: DuckDBStore, entries: tuple[LogEntry, ...]) -> None:
    keep(store, *entries)
    assert sweep(store, "tag-bound-then-used") == []


def acted(store: DuckDBStore, days_ago: int, **more: Any) -> None:
    service, method = more.pop("service", "storage.googleapis.com"), more.pop("method", "storage.buckets.list")
    keep(store, call(-days_ago * 1440, service, method, caller=CART, **more))
    roll_up_habits(store, NOON, days=days_ago + 1)


@pytest.mark.parametrize(("days", "stories"), [(75, 1), (30, 0)])
def test_a_key_for_an_account_that_was_silent(store: DuckDBStore, days: int, stories: int) -> None:
    acted(store, days)
    keep(store, call(5, IAM, ADMIN + "CreateServiceAccountKey", "projects/-/serviceAccounts/1", target=CART))
    found = sweep(store, "dormant-account-prepared")
    assert len(found) == stories
    assert all(CART in finding.title for finding in found)


def test_an_account_nobody_ever_saw_is_not_judged_dormant(store: DuckDBStore) -> None:
    keep(store, call(5, IAM, ADMIN + "CreateServiceAccountKey", "projects/-/serviceAccounts/1", target=CART))
    assert sweep(store, "dormant-account-prepared") == []


def test_a_first_policy_change_after_weeks_is_new(store: DuckDBStore) -> None:
    acted(store, 20)
    keep(store, call(5, CRM, "SetIamPolicy", caller=CART))
    (finding,) = sweep(store, "new-sensitive-method")
    assert finding.title == f"{CART} called SetIamPolicy for the first time"


def test_a_habit_a_young_account_and_a_person_are_not_new(store: DuckDBStore) -> None:
    acted(store, 20, service=CRM, method="SetIamPolicy")
    keep(store, call(5, CRM, "SetIamPolicy", caller=CART), call(6, CRM, "SetIamPolicy"))
    assert sweep(store, "new-sensitive-method") == []
    young = "young@shop.iam.gserviceaccount.com"
    keep(store, call(-3 * 1440, "storage.googleapis.com", "storage.buckets.list", caller=young))
    roll_up_habits(store, NOON, days=4)
    keep(store, call(7, CRM, "SetIamPolicy", caller=young))
    assert sweep(store, "new-sensitive-method") == []
