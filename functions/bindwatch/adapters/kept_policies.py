"""The policies that a store keeps, as an inventory: who was given what where, as last seen, and nothing else."""

from typing import Any

import msgspec

from bindwatch.adapters.sql_store import SqlStore
from bindwatch.inventory import Inventory, InventoryBuilder, Part
from bindwatch.model.policy import Binding, Condition, Policy


def kept_policies(store: SqlStore) -> Inventory | None:
    """An inventory of the last known policies; None where the store keeps none.

    It knows no hierarchy, no accounts and no clusters: what is asked of it says that these were not seen.
    """
    rows = store.ask("store/snapshots", {"kind": "policy"})
    builder = InventoryBuilder()
    for row in rows:
        builder.add_policy(row["resource"], _policy(msgspec.json.decode(row["content"])))
        builder.saw(Part.POLICIES, row["resource"])
    return builder.build() if rows else None


def _policy(grants: list[dict[str, Any]]) -> Policy:
    members: dict[tuple[str, str], list[str]] = {}
    for grant in grants:
        members.setdefault((grant["role"], grant["condition"]), []).append(grant["member"])
    return Policy(
        bindings=tuple(
            Binding(role, tuple(names), Condition(expression) if expression else None)
            for (role, expression), names in members.items()
        )
    )
