"""The rules over inventories, in one list."""

from typing import Final

from bindwatch.inventory import Inventory
from bindwatch.rule import Rule
from bindwatch.rules.at_rest import (
    agents,
    api_keys,
    attached,
    blind_spots,
    clusters,
    crypto_keys,
    deny,
    escalation,
    federation,
    grants,
    grants_in_sum,
    guards,
    keys,
    node_pools,
    own_sight,
    own_sink,
    workload_identity,
    workload_trust,
)

INVENTORY_RULES: Final[tuple[Rule[Inventory], ...]] = (
    # First, while there are no findings yet: the graph they share is as large as all that is found.
    *escalation.RULES,
    *blind_spots.RULES,
    *clusters.RULES,
    *federation.RULES,
    *grants.RULES,
    *keys.RULES,
    *agents.RULES,
    *api_keys.RULES,
    *attached.RULES,
    *crypto_keys.RULES,
    *deny.RULES,
    *grants_in_sum.RULES,
    *guards.RULES,
    *node_pools.RULES,
    *workload_trust.RULES,
    *own_sink.RULES,
    *own_sight.RULES,
    *workload_identity.RULES,
)
