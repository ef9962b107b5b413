"""The resource hierarchy, and what is switched on, forbidden and logged in it."""

from dataclasses import dataclass

from bindwatch.model.policy import Condition

Labels = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Project:
    """A project. `name` is its canonical full name, `parent` that of the folder or organization above."""

    name: str
    id: str
    number: str = ""
    display_name: str = ""
    parent: str = ""
    state: str = "ACTIVE"
    labels: Labels = ()
    create_time: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Folder:
    """A folder and what it lies in."""

    name: str
    display_name: str = ""
    parent: str = ""
    state: str = "ACTIVE"


@dataclass(frozen=True, slots=True, kw_only=True)
class Organization:
    """An organization; `display_name` is its primary domain, `customer_id` its Workspace or Cloud Identity customer."""

    name: str
    display_name: str = ""
    customer_id: str = ""
    state: str = "ACTIVE"


@dataclass(frozen=True, slots=True, kw_only=True)
class Resource:
    """Any asset: its full name, its type, and the project (id) it lies in, where that is known."""

    name: str
    asset_type: str = ""
    project: str = ""
    update_time: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class EnabledService:
    """One API of one project, and whether it is switched on (`state` is ENABLED or DISABLED)."""

    project: str
    service: str
    state: str


@dataclass(frozen=True, slots=True, kw_only=True)
class OrgPolicy:
    """One constraint as set on one resource, in the terms of the v2 API; a v1 policy reads the same.

    `constraint` has no `constraints/` prefix. `enforced` is None for a list constraint, and for a policy that restores
    the default. A rule with a condition holds only where its tags match: such rules are in `conditions` alone.
    """

    resource: str
    constraint: str
    enforced: bool | None = None
    allow_all: bool = False
    deny_all: bool = False
    allowed: tuple[str, ...] = ()
    denied: tuple[str, ...] = ()
    inherits: bool = False
    restores_default: bool = False
    dry_run: bool = False
    conditions: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class DenyRule:
    """One rule of a deny policy; permissions are spelled `SERVICE_FQDN/RESOURCE.ACTION`."""

    denied_principals: tuple[str, ...] = ()
    exception_principals: tuple[str, ...] = ()
    denied_permissions: tuple[str, ...] = ()
    exception_permissions: tuple[str, ...] = ()
    condition: Condition | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DenyPolicy:
    """A deny policy and the project, folder or organization it is attached to.

    A list of deny policies leaves the rules out: then `rules` is empty, and what it denies is not known.
    """

    name: str
    attachment_point: str
    display_name: str = ""
    rules: tuple[DenyRule, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class BoundaryRule:
    """The resources one rule of a principal access boundary makes eligible."""

    resources: tuple[str, ...] = ()
    effect: str = "ALLOW"


@dataclass(frozen=True, slots=True, kw_only=True)
class PrincipalAccessBoundaryPolicy:
    """A principal access boundary: what the principals it is bound to may reach at all."""

    name: str
    display_name: str = ""
    rules: tuple[BoundaryRule, ...] = ()
    enforcement_version: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyBinding:
    """What binds a boundary to a principal set: a pool, a project, a folder, an organization."""

    name: str
    policy: str
    target: str
    policy_kind: str = "PRINCIPAL_ACCESS_BOUNDARY"
    condition: Condition | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SinkExclusion:
    """Entries a sink leaves out."""

    name: str
    filter: str
    disabled: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class LogSink:
    """A log sink and the project, folder or organization it belongs to."""

    name: str
    parent: str
    destination: str
    filter: str = ""
    disabled: bool = False
    include_children: bool = False
    intercept_children: bool = False
    writer_identity: str = ""
    exclusions: tuple[SinkExclusion, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """The direct members of a group, as IAM member strings (`user:…`, `serviceAccount:…`, `group:…`)."""

    email: str
    members: tuple[str, ...] = ()
