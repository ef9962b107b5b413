"""Every rule, in explicit lists: adding one is a function, a line in the list of its family and two cases."""

from typing import Final

from bindwatch.inventory import Inventory
from bindwatch.model.log_entry import LogEntry
from bindwatch.rule import Rule, WindowRow
from bindwatch.rules import (
    attachments,
    blind_spots_at_rest,
    clusters_at_rest,
    custom_roles,
    denials,
    escalation,
    federation,
    federation_at_rest,
    grants,
    grants_at_rest,
    keys,
    keys_at_rest,
    minting,
    policy_writes,
    service_accounts,
    windows,
)

LOG_RULES: Final[tuple[Rule[LogEntry], ...]] = (
    *minting.RULES,
    *grants.RULES,
    *federation.RULES,
    *custom_roles.RULES,
    *service_accounts.RULES,
    *keys.RULES,
    *attachments.RULES,
    *denials.RULES,
    *policy_writes.RULES,
)
INVENTORY_RULES: Final[tuple[Rule[Inventory], ...]] = (
    *blind_spots_at_rest.RULES,
    *clusters_at_rest.RULES,
    *federation_at_rest.RULES,
    *grants_at_rest.RULES,
    *keys_at_rest.RULES,
    *escalation.RULES,
)
WINDOW_RULES: Final[tuple[Rule[WindowRow], ...]] = windows.WINDOW_RULES
