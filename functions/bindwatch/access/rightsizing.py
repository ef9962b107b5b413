"""What a principal needs of what it was given: from its use, place by place, with what the logs could not show."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from functools import cached_property

from bindwatch.access.conditions import is_over
from bindwatch.access.least_privilege import around, lowest_place
from bindwatch.access.membership import Membership
from bindwatch.access.observation import audit_service, is_observable, log_types_of
from bindwatch.inventory import Inventory
from bindwatch.knowledge.permissions import canonical
from bindwatch.knowledge.role_cover import RoleCover, RoleFinder
from bindwatch.knowledge.roles import RoleCatalogue
from bindwatch.model.change import AddBinding, Change, RemoveBinding, remedy
from bindwatch.model.finding import Confidence, Remediation
from bindwatch.model.policy import Binding
from bindwatch.model.principal import Principal, PrincipalKind, parse_member
from bindwatch.model.resource import display

_LONG, _SHORT = timedelta(days=90), timedelta(days=30)
_A_YEAR = timedelta(days=400)
_RARE_DAYS = 3
_MOST_PLACES = 3
_BREAK_GLASS = ("breakglass", "break-glass", "break_glass", "emergency", "firecall")
_SINGLE = frozenset(
    {
        PrincipalKind.USER,
        PrincipalKind.SERVICE_ACCOUNT,
        PrincipalKind.WORKLOAD,
        PrincipalKind.FEDERATED,
        PrincipalKind.WORKFORCE,
    }
)


class Verdict(StrEnum):
    """What is to be said of the roles of one principal on one resource."""

    UNUSED = "unused"
    NARROWER = "narrower roles suffice"
    FITS = "fits its use"
    NOT_OBSERVABLE = "not observable"
    CANNOT_TELL = "cannot tell"


@dataclass(slots=True)
class Seen:
    """The use one identity made of one permission on one resource: how often, on which days, when last."""

    count: int = 0
    days: set[str] = field(default_factory=set)
    last: str = ""

    def add(self, timestamp: str) -> None:
        """Count one use."""
        self.count += 1
        self.days.add(timestamp[:10])
        self.last = max(self.last, timestamp)


class Use:
    """All that logs show of who used which permission on what, and over which time they were read."""

    def __init__(self) -> None:
        self.by_identity: defaultdict[str, dict[tuple[str, str], Seen]] = defaultdict(dict)
        self.since = ""
        self.until = ""
        self.logs: set[tuple[str, str]] = set()
        """The logs of which there was any entry: (project, `activity` or `data_access`)."""

    def saw(self, timestamp: str, project: str, log: str) -> None:
        """Note that a log of a project was read and told of that moment, whoever acted."""
        self.logs.add((project, log))
        if timestamp:
            self.since = min(self.since or timestamp, timestamp)
            self.until = max(self.until, timestamp)

    def add(self, identity: str, permission: str, resource: str, timestamp: str) -> None:
        """Note one use of a permission (in any spelling) on a resource (its canonical full name)."""
        seen = self.by_identity[identity].setdefault((canonical(permission), resource), Seen())
        seen.add(timestamp)

    @property
    def window(self) -> timedelta:
        """From the first to the last moment that was read."""
        try:
            return _moment(self.until) - _moment(self.since)
        except ValueError:
            return timedelta(0)


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text[:19])


@dataclass(frozen=True, slots=True)
class Blind:
    """What of a role no log could have shown in use: the API, the log types that are off, how many permissions."""

    service: str
    log_types: tuple[str, ...]
    permissions: tuple[str, ...]

    def __str__(self) -> str:
        kinds, count = " and ".join(self.log_types), len(self.permissions)
        return f"{kinds} of {self.service} not surely logged: {count} permissions, like {self.permissions[0]}"


@dataclass(frozen=True, slots=True)
class Place:
    """Where to bind what instead: roles with the fewest permissions beyond the use, or a role made for it."""

    resource: str
    used: tuple[str, ...]
    cover: RoleCover


@dataclass(frozen=True, slots=True)
class Sizing:
    """The judgement of all that one member has on one resource, and the way to less.

    `bindings` are its roles there; `surplus` of their permissions were not used; `blind` says of which nobody could
    know. `custom` is a role made for the use, with nothing extra.
    """

    resource: str
    member: str
    bindings: tuple[Binding, ...]
    verdict: Verdict
    confidence: Confidence
    used: tuple[str, ...] = ()
    used_days: int = 0
    last_used: str = ""
    surplus: int = 0
    places: tuple[Place, ...] = ()
    blind: tuple[Blind, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def roles(self) -> tuple[str, ...]:
        """The roles it has there."""
        return tuple(dict.fromkeys(binding.role for binding in self.bindings))

    @property
    def extra(self) -> int:
        """How many permissions beyond the use the narrower roles carry."""
        return sum(len(place.cover.extra) for place in self.places)

    @property
    def custom(self) -> tuple[str, ...]:
        """The permissions of a role made for the use."""
        return tuple(sorted({permission for place in self.places for permission in place.used}))

    def remedy(self) -> Remediation | None:
        """First what is needed, then away with the rest; `None` where nothing is to be changed, or nobody knows."""
        if self.verdict not in (Verdict.UNUSED, Verdict.NARROWER):
            return None
        wanted = {(place.resource, role) for place in self.places for role in place.cover.roles}
        have = {(self.resource, binding.role) for binding in self.bindings if binding.condition is None}
        changes: list[Change] = [AddBinding(place, role, self.member) for place, role in sorted(wanted - have)]
        changes += [
            RemoveBinding(self.resource, binding.role, self.member, binding.condition)
            for binding in self.bindings
            if (self.resource, binding.role) not in wanted or binding.condition is not None
        ]
        words = "Remove what was not used" if self.verdict is Verdict.UNUSED else "Grant what was used, remove the rest"
        return remedy(
            f"{words}: {', '.join(self.roles)} of {self.member} on {display(self.resource)}",
            *changes,
            risk=self._risk(),
            terraform=_terraform(sorted(wanted - have), self.member),
        )

    def _risk(self) -> str:
        risk = "What was not seen in the window may still be needed: a yearly job, an emergency, a restore."
        if not self.blind:
            return risk
        services = list(dict.fromkeys(item.service for item in self.blind))
        named = ", ".join(services[:4]) + (f" and {len(services) - 4} more APIs" if len(services) > 4 else "")
        return f"{risk} Uses of {named} would not all have been logged: switch their data-access logs on first."


class Rightsizing:
    """Judges grants by their use. Made once for an inventory and its logs; asked member by member."""

    def __init__(
        self,
        inventory: Inventory,
        catalogue: RoleCatalogue,
        use: Use,
        as_of: datetime,
        is_break_glass: Callable[[Principal], bool] = lambda principal: False,
    ) -> None:
        self._inventory = inventory
        self._catalogue = catalogue
        self._finder = RoleFinder(catalogue)
        self._use = use
        self._as_of = as_of
        self._membership = Membership(inventory)
        self._is_break_glass = is_break_glass
        self._observable: dict[tuple[str, str, str], bool] = {}

    def all(self, identity: str = "") -> Iterator[Sizing]:
        """Every member on every resource where it has a role, or only those of one identity, its sets included."""
        wanted = None
        if identity:
            principal = parse_member(identity)
            wanted = {principal.identity, *self._membership.sets_of(principal)}
        for resource, policy in self._inventory.policies:
            held: dict[str, list[Binding]] = {}
            for binding in policy.bindings:
                for member in binding.members:
                    if wanted is None or parse_member(member).identity in wanted:
                        held.setdefault(member, []).append(binding)
            for member, bindings in held.items():
                yield self.judge(resource, member, tuple(bindings))

    def judge(self, resource: str, member: str, bindings: tuple[Binding, ...]) -> Sizing:
        """What is to be said of the roles a member has on one resource."""
        principal = parse_member(member)
        counted, reason = self._used_by(principal)
        notes = list(self._notes(principal, bindings))
        masks = {binding.role: self._mask(binding.role) for binding in bindings}
        unknown = [role for role, mask in masks.items() if mask is None]
        if unknown:
            reason = f"not all permissions of {', '.join(unknown)} are known"
        if reason:
            return Sizing(resource, member, bindings, Verdict.CANNOT_TELL, Confidence.LOW, notes=(reason, *notes))
        mask = 0
        for one in masks.values():
            mask |= one or 0
        here = {key: seen for key, seen in counted.items() if self._allows(mask, resource, *key)}
        used = tuple(sorted({permission for permission, _ in here}))
        unused = mask & ~self._catalogue.mask_of(used)[0]
        blind = self._blind(unused, resource, member)
        unread = self._unread(resource)
        if unread:
            notes.append(unread)
        days = {day for seen in here.values() for day in seen.days}
        if here and len(days) <= _RARE_DAYS:
            notes.append(f"used on {len(days)} of these days only: it may be a job of once a month or once a year")
        places = self._places(resource, here) if here else ()
        verdict = self._verdict(resource, bindings, used, unused.bit_count(), places, is_blind=bool(blind or unread))
        return Sizing(
            resource=resource,
            member=member,
            bindings=bindings,
            verdict=verdict,
            confidence=self._confidence(verdict, blind, notes),
            used=used,
            used_days=len(days),
            last_used=max((seen.last for seen in here.values()), default=""),
            surplus=unused.bit_count(),
            places=places if verdict is Verdict.NARROWER else (),
            blind=blind,
            notes=tuple(notes),
        )

    def _allows(self, mask: int, resource: str, permission: str, where: str) -> bool:
        """Whether the permissions, held on a resource, allowed that use."""
        if not self._catalogue.bit(permission) & mask:
            return False
        return resource in around(self._inventory.canonical(where), self._inventory)

    def _used_by(self, principal: Principal) -> tuple[Mapping[tuple[str, str], Seen], str]:
        """What was used as the principal, and why that cannot be told, where it cannot."""
        if not self._use.since:
            return {}, "no audit log entry was read"
        if principal.kind in _SINGLE and not principal.deleted:
            return self._use.by_identity.get(principal.identity, {}), ""
        if principal.deleted:
            return {}, ""
        if principal.kind is PrincipalKind.GROUP and self._inventory.group(principal.email) is None:
            return {}, f"the members of {principal.member} were not read, so their use is not told apart"
        if principal.kind is not PrincipalKind.GROUP:
            return {}, f"{principal.member} stands for many, whose use logs do not tell apart"
        merged: dict[tuple[str, str], Seen] = {}
        for identity, uses in self._use.by_identity.items():
            if principal.identity in self._membership.sets_of(parse_member(identity)):
                for key, seen in uses.items():
                    have = merged.setdefault(key, Seen())
                    have.count += seen.count
                    have.days |= seen.days
                    have.last = max(have.last, seen.last)
        return merged, ""

    @cached_property
    def _logs(self) -> frozenset[tuple[str, str]]:
        return frozenset((self._inventory.project_id(project), log) for project, log in self._use.logs)

    def _unread(self, resource: str) -> str:
        """Why uses of a resource could not have been seen, where no log of its project was read."""
        project = self._inventory.project_of(resource)
        if not project or any(read == project for read, _ in self._logs):
            return ""
        return f"no audit log entry of project {project} was read, so no use of it could have been seen"

    def _mask(self, role: str) -> int | None:
        known = role
        if (custom := self._inventory.custom_role(role)) is not None:
            known = custom.role
        return self._catalogue.mask(known) if self._catalogue.complete_for(known) else None

    def _blind(self, unused: int, resource: str, member: str) -> tuple[Blind, ...]:
        found: defaultdict[tuple[str, tuple[str, ...]], list[str]] = defaultdict(list)
        project = self._inventory.project_of(resource)
        for permission in self._catalogue.names(unused):
            types = log_types_of(permission)
            if not types:
                continue
            service = audit_service(permission)
            key = (f"{service} {sorted(types)}", resource, member)
            seen = self._observable.get(key)
            if seen is None:
                read = not project or (project, "data_access") in self._logs
                seen = read and is_observable(self._inventory, permission, resource, member)
                self._observable[key] = seen
            if not seen:
                found[service, tuple(sorted(types))].append(canonical(permission))
        return tuple(Blind(service, types, tuple(names)) for (service, types), names in sorted(found.items()))

    def _places(self, resource: str, here: Mapping[tuple[str, str], Seen]) -> tuple[Place, ...]:
        """The lowest places under which the uses lie; their common one where they are many."""
        by_place: defaultdict[str, set[str]] = defaultdict(set)
        for permission, where in here:
            place = lowest_place([self._inventory.canonical(where)], self._inventory) or resource
            inside = resource in self._inventory.ancestors(place)
            by_place[place if inside else resource].add(permission)
        if len(by_place) > _MOST_PLACES:
            common = lowest_place(by_place, self._inventory) or resource
            shared = common if resource in self._inventory.ancestors(common) else resource
            by_place = defaultdict(set, {shared: {one for names in by_place.values() for one in names}})
        return tuple(
            Place(place, tuple(sorted(names)), self._finder.cover(sorted(names)))
            for place, names in sorted(by_place.items())
        )

    def _verdict(
        self,
        resource: str,
        bindings: tuple[Binding, ...],
        used: tuple[str, ...],
        surplus: int,
        places: tuple[Place, ...],
        *,
        is_blind: bool,
    ) -> Verdict:
        if not used:
            expired = all(
                binding.condition is not None and is_over(binding.condition.expression, self._as_of)
                for binding in bindings
            )
            return Verdict.NOT_OBSERVABLE if is_blind and not expired else Verdict.UNUSED
        if any(place.cover.uncovered for place in places):
            return Verdict.FITS
        extra = sum(len(place.cover.extra) for place in places)
        lower = any(place.resource != resource for place in places)
        if extra < surplus or (lower and extra <= surplus):
            return Verdict.NARROWER
        return Verdict.FITS

    def _confidence(self, verdict: Verdict, blind: tuple[Blind, ...], notes: list[str]) -> Confidence:
        if blind or verdict in (Verdict.NOT_OBSERVABLE, Verdict.CANNOT_TELL) or self._use.window < _SHORT or notes:
            return Confidence.LOW
        return Confidence.HIGH if self._use.window >= _LONG else Confidence.MEDIUM

    def _notes(self, principal: Principal, bindings: tuple[Binding, ...]) -> Iterator[str]:
        name = principal.member.lower()
        if self._is_break_glass(principal) or any(word in name for word in _BREAK_GLASS):
            yield "an account for emergencies: not being used is what it is for"
        titles = (binding.condition for binding in bindings)
        for condition in titles:
            if condition is not None and any(word in condition.title.lower() for word in _BREAK_GLASS):
                yield "a grant for emergencies: not being used is what it is for"
            if condition is not None and condition.expression:
                yield f"the role counts only if {condition.expression}"

    @property
    def shows_yearly(self) -> bool:
        """Whether the window is long enough to have seen a job that runs once a year."""
        return self._use.window >= _A_YEAR


def _terraform(wanted: Iterable[tuple[str, str]], member: str) -> str:
    blocks = []
    for number, (resource, role) in enumerate(wanted, 1):
        kind, arguments = _terraform_kind(resource)
        if not kind:
            continue
        lines = [f'resource "{kind}" "needed_{number}" {{']
        lines += [f"  {name} = {_hcl(value)}" for name, value in (*arguments, ("role", role), ("member", member))]
        blocks.append("\n".join([*lines, "}"]))
    return "\n\n".join(blocks)


def _hcl(text: str) -> str:
    shown = text.replace("\\", "\\\\").replace('"', '\\"').replace("${", "$${").replace("%{", "%%{")
    return '"' + "".join(char if char.isprintable() else "?" for char in shown) + '"'


def _terraform_kind(resource: str) -> tuple[str, tuple[tuple[str, str], ...]]:
    """The Terraform resource that binds one role to one member there, and the arguments that say where."""
    words = resource.split("/")
    match words[2:]:
        case ["cloudresourcemanager.googleapis.com", "projects", project]:
            return "google_project_iam_member", (("project", project),)
        case ["cloudresourcemanager.googleapis.com", "folders", folder]:
            return "google_folder_iam_member", (("folder", f"folders/{folder}"),)
        case ["cloudresourcemanager.googleapis.com", "organizations", organization]:
            return "google_organization_iam_member", (("org_id", organization),)
        case ["iam.googleapis.com", "projects", project, "serviceAccounts", email]:
            return "google_service_account_iam_member", (
                ("service_account_id", f"projects/{project}/serviceAccounts/{email}"),
            )
        case ["storage.googleapis.com", bucket]:
            return "google_storage_bucket_iam_member", (("bucket", bucket),)
        case ["secretmanager.googleapis.com", "projects", project, "secrets", secret]:
            return "google_secret_manager_secret_iam_member", (("project", project), ("secret_id", secret))
        case ["pubsub.googleapis.com", "projects", project, "topics", topic]:
            return "google_pubsub_topic_iam_member", (("project", project), ("topic", topic))
        case ["pubsub.googleapis.com", "projects", project, "subscriptions", name]:
            return "google_pubsub_subscription_iam_member", (("project", project), ("subscription", name))
        case ["bigquery.googleapis.com", "projects", project, "datasets", dataset]:
            return "google_bigquery_dataset_iam_member", (("project", project), ("dataset_id", dataset))
        case _:
            return "", ()
