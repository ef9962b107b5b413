"""GKE clusters, their node pools, and the fleets they are members of."""

from dataclasses import dataclass

from bindwatch.inventory.hierarchy import Labels
from bindwatch.model.resource import is_zone


@dataclass(frozen=True, slots=True, kw_only=True)
class Cluster:
    """A GKE cluster. `name` is its canonical full name and the reference every object in it carries."""

    name: str
    id: str
    project: str
    location: str
    workload_pool: str = ""
    autopilot: bool = False
    legacy_abac: bool = False
    basic_auth: bool = False
    client_certificate: bool = False
    authenticator_group: str = ""
    datapath: str = ""
    ignores_network_policies: bool = False
    """Whether it says itself that nothing enforces network policies in it."""
    dns_cache: bool | None = None
    network: str = ""
    subnetwork: str = ""
    private_nodes: bool = False
    endpoint: str = ""
    fleet_membership: str = ""
    fleet_project: str = ""
    version: str = ""
    release_channel: str = ""
    status: str = ""
    create_time: str = ""
    labels: Labels = ()
    lists_node_pools: bool = False
    not_collected: tuple[str, ...] = ()
    """What of `logging` and `monitoring` the cluster says it does not send to Google Cloud."""

    @property
    def identity_pool(self) -> str:
        """The pool its workloads authenticate to, '' where Workload Identity is off. On Autopilot it is never off."""
        if self.workload_pool or not self.autopilot:
            return self.workload_pool
        return f"{self.project}.svc.id.goog"

    @property
    def is_zonal(self) -> bool:
        """Whether the control plane lives in one zone, so that tokens cannot be had while it upgrades."""
        return is_zone(self.location)

    @property
    def has_dataplane_v2(self) -> bool:
        """Whether network policies are enforced by Dataplane V2, which sees the metadata server's own address."""
        return self.datapath == "ADVANCED_DATAPATH"

    @property
    def issuer(self) -> str:
        """The issuer of its Kubernetes service account tokens."""
        return (
            f"https://container.googleapis.com/v1/projects/{self.project}/locations/{self.location}/clusters/{self.id}"
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class NodePool:
    """A node pool. `metadata_mode` is GKE_METADATA, GCE_METADATA, SECURE, or '' (unset, which acts as GCE_METADATA).

    `legacy_endpoints_disabled` is None where the input does not say.
    """

    name: str
    id: str
    cluster: str
    project: str
    metadata_mode: str = ""
    service_account: str = ""
    oauth_scopes: tuple[str, ...] = ()
    legacy_endpoints_disabled: bool | None = None
    autoscaled: bool = False
    node_labels: Labels = ()
    tags: tuple[str, ...] = ()
    version: str = ""
    status: str = ""

    @property
    def serves_workload_identity(self) -> bool:
        """Whether its pods get tokens from the GKE metadata server."""
        return self.metadata_mode == "GKE_METADATA"

    @property
    def has_default_service_account(self) -> bool:
        """Whether its nodes run as the Compute Engine default service account."""
        return self.service_account in ("", "default") or self.service_account.endswith(
            "-compute@developer.gserviceaccount.com"
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class FleetMembership:
    """A cluster's membership in a fleet, with the authority that vouches for its workloads ('' where none is set)."""

    name: str
    id: str
    project: str
    cluster: str = ""
    issuer: str = ""
    workload_pool: str = ""
    identity_provider: str = ""
    state: str = ""
