import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bindwatch.inventory import (
    Inventory,
    InventoryBuilder,
    Origin,
    Part,
    parse_policy,
    read_inventory_document,
    take_policy_lines,
)
from bindwatch.model.policy import Policy
from bindwatch.model.resource import project_name
from inventory.documents import ACCOUNT, ANCESTORS, NUMBER, POLICY, asset, snake

SHOP = project_name("shop-prod")


def chunk(*documents: object) -> bytes:
    return b"".join(json.dumps(item).encode() + b"\n" for item in documents)


def slowly(*documents: object) -> Inventory:
    builder = InventoryBuilder()
    for document in documents:
        read_inventory_document(document, builder, origin=Origin())
    return builder.build()


def quickly(data: bytes) -> tuple[Inventory, list[int]]:
    builder = InventoryBuilder()
    rest = take_policy_lines(data, builder)
    return builder.build(), [number for number, _ in rest]


def same(first: Inventory, second: Inventory) -> bool:
    return (
        dict(first.policies) == dict(second.policies)
        and [first.ancestors(name) for name, _ in first.policies]
        == [second.ancestors(name) for name, _ in second.policies]
        and [first.resource(name) for name, _ in first.policies]
        == [second.resource(name) for name, _ in second.policies]
        and first.coverage(Part.POLICIES, SHOP) == second.coverage(Part.POLICIES, SHOP)
    )


PLAIN = [
    asset(
        f"//cloudresourcemanager.googleapis.com/projects/{NUMBER}",
        "x/Project",
        iamPolicy=POLICY,
        updateTime="2026-01-01",
    ),
    asset("//storage.googleapis.com/cart", "storage.googleapis.com/Bucket", iamPolicy={"bindings": []}),
    asset("//pubsub.googleapis.com/projects/shop-prod/topics/t", "x/Topic", iamPolicy={"etag": "x"}),
    {"name": "//x.googleapis.com/projects/shop-prod/y/z", "assetType": "x/Y", "iamPolicy": POLICY},
]


@pytest.mark.parametrize("write", [lambda value: value, snake])
def test_lines_taken_at_once_read_as_lines_read_one_by_one(write: Any) -> None:
    documents = [write(item) for item in PLAIN]
    inventory, rest = quickly(chunk(*documents))
    assert rest == []
    assert same(inventory, slowly(*documents))


@pytest.mark.parametrize(
    "odd",
    [
        b"# a comment",
        b"{not json",
        b'{"logName": "x", "protoPayload": {"iamPolicy": 1}}',
        b'{"name": 5, "assetType": "x", "iamPolicy": {}}',
        b'{"name": "//x", "assetType": "x", "iamPolicy": {"bindings": [{"role": 1}]}}',
        b'{"name": "//x", "assetType": "x", "iamPolicy": {"audit_configs": [{"service": "s"}]}}',
        b'{"name": "//x", "asset_type": "x", "iam_policy": {"auditConfigs": [{"service": "s"}]}}',
        b'{"name": "//x", "assetType": "x", "iam_policy": {"bindings": []}}',
        b'{"name": "//x", "assetType": "x", "iamPolicy": {"etag": "\xff"}}',
        b'{"name": "//x", "assetType": "x", "iamPolicy": {"etag": "\\ud800"}}',
        chunk(asset(SHOP, "iam.googleapis.com/ServiceAccount", ACCOUNT, iamPolicy=POLICY)).strip(),
        b"[" * 5000,
    ],
)
def test_a_line_that_is_not_plainly_a_policy_comes_back_and_the_others_are_taken(odd: bytes) -> None:
    before, after = chunk(*PLAIN[:2]), chunk(*PLAIN[2:])
    inventory, rest = quickly(before + odd + b"\n\n" + after)
    assert rest == [3]
    assert same(inventory, slowly(*PLAIN))


def test_lines_are_numbered_from_where_the_chunk_begins() -> None:
    rest = take_policy_lines(b"x\n\ny", InventoryBuilder(), first_line=100)
    assert rest == [(100, b"x"), (102, b"y")]


def test_the_chain_of_a_line_tells_where_its_resource_lies() -> None:
    inventory, _ = quickly(chunk(*PLAIN))
    assert inventory.project_of("//storage.googleapis.com/cart") == "shop-prod"
    assert inventory.ancestors(SHOP)[1].endswith(ANCESTORS[1])


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=5),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(
                    ["bindings", "role", "members", "condition", "expression", "auditConfigs", "service", "etag"]
                ),
                inner,
                max_size=4,
            )
        ),
        max_leaves=12,
    )
)
def test_whatever_a_policy_is_it_reads_as_a_policy_and_every_loss_is_told(value: object) -> None:
    told: list[tuple[str, str]] = []
    policy = parse_policy(value, lambda field, problem: told.append((field, problem)))
    assert isinstance(policy, Policy)
    bindings = value.get("bindings") if isinstance(value, dict) else None
    if isinstance(bindings, list) and len(policy.bindings) != len(bindings):
        assert told
    assert all(isinstance(member, str) for binding in policy.bindings for member in binding.members)


def test_a_member_of_many_policies_is_one_string() -> None:
    inventory, _ = quickly(chunk(PLAIN[0], PLAIN[3]))
    first, second = (policy.bindings[0] for _, policy in inventory.policies)
    assert first.members[0] is second.members[0]
    assert first.role is second.role
