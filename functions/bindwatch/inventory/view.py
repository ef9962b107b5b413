"""The inventory itself: what was read of a scope, read-only, with the look-ups that rules and the diagnosis need."""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import cached_property
from itertools import pairwise
from typing import Any, Final, TypeVar

from bindwatch.inventory.clusters import Cluster, FleetMembership, NodePool
from bindwatch.inventory.contents import Contents, Marks, PolicyRecord
from bindwatch.inventory.coverage import KUBERNETES_PARTS, Coverage, Origin, Part, Problem, Sight
from bindwatch.inventory.hierarchy import (
    DenyPolicy,
    EnabledService,
    Folder,
    Group,
    LogSink,
    Organization,
    OrgPolicy,
    PolicyBinding,
    PrincipalAccessBoundaryPolicy,
    Project,
    Resource,
)
from bindwatch.inventory.identities import (
    ApiKey,
    IdentityPool,
    IdentityPoolProvider,
    Role,
    ServiceAccount,
    ServiceAccountKey,
)
from bindwatch.inventory.resources import (
    Bucket,
    CryptoKey,
    Dataset,
    Firewall,
    Instance,
    Route,
    Router,
    Runtime,
    Secret,
    Subnetwork,
)
from bindwatch.inventory.workloads import (
    NODE_POOL_LABEL,
    CredentialConfiguration,
    KubernetesEvent,
    KubernetesServiceAccount,
    NetworkPolicy,
    Node,
    OtherNetworkPolicy,
    Pod,
    PodSpec,
    Workload,
)
from bindwatch.model.policy import Binding, Policy
from bindwatch.model.resource import display, project_name, project_of, service_account_name

T = TypeVar("T")
BoundBoundary = tuple[PolicyBinding, PrincipalAccessBoundaryPolicy | None]


# Parts whose list for one resource says nothing of the resources below it.
_EXACT: Final = frozenset(
    {Part.POLICIES, Part.DENY_POLICIES, Part.ORG_POLICIES, Part.LOG_SINKS, Part.BOUNDARY_BINDINGS, Part.ROLES}
)


_NAMED: Final[tuple[type[Any], ...]] = (
    Organization,
    Folder,
    ServiceAccountKey,
    IdentityPoolProvider,
    ApiKey,
    NodePool,
    FleetMembership,
    Instance,
    Runtime,
    Bucket,
    Secret,
    CryptoKey,
    Firewall,
    Subnetwork,
    Route,
    Router,
)


