"""A proposal taking effect on an inventory: how it is, and how it would be."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from bindwatch.inventory import Inventory, InventoryDraft
from bindwatch.inventory.builder import key_of
from bindwatch.proposal.edits import (
    Edit,
    GrantRole,
    JoinGroup,
    PutEntity,
    SetAuditConfig,
    SetHolders,
    SetHome,
    SetPolicy,
    Step,
    make,
    resource_of,
)


@dataclass(frozen=True, slots=True)
class Outcome:
    """The inventory before and after a proposal. `lacking` are resources it changes that the inventory did not hold."""

    before: Inventory
    after: Inventory
    lacking: tuple[str, ...] = ()


def take_effect(inventory: Inventory, steps: Sequence[Step]) -> Outcome:
    """What the steps make of an inventory. What it lacks, it is given as the proposal says it stands."""
    draft = InventoryDraft(inventory)
    standing = _Standing(inventory)
    lacking: dict[str, None] = {}
    ranked = sorted(steps, key=lambda step: step.rank)
    for step in ranked:
        for edit in step.standing:
            if standing.lacks(edit):
                make(edit, draft)
    before = draft.inventory()
    draft = InventoryDraft(before)
    for step in ranked:
        for edit in step.undoing:
            make(edit, draft)
    for step in ranked:
        for edit in step.doing:
            make(edit, draft)
            if _is_about_a_policy(edit) and before.policy(before.canonical(resource_of(edit))) is None:
                lacking[before.canonical(resource_of(edit))] = None
    after = draft.inventory()
    made = _names(after, steps) - _names(before, steps)
    return Outcome(before, after, tuple(name for name in lacking if name not in made))


def _names(inventory: Inventory, steps: Iterable[Step]) -> set[str]:
    """The names of what an inventory has of the kinds that the steps bring."""
    kinds: set[type[Any]] = {type(edit.entity) for step in steps for edit in step.doing if isinstance(edit, PutEntity)}
    found: set[str] = set()
    for kind in kinds:
        found.update(str(getattr(item, "name", "")) for item in inventory.all(kind))
    return found


def _is_about_a_policy(edit: Edit) -> bool:
    return isinstance(edit, GrantRole | SetHolders | SetPolicy | SetAuditConfig)


class _Standing:
    """Answers whether an inventory has what an edit would bring about."""

    def __init__(self, inventory: Inventory) -> None:
        self._inventory = inventory
        self._keys: dict[type, set[object]] = {}

    def lacks(self, edit: Edit) -> bool:
        match edit:
            case PutEntity(entity):
                settled = self._inventory.settled(entity)
                kind = type(settled)
                if kind not in self._keys:
                    self._keys[kind] = {key_of(other) for other in self._inventory.all(kind)}
                return key_of(settled) not in self._keys[kind]
            case JoinGroup(group):
                return self._inventory.group(group) is None
            case SetHome():
                return True
            case _:
                return self._inventory.policy(self._inventory.canonical(resource_of(edit))) is None
