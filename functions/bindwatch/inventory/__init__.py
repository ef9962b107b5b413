"""The inventory of a scope: what its policies, identities and clusters are, and how much of that was seen."""

from bindwatch.inventory.builder import UNKNOWN_CLUSTER, InventoryBuilder
from bindwatch.inventory.coverage import Coverage, Origin, Part, Problem, Sight
from bindwatch.inventory.view import Inventory

__all__ = ["UNKNOWN_CLUSTER", "Coverage", "Inventory", "InventoryBuilder", "Origin", "Part", "Problem", "Sight"]
