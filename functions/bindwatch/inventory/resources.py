"""Resources with an identity or a guard of their own: machines, serverless runtimes, storage, keys, networks."""

from dataclasses import dataclass

from bindwatch.model.policy import DATASET_ROLES, Binding, Policy


@dataclass(frozen=True, slots=True)
class AttachedServiceAccount:
    """A service account a machine runs as, and the scopes its tokens are limited to."""

    email: str
    scopes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Instance:
    """A Compute Engine instance and the service accounts attached to it."""

    name: str
    project: str
    service_accounts: tuple[AttachedServiceAccount, ...] = ()
    is_gke_node: bool = False
    status: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Runtime:
    """Something that runs code as a service account: a Cloud Run service or job, a function, a build trigger, a cluster
    of Dataproc, an environment of Composer, a notebook.

    `service_account` is '' where none is set, so the service's default applies.
    """

    name: str
    asset_type: str
    project: str
    service_account: str = ""
    ingress: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bucket:
    """A bucket and its own guards. `public_access_prevention` is `enforced`, `inherited`, or '' where not said.

    `object_acl` is the access list that objects get when they are written.
    """

    name: str
    project: str
    public_access_prevention: str = ""
    uniform_access: bool | None = None
    acl: tuple[str, ...] = ()
    object_acl: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class DatasetAccess:
    """One access entry of a dataset: a role, and who has it as an IAM member string."""

    role: str
    member: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Dataset:
    """A BigQuery dataset and its access list."""

    name: str
    project: str
    access: tuple[DatasetAccess, ...] = ()

    @property
    def policy(self) -> Policy:
        """The access list as an allow policy, for whoever asks who may read it."""
        members: dict[str, list[str]] = {}
        for item in self.access:
            members.setdefault(DATASET_ROLES.get(item.role, item.role), []).append(item.member)
        return Policy(bindings=tuple(Binding(role, tuple(names)) for role, names in members.items()))


@dataclass(frozen=True, slots=True, kw_only=True)
class Secret:
    """A Secret Manager secret, never its value."""

    name: str
    project: str
    rotation_period: str = ""
    expire_time: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class CryptoKey:
    """A Cloud KMS key."""

    name: str
    project: str
    purpose: str = ""
    rotation_period: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Firewall:
    """A VPC firewall rule. `protocols` are (protocol, ports as written); empty ports mean all."""

    name: str
    project: str
    network: str = ""
    direction: str = "INGRESS"
    action: str = "allow"
    priority: int = 1000
    protocols: tuple[tuple[str, tuple[str, ...]], ...] = ()
    source_ranges: tuple[str, ...] = ()
    destination_ranges: tuple[str, ...] = ()
    target_tags: tuple[str, ...] = ()
    target_service_accounts: tuple[str, ...] = ()
    disabled: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Subnetwork:
    """A subnet. `private_google_access` is None where the input does not say."""

    name: str
    project: str
    network: str = ""
    cidr: str = ""
    private_google_access: bool | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """A route of a network; `next_hop` is what it leads to (`default-internet-gateway`, an instance, a peering…)."""

    name: str
    project: str
    network: str = ""
    destination: str = ""
    next_hop: str = ""
    priority: int = 1000
    tags: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Router:
    """A Cloud Router; `nats` are the names of its NAT gateways."""

    name: str
    project: str
    network: str = ""
    region: str = ""
    nats: tuple[str, ...] = ()
