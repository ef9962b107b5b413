"""What would be enough: for one grant, the role and the place that cover what was used of it."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple

from bindwatch.access.observation import is_observable
from bindwatch.access.places import kind_of, level_of
from bindwatch.inventory import Inventory
from bindwatch.knowledge.escalation import Level, dangerous_bits
from bindwatch.knowledge.permissions import canonical
from bindwatch.knowledge.role_cover import RoleCover, RoleFinder
from bindwatch.knowledge.roles import RoleCatalogue

_STORAGE = "//storage.googleapis.com/"

# Kinds of resources that take role bindings of their own.
_BINDABLE = frozenset(
    {
        "iam.googleapis.com/ServiceAccount",
        "storage.googleapis.com/Bucket",
        "secretmanager.googleapis.com/Secret",
        "cloudkms.googleapis.com/CryptoKey",
        "cloudkms.googleapis.com/KeyRing",
        "bigquery.googleapis.com/Dataset",
        "bigquery.googleapis.com/Table",
        "pubsub.googleapis.com/Topic",
        "pubsub.googleapis.com/Subscription",
        "run.googleapis.com/Service",
        "run.googleapis.com/Job",
        "cloudfunctions.googleapis.com/CloudFunction",
        "artifactregistry.googleapis.com/Repository",
        "compute.googleapis.com/Instance",
        "compute.googleapis.com/Disk",
    }
)


class Use(NamedTuple):
    """One permission a principal used on one resource (full name), as `authorizationInfo` tells."""

    permission: str
    resource: str


@dataclass(frozen=True, slots=True)
class Advice:
    """What would do in place of one grant.

    `used` of it was seen in use. `resource` is the lowest place under which all uses lie and that takes bindings, and
    `cover` the roles to bind there; both are those of the grant, and `unused` is true, where nothing was used.
    `unseen` are permissions of the grant that logs could not have shown in use: as long as there are any, that nothing
    was seen proves nothing. `custom` is what a role made for the purpose would hold, with nothing extra.
    """

    resource: str
    role: str
    member: str
    used: tuple[str, ...]
    place: str
    cover: RoleCover
    custom: tuple[str, ...]
    unused_dangerous: tuple[str, ...]
    unseen: tuple[str, ...]
    surplus: int
    """How many permissions of the grant were not used."""

    @property
    def is_unused(self) -> bool:
        """Whether nothing of the grant was seen in use."""
        return not self.used

    @property
    def is_certain(self) -> bool:
        """Whether the logs could have shown every dangerous permission of it in use."""
        return not self.unseen

    @property
    def is_better(self) -> bool:
        """Whether the advice leaves fewer permissions over, or binds lower down, and loses nothing that was used."""
        if self.is_unused:
            return True
        if self.cover.uncovered:
            return False
        fewer = len(self.cover.extra) < self.surplus
        return fewer or (self.place != self.resource and len(self.cover.extra) <= self.surplus)


def advise(
    resource: str,
    role: str,
    member: str,
    uses: Iterable[Use],
    inventory: Inventory,
    catalogue: RoleCatalogue,
    finder: RoleFinder | None = None,
) -> Advice | None:
    """What would do in place of a grant, given all uses by that member; `None` where the role is not fully known.

    Only uses that the grant allows count: on its resource or below, of a permission of its role.
    """
    if not catalogue.complete_for(role):
        return None
    mask = catalogue.mask(role) or 0
    finder = finder or RoleFinder(catalogue)
    counted = [
        use for use in uses
        if catalogue.bit(use.permission) & mask and resource in around(inventory.canonical(use.resource), inventory)
    ]  # fmt: skip
    used = tuple(dict.fromkeys(canonical(use.permission) for use in counted))
    used_mask, _ = catalogue.mask_of(used)
    unused = catalogue.names(mask & ~used_mask)
    dangerous = tuple(canonical(name) for name in unused if canonical(name) in dangerous_bits())
    watched = dangerous if used or dangerous else tuple(unused)
    unseen = tuple(name for name in watched if not is_observable(inventory, name, resource, member))
    return Advice(
        resource=resource,
        role=role,
        member=member,
        used=used,
        place=lowest_place([inventory.canonical(use.resource) for use in counted], inventory) or resource,
        cover=finder.cover(used),
        custom=tuple(sorted(used)),
        unused_dangerous=dangerous,
        unseen=unseen,
        surplus=len(unused),
    )


def lowest_place(resources: Iterable[str], inventory: Inventory) -> str:
    """The lowest resource that takes role bindings and under which all of these lie; "" where none is known."""
    shared: list[str] | None = None
    for resource in dict.fromkeys(resources):
        chain = _bindable_chain(resource, inventory)
        shared = chain if shared is None else [name for name in shared if name in chain]
    return shared[0] if shared else ""


def _bindable_chain(resource: str, inventory: Inventory) -> list[str]:
    return [name for name in around(resource, inventory) if _takes_bindings(name, inventory)]


def around(resource: str, inventory: Inventory) -> tuple[str, ...]:
    """A resource and what it lies in, nearest first: the bucket of an object and the secret of a version included."""
    words = resource.split("/")
    step = 1 if resource.startswith(_STORAGE) else 2
    within = ["/".join(words[:end]) for end in range(len(words) - step, 3, -step)]
    nearest = next((name for name in within if _takes_bindings(name, inventory)), resource)
    return tuple(dict.fromkeys((resource, *inventory.ancestors(nearest), *inventory.ancestors(resource))))


def _takes_bindings(name: str, inventory: Inventory) -> bool:
    if level_of(name) is not Level.RESOURCE:
        return True
    if name.startswith(_STORAGE):
        return name.count("/") == 3
    return kind_of(name, inventory) in _BINDABLE
