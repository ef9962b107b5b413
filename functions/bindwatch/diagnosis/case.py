"""One workload under diagnosis: who it is, what it is meant to become, and what of it the input shows."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from bindwatch.diagnosis.near_miss import GrantIndex, WorkloadGrant, pools_of_cluster
from bindwatch.diagnosis.traces import Refusal, TextSeen, Traces
from bindwatch.inventory import UNKNOWN_CLUSTER, Coverage, Inventory, Part
from bindwatch.inventory.clusters import Cluster, FleetMembership, NodePool
from bindwatch.inventory.coverage import KUBERNETES_PARTS
from bindwatch.inventory.identities import Role, ServiceAccount
from bindwatch.inventory.resources import Firewall, Route, Router
from bindwatch.inventory.workloads import CredentialConfiguration, KubernetesServiceAccount, Pod, Workload
from bindwatch.knowledge.roles import RoleCatalogue
from bindwatch.model.change import AddBinding
from bindwatch.model.lazily import lazily
from bindwatch.model.policy import Binding
from bindwatch.model.principal import Principal, parse_member
from bindwatch.model.resource import display, path_of, project_name

Runner = Pod | Workload
MINT: str = "iam.serviceAccounts.getAccessToken"
_ACCOUNTS = "//iam.googleapis.com/projects/"


class Style(StrEnum):
    """How a workload gets to Google Cloud: as a service account, as itself, or through a fleet's pool."""

    IMPERSONATION = "impersonation"
    DIRECT = "direct"
    FLEET = "fleet"


@dataclass(frozen=True, kw_only=True)
class Inputs:
    """What a diagnosis may look at. Indexes are made when first asked for, and serve every workload."""

    inventory: Inventory = field(default_factory=Inventory)
    traces: Traces = field(default_factory=Traces)
    catalogue: RoleCatalogue = field(default_factory=RoleCatalogue.built_in)
    as_of: datetime = field(default_factory=lambda: datetime(1970, 1, 1, tzinfo=UTC))

    @lazily
    def grants(self) -> GrantIndex:
        """The grants to workloads."""
        return GrantIndex(self.inventory)

    @lazily
    def of_clusters(self) -> dict[tuple[str, str], Any]:
        """What checks found out about a cluster, kept for its other workloads."""
        return {}

    @lazily
    def networks(self) -> dict[tuple[type, str], tuple[Any, ...]]:
        """Firewall rules, routes and routers by the network they belong to."""
        found: defaultdict[tuple[type, str], list[Any]] = defaultdict(list)
        items: tuple[Firewall | Route | Router, ...] = (
            *self.inventory.all(Firewall),
            *self.inventory.all(Route),
            *self.inventory.all(Router),
        )
        for item in items:
            found[type(item), item.network].append(item)
        return {key: tuple(group) for key, group in found.items()}

    @lazily
    def memberships(self) -> dict[str, FleetMembership]:
        """Fleet memberships by full name, and those of clusters outside GKE by their id too."""
        found = {item.name: item for item in self.inventory.all(FleetMembership)}
        found.update({item.id: item for item in self.inventory.all(FleetMembership) if not item.cluster})
        return found

    @lazily
    def roles(self) -> RoleCatalogue:
        """The catalogue with the custom roles of the inventory."""
        custom = {
            role.role: () if role.deleted or role.is_disabled else role.permissions
            for role in self.inventory.all(Role)
            if role.is_custom
        }
        return self.catalogue.with_custom_roles(custom) if custom else self.catalogue


@dataclass(frozen=True, slots=True)
class Target:
    """What the workload wants: a permission on a resource (a canonical full name), and how that is known.

    `named` is what was asked for or refused, where policies cannot be set on that: an object, a version.
    """

    permission: str
    resource: str
    refusal: Refusal | None = None
    named: str = ""


