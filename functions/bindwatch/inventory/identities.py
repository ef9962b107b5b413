"""Who can act: service accounts and their keys, custom roles, identity pools and their providers, API keys."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from bindwatch.inventory.hierarchy import Labels


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceAccount:
    """A service account. `disabled` is None where the input does not say (a search result)."""

    name: str
    email: str
    project: str
    unique_id: str = ""
    display_name: str = ""
    description: str = ""
    disabled: bool | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceAccountKey:
    """A key of a service account. Times are RFC 3339 as written; `key_type` and `origin` are '' where not said."""

    name: str
    service_account: str
    key_type: str = ""
    origin: str = ""
    valid_after: str = ""
    valid_before: str = ""
    disabled: bool = False

    @property
    def key_id(self) -> str:
        """The id of the key: the last part of its name."""
        return self.name.rpartition("/")[2]

    @property
    def user_managed(self) -> bool | None:
        """Whether someone may hold the private half; None where the input cannot tell.

        An export may leave the type out. Keys that Google manages live for two years at the most, those a user made
        live until 9999 unless an organization policy says otherwise: so a longer life tells.
        """
        if self.key_type:
            return self.key_type == "USER_MANAGED"
        if self.origin == "USER_PROVIDED":
            return True
        try:
            life = _moment(self.valid_before) - _moment(self.valid_after)
        except ValueError:
            return None
        return True if life > timedelta(days=3 * 366) else None


def _moment(text: str) -> datetime:
    # Zone-less: only differences of two such moments are taken, and all of Google's end in Z.
    return datetime.fromisoformat(text.removesuffix("Z")[:19])


@dataclass(frozen=True, slots=True, kw_only=True)
class Role:
    """A role with its permissions. `role` is what bindings write: `roles/x`, `projects/p/roles/r`.

    A basic list of roles leaves the permissions out: then `lists_permissions` is false, and what the role gives is not
    known. A deleted or disabled role gives nothing whatever its permissions are.
    """

    name: str
    role: str
    title: str = ""
    permissions: tuple[str, ...] = ()
    lists_permissions: bool = True
    stage: str = ""
    deleted: bool = False

    @property
    def is_custom(self) -> bool:
        """Whether a project or organization made it."""
        return not self.role.startswith("roles/")

    @property
    def is_disabled(self) -> bool:
        """Whether bindings to it have no effect."""
        return self.stage == "DISABLED"


@dataclass(frozen=True, slots=True, kw_only=True)
class IdentityPool:
    """A workload identity pool (with a project) or a workforce pool (without): whose federated identities count."""

    name: str
    id: str
    project: str = ""
    display_name: str = ""
    state: str = "ACTIVE"
    disabled: bool = False
    mode: str = ""

    @property
    def is_workforce(self) -> bool:
        """Whether it holds people, not workloads."""
        return "/workforcePools/" in self.name


@dataclass(frozen=True, slots=True, kw_only=True)
class IdentityPoolProvider:
    """One identity provider of a pool: whose tokens are accepted, and how their claims become attributes."""

    name: str
    id: str
    pool: str
    project: str = ""
    kind: str = ""
    issuer: str = ""
    audiences: tuple[str, ...] = ()
    aws_account: str = ""
    has_own_keys: bool = False
    attribute_mapping: Labels = ()
    attribute_condition: str = ""
    state: str = "ACTIVE"
    disabled: bool = False

    @property
    def default_audience(self) -> str:
        """The audience that is accepted when none is pinned: the provider's own resource name."""
        return f"https:{self.name}"


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiKey:
    """An API key, never its string: what it may call (`api_targets`), from where, and as whom."""

    name: str
    project: str
    display_name: str = ""
    create_time: str = ""
    api_targets: tuple[str, ...] = ()
    application_restriction: str = ""
    service_account: str = ""
    deleted: bool = False
