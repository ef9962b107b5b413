"""The builder an inventory is read into: it takes things in any order and settles names and places at the end."""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Any, Final, get_args

from bindwatch.inventory.clusters import Cluster, FleetMembership, NodePool
from bindwatch.inventory.contents import Contents, Marks, PolicyAsset, PolicyRecord
from bindwatch.inventory.coverage import OF_SEVERAL_LISTS, Origin, Part, Problem
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
)
from bindwatch.inventory.identities import (
    ApiKey,
    IdentityPool,
    IdentityPoolProvider,
    Role,
    ServiceAccount,
    ServiceAccountKey,
)
from bindwatch.inventory.names import Names
from bindwatch.inventory.owners import Owners
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
from bindwatch.inventory.view import Inventory
from bindwatch.inventory.workloads import (
    CredentialConfiguration,
    KubernetesEvent,
    KubernetesObject,
    KubernetesServiceAccount,
    Namespace,
    NetworkPolicy,
    Node,
    OtherNetworkPolicy,
    Pod,
    Workload,
)
from bindwatch.model.policy import Binding, Policy
from bindwatch.model.resource import canonical, project_of, project_of_service_account

UNKNOWN_CLUSTER: Final = "//container.googleapis.com/projects/-/locations/-/clusters/-"
"""Where Kubernetes objects go when nothing tells their cluster."""

Entity = (
    Project
    | Folder
    | Organization
    | EnabledService
    | OrgPolicy
    | DenyPolicy
    | PrincipalAccessBoundaryPolicy
    | PolicyBinding
    | LogSink
    | Group
    | ServiceAccount
    | ServiceAccountKey
    | Role
    | IdentityPool
    | IdentityPoolProvider
    | ApiKey
    | Cluster
    | NodePool
    | FleetMembership
    | KubernetesObject
    | Instance
    | Runtime
    | Bucket
    | Dataset
    | Secret
    | CryptoKey
    | Firewall
    | Subnetwork
    | Route
    | Router
)

PART_OF: Final[dict[type, Part]] = {
    Project: Part.PROJECTS,
    Folder: Part.HIERARCHY,
    Organization: Part.HIERARCHY,
    EnabledService: Part.ENABLED_SERVICES,
    OrgPolicy: Part.ORG_POLICIES,
    DenyPolicy: Part.DENY_POLICIES,
    PrincipalAccessBoundaryPolicy: Part.BOUNDARIES,
    PolicyBinding: Part.BOUNDARY_BINDINGS,
    LogSink: Part.LOG_SINKS,
    Group: Part.GROUPS,
    ServiceAccount: Part.SERVICE_ACCOUNTS,
    ServiceAccountKey: Part.KEYS,
    Role: Part.ROLES,
    IdentityPool: Part.IDENTITY_POOLS,
    IdentityPoolProvider: Part.PROVIDERS,
    ApiKey: Part.API_KEYS,
    Cluster: Part.CLUSTERS,
    NodePool: Part.NODE_POOLS,
    FleetMembership: Part.MEMBERSHIPS,
    KubernetesServiceAccount: Part.KUBERNETES_SERVICE_ACCOUNTS,
    Pod: Part.PODS,
    Workload: Part.WORKLOADS,
    Node: Part.NODES,
    Namespace: Part.NAMESPACES,
    NetworkPolicy: Part.NETWORK_POLICIES,
    OtherNetworkPolicy: Part.NETWORK_POLICIES,
    CredentialConfiguration: Part.WORKLOADS,
    KubernetesEvent: Part.KUBERNETES_EVENTS,
    Instance: Part.INSTANCES,
    Runtime: Part.RUNTIMES,
    Bucket: Part.BUCKETS,
    Dataset: Part.DATASETS,
    Secret: Part.SECRETS,
    CryptoKey: Part.CRYPTO_KEYS,
    Firewall: Part.FIREWALLS,
    Subnetwork: Part.SUBNETWORKS,
    Route: Part.ROUTES,
    Router: Part.ROUTERS,
}

