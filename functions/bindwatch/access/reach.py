"""The identities an inventory holds, by the place from which they can be taken over.

A place is a project, folder or organization under one heading: `("account", P)` are the service accounts of P,
`("machine", P)` what its virtual machines run as. Places contain places, so that one edge from whoever may mint tokens
in an organization stands for an edge to each of its service accounts.
"""

from collections import defaultdict
from enum import StrEnum
from functools import cache
from itertools import pairwise
from typing import NamedTuple

from bindwatch.inventory import Inventory
from bindwatch.inventory.clusters import Cluster, FleetMembership, NodePool
from bindwatch.inventory.hierarchy import Project
from bindwatch.inventory.identities import ServiceAccount
from bindwatch.inventory.resources import Instance, Runtime
from bindwatch.knowledge.escalation import EscalationPath
from bindwatch.model.principal import Principal, PrincipalKind, parse_member
from bindwatch.model.resource import project_name


class Heading(StrEnum):
    """What in a place is taken over."""

    ACCOUNT = "account"
    MACHINE = "machine"
    JOB = "job"
    BUILD = "build"
    DEPLOYMENT = "deployment"
    APP = "app"
    CLUSTER = "cluster"
    FLEET = "fleet"
    FEDERATION = "federation"
    WORKFORCE = "workforce"


Place = tuple[Heading, str]
POOL = "pool"

_MINTING = frozenset(
    {"sa-token", "sa-key", "sa-signblob", "sa-signjwt", "sa-delegation", "sa-apikey-binding", "sa-setiam"}
    | {"project-setiam", "folder-setiam", "org-setiam"}
)
_ON_MACHINES = frozenset(
    {"gce-setmetadata", "gce-project-metadata", "gce-osadminlogin", "gce-setiam"}
    | {"osconfig-patch", "osconfig-deploy", "osconfig-policy"}
)
# These reach a port, or copy workloads elsewhere, without running anything as an identity of the pool.
_NOT_INTO_PODS = frozenset({"gke-portfwd", "gke-backup-restore", "fleet-gateway", "fleet-join"})
_TRUSTING = frozenset({"wif-provider-create", "wif-provider-update", "wif-provider-undelete"})
_WORKFORCE = frozenset({"workforce-provider-create", "workforce-provider-update"})


@cache
def heading_of(path: EscalationPath) -> Heading | None:
    """What walking an escalation path takes over in the place where it is open; `None` where that is no identity."""
    if path.id in _MINTING:
        return Heading.ACCOUNT
    if path.id in _ON_MACHINES:
        return Heading.MACHINE
    if path.id in _TRUSTING:
        return Heading.FEDERATION
    if path.id in _WORKFORCE:
        return Heading.WORKFORCE
    if path.id in ("fleet-join", "fleet-gateway"):
        return Heading.FLEET
    if path.cls == "C2k":
        return None if path.id in _NOT_INTO_PODS else Heading.CLUSTER
    if path.needs_act_as:
        return Heading.ACCOUNT
    return {
        "run-override": Heading.JOB,
        "gcb-create": Heading.BUILD,
        "dm": Heading.DEPLOYMENT,
        "dm-update": Heading.DEPLOYMENT,
        "appengine-debug": Heading.APP,
    }.get(path.id)


class Leaf(NamedTuple):
    """What a place holds: an identity, or another place or pool, which costs no hop of its own."""

    node: object
    is_identity: bool


