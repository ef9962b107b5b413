"""Two causes at once: the nearer one is the root, the other is listed, unless one explains the other."""

from __future__ import annotations

from itertools import combinations

import pytest

from bindwatch.diagnosis.causes import CAUSES, EXPLAINS
from bindwatch.diagnosis.chain import diagnose
from diagnosis.twins import TWINS, Twin
from diagnosis.world import healthy

ORDER = [cause.id for cause in CAUSES]
# One twin for each link of the chain; the causes of one link exclude each other.
LINKS = {
    "impersonation": (
        "host-network",
        "key-file-shadows-workload-identity",
        "unsupported-metadata-path",
        "audience-missing",
        "node-pool-not-gke-metadata",
        "node-cannot-reach-token-service-private-google-access",
        "too-many-ksas",
        "annotation-missing",
        "gsa-disabled",
        "role-cannot-mint",
        "deny-policy",
        "iamcredentials-api-disabled",
        "token-quota-exceeded",
        "delegate-missing-token-creator",
        "target-role-missing-refused",
        "vpc-sc-blocked",
        "identity-sameness",
    ),
    "direct": (
        "key-file-shadows-workload-identity",
        "network-policy-blocks-metadata-default-deny",
        "node-cannot-reach-token-service-firewall",
        "email-endpoint-returns-pool",
        "selector-malformed",
        "vpc-sc-blocked",
    ),
    "fleet": ("projected-token-volume-missing", "gsa-disabled", "role-cannot-mint", "iamcredentials-api-disabled"),
}
BY_ID = {twin.id: twin for twin in TWINS}
PAIRS = [
    pytest.param(style, BY_ID[one], BY_ID[other], id=f"{style}-{one}-{other}")
    for style, names in LINKS.items()
    for one, other in combinations(names, 2)
]


def test_there_are_enough_pairs() -> None:
    assert len(PAIRS) >= 60


@pytest.mark.parametrize(("style", "one", "other"), PAIRS)
def test_the_nearer_cause_is_the_root(style: str, one: Twin, other: Twin) -> None:
    world = healthy(style).twin(one.prepare, other.prepare, one.break_it, other.break_it)
    diagnosis = diagnose(world.case())
    assert diagnosis.root is not None
    found = {diagnosis.root.cause.id: diagnosis.root} | {blame.cause.id: blame for blame in diagnosis.others}
    assert {one.cause, other.cause} <= found.keys()
    first, second = sorted((one.cause, other.cause), key=ORDER.index)
    if first in EXPLAINS.get(second, frozenset()) | found[second].found.explains:
        first, second = second, first
    assert diagnosis.root.cause.id == first


@pytest.mark.parametrize(
    ("nearer", "explained"),
    [
        ("workload-identity-disabled", "node-pool-not-gke-metadata"),
        ("network-policy-blocks-metadata-default-deny", "dns-cannot-resolve-metadata"),
    ],
)
def test_what_explains_another_is_the_root(nearer: str, explained: str) -> None:
    one = BY_ID[nearer]
    world = healthy("impersonation").twin(one.prepare, one.break_it)
    if explained == "node-pool-not-gke-metadata":
        world = world.twin(BY_ID[explained].break_it)
    diagnosis = diagnose(world.case())
    assert diagnosis.root is not None
    assert diagnosis.root.cause.id == one.cause
    assert explained in [blame.cause.id for blame in diagnosis.others]