_KEYS: Final[dict[type, Callable[[Any], object]]] = {
    EnabledService: lambda item: (item.project, item.service),
    OrgPolicy: lambda item: (item.resource, item.constraint, item.dry_run),
    Group: lambda item: item.email,
    KubernetesServiceAccount: lambda item: (item.cluster, item.namespace, item.name),
    Pod: lambda item: (item.cluster, item.namespace, item.name),
    Workload: lambda item: (item.cluster, item.namespace, item.kind, item.name),
    Node: lambda item: (item.cluster, item.name),
    Namespace: lambda item: (item.cluster, item.name),
    NetworkPolicy: lambda item: (item.cluster, item.namespace, item.name),
    OtherNetworkPolicy: lambda item: (item.cluster, item.namespace, item.kind, item.name),
    CredentialConfiguration: lambda item: (item.cluster, item.namespace, item.name),
    KubernetesEvent: lambda item: (item.cluster, item.namespace, item.involved, item.reason, item.message),
}


def _name(entity: Any) -> object:
    return entity.name


def key_of(entity: Entity) -> object:
    """What two entities of one kind have in common if they are the same thing."""
    return _KEYS.get(type(entity), _name)(entity)


@dataclass(slots=True)
class _Taken:
    entity: Any
    origin: Origin
    partial: bool