class Places:
    """The places of an inventory and what they hold. `principals` are the identities its policies name."""

    def __init__(self, inventory: Inventory, principals: dict[str, Principal]) -> None:
        self._inventory = inventory
        self.leaves: defaultdict[object, dict[Leaf, None]] = defaultdict(dict)
        self.accounts: dict[str, str] = {}
        self._filed: set[Place] = set()
        self._targets: dict[Place, object] = {}
        self._file_accounts(principals)
        self._file_runtimes()
        self._file_clusters(principals)
        self._file_federation(principals)

    def _put(self, heading: Heading, project: str, identity: str) -> None:
        if project and identity:
            self._link(heading, project_name(self._inventory.project_id(project)), Leaf(identity, True))

    def _link(self, heading: Heading, place: str, leaf: Leaf) -> None:
        self.leaves[heading, place][leaf] = None
        if (heading, place) in self._filed:
            return
        self._filed.add((heading, place))
        chain = self._inventory.ancestors(place)
        for below, above in pairwise(chain):
            self.leaves[heading, above][Leaf((heading, below), False)] = None

    def _account(self, email: str, project: str) -> str:
        """The identity of a service account, filed under its project."""
        identity = f"serviceAccount:{email.lower()}"
        if identity not in self.accounts:
            self.accounts[identity] = self._inventory.service_account_name(email)
            self._put(Heading.ACCOUNT, project, identity)
        return identity

    def _file_accounts(self, principals: dict[str, Principal]) -> None:
        for account in self._inventory.all(ServiceAccount):
            self._account(account.email, account.project)
        for principal in principals.values():
            if principal.kind is PrincipalKind.SERVICE_ACCOUNT and not principal.is_service_agent:
                self._account(principal.email, principal.project or principal.project_number)
        for project in self._inventory.all(Project):
            self._file_defaults(project)

    def _file_defaults(self, project: Project) -> None:
        """The accounts that builds, deployments and App Engine run as where nobody chose one."""
        self._put(Heading.APP, project.id, f"serviceAccount:{project.id}@appspot.gserviceaccount.com")
        if not project.number:
            return
        for heading, email in (
            (Heading.BUILD, f"{project.number}@cloudbuild.gserviceaccount.com"),
            (Heading.DEPLOYMENT, f"{project.number}@cloudservices.gserviceaccount.com"),
            (Heading.BUILD, f"{project.number}-compute@developer.gserviceaccount.com"),
        ):
            if heading is Heading.DEPLOYMENT or f"serviceAccount:{email}" in self.accounts:
                self._put(heading, project.id, f"serviceAccount:{email}")

    def _file_runtimes(self) -> None:
        for instance in self._inventory.all(Instance):
            for attached in instance.service_accounts:
                identity = self._account(attached.email, instance.project)
                self._put(Heading.MACHINE, instance.project, identity)
                self.leaves[Heading.MACHINE, instance.name][Leaf(identity, True)] = None
        for runtime in self._inventory.all(Runtime):
            if runtime.asset_type == "run.googleapis.com/Job" and runtime.service_account:
                identity = self._account(runtime.service_account, runtime.project)
                self._put(Heading.JOB, runtime.project, identity)
                self.leaves[Heading.JOB, runtime.name][Leaf(identity, True)] = None

    def _file_clusters(self, principals: dict[str, Principal]) -> None:
        for principal in principals.values():
            if principal.kind in (PrincipalKind.WORKLOAD, PrincipalKind.WORKLOAD_SET) and principal.pool:
                self.leaves[POOL, principal.pool][Leaf(principal.identity, True)] = None
                home = principal.project or principal.pool.partition(".")[0]
                place = project_name(self._inventory.project_id(home))
                self._link(Heading.CLUSTER, place, Leaf((POOL, principal.pool), False))
                self._link(Heading.FLEET, place, Leaf((POOL, principal.pool), False))
        for cluster in self._inventory.all(Cluster):
            self._file_cluster(cluster)
        for membership in self._inventory.all(FleetMembership):
            if membership.workload_pool:
                place = project_name(self._inventory.project_id(membership.project))
                self._link(Heading.FLEET, place, Leaf((POOL, membership.workload_pool), False))
                member = self._inventory.canonical(membership.cluster)
                self._link(Heading.FLEET, place, Leaf((Heading.CLUSTER, member), False))
        for pool in self._inventory.all(NodePool):
            email = pool.service_account
            if email and email != "default":
                identity = self._account(email, pool.project)
                self.leaves[Heading.CLUSTER, pool.cluster][Leaf(identity, True)] = None
                self._put(Heading.CLUSTER, pool.project, identity)
                self._put(Heading.MACHINE, pool.project, identity)

    def _file_cluster(self, cluster: Cluster) -> None:
        pools = [cluster.identity_pool]
        pools += [membership.workload_pool for membership in self._inventory.memberships_of(cluster.name)]
        for pool in dict.fromkeys(pools):
            if pool:
                self.leaves[Heading.CLUSTER, cluster.name][Leaf((POOL, pool), False)] = None
        self._link(Heading.CLUSTER, project_name(cluster.project), Leaf((Heading.CLUSTER, cluster.name), False))

    def _file_federation(self, principals: dict[str, Principal]) -> None:
        for principal in principals.values():
            match principal.kind:
                case PrincipalKind.FEDERATED | PrincipalKind.FEDERATED_SET:
                    self._put(Heading.FEDERATION, principal.project or principal.project_number, principal.identity)
                case PrincipalKind.WORKFORCE | PrincipalKind.WORKFORCE_SET:
                    self.leaves[Heading.WORKFORCE, ""][Leaf(principal.identity, True)] = None
                case _:
                    pass

    def target(self, heading: Heading, resource: str) -> object:
        """The node an edge to a place leads to: an identity where the resource is a service account."""
        node = self._targets.get((heading, resource))
        if node is None:
            node = self._targets[heading, resource] = self._target(heading, resource)
        return node

    def _target(self, heading: Heading, resource: str) -> object:
        if heading is Heading.WORKFORCE:
            return (heading, "")
        if heading is Heading.ACCOUNT and "/serviceAccounts/" in resource:
            email = resource.partition("/serviceAccounts/")[2].partition("/")[0]
            account = self._inventory.service_account(email)
            return parse_member(f"serviceAccount:{account.email if account else email}").identity
        return (heading, resource)
