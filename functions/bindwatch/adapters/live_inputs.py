"""One cluster, live: what a diagnosis needs of it and of the projects around it, and of their logs."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final

import msgspec

from bindwatch.adapters import gke, iam_api, resource_manager, service_usage
from bindwatch.adapters.asset_inventory import AssetReader
from bindwatch.adapters.cloud_logging import Post, entries_filter, read_entries
from bindwatch.adapters.google_apis import GoogleApis, NotReadError
from bindwatch.adapters.kubernetes import KubernetesApi
from bindwatch.diagnosis.case import Inputs
from bindwatch.diagnosis.traces import TraceBuilder
from bindwatch.errors import InputError
from bindwatch.inventory import Inventory, InventoryBuilder
from bindwatch.inventory.clusters import Cluster
from bindwatch.inventory.workloads import KubernetesServiceAccount
from bindwatch.knowledge.roles import RoleCatalogue
from bindwatch.model.log_entry import decode
from bindwatch.model.resource import project_of_service_account

Told = Callable[[str], None]
Connect = Callable[[Cluster, Inventory], KubernetesApi | None]
"""Gives the API of a cluster; None where there is no way to it, which is then said as not read."""

_ENTRIES: Final = 20_000
"""How many entries are read at the most: the newest hours of a busy project hold more than a diagnosis needs."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where the workload runs. `cluster` is an id or a full name; '' where the project has one cluster only."""

    project: str
    cluster: str = ""
    location: str = ""
    namespace: str = ""


@dataclass(slots=True)
class LiveReading:
    """What was read, and everything that could not be."""

    inputs: Inputs
    cluster: Cluster
    kubernetes: KubernetesApi | None
    entries: int = 0
    not_read: list[str] = field(default_factory=list)


def read_live(
    apis: GoogleApis,
    place: Place,
    connect: Connect,
    *,
    now: datetime,
    catalogue: RoleCatalogue,
    post: Post | None = None,
    since: timedelta = timedelta(hours=2),
    told: Told = lambda what: None,
) -> LiveReading:
    """Read a cluster and what is around it. Raises InputError where the project has no such cluster."""
    builder = InventoryBuilder()
    told(f"clusters of {place.project}")
    gke.read_clusters(apis, builder, place.project)
    seen = builder.build()
    cluster = _chosen(seen, place)
    told(f"objects of {cluster.id}")
    kubernetes = connect(cluster, seen)
    if kubernetes is not None:
        kubernetes.read(builder, cluster.name)
    else:
        _no_way(builder, cluster)
    emails = _annotated(builder.build(), place.namespace)
    for project in _projects(cluster, emails):
        told(f"policies and identities of {project}")
        _read_project(apis, builder, project, emails)
    inventory = builder.build()
    traces, count, refused = TraceBuilder(), 0, ""
    if post is not None:
        told("log entries")
        try:
            for entry in _entries(post, inventory, cluster, place, now, since):
                _fold(traces, entry)
                count += 1
                if count >= _ENTRIES:
                    break
        except NotReadError as error:
            refused = f"log entries: {error.reason}"
    inputs = Inputs(inventory=inventory, traces=traces.build(), catalogue=catalogue, as_of=now)
    not_read = [str(item) for item in inventory.failures()] + ([refused] if refused else [])
    return LiveReading(inputs, cluster, kubernetes, count, not_read)


def _chosen(inventory: Inventory, place: Place) -> Cluster:
    every = inventory.all(Cluster)
    found = [
        item
        for item in every
        if (not place.cluster or place.cluster in (item.id, item.name) or item.name.endswith(f"/{place.cluster}"))
        and (not place.location or item.location == place.location)
    ]
    if len(found) == 1:
        return found[0]
    failures = "; ".join(str(item) for item in inventory.failures())
    names = (
        ", ".join(f"{item.id} ({item.location})" for item in (found or every))
        or f"none{f' ({failures})' * bool(failures)}"
    )
    wanted = f"no cluster {place.cluster!r}" if place.cluster and not found else "several clusters, or none"
    raise InputError("--cluster", f"project {place.project} has {wanted}; it shows {names}")


