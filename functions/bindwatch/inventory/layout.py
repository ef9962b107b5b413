"""What the caller knows of a document that does not say it itself: the project, cluster or resource it is about.

A policy from `gcloud … get-iam-policy`, a list of pods, an empty list: none says whose it is. A collector therefore
lays its files out so that the path tells (`hint_from_path`):

    projects/PROJECT_ID/project.json               what `gcloud projects describe` prints
    projects/PROJECT_ID/iam-policy.json            get-iam-policy of the project
    projects/PROJECT_ID/service-accounts.json      lists of the project; likewise keys, roles, services, clusters,
                                                   node-pools, org-policies, deny-policies, log-sinks, identity-pools,
                                                   providers, api-keys, memberships, instances, runtimes, buckets,
                                                   datasets, secrets, firewalls, subnetworks, routes, routers
    projects/PROJECT_ID/service-accounts/EMAIL/iam-policy.json | keys.json
    projects/PROJECT_ID/identity-pools/POOL/providers.json
    folders/NUMBER/iam-policy.json, organizations/NUMBER/iam-policy.json, and their roles.json, org-policies.json, …
    clusters/PROJECT_LOCATION_NAME/pods.json       kubectl get pods -A -o json; also serviceaccounts.json, nodes.json,
                                                   namespaces.json, networkpolicies.json, deployments.json, …
    clusters/PROJECT_LOCATION_NAME/namespaces/NAMESPACE/pods.json
                                                   kubectl get pods -n NAMESPACE -o json, and so on
    resources/FULL_NAME_PERCENT_ENCODED/iam-policy.json
    could-not-read.ndjson                          {"could_not_read": PART, "scope": FULL_NAME, "reason": TEXT} a line

What a document says itself always counts more than its path.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final
from urllib.parse import unquote

from bindwatch.inventory.coverage import Part
from bindwatch.model.resource import (
    canonical,
    cluster_name,
    folder_name,
    organization_name,
    project_name,
    service_account_name,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Hint:
    """What is known of a document from outside: full names, '' where unknown; `part` is what the document lists.

    `namespace` is the one a list of a cluster's objects was confined to, `kind` that of its objects, which may leave
    it out.
    """

    project: str = ""
    cluster: str = ""
    namespace: str = ""
    resource: str = ""
    service_account: str = ""
    part: Part | None = None
    kind: str = ""

    @property
    def scope(self) -> str:
        """The full name of what the document is about."""
        if self.cluster:
            return self.cluster
        return self.resource or (project_name(self.project) if self.project else "")


NO_HINT: Final = Hint()

_PARTS: Final[Mapping[str, Part]] = MappingProxyType(
    {
        "service-accounts": Part.SERVICE_ACCOUNTS,
        "keys": Part.KEYS,
        "roles": Part.ROLES,
        "services": Part.ENABLED_SERVICES,
        "clusters": Part.CLUSTERS,
        "node-pools": Part.NODE_POOLS,
        "org-policies": Part.ORG_POLICIES,
        "deny-policies": Part.DENY_POLICIES,
        "boundaries": Part.BOUNDARIES,
        "boundary-bindings": Part.BOUNDARY_BINDINGS,
        "log-sinks": Part.LOG_SINKS,
        "identity-pools": Part.IDENTITY_POOLS,
        "providers": Part.PROVIDERS,
        "api-keys": Part.API_KEYS,
        "memberships": Part.MEMBERSHIPS,
        "instances": Part.INSTANCES,
        "runtimes": Part.RUNTIMES,
        "buckets": Part.BUCKETS,
        "datasets": Part.DATASETS,
        "secrets": Part.SECRETS,
        "firewalls": Part.FIREWALLS,
        "subnetworks": Part.SUBNETWORKS,
        "routes": Part.ROUTES,
        "routers": Part.ROUTERS,
        "iam-policy": Part.POLICIES,
        "serviceaccounts": Part.KUBERNETES_SERVICE_ACCOUNTS,
        "pods": Part.PODS,
        "deployments": Part.WORKLOADS,
        "statefulsets": Part.WORKLOADS,
        "daemonsets": Part.WORKLOADS,
        "jobs": Part.WORKLOADS,
        "cronjobs": Part.WORKLOADS,
        "workloads": Part.WORKLOADS,
        "nodes": Part.NODES,
        "namespaces": Part.NAMESPACES,
        "networkpolicies": Part.NETWORK_POLICIES,
        "events": Part.KUBERNETES_EVENTS,
    }
)

_PATTERN = re.compile(
    r"(?:^|/)(?:"
    r"clusters/(?P<cluster>[^/_]+_[^/_]+_[^/_]+)(?:/namespaces/(?P<namespace>[^/]+))?"
    r"|projects/(?P<project>[^/]+)(?:/service-accounts/(?P<account>[^/]+)|/identity-pools/(?P<pool>[^/]+))?"
    r"|folders/(?P<folder>\d+)"
    r"|organizations/(?P<organization>\d+)"
    r"|resources/(?P<resource>[^/]+)"
    r")/(?P<file>[^/]+?)(?:\.(?:json|ndjson|jsonl|yaml|yml))?(?:\.gz)?$"
)


def hint_from_name(name: str) -> Hint | None:
    """What the name under which a document stands in a bundle tells: its part, or the resource its policy is of.

    `service_accounts` and `serviceAccounts` name a part; a full resource name or an e-mail whose policy it is.
    """
    last = unquote(name.rpartition("/")[2])
    if last.startswith("//"):
        return Hint(resource=canonical(last), part=Part.POLICIES)
    if account := _ENDS_WITH_ACCOUNT.search(last):
        return Hint(resource=service_account_name(account[0]), part=Part.POLICIES)
    words = re.sub(r"(?<=[a-z])(?=[A-Z])", "-", last).replace("_", "-").lower()
    part = _PARTS.get(words) or _BUNDLED.get(words)
    return Hint(part=part, kind=_KINDS.get(words, "")) if part is not None and part is not Part.POLICIES else None


# What a person calls such a document may say the command that printed it: `get-iam-policy cart@shop.iam…`.
_ENDS_WITH_ACCOUNT = re.compile(r"[a-z0-9.-]+@[a-z0-9.-]+\.gserviceaccount\.com$")
_KINDS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "serviceaccounts": "ServiceAccount",
        "ksas": "ServiceAccount",
        "kubernetes-service-accounts": "ServiceAccount",
        "pods": "Pod",
        "deployments": "Deployment",
        "statefulsets": "StatefulSet",
        "daemonsets": "DaemonSet",
        "jobs": "Job",
        "cronjobs": "CronJob",
        "nodes": "Node",
        "namespaces": "Namespace",
        "networkpolicies": "NetworkPolicy",
        "network-policies": "NetworkPolicy",
        "events": "Event",
        "kubernetes-events": "Event",
    }
)


_BUNDLED: Final[Mapping[str, Part]] = MappingProxyType(
    {
        "gsas": Part.SERVICE_ACCOUNTS,
        "google-service-accounts": Part.SERVICE_ACCOUNTS,
        "ksas": Part.KUBERNETES_SERVICE_ACCOUNTS,
        "kubernetes-service-accounts": Part.KUBERNETES_SERVICE_ACCOUNTS,
        "service-account-keys": Part.KEYS,
        "custom-roles": Part.ROLES,
        "enabled-services": Part.ENABLED_SERVICES,
        "enabled-apis": Part.ENABLED_SERVICES,
        "apis": Part.ENABLED_SERVICES,
        "network-policies": Part.NETWORK_POLICIES,
        "organization-policies": Part.ORG_POLICIES,
        "principal-access-boundaries": Part.BOUNDARIES,
        "principal-access-boundary-policies": Part.BOUNDARIES,
        "policy-bindings": Part.BOUNDARY_BINDINGS,
        "pab-policies": Part.BOUNDARIES,
        "pab-bindings": Part.BOUNDARY_BINDINGS,
        "fleet-memberships": Part.MEMBERSHIPS,
        "firewall-rules": Part.FIREWALLS,
        "subnets": Part.SUBNETWORKS,
        "kubernetes-events": Part.KUBERNETES_EVENTS,
    }
)


def hint_from_path(path: str) -> Hint | None:
    """What the place of a file in a collector's layout tells; None where the path is none of it."""
    found = _PATTERN.search(path.replace("\\", "/"))
    if found is None:
        return None
    part = _PARTS.get(found["file"])
    if found["cluster"]:
        project, location, name = found["cluster"].split("_")
        project, namespace = unquote(project), found["namespace"] or ""
        return Hint(project=project, cluster=cluster_name(project, location, name), namespace=namespace, part=part)
    if found["project"]:
        project = unquote(found["project"])
        if found["account"]:
            email = unquote(found["account"])
            name = service_account_name(email, project)
            return Hint(project=project, resource=name, service_account=email, part=part)
        if found["pool"]:
            name = canonical(f"projects/{project}/locations/global/workloadIdentityPools/{found['pool']}")
            return Hint(project=project, resource=name, part=part)
        return Hint(project=project, resource=project_name(project), part=part)
    if found["folder"]:
        return Hint(resource=folder_name(found["folder"]), part=part)
    if found["organization"]:
        return Hint(resource=organization_name(found["organization"]), part=part)
    return Hint(resource=canonical(unquote(found["resource"])), part=part)
