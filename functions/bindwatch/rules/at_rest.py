"""The rules over inventories, in one list."""

from typing import Final

from bindwatch.inventory import Inventory
from bindwatch.rule import Rule
from bindwatch.rules import (
    agents_at_rest,
    api_keys_at_rest,
    attached_at_rest,
    blind_spots_at_rest,
    clusters_at_rest,
    crypto_keys_at_rest,
    deny_at_rest,
    escalation,
    federation_at_rest,
    grants_at_rest,
    grants_in_sum,
    guards_at_rest,
    keys_at_rest,
    node_pools_at_rest,
    own_sight,
    own_sink,
    workload_identity,
    workload_trust_at_rest,
)

INVENTORY_RULES: Final[tuple[Rule[Inventory], ...]] = (
    # First, while there are no findings yet: the graph they share is as large as all that is found.
    *escalation.RULES,
    *blind_spots_at_rest.RULES,
    *clusters_at_rest.RULES,
    *federation_at_rest.RULES,
    *grants_at_rest.RULES,
    *keys_at_rest.RULES,
    *agents_at_rest.RULES,
    *api_keys_at_rest.RULES,
    *attached_at_rest.RULES,
    *crypto_keys_at_rest.RULES,
    *deny_at_rest.RULES,
    *grants_in_sum.RULES,
    *guards_at_rest.RULES,
    *node_pools_at_rest.RULES,
    *workload_trust_at_rest.RULES,
    *own_sink.RULES,
    *own_sight.RULES,
    *workload_identity.RULES,
)
