"""What a proposal does, one edit at a time, and how each is made to a draft of the inventory."""

from dataclasses import dataclass, field
from typing import assert_never

from bindwatch.inventory import InventoryDraft
from bindwatch.inventory.builder import Entity
from bindwatch.inventory.hierarchy import Group
from bindwatch.inventory.identities import ServiceAccount
from bindwatch.model.policy import AuditConfig, Binding, Condition, Policy


@dataclass(frozen=True, slots=True)
class GrantRole:
    """One role for one member, beside what others have."""

    resource: str
    role: str
    member: str
    condition: Condition | None = None


@dataclass(frozen=True, slots=True)
class RevokeRole:
    """One role taken from one member."""

    resource: str
    role: str
    member: str
    condition: Condition | None = None


@dataclass(frozen=True, slots=True)
class SetHolders:
    """All who hold a role under one condition; whoever else had it loses it."""

    resource: str
    role: str
    members: tuple[str, ...]
    condition: Condition | None = None


@dataclass(frozen=True, slots=True)
class SetPolicy:
    """The whole policy of a resource; what is not in it is gone, audit configs too where it `sets_audit`."""

    resource: str
    policy: Policy
    sets_audit: bool = True


@dataclass(frozen=True, slots=True)
class SetAuditConfig:
    """The data-access logs of one service; none of a service that has no log types any more."""

    resource: str
    config: AuditConfig


@dataclass(frozen=True, slots=True)
class PutEntity:
    """A thing that will be there, as it will be."""

    entity: Entity


@dataclass(frozen=True, slots=True)
class DropEntity:
    """A thing that will be gone. A service account leaves its grants behind, to nobody."""

    entity: Entity


@dataclass(frozen=True, slots=True)
class JoinGroup:
    """A member of a group, more or (`leaves`) fewer."""

    group: str
    member: str
    leaves: bool = False


@dataclass(frozen=True, slots=True)
class SetHome:
    """The project of a resource whose name does not tell it."""

    resource: str
    project: str


Edit = GrantRole | RevokeRole | SetHolders | SetPolicy | SetAuditConfig | PutEntity | DropEntity | JoinGroup | SetHome


@dataclass(frozen=True, slots=True)
class Unknown:
    """Something of a proposal that nobody can tell before it is applied, so that the answer may lack something."""

    address: str
    what: str

    def __str__(self) -> str:
        return f"{self.address}: {self.what}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One resource of a proposal: where it stands, what is done to it, and the edits that amount to that.

    `standing` is what it is before, as edits that would bring it about: for inventories that lack it. `undoing` takes
    away what changes, `doing` brings what comes. `assumed` are values taken from what they refer to.
    """

    address: str
    action: str = "update"
    file: str = ""
    standing: tuple[Edit, ...] = ()
    undoing: tuple[Edit, ...] = ()
    doing: tuple[Edit, ...] = ()
    unknown: tuple[Unknown, ...] = ()
    assumed: tuple[str, ...] = ()
    rank: int = field(default=0)
    """Whole policies count before bindings, bindings before single members, as the last to write wins."""

    @property
    def is_change(self) -> bool:
        """Whether the step does anything."""
        return bool(self.undoing or self.doing or (self.unknown and self.action != "no-op"))


def resource_of(edit: Edit) -> str:
    """The name of what an edit touches."""
    match edit:
        case PutEntity() | DropEntity():
            return str(getattr(edit.entity, "name", ""))
        case JoinGroup():
            return edit.group
        case _:
            return edit.resource


def make(edit: Edit, draft: InventoryDraft) -> None:
    """Make an edit to a draft."""
    match edit:
        case GrantRole(resource, role, member, condition):
            draft.add_member(resource, role, member, condition)
        case RevokeRole(resource, role, member, condition):
            draft.remove_member(resource, role, member, condition)
        case SetHolders(resource, role, members, condition):
            draft.set_binding(resource, role, members, condition)
        case SetPolicy(resource, policy, sets_audit):
            before = draft.policy(resource)
            audits = policy.audit_configs if sets_audit else before.audit_configs
            draft.set_policy(resource, Policy(policy.bindings, audits, policy.etag or before.etag, policy.version))
        case SetAuditConfig(resource, config):
            _set_audit(draft, resource, config)
        case PutEntity(entity):
            draft.put(entity)
        case DropEntity(entity):
            draft.drop(entity)
            if isinstance(entity, ServiceAccount):
                _orphan(draft, entity)
        case JoinGroup(group, member, leaves):
            _join(draft, group, member, leaves=leaves)
        case SetHome(resource, project):
            draft.set_home(resource, project)
        case _:
            assert_never(edit)


def _set_audit(draft: InventoryDraft, resource: str, config: AuditConfig) -> None:
    before = draft.policy(resource)
    others = tuple(other for other in before.audit_configs if other.service != config.service)
    audits = (*others, config) if config.log_configs else others
    draft.set_policy(resource, Policy(before.bindings, audits, before.etag, before.version))


def _orphan(draft: InventoryDraft, account: ServiceAccount) -> None:
    member = f"serviceAccount:{account.email}"
    gone = f"deleted:{member}?uid={account.unique_id or '0'}"
    for resource in draft.every_policy():
        bindings = draft.policy(resource).bindings
        if any(member in binding.members for binding in bindings):
            draft.set_bindings(
                resource,
                [
                    Binding(
                        binding.role,
                        tuple(gone if other == member else other for other in binding.members),
                        binding.condition,
                    )
                    for binding in bindings
                ],
            )


def _join(draft: InventoryDraft, email: str, member: str, *, leaves: bool) -> None:
    group = next((item for item in draft.all(Group) if item.email == email), Group(email=email))
    others = tuple(other for other in group.members if other != member)
    draft.put(Group(email=email, members=others if leaves else (*others, member)))
