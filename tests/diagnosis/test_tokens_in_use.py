"""Tokens that do not rotate, that are used beyond their life, or that nobody uses: what logs tell of each."""

from __future__ import annotations

from typing import Any

import pytest

from bindwatch.diagnosis.chain import Diagnosis, diagnose
from diagnosis.twins import caller
from diagnosis.world import World, healthy, mint, refused_read

CAUSE = "token-not-refreshed"


def verdict(*entries: dict[str, Any], world: World | None = None) -> Diagnosis:
    world = world or healthy("impersonation")
    world.logs.extend(entries)
    return diagnose(world.case())


def unauthenticated(minutes: float, agent: str = "") -> dict[str, Any]:
    entry = refused_read(healthy("impersonation"), minutes, code=16, message="Request had invalid credentials.")
    entry["protoPayload"]["requestMetadata"] = {"callerIp": "198.51.100.7", "callerSuppliedUserAgent": agent}
    return entry


def read(minutes: float) -> dict[str, Any]:
    entry = refused_read(healthy("impersonation"), minutes)
    del entry["protoPayload"]["status"]
    entry["protoPayload"]["authorizationInfo"][0]["granted"] = True
    return entry


def minted(minutes: float) -> dict[str, Any]:
    return mint(caller(healthy("impersonation")), minutes=minutes)


def needs(diagnosis: Diagnosis) -> str:
    return next((item.needs for item in diagnosis.not_checked if item.cause.id == CAUSE), "")


def test_a_call_that_works_later_outdates_the_refusal() -> None:
    assert verdict(minted(90), unauthenticated(20), read(10)).root is None


def test_a_kept_token_is_told_from_one_past_its_life() -> None:
    still = verdict(unauthenticated(20), minted(5)).root
    over = verdict(unauthenticated(20), minted(120)).root
    assert still is not None
    assert over is not None
    assert (still.cause.id, over.cause.id) == (CAUSE, CAUSE)
    assert "fresh tokens were minted" in still.evidence[1].text
    assert "none lives longer than an hour" in over.evidence[1].text


def test_calls_that_were_not_authenticated_and_no_mint_in_the_log_stay_open() -> None:
    diagnosis = verdict(unauthenticated(20))
    assert diagnosis.root is None
    assert needs(diagnosis).startswith("audit log entries of the tokens minted for it")


@pytest.mark.parametrize(
    ("agent", "words"),
    [
        ("gl-python/3.11.2 grpc/1.60.0 gax/2.15.0", "google.auth.default()"),
        ("gcloud-java/2.40 gl-java/17.0.9", "refreshIfExpired()"),
        ("google-api-go-client/0.5 gl-go/1.22", "oauth2.TokenSource"),
        ("gl-node/20.11.0 gaxios/6.1", "getRequestHeaders()"),
        ("google-cloud-sdk-dotnet/1.0", "GetAccessTokenForRequestAsync()"),
        ("curl/8.5.0", "metadata server"),
        ("", "read token files anew"),
    ],
)
def test_the_fix_speaks_of_the_client_that_called(agent: str, words: str) -> None:
    root = verdict(unauthenticated(20, agent), minted(5)).root
    assert root is not None
    assert words in root.found.fix.summary


def test_a_token_nobody_used_is_told_as_open_where_the_log_knows_its_calls() -> None:
    later = mint({"principalEmail": "someone@example.com"}, "other@lab-prod.iam.gserviceaccount.com", minutes=2)
    diagnosis = verdict(read(200), minted(30), later)
    assert diagnosis.root is None
    assert "the log shows no call of it" in needs(diagnosis)


def test_a_token_nobody_used_says_nothing_where_the_log_may_not_have_calls() -> None:
    assert needs(verdict(minted(30), minted(2))) == ""


def test_a_token_just_minted_is_no_hint() -> None:
    assert needs(verdict(read(200), minted(2))) == ""


def prohibited(minutes: float) -> dict[str, Any]:
    violation = {"type": "VPC_SERVICE_CONTROLS", "description": "synthetic"}
    details = [{"@type": "type.googleapis.com/google.rpc.PreconditionFailure", "violations": [violation]}]
    return refused_read(healthy("impersonation"), minutes, message="Request is prohibited.", details=details)


def test_a_refused_call_is_over_when_the_same_call_works_later() -> None:
    assert verdict(prohibited(30), read(10)).root is None
    root = verdict(prohibited(30), read(50)).root
    assert root is not None
    assert root.cause.id == "vpc-sc-blocked"
