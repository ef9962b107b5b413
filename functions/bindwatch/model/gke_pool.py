"""The workload identity pool of a GKE cluster or fleet: how IAM names it, and who is in it."""

import re
from functools import lru_cache

POOLS_OF_PROJECT = "//iam.googleapis.com/projects/"
"""What the direct spelling of every pool identity starts with, after its prefix; the project number follows."""

_NAMESPACE = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
_ACCOUNT = r"[a-z0-9](?:[a-z0-9.-]{0,251}[a-z0-9])?"
# PROJECT.svc.id.goog, example.com:PROJECT.svc.id.goog, and PROJECT.UNIVERSE.svc.id.goog of sovereign clouds (that form
# is not verified); fleets of the first generation had PROJECT.hub.id.goog.
_POOL = (
    r"(?:([a-z0-9][a-z0-9.-]*):)?([a-z](?:[a-z0-9-]*[a-z0-9])?)"
    r"(?:\.(?!(?:svc|iam|hub)\.)([a-z][a-z0-9-]*))?\.(?:svc|hub)\.id\.goog"
)
_GKE_POOL = re.compile(_POOL, re.ASCII)

LEGACY_WORKLOAD = re.compile(rf"((?:[a-z0-9:.-]+)\.(?:svc|hub)\.id\.goog)\[({_NAMESPACE})/({_ACCOUNT})\]", re.ASCII)
"""`POOL[NAMESPACE/ACCOUNT]` as three groups; `project_of_pool` decides whether the pool can exist."""
NUMBERED_POOL = re.compile(r"([0-9]+)\.(?:svc|hub)\.id\.goog.*", re.ASCII | re.DOTALL)
"""The mistake of naming a pool by the project's number."""
WORKLOAD_SUBJECT = re.compile(rf"subject/ns/({_NAMESPACE})/sa/({_ACCOUNT})", re.ASCII)
"""The selector of one Kubernetes service account: namespace and account."""
WORKLOAD_UID = re.compile(r"kubernetes\.serviceaccount\.uid/([^/\s]+)")
"""The selector of one Kubernetes service account that is not replaced by a later one of its name."""
NAMESPACE_SET = re.compile(rf"namespace/({_NAMESPACE})", re.ASCII)
"""The selector of all accounts of the namespace, in every cluster of the pool."""
CLUSTER_SET = re.compile(r"kubernetes\.cluster/https://[^\s/]+/\S+")
"""The selector of all accounts of one cluster."""


def is_gke_pool(pool: str) -> bool:
    """Whether the pool is meant to be one of GKE or a fleet, which the ending tells; it may still be misspelt."""
    return pool.lower().endswith((".svc.id.goog", ".hub.id.goog"))


@lru_cache(maxsize=32768)
def project_of_pool(pool: str) -> str:
    """The id of the project whose pool this is (`example.com:id` for one of a domain), "" when none can have it."""
    parsed = _GKE_POOL.fullmatch(pool)
    if parsed is None:
        return ""
    scope = parsed[1] or parsed[3]
    return f"{scope}:{parsed[2]}" if scope else parsed[2]
