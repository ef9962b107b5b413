"""What one grant lets its member do: judged from the permissions of the role and from where it is bound."""

from dataclasses import dataclass, replace
from functools import lru_cache
from typing import TYPE_CHECKING, Final

from bindwatch.knowledge.escalation import EscalationPath, Level, named, risk_of, satisfied, traits_of
from bindwatch.knowledge.permissions import Trait
from bindwatch.knowledge.score import Exposure, band, score
from bindwatch.model import resource as names
from bindwatch.model.finding import Severity
from bindwatch.model.lazily import lazily
from bindwatch.model.policy import Grant
from bindwatch.model.principal import PrincipalKind
from bindwatch.rule import Context
from bindwatch.rules.callers import exposure_of

if TYPE_CHECKING:
    from bindwatch.access.guards import HeldBack

_NOBODY: Final = frozenset({PrincipalKind.PROJECT_ROLE, PrincipalKind.MALFORMED})
TAKEOVER: Final = frozenset({"C0", "C1"})
_MINTING: Final = frozenset({"sa-token", "sa-idtoken", "sa-delegation", "sa-signblob", "sa-signjwt"})

# An entry of Resource Manager that does not name its place is about one of the three. Some roles only lead to anything
# above projects, so it is taken for the widest: what is not known is not harmless.
_CONTAINERS: Final = {
    "organizations": Level.ORGANIZATION,
    "folders": Level.FOLDER,
    "projects": Level.PROJECT,
    "": Level.ORGANIZATION,
}
# The last collection of a resource name, and the asset type it stands for where escalation paths know that type.
_KINDS: Final = {
    "serviceAccounts": "iam.googleapis.com/ServiceAccount",
    "secrets": "secretmanager.googleapis.com/Secret",
    "cryptoKeys": "cloudkms.googleapis.com/CryptoKey",
    "keyRings": "cloudkms.googleapis.com/KeyRing",
    "datasets": "bigquery.googleapis.com/Dataset",
    "functions": "cloudfunctions.googleapis.com/Function",
    "instances": "compute.googleapis.com/Instance",
    "disks": "compute.googleapis.com/Disk",
    "jobs": "run.googleapis.com/Job",
    "services": "run.googleapis.com/Service",
    "clusters": "container.googleapis.com/Cluster",
    "subscriptions": "pubsub.googleapis.com/Subscription",
    "repositories": "artifactregistry.googleapis.com/Repository",
    "connections": "bigqueryconnection.googleapis.com/Connection",
}


@dataclass(frozen=True)
class GrantRisk:
    """What a role bound at a place lets this kind of member do. The same grants come again, so it is kept."""

    level: Level
    kind: str
    risk: int
    paths: tuple[EscalationPath, ...]
    exposure: Exposure
    score: int
    guards: tuple[str, ...] = ()
    """What holds the member back, in words: deny policies, access boundaries. The rest counts with them."""
    lifted: "GrantRisk | None" = None
    """The same without the guards, where there are any."""
    is_narrowed: bool = False
    """Whether the condition of the grant leaves only resources that it names."""

    @lazily
    def severity(self) -> Severity:
        """The band of the score."""
        return band(self.score)

    @lazily
    def leads_to_takeover(self) -> bool:
        """Whether the member can change who has access, or get the credential of another identity."""
        return any(path.cls in TAKEOVER and path.weight >= 0.5 for path in self.paths)

    @lazily
    def becomes_service_accounts(self) -> bool:
        """Whether the member can mint or sign as service accounts."""
        return any(path.id in _MINTING for path in self.paths)

    @lazily
    def unguarded(self) -> "GrantRisk":
        """The same if nothing held the member back, as it is once somebody lifts the guards."""
        return self if self.lifted is None else self.lifted

    @lazily
    def traits(self) -> Trait:
        """What its permissions do, coarsely."""
        return traits_of(self.risk)

    @lazily
    def reasons(self) -> tuple[str, ...]:
        """What holds the member back, then the worst ways up, in words, worst first; three at most."""
        worst = sorted(self.paths, key=lambda path: -path.weight)
        return (*self.guards, *(f"{' + '.join(path.permissions)}: {path.why}" for path in worst[:3]))

    @lazily
    def permissions(self) -> tuple[str, ...]:
        """The dangerous permissions of the role."""
        return named(self.risk)


