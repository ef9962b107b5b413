"""GKE clusters, node pools and fleet memberships."""

from collections.abc import Iterator

from bindwatch.inventory.clusters import Cluster, FleetMembership, NodePool
from bindwatch.inventory.parsers.place import Place, full_name, last, project_in
from bindwatch.model.document import Document
from bindwatch.model.resource import canonical, cluster_name, project_of

# The names the v1beta1 API had for the same modes.
_METADATA_MODES = {
    "GKE_METADATA_SERVER": "GKE_METADATA",
    "EXPOSE": "GCE_METADATA",
    "EXPOSED": "GCE_METADATA",
    "SECURE": "SECURE",
    "1": "GCE_METADATA",
    "2": "GKE_METADATA",
    "MODE_UNSPECIFIED": "",
    "UNSPECIFIED": "",
}


def cluster(doc: Document, at: Place) -> Iterator[Cluster | NodePool]:
    """A cluster, and the node pools that are listed in it."""
    location = doc.text("location") or doc.text("zone")
    name = full_name(doc, at)
    if not name and location and doc.text("name") and (home := _home(doc, at)):
        name = cluster_name(home, location, doc.text("name"))
    if "/clusters/" not in name:
        return
    project = project_in(name, at)
    network, subnetwork = doc.text("networkConfig.network"), doc.text("networkConfig.subnetwork")
    autopilot = bool(doc.flag("autopilot.enabled"))
    yield Cluster(
        name=name,
        id=last(name),
        project=project,
        location=location or name.split("/")[-3],
        # The beta API called the pool an identity namespace; it switches Workload Identity on all the same.
        workload_pool=doc.text("workloadIdentityConfig.workloadPool")
        or doc.text("workloadIdentityConfig.identityNamespace"),
        autopilot=autopilot,
        legacy_abac=bool(doc.flag("legacyAbac.enabled")),
        basic_auth=bool(doc.text("masterAuth.username")),
        client_certificate=bool(doc.flag("masterAuth.clientCertificateConfig.issueClientCertificate"))
        or bool(doc.text("masterAuth.clientCertificate")),
        authenticator_group=doc.text("authenticatorGroupsConfig.securityGroup")
        if doc.flag("authenticatorGroupsConfig.enabled")
        else "",
        datapath=doc.text("networkConfig.datapathProvider"),
        ignores_network_policies=doc.flag("addonsConfig.networkPolicyConfig.disabled") is True
        and not doc.flag("networkPolicy.enabled")
        and doc.text("networkConfig.datapathProvider") != "ADVANCED_DATAPATH"
        and not autopilot,
        dns_cache=doc.flag("addonsConfig.dnsCacheConfig.enabled"),
        network=canonical(network, service="compute.googleapis.com") if "/" in network else "",
        subnetwork=canonical(subnetwork, service="compute.googleapis.com") if "/" in subnetwork else "",
        private_nodes=bool(doc.flag("privateClusterConfig.enablePrivateNodes"))
        or bool(doc.flag("networkConfig.defaultEnablePrivateNodes")),
        endpoint=doc.text("endpoint"),
        fleet_membership=_membership(doc.text("fleet.membership")),
        fleet_project=doc.text("fleet.project"),
        version=doc.text("currentMasterVersion"),
        release_channel=doc.text("releaseChannel.channel"),
        status=doc.text("status"),
        create_time=doc.text("createTime"),
        labels=tuple(doc.pairs("resourceLabels")),
        lists_node_pools=doc.has("nodePools") or autopilot,
        not_collected=tuple(name for name in ("logging", "monitoring") if doc.text(f"{name}Service") == "none"),
    )
    pools = doc.documents("nodePools")
    for pool in pools:
        yield from node_pool(pool, Place(project=project, cluster=name))
    if not pools and not autopilot and (config := doc.document("nodeConfig")):
        # A cluster that lists no pools shows the settings of its first one as its own.
        yield _node_pool(f"{name}/nodePools/default-pool", project, config, Document())


def _home(doc: Document, at: Place) -> str:
    """The project of a cluster that has no link of its own: as its place, its pool or its network tells."""
    if at.project:
        return at.project
    pool, found, _ = doc.text("workloadIdentityConfig.workloadPool").partition(".svc.id.goog")
    if found:
        return pool
    return project_of(canonical(doc.text("networkConfig.subnetwork"), service="compute.googleapis.com"))


def _membership(text: str) -> str:
    return canonical(f"//{text}" if text.startswith("gkehub.") else text)


def node_pool(doc: Document, at: Place) -> Iterator[NodePool]:
    """A node pool, by itself or out of its cluster."""
    name = full_name(doc, at)
    if "/nodePools/" not in name:
        if not doc.text("name"):
            return
        name = f"{at.cluster}/nodePools/{doc.text('name')}"
    yield _node_pool(name, project_in(name, at), doc.document("config"), doc)


def _node_pool(name: str, project: str, config: Document, doc: Document) -> NodePool:
    mode = config.text("workloadMetadataConfig.mode") or config.text("workloadMetadataConfig.nodeMetadata")
    return NodePool(
        name=name,
        id=last(name),
        cluster=name.partition("/nodePools/")[0],
        project=project,
        metadata_mode=_METADATA_MODES.get(mode, mode),
        service_account=config.text("serviceAccount"),
        oauth_scopes=config.texts("oauthScopes"),
        legacy_endpoints_disabled=_said(dict(config.pairs("metadata")).get("disable-legacy-endpoints", "")),
        autoscaled=bool(doc.flag("autoscaling.enabled")),
        node_labels=tuple(config.pairs("labels")),
        tags=config.texts("tags"),
        version=doc.text("version"),
        status=doc.text("status"),
    )


def _said(text: str) -> bool | None:
    return text.lower() == "true" if text else None


def membership(doc: Document, at: Place) -> Iterator[FleetMembership]:
    """A cluster's membership in a fleet."""
    name = full_name(doc, at, service="gkehub.googleapis.com")
    if "/memberships/" not in name:
        return
    link = doc.text("endpoint.gkeCluster.resourceLink")
    yield FleetMembership(
        name=name,
        id=last(name),
        project=project_in(name, at),
        cluster=canonical(link) if link else "",
        issuer=doc.text("authority.issuer"),
        workload_pool=doc.text("authority.workloadIdentityPool"),
        identity_provider=doc.text("authority.identityProvider"),
        state=doc.text("state.code") or doc.text("state"),
    )
