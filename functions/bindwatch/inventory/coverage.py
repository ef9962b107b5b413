"""What an inventory saw, what was not in its input, and what could not be read: said for each part and scope."""

from dataclasses import dataclass
from enum import StrEnum


class Part(StrEnum):
    """A kind of thing an inventory may hold. A rule names the parts without which it cannot look."""

    PROJECTS = "projects"
    HIERARCHY = "hierarchy"
    POLICIES = "policies"
    SERVICE_ACCOUNTS = "service-accounts"
    KEYS = "keys"
    ROLES = "roles"
    IDENTITY_POOLS = "identity-pools"
    PROVIDERS = "providers"
    CLUSTERS = "clusters"
    NODE_POOLS = "node-pools"
    MEMBERSHIPS = "memberships"
    KUBERNETES_SERVICE_ACCOUNTS = "kubernetes-service-accounts"
    PODS = "pods"
    WORKLOADS = "workloads"
    NODES = "nodes"
    NAMESPACES = "namespaces"
    NETWORK_POLICIES = "network-policies"
    KUBERNETES_EVENTS = "kubernetes-events"
    DENY_POLICIES = "deny-policies"
    BOUNDARIES = "boundaries"
    BOUNDARY_BINDINGS = "boundary-bindings"
    ORG_POLICIES = "org-policies"
    ENABLED_SERVICES = "enabled-services"
    LOG_SINKS = "log-sinks"
    FIREWALLS = "firewalls"
    SUBNETWORKS = "subnetworks"
    ROUTES = "routes"
    ROUTERS = "routers"
    GROUPS = "groups"
    INSTANCES = "instances"
    RUNTIMES = "runtimes"
    API_KEYS = "api-keys"
    BUCKETS = "buckets"
    DATASETS = "datasets"
    SECRETS = "secrets"
    CRYPTO_KEYS = "crypto-keys"


# What the objects of a cluster are; their scope is the cluster, or one namespace of it.
KUBERNETES_PARTS = frozenset(
    {
        Part.KUBERNETES_SERVICE_ACCOUNTS,
        Part.PODS,
        Part.WORKLOADS,
        Part.NODES,
        Part.NAMESPACES,
        Part.NETWORK_POLICIES,
        Part.KUBERNETES_EVENTS,
    }
)
OF_SEVERAL_LISTS = frozenset({Part.WORKLOADS, Part.NETWORK_POLICIES})
"""Parts that come as a list for each kind: one that was refused leaves them unseen, whatever the others held."""


class Sight(StrEnum):
    """Whether a part of a scope was seen. Only SEEN lets a rule conclude anything from an absence."""

    SEEN = "seen"
    NOT_IN_INPUT = "not-in-input"
    COULD_NOT_READ = "could-not-read"


DENIED = "permission denied"
"""How the reason begins where a permission was missing; what it needs follows."""


@dataclass(frozen=True, slots=True)
class Coverage:
    """What an inventory knows of one part in one scope (a full resource name, '' for everywhere). True when seen."""

    part: Part
    scope: str
    sight: Sight
    reason: str = ""

    def __bool__(self) -> bool:
        return self.sight is Sight.SEEN

    def __str__(self) -> str:
        where = f" of {self.scope}" if self.scope else ""
        words = {
            Sight.SEEN: "seen",
            Sight.NOT_IN_INPUT: "not in the input",
            Sight.COULD_NOT_READ: "could not be read",
        }
        reason = f" ({self.reason})" if self.reason else ""
        return f"{self.part.replace('-', ' ')}{where}: {words[self.sight]}{reason}"


@dataclass(frozen=True, slots=True)
class Origin:
    """Where in the input something stood; a line of 0 means the whole file."""

    file: str = ""
    line: int = 0

    @property
    def directory(self) -> str:
        """The directory of the file: what lies together was collected together."""
        head, _, _ = self.file.replace("\\", "/").rpartition("/")
        return head

    def __str__(self) -> str:
        return f"{self.file}:{self.line}" if self.line else self.file


@dataclass(frozen=True, slots=True)
class Problem:
    """One item of the input that is not what it claims to be. The rest of the input was read."""

    file: str
    line: int
    field: str
    problem: str

    def __str__(self) -> str:
        where = f"{self.file}:{self.line}" if self.line else self.file
        return ": ".join(part for part in (where, self.field, self.problem) if part)