def _no_way(builder: InventoryBuilder, cluster: Cluster) -> None:
    from bindwatch.inventory.coverage import KUBERNETES_PARTS

    for part in sorted(KUBERNETES_PARTS):
        builder.could_not_read(
            part,
            cluster.name,
            "no context of the kubeconfig names the cluster: gcloud container clusters get-credentials",
        )


def _annotated(inventory: Inventory, namespace: str) -> tuple[str, ...]:
    emails = (
        item.google_service_account.lower()
        for item in inventory.all(KubernetesServiceAccount)
        if not namespace or item.namespace == namespace
    )
    return tuple(dict.fromkeys(email for email in emails if "@" in email))


def _projects(cluster: Cluster, emails: tuple[str, ...]) -> tuple[str, ...]:
    """The projects that can matter: of the cluster, of its network and its fleet, of the accounts it acts as."""
    network = (cluster.subnetwork or cluster.network).partition("/projects/")[2].partition("/")[0]
    homes = (project_of_service_account(email) for email in emails)
    return tuple(dict.fromkeys(item for item in (cluster.project, network, cluster.fleet_project, *homes) if item))


def _read_project(apis: GoogleApis, builder: InventoryBuilder, project: str, emails: tuple[str, ...]) -> None:
    scope = f"projects/{project}"
    reader = AssetReader(apis, scope, builder)
    reader.read()
    above = resource_manager.read_ancestors(apis, builder, scope)[1:]
    if reader.was_denied:
        # Asset Inventory may not be asked: the APIs of the project itself perhaps may.
        resource_manager.read_policy(apis, builder, scope)
        service_usage.read_services(apis, builder, project)
        accounts = iam_api.read_service_accounts(apis, builder, project)
        for email in accounts:
            if email in emails:
                iam_api.read_service_account(apis, builder, email, project)
    for container in above:
        resource_manager.read_policy(apis, builder, container)
    for container in (scope, *above):
        iam_api.read_deny_policies(apis, builder, container)
    if above and above[-1].startswith("organizations/"):
        iam_api.read_boundaries(apis, builder, above[-1])


def _entries(
    post: Post, inventory: Inventory, cluster: Cluster, place: Place, now: datetime, since: timedelta
) -> Iterator[dict[str, Any]]:
    projects = sorted({cluster.project, *(item.project for item in _accounts(inventory, place.namespace))})
    namespace = (
        f' AND (resource.labels.namespace_name="{place.namespace}" OR resource.labels.namespace_name="kube-system")'
    )
    here = f'resource.labels.cluster_name="{cluster.id}"{namespace if place.namespace else ""}'
    changes = '"iam.googleapis.com" OR "serviceusage.googleapis.com" OR "cloudresourcemanager.googleapis.com"'
    tokens = '"iamcredentials.googleapis.com" OR "sts.googleapis.com"'
    wanted = (
        f'(log_id("cloudaudit.googleapis.com/activity") AND protoPayload.serviceName=({changes}))'
        f' OR (log_id("cloudaudit.googleapis.com/data_access")'
        f" AND (protoPayload.serviceName=({tokens}) OR severity>=ERROR))"
        ' OR log_id("cloudaudit.googleapis.com/policy")'
        f' OR (resource.type=("k8s_container" OR "k8s_pod") AND severity>=WARNING AND {here})'
    )
    text = entries_filter(_stamp(now - since), _stamp(now), wanted)
    for page in read_entries(post, [f"projects/{project}" for project in projects], text):
        yield from page


def _accounts(inventory: Inventory, namespace: str) -> Iterator[Any]:
    for email in _annotated(inventory, namespace):
        account = inventory.service_account(email)
        if account is not None:
            yield account


def _stamp(time: datetime) -> str:
    return f"{time:%Y-%m-%dT%H:%M:%SZ}"


def _fold(traces: TraceBuilder, entry: Mapping[str, Any]) -> None:
    if "protoPayload" not in entry:
        traces.add_other(entry)
        return
    try:
        traces.add(decode(msgspec.json.encode(entry)))
    except InputError:
        return  # an entry of a form nobody knows says nothing of this workload
