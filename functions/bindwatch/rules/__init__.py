"""Every rule, in explicit lists: adding one is a function, a line here and two cases."""

from typing import Final

from bindwatch.inventory import Inventory
from bindwatch.model.log_entry import LogEntry
from bindwatch.rule import Rule
from bindwatch.rules import blind_spots_at_rest, clusters_at_rest, federation_at_rest, keys_at_rest

LOG_RULES: Final[tuple[Rule[LogEntry], ...]] = ()
INVENTORY_RULES: Final[tuple[Rule[Inventory], ...]] = (
    *blind_spots_at_rest.RULES,
    *clusters_at_rest.RULES,
    *federation_at_rest.RULES,
    *keys_at_rest.RULES,
)
