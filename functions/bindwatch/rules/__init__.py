"""Every rule, in explicit lists: adding one is a function, a line here and two cases."""

from typing import Final

from bindwatch.inventory import Inventory
from bindwatch.model.log_entry import LogEntry
from bindwatch.rule import Rule

LOG_RULES: Final[tuple[Rule[LogEntry], ...]] = ()
INVENTORY_RULES: Final[tuple[Rule[Inventory], ...]] = ()