class InventoryBuilder:
    """Collects what was read, in any order and from any mix of sources, until `build` makes the inventory of it.

    Nothing given to it raises: what is wrong becomes a `Problem`, what it does not read is counted by kind. `build`
    may be called again after more was added.
    """

    def __init__(self) -> None:
        self.names = Names()
        self.problems: list[Problem] = []
        self.skipped: Counter[tuple[str, str]] = Counter()
        self._taken: defaultdict[type, list[_Taken]] = defaultdict(list)
        self._policies: dict[str, PolicyRecord] = {}
        self._texts: dict[str, str] = {}
        self._bare: list[tuple[Policy, Origin]] = []
        self._chains: set[tuple[str, ...]] = set()
        self._policy_chains: dict[tuple[str, ...], str] = {}
        self._homes: dict[str, str] = {}
        self._seen: set[tuple[Part, str]] = set()
        self._seen_below: set[tuple[Part, str]] = set()
        self._exported: defaultdict[str, set[str]] = defaultdict(set)
        self._exported_parts: defaultdict[str, set[Part]] = defaultdict(set)
        self._failed: dict[tuple[Part, str], str] = {}
        self._notes: dict[str, None] = {}
        self._kubernetes: set[tuple[Part, str, str, str]] = set()
        self._expected: list[str] = []

    def add(self, entity: Entity, origin: Origin, *, partial: bool = False) -> None:
        """Take one thing in. Of two with one name the later counts, but a `partial` one never displaces a full one.

        An object of a cluster whose `cluster` is '' is placed at the end: see `build`.
        """
        self._taken[type(entity)].append(_Taken(entity, origin, partial))
        match entity:
            case Project() if entity.number and entity.id != entity.number:
                self.names.project_ids[entity.number] = entity.id
            case ServiceAccount():
                if entity.unique_id:
                    self.names.emails[entity.unique_id] = entity.email
                told = project_of_service_account(entity.email)
                if told.isdigit() and entity.project and not entity.project.isdigit():
                    self.learn_project(told, entity.project)
            case ServiceAccountKey():
                # `123-compute@developer…` names its project by number, and the name of its key by id.
                self.learn_project(project_of_service_account(entity.service_account), project_of(entity.name))

    def add_policy(
        self,
        resource: str,
        policy: Policy,
        *,
        asset_type: str = "",
        update_time: str = "",
        partial: bool = False,
    ) -> None:
        """Take in the allow policy of a resource. A `partial` one (a search result) holds only some of the bindings.

        Of two full policies the newer counts. Where nothing tells which is newer both are kept as one, because a
        binding that is lost is worse than one that is shown twice.
        """
        record = PolicyRecord(self._shared(policy), asset_type, update_time, partial)
        have = self._policies.get(resource)
        self._policies[resource] = record if have is None else self._newer(resource, have, record)

    def _shared(self, policy: Policy) -> Policy:
        """The policy with one string object for each role and member, as a few people are members a million times."""
        one = self._texts.setdefault
        bindings = [
            Binding(
                one(role := binding.role, role), tuple(map(one, binding.members, binding.members)), binding.condition
            )
            for binding in policy.bindings
        ]
        return Policy(tuple(bindings), policy.audit_configs, policy.etag, policy.version)

    def _newer(self, resource: str, have: PolicyRecord, record: PolicyRecord) -> PolicyRecord:
        if have.policy == record.policy:
            return have if record.partial else record
        if have.partial != record.partial:
            return record if have.partial else have
        if have.update_time and record.update_time and have.update_time != record.update_time:
            return max(have, record, key=lambda item: item.update_time)
        if not record.partial:
            self.note(f"{resource} has two different policies in the input; both were read")
        bindings = dict.fromkeys((*have.policy.bindings, *record.policy.bindings))
        audits = dict.fromkeys((*have.policy.audit_configs, *record.policy.audit_configs))
        both = Policy(tuple(bindings), tuple(audits), record.policy.etag, record.policy.version)
        return PolicyRecord(both, record.asset_type or have.asset_type, record.update_time, record.partial)

    def add_policy_assets(self, assets: Iterable[PolicyAsset]) -> None:
        """Take in many policies of an export, as `add_policy` and `add_ancestors` would one by one, at less cost."""
        policies, chains, homes, project_ids = self._policies, self._policy_chains, self._homes, self.names.project_ids
        one = self._texts.setdefault
        for asset in assets:
            name, chain = asset.name, asset.ancestors
            home = chains.get(chain)
            if home is None:
                home = chains[chain] = project_of(chain[0]) if chain else ""
            if not home:
                self._exported["iam-policy"].add(project_of(name))
            elif "/projects/" not in name:
                homes[name] = home
            elif home not in project_ids:
                self.learn_project(home, project_of(name))
            record = PolicyRecord(self._shared(asset.policy), one(kind := asset.asset_type, kind), asset.update_time)
            have = policies.setdefault(name, record)
            if have is not record:
                policies[name] = self._newer(name, have, record)
        if chains:
            self._exported_parts["iam-policy"].add(Part.POLICIES)

    def add_bare_policy(self, policy: Policy, origin: Origin) -> None:
        """Take in a policy that does not say whose it is; `build` finds its place, or gives it a name of its own."""
        self._bare.append((policy, origin))

    def expect(self, resource: str) -> None:
        """Note a resource that is looked into (a full name): a bare policy whose file names it is its policy."""
        self._expected.append(resource)

    def add_ancestors(self, name: str, chain: tuple[str, ...]) -> None:
        """Note where a resource lies: `chain` as an export writes it (`projects/1`, `folders/2`, `organizations/3`).

        What the chain alone tells is kept once; the name only where it does not name its project itself.
        """
        self._chains.add(chain)
        head = chain[0] if chain else ""
        if not head.startswith("projects/"):
            return
        project = head[9:]
        if "/projects/" not in name:
            self._homes[name] = project
        elif project not in self.names.project_ids:
            self.learn_project(project, project_of(name))

    def set_home(self, name: str, project: str) -> None:
        """Note the project (id or number) of a resource whose name does not tell it."""
        if project:
            self._homes[name] = project

    def learn_project(self, number: str, project: str) -> None:
        """Note that a project number and a project id are the same project. A Project itself knows better."""
        if number.isdigit() and project and not project.isdigit() and project != "-":
            self.names.project_ids.setdefault(number, project)

    def saw(self, part: Part, scope: str = "", *, below: bool = False) -> None:
        """Note that the input holds all there is of a part in a scope: an absence from it is an absence.

        For parts that each resource has for itself (policies, deny and organization policies, sinks, roles) that is the
        scope alone, unless `below` says that everything under it was read as well.
        """
        self._seen.add((part, scope))
        if below:
            self._seen_below.add((part, scope))

    def saw_exported(self, content: str, part: Part | None, project: str) -> None:
        """Note an asset of an export. An export holds all assets of its types, in all projects it has anything of."""
        self._exported[content].add(project)
        if part is not None:
            self._exported_parts[content].add(part)

    def saw_kubernetes(self, part: Part, cluster: str, namespace: str, origin: Origin) -> None:
        """Note an object out of a list of a cluster ('' where nothing tells it yet): its namespace was listed.

        A list of all namespaces always has something in `kube-system`, so that one stands for the whole cluster, and so
        does no namespace at all.
        """
        self._kubernetes.add((part, cluster, namespace, origin.file))

    def could_not_read(self, part: Part, scope: str, reason: str) -> None:
        """Note that a part of a scope was asked for and not given, and why."""
        self._failed[part, scope] = reason

    def problem(self, origin: Origin, field: str, problem: str) -> None:
        """Note an item that is not what it claims to be."""
        self.problems.append(Problem(origin.file, origin.line, field, problem))

    def skip(self, kind: str, reason: str) -> None:
        """Count an item of a kind nothing here reads."""
        self.skipped[kind, reason] += 1

    def note(self, text: str) -> None:
        """Note something a reader of the results should know of the input. The same text is kept once."""
        self._notes.setdefault(text)

    def build(self) -> Inventory:
        """The inventory of what was taken in so far.

        Kubernetes objects without a cluster go to the one cluster of their directory, else to the one their path
        names, else to the only cluster there is, else to `UNKNOWN_CLUSTER`. Bare policies go likewise, by what their
        file names and which roles they grant: to a service account, the project, a bucket.
        """
        self._chains.update(chain for chain in self._policy_chains if chain)
        self._exported["iam-policy"].update(home for home in self._policy_chains.values() if home)
        self._texts = {}
        entities = self._settled()
        policies, notes = self._placed_policies(entities)
        seen = {(part, self._scope(scope)) for part, scope in self._seen} | self._kubernetes_scopes()
        failed = {(part, self._scope(scope)): reason for (part, scope), reason in self._failed.items()}
        return Inventory(
            Contents(
                entities={kind: tuple(taken.entity for taken in items.values()) for kind, items in entities.items()},
                origins={id(taken.entity): taken.origin for items in entities.values() for taken in items.values()},
                policies=policies,
                chains=tuple(tuple(self.names.resource(item) for item in chain) for chain in self._chains),
                homes={self.names.resource(name): self.names.project(home) for name, home in self._homes.items()},
                names=Names(dict(self.names.project_ids), dict(self.names.emails)),
            ),
            Marks(
                seen=frozenset(seen - _seen_in_part(seen, failed)),
                seen_below=frozenset((part, self._scope(scope)) for part, scope in self._seen_below),
                failed=failed | _without_their_core(entities),
                exported={
                    content: frozenset(self.names.project(project) for project in projects)
                    for content, projects in self._exported.items()
                },
                exported_parts={content: frozenset(parts) for content, parts in self._exported_parts.items()},
                present=frozenset(
                    (
                        *(PART_OF[kind] for kind, items in entities.items() if items and kind in PART_OF),
                        *((Part.POLICIES,) if policies or _has_access_lists(entities) else ()),
                    )
                ),
            ),
            problems=tuple(self.problems),
            skipped=dict(self.skipped),
            notes=(*self._notes, *notes),
        )

    def _scope(self, scope: str) -> str:
        return self.names.resource(scope) if scope else ""

    def _kubernetes_scopes(self) -> frozenset[tuple[Part, str]]:
        scopes = set()
        owners = self._owners(Cluster, FleetMembership)
        for part, cluster, namespace, file in self._kubernetes:
            name = self._scope(cluster) or owners.cluster(Origin(file)) or UNKNOWN_CLUSTER
            whole = namespace == "kube-system" or part in (Part.NODES, Part.NAMESPACES) or not namespace
            scopes.add((part, name if whole else f"{name}/k8s/namespaces/{namespace}"))
        return frozenset(scopes)

    def _settled(self) -> dict[type, dict[object, _Taken]]:
        result: dict[type, dict[object, _Taken]] = {}
        owners = self._owners(Cluster, FleetMembership, Project)
        clusters: dict[str, str] = {}
        for kind, items in self._taken.items():
            key_of = _KEYS.get(kind, _name)
            kept: dict[object, _Taken] = {}
            for taken in items:
                entity = taken.entity
                if getattr(entity, "cluster", None) == "" and kind in _IN_CLUSTER:
                    file = taken.origin.file
                    cluster = clusters.get(file) or owners.cluster(taken.origin) or UNKNOWN_CLUSTER
                    clusters[file] = cluster
                    if cluster == UNKNOWN_CLUSTER:
                        self.note(f"{taken.origin.file}: nothing says which cluster its objects belong to")
                    entity = _put_into(entity, cluster)
                elif isinstance(entity, OrgPolicy) and not entity.resource:
                    entity = replace(entity, resource=owners.project(taken.origin))
                elif isinstance(entity, LogSink) and not entity.parent:
                    entity = replace(entity, parent=owners.project(taken.origin))
                entity = self.names.settle(entity)
                key = key_of(entity)
                have = kept.get(key)
                if have is None or have.partial or not taken.partial:
                    kept[key] = _Taken(entity, taken.origin, taken.partial)
            result[kind] = kept
        return result

    def _owners(self, *kinds: type) -> Owners:
        settled = {
            kind: [(self.names.settle(taken.entity), taken.origin) for taken in self._taken.get(kind, ())]
            for kind in kinds
        }
        return Owners(settled, self.names.project_ids)

    def _placed_policies(self, entities: dict[type, dict[object, _Taken]]) -> tuple[dict[str, PolicyRecord], list[str]]:
        result: dict[str, PolicyRecord] = {}
        resource = self.names.resource
        for written, record in self._policies.items():
            name = resource(written)
            have = result.get(name)
            result[name] = record if have is None else self._newer(name, have, record)
        notes: list[str] = []
        if not self._bare:
            return result, notes
        everything = {
            kind: [(taken.entity, taken.origin) for taken in items.values()] for kind, items in entities.items()
        }
        owners = Owners(everything, self.names.project_ids, self._expected)
        for policy, origin in self._bare:
            name = owners.of_policy(policy, origin)
            if not name:
                if not policy.bindings and not policy.audit_configs:
                    continue
                name = f"//unknown/{origin}"
                notes.append(f"{origin}: a policy that does not say whose it is")
            have = result.get(name)
            result[name] = self._newer(name, have, PolicyRecord(policy)) if have is not None else PolicyRecord(policy)
        return result, notes


