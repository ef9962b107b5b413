"""The kinds of things an inventory reads: their asset types, how their JSON is recognised, what parses them."""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from bindwatch.inventory.builder import Entity
from bindwatch.inventory.coverage import Part
from bindwatch.inventory.parsers import clusters, hierarchy, identities, resources
from bindwatch.inventory.parsers.place import Place
from bindwatch.model.document import Document

Parse = Callable[[Document, Place], Iterator[Entity]]


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind: the part of the inventory it fills, its parser, its asset types, the key of its REST list."""

    part: Part
    parse: Parse
    asset_types: tuple[str, ...] = ()
    list_keys: tuple[str, ...] = ()


_RM: Final = "cloudresourcemanager.googleapis.com"

PROJECT: Final = Kind(Part.PROJECTS, hierarchy.project, (f"{_RM}/Project",), ("projects",))
FOLDER: Final = Kind(Part.HIERARCHY, hierarchy.folder, (f"{_RM}/Folder",), ("folders",))
ORGANIZATION: Final = Kind(Part.HIERARCHY, hierarchy.organization, (f"{_RM}/Organization",), ("organizations",))
SERVICE: Final = Kind(Part.ENABLED_SERVICES, hierarchy.service, ("serviceusage.googleapis.com/Service",), ("services",))
ORG_POLICY: Final = Kind(Part.ORG_POLICIES, hierarchy.org_policy, ("orgpolicy.googleapis.com/Policy",), ("policies",))
DENY_POLICY: Final = Kind(
    Part.DENY_POLICIES, hierarchy.deny_policy, ("iam.googleapis.com/DenyPolicy", "iam.googleapis.com/Policy")
)
BOUNDARY: Final = Kind(
    Part.BOUNDARIES,
    hierarchy.boundary,
    ("iam.googleapis.com/PrincipalAccessBoundaryPolicy",),
    ("principalAccessBoundaryPolicies",),
)
POLICY_BINDING: Final = Kind(
    Part.BOUNDARY_BINDINGS, hierarchy.policy_binding, ("iam.googleapis.com/PolicyBinding",), ("policyBindings",)
)
LOG_SINK: Final = Kind(Part.LOG_SINKS, hierarchy.log_sink, ("logging.googleapis.com/LogSink",), ("sinks",))
GROUP: Final = Kind(Part.GROUPS, hierarchy.group, (), ("groups",))
SERVICE_ACCOUNT: Final = Kind(
    Part.SERVICE_ACCOUNTS, identities.service_account, ("iam.googleapis.com/ServiceAccount",), ("accounts",)
)
KEY: Final = Kind(Part.KEYS, identities.service_account_key, ("iam.googleapis.com/ServiceAccountKey",), ("keys",))
ROLE: Final = Kind(Part.ROLES, identities.role, ("iam.googleapis.com/Role",), ("roles",))
IDENTITY_POOL: Final = Kind(
    Part.IDENTITY_POOLS,
    identities.identity_pool,
    ("iam.googleapis.com/WorkloadIdentityPool", "iam.googleapis.com/WorkforcePool"),
    ("workloadIdentityPools", "workforcePools"),
)
PROVIDER: Final = Kind(
    Part.PROVIDERS,
    identities.identity_pool_provider,
    ("iam.googleapis.com/WorkloadIdentityPoolProvider", "iam.googleapis.com/WorkforcePoolProvider"),
    ("workloadIdentityPoolProviders", "workforcePoolProviders"),
)
API_KEY: Final = Kind(Part.API_KEYS, identities.api_key, ("apikeys.googleapis.com/Key",))
CLUSTER: Final = Kind(Part.CLUSTERS, clusters.cluster, ("container.googleapis.com/Cluster",), ("clusters",))
NODE_POOL: Final = Kind(Part.NODE_POOLS, clusters.node_pool, ("container.googleapis.com/NodePool",), ("nodePools",))
MEMBERSHIP: Final = Kind(Part.MEMBERSHIPS, clusters.membership, ("gkehub.googleapis.com/Membership",))
INSTANCE: Final = Kind(Part.INSTANCES, resources.instance, ("compute.googleapis.com/Instance",), ("instances",))
RUNTIME: Final = Kind(
    Part.RUNTIMES,
    resources.runtime,
    (
        "run.googleapis.com/Service",
        "run.googleapis.com/Job",
        "run.googleapis.com/WorkerPool",
        "cloudfunctions.googleapis.com/Function",
        "cloudfunctions.googleapis.com/CloudFunction",
        "cloudbuild.googleapis.com/BuildTrigger",
        "dataproc.googleapis.com/Cluster",
        "composer.googleapis.com/Environment",
        "notebooks.googleapis.com/Instance",
    ),
    ("functions", "jobs", "triggers", "workerPools"),
)
BUCKET: Final = Kind(Part.BUCKETS, resources.bucket, ("storage.googleapis.com/Bucket",), ("buckets",))
DATASET: Final = Kind(Part.DATASETS, resources.dataset, ("bigquery.googleapis.com/Dataset",), ("datasets",))
SECRET: Final = Kind(Part.SECRETS, resources.secret, ("secretmanager.googleapis.com/Secret",), ("secrets",))
CRYPTO_KEY: Final = Kind(
    Part.CRYPTO_KEYS, resources.crypto_key, ("cloudkms.googleapis.com/CryptoKey",), ("cryptoKeys",)
)
FIREWALL: Final = Kind(Part.FIREWALLS, resources.firewall, ("compute.googleapis.com/Firewall",), ("firewalls",))
SUBNETWORK: Final = Kind(
    Part.SUBNETWORKS, resources.subnetwork, ("compute.googleapis.com/Subnetwork",), ("subnetworks",)
)
ROUTE: Final = Kind(Part.ROUTES, resources.route, ("compute.googleapis.com/Route",), ("routes",))
ROUTER: Final = Kind(Part.ROUTERS, resources.router, ("compute.googleapis.com/Router",), ("routers",))

KINDS: Final[tuple[Kind, ...]] = (
    PROJECT,
    FOLDER,
    ORGANIZATION,
    SERVICE,
    ORG_POLICY,
    DENY_POLICY,
    BOUNDARY,
    POLICY_BINDING,
    LOG_SINK,
    GROUP,
    SERVICE_ACCOUNT,
    KEY,
    ROLE,
    IDENTITY_POOL,
    PROVIDER,
    API_KEY,
    CLUSTER,
    NODE_POOL,
    MEMBERSHIP,
    INSTANCE,
    RUNTIME,
    BUCKET,
    DATASET,
    SECRET,
    CRYPTO_KEY,
    FIREWALL,
    SUBNETWORK,
    ROUTE,
    ROUTER,
)

BY_ASSET_TYPE: Final[Mapping[str, Kind]] = MappingProxyType({name: kind for kind in KINDS for name in kind.asset_types})
BY_LIST_KEY: Final[Mapping[str, Kind]] = MappingProxyType({key: kind for kind in KINDS for key in kind.list_keys})
BY_PART: Final[Mapping[Part, Kind]] = MappingProxyType(
    {kind.part: kind for kind in KINDS if kind.part is not Part.HIERARCHY and kind is not GROUP}
)

# Keys whose lists may hold one thing or another: their items must say themselves what they are.
LIST_KEYS: Final = frozenset({*BY_LIST_KEY, "assets", "results", "resources", "memberships", "items", "policyResults"})
_AMBIGUOUS: Final = frozenset({"keys", "services", "policies", "jobs", "projects", "groups", "instances", "functions"})

# What the relative name of an item says of its kind; the first that matches counts.
_BY_NAME: Final[tuple[tuple[re.Pattern[str], Kind], ...]] = tuple(
    (re.compile(pattern), kind)
    for pattern, kind in (
        (r"projects/[^/]+/serviceAccounts/[^/]+/keys/[^/]+$", KEY),
        (r"projects/[^/]+/serviceAccounts/[^/]+$", SERVICE_ACCOUNT),
        (r"policies/[^/]+/denypolicies/[^/]+$", DENY_POLICY),
        (r".+/principalAccessBoundaryPolicies/[^/]+$", BOUNDARY),
        (r".+/policyBindings/[^/]+$", POLICY_BINDING),
        (r"(?:projects|folders|organizations)/[^/]+/policies/[^/]+$", ORG_POLICY),
        (r".+/work(?:loadIdentity|force)Pools/[^/]+/providers/[^/]+$", PROVIDER),
        (r".+/work(?:loadIdentity|force)Pools/[^/]+$", IDENTITY_POOL),
        (r"(?:(?:projects|organizations)/[^/]+/)?roles/[^/]+$", ROLE),
        (r"projects/[^/]+/locations/[^/]+/memberships/[^/]+$", MEMBERSHIP),
        (r"projects/[^/]+/(?:zones|locations)/[^/]+/clusters/[^/]+/nodePools/[^/]+$", NODE_POOL),
        (r"projects/[^/]+/(?:zones|locations)/[^/]+/clusters/[^/]+$", CLUSTER),
        (r"folders/\d+$", FOLDER),
        (r"organizations/\d+$", ORGANIZATION),
        (r"projects/[^/]+/services/[^/]+$", SERVICE),
        (r"projects/[^/]+/locations/global/keys/[^/]+$", API_KEY),
        (r"projects/[^/]+/(?:locations/[^/]+/)?secrets/[^/]+$", SECRET),
        (r"projects/[^/]+/locations/[^/]+/keyRings/[^/]+/cryptoKeys/[^/]+$", CRYPTO_KEY),
        (r"projects/[^/]+/zones/[^/]+/instances/[^/]+$", INSTANCE),
        (r"projects/[^/]+/global/firewalls/[^/]+$", FIREWALL),
        (r"projects/[^/]+/regions/[^/]+/subnetworks/[^/]+$", SUBNETWORK),
        (r"projects/[^/]+/global/routes/[^/]+$", ROUTE),
        (r"projects/[^/]+/regions/[^/]+/routers/[^/]+$", ROUTER),
        (r"projects/[^/]+/locations/[^/]+/(?:services|jobs|functions|triggers|workerPools)/[^/]+$", RUNTIME),
        (r"projects/[^/]+/locations/[^/]+/environments/[^/]+$", RUNTIME),
    )
)

# The `kind` that the older APIs write into every object.
_BY_API_KIND: Final[Mapping[str, Kind]] = MappingProxyType(
    {
        "compute#instance": INSTANCE,
        "compute#firewall": FIREWALL,
        "compute#subnetwork": SUBNETWORK,
        "compute#route": ROUTE,
        "compute#router": ROUTER,
        "storage#bucket": BUCKET,
        "bigquery#dataset": DATASET,
    }
)
_API_URL = re.compile(r"https://[a-z0-9.-]+/(?:[a-z]+/)?v\d[a-z0-9]*/")


def kind_of(doc: Document, list_key: str = "") -> Kind | None:
    """What an item of a list, or a lone object, is: by its own name and fields, else by the key of its list."""
    if kind := _BY_API_KIND.get(doc.text("kind")):
        return kind
    name = doc.text("name")
    if name.startswith("//"):
        name = name[2:].partition("/")[2]
    link = doc.text("selfLink")
    for text in (name, _API_URL.sub("", link) if link else ""):
        if "/" not in text:
            continue
        for pattern, kind in _BY_NAME:
            if pattern.match(text):
                return kind
    return _by_fields(doc, name) or (BY_LIST_KEY.get(list_key) if list_key not in _AMBIGUOUS else None)


def _by_fields(doc: Document, name: str) -> Kind | None:
    if doc.text("email") and (doc.has("uniqueId") or doc.has("oauth2ClientId")):
        return SERVICE_ACCOUNT
    if doc.has("datasetReference"):
        return DATASET
    if doc.text("clusterName") and doc.has("config.gceClusterConfig"):
        return RUNTIME
    if "/instances/" in name and (doc.has("gceSetup") or (doc.has("machineType") and doc.has("serviceAccount"))):
        return RUNTIME  # a notebook, of either generation
    if doc.text("projectId") and (
        doc.has("projectNumber") or doc.has("lifecycleState") or name.startswith("projects/")
    ):
        return PROJECT
    if doc.text("constraint"):
        return ORG_POLICY
    if doc.has("currentMasterVersion") or doc.has("masterAuth") or (doc.has("nodePools") and doc.has("location")):
        return CLUSTER
    if doc.has("workloadIdentityConfig") and name:
        return CLUSTER
    if doc.has("config.workloadMetadataConfig") and name:
        return NODE_POOL
    if doc.text("destination") and (doc.has("writerIdentity") or doc.has("filter")):
        return LOG_SINK
    if doc.text("storage_url").startswith("gs://"):
        return BUCKET
    if doc.text("group") and (doc.has("members") or doc.has("memberships")):
        return GROUP
    return None
