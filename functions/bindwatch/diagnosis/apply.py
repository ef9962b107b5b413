"""Changes applied to an inventory: what it would be after the commands of a fix were run.

The printed command and its effect here derive from one value, so a fix that is tested is the fix that is printed.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Final

from bindwatch.inventory import Inventory, InventoryDraft
from bindwatch.inventory.clusters import Cluster, FleetMembership, NodePool
from bindwatch.inventory.hierarchy import (
    BoundaryRule,
    DenyPolicy,
    DenyRule,
    EnabledService,
    OrgPolicy,
    PrincipalAccessBoundaryPolicy,
)
from bindwatch.inventory.identities import ServiceAccount, ServiceAccountKey
from bindwatch.inventory.resources import Bucket, Firewall, Route, Subnetwork
from bindwatch.inventory.workloads import (
    EgressRule,
    KubernetesServiceAccount,
    NetworkPeer,
    NetworkPolicy,
    Pod,
    PodSpec,
    PortRange,
    Selector,
    TokenProjection,
    Volume,
    Workload,
)
from bindwatch.model import change as changes
from bindwatch.model import cloud_change, workload_change
from bindwatch.model.policy import Binding
from bindwatch.model.resource import cluster_name, project_name, service_account_name


@dataclass(frozen=True, slots=True)
class Applied:
    """The inventory and the clock after some changes; `outside` are the changes that no inventory shows."""

    inventory: Inventory
    as_of: datetime
    outside: tuple[changes.Change, ...] = ()


def apply(inventory: Inventory, fix: Iterable[changes.Change], as_of: datetime) -> Applied:
    """Make the changes in their order. The inventory given stays as it is."""
    draft = _Draft(inventory, as_of)
    outside = []
    for change in fix:
        maker = _MAKERS.get(type(change))
        if maker is None:
            outside.append(change)
        else:
            maker(draft, change)
    return Applied(draft.inventory(), draft.as_of, tuple(outside))


class _Draft(InventoryDraft):
    """An inventory that is being changed, and the clock, which some changes move."""

    def __init__(self, inventory: Inventory, as_of: datetime) -> None:
        super().__init__(inventory)
        self.as_of = as_of


# ---- service accounts ----------------------------------------------------------------------------


def _enable_account(draft: _Draft, change: changes.SetServiceAccountEnabled) -> None:
    if not draft.update(
        ServiceAccount, lambda item: item.email == change.email, lambda item: replace(item, disabled=not change.enabled)
    ):
        draft.put(_account(change.email, change.project, disabled=not change.enabled))


def _account(email: str, project: str, unique_id: str = "", *, disabled: bool = False) -> ServiceAccount:
    name = service_account_name(email, project)
    home = project or name.split("/")[4]
    return ServiceAccount(name=name, email=email, project=home, unique_id=unique_id, disabled=disabled)


def _create_account(draft: _Draft, change: changes.CreateServiceAccount) -> None:
    account = _account(change.email, change.project)
    draft.put(account)
    draft.set_policy(account.name, draft.policy(account.name))


def _delete_account(draft: _Draft, change: changes.DeleteServiceAccount) -> None:
    gone = [item for item in draft.all(ServiceAccount) if item.email == change.email]
    draft.remove(ServiceAccount, lambda item: item.email == change.email)
    uid = change.unique_id or (gone[0].unique_id if gone else "")
    _rename_member(draft, f"serviceAccount:{change.email}", f"deleted:serviceAccount:{change.email}?uid={uid}")


def _restore_account(draft: _Draft, change: changes.UndeleteServiceAccount) -> None:
    email = change.email
    if not email:
        return
    draft.remove(ServiceAccount, lambda item: item.email == email)
    draft.put(_account(email, change.project, change.unique_id))
    _rename_member(draft, f"deleted:serviceAccount:{email}?uid={change.unique_id}", f"serviceAccount:{email}")


def _rename_member(draft: _Draft, before: str, after: str) -> None:
    for resource in draft.every_policy():
        bindings = draft.policy(resource).bindings
        if any(before in binding.members for binding in bindings):
            draft.set_bindings(
                resource,
                [
                    Binding(
                        binding.role,
                        tuple(after if member == before else member for member in binding.members),
                        binding.condition,
                    )
                    for binding in bindings
                ],
            )


def _delete_key(draft: _Draft, change: changes.DeleteServiceAccountKey) -> None:
    draft.remove(ServiceAccountKey, lambda item: item.key_id == change.key_id)


def _enable_key(draft: _Draft, change: changes.SetServiceAccountKeyEnabled) -> None:
    draft.update(
        ServiceAccountKey,
        lambda item: item.key_id == change.key_id,
        lambda item: replace(item, disabled=not change.enabled),
    )


# ---- services, clusters, fleets ------------------------------------------------------------------


def _set_service(draft: _Draft, project: str, service: str, state: str) -> None:
    if not draft.update(
        EnabledService,
        lambda item: item.project == project and item.service == service,
        lambda item: replace(item, state=state),
    ):
        draft.put(EnabledService(project=project, service=service, state=state))


def _set_pool(draft: _Draft, change: changes.SetClusterWorkloadPool) -> None:
    name = cluster_name(change.project, change.location, change.cluster)
    draft.update(Cluster, lambda item: item.name == name, lambda item: replace(item, workload_pool=change.pool))


def _set_metadata(draft: _Draft, change: changes.SetNodePoolMetadata) -> None:
    name = cluster_name(change.project, change.location, change.cluster)
    draft.update(
        NodePool,
        lambda item: item.cluster == name and item.id == change.node_pool,
        lambda item: replace(item, metadata_mode=change.mode),
    )


def _register(draft: _Draft, change: cloud_change.RegisterInFleet) -> None:
    name = cluster_name(change.cluster_project, change.location, change.cluster)
    pool = f"{change.fleet_project}.svc.id.goog"
    issuer = next((item.issuer for item in draft.all(Cluster) if item.name == name), "")
    if not draft.update(
        FleetMembership,
        lambda item: item.id == change.membership or item.cluster == name,
        lambda item: replace(item, workload_pool=pool, issuer=issuer or item.issuer),
    ):
        path = f"projects/{change.fleet_project}/locations/global/memberships/{change.membership}"
        draft.put(
            FleetMembership(
                name=f"//gkehub.googleapis.com/{path}", id=change.membership, project=change.fleet_project,
                cluster=name, issuer=issuer, workload_pool=pool,
            )
        )  # fmt: skip


# ---- Kubernetes ----------------------------------------------------------------------------------


def _cluster_of_context(draft: _Draft, context: str) -> str:
    """The cluster of a kubectl context as gcloud names it; '' where it is the current one."""
    words = context.split("_")
    return cluster_name(words[1], words[2], words[3]) if len(words) == 4 and words[0] == "gke" else ""


def _in_cluster(draft: _Draft, context: str) -> Callable[[Any], bool]:
    name = _cluster_of_context(draft, context)
    return lambda item: not name or item.cluster == name


def _annotate(draft: _Draft, change: changes.AnnotateKubernetesServiceAccount) -> None:
    here = _in_cluster(draft, change.context)

    def with_annotation(item: KubernetesServiceAccount) -> KubernetesServiceAccount:
        kept = tuple(pair for pair in item.annotations if pair[0] != change.annotation)
        return replace(item, annotations=(*kept, (change.annotation, change.value)) if change.value else kept)

    draft.update(
        KubernetesServiceAccount,
        lambda item: here(item) and (item.namespace, item.name) == (change.namespace, change.name),
        with_annotation,
    )


def _create_ksa(draft: _Draft, change: changes.CreateKubernetesServiceAccount) -> None:
    cluster = _cluster_of_context(draft, change.context)
    if not cluster:
        cluster = next(
            (item.cluster for kind in (Workload, Pod, KubernetesServiceAccount) for item in draft.all(kind)
             if item.namespace == change.namespace),
            "",
        )  # fmt: skip
    draft.put(KubernetesServiceAccount(cluster=cluster, namespace=change.namespace, name=change.name))


def _change_spec(draft: _Draft, ref: workload_change.WorkloadRef, how: Callable[[PodSpec], PodSpec]) -> None:
    """Change the template of a workload, and the pods it makes; or one pod that nothing owns."""
    here = _in_cluster(draft, ref.context)
    draft.update(
        Workload,
        lambda item: here(item) and item.namespace == ref.namespace and _is_or_made_by(item, ref),
        lambda item: replace(item, spec=how(item.spec)),
    )
    draft.update(
        Pod,
        lambda item: here(item) and item.namespace == ref.namespace and _is_or_made_by(item, ref),
        lambda item: replace(item, spec=how(item.spec)),
    )


def _is_or_made_by(item: Pod | Workload, ref: workload_change.WorkloadRef) -> bool:
    kind = item.kind if isinstance(item, Workload) else "Pod"
    if kind.lower() == ref.kind.lower():
        return item.name == ref.name
    owner_kind, _, owner = item.owner.partition("/")
    if ref.kind.lower() in ("deployment", "cronjob") and owner_kind in ("ReplicaSet", "Job"):
        return owner == ref.name or owner.rpartition("-")[0] == ref.name
    return owner_kind.lower() == ref.kind.lower() and owner == ref.name


def _set_account(draft: _Draft, change: workload_change.SetPodServiceAccount) -> None:
    _change_spec(draft, change.workload, lambda spec: replace(spec, service_account=change.account))


def _set_host_network(draft: _Draft, change: workload_change.SetHostNetwork) -> None:
    _change_spec(draft, change.workload, lambda spec: replace(spec, host_network=change.enabled))


def _select_nodes(draft: _Draft, change: workload_change.SelectNodes) -> None:
    def selecting(spec: PodSpec) -> PodSpec:
        kept = tuple(pair for pair in spec.node_selector if pair[0] != change.label)
        # The scheduler places the pods anew: where, no inventory tells beforehand.
        return replace(
            spec, node_name="", node_selector=(*kept, (change.label, change.value)) if change.value else kept
        )

    _change_spec(draft, change.workload, selecting)


def _set_variable(draft: _Draft, change: workload_change.SetPodVariable) -> None:
    from bindwatch.inventory.workloads import EnvVar

    def setting(spec: PodSpec) -> PodSpec:
        containers = []
        for container in spec.containers:
            kept = tuple(item for item in container.env if item.name != change.variable)
            if change.value:
                kept += (EnvVar(change.variable, change.value, "value"),)
            containers.append(replace(container, env=kept))
        return replace(spec, containers=tuple(containers))

    _change_spec(draft, change.workload, setting)


def _mount_token(draft: _Draft, change: workload_change.MountFleetToken) -> None:
    volume = Volume(
        name=change.volume,
        kind="projected",
        sources=(("configMap", change.config_map),),
        tokens=(TokenProjection(change.pool, "token", 172800),),
    )

    def mounting(spec: PodSpec) -> PodSpec:
        return replace(spec, volumes=(*(item for item in spec.volumes if item.name != change.volume), volume))

    _change_spec(draft, change.workload, mounting)


def _allow_egress(draft: _Draft, change: workload_change.AllowEgress) -> None:
    cluster = _cluster_of_context(draft, change.context) or next(
        (item.cluster for item in draft.all(NetworkPolicy) if item.namespace == change.namespace), ""
    )
    draft.put(
        NetworkPolicy(
            cluster=cluster,
            namespace=change.namespace,
            name=change.name,
            pods=Selector(labels=change.pod_labels),
            policy_types=("Egress",),
            egress=tuple(
                EgressRule(
                    peers=(NetworkPeer(cidr=port.cidr),) if port.cidr else (),
                    ports=(PortRange(port.protocol, port.port),),
                )
                for port in change.ports
            ),
        )
    )


def _delete_network_policy(draft: _Draft, change: workload_change.DeleteNetworkPolicy) -> None:
    here = _in_cluster(draft, change.context)
    draft.remove(
        NetworkPolicy, lambda item: here(item) and (item.namespace, item.name) == (change.namespace, change.name)
    )


# ---- networks and guards -------------------------------------------------------------------------


def _private_access(draft: _Draft, change: cloud_change.SetPrivateGoogleAccess) -> None:
    draft.update(
        Subnetwork,
        lambda item: (
            item.name.endswith(f"/regions/{change.region}/subnetworks/{change.subnet}")
            and item.project == change.project
        ),
        lambda item: replace(item, private_google_access=change.enabled),
    )


def _uniform_access(draft: _Draft, change: cloud_change.SetUniformAccess) -> None:
    draft.update(
        Bucket,
        lambda item: item.name == f"//storage.googleapis.com/{change.bucket}",
        lambda item: replace(item, uniform_access=change.enabled),
    )


def _network(draft: _Draft, project: str, name: str) -> str:
    return f"//compute.googleapis.com/projects/{project}/global/networks/{name}"


def _allow_firewall(draft: _Draft, change: cloud_change.AllowFirewallEgress) -> None:
    draft.put(
        Firewall(
            name=f"//compute.googleapis.com/projects/{change.project}/global/firewalls/{change.name}",
            project=change.project,
            network=_network(draft, change.project, change.network),
            direction="EGRESS",
            action="allow",
            priority=change.priority,
            protocols=(("tcp", (str(change.port),)),),
            destination_ranges=change.ranges,
            target_tags=change.tags,
        )
    )


def _delete_firewall(draft: _Draft, change: cloud_change.DeleteFirewallRule) -> None:
    draft.remove(
        Firewall, lambda item: item.project == change.project and item.name.endswith(f"/firewalls/{change.name}")
    )


def _add_route(draft: _Draft, change: cloud_change.AddInternetRoute) -> None:
    draft.put(
        Route(
            name=f"//compute.googleapis.com/projects/{change.project}/global/routes/{change.name}",
            project=change.project,
            network=_network(draft, change.project, change.network),
            destination=change.destination,
            next_hop="default-internet-gateway",
        )
    )


def _delete_route(draft: _Draft, change: cloud_change.DeleteRoute) -> None:
    draft.remove(Route, lambda item: item.project == change.project and item.name.endswith(f"/routes/{change.name}"))


def _except(draft: _Draft, change: cloud_change.ExceptFromDenyPolicy) -> None:
    def excepting(rule: DenyRule) -> DenyRule:
        if change.permission not in rule.denied_permissions:
            return rule
        kept = tuple(item for item in rule.exception_principals if item != change.principal)
        return replace(rule, exception_principals=(*kept, change.principal) if change.excepted else kept)

    draft.update(
        DenyPolicy,
        lambda item: item.name == change.policy,
        lambda item: replace(item, rules=tuple(excepting(rule) for rule in item.rules)),
    )


def _extend_boundary(draft: _Draft, change: cloud_change.ExtendBoundary) -> None:
    def extended(item: PrincipalAccessBoundaryPolicy) -> PrincipalAccessBoundaryPolicy:
        rules = tuple(rule for rule in item.rules if rule.resources != (change.resource,))
        if change.eligible:
            rules += (BoundaryRule(resources=(change.resource,)),)
        return replace(item, rules=rules)

    draft.update(PrincipalAccessBoundaryPolicy, lambda item: item.name == change.policy, extended)


def _relax(draft: _Draft, change: cloud_change.RelaxOrgPolicy) -> None:
    resource = project_name(change.project)
    _inherit(draft, cloud_change.InheritOrgPolicy(change.project, change.constraint))
    draft.put(
        OrgPolicy(
            resource=resource,
            constraint=change.constraint.removeprefix("constraints/"),
            enforced=None if change.value else False,
            allowed=(change.value,) if change.value else (),
            inherits=bool(change.value),
        ),
    )


def _inherit(draft: _Draft, change: cloud_change.InheritOrgPolicy) -> None:
    resource, constraint = project_name(change.project), change.constraint.removeprefix("constraints/")
    draft.remove(OrgPolicy, lambda item: (item.resource, item.constraint) == (resource, constraint))


def _wait(draft: _Draft, change: cloud_change.Wait) -> None:
    draft.as_of += timedelta(seconds=change.seconds)


_MAKERS: Final[Mapping[type, Callable[[_Draft, Any], None]]] = {
    changes.AddBinding: lambda draft, change: draft.add_member(
        change.resource, change.role, change.member, change.condition
    ),
    changes.RemoveBinding: lambda draft, change: draft.remove_member(
        change.resource, change.role, change.member, change.condition
    ),
    changes.SetServiceAccountEnabled: _enable_account,
    changes.CreateServiceAccount: _create_account,
    changes.DeleteServiceAccount: _delete_account,
    changes.UndeleteServiceAccount: _restore_account,
    changes.DeleteServiceAccountKey: _delete_key,
    changes.SetServiceAccountKeyEnabled: _enable_key,
    changes.AnnotateKubernetesServiceAccount: _annotate,
    changes.CreateKubernetesServiceAccount: _create_ksa,
    changes.EnableService: lambda draft, change: _set_service(draft, change.project, change.service, "ENABLED"),
    changes.DisableService: lambda draft, change: _set_service(draft, change.project, change.service, "DISABLED"),
    changes.SetClusterWorkloadPool: _set_pool,
    changes.SetNodePoolMetadata: _set_metadata,
    cloud_change.RegisterInFleet: _register,
    cloud_change.SetPrivateGoogleAccess: _private_access,
    cloud_change.SetUniformAccess: _uniform_access,
    cloud_change.AllowFirewallEgress: _allow_firewall,
    cloud_change.DeleteFirewallRule: _delete_firewall,
    cloud_change.AddInternetRoute: _add_route,
    cloud_change.DeleteRoute: _delete_route,
    cloud_change.ExceptFromDenyPolicy: _except,
    cloud_change.ExtendBoundary: _extend_boundary,
    cloud_change.RelaxOrgPolicy: _relax,
    cloud_change.InheritOrgPolicy: _inherit,
    cloud_change.Wait: _wait,
    workload_change.SetPodServiceAccount: _set_account,
    workload_change.SetHostNetwork: _set_host_network,
    workload_change.SelectNodes: _select_nodes,
    workload_change.SetPodVariable: _set_variable,
    workload_change.MountFleetToken: _mount_token,
    workload_change.AllowEgress: _allow_egress,
    workload_change.DeleteNetworkPolicy: _delete_network_policy,
}