class Inventory:
    """The policies, identities and clusters of a scope at one moment. Nothing in it changes.

    Every look-up takes canonical names (`bindwatch.model.resource`) or what it says, and answers None or () where
    there is nothing. Whether that nothing means anything, `coverage` tells. Indexes are made when first asked for.
    """

    def __init__(
        self,
        contents: Contents | None = None,
        marks: Marks | None = None,
        *,
        problems: tuple[Problem, ...] = (),
        skipped: Mapping[tuple[str, str], int] | None = None,
        notes: tuple[str, ...] = (),
    ) -> None:
        self._contents = contents or Contents()
        self._marks = marks or Marks()
        self.problems: Final = problems
        self.skipped: Final[Mapping[tuple[str, str], int]] = skipped or {}
        self.notes: Final = notes

    def __repr__(self) -> str:
        return f"Inventory({', '.join(f'{count} {name}' for name, count in self.counts().items())})"

    def __bool__(self) -> bool:
        return bool(self._contents.policies) or any(self._contents.entities.values())

    def forget(self) -> None:
        """Drop what was worked out of the contents, which can weigh more than they do; it is worked out when asked."""
        for name, item in vars(Inventory).items():
            if isinstance(item, cached_property):
                self.__dict__.pop(name, None)

    # What there is

    def all(self, kind: type[T]) -> tuple[T, ...]:
        """Everything of a kind (`all(ServiceAccount)`), in the order it was read."""
        return self._contents.entities.get(kind, ())

    def counts(self) -> dict[str, int]:
        """How many of each kind there are, policies included, for a summary."""
        found = {kind.__name__: len(items) for kind, items in self._contents.entities.items() if items}
        if self._contents.policies:
            found["Policy"] = len(self._contents.policies)
        return found

    def origin(self, entity: object) -> Origin:
        """The file and line an entity of this inventory was read from."""
        return self._contents.origins.get(id(entity), Origin())

    def changed(
        self,
        entities: Mapping[type, tuple[Any, ...]],
        policies: Mapping[str, Policy],
        *,
        homes: Mapping[str, str] | None = None,
        present: frozenset[Part] = frozenset(),
    ) -> "Inventory":
        """This inventory with other things of some kinds, and other policies of some resources; the rest is shared.

        `homes` are the projects of resources whose names do not tell them, `present` the parts that there is now
        something of.
        """
        have = self._contents.policies
        records = {
            name: PolicyRecord(policy, have[name].asset_type if name in have else "")
            for name, policy in policies.items()
        }
        contents = replace(
            self._contents,
            entities={**self._contents.entities, **entities},
            policies={**have, **records},
            homes={**self._contents.homes, **(homes or {})},
            names=self._contents.names.with_projects(
                {item.number: item.id for item in entities.get(Project, ()) if item.number and item.id != item.number}
            ),
        )
        marks = replace(self._marks, present=self._marks.present | present)
        return Inventory(contents, marks, problems=self.problems, skipped=self.skipped, notes=self.notes)

    def settled(self, entity: T) -> T:
        """An entity with its names spelled as this inventory spells them."""
        return self._contents.names.settle(entity)

    # Coverage

    def coverage(self, part: Part, scope: str = "") -> Coverage:
        """Whether a part of a scope was seen, was not in the input, or could not be read; true if it was seen.

        `scope` is a full resource name: a project for most parts, a resource for policies, a service account for keys,
        a cluster or one of its namespaces for Kubernetes objects. Without it: whether the part was seen anywhere.
        """
        if not scope:
            return self._coverage_anywhere(part)
        for around in self._scopes_around(part, scope):
            if (part, around) in self._marks.seen:
                return Coverage(part, scope, Sight.SEEN)
            if (reason := self._marks.failed.get((part, around))) is not None:
                return Coverage(part, scope, Sight.COULD_NOT_READ, reason)
        if part in _EXACT and any((part, above) in self._marks.seen_below for above in self.ancestors(scope)):
            return Coverage(part, scope, Sight.SEEN)
        if part in KUBERNETES_PARTS:
            reason = f"no {_words(part)} of this cluster in the input"
        elif self._is_exported(part, scope):
            return Coverage(part, scope, Sight.SEEN)
        else:
            reason = f"no {_words(part)} of {display(scope)} in the input"
        return Coverage(part, scope, Sight.NOT_IN_INPUT, reason)

    def has(self, part: Part, scope: str = "") -> bool:
        """Whether a part of a scope was seen, so that an absence from it is an absence."""
        return bool(self.coverage(part, scope))

    def failures(self) -> tuple[Coverage, ...]:
        """Everything that was asked for and not given, with the reasons."""
        return tuple(
            Coverage(part, scope, Sight.COULD_NOT_READ, reason)
            for (part, scope), reason in self._marks.failed.items()
            if (part, scope) not in self._marks.seen
        )

    def _coverage_anywhere(self, part: Part) -> Coverage:
        if part in self._seen_parts:
            return Coverage(part, "", Sight.SEEN)
        for (failed, _), reason in self._marks.failed.items():
            if failed is part:
                return Coverage(part, "", Sight.COULD_NOT_READ, reason)
        return Coverage(part, "", Sight.NOT_IN_INPUT)

    @cached_property
    def _seen_parts(self) -> frozenset[Part]:
        exported = (part for parts in self._marks.exported_parts.values() for part in parts)
        return frozenset((*(part for part, _ in self._marks.seen), *exported, *self._marks.present))

    def _scopes_around(self, part: Part, scope: str) -> Iterator[str]:
        if part in KUBERNETES_PARTS:
            cluster, in_namespace, _ = scope.partition("/k8s/")
            if in_namespace:
                yield scope
            yield cluster
            return
        yield scope
        if part not in _EXACT:
            yield from self.ancestors(scope)[1:]
        yield ""

    def _is_exported(self, part: Part, scope: str) -> bool:
        content = {Part.POLICIES: "iam-policy", Part.ORG_POLICIES: "org-policy"}.get(part, "resource")
        if part not in self._marks.exported_parts.get(content, ()):
            return False
        projects = self._marks.exported.get(content, frozenset())
        project = self.project_of(scope)
        return project in projects if project else (part, scope) in self._marks.seen or scope in self._contents.policies

    # The hierarchy

    @cached_property
    def _projects(self) -> dict[str, Project]:
        return {key: item for item in self.all(Project) for key in (item.number, item.id) if key}

    def project(self, project: str) -> Project | None:
        """A project by its id, its number or its full name."""
        project = project.rpartition("/")[2]
        return self._projects.get(project) or self._projects.get(self.project_id(project))

    def project_id(self, project: str) -> str:
        """The id of a project given by number or id; a number nobody mapped comes back as it is."""
        return self._contents.names.project(project)

    def project_number(self, project: str) -> str:
        """The number of a project given by id or number; '' where the input does not tell it."""
        return project if project.isdigit() else self._numbers.get(project, "")

    @cached_property
    def _numbers(self) -> dict[str, str]:
        return {project: number for number, project in self._contents.names.project_ids.items()}

    def canonical(self, name: str) -> str:
        """The spelling of a resource name that this inventory uses: ids for numbers, e-mails for unique ids."""
        return self._contents.names.resource(name)

    def project_of(self, resource: str) -> str:
        """The project (id, or number where the id is not known) a resource lies in; '' where nothing tells."""
        if home := self._homes.get(resource):
            return home
        if resource.startswith("//iam.") and (account := self._account_of(resource)):
            return account.project
        return self._contents.names.project(project_of(resource))

    def _account_of(self, name: str) -> ServiceAccount | None:
        _, found, tail = name.partition("/serviceAccounts/")
        return self.service_account(tail.partition("/")[0]) if found else None

    @cached_property
    def _homes(self) -> dict[str, str]:
        return {**{item.name: item.project for item in self.all(Bucket) if item.project}, **self._contents.homes}

    @cached_property
    def _parents(self) -> dict[str, str]:
        parents = {child: parent for chain in self._contents.chains for child, parent in pairwise(chain)}
        parents.update({item.name: item.parent for item in self.all(Folder) if item.parent})
        parents.update({item.name: item.parent for item in self.all(Project) if item.parent})
        return parents

    def ancestors(self, resource: str) -> tuple[str, ...]:
        """The resource and everything it inherits policies from, nearest first: its project, folders, organization.

        Between a resource and its project stand those of its parents that have a policy of their own (the dataset of a
        table, the key ring of a key). The chain ends where the input does not tell what is above.
        """
        chain = [resource]
        head, found, tail = resource.partition("/projects/")
        words = tail.split("/")
        for end in range(len(words) - 2, 1, -2):
            above = f"{head}/projects/{'/'.join(words[:end])}"
            if found and above in self._contents.policies:
                chain.append(above)
        if project := self.project_of(resource):
            chain.append(project_name(project))
        while (parent := self._parents.get(chain[-1])) and parent not in chain:
            chain.append(parent)
        return tuple(dict.fromkeys(chain))

    def resource(self, name: str) -> Resource | None:
        """What is known of an asset with a policy: its type and project."""
        record = self._contents.policies.get(name)
        if record is None:
            return None
        return Resource(
            name=name, asset_type=record.asset_type, project=self.project_of(name), update_time=record.update_time
        )

    # Allow policies

    def policy(self, resource: str) -> Policy | None:
        """The allow policy of a resource itself, without what it inherits; that of a dataset may be its access list."""
        record = self._contents.policies.get(resource)
        if record is not None:
            return record.policy
        dataset = self._datasets.get(resource)
        return dataset.policy if dataset is not None and dataset.access else None

    @cached_property
    def _datasets(self) -> dict[str, Dataset]:
        return {item.name: item for item in self.all(Dataset)}

    @property
    def policies(self) -> Iterator[tuple[str, Policy]]:
        """Every resource with its allow policy; datasets that came without one, with their access list as one."""
        for name, record in self._contents.policies.items():
            yield name, record.policy
        for dataset in self.all(Dataset):
            if dataset.access and dataset.name not in self._contents.policies:
                yield dataset.name, dataset.policy

    def is_partial(self, resource: str) -> bool:
        """Whether the policy of a resource is a search result, so that it may have other bindings."""
        record = self._contents.policies.get(resource)
        return record is not None and record.partial

    def policies_over(self, resource: str) -> tuple[tuple[str, Policy], ...]:
        """The policies that decide on a resource, nearest first: its own and those of its ancestors."""
        return tuple((name, policy) for name in self.ancestors(resource) if (policy := self.policy(name)) is not None)

    @cached_property
    def _grants(self) -> dict[str, list[tuple[str, Binding]]]:
        index: defaultdict[str, list[tuple[str, Binding]]] = defaultdict(list)
        for resource, policy in self.policies:
            for binding in policy.bindings:
                grant = (resource, binding)
                for member in binding.members:
                    index[member].append(grant)
        return dict(index)

    def grants_of(self, member: str) -> tuple[tuple[str, Binding], ...]:
        """Where a member string, exactly as written, is granted something: (resource, binding)."""
        return tuple(self._grants.get(member, ()))

    @cached_property
    def workload_grants(self) -> tuple[tuple[str, Binding, str], ...]:
        """Every grant to a workload of a cluster or a fleet, or to a whole pool of them: (resource, binding, member).

        In either spelling, and in those that people only think of: brackets stand in members of workloads alone.
        """
        return tuple(
            (resource, binding, member)
            for resource, policy in self.policies
            for binding in policy.bindings
            for member in binding.members
            if ".id.goog" in member or "[" in member
        )

    # Identities

    @cached_property
    def _accounts(self) -> dict[str, ServiceAccount]:
        return {key: item for item in self.all(ServiceAccount) for key in (item.unique_id, item.email) if key}

    def service_account(self, email: str) -> ServiceAccount | None:
        """A service account by e-mail, unique id or full name."""
        return self._accounts.get(email.rpartition("/")[2].lower())

    def service_account_name(self, email: str) -> str:
        """The canonical full name of a service account, known or not."""
        account = self.service_account(email)
        if account is not None:
            return account.name
        return service_account_name(email, project_ids=self._contents.names.project_ids)

    def service_accounts_of(self, project: str) -> tuple[ServiceAccount, ...]:
        """The service accounts of a project (id)."""
        return self._accounts_by_project.get(project, ())

    @cached_property
    def _accounts_by_project(self) -> dict[str, tuple[ServiceAccount, ...]]:
        return _grouped(self.all(ServiceAccount), lambda item: item.project)

    @cached_property
    def _keys(self) -> dict[str, tuple[ServiceAccountKey, ...]]:
        return _grouped(self.all(ServiceAccountKey), lambda item: item.service_account)

    def keys_of(self, email: str) -> tuple[ServiceAccountKey, ...]:
        """The keys of a service account, user-managed or not."""
        return self._keys.get(email.lower(), ())

    @cached_property
    def _roles(self) -> dict[str, Role]:
        return {item.role: item for item in self.all(Role)}

    def custom_role(self, role: str) -> Role | None:
        """A role by what bindings write (`projects/p/roles/r`), project numbers included."""
        found = self._roles.get(role)
        if found is None and role.startswith("projects/"):
            _, project, rest = role.split("/", 2)
            found = self._roles.get(f"projects/{self.project_id(project)}/{rest}")
        return found

    @cached_property
    def _groups(self) -> dict[str, Group]:
        return {item.email.lower(): item for item in self.all(Group)}

    def group(self, email: str) -> Group | None:
        """A group whose members the input tells; None where it does not."""
        return self._groups.get(email.lower())

    @cached_property
    def _pools(self) -> dict[str, IdentityPool]:
        return {item.name: item for item in self.all(IdentityPool)}

    def identity_pool(self, name: str) -> IdentityPool | None:
        """An identity pool by its full name."""
        return self._pools.get(self.canonical(name))

    def providers_of(self, pool: str) -> tuple[IdentityPoolProvider, ...]:
        """The providers of an identity pool, given its full name."""
        return self._providers.get(self.canonical(pool), ())

    @cached_property
    def _providers(self) -> dict[str, tuple[IdentityPoolProvider, ...]]:
        return _grouped(self.all(IdentityPoolProvider), lambda item: item.pool)

    # Clusters

    @cached_property
    def _clusters(self) -> dict[str, Cluster]:
        return {item.name: item for item in self.all(Cluster)}

    def cluster(self, name: str) -> Cluster | None:
        """A cluster by its full name, in any spelling."""
        return self._clusters.get(name) or self._clusters.get(self.canonical(name))

    def node_pools_of(self, cluster: str) -> tuple[NodePool, ...]:
        """The node pools of a cluster; an Autopilot cluster may list none."""
        return self._node_pools.get(cluster, ())

    @cached_property
    def _node_pools(self) -> dict[str, tuple[NodePool, ...]]:
        return _grouped(self.all(NodePool), lambda item: item.cluster)

    @cached_property
    def _pool_clusters(self) -> dict[str, tuple[Cluster, ...]]:
        found: defaultdict[str, dict[str, Cluster]] = defaultdict(dict)
        for cluster in self.all(Cluster):
            if cluster.identity_pool:
                found[cluster.identity_pool][cluster.name] = cluster
            for membership in self.memberships_of(cluster.name):
                if membership.workload_pool:
                    found[membership.workload_pool][cluster.name] = cluster
        return {pool: tuple(clusters.values()) for pool, clusters in found.items()}

    def clusters_of_pool(self, pool: str) -> tuple[Cluster, ...]:
        """The clusters whose workloads are identities of a pool (`p.svc.id.goog`), as members of a fleet too."""
        return self._pool_clusters.get(pool, ())

    @cached_property
    def _memberships(self) -> dict[str, tuple[FleetMembership, ...]]:
        return _grouped(self.all(FleetMembership), lambda item: item.cluster)

    def memberships_of(self, cluster: str) -> tuple[FleetMembership, ...]:
        """The fleet memberships of a cluster."""
        return self._memberships.get(cluster, ())

    # What runs in clusters

    @cached_property
    def _ksas(self) -> dict[tuple[str, str, str], KubernetesServiceAccount]:
        return {(item.cluster, item.namespace, item.name): item for item in self.all(KubernetesServiceAccount)}

    def ksa(self, cluster: str, namespace: str, name: str) -> KubernetesServiceAccount | None:
        """One Kubernetes service account of one cluster."""
        return self._ksas.get((cluster, namespace, name))

    def ksas_of(self, cluster: str) -> tuple[KubernetesServiceAccount, ...]:
        """The Kubernetes service accounts of a cluster."""
        return self._ksas_by_cluster.get(cluster, ())

    @cached_property
    def _ksas_by_cluster(self) -> dict[str, tuple[KubernetesServiceAccount, ...]]:
        return _grouped(self.all(KubernetesServiceAccount), lambda item: item.cluster)

    def ksas_of_pool(self, pool: str, namespace: str, name: str) -> tuple[KubernetesServiceAccount, ...]:
        """The same identity in every cluster of a pool that has it: pool, namespace and name are all IAM sees."""
        found = (self.ksa(cluster.name, namespace, name) for cluster in self.clusters_of_pool(pool))
        return tuple(item for item in found if item is not None)

    @cached_property
    def _pods(self) -> dict[tuple[str, str, str], tuple[Pod, ...]]:
        return _grouped(self.all(Pod), lambda item: (item.cluster, item.namespace, item.ksa))

    def pods_of(self, cluster: str, namespace: str, ksa: str) -> tuple[Pod, ...]:
        """The pods that run as a Kubernetes service account."""
        return self._pods.get((cluster, namespace, ksa), ())

    @cached_property
    def _workloads(self) -> dict[tuple[str, str, str], tuple[Workload, ...]]:
        return _grouped(self.all(Workload), lambda item: (item.cluster, item.namespace, item.ksa))

    def workloads_of(self, cluster: str, namespace: str, ksa: str) -> tuple[Workload, ...]:
        """The deployments, jobs and other owners whose pods run as a Kubernetes service account."""
        return self._workloads.get((cluster, namespace, ksa), ())

    @cached_property
    def _nodes(self) -> dict[tuple[str, str], Node]:
        return {(item.cluster, item.name): item for item in self.all(Node)}

    def node(self, cluster: str, name: str) -> Node | None:
        """One node of a cluster."""
        return self._nodes.get((cluster, name))

    def nodes_of(self, cluster: str) -> tuple[Node, ...]:
        """The nodes of a cluster."""
        return tuple(item for item in self.all(Node) if item.cluster == cluster)

    def node_pool_of(self, cluster: str, spec: PodSpec) -> NodePool | None:
        """The node pool a pod runs on, or is bound to by its selector; None where nothing tells.

        The label of its node tells, else its node selector, else the name of its node: GKE builds that of the names
        of cluster and pool (`gke-CLUSTER-POOL-…`) and shortens both where they are long.
        """
        pools = {pool.id: pool for pool in self.node_pools_of(cluster)}
        node = self.node(cluster, spec.node_name) if spec.node_name else None
        wanted = (node.node_pool if node else "") or dict(spec.node_selector).get(NODE_POOL_LABEL, "")
        if wanted:
            return pools.get(wanted)
        prefix = f"gke-{cluster.rpartition('/')[2]}-"
        matching = [name for name in pools if spec.node_name.startswith(f"{prefix}{name}-")]
        return pools[max(matching, key=len)] if matching else None

    @cached_property
    def _network_policies(self) -> dict[tuple[str, str], tuple[NetworkPolicy, ...]]:
        return _grouped(self.all(NetworkPolicy), lambda item: (item.cluster, item.namespace))

    def network_policies_of(self, cluster: str, namespace: str) -> tuple[NetworkPolicy, ...]:
        """The network policies of a namespace."""
        return self._network_policies.get((cluster, namespace), ())

    @cached_property
    def _other_network_policies(self) -> dict[str, tuple[OtherNetworkPolicy, ...]]:
        return _grouped(self.all(OtherNetworkPolicy), lambda item: item.cluster)

    def other_network_policies_of(self, cluster: str, namespace: str) -> tuple[OtherNetworkPolicy, ...]:
        """The policies of other kinds that may count for a namespace: its own, and those of the whole cluster."""
        policies = self._other_network_policies.get(cluster, ())
        return tuple(item for item in policies if item.namespace in ("", namespace))

    @cached_property
    def _credential_configurations(self) -> dict[tuple[str, str, str], CredentialConfiguration]:
        return {(item.cluster, item.namespace, item.name): item for item in self.all(CredentialConfiguration)}

    def credential_configurations_of(self, cluster: str, namespace: str) -> tuple[CredentialConfiguration, ...]:
        """The ConfigMaps of a namespace that hold a credential configuration."""
        found = self._credential_configurations.values()
        return tuple(item for item in found if (item.cluster, item.namespace) == (cluster, namespace))

    def credential_configuration(self, cluster: str, namespace: str, name: str) -> CredentialConfiguration | None:
        """The credential configuration in a ConfigMap, where it has one."""
        return self._credential_configurations.get((cluster, namespace, name))

    def network_policies_for(self, pod: Pod | Workload) -> tuple[NetworkPolicy, ...]:
        """The network policies that select a pod, or the pods a workload makes."""
        policies = self.network_policies_of(pod.cluster, pod.namespace)
        return tuple(item for item in policies if item.pods.selects(pod.labels))

    @cached_property
    def _events(self) -> dict[tuple[str, str], tuple[KubernetesEvent, ...]]:
        return _grouped(self.all(KubernetesEvent), lambda item: (item.cluster, item.namespace))

    def kubernetes_events_of(self, cluster: str, namespace: str) -> tuple[KubernetesEvent, ...]:
        """The events of a namespace."""
        return self._events.get((cluster, namespace), ())

    # Guards

    @cached_property
    def has_guards(self) -> bool:
        """Whether anything was read that takes permissions away again: a deny policy, a boundary that is bound."""
        return bool(self.all(DenyPolicy) or self.all(PolicyBinding))

    @cached_property
    def _deny_policies(self) -> dict[str, tuple[DenyPolicy, ...]]:
        return _grouped(self.all(DenyPolicy), lambda item: item.attachment_point)

    def deny_policies_over(self, resource: str) -> tuple[DenyPolicy, ...]:
        """The deny policies that hold on a resource: those attached to its project, folders and organization."""
        return tuple(item for name in self.ancestors(resource) for item in self._deny_policies.get(name, ()))

    @cached_property
    def _boundaries(self) -> dict[str, PrincipalAccessBoundaryPolicy]:
        return {item.name: item for item in self.all(PrincipalAccessBoundaryPolicy)}

    def boundary(self, name: str) -> PrincipalAccessBoundaryPolicy | None:
        """A principal access boundary by its name."""
        return self._boundaries.get(self.canonical(name))

    def boundaries_bound_to(self, target: str) -> tuple[BoundBoundary, ...]:
        """The boundaries bound to a principal set (the full name of a pool or project); None for one not seen."""
        wanted = self.canonical(target)
        return tuple((item, self.boundary(item.policy)) for item in self.all(PolicyBinding) if item.target == wanted)

    @cached_property
    def _org_policies(self) -> dict[tuple[str, str], tuple[OrgPolicy, ...]]:
        return _grouped(self.all(OrgPolicy), lambda item: (item.resource, item.constraint))

    def org_policies_over(self, resource: str, constraint: str) -> tuple[OrgPolicy, ...]:
        """The policies of one constraint (`iam.disableServiceAccountKeyCreation`) on a resource, nearest first."""
        wanted = constraint.removeprefix("constraints/")
        return tuple(item for name in self.ancestors(resource) for item in self._org_policies.get((name, wanted), ()))

    @cached_property
    def _services(self) -> dict[tuple[str, str], EnabledService]:
        return {(item.project, item.service): item for item in self.all(EnabledService)}

    def enabled(self, project: str, service: str) -> bool | None:
        """Whether an API (`iamcredentials.googleapis.com`) is on in a project; None where the input does not tell."""
        project = self.project_id(project)
        found = self._services.get((project, service))
        if found is not None:
            return found.state == "ENABLED"
        # Lists hold what is enabled: an API that is missing from a list that was read is off.
        return False if self.has(Part.ENABLED_SERVICES, project_name(project)) else None

    def sinks_of(self, resource: str) -> tuple[LogSink, ...]:
        """The log sinks that belong to a project, folder or organization."""
        return tuple(item for item in self.all(LogSink) if item.parent == resource)

    # Machines, networks and storage

    @cached_property
    def _by_name(self) -> dict[str, Any]:
        return {item.name: item for kind in _NAMED for item in self.all(kind)}

    def named(self, name: str, kind: type[T]) -> T | None:
        """The thing of a kind with that full name (`named(x, Bucket)`), for kinds without a look-up of their own."""
        found = self._by_name.get(name) or self._by_name.get(self.canonical(name))
        return found if isinstance(found, kind) else None

    def subnetwork_of(self, cluster: Cluster) -> Subnetwork | None:
        """The subnet of a cluster's nodes."""
        return self.named(cluster.subnetwork, Subnetwork) if cluster.subnetwork else None


def _words(part: Part) -> str:
    return part.replace("-", " ")


def _grouped(items: tuple[T, ...], key: Any) -> dict[Any, tuple[T, ...]]:
    groups: defaultdict[Any, list[T]] = defaultdict(list)
    for item in items:
        groups[key(item)].append(item)
    return {name: tuple(group) for name, group in groups.items()}