@lru_cache(maxsize=65536)
def place_of(resource: str) -> tuple[Level, str]:
    """The level of the hierarchy a policy stands at, and for a single resource its asset type."""
    if resource.startswith("//cloudresourcemanager.googleapis.com/"):
        container = names.path_of(resource).partition("/")[0]
        level = _CONTAINERS.get(container)
        if level is not None:
            return level, ""
    if resource.startswith("//storage.googleapis.com/"):
        return Level.RESOURCE, "storage.googleapis.com/Bucket"
    words = names.path_of(resource).split("/")
    collection = words[-2] if len(words) > 1 else ""
    return Level.RESOURCE, _KINDS.get(collection, f"{names.service_of(resource)}/{collection or 'unknown'}")


def role_risk(role: str, context: Context) -> int | None:
    """The dangerous permissions and traits of a role; None where nobody told what the role holds."""
    if context.inventory is not None and (custom := context.inventory.custom_role(role)) is not None:
        if custom.deleted or custom.is_disabled:
            return 0
        if custom.lists_permissions:
            return _risk(custom.permissions)
    return context.catalogue.risk(role)


@lru_cache(maxsize=4096)
def _risk(permissions: tuple[str, ...]) -> int:
    return risk_of(permissions)


def risk_of_grant(grant: Grant, resource: str, context: Context) -> GrantRisk | None:
    """What a grant on a resource allows; None where the role is unknown, which is not the same as harmless."""
    risk = role_risk(grant.role, context)
    if risk is None:
        return None
    level, kind = place_of(resource)
    bounded = grant.condition is not None and "request.time" in grant.condition.expression
    exposure = exposure_of(grant.principal, context)
    narrowed = level is not Level.RESOURCE and _is_narrowed(grant, resource, context)
    if narrowed:
        level = Level.RESOURCE
    held_back = _held_back(grant, resource, risk, context)
    if held_back is None:
        found = _graded(risk, level, kind, exposure, bounded)
        return replace(found, is_narrowed=True) if narrowed else found
    found = _graded(risk & ~held_back.permissions, level, kind, exposure, bounded)
    free = _graded(risk, level, kind, exposure, bounded)
    return replace(found, guards=held_back.words, lifted=free, is_narrowed=narrowed)


def _is_narrowed(grant: Grant, resource: str, context: Context) -> bool:
    """Whether a condition surely leaves out the place itself, and all in it that the condition does not name."""
    if grant.condition is None or "resource." not in grant.condition.expression:
        return False
    # Imported here: few conditions ask for the resource, and the start of the command line counts.
    from bindwatch.access.conditions import narrows
    from bindwatch.access.places import condition_names

    number = context.inventory.project_number(resource.rpartition("/")[2]) if context.inventory is not None else ""
    return narrows(grant.condition.expression, condition_names(resource, number), context.as_of)


def _held_back(grant: Grant, resource: str, risk: int, context: Context) -> "HeldBack | None":
    if context.inventory is None or not context.inventory.has_guards:
        return None
    # Imported here: most inputs hold no guards, and the start of the command line counts.
    from bindwatch.access.guards import guards_of

    guards = guards_of(context.inventory, context.as_of)
    return guards.held_back(grant.principal, resource, risk) if guards else None


@lru_cache(maxsize=16384)
def _graded(risk: int, level: Level, kind: str, exposure: Exposure, bounded: bool) -> GrantRisk:
    value = score(risk, level, exposure, kind=kind, time_bounded=bounded)
    return GrantRisk(level, kind, risk, satisfied(risk, level, kind), exposure, round(value))


def ways_up(role: str, resource: str, context: Context) -> tuple[EscalationPath, ...]:
    """The escalation paths a role opens where it is bound, whoever holds it: the cheap question, asked first.

    Empty for a role nobody knows, which is not the same as harmless: `unknown_role` says so.
    """
    risk = role_risk(role, context)
    return satisfied(risk, *place_of(resource)) if risk else ()


def names_somebody(grant: Grant) -> bool:
    """Whether the member can act at all, apart from the owners and editors that a project always has."""
    return not grant.principal.deleted and grant.principal.kind not in _NOBODY
