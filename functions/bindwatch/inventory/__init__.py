"""The inventory of a scope: what its policies, identities and clusters are, and how much of that was seen."""

from bindwatch.inventory.builder import UNKNOWN_CLUSTER, InventoryBuilder
from bindwatch.inventory.coverage import DENIED, Coverage, Origin, Part, Problem, Sight
from bindwatch.inventory.draft import InventoryDraft
from bindwatch.inventory.layout import Hint, hint_from_name, hint_from_path
from bindwatch.inventory.parsers.policies import parse_policy, take_policy_lines
from bindwatch.inventory.reading import DocumentKind, classify, looks_like_inventory, read_inventory_document, unbundle
from bindwatch.inventory.view import Inventory

__all__ = [
    "DENIED",
    "UNKNOWN_CLUSTER",
    "Coverage",
    "DocumentKind",
    "Hint",
    "Inventory",
    "InventoryBuilder",
    "InventoryDraft",
    "Origin",
    "Part",
    "Problem",
    "Sight",
    "classify",
    "hint_from_name",
    "hint_from_path",
    "looks_like_inventory",
    "parse_policy",
    "read_inventory_document",
    "take_policy_lines",
    "unbundle",
]
