"""An inventory that is being changed: what it would be after a fix or a proposal."""

from collections.abc import Callable, Iterable
from typing import Any

from bindwatch.inventory.builder import PART_OF, Entity, key_of
from bindwatch.inventory.coverage import Part
from bindwatch.inventory.view import Inventory
from bindwatch.model.policy import Binding, Condition, Policy


class InventoryDraft:
    """Takes changes in their order, and gives the inventory with them. Only what a change touches is copied.

    The inventory it starts from stays as it is. Names given to it need not be canonical.
    """

    def __init__(self, base: Inventory) -> None:
        self.base = base
        self._entities: dict[type, dict[object, Any]] = {}
        self._policies: dict[str, Policy] = {}
        self._homes: dict[str, str] = {}
        self._parts: set[Part] = set()

    def inventory(self) -> Inventory:
        """The inventory with every change so far."""
        return self.base.changed(
            {kind: tuple(items.values()) for kind, items in self._entities.items()},
            dict(self._policies),
            homes=self._homes,
            present=frozenset(self._parts),
        )

    # Things

    def _of(self, kind: type) -> dict[object, Any]:
        if kind not in self._entities:
            self._entities[kind] = _by_key(self.base, kind)
        return self._entities[kind]

    def all(self, kind: type) -> list[Any]:
        """Everything of a kind as it stands now."""
        return list(self._of(kind).values())

    def put(self, entity: Entity) -> None:
        """Add one thing; it takes the place of what had its name."""
        settled = self.base.settled(entity)
        self._of(type(settled))[key_of(settled)] = settled
        self._parts.add(PART_OF[type(settled)])

    def drop(self, entity: Entity) -> None:
        """Take one thing out, known by its name."""
        settled = self.base.settled(entity)
        self._of(type(settled)).pop(key_of(settled), None)

    def remove(self, kind: type, which: Callable[[Any], bool]) -> None:
        """Take out whatever of a kind is meant."""
        self._entities[kind] = {key: item for key, item in self._of(kind).items() if not which(item)}

    def update(self, kind: type, which: Callable[[Any], bool], how: Callable[[Any], Any]) -> bool:
        """Change whatever of a kind is meant; false where nothing was."""
        items = self._of(kind)
        hits = [key for key, item in items.items() if which(item)]
        for key in hits:
            items[key] = how(items[key])
        return bool(hits)

    def set_home(self, name: str, project: str) -> None:
        """Note the project of a resource whose name does not tell it."""
        self._homes[self.base.canonical(name)] = project

    # Policies

    def policy(self, resource: str) -> Policy:
        """The policy of a resource as it stands now; empty where it has none."""
        resource = self.base.canonical(resource)
        return self._policies.get(resource) or self.base.policy(resource) or Policy()

    def set_policy(self, resource: str, policy: Policy) -> None:
        """Put a policy in the place of the one there is."""
        self._policies[self.base.canonical(resource)] = policy
        self._parts.add(Part.POLICIES)

    def set_bindings(self, resource: str, bindings: Iterable[Binding]) -> None:
        """Put other bindings into the policy of a resource; its audit configs stay."""
        before = self.policy(resource)
        self.set_policy(resource, Policy(tuple(bindings), before.audit_configs, before.etag, before.version))

    def every_policy(self) -> list[str]:
        """The resources that have a policy."""
        return [*dict.fromkeys([*(name for name, _ in self.base.policies), *self._policies])]

    def add_member(self, resource: str, role: str, member: str, condition: Condition | None = None) -> None:
        """Grant a role; twice is as good as once."""
        bindings = list(self.policy(resource).bindings)
        for index, binding in enumerate(bindings):
            if binding.role == role and is_same_condition(binding.condition, condition):
                if member not in binding.members:
                    bindings[index] = Binding(role, (*binding.members, member), binding.condition)
                break
        else:
            bindings.append(Binding(role, (member,), condition))
        self.set_bindings(resource, bindings)

    def remove_member(self, resource: str, role: str, member: str, condition: Condition | None = None) -> None:
        """Take one member out of a role; an emptied binding goes with it."""
        kept = []
        for binding in self.policy(resource).bindings:
            if binding.role == role and is_same_condition(binding.condition, condition):
                members = tuple(other for other in binding.members if other != member)
                if members:
                    kept.append(Binding(role, members, binding.condition))
            else:
                kept.append(binding)
        self.set_bindings(resource, kept)

    def set_binding(self, resource: str, role: str, members: Iterable[str], condition: Condition | None = None) -> None:
        """Say who all the holders of a role under one condition are; nobody takes the binding away."""
        kept = [
            binding
            for binding in self.policy(resource).bindings
            if not (binding.role == role and is_same_condition(binding.condition, condition))
        ]
        named = tuple(dict.fromkeys(members))
        self.set_bindings(resource, [*kept, Binding(role, named, condition)] if named else kept)


def _by_key(inventory: Inventory, kind: type[Any]) -> dict[object, Any]:
    return {key_of(item): item for item in inventory.all(kind)}


def is_same_condition(one: Condition | None, other: Condition | None) -> bool:
    """Whether two bindings of one role are the same binding: by the expression alone."""
    return (one.expression if one else "") == (other.expression if other else "")
