"""Standing problems that take more than a file to show."""

from __future__ import annotations

import json
from typing import Any

from bindwatch.engine import Engine
from bindwatch.rules import INVENTORY_RULES, LOG_RULES
from rules.case import CASES, context_of, inventory_of

CLUSTER: dict[str, Any] = json.loads(
    (CASES / "too-many-kubernetes-service-accounts" / "quiet-few.json").read_text("utf-8")
)["inventory"][0]


def accounts(count: int) -> dict[str, Any]:
    items = [
        {
            "apiVersion": "v1",
            "kind": "ServiceAccount",
            "metadata": {"name": f"a{number}", "namespace": f"n{number % 7}"},
        }
        for number in range(count)
    ]
    return {"apiVersion": "v1", "kind": "List", "items": items}


def found(count: int, *described: dict[str, Any]) -> list[str]:
    inventory = inventory_of([*described, accounts(count)])
    verdict = Engine(context_of({}, inventory), LOG_RULES, INVENTORY_RULES).judge_inventory(inventory)
    return [item.title for item in verdict.findings if item.rule_id == "too-many-kubernetes-service-accounts"]


def test_more_accounts_than_the_metadata_server_keeps() -> None:
    assert found(3000, CLUSTER) == []
    assert found(3001, CLUSTER) == ["Cluster main holds 3,001 Kubernetes service accounts, more than 3,000"]


def test_a_list_of_accounts_that_names_no_cluster_is_counted_as_well() -> None:
    assert found(3001) == ["The cluster holds 3,001 Kubernetes service accounts, more than 3,000"]