class Case:
    """One workload: a Kubernetes service account of a cluster, with the pods that run, or should run, as it."""

    def __init__(
        self,
        inputs: Inputs,
        cluster: str,
        namespace: str,
        name: str,
        *,
        runners: tuple[Runner, ...] | None = None,
        permission: str = "",
        resource: str = "",
        symptoms: tuple[str, ...] = (),
        asked: bool = True,
    ) -> None:
        self.inputs = inputs
        self.inventory = inputs.inventory
        self.traces = inputs.traces
        self.as_of = inputs.as_of
        self.cluster_name = cluster
        self.namespace = namespace
        self.name = name
        self.symptoms = symptoms
        self.asked = asked
        self._given_runners = runners
        self._permission = permission
        self._resource = resource

    def __repr__(self) -> str:
        return f"Case({self.cluster_name!r}, {self.namespace!r}, {self.name!r})"

    def seen(self, part: Part, scope: str = "") -> Coverage:
        """Whether a part of a scope was seen; without one: of the workload's namespace, or for clouds anywhere."""
        return self.inventory.coverage(part, scope or (self.scope if part in KUBERNETES_PARTS else ""))

    @property
    def scope(self) -> str:
        """The namespace as the coverage of Kubernetes objects names it."""
        return f"{self.cluster_name}/k8s/namespaces/{self.namespace}"

    # ---- Kubernetes -------------------------------------------------------------------------------------------

    @lazily
    def account(self) -> KubernetesServiceAccount | None:
        """The Kubernetes service account, where it was seen."""
        return self.inventory.ksa(self.cluster_name, self.namespace, self.name)

    @lazily
    def pods(self) -> tuple[Pod, ...]:
        """The pods that run as it, without those that are over."""
        if self._given_runners is not None:
            return tuple(item for item in self._given_runners if isinstance(item, Pod))
        return tuple(
            pod
            for pod in self.inventory.pods_of(self.cluster_name, self.namespace, self.name)
            if pod.phase not in ("Succeeded", "Failed")
        )

    @lazily
    def owners(self) -> tuple[Workload, ...]:
        """What makes its pods, outermost only: a Deployment, not its ReplicaSet."""
        if self._given_runners is not None:
            found = tuple(item for item in self._given_runners if isinstance(item, Workload))
        else:
            found = self.inventory.workloads_of(self.cluster_name, self.namespace, self.name)
        return tuple(item for item in found if not item.owner) or found

    @lazily
    def runners(self) -> tuple[Runner, ...]:
        """What runs, or would run, as it: owners first, and the pods nothing here owns."""
        return (*self.owners, *self.pods)

    @lazily
    def cluster(self) -> Cluster | None:
        """The GKE cluster, where it was seen."""
        return self.inventory.cluster(self.cluster_name)

    @lazily
    def node_pools(self) -> tuple[NodePool, ...]:
        """The node pools of the cluster."""
        return self.inventory.node_pools_of(self.cluster_name)

    @lazily
    def membership(self) -> FleetMembership | None:
        """The membership of the cluster in a fleet; for a cluster outside GKE, found by its name."""
        known = self.inventory.memberships_of(self.cluster_name)
        if known:
            return known[0]
        if self.cluster is not None:
            return self.inputs.memberships.get(self.cluster.fleet_membership)
        return self.inputs.memberships.get(self.cluster_name.rpartition("/")[2])

    @property
    def context(self) -> str:
        """The kubectl context that gcloud makes for the cluster; '' where it is not known."""
        words = self.cluster_name.split("/")
        if self.cluster is None or len(words) < 9:
            return ""
        return f"gke_{self.cluster.project}_{self.cluster.location}_{self.cluster.id}"

    # ---- who it is --------------------------------------------------------------------------------------------

    @lazily
    def audiences(self) -> tuple[str, ...]:
        """The fleet pools its pods project tokens for."""
        words = (
            word
            for runner in self.runners
            for token in runner.spec.tokens
            for word in token.audience.replace(":", " ").replace("/", " ").split()
        )
        return tuple(dict.fromkeys(word for word in words if word.endswith((".svc.id.goog", ".hub.id.goog"))))

    @lazily
    def is_fleet(self) -> bool:
        """Whether its tokens are meant to come through a fleet: a projected token, or a cluster outside GKE."""
        membership = self.membership
        if self.audiences:
            return True
        if self.cluster is None:
            return membership is not None
        if membership is None:
            return False
        if not self.cluster.identity_pool:
            return bool(membership.workload_pool)
        if any(_reads_fleet_credentials(runner) for runner in self.runners):
            return True
        if self.runners or not membership.workload_pool or membership.workload_pool == self.cluster.identity_pool:
            return False
        # Nothing runs as it: then whichever pool its grants name is the one that was meant.
        pools = {grant.principal.pool for grant in self.inputs.grants.named(self.namespace, self.name)}
        return membership.workload_pool in pools and self.cluster.identity_pool not in pools

    @lazily
    def pool(self) -> str:
        """The pool its identity is in, or would be in; '' where nothing tells."""
        if self.is_fleet:
            membership = self.membership
            if membership is not None and membership.workload_pool:
                return membership.workload_pool
            if membership is not None:
                return f"{membership.project}.svc.id.goog"
            if self.audiences and not self.seen(Part.MEMBERSHIPS):
                # Nothing tells the fleet's pool but what the pods ask for, and the grants.
                pools = {grant.principal.pool for grant in self.inputs.grants.named(self.namespace, self.name)} - {""}
                return pools.pop() if len(pools) == 1 and self._may_be_fleet(*pools) else self.audiences[0]
        if self.cluster is not None:
            return self.cluster.identity_pool or f"{self.cluster.project}.svc.id.goog"
        project = self.inventory.project_of(self.cluster_name)
        if project and self.cluster_name != UNKNOWN_CLUSTER:
            return f"{project}.svc.id.goog"
        pools = {grant.principal.pool for grant in self.inputs.grants.named(self.namespace, self.name)} - {""}
        return pools.pop() if len(pools) == 1 else ""

    def _may_be_fleet(self, pool: str) -> bool:
        return self.cluster is None or pool != self.cluster.identity_pool

    @lazily
    def pool_project(self) -> str:
        """The project of the pool, by id."""
        return self.pool.removesuffix(".svc.id.goog").removesuffix(".hub.id.goog")

    @lazily
    def pool_number(self) -> str:
        """The number of the pool's project; '' where the input does not tell."""
        return self.inventory.project_number(self.pool_project)

    @lazily
    def pool_name(self) -> str:
        """The full name of the pool, with the project's id."""
        return f"//iam.googleapis.com/projects/{self.pool_project}/locations/global/workloadIdentityPools/{self.pool}"

    @lazily
    def principal(self) -> Principal:
        """The workload as IAM sees it."""
        return parse_member(self.member)

    @property
    def member(self) -> str:
        """Its member in the spelling every policy takes."""
        return f"serviceAccount:{self.pool}[{self.namespace}/{self.name}]"

    @lazily
    def direct_member(self) -> str:
        """Its member in the direct spelling; the legacy one where the project number is not known."""
        return self.principal.direct_member(self.pool_number) or self.member

    @lazily
    def identities(self) -> tuple[str, ...]:
        """Every identity a grant may name it by: its own, by uid, and the sets it is in."""
        names = [self.principal.identity]
        if self.account is not None and self.account.uid:
            names.append(f"{self.pool}/kubernetes.serviceaccount.uid/{self.account.uid}")
        names.append(f"{self.pool}/namespace/{self.namespace}")
        if self.cluster is not None:
            names.append(f"{self.pool}/kubernetes.cluster/{self.cluster.issuer}")
        names.append(f"{self.pool}/*")
        return tuple(names)

    @lazily
    def grants(self) -> tuple[WorkloadGrant, ...]:
        """What is granted to it anywhere, in any spelling that reaches it."""
        number = self.pool_number
        return tuple(
            grant
            for grant in self.inputs.grants.of(self.identities)
            if not (number and grant.principal.project_number and grant.principal.project_number != number)
        )

    @lazily
    def direct_grants(self) -> tuple[WorkloadGrant, ...]:
        """What it is granted as itself, on other things than service accounts, and not to a whole pool at once."""
        return tuple(
            grant
            for grant in self.grants
            if not is_account(grant.resource)
            and self.inputs.roles.holds(grant.binding.role, MINT) is not True
            and not grant.principal.is_whole_pool
        )

    @lazily
    def trusting(self) -> tuple[str, ...]:
        """The e-mails of the service accounts whose own policy lets it mint their tokens."""
        return tuple(
            dict.fromkeys(
                grant.resource.rpartition("/")[2]
                for grant in self.grants
                if is_account(grant.resource) and self.inputs.roles.holds(grant.binding.role, MINT)
            )
        )

    # ---- what it becomes --------------------------------------------------------------------------------------

    @lazily
    def annotation(self) -> str:
        """The account it is annotated to act as, as written."""
        return self.account.google_service_account if self.account is not None else ""

    @lazily
    def email(self) -> str:
        """The Google service account it acts as, or is meant to: by annotation, else by the only one that trusts it.

        In a fleet the credential configuration that its pods mount tells.
        """
        if self.is_fleet and self.credential_configurations:
            return self.credential_configurations[0].google_service_account
        if self.annotation:
            return self.annotation.lower()
        if self.account is None or self.is_fleet:
            candidates = self.trusting or self._nearly_trusting or self._refused_accounts
            return candidates[0] if len(candidates) == 1 else ""
        candidates = self.trusting or self._granted_on
        return candidates[0] if len(candidates) == 1 and not self.direct_grants else ""

    @lazily
    def _granted_on(self) -> tuple[str, ...]:
        """The accounts on which it holds any role: those it was meant to act as, where the role is the wrong one."""
        return tuple(
            dict.fromkeys(grant.resource.rpartition("/")[2] for grant in self.grants if is_account(grant.resource))
        )

    @lazily
    def credential_configurations(self) -> tuple[CredentialConfiguration, ...]:
        """The credential configurations that its pods mount, where they were seen."""
        names = {
            name: None
            for runner in self.runners
            for volume in runner.spec.volumes
            for kind, name in volume.sources
            if kind == "configMap"
        }
        found = (self.inventory.credential_configuration(self.cluster_name, self.namespace, name) for name in names)
        return tuple(item for item in found if item is not None)

    @lazily
    def _refused_accounts(self) -> tuple[str, ...]:
        mine = self.traces.refusals_of(self.principal.identity)
        return tuple(dict.fromkeys(item.target for item in mine if item.is_mint and item.target))

    @lazily
    def _nearly_trusting(self) -> tuple[str, ...]:
        return tuple(
            dict.fromkeys(
                grant.resource.rpartition("/")[2]
                for grant in self.inputs.grants.named(self.namespace, self.name)
                if is_account(grant.resource)
            )
        )

    @lazily
    def google_account(self) -> ServiceAccount | None:
        """That account, where it was seen."""
        return self.inventory.service_account(self.email) if self.email else None

    @lazily
    def account_resource(self) -> str:
        """The full name of that account; '' where there is none."""
        return self.inventory.service_account_name(self.email) if self.email else ""

    @lazily
    def account_project(self) -> str:
        """The project of that account, by id."""
        return self.inventory.project_of(self.account_resource) if self.email else ""

    @lazily
    def style(self) -> Style:
        """How it gets to Google Cloud."""
        if self.is_fleet:
            return Style.FLEET
        return Style.IMPERSONATION if self.email else Style.DIRECT

    @lazily
    def account_unknown(self) -> str:
        """What would have to be seen to tell whether it acts as a service account; '' where the input tells."""
        if self.email:
            return ""
        if not self.is_fleet and self.account is None and not self.seen(Part.KUBERNETES_SERVICE_ACCOUNTS, self.scope):
            return self.needs(Part.KUBERNETES_SERVICE_ACCOUNTS)
        if self.is_fleet and not self.seen(Part.POLICIES):
            return "policies of the service accounts that may trust it"
        return ""

    @lazily
    def impersonates(self) -> bool:
        """Whether it is meant to act as a Google service account."""
        return bool(self.email)

    @lazily
    def final_identity(self) -> str:
        """The identity that asks the target: the account, else the workload itself."""
        return f"serviceAccount:{self.email}" if self.email else self.principal.identity

    @lazily
    def final_member(self) -> str:
        """The member to grant roles on targets to."""
        return f"serviceAccount:{self.email}" if self.email else self.direct_member

    @lazily
    def targets(self) -> tuple[Target, ...]:
        """What it wants and may not have: what was asked for, else what was refused to it in the logs."""
        if self._permission or self._resource:
            if not self._resource:
                return (Target(self._permission, ""),)
            named = self.inventory.canonical(self._resource)
            return (Target(self._permission, grantable(self.inventory, named), named=named),)
        return tuple(
            Target(
                refusal.permission,
                grantable(self.inventory, refusal.resource),
                refusal,
                self.inventory.canonical(refusal.resource),
            )
            for refusal in self.refusals
            if not refusal.is_mint and refusal.code in (7, 0) and refusal.permission
        )

    # ---- what the logs say of it ------------------------------------------------------------------------------

    @lazily
    def refusals(self) -> tuple[Refusal, ...]:
        """Its failed calls, as itself and as its account, that no later success of the same kind outdates."""
        identities = dict.fromkeys((self.principal.identity, self.final_identity))
        mine = [refusal for identity in identities for refusal in self.traces.refusals_of(identity)]
        if self.email:
            mine += [
                refusal
                for refusal in self.traces.refusals_on(self.email)
                if not refusal.caller and refusal.by_metadata_server
            ]
        return tuple(refusal for refusal in mine if not self._outdated(refusal))

    def _outdated(self, refusal: Refusal) -> bool:
        if refusal.is_mint:
            later = self.traces.succeeded(refusal.caller, refusal.target)
        elif refusal.service == "sts.googleapis.com":
            later = self.traces.succeeded(refusal.caller, "sts.googleapis.com")
        else:
            later = self.traces.repeated(refusal)
        return later is not None and later > refusal.last

    @lazily
    def minted(self) -> datetime | None:
        """When a token was last made for it: by exchange, or of its account."""
        kinds = ("sts.googleapis.com", *((self.email,) if self.email else ()))
        times = [self.traces.succeeded(self.principal.identity, kind) for kind in kinds]
        return max((time for time in times if time is not None), default=None)

    @lazily
    def mint_refusals(self) -> tuple[Refusal, ...]:
        """Its failed attempts to get a token of its account."""
        return tuple(
            item
            for item in self.refusals
            if item.is_mint and item.target == self.email and item.caller in ("", self.principal.identity)
        )

    @lazily
    def texts(self) -> tuple[TextSeen, ...]:
        """The error texts of its pods, and those of the metadata server that may be about them."""
        mine = {pod.name for pod in self.pods}
        others = self.inventory.has(Part.PODS, self.scope)
        own = []
        for text in self.traces.texts_of(self.cluster_name, self.namespace):
            of_mine = text.pod in mine or any(text.pod.startswith(f"{runner.name}-") for runner in self.runners)
            if of_mine or not text.pod or text.pod == self.name or not (others and (mine or self.owners)):
                own.append(text)
        own += [
            text
            for text in self.traces.texts_of(self.cluster_name, "kube-system")
            if text.of_metadata_server and self._may_concern(text, mine)
        ]
        return tuple(own)

    def _may_concern(self, text: TextSeen, mine: set[str]) -> bool:
        words = text.about.split()
        pods = [word for word in words if word.rpartition("/")[2] in mine]
        others = [word for word in words if "/" in word and not word.startswith(f"{self.namespace}/")]
        return bool(pods) or not others

    def said(self, *symptoms: str) -> tuple[TextSeen | None, bool]:
        """The first error text of one of the symptoms; and whether the question itself showed one."""
        text = next((item for item in self.texts if item.symptom in symptoms), None)
        return text, any(item in symptoms for item in self.symptoms)

    # ---- words ------------------------------------------------------------------------------------------------

    @property
    def title(self) -> str:
        """The workload in words."""
        return f"{self.namespace}/{self.name}"

    def needs(self, part: Part, scope: str = "") -> str:
        """What to give as input so that a part can be looked at."""
        coverage = self.seen(part, scope)
        name = part.replace("-", " ")
        where = display(scope) if scope else self.where
        reason = "" if not coverage.reason or "in the input" in coverage.reason else f" ({coverage.reason})"
        return f"{name} of {where}{reason}"

    @property
    def where(self) -> str:
        """The cluster in words."""
        return display(self.cluster_name) if self.cluster_name != UNKNOWN_CLUSTER else "the cluster"

    @lazily
    def pools_around(self) -> set[str]:
        """Every pool that the cluster's workloads can be identities of."""
        return pools_of_cluster(self.inventory, self.cluster_name)

    @lazily
    def living(self) -> frozenset[tuple[str, str]]:
        """The names that exist in the pool."""
        return self.inputs.grants.names_of_pool.get(self.pool, frozenset())

    def bindings_on(self, resource: str, members: Iterable[str]) -> list[tuple[str, Binding]]:
        """The bindings that name one of the members on a resource or above it."""
        around = set(self.inventory.ancestors(resource))
        return [
            (where, binding)
            for member in members
            for where, binding in self.inventory.grants_of(member)
            if where in around
        ]


