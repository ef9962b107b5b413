"""The generated audit logs: the same for the same seed, and of the shapes that Cloud Logging emits."""

from __future__ import annotations

import json
from collections import Counter
from itertools import pairwise

import pytest

from generate import BUSY, HEALTHY, generate_entries
from generate.estate import generate_policies
from generate.scribe import Json


def entries(n: int, **rest: object) -> list[Json]:
    return [json.loads(line) for line in generate_entries(n, **rest)]  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def busy() -> list[Json]:
    return entries(8_000, mix=BUSY)


def test_same_seed_same_bytes() -> None:
    assert list(generate_entries(500, seed=3)) == list(generate_entries(500, seed=3))
    assert list(generate_entries(500, seed=3)) != list(generate_entries(500, seed=4))


@pytest.mark.parametrize("n", [0, 1, 7, 300])
def test_as_many_as_asked_for(n: int) -> None:
    assert len(list(generate_entries(n))) == n


def test_a_shorter_run_is_the_beginning_of_a_longer_one() -> None:
    assert list(generate_entries(1_000))[:100] == list(generate_entries(100))


def test_every_story_of_a_mix_occurs(busy: list[Json]) -> None:
    methods = Counter(entry["protoPayload"]["methodName"] for entry in busy)
    assert methods["GenerateAccessToken"] > 0.35 * len(busy)
    assert methods["InsertProjectOwnershipInvite"]
    assert methods["google.iam.v1.WorkloadIdentityPools.UpdateWorkloadIdentityPoolProvider"]
    assert "InsertProjectOwnershipInvite" not in {entry["protoPayload"]["methodName"] for entry in entries(8_000)}
    assert set(HEALTHY) < set(BUSY)


def test_about_eight_in_a_hundred_change_something(busy: list[Json]) -> None:
    changes = [
        entry
        for entry in busy
        if entry["logName"].endswith("activity")
        and entry["protoPayload"]["serviceName"] not in ("k8s.io", "compute.googleapis.com")
    ]
    assert 0.06 < len(changes) / len(busy) < 0.11


def test_entries_are_of_a_real_size(busy: list[Json]) -> None:
    sizes = [len(json.dumps(entry)) for entry in busy]
    assert 1_500 < sum(sizes) / len(sizes) < 2_500


def test_both_spellings_of_a_workload_mint(busy: list[Json]) -> None:
    callers = {
        entry["protoPayload"]["authenticationInfo"].get("principalSubject", "").split(":")[0]
        for entry in busy
        if entry["protoPayload"]["methodName"] == "GenerateAccessToken"
        and "gke-metadata-server" in entry["protoPayload"]["requestMetadata"]["callerSuppliedUserAgent"]
    }
    assert callers == {"serviceAccount", "principal"}


def test_time_goes_forward_and_no_entry_is_the_other(busy: list[Json]) -> None:
    assert all(a["timestamp"][:23] <= b["timestamp"][:23] for a, b in pairwise(busy))
    assert all(entry["timestamp"] < entry["receiveTimestamp"] for entry in busy)
    assert len({(entry["logName"], entry["timestamp"], entry["insertId"]) for entry in busy}) == len(busy)


def test_a_denied_user_is_left_out(busy: list[Json]) -> None:
    denied = [entry for entry in busy if entry["protoPayload"].get("status", {}).get("code") == 7]
    assert denied
    for entry in denied:
        assert entry["severity"] == "ERROR"
        assert entry["protoPayload"]["authenticationInfo"] == {}
        assert all("granted" not in check for check in entry["protoPayload"]["authorizationInfo"])


def test_a_long_operation_leaves_two_entries(busy: list[Json]) -> None:
    halves = Counter(
        (entry["operation"]["id"], bool(entry["operation"].get("first")))
        for entry in busy
        if entry["protoPayload"]["serviceName"] == "compute.googleapis.com" and entry["logName"].endswith("activity")
    )
    operations = {operation for operation, _ in halves}
    whole = [operation for operation in operations if halves[operation, True] == halves[operation, False] == 1]
    assert len(whole) >= len(operations) - 1


@pytest.mark.parametrize("bindings", [1_000, 5_000])
def test_an_estate_has_as_many_bindings_as_asked_for(bindings: int) -> None:
    assets = [json.loads(line) for line in generate_policies(bindings)]
    assert sum(len(binding["members"]) for asset in assets for binding in asset["iamPolicy"]["bindings"]) == bindings
    assert list(generate_policies(bindings)) == list(generate_policies(bindings))