def _has_access_lists(entities: dict[type, dict[object, _Taken]]) -> bool:
    """Whether some dataset came with its access list, which is the policy of a dataset that has no other."""
    datasets = (taken.entity for taken in entities.get(Dataset, {}).values())
    return any(isinstance(dataset, Dataset) and dataset.access for dataset in datasets)


def _seen_in_part(seen: Iterable[tuple[Part, str]], failed: Iterable[tuple[Part, str]]) -> set[tuple[Part, str]]:
    """What of several lists was seen in some and refused in another."""
    refused = [(part, scope) for part, scope in failed if part in OF_SEVERAL_LISTS]
    return {
        (part, scope)
        for part, scope in seen
        for lost, at in refused
        if part is lost and f"{scope}/".startswith(f"{at}/")
    }


def _without_their_core(entities: dict[type, dict[object, _Taken]]) -> dict[tuple[Part, str], str]:
    """The scopes where a list named things and left out what they are about, and nothing else told it."""
    failed = {}
    for taken in entities.get(DenyPolicy, {}).values():
        if not taken.entity.rules:
            reason = "a list of deny policies leaves their rules out: get each of them"
            failed[Part.DENY_POLICIES, taken.entity.attachment_point] = reason
    for taken in entities.get(Role, {}).values():
        owner = taken.entity.role.partition("/roles/")[0]
        if taken.entity.is_custom and not taken.entity.lists_permissions:
            failed[Part.ROLES, canonical(owner)] = (
                "a basic list of roles leaves their permissions out: list the full view"
            )
    return failed


def _put_into(entity: Any, cluster: str) -> Any:
    if isinstance(entity, NodePool):
        return replace(entity, cluster=cluster, name=f"{cluster}{entity.name}", project=project_of(cluster))
    return replace(entity, cluster=cluster)


_IN_CLUSTER: Final = frozenset({NodePool, *get_args(KubernetesObject)})