def grantable(inventory: Inventory, resource: str) -> str:
    """The lowest resource, at or above one, that has an allow policy: the bucket of an object, for one."""
    name = inventory.canonical(resource)
    for part in ("/objects/", "/versions/", "/cryptoKeyVersions/", "/documents/"):
        name = name.partition(part)[0] if "/k8s/" not in name else name
    if name.startswith("//storage.googleapis.com/"):
        name = "//storage.googleapis.com/" + name.removeprefix("//storage.googleapis.com/").partition("/")[0]
    if AddBinding(name, "roles/viewer", "allUsers").command().startswith("#"):
        project = inventory.project_of(name)
        return project_name(project) if project else name
    return name


def is_account(resource: str) -> bool:
    """Whether a full resource name is that of a service account."""
    return resource.startswith(_ACCOUNTS) and "/serviceAccounts/" in resource


def project_resource(project: str) -> str:
    """The full name of a project."""
    return project_name(project)


def relative(resource: str) -> str:
    """The resource as commands and conditions name it."""
    return path_of(resource)


def _reads_fleet_credentials(runner: Runner) -> bool:
    """Whether a container is pointed to a credential file that comes from a ConfigMap: the way of fleets."""
    shown = {
        volume.name: {kind for kind, _ in volume.sources} | ({"token"} if volume.tokens else set())
        for volume in runner.spec.volumes
    }
    for container, variable in runner.spec.variables("GOOGLE_APPLICATION_CREDENTIALS"):
        for volume, path in container.mounts:
            if variable.value.startswith(path) and "configMap" in shown.get(volume, set()):
                return True
    return False
